//! `CoTaskMemAlloc`, `CoTaskMemRealloc`, `CoTaskMemFree`, and `IMalloc::GetSize`
//! and `DidAlloc`.
//!
//! ```
//! use freehold_families::emulated::co_task_mem;
//! // What a COM method gives back, and its caller releases.
//! let out = co_task_mem::alloc(24)?.as_ptr() as usize;
//! assert!(co_task_mem::did_alloc(out));
//! // SAFETY: nobody uses the block.
//! unsafe { co_task_mem::free(out)? };
//! assert!(!co_task_mem::did_alloc(out));
//! # Ok::<(), freehold_families::FamilyError>(())
//! ```

use core::ptr::NonNull;

use super::{Known, take, unknown};
use crate::{Family, FamilyError, libc_malloc};

static KNOWN: Known<usize> = Known::new();

/// `CoTaskMemAlloc`: a block of `bytes` bytes, with anything in it.
///
/// # Errors
/// [`FamilyError::TooLarge`] or [`FamilyError::OutOfMemory`].
///
/// ```
/// use freehold_families::emulated::co_task_mem;
/// let block = co_task_mem::alloc(32)?;
/// assert_eq!(co_task_mem::size(block.as_ptr() as usize), Some(32));
/// // SAFETY: nobody uses the block.
/// unsafe { co_task_mem::free(block.as_ptr() as usize) }?;
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub fn alloc(bytes: usize) -> Result<NonNull<u8>, FamilyError> {
    let block = take(Family::CoTaskMem, bytes, false)?;
    KNOWN.with(|known| known.insert(block.as_ptr() as usize, bytes));
    Ok(block)
}

/// `CoTaskMemRealloc`: `block` with another size; 0 for a new one. On an error
/// the block is as it was.
///
/// # Errors
/// As for [`alloc`], and [`FamilyError::UnknownBlock`].
///
/// # Safety
/// Nobody uses `block` meanwhile, nor later under its old address.
///
/// ```
/// use freehold_families::emulated::co_task_mem;
/// let block = co_task_mem::alloc(4)?;
/// // SAFETY: four bytes that are written, and are kept; released once.
/// unsafe {
///     block.write_bytes(7, 4);
///     let block = co_task_mem::realloc(block.as_ptr() as usize, 1000)?;
///     assert_eq!(*block.cast::<[u8; 4]>().as_ptr(), [7; 4]);
///     co_task_mem::free(block.as_ptr() as usize)?;
/// }
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub unsafe fn realloc(block: usize, bytes: usize) -> Result<NonNull<u8>, FamilyError> {
    if block == 0 {
        return alloc(bytes);
    }
    let old = size(block).ok_or_else(|| unknown(Family::CoTaskMem, block))?;
    let new = alloc(bytes)?;
    // SAFETY: both are live and that long.
    unsafe {
        core::ptr::copy_nonoverlapping(block as *const u8, new.as_ptr(), old.min(bytes));
        free(block)?;
    }
    Ok(new)
}

/// `CoTaskMemFree`. Of 0 it does nothing.
///
/// # Errors
/// [`FamilyError::UnknownBlock`] when no live block begins there.
///
/// # Safety
/// Nobody uses the block any more.
///
/// ```
/// use freehold_families::{Family, FamilyError, emulated::co_task_mem};
/// let address = co_task_mem::alloc(8)?.as_ptr() as usize;
/// // SAFETY: nobody uses the block; what is none is refused.
/// unsafe {
///     let inside = co_task_mem::free(address + 1);
///     let error = FamilyError::UnknownBlock { family: Family::CoTaskMem, address: address + 1 };
///     assert_eq!(inside, Err(error));
///     co_task_mem::free(address)?;
/// }
/// # Ok::<(), FamilyError>(())
/// ```
pub unsafe fn free(block: usize) -> Result<(), FamilyError> {
    let Some(at) = NonNull::new(block as *mut u8) else {
        return Ok(());
    };
    match KNOWN.with(|known| known.remove(&block)) {
        // SAFETY: it was in the table until now, so it is live.
        Some(_) => unsafe { libc_malloc::release(at) },
        None => return Err(unknown(Family::CoTaskMem, block)),
    }
    Ok(())
}

/// `IMalloc::GetSize`: bytes of a live block; `None` where none begins.
///
/// ```
/// use freehold_families::emulated::co_task_mem;
/// let block = co_task_mem::alloc(30)?.as_ptr() as usize;
/// assert_eq!(co_task_mem::size(block), Some(30));
/// // SAFETY: nobody uses the block.
/// unsafe { co_task_mem::free(block)? };
/// assert_eq!(co_task_mem::size(block), None);
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub fn size(block: usize) -> Option<usize> {
    KNOWN.with(|known| known.get(&block).copied())
}

/// `IMalloc::DidAlloc`: whether a live block begins there.
///
/// ```
/// assert!(!freehold_families::emulated::co_task_mem::did_alloc(64));
/// ```
pub fn did_alloc(block: usize) -> bool {
    size(block).is_some()
}
