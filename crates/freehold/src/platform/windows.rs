//! `CoTaskMemAlloc`. Its blocks are aligned to 16 bytes; those with more alignment
//! come from `_aligned_malloc`, are another family's, and registered.

use core::ffi::c_void;
use core::ptr::{self, NonNull};

use freehold_families::win32::{co_task_mem, crt};
use freehold_families::{Family, FamilyError};

use crate::release::Releaser;

/// The family of its blocks.
pub(crate) const FAMILY: Family = Family::CoTaskMem;

/// As on other systems; the system's function has no form that zeroes.
#[inline(always)]
pub(crate) fn calloc(count: usize, size: usize) -> *mut u8 {
    let Some(bytes) = count.checked_mul(size) else {
        return ptr::null_mut();
    };
    let block = malloc(bytes);
    if !block.is_null() {
        // SAFETY: a new block of that length.
        unsafe { block.write_bytes(0, bytes) };
    }
    block
}

#[inline(always)]
pub(crate) fn malloc(bytes: usize) -> *mut u8 {
    co_task_mem::alloc(bytes).map_or(ptr::null_mut(), NonNull::as_ptr)
}

#[inline(always)]
pub(crate) const fn is_own(align: usize) -> bool {
    align <= super::ALIGNMENT
}

pub(crate) fn over_aligned(
    bytes: usize,
    align: usize,
    zeroed: bool,
) -> Option<(NonNull<u8>, Releaser)> {
    // Systems before Windows 10 may not have the runtime of Visual Studio.
    let (block, family) = match crt::UNIVERSAL.aligned_malloc(bytes, align) {
        Err(FamilyError::Absent { .. }) => {
            let block = crt::MSVC.aligned_malloc(bytes, align);
            (block.ok()?, Family::MsvcrtAligned)
        }
        block => (block.ok()?, Family::UcrtAligned),
    };
    if zeroed {
        // SAFETY: a new block of that length.
        unsafe { block.write_bytes(0, bytes) };
    }
    Some((block, Releaser::Win32(family)))
}

/// As on other systems.
///
/// # Safety
/// As there.
#[inline(always)]
pub(crate) unsafe fn free(block: *mut c_void) {
    // SAFETY: promised by the caller.
    unsafe { co_task_mem::free_only(block as usize) };
}

/// As on other systems, for blocks without more alignment.
///
/// # Safety
/// As there.
pub(crate) unsafe fn reallocate(
    block: NonNull<u8>,
    _: usize,
    _: usize,
    size: usize,
) -> Result<NonNull<u8>, FamilyError> {
    // SAFETY: promised by the caller.
    unsafe { co_task_mem::realloc(block.as_ptr() as usize, size) }
}
