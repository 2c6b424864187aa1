//! JSON: schema `freehold.report/1`, `docs/report.schema.json`. Only ever
//! added to.

use std::io::{self, Write};

use freehold_ledger::format::{Ground, MisuseKind, Verdict};
use serde::{Serialize, Serializer};

use crate::frame::Frame;
use crate::misuses::family_name;
use crate::model::{
    Exit, Misuse, ModuleReport, ProcessReport, Replaced, Report, Site, Summary, Tally,
};
use crate::notes::Note;

/// The report as JSON on one line, with a line break at its end.
pub fn render(report: &Report) -> String {
    let mut text = Vec::new();
    // Writing to memory does not fail, and neither do strings and numbers.
    let _ = write(report, &mut text);
    String::from_utf8(text).unwrap_or_default()
}

/// Writes the report as [`render`] does, a large one in pieces: put a buffer
/// around a file.
pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let document = Document {
        schema: "freehold.report/1",
        notes: Each(&report.notes, note),
        sample_bytes: report.sample_bytes,
        lost_blocks: report.lost_blocks,
        lost_bytes: report.lost_bytes,
        section: section(&report.main),
    };
    serde_json::to_writer(&mut *out, &document)?;
    out.write_all(b"\n")
}

/// A list whose members are made when they are written, for a report can hold
/// millions of frames.
struct Each<'a, T, M>(&'a [T], fn(&'a T) -> M);

impl<T, M: Serialize> Serialize for Each<'_, T, M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(self.1))
    }
}

/// An address.
struct Hex(u64);

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:#x}", self.0))
    }
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    #[serde(flatten)]
    section: Section<'a>,
    sample_bytes: u64,
    lost_blocks: u64,
    lost_bytes: u64,
    #[serde(rename = "session_notes")]
    notes: Each<'a, Note, JsonNote<'a>>,
}

#[derive(Serialize)]
struct Section<'a> {
    process: Process<'a>,
    summary: JsonSummary,
    leaks: Each<'a, Site, Leak<'a>>,
    small: Amount,
    misuses: Each<'a, Misuse, JsonMisuse<'a>>,
    scan: Scan,
    modules: Each<'a, ModuleReport, Module<'a>>,
    notes: Each<'a, Note, JsonNote<'a>>,
    replaced: Each<'a, Replaced, JsonReplaced<'a>>,
    children: Each<'a, ProcessReport, Section<'a>>,
}

#[derive(Serialize)]
struct Process<'a> {
    pid: u32,
    argv: &'a [String],
    exe: &'a str,
    exit: Option<Status>,
    state: &'static str,
    start_ms: u32,
    duration_ms: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Code(i32),
    Signal(i32),
}

#[derive(Serialize)]
struct Amount {
    blocks: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct JsonSummary {
    allocations: u64,
    releases: u64,
    allocated_bytes: u64,
    live_blocks: u64,
    live_bytes: u64,
    peak_bytes: u64,
    peak_error_bytes: u64,
    lost_blocks: u64,
    lost_bytes: u64,
    indirect_blocks: u64,
    indirect_bytes: u64,
    possible_blocks: u64,
    possible_bytes: u64,
    reachable_blocks: u64,
    reachable_bytes: u64,
    unknown_blocks: u64,
    unknown_bytes: u64,
    runtime_blocks: u64,
    runtime_bytes: u64,
    dropped_records: u64,
    dropped_bytes: u64,
    dropped_stacks: u64,
    stacks: u64,
    truncated_stacks: u64,
    incomplete_stacks: u64,
    approximate_stacks: u64,
    unknown_releases: u64,
    unseen_releases: u64,
    unindexed: u64,
    misuses: u64,
}

#[derive(Serialize)]
struct Leak<'a> {
    bytes: u64,
    blocks: u64,
    smallest_bytes: u64,
    largest_bytes: u64,
    verdict: &'static str,
    family: &'static str,
    release: &'a [&'static str],
    api: Option<&'a str>,
    tags: &'a [String],
    scope: Option<&'a str>,
    oldest_ms: u32,
    youngest_ms: u32,
    fingerprint: String,
    runtime: bool,
    truncated: bool,
    incomplete: bool,
    approximate: bool,
    stack: Each<'a, Frame, JsonFrame<'a>>,
}

#[derive(Serialize)]
struct JsonMisuse<'a> {
    kind: &'static str,
    address: Hex,
    size: Option<u64>,
    family: Option<&'static str>,
    called: &'static str,
    expected: &'static [&'static str],
    offset: Option<u64>,
    ground: Option<&'static str>,
    count: u64,
    time_ms: u32,
    fingerprint: String,
    stacks: Stacks<'a>,
}

#[derive(Serialize)]
struct Stacks<'a> {
    allocated: Each<'a, Frame, JsonFrame<'a>>,
    released: Each<'a, Frame, JsonFrame<'a>>,
    here: Each<'a, Frame, JsonFrame<'a>>,
}

#[derive(Serialize)]
struct JsonFrame<'a> {
    function: Option<&'a str>,
    module: &'a str,
    file: Option<&'a str>,
    line: Option<u32>,
    column: Option<u32>,
    language: &'static str,
    pc: Hex,
    offset: Hex,
    inlined: bool,
}

#[derive(Serialize)]
struct Scan {
    state: &'static str,
    error: u32,
    pause_us: u64,
    duration_us: u64,
    root_bytes: u64,
    block_bytes: u64,
}

#[derive(Serialize)]
struct Module<'a> {
    name: &'a str,
    path: &'a str,
    build_id: &'a str,
    has_lines: bool,
}

#[derive(Serialize)]
struct JsonNote<'a> {
    kind: &'static str,
    text: &'a str,
    importance: &'static str,
}

#[derive(Serialize)]
struct JsonReplaced<'a> {
    argv: &'a [String],
    summary: JsonSummary,
}

fn section(process: &ProcessReport) -> Section<'_> {
    Section {
        process: Process {
            pid: process.pid,
            argv: &process.argv,
            exe: &process.exe,
            exit: status(process.exit),
            state: state(process.exit),
            start_ms: process.start_ms,
            duration_ms: process.duration_ms,
        },
        summary: summary(&process.summary),
        leaks: Each(&process.sites, leak),
        small: amount(process.small),
        misuses: Each(&process.misuses, misuse),
        scan: scan(process),
        modules: Each(&process.modules, module),
        notes: Each(&process.notes, note),
        replaced: Each(&process.replaced, replaced),
        children: Each(&process.children, section),
    }
}

fn status(exit: Exit) -> Option<Status> {
    match exit {
        Exit::Code(code) => Some(Status::Code(code)),
        Exit::Signal(signal) => Some(Status::Signal(signal)),
        Exit::Gone | Exit::Unknown | Exit::Running | Exit::Replaced => None,
    }
}

fn state(exit: Exit) -> &'static str {
    match exit {
        Exit::Code(_) | Exit::Signal(_) | Exit::Gone => "ended",
        Exit::Running => "running",
        Exit::Replaced => "replaced",
        Exit::Unknown => "unknown",
    }
}

fn amount(tally: Tally) -> Amount {
    Amount {
        blocks: tally.blocks,
        bytes: tally.bytes,
    }
}

fn summary(summary: &Summary) -> JsonSummary {
    JsonSummary {
        allocations: summary.allocations,
        releases: summary.releases,
        allocated_bytes: summary.allocated_bytes,
        live_blocks: summary.live.blocks,
        live_bytes: summary.live.bytes,
        peak_bytes: summary.peak_bytes,
        peak_error_bytes: summary.peak_error_bytes,
        lost_blocks: summary.lost.blocks,
        lost_bytes: summary.lost.bytes,
        indirect_blocks: summary.indirect.blocks,
        indirect_bytes: summary.indirect.bytes,
        possible_blocks: summary.possible.blocks,
        possible_bytes: summary.possible.bytes,
        reachable_blocks: summary.reachable.blocks,
        reachable_bytes: summary.reachable.bytes,
        unknown_blocks: summary.unknown.blocks,
        unknown_bytes: summary.unknown.bytes,
        runtime_blocks: summary.runtime.blocks,
        runtime_bytes: summary.runtime.bytes,
        dropped_records: summary.dropped.blocks,
        dropped_bytes: summary.dropped.bytes,
        dropped_stacks: summary.dropped_stacks,
        stacks: summary.stacks,
        truncated_stacks: summary.truncated_stacks,
        incomplete_stacks: summary.incomplete_stacks,
        approximate_stacks: summary.approximate_stacks,
        unknown_releases: summary.unknown_releases,
        unseen_releases: summary.unseen_releases,
        unindexed: summary.unindexed,
        misuses: summary.misuses,
    }
}

fn misuse(misuse: &Misuse) -> JsonMisuse<'_> {
    let has_offset = matches!(misuse.kind, MisuseKind::Interior | MisuseKind::Size);
    JsonMisuse {
        kind: misuse.kind.name(),
        address: Hex(misuse.address),
        size: misuse.size,
        family: family_name(misuse.family),
        called: misuse.called.name(),
        expected: misuse.expected(),
        offset: has_offset.then_some(misuse.offset),
        ground: match misuse.ground {
            Ground::Unknown => None,
            Ground::Stack => Some("stack"),
            Ground::Object => Some("object"),
        },
        count: misuse.count,
        time_ms: misuse.time_ms,
        fingerprint: format!("{:016x}", misuse.fingerprint),
        stacks: Stacks {
            allocated: Each(&misuse.allocated, frame),
            released: Each(&misuse.released, frame),
            here: Each(&misuse.here, frame),
        },
    }
}

fn leak(site: &Site) -> Leak<'_> {
    Leak {
        bytes: site.total.bytes,
        blocks: site.total.blocks,
        smallest_bytes: site.smallest,
        largest_bytes: site.largest,
        verdict: Verdict::name(site.verdict),
        family: site.family.name(),
        release: site.releases(),
        api: site.api.as_ref().map(|api| api.name),
        tags: &site.tags,
        scope: site.scope.as_deref(),
        oldest_ms: site.oldest_ms,
        youngest_ms: site.youngest_ms,
        fingerprint: format!("{:016x}", site.fingerprint),
        runtime: site.runtime,
        truncated: site.truncated,
        incomplete: site.incomplete,
        approximate: site.approximate,
        stack: Each(&site.stack, frame),
    }
}

fn frame(frame: &Frame) -> JsonFrame<'_> {
    JsonFrame {
        function: frame.function(),
        module: &frame.module,
        file: frame.place.file.as_deref(),
        line: frame.place.line,
        column: frame.place.column,
        language: frame.language.name(),
        pc: Hex(frame.pc),
        offset: Hex(frame.offset),
        inlined: frame.place.inlined,
    }
}

fn scan(process: &ProcessReport) -> Scan {
    let scan = &process.scan;
    Scan {
        state: match (scan.done, scan.failed) {
            (true, _) => "done",
            (false, true) => "failed",
            (false, false) => "none",
        },
        error: scan.error,
        pause_us: scan.pause_us,
        duration_us: scan.duration_us,
        root_bytes: scan.root_bytes,
        block_bytes: scan.block_bytes,
    }
}

fn module(module: &ModuleReport) -> Module<'_> {
    Module {
        name: &module.name,
        path: &module.path,
        build_id: &module.build_id,
        has_lines: module.has_lines,
    }
}

fn note(note: &Note) -> JsonNote<'_> {
    JsonNote {
        kind: note.kind,
        text: &note.text,
        importance: note.importance.name(),
    }
}

fn replaced(former: &Replaced) -> JsonReplaced<'_> {
    JsonReplaced {
        argv: &former.argv,
        summary: summary(&former.summary),
    }
}
