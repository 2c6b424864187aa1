//! Checks of what C passes: each says which argument is wrong, and what to pass
//! instead.

use core::ffi::{CStr, c_char, c_void};

use freehold::Family;

use crate::codes::{
    FREEHOLD_BAD_ALIGNMENT, FREEHOLD_BAD_TEXT, FREEHOLD_NULL, FREEHOLD_OVERFLOW,
    FREEHOLD_TOO_LARGE, FREEHOLD_TOO_SHORT, FREEHOLD_UNKNOWN_VALUE, Failure,
};

/// A place that the caller gave for a result.
pub(crate) struct Place<T>(*mut T);

impl<T> Place<T> {
    /// Checks the argument `name`.
    ///
    /// # Safety
    /// `at` is null or may be written to.
    pub(crate) unsafe fn new(at: *mut T, name: &str) -> Result<Place<T>, Failure> {
        if at.is_null() {
            let message = format!("`{name}` is null: pass the address of a variable for it");
            return Err(Failure::new(FREEHOLD_NULL, message));
        }
        aligned(at, name)?;
        Ok(Place(at))
    }

    /// Writes the result.
    pub(crate) fn set(self, value: T) {
        // SAFETY: promised in `new`.
        unsafe { self.0.write(value) };
    }
}

/// Writes to a place that may be left out.
///
/// # Safety
/// `at` is null or may be written to.
pub(crate) unsafe fn set_if<T>(at: *mut T, name: &str, value: T) -> Result<(), Failure> {
    if at.is_null() {
        return Ok(());
    }
    // SAFETY: as promised by the caller.
    unsafe { Place::new(at, name) }?.set(value);
    Ok(())
}

pub(crate) fn aligned<T>(at: *const T, name: &str) -> Result<(), Failure> {
    if at.is_aligned() {
        return Ok(());
    }
    let message = format!(
        "`{name}` is {at:p}, which is no multiple of {}: it cannot point to what it should",
        align_of::<T>()
    );
    Err(Failure::new(FREEHOLD_BAD_ALIGNMENT, message))
}

/// A text that ends with a NUL and is there.
///
/// # Safety
/// `text` is null or ends with a NUL; it lives as long as the result is used.
pub(crate) unsafe fn text<'a>(text: *const c_char, name: &str) -> Result<&'a str, Failure> {
    if text.is_null() {
        let message = format!("`{name}` is null: pass a text");
        return Err(Failure::new(FREEHOLD_NULL, message));
    }
    // SAFETY: promised by the caller.
    let bytes = unsafe { CStr::from_ptr(text) };
    bytes.to_str().map_err(|error| {
        let message = format!(
            "`{name}` is no UTF-8 after its first {} bytes",
            error.valid_up_to()
        );
        Failure::new(FREEHOLD_BAD_TEXT, message)
    })
}

/// A block that an API gave: its address and size can be counted.
pub(crate) fn extent(block: *const c_void, size: usize) -> Result<(), Failure> {
    if size > isize::MAX as usize {
        let message = format!("{size} bytes are more than a block can have");
        return Err(Failure::new(FREEHOLD_TOO_LARGE, message));
    }
    match (block as usize).checked_add(size) {
        Some(_) => Ok(()),
        None => Err(Failure::new(
            FREEHOLD_OVERFLOW,
            format!("{size} bytes from {block:p} on go beyond the last address"),
        )),
    }
}

/// The family with a number of the header.
pub(crate) fn family(number: u32) -> Result<Family, Failure> {
    match Family::from_number(number.into()) {
        Family::Unknown => Err(Failure::new(
            FREEHOLD_UNKNOWN_VALUE,
            format!("{number} is no family: pass one of the constants FREEHOLD_FAMILY_…"),
        )),
        family => Ok(family),
    }
}

/// Writes a text and its NUL into the caller's buffer. `needed`, when it is not
/// null, gets the bytes that this takes, also when there is no room.
///
/// # Safety
/// `buffer` is null or has room for `room` bytes; `needed` is null or may be
/// written to.
pub(crate) unsafe fn fill(
    text: &str,
    buffer: *mut c_char,
    room: usize,
    needed: *mut usize,
) -> Result<(), Failure> {
    let bytes = text.len() + 1;
    // SAFETY: as promised by the caller.
    unsafe { set_if(needed, "needed", bytes)? };
    if buffer.is_null() {
        if room == 0 && !needed.is_null() {
            // Only the length was asked for.
            return Ok(());
        }
        let message = "`buffer` is null: pass one, or `room` 0 and a place for `needed`";
        return Err(Failure::new(FREEHOLD_NULL, message));
    }
    if bytes > room {
        if room != 0 {
            // SAFETY: there is room for one byte.
            unsafe { buffer.write(0) };
        }
        let message = format!("the text needs {bytes} bytes with its NUL, there are {room}");
        return Err(Failure::new(FREEHOLD_TOO_SHORT, message));
    }
    // SAFETY: there is room, as was just seen.
    unsafe {
        core::ptr::copy_nonoverlapping(text.as_ptr().cast(), buffer, text.len());
        buffer.add(text.len()).write(0);
    }
    Ok(())
}
