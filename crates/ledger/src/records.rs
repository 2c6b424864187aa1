//! Where records come from and go to.
//!
//! Each thread keeps a list of free records; when it grows long, a batch of
//! them goes to a list of all threads, from which a thread without any takes
//! the next. So a thread that only allocates and one that only releases pass
//! records in a circle.

use crate::format::{MAX_SIZE, RECORD_BYTES, Record, Section};
use crate::primitive::{AtomicU64, Ordering};
use crate::space::Memory;

/// Fresh records that a thread takes at a time.
const CHUNK: u32 = 256;
/// Records of one batch.
const BATCH: u32 = 2048;
/// Free records from which on a thread hands a batch over.
pub(crate) const MOST_FREE: u32 = 2 * BATCH;

/// The free records of one thread. Zeroed bytes are an empty pool.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Pool {
    /// The first free record, 0 for none; its word 0 tells the next.
    pub(crate) free: u32,
    pub(crate) free_count: u32,
    fresh: u32,
    fresh_end: u32,
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

/// The first word of a record that becomes free before another: its generation
/// moves on, so that slots which still name it are known for old.
#[inline(always)]
pub(crate) fn freed(first: u64, next: u32) -> u64 {
    (first & !MAX_SIZE).wrapping_add(1 << 48) | u64::from(next)
}

impl Pool {
    /// A record that nobody else has, and the generation for its next use.
    #[inline(always)]
    pub(crate) fn take(&mut self, memory: &Memory, batches: &Batches) -> Option<(u32, u16)> {
        if self.free == 0 && !self.refill(memory, batches) {
            return None;
        }
        let record = self.free;
        // SAFETY: a record of the free list belongs to this thread.
        let first = unsafe { (*words(memory, record))[0] };
        self.free = first as u32;
        self.free_count = self.free_count.wrapping_sub(1);
        Some((record, (first >> 48) as u16))
    }

    /// Writes a record that was taken. It is published by the slot that names it.
    #[inline(always)]
    pub(crate) fn write(&self, memory: &Memory, record: u32, what: &Record) {
        // SAFETY: taken, so it belongs to this thread. A reader outside sees
        // torn words only under a slot that it will find changed.
        unsafe { words(memory, record).write(what.pack()) };
    }

    /// Gives back a record whose slot is gone.
    #[inline(always)]
    pub(crate) fn give(&mut self, memory: &Memory, batches: &Batches, record: u32) {
        // SAFETY: whoever removed the slot owns the record.
        unsafe {
            let first = &mut (*words(memory, record))[0];
            *first = freed(*first, self.free);
        }
        self.free = record;
        self.free_count += 1;
        if self.free_count >= MOST_FREE {
            self.hand_over(memory, batches);
        }
    }

    #[cold]
    #[inline(never)]
    fn refill(&mut self, memory: &Memory, batches: &Batches) -> bool {
        if self.fresh == self.fresh_end {
            if let Some(batch) = batches.pop(memory) {
                self.free = batch;
                self.free_count = BATCH;
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
        // Never used, so all bits are zero: generation 0, no next.
        self.free = self.fresh;
        self.free_count = 1;
        self.fresh += 1;
        true
    }

    #[cold]
    #[inline(never)]
    fn hand_over(&mut self, memory: &Memory, batches: &Batches) {
        let first = self.free;
        let mut last = first;
        for _ in 1..BATCH {
            // SAFETY: all of the free list belongs to this thread.
            last = unsafe { (*words(memory, last))[0] } as u32;
        }
        // SAFETY: as above.
        let end = unsafe { &mut (*words(memory, last))[0] };
        self.free = *end as u32;
        *end &= !MAX_SIZE;
        self.free_count -= BATCH;
        batches.push(memory, first);
    }
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
