//! Blocks with a release function of their own.
//!
//! ```
//! use freehold_families::{custom::Release, libc_malloc};
//! use std::ffi::c_void;
//! use std::sync::atomic::{AtomicUsize, Ordering};
//! unsafe extern "C" fn close(block: *mut c_void, closed: *mut c_void) -> i32 {
//!     // SAFETY: a block of malloc, and the counter below.
//!     unsafe {
//!         libc::free(block);
//!         (*closed.cast::<AtomicUsize>()).fetch_add(1, Ordering::Relaxed);
//!     }
//!     0
//! }
//! static CLOSED: AtomicUsize = AtomicUsize::new(0);
//! // SAFETY: any thread may call `close`; the counter lives as long as the program.
//! let release = unsafe { Release::new(close, (&raw const CLOSED).cast_mut().cast()) };
//! let block = libc_malloc::allocate(8, 8, false)?;
//! // SAFETY: allocated above, released once.
//! unsafe { release.call(block)? };
//! assert_eq!(CLOSED.load(Ordering::Relaxed), 1);
//! # Ok::<(), freehold_families::FamilyError>(())
//! ```

use core::ffi::c_void;
use core::ptr::NonNull;

use crate::{Family, FamilyError};

/// A release function with what it needs to know.
///
/// The function gets the block and the context; it gives 0 when the block is
/// released, any other number when it is not.
///
/// ```
/// use freehold_families::custom::Release;
/// # unsafe extern "C" fn close(_: *mut std::ffi::c_void, _: *mut std::ffi::c_void) -> i32 { 0 }
/// // SAFETY: `close` does nothing, on any thread.
/// let release = unsafe { Release::new(close, std::ptr::null_mut()) };
/// // One value serves for many blocks, on all threads.
/// let copy = release;
/// std::thread::spawn(move || assert!(copy.context().is_null())).join().expect("no panic");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Release {
    function: unsafe extern "C" fn(*mut c_void, *mut c_void) -> i32,
    context: *mut c_void,
}

// SAFETY: who makes one promises that it may be called on any thread.
unsafe impl Send for Release {}
// SAFETY: as above.
unsafe impl Sync for Release {}

impl Release {
    /// A release by `function`, which is given `context` each time.
    ///
    /// # Safety
    /// `function` may be called on any thread as long as the value or a copy of
    /// it exists, and does not unwind; `context` is valid for it as long.
    ///
    /// ```
    /// use freehold_families::custom::Release;
    /// use std::ffi::c_void;
    /// unsafe extern "C" fn close(block: *mut c_void, _: *mut c_void) -> i32 {
    ///     // SAFETY: called for blocks of malloc.
    ///     unsafe { libc::free(block) };
    ///     0
    /// }
    /// // SAFETY: `free` may be called on any thread, and needs no context.
    /// let release = unsafe { Release::new(close, std::ptr::null_mut()) };
    /// let block = freehold_families::libc_malloc::allocate(8, 8, false)?;
    /// // SAFETY: allocated above, released once.
    /// unsafe { release.call(block) }?;
    /// # Ok::<(), freehold_families::FamilyError>(())
    /// ```
    pub unsafe fn new(
        function: unsafe extern "C" fn(*mut c_void, *mut c_void) -> i32,
        context: *mut c_void,
    ) -> Release {
        Release { function, context }
    }

    /// The function.
    ///
    /// ```
    /// use freehold_families::custom::Release;
    /// use std::ffi::c_void;
    /// unsafe extern "C" fn refuse(_: *mut c_void, _: *mut c_void) -> i32 { 5 }
    /// // SAFETY: `refuse` does nothing, on any thread.
    /// let release = unsafe { Release::new(refuse, std::ptr::null_mut()) };
    /// // SAFETY: as above.
    /// let code = unsafe { release.function()(std::ptr::null_mut(), release.context()) };
    /// assert_eq!(code, 5);
    /// ```
    pub fn function(&self) -> unsafe extern "C" fn(*mut c_void, *mut c_void) -> i32 {
        self.function
    }

    /// What the function is given beside the block.
    ///
    /// ```
    /// use freehold_families::custom::Release;
    /// use std::ffi::c_void;
    /// unsafe extern "C" fn close(_: *mut c_void, _: *mut c_void) -> i32 { 0 }
    /// static NAME: &str = "pool";
    /// let context = (&raw const NAME).cast_mut().cast::<c_void>();
    /// // SAFETY: `close` does nothing, on any thread.
    /// let release = unsafe { Release::new(close, context) };
    /// assert_eq!(release.context(), context);
    /// ```
    pub fn context(&self) -> *mut c_void {
        self.context
    }

    /// Releases a block.
    ///
    /// # Errors
    /// [`FamilyError::Failed`] with what the function gave.
    ///
    /// # Safety
    /// `block` is one that the function may release; nobody uses it any more.
    ///
    /// ```
    /// use freehold_families::{Family, FamilyError, custom::Release, libc_malloc};
    /// use std::ffi::c_void;
    /// unsafe extern "C" fn busy(_: *mut c_void, _: *mut c_void) -> i32 { 16 }
    /// // SAFETY: `busy` does nothing, on any thread.
    /// let release = unsafe { Release::new(busy, std::ptr::null_mut()) };
    /// let block = libc_malloc::allocate(8, 8, false)?;
    /// // SAFETY: a live block, which `busy` leaves as it is.
    /// let error = unsafe { release.call(block) };
    /// assert_eq!(error, Err(FamilyError::Failed { family: Family::Custom, code: 16 }));
    /// // SAFETY: so it is still live; released once.
    /// unsafe { libc_malloc::release(block) };
    /// # Ok::<(), FamilyError>(())
    /// ```
    pub unsafe fn call(&self, block: NonNull<u8>) -> Result<(), FamilyError> {
        // SAFETY: promised by the caller and in `new`.
        match unsafe { (self.function)(block.as_ptr().cast(), self.context) } {
            0 => Ok(()),
            code => Err(FamilyError::Failed {
                family: Family::Custom,
                code,
            }),
        }
    }
}
