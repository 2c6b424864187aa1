//! From an address to the slot that knows its record.
//!
//! The address space is cut into *regions* of 16 KiB. Each region in which a
//! block was ever seen has a *segment*: a small open-addressed table of
//! [`Slot`]s. Blocks of different regions never share a segment, so that two
//! threads whose heaps are apart never write to one cache line, and a region
//! costs what its blocks cost, not what its bytes would.
//!
//! A segment that is too small is replaced by one of twice the size: every slot
//! is frozen, the live ones are copied, and the region's entry is switched by
//! one compare-and-swap. Whoever meets a frozen slot does the same work himself
//! instead of waiting, because the thread that began may be the one that he
//! interrupted as a signal handler. The copies are equal; one wins.
//!
//! Invariants:
//! - a live address stands in one slot of its segment, at most [`PROBES`] slots
//!   behind its home; at its home, unless the region's entry says `DISPLACED`;
//! - a slot never becomes empty again, so a search may stop at an empty one;
//! - a frozen slot never changes;
//! - segments are never handed out twice, so a compare-and-swap on an old one
//!   fails.
//!
//! What is not here: memory (see [`Space`]) and records.

use crate::format::{LEAF_BITS, MAX_CLASS, MIN_CLASS, REGION_BITS, SegmentRef, Slot, UNIT_BITS};
use crate::primitive::{AtomicU64, Ordering};

/// How far from its home an address may stand: two cache lines.
pub const PROBES: usize = 16;

/// Where the index keeps its words.
pub trait Space {
    /// The entry for the region of `address`; `None` when its window has no leaf.
    fn entry(&self, address: u64) -> Option<&AtomicU64>;
    /// The same, with a leaf made for it; `None` when there is no room.
    fn entry_or_new(&self, address: u64) -> Option<&AtomicU64>;
    /// The slots of a segment.
    fn slots(&self, segment: SegmentRef) -> &[AtomicU64];
    /// A new segment of `1 << class` empty slots; `None` when there is no room.
    fn allocate(&self, class: u32) -> Option<SegmentRef>;
    /// Replaces `old` by `new` in a slot. May be weaker than a locked
    /// instruction while the process has one thread, but never weaker than
    /// atomic towards signal handlers of that thread.
    fn exchange(&self, slot: &AtomicU64, old: u64, new: u64) -> bool;
    /// The class of a region's first segment, at least.
    fn least_class(&self) -> u32 {
        MIN_CLASS
    }
    /// Called with the number of blocks that found no place in a new segment.
    fn lost(&self, blocks: u64);
}

/// What [`insert`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// The address was not there.
    New,
    /// The address was live: its release was not seen. This is its old slot.
    Replaced(Slot),
    /// There is no room.
    Full,
}

/// What [`remove`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// The address was live; this was its slot.
    Live(Slot),
    /// It was released before; this is the tombstone.
    Dead(Slot),
    /// It was never seen, or so long ago that nothing is left.
    Unknown,
}

/// Distance of a block from the start of its region, in units of four bytes.
#[inline(always)]
pub(crate) fn offset_of(address: u64) -> u32 {
    (address as u32 & ((1 << REGION_BITS) - 1)) >> UNIT_BITS
}

/// Number of the region of `address` within its window.
#[inline(always)]
pub fn region_of(address: u64) -> usize {
    (address >> REGION_BITS) as usize & ((1 << LEAF_BITS) - 1)
}

/// From this class on, slots stand in the order of their addresses: there is one
/// for every 32 bytes or less, and blocks that close together are what allocators
/// do not make. So each block has a home of its own, next to its neighbours'.
pub(crate) const ORDERED_CLASS: u32 = 9;

/// Where the search for an offset starts.
#[inline(always)]
pub(crate) fn home(offset: u32, class: u32) -> usize {
    let spread = match class >= ORDERED_CLASS {
        true => offset << (32 + UNIT_BITS - REGION_BITS),
        // Multiplication by the golden ratio spreads the evenly spaced offsets
        // of a heap evenly.
        false => offset.wrapping_mul(0x9e37_79b1),
    };
    ((u64::from(spread) << class) >> 32) as usize
}

/// Whether a block at `offset` may be put at its home without a further look,
/// when this is what stands there.
#[inline(always)]
pub(crate) fn is_vacant_home(slot: Slot, segment: SegmentRef, offset: u32) -> bool {
    // Behind any other tombstone the block could stand displaced, and live.
    slot.is_vacant() && (!segment.has_displaced() || slot == Slot::EMPTY || slot.offset() == offset)
}

/// The `i`-th slot behind the home of an offset.
#[inline(always)]
fn probe(slots: &[AtomicU64], home: usize, i: usize) -> &AtomicU64 {
    let at = (home + i) & (slots.len() - 1);
    // SAFETY: the number of slots is a power of two, so the mask keeps `at`
    // below it.
    unsafe { slots.get_unchecked(at) }
}

/// The home slot of `address`, when its region has a segment.
#[inline(always)]
fn home_slot<S: Space>(space: &S, address: u64) -> Option<(SegmentRef, &AtomicU64)> {
    // Acquire: as in `insert_anywhere`.
    let segment = SegmentRef(space.entry(address)?.load(Ordering::Acquire));
    (segment != SegmentRef::NONE).then(|| {
        let slots = space.slots(segment);
        let home = home(offset_of(address), segment.class());
        (segment, probe(slots, home, 0))
    })
}

/// Puts a live slot for `address`, which must be a multiple of four.
///
/// Mostly the home slot is vacant: only that is worth being in line.
#[inline(always)]
pub fn insert<S: Space>(space: &S, address: u64, record: u32, generation: u16) -> Inserted {
    let offset = offset_of(address);
    let new = Slot::live(offset, record, generation);
    if let Some((segment, at)) = home_slot(space, address) {
        // Relaxed: only compared; the exchange orders.
        let slot = Slot(at.load(Ordering::Relaxed));
        if is_vacant_home(slot, segment, offset) && space.exchange(at, slot.0, new.0) {
            return Inserted::New;
        }
    }
    insert_anywhere(space, address, offset, new)
}

#[inline(never)]
fn insert_anywhere<S: Space>(space: &S, address: u64, offset: u32, new: Slot) -> Inserted {
    loop {
        let Some(entry) = space.entry_or_new(address) else {
            return Inserted::Full;
        };
        // Acquire: pairs with the switch in `grow` and `begin`, so that the
        // slots of a segment are seen as its maker left them.
        let mut segment = SegmentRef(entry.load(Ordering::Acquire));
        if segment == SegmentRef::NONE {
            match begin(space, entry, address) {
                Some(begun) => segment = begun,
                None => return Inserted::Full,
            }
        }
        match insert_into(space, entry, segment, offset, new) {
            Attempt::Done(done) => return done,
            Attempt::Again => {}
            Attempt::Replaced => {
                if !grow(space, entry, segment) {
                    return Inserted::Full;
                }
            }
        }
    }
}

enum Attempt<T> {
    /// It is done.
    Done(T),
    /// Another thread came between.
    Again,
    /// The segment is full or frozen: it must be replaced first.
    Replaced,
}

fn insert_into<S: Space>(
    space: &S,
    entry: &AtomicU64,
    segment: SegmentRef,
    offset: u32,
    new: Slot,
) -> Attempt<Inserted> {
    let slots = space.slots(segment);
    match place_for(slots, segment.class(), offset) {
        Place::Live(at, slot) => match space.exchange(at, slot.0, new.0) {
            true => Attempt::Done(Inserted::Replaced(slot)),
            false => Attempt::Again,
        },
        Place::Free(at, slot) => {
            let is_home = core::ptr::eq(at, probe(slots, home(offset, segment.class()), 0));
            if !is_home && !segment.has_displaced() {
                // AcqRel: the switch orders, and the flag comes before the slot.
                // Were the segment replaced by now, its slots would be frozen.
                let marked = segment.0 | SegmentRef::DISPLACED;
                let order = (Ordering::AcqRel, Ordering::Acquire);
                let _ = entry.compare_exchange(segment.0, marked, order.0, order.1);
                return Attempt::Again;
            }
            match space.exchange(at, slot.0, new.0) {
                true => Attempt::Done(Inserted::New),
                false => Attempt::Again,
            }
        }
        Place::None => Attempt::Replaced,
    }
}

/// Where in a segment an address goes.
pub(crate) enum Place<'a> {
    /// Here: it is empty, or a tombstone.
    Free(&'a AtomicU64, Slot),
    /// It is here, live.
    Live(&'a AtomicU64, Slot),
    /// There is no room, or the segment is frozen.
    None,
}

pub(crate) fn place_for(slots: &[AtomicU64], class: u32, offset: u32) -> Place<'_> {
    let home = home(offset, class);
    let mut free = Place::None;
    for i in 0..PROBES.min(slots.len()) {
        let at = probe(slots, home, i);
        // Relaxed: the value is only compared; an exchange orders.
        let slot = Slot(at.load(Ordering::Relaxed));
        if slot.is_frozen() {
            return Place::None;
        }
        let is_first_free = matches!(free, Place::None);
        if slot == Slot::EMPTY {
            return match is_first_free {
                true => Place::Free(at, slot),
                false => free,
            };
        }
        if slot.offset() == offset {
            // Of a tombstone of this very address no live slot can stand
            // behind: it would have been found dead first and taken.
            return match slot.is_live() {
                true => Place::Live(at, slot),
                false => Place::Free(at, slot),
            };
        }
        if slot.is_dead() && is_first_free {
            free = Place::Free(at, slot);
        }
    }
    free
}

#[cfg(not(loom))]
/// Whether an address is surely not live: false when it is, and when the segment
/// is frozen.
pub(crate) fn is_nowhere(slots: &[AtomicU64], class: u32, offset: u32) -> bool {
    let home = home(offset, class);
    for i in 0..PROBES.min(slots.len()) {
        // Relaxed: as in `place_for`.
        let slot = Slot(probe(slots, home, i).load(Ordering::Relaxed));
        if slot.is_frozen() || slot.is_live_at(offset) {
            return false;
        }
        if slot == Slot::EMPTY {
            break;
        }
    }
    true
}

#[cfg(not(loom))]
/// The live slot of an address in a segment that is not frozen.
pub(crate) fn live_slot(
    slots: &[AtomicU64],
    class: u32,
    offset: u32,
) -> Option<(&AtomicU64, Slot)> {
    let home = home(offset, class);
    for i in 0..PROBES.min(slots.len()) {
        let at = probe(slots, home, i);
        // Relaxed: as in `place_for`.
        let slot = Slot(at.load(Ordering::Relaxed));
        if slot.is_live_at(offset) {
            return Some((at, slot));
        }
        if slot == Slot::EMPTY || slot.is_frozen() {
            break;
        }
    }
    None
}

/// Turns the live slot of `address` into a tombstone.
#[inline(always)]
pub fn remove<S: Space>(space: &S, address: u64) -> Removed {
    if let Some((_, at)) = home_slot(space, address) {
        // Relaxed: as in `insert`.
        let slot = Slot(at.load(Ordering::Relaxed));
        if slot.is_live_at(offset_of(address)) && space.exchange(at, slot.0, slot.released().0) {
            return Removed::Live(slot);
        }
    }
    remove_anywhere(space, address)
}

#[inline(never)]
fn remove_anywhere<S: Space>(space: &S, address: u64) -> Removed {
    let offset = offset_of(address);
    'again: loop {
        let Some(entry) = space.entry(address) else {
            return Removed::Unknown;
        };
        // Acquire: as in `insert`.
        let segment = SegmentRef(entry.load(Ordering::Acquire));
        if segment == SegmentRef::NONE {
            return Removed::Unknown;
        }
        let slots = space.slots(segment);
        let home = home(offset, segment.class());
        let mut tombstone = Removed::Unknown;
        for i in 0..PROBES.min(slots.len()) {
            let at = probe(slots, home, i);
            // Relaxed: as in `insert_into`.
            let slot = Slot(at.load(Ordering::Relaxed));
            if slot.is_frozen() {
                if grow(space, entry, segment) {
                    continue 'again;
                }
                return Removed::Unknown;
            }
            if slot == Slot::EMPTY {
                break;
            }
            if slot.offset() == offset {
                if slot.is_dead() {
                    // An older tombstone; the live slot may stand behind.
                    tombstone = Removed::Dead(slot);
                } else if space.exchange(at, slot.0, slot.released().0) {
                    return Removed::Live(slot);
                } else {
                    continue 'again;
                }
            }
        }
        return tombstone;
    }
}

/// The live slot of `address`, when it has one.
pub fn find<S: Space>(space: &S, address: u64) -> Option<Slot> {
    let offset = offset_of(address);
    // Acquire: as in `insert`; and the record was written before the slot.
    let segment = SegmentRef(space.entry(address)?.load(Ordering::Acquire));
    if segment == SegmentRef::NONE {
        return None;
    }
    let slots = space.slots(segment);
    let home = home(offset, segment.class());
    for i in 0..PROBES.min(slots.len()) {
        // Acquire: the record was written before the slot that names it.
        let slot = Slot(probe(slots, home, i).load(Ordering::Acquire) & !Slot::FROZEN);
        if slot == Slot::EMPTY {
            break;
        }
        if slot.is_live() && slot.offset() == offset {
            return Some(slot);
        }
    }
    None
}

/// Gives a region its first segment.
#[cold]
#[inline(never)]
fn begin<S: Space>(space: &S, entry: &AtomicU64, address: u64) -> Option<SegmentRef> {
    // A heap is about as dense here as in the region before.
    let before = address.checked_sub(1 << REGION_BITS);
    let before = before.filter(|_| region_of(address) != 0);
    let class = before
        .and_then(|a| space.entry(a))
        // Acquire: its slots are looked at.
        .map(|e| SegmentRef(e.load(Ordering::Acquire)))
        .filter(|s| *s != SegmentRef::NONE)
        .map_or(MIN_CLASS, |s| class_for(space.slots(s)))
        .max(space.least_class());
    let segment = space
        .allocate(class)
        .or_else(|| space.allocate(MIN_CLASS))?;
    // AcqRel: releases the empty slots, acquires those of a winner.
    match entry.compare_exchange(
        SegmentRef::NONE.0,
        segment.0,
        Ordering::AcqRel,
        Ordering::Acquire,
    ) {
        Ok(_) => Some(segment),
        Err(winner) => Some(SegmentRef(winner)),
    }
}

/// The class of a segment for as many blocks as these slots saw: filled to three
/// quarters at most, unless each block has a home of its own.
fn class_for(slots: &[AtomicU64]) -> u32 {
    // Relaxed: only a hint.
    let is_used = |slot: &&AtomicU64| slot.load(Ordering::Relaxed) & !Slot::FROZEN != 0;
    let used = slots.iter().filter(is_used).count() as u32;
    let wanted = match used + used / 3 {
        few if few < 1 << ORDERED_CLASS => few,
        _ => used,
    };
    wanted
        .next_power_of_two()
        .ilog2()
        .clamp(MIN_CLASS, MAX_CLASS)
}

/// Replaces a segment by a larger one. False when there is no room for it.
#[cold]
#[inline(never)]
fn grow<S: Space>(space: &S, entry: &AtomicU64, old: SegmentRef) -> bool {
    // Acquire: another thread may have done it already.
    if SegmentRef(entry.load(Ordering::Acquire)) != old {
        return true;
    }
    // Memory before freezing: what is frozen must be replaced.
    let mut class = (old.class() + 1).max(space.least_class());
    if class > MAX_CLASS {
        return false;
    }
    let Some(mut new) = space.allocate(class) else {
        return false;
    };
    let old_slots = space.slots(old);
    for slot in old_slots {
        // AcqRel: nothing that was written to the slot before may be missed,
        // and nobody may believe in the slot after.
        slot.fetch_or(Slot::FROZEN, Ordering::AcqRel);
    }
    loop {
        let (displaced, lost) = copy_live(old_slots, space.slots(new), class);
        if displaced {
            new = SegmentRef(new.0 | SegmentRef::DISPLACED);
        }
        if lost == 0 {
            break;
        }
        class += 1;
        let larger = (class <= MAX_CLASS)
            .then(|| space.allocate(class))
            .flatten();
        match larger {
            Some(larger) => new = larger,
            None => {
                space.lost(lost);
                break;
            }
        }
    }
    // AcqRel: releases the copies. When another thread's copy won, ours is
    // forgotten; both hold the same.
    let _ = entry.compare_exchange(old.0, new.0, Ordering::AcqRel, Ordering::Acquire);
    true
}

/// Copies the live slots of a frozen segment into a new one that nobody else
/// sees yet. Tells whether one is outside of its home, and how many found no place.
fn copy_live(old: &[AtomicU64], new: &[AtomicU64], class: u32) -> (bool, u64) {
    let mut displaced = false;
    let mut lost = 0;
    for slot in old {
        // Relaxed, here and below: frozen slots do not change, and the new
        // ones are private until the switch.
        let slot = Slot(slot.load(Ordering::Relaxed) & !Slot::FROZEN);
        if !slot.is_live() {
            continue;
        }
        let home = home(slot.offset(), class);
        let place = (0..PROBES.min(new.len()))
            .map(|i| (i, probe(new, home, i)))
            .find(|(_, at)| at.load(Ordering::Relaxed) == Slot::EMPTY.0);
        match place {
            Some((i, at)) => {
                displaced |= i > 0;
                at.store(slot.0, Ordering::Relaxed);
            }
            None => lost += 1,
        }
    }
    (displaced, lost)
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
