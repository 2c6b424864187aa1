//! `SysAllocString`, `SysFreeString` and their relatives: UTF-16 with a length
//! before it, so that it may hold NULs, and a NUL behind it.
//!
//! `oleaut32` keeps released strings for a while and hands them out again: an
//! address can come back at once, which is no sign that it was not released.
//!
//! Pages: SysAllocStringLen, SysAllocStringByteLen, SysFreeString, SysStringLen,
//! SysStringByteLen (oleauto.h).

use core::ptr::{self, NonNull};

use super::dll::{OLEAUT32, functions};
use super::keeping;
use crate::{Family, FamilyError};

functions! { "system" OLEAUT32;
    fn sys_alloc_string_len = c"SysAllocStringLen"(*const u16, u32) -> *mut u16;
    fn sys_alloc_string_byte_len = c"SysAllocStringByteLen"(*const u8, u32) -> *mut u16;
    fn sys_free_string = c"SysFreeString"(*mut u16);
    fn sys_string_byte_len = c"SysStringByteLen"(*const u16) -> u32;
}

const FAMILY: Family = Family::Bstr;
const ABSENT: FamilyError = FamilyError::Absent { family: FAMILY };

/// `SysAllocStringByteLen`: a string of `bytes` bytes of text, all zero.
///
/// # Errors
/// [`FamilyError::TooLarge`] above what four bytes can count,
/// [`FamilyError::OutOfMemory`] when there is no memory.
pub fn alloc_bytes(bytes: usize) -> Result<NonNull<u16>, FamilyError> {
    let family = FAMILY;
    let length = u32::try_from(bytes).map_err(|_| FamilyError::TooLarge { family, bytes })?;
    let alloc = sys_alloc_string_byte_len().ok_or(ABSENT)?;
    // SAFETY: null stands for a text that is not given; the string is that long.
    let text = unsafe {
        let text = alloc(ptr::null(), length);
        if !text.is_null() {
            ptr::write_bytes(text.cast::<u8>(), 0, bytes);
        }
        text
    };
    NonNull::new(text).ok_or(FamilyError::OutOfMemory { family, bytes })
}

/// `SysAllocStringLen`: a string with this text, which may hold NULs.
///
/// # Errors
/// As for [`alloc_bytes`].
///
/// ```
/// use freehold_families::win32::bstr;
/// let text = bstr::alloc(&[97, 0, 98])?;
/// // SAFETY: live, used by nobody.
/// unsafe {
///     assert_eq!(bstr::len(text.as_ptr() as usize), Some(3));
///     bstr::free(text.as_ptr() as usize)?;
/// }
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub fn alloc(text: &[u16]) -> Result<NonNull<u16>, FamilyError> {
    let (family, bytes) = (FAMILY, size_of_val(text));
    if u32::try_from(bytes).is_err() {
        return Err(FamilyError::TooLarge { family, bytes });
    }
    let alloc = sys_alloc_string_len().ok_or(ABSENT)?;
    // SAFETY: the text is that long.
    let copy = unsafe { alloc(text.as_ptr(), text.len() as u32) };
    NonNull::new(copy).ok_or(FamilyError::OutOfMemory { family, bytes })
}

/// `SysFreeString`. Of 0 it does nothing.
///
/// # Errors
/// [`FamilyError::Absent`] where there is no `oleaut32`.
///
/// # Safety
/// `text` is 0 or a live string; nobody uses it any more.
pub unsafe fn free(text: usize) -> Result<(), FamilyError> {
    keeping(|| {
        let free = sys_free_string().ok_or(ABSENT)?;
        // SAFETY: promised by the caller.
        unsafe { free(text as *mut u16) };
        Ok(())
    })
}

/// `SysStringByteLen`: bytes of text in a live string.
///
/// # Safety
/// `text` is a live string.
pub unsafe fn byte_len(text: usize) -> Option<usize> {
    // SAFETY: promised by the caller.
    Some(unsafe { sys_string_byte_len()?(text as *const u16) } as usize)
}

/// `SysStringLen`: characters of text in a live string.
///
/// # Safety
/// `text` is a live string.
pub unsafe fn len(text: usize) -> Option<usize> {
    // SAFETY: promised by the caller.
    unsafe { byte_len(text) }.map(|bytes| bytes / 2)
}
