//! Programs that use the library, under `freehold run`: what they allocate by it
//! and by the C library is in one ledger, and nothing that is right is a misuse.
#![cfg(unix)]

mod common;

use std::collections::BTreeMap;
use std::path::PathBuf;

use common::{Folder, freehold, parsed, stdout};
use serde_json::Value;

/// `examples/one_ledger`, built beside the tests.
fn program() -> PathBuf {
    let exe = std::env::current_exe().unwrap();
    let build = exe.parent().and_then(|p| p.parent()).unwrap();
    let path = build.join("examples/one_ledger");
    assert!(
        path.exists(),
        "cargo build -p freehold-cli --example one_ledger"
    );
    path
}

fn run(options: &[&str], arguments: &[&str]) -> (Option<i32>, String, Value) {
    let folder = Folder::new();
    let file = folder.path("report.json");
    let output = freehold()
        .args(["run", "--format", "json", "-o"])
        .arg(&file)
        .args(options)
        .arg("--")
        .arg(program())
        .args(arguments)
        .output()
        .unwrap();
    let report = parsed(&std::fs::read(&file).unwrap());
    (output.status.code(), stdout(&output), report)
}

/// The innermost function of the program in a stack.
fn place(stack: &Value) -> &str {
    let frames = stack.as_array().unwrap().iter();
    let mut functions = frames.filter_map(|frame| frame["function"].as_str());
    let found = functions.find_map(|name| name.strip_prefix("one_ledger::program::"));
    found.unwrap_or_default().split("::").next().unwrap()
}

fn names(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect()
}

#[test]
fn both_sides_leak_into_one_report() {
    let (status, output, report) = run(&[], &["leaks"]);
    assert_eq!((status, output.as_str()), (Some(0), "shared: true\n"));
    let leaks = report["leaks"].as_array().unwrap();
    let found: BTreeMap<_, _> = leaks
        .iter()
        .map(|leak| {
            let what = (leak["bytes"].as_u64().unwrap(), names(&leak["release"]));
            (
                place(&leak["stack"]),
                (
                    leak["verdict"].as_str().unwrap(),
                    what,
                    names(&leak["tags"]),
                ),
            )
        })
        .collect();
    let lost = |bytes, release, tag: &'static [&'static str]| {
        ("lost", (bytes, vec![release]), tag.to_vec())
    };
    let expected = BTreeMap::from([
        ("lost_calloc", lost(40, "free", &[])),
        ("lost_in_scope", lost(24, "free", &["u64"])),
        (
            "lost_co_task_mem",
            lost(300, "CoTaskMemFree", &["CoTaskMem"]),
        ),
        ("lost_movable", lost(5000, "GlobalFree", &["Global"])),
        ("lost_of_the_c_library", lost(77, "free", &[])),
        ("lost_adopted", lost(8, "free", &["adopted"])),
    ]);
    assert_eq!(found, expected);
    let scoped = leaks.iter().find(|leak| leak["scope"] == "request 7");
    assert_eq!(place(&scoped.unwrap()["stack"]), "lost_in_scope");
    assert_eq!(report["misuses"], Value::Array(Vec::new()));
}

#[test]
fn both_sides_tell_of_misuses() {
    let (status, output, report) = run(&[], &["misuses"]);
    assert_eq!(status, Some(0));
    assert!(output.contains("Double\nDouble\nInterior"), "{output}");
    let found: Vec<_> = report["misuses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|misuse| {
            let stacks = &misuse["stacks"];
            let word = |name: &str| misuse[name].as_str().unwrap().to_owned();
            (
                word("kind"),
                word("called"),
                ["here", "released", "allocated"].map(|name| place(&stacks[name]).to_owned()),
            )
        })
        .collect();
    let told = |kind: &str, called: &str, places: [&str; 3]| {
        (
            kind.to_owned(),
            called.to_owned(),
            places.map(str::to_owned),
        )
    };
    assert_eq!(
        found,
        [
            told("double-release", "freehold::free", ["twice"; 3]),
            told("double-release", "freehold::free", ["twice"; 3]),
            told("double-release", "free", ["twice"; 3]),
            told(
                "mismatched-release",
                "free",
                ["wrong_family", "", "wrong_family"]
            ),
            told(
                "interior-release",
                "freehold::free",
                ["inside", "", "inside"]
            ),
        ]
    );
}

#[test]
fn a_misuse_that_the_library_refuses_aborts_where_that_is_asked_for() {
    let (status, output, report) = run(&["--on-misuse", "abort"], &["misuses"]);
    assert_eq!(status, Some(128 + libc::SIGABRT));
    assert!(!output.contains("Double"), "{output}");
    assert_eq!(report["misuses"].as_array().unwrap().len(), 1);
}

/// Place, scope and bytes of all sites of a process.
fn sites(process: &Value) -> Vec<(&str, Option<&str>, u64)> {
    let mut sites = Vec::new();
    for leak in process["leaks"].as_array().unwrap() {
        let bytes = leak["bytes"].as_u64().unwrap();
        sites.push((place(&leak["stack"]), leak["scope"].as_str(), bytes));
    }
    sites.sort_unstable();
    sites
}

#[test]
fn a_forked_child_goes_on_in_its_own_ledger() {
    let (status, _, report) = run(&[], &["fork"]);
    assert_eq!(status, Some(0));
    assert_eq!(sites(&report), [("lost_in_scope", Some("request 7"), 24)]);
    // One of that name is still open there.
    let in_child = ("lost_in_scope", Some("request 7 (2)"), 24);
    assert_eq!(
        sites(&report["children"][0]),
        [("lost_calloc", None, 40), in_child]
    );
}

#[test]
fn what_comes_and_goes_on_both_sides_is_counted_once() {
    for seed in ["1", "2", "3"] {
        let (status, output, report) = run(&["--show", "all"], &["mixed", seed]);
        assert_eq!(status, Some(0));
        let left: Vec<(u64, u64)> = output
            .lines()
            .skip(1)
            .map(|line| {
                let (blocks, bytes) = line.split_once(' ').unwrap();
                (blocks.parse().unwrap(), bytes.parse().unwrap())
            })
            .collect();
        let (mut all, mut lost) = ([(0, 0); 3], [0; 3]);
        for leak in report["leaks"].as_array().unwrap() {
            // The library's list of adopted blocks is not of the program.
            let is_registry = leak["stack"].to_string().contains("freehold::registry::");
            if place(&leak["stack"]) != "mixed" || is_registry {
                continue;
            }
            let kind = match (leak["family"].as_str().unwrap(), &names(&leak["tags"])[..]) {
                ("malloc", []) => 0,
                ("CoTaskMem", ["CoTaskMem"]) => 1,
                ("malloc", ["adopted"]) => 2,
                other => panic!("{other:?}"),
            };
            let count = |name: &str| leak[name].as_u64().unwrap();
            all[kind].0 += count("blocks");
            all[kind].1 += count("bytes");
            if leak["verdict"] == "lost" {
                lost[kind] += count("blocks");
            }
        }
        // The list itself is gone.
        let [by_c, by_library, task, adopted] = left[..] else {
            panic!("{output}");
        };
        let untagged = (by_c.0 + by_library.0, by_c.1 + by_library.1);
        assert_eq!(all, [untagged, task, adopted], "seed {seed}");
        // Pointers to a few may still lie where nobody wrote since: in registers'
        // slots of the stack, or in the C library's lists of free chunks, whose
        // heads lie in the last bytes of the block before.
        for (lost, all) in lost.iter().zip(all) {
            assert!(lost * 20 >= all.0 * 19, "seed {seed}: {lost} of {}", all.0);
        }
        assert_eq!(report["misuses"], Value::Array(Vec::new()), "seed {seed}");
    }
}
