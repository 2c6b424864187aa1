//! The writer's side of misuses: what is still known of a block that is gone,
//! which block an address lies in, and the table of what went wrong.
//!
//! What is not here: when a release is a misuse, and what then becomes of it.

use crate::fast::MAX_SMALL;
use crate::format::{
    Called, Family, Ground, MAX_MISUSES, MisuseEntry, MisuseKind, OnMisuse, REGION_BITS, Record,
    Section, Slot, UNIT_BITS,
};
use crate::index::Space;
use crate::primitive::Ordering;
use crate::records;
use crate::space::Memory;
use crate::thread_log::can_index;
use crate::writer::Ledger;

/// What the record of a released block still tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone {
    /// The stack that allocated it, 0 for none.
    pub stack: u32,
    /// Its family.
    pub family: Family,
    /// Where the function that released it returned to, 0 when unknown.
    pub site: u64,
}

/// A misuse to be noted.
#[derive(Clone, Copy, Debug)]
pub struct Misuse {
    /// What was wrong.
    pub kind: MisuseKind,
    /// The function.
    pub called: Called,
    /// The address that it was given.
    pub address: u64,
    /// The family of the block.
    pub family: Family,
    /// What an address without a block belongs to.
    pub ground: Ground,
    /// Bytes of the block, 0 when unknown.
    pub size: u64,
    /// See [`MisuseEntry::offset`].
    pub offset: u64,
    /// The stack that allocated the block, 0 when unknown.
    pub allocated: u32,
    /// The stack of its first release, 0 when unknown.
    pub released: u32,
    /// Where its first release returned to, 0 when unknown.
    pub released_site: u64,
    /// The stack of the misuse.
    pub here: u32,
    /// The number of the thread.
    pub thread: u32,
}

impl Misuse {
    fn what(&self) -> u32 {
        self.kind as u32
            | (self.called as u32) << 8
            | (self.family as u32) << 16
            | (self.ground as u32) << 24
    }

    fn is_like(&self, entry: &MisuseEntry) -> bool {
        // Acquire: pairs with `note_misuse`, which sets it last.
        entry.ready.load(Ordering::Acquire) == 1
            && entry.what.load(Ordering::Relaxed) == self.what()
            && entry.here.load(Ordering::Relaxed) == self.here
            && entry.allocated.load(Ordering::Relaxed) == self.allocated
            && entry.released.load(Ordering::Relaxed) == self.released
            && entry.released_site.load(Ordering::Relaxed) == self.released_site
    }
}

impl Memory {
    /// What is still known of the block whose tombstone this is.
    pub(crate) fn gone(&self, tombstone: Slot) -> Option<Gone> {
        // SAFETY: the slot was in the index, so it names a record.
        let words = unsafe { records::words_of(self, tombstone.record()) };
        records::gone(words, tombstone.generation())
    }
}

impl Ledger {
    /// Whether the ledger has seen every allocation and release so far. Only then
    /// a release of what it knows to be released is surely a double one.
    pub fn is_complete(&self) -> bool {
        let header = self.memory.header();
        // Relaxed: a drop by another thread a moment ago is as good as one now.
        self.memory.session().sample_bytes.load(Ordering::Relaxed) == 0
            && header.dropped_records.load(Ordering::Relaxed) == 0
    }

    /// What shall become of misuses.
    pub fn on_misuse(&self) -> OnMisuse {
        // Relaxed: the launcher set it before the process began.
        let word = &self.memory.session().on_misuse;
        OnMisuse::from_number(word.load(Ordering::Relaxed))
    }

    /// The live block that `address` lies in, and where that begins.
    pub fn block_around(&self, address: u64) -> Option<(u64, Record)> {
        // Relaxed: a hint of how far before it the block may begin.
        let largest = self.memory.header().largest_bytes.load(Ordering::Relaxed);
        let lowest = address.saturating_sub(largest.max(MAX_SMALL));
        let mut region = address >> REGION_BITS;
        while region >= lowest >> REGION_BITS {
            if let Some(found) = self.last_block_until(region, address) {
                let (start, record) = found;
                return (address - start < record.size.max(1)).then_some(found);
            }
            region = region.checked_sub(1)?;
        }
        None
    }

    /// The live block of a region with the highest address up to `limit`.
    fn last_block_until(&self, region: u64, limit: u64) -> Option<(u64, Record)> {
        let start = region << REGION_BITS;
        if !can_index(start) {
            return None;
        }
        // Acquire: pairs with whoever made the segment.
        let entry = self.memory.entry(start)?.load(Ordering::Acquire);
        let segment = crate::format::SegmentRef(entry);
        if segment == crate::format::SegmentRef::NONE {
            return None;
        }
        let slots = self.memory.slots(segment).iter();
        let live = slots
            // Acquire: the record was written before the slot.
            .map(|slot| Slot(slot.load(Ordering::Acquire) & !Slot::FROZEN))
            .filter(|slot| slot.is_live())
            .map(|slot| (start + (u64::from(slot.offset()) << UNIT_BITS), slot))
            .filter(|(at, _)| *at <= limit);
        let (at, slot) = live.max_by_key(|(at, _)| *at)?;
        Some((at, self.memory.record(slot)))
    }

    /// Notes a misuse: counts it, and keeps what is known of it unless there are
    /// too many.
    pub fn note_misuse(&self, misuse: &Misuse) {
        let header = self.memory.header();
        header.misuses.fetch_add(1, Ordering::Relaxed);
        let count = header.misuse_entries.load(Ordering::Acquire);
        let known = (0..count.min(MAX_MISUSES as u32)).map(|number| self.misuse(number));
        if let Some(entry) = known.into_iter().find(|entry| misuse.is_like(entry)) {
            entry.count.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if count >= MAX_MISUSES as u32 {
            return;
        }
        let bytes = size_of::<MisuseEntry>() as u64;
        let section = Section::Misuses;
        let Some(number) = self.memory.take(section, &header.misuse_entries, 1, bytes) else {
            return;
        };
        let entry = self.misuse(number);
        // Relaxed: `ready` publishes them.
        entry.what.store(misuse.what(), Ordering::Relaxed);
        entry.address.store(misuse.address, Ordering::Relaxed);
        entry.size.store(misuse.size, Ordering::Relaxed);
        entry.offset.store(misuse.offset, Ordering::Relaxed);
        entry.allocated.store(misuse.allocated, Ordering::Relaxed);
        entry.released.store(misuse.released, Ordering::Relaxed);
        let site = misuse.released_site;
        entry.released_site.store(site, Ordering::Relaxed);
        entry.here.store(misuse.here, Ordering::Relaxed);
        entry.thread.store(misuse.thread, Ordering::Relaxed);
        entry.time_ms.store(self.now_ms(), Ordering::Relaxed);
        entry.count.store(1, Ordering::Relaxed);
        entry.ready.store(1, Ordering::Release);
    }

    fn misuse(&self, number: u32) -> &MisuseEntry {
        let at = u64::from(number) * size_of::<MisuseEntry>() as u64;
        // SAFETY: numbers below the count are committed; made of atomics.
        unsafe { &*self.memory.at(Section::Misuses, at).cast::<MisuseEntry>() }
    }
}
