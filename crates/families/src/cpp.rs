//! The families of C++ `new` and `new[]`: the operators of the C++ runtime that
//! is loaded in this process, if one is. Those of the program itself are found
//! before those of the library.
//!
//! ```
//! use freehold_families::{Family, FamilyError, cpp};
//! let family = Family::New;
//! match cpp::allocate(family, 40) {
//!     // SAFETY: allocated above by this family, released once.
//!     Ok(block) => unsafe { cpp::release(family, block)? },
//!     // A program without C++ in it.
//!     Err(error) => assert_eq!(error, FamilyError::Absent { family }),
//! }
//! # Ok::<(), FamilyError>(())
//! ```

use core::ffi::{CStr, c_void};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::{Family, FamilyError};

struct Operator {
    name: &'static CStr,
    at: AtomicPtr<c_void>,
}

impl Operator {
    const fn new(name: &'static CStr) -> Operator {
        Operator {
            name,
            at: AtomicPtr::new(core::ptr::null_mut()),
        }
    }

    /// Where it is; looked for until it is found, because the runtime may be
    /// loaded later.
    fn find(&self) -> Option<NonNull<c_void>> {
        // Relaxed: the address of code that is loaded for good.
        let known = self.at.load(Ordering::Relaxed);
        if known.is_null() {
            let found = look(self.name);
            self.at.store(found, Ordering::Relaxed);
            return NonNull::new(found);
        }
        NonNull::new(known)
    }
}

/// A function of the C++ runtime by its name in the object file.
#[cfg(unix)]
fn look(name: &CStr) -> *mut c_void {
    // SAFETY: a C string.
    unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
}

/// The same in the runtimes of GCC and LLVM, when one is loaded. Visual Studio
/// links its operators into each program and library, where nobody finds them.
#[cfg(windows)]
fn look(name: &CStr) -> *mut c_void {
    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn GetModuleHandleA(name: *const core::ffi::c_char) -> *mut c_void;
        fn GetProcAddress(module: *mut c_void, name: *const core::ffi::c_char) -> *mut c_void;
    }
    let none = core::ptr::null_mut();
    [c"libstdc++-6.dll", c"libc++.dll"]
        .into_iter()
        // SAFETY: C strings; a module that is loaded, or null, which has none.
        .map(|library| unsafe {
            match GetModuleHandleA(library.as_ptr()) {
                module if module.is_null() => none,
                module => GetProcAddress(module, name.as_ptr()),
            }
        })
        .find(|found| !found.is_null())
        .unwrap_or(none)
}

// The forms that do not throw, so that no exception has to pass through Rust. The
// letter behind `nw` and `na` is the type that `size_t` is.
#[cfg(all(not(windows), target_pointer_width = "64"))]
static NEW: Operator = Operator::new(c"_ZnwmRKSt9nothrow_t");
#[cfg(all(not(windows), target_pointer_width = "64"))]
static NEW_ARRAY: Operator = Operator::new(c"_ZnamRKSt9nothrow_t");
#[cfg(all(windows, target_pointer_width = "64"))]
static NEW: Operator = Operator::new(c"_ZnwyRKSt9nothrow_t");
#[cfg(all(windows, target_pointer_width = "64"))]
static NEW_ARRAY: Operator = Operator::new(c"_ZnayRKSt9nothrow_t");
#[cfg(target_pointer_width = "32")]
static NEW: Operator = Operator::new(c"_ZnwjRKSt9nothrow_t");
#[cfg(target_pointer_width = "32")]
static NEW_ARRAY: Operator = Operator::new(c"_ZnajRKSt9nothrow_t");
static DELETE: Operator = Operator::new(c"_ZdlPv");
static DELETE_ARRAY: Operator = Operator::new(c"_ZdaPv");

fn operators(family: Family) -> Result<(&'static Operator, &'static Operator), FamilyError> {
    match family {
        Family::New => Ok((&NEW, &DELETE)),
        Family::NewArray => Ok((&NEW_ARRAY, &DELETE_ARRAY)),
        family => Err(FamilyError::Absent { family }),
    }
}

/// Whether the operators of `family`, [`Family::New`] or [`Family::NewArray`],
/// are there.
///
/// ```
/// use freehold_families::{Family, cpp};
/// assert!(!cpp::is_present(Family::Malloc));
/// ```
pub fn is_present(family: Family) -> bool {
    operators(family).is_ok_and(|(new, delete)| new.find().is_some() && delete.find().is_some())
}

/// A block of `size` bytes by `operator new` or `operator new[]`.
///
/// # Errors
/// [`FamilyError::Absent`] when no C++ runtime is loaded or `family` is none of
/// the two, [`FamilyError::OutOfMemory`] when it has no memory.
///
/// ```
/// use freehold_families::{Family, FamilyError, cpp};
/// // The family decides the operator: that of C has none.
/// let family = Family::Malloc;
/// assert_eq!(cpp::allocate(family, 8), Err(FamilyError::Absent { family }));
/// ```
pub fn allocate(family: Family, size: usize) -> Result<NonNull<u8>, FamilyError> {
    let (new, _) = operators(family)?;
    let new = new.find().ok_or(FamilyError::Absent { family })?;
    type New = unsafe extern "C" fn(usize, *const u8) -> *mut u8;
    // SAFETY: the signature of this operator: a size, and a reference to
    // `std::nothrow`, an empty object that is not looked at.
    let block = unsafe {
        let new: New = core::mem::transmute(new.as_ptr());
        new(size, &0)
    };
    NonNull::new(block).ok_or(FamilyError::OutOfMemory {
        family,
        bytes: size,
    })
}

/// Releases a block by `operator delete` or `operator delete[]`.
///
/// # Errors
/// [`FamilyError::Absent`] as in [`allocate`]; the block is then still live.
///
/// # Safety
/// `block` is a live block of this family; nobody uses it any more.
///
/// ```
/// use freehold_families::{Family, cpp};
/// let family = Family::NewArray;
/// if cpp::is_present(family) {
///     let block = cpp::allocate(family, 3 * 8)?;
///     // SAFETY: a block of `new[]`, which `delete[]` releases; nobody uses it.
///     unsafe { cpp::release(family, block)? };
/// }
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub unsafe fn release(family: Family, block: NonNull<u8>) -> Result<(), FamilyError> {
    let (_, delete) = operators(family)?;
    let delete = delete.find().ok_or(FamilyError::Absent { family })?;
    // SAFETY: the signature of this operator; as promised by the caller.
    unsafe {
        let delete: unsafe extern "C" fn(*mut u8) = core::mem::transmute(delete.as_ptr());
        delete(block.as_ptr());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_of_a_runtime_that_is_loaded_are_used() {
        // SAFETY: a C string; the library stays loaded.
        #[cfg(unix)]
        let loaded = unsafe {
            libc::dlopen(
                c"libstdc++.so.6".as_ptr(),
                libc::RTLD_NOW | libc::RTLD_GLOBAL,
            )
        };
        // The test program has none, and should find none.
        #[cfg(windows)]
        let loaded: *mut c_void = core::ptr::null_mut();
        for family in [Family::New, Family::NewArray] {
            assert_eq!(is_present(family), !loaded.is_null());
            match allocate(family, 40) {
                // SAFETY: just allocated, released once.
                Ok(block) => unsafe { release(family, block).expect("released") },
                Err(error) => assert_eq!(error, FamilyError::Absent { family }),
            }
        }
    }
}
