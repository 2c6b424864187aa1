//! What is to be explained: the leaks and misuses of a ledger, of a tracked
//! process, or of a report that was written as JSON.
//!
//! What is not here: how ledgers become reports (`report.rs`), and what is said
//! of the findings (`owner/explain.rs`).

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use freehold_ledger::format::Verdict;
use freehold_report::frame::{Frame, Language, Place};
use freehold_report::model::ProcessReport;
use freehold_report::notes::{Importance, Note};
use serde::Deserialize;

use crate::errors::Failure;
use crate::report;

/// How the sentence ends that refuses a file which is none of ours.
const NO_LEDGER: &str = "is not a Freehold ledger";
/// The reports that this reads, without the number of their version.
const SCHEMA: &str = "freehold.report/";
/// The version that it reads.
const VERSION: u32 = 1;

/// All that is to be explained.
#[derive(Default)]
pub(super) struct Input {
    pub(super) findings: Vec<Finding>,
    /// What makes the findings fewer than there were.
    pub(super) notes: Vec<String>,
}

/// Blocks that were lost, or a misuse of one.
pub(super) struct Finding {
    /// The process, for people.
    pub(super) process: Arc<str>,
    pub(super) what: What,
    /// Where the block was allocated.
    pub(super) stack: Vec<Frame>,
}

pub(super) enum What {
    Lost {
        /// Whether a scan found that; otherwise they were live, and no more is known.
        judged: bool,
        blocks: u64,
        bytes: u64,
    },
    Misused {
        kind: String,
        /// The function that was called with it.
        called: String,
        count: u64,
    },
}

/// Reads the findings of what a path names.
pub(super) fn read(path: &Path) -> Result<Input, Failure> {
    let name = path.display().to_string();
    if path.as_os_str() == "-" {
        let mut input = BufReader::new(io::stdin().lock());
        let text = everything(&mut input).map_err(|e| cannot_read("standard input", &e))?;
        return of_json(&text, "standard input");
    }
    // What is no file may be a process id, and what is no JSON is a ledger.
    if path.metadata().is_ok_and(|found| !found.is_dir()) {
        let file = File::open(path).map_err(|e| cannot_read(&name, &e))?;
        let mut input = BufReader::new(file);
        if is_json(&mut input).map_err(|e| cannot_read(&name, &e))? {
            let text = everything(&mut input).map_err(|e| cannot_read(&name, &e))?;
            return of_json(&text, &name);
        }
    }
    let report =
        report::findings(path).map_err(|failure| match failure.message.ends_with(NO_LEDGER) {
            true => Failure::freehold(format!("{failure}, and no report that --format json wrote")),
            false => failure,
        })?;
    let mut input = Input::default();
    of_report(report.main, &mut input);
    keep_notes(report.notes, &mut input);
    Ok(input)
}

fn cannot_read(name: &str, error: &io::Error) -> Failure {
    Failure::freehold(format!("cannot read {name}: {error}"))
}

fn everything(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    input.read_to_end(&mut text)?;
    Ok(text)
}

/// Whether a file begins as JSON does; a ledger begins with its magic number.
fn is_json(input: &mut impl BufRead) -> io::Result<bool> {
    let begin = input.fill_buf()?;
    let first = begin.iter().find(|byte| !byte.is_ascii_whitespace());
    Ok(first.is_some_and(|byte| b"{[\"".contains(byte)))
}

fn keep_notes(notes: Vec<Note>, input: &mut Input) {
    let wanted = notes
        .into_iter()
        .filter(|note| note.importance == Importance::Always);
    input.notes.extend(wanted.map(|note| note.text));
}

fn of_report(process: ProcessReport, input: &mut Input) {
    let name: Arc<str> = format!("{} [{}]", process.program(), process.pid).into();
    for site in process.sites {
        let wanted = match site.verdict {
            Verdict::Lost | Verdict::Indirect | Verdict::Unknown => !site.runtime,
            Verdict::Possible | Verdict::Reachable => false,
        };
        if wanted {
            input.findings.push(Finding {
                process: name.clone(),
                what: What::Lost {
                    judged: site.verdict != Verdict::Unknown,
                    blocks: site.total.blocks,
                    bytes: site.total.bytes,
                },
                stack: site.stack,
            });
        }
    }
    for misuse in process.misuses {
        input.findings.push(Finding {
            process: name.clone(),
            what: What::Misused {
                kind: misuse.kind.name().into(),
                called: misuse.called.name().into(),
                count: misuse.count,
            },
            stack: misuse.allocated,
        });
    }
    keep_notes(process.notes, input);
    for child in process.children {
        of_report(child, input);
    }
}

/// The part of a report that is needed.
#[derive(Deserialize)]
struct Section {
    process: Process,
    #[serde(default)]
    leaks: Vec<Leak>,
    #[serde(default)]
    misuses: Vec<Misuse>,
    #[serde(default)]
    notes: Vec<JsonNote>,
    /// Of the first process only.
    #[serde(default)]
    session_notes: Vec<JsonNote>,
    #[serde(default)]
    children: Vec<Section>,
}

#[derive(Deserialize)]
struct JsonNote {
    text: String,
    importance: String,
}

#[derive(Deserialize)]
struct Process {
    pid: u32,
    #[serde(default)]
    argv: Vec<String>,
    #[serde(default)]
    exe: String,
}

#[derive(Deserialize)]
struct Leak {
    bytes: u64,
    blocks: u64,
    verdict: String,
    #[serde(default)]
    runtime: bool,
    #[serde(default)]
    stack: Vec<JsonFrame>,
}

#[derive(Deserialize)]
struct Misuse {
    kind: String,
    called: String,
    count: u64,
    #[serde(default)]
    stacks: Stacks,
}

#[derive(Deserialize, Default)]
struct Stacks {
    #[serde(default)]
    allocated: Vec<JsonFrame>,
}

#[derive(Deserialize)]
struct JsonFrame {
    function: Option<Arc<str>>,
    #[serde(default)]
    module: Arc<str>,
    file: Option<Arc<str>>,
    line: Option<u32>,
    column: Option<u32>,
    #[serde(default)]
    language: String,
    #[serde(default)]
    inlined: bool,
}

/// What tells reports from other JSON.
#[derive(Deserialize)]
struct Head {
    schema: String,
}

fn of_json(text: &[u8], name: &str) -> Result<Input, Failure> {
    let no_report = || {
        Failure::freehold(format!(
            "{name} is no report of Freehold: write one by `freehold run --format json` or \
             `freehold report --format json`"
        ))
    };
    let head: Head = serde_json::from_slice(text).map_err(|e| match text.first() {
        Some(_) if e.is_eof() => cut_short(name, &e),
        _ => no_report(),
    })?;
    let version = head.schema.strip_prefix(SCHEMA).ok_or_else(no_report)?;
    if version.parse() != Ok(VERSION) {
        return Err(Failure::freehold(format!(
            "{name} is a report of the form {SCHEMA}{}, and this version of Freehold reads \
             {SCHEMA}{VERSION}: use the version that wrote it, or write it anew from its ledger",
            freehold_report::text::clean(version)
        )));
    }
    let section: Section = serde_json::from_slice(text).map_err(|e| {
        let why = e.to_string();
        Failure::freehold(match why.contains("recursion limit") {
            // Each process in a process in a process is one more level of JSON.
            true => format!(
                "{name} has too many processes that started one another to be read from JSON: \
                 name its ledger instead"
            ),
            false => format!("{name} is a damaged report of Freehold: {why}"),
        })
    })?;
    let mut input = Input::default();
    of_section(section, &mut input);
    Ok(input)
}

fn cut_short(name: &str, error: &serde_json::Error) -> Failure {
    let (line, column) = (error.line(), error.column());
    Failure::freehold(format!(
        "{name} is cut short: it ends within JSON, at line {line}, column {column}"
    ))
}

fn of_section(section: Section, input: &mut Input) {
    let process = ProcessReport {
        pid: section.process.pid,
        argv: section.process.argv,
        exe: section.process.exe,
        ..ProcessReport::default()
    };
    let name: Arc<str> = format!("{} [{}]", process.program(), process.pid).into();
    for leak in section.leaks {
        let wanted = ["lost", "indirect", "unknown"].contains(&leak.verdict.as_str());
        if wanted && !leak.runtime {
            input.findings.push(Finding {
                process: name.clone(),
                what: What::Lost {
                    judged: leak.verdict != "unknown",
                    blocks: leak.blocks,
                    bytes: leak.bytes,
                },
                stack: frames(leak.stack),
            });
        }
    }
    for misuse in section.misuses {
        input.findings.push(Finding {
            process: name.clone(),
            what: What::Misused {
                kind: misuse.kind,
                called: misuse.called,
                count: misuse.count,
            },
            stack: frames(misuse.stacks.allocated),
        });
    }
    let notes = section.notes.into_iter().chain(section.session_notes);
    let wanted = notes.filter(|note| note.importance == Importance::Always.name());
    input.notes.extend(wanted.map(|note| note.text));
    for child in section.children {
        of_section(child, input);
    }
}

fn frames(stack: Vec<JsonFrame>) -> Vec<Frame> {
    let frame = |of: JsonFrame| Frame {
        place: Place {
            function: of.function,
            file: of.file,
            line: of.line,
            column: of.column,
            inlined: of.inlined,
        },
        module: of.module,
        // Addresses are not needed to find functions that have names.
        pc: 0,
        offset: 0,
        language: Language::from_name(&of.language).unwrap_or_default(),
    };
    stack.into_iter().map(frame).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        match of_json(text.as_bytes(), "x.json") {
            Ok(_) => panic!("{text} was read"),
            Err(failure) => {
                assert_eq!(failure.code, crate::errors::FREEHOLD);
                failure.message
            }
        }
    }

    #[test]
    fn what_is_no_report_is_refused_with_its_reason() {
        for text in [
            "",
            "[]",
            "{}",
            "\"a\"",
            "{\"schema\": 1}",
            "{\"schema\": \"freehold.owner/1\"}",
        ] {
            let said = refused(text);
            assert!(said.contains("no report of Freehold"), "{text}: {said}");
        }
        let newer = refused("{\"schema\": \"freehold.report/2\", \"anything\": []}");
        assert!(newer.contains("freehold.report/2"), "{newer}");
        let cut = refused("{\"schema\": \"freehold.report/1\",\n\"process\": {\"pid\"");
        assert!(cut.contains("cut short") && cut.contains("line 2"), "{cut}");
        let damaged = refused("{\"schema\": \"freehold.report/1\", \"process\": {}}");
        let deep = (0..100).fold(String::new(), |inner, _| {
            format!("{{\"process\": {{\"pid\": 1}}, \"children\": [{inner}]}}")
        });
        let deep = refused(&deep.replacen('{', "{\"schema\": \"freehold.report/1\", ", 1));
        assert!(deep.contains("name its ledger"), "{deep}");
        assert!(
            damaged.contains("damaged") && damaged.contains("pid"),
            "{damaged}"
        );
    }

    #[test]
    fn blocks_that_are_not_lost_are_left_out() {
        let leak = |verdict, runtime| {
            format!(
                "{{\"bytes\": 8, \"blocks\": 1, \"verdict\": \"{verdict}\", \"runtime\": {runtime}}}"
            )
        };
        let leaks = [
            leak("lost", false),
            leak("indirect", false),
            leak("unknown", false),
            leak("reachable", false),
            leak("possible", false),
            leak("lost", true),
        ];
        let text = format!(
            "{{\"schema\": \"freehold.report/1\", \"process\": {{\"pid\": 7, \"exe\": \"/bin/cat\"}}, \
             \"leaks\": [{}], \"later\": null}}",
            leaks.join(",")
        );
        let findings = of_json(text.as_bytes(), "x.json").unwrap().findings;
        let judged: Vec<bool> = findings
            .iter()
            .map(|finding| matches!(finding.what, What::Lost { judged, .. } if judged))
            .collect();
        assert_eq!(judged, [true, true, false]);
        assert_eq!(&*findings[0].process, "cat [7]");
    }
}
