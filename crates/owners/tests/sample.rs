//! The record of the sample (`sample/README.md`) against the table: what was found
//! right stays, and what was wrong stays corrected.
//!
//! What is not here: the drawing (`examples/sample.rs`).

use std::collections::{BTreeMap, BTreeSet};

use freehold_owners::{Slot, find};
use toml::{Table, Value};

#[path = "sample/says.rs"]
mod says;

const VERDICTS: [&str; 3] = ["right", "undocumented", "wrong"];
const SIZE: usize = 150;
/// Of the drawn rows, in percent: right, or nothing said against them.
const LEAST: usize = 98;

fn rows() -> Vec<Table> {
    let table: Table = include_str!("sample/rows.toml").parse().expect("it parses");
    let rows = table["row"].as_array().expect("a list of rows");
    let row = |row: &Value| row.as_table().expect("a row is a table").clone();
    rows.iter().map(row).collect()
}

fn text<'a>(row: &'a Table, key: &str) -> &'a str {
    let value = row.get(key).and_then(Value::as_str);
    value.unwrap_or_else(|| panic!("no {key}: {row:?}"))
}

fn slot(row: &Table, slot: &str) -> Option<Slot> {
    let library = text(row, "library");
    let function = find(text(row, "function")).find(|of| of.library() == library);
    let function = function.unwrap_or_else(|| panic!("no such function: {row:?}"));
    function.slots().find(|known| known.name() == slot)
}

#[test]
fn the_table_says_what_the_record_says_is_right() {
    for row in rows() {
        let drawn = text(&row, "slot");
        let name = row
            .get("now_slot")
            .map_or(drawn, |_| text(&row, "now_slot"));
        let right = row.get("now").map_or("says", |_| "now");
        let now = slot(&row, name).map(says::says);
        assert_eq!(now.as_deref(), Some(text(&row, right)), "{row:?}");
        if name != drawn {
            assert_eq!(
                slot(&row, drawn),
                None,
                "the wrong row is still there: {row:?}"
            );
        }
    }
}

#[test]
fn each_verdict_has_its_reason_and_each_error_its_correction() {
    for row in rows() {
        let verdict = text(&row, "verdict");
        assert!(VERDICTS.contains(&verdict), "{row:?}");
        assert!(!text(&row, "page").is_empty(), "{row:?}");
        assert!(text(&row, "reason").ends_with('.'), "{row:?}");
        if verdict == "wrong" {
            assert!(row.contains_key("now"), "{row:?}");
        }
    }
}

#[test]
fn nearly_all_of_the_sample_is_not_wrong() {
    let rows = rows();
    let names = ["library", "function", "slot"];
    let distinct: BTreeSet<_> = rows.iter().map(|row| names.map(|n| text(row, n))).collect();
    assert_eq!(distinct.len(), SIZE);
    let wrong = rows.iter().filter(|row| text(row, "verdict") == "wrong");
    assert!(100 * (SIZE - wrong.count()) >= LEAST * SIZE);
}

#[test]
fn the_figures_in_the_record_are_those_of_its_rows() {
    let mut strata = BTreeMap::<String, [usize; 3]>::new();
    for row in rows() {
        let place = VERDICTS.iter().position(|v| *v == text(&row, "verdict"));
        strata.entry(text(&row, "stratum").into()).or_default()[place.expect("a verdict")] += 1;
    }
    let said = include_str!("sample/README.md");
    for (stratum, [right, undocumented, wrong]) in strata {
        let all = right + undocumented + wrong;
        let line = format!("| {stratum} | {all} | {right} | {undocumented} | {wrong} |");
        let shown = said.lines().filter(|known| {
            // The second column is of the table the sample was drawn from.
            let mut cells: Vec<&str> = known.split(" | ").collect();
            (cells.len() == 6).then(|| cells.remove(1));
            cells.join(" | ") == line
        });
        assert_eq!(shown.count(), 1, "{line}");
    }
}
