//! What people see, compared with `tests/golden`. To accept what is there now:
//! `UPDATE_GOLDEN=1 cargo test -p freehold-report`.

mod common;

use std::path::{Path, PathBuf};

use common::model::{self, frame, site};
use freehold_ledger::format::{Family, Verdict};
use freehold_report::model::{Exit, ProcessReport, Report, Tally};
use freehold_report::text::{TextOptions, render};
use freehold_report::{
    Show,
    notes::{Importance, Note},
};

fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).expect("the golden file is written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{name} differs:\n{text}");
    for line in text.lines() {
        assert!(
            line.chars().count() <= 100 || line.contains('\x1b'),
            "too wide: {line}"
        );
    }
}

fn options() -> TextOptions {
    TextOptions {
        cwd: Some(PathBuf::from("/home/me/app")),
        ..TextOptions::default()
    }
}

fn report(main: ProcessReport) -> Report {
    Report {
        main,
        ..Report::default()
    }
}

#[test]
fn lost_blocks() {
    golden("lost", &render(&report(model::lossy()), &options()));
}

#[test]
fn lost_blocks_in_colours() {
    let options = TextOptions {
        color: true,
        ..options()
    };
    golden("colours", &render(&report(model::lossy()), &options));
}

#[test]
fn everything() {
    let mut main = model::lossy();
    let held = vec![frame(
        "python3.11",
        "PyList_New",
        "/usr/src/python3.11/Objects/listobject.c",
        161,
    )];
    main.sites.push(site(
        Verdict::Reachable,
        Family::Malloc,
        1 << 20,
        4210,
        held.clone(),
    ));
    let mut loader = site(
        Verdict::Lost,
        Family::Malloc,
        72,
        1,
        vec![frame("ld-linux-x86-64.so.2", "_dl_new_object", "", 0)],
    );
    loader.runtime = true;
    main.sites.insert(3, loader);
    main.sites
        .push(site(Verdict::Possible, Family::NewArray, 4096, 2, held));
    let report = Report {
        show: Show::All,
        ..report(main)
    };
    golden("all", &render(&report, &options()));
}

#[test]
fn nothing_lost_is_one_line() {
    let mut main = model::lossy();
    main.sites.clear();
    main.summary.lost = Tally::default();
    main.summary.indirect = Tally::default();
    let text = render(&report(main.clone()), &options());
    assert_eq!(text.lines().count(), 1);
    main.summary.reachable = Tally::default();
    main.summary.possible = Tally::default();
    golden("nothing", &(text + &render(&report(main), &options())));
}

#[test]
fn a_killed_process() {
    let mut main = model::lossy();
    main.exit = Exit::Signal(9);
    main.summary.reachable = Tally::default();
    main.scan = Default::default();
    main.summary.unknown = Tally {
        blocks: 300,
        bytes: 1_300_000,
    };
    main.summary.lost = Tally::default();
    main.summary.indirect = Tally::default();
    main.sites.truncate(2);
    for site in &mut main.sites {
        site.verdict = Verdict::Unknown;
    }
    main.notes = vec![Note {
        kind: "not-judged",
        text:
            "the process was killed by SIGKILL, so nothing tells which of its live blocks were lost"
                .into(),
        importance: Importance::Always,
    }];
    golden("killed", &render(&report(main), &options()));
}

#[test]
fn a_deep_stack_is_folded() {
    let mut main = model::lossy();
    main.sites.truncate(1);
    let deep = (0..60).map(|i| frame("app", &format!("level_{i}"), "/home/me/app/deep.c", i + 1));
    main.sites[0].stack = deep.collect();
    main.sites[0].truncated = true;
    let folded = render(&report(main.clone()), &options());
    let options = TextOptions {
        full_stacks: true,
        ..options()
    };
    let full = render(&report(main), &options);
    assert!(full.lines().count() > 60);
    golden("deep", &folded);
}

#[test]
fn more_sites_than_asked_for() {
    let options = TextOptions {
        max_sites: 1,
        ..options()
    };
    golden("few", &render(&report(model::lossy()), &options));
}

#[test]
fn children_have_sections_of_their_own() {
    let mut main = model::lossy();
    main.sites.truncate(1);
    for pid in 100..130 {
        let mut child = ProcessReport {
            pid,
            argv: vec!["/bin/sh".into()],
            ..ProcessReport::default()
        };
        child.scan.done = true;
        child.summary.allocations = 5;
        if pid % 3 == 0 {
            child.sites.push(model::lossy().sites.remove(1));
            child.summary.lost = child.sites[0].total;
        }
        main.children.push(child);
    }
    let mut other = model::lossy();
    other.pid = 200;
    other.argv = vec!["git".into(), "status".into()];
    other.sites.remove(0);
    main.children[2].children.push(other);
    golden("children", &render(&report(main), &options()));
}

#[test]
fn names_cannot_reach_the_terminal() {
    let mut main = model::lossy();
    main.argv = vec!["evil\x1b]0;title\x07".into()];
    main.sites[0].stack = vec![frame("lib\x1b[2J.so", "f\r\x1b[31m", "/a/\u{202e}b.c", 1)];
    main.sites[0].tags = vec!["\x1b[0m".into()];
    let text = render(&report(main), &options());
    assert!(!text.contains(['\x1b', '\r', '\x07', '\u{202e}']));
}

#[test]
fn any_width_will_do() {
    for width in [0, 1, 20, 40, 200] {
        let options = TextOptions { width, ..options() };
        assert!(!render(&report(model::lossy()), &options).is_empty());
    }
}
