//! A report: what was found, before it is written in any format.

use std::sync::Arc;

use freehold_ledger::format::{Called, Family, Ground, MisuseKind, Verdict};
use freehold_ledger::reader::Scan;

use crate::apis::Api;
use crate::frame::Frame;
use crate::notes::Note;
use crate::options::Show;
use crate::symbols::file_name_of;

/// What was found in a session.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The process that was started first, with those that it started.
    pub main: ProcessReport,
    /// What concerns the session as a whole.
    pub notes: Vec<Note>,
    /// Which verdicts are listed.
    pub show: Show,
    /// Bytes between two samples, 0 when every block was recorded.
    pub sample_bytes: u64,
    /// Blocks lost or hanging on lost ones, in all processes.
    pub lost_blocks: u64,
    /// Bytes of these.
    pub lost_bytes: u64,
    /// Misuses, in all processes.
    pub misuses: u64,
}

/// What was found in one process.
#[derive(Debug, Clone, Default)]
pub struct ProcessReport {
    /// Process id.
    pub pid: u32,
    /// Argument list.
    pub argv: Vec<String>,
    /// Path of the executable.
    pub exe: String,
    /// How it ended.
    pub exit: Exit,
    /// When it began, in milliseconds since the tracker started.
    pub start_ms: u32,
    /// How long it ran, or has run.
    pub duration_ms: u32,
    /// Figures over all blocks, listed or not.
    pub summary: Summary,
    /// Listed sites, worst first.
    pub sites: Vec<Site>,
    /// Sites of listed verdicts that are too small to be listed.
    pub small: Tally,
    /// What was misused, in the order in which it was noticed.
    pub misuses: Vec<Misuse>,
    /// The scan for reachability.
    pub scan: Scan,
    /// The objects that frames of listed sites lie in.
    pub modules: Vec<ModuleReport>,
    /// What makes the figures less than they seem.
    pub notes: Vec<Note>,
    /// What the process was before it became this program by `exec`, oldest
    /// first. Its blocks went with it.
    pub replaced: Vec<Replaced>,
    /// Processes that it started.
    pub children: Vec<ProcessReport>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Exit {
    /// Nobody knows.
    #[default]
    Unknown,
    /// It runs.
    Running,
    /// With this status.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It did, and nobody knows how: it crashed, or another ended it.
    Gone,
    /// It became another program that was not tracked.
    Replaced,
}

/// An object that frames lie in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleReport {
    /// The name that frames use.
    pub name: Arc<str>,
    /// Its path, as recorded.
    pub path: String,
    /// Its build id in hexadecimal; empty when it has none.
    pub build_id: String,
    /// Whether debug information was found.
    pub has_lines: bool,
}

/// A former program of a process.
#[derive(Debug, Clone, Default)]
pub struct Replaced {
    /// Its argument list.
    pub argv: Vec<String>,
    /// Its figures.
    pub summary: Summary,
}

/// A number of blocks and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Blocks.
    pub blocks: u64,
    /// Bytes of them.
    pub bytes: u64,
}

impl Tally {
    /// Adds `blocks` blocks with `bytes` bytes together.
    pub fn add(&mut self, other: Tally) {
        self.blocks = self.blocks.saturating_add(other.blocks);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// Figures of one process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Blocks allocated.
    pub allocations: u64,
    /// Blocks released.
    pub releases: u64,
    /// Bytes allocated.
    pub allocated_bytes: u64,
    /// Live blocks.
    pub live: Tally,
    /// Largest number of live bytes.
    pub peak_bytes: u64,
    /// By how much that may be wrong.
    pub peak_error_bytes: u64,
    /// Blocks that nothing points to.
    pub lost: Tally,
    /// Blocks that only lost blocks point to.
    pub indirect: Tally,
    /// Blocks that only an interior pointer leads to.
    pub possible: Tally,
    /// Blocks that can still be reached.
    pub reachable: Tally,
    /// Blocks that no scan has judged.
    pub unknown: Tally,
    /// Blocks of the dynamic loader that would count as lost or indirect:
    /// they are in neither.
    pub runtime: Tally,
    /// Blocks that were not recorded for want of room.
    pub dropped: Tally,
    /// Blocks recorded without their stack for want of room.
    pub dropped_stacks: u64,
    /// Distinct stacks of live blocks.
    pub stacks: u64,
    /// Those cut at the greatest depth.
    pub truncated_stacks: u64,
    /// Those whose walk ended before the first frame of the thread.
    pub incomplete_stacks: u64,
    /// Those for which frame pointers were followed.
    pub approximate_stacks: u64,
    /// Releases of blocks that the tracker never saw.
    pub unknown_releases: u64,
    /// Blocks whose release the tracker did not see.
    pub unseen_releases: u64,
    /// Blocks at addresses too high to be recorded.
    pub unindexed: u64,
    /// Misuses.
    pub misuses: u64,
}

impl Summary {
    /// The figure for blocks with `verdict`.
    pub fn of(&mut self, verdict: Verdict) -> &mut Tally {
        match verdict {
            Verdict::Lost => &mut self.lost,
            Verdict::Indirect => &mut self.indirect,
            Verdict::Possible => &mut self.possible,
            Verdict::Reachable => &mut self.reachable,
            Verdict::Unknown => &mut self.unknown,
        }
    }
}

/// Live blocks with one stack, verdict and family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// How many there are.
    pub total: Tally,
    /// Size of the smallest.
    pub smallest: u64,
    /// Size of the largest.
    pub largest: u64,
    /// What the scan found out about them.
    pub verdict: Verdict,
    /// Their family.
    pub family: Family,
    /// The function that handed them out, when the ownership database has it.
    pub api: Option<Api>,
    /// Type names that they were tagged with.
    pub tags: Vec<String>,
    /// The scope of all of them; none when they have several.
    pub scope: Option<String>,
    /// When the oldest was allocated, in milliseconds since the tracker started.
    pub oldest_ms: u32,
    /// When the youngest was.
    pub youngest_ms: u32,
    /// The same for the same site in the next run, see [`crate::fingerprint`].
    pub fingerprint: u64,
    /// They belong to the dynamic loader, not to the program.
    pub runtime: bool,
    /// The stack is longer than what was recorded of it.
    pub truncated: bool,
    /// The walk ended before the first frame of the thread.
    pub incomplete: bool,
    /// Frame pointers were followed for part of it.
    pub approximate: bool,
    /// Frames, innermost first, without those of the preload library.
    pub stack: Vec<Frame>,
}

/// A release of something that must not be released, or not so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misuse {
    /// What was wrong.
    pub kind: MisuseKind,
    /// The function that was called.
    pub called: Called,
    /// The family of the block, where there is one.
    pub family: Option<Family>,
    /// What an address without a block belongs to.
    pub ground: Ground,
    /// The address that was given, the first time.
    pub address: u64,
    /// Bytes of the block, where they are known.
    pub size: Option<u64>,
    /// Of an interior address its distance from the start of the block; of a wrong
    /// size the one that was given.
    pub offset: u64,
    /// When, in milliseconds since the tracker started.
    pub time_ms: u32,
    /// How often.
    pub count: u64,
    /// The same for the same misuse in the next run.
    pub fingerprint: u64,
    /// Where the block was allocated; empty when that is not known.
    pub allocated: Vec<Frame>,
    /// Where it was released before; empty when that is not known.
    pub released: Vec<Frame>,
    /// Of that stack only the innermost frame is known.
    pub released_site_only: bool,
    /// Where the misuse was made.
    pub here: Vec<Frame>,
}

impl Site {
    /// The functions that may release them.
    pub fn releases(&self) -> &[&'static str] {
        match &self.api {
            Some(api) => &api.releases,
            None => self.family.releases(),
        }
    }
}

impl ProcessReport {
    /// The name of the program, for people.
    pub fn program(&self) -> &str {
        let first = self.argv.first().map_or(self.exe.as_str(), String::as_str);
        let name = file_name_of(first);
        if name.is_empty() { "a process" } else { name }
    }

    /// Whether its live blocks were judged.
    pub fn is_judged(&self) -> bool {
        self.scan.done
    }

    /// Blocks lost or hanging on lost ones.
    pub fn lost(&self) -> Tally {
        let mut lost = self.summary.lost;
        lost.add(self.summary.indirect);
        lost
    }
}
