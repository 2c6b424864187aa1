//! A session file, read from outside.
//!
//! The reader trusts nothing: every number in the file may be hostile or torn.
//! It copies what it needs with plain reads, so that a file that shrinks or a
//! writer that goes on can do it no harm.
//!
//! What is not here: names of functions, grouping, output (crate
//! `freehold-report`).

mod copy;
mod decode;
mod judge;
mod source;
mod stacks;

pub use copy::{Copied, ReadError, SessionFile};
pub use stacks::{Frames, Stacks};

use std::sync::Arc;

use crate::format::{Called, Family, Ground, Language, MisuseKind, Owner, Record, Verdict};

/// A session at one moment.
#[derive(Debug, Clone, Default)]
pub struct Session {
    /// When it began, in nanoseconds since 1970.
    pub start_unix_ns: u64,
    /// Milliseconds since it began, when it was read.
    pub now_ms: u32,
    /// Longest stack that was asked for, 0 for none.
    pub depth: u32,
    /// Bytes between two samples, 0 when every block was recorded.
    pub sample_bytes: u64,
    /// Limit for all ledgers together, in bytes.
    pub max_memory: u64,
    /// Bytes of it that were handed out.
    pub used_memory: u64,
    /// Processes that could not be given a ledger.
    pub untracked: u32,
    /// Ledgers, in the order in which they were begun.
    pub ledgers: Vec<Snapshot>,
}

/// The ledger of one process at one moment.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Its place in the session.
    pub slot: u32,
    /// What is known of the process.
    pub process: Process,
    /// Sums over all threads, and losses.
    pub counters: Counters,
    /// Live blocks by rising address.
    pub blocks: Vec<Block>,
    /// The stacks that they name.
    pub stacks: Stacks,
    /// Places in code of managed languages; number 0 is "none".
    pub places: Vec<PlaceInfo>,
    /// Objects that were loaded at some time.
    pub modules: Vec<ModuleInfo>,
    /// Threads that are known by number.
    pub threads: Vec<ThreadInfo>,
    /// Names of tags; number 0 is "none".
    pub tags: Vec<String>,
    /// Names of scopes; number 0 is "none".
    pub scopes: Vec<String>,
    /// What was misused, in the order in which it was noticed.
    pub misuses: Vec<Misuse>,
    /// The scan for reachability, when one was made.
    pub scan: Scan,
    /// What was found to be wrong with the file, for people. Empty for a
    /// ledger that is whole.
    pub damage: Vec<String>,
}

/// A misuse, or several that are equal in kind, function and stacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misuse {
    /// What was wrong.
    pub kind: MisuseKind,
    /// The function that was called.
    pub called: Called,
    /// The family of the block.
    pub family: Family,
    /// What an address without a block belongs to.
    pub ground: Ground,
    /// The address that was given, the first time.
    pub address: u64,
    /// Bytes of the block, 0 when unknown.
    pub size: u64,
    /// Of an interior address its distance from the start of the block; of a wrong
    /// size the one that was given.
    pub offset: u64,
    /// The stack that allocated the block, 0 when unknown.
    pub allocated: u32,
    /// The stack that released it first, 0 when unknown.
    pub released: u32,
    /// Where the first release returned to, 0 when unknown.
    pub released_site: u64,
    /// The stack of the misuse.
    pub here: u32,
    /// The thread that called.
    pub thread: u32,
    /// When, in milliseconds since the session began.
    pub time_ms: u32,
    /// How often.
    pub count: u32,
}

/// What is known of a process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// Process id of the parent when it began.
    pub parent_pid: u32,
    /// The ledger that it was forked from or that it replaced.
    pub parent_slot: Option<u32>,
    /// Argument list. For a forked child, that of its parent.
    pub argv: Vec<String>,
    /// Path of the executable.
    pub exe: String,
    /// How far it came.
    pub end: End,
    /// Milliseconds since the session began.
    pub start_ms: u32,
    /// When it ended; the time of reading when it did not say.
    pub end_ms: u32,
}

/// How a process ended, as far as its ledger knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum End {
    /// It did not say: it runs, or was killed.
    #[default]
    Open,
    /// It called `exit` or returned from `main` with this status.
    Exited(u32),
    /// It became another program by `exec`.
    Replaced,
}

/// Sums over all threads, and losses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Blocks allocated.
    pub allocations: u64,
    /// Blocks released.
    pub releases: u64,
    /// Bytes allocated.
    pub allocated_bytes: u64,
    /// Bytes released.
    pub released_bytes: u64,
    /// Largest number of live bytes.
    pub peak_bytes: u64,
    /// By how much `peak_bytes` may be wrong, in bytes.
    pub peak_error_bytes: u64,
    /// Blocks that were not recorded for want of room.
    pub dropped_records: u64,
    /// Bytes of these.
    pub dropped_bytes: u64,
    /// Blocks recorded without their stack for want of room.
    pub dropped_stacks: u64,
    /// Releases of addresses that the ledger does not know.
    pub unknown_releases: u64,
    /// Records replaced without a release that the tracker saw.
    pub unseen_releases: u64,
    /// Blocks too high to be indexed.
    pub unindexed: u64,
    /// Misuses, those that were too many to be kept included.
    pub misuses: u64,
}

/// A live block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Its address.
    pub address: u64,
    /// What the ledger has on it.
    pub record: Record,
    /// What the scan found out.
    pub verdict: Verdict,
}

impl Block {
    /// Bytes that were asked for.
    pub fn size(&self) -> u64 {
        self.record.size
    }
    /// Its family.
    pub fn family(&self) -> Family {
        self.record.family
    }
    /// Who must release it.
    pub fn owner(&self) -> Owner {
        self.record.owner
    }
}

/// A loaded object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModuleInfo {
    /// First address.
    pub start: u64,
    /// Address behind the last.
    pub end: u64,
    /// What to subtract from an address to get the one in the object file.
    pub bias: u64,
    /// Epoch in which it was loaded.
    pub load_epoch: u32,
    /// The last epoch in which it was loaded, when it was unloaded.
    pub unload_epoch: Option<u32>,
    /// Path of its file; `[vdso]` for the kernel's.
    pub path: String,
    /// Its build id; empty when it has none.
    pub build_id: Vec<u8>,
}

/// A place in code of a managed language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceInfo {
    /// Its language; `None` for an entry that is not complete.
    pub language: Option<Language>,
    /// The function.
    pub function: Arc<str>,
    /// The file, as the language has it.
    pub file: Arc<str>,
    /// The line, counted from 1; 0 when it is not known.
    pub line: u32,
    /// The column, counted from 1; 0 when it is not known.
    pub column: u32,
}

/// A thread.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ThreadInfo {
    /// Its number in records.
    pub number: u32,
    /// Its kernel id.
    pub tid: u32,
    /// Its name.
    pub name: String,
}

/// The scan for reachability.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scan {
    /// Whether the verdicts of the blocks come from a scan that was finished.
    pub done: bool,
    /// Whether a scan was begun and came to nothing.
    pub failed: bool,
    /// Why it came to nothing: an errno, or 0.
    pub error: u32,
    /// How long the program was held up, in microseconds.
    pub pause_us: u64,
    /// How long the scan took, in microseconds.
    pub duration_us: u64,
    /// Bytes of roots that were read.
    pub root_bytes: u64,
    /// Bytes of blocks that were read.
    pub block_bytes: u64,
}

impl Snapshot {
    /// The module that held `address` when a stack of `epoch` was recorded.
    pub fn module_at(&self, address: u64, epoch: u32) -> Option<&ModuleInfo> {
        self.modules
            .iter()
            .filter(|m| m.start <= address && address < m.end && m.load_epoch <= epoch)
            .max_by_key(|m| m.load_epoch)
    }

    /// The stack with this number, with the frames that a managed language gave for
    /// those of its code: they stand where the walk met that code first.
    pub fn stack(&self, number: u32) -> Frames {
        let mut walked = self.stacks.frames(number);
        let Some(named) = self.stacks.naming(number) else {
            return walked;
        };
        let epoch = walked.epoch;
        let in_no_object = |word: &u64| {
            let is_place = crate::format::Place::number(*word).is_some();
            !is_place && self.module_at(word.saturating_sub(1), epoch).is_none()
        };
        let first = walked.addresses.iter().position(in_no_object);
        let inner = walked.addresses[..first.unwrap_or(0)].to_vec();
        let outer = walked.addresses.split_off(first.unwrap_or(0));
        let outer = outer.into_iter().filter(|word| !in_no_object(word));
        Frames {
            addresses: inner
                .into_iter()
                .chain(named.addresses)
                .chain(outer)
                .collect(),
            truncated: walked.truncated || named.truncated,
            // The language knows all of its frames.
            approximate: false,
            ..walked
        }
    }

    /// The place with this number.
    pub fn place(&self, number: u32) -> Option<&PlaceInfo> {
        let place = self.places.get(number as usize)?;
        place.language.is_some().then_some(place)
    }
}
