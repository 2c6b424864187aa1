//! The usual case of an event, in line: the block's region has a segment with
//! room, the thread has a free record, the time is kept, and no sum crosses a
//! step.
//!
//! Each function here either does what its namesake in `thread_log` does, or
//! nothing at all, and says which. So a hook needs no other code in its straight
//! line, and can leave everything rare to a call at its end.

use core::sync::atomic::AtomicPtr;

use crate::format::{
    Clock, Family, MAX_SIZE, MAX_THREAD, Owner, RECORD_BYTES, Record, Section, SegmentRef, Slot,
    WINDOW_BITS,
};
use crate::index::{self, Place, home, is_vacant_home, offset_of, region_of};
use crate::primitive::{AtomicU64, Ordering};
use crate::records::{List, MOST_FOREIGN, MOST_FREE, freed, gone_third, is_foreign};
use crate::samples::Samples;
use crate::space::{Leaf, exchange};
use crate::thread_log::{Allocation, STEP_BITS, ThreadLog, add, can_index};
use crate::writer::Ledger;

/// What an event needs of the ledger, close together. Zeroed bytes are one that
/// has not begun.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Hot {
    windows: *const AtomicPtr<Leaf>,
    segments: *mut u8,
    records: *mut [u64; 3],
    clock: *const Clock,
    /// The third word of a record, but for the family.
    third: u64,
    /// Null when every block is recorded.
    pub(crate) samples: *const Samples,
}

/// A larger block crosses a step.
pub(crate) const MAX_SMALL: u64 = (1 << STEP_BITS) - 1;

const _: () = assert!(size_of::<[u64; 3]>() as u64 == RECORD_BYTES);

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// All that there is to do.
    Done,
    /// The same, and [`ThreadLog::settle`] is due.
    Settle,
    /// Nothing: the block's home in this segment is not the place.
    Home(SegmentRef),
    /// Nothing.
    Nothing,
}

/// Where an address stands if nothing else stood there before it.
struct Home<'a> {
    slot: &'a AtomicU64,
    segment: SegmentRef,
}

impl Hot {
    pub(crate) fn new(ledger: &Ledger) -> Hot {
        let memory = &ledger.memory;
        // Relaxed: the launcher set it before the process began.
        let sampled = memory.session().sample_bytes.load(Ordering::Relaxed) != 0;
        Hot {
            samples: match sampled {
                true => &raw const ledger.samples,
                false => core::ptr::null(),
            },
            windows: memory.windows(),
            segments: memory.at(Section::Segments, 0),
            records: memory.at(Section::Records, 0).cast(),
            clock: &raw const memory.session().clock,
            third: 0,
        }
    }

    /// Blocks are from now on those of the thread with this number.
    pub(crate) fn set_thread(&mut self, number: u32) {
        let record = Record {
            size: 0,
            stack: 0,
            time_ms: 0,
            thread: number.min(MAX_THREAD),
            family: Family::from_number(0),
            owner: Owner::Caller,
            scope: 0,
            tag: 0,
            generation: 0,
        };
        self.third = record.pack()[2];
    }

    /// The segment for `address`, which can be indexed, and its home there.
    #[inline(always)]
    fn home<'a>(self, address: u64) -> Option<Home<'a>> {
        // SAFETY: the address is below the limit, so its window is in the table.
        let leaf = unsafe { &*self.windows.add((address >> WINDOW_BITS) as usize) };
        // Acquire, twice: pairs with the release of whoever made the leaf or
        // the segment.
        let leaf = leaf.load(Ordering::Acquire);
        // SAFETY: null or a leaf, which is never given back.
        let entry = unsafe { leaf.as_ref()?.get_unchecked(region_of(address)) };
        let segment = SegmentRef(entry.load(Ordering::Acquire));
        if segment == SegmentRef::NONE {
            return None;
        }
        let place = home(offset_of(address), segment.class());
        // SAFETY: a home lies within its segment, which is committed.
        let slot = unsafe {
            let slots = self.segments.add(segment.offset() as usize);
            // Nobody tests for null what cannot be.
            core::hint::assert_unchecked(!slots.is_null());
            &*slots.cast::<AtomicU64>().add(place)
        };
        Some(Home { slot, segment })
    }

    #[inline(never)]
    fn is_nowhere(&self, segment: SegmentRef, offset: u32) -> bool {
        index::is_nowhere(self.slots(segment), segment.class(), offset)
    }

    /// Notes that `address` is about to be that of a sample.
    #[inline(always)]
    pub(crate) fn sampled(&self, address: u64) {
        // SAFETY: part of the ledger, which stays where it is.
        if let Some(samples) = unsafe { self.samples.as_ref() } {
            samples.add(address);
        }
    }

    /// Notes that `address` no longer is, or did not become one.
    #[inline(always)]
    pub(crate) fn unsampled(&self, address: u64) {
        // SAFETY: as above.
        if let Some(samples) = unsafe { self.samples.as_ref() } {
            samples.remove(address);
        }
    }

    fn slots<'a>(self, segment: SegmentRef) -> &'a [AtomicU64] {
        let first = self.segments.wrapping_add(segment.offset() as usize);
        // SAFETY: a segment is committed before it is named.
        unsafe { core::slice::from_raw_parts(first.cast(), segment.slots()) }
    }

    /// The first word of a record.
    #[inline(always)]
    fn first(&self, record: u32) -> *mut u64 {
        self.words(record).cast()
    }

    #[inline(always)]
    fn words(&self, record: u32) -> *mut [u64; 3] {
        self.records.wrapping_add(record as usize)
    }
}

impl ThreadLog {
    /// [`ThreadLog::allocated`] in the usual case.
    #[inline(always)]
    pub fn try_allocated(&mut self, what: &Allocation) -> Tried {
        if !can_index(what.address) {
            return Tried::Nothing;
        }
        let Some(Home { slot: at, segment }) = self.hot.home(what.address) else {
            return Tried::Nothing;
        };
        // Relaxed: only compared; the exchange orders.
        let slot = Slot(at.load(Ordering::Relaxed));
        if !is_vacant_home(slot, segment, offset_of(what.address)) {
            return Tried::Home(segment);
        }
        self.try_allocate_at(what, at, slot)
    }

    /// The same where the block has to be put elsewhere in its segment.
    #[inline]
    pub fn try_allocated_in(&mut self, segment: SegmentRef, what: &Allocation) -> Tried {
        if !segment.has_displaced() {
            return Tried::Nothing;
        }
        let slots = self.hot.slots(segment);
        match index::place_for(slots, segment.class(), offset_of(what.address)) {
            Place::Free(at, slot) => self.try_allocate_at(what, at, slot),
            Place::Live(..) | Place::None => Tried::Nothing,
        }
    }

    #[inline(always)]
    fn try_allocate_at(&mut self, what: &Allocation, at: &AtomicU64, slot: Slot) -> Tried {
        // SAFETY: set by `begin`, as all of `hot`; the session stays mapped.
        let clock = unsafe { &*self.hot.clock }.word();
        let record = self.pool.free.first();
        if what.size > MAX_SMALL || clock as u32 != Clock::TICKING as u32 || record == 0 {
            return Tried::Nothing;
        }
        // SAFETY: a record of the free list belongs to this thread. It is
        // published by its slot.
        let first = unsafe {
            let first = *self.hot.first(record);
            self.hot.words(record).write([
                what.size | first & !MAX_SIZE,
                // The time without the flag below it.
                clock
                    .wrapping_add(u64::from(what.stack))
                    .wrapping_sub(Clock::TICKING),
                self.hot.third | (what.family as u64) << 22,
            ]);
            first
        };
        let new = Slot::live(offset_of(what.address), record, (first >> 48) as u16);
        if !exchange(at, slot.0, new.0) {
            // SAFETY: as above; it is free again.
            unsafe { *self.hot.first(record) = first };
            return Tried::Nothing;
        }
        self.pool.free = List::behind(first);
        let entry = self.entry();
        // Relaxed, here and below: this thread is the only writer.
        let count = entry.allocations.load(Ordering::Relaxed);
        entry.allocations.store(count + 1, Ordering::Relaxed);
        match add(&entry.allocated_bytes, what.size) {
            false => Tried::Done,
            true => Tried::Settle,
        }
    }

    /// [`ThreadLog::released_by`] in the usual case, that of a live block of the
    /// family `by`.
    #[inline(always)]
    pub fn try_released(&mut self, address: u64, by: Family, site: u64) -> Tried {
        if !can_index(address) {
            return Tried::Nothing;
        }
        let Some(Home { slot: at, segment }) = self.hot.home(address) else {
            return Tried::Nothing;
        };
        // Relaxed: as in `try_allocated`.
        let slot = Slot(at.load(Ordering::Relaxed));
        if !slot.is_live_at(offset_of(address)) {
            return Tried::Home(segment);
        }
        self.try_release_at(at, slot, by, site)
    }

    /// The same where the block stands elsewhere in its segment.
    #[inline]
    pub fn try_released_in(
        &mut self,
        segment: SegmentRef,
        address: u64,
        by: Family,
        site: u64,
    ) -> Tried {
        let slots = self.hot.slots(segment);
        match index::live_slot(slots, segment.class(), offset_of(address)) {
            Some((at, slot)) => self.try_release_at(at, slot, by, site),
            None => Tried::Nothing,
        }
    }

    #[inline(always)]
    fn try_release_at(&mut self, at: &AtomicU64, slot: Slot, by: Family, site: u64) -> Tried {
        let record = slot.record();
        // SAFETY: the slot names a record of this ledger. Another thread may
        // write it meanwhile only if the program releases the block twice; then
        // the exchange fails for one of the two.
        let third = unsafe { self.hot.words(record).cast::<u64>().add(2).read_volatile() };
        if (third ^ (by as u64) << 22) & 63 << 22 != 0 {
            return Tried::Nothing;
        }
        if !exchange(at, slot.0, slot.released().0) {
            return Tried::Nothing;
        }
        // SAFETY: whoever removed the slot owns the record.
        let words = unsafe { &mut *self.hot.words(record) };
        let first = words[0];
        words[2] = gone_third(third, site);
        let is_full = if is_foreign(third, self.hot.third) {
            words[0] = freed(first, self.pool.foreign);
            self.pool.foreign = self.pool.foreign.with(record);
            self.pool.foreign.count() >= MOST_FOREIGN
        } else {
            words[0] = freed(first, self.pool.free);
            self.pool.free = self.pool.free.with(record);
            self.pool.free.count() >= MOST_FREE
        };
        let entry = self.entry();
        // Relaxed: as above.
        let count = entry.releases.load(Ordering::Relaxed);
        entry.releases.store(count + 1, Ordering::Relaxed);
        let is_step = add(&entry.released_bytes, first & MAX_SIZE);
        match is_step | is_full {
            false => Tried::Done,
            true => Tried::Settle,
        }
    }

    /// What is due after an event that crossed a step: sums are shared, and free
    /// records that became too many are handed over.
    #[cold]
    #[inline(never)]
    pub fn settle(&mut self, ledger: &Ledger) {
        self.pool.trim(&ledger.memory, &ledger.batches);
        self.share(ledger);
    }

    /// Whether blocks are sampled and none of the samples has this address, as far as
    /// one look tells. False tells nothing.
    #[inline(always)]
    pub fn is_no_sample(&self, address: u64) -> bool {
        // SAFETY: part of the ledger, which stays where it is.
        unsafe { self.hot.samples.as_ref() }.is_some_and(|samples| !samples.may_have(address))
    }

    /// Whether the ledger surely has no live block at `address`: cheap, and
    /// nearly always so when blocks are sampled. False tells nothing.
    #[inline(always)]
    pub fn is_surely_not_live(&self, address: u64) -> bool {
        if self.is_no_sample(address) {
            return true;
        }
        can_index(address)
            && self.hot.home(address).is_none_or(|home| {
                // Relaxed: a search stops at an empty slot, whatever is behind it.
                home.slot.load(Ordering::Relaxed) == 0
                    || self.hot.is_nowhere(home.segment, offset_of(address))
            })
    }
}
