//! `SysAllocString`, `SysFreeString` and their relatives: UTF-16 with a length
//! before it, so that it may hold NULs, and a NUL behind it.
//!
//! Released blocks go to a small cache first, as on Windows: a string that is
//! allocated next may get the address of the one released last.
//!
//! ```
//! use freehold_families::emulated::bstr;
//! let text: Vec<u16> = "a\0b".encode_utf16().collect();
//! let string = bstr::alloc(&text)?.as_ptr();
//! // SAFETY: three units of text, the NUL behind them, and the length before them.
//! unsafe {
//!     assert_eq!(std::slice::from_raw_parts(string, 4), [97, 0, 98, 0]);
//!     assert_eq!(*string.cast::<u32>().sub(1), 6);
//!     bstr::free(string as usize)?;
//! }
//! # Ok::<(), freehold_families::FamilyError>(())
//! ```

use core::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

use super::{Known, failed, take, unknown};
use crate::{Family, FamilyError, libc_malloc};

/// Padding, and the length in bytes: four bytes each.
const HEAD: usize = 8;
/// Released blocks that are kept.
const CACHED: usize = 16;
/// Larger ones are not.
const LARGEST_CACHED: usize = 1024;

/// Live strings: bytes of room.
static KNOWN: Known<usize> = Known::new();
/// Released blocks: address of the text, bytes of room.
static CACHE: Mutex<Vec<(usize, usize)>> = Mutex::new(Vec::new());

/// `SysAllocStringByteLen`: a string of `bytes` bytes of text, all zero.
///
/// # Errors
/// [`FamilyError::TooLarge`] above what four bytes can count,
/// [`FamilyError::OutOfMemory`] when there is no memory.
///
/// ```
/// use freehold_families::emulated::bstr;
/// let string = bstr::alloc_bytes(5)?.as_ptr() as usize; // bytes, not UTF-16
/// assert_eq!((bstr::byte_len(string), bstr::len(string)), (Some(5), Some(2)));
/// // SAFETY: nobody uses the string.
/// unsafe { bstr::free(string)? };
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub fn alloc_bytes(bytes: usize) -> Result<NonNull<u16>, FamilyError> {
    let family = Family::Bstr;
    let too_large = bytes > isize::MAX as usize;
    let (Ok(length), false) = (u32::try_from(bytes), too_large) else {
        return Err(failed(FamilyError::TooLarge { family, bytes }));
    };
    let mut cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    // The one released last that has room and wastes little.
    let fits = |(_, room): &(usize, usize)| *room >= bytes && *room <= 2 * bytes + 32;
    let cached = cache.iter().rposition(fits).map(|at| cache.remove(at));
    drop(cache);
    let (text, room) = match cached {
        Some(found) => found,
        None => {
            let room = bytes.next_multiple_of(16);
            (
                take(family, HEAD + room + 2, false)?.as_ptr() as usize + HEAD,
                room,
            )
        }
    };
    // SAFETY: a block of ours with a head, this room and two bytes for the NUL.
    unsafe {
        core::ptr::write_bytes(text as *mut u8, 0, bytes + 2);
        ((text - 4) as *mut u32).write(length);
    }
    KNOWN.with(|known| known.insert(text, room));
    NonNull::new(text as *mut u16).ok_or(FamilyError::OutOfMemory { family, bytes })
}

/// `SysAllocStringLen`: a string with this text, which may hold NULs.
///
/// # Errors
/// As for [`alloc_bytes`].
///
/// ```
/// use freehold_families::emulated::bstr;
/// let text = bstr::alloc(&[97, 0, 98])?;
/// assert_eq!(bstr::len(text.as_ptr() as usize), Some(3));
/// // SAFETY: nobody uses the string.
/// unsafe { bstr::free(text.as_ptr() as usize) }?;
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub fn alloc(text: &[u16]) -> Result<NonNull<u16>, FamilyError> {
    let block = alloc_bytes(size_of_val(text))?;
    // SAFETY: the block has that much room and is new.
    unsafe { core::ptr::copy_nonoverlapping(text.as_ptr(), block.as_ptr(), text.len()) };
    Ok(block)
}

/// `SysFreeString`. Of 0 it does nothing.
///
/// # Errors
/// [`FamilyError::UnknownBlock`] when no live string begins there.
///
/// # Safety
/// Nobody uses the string any more.
///
/// ```
/// use freehold_families::emulated::bstr;
/// let string = bstr::alloc(&[104, 105])?.as_ptr() as usize;
/// // SAFETY: nobody uses the string; the second release is refused.
/// unsafe {
///     bstr::free(string)?;
///     assert!(bstr::free(string).is_err());
///     bstr::free(0)?; // null is an empty string
/// }
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub unsafe fn free(text: usize) -> Result<(), FamilyError> {
    if text == 0 {
        return Ok(());
    }
    let room = KNOWN.with(|known| known.remove(&text));
    let room = room.ok_or_else(|| unknown(Family::Bstr, text))?;
    let mut surplus = Some((text, room));
    if room <= LARGEST_CACHED {
        let mut cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
        cache.push((text, room));
        surplus = (cache.len() > CACHED).then(|| cache.remove(0));
    }
    if let Some(block) = surplus.and_then(|(t, _)| NonNull::new((t - HEAD) as *mut u8)) {
        // SAFETY: neither live nor cached, so nobody else has it.
        unsafe { libc_malloc::release(block) };
    }
    Ok(())
}

/// `SysStringByteLen`: bytes of text in a live string.
///
/// ```
/// use freehold_families::emulated::bstr;
/// let string = bstr::alloc(&[104, 105])?.as_ptr() as usize;
/// assert_eq!(bstr::byte_len(string), Some(4));
/// // SAFETY: nobody uses the string.
/// unsafe { bstr::free(string)? };
/// assert_eq!(bstr::byte_len(string), None);
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub fn byte_len(text: usize) -> Option<usize> {
    KNOWN.with(|known| {
        known.get(&text)?;
        // SAFETY: a live string has its length there.
        Some(unsafe { ((text - 4) as *const u32).read() } as usize)
    })
}

/// `SysStringLen`: characters of text in a live string.
///
/// ```
/// use freehold_families::emulated::bstr;
/// let string = bstr::alloc(&[104, 0, 105])?.as_ptr() as usize;
/// assert_eq!(bstr::len(string), Some(3)); // NULs are counted
/// // SAFETY: nobody uses the string.
/// unsafe { bstr::free(string)? };
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub fn len(text: usize) -> Option<usize> {
    byte_len(text).map(|bytes| bytes / 2)
}
