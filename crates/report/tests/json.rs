//! The JSON format against its schema, and against what DESIGN promises.

mod common;

use std::collections::BTreeSet;

use common::{block, model};
use freehold_ledger::format::Verdict;
use freehold_ledger::reader::{End, Session, Snapshot};
use freehold_report::model::{Exit, Replaced, Report};
use freehold_report::notes::{Importance, Note};
use freehold_report::{Options, Outcome, Symbols, build, files, json};
use serde_json::Value;

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../docs/report.schema.json"))
        .expect("the schema is JSON")
}

fn valid(report: &Report) -> Value {
    let text = json::render(report);
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let validator = jsonschema::validator_for(&schema()).expect("the schema is one");
    let errors: Vec<String> = validator
        .iter_errors(&document)
        .map(|e| format!("{}: {e}", e.instance_path()))
        .collect();
    assert_eq!(errors, Vec::<String>::new());
    document
}

#[test]
fn a_report_is_valid() {
    let mut main = model::lossy();
    let mut child = model::lossy();
    child.exit = Exit::Signal(11);
    child.children.push(model::lossy());
    main.children.push(child);
    main.replaced.push(Replaced::default());
    let notes = vec![Note {
        kind: "sampled",
        text: "…".into(),
        importance: Importance::Always,
    }];
    let document = valid(&Report {
        main,
        notes,
        ..Report::default()
    });
    assert_eq!(document["schema"], "freehold.report/1");
    assert_eq!(document["process"]["exit"]["code"], 0);
    assert_eq!(document["children"][0]["process"]["exit"]["signal"], 11);
    let leak = &document["leaks"][0];
    assert_eq!(
        (&leak["verdict"], &leak["release"][0]),
        (&"lost".into(), &"free".into())
    );
    assert_eq!(leak["stack"][3]["function"], "leak_message");
    assert_eq!(leak["api"], Value::Null);
}

#[test]
fn an_empty_report_is_valid() {
    let document = valid(&Report::default());
    assert_eq!(document["process"]["exit"], Value::Null);
}

/// Every member that is written is in the schema, with a description.
#[test]
fn the_schema_knows_every_member() {
    let mut main = model::lossy();
    main.children.push(model::lossy());
    main.replaced.push(Replaced::default());
    main.modules.push(freehold_report::model::ModuleReport {
        name: "a".into(),
        path: "/a".into(),
        build_id: "00".into(),
        has_lines: true,
    });
    let document = valid(&Report {
        main,
        ..Report::default()
    });
    let schema = schema();
    let defined = |name: &str, pointer: &str| -> BTreeSet<String> {
        let place = match name {
            "" => format!("{pointer}/properties"),
            name => format!("/$defs/{name}{pointer}/properties"),
        };
        let members = schema.pointer(&place).and_then(Value::as_object);
        members
            .expect("an object in the schema")
            .keys()
            .cloned()
            .collect()
    };
    let written = |pointer: &str| -> BTreeSet<String> {
        let value = document.pointer(pointer).and_then(Value::as_object);
        value
            .expect("an object in the report")
            .keys()
            .cloned()
            .collect()
    };
    let mut top = defined("", "");
    top.extend(defined("section", ""));
    assert_eq!(written(""), top);
    for (pointer, name, within) in [
        ("/children/0", "section", ""),
        ("/process", "process", ""),
        ("/summary", "summary", ""),
        ("/leaks/0", "leak", ""),
        ("/leaks/0/stack/0", "frame", ""),
        ("/small", "amount", ""),
        ("/notes/0", "note", ""),
        ("/scan", "section", "/properties/scan"),
        ("/modules/0", "section", "/properties/modules/items"),
        ("/replaced/0", "section", "/properties/replaced/items"),
    ] {
        assert_eq!(written(pointer), defined(name, within), "{pointer}");
    }
}

fn ledger(slot: u32, pid: u32, parent_slot: Option<u32>, end: End) -> Snapshot {
    let mut snapshot = Snapshot {
        slot,
        blocks: vec![block(0x1000, 16, 0, Verdict::Unknown)],
        ..Snapshot::default()
    };
    snapshot.process.pid = pid;
    snapshot.process.parent_slot = parent_slot;
    snapshot.process.end = end;
    snapshot.process.argv = vec![format!("program-{slot}")];
    snapshot
}

fn built(ledgers: Vec<Snapshot>, options: &Options) -> Value {
    let session = Session {
        ledgers,
        ..Session::default()
    };
    let mut symbols = Symbols::new(&files::NoFiles);
    valid(&build(&session, options, &mut symbols, &mut |_| {}))
}

#[test]
fn a_program_that_was_replaced_is_merged_into_its_successor() {
    let document = built(
        vec![
            ledger(0, 10, None, End::Exited(3)),
            ledger(1, 11, Some(0), End::Replaced),
            ledger(2, 12, Some(1), End::Exited(0)),
            ledger(3, 11, Some(1), End::Replaced),
            ledger(4, 11, Some(3), End::Exited(7)),
        ],
        &Options::default(),
    );
    let children = document["children"].as_array().expect("children");
    assert_eq!(children.len(), 1);
    let child = &children[0];
    assert_eq!(child["process"]["argv"][0], "program-4");
    assert_eq!(child["process"]["exit"]["code"], 7);
    assert_eq!(child["replaced"][0]["argv"][0], "program-1");
    assert_eq!(child["replaced"][1]["argv"][0], "program-3");
    assert_eq!(child["replaced"][1]["summary"]["live_blocks"], 1);
    assert_eq!(child["children"][0]["process"]["pid"], 12);
    assert_eq!(document["process"]["exit"]["code"], 3);
}

#[test]
fn how_the_parent_saw_it_end_counts_more() {
    let mut options = Options::default();
    options.outcomes.insert(10, Outcome::Killed(9));
    let document = built(vec![ledger(0, 10, None, End::Open)], &options);
    assert_eq!(document["process"]["exit"]["signal"], 9);
    assert_eq!(document["leaks"][0]["verdict"], "unknown");
    assert_eq!(document["notes"][0]["kind"], "not-judged");
    options.outcomes.insert(10, Outcome::Running);
    let document = built(vec![ledger(0, 10, None, End::Open)], &options);
    assert_eq!(document["process"]["exit"], Value::Null);
    assert_eq!(document["process"]["state"], "running");
    options.outcomes.insert(10, Outcome::Gone);
    let document = built(vec![ledger(0, 10, None, End::Open)], &options);
    assert_eq!(document["process"]["exit"], Value::Null);
    assert_eq!(document["process"]["state"], "ended");
    // It said so itself.
    let document = built(vec![ledger(0, 10, None, End::Exited(259))], &options);
    assert_eq!(document["process"]["exit"]["code"], 3);
    let mut on_windows = ledger(0, 10, None, End::Exited(259));
    on_windows.process.exe = String::from(r"C:\app\a.exe");
    let document = built(vec![on_windows], &options);
    assert_eq!(document["process"]["exit"]["code"], 259);
}

#[test]
fn any_family_tree_is_cut_down_to_a_tree() {
    let parents = [
        Some(0),
        Some(5),
        None,
        Some(1),
        Some(99),
        Some(4),
        Some(u32::MAX),
    ];
    let ledgers: Vec<Snapshot> = (0..7)
        .map(|slot| {
            ledger(
                slot,
                slot % 2,
                parents[slot as usize],
                [End::Replaced, End::Open][slot as usize % 2],
            )
        })
        .collect();
    built(ledgers, &Options::default());
}

#[test]
fn a_long_chain_of_forks_can_be_read() {
    let chain = (0..5000).map(|slot| ledger(slot, slot + 1, slot.checked_sub(1), End::Exited(0)));
    let document = built(chain.collect(), &Options::default());
    fn sections(section: &Value) -> usize {
        let children = section["children"].as_array().expect("children");
        1 + children.iter().map(sections).sum::<usize>()
    }
    assert_eq!(sections(&document), 5000);
}
