//! The stacks of the last releases, so that a second release can be told with the
//! whole stack of the first. Bounded: a release forgets another one with the same
//! hash.
//!
//! What is not here: the caller of the first release, which the record of the block
//! keeps as long as it is not used anew.

use core::sync::atomic::{AtomicU64, Ordering};

/// Releases that are kept.
const ENTRIES: usize = 1 << 16;

/// The releases. Zeroed bytes are none.
#[repr(C)]
pub(crate) struct Releases {
    /// Upper half: the rest of the hash of an address; lower half: a stack.
    words: [AtomicU64; ENTRIES],
}

impl Releases {
    /// Notes that the block at `address` was released by this stack.
    pub(crate) fn note(&self, address: u64, stack: u32) {
        let hash = hash(address);
        // Relaxed, here and below: address and stack are one word.
        self.place(hash)
            .store(hash << 32 | u64::from(stack), Ordering::Relaxed);
    }

    /// The stack that released the block at `address` last, as far as it is kept; 0
    /// when it is not.
    pub(crate) fn find(&self, address: u64) -> u32 {
        let hash = hash(address);
        let word = self.place(hash).load(Ordering::Relaxed);
        match word >> 32 == hash & 0xffff_ffff {
            true => word as u32,
            false => 0,
        }
    }

    fn place(&self, hash: u64) -> &AtomicU64 {
        &self.words[(hash >> 32) as usize % ENTRIES]
    }
}

/// A hash that is different for each address: its upper 16 bits are the place, and
/// the other 32 tell apart what has the same place, of the
/// 48 bits that an address has.
fn hash(address: u64) -> u64 {
    // An odd factor is a permutation of the words of 48 bits.
    address.wrapping_mul(0x9e37_79b9_7f4b) & 0xffff_ffff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_release_of_an_address_is_found_and_no_other() {
        // SAFETY: zeroed bytes are none.
        let releases: Box<Releases> = unsafe { Box::new_zeroed().assume_init() };
        let address = |i: u64| 0x7f12_3456_0000 + i * 16;
        for i in 0..200_000u32 {
            releases.note(address(i.into()), i + 1);
            assert_eq!(releases.find(address(i.into())), i + 1);
        }
        let kept = (0..200_000u32).filter(|i| match releases.find(address((*i).into())) {
            0 => false,
            stack => {
                assert_eq!(stack, i + 1);
                true
            }
        });
        // Most places are in use by now.
        let kept = kept.count();
        assert!((ENTRIES / 2..=ENTRIES).contains(&kept), "{kept}");
        assert_eq!(releases.find(address(300_000)), 0);
    }
}
