//! The table as constants for Dart 2.17 or later.

use std::fmt::Write;

use freehold_owners::{Function, Kind, Platform, Tier};

use super::facts::{Fact, Facts};

/// Types and functions of the library; the data come behind.
const HEAD: &str = include_str!("dart.dart.txt");

/// The library. Functions of which only the name is known are not in it.
pub(super) fn dart(functions: &[Function]) -> String {
    let mut facts = Facts::default();
    let mut entries = String::new();
    let mut before = "";
    // In the table, names that differ in upper and lower case are mixed.
    let mut functions = functions.to_vec();
    functions.sort_by_key(|function| function.name());
    for function in functions {
        if function.slots().len() == 0 {
            continue;
        }
        let name = function.name();
        if name != before {
            let end = if before.is_empty() { "" } else { "  ],\n" };
            let _ = writeln!(entries, "{end}  {}: [", quoted(name));
            before = name;
        }
        let library = quoted(function.library());
        let platform = function.platform().name();
        let _ = write!(
            entries,
            "    Entry({}, {library}, Platform.{platform}, [",
            quoted(name)
        );
        for (number, slot) in function.slots().enumerate() {
            let comma = if number == 0 { "" } else { ", " };
            let fact = facts.number(slot);
            let _ = write!(entries, "{comma}Slot({}, _f{fact})", quoted(slot.name()));
        }
        entries += "]),\n";
    }
    if !before.is_empty() {
        entries += "  ],\n";
    }
    let words = |names: Vec<&str>| names.join(", ");
    let mut out = HEAD
        .replace("@VERSION@", env!("CARGO_PKG_VERSION"))
        .replace(
            "@PLATFORMS@",
            &words(Platform::ALL.iter().map(|p| p.name()).collect()),
        )
        .replace(
            "@KINDS@",
            &words(Kind::ALL.iter().map(|k| k.name()).collect()),
        )
        .replace(
            "@TIERS@",
            &words(Tier::ALL.iter().map(|t| t.name()).collect()),
        );
    let _ = write!(
        out,
        "\n/// All functions of which more than the name is known, by their names.\n\
         const Map<String, List<Entry>> owners = {{\n{entries}}};\n\n"
    );
    for (number, fact) in facts.all().iter().enumerate() {
        let _ = writeln!(out, "const _f{number} = {};", constructed(fact));
    }
    out
}

fn constructed(fact: &Fact) -> String {
    let mut out = format!("Fact(Kind.{}, Tier.{}", fact.kind, fact.tier);
    let lists = [
        ("release", &fact.release),
        ("perhaps", &fact.perhaps),
        ("sources", &fact.sources),
    ];
    for (member, said) in lists.into_iter().filter(|(_, said)| !said.is_empty()) {
        let said: Vec<String> = said.iter().map(|text| quoted(text)).collect();
        let _ = write!(out, ", {member}: [{}]", said.join(", "));
    }
    for (member, said) in [
        ("condition", fact.condition),
        ("onFailure", fact.on_failure),
        ("size", fact.size),
        ("until", fact.until),
        ("family", fact.family),
        ("note", fact.note),
    ] {
        if let Some(said) = said {
            let _ = write!(out, ", {member}: {}", quoted(said));
        }
    }
    out + ")"
}

/// A text as Dart writes it: a dollar would begin an expression.
fn quoted(text: &str) -> String {
    let mut out = String::from("'");
    for c in text.chars() {
        match c {
            '\\' | '\'' | '$' => out.extend(['\\', c]),
            '\n' => out += "\\n",
            c if c.is_control() => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out + "'"
}

#[cfg(test)]
mod tests {
    #[test]
    fn texts_cannot_leave_their_quotes() {
        assert_eq!(super::quoted("it's $a\\\n\u{1}"), r"'it\'s \$a\\\n\u{1}'");
    }
}
