//! The table as comma-separated values (RFC 4180): a line for each slot.

use freehold_owners::Function;

use crate::owner::{Row, as_row};

/// Between the parts of what is a list; no part contains it (tested).
const SEPARATOR: &str = " | ";

const COLUMNS: [&str; 15] = [
    "platform",
    "library",
    "function",
    "place",
    "kind",
    "release",
    "perhaps",
    "condition",
    "on_failure",
    "size",
    "until",
    "family",
    "tier",
    "sources",
    "note",
];

/// The lines, the names of the columns first. Functions of which only the name is
/// known have none.
pub(super) fn csv(functions: &[Function]) -> String {
    let mut out = COLUMNS.join(",") + "\n";
    for function in functions {
        for slot in function.slots() {
            let row = as_row(slot);
            let of = [
                function.platform().name(),
                function.library(),
                function.name(),
            ];
            line(&mut out, &of, &row);
        }
    }
    out
}

fn line(out: &mut String, of: &[&str; 3], row: &Row) {
    let (release, perhaps) = (row.release.join(SEPARATOR), row.perhaps.join(SEPARATOR));
    let sources = row.sources.join(SEPARATOR);
    let fields = [
        of[0],
        of[1],
        of[2],
        row.place,
        row.kind,
        &release,
        &perhaps,
        row.condition.unwrap_or_default(),
        row.on_failure.unwrap_or_default(),
        row.size.unwrap_or_default(),
        row.until.unwrap_or_default(),
        row.family.unwrap_or_default(),
        row.tier,
        &sources,
        row.note.unwrap_or_default(),
    ];
    for (place, said) in fields.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        field(out, said);
    }
    out.push('\n');
}

/// A field, in quotes where it has to be.
fn field(out: &mut String, said: &str) {
    if !said.contains([',', '"', '\n', '\r']) {
        out.push_str(said);
        return;
    }
    out.push('"');
    out.push_str(&said.replace('"', "\"\""));
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_list_contains_what_stands_between_them() {
        for slot in freehold_owners::all().flat_map(Function::slots) {
            let parts = slot.release().chain(slot.sources());
            assert!(parts.into_iter().all(|part| !part.contains(SEPARATOR)));
        }
    }

    #[test]
    fn fields_are_quoted_where_it_is_due() {
        let mut out = String::new();
        for said in ["plain", "a,b", "say \"a\"", "two\nlines"] {
            field(&mut out, said);
            out.push('|');
        }
        assert_eq!(out, "plain|\"a,b\"|\"say \"\"a\"\"\"|\"two\nlines\"|");
    }
}
