//! What `freehold owner` writes for people: an entry as in a manual for each
//! function, or a line for each of many.

use std::fmt::Write;

use freehold_owners::{Function, Kind, Slot, Tier};

use super::slot_name;

/// Above so many functions of one name they are listed and not described.
const MOST_PAGES: usize = 12;
/// Room for the words before what is said.
const LABEL: usize = 12;

/// An entry for each function; a list when there are many.
pub(super) fn pages(functions: &[Function], width: usize) -> String {
    if functions.len() > MOST_PAGES {
        return list(functions);
    }
    let pages: Vec<String> = functions.iter().map(|f| page(*f, width)).collect();
    pages.join("\n")
}

fn page(function: Function, width: usize) -> String {
    let mut text = format!("{} ({})\n", function.name(), function.library());
    slots(&mut text, function, width);
    text
}

/// What is known of each slot of a function.
pub(super) fn slots(text: &mut String, function: Function, width: usize) {
    if function.slots().len() == 0 {
        text.push_str("\n  Nothing that it hands out is declared or was described by anybody.\n");
        text.push_str("  Mostly that means that there is nothing to release.\n");
    }
    for slot in function.slots() {
        let _ = writeln!(text, "\n  {}: {}", slot_name(slot), whose(slot));
        let is_known = slot.kind() != Kind::Unknown;
        let release: Vec<&str> = slot.release().collect();
        let mut line = |label: &str, said: &str| entry(text, label, said, width);
        if !release.is_empty() {
            let label = if is_known { "release" } else { "perhaps" };
            line(label, &release.join(" or "));
        }
        for (label, said) in [
            ("when", slot.when()),
            ("until", slot.until()),
            ("on failure", slot.failure()),
            ("size", slot.size()),
            ("family", slot.family()),
            ("note", slot.note()),
        ] {
            if let Some(said) = said {
                line(label, said);
            }
        }
        for (place, source) in slot.sources().enumerate() {
            line(if place == 0 { "evidence" } else { "" }, source);
        }
    }
}

/// A line with its label, folded to the width of the terminal.
pub(super) fn entry(text: &mut String, label: &str, said: &str, width: usize) {
    let room = width.saturating_sub(4 + LABEL).max(30);
    let mut label = label;
    let mut line = String::new();
    for word in said.split(' ') {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > room {
            let _ = writeln!(text, "    {label:LABEL$}{line}");
            (label, line) = ("", String::new());
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line += word;
    }
    let _ = writeln!(text, "    {label:LABEL$}{line}");
}

/// Whose it is, as a sentence.
pub(super) fn whose(slot: Slot) -> &'static str {
    match (slot.kind(), slot.tier()) {
        (Kind::Owned, _) => "yours, to be released",
        (Kind::Refcount, _) => "a reference of yours, to be given back",
        (Kind::Borrowed, _) => "the library's: do not release it",
        (Kind::Transferred, _) => "taken over by the function: no longer yours",
        (Kind::Lock, _) => "held until you end it",
        (Kind::None, _) => "nothing to release",
        (Kind::Unknown, _) => "unknown: nobody has checked whose it is",
    }
}

/// A line for each function.
pub(super) fn list(functions: &[Function]) -> String {
    let mut text = String::new();
    for function in functions {
        let slots = function.slots().filter(|slot| slot.tier() != Tier::Unsure);
        let slots: Vec<String> = slots.map(short).collect();
        let slots = match slots.is_empty() {
            true => "unknown".into(),
            false => slots.join("; "),
        };
        let _ = writeln!(
            text,
            "{} ({}): {slots}",
            function.name(),
            function.library()
        );
    }
    text
}

fn short(slot: Slot) -> String {
    let release: Vec<&str> = slot.release().collect();
    match release.is_empty() {
        true => format!("{} {}", slot.name(), slot.kind().name()),
        false => format!("{} {}", slot.name(), release.join(" or ")),
    }
}
