//! What `freehold owner --explain` writes for people: for each function what came
//! of it and where, then its entry.

use std::fmt::Write;

use freehold_report::apis;
use freehold_report::model::Tally;
use freehold_report::text::{KEPT_PARTS, bytes, clean, counted, source};

use super::super::text::{entry, slots};
use super::{Caller, Explained, Known, Others};

/// Places that are listed of one function.
const MOST_PLACES: usize = 10;

/// The answer as text.
pub(super) fn render(explained: &Explained, width: usize) -> String {
    let mut text = String::new();
    for known in &explained.functions {
        function(&mut text, known, explained.unjudged, width);
        text.push('\n');
    }
    others(&mut text, &explained.others);
    for note in &explained.notes {
        let _ = writeln!(text, "note: {}", clean(note));
    }
    if text.is_empty() {
        text.push_str("Nothing was lost or misused: there is nothing to explain.\n");
    }
    text
}

fn function(text: &mut String, known: &Known, unjudged: bool, width: usize) {
    let (name, library) = (known.function.name(), known.function.library());
    let _ = writeln!(text, "{name} ({library})");
    let mut line = |label: &str, said: &str| entry(text, label, said, width);
    if known.total.blocks > 0 {
        // Blocks that no scan has judged may be in use.
        let label = if unjudged { "not freed" } else { "lost" };
        line(label, &amount(known.total));
    }
    if known.misuses > 0 {
        line("misused", &counted(known.misuses, "time", "times"));
    }
    let due = apis::due(known.function);
    match due.is_empty() {
        true => line("due", "nothing that is known"),
        false => line("due", &due.join(" or ")),
    }
    let processes: Vec<_> = known.processes.iter().map(|name| clean(name)).collect();
    line("in", &processes.join(", "));
    let mut label = "called by";
    for call in known.calls.iter().take(MOST_PLACES) {
        let said = format!("{}: {}", place(&call.callers), amount(call.total));
        line(std::mem::take(&mut label), &said);
    }
    let rest = known.calls.get(MOST_PLACES..).unwrap_or_default();
    if !rest.is_empty() {
        let mut total = Tally::default();
        rest.iter().for_each(|call| total.add(call.total));
        let places = counted(rest.len() as u64, "more place", "more places");
        let amount = amount(total);
        line(
            "",
            &format!("… {places}: {amount} (--format json lists all)"),
        );
    }
    let mut label = "misuse";
    for wrong in known.wrong.iter().take(MOST_PLACES) {
        let said = format!(
            "{} by {}, {}, of what {} got",
            clean(&wrong.kind),
            clean(&wrong.called),
            counted(wrong.count, "time", "times"),
            place(&wrong.callers),
        );
        line(std::mem::take(&mut label), &said);
    }
    let rest = known.wrong.len().saturating_sub(MOST_PLACES) as u64;
    if rest > 0 {
        let more = counted(rest, "more misuse", "more misuses");
        line("", &format!("… {more} (--format json lists all)"));
    }
    slots(text, known.function, width);
}

fn others(text: &mut String, others: &Others) {
    let mut parts = Vec::new();
    if others.blocks > 0 {
        let many = counted(others.blocks, "other block", "other blocks");
        parts.push(format!("{many}, {}", bytes(others.bytes)));
    }
    if others.misuses > 0 {
        parts.push(counted(others.misuses, "other misuse", "other misuses"));
    }
    if !parts.is_empty() {
        let whose = match others.blocks.saturating_add(others.misuses) {
            1 => "its stack",
            _ => "their stacks",
        };
        let others = parts.join(" and ");
        let _ = writeln!(text, "{others}: no function in {whose} is in the database");
    }
}

fn amount(tally: Tally) -> String {
    let blocks = counted(tally.blocks, "block", "blocks");
    format!("{}, {}", blocks, bytes(tally.bytes))
}

/// Where a function was called: the frames of its callers, the nearest first.
fn place(callers: &[Caller]) -> String {
    let frames: Vec<String> = callers.iter().map(frame).collect();
    match frames.is_empty() {
        true => "somebody".into(),
        false => frames.join(", by "),
    }
}

fn frame(caller: &Caller) -> String {
    let name = caller.function.as_deref().unwrap_or("code without a name");
    let Some(file) = &caller.file else {
        return format!("{} ({})", clean(name), clean(&caller.module));
    };
    let cwd = std::env::current_dir().ok();
    let file = source(file, cwd.as_deref(), KEPT_PARTS);
    match caller.line {
        Some(line) => format!("{} ({file}:{line})", clean(name)),
        None => format!("{} ({file})", clean(name)),
    }
}
