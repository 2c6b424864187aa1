//! Buffers that functions of the network, of Remote Desktop Services and of the
//! credential store give, each with a release function of its own.
//!
//! Pages: NetApiBufferAllocate, NetApiBufferSize, NetApiBufferFree (lmapibuf.h),
//! WTSFreeMemory (wtsapi32.h), CredFree (wincred.h).

use core::ptr::{self, NonNull};

use super::dll::{ADVAPI32, NETAPI32, WTSAPI32, functions};
use super::keeping;
use crate::{Family, FamilyError};

functions! { "system" NETAPI32;
    fn net_api_buffer_allocate = c"NetApiBufferAllocate"(u32, *mut *mut u8) -> u32;
    fn net_api_buffer_size = c"NetApiBufferSize"(*const u8, *mut u32) -> u32;
    fn net_api_buffer_free = c"NetApiBufferFree"(*mut u8) -> u32;
}

functions! { "system" WTSAPI32;
    fn wts_free_memory = c"WTSFreeMemory"(*mut u8);
}

functions! { "system" ADVAPI32;
    fn cred_free = c"CredFree"(*mut u8);
}

/// `NetApiBufferAllocate`: a buffer of `bytes` bytes.
///
/// # Errors
/// [`FamilyError::TooLarge`] above what four bytes can count,
/// [`FamilyError::OutOfMemory`], or [`FamilyError::Absent`].
///
/// ```
/// use freehold_families::{Family, win32::buffers};
/// let buffer = buffers::net_api_allocate(100)?;
/// // SAFETY: live, used by nobody.
/// unsafe { buffers::free(Family::NetApi, buffer.as_ptr() as usize) }?;
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub fn net_api_allocate(bytes: usize) -> Result<NonNull<u8>, FamilyError> {
    let family = Family::NetApi;
    let length = u32::try_from(bytes).map_err(|_| FamilyError::TooLarge { family, bytes })?;
    let allocate = net_api_buffer_allocate().ok_or(FamilyError::Absent { family })?;
    let mut buffer = ptr::null_mut();
    // SAFETY: a place for the result.
    unsafe { allocate(length, &mut buffer) };
    NonNull::new(buffer).ok_or(FamilyError::OutOfMemory { family, bytes })
}

/// `NetApiBufferSize`: bytes of a buffer of the network functions.
///
/// # Safety
/// `buffer` is a live one of the family `NetApi`.
pub unsafe fn net_api_size(buffer: usize) -> Option<usize> {
    let mut bytes = 0;
    // SAFETY: promised by the caller; a place for the number.
    let code = unsafe { net_api_buffer_size()?(buffer as *const u8, &mut bytes) };
    (code == 0).then_some(bytes as usize)
}

/// `NetApiBufferFree`, `WTSFreeMemory` or `CredFree`, by the family. Of 0 it does
/// nothing.
///
/// # Errors
/// [`FamilyError::Failed`] with what `NetApiBufferFree` gave,
/// [`FamilyError::Absent`] for another family and where the library is not there.
///
/// # Safety
/// `buffer` is 0 or a live one of this family; nobody uses it any more.
pub unsafe fn free(family: Family, buffer: usize) -> Result<(), FamilyError> {
    if buffer == 0 {
        return Ok(());
    }
    let (absent, at) = (FamilyError::Absent { family }, buffer as *mut u8);
    // SAFETY: promised by the caller, for all.
    keeping(|| unsafe {
        match family {
            Family::NetApi => match net_api_buffer_free().ok_or(absent)?(at) {
                0 => {}
                code => {
                    let code = code as i32;
                    return Err(FamilyError::Failed { family, code });
                }
            },
            Family::Wts => wts_free_memory().ok_or(absent)?(at),
            Family::Cred => cred_free().ok_or(absent)?(at),
            _ => return Err(absent),
        }
        Ok(())
    })
}
