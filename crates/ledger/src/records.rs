//! Where records come from and go to.
//!
//! Each thread keeps a list of free records; when it grows long, a batch of
//! them goes to a list of all threads, from which a thread without any takes
//! the next. So a thread that only allocates and one that only releases pass
//! records in a circle.
//!
//! The record of a block that another thread allocated is not taken for the next
//! block: its neighbours in the cache line are that thread's, and the two would
//! take the line from each other with every event. It waits in a list of its own
//! until there is a batch of such records.

use crate::format::{Family, MAX_SIZE, MAX_THREAD, RECORD_BYTES, Record, Section};
use crate::misuse::Gone;
use crate::primitive::{AtomicU64, Ordering};
use crate::space::Memory;

/// Fresh records that a thread takes at a time.
const CHUNK: u32 = 256;
/// Of these, so many become free records at a time: pages that are not needed
/// stay untouched.
const FEW: usize = 32;
/// Records of one batch.
const BATCH: u32 = 2048;
/// Free records from which on a thread hands a batch over.
pub(crate) const MOST_FREE: u32 = 2 * BATCH;
/// The same for records that other threads used last.
pub(crate) const MOST_FOREIGN: u32 = BATCH;

/// The free records of one thread. Zeroed bytes are an empty pool.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Pool {
    /// The free records.
    pub(crate) free: List,
    /// Free records that other threads used last.
    pub(crate) foreign: List,
    fresh: u32,
    fresh_end: u32,
}

/// A list of free records: the number of the first in 32 bits, that of all of them
/// in the 16 above. A free record has in its first word, where its size would be,
/// the list behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct List(u64);

impl List {
    const EMPTY: List = List(0);

    #[inline(always)]
    fn new(first: u32, count: u32) -> List {
        List(u64::from(count) << 32 | u64::from(first))
    }
    /// The list behind a free record, from its first word.
    #[inline(always)]
    pub(crate) fn behind(first: u64) -> List {
        List(first & MAX_SIZE)
    }
    /// With `record` before it.
    #[inline(always)]
    pub(crate) fn with(self, record: u32) -> List {
        List(((self.0 & !0xffff_ffff) + (1 << 32)) | u64::from(record))
    }
    /// The first record; 0 for none.
    #[inline(always)]
    pub(crate) fn first(self) -> u32 {
        self.0 as u32
    }
    #[inline(always)]
    pub(crate) fn count(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// The batches of all threads: a stack, its head a record number below a
/// counter that makes each value of the head unique.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct Batches(AtomicU64);

/// The three words of a record.
#[inline(always)]
fn words(memory: &Memory, record: u32) -> *mut [u64; 3] {
    memory
        .at(Section::Records, u64::from(record) * RECORD_BYTES)
        .cast()
}

/// What the ledger has under a record number.
///
/// # Safety
/// The number was taken from this memory's index or pool.
#[inline(always)]
pub(crate) unsafe fn read(memory: &Memory, record: u32) -> Record {
    // SAFETY: promised by the caller. Another thread may write it meanwhile
    // only if the program releases the block twice; then the values are wrong
    // but there are no invalid ones.
    Record::unpack(unsafe { words(memory, record).read_volatile() })
}

/// The words under a record number.
///
/// # Safety
/// As for [`read`].
pub(crate) unsafe fn words_of(memory: &Memory, record: u32) -> [u64; 3] {
    // SAFETY: as in `read`.
    unsafe { words(memory, record).read_volatile() }
}

/// The mark of a free record in its third word: a tag that no block has.
const GONE: u64 = 0x3ff << 54;

/// The third word of a record that becomes free: what released it returns to
/// `site`.
#[inline(always)]
pub(crate) fn gone_third(third: u64, site: u64) -> u64 {
    GONE | (third >> 22 & 63) << 48 | site & ((1 << 48) - 1)
}

/// What a record still tells of the block that had `generation`, unless it is in
/// use again.
pub(crate) fn gone([first, second, third]: [u64; 3], generation: u16) -> Option<Gone> {
    let is_gone = third & GONE == GONE && (first >> 48) as u16 == generation.wrapping_add(1);
    is_gone.then(|| Gone {
        stack: second as u32,
        family: Family::from_number(third >> 48 & 63),
        site: third & ((1 << 48) - 1),
    })
}

/// The first word of a record that becomes free before another: its generation
/// moves on, so that slots which still name it are known for old.
#[inline(always)]
pub(crate) fn freed(first: u64, behind: List) -> u64 {
    (first & !MAX_SIZE).wrapping_add(1 << 48) | behind.0
}

/// Whether a record, by its third word, was last used by another thread than the
/// one in the third word `own`.
#[inline(always)]
pub(crate) fn is_foreign(third: u64, own: u64) -> bool {
    (third ^ own) & u64::from(MAX_THREAD) != 0
}

impl Pool {
    /// A record that nobody else has, and the generation for its next use.
    #[inline(always)]
    pub(crate) fn take(&mut self, memory: &Memory, batches: &Batches) -> Option<(u32, u16)> {
        if self.free.first() == 0 && !self.refill(memory, batches) {
            return None;
        }
        let record = self.free.first();
        // SAFETY: a record of the free list belongs to this thread.
        let first = unsafe { (*words(memory, record))[0] };
        self.free = List::behind(first);
        Some((record, (first >> 48) as u16))
    }

    /// Writes a record that was taken. It is published by the slot that names it.
    #[inline(always)]
    pub(crate) fn write(&self, memory: &Memory, record: u32, what: &Record) {
        // SAFETY: taken, so it belongs to this thread. A reader outside sees
        // torn words only under a slot that it will find changed.
        unsafe { words(memory, record).write(what.pack()) };
    }

    /// Gives back a record whose slot is gone, by a call that returns to `site`.
    /// `thread` is the caller's number.
    #[inline(always)]
    pub(crate) fn give(
        &mut self,
        memory: &Memory,
        batches: &Batches,
        record: u32,
        thread: u32,
        site: u64,
    ) {
        let words = words(memory, record);
        // SAFETY: whoever removed the slot owns the record.
        unsafe {
            let list = match is_foreign((*words)[2], u64::from(thread.min(MAX_THREAD))) {
                true => &mut self.foreign,
                false => &mut self.free,
            };
            (*words)[0] = freed((*words)[0], *list);
            (*words)[2] = gone_third((*words)[2], site);
            *list = list.with(record);
        }
        self.trim(memory, batches);
    }

    /// Hands a batch over when there are too many free records.
    #[inline(always)]
    pub(crate) fn trim(&mut self, memory: &Memory, batches: &Batches) {
        for (list, most) in [
            (&mut self.free, MOST_FREE),
            (&mut self.foreign, MOST_FOREIGN),
        ] {
            if list.count() >= most {
                hand_over(list, memory, batches);
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn refill(&mut self, memory: &Memory, batches: &Batches) -> bool {
        if self.fresh == self.fresh_end {
            if let Some(batch) = batches.pop(memory) {
                self.free = List::new(batch, BATCH);
                return true;
            }
            let header = memory.header();
            let Some(first) = memory.take(Section::Records, &header.records, CHUNK, RECORD_BYTES)
            else {
                return false;
            };
            self.fresh = first;
            self.fresh_end = first + CHUNK;
        }
        // Never used, so all bits are zero: generation 0, nothing behind it. A few
        // become a list, so that the next events find one without coming here.
        let mut free = List::EMPTY;
        for record in (self.fresh..self.fresh_end).take(FEW).rev() {
            // SAFETY: just taken, so it belongs to this thread.
            unsafe { (*words(memory, record))[0] = free.0 };
            free = free.with(record);
        }
        self.fresh += free.count();
        self.free = free;
        true
    }
}

/// Makes a batch of the first records of a list that has enough of them.
#[cold]
#[inline(never)]
fn hand_over(list: &mut List, memory: &Memory, batches: &Batches) {
    let batch = list.first();
    for behind in (0..BATCH).rev() {
        // SAFETY: all of the list belongs to this thread.
        let first = unsafe { &mut (*words(memory, list.first()))[0] };
        *list = List::behind(*first);
        let rest = match behind {
            0 => List::EMPTY,
            _ => List::new(list.first(), behind),
        };
        *first = *first & !MAX_SIZE | rest.0;
    }
    batches.push(memory, batch);
}

impl Batches {
    /// The word of a record that links its batch to the next.
    fn link(memory: &Memory, record: u32) -> &AtomicU64 {
        // SAFETY: the record exists and is aligned; atomic because a thread
        // that loses the race in `pop` may read it while its owner writes.
        unsafe { &*(&raw const (*words(memory, record))[1]).cast::<AtomicU64>() }
    }

    fn push(&self, memory: &Memory, batch: u32) {
        // Relaxed: only compared.
        let mut head = self.0.load(Ordering::Relaxed);
        loop {
            Batches::link(memory, batch).store(head & 0xffff_ffff, Ordering::Relaxed);
            let next = (head >> 32).wrapping_add(1) << 32 | u64::from(batch);
            // Release: the links of the batch were written before.
            let order = (Ordering::Release, Ordering::Relaxed);
            match self.0.compare_exchange_weak(head, next, order.0, order.1) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    fn pop(&self, memory: &Memory) -> Option<u32> {
        // Acquire: pairs with `push`.
        let mut head = self.0.load(Ordering::Acquire);
        loop {
            let batch = head as u32;
            if batch == 0 {
                return None;
            }
            // May be read after another thread took the batch; then the
            // exchange fails, because the counter in the head has moved on.
            let behind = Batches::link(memory, batch).load(Ordering::Relaxed);
            let next = (head >> 32).wrapping_add(1) << 32 | behind & 0xffff_ffff;
            let order = (Ordering::Acquire, Ordering::Acquire);
            match self.0.compare_exchange_weak(head, next, order.0, order.1) {
                Ok(_) => return Some(batch),
                Err(now) => head = now,
            }
        }
    }
}
