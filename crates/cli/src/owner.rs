//! `freehold owner`: who owns what a function hands out, and what releases it.
//!
//! What is not here: the rows (crate `freehold-owners`), how an answer looks as
//! text (`owner/text.rs`), what is said of the blocks of a program
//! (`owner/explain.rs`), and the table for other tools (`owner/export.rs`,
//! `owner/site.rs`).

mod explain;
mod export;
mod site;
mod text;

use freehold_owners::{Function, Kind, Slot};
use serde::Serialize;

use crate::args::{Format, OwnerArgs};
use crate::errors::Failure;
use crate::output::{Target, tell};

/// The exit status when no function matches.
const NOTHING: u8 = 1;
/// Names that are offered instead.
const SUGGESTIONS: usize = 5;

/// The answer as JSON.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    schema: &'static str,
    query: &'a str,
    matches: Vec<Match>,
    suggestions: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct Match {
    name: &'static str,
    library: &'static str,
    platform: &'static str,
    slots: Vec<Row>,
}

/// A slot with what is known of it; what is not known is null.
#[derive(Debug, Serialize)]
struct Row {
    slot: String,
    place: &'static str,
    kind: &'static str,
    release: Vec<&'static str>,
    perhaps: Vec<&'static str>,
    condition: Option<&'static str>,
    on_failure: Option<&'static str>,
    size: Option<&'static str>,
    until: Option<&'static str>,
    family: Option<&'static str>,
    tier: &'static str,
    sources: Vec<&'static str>,
    note: Option<&'static str>,
}

/// Tells it; gives the exit status.
///
/// # Errors
/// When the answer cannot be written, or what is to be explained cannot be read.
pub(crate) fn owner(args: &OwnerArgs) -> Result<u8, Failure> {
    if let Some(source) = &args.explain {
        return explain::explain(source, args.format);
    }
    if let Some(form) = args.export.export {
        return export::export(form, args);
    }
    let (query, found) = ask(args);
    let suggestions = match (&args.name, found.is_empty()) {
        (Some(name), true) => suggestions(name),
        _ => Vec::new(),
    };
    match args.format {
        Format::Json => {
            let answer = Answer {
                schema: "freehold.owner/1",
                query,
                matches: found.iter().copied().map(as_match).collect(),
                suggestions,
            };
            // Strings can always be written.
            let text = serde_json::to_string_pretty(&answer).unwrap_or_default();
            Target::Stdout.write(&(text + "\n"))?;
        }
        Format::Text if found.is_empty() => tell(&nothing(args, &suggestions)),
        Format::Text => {
            let width = Target::Stdout.width();
            let text = match args.name {
                Some(_) => text::pages(&found, width),
                None => text::list(&found),
            };
            Target::Stdout.write(&text)?;
        }
    }
    Ok(if found.is_empty() { NOTHING } else { 0 })
}

/// The question, and the functions that answer it.
fn ask(args: &OwnerArgs) -> (&str, Vec<Function>) {
    let in_library = |function: &Function| match &args.library {
        Some(library) => freehold_owners::is_in(*function, library),
        None => true,
    };
    match (&args.name, &args.released_by, &args.library) {
        (Some(name), ..) => (name, named(name).into_iter().filter(in_library).collect()),
        (None, Some(release), _) => {
            let found = freehold_owners::released_by(release);
            (release, found.filter(in_library).collect())
        }
        (None, None, Some(library)) => {
            let found = freehold_owners::in_library(library);
            (library, found.filter(|f| f.slots().len() > 0).collect())
        }
        (None, None, None) => ("", Vec::new()),
    }
}

/// Functions of this name: as it is written before those in other letters; of a
/// method also without its interface; without the `A` or `W` at its end.
fn named(name: &str) -> Vec<Function> {
    let mut found: Vec<_> = freehold_owners::find(name).collect();
    if found.iter().any(|function| function.name() == name) {
        found.retain(|function| function.name() == name);
    }
    if found.is_empty() {
        found.extend(
            ["W", "A"]
                .iter()
                .flat_map(|end| freehold_owners::find(&format!("{name}{end}"))),
        );
    }
    if found.is_empty() && !name.contains("::") {
        let method = |function: &Function| {
            let (_, method) = function.name().split_once("::")?;
            method.eq_ignore_ascii_case(name).then_some(())
        };
        found.extend(freehold_owners::all().filter(|f| method(f).is_some()));
    }
    found
}

/// The names that are nearest to one that nobody has.
fn suggestions(name: &str) -> Vec<&'static str> {
    let wanted = name.to_ascii_lowercase();
    let mut near: Vec<(usize, &str)> = Vec::new();
    // One typing error for each three letters.
    let most = wanted.len().div_ceil(3);
    for function in freehold_owners::all() {
        let name = function.name();
        if name.len().abs_diff(wanted.len()) > most {
            continue;
        }
        let distance = strsim::damerau_levenshtein(&name.to_ascii_lowercase(), &wanted);
        if distance <= most {
            near.push((distance, name));
        }
    }
    near.sort_unstable();
    near.dedup();
    near.into_iter()
        .take(SUGGESTIONS)
        .map(|(_, name)| name)
        .collect()
}

fn nothing(args: &OwnerArgs, suggestions: &[&str]) -> String {
    let (what, name) = match (&args.name, &args.released_by, &args.library) {
        (Some(name), ..) => ("no function is known as", name),
        (_, Some(release), _) => ("nothing is known to be released by", release),
        (_, _, Some(library)) => ("no library is known as", library),
        _ => return "name a function, --released-by, --library or --explain".into(),
    };
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    match suggestions {
        [] => format!("{what} {name}"),
        near => format!("{what} {name}; did you mean {}?", near.join(", ")),
    }
}

/// A slot by the name that people read.
fn slot_name(slot: Slot) -> String {
    match slot.name() {
        "return" => "return".into(),
        name if name.contains(['.', '[']) => format!("field {name}"),
        name => format!("parameter {name}"),
    }
}

fn as_match(function: Function) -> Match {
    Match {
        name: function.name(),
        library: function.library(),
        platform: function.platform().name(),
        slots: function.slots().map(as_row).collect(),
    }
}

fn as_row(slot: Slot) -> Row {
    // What may release it is a hint where nobody has checked.
    let is_known = slot.kind() != Kind::Unknown;
    let (release, perhaps) = slot.release().partition(|_| is_known);
    Row {
        slot: slot_name(slot),
        place: slot.name(),
        kind: slot.kind().name(),
        release,
        perhaps,
        condition: slot.when(),
        on_failure: slot.failure(),
        size: slot.size(),
        until: slot.until(),
        family: slot.family(),
        tier: slot.tier().name(),
        sources: slot.sources().collect(),
        note: slot.note(),
    }
}
