//! What stands for a handle in a ledger, whose index knows addresses of blocks
//! only.
//!
//! Handles are small numbers, the same in several families, and no addresses. A
//! range of address space is reserved once, in which nothing will ever lie; each
//! handle has a place of its own in it, so that no block can be taken for one and
//! no handle for a block.
//!
//! 32-bit programs have no room for that: there handles cannot be told.
//!
//! Only the lower 32 bits of a handle count ("Interprocess Communication Between
//! 32-bit and 64-bit Applications"), and there are three sorts whose numbers have
//! nothing to do with each other: those of kernel objects, of GDI and of USER.
//!
//! ```
//! use freehold_families::{Family, resource};
//! // A menu and a pen may have the same number, and still are two things.
//! let menu = resource::key(Family::Menu, 0x30_0007).expect("room");
//! let pen = resource::key(Family::GdiObject, 0x30_0007).expect("room");
//! assert_ne!(menu, pen);
//! assert_eq!(resource::handle(menu), resource::handle(pen));
//! ```

use std::sync::OnceLock;

use crate::Family;

/// Places of one sort: eight bytes for each handle, as the index has it.
const SORT: u64 = 8 << 32;
const SORTS: u64 = 3;

/// Which numbers a family's handles are; `None` when it has none.
fn sort(family: Family) -> Option<u64> {
    match family {
        Family::Handle | Family::RegKey => Some(0),
        Family::GdiObject | Family::GdiDc => Some(1),
        Family::Window | Family::Menu | Family::Icon | Family::Cursor | Family::Accelerators => {
            Some(2)
        }
        _ => None,
    }
}

/// The first byte of the range; `None` when the system has no room for it, as in
/// 32-bit programs, which have no addresses to spare for all the numbers.
fn range() -> Option<u64> {
    static RANGE: OnceLock<Option<u64>> = OnceLock::new();
    *RANGE.get_or_init(|| {
        let bytes = usize::try_from(SORT * SORTS).ok()?;
        reserve(bytes).map(|at| at as u64)
    })
}

/// The address that stands for a handle: a multiple of 8, never that of a block.
/// `None` when the family has no handles, or the system no room.
///
/// ```
/// use freehold_families::{Family, resource};
/// let key = resource::key(Family::Menu, 0x1_0042).expect("room");
/// assert_eq!(resource::handle(key), Some(0x1_0042));
/// assert_ne!(resource::key(Family::GdiObject, 0x1_0042), Some(key));
/// ```
pub fn key(family: Family, handle: usize) -> Option<u64> {
    let sort = sort(family)?;
    Some(range()? + sort * SORT + u64::from(spread(handle as u32, sort)) * 8)
}

/// The handle that an address stands for; `None` when it stands for none.
///
/// ```
/// use freehold_families::{Family, resource};
/// let key = resource::key(Family::RegKey, 0x1a4).expect("room");
/// assert_eq!(resource::handle(key), Some(0x1a4));
/// let block = Box::new(0);
/// assert_eq!(resource::handle(&raw const *block as u64), None);
/// ```
pub fn handle(key: u64) -> Option<usize> {
    let place = key.checked_sub(range()?)?;
    let sort = place / SORT;
    (sort < SORTS && place % 8 == 0).then(|| spread((place % SORT / 8) as u32, sort) as usize)
}

/// Handles of GDI and USER count up in their lower half and have anything in their
/// upper one: exchanged, those that live together lie together. Its own reverse.
fn spread(handle: u32, sort: u64) -> u32 {
    match sort {
        0 => handle,
        _ => handle.rotate_left(16),
    }
}

#[cfg(windows)]
fn reserve(bytes: usize) -> Option<usize> {
    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn VirtualAlloc(at: *mut u8, bytes: usize, kind: u32, protection: u32) -> *mut u8;
    }
    const MEM_RESERVE: u32 = 0x2000;
    const PAGE_NOACCESS: u32 = 1;
    // SAFETY: a new range at an address of the system's choice disturbs nobody.
    let at = unsafe { VirtualAlloc(core::ptr::null_mut(), bytes, MEM_RESERVE, PAGE_NOACCESS) };
    (!at.is_null()).then_some(at as usize)
}

#[cfg(unix)]
fn reserve(bytes: usize) -> Option<usize> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    let none = core::ptr::null_mut();
    // SAFETY: a new range at an address of the system's choice disturbs nobody.
    let at = unsafe { libc::mmap(none, bytes, libc::PROT_NONE, flags, -1, 0) };
    (at != libc::MAP_FAILED).then_some(at as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn keys_are_unique_and_lead_back() {
        if usize::BITS == 32 {
            assert_eq!(key(Family::Handle, 4), None, "there is no room");
            return;
        }
        let mut seen = HashSet::new();
        let families = [Family::Handle, Family::GdiObject, Family::Menu];
        for family in families {
            for handle in [0usize, 4, 0x44, 0x1_0000, 0x0a05_0013, 0xffff_ffff] {
                let key = key(family, handle).expect("room");
                assert!(seen.insert(key), "{family:?} {handle:x}");
                assert_eq!(key % 8, 0);
                assert_eq!(super::handle(key), Some(handle));
            }
        }
        assert_eq!(key(Family::RegKey, 4), key(Family::Handle, 4));
        assert_eq!(key(Family::Malloc, 4), None);
        let block = Box::new(0u64);
        assert_eq!(handle(&raw const *block as u64), None);
        assert_eq!(handle(range().unwrap() + SORT * SORTS), None);
    }

    #[test]
    fn what_has_handles_has_keys() {
        for info in crate::all() {
            let has = info.kind == crate::Kind::Handle;
            assert_eq!(sort(info.family).is_some(), has, "{:?}", info.family);
        }
    }
}
