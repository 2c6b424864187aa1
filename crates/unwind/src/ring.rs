//! The words of remembered stacks: chunks of different length, oldest overwritten
//! first.
//!
//! ```text
//! | header | value 0 | value 1 | … | offsets, two to a word | header | …
//! ```
//!
//! In 32-bit programs there are two values to a word, too.
//!
//! A header holds the chunk's length in words (low half) and the number of its
//! owner plus one (high half; zero: nobody's). All zero is an empty ring.

use crate::WORD;

/// Words in the ring.
pub(crate) const WORDS: usize = 64 << 10;

pub(crate) struct Ring {
    words: [u64; WORDS],
    /// Where the next chunk goes.
    head: u32,
    /// Chunks from here to the end of the ring are intact. Never less than `head`.
    intact: u32,
}

/// Values in one word.
const VALUES: usize = size_of::<u64>() / WORD;

/// Words that a chunk for `count` values needs.
const fn chunk_size(count: usize) -> usize {
    1 + count.div_ceil(VALUES) + count.div_ceil(2)
}

impl Ring {
    /// The values of the chunk at `position`, and behind them the offsets.
    ///
    /// # Safety
    ///
    /// `position` and `count` must come from [`put`](Ring::put), the chunk not
    /// overwritten since.
    #[inline(always)]
    pub(crate) unsafe fn chunk(&self, position: u32, count: usize) -> (*const usize, *const i32) {
        // SAFETY: the chunk lies inside the ring.
        let values = unsafe { self.words.as_ptr().add(position as usize) };
        // SAFETY: as above.
        let offsets = unsafe { values.add(count.div_ceil(VALUES)) };
        (values.cast(), offsets.cast())
    }

    /// Gives the chunk at `position` to another owner.
    pub(crate) fn set_owner(&mut self, position: u32, owner: u32) {
        let header = &mut self.words[position as usize - 1];
        *header = *header & u64::from(u32::MAX) | u64::from(owner + 1) << 32;
    }

    /// Stores values and offsets for `owner`, in place of its chunk at `old` if
    /// that is long enough. Calls `evict` for every owner that loses its chunk
    /// to this. Returns the position of the first value.
    pub(crate) fn put(
        &mut self,
        owner: u32,
        old: Option<u32>,
        values: &[usize],
        offsets: &[i32],
        mut evict: impl FnMut(u32),
    ) -> Option<u32> {
        debug_assert_eq!(values.len(), offsets.len());
        let size = chunk_size(values.len());
        if size > WORDS / 4 {
            return None;
        }
        let position = match old {
            Some(old) if (self.words[old as usize - 1] as u32) as usize >= size => old as usize,
            _ => {
                if let Some(old) = old {
                    // Nobody's from now on: its end must not evict the owner.
                    self.words[old as usize - 1] &= u64::from(u32::MAX);
                }
                self.allocate(owner, size, &mut evict) + 1
            }
        };
        for (word, some) in self.words[position..].iter_mut().zip(values.chunks(VALUES)) {
            let high = some.get(1).copied().unwrap_or(0);
            *word = some[0] as u64 | (high as u64) << 32;
        }
        for (word, pair) in self.words[position + values.len().div_ceil(VALUES)..]
            .iter_mut()
            .zip(offsets.chunks(2))
        {
            let high = pair.get(1).copied().unwrap_or(0);
            *word = u64::from(pair[0] as u32) | u64::from(high as u32) << 32;
        }
        Some(position as u32)
    }

    fn allocate(&mut self, owner: u32, size: usize, evict: &mut impl FnMut(u32)) -> usize {
        let (mut head, mut intact) = (self.head as usize, self.intact as usize);
        while intact - head < size {
            if intact == WORDS {
                // The rest is too short: nobody's.
                if head < WORDS {
                    self.words[head] = (WORDS - head) as u64;
                }
                (head, intact) = (0, 0);
                continue;
            }
            let header = self.words[intact];
            if header >> 32 != 0 {
                evict((header >> 32) as u32 - 1);
            }
            // A zero header lies where nothing was ever written: free to the end.
            intact = if header == 0 {
                WORDS
            } else {
                intact + header as u32 as usize
            };
        }
        self.words[head] = size as u64 | u64::from(owner + 1) << 32;
        (self.head, self.intact) = ((head + size) as u32, intact as u32);
        head
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn chunks_last_until_evicted() {
        // SAFETY: all zero is a valid ring.
        let mut ring: std::boxed::Box<Ring> =
            unsafe { std::boxed::Box::new_zeroed().assume_init() };
        let mut live: HashMap<u32, (u32, std::vec::Vec<usize>)> = HashMap::new();
        let mut random = 0x9E37_79B9_7F4A_7C15u64;
        let (mut evictions, mut in_place) = (0, 0);
        for round in 0..200_000u64 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let owner = (random >> 8) as u32 % 1024;
            let count = if random.is_multiple_of(97) {
                300
            } else {
                (random >> 32) as usize % 40
            };
            let values: std::vec::Vec<usize> = (0..count as u64)
                .map(|i| (round << 16 | i) as usize)
                .collect();
            let offsets: std::vec::Vec<i32> = (0..count as i32).map(|i| i - 7).collect();
            let old = live.remove(&owner).map(|e| e.0);
            let position = ring.put(owner, old, &values, &offsets, |gone| {
                evictions += 1;
                live.remove(&gone);
            });
            in_place += usize::from(old.is_some() && position == old);
            live.insert(owner, (position.unwrap(), values));
            if round % 1009 == 0 {
                for (position, values) in live.values() {
                    // SAFETY: positions of chunks that were not evicted.
                    let (v, o) = unsafe { ring.chunk(*position, values.len()) };
                    for (i, value) in values.iter().enumerate() {
                        // SAFETY: inside the chunk.
                        unsafe { assert_eq!((*v.add(i), *o.add(i)), (*value, i as i32 - 7)) };
                    }
                }
            }
        }
        assert!(
            evictions > 10_000 && in_place > 10_000,
            "{evictions} {in_place}"
        );
        assert_eq!(ring.put(0, None, &[0; WORDS], &[0; WORDS], |_| {}), None);
    }
}
