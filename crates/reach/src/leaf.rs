//! The tables for one gigabyte of addresses.

use crate::memory::PAGE;
use crate::pages::Entry;

/// One leaf covers this many bits.
pub(crate) const LEAF_BITS: u32 = 30;
pub(crate) const GRANULE_BITS: u32 = 8;
pub(crate) const GRANULES: usize = 1 << (LEAF_BITS - GRANULE_BITS);
pub(crate) const LEAF_PAGES: usize = 1 << (LEAF_BITS - PAGE.trailing_zeros());

/// A leaf's parts: granules, pages that allocators use, pages with one
/// tombstone.
pub(crate) const LEAF_BYTES: usize = GRANULES * 4 + 2 * (LEAF_PAGES / 8);

/// Address of a leaf, which lives as long as its index.
#[derive(Clone, Copy)]
pub(crate) struct Leaf(pub(crate) u64);

pub(crate) fn page_of(address: u64) -> usize {
    (address >> PAGE.trailing_zeros()) as usize & (LEAF_PAGES - 1)
}

/// One part of a leaf.
pub(crate) struct Words(u64);

impl Words {
    pub(crate) fn granules(leaf: Leaf) -> Words {
        Words(leaf.0)
    }

    pub(crate) fn pages(leaf: Leaf) -> Words {
        Words(leaf.0 + GRANULES as u64 * 4)
    }

    pub(crate) fn tombs(leaf: Leaf) -> Words {
        Words(leaf.0 + GRANULES as u64 * 4 + LEAF_PAGES as u64 / 8)
    }

    pub(crate) fn get(&self, page: usize) -> bool {
        // SAFETY: `page < LEAF_PAGES`, so the byte is within the leaf.
        unsafe { *(self.0 as *const u8).add(page / 8) >> (page % 8) & 1 != 0 }
    }

    pub(crate) fn set(&mut self, page: usize) {
        // SAFETY: as for `get`; nobody else uses the leaf meanwhile.
        unsafe { *(self.0 as *mut u8).add(page / 8) |= 1 << (page % 8) };
    }

    fn place(&self, address: u64) -> *mut u32 {
        let granule = (address >> GRANULE_BITS) as usize & (GRANULES - 1);
        (self.0 as *mut u32).wrapping_add(granule)
    }

    /// Block `i` starts at `address`; the first in a granule is kept.
    pub(crate) fn start_here(&mut self, address: u64, i: u32, entries: &[Entry]) {
        let place = self.place(address);
        // SAFETY: the place is within the leaf.
        let number = unsafe { *place };
        let starts = number != 0 && {
            let other = entries[number as usize - 1].start();
            other >> GRANULE_BITS == address >> GRANULE_BITS
        };
        if !starts {
            // SAFETY: as above.
            unsafe { *place = i + 1 };
        }
    }

    /// Block `i` covers the start of the granule; no block starts there yet,
    /// because blocks come in order.
    pub(crate) fn cover(&mut self, address: u64, i: u32) {
        // SAFETY: the place is within the leaf.
        unsafe { *self.place(address) = i + 1 };
    }
}
