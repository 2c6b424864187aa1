//! From words to the blocks that they point to.
//!
//! A lookup is dependent loads that mostly miss the cache. So each step is
//! taken for many words before the next: the processor then waits for many
//! loads at once. And in a large heap with enough to do, words wait until
//! there are many that point near each other ([`Far`]).
//!
//! [`Far`]: crate::far::Far

use crate::leaf::{Granule, Place};
use crate::mark::{BATCH, Interior, Item, Marker, Near, STRIDE};
use crate::memory::prefetch;
use crate::pages::NONE;

/// With so many blocks left to read, words are set aside from then on...
const PLENTY: usize = if cfg!(test) { 4 } else { 1 << 12 };
/// ... until all blocks are read, and no more words than these are left.
const FEW: usize = if cfg!(test) { 4 } else { 1 << 14 };
/// With fewer blocks and words than these, waiting is all there is to do.
const ALONE: usize = 8;

impl Marker<'_> {
    /// Looks up all words gathered, or sets them aside while there is enough
    /// else to do.
    pub(crate) fn look_up(&mut self) {
        if let Some(own) = self.own {
            self.drop_own(own);
        }
        let gathered = self.gathered.min(BATCH + STRIDE);
        self.gathered = 0;
        self.later |= self.work.len() >= PLENTY;
        if !self.later || self.far.is_none() {
            self.look_up_batch(gathered);
            return;
        }
        self.set_aside = true;
        for i in 0..gathered {
            let word = self.batch[i];
            if let Some(full) = self.far.as_mut().and_then(|far| far.put(word)) {
                self.look_up_region(full);
            }
        }
    }

    /// Looks up what was set aside for some region; whether there was any.
    pub(crate) fn look_up_far(&mut self) -> bool {
        // Nothing else is left to do. Few words are not worth the search.
        if !self.set_aside {
            return false;
        }
        self.later &= self.far.as_ref().is_some_and(|far| far.len() >= FEW);
        let next = self.far.as_ref().and_then(|far| far.next(self.region));
        self.set_aside = next.is_some();
        if let Some(region) = next {
            self.region = region + 1;
            self.look_up_region(region);
        }
        next.is_some()
    }

    fn look_up_region(&mut self, region: usize) {
        while let Some(far) = &mut self.far {
            let count = far.take(region, &mut self.taken);
            if count == 0 {
                return;
            }
            core::mem::swap(&mut self.batch, &mut self.taken);
            self.look_up_batch(count);
            core::mem::swap(&mut self.batch, &mut self.taken);
        }
    }

    /// Looks up the first words of the batch.
    #[inline(never)]
    fn look_up_batch(&mut self, count: usize) {
        let index = self.index;
        // Nothing else to do: as in a list, whose next block is most likely the
        // one that is pointed to.
        if self.work.len() + count < ALONE {
            for &word in &self.batch[..count] {
                prefetch(word as *const u8);
            }
        }
        let mut found = 0;
        for &word in &self.batch[..count] {
            let granule = index.granule(word);
            let place = granule as u64;
            self.near[found] = Near { word, place };
            found += usize::from(!granule.is_null());
            prefetch(granule.cast());
        }
        self.find(found);
    }

    /// Finds the blocks of those words that lie near some, whose granules were
    /// asked for.
    #[inline]
    fn find(&mut self, count: usize) {
        let index = self.index;
        let nested = index.nested();
        let (mut starts, mut others) = (0, 0);
        for i in 0..count {
            let near = self.near[i];
            let Near { word, place } = near;
            // SAFETY: `granule` gave a place in a leaf of the index, which
            // nobody else uses meanwhile.
            let granule = unsafe { &mut *(place as *mut Granule) };
            if !nested && granule.is_start(word) {
                // Whether it is new cannot be predicted, so there is no branch.
                self.near[starts] = near;
                starts += usize::from(granule.reach(word));
                continue;
            }
            let block = match granule.find(word) {
                Place::Start(block) | Place::After(block) => block,
                Place::Open => index.near(word, granule.number),
            };
            if block != NONE {
                let place = u64::from(block);
                self.others[others] = Near { word, place };
                others += 1;
                prefetch(index.entries.as_ptr().wrapping_add(block as usize).cast());
            }
        }
        for i in 0..starts {
            let Near { word, place } = self.near[i];
            let place = place as *const Granule;
            // SAFETY: as above.
            let granule = unsafe { place.read() };
            let block = granule.block(word);
            self.near[i].place = u64::from(block);
            self.marked.ask(block as usize);
            let words = match self.python {
                // Integers of CPython can end within a word.
                Some(_) => 0,
                None => granule.words(word, place.wrapping_add(1)),
            };
            self.batch[i] = match words {
                0 => Item::number(block).0,
                words => Item::words(word, words).0,
            };
        }
        for i in 0..starts {
            if self.marked.set(self.near[i].place as usize) {
                self.push(Item(self.batch[i]));
            }
        }
        for i in 0..others {
            let Near { word, place } = self.others[i];
            let block = index.before(word, place as u32);
            if block != NONE {
                self.points_at(word, block);
            }
        }
    }

    /// `word` points to block `i`, the last that starts at or before it, or to
    /// one around that.
    #[inline]
    fn points_at(&mut self, word: u64, mut i: u32) {
        loop {
            let entry = &self.index.entries[i as usize];
            let start = entry.start();
            if word == start {
                self.mark(i);
            } else if word < entry.end() {
                match self.interior {
                    Interior::Noted => {
                        self.noted.set(i as usize);
                    }
                    Interior::Followed => self.mark(i),
                }
            }
            if !self.index.nested() {
                return;
            }
            i = self.index.parent(i);
            if i == NONE {
                return;
            }
        }
    }
}
