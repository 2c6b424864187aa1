//! Words that are looked up later, together with others that point near.
//!
//! In a heap of small blocks that point to each other at random, each word
//! would cost a miss in the cache for its granule and one for the block. Words
//! that are sorted into a few hundred regions cost neither: what is looked up
//! and read at a time lies close together. It is not known here what the words
//! are, nor what their blocks are.

use crate::Error;
use crate::memory::List;

/// Regions.
const REGIONS: usize = 1 << REGION_BITS;
const REGION_BITS: u32 = 10;
/// Words of each region.
const ROOM: usize = if cfg!(test) { 16 } else { 4096 };
/// From this many bytes of blocks on it is worth the work. The small worlds of
/// tests shall go this way too.
const FROM: u64 = if cfg!(test) { 4 << 10 } else { 256 << 20 };
/// A region is not smaller than this many bits of address.
const LEAST_BITS: u32 = 18;

/// The words set aside.
pub(crate) struct Far {
    words: List<u64>,
    counts: List<u32>,
    shift: u32,
}

impl Far {
    /// For so many bytes of blocks; nothing when they are few.
    pub(crate) fn new(bytes: u64) -> Result<Option<Far>, Error> {
        if bytes < FROM {
            return Ok(None);
        }
        // Regions at the same place modulo the size of all share their room,
        // which does no harm.
        let shift = bytes.ilog2().saturating_sub(REGION_BITS).max(LEAST_BITS);
        Ok(Some(Far {
            words: List::zeroed(REGIONS * ROOM)?,
            counts: List::zeroed(REGIONS)?,
            shift,
        }))
    }

    /// Sets a word aside. The region that is full with it, if one is.
    #[inline]
    pub(crate) fn put(&mut self, word: u64) -> Option<usize> {
        let region = (word >> self.shift) as usize & (REGIONS - 1);
        let count = &mut self.counts[region];
        // Full regions are taken before more is put there.
        let at = *count as usize & (ROOM - 1);
        *count = at as u32 + 1;
        self.words[region * ROOM + at] = word;
        (at + 1 == ROOM).then_some(region)
    }

    /// Takes words of a region, as many as fit; how many that were.
    pub(crate) fn take(&mut self, region: usize, into: &mut [u64]) -> usize {
        let count = self.counts[region] as usize;
        let left = count.saturating_sub(into.len());
        let words = &self.words[region * ROOM..][left..count];
        into[..words.len()].copy_from_slice(words);
        self.counts[region] = left as u32;
        count - left
    }

    /// How many words are set aside.
    pub(crate) fn len(&self) -> usize {
        self.counts.iter().map(|&count| count as usize).sum()
    }

    /// Some region with words, searched from `after` on, round; none when all
    /// are taken.
    pub(crate) fn next(&self, after: usize) -> Option<usize> {
        (0..REGIONS)
            .map(|i| (after + i) % REGIONS)
            .find(|&region| self.counts[region] > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_every_word_once() {
        assert!(Far::new(FROM - 1).unwrap().is_none());
        let mut far = Far::new(1 << 30).unwrap().unwrap();
        let mut wanted = Vec::new();
        let mut got = Vec::new();
        let mut buffer = [0; 100];
        for i in 0..20_000u64 {
            // Half of them in one region, which becomes full.
            let word = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> if i % 2 == 0 { 17 } else { 44 };
            wanted.push(word);
            if let Some(full) = far.put(word) {
                while let n @ 1.. = far.take(full, &mut buffer) {
                    got.extend_from_slice(&buffer[..n]);
                }
            }
        }
        assert!(got.len() >= ROOM && got.len() < wanted.len());
        while let Some(region) = far.next(3) {
            let count = far.take(region, &mut buffer);
            got.extend_from_slice(&buffer[..count]);
        }
        wanted.sort_unstable();
        got.sort_unstable();
        assert!(wanted == got);
    }
}
