//! A ledger from inside its process.
//!
//! [`Ledger`] is what the threads of a process share, [`ThreadLog`] what each
//! has for itself. Both are plain memory in which all bits zero mean "not
//! begun", so that they can lie in pages that a forked child finds wiped: the
//! child then begins a ledger of its own before it can write to its parent's.
//!
//! In the steady state nothing here allocates, locks or calls the system.

use core::ffi::CStr;

pub use crate::fast::Tried;
use crate::format::{
    Clock, LEDGER_MAGIC, Record, Root, SESSION_MAGIC, Section, SessionHeader, State, ThreadEntry,
    VERSION,
};
use crate::index;
pub use crate::misuse::{Gone, Misuse};
pub use crate::modules::Loaded;
use crate::primitive::{AtomicU32, Ordering};
use crate::records::Batches;
use crate::samples::Samples;
use crate::space::Memory;
use crate::sys::{self, RawFile};
use crate::thread_log;
pub use crate::thread_log::{Allocation, Known, Release, ThreadLog};
pub use crate::trie::Path;
use crate::trie::Trie;

/// What the threads of a process share.
#[repr(C)]
pub struct Ledger {
    pub(crate) memory: Memory,
    pub(crate) batches: Batches,
    pub(crate) samples: Samples,
    pub(crate) trie: Trie,
    slot: u32,
}

// SAFETY: the pointers in it lead to mappings that are never ended, and all
// that they hold is atomic or belongs to one thread by number.
unsafe impl Sync for Ledger {}
// SAFETY: as above.
unsafe impl Send for Ledger {}

/// What a process says of itself when it begins.
#[derive(Clone, Copy, Debug)]
pub struct Birth<'a> {
    /// Its process id.
    pub pid: u32,
    /// That of its parent.
    pub parent_pid: u32,
    /// The ledger that it was forked from.
    pub parent_slot: Option<u32>,
    /// Its arguments, each ended by a NUL.
    pub argv: &'a [u8],
    /// Path of its executable.
    pub exe: &'a [u8],
}

/// An open session, seen from a process that shall be tracked.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    header: *const SessionHeader,
}

impl Session {
    /// Maps the session at `path` and hands its file, which the caller closes.
    ///
    /// # Errors
    /// A number of the system; `EPROTO` (`ERROR_INVALID_DATA`) when it is no
    /// session of this version.
    pub fn open(path: &CStr) -> Result<(Session, RawFile), i32> {
        let file = sys::open(path)?;
        // SAFETY: opened above, known to nobody else.
        let close = || unsafe { sys::close_file(file) };
        let mapped = sys::map_shared(file, 0, crate::format::PAGE);
        let at = mapped.inspect_err(|_| close())?;
        let session = Session { header: at.cast() };
        let header = session.header();
        // Relaxed: the launcher wrote these before it started the process.
        if header.magic.load(Ordering::Relaxed) != SESSION_MAGIC
            || header.version.load(Ordering::Relaxed) != VERSION
        {
            close();
            // SAFETY: the reference ends here.
            unsafe { sys::unmap_shared(at, crate::format::PAGE) };
            return Err(sys::NOT_A_SESSION);
        }
        Ok((session, file))
    }

    /// Its header.
    pub fn header(&self) -> &SessionHeader {
        // SAFETY: mapped in `open` and never unmapped while a Session exists.
        unsafe { &*self.header }
    }
}

impl Ledger {
    /// Begins a ledger in the session.
    ///
    /// # Errors
    /// A number of the system: `ENOSPC` (`ERROR_DISK_FULL`) when the session has
    /// no room for another process.
    ///
    /// # Safety
    /// `place` is valid and all zero, and nobody else uses it before the return;
    /// `file` is the file of `session`.
    pub unsafe fn begin(
        place: *mut Ledger,
        session: Session,
        file: RawFile,
        birth: &Birth<'_>,
    ) -> Result<(), i32> {
        let header = session.header();
        let most = header.max_slots.load(Ordering::Relaxed);
        // Relaxed: the number is unique, nothing is published by it.
        let slot = header.slots.fetch_add(1, Ordering::Relaxed);
        if slot >= most {
            header.slots.fetch_sub(1, Ordering::Relaxed);
            return Err(sys::NO_ROOM);
        }
        // SAFETY: the slot was just taken; the session stays mapped.
        let memory = unsafe { Memory::map(session.header, file, slot)? };
        // SAFETY: promised by the caller.
        let ledger = unsafe {
            (&raw mut (*place).memory).write(memory);
            (*place).slot = slot;
            &*place
        };
        ledger.describe(birth);
        Ok(())
    }

    fn describe(&self, birth: &Birth<'_>) {
        let header = self.memory.header();
        let set = |field: &AtomicU32, value: u32| field.store(value, Ordering::Relaxed);
        set(&header.pid, birth.pid);
        set(&header.parent_pid, birth.parent_pid);
        set(&header.parent_slot, birth.parent_slot.map_or(0, |s| s + 1));
        set(&header.start_ms, self.now_ms());
        let room = 16 * crate::format::PAGE as usize;
        let exe = &birth.exe[..birth.exe.len().min(room)];
        let argv = &birth.argv[..birth.argv.len().min(room - exe.len())];
        let len = argv.len() + exe.len();
        if self.memory.commit(Section::Text, len as u64) {
            self.write(Section::Text, 0, argv);
            self.write(Section::Text, argv.len() as u64, exe);
            set(&header.argv_len, argv.len() as u32);
            set(&header.exe_len, exe.len() as u32);
        }
        set(&header.version, VERSION);
        set(&header.state, State::Running as u32);
        // Release: a reader that sees the magic sees the rest.
        header.magic.store(LEDGER_MAGIC, Ordering::Release);
    }

    pub(crate) fn write(&self, section: Section, at: u64, bytes: &[u8]) {
        let to = self.memory.at(section, at);
        // SAFETY: the callers committed the range and own it.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
    }

    /// Whether it has begun.
    pub fn has_begun(&self) -> bool {
        self.memory.is_mapped()
    }

    /// Its number in the session.
    pub fn slot(&self) -> u32 {
        self.slot
    }

    /// Its memory.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Says that the process ends in this way.
    pub fn end(&self, state: State, exit_status: u32) {
        let header = self.memory.header();
        header.exit_status.store(exit_status, Ordering::Relaxed);
        header.end_ms.store(self.now_ms(), Ordering::Relaxed);
        // Release: the status was written before.
        header.state.store(state as u32, Ordering::Release);
    }

    /// Milliseconds since the session began: the launcher's tick, or the clock
    /// when there is no launcher to tick.
    #[inline(always)]
    pub fn now_ms(&self) -> u32 {
        let (flags, ms) = self.memory.session().clock.read();
        match flags & Clock::TICKING {
            0 => self.clock_ms(),
            _ => ms,
        }
    }

    #[cold]
    #[inline(never)]
    fn clock_ms(&self) -> u32 {
        let session = self.memory.session();
        let start = session.start_monotonic_ns.load(Ordering::Relaxed) / 1_000_000;
        let now = sys::coarse_ms().saturating_sub(start) as u32;
        // Readers take it for the present; it never goes back.
        session.clock.advance(now)
    }

    /// Stores a stack, innermost frame first; 0 when there is no room for it.
    pub fn intern(&self, root: Root, frames: &[usize]) -> u32 {
        let stored = self.trie.intern(&self.memory, root, frames);
        stored.unwrap_or_else(|| self.drop_stack())
    }

    /// The same, faster for a thread that keeps its last stack in `last`.
    pub fn intern_after(&self, last: &mut Path, root: Root, frames: &[usize]) -> u32 {
        let stored = self.trie.intern_after(&self.memory, last, root, frames);
        stored.unwrap_or_else(|| self.drop_stack())
    }

    #[cold]
    pub(crate) fn drop_stack(&self) -> u32 {
        let dropped = &self.memory.header().dropped_stacks;
        dropped.fetch_add(1, Ordering::Relaxed);
        0
    }

    /// Whether some reader waits for a process of the session to judge its
    /// blocks.
    #[inline(always)]
    pub fn is_called(&self) -> bool {
        self.memory.session().clock.read().0 & Clock::CALLING != 0
    }

    /// The present module epoch.
    #[inline(always)]
    pub fn epoch(&self) -> u32 {
        // Relaxed: whoever changed it flushed the caches that depend on it.
        self.memory.header().epoch.load(Ordering::Relaxed)
    }

    /// What the ledger has on the block at `address`, when it is live.
    pub fn find(&self, address: u64) -> Option<Record> {
        thread_log::can_index(address)
            .then(|| index::find(&self.memory, address))
            .flatten()
            .map(|slot| self.memory.record(slot))
    }

    /// Whether a block was ever recorded near `address`: cheap, and nearly
    /// always false when blocks are sampled.
    #[inline(always)]
    pub fn has_region(&self, address: u64) -> bool {
        use crate::index::Space;
        thread_log::can_index(address)
            // Relaxed: only whether there is one.
            && self.memory.entry(address).is_some_and(|e| e.load(Ordering::Relaxed) != 0)
    }

    /// Counts a release of an address that the ledger does not know.
    pub fn note_unknown_release(&self) {
        let unknown = &self.memory.header().unknown_releases;
        unknown.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an event that could not be recorded.
    pub fn note_drop(&self) {
        let dropped = &self.memory.header().dropped_records;
        dropped.fetch_add(1, Ordering::Relaxed);
    }
}

impl Ledger {
    pub(crate) fn thread(&self, number: u32) -> &ThreadEntry {
        let at = u64::from(number) * size_of::<ThreadEntry>() as u64;
        // SAFETY: numbers below the count are committed; made of atomics.
        unsafe { &*self.memory.at(Section::Threads, at).cast::<ThreadEntry>() }
    }
}
