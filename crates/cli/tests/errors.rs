//! Every way to fail has a sentence and an exit code.
#![cfg(unix)]

mod common;

use common::{Folder, freehold, run, stderr};

#[track_caller]
fn fails(arguments: &[&str], code: i32, sentence: &str) {
    let output = run(arguments);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    assert!(text.contains(sentence), "{arguments:?}: {text}");
    assert!(!text.contains("panicked"), "{text}");
}

#[test]
fn the_command_line() {
    fails(&["run"], 2, "PROGRAM");
    fails(&["run", "--"], 2, "PROGRAM");
    fails(
        &["run", "--format", "pprof", "--", "true"],
        2,
        "not built yet: text and json",
    );
    fails(
        &["run", "--format", "xml", "--", "true"],
        2,
        "text and json are known",
    );
    fails(
        &["run", "--on-misuse", "shout", "--", "true"],
        2,
        "refuse|abort|ignore",
    );
    fails(
        &["run", "--suppress", "x", "--", "true"],
        2,
        "--suppress is not built yet",
    );
    fails(
        &["run", "--baseline", "x", "--", "true"],
        2,
        "--baseline is not built yet",
    );
    fails(
        &["run", "--stacks", "sample=1q", "--", "true"],
        2,
        "unknown unit 'q'",
    );
    fails(
        &["run", "--stacks", "all", "--", "true"],
        2,
        "sample=512KiB",
    );
    fails(&["run", "--depth", "129", "--", "true"], 2, "1..=128");
    fails(
        &["run", "--max-memory", "1MiB", "--", "true"],
        2,
        "less than 4 MiB",
    );
    fails(&["run", "--families", "heap", "--", "true"], 2, "new[]");
    fails(&["run", "--fail-on", "luck", "--", "true"], 2, "misuse");
}

#[test]
fn programs_that_are_not_there_or_cannot_be_run() {
    let folder = Folder::new();
    fails(
        &["run", "no-such-program"],
        127,
        "no program 'no-such-program'",
    );
    fails(
        &["run", "/no/such/program"],
        127,
        "no program /no/such/program",
    );
    fails(&["run", "/etc"], 126, "it is a folder");
    fails(&["run", "/etc/passwd"], 126, "may not execute");
    let of = |name: &str, bytes: &[u8]| folder.executable(name, bytes).display().to_string();
    fails(&["run", &of("empty", b"")], 126, "it is empty");
    fails(
        &["run", &of("garbage", b"\x01\x00\x02")],
        126,
        "neither an ELF program nor a script",
    );
    fails(
        &["run", &of("elf", b"\x7fELF")],
        126,
        "ELF header is damaged",
    );
    fails(
        &["run", &of("a", b"#!/no/shell\n")],
        126,
        "no program /no/shell (the interpreter of",
    );
    fails(&["run", &of("b", b"#!\n")], 126, "names no interpreter");
    fails(
        &["run", &of("c", b"#!/usr/bin/env no-such-tool\n")],
        126,
        "'no-such-tool'",
    );
}

#[test]
fn programs_that_cannot_be_tracked() {
    let folder = Folder::new();
    let program = folder.compile("fixed", "int main(void) { return 0; }", &["-static"]);
    let program = program.display().to_string();
    fails(&["run", &program], 125, "statically linked");
    let script = folder.executable("script", format!("#!{program}\n").as_bytes());
    fails(&["run", script.to_str().unwrap()], 125, "statically linked");
    let mut narrow = [0; 64];
    narrow[..7].copy_from_slice(b"\x7fELF\x01\x01\x01");
    narrow[16] = 2;
    narrow[18] = 3;
    let narrow = folder.executable("narrow", &narrow);
    fails(&["run", narrow.to_str().unwrap()], 125, "32-bit");
}

#[test]
fn programs_with_more_rights() {
    use std::os::unix::fs::{PermissionsExt, chown};
    let folder = Folder::new();
    let program = folder.compile("rights", "int main(void) { return 0; }", &[]);
    // SAFETY: no requirement.
    if unsafe { libc::geteuid() } != 0 {
        return;
    }
    chown(&program, Some(65534), Some(65534)).unwrap();
    for (mode, sentence) in [(0o4755, "set-user-id"), (0o2755, "set-group-id")] {
        std::fs::set_permissions(&program, PermissionsExt::from_mode(mode)).unwrap();
        fails(&["run", program.to_str().unwrap()], 125, sentence);
    }
    // Its owner is who runs it: nothing is gained.
    chown(&program, Some(0), Some(0)).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o6755)).unwrap();
    assert_eq!(
        run(["run", program.to_str().unwrap()]).status.code(),
        Some(0)
    );
}

#[test]
fn outputs_are_tried_before_the_program_runs() {
    let folder = Folder::new();
    let mark = folder.path("mark");
    let script = format!("touch {}", mark.display());
    for option in ["-o", "--ledger"] {
        fails(
            &[
                "run",
                option,
                "/no/such/folder/x",
                "--",
                "sh",
                "-c",
                &script,
            ],
            125,
            "cannot write /no/such/folder/x",
        );
        fails(
            &["run", option, "/", "--", "sh", "-c", &script],
            125,
            "cannot write /",
        );
    }
    fails(
        &[
            "run", "-o", "same", "--ledger", "./same", "--", "sh", "-c", &script,
        ],
        2,
        "cannot both be",
    );
    assert!(!mark.exists(), "the program ran");
}

#[test]
fn a_report_that_cannot_be_written_is_shown() {
    fails(
        &["run", "-o", "/dev/full", "--", "true"],
        125,
        "freehold: true (pid",
    );
    let folder = Folder::new();
    // The folder goes away while the program runs.
    let path = folder.path("sub");
    std::fs::create_dir(&path).unwrap();
    let report = path.join("report");
    let script = format!("rm -r {}", path.display());
    let arguments = [
        "run",
        "-o",
        report.to_str().unwrap(),
        "--",
        "sh",
        "-c",
        &script,
    ];
    fails(&arguments, 125, "freehold: sh (pid");
}

#[test]
fn a_missing_preload_library_says_where_it_was_looked_for() {
    let output = freehold()
        .env("FREEHOLD_PRELOAD", "/no/lib.so")
        .args(["run", "true"])
        .output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert!(stderr(&output).contains("/no/lib.so"));
    let folder = Folder::new();
    let alone = folder.copy(env!("CARGO_BIN_EXE_freehold").as_ref(), "freehold");
    let output = std::process::Command::new(&alone)
        .args(["run", "true"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(125));
    let text = stderr(&output);
    assert!(
        text.contains("libfreehold_interpose.so is missing"),
        "{text}"
    );
    assert!(text.contains("lib/freehold"), "{text}");
}

#[test]
fn a_cleared_environment_is_named() {
    let output = run(["run", "--", "env", "-i", "/bin/true"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        stderr(&output).contains("became 'true', which was not tracked"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_library_that_is_never_loaded_is_named() {
    let folder = Folder::new();
    let other = folder.path("libother.so");
    std::fs::write(&other, b"no library").unwrap();
    let output = freehold()
        .env("FREEHOLD_PRELOAD", &other)
        .args(["run", "--", "true"])
        .output();
    let text = stderr(&output.unwrap());
    assert!(text.contains("ran without the preload library"), "{text}");
    let output = freehold()
        .env("FREEHOLD_PRELOAD", &other)
        .args(["run", "--fail-on", "leak", "--", "true"])
        .output();
    assert_eq!(output.unwrap().status.code(), Some(125));
}

#[test]
fn a_run_in_a_run_is_named() {
    let output = run([
        "run",
        "--",
        env!("CARGO_BIN_EXE_freehold"),
        "run",
        "--",
        "true",
    ]);
    assert_eq!(output.status.code(), Some(0));
    let text = stderr(&output);
    assert!(text.contains("runs under another freehold run"), "{text}");
    assert!(text.contains("freehold: true (pid"), "{text}");
    assert!(text.contains("freehold: freehold (pid"), "{text}");
}

#[test]
fn processes_that_are_not_tracked() {
    fails(&["report", "1"], 125, "process 1 is not tracked");
    fails(
        &["snapshot", "1", "-o", "/tmp/freehold-never"],
        125,
        "process 1 is not tracked",
    );
    fails(&["report", "4194305"], 125, "no process 4194305");
    fails(&["report", "/no/ledger"], 125, "cannot read /no/ledger");
    fails(&["report", "/etc/passwd"], 125, "is not a Freehold ledger");
    fails(&["report", "/dev/zero"], 125, "no regular file");
}

#[test]
fn a_folder_holds_the_ledger_where_memory_cannot() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let place = folder.path("place");
    let place = place.to_str().unwrap();
    let leaky = folder.leaky();
    let leaky = leaky.to_str().unwrap();
    let output = run(["run", "-v", "--place", place, "--", leaky]);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        text.contains(&format!("the ledger lies in {place}")),
        "{text}"
    );
    assert!(text.contains("lose"), "{text}");
    assert_eq!(
        std::fs::read_dir(place).unwrap().count(),
        0,
        "it is removed"
    );
    // What a launcher that was killed left is removed by the next.
    std::fs::write(format!("{place}/4194305.session"), b"").unwrap();
    run(["run", "--place", place, "--", leaky]);
    assert_eq!(
        std::fs::read_dir(place).unwrap().count(),
        0,
        "the old one is removed"
    );
    fails(
        &["run", "--place", "/no/such/folder/x", "--", leaky],
        125,
        "no place for the ledger",
    );
    std::fs::set_permissions(place, PermissionsExt::from_mode(0o755)).unwrap();
    fails(
        &["run", "--place", place, "--", leaky],
        125,
        "open to others",
    );
}

/// Mounts a tmpfs of this many KiB, where that is allowed.
struct Small(std::path::PathBuf);

impl Small {
    fn mount(path: std::path::PathBuf, kib: u32) -> Option<Small> {
        std::fs::create_dir_all(&path).unwrap();
        let options = format!("size={kib}k,mode=700");
        let mut mount = std::process::Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &options, "freehold-test"])
            .arg(&path);
        let mounted = mount.stderr(std::process::Stdio::null()).status();
        mounted.is_ok_and(|s| s.success()).then(|| Small(path))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_file_system_is_named_and_the_program_goes_on() {
    let folder = Folder::new();
    let leaky = folder.leaky();
    let leaky = leaky.to_str().unwrap();
    for kib in [4, 16, 64, 128, 256, 512, 1024] {
        let Some(small) = Small::mount(folder.path("small"), kib) else {
            return;
        };
        let place = small.0.to_str().unwrap();
        let output = run(["run", "--place", place, "--", leaky]);
        let text = stderr(&output);
        match output.status.code() {
            Some(125) => assert!(text.contains("no place for the ledger"), "{kib}: {text}"),
            Some(3) => {
                let tells = ["could not be given a ledger", "want of room", "lose"];
                assert!(tells.iter().any(|t| text.contains(t)), "{kib}: {text}");
            }
            code => panic!("{kib} KiB: {code:?}: {text}"),
        }
    }
}
