//! What a reader must know to trust the figures as far as they go, and no
//! further.

use freehold_ledger::reader::{Scan, Session};

use crate::model::{Exit, ProcessReport, Summary, Tally};
use crate::number::{bytes, count, counted, signal};
use crate::symbols::{Condition, KnownObject};
use Importance::{Always, Detail, Sites};

/// A remark on a process or a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What it is about, for programs; such names are only ever added.
    pub kind: &'static str,
    /// It, for people.
    pub text: String,
    /// Who needs to know.
    pub importance: Importance,
}

/// Who needs to know a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Importance {
    /// Everybody: findings may be missing or wrong.
    Always,
    /// Those who look at the stacks of sites.
    Sites,
    /// Those who want to know everything.
    Detail,
}

impl Importance {
    /// The name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Importance::Always => "always",
            Importance::Sites => "sites",
            Importance::Detail => "detail",
        }
    }
}

fn note(kind: &'static str, importance: Importance, text: String) -> Note {
    Note {
        kind,
        text,
        importance,
    }
}

/// Notes on the session.
pub(crate) fn of_session(session: &Session) -> Vec<Note> {
    let mut notes = Vec::new();
    if session.ledgers.is_empty() {
        let text = "no process recorded anything: the program may be statically linked, set-user-id \
                    or of another architecture";
        notes.push(note("nothing-recorded", Always, text.into()));
    }
    if session.untracked > 0 {
        let processes = counted(u64::from(session.untracked), "process", "processes");
        let text = format!("{processes} could not be given a ledger and are not in this report");
        notes.push(note("untracked-processes", Always, text));
    }
    if session.sample_bytes > 0 {
        let text = format!(
            "only about one block for each {} allocated was recorded (--stacks sample): all figures \
             count recorded blocks, real ones are higher",
            bytes(session.sample_bytes)
        );
        notes.push(note("sampled", Always, text));
    }
    notes
}

/// Notes on a process. `is_forked` says that it began with a copy of its
/// parent's blocks, which its own ledger does not have.
pub(crate) fn of_process(
    process: &ProcessReport,
    depth: u32,
    is_forked: bool,
    damage: &[String],
) -> Vec<Note> {
    let mut notes = Vec::new();
    let summary = &process.summary;
    for what in damage {
        notes.push(note(
            "damage",
            Always,
            format!("the ledger is damaged: {what}"),
        ));
    }
    losses(summary, &mut notes);
    judgement(process, &mut notes);
    stacks(summary, depth, &mut notes);
    if summary.unknown_releases > 0 {
        let why = match is_forked {
            true => "most are its parent's, from before the fork",
            false => "they are older than the tracker, or were not recorded",
        };
        let releases = counted(summary.unknown_releases, "release", "releases");
        let text = format!("{releases} of blocks that the ledger does not have: {why}");
        notes.push(note("unknown-releases", Detail, text));
    }
    notes
}

fn losses(summary: &Summary, notes: &mut Vec<Note>) {
    let Tally {
        blocks,
        bytes: size,
    } = summary.dropped;
    if blocks > 0 {
        let text = format!(
            "{} ({}) could not be recorded for want of room, what was lost of them is not in this \
             report: raise --max-memory",
            counted(blocks, "block", "blocks"),
            bytes(size)
        );
        notes.push(note("dropped-records", Always, text));
    }
    if summary.dropped_stacks > 0 {
        let blocks = counted(summary.dropped_stacks, "block", "blocks");
        let text =
            format!("recorded without a stack for want of room: {blocks} (raise --max-memory)");
        notes.push(note("dropped-stacks", Sites, text));
    }
    if summary.unindexed > 0 {
        let blocks = counted(summary.unindexed, "block", "blocks");
        let text = format!("not recorded, because their addresses cannot be indexed: {blocks}");
        notes.push(note("unindexed", Always, text));
    }
    if summary.unseen_releases > 0 {
        let blocks = counted(summary.unseen_releases, "block", "blocks");
        let text = format!(
            "{blocks} were released in a way that Freehold did not see (their addresses were handed \
             out again); others of that kind may be listed as live"
        );
        notes.push(note("unseen-releases", Always, text));
    }
}

fn judgement(process: &ProcessReport, notes: &mut Vec<Note>) {
    let unknown = process.summary.unknown;
    if unknown.blocks == 0 {
        return;
    }
    let blocks = counted(unknown.blocks, "live block", "live blocks");
    let Scan {
        done,
        failed,
        error,
        ..
    } = process.scan;
    if done {
        let text = format!(
            "{blocks} ({}) were not judged: allocated too late, or held by no pointer, as handles are",
            bytes(unknown.bytes)
        );
        notes.push(note("not-judged", Detail, text));
        return;
    }
    let why = match (failed, process.exit) {
        (true, _) if error != 0 => {
            let error = i32::try_from(error).unwrap_or(0);
            format!(
                "the scan for pointers failed: {}",
                std::io::Error::from_raw_os_error(error)
            )
        }
        (true, _) => String::from("the scan for pointers did not finish"),
        (_, Exit::Signal(number)) => format!("the process was killed by {}", signal(number)),
        (_, Exit::Running) => String::from("the process is running and was not scanned"),
        (_, Exit::Gone) => String::from("the process crashed, or another one ended it"),
        (_, Exit::Unknown) => String::from("the process runs, or was killed"),
        (_, Exit::Replaced) => String::from("it became another program, which was not tracked"),
        (_, Exit::Code(_)) => String::from("the process ended without a scan for pointers"),
    };
    let text = format!("{why}, so nothing tells which of its live blocks were lost");
    notes.push(note("not-judged", Always, text));
}

fn stacks(summary: &Summary, depth: u32, notes: &mut Vec<Note>) {
    if summary.truncated_stacks > 0 {
        let stacks = counted(summary.truncated_stacks, "stack was", "stacks were");
        let text = match depth {
            0 => format!("{stacks} cut at the greatest depth"),
            depth => format!("{stacks} cut at {depth} frames: raise --depth"),
        };
        notes.push(note("truncated-stacks", Sites, text));
    }
    if summary.incomplete_stacks > 0 {
        let stacks = counted(summary.incomplete_stacks, "stack ends", "stacks end");
        let text =
            format!("{stacks} before the first frame of the thread: its code cannot be unwound");
        notes.push(note("incomplete-stacks", Sites, text));
    }
    if summary.approximate_stacks > 0 {
        let stacks = counted(summary.approximate_stacks, "stack goes", "stacks go");
        let text =
            format!("{stacks} through code without unwind data: frames may be missing there");
        notes.push(note("approximate-stacks", Detail, text));
    }
}

/// Notes on the objects that frames of listed sites lie in.
pub(crate) fn of_objects<'a>(objects: impl Iterator<Item = &'a KnownObject>) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut without_lines = Vec::new();
    for object in objects {
        let name = &object.name;
        // A debug file that was found by build id has all the names.
        let (importance, names) = match object.has_lines {
            true => (Detail, "its names come from its separate debug file"),
            false => (Sites, "its functions have no names"),
        };
        match &object.condition {
            Condition::Changed => {
                let text = format!("{name} has changed since it was recorded: {names}");
                notes.push(note("changed-module", importance, text));
            }
            Condition::Missing(why) => {
                let text = format!("{name} {why}: {names}");
                notes.push(note("missing-module", importance, text));
            }
            Condition::Found if object.fault.is_some() => {
                let fault = object.fault.as_deref().unwrap_or_default();
                let text = format!("{name} {fault}, which is not used: its frames have no lines");
                notes.push(note("changed-symbols", Sites, text));
            }
            Condition::Found if !object.has_lines => without_lines.push(&**name),
            _ => {}
        }
    }
    if !without_lines.is_empty() {
        without_lines.sort_unstable();
        without_lines.dedup();
        let more = without_lines.len().saturating_sub(4);
        let mut names = without_lines[..without_lines.len() - more].join(", ");
        if more > 0 {
            names += &format!(" and {} more", count(more as u64));
        }
        let text = format!("no debug information, so no lines, for {names}");
        notes.push(note("no-lines", Sites, text));
    }
    notes
}
