//! The table as a module for Python 3.8 or later.

use std::fmt::Write;

use freehold_owners::Function;

use super::facts::{Fact, Facts};

/// Types and functions of the module; the data come behind.
const HEAD: &str = include_str!("python.py.txt");
/// What makes objects of the data.
const END: &str = "\n\nFUNCTIONS: Tuple[Function, ...] = _made()\n";

/// The module.
pub(super) fn python(functions: &[Function]) -> String {
    let mut facts = Facts::default();
    let mut rows = String::new();
    for function in functions {
        let _ = write!(
            rows,
            "    ({}, {}, {}, (",
            quoted(function.name()),
            quoted(function.library()),
            quoted(function.platform().name()),
        );
        for slot in function.slots() {
            let _ = write!(rows, "({}, {}), ", quoted(slot.name()), facts.number(slot));
        }
        rows += ")),\n";
    }
    let mut out = HEAD.replace("@VERSION@", env!("CARGO_PKG_VERSION"));
    out += "\n\n_FACTS = (\n";
    for fact in facts.all() {
        let _ = writeln!(out, "    {},", tuple(fact));
    }
    out += ")\n\n_ROWS = (\n";
    out += &rows;
    out += ")\n";
    out + END
}

/// A fact, in the order of the members of `Slot`.
fn tuple(fact: &Fact) -> String {
    let maybe = |said: Option<&str>| said.map_or("None".into(), quoted);
    let list = |said: &[&str]| {
        let said: String = said.iter().map(|text| quoted(text) + ", ").collect();
        format!("({said})")
    };
    let members = [
        quoted(fact.kind),
        list(&fact.release),
        list(&fact.perhaps),
        maybe(fact.condition),
        maybe(fact.on_failure),
        maybe(fact.size),
        maybe(fact.until),
        maybe(fact.family),
        quoted(fact.tier),
        list(&fact.sources),
        maybe(fact.note),
    ];
    format!("({})", members.join(", "))
}

/// A text as Python writes it. Whoever reads JSON's form as Python gets the same
/// text: both have the escapes that JSON uses.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}
