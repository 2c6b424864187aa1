//! Remembered stacks: which one is predicted, and the proof that it is the one.
//!
//! # Why a hit is right
//!
//! A walk is a function of the words it reads, of rbp at entry, of the rules, of
//! the depth and of the bounds. An entry stores all of these which had a part in
//! the result. The address of each word follows from the words before it; so by
//! induction, if all are equal in order, a walk now would read the same words,
//! and come to the same frames. Prediction chooses which entry to compare; it
//! never decides.
//!
//! # Why comparing cannot fault
//!
//! Words are compared in the order in which the walk read them, up to the first
//! difference, so every address read is one which a walk now would read too. On
//! the thread's own stack these lie between a live frame and the end of the
//! stack. On any other stack (coroutines, alternate signal stacks) only walks are
//! remembered that used unwind data for every frame and reached the outermost
//! one: then each address is a slot of a live frame, and live frames are mapped.

use crate::last::{Last, TRACED};
use crate::memory::load;
use crate::ring::Ring;
use crate::{Entry, Stack, StackBounds, WORD, table};

/// Keys by place alone.
const PLACES: usize = 512;
/// Pairs of keys by place and recent past, of a program with few stacks.
const FEW_SETS: usize = 512;
/// The same of one that had to walk often: so the pages of all pairs are touched
/// only where they save walks.
const SETS: usize = 2048;
/// Walks that are often.
const OFTEN: u64 = 20_000;
const KEYS: usize = PLACES + 2 * SETS;
const _: () = assert!(FEW_SETS.is_power_of_two() && SETS.is_power_of_two());

/// What is compared first, one cache line.
#[repr(C, align(64))]
struct Key {
    /// Zero: the key is not in use.
    slot: usize,
    ra: usize,
    bp: usize,
    /// All ones if the stack depends on rbp at entry, else zero.
    bp_mask: usize,
    /// Generation of the rules, and depth.
    stamp: u64,
    /// Position of the first word in the ring.
    position: u32,
    words: u32,
    id: u32,
    /// Of a key by place: there are several stacks for it, and the recent past
    /// tells which.
    ambiguous: bool,
    hash: u64,
}

/// Per-thread state: the remembered stacks, and space for the walk.
///
/// All zero bytes are a valid, empty history: place it in zeroed memory, such as
/// an anonymous mapping. Pages that are not needed stay untouched. After a fork
/// the child may go on with its copy, or find zeros.
///
/// A history serves one thread at a time, and must be [flushed](History::flush)
/// before it serves another.
#[repr(C, align(64))]
pub struct History {
    /// Hash of the last ids.
    recent: u64,
    /// Bits of the number of a pair that are used besides those of [`FEW_SETS`]:
    /// none or all.
    more_sets: usize,
    /// Counters; see [`Statistics`].
    statistics: Statistics,
    keys: [Key; KEYS],
    last: Last,
    /// Space for the offsets of one stack's words.
    offsets: [i32; TRACED],
    ring: Ring,
}

const _: () = assert!(size_of::<Key>() == 64);
const _: () = assert!(size_of::<History>() <= 900 << 10);

/// How well prediction does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Statistics {
    /// Captures that had to walk.
    pub misses: u64,
    /// Of these, stacks that could not be remembered.
    pub unremembered: u64,
}

#[inline(always)]
fn stamp(depth: usize) -> u64 {
    u64::from(table::generation()) << 32 | depth as u64
}

impl History {
    /// The id of the current stack: the one that `intern` gave for the same
    /// stack before if that can be proved, else what `intern` gives now.
    ///
    /// `intern` may return 0 for "could not store": such a stack is not
    /// remembered. `depth` is taken as 1 to [`MAX_DEPTH`](crate::MAX_DEPTH). Neither allocates nor
    /// blocks by itself; `intern` must not capture with the same history.
    ///
    /// # Safety
    ///
    /// - `entry` must come from the start of a function of this thread that has
    ///   not returned yet;
    /// - `bounds` must be those of this thread, the same for every capture since
    ///   the last [`flush`](History::flush);
    /// - no other capture may be going on with this history.
    #[inline(always)]
    pub unsafe fn capture(
        &mut self,
        entry: Entry,
        depth: usize,
        bounds: StackBounds,
        intern: impl FnOnce(&Stack<'_>) -> u32,
    ) -> u32 {
        // SAFETY: the caller's promise.
        unsafe {
            match self.predict(entry, depth) {
                Some(id) => id,
                None => self.walk(entry, depth, bounds, intern),
            }
        }
    }

    /// The id of the current stack if it is remembered where it is expected.
    ///
    /// # Safety
    ///
    /// As for [`capture`](History::capture).
    #[inline(always)]
    pub unsafe fn predict(&mut self, entry: Entry, depth: usize) -> Option<u32> {
        // SAFETY: the slot holds the return address of a running function.
        let ra = unsafe { load(entry.slot) };
        let mut index = History::by_place(entry, ra);
        if self.keys[index].ambiguous {
            index = self.by_past(entry, ra);
        }
        // SAFETY: the caller's promise.
        let id = unsafe { self.id_at(index, entry, ra, depth)? };
        self.expect_after(id);
        Some(id)
    }

    /// The key for a call site and a stack pointer. Where these always mean the
    /// same stack, whatever was before, it is the only one.
    #[inline(always)]
    fn by_place(entry: Entry, ra: usize) -> usize {
        let place = (ra as u64 ^ (entry.slot as u64) << 20).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (place >> (64 - PLACES.ilog2())) as usize
    }

    /// The first of the two keys for the stack that is expected now.
    #[inline(always)]
    fn by_past(&self, entry: Entry, ra: usize) -> usize {
        let place = (ra as u64 ^ (entry.slot as u64) << 20 ^ self.recent << 40)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let set = (place >> (64 - SETS.ilog2())) as usize & ((FEW_SETS - 1) | self.more_sets);
        PLACES + set * 2
    }

    #[inline(always)]
    fn expect_after(&mut self, id: u32) {
        // Eight bits of each of the last two ids.
        self.recent = (self.recent << 8 ^ u64::from(id.wrapping_mul(0x9E37_79B1) >> 16)) & 0xffff;
    }

    /// The id under a key, if the current stack is proved to be the same.
    ///
    /// # Safety
    ///
    /// As for [`capture`](History::capture).
    #[inline(always)]
    unsafe fn id_at(&self, index: usize, entry: Entry, ra: usize, depth: usize) -> Option<u32> {
        let key = &self.keys[index];
        let differs = (key.slot ^ entry.slot) | (key.ra ^ ra) | ((key.bp ^ entry.bp) & key.bp_mask);
        if differs != 0 || key.stamp != stamp(depth) {
            return None;
        }
        // SAFETY: a key in use, and the same slot of the same thread.
        if !unsafe { self.words_are_equal(key) } {
            return None;
        }
        #[cfg(feature = "check")]
        // SAFETY: the caller's promise. A coroutine's bounds are not known here;
        // the check does without.
        unsafe {
            crate::check::compare_hit(entry, depth, StackBounds::for_current_thread(), key.hash);
        }
        Some(key.id)
    }

    /// The id of a stack that [`predict`](History::predict) just gave none for, as
    /// [`capture`](History::capture) gives it.
    ///
    /// It may be that of the second key, which stands for the other way that things
    /// go from here; else it is walked.
    ///
    /// # Safety
    ///
    /// As for [`capture`](History::capture).
    #[inline(never)]
    pub unsafe fn walk(
        &mut self,
        entry: Entry,
        depth: usize,
        bounds: StackBounds,
        intern: impl FnOnce(&Stack<'_>) -> u32,
    ) -> u32 {
        // SAFETY: as in `predict`.
        let ra = unsafe { load(entry.slot) };
        let place = History::by_place(entry, ra);
        let key = &mut self.keys[place];
        let is_known = key.slot == entry.slot && key.ra == ra && key.stamp == stamp(depth);
        let id = if is_known {
            let was_ambiguous = core::mem::replace(&mut key.ambiguous, true);
            // SAFETY: the caller's promise.
            unsafe { self.walk_by_past(was_ambiguous, place, entry, ra, depth, bounds, intern) }
        } else {
            // SAFETY: the caller's promise.
            unsafe { self.miss(place, entry, ra, depth, bounds, intern) }
        };
        self.expect_after(id);
        id
    }

    /// The same where the place alone does not tell the stack.
    #[allow(
        clippy::too_many_arguments,
        reason = "one caller, parts of one capture"
    )]
    unsafe fn walk_by_past(
        &mut self,
        is_candidate: bool,
        place: usize,
        entry: Entry,
        ra: usize,
        depth: usize,
        bounds: StackBounds,
        intern: impl FnOnce(&Stack<'_>) -> u32,
    ) -> u32 {
        let index = self.by_past(entry, ra);
        // SAFETY: the caller's promise.
        let second = unsafe { self.id_at(index + 1, entry, ra, depth) };
        // Whatever it will be is expected first from now on, and what was there
        // is the second.
        self.swap(index);
        if let Some(id) = second {
            return id;
        }
        // The stack that was there when the place was not ambiguous yet.
        // SAFETY: the caller's promise.
        let first = is_candidate.then(|| unsafe { self.id_at(place, entry, ra, depth) });
        match first.flatten() {
            Some(id) => id,
            // SAFETY: the caller's promise.
            None => unsafe { self.miss(index, entry, ra, depth, bounds, intern) },
        }
    }

    fn swap(&mut self, index: usize) {
        for (at, owner) in [(index, index + 1), (index + 1, index)] {
            let key = &self.keys[at];
            if key.slot != 0 {
                self.ring.set_owner(key.position, owner as u32);
            }
        }
        self.keys.swap(index, index + 1);
    }

    /// Whether every word that led to the stack is as it was.
    ///
    /// # Safety
    ///
    /// The key must be in use, and its slot that of a running function.
    #[inline(always)]
    unsafe fn words_are_equal(&self, key: &Key) -> bool {
        let count = key.words as usize;
        // SAFETY: the ring clears the key before it overwrites the chunk.
        let (values, offsets) = unsafe { self.ring.chunk(key.position, count) };
        let is_equal = |i: usize| {
            // SAFETY: inside the chunk.
            let (value, offset) = unsafe { (*values.add(i), *offsets.add(i)) };
            let address = key
                .slot
                .wrapping_add_signed(offset as isize * WORD as isize);
            // SAFETY: all words before it are equal, so it may be read: see the
            // top of this file.
            unsafe { load(address) == value }
        };
        let mut i = 0;
        // By twos: half of the counting.
        while i + 1 < count {
            if !is_equal(i) || !is_equal(i + 1) {
                return false;
            }
            i += 2;
        }
        i == count || is_equal(i)
    }

    #[cold]
    #[inline(never)]
    unsafe fn miss(
        &mut self,
        index: usize,
        entry: Entry,
        ra: usize,
        depth: usize,
        bounds: StackBounds,
        intern: impl FnOnce(&Stack<'_>) -> u32,
    ) -> u32 {
        // Before the walk: rules that are flushed meanwhile make the entry void.
        let stamp = stamp(depth);
        self.statistics.misses += 1;
        if self.statistics.misses == OFTEN {
            // Most pairs have another place now. What is remembered at the old one
            // stays there, as proved as any other, until something replaces it.
            self.more_sets = SETS - FEW_SETS;
        }
        // SAFETY: the caller's promise.
        let walked = unsafe { self.last.walk(entry, depth, bounds, stamp) };
        let stack = self.last.stack();
        let (id, hash) = (intern(&stack), stack.hash);
        if id == 0
            || !walked.provable
            || !self.remember(index, entry, ra, stamp, id, hash, walked.initial_bp)
        {
            self.statistics.unremembered += 1;
        }
        id
    }

    /// Stores the last walk at `index`; fails if its words are too many or too
    /// far from each other.
    #[allow(clippy::too_many_arguments, reason = "one caller, fields of one key")]
    fn remember(
        &mut self,
        index: usize,
        entry: Entry,
        ra: usize,
        stamp: u64,
        id: u32,
        hash: u64,
        initial_bp: bool,
    ) -> bool {
        let (addresses, values) = self.last.words();
        let count = values.len();
        let mut near = true;
        for (offset, &address) in self.offsets.iter_mut().zip(addresses) {
            let distance = address.wrapping_sub(entry.slot) as isize >> WORD.ilog2();
            near &= distance as i32 as isize == distance;
            *offset = distance as i32;
        }
        let old = &mut self.keys[index];
        let old_position = (old.slot != 0).then_some(old.position);
        old.slot = 0;
        if !near {
            return false;
        }
        let keys = &mut self.keys;
        let evict = |gone: u32| {
            // After a flush the key may have another chunk already; to forget
            // it then costs a walk.
            keys[gone as usize].slot = 0;
        };
        let position = self.ring.put(
            index as u32,
            old_position,
            values,
            &self.offsets[..count],
            evict,
        );
        let Some(position) = position else {
            return false;
        };
        let bp_mask = if initial_bp { usize::MAX } else { 0 };
        let words = count as u32;
        self.keys[index] = Key {
            slot: entry.slot,
            ra,
            bp: entry.bp,
            bp_mask,
            stamp,
            position,
            words,
            id,
            ambiguous: false,
            hash,
        };
        true
    }

    /// Forgets all remembered stacks.
    pub fn flush(&mut self) {
        let used = PLACES + 2 * (FEW_SETS + self.more_sets);
        for key in &mut self.keys[..used] {
            // Untouched pages stay untouched.
            if key.slot != 0 {
                key.slot = 0;
            }
        }
        self.recent = 0;
        self.last.flush();
    }

    /// How often this history had to walk.
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }
}
