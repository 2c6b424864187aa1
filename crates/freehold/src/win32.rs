//! The families of Win32 by one signature for each operation, the real ones on
//! Windows and the emulated ones elsewhere.
//!
//! All that takes a block or a handle is unsafe here, because the real functions
//! cannot know what they are given; emulated they refuse it.
//!
//! What is not here: which family a pointer is of (`registry`, `free`).
// What is unsafe on Windows is not always so where it is emulated.
#![allow(unused_unsafe)]

use core::ptr::NonNull;

pub(crate) use freehold_families::win32::{
    bstr, co_task_mem, heap, hstring, movable, virtual_memory,
};
use freehold_families::{Family, FamilyError};

/// Whether [`release`] knows a family: its release function needs no more than
/// the address.
pub(crate) fn releases(family: Family) -> bool {
    match family {
        Family::CoTaskMem
        | Family::Local
        | Family::Global
        | Family::Virtual
        | Family::Bstr
        | Family::Hstring => true,
        #[cfg(windows)]
        family => windows::releases(family),
        #[cfg(not(windows))]
        _ => false,
    }
}

/// Calls the release function of a family; of an HSTRING it takes one reference.
///
/// # Errors
/// As the family gives them; [`FamilyError::Absent`] for a family that is not here.
///
/// # Safety
/// `address` is a live block or handle of this family; nobody uses it any more.
pub(crate) unsafe fn release(family: Family, address: usize) -> Result<(), FamilyError> {
    // SAFETY: promised by the caller, for all.
    unsafe {
        match family {
            Family::CoTaskMem => co_task_mem::free(address),
            Family::Local => movable::LOCAL.free(address),
            Family::Global => movable::GLOBAL.free(address),
            Family::Virtual => virtual_memory::free(address),
            Family::Bstr => bstr::free(address),
            // Emulated, it tells how many references are left.
            Family::Hstring => hstring::delete(address).map(drop),
            #[cfg(windows)]
            family => windows::release(family, address),
            #[cfg(not(windows))]
            family => Err(FamilyError::Absent { family }),
        }
    }
}

/// The two families with handles of memory; `None` for another.
pub(crate) fn movable(family: Family) -> Option<&'static movable::Movable> {
    match family {
        Family::Local => Some(&movable::LOCAL),
        Family::Global => Some(&movable::GLOBAL),
        _ => None,
    }
}

/// Whether a live handle is no address of its block; of families without handles,
/// it never is.
///
/// # Safety
/// `handle` is a live block or handle of this family.
pub(crate) unsafe fn is_movable(family: Family, handle: usize) -> bool {
    // SAFETY: promised by the caller.
    movable(family).is_some_and(|functions| unsafe { functions.is_movable(handle) })
}

/// Where the memory of a handle lies, which is locked once more.
///
/// # Errors
/// [`FamilyError::UnknownBlock`] when it has no memory.
///
/// # Safety
/// `handle` is a live handle.
pub(crate) unsafe fn lock(
    functions: &movable::Movable,
    handle: usize,
) -> Result<NonNull<u8>, FamilyError> {
    // SAFETY: promised by the caller.
    unsafe { functions.lock(handle) }
}

/// Takes a lock back; gives how many are left.
///
/// # Errors
/// [`FamilyError::NotLocked`].
///
/// # Safety
/// `handle` is a live handle.
pub(crate) unsafe fn unlock(
    functions: &movable::Movable,
    handle: usize,
) -> Result<u32, FamilyError> {
    // SAFETY: promised by the caller.
    unsafe { functions.unlock(handle) }
}

/// Bytes of text in a `BSTR`.
///
/// # Safety
/// A live one.
pub(crate) unsafe fn bstr_bytes(text: usize) -> Option<usize> {
    // SAFETY: promised by the caller.
    unsafe { bstr::byte_len(text) }
}

/// One reference more to an `HSTRING`; the handle that has it.
///
/// # Errors
/// As the family gives them.
///
/// # Safety
/// 0 or a live one.
pub(crate) unsafe fn duplicate(handle: usize) -> Result<usize, FamilyError> {
    // SAFETY: promised by the caller.
    unsafe { hstring::duplicate(handle) }
}

/// Where the text of an `HSTRING` lies, and its units; `None` for the empty one.
///
/// # Safety
/// 0 or a live one.
pub(crate) unsafe fn hstring_text(handle: usize) -> Option<(NonNull<u16>, usize)> {
    // SAFETY: promised by the caller.
    unsafe { hstring::buffer(handle).zip(hstring::len(handle)) }
}

/// The families that are not emulated anywhere.
#[cfg(windows)]
mod windows {
    use freehold_families::win32::{buffers, com, crt, handles, variants};
    use freehold_families::{Family, FamilyError, Kind, info, resource};

    pub(super) fn releases(family: Family) -> bool {
        matches!(
            family,
            Family::Msvcrt
                | Family::Ucrt
                | Family::MsvcrtAligned
                | Family::UcrtAligned
                | Family::NetApi
                | Family::Wts
                | Family::Cred
                | Family::SafeArray
                | Family::Variant
                | Family::PropVariant
                | Family::Com
        ) || info(family).kind == Kind::Handle
    }

    /// # Safety
    /// As for `release` above; handles by what stands for them.
    pub(super) unsafe fn release(family: Family, address: usize) -> Result<(), FamilyError> {
        let absent = FamilyError::Absent { family };
        // SAFETY: promised by the caller, for all.
        unsafe {
            match family {
                Family::Msvcrt | Family::Ucrt => crt::of(family).ok_or(absent)?.free(address),
                Family::MsvcrtAligned | Family::UcrtAligned => {
                    crt::of(family).ok_or(absent)?.aligned_free(address)
                }
                Family::NetApi | Family::Wts | Family::Cred => buffers::free(family, address),
                Family::SafeArray | Family::Variant | Family::PropVariant => {
                    variants::release(family, address)
                }
                Family::Com => com::release(address).map(drop),
                family => match resource::handle(address as u64) {
                    Some(handle) => handles::release(family, handle),
                    None => Err(absent),
                },
            }
        }
    }
}
