//! The headers of a session and of a ledger, and the states in them.

use super::Section;
use crate::primitive::{AtomicI64, AtomicU32, AtomicU64, Ordering};

/// State of a process, in [`LedgerHeader::state`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum State {
    /// The ledger is being set up, or was never finished.
    Starting = 0,
    /// The process was running when last heard of. If it is gone, it was
    /// killed, or it ended by a way that runs no code.
    Running = 1,
    /// It ended by itself; [`LedgerHeader::exit_status`] tells the status.
    Exited = 2,
    /// It became another program by `exec`.
    Replaced = 3,
}

/// Progress of the reachability scan, in [`LedgerHeader::scan_state`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ScanState {
    /// Nobody asked for one.
    None = 0,
    /// A reader asks the process for one: see [`Clock::CALLING`].
    Requested = 1,
    /// An image of the process is at it.
    Running = 2,
    /// The verdict section is complete.
    Done = 3,
    /// It ended without a result; [`LedgerHeader::scan_error`] tells why.
    Failed = 4,
}

/// The time of a session, and what its processes should know at each event:
/// one word, so that an event reads both at once.
///
/// ```text
/// 63..32                                 31..2    1         0
/// milliseconds since the session began     0    CALLING  TICKING
/// ```
#[derive(Debug)]
#[repr(transparent)]
pub struct Clock(AtomicU64);

impl Clock {
    /// Flag: the launcher keeps the time up to date.
    pub const TICKING: u64 = 1;
    /// Flag: a reader waits for a process to see that its scan is
    /// [`ScanState::Requested`].
    pub const CALLING: u64 = 2;

    /// The word.
    #[inline(always)]
    pub fn word(&self) -> u64 {
        // Relaxed: a number of its own; what a flag announces is synchronised
        // by the state that it makes the process look at.
        self.0.load(Ordering::Relaxed)
    }

    /// Flags and time.
    #[inline(always)]
    pub fn read(&self) -> (u64, u32) {
        let word = self.word();
        (word & 0xffff_ffff, (word >> 32) as u32)
    }

    /// Milliseconds since the session began.
    pub fn ms(&self) -> u32 {
        self.read().1
    }

    /// Sets flags.
    pub fn set(&self, flags: u64) {
        // Release: what a flag announces was written before.
        self.0.fetch_or(flags, Ordering::Release);
    }

    /// Clears flags.
    pub fn clear(&self, flags: u64) {
        self.0.fetch_and(!flags, Ordering::Release);
    }

    /// Moves the time on to `ms`, or leaves it where it is already later. Gives
    /// the time then.
    pub fn advance(&self, ms: u32) -> u32 {
        let mut word = self.0.load(Ordering::Relaxed);
        while (word >> 32) < u64::from(ms) {
            let next = word & 0xffff_ffff | u64::from(ms) << 32;
            // SeqCst: a process that begins a tick for a scan wants every
            // thread that allocates after it to see it.
            let order = (Ordering::SeqCst, Ordering::Relaxed);
            match self.0.compare_exchange_weak(word, next, order.0, order.1) {
                Ok(_) => return ms,
                Err(now) => word = now,
            }
        }
        (word >> 32) as u32
    }
}

/// What a session was asked to do; the same for all its processes.
#[repr(C)]
#[derive(Debug)]
pub struct SessionHeader {
    /// [`SESSION_MAGIC`](super::SESSION_MAGIC).
    pub magic: AtomicU64,
    /// [`VERSION`](super::VERSION).
    pub version: AtomicU32,
    /// Length of this header in bytes.
    pub header_bytes: AtomicU32,
    /// Hard limit for all ledgers of the session together, in bytes.
    pub max_memory: AtomicU64,
    /// Bytes that are handed out of it.
    pub used: AtomicU64,
    /// Distance of one ledger from the next in the file, in bytes.
    pub stride: AtomicU64,
    /// Where the first ledger starts.
    pub slots_offset: AtomicU64,
    /// Ledgers that were begun.
    pub slots: AtomicU32,
    /// Ledgers that fit into the file.
    pub max_slots: AtomicU32,
    /// When the session began, in nanoseconds since 1970.
    pub start_unix_ns: AtomicU64,
    /// `CLOCK_MONOTONIC` at the same moment, in nanoseconds.
    pub start_monotonic_ns: AtomicU64,
    /// Process id of the launcher, 0 when there is none.
    pub launcher: AtomicU32,
    /// Longest stack to record, 0 for none.
    pub depth: AtomicU32,
    /// What time it is.
    pub clock: Clock,
    /// Bytes between two samples, 0 to record every block.
    pub sample_bytes: AtomicU64,
    /// A bit `1 << family` for each family to record.
    pub families: AtomicU64,
    /// 1 when children are to be followed.
    pub follow: AtomicU32,
    /// 1 when pages must be reserved before they are touched (a file system
    /// that can be full).
    pub reserve: AtomicU32,
    /// 1 when processes shall judge their live blocks when they end.
    pub scan_at_exit: AtomicU32,
    /// Processes that could not be given a ledger.
    pub untracked: AtomicU32,
    /// 0 to load the preload library and record nothing.
    pub enabled: AtomicU32,
    /// An [`OnMisuse`](super::OnMisuse).
    pub on_misuse: AtomicU32,
    /// 1 when the stacks of releases are kept for a while.
    pub release_stacks: AtomicU32,
    pub(crate) spare: [AtomicU32; 7],
}

/// What is known of one process, and how far its sections are filled.
#[repr(C)]
#[derive(Debug)]
pub struct LedgerHeader {
    /// [`LEDGER_MAGIC`](super::LEDGER_MAGIC), written last.
    pub magic: AtomicU64,
    /// [`VERSION`](super::VERSION).
    pub version: AtomicU32,
    /// A [`State`].
    pub state: AtomicU32,
    /// Its process id.
    pub pid: AtomicU32,
    /// The process id of its parent when it began.
    pub parent_pid: AtomicU32,
    /// One more than the number of the ledger that it was forked from, or that
    /// it replaced by `exec`; 0 for none.
    pub parent_slot: AtomicU32,
    /// The value given to `exit`.
    pub exit_status: AtomicU32,
    /// Milliseconds since the session began.
    pub start_ms: AtomicU32,
    /// When it ended.
    pub end_ms: AtomicU32,
    /// Bytes of the NUL-separated argument list at the start of the text section.
    pub argv_len: AtomicU32,
    /// Bytes of the path of the executable, behind the argument list.
    pub exe_len: AtomicU32,
    /// Where each [`Section`] starts, from the start of this header, in bytes.
    pub section_offset: [AtomicU64; Section::COUNT],
    /// How many bytes of each section may be touched.
    pub section_committed: [AtomicU64; Section::COUNT],
    /// Leaves handed out.
    pub leaves: AtomicU32,
    /// Modules handed out.
    pub modules: AtomicU32,
    /// Bytes used in the segment section.
    pub segment_bytes: AtomicU64,
    /// Records handed out, the unused record 0 included.
    pub records: AtomicU32,
    /// Stack nodes handed out, the unused node 0 included.
    pub nodes: AtomicU32,
    /// Bytes used in the name section.
    pub name_bytes: AtomicU32,
    /// Tags named, the unused tag 0 included.
    pub tags: AtomicU32,
    /// Scopes named, the unused scope 0 included.
    pub scopes: AtomicU32,
    /// Thread entries handed out.
    pub threads: AtomicU32,
    /// Number of the last thread.
    pub thread_numbers: AtomicU32,
    /// The module epoch.
    pub epoch: AtomicU32,
    /// Live bytes, to within 64 KiB for each thread.
    pub live_bytes: AtomicI64,
    /// Largest value of `live_bytes`.
    pub peak_bytes: AtomicU64,
    /// Blocks that were not recorded for want of room.
    pub dropped_records: AtomicU64,
    /// Bytes of these.
    pub dropped_bytes: AtomicU64,
    /// Blocks recorded without their stack for want of room.
    pub dropped_stacks: AtomicU64,
    /// Releases of addresses that the ledger does not know: blocks older than
    /// the tracker, inherited from the parent, or dropped.
    pub unknown_releases: AtomicU64,
    /// Records replaced because the address was handed out again without a
    /// release that the tracker saw.
    pub unseen_releases: AtomicU64,
    /// Blocks too high to be indexed.
    pub unindexed: AtomicU64,
    /// A [`ScanState`].
    pub scan_state: AtomicU32,
    /// Why a scan failed: an errno, or 0.
    pub scan_error: AtomicU32,
    /// Blocks with this time or a later one were too young to be judged.
    pub scan_ms: AtomicU32,
    /// Records covered by the verdict section.
    pub scan_records: AtomicU32,
    /// How long the program was held up, in microseconds.
    pub scan_pause_us: AtomicU64,
    /// How long the scan took, in microseconds.
    pub scan_us: AtomicU64,
    /// Bytes of roots that were read.
    pub scan_root_bytes: AtomicU64,
    /// Bytes of blocks that were read.
    pub scan_block_bytes: AtomicU64,
    /// Misuses, those without an entry included.
    pub misuses: AtomicU64,
    /// Entries of the misuse section.
    pub misuse_entries: AtomicU32,
    /// Places handed out, the unused place 0 included.
    pub places: AtomicU32,
    /// Size of the largest block so far, if that is 64 KiB or more.
    pub largest_bytes: AtomicU64,
    /// Namings of stacks.
    pub namings: AtomicU32,
    pub(crate) spare_half: AtomicU32,
    pub(crate) spare: [AtomicU64; 4],
}
