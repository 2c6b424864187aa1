//! `WindowsCreateString`, `WindowsDuplicateString`, `WindowsDeleteString` and
//! their relatives: strings that never change and count their references. Null
//! is the empty string.
//!
//! ```
//! use freehold_families::emulated::hstring;
//! let name: Vec<u16> = "name".encode_utf16().collect();
//! let mine = hstring::create(&name)?;
//! let yours = hstring::duplicate(mine)?; // the same handle, two references
//! hstring::delete(mine)?;
//! assert_eq!(hstring::text(yours)?, name); // still there
//! hstring::delete(yours)?;
//! assert!(hstring::text(yours).is_err());
//! # Ok::<(), freehold_families::FamilyError>(())
//! ```

use core::ptr::NonNull;

use super::{Known, take, unknown};
use crate::{Family, FamilyError, libc_malloc};

/// References and length, before the text.
const HEAD: usize = 16;

/// Live strings: references and characters.
static KNOWN: Known<(usize, usize)> = Known::new();

/// `WindowsCreateString`: a handle with one reference; 0 for no text.
///
/// # Errors
/// [`FamilyError::TooLarge`] or [`FamilyError::OutOfMemory`].
///
/// ```
/// use freehold_families::emulated::hstring;
/// let text = hstring::create(&[104, 105])?;
/// assert_eq!(hstring::duplicate(text)?, text);
/// assert_eq!(hstring::delete(text)?, 1);
/// assert_eq!(hstring::delete(text)?, 0);
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub fn create(text: &[u16]) -> Result<usize, FamilyError> {
    if text.is_empty() {
        return Ok(0);
    }
    let block = take(Family::Hstring, HEAD + size_of_val(text) + 2, true)?;
    // SAFETY: the block is new and has room for the text behind the head.
    unsafe {
        let to = block.as_ptr().add(HEAD).cast::<u16>();
        core::ptr::copy_nonoverlapping(text.as_ptr(), to, text.len());
    }
    let handle = block.as_ptr() as usize;
    KNOWN.with(|known| known.insert(handle, (1, text.len())));
    Ok(handle)
}

/// `WindowsDuplicateString`: one reference more; gives the same handle.
///
/// # Errors
/// [`FamilyError::UnknownBlock`] when it is no live string.
///
/// ```
/// use freehold_families::emulated::hstring;
/// let text = hstring::create(&[120])?;
/// assert_eq!(hstring::duplicate(text)?, text);
/// assert_eq!(hstring::references(text), Some(2));
/// assert_eq!(hstring::duplicate(0)?, 0); // the empty string has none
/// # hstring::delete(text)?;
/// # hstring::delete(text)?;
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub fn duplicate(handle: usize) -> Result<usize, FamilyError> {
    if handle == 0 {
        return Ok(0);
    }
    KNOWN.with(|known| match known.get_mut(&handle) {
        Some((references, _)) => {
            *references += 1;
            Ok(handle)
        }
        None => Err(unknown(Family::Hstring, handle)),
    })
}

/// `WindowsDeleteString`: one reference less; gives how many are left. With the
/// last one the string is gone. Of 0 it does nothing.
///
/// # Errors
/// [`FamilyError::UnknownBlock`] when it is no live string.
///
/// ```
/// use freehold_families::emulated::hstring;
/// let text = hstring::create(&[120])?;
/// assert_eq!(hstring::delete(text)?, 0);
/// assert!(hstring::delete(text).is_err(), "one reference, one release");
/// assert_eq!(hstring::delete(0)?, 0);
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub fn delete(handle: usize) -> Result<usize, FamilyError> {
    let Some(block) = NonNull::new(handle as *mut u8) else {
        return Ok(0);
    };
    let left = KNOWN.with(|known| {
        let (references, _) = known.get_mut(&handle)?;
        *references -= 1;
        let left = *references;
        if left == 0 {
            known.remove(&handle);
        }
        Some(left)
    });
    let left = left.ok_or_else(|| unknown(Family::Hstring, handle))?;
    if left == 0 {
        // SAFETY: it has just left the table, so it is live and ours.
        unsafe { libc_malloc::release(block) };
    }
    Ok(left)
}

/// How many references a live string has.
///
/// ```
/// use freehold_families::emulated::hstring;
/// let text = hstring::create(&[120])?;
/// assert_eq!(hstring::references(text), Some(1));
/// hstring::delete(text)?;
/// assert_eq!(hstring::references(text), None);
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub fn references(handle: usize) -> Option<usize> {
    KNOWN.with(|known| known.get(&handle).map(|(references, _)| *references))
}

/// `WindowsGetStringLen`: characters of a live string; 0 for null.
///
/// ```
/// use freehold_families::emulated::hstring;
/// let text = hstring::create(&[104, 0, 105])?;
/// assert_eq!(hstring::len(text), Some(3)); // NULs are counted
/// assert_eq!(hstring::len(0), Some(0));
/// hstring::delete(text)?;
/// assert_eq!(hstring::len(text), None);
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub fn len(handle: usize) -> Option<usize> {
    match handle {
        0 => Some(0),
        handle => KNOWN.with(|known| known.get(&handle).map(|(_, len)| *len)),
    }
}

/// `WindowsGetStringRawBuffer`: a copy of the text.
///
/// # Errors
/// [`FamilyError::UnknownBlock`] when it is no live string.
///
/// ```
/// use freehold_families::emulated::hstring;
/// let handle = hstring::create(&[104, 105])?;
/// assert_eq!(String::from_utf16_lossy(&hstring::text(handle)?), "hi");
/// hstring::delete(handle)?;
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub fn text(handle: usize) -> Result<Vec<u16>, FamilyError> {
    if handle == 0 {
        return Ok(Vec::new());
    }
    KNOWN.with(|known| {
        let (_, len) = known
            .get(&handle)
            .ok_or_else(|| unknown(Family::Hstring, handle))?;
        // SAFETY: the text lies behind the head as long as the handle is known.
        let text = unsafe { core::slice::from_raw_parts((handle + HEAD) as *const u16, *len) };
        Ok(text.to_vec())
    })
}

/// Where the text of a live string lies; it ends with a NUL that is not
/// counted. Valid as long as the string.
///
/// ```
/// use freehold_families::emulated::hstring;
/// let text = hstring::create(&[104, 105])?;
/// let units = hstring::buffer(text).expect("live");
/// // SAFETY: two units and the NUL behind them, as long as the string lives.
/// assert_eq!(unsafe { std::slice::from_raw_parts(units.as_ptr(), 3) }, [104, 105, 0]);
/// hstring::delete(text)?;
/// assert_eq!(hstring::buffer(text), None);
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub fn buffer(handle: usize) -> Option<NonNull<u16>> {
    len(handle).filter(|_| handle != 0)?;
    NonNull::new((handle + HEAD) as *mut u16)
}
