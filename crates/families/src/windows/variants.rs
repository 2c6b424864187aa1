//! `SAFEARRAY`, and what a `VARIANT` or a `PROPVARIANT` holds.
//!
//! The two structures themselves belong to whoever has room for them; to clear
//! one releases what it refers to and leaves it empty, so that a second time does
//! nothing.
//!
//! Pages: SafeArrayCreateVector, SafeArrayDestroy, VariantInit, VariantClear
//! (oleauto.h), PropVariantClear (combaseapi.h).

use core::ffi::c_void;
use core::ptr::NonNull;

use super::dll::{OLE32, OLEAUT32, functions};
use super::keeping;
use crate::{Family, FamilyError};

functions! { "system" OLEAUT32;
    fn safe_array_create_vector =
        c"SafeArrayCreateVector"(u16, i32, u32) -> *mut c_void;
    fn safe_array_destroy = c"SafeArrayDestroy"(*mut c_void) -> i32;
    fn variant_clear = c"VariantClear"(*mut c_void) -> i32;
    fn variant_copy = c"VariantCopy"(*mut c_void, *const c_void) -> i32;
}

functions! { "system" OLE32;
    fn prop_variant_clear = c"PropVariantClear"(*mut c_void) -> i32;
    fn prop_variant_copy = c"PropVariantCopy"(*mut c_void, *const c_void) -> i32;
}

/// `SafeArrayCreateVector`: an array of `count` elements of the variant type
/// `kind`, its first index 0.
///
/// # Errors
/// [`FamilyError::OutOfMemory`], also when there is no such type;
/// [`FamilyError::TooLarge`] above what four bytes can count.
///
/// ```
/// use freehold_families::{Family, win32::variants};
/// let array = variants::safe_array(3, 10)?; // VT_I4
/// // SAFETY: live, used by nobody.
/// unsafe { variants::release(Family::SafeArray, array.as_ptr() as usize) }?;
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub fn safe_array(kind: u16, count: usize) -> Result<NonNull<c_void>, FamilyError> {
    let (family, bytes) = (Family::SafeArray, count);
    let elements = u32::try_from(count).map_err(|_| FamilyError::TooLarge { family, bytes })?;
    let create = safe_array_create_vector().ok_or(FamilyError::Absent { family })?;
    // SAFETY: no requirement.
    let array = unsafe { create(kind, 0, elements) };
    NonNull::new(array).ok_or(FamilyError::OutOfMemory { family, bytes })
}

/// `SafeArrayDestroy`, `VariantClear` or `PropVariantClear`, by the family. Of 0
/// it does nothing.
///
/// # Errors
/// [`FamilyError::Failed`] with the system's code, as for an array that is locked,
/// which is then still live; [`FamilyError::Absent`] for another family.
///
/// # Safety
/// `what` is 0, a live array, or the address of a variant that was initialised;
/// nobody uses what it holds any more.
pub unsafe fn release(family: Family, what: usize) -> Result<(), FamilyError> {
    if what == 0 {
        return Ok(());
    }
    let function = match family {
        Family::SafeArray => safe_array_destroy(),
        Family::Variant => variant_clear(),
        Family::PropVariant => prop_variant_clear(),
        _ => None,
    };
    let function = function.ok_or(FamilyError::Absent { family })?;
    // SAFETY: promised by the caller.
    keeping(|| match unsafe { function(what as *mut c_void) } {
        0 => Ok(()),
        code => Err(FamilyError::Failed { family, code }),
    })
}

/// `VariantCopy` or `PropVariantCopy`, by the family: what `to` holds is released
/// first, and what `from` holds is copied, texts and arrays with it.
///
/// # Errors
/// [`FamilyError::Failed`] with the system's code; [`FamilyError::Absent`] for another
/// family.
///
/// # Safety
/// Both are addresses of variants of this family that were initialised, and differ.
pub unsafe fn copy(family: Family, to: usize, from: usize) -> Result<(), FamilyError> {
    let function = match family {
        Family::Variant => variant_copy(),
        Family::PropVariant => prop_variant_copy(),
        _ => None,
    };
    let function = function.ok_or(FamilyError::Absent { family })?;
    // SAFETY: promised by the caller.
    keeping(
        || match unsafe { function(to as *mut c_void, from as *const c_void) } {
            0 => Ok(()),
            code => Err(FamilyError::Failed { family, code }),
        },
    )
}
