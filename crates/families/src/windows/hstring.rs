//! `WindowsCreateString`, `WindowsDuplicateString`, `WindowsDeleteString` and
//! their relatives: strings that never change and count their references. Null
//! is the empty string. Nobody outside can tell how many references there are.
//!
//! Pages: the functions of these names (winstring.h); Windows 8 and later.

use core::ptr::{self, NonNull};

use super::dll::{COMBASE, functions};
use super::keeping;
use crate::{Family, FamilyError};

functions! { "system" COMBASE;
    fn windows_preallocate_string_buffer =
        c"WindowsPreallocateStringBuffer"(u32, *mut *mut u16, *mut usize) -> i32;
    fn windows_promote_string_buffer = c"WindowsPromoteStringBuffer"(usize, *mut usize) -> i32;
    fn windows_duplicate_string = c"WindowsDuplicateString"(usize, *mut usize) -> i32;
    fn windows_delete_string = c"WindowsDeleteString"(usize) -> i32;
    fn windows_get_string_raw_buffer =
        c"WindowsGetStringRawBuffer"(usize, *mut u32) -> *const u16;
}

const FAMILY: Family = Family::Hstring;
const ABSENT: FamilyError = FamilyError::Absent { family: FAMILY };

fn check(code: i32) -> Result<(), FamilyError> {
    match code {
        0 => Ok(()),
        code => Err(FamilyError::Failed {
            family: FAMILY,
            code,
        }),
    }
}

/// As `WindowsCreateString`, which wants a NUL behind the text: a handle with one
/// reference; 0 for no text.
///
/// # Errors
/// [`FamilyError::TooLarge`], [`FamilyError::OutOfMemory`], or
/// [`FamilyError::Absent`] before Windows 8.
///
/// ```
/// use freehold_families::win32::hstring;
/// let text = hstring::create(&[104, 105])?;
/// // SAFETY: live, two references, used by nobody.
/// unsafe {
///     hstring::duplicate(text)?;
///     assert_eq!(hstring::text(text)?, [104, 105]);
///     hstring::delete(text)?;
///     hstring::delete(text)?;
/// }
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub fn create(text: &[u16]) -> Result<usize, FamilyError> {
    let (family, bytes) = (FAMILY, size_of_val(text));
    let length = u32::try_from(text.len()).map_err(|_| FamilyError::TooLarge { family, bytes })?;
    if text.is_empty() {
        return Ok(0);
    }
    let preallocate = windows_preallocate_string_buffer().ok_or(ABSENT)?;
    let promote = windows_promote_string_buffer().ok_or(ABSENT)?;
    let (mut to, mut buffer, mut handle) = (ptr::null_mut(), 0, 0);
    // SAFETY: places for all results; the buffer has room for that many characters,
    // and the system ends it with a NUL.
    unsafe {
        if preallocate(length, &mut to, &mut buffer) != 0 {
            return Err(FamilyError::OutOfMemory { family, bytes });
        }
        ptr::copy_nonoverlapping(text.as_ptr(), to, text.len());
        check(promote(buffer, &mut handle)).map(|()| handle)
    }
}

/// `WindowsDuplicateString`: one reference more; for a string that only stands
/// for another's buffer a copy, under another handle.
///
/// # Errors
/// [`FamilyError::Failed`] with the system's code.
///
/// # Safety
/// `handle` is 0 or a live string.
pub unsafe fn duplicate(handle: usize) -> Result<usize, FamilyError> {
    let duplicate = windows_duplicate_string().ok_or(ABSENT)?;
    let mut copy = 0;
    // SAFETY: promised by the caller; a place for the handle.
    check(unsafe { duplicate(handle, &mut copy) }).map(|()| copy)
}

/// `WindowsDeleteString`: one reference less. With the last one the string is
/// gone. Of 0 it does nothing.
///
/// # Errors
/// [`FamilyError::Failed`] with the system's code.
///
/// # Safety
/// `handle` is 0 or a live string; who releases uses this reference no more.
pub unsafe fn delete(handle: usize) -> Result<(), FamilyError> {
    if handle == 0 {
        return Ok(());
    }
    keeping(|| {
        let delete = windows_delete_string().ok_or(ABSENT)?;
        // SAFETY: promised by the caller.
        check(unsafe { delete(handle) })
    })
}

/// How many references a live string has: not told by Windows.
pub fn references(_: usize) -> Option<usize> {
    None
}

unsafe fn raw(handle: usize) -> Option<(*const u16, usize)> {
    let mut length = 0;
    // SAFETY: a live string, promised by the callers; a place for the length.
    let text = unsafe { windows_get_string_raw_buffer()?(handle, &mut length) };
    Some((text, length as usize))
}

/// `WindowsGetStringLen`: characters of a live string; 0 for null.
///
/// # Safety
/// `handle` is 0 or a live string.
pub unsafe fn len(handle: usize) -> Option<usize> {
    // SAFETY: promised by the caller.
    unsafe { raw(handle) }.map(|(_, len)| len)
}

/// `WindowsGetStringRawBuffer`: a copy of the text.
///
/// # Errors
/// [`FamilyError::Absent`] before Windows 8.
///
/// # Safety
/// `handle` is 0 or a live string.
pub unsafe fn text(handle: usize) -> Result<Vec<u16>, FamilyError> {
    // SAFETY: promised by the caller; the buffer is that long.
    unsafe {
        match raw(handle).ok_or(ABSENT)? {
            (text, _) if text.is_null() => Ok(Vec::new()),
            (text, len) => Ok(core::slice::from_raw_parts(text, len).to_vec()),
        }
    }
}

/// Where the text of a live string lies; it ends with a NUL that is not
/// counted. Valid as long as the string.
///
/// # Safety
/// `handle` is 0 or a live string.
pub unsafe fn buffer(handle: usize) -> Option<NonNull<u16>> {
    if handle == 0 {
        return None;
    }
    // SAFETY: promised by the caller.
    NonNull::new(unsafe { raw(handle) }?.0.cast_mut())
}
