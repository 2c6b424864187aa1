//! `CoTaskMemAlloc`, `CoTaskMemRealloc`, `CoTaskMemFree`, and `IMalloc::GetSize`
//! and `DidAlloc`.

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
