//! Processes that run, and ledgers that are not what they should be.
#![cfg(unix)]

mod common;

use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};

use common::{Folder, children, eventually, freehold, holds, parsed, run, stderr};
use freehold_ledger::format::{Clock, SessionHeader};
use proptest::prelude::*;

/// A tracked process that runs until the value goes away.
struct Running {
    freehold: Child,
    pid: u32,
}

impl Running {
    fn start(folder: &Folder, arguments: &[&str]) -> Running {
        let out = folder.path("out");
        let freehold = freehold()
            .args(["run", "-o", "/dev/null", "--"])
            .arg(folder.endless())
            .args(arguments)
            .stdout(std::fs::File::create(&out).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        eventually(|| holds(&out, "up").then_some(()));
        let pid = eventually(|| children(freehold.id()).first().copied());
        Running { freehold, pid }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // SAFETY: our grandchild, which nobody else waits for but our child.
        unsafe { libc::kill(self.pid as i32, libc::SIGKILL) };
        let _ = self.freehold.wait();
    }
}

#[test]
fn ps_lists_what_runs() {
    let folder = Folder::new();
    let running = Running::start(&folder, &[]);
    let output = run(["ps", "--format", "json"]);
    let list = parsed(&output.stdout);
    assert_eq!(list["schema"], "freehold.ps/1");
    let processes = list["processes"].as_array().unwrap();
    let ours = processes.iter().find(|p| p["pid"] == running.pid).unwrap();
    assert!(ours["live_bytes"].as_u64().unwrap() >= 777);
    assert!(ours["live_blocks"].as_u64().unwrap() >= 1);
    assert!(ours["command"][0].as_str().unwrap().ends_with("endless"));
    let text = common::stdout(&run(["ps"]));
    assert!(text.starts_with("     PID"), "{text}");
    assert!(text.contains("endless"), "{text}");
    let pid = running.pid;
    drop(running);
    let list = parsed(&run(["ps", "--format", "json"]).stdout);
    assert!(
        list["processes"]
            .as_array()
            .unwrap()
            .iter()
            .all(|p| p["pid"] != pid)
    );
}

#[test]
fn a_snapshot_judges_a_running_process() {
    let folder = Folder::new();
    let running = Running::start(&folder, &[]);
    let pid = running.pid.to_string();
    let file = folder.path("now.ledger");
    for _ in 0..2 {
        let output = run([
            "snapshot",
            &pid,
            "--wait",
            "20",
            "-o",
            file.to_str().unwrap(),
        ]);
        assert!(output.status.success());
        assert_eq!(stderr(&output), "");
        let report = parsed(&run(["report", file.to_str().unwrap(), "--format", "json"]).stdout);
        let leak = &report["leaks"][0];
        assert_eq!(leak["verdict"], "lost", "{report:#}");
        assert_eq!(leak["bytes"], 777);
        assert_eq!(leak["stack"][0]["function"], "lose");
    }
    let output = run(["report", &pid, "--format", "json", "--show", "all"]);
    assert_eq!(parsed(&output.stdout)["process"]["pid"], running.pid);
}

#[test]
fn a_process_that_allocates_nothing_is_not_judged() {
    let folder = Folder::new();
    let running = Running::start(&folder, &["quiet"]);
    let pid = running.pid.to_string();
    let file = folder.path("now.ledger");
    let output = run([
        "snapshot",
        &pid,
        "--wait",
        "0.2",
        "-o",
        file.to_str().unwrap(),
    ]);
    assert!(output.status.success());
    assert!(
        stderr(&output).contains("allocated nothing in 0.2 s"),
        "{}",
        stderr(&output)
    );
    let report = parsed(&run(["report", file.to_str().unwrap(), "--format", "json"]).stdout);
    assert_eq!(report["leaks"][0]["verdict"], "unknown");
}

/// The word of a session that tells its processes the time, and whether a
/// reader calls; read from the launcher's memory file.
fn clock_of(launcher: u32) -> u64 {
    let files = std::fs::read_dir(format!("/proc/{launcher}/fd")).unwrap();
    let ledger = files.map(|file| file.unwrap().path()).find(|file| {
        std::fs::read_link(file).is_ok_and(|at| at.to_string_lossy().contains("memfd:freehold"))
    });
    let ledger = std::fs::File::open(ledger.unwrap()).unwrap();
    let mut word = [0; 8];
    let offset = std::mem::offset_of!(SessionHeader, clock) as u64;
    ledger.read_exact_at(&mut word, offset).unwrap();
    u64::from_le_bytes(word)
}

#[test]
fn a_snapshot_that_is_interrupted_leaves_nothing_behind() {
    let folder = Folder::new();
    let running = Running::start(&folder, &["quiet"]);
    let launcher = running.freehold.id();
    let pid = running.pid.to_string();
    let file = folder.path("now.ledger");
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT] {
        let mut snapshot = freehold()
            .args(["snapshot", &pid, "--wait", "60", "-o"])
            .arg(&file)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        eventually(|| (clock_of(launcher) & Clock::CALLING != 0).then_some(()));
        // SAFETY: a child of ours that was not waited for.
        unsafe { libc::kill(snapshot.id() as i32, signal) };
        let status = snapshot.wait().unwrap();
        assert_eq!(status.signal(), Some(signal));
        assert_eq!(clock_of(launcher) & Clock::CALLING, 0, "signal {signal}");
        assert!(!file.exists());
    }
    let output = run([
        "snapshot",
        &pid,
        "--wait",
        "0.2",
        "-o",
        file.to_str().unwrap(),
    ]);
    assert!(output.status.success());
    assert!(
        stderr(&output).contains("allocated nothing in 0.2 s"),
        "{}",
        stderr(&output)
    );
    let report = parsed(&run(["report", file.to_str().unwrap(), "--format", "json"]).stdout);
    assert_eq!(report["leaks"][0]["verdict"], "unknown");
}

#[test]
fn two_snapshots_at_once_do_not_hinder_each_other() {
    let folder = Folder::new();
    let running = Running::start(&folder, &["late"]);
    let launcher = running.freehold.id();
    let pid = running.pid.to_string();
    let (patient, hasty) = (folder.path("patient.ledger"), folder.path("hasty.ledger"));
    let mut first = freehold()
        .args(["snapshot", &pid, "--wait", "60", "-o"])
        .arg(&patient)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually(|| (clock_of(launcher) & Clock::CALLING != 0).then_some(()));
    // The process allocates only when it is told to: this one gives up.
    let output = run([
        "snapshot",
        &pid,
        "--wait",
        "0.1",
        "-o",
        hasty.to_str().unwrap(),
    ]);
    assert!(stderr(&output).contains("allocated nothing in 0.1 s"));
    // SAFETY: the program of the test.
    unsafe { libc::kill(running.pid as i32, libc::SIGUSR1) };
    assert!(first.wait().unwrap().success());
    let patient = patient.to_str().unwrap();
    let report = parsed(&run(["report", patient, "--format", "json", "--show", "all"]).stdout);
    let leaks = report["leaks"].as_array().unwrap();
    let ours = leaks.iter().find(|leak| leak["bytes"] == 777).unwrap();
    assert_ne!(ours["verdict"], "unknown", "{report:#}");
    assert_eq!(clock_of(launcher) & Clock::CALLING, 0);
}

/// A small ledger of a real program.
fn ledger(folder: &Folder) -> Vec<u8> {
    let path = folder.path("whole.ledger");
    let mut command = freehold();
    command
        .args(["run", "-o", "/dev/null", "--depth", "8", "--ledger"])
        .arg(&path)
        .arg("--");
    assert_eq!(
        command.arg(folder.leaky()).status().unwrap().code(),
        Some(3)
    );
    std::fs::read(path).unwrap()
}

#[track_caller]
fn survives(folder: &Folder, bytes: &[u8]) -> String {
    let path = folder.path("hostile.ledger");
    std::fs::write(&path, bytes).unwrap();
    let output = run(["report", path.to_str().unwrap(), "--format", "json"]);
    let text = stderr(&output);
    assert!(!text.contains("panicked"), "{text}");
    let code = output.status.code();
    assert!(matches!(code, Some(0 | 125)), "{code:?}: {text}");
    text
}

#[test]
fn ledgers_cut_short_never_hurt() {
    let folder = Folder::new();
    let whole = ledger(&folder);
    for len in (0..whole.len()).step_by(1024) {
        survives(&folder, &whole[..len]);
    }
    assert!(survives(&folder, &whole[..100]).contains("cut short") || whole.len() < 100);
}

#[test]
fn a_ledger_of_another_version_is_named() {
    let folder = Folder::new();
    let mut bytes = ledger(&folder);
    bytes[8] = 77;
    let text = survives(&folder, &bytes);
    assert!(text.contains("ledger format 77"), "{text}");
}

#[test]
fn changed_ledgers_never_hurt() {
    let folder = Folder::new();
    let whole = ledger(&folder);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 60,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    // Most of the first pages are headers, where changes hurt most.
    let at = prop_oneof![0usize..512, 4096usize..4096 + 512, 0..whole.len()];
    let changes = proptest::collection::vec((at, any::<u8>()), 1..16);
    let result = runner.run(&changes, |changes| {
        let mut bytes = whole.clone();
        for (at, byte) in changes {
            bytes[at] ^= byte;
        }
        survives(&folder, &bytes);
        Ok(())
    });
    result.unwrap();
}
