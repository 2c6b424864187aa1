//! `VirtualAlloc` and `VirtualFree`: whole pages, aligned to 64 KiB, released as
//! they were allocated.
//!
//! Pages: VirtualAlloc, VirtualFree, VirtualQuery (memoryapi.h).

use core::ptr::{self, NonNull};

use super::keeping;
use crate::{Family, FamilyError};

/// Blocks begin at multiples of this many bytes.
pub const GRANULARITY: usize = 0x10000;

const FAMILY: Family = Family::Virtual;
const RESERVE_COMMIT: u32 = 0x3000;
const RELEASE: u32 = 0x8000;
const PAGE_READWRITE: u32 = 4;

/// `MEMORY_BASIC_INFORMATION`.
#[repr(C)]
struct Region {
    base: usize,
    allocation: usize,
    protection: [u32; if cfg!(target_pointer_width = "64") {
        2
    } else {
        1
    }],
    bytes: usize,
    state: u32,
    protect: u32,
    kind: u32,
}

#[link(name = "kernel32")]
unsafe extern "system" {
    fn VirtualAlloc(at: *mut u8, bytes: usize, kind: u32, protection: u32) -> *mut u8;
    fn VirtualFree(at: *mut u8, bytes: usize, kind: u32) -> i32;
    fn VirtualQuery(at: *const u8, region: *mut Region, bytes: usize) -> usize;
}

/// `VirtualAlloc`, reserved and committed: zeroed pages for `bytes` bytes.
///
/// # Errors
/// [`FamilyError::TooLarge`] for no bytes and for more than there can be,
/// [`FamilyError::OutOfMemory`] when there is no room.
///
/// ```
/// use freehold_families::win32::virtual_memory as memory;
/// let block = memory::alloc(5000)?;
/// // SAFETY: live, used by nobody.
/// unsafe {
///     assert_eq!(memory::size(block.as_ptr() as usize), Some(8192));
///     memory::free(block.as_ptr() as usize)?;
/// }
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub fn alloc(bytes: usize) -> Result<NonNull<u8>, FamilyError> {
    if bytes == 0 || bytes > isize::MAX as usize {
        return Err(FamilyError::TooLarge {
            family: FAMILY,
            bytes,
        });
    }
    // SAFETY: new pages at an address of the system's choice disturb nobody.
    let block = unsafe { VirtualAlloc(ptr::null_mut(), bytes, RESERVE_COMMIT, PAGE_READWRITE) };
    NonNull::new(block).ok_or(FamilyError::OutOfMemory {
        family: FAMILY,
        bytes,
    })
}

/// `VirtualFree` with `MEM_RELEASE`: the whole block, by its first address.
///
/// # Errors
/// [`FamilyError::UnknownBlock`] where no block begins, as in its middle.
///
/// # Safety
/// `block` belongs to this family; nobody uses it any more.
pub unsafe fn free(block: usize) -> Result<(), FamilyError> {
    // SAFETY: promised by the caller.
    keeping(
        || match unsafe { VirtualFree(block as *mut u8, 0, RELEASE) } {
            0 => Err(FamilyError::UnknownBlock {
                family: FAMILY,
                address: block,
            }),
            _ => Ok(()),
        },
    )
}

/// Bytes of a live block, whole pages: all regions of one allocation.
///
/// # Safety
/// `block` is a live block of this family.
pub unsafe fn size(block: usize) -> Option<usize> {
    let mut at = block;
    loop {
        let mut region = Region {
            base: 0,
            allocation: 0,
            protection: [0; _],
            bytes: 0,
            state: 0,
            protect: 0,
            kind: 0,
        };
        // SAFETY: the system writes one region; any address may be asked about.
        let got = unsafe { VirtualQuery(at as *const u8, &mut region, size_of::<Region>()) };
        if got == 0 || region.allocation != block {
            break;
        }
        at = region.base + region.bytes;
    }
    (at != block).then(|| at - block)
}
