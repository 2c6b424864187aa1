//! `freehold owner --explain`: real programs that lose what libraries gave them,
//! and files that are no findings.
#![cfg(unix)]

mod common;

use std::path::Path;
use std::process::Stdio;

use common::{Folder, freehold, parsed, run, stderr, stdout};
use serde_json::{Value, json};

/// Two lines, one path and three texts are lost; one text is released at a wrong
/// address.
const FORGETS: &str = r#"
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
void forget_line(FILE *file) {
  char *line = NULL;
  size_t room = 0;
  if (getline(&line, &room, file) < 0) exit(3);
}
void forget_path(void) { if (!realpath("/proc/self", NULL)) exit(4); }
void forget_text(void) {
  char *text;
  if (asprintf(&text, "%050d", 1) < 0) exit(5);
}
int main(void) {
  FILE *file = fopen("/proc/self/status", "r");
  forget_line(file);
  forget_line(file);
  fclose(file);
  forget_path();
  forget_text();
  forget_text();
  void *volatile own = malloc(77);
  own = NULL;
  char *text;
  if (asprintf(&text, "%050d", 2) < 0) exit(6);
  free(text + 16);
  free(text);
  pid_t child = fork();
  if (!child) { forget_text(); exit(0); }
  waitpid(child, NULL, 0);
}
"#;

/// Runs a program; gives its ledger and its report as JSON.
fn findings(folder: &Folder, program: &[&str]) -> (String, String) {
    let path = |name| folder.path(name).display().to_string();
    let (ledger, report) = (path("a.ledger"), path("a.json"));
    let options = [
        "run", "--ledger", &ledger, "--format", "json", "-o", &report, "--",
    ];
    let output = run([&options, program].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    (ledger, report)
}

fn explained(source: &str, format: &str) -> String {
    let output = run(["owner", "--explain", source, "--format", format]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
    stdout(&output)
}

fn function<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let functions = answer["functions"].as_array().expect("a list");
    let found = functions.iter().find(|function| function["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {answer}"))
}

#[test]
fn each_leak_gets_the_rule_of_the_function_that_it_came_from() {
    let folder = Folder::new();
    let program = folder.compile("forgets", FORGETS, &["-O0", "-g", "-w"]);
    let (ledger, report) = findings(&folder, &[program.to_str().expect("UTF-8")]);
    let text = explained(&ledger, "json");
    assert_eq!(
        text,
        explained(&report, "json"),
        "the ledger says what its report says"
    );
    let answer = parsed(text.as_bytes());
    assert_eq!(answer["schema"], "freehold.owner-explain/1");

    // getline is a jump to getdelim.
    let lines = function(&answer, "getdelim");
    assert_eq!(
        (&lines["blocks"], &lines["due"]),
        (&json!(2), &json!(["free"]))
    );
    assert_eq!(lines["slots"][0]["slot"], "parameter lineptr");
    assert_eq!(lines["calls"][0]["callers"][0]["function"], "forget_line");
    assert_eq!(lines["calls"][0]["callers"][1]["function"], "main");
    assert_eq!(function(&answer, "realpath")["blocks"], 1);

    // The child has what its parent forgot, and one more.
    let texts = function(&answer, "asprintf");
    assert_eq!(texts["processes"].as_array().map(Vec::len), Some(2));
    let lost: u64 = texts["calls"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|call| {
            let callers = call["callers"].as_array().expect("a list");
            let is_ours =
                callers[0]["function"] == "forget_text" && callers[1]["function"] == "main";
            assert!(is_ours, "{call}");
            call["blocks"].as_u64()
        })
        .sum();
    assert_eq!(texts["blocks"].as_u64(), Some(lost));
    assert!(lost >= 3, "{texts}");
    assert_eq!(texts["bytes"].as_u64(), Some(51 * lost));
    let misuse = &texts["misuses"][0];
    assert_eq!(
        (&misuse["kind"], &misuse["called"]),
        (&json!("interior-release"), &json!("free"))
    );
    assert_eq!(misuse["callers"][0]["function"], "main");
    let line = |at: &str| {
        let before = FORGETS.split(at).next().expect("it is there");
        json!(before.lines().count())
    };
    assert_eq!(
        misuse["callers"][0]["line"],
        line("asprintf(&text, \"%050d\", 2)")
    );

    // What the program allocated itself is nobody's function.
    assert_eq!(
        answer["others"]["bytes"].as_u64().map(|bytes| bytes % 77),
        Some(0)
    );
    assert!(answer["others"]["blocks"].as_u64() > Some(0), "{answer}");
}

#[test]
fn people_read_what_was_lost_where_and_then_the_entry() {
    let folder = Folder::new();
    let program = folder.compile("forgets", FORGETS, &["-O0", "-g", "-w"]);
    let (ledger, _) = findings(&folder, &[program.to_str().expect("UTF-8")]);
    let text = explained(&ledger, "text");
    let (_, entry) = text
        .split_once("realpath (libc.so.6)\n")
        .expect("its entry");
    let (entry, _) = entry
        .split_once("\n\n  return: yours, to be released\n")
        .expect("its slot");
    let lines: Vec<&str> = entry.lines().collect();
    assert!(lines[0].starts_with("    lost        1 block, "), "{entry}");
    assert_eq!(lines[1], "    due         free");
    assert!(lines[2].starts_with("    in          forgets ["), "{entry}");
    assert!(
        lines[3].starts_with("    called by   forget_path ("),
        "{entry}"
    );
    // How lines are folded depends on where the test runs.
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "evidence documentation: realpath(3)",
        "misuse interior-release by free, 1 time, of what main (",
        ": no function in ",
    ] {
        assert!(words.contains(part), "{part}: {text}");
    }
    // An entry is there once, however many processes and places there are.
    assert_eq!(text.matches("asprintf (libc.so.6)\n").count(), 1, "{text}");
    // Those that lost most come first.
    let at = |name: &str| {
        text.find(&format!("{name} (libc.so.6)"))
            .expect("it is there")
    };
    assert!(at("getdelim") < at("realpath"), "{text}");
    assert!(!text.contains('\u{1b}'), "plain where it is piped");
}

#[test]
fn a_report_is_read_from_standard_input() {
    let folder = Folder::new();
    let program = folder.compile("forgets", FORGETS, &["-O0", "-g", "-w"]);
    let (_, report) = findings(&folder, &[program.to_str().expect("UTF-8")]);
    let mut command = freehold();
    command.args(["owner", "--explain", "-", "--format", "json"]);
    command.stdin(Stdio::from(std::fs::File::open(&report).expect("a report")));
    let output = command.output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output), explained(&report, "json"));
}

#[test]
fn python_s_calls_of_sqlite_are_explained() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/quickstart.py");
    let folder = Folder::new();
    let (ledger, _) = findings(&folder, &["python3", script.to_str().expect("UTF-8")]);
    let answer = parsed(explained(&ledger, "json").as_bytes());
    for name in [
        "sqlite3_serialize",
        "sqlite3_mprintf",
        "sqlite3_expanded_sql",
    ] {
        let found = function(&answer, name);
        assert_eq!(found["due"], json!(["sqlite3_free"]), "{name}");
        assert!(found["bytes"].as_u64() > Some(0), "{name}");
        assert_eq!(found["calls"][0]["callers"][0]["function"], "ffi_call");
    }
    // The same in text, where the condition is said.
    let text = explained(&ledger, "text");
    assert!(
        text.contains("mFlags has no SQLITE_SERIALIZE_NOCOPY"),
        "{text}"
    );
}

#[test]
fn a_program_that_loses_nothing_needs_no_explanation() {
    let folder = Folder::new();
    let (ledger, report) = findings(&folder, &["/bin/true"]);
    for source in [ledger, report] {
        assert!(explained(&source, "text").starts_with("Nothing was lost or misused"));
        let answer = parsed(explained(&source, "json").as_bytes());
        assert_eq!(answer["functions"], json!([]));
        assert_eq!(
            answer["others"],
            json!({"blocks": 0, "bytes": 0, "misuses": 0})
        );
    }
}

#[test]
fn what_cannot_be_explained_is_refused_with_its_reason() {
    let folder = Folder::new();
    let fails = |source: &str, code: i32, sentence: &str| {
        let output = run(["owner", "--explain", source]);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{source}: {text}");
        assert!(text.contains(sentence), "{source}: {text}");
        assert_eq!(stdout(&output), "", "{source}");
    };
    let written = |name: &str, text: &[u8]| {
        let path = folder.path(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    fails("/nowhere/at/all", 125, "cannot read /nowhere/at/all");
    fails("/", 125, "no regular file");
    fails("4294967295", 125, "process");
    let text = written("text", b"freehold: a (pid 1) lost nothing");
    fails(
        &text,
        125,
        "is not a Freehold ledger, and no report that --format json wrote",
    );
    let other = written("other.json", b" {\"schema\": \"freehold.owner/1\"}");
    fails(&other, 125, "no report of Freehold");
    let newer = written("newer.json", b"{\"schema\": \"freehold.report/2\"}");
    fails(&newer, 125, "freehold.report/2");

    let (ledger, report) = findings(&folder, &["/bin/true"]);
    let whole = std::fs::read(&report).expect("a report");
    let cut = written("cut.json", &whole[..whole.len() / 2]);
    fails(&cut, 125, "is cut short");
    let whole = std::fs::read(&ledger).expect("a ledger");
    let cut = written("cut.ledger", &whole[..100]);
    fails(&cut, 125, "is cut short");
    // What is there of a ledger is explained, and that it is not all is said.
    let part = written("part.ledger", &whole[..5000.min(whole.len() - 1)]);
    assert!(explained(&part, "text").contains("note: the ledger is damaged"));

    let output = run(["owner", "strdup", "--explain", &report]);
    assert_eq!(output.status.code(), Some(2));
}
