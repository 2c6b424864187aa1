//! The family of `malloc` and `free`: of the C library that this program is linked
//! with. On Windows a process can have several; those that are libraries of the
//! system are in `win32::crt`.
//!
//! ```
//! use freehold_families::libc_malloc;
//! let block = libc_malloc::allocate(100, 16, true)?;
//! // SAFETY: live and zeroed; released once.
//! unsafe {
//!     assert!(libc_malloc::usable_size(block) >= 100);
//!     assert_eq!(*block.as_ptr(), 0);
//!     libc_malloc::release(block);
//! }
//! # Ok::<(), freehold_families::FamilyError>(())
//! ```

use core::ptr::NonNull;

use crate::{Family, FamilyError};

/// What `malloc` aligns to on its own, in bytes.
///
/// ```
/// use freehold_families::libc_malloc::{self, ALIGNMENT};
/// let block = libc_malloc::allocate(100, 1, false)?;
/// assert_eq!(block.as_ptr() as usize % ALIGNMENT, 0);
/// // SAFETY: allocated above, released once.
/// unsafe { libc_malloc::release(block) };
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub const ALIGNMENT: usize = if cfg!(target_pointer_width = "64") {
    16
} else {
    8
};

#[cfg(windows)]
use crt as system;
#[cfg(unix)]
use libc as system;

/// The C library's functions by the names that they have on Windows.
#[cfg(windows)]
mod crt {
    use core::ffi::c_void;
    unsafe extern "C" {
        pub(super) safe fn malloc(size: usize) -> *mut c_void;
        pub(super) safe fn calloc(count: usize, size: usize) -> *mut c_void;
        pub(super) fn realloc(block: *mut c_void, size: usize) -> *mut c_void;
        pub(super) fn free(block: *mut c_void);
        #[link_name = "_msize"]
        pub(super) fn malloc_usable_size(block: *mut c_void) -> usize;
    }
}

/// A block with more alignment than `malloc` gives; null when there is none.
#[cfg(unix)]
fn aligned(size: usize, align: usize, zeroed: bool) -> Result<*mut u8, FamilyError> {
    let mut block = core::ptr::null_mut();
    // SAFETY: a place for the result, and a block that is as long as what is zeroed.
    unsafe {
        if libc::posix_memalign(&mut block, align, size) != 0 {
            return Ok(core::ptr::null_mut());
        }
        if zeroed {
            libc::memset(block, 0, size);
        }
    }
    Ok(block.cast())
}

/// On Windows such blocks are not released by `free`.
#[cfg(windows)]
fn aligned(_: usize, alignment: usize, _: bool) -> Result<*mut u8, FamilyError> {
    let family = Family::Malloc;
    Err(FamilyError::BadAlignment { family, alignment })
}

/// A block of `size` bytes, aligned to `align` bytes, zeroed when wanted.
///
/// `size` 0 gives a block that must be released, too.
///
/// # Errors
/// [`FamilyError::BadAlignment`] when `align` is no power of two, on Windows also
/// when it is more than [`ALIGNMENT`];
/// [`FamilyError::TooLarge`] above `isize::MAX` bytes,
/// [`FamilyError::OutOfMemory`] when the C library has none.
///
/// ```
/// use freehold_families::libc_malloc;
/// let block = libc_malloc::allocate(100, 8, true)?;
/// assert_eq!(block.as_ptr() as usize % 8, 0);
/// // SAFETY: allocated above, released once.
/// unsafe { libc_malloc::release(block) };
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub fn allocate(size: usize, align: usize, zeroed: bool) -> Result<NonNull<u8>, FamilyError> {
    let family = Family::Malloc;
    if !align.is_power_of_two() {
        let alignment = align;
        return Err(FamilyError::BadAlignment { family, alignment });
    }
    if size > isize::MAX as usize {
        return Err(FamilyError::TooLarge {
            family,
            bytes: size,
        });
    }
    let block = if align > ALIGNMENT {
        aligned(size, align, zeroed)?
    } else {
        // SAFETY: no requirement.
        #[allow(unused_unsafe)]
        let block = unsafe {
            match zeroed {
                true => system::calloc(size, 1),
                false => system::malloc(size),
            }
        };
        block.cast()
    };
    NonNull::new(block).ok_or(FamilyError::OutOfMemory {
        family,
        bytes: size,
    })
}

/// A block of `size` bytes with the first bytes of `block`, which is released.
/// On an error `block` is as it was.
///
/// # Errors
/// As for [`allocate`].
///
/// # Safety
/// `block` is a live block of this family, and at least `old_size` bytes long;
/// it was allocated with the alignment `align`.
///
/// ```
/// use freehold_families::libc_malloc;
/// let block = libc_malloc::allocate(8, 8, true)?;
/// // SAFETY: live, and 8 bytes long; the new one is released once.
/// unsafe {
///     let block = libc_malloc::reallocate(block, 8, 8, 1000)?;
///     assert_eq!(*block.as_ptr(), 0);
///     libc_malloc::release(block);
/// }
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub unsafe fn reallocate(
    block: NonNull<u8>,
    old_size: usize,
    align: usize,
    size: usize,
) -> Result<NonNull<u8>, FamilyError> {
    if align > ALIGNMENT {
        let new = allocate(size, align, false)?;
        // SAFETY: both are that long; the old one is live, as promised.
        unsafe {
            core::ptr::copy_nonoverlapping(block.as_ptr(), new.as_ptr(), old_size.min(size));
            release(block);
        }
        return Ok(new);
    }
    let family = Family::Malloc;
    if size > isize::MAX as usize {
        return Err(FamilyError::TooLarge {
            family,
            bytes: size,
        });
    }
    // `realloc` of no bytes is a release on some systems and none on others.
    // SAFETY: promised by the caller.
    let new = unsafe { system::realloc(block.as_ptr().cast(), size.max(1)) };
    NonNull::new(new.cast()).ok_or(FamilyError::OutOfMemory {
        family,
        bytes: size,
    })
}

/// Releases a block.
///
/// # Safety
/// `block` is a live block of this family; nobody uses it any more.
///
/// ```
/// use freehold_families::libc_malloc;
/// // A block that C code gave, which says "release it with free".
/// # let text = libc_malloc::allocate(6, 1, true)?;
/// // SAFETY: live, and nobody uses it any more.
/// unsafe { libc_malloc::release(text) };
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub unsafe fn release(block: NonNull<u8>) {
    // SAFETY: promised by the caller.
    unsafe { system::free(block.as_ptr().cast()) };
}

/// Bytes that may be used at `block`: at least those that were asked for.
///
/// # Safety
/// `block` is a live block of this family.
///
/// ```
/// use freehold_families::libc_malloc;
/// let block = libc_malloc::allocate(10, 1, false)?;
/// // SAFETY: live, and all that may be used is written; released once.
/// unsafe {
///     let room = libc_malloc::usable_size(block);
///     assert!(room >= 10);
///     block.write_bytes(0xff, room);
///     libc_malloc::release(block);
/// }
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub unsafe fn usable_size(block: NonNull<u8>) -> usize {
    // SAFETY: promised by the caller.
    unsafe { system::malloc_usable_size(block.as_ptr().cast()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alignment_size_and_zeroes_are_as_asked_for() {
        let most = crate::info(Family::Malloc).max_alignment;
        for align in [1, 2, 8, 16, 32, 64, 4096, 65536] {
            if align > most {
                assert!(allocate(8, align, true).is_err());
                continue;
            }
            for size in [0, 1, 15, 16, 17, 5000] {
                let block = allocate(size, align, true).expect("memory");
                assert_eq!(block.as_ptr() as usize % align, 0);
                // SAFETY: that long, zeroed; released once.
                unsafe {
                    assert!(usable_size(block) >= size);
                    let bytes = core::slice::from_raw_parts(block.as_ptr(), size);
                    assert!(bytes.iter().all(|b| *b == 0));
                    release(block);
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_given_is_said() {
        let family = Family::Malloc;
        assert_eq!(
            allocate(8, 3, false),
            Err(FamilyError::BadAlignment {
                family,
                alignment: 3
            })
        );
        let bytes = isize::MAX as usize;
        // In a 32-bit process there may be as much.
        #[cfg(target_pointer_width = "64")]
        assert_eq!(
            allocate(bytes, 8, false),
            Err(FamilyError::OutOfMemory { family, bytes })
        );
        let bytes = bytes + 1;
        assert_eq!(
            allocate(bytes, 8, false),
            Err(FamilyError::TooLarge { family, bytes })
        );
    }

    #[test]
    fn a_reallocated_block_keeps_bytes_and_alignment() {
        let most = crate::info(Family::Malloc).max_alignment;
        for align in [8, 256.min(most)] {
            let block = allocate(64, align, false).expect("memory");
            // SAFETY: live blocks of these sizes.
            unsafe {
                block.as_ptr().write_bytes(7, 64);
                let block = reallocate(block, 64, align, 100_000).expect("memory");
                assert_eq!(block.as_ptr() as usize % align, 0);
                let bytes = core::slice::from_raw_parts(block.as_ptr(), 64);
                assert!(bytes.iter().all(|b| *b == 7));
                assert!(reallocate(block, 100_000, align, usize::MAX).is_err());
                let block = reallocate(block, 100_000, align, 8).expect("memory");
                release(block);
            }
        }
    }
}
