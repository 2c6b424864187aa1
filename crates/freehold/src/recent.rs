//! Blocks that were released a short while ago: who allocated and who released
//! them, so that a second release can say so. Bounded: a block is forgotten when
//! four others with the same hash are released.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::contract::Block;

/// Blocks that are remembered under one hash.
const WAYS: usize = 4;
/// Hashes, as a number of bits.
const HASH_BITS: u32 = 10;

/// One released block. Zeroed bytes are none.
struct Entry {
    /// Even when the rest is whole, odd while it is written.
    version: AtomicU32,
    released: AtomicU32,
    /// Inverted: to a search of memory for pointers, a later block at the address
    /// must not count as known here.
    address: AtomicU64,
    size: AtomicU64,
    /// Stack in the lower half, tag above, family above that.
    what: AtomicU64,
}

struct Table([[Entry; WAYS]; 1 << HASH_BITS]);

static TABLE: Table = Table::NEW;

/// What is remembered of a released block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Released {
    /// The block as it was.
    pub(crate) block: Block,
    /// Number of the stack that released it.
    pub(crate) stack: u32,
}

/// Notes that a block was released by this stack.
pub(crate) fn note(block: &Block, stack: u32) {
    TABLE.note(block, stack);
}

/// The address was handed out again.
pub(crate) fn forget(address: u64) {
    if find(address).is_some() {
        // As if a block at no address had been released there last.
        let nothing = Block {
            address,
            ..Block::default()
        };
        note(&nothing, 0);
    }
}

/// What is remembered of the block that was released at `address`.
pub(crate) fn find(address: u64) -> Option<Released> {
    TABLE.find(address)
}

impl Table {
    #[expect(
        clippy::declare_interior_mutable_const,
        reason = "to begin tables with, each its own"
    )]
    const NEW: Self = Self(
        [const {
            [const {
                Entry {
                    version: AtomicU32::new(0),
                    released: AtomicU32::new(0),
                    address: AtomicU64::new(0),
                    size: AtomicU64::new(0),
                    what: AtomicU64::new(0),
                }
            }; WAYS]
        }; 1 << HASH_BITS],
    );

    /// The entries that may tell of an address.
    fn entries(&self, address: u64) -> &[Entry; WAYS] {
        // Some families' blocks begin eight bytes after others': both may be
        // remembered.
        let hash = (address >> 3).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - HASH_BITS);
        &self.0[hash as usize]
    }

    /// The entry that tells of an address, or else the one that was written least
    /// often: the others with its hash are younger.
    fn entry_for(&self, address: u64) -> &Entry {
        let entries = self.entries(address);
        // Relaxed, both: whoever finds another entry than this one only forgets sooner.
        let known = entries
            .iter()
            .find(|entry| entry.address.load(Ordering::Relaxed) == !address);
        known.unwrap_or_else(|| {
            let first = &entries[0];
            entries[1..].iter().fold(first, |oldest, entry| {
                let ahead = (entry.version.load(Ordering::Relaxed))
                    .wrapping_sub(oldest.version.load(Ordering::Relaxed));
                // Versions wrap around.
                if (ahead as i32) < 0 { entry } else { oldest }
            })
        })
    }

    fn note(&self, block: &Block, stack: u32) {
        let entry = self.entry_for(block.address);
        let version = entry.version.load(Ordering::Relaxed);
        let order = (Ordering::Acquire, Ordering::Relaxed);
        // Acquire: the fields are written after it. Somebody else who is writing
        // here wins: one of the two must be forgotten anyway.
        if version & 1 != 0
            || entry
                .version
                .compare_exchange(version, version.wrapping_add(1), order.0, order.1)
                .is_err()
        {
            return;
        }
        let what =
            u64::from(block.stack) | u64::from(block.tag) << 32 | u64::from(block.family) << 48;
        entry.address.store(!block.address, Ordering::Release);
        entry.size.store(block.size, Ordering::Release);
        entry.what.store(what, Ordering::Release);
        entry.released.store(stack, Ordering::Release);
        // Release: the fields are whole.
        entry
            .version
            .store(version.wrapping_add(2), Ordering::Release);
    }

    fn find(&self, address: u64) -> Option<Released> {
        self.entries(address)
            .iter()
            .filter_map(Entry::read)
            .find(|found| found.block.address == address && found.block.family != 0)
    }
}

impl Entry {
    /// What it says, when nobody writes it at this moment.
    fn read(&self) -> Option<Released> {
        // Acquire, all: none of these loads may come after the second look at the
        // version, nor before the first.
        let version = self.version.load(Ordering::Acquire);
        let what = self.what.load(Ordering::Acquire);
        let found = Released {
            block: Block {
                address: !self.address.load(Ordering::Acquire),
                size: self.size.load(Ordering::Acquire),
                stack: what as u32,
                tag: (what >> 32) as u16,
                family: (what >> 48) as u8,
                ..Block::default()
            },
            stack: self.released.load(Ordering::Acquire),
        };
        let whole = version & 1 == 0 && version == self.version.load(Ordering::Relaxed);
        whole.then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_release_of_an_address_is_remembered() {
        let block = |address, size| Block {
            address,
            size,
            stack: 7,
            tag: 9,
            family: 1,
            ..Block::default()
        };
        note(&block(0x4000_0010, 1), 3);
        note(&block(0x4000_0010, 2), 4);
        let found = find(0x4000_0010).expect("noted");
        assert_eq!((found.block, found.stack), (block(0x4000_0010, 2), 4));
        assert_eq!(find(0x4000_0020), None);
        assert_eq!(find(0), None);
        forget(0x4000_0010);
        assert_eq!(find(0x4000_0010), None);
    }

    #[test]
    fn a_released_block_outlives_three_with_its_hash() {
        static TABLE: Table = Table::NEW;
        let first = 0x6000_0010;
        let same: Vec<u64> = (first..)
            .step_by(8)
            .filter(|&address| std::ptr::eq(TABLE.entries(address), TABLE.entries(first)))
            .take(WAYS + 1)
            .collect();
        for (i, &address) in same.iter().enumerate() {
            let block = Block {
                address,
                family: 1,
                ..Block::default()
            };
            // Twice, as a place that is used again: it takes no other's entry.
            TABLE.note(&block, 1);
            TABLE.note(&block, 2);
            let left = same.iter().filter(|&&at| TABLE.find(at).is_some());
            assert_eq!(left.count(), (i + 1).min(WAYS));
        }
        assert_eq!(TABLE.find(first), None);
    }

    #[test]
    fn writers_at_the_same_place_leave_whole_entries() {
        let writers: Vec<_> = (1..=4u32)
            .map(|i| {
                std::thread::spawn(move || {
                    for _ in 0..20_000 {
                        let block = Block {
                            address: 0x5000_0010,
                            size: i.into(),
                            stack: i,
                            family: 1,
                            ..Block::default()
                        };
                        note(&block, i);
                        if let Some(found) = find(0x5000_0010) {
                            assert_eq!(found.block.size, u64::from(found.stack));
                            assert_eq!(found.block.stack, found.stack);
                        }
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().expect("whole");
        }
    }
}
