//! Memory for calls that come before the real functions are known: finding
//! them can itself allocate. A few kilobytes, never given back.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicUsize, Ordering};

const SIZE: usize = 64 << 10;
/// Each block is preceded by its length, which `realloc` needs.
const HEAD: usize = 16;

#[repr(align(16))]
struct Arena(UnsafeCell<[u8; SIZE]>);

// SAFETY: each byte is handed out once.
unsafe impl Sync for Arena {}

static ARENA: Arena = Arena(UnsafeCell::new([0; SIZE]));
static USED: AtomicUsize = AtomicUsize::new(0);

/// Zeroed memory, or null when there is no more.
pub(crate) fn allocate(size: usize, align: usize) -> *mut u8 {
    let align = align.max(16);
    let Some(room) = size.checked_add(HEAD + align) else {
        return core::ptr::null_mut();
    };
    // Relaxed: the range is unique.
    let start = USED.fetch_add(room, Ordering::Relaxed);
    if start.saturating_add(room) > SIZE {
        return core::ptr::null_mut();
    }
    let base = ARENA.0.get() as usize;
    let at = (base + start + HEAD).next_multiple_of(align);
    // SAFETY: the head lies in the range that was just taken.
    unsafe { ((at - HEAD) as *mut usize).write(size) };
    at as *mut u8
}

/// Whether `block` came from here.
pub(crate) fn owns(block: *const u8) -> bool {
    (block as usize).wrapping_sub(ARENA.0.get() as usize) < SIZE
}

/// The size of a block of ours.
///
/// # Safety
/// [`owns`] the block.
pub(crate) unsafe fn size(block: *const u8) -> usize {
    // SAFETY: every block has a head.
    unsafe { ((block as usize - HEAD) as *const usize).read() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_aligned_apart_and_known() {
        let a = allocate(100, 8);
        let b = allocate(10, 256);
        assert!((a as usize).is_multiple_of(16) && (b as usize).is_multiple_of(256));
        assert!(b as usize >= a as usize + 100);
        assert!(owns(a) && owns(b) && !owns(core::ptr::null()));
        // SAFETY: both are ours.
        unsafe { assert_eq!((size(a), size(b)), (100, 10)) };
        assert!(allocate(SIZE, 16).is_null());
        assert!(allocate(usize::MAX, 16).is_null());
    }
}
