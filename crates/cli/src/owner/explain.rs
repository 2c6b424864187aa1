//! `freehold owner --explain`: leaks and misuses by the functions that gave the
//! blocks, with what is known of these.
//!
//! Where a stack enters a library is found anew (`freehold_report::apis`), also
//! for reports that name a function: the rows of today count.
//!
//! What is not here: how ledgers and reports are read (`explain/input.rs`), and
//! how the answer looks as text (`explain/text.rs`).

mod input;
mod text;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use freehold_owners::Function;
use freehold_report::apis;
use freehold_report::frame::Frame;
use freehold_report::model::Tally;
use serde::Serialize;

use super::{Row, as_row};
use crate::args::Format;
use crate::errors::Failure;
use crate::output::Target;
use input::{Input, What};

/// Frames of callers by which calls are told apart: enough to see where a helper
/// was called from, and few enough that a loop over many files is one place.
const CALLERS: usize = 3;

/// Findings by function, those of most bytes first.
#[derive(Debug, Default)]
struct Explained {
    functions: Vec<Known>,
    others: Others,
    /// There are blocks that no scan has judged.
    unjudged: bool,
    /// What makes all that less than there was.
    notes: Vec<String>,
}

/// What has no function that the database knows.
#[derive(Debug, Default, Serialize)]
struct Others {
    blocks: u64,
    bytes: u64,
    misuses: u64,
}

/// A function with what came of it.
#[derive(Debug)]
struct Known {
    function: Function,
    total: Tally,
    misuses: u64,
    /// Those of most bytes first.
    calls: Vec<Call>,
    wrong: Vec<Wrong>,
    processes: Vec<Arc<str>>,
}

/// A place at which the program called the function.
#[derive(Debug)]
struct Call {
    callers: Vec<Caller>,
    total: Tally,
}

/// Misuses of blocks that were got at one place.
#[derive(Debug)]
struct Wrong {
    kind: String,
    called: String,
    count: u64,
    callers: Vec<Caller>,
}

/// A frame of the program, the one that called the function first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Caller {
    function: Option<Arc<str>>,
    module: Arc<str>,
    file: Option<Arc<str>>,
    line: Option<u32>,
}

/// Writes the answer; gives the exit status.
///
/// # Errors
/// When there is nothing that can be read at this path, or the answer cannot be
/// written.
pub(super) fn explain(source: &Path, format: Format) -> Result<u8, Failure> {
    let explained = by_function(input::read(source)?);
    let target = Target::Stdout;
    match format {
        Format::Text => target.write(&text::render(&explained, target.width()))?,
        Format::Json => target.write(&json(&explained))?,
    }
    Ok(0)
}

fn by_function(input: Input) -> Explained {
    let mut explained = Explained {
        notes: input.notes,
        ..Explained::default()
    };
    // By name and library: the same name can be another function elsewhere.
    let mut functions = BTreeMap::<(&str, &str), Collected>::new();
    for finding in input.findings {
        let entry = apis::entry(&finding.stack);
        let others = &mut explained.others;
        if let What::Lost { judged: false, .. } = finding.what {
            explained.unjudged = true;
        }
        let Some(entry) = entry.filter(|entry| says_something(entry.function)) else {
            match finding.what {
                What::Lost { blocks, bytes, .. } => {
                    others.blocks = others.blocks.saturating_add(blocks);
                    others.bytes = others.bytes.saturating_add(bytes);
                }
                What::Misused { count, .. } => {
                    others.misuses = others.misuses.saturating_add(count);
                }
            }
            continue;
        };
        let key = (entry.function.name(), entry.function.library());
        let known = functions
            .entry(key)
            .or_insert_with(|| Collected::new(entry.function));
        known.add(&finding.process, &finding.what, callers(entry.callers));
    }
    explained.functions = functions.into_values().map(Collected::sorted).collect();
    let weight = |known: &Known| std::cmp::Reverse((known.total.bytes, known.misuses));
    explained.functions.sort_by_key(weight);
    explained
}

/// Whether anything is asserted of a function.
fn says_something(function: Function) -> bool {
    let mut slots = function.slots();
    slots.any(|slot| slot.kind() != freehold_owners::Kind::Unknown)
}

/// The nearest callers; those that have no name only where none has one.
fn callers(stack: &[Frame]) -> Vec<Caller> {
    let caller = |frame: &Frame| Caller {
        function: frame.place.function.clone(),
        module: frame.module.clone(),
        file: frame.place.file.clone(),
        line: frame.place.line,
    };
    let named = stack.iter().filter(|frame| frame.function().is_some());
    let named: Vec<Caller> = named.take(CALLERS).map(caller).collect();
    match named.is_empty() {
        true => stack.iter().take(1).map(caller).collect(),
        false => named,
    }
}

/// A function while findings are added.
struct Collected {
    known: Known,
    calls: BTreeMap<Vec<Caller>, Tally>,
    wrong: BTreeMap<(String, String, Vec<Caller>), u64>,
}

impl Collected {
    fn new(function: Function) -> Collected {
        Collected {
            known: Known {
                function,
                total: Tally::default(),
                misuses: 0,
                calls: Vec::new(),
                wrong: Vec::new(),
                processes: Vec::new(),
            },
            calls: BTreeMap::new(),
            wrong: BTreeMap::new(),
        }
    }

    fn add(&mut self, process: &Arc<str>, what: &What, callers: Vec<Caller>) {
        let known = &mut self.known;
        if !known.processes.contains(process) {
            known.processes.push(process.clone());
        }
        match what {
            What::Lost { blocks, bytes, .. } => {
                let (blocks, bytes) = (*blocks, *bytes);
                let lost = Tally { blocks, bytes };
                known.total.add(lost);
                self.calls.entry(callers).or_default().add(lost);
            }
            What::Misused {
                kind,
                called,
                count,
            } => {
                known.misuses = known.misuses.saturating_add(*count);
                let key = (kind.clone(), called.clone(), callers);
                let counted = self.wrong.entry(key).or_default();
                *counted = counted.saturating_add(*count);
            }
        }
    }

    fn sorted(self) -> Known {
        let mut known = self.known;
        let calls = self.calls.into_iter();
        known.calls = calls
            .map(|(callers, total)| Call { callers, total })
            .collect();
        known
            .calls
            .sort_by_key(|call| std::cmp::Reverse(call.total.bytes));
        let wrong = self.wrong.into_iter();
        known.wrong = wrong
            .map(|((kind, called, callers), count)| Wrong {
                kind,
                called,
                count,
                callers,
            })
            .collect();
        known
    }
}

/// The answer as JSON: `freehold.owner-explain/1`.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    functions: Vec<JsonFunction<'a>>,
    others: &'a Others,
    notes: &'a [String],
}

#[derive(Serialize)]
struct JsonFunction<'a> {
    name: &'static str,
    library: &'static str,
    platform: &'static str,
    due: Vec<&'static str>,
    blocks: u64,
    bytes: u64,
    processes: &'a [Arc<str>],
    calls: Vec<JsonCall<'a>>,
    misuses: Vec<JsonWrong<'a>>,
    slots: Vec<Row>,
}

#[derive(Serialize)]
struct JsonCall<'a> {
    blocks: u64,
    bytes: u64,
    callers: &'a [Caller],
}

#[derive(Serialize)]
struct JsonWrong<'a> {
    kind: &'a str,
    called: &'a str,
    count: u64,
    callers: &'a [Caller],
}

fn json(explained: &Explained) -> String {
    let document = Document {
        schema: "freehold.owner-explain/1",
        functions: explained.functions.iter().map(as_function).collect(),
        others: &explained.others,
        notes: &explained.notes,
    };
    // Strings and numbers can always be written.
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

fn as_function(known: &Known) -> JsonFunction<'_> {
    JsonFunction {
        name: known.function.name(),
        library: known.function.library(),
        platform: known.function.platform().name(),
        due: apis::due(known.function),
        blocks: known.total.blocks,
        bytes: known.total.bytes,
        processes: &known.processes,
        calls: known.calls.iter().map(as_call).collect(),
        misuses: known.wrong.iter().map(as_wrong).collect(),
        slots: known.function.slots().map(as_row).collect(),
    }
}

fn as_call(call: &Call) -> JsonCall<'_> {
    JsonCall {
        blocks: call.total.blocks,
        bytes: call.total.bytes,
        callers: &call.callers,
    }
}

fn as_wrong(wrong: &Wrong) -> JsonWrong<'_> {
    JsonWrong {
        kind: &wrong.kind,
        called: &wrong.called,
        count: wrong.count,
        callers: &wrong.callers,
    }
}
