//! `freehold ps`: the processes that are tracked now.

use std::fmt::Write;
use std::fs::File;
use std::mem::offset_of;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

use freehold_ledger::format::{LedgerHeader, MAX_THREADS, Section, SessionHeader, ThreadEntry};
use serde::Serialize;

use crate::args::{Format, PsArgs};
use crate::errors::Failure;
use crate::output::{Target, tell};
use crate::{session_store, size, wait};

/// The exit status when nothing is tracked.
const NOTHING: u8 = 1;

/// All tracked processes.
#[derive(Debug, Serialize)]
struct List<'a> {
    schema: &'static str,
    processes: &'a [Line],
}

/// A tracked process.
#[derive(Debug, Serialize)]
struct Line {
    pid: u32,
    age_ms: u32,
    live_bytes: u64,
    #[serde(rename = "live_blocks")]
    blocks: u64,
    state: &'static str,
    command: Vec<String>,
}

/// Lists them; gives the exit status.
///
/// # Errors
/// When the list cannot be written.
pub(crate) fn ps(args: &PsArgs) -> Result<u8, Failure> {
    let mut lines = Vec::new();
    for found in session_store::find_all() {
        let Ok(session) = found.file.header() else {
            continue;
        };
        for (slot, header) in &found.running {
            lines.extend(line(&found.path, &session, *slot, header));
        }
    }
    lines.sort_by_key(|line| line.pid);
    let text = match args.format {
        Format::Json => as_json(&lines),
        Format::Text => as_text(&lines, Target::Stdout.width()),
    };
    if args.format == Format::Text && lines.is_empty() {
        tell("no process is tracked now; freehold run -- PROGRAM tracks one");
        return Ok(NOTHING);
    }
    Target::Stdout.write(&text)?;
    Ok(if lines.is_empty() { NOTHING } else { 0 })
}

fn line(path: &Path, session: &SessionHeader, slot: u32, header: &LedgerHeader) -> Option<Line> {
    let pid = header.pid.load(Relaxed);
    let state = match wait::state_of(pid)? {
        'T' | 't' => "stopped",
        'R' => "running",
        'D' => "waiting",
        'Z' | 'X' => return None,
        _ => "sleeping",
    };
    let (blocks, live_bytes) = live(path, session, slot, header).unwrap_or((0, 0));
    let now = session.clock.ms();
    Some(Line {
        pid,
        age_ms: now.saturating_sub(header.start_ms.load(Relaxed)),
        live_bytes,
        blocks,
        state,
        command: command(pid),
    })
}

/// Live blocks and their bytes: the sums of what the threads counted.
fn live(
    path: &Path,
    session: &SessionHeader,
    slot: u32,
    header: &LedgerHeader,
) -> Option<(u64, u64)> {
    let file = File::open(path).ok()?;
    let section = header.section_offset[Section::Threads as usize].load(Relaxed);
    let at = session
        .stride
        .load(Relaxed)
        .checked_mul(slot.into())?
        .checked_add(session.slots_offset.load(Relaxed))?
        .checked_add(section)?;
    let threads = (header.threads.load(Relaxed) as usize).min(MAX_THREADS);
    let mut entries = vec![0; threads * size_of::<ThreadEntry>()];
    file.read_exact_at(&mut entries, at).ok()?;
    let sum = |offset: usize| {
        let entries = entries.chunks_exact(size_of::<ThreadEntry>());
        let words = entries.map(|entry| {
            let word = entry[offset..offset + 8].try_into().unwrap_or_default();
            u64::from_le_bytes(word)
        });
        words.fold(0, u64::wrapping_add)
    };
    let blocks = sum(offset_of!(ThreadEntry, allocations))
        .saturating_sub(sum(offset_of!(ThreadEntry, releases)));
    let bytes = sum(offset_of!(ThreadEntry, allocated_bytes))
        .saturating_sub(sum(offset_of!(ThreadEntry, released_bytes)));
    Some((blocks, bytes))
}

fn command(pid: u32) -> Vec<String> {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let line = line.strip_suffix(b"\0").unwrap_or(&line);
    let words = line.split(|b| *b == 0);
    words
        .map(|w| String::from_utf8_lossy(w).into_owned())
        .collect()
}

fn as_json(lines: &[Line]) -> String {
    let all = List {
        schema: "freehold.ps/1",
        processes: lines,
    };
    // Strings and numbers can always be written.
    let text = serde_json::to_string_pretty(&all).unwrap_or_default();
    text + "\n"
}

fn as_text(lines: &[Line], width: usize) -> String {
    let mut text = format!(
        "{:>8} {:>9} {:>11} {:>9}  {:<8}  COMMAND\n",
        "PID", "AGE", "LIVE", "BLOCKS", "STATE"
    );
    for line in lines {
        let front = format!(
            "{:>8} {:>9} {:>11} {:>9}  {:<8}  ",
            line.pid,
            age(line.age_ms),
            size::show(line.live_bytes),
            line.blocks,
            line.state
        );
        // Arguments come from other people: no control characters.
        let command = line.command.join(" ").replace(char::is_control, " ");
        let room = width.saturating_sub(front.len()).max(10);
        let shown: String = match command.chars().count() > room {
            true => command.chars().take(room - 1).chain(['…']).collect(),
            false => command,
        };
        let _ = writeln!(text, "{front}{shown}");
    }
    text
}

fn age(ms: u32) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..=59 => format!("{seconds}.{} s", ms % 1000 / 100),
        60..=3599 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
    }
}
