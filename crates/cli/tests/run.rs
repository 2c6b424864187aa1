//! `freehold run` leaves the program as it is, and reports.
#![cfg(unix)]

mod common;

use std::io::Write;
use std::process::Stdio;

use common::{Folder, freehold, parsed, run, stderr, stdout};
use freehold_ledger::format::State;
use freehold_ledger::reader::SessionFile;

#[test]
fn output_input_and_status_are_the_programs_own() {
    let mut child = freehold()
        .args(["run", "--", "sh", "-c", "cat; echo err >&2; exit 42"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"through\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(stdout(&output), "through\n");
    assert!(stderr(&output).starts_with("err\n"), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(42));
}

#[test]
fn arguments_name_and_folder_are_the_programs_own() {
    let shell = "echo \"$0|$1|$2|$PWD\"";
    let folder = Folder::new();
    let output = freehold()
        .args(["run", "--", "sh", "-c", shell, "--name", "-v", "a b"])
        .current_dir(folder.path("."))
        .output()
        .unwrap();
    let here = std::fs::canonicalize(folder.path(".")).unwrap();
    assert_eq!(
        stdout(&output),
        format!("--name|-v|a b|{}\n", here.display())
    );
}

#[test]
fn the_report_names_the_place_of_the_leak() {
    let folder = Folder::new();
    let output = run(["run", "--format", "json", "--"]
        .iter()
        .map(Into::into)
        .chain([folder.leaky().into_os_string()]));
    assert_eq!(output.status.code(), Some(3));
    let report = parsed(&output.stderr);
    assert_eq!(report["schema"], "freehold.report/1");
    assert_eq!(report["process"]["exit"]["code"], 3);
    assert_eq!(report["summary"]["lost_blocks"], 10);
    assert_eq!(report["summary"]["lost_bytes"], 10_000);
    let leak = &report["leaks"][0];
    assert_eq!(leak["stack"][0]["function"], "lose");
    assert_eq!(leak["release"][0], "free");
}

#[test]
fn a_kept_ledger_gives_the_same_report() {
    let folder = Folder::new();
    let leaky = folder.leaky();
    for program in [
        vec![leaky.to_str().unwrap()],
        vec!["sh", "-c", "kill -9 $$"],
        vec!["sh", "-c", "(exit 5); exit 6"],
    ] {
        let ledger = folder.path("kept.ledger");
        let output = freehold()
            .args(["run", "--format", "json", "--ledger"])
            .arg(&ledger)
            .arg("--")
            .args(&program)
            .output()
            .unwrap();
        let again = freehold()
            .arg("report")
            .arg(&ledger)
            .args(["--format", "json"])
            .output();
        let again = again.unwrap();
        assert_eq!(stderr(&again), "", "{program:?}");
        assert_eq!(parsed(&output.stderr), parsed(&again.stdout), "{program:?}");
    }
}

#[test]
fn a_killed_program_is_reported() {
    let output = run(["run", "--", "sh", "-c", "kill -9 $$"]);
    assert_eq!(output.status.code(), Some(137));
    assert!(
        stderr(&output).contains("killed by SIGKILL"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn fail_on_gives_99_when_found() {
    let folder = Folder::new();
    let leaky = folder.leaky();
    let status =
        |what: &str, program: &str| run(["run", "--fail-on", what, "--", program]).status.code();
    assert_eq!(status("leak", leaky.to_str().unwrap()), Some(99));
    assert_ne!(status("misuse", leaky.to_str().unwrap()), Some(99));
    assert_eq!(status("leak,misuse", leaky.to_str().unwrap()), Some(99));
}

#[test]
fn children_are_followed_or_not() {
    let folder = Folder::new();
    let leaky = folder.leaky();
    let script = format!("{} ; true", leaky.display());
    let lost = |follow: &str| {
        let output = run([
            "run",
            "--format",
            "json",
            "--follow-children",
            follow,
            "--",
            "sh",
            "-c",
            &script,
        ]);
        let report = parsed(&output.stderr);
        let children = report["children"].as_array().cloned().unwrap_or_default();
        let lost = children
            .iter()
            .map(|c| c["summary"]["lost_blocks"].as_u64().unwrap());
        lost.sum::<u64>()
    };
    assert_eq!(lost("yes"), 10);
    assert_eq!(lost("no"), 0);
}

#[test]
fn the_report_goes_where_it_shall() {
    let folder = Folder::new();
    let leaky = folder.leaky();
    let path = folder.path("report.txt");
    let output = freehold()
        .args(["run", "-o"])
        .arg(&path)
        .arg("--")
        .arg(&leaky)
        .output()
        .unwrap();
    assert_eq!(stderr(&output), "");
    assert!(common::holds(&path, "lose"));
    let output = freehold()
        .args(["run", "-o", "-", "--"])
        .arg(&leaky)
        .output()
        .unwrap();
    assert!(stdout(&output).contains("lose"));
    let files = std::fs::read_dir(folder.path(".")).unwrap().count();
    assert_eq!(files, 3, "no temporary file is left");
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let folder = Folder::new();
    let ledger = folder.path("l");
    freehold()
        .args(["run", "--ledger"])
        .arg(&ledger)
        .arg("--")
        .arg(folder.leaky())
        .output()
        .unwrap();
    let command = format!(
        "set -o pipefail; {} report {} --show all | true",
        env!("CARGO_BIN_EXE_freehold"),
        ledger.display()
    );
    let output = std::process::Command::new("bash")
        .args(["-c", &command])
        .output()
        .unwrap();
    assert_eq!(stderr(&output), "");
    assert!(output.status.success());
}

#[test]
fn colours_only_when_wanted() {
    let folder = Folder::new();
    let leaky = folder.leaky();
    let output = |color: &str| {
        stderr(&run([
            "run",
            "--color",
            color,
            "--",
            leaky.to_str().unwrap(),
        ]))
    };
    assert!(!output("auto").contains('\x1b'));
    assert!(!output("never").contains('\x1b'));
    assert!(output("always").contains('\x1b'));
}

#[test]
fn an_ignored_sigpipe_stays_ignored_and_a_default_one_default() {
    // Without what the C library takes for itself, signals 32 and 33.
    let mask = "grep SigIgn /proc/self/status";
    let bits = |output: &std::process::Output| {
        let text = stdout(output);
        let bits = text.trim_start_matches("SigIgn:").trim();
        u64::from_str_radix(bits, 16).unwrap() & !(3 << 31)
    };
    let plain = std::process::Command::new("sh")
        .args(["-c", mask])
        .output()
        .unwrap();
    let tracked = |prefix: &str| {
        let command = format!(
            "{prefix} {} run -o /dev/null -- sh -c '{mask}'",
            env!("CARGO_BIN_EXE_freehold")
        );
        let output = std::process::Command::new("sh")
            .args(["-c", &command])
            .output();
        bits(&output.unwrap())
    };
    assert_eq!(tracked(""), bits(&plain));
    let ignored = std::process::Command::new("sh")
        .args(["-c", &format!("trap '' PIPE INT; {mask}")])
        .output();
    assert_eq!(tracked("trap '' PIPE INT;"), bits(&ignored.unwrap()));
}

#[test]
fn what_is_left_behind_is_reported_or_waited_for() {
    let folder = Folder::new();
    let go = folder.path("go");
    // Ends when this test lets it, so that who waits for it would wait for ever.
    let script = format!(
        "(while [ ! -e {} ]; do sleep 0.1; done) & exit 4",
        go.display()
    );
    let output = freehold()
        .args(["run", "--", "sh", "-c", &script])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    assert_eq!(output.unwrap().wait().unwrap().code(), Some(4));
    std::fs::write(&go, "").unwrap();
    let begun = std::time::Instant::now();
    let output = run(["run", "--wait", "--", "sh", "-c", "(sleep 2) & exit 4"]);
    assert_eq!(output.status.code(), Some(4));
    assert!(
        !stderr(&output).contains("still running"),
        "{}",
        stderr(&output)
    );
    assert!(begun.elapsed().as_millis() >= 2000);
}

/// A program that calls `exec` in the way that its first argument names, first
/// for a file that is not there, then for another program, and says `stays` in
/// between. With `never`, only the first.
fn changing(folder: &Folder) -> std::path::PathBuf {
    let source = r#"
        #define _GNU_SOURCE
        #include <errno.h>
        #include <fcntl.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <unistd.h>
        extern char **environ;
        static char *kept;
        #define TEN "a", "b", "c", "d", "e", "f", "g", "h", "i", "j"
        #define HUNDRED TEN, TEN, TEN, TEN, TEN, TEN, TEN, TEN, TEN, TEN
        static int change(const char *how, const char *file) {
            char *argv[] = {"echo", "one", "two", NULL};
            if (!strcmp(how, "execve")) return execve(file, argv, environ);
            if (!strcmp(how, "execv")) return execv(file, argv);
            if (!strcmp(how, "execvp")) return execvp(file, argv);
            if (!strcmp(how, "execvpe")) return execvpe(file, argv, environ);
            if (!strcmp(how, "fexecve")) return fexecve(open(file, O_RDONLY), argv, environ);
            if (!strcmp(how, "execveat")) return execveat(AT_FDCWD, file, argv, environ, 0);
            if (!strcmp(how, "execl")) return execl(file, "echo", "one", "two", NULL);
            if (!strcmp(how, "execlp")) return execlp(file, "echo", TEN, NULL);
            if (!strcmp(how, "execle")) return execle(file, "echo", TEN, HUNDRED, HUNDRED, HUNDRED, NULL, environ);
            abort();
        }
        int main(int count, char **arguments) {
            kept = malloc(321);
            errno = 0;
            int result = change(arguments[1], "/nowhere/at/all");
            int expected = !strcmp(arguments[1], "fexecve") ? EBADF : ENOENT;
            if (result != -1 || (errno != expected && errno != EINVAL)) return 9;
            if (count > 2) { kept = NULL; return 3; }
            change(arguments[1], "/bin/echo");
            return 8; }
    "#;
    folder.compile("changing", source, &[])
}

#[test]
fn a_program_says_that_another_takes_its_place_and_takes_it_back_when_none_does() {
    let folder = Folder::new();
    let changing = changing(&folder);
    let ledger = folder.path("kept");
    let ways = [
        "execve", "execv", "execvp", "execvpe", "fexecve", "execveat", "execl", "execlp", "execle",
    ];
    for way in ways {
        let run = |more: &[&str]| {
            let output = freehold()
                .args(["run", "--format", "json", "--ledger"])
                .arg(&ledger)
                .arg("--")
                .arg(&changing)
                .arg(way)
                .args(more)
                .output()
                .unwrap();
            let file = SessionFile::open(&ledger).unwrap();
            let states: Vec<u32> = file
                .begun()
                .unwrap()
                .map(|slot| file.ledger_header(slot).unwrap().unwrap())
                .map(|header| header.state.load(std::sync::atomic::Ordering::Relaxed))
                .collect();
            (states, output)
        };
        let (states, output) = run(&[]);
        // What was written where it happened, and not what follows from the
        // process ids.
        assert_eq!(
            states,
            [State::Replaced as u32, State::Exited as u32],
            "{way}"
        );
        assert_eq!(output.status.code(), Some(0));
        let said = stdout(&output);
        match way {
            "execlp" => assert_eq!(said, "a b c d e f g h i j\n"),
            "execle" => assert_eq!(said.split_whitespace().count(), 310),
            _ => assert_eq!(said, "one two\n"),
        }
        let report = parsed(&output.stderr);
        assert_eq!(report["process"]["argv"][0], "echo", "{way}");
        assert_eq!(report["replaced"][0]["argv"][1], way);

        let (states, output) = run(&["never"]);
        assert_eq!(states, [State::Exited as u32], "{way}");
        assert_eq!(output.status.code(), Some(3));
        let report = parsed(&output.stderr);
        assert_eq!(report["process"]["exit"]["code"], 3);
        assert_eq!(report["leaks"][0]["bytes"], 321, "{report:#}");
        assert_eq!(report["leaks"][0]["verdict"], "lost");
    }
}
