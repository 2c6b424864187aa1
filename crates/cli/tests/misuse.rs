//! Wrong releases in programs that know nothing of Freehold: what is told of them,
//! and what becomes of them.
#![cfg(unix)]

mod common;

use std::path::Path;

use common::{Folder, freehold, parsed, stderr, stdout};
use serde_json::Value;

const C: &str = r#"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static char global[64];
__attribute__((noinline)) static void *make(size_t size) { return malloc(size); }
__attribute__((noinline)) static void drop(void *block) { free(block); }
__attribute__((noinline)) static void twice(void) {
  void *volatile block = make(40);
  drop(block);
  drop(block);
}
__attribute__((noinline)) static void inside(void) {
  char *volatile block = make(100000);
  free(block + 70000);
  free(block);
}
__attribute__((noinline)) static void on_the_stack(void) {
  char local[32];
  char *volatile address = local;
  free(address);
}
__attribute__((noinline)) static void in_the_program(void) {
  char *volatile address = global;
  free(address);
}
__attribute__((noinline)) static void grown_inside(void) {
  char *volatile block = make(200);
  strcpy(block, "kept");
  errno = 0;
  void *grown = realloc(block + 8, 10);
  printf("%d %d %s\n", grown == NULL, errno == EINVAL, block);
  free(block);
}
int main(int count, char **arguments) {
  if (count > 1 && !strcmp(arguments[1], "twice")) {
    twice();
  } else {
    for (int i = 0; i < 3; i++) twice();
    inside();
    on_the_stack();
    in_the_program();
    grown_inside();
  }
  puts("end");
  return 5;
}
"#;

const CPP: &str = r#"
#include <cstdio>
#include <cstdlib>
struct Big { long words[9]; };
int main() {
  for (int i = 0; i < 1000; i++) { delete new Big; delete[] new Big[3]; free(malloc(9)); }
  Big *volatile made_by_new = new Big;
  free(made_by_new);
  void *volatile made_by_malloc = malloc(24);
  delete static_cast<Big *>(made_by_malloc);
  Big *volatile made_by_array_new = new Big[2];
  delete made_by_array_new;
  // Stays where it is, and is malloc's from now on.
  free(realloc(new char[5000], 5000));
  Big *volatile gone = new Big;
  delete gone;
  delete gone;
  std::puts("end");
}
"#;

fn report(program: &Path, arguments: &[&str]) -> (Option<i32>, String, Value) {
    let output = freehold()
        .args(["run", "--format", "json"])
        .args(arguments)
        .arg("--")
        .arg(program)
        .output()
        .unwrap();
    (
        output.status.code(),
        stdout(&output).to_owned(),
        parsed(&output.stderr),
    )
}

/// Kind, function, count and innermost functions of a misuse's three stacks.
fn told(misuse: &Value) -> (String, String, u64, [Vec<String>; 3]) {
    let stack = |name: &str| -> Vec<String> {
        let frames = misuse["stacks"][name].as_array().unwrap().iter();
        let functions = frames.filter_map(|f| f["function"].as_str());
        functions.take(2).map(str::to_owned).collect()
    };
    (
        misuse["kind"].as_str().unwrap().to_owned(),
        misuse["called"].as_str().unwrap().to_owned(),
        misuse["count"].as_u64().unwrap(),
        [stack("here"), stack("released"), stack("allocated")],
    )
}

fn expected(
    kind: &str,
    called: &str,
    count: u64,
    stacks: [&[&str]; 3],
) -> (String, String, u64, [Vec<String>; 3]) {
    let owned = |stack: &[&str]| stack.iter().map(|s| (*s).to_owned()).collect();
    (kind.to_owned(), called.to_owned(), count, stacks.map(owned))
}

#[test]
fn wrong_releases_are_told_and_not_made() {
    let folder = Folder::new();
    let program = folder.compile("wrong", C, &["-O1", "-g", "-w"]);
    let (status, output, report) = report(&program, &[]);
    assert_eq!(status, Some(5));
    assert_eq!(output, "1 1 kept\nend\n");
    let misuses = report["misuses"].as_array().unwrap();
    let found: Vec<_> = misuses.iter().map(told).collect();
    let made_by = |caller: &'static str| -> [&'static str; 2] { ["make", caller] };
    assert_eq!(
        found,
        [
            expected(
                "double-release",
                "free",
                3,
                [&["drop", "twice"], &["drop"], &made_by("twice")]
            ),
            expected(
                "interior-release",
                "free",
                1,
                [&["inside", "main"], &[], &made_by("inside")]
            ),
            expected(
                "foreign-release",
                "free",
                1,
                [&["on_the_stack", "main"], &[], &[]]
            ),
            expected(
                "foreign-release",
                "free",
                1,
                [&["in_the_program", "main"], &[], &[]]
            ),
            expected(
                "interior-release",
                "realloc",
                1,
                [&["grown_inside", "main"], &[], &made_by("grown_inside")]
            ),
        ]
    );
    assert_eq!(report["summary"]["misuses"], 7);
    assert_eq!(misuses[1]["size"], 100_000);
    assert_eq!(misuses[1]["offset"], 70_000);
    assert_eq!(misuses[2]["ground"], "stack");
    assert_eq!(misuses[3]["ground"], "object");
    assert_eq!(report["summary"]["lost_blocks"], 0);
}

#[test]
fn a_wrong_function_is_replaced_by_the_one_that_is_due() {
    let folder = Folder::new();
    let program = folder.compile_cpp("wrong", CPP);
    let (status, output, report) = report(&program, &["--fail-on", "leak"]);
    assert_eq!((status, output.as_str()), (Some(0), "end\n"));
    assert_eq!(report["summary"]["unseen_releases"], 0);
    let misuses = report["misuses"].as_array().unwrap();
    let pairs: Vec<_> = misuses
        .iter()
        .map(|m| {
            let text = |name: &str| m[name].as_str().unwrap();
            let due = m["expected"][0].as_str();
            (text("kind"), text("family"), text("called"), due)
        })
        .collect();
    let mismatched = "mismatched-release";
    assert_eq!(
        pairs,
        [
            (mismatched, "new", "free", Some("operator delete")),
            (mismatched, "malloc", "operator delete", Some("free")),
            (
                mismatched,
                "new[]",
                "operator delete",
                Some("operator delete[]")
            ),
            (mismatched, "new[]", "realloc", Some("operator delete[]")),
            ("double-release", "new", "operator delete", None),
        ]
    );
    assert_eq!(report["summary"]["lost_blocks"], 0);
}

#[test]
fn the_policy_is_the_users() {
    let folder = Folder::new();
    let program = folder.compile("wrong", C, &["-O1", "-g", "-w"]);
    let run = |policy: &str| {
        freehold()
            .args(["run", "--on-misuse", policy, "--fail-on", "leak", "--"])
            .arg(&program)
            .arg("twice")
            .output()
            .unwrap()
    };
    let refused = run("refuse");
    assert_eq!(refused.status.code(), Some(5));
    assert!(stderr(&refused).contains("double release: free was called with a block"));
    // glibc sees what it is given, and ends the program itself.
    let ignored = run("ignore");
    assert_eq!(ignored.status.code(), Some(128 + 6));
    assert!(stderr(&ignored).contains("free(): double free"));
    let aborted = run("abort");
    assert_eq!(aborted.status.code(), Some(128 + 6));
    let text = stderr(&aborted);
    assert!(!text.contains("free(): double free"), "{text}");
    assert!(text.contains("double release"), "{text}");
}

#[test]
fn the_whole_stack_of_a_first_release_is_kept_on_request() {
    let folder = Folder::new();
    let program = folder.compile("wrong", C, &["-O1", "-g", "-w"]);
    let (status, _, found) = report(&program, &["--release-stacks"]);
    assert_eq!(status, Some(5));
    let double = told(&found["misuses"][0]);
    let stacks: [&[&str]; 3] = [&["drop", "twice"], &["drop", "twice"], &["make", "twice"]];
    assert_eq!(double, expected("double-release", "free", 3, stacks));
    // All else as ever.
    let (_, _, usual) = report(&program, &[]);
    let count = |report: &Value| report["misuses"].as_array().unwrap().len();
    assert_eq!(count(&found), count(&usual));
    let number = |report: &Value, name: &str| report["summary"][name].as_u64();
    for name in ["allocations", "releases", "live_blocks", "lost_blocks"] {
        assert_eq!(number(&found, name), number(&usual, name), "{name}");
    }
}

#[test]
fn fail_on_misuse_gives_99() {
    let folder = Folder::new();
    let program = folder.compile("wrong", C, &["-O1", "-g", "-w"]);
    let (status, ..) = report(&program, &["--fail-on", "misuse"]);
    assert_eq!(status, Some(99));
    let (status, ..) = report(&program, &["--fail-on", "misuse", "--stacks", "off"]);
    assert_eq!(status, Some(99));
}

const RIGHT: &str = r#"
#include <stdio.h>
#include <stdlib.h>
static void *kept[400000];
int main(void) {
  void *volatile block = malloc(40);
  unsigned long first = (unsigned long)block;
  free(block);
  for (int i = 0; i < 400000; i++) kept[i] = malloc(200);
  block = malloc(40);
  printf("%d\n", (unsigned long)block == first);
  free(block);
  for (int i = 0; i < 400000; i++) free(kept[i]);
}
"#;

#[test]
fn what_could_be_right_is_no_misuse() {
    let folder = Folder::new();
    let program = folder.compile("right", RIGHT, &["-O1", "-w"]);
    // There is no room for the second block at the address of the first: what the
    // ledger remembers of that address is too old.
    let (status, output, limited) = report(&program, &["--max-memory", "4MiB"]);
    assert_eq!((status, output.as_str()), (Some(0), "1\n"));
    assert!(limited["summary"]["dropped_records"].as_u64() > Some(0));
    assert_eq!(limited["misuses"].as_array().map(Vec::len), Some(0));
    assert_eq!(limited["summary"]["misuses"], 0);
}
