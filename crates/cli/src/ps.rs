//! `freehold ps`: the processes that are tracked now.

use std::fmt::Write;
use std::mem::offset_of;
use std::sync::atomic::Ordering::Relaxed;

use freehold_ledger::format::{LedgerHeader, Section, SessionHeader, ThreadEntry};
use freehold_ledger::reader::SessionFile;
use serde::Serialize;

use crate::args::{Format, PsArgs};
use crate::errors::Failure;
use crate::output::{Target, tell};
use crate::{session_store, size, system};

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
            lines.extend(line(&found.file, &session, *slot, header));
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

fn line(
    file: &SessionFile,
    session: &SessionHeader,
    slot: u32,
    header: &LedgerHeader,
) -> Option<Line> {
    let pid = header.pid.load(Relaxed);
    let state = system::state(pid)?;
    let (blocks, live_bytes) = live(file, slot).unwrap_or((0, 0));
    let now = session.clock.ms();
    Some(Line {
        pid,
        age_ms: now.saturating_sub(header.start_ms.load(Relaxed)),
        live_bytes,
        blocks,
        state,
        command: system::command(pid).unwrap_or_else(|| recorded_command(file, slot, header)),
    })
}

/// Live blocks and their bytes: the sums of what the threads counted.
fn live(file: &SessionFile, slot: u32) -> Option<(u64, u64)> {
    let entries = file.copy_section(slot, Section::Threads).ok()?;
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

/// The program and its arguments, as the ledger has them.
fn recorded_command(file: &SessionFile, slot: u32, header: &LedgerHeader) -> Vec<String> {
    let text = file.copy_section(slot, Section::Text).unwrap_or_default();
    let (arguments, path) = text.split_at((header.argv_len.load(Relaxed) as usize).min(text.len()));
    let arguments = arguments.strip_suffix(b"\0").unwrap_or(arguments);
    let words = match arguments {
        b"" => path,
        _ => arguments,
    };
    let words = words.split(|b| *b == 0);
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
