//! What each thread has for itself: its free records, its counters, and the
//! three things that can happen to a block.

use crate::fast::Hot;
use crate::fast::MAX_SMALL;
use crate::format::{Family, MAX_THREADS, Owner, Record, Section, Slot, ThreadEntry, UNIT_BITS};
use crate::index::{self, Inserted, Removed};
use crate::misuse::Gone;
use crate::primitive::{AtomicU32, AtomicU64, Ordering};
use crate::records::{self, Pool};
use crate::space::INDEXED;
use crate::writer::Ledger;

/// A thread adds to the shared sum of live bytes each time that one of its own
/// sums crosses a multiple of this power of two: 64 KiB.
pub(crate) const STEP_BITS: u32 = 16;

/// Where threads count that found no entry: nobody reads it.
static NOBODY: ThreadEntry = ThreadEntry {
    tid: AtomicU32::new(0),
    number: AtomicU32::new(0),
    allocations: AtomicU64::new(0),
    releases: AtomicU64::new(0),
    allocated_bytes: AtomicU64::new(0),
    released_bytes: AtomicU64::new(0),
    name: [const { AtomicU64::new(0) }; 2],
    spare: AtomicU64::new(0),
};

/// What one thread has for itself. Zeroed bytes are one that has not begun.
#[derive(Debug)]
#[repr(C)]
pub struct ThreadLog {
    pub(crate) pool: Pool,
    pub(crate) entry: *const ThreadEntry,
    pub(crate) hot: Hot,
    /// What of the entry's sums is in the shared sum already.
    shared: i64,
    number: u32,
    nested: bool,
}

/// A block that the ledger knew.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Its record.
    pub record: Record,
}

/// What the ledger says to a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// The block was live; it is not any more.
    Live,
    /// It was released before, and its address was not handed out since. This is
    /// what is still known of it.
    Dead(Option<Gone>),
    /// The block is live, but of another family than the function releases. This is
    /// its record; it is live still.
    Other(Record),
    /// The ledger does not know the address.
    Unknown,
}

/// A block that was just allocated.
#[derive(Clone, Copy, Debug)]
pub struct Allocation {
    /// Its address.
    pub address: u64,
    /// Bytes that were asked for.
    pub size: u64,
    /// Its stack.
    pub stack: u32,
    /// Its family.
    pub family: Family,
}

impl ThreadLog {
    /// Begins the log of the calling thread, whose kernel id is `tid`.
    pub fn begin(&mut self, ledger: &Ledger, tid: u32, name: [u64; 2]) {
        let header = ledger.memory.header();
        let bytes = size_of::<ThreadEntry>() as u64;
        let most = MAX_THREADS as u32;
        let number = match header.threads.load(Ordering::Relaxed) < most {
            true => ledger
                .memory
                .take(Section::Threads, &header.threads, 1, bytes),
            // The last one is shared; its sums can then miss events.
            false => Some(most - 1),
        };
        self.entry = number.map_or(&NOBODY, |n| ledger.thread(n));
        self.hot = Hot::new(ledger);
        self.take_over(ledger, tid, name);
    }

    /// Goes on with the log of a thread that ended.
    pub fn take_over(&mut self, ledger: &Ledger, tid: u32, name: [u64; 2]) {
        // Relaxed: a plain count.
        let numbers = &ledger.memory.header().thread_numbers;
        self.number = numbers.fetch_add(1, Ordering::Relaxed) + 1;
        self.hot.set_thread(self.number);
        let entry = self.entry();
        entry.tid.store(tid, Ordering::Relaxed);
        entry.number.store(self.number, Ordering::Relaxed);
        for (to, word) in entry.name.iter().zip(name) {
            to.store(word, Ordering::Relaxed);
        }
    }

    /// Begins a log for events that interrupt those of `outer`: it counts to
    /// the same entry and has its own records.
    pub fn begin_nested(&mut self, outer: &ThreadLog) {
        self.entry = outer.entry;
        self.hot = outer.hot;
        self.number = outer.number;
        self.nested = true;
    }

    /// Its number in records.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Notes an allocation that has been made. False when there was no room.
    #[inline(always)]
    pub fn allocated(&mut self, ledger: &Ledger, what: Allocation) -> bool {
        self.count_allocation(ledger, what.size);
        if what.size > MAX_SMALL {
            let largest = &ledger.memory.header().largest_bytes;
            // Relaxed: see `Ledger::block_around`.
            largest.fetch_max(what.size, Ordering::Relaxed);
        }
        if !can_index(what.address) {
            return unindexed(ledger);
        }
        let Some((number, generation)) = self.pool.take(&ledger.memory, &ledger.batches) else {
            return dropped(ledger, what.size);
        };
        let record = Record {
            size: what.size,
            stack: what.stack,
            time_ms: ledger.now_ms(),
            thread: self.number,
            family: what.family,
            owner: Owner::Caller,
            scope: 0,
            tag: 0,
            generation,
        };
        self.pool.write(&ledger.memory, number, &record);
        self.hot.sampled(what.address);
        match index::insert(&ledger.memory, what.address, number, generation) {
            Inserted::New => true,
            Inserted::Replaced(old) => {
                self.hot.unsampled(what.address);
                self.unseen(ledger, old);
                true
            }
            Inserted::Full => {
                self.hot.unsampled(what.address);
                self.pool
                    .give(&ledger.memory, &ledger.batches, number, self.number, 0);
                dropped(ledger, what.size)
            }
        }
    }

    /// Notes a release that is about to be made, by whatever function.
    pub fn released(&mut self, ledger: &Ledger, address: u64) -> Release {
        self.released_by(ledger, address, Family::Unknown, 0)
    }

    /// Notes a release that is about to be made by a function for blocks of the
    /// family `by`, `Unknown` for all, which will return to `site`, 0 when unknown.
    pub fn released_by(&mut self, ledger: &Ledger, address: u64, by: Family, site: u64) -> Release {
        match self.take_out(ledger, address, by, site) {
            Ok(_) => Release::Live,
            Err(release) => release,
        }
    }

    /// The same for a release that may fail, as that of `realloc`: gives what
    /// the block was, for [`ThreadLog::restored`].
    ///
    /// # Errors
    /// What else the ledger says to it: never [`Release::Live`].
    pub fn released_for_now(
        &mut self,
        ledger: &Ledger,
        address: u64,
        by: Family,
        site: u64,
    ) -> Result<Known, Release> {
        let record = self.take_out(ledger, address, by, site)?;
        Ok(Known { record })
    }

    /// Takes a live block out of the ledger; tells what it was, or else that it
    /// is not live.
    #[inline(always)]
    fn take_out(
        &mut self,
        ledger: &Ledger,
        address: u64,
        by: Family,
        site: u64,
    ) -> Result<Record, Release> {
        if !can_index(address) {
            return Err(Release::Unknown);
        }
        if by != Family::Unknown
            && let Some(record) = ledger.find(address)
            && record.family != by
        {
            return Err(Release::Other(record));
        }
        match index::remove(&ledger.memory, address) {
            Removed::Live(slot) => {
                self.hot.unsampled(address);
                // SAFETY: the slot was in the index until now.
                let record = unsafe { records::read(&ledger.memory, slot.record()) };
                self.pool.give(
                    &ledger.memory,
                    &ledger.batches,
                    slot.record(),
                    self.number,
                    site,
                );
                self.count_release(ledger, record.size);
                Ok(record)
            }
            Removed::Dead(tombstone) => Err(Release::Dead(ledger.memory.gone(tombstone))),
            Removed::Unknown => Err(Release::Unknown),
        }
    }

    /// Notes again a block whose release was noted but not made.
    pub fn restored(&mut self, ledger: &Ledger, address: u64, known: &Known) {
        let Some((number, generation)) = self.pool.take(&ledger.memory, &ledger.batches) else {
            dropped(ledger, known.record.size);
            return;
        };
        let record = Record {
            generation,
            ..known.record
        };
        self.pool.write(&ledger.memory, number, &record);
        self.hot.sampled(address);
        if index::insert(&ledger.memory, address, number, generation) == Inserted::Full {
            self.hot.unsampled(address);
            self.pool
                .give(&ledger.memory, &ledger.batches, number, self.number, 0);
            dropped(ledger, record.size);
        }
        let entry = self.entry();
        sub(&entry.releases, 1);
        sub(&entry.released_bytes, record.size);
    }

    /// Changes the family of a live block: C++ `new` calls `malloc`. False when
    /// the ledger does not know the block.
    #[inline(always)]
    pub fn refamily(&mut self, ledger: &Ledger, address: u64, family: Family) -> bool {
        if !can_index(address) {
            return false;
        }
        let Some(slot) = index::find(&ledger.memory, address) else {
            return false;
        };
        // SAFETY: the block was just handed to this thread, so nobody else
        // releases it or writes its record.
        let mut record = unsafe { records::read(&ledger.memory, slot.record()) };
        record.family = family;
        self.pool.write(&ledger.memory, slot.record(), &record);
        true
    }

    /// The address was handed out again, so it must have been released in a
    /// way that nobody saw.
    #[cold]
    #[inline(never)]
    fn unseen(&mut self, ledger: &Ledger, old: Slot) {
        let unseen = &ledger.memory.header().unseen_releases;
        unseen.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the slot was in the index until now.
        let size = unsafe { records::read(&ledger.memory, old.record()) }.size;
        self.count_release(ledger, size);
        self.pool.give(
            &ledger.memory,
            &ledger.batches,
            old.record(),
            self.number,
            0,
        );
    }

    #[inline(always)]
    pub(crate) fn entry(&self) -> &ThreadEntry {
        // SAFETY: an entry of the mapping that belongs to this thread, or
        // `NOBODY`: set by `begin`, which comes before all else.
        unsafe { &*self.entry }
    }

    #[inline(always)]
    fn count_allocation(&mut self, ledger: &Ledger, size: u64) {
        let entry = self.entry();
        add(&entry.allocations, 1);
        if add(&entry.allocated_bytes, size) {
            self.share(ledger);
        }
    }

    #[inline(always)]
    fn count_release(&mut self, ledger: &Ledger, size: u64) {
        let entry = self.entry();
        add(&entry.releases, 1);
        if add(&entry.released_bytes, size) {
            self.share(ledger);
        }
    }

    /// Brings the shared sum of live bytes, and its peak, up to date.
    #[cold]
    #[inline(never)]
    pub(crate) fn share(&mut self, ledger: &Ledger) {
        if self.nested {
            // The log that it interrupted counts to the same entry.
            return;
        }
        let entry = self.entry();
        let allocated = entry.allocated_bytes.load(Ordering::Relaxed);
        let released = entry.released_bytes.load(Ordering::Relaxed);
        let live = allocated.wrapping_sub(released) as i64;
        let change = live.wrapping_sub(self.shared);
        self.shared = live;
        let header = ledger.memory.header();
        // Relaxed: a plain sum and its maximum.
        let before = header.live_bytes.fetch_add(change, Ordering::Relaxed);
        let now = before.saturating_add(change).max(0);
        header.peak_bytes.fetch_max(now as u64, Ordering::Relaxed);
    }
}

/// Whether the index can hold this address.
#[inline(always)]
pub(crate) fn can_index(address: u64) -> bool {
    address < INDEXED && address & ((1 << UNIT_BITS) - 1) == 0
}

/// Adds, and says whether the sum crossed a step. One writer: a load and a
/// store, which compile to one instruction that a signal handler cannot split.
#[inline(always)]
pub(crate) fn add(to: &AtomicU64, what: u64) -> bool {
    let before = to.load(Ordering::Relaxed);
    let after = before.wrapping_add(what);
    to.store(after, Ordering::Relaxed);
    (before ^ after) >> STEP_BITS != 0
}

fn sub(to: &AtomicU64, what: u64) {
    let now = to.load(Ordering::Relaxed);
    to.store(now.wrapping_sub(what), Ordering::Relaxed);
}

#[cold]
#[inline(never)]
fn dropped(ledger: &Ledger, size: u64) -> bool {
    let header = ledger.memory.header();
    header.dropped_records.fetch_add(1, Ordering::Relaxed);
    header.dropped_bytes.fetch_add(size, Ordering::Relaxed);
    false
}

#[cold]
#[inline(never)]
fn unindexed(ledger: &Ledger) -> bool {
    let header = ledger.memory.header();
    header.unindexed.fetch_add(1, Ordering::Relaxed);
    false
}
