//! `VirtualAlloc` and `VirtualFree`: whole pages, aligned to 64 KiB, released as
//! they were allocated.
//!
//! ```
//! use freehold_families::emulated::virtual_memory::{self as memory, GRANULARITY};
//! let block = memory::alloc(1)?.as_ptr() as usize;
//! assert_eq!((block % GRANULARITY, memory::size(block)), (0, Some(4096)));
//! // SAFETY: nobody uses the block.
//! unsafe { memory::free(block)? };
//! # Ok::<(), freehold_families::FamilyError>(())
//! ```

use core::ptr::NonNull;

use super::{Known, failed, unknown};
use crate::{Family, FamilyError};

/// Blocks begin at multiples of this many bytes.
///
/// ```
/// use freehold_families::emulated::virtual_memory::{self as memory, GRANULARITY};
/// let (a, b) = (memory::alloc(4096)?.as_ptr() as usize, memory::alloc(4096)?.as_ptr() as usize);
/// // However small they are, two blocks are that far apart.
/// assert!(a.abs_diff(b) >= GRANULARITY);
/// // SAFETY: nobody uses the blocks.
/// unsafe {
///     memory::free(a)?;
///     memory::free(b)?;
/// }
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub const GRANULARITY: usize = 0x10000;
const PAGE: usize = 4096;

static KNOWN: Known<usize> = Known::new();

/// `VirtualAlloc`, reserved and committed: zeroed pages for `bytes` bytes.
///
/// # Errors
/// [`FamilyError::TooLarge`] for no bytes and for more than there can be,
/// [`FamilyError::OutOfMemory`] when there is no room.
///
/// ```
/// use freehold_families::emulated::virtual_memory as memory;
/// let block = memory::alloc(5000)?;
/// assert_eq!(memory::size(block.as_ptr() as usize), Some(8192));
/// // SAFETY: nobody uses the block.
/// unsafe { memory::free(block.as_ptr() as usize) }?;
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub fn alloc(bytes: usize) -> Result<NonNull<u8>, FamilyError> {
    let family = Family::Virtual;
    let len = bytes.checked_next_multiple_of(PAGE).filter(|len| *len != 0);
    let reserved = len.and_then(|len| len.checked_add(GRANULARITY));
    let (Some(len), Some(reserved)) = (len, reserved) else {
        return Err(failed(FamilyError::TooLarge { family, bytes }));
    };
    // SAFETY: a new mapping at an address of the kernel's choice disturbs none;
    // what is unmapped is part of it.
    let at = unsafe {
        let at = libc::mmap(
            core::ptr::null_mut(),
            reserved,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        if at == libc::MAP_FAILED {
            return Err(failed(FamilyError::OutOfMemory { family, bytes }));
        }
        let start = at as usize;
        let base = start.next_multiple_of(GRANULARITY);
        if base != start {
            libc::munmap(at, base - start);
        }
        let behind = base + len;
        libc::munmap(behind as *mut libc::c_void, start + reserved - behind);
        base
    };
    KNOWN.with(|known| known.insert(at, len));
    NonNull::new(at as *mut u8).ok_or(FamilyError::OutOfMemory { family, bytes })
}

/// `VirtualFree` with `MEM_RELEASE`: the whole block, by its first address.
///
/// # Errors
/// [`FamilyError::UnknownBlock`] where no live block begins, as in its middle.
///
/// # Safety
/// Nobody uses the block any more.
///
/// ```
/// use freehold_families::{Family, FamilyError, emulated::virtual_memory as memory};
/// let block = memory::alloc(8192)?.as_ptr() as usize;
/// // SAFETY: nobody uses the block; a part of it is refused.
/// unsafe {
///     let (family, address) = (Family::Virtual, block + 4096);
///     assert_eq!(memory::free(address), Err(FamilyError::UnknownBlock { family, address }));
///     memory::free(block)?;
/// }
/// # Ok::<(), FamilyError>(())
/// ```
pub unsafe fn free(block: usize) -> Result<(), FamilyError> {
    let len = KNOWN.with(|known| known.remove(&block));
    let len = len.ok_or_else(|| unknown(Family::Virtual, block))?;
    // SAFETY: it was in the table until now, so it is mapped, and ours.
    unsafe { libc::munmap(block as *mut libc::c_void, len) };
    Ok(())
}

/// Bytes of a live block, whole pages.
///
/// ```
/// use freehold_families::emulated::virtual_memory as memory;
/// let block = memory::alloc(4097)?.as_ptr() as usize;
/// assert_eq!(memory::size(block), Some(2 * 4096));
/// // SAFETY: nobody uses the block.
/// unsafe { memory::free(block)? };
/// assert_eq!(memory::size(block), None);
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub fn size(block: usize) -> Option<usize> {
    KNOWN.with(|known| known.get(&block).copied())
}
