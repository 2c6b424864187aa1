//! Strings: UTF-8 as C has it, UTF-16 as Windows and Java have it.

use core::ffi::c_char;

use freehold::strings::{NativeText, PStr, PWStr};

use crate::arguments::{self, Place};
use crate::codes::{FREEHOLD_TOO_LARGE, Failure, freehold_code};
use crate::guard;

/// As a length: the text ends with its first NUL.
pub const FREEHOLD_TO_NUL: usize = usize::MAX;

/// The length as the library has it: `None` up to the NUL.
fn length<T>(length: usize) -> Result<Option<usize>, Failure> {
    match length {
        FREEHOLD_TO_NUL => Ok(None),
        units if units <= isize::MAX as usize / size_of::<T>() => Ok(Some(units)),
        units => Err(Failure::new(
            FREEHOLD_TOO_LARGE,
            format!("{units} units are more than a text can have"),
        )),
    }
}

/// # Safety
/// As for [`freehold_utf8_to_utf16`].
unsafe fn read_utf8(text: *const c_char, units: usize) -> Result<String, Failure> {
    let units = length::<u8>(units)?;
    // SAFETY: promised by the caller.
    Ok(unsafe { PStr::new(text.cast_mut().cast()).text(units)? })
}

/// # Safety
/// As for [`freehold_utf16_to_utf8`].
unsafe fn read_utf16(text: *const u16, units: usize) -> Result<String, Failure> {
    arguments::aligned(text, "text")?;
    let units = length::<u16>(units)?;
    // SAFETY: promised by the caller.
    Ok(unsafe { PWStr::new(text.cast_mut()).text(units)? })
}

/// A text in UTF-16, made of `length` bytes of UTF-8 (FREEHOLD_TO_NUL: up to the
/// NUL). A NUL is put behind it.
///
/// `wide` gets a block that the caller owns and releases with `freehold_free`
/// (NULL on an error), `wide_length`, when it is not null, its units without the
/// NUL.
///
/// Errors: FREEHOLD_NULL; FREEHOLD_BAD_TEXT when it is no UTF-8 or has a NUL in
/// the middle; FREEHOLD_TOO_LARGE; FREEHOLD_OUT_OF_MEMORY.
///
/// # Safety
/// `text` is null, or that many bytes may be read; the others are null or may be
/// written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_utf8_to_utf16(
    text: *const c_char,
    length: usize,
    wide: *mut *mut u16,
    wide_length: *mut usize,
) -> freehold_code {
    guard::code(|| {
        // SAFETY: as promised by the caller.
        unsafe { Place::new(wide, "wide")? }.set(core::ptr::null_mut());
        // SAFETY: as above.
        let text = unsafe { read_utf8(text, length)? };
        let block = text.to_native_utf16()?;
        // SAFETY: as above.
        unsafe { arguments::set_if(wide_length, "wide_length", block.len() - 1)? };
        // SAFETY: as above.
        unsafe { Place::new(wide, "wide")? }.set(block.into_raw());
        Ok(())
    })
}

/// A text in UTF-8, made of `length` units of UTF-16 (FREEHOLD_TO_NUL: up to the
/// NUL). A NUL is put behind it. A surrogate without its other half becomes
/// U+FFFD.
///
/// `text` gets a block that the caller owns and releases with `freehold_free`
/// (NULL on an error), `text_length`, when it is not null, its bytes without the
/// NUL.
///
/// Errors: FREEHOLD_NULL; FREEHOLD_BAD_ALIGNMENT; FREEHOLD_BAD_TEXT when it has a
/// NUL in the middle; FREEHOLD_TOO_LARGE; FREEHOLD_OUT_OF_MEMORY.
///
/// # Safety
/// `wide` is null, or that many units may be read; the others are null or may be
/// written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_utf16_to_utf8(
    wide: *const u16,
    length: usize,
    text: *mut *mut c_char,
    text_length: *mut usize,
) -> freehold_code {
    guard::code(|| {
        // SAFETY: as promised by the caller.
        unsafe { Place::new(text, "text")? }.set(core::ptr::null_mut());
        // SAFETY: as above.
        let read = unsafe { read_utf16(wide, length)? };
        let block = read.to_native_utf8()?;
        // SAFETY: as above.
        unsafe { arguments::set_if(text_length, "text_length", block.len() - 1)? };
        // SAFETY: as above.
        unsafe { Place::new(text, "text")? }.set(block.into_raw().cast());
        Ok(())
    })
}

/// Writes a text in UTF-8, up to its NUL, as UTF-16 with a NUL into a buffer of
/// `room` units. `needed`, when it is not null, gets the units that this takes,
/// NUL included, also when there is no room.
///
/// Errors: FREEHOLD_NULL; FREEHOLD_BAD_ALIGNMENT; FREEHOLD_BAD_TEXT;
/// FREEHOLD_TOO_SHORT: nothing was written.
///
/// # Safety
/// `text` is null or ends with a NUL; `buffer` is null or has that much room;
/// `needed` is null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_utf16_set(
    text: *const c_char,
    buffer: *mut u16,
    room: usize,
    needed: *mut usize,
) -> freehold_code {
    guard::code(|| {
        // SAFETY: as promised by the caller.
        let text = unsafe { arguments::text(text, "text")? };
        arguments::aligned(buffer, "buffer")?;
        let units = text.encode_utf16().count() + 1;
        // SAFETY: as above.
        unsafe { arguments::set_if(needed, "needed", units)? };
        // SAFETY: as above.
        unsafe { PWStr::new(buffer).set(text, room)? };
        Ok(())
    })
}

/// Writes a text in UTF-16, up to its NUL, as UTF-8 with a NUL into a buffer of
/// `room` bytes. `needed`, when it is not null, gets the bytes that this takes,
/// NUL included, also when there is no room.
///
/// Errors: FREEHOLD_NULL; FREEHOLD_BAD_ALIGNMENT; FREEHOLD_TOO_SHORT: nothing was
/// written.
///
/// # Safety
/// `wide` is null or ends with a NUL; `buffer` is null or has that much room;
/// `needed` is null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_utf8_set(
    wide: *const u16,
    buffer: *mut c_char,
    room: usize,
    needed: *mut usize,
) -> freehold_code {
    guard::code(|| {
        // SAFETY: as promised by the caller.
        let text = unsafe { read_utf16(wide, FREEHOLD_TO_NUL)? };
        // SAFETY: as above.
        unsafe { arguments::set_if(needed, "needed", text.len() + 1)? };
        // SAFETY: as above.
        unsafe { PStr::new(buffer.cast()).set(&text, room)? };
        Ok(())
    })
}
