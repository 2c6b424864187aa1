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
pub(crate) const LEAF_BYTES: usize = GRANULES * 8 + 2 * (LEAF_PAGES / 8);

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
        Words(leaf.0 + GRANULES as u64 * 8)
    }

    pub(crate) fn tombs(leaf: Leaf) -> Words {
        Words(leaf.0 + GRANULES as u64 * 8 + LEAF_PAGES as u64 / 8)
    }

    pub(crate) fn get(&self, page: usize) -> bool {
        // SAFETY: `page < LEAF_PAGES`, so the byte is within the leaf.
        unsafe { *(self.0 as *const u8).add(page / 8) >> (page % 8) & 1 != 0 }
    }

    pub(crate) fn set(&mut self, page: usize) {
        // SAFETY: as for `get`; nobody else uses the leaf meanwhile.
        unsafe { *(self.0 as *mut u8).add(page / 8) |= 1 << (page % 8) };
    }

    fn place(&self, address: u64) -> *mut Granule {
        let granule = (address >> GRANULE_BITS) as usize & (GRANULES - 1);
        (self.0 as *mut Granule).wrapping_add(granule)
    }

    /// Block `i` starts at `address`; the first in a granule is kept.
    pub(crate) fn start_here(&mut self, address: u64, i: u32, entries: &[Entry]) {
        // SAFETY: the place is within the leaf, and zeroes are a granule.
        let granule = unsafe { &mut *self.place(address) };
        let started = granule.number != 0 && {
            let other = entries[granule.number as usize - 1].start();
            other >> GRANULE_BITS == address >> GRANULE_BITS
        };
        let bit = if address.is_multiple_of(8) {
            Granule::bit(address)
        } else {
            0
        };
        if !started {
            *granule = Granule {
                number: i + 1,
                starts: bit,
            };
        } else if bit == 0 || granule.starts & bit != 0 {
            granule.starts = 0;
        } else if granule.starts != 0 {
            granule.starts |= bit;
        }
    }

    /// Block `i` covers the start of the granule; no block starts there yet,
    /// because blocks come in order.
    pub(crate) fn cover(&mut self, address: u64, i: u32) {
        // SAFETY: the place is within the leaf.
        unsafe {
            *self.place(address) = Granule {
                number: i + 1,
                starts: 0,
            };
        }
    }
}

/// What is known about 256 bytes of addresses.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Granule {
    /// One more than the first block that starts here, or else than a block
    /// that covers the granule; 0 for none.
    pub(crate) number: u32,
    /// Bit `n`: a block starts `8 * n` bytes in. No bits at all when that does
    /// not tell everything: a start that is not aligned, or two at one address.
    starts: u32,
}

/// Where a word points to.
pub(crate) enum Place {
    /// To the start of this block.
    Start(u32),
    /// Not to a start; this is the last block before, if any.
    After(u32),
    /// The granule does not tell.
    Open,
}

impl Granule {
    fn bit(address: u64) -> u32 {
        1 << (address >> 3 & 31)
    }

    /// Finds `word`, which is in this granule.
    #[inline]
    pub(crate) fn find(self, word: u64) -> Place {
        if self.starts == 0 {
            return Place::Open;
        }
        let bit = Granule::bit(word);
        let earlier = (self.starts & (bit - 1)).count_ones();
        let here = self.starts & bit != 0;
        if here && word.is_multiple_of(8) {
            return Place::Start(self.number - 1 + earlier);
        }
        // Without any before, it is the block in front of the first, which for
        // block 0 wraps to none.
        let count = earlier + u32::from(here);
        Place::After(self.number.wrapping_sub(2).wrapping_add(count))
    }
}
