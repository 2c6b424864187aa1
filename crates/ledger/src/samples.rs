//! Which addresses may be those of samples: a counting filter.
//!
//! When blocks are sampled, nearly every release is of a block that was not
//! recorded. To find that in the index costs two or three cache misses in a
//! large heap; here it is one look into 32 KiB.

use core::sync::atomic::{AtomicU8, Ordering};

const BITS: u32 = 15;

/// A counter for all addresses with the same hash. Zeroed bytes are an empty
/// filter; pages of it that are not needed stay untouched.
#[repr(C)]
pub(crate) struct Samples([AtomicU8; 1 << BITS]);

impl Samples {
    #[inline(always)]
    fn counter(&self, address: u64) -> &AtomicU8 {
        let hash = (address >> 3).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - BITS);
        &self.0[hash as usize]
    }

    /// Call before anybody can release the block.
    pub(crate) fn add(&self, address: u64) {
        self.change(address, |count| count.checked_add(1));
    }

    /// Call after the block was taken out of the index.
    pub(crate) fn remove(&self, address: u64) {
        // Once full, a counter no longer knows its number and stays.
        self.change(address, |count| {
            (count != u8::MAX).then(|| count.saturating_sub(1))
        });
    }

    fn change(&self, address: u64, to: impl FnMut(u8) -> Option<u8>) {
        // Relaxed: who releases a block has been given it by whoever allocated
        // it, which orders the two.
        let order = Ordering::Relaxed;
        let _ = self.counter(address).fetch_update(order, order, to);
    }

    /// False when no sample has this address.
    #[inline(always)]
    pub(crate) fn may_have(&self, address: u64) -> bool {
        self.counter(address).load(Ordering::Relaxed) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_never_denied() {
        // SAFETY: zeroed bytes are an empty filter.
        let samples: Box<Samples> = unsafe { Box::new_zeroed().assume_init() };
        let address = |i: u64| 0x7f00_0000_0000 + i * 48;
        for i in 0..100_000 {
            samples.add(address(i));
        }
        for i in 0..50_000 {
            samples.remove(address(i));
        }
        assert!((50_000..100_000).all(|i| samples.may_have(address(i))));
        // Far more than a filter of this size is for: none of them is full.
        for i in 50_000..100_000 {
            samples.remove(address(i));
        }
        assert!((0..100_000).all(|i| !samples.may_have(address(i))));
    }

    #[test]
    fn a_full_counter_stays() {
        // SAFETY: zeroed bytes are an empty filter.
        let samples: Box<Samples> = unsafe { Box::new_zeroed().assume_init() };
        for _ in 0..300 {
            samples.add(64);
        }
        for _ in 0..300 {
            samples.remove(64);
        }
        assert!(samples.may_have(64));
    }
}
