//! Blocks with a release function of their own.

use core::ffi::c_void;
use core::ptr::NonNull;

use crate::{Family, FamilyError};

/// A release function with what it needs to know.
///
/// The function gets the block and the context; it gives 0 when the block is
/// released, any other number when it is not.
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
    pub fn function(&self) -> unsafe extern "C" fn(*mut c_void, *mut c_void) -> i32 {
        self.function
    }

    /// What the function is given beside the block.
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
