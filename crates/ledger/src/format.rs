//! The words and structures of a session file, bit by bit. `FORMAT.md` is the
//! same in prose; the assertions at the end hold the two together.
//!
//! What is not here: who writes them (`writer`) and who reads them (`reader`).

use crate::primitive::{AtomicI64, AtomicU32, AtomicU64, Ordering};

/// First eight bytes of a session file.
pub const SESSION_MAGIC: u64 = u64::from_le_bytes(*b"FREEHOLD");
/// First eight bytes of each process's ledger in it.
pub const LEDGER_MAGIC: u64 = u64::from_le_bytes(*b"FHLEDGER");
/// Version of both. A reader refuses any other.
pub const VERSION: u32 = 1;
/// Granularity of every section.
pub const PAGE: u64 = 4096;

/// Bits of an address that select the cell within a region.
pub const REGION_BITS: u32 = 14;
/// Bits of an address that select the region within a window.
pub const LEAF_BITS: u32 = 12;
/// Regions in one window.
pub const LEAF_ENTRIES: usize = 1 << LEAF_BITS;
/// Bytes of one leaf: a `u64` for each region of its window.
pub const LEAF_BYTES: u64 = (LEAF_ENTRIES * 8) as u64;
/// Bits of an address below its window number: 64 MiB.
pub const WINDOW_BITS: u32 = REGION_BITS + LEAF_BITS;
/// Addresses at or above this are never indexed: user space of x86-64 and
/// AArch64 with four-level page tables ends here.
pub const ADDRESS_LIMIT: u64 = 1 << 47;
/// Number of windows below [`ADDRESS_LIMIT`].
pub const WINDOWS: usize = 1 << (47 - WINDOW_BITS);
/// The window number of a leaf that lost the race to be published.
pub const NO_WINDOW: u32 = u32::MAX;

/// Bytes of one record.
pub const RECORD_BYTES: u64 = 24;
/// Bytes of one stack node.
pub const NODE_BYTES: u64 = 24;
/// Threads that can be told apart at one time; more share the last entry.
pub const MAX_THREADS: usize = 16384;
/// Loaded objects that can be remembered.
pub const MAX_MODULES: usize = 8192;
/// Tags, and scopes, that can be named.
pub const MAX_NAMES: usize = 8192;
/// Longest stack that is stored.
pub const MAX_DEPTH: usize = 128;

/// How a block came to be, and so what must release it.
///
/// The numbers are part of the format; new families are appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Family {
    /// Not known: a ledger of a newer writer.
    Unknown = 0,
    /// `malloc`, `calloc`, `realloc`, `posix_memalign` …: `free`.
    Malloc = 1,
    /// C++ `operator new`: `operator delete`.
    New = 2,
    /// C++ `operator new[]`: `operator delete[]`.
    NewArray = 3,
    /// `mmap`: `munmap`.
    Mmap = 4,
    /// Rust's global allocator.
    Rust = 5,
    /// `CoTaskMemAlloc`: `CoTaskMemFree`.
    CoTaskMem = 6,
    /// `LocalAlloc`: `LocalFree`.
    Local = 7,
    /// `GlobalAlloc`: `GlobalFree`.
    Global = 8,
    /// `HeapAlloc`: `HeapFree`.
    Heap = 9,
    /// `VirtualAlloc`: `VirtualFree`.
    Virtual = 10,
    /// `SysAllocString`: `SysFreeString`.
    Bstr = 11,
    /// `WindowsCreateString`: `WindowsDeleteString`.
    Hstring = 12,
    /// A release function given by the one who adopted the block.
    Custom = 13,
}

impl Family {
    /// All families that this version names, in the order of their numbers.
    pub const ALL: [Family; 14] = [
        Family::Unknown,
        Family::Malloc,
        Family::New,
        Family::NewArray,
        Family::Mmap,
        Family::Rust,
        Family::CoTaskMem,
        Family::Local,
        Family::Global,
        Family::Heap,
        Family::Virtual,
        Family::Bstr,
        Family::Hstring,
        Family::Custom,
    ];

    /// The family with this number; [`Family::Unknown`] for any other.
    pub fn from_number(number: u64) -> Family {
        let known = usize::try_from(number).ok();
        known
            .and_then(|n| Family::ALL.get(n).copied())
            .unwrap_or(Family::Unknown)
    }

    /// The name used in reports and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Family::Unknown => "unknown",
            Family::Malloc => "malloc",
            Family::New => "new",
            Family::NewArray => "new[]",
            Family::Mmap => "mmap",
            Family::Rust => "rust",
            Family::CoTaskMem => "CoTaskMem",
            Family::Local => "Local",
            Family::Global => "Global",
            Family::Heap => "Heap",
            Family::Virtual => "Virtual",
            Family::Bstr => "BSTR",
            Family::Hstring => "HSTRING",
            Family::Custom => "custom",
        }
    }

    /// The functions that may release a block of this family.
    pub fn releases(self) -> &'static [&'static str] {
        match self {
            Family::Unknown | Family::Custom => &[],
            Family::Malloc => &["free"],
            Family::New => &["operator delete"],
            Family::NewArray => &["operator delete[]"],
            Family::Mmap => &["munmap"],
            Family::Rust => &["dealloc"],
            Family::CoTaskMem => &["CoTaskMemFree"],
            Family::Local => &["LocalFree"],
            Family::Global => &["GlobalFree"],
            Family::Heap => &["HeapFree"],
            Family::Virtual => &["VirtualFree"],
            Family::Bstr => &["SysFreeString"],
            Family::Hstring => &["WindowsDeleteString"],
        }
    }
}

/// Who must release a block now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Owner {
    /// The code that allocated it.
    Caller = 0,
    /// An arena.
    Arena = 1,
    /// A finalizer of a managed object.
    Finalizer = 2,
    /// The API that handed it out; the program must not release it.
    Api = 3,
    /// Given away.
    Transferred = 4,
}

impl Owner {
    /// The owner with this number; [`Owner::Caller`] for any other.
    pub fn from_number(number: u64) -> Owner {
        match number {
            1 => Owner::Arena,
            2 => Owner::Finalizer,
            3 => Owner::Api,
            4 => Owner::Transferred,
            _ => Owner::Caller,
        }
    }
}

/// What a scan found out about a live block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Verdict {
    /// No scan has judged it.
    Unknown = 0,
    /// Nothing points to it.
    Lost = 1,
    /// Only lost blocks point to it.
    Indirect = 2,
    /// Only pointers into its middle lead to it.
    Possible = 3,
    /// A pointer to its start is held by something that is itself held.
    Reachable = 4,
}

impl Verdict {
    /// All verdicts, worst first, `unknown` last.
    pub const ALL: [Verdict; 5] = [
        Verdict::Lost,
        Verdict::Indirect,
        Verdict::Possible,
        Verdict::Reachable,
        Verdict::Unknown,
    ];

    /// The verdict with this number; [`Verdict::Unknown`] for any other.
    pub fn from_number(number: u32) -> Verdict {
        match number {
            1 => Verdict::Lost,
            2 => Verdict::Indirect,
            3 => Verdict::Possible,
            4 => Verdict::Reachable,
            _ => Verdict::Unknown,
        }
    }

    /// The name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Unknown => "unknown",
            Verdict::Lost => "lost",
            Verdict::Indirect => "indirect",
            Verdict::Possible => "possible",
            Verdict::Reachable => "reachable",
        }
    }
}

/// One slot of the address index.
///
/// ```text
///  63      62    61..45      44..32            31..0
/// FROZEN  DEAD  generation  offset / 8   record number
/// ```
/// Zero is a slot that was never used. `DEAD` marks the tombstone of a
/// released block: it stays until the slot is taken for another block.
/// `FROZEN` marks a slot whose segment has been replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot(pub u64);

impl Slot {
    /// Never used.
    pub const EMPTY: Slot = Slot(0);
    /// The flag of a slot in a replaced segment.
    pub const FROZEN: u64 = 1 << 63;
    /// The flag of a released block.
    pub const DEAD: u64 = 1 << 62;

    /// A live slot. `offset` is the block's distance from the start of its
    /// region in units of 8 bytes.
    pub fn live(offset: u32, record: u32, generation: u16) -> Slot {
        Slot(u64::from(generation) << 45 | u64::from(offset) << 32 | u64::from(record))
    }
    /// Whether the segment has been replaced.
    pub fn is_frozen(self) -> bool {
        self.0 & Slot::FROZEN != 0
    }
    /// Whether a block lives here.
    pub fn is_live(self) -> bool {
        self.0 & Slot::DEAD == 0 && self.0 & !Slot::FROZEN != 0
    }
    /// Whether this is a tombstone.
    pub fn is_dead(self) -> bool {
        self.0 & Slot::DEAD != 0
    }
    /// Flags and offset.
    const PLACE: u64 = Slot::FROZEN | Slot::DEAD | 0x1fff << 32;

    /// Whether a block at this offset lives here, and the slot is not frozen.
    #[inline(always)]
    pub fn is_live_at(self, offset: u32) -> bool {
        self.0 & Slot::PLACE == u64::from(offset) << 32 && self != Slot::EMPTY
    }
    /// Whether this is the tombstone of a block at this offset, not frozen.
    #[inline(always)]
    pub fn is_tombstone_of(self, offset: u32) -> bool {
        self.0 & Slot::PLACE == Slot::DEAD | u64::from(offset) << 32
    }
    /// Distance of the block from the start of its region, in units of 8 bytes.
    pub fn offset(self) -> u32 {
        (self.0 >> 32) as u32 & 0x1fff
    }
    /// The record number.
    pub fn record(self) -> u32 {
        self.0 as u32
    }
    /// The generation of the record when the slot was written.
    pub fn generation(self) -> u16 {
        (self.0 >> 45) as u16
    }
}

/// What a leaf holds for one region: where its segment is.
///
/// ```text
/// 63..44      43..4                    3..0
///   0     offset / 16         log2(slots)
/// ```
/// The offset is that in the segment section, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SegmentRef(pub u64);

impl SegmentRef {
    /// No block was ever seen in the region.
    pub const NONE: SegmentRef = SegmentRef(0);

    /// A segment of `1 << class` slots at `offset` bytes, a multiple of 16.
    pub fn new(offset: u64, class: u32) -> SegmentRef {
        debug_assert!(offset & 15 == 0 && class <= 15);
        SegmentRef(offset | u64::from(class))
    }
    /// Base-two logarithm of the number of slots.
    #[inline(always)]
    pub fn class(self) -> u32 {
        self.0 as u32 & 15
    }
    /// Offset in the segment section, in bytes.
    #[inline(always)]
    pub fn offset(self) -> u64 {
        self.0 & ((1 << 44) - 16)
    }
    /// Number of slots.
    #[inline(always)]
    pub fn slots(self) -> usize {
        1 << self.class()
    }
}

/// Segments have at least `1 << MIN_CLASS` slots.
pub const MIN_CLASS: u32 = 1;
/// Segments have at most `1 << MAX_CLASS` slots: room for a block every eight
/// bytes of a region, at half load.
pub const MAX_CLASS: u32 = 12;

/// A record, unpacked. In the file it is three words:
///
/// ```text
/// word 0   63..48 generation      47..0 size in bytes
/// word 1   63..32 time in ms      31..0 stack
/// word 2   63..48 tag  47..32 scope  31..28 owner  27..22 family  21..0 thread
/// ```
/// While a record is free, word 0 keeps the generation and holds the number of
/// the next free record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Bytes that were asked for.
    pub size: u64,
    /// Number of the stack that allocated it, 0 when unknown.
    pub stack: u32,
    /// Milliseconds since the session began.
    pub time_ms: u32,
    /// Number of the thread that allocated it.
    pub thread: u32,
    /// Its family.
    pub family: Family,
    /// Who must release it.
    pub owner: Owner,
    /// Number of its scope, 0 for none.
    pub scope: u16,
    /// Number of its tag, 0 for none.
    pub tag: u16,
    /// How often this record was used before.
    pub generation: u16,
}

/// Largest size that a record can hold; larger ones are stored as this.
pub const MAX_SIZE: u64 = (1 << 48) - 1;
/// Largest thread number that a record can hold; larger ones are stored as this.
pub const MAX_THREAD: u32 = (1 << 22) - 1;

impl Record {
    /// The three words.
    #[inline(always)]
    pub fn pack(&self) -> [u64; 3] {
        [
            self.size.min(MAX_SIZE) | u64::from(self.generation) << 48,
            u64::from(self.stack) | u64::from(self.time_ms) << 32,
            u64::from(self.thread.min(MAX_THREAD))
                | (self.family as u64) << 22
                | (self.owner as u64) << 28
                | u64::from(self.scope) << 32
                | u64::from(self.tag) << 48,
        ]
    }

    /// The record in these words. Any words make a record.
    pub fn unpack(words: [u64; 3]) -> Record {
        let [first, second, third] = words;
        Record {
            size: first & MAX_SIZE,
            generation: (first >> 48) as u16,
            stack: second as u32,
            time_ms: (second >> 32) as u32,
            thread: third as u32 & MAX_THREAD,
            family: Family::from_number(third >> 22 & 63),
            owner: Owner::from_number(third >> 28 & 15),
            scope: (third >> 32) as u16,
            tag: (third >> 48) as u16,
        }
    }
}

/// The first node of every stack says how the walk went and in which module
/// epoch it was made; the other nodes hold return addresses.
///
/// ```text
///  63     62..40   39..8        7..0
///   1       0      epoch   RootFlags
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root {
    /// The module epoch, see [`Module::load_epoch`].
    pub epoch: u32,
    /// There were more frames than the depth allows.
    pub truncated: bool,
    /// The walk ended before the first frame of the thread.
    pub incomplete: bool,
    /// Frame pointers were followed through code without unwind data.
    pub approximate: bool,
}

impl Root {
    const MARK: u64 = 1 << 63;

    /// The word of the node.
    pub fn pack(self) -> u64 {
        Root::MARK
            | u64::from(self.epoch) << 8
            | u64::from(self.truncated)
            | u64::from(self.incomplete) << 1
            | u64::from(self.approximate) << 2
    }

    /// The root in this word, when it is one.
    pub fn unpack(word: u64) -> Option<Root> {
        (word & Root::MARK != 0).then_some(Root {
            epoch: (word >> 8) as u32,
            truncated: word & 1 != 0,
            incomplete: word & 2 != 0,
            approximate: word & 4 != 0,
        })
    }
}

/// A loaded object: an entry of the module section.
#[repr(C)]
pub struct Module {
    /// First address.
    pub start: AtomicU64,
    /// Address behind the last.
    pub end: AtomicU64,
    /// What to subtract from an address to get the one in the object file.
    pub bias: AtomicU64,
    /// The epoch in which it was loaded. A frame of a stack with epoch `e`
    /// belongs to the entry that covers it with the largest load epoch that is
    /// at most `e`.
    pub load_epoch: AtomicU32,
    /// Zero, or one more than the last epoch in which it was loaded.
    pub unload_epoch: AtomicU32,
    /// Where its path starts in the name section.
    pub path_offset: AtomicU32,
    /// Bytes of its path.
    pub path_len: AtomicU32,
    /// Bytes of its build id, at most 32.
    pub build_id_len: AtomicU32,
    /// 1 once the entry is complete.
    pub ready: AtomicU32,
    /// The build id, in the order of its bytes.
    pub build_id: [AtomicU64; 4],
    pub(crate) spare: [AtomicU64; 4],
}

/// A name of a tag or a scope.
#[repr(C)]
pub struct Name {
    /// Where it starts in the name section.
    pub offset: AtomicU32,
    /// Its bytes; zero while it is not complete.
    pub len: AtomicU32,
}

/// The counters of one thread. Only its owner writes it; a later thread that
/// takes over the entry goes on counting.
#[repr(C, align(64))]
pub struct ThreadEntry {
    /// Kernel id of the thread that owns the entry, 0 when free.
    pub tid: AtomicU32,
    /// Its number in records: the first thread is 1.
    pub number: AtomicU32,
    /// Blocks allocated.
    pub allocations: AtomicU64,
    /// Blocks released.
    pub releases: AtomicU64,
    /// Bytes allocated.
    pub allocated_bytes: AtomicU64,
    /// Bytes released.
    pub released_bytes: AtomicU64,
    /// First sixteen bytes of its name.
    pub name: [AtomicU64; 2],
    pub(crate) spare: AtomicU64,
}

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
    /// [`SESSION_MAGIC`].
    pub magic: AtomicU64,
    /// [`VERSION`].
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
    pub(crate) spare: [AtomicU32; 9],
}

/// What is known of one process, and how far its sections are filled.
#[repr(C)]
#[derive(Debug)]
pub struct LedgerHeader {
    /// [`LEDGER_MAGIC`], written last.
    pub magic: AtomicU64,
    /// [`VERSION`].
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
    pub(crate) spare: [AtomicU64; 8],
}

/// The parts of a ledger behind its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Section {
    /// Argument list and path of the executable.
    Text = 0,
    /// [`ThreadEntry`]s.
    Threads = 1,
    /// [`Module`]s.
    Modules = 2,
    /// Bytes of paths and names.
    Names = 3,
    /// [`Name`]s of tags.
    Tags = 4,
    /// [`Name`]s of scopes.
    Scopes = 5,
    /// The window number of each leaf, `u32`.
    Windows = 6,
    /// Leaves: [`SegmentRef`]s, [`LEAF_ENTRIES`] each.
    Leaves = 7,
    /// [`Slot`]s.
    Segments = 8,
    /// [`Record`]s.
    Records = 9,
    /// Stack nodes: the frame or [`Root`]; parent, depth; first child, sibling.
    Nodes = 10,
    /// A `u32` for each record: generation << 8 | [`Verdict`].
    Verdicts = 11,
}

impl Section {
    /// Number of sections.
    pub const COUNT: usize = 12;
    /// All of them, in the order of their numbers.
    pub const ALL: [Section; Section::COUNT] = [
        Section::Text,
        Section::Threads,
        Section::Modules,
        Section::Names,
        Section::Tags,
        Section::Scopes,
        Section::Windows,
        Section::Leaves,
        Section::Segments,
        Section::Records,
        Section::Nodes,
        Section::Verdicts,
    ];
}

/// Where the sections of a ledger lie, for a given limit of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Offset of each section from the start of the ledger.
    pub offset: [u64; Section::COUNT],
    /// Room of each section.
    pub room: [u64; Section::COUNT],
    /// Length of the whole ledger.
    pub total: u64,
}

impl Layout {
    /// The layout for a limit of `max_memory` bytes. The room is address
    /// space, not memory: a section that the limit could fill alone gets the
    /// whole of it.
    pub const fn new(max_memory: u64) -> Layout {
        let limit = round_up(max_memory, PAGE);
        let mut room = [0; Section::COUNT];
        room[Section::Text as usize] = 16 * PAGE;
        room[Section::Threads as usize] = (MAX_THREADS * size_of::<ThreadEntry>()) as u64;
        room[Section::Modules as usize] = (MAX_MODULES * size_of::<Module>()) as u64;
        room[Section::Names as usize] = 1 << 20;
        room[Section::Tags as usize] = (MAX_NAMES * size_of::<Name>()) as u64;
        room[Section::Scopes as usize] = (MAX_NAMES * size_of::<Name>()) as u64;
        let leaves = round_up(limit / 4, LEAF_BYTES);
        room[Section::Windows as usize] = leaves / LEAF_BYTES * 4;
        room[Section::Leaves as usize] = leaves;
        room[Section::Segments as usize] = limit;
        room[Section::Records as usize] = limit;
        room[Section::Nodes as usize] = limit;
        room[Section::Verdicts as usize] = limit / RECORD_BYTES * 4;
        let mut offset = [0; Section::COUNT];
        let mut at = PAGE;
        let mut i = 0;
        while i < Section::COUNT {
            offset[i] = at;
            room[i] = round_up(room[i], PAGE);
            at += room[i];
            i += 1;
        }
        Layout {
            offset,
            room,
            total: at,
        }
    }
}

/// `value` rounded up to a multiple of `to`, a power of two or any other.
pub const fn round_up(value: u64, to: u64) -> u64 {
    value.div_ceil(to) * to
}

#[cfg(not(loom))]
const _: () = {
    assert!(size_of::<SessionHeader>() <= PAGE as usize);
    assert!(size_of::<LedgerHeader>() <= PAGE as usize);
    assert!(size_of::<ThreadEntry>() == 64);
    assert!(size_of::<Module>() == 112);
    assert!(size_of::<Name>() == 8);
    // Offset of a block in its region, in units of eight bytes, fits its field.
    assert!((1u32 << REGION_BITS) / 8 <= 0x1fff + 1);
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn records_survive_packing(
            size in 0..=MAX_SIZE, stack: u32, time_ms: u32, thread in 0..=MAX_THREAD,
            family in 0u64..14, owner in 0u64..5, scope: u16, tag: u16, generation: u16,
        ) {
            let record = Record {
                size, stack, time_ms, thread, scope, tag, generation,
                family: Family::from_number(family),
                owner: Owner::from_number(owner),
            };
            prop_assert_eq!(Record::unpack(record.pack()), record);
        }

        #[test]
        fn slots_survive_packing(offset in 0u32..0x800, record in 1u32.., generation: u16) {
            let slot = Slot::live(offset, record, generation);
            prop_assert!(slot.is_live() && !slot.is_dead() && !slot.is_frozen());
            prop_assert_eq!((slot.offset(), slot.record(), slot.generation()), (offset, record, generation));
            let dead = Slot(slot.0 | Slot::DEAD);
            prop_assert!(!dead.is_live() && dead.is_dead());
            prop_assert_eq!(dead.offset(), offset);
        }

        #[test]
        fn roots_survive_packing(epoch: u32, bits in 0u8..8) {
            let root = Root { epoch, truncated: bits & 1 != 0, incomplete: bits & 2 != 0, approximate: bits & 4 != 0 };
            prop_assert_eq!(Root::unpack(root.pack()), Some(root));
        }
    }

    #[test]
    fn addresses_are_no_roots() {
        assert_eq!(Root::unpack(0x7fff_ffff_ffff), None);
    }

    #[test]
    fn sections_do_not_overlap() {
        for limit in [1 << 20, 1 << 30, 1 << 40] {
            let layout = Layout::new(limit);
            let mut end = PAGE;
            for section in Section::ALL {
                assert_eq!(layout.offset[section as usize], end);
                end += layout.room[section as usize];
            }
            assert_eq!(end, layout.total);
        }
    }

    #[test]
    fn families_have_the_number_of_their_place() {
        for (i, family) in Family::ALL.iter().enumerate() {
            assert_eq!(*family as usize, i);
            assert_eq!(Family::from_number(i as u64), *family);
        }
    }
}
