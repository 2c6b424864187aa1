//! Release functions by their names: what the ownership database says that releases a
//! block, looked up in the libraries of the process.
//!
//! What is not here: which function that is (`adopt_from`), and how objects of the
//! process are asked (`system`).

use core::ffi::c_void;
use core::fmt;
use core::ptr;

use freehold_owners::{Platform, compact};

use crate::system::{self, NotFound};

/// The database's part for this system.
pub(crate) const PLATFORM: Platform = match cfg!(windows) {
    true => Platform::Win32,
    false => Platform::C,
};

type Function = unsafe extern "system" fn(*mut c_void);

/// A function that was found, and takes nothing but the value.
#[derive(Clone, Copy)]
pub(crate) struct Named {
    function: Function,
    /// Stands for its name.
    release: u16,
    /// Whether it gives back one reference of perhaps several.
    is_counted: bool,
}

impl Named {
    /// Looks a release up.
    pub(crate) fn find(release: compact::Release, is_counted: bool) -> Result<Named, NotFound> {
        let function = system::find_function(release.name(), release.library())?;
        // SAFETY: the database says that the function of this name takes a pointer and
        // no more; what it gives, if anything, is left where it is.
        let function = unsafe { core::mem::transmute::<*const c_void, Function>(function) };
        Ok(Named {
            function,
            release: release.number(),
            is_counted,
        })
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        let release = compact::Release::from_number(PLATFORM, self.release);
        release.map_or("", compact::Release::name)
    }

    /// Whether both give back references to the same objects.
    pub(crate) fn shares_with(self, other: Named) -> bool {
        let same = ptr::fn_addr_eq(self.function, other.function) && self.name() == other.name();
        same && self.is_counted && other.is_counted
    }

    /// Two words, from which it can be made again.
    pub(crate) fn words(self) -> (*const c_void, usize) {
        let number = usize::from(self.release) | usize::from(self.is_counted) << 16;
        (self.function as *const c_void, number)
    }

    /// # Safety
    /// The words are one's own.
    pub(crate) unsafe fn from_words(function: *const c_void, number: usize) -> Named {
        Named {
            // SAFETY: made of a function of this type.
            function: unsafe { core::mem::transmute::<*const c_void, Function>(function) },
            release: number as u16,
            is_counted: number >> 16 != 0,
        }
    }

    /// Calls it.
    ///
    /// # Safety
    /// `value` is live, is what this function releases, and nobody uses it any more.
    pub(crate) unsafe fn call(self, value: *mut c_void) {
        // SAFETY: promised by the caller.
        unsafe { (self.function)(value) }
    }
}

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Named").field(&self.name()).finish()
    }
}
