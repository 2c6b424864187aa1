//! Signals and job control reach the program; the report still appears.
#![cfg(unix)]

mod common;

use std::fs::File;
use std::os::fd::FromRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use common::{Folder, children, eventually, freehold, holds};

/// Freehold and a program in a process group of their own.
struct Group {
    freehold: Child,
    program: u32,
    report: PathBuf,
}

impl Group {
    fn start(folder: &Folder, program: &Path, arguments: &[&str]) -> Group {
        let report = folder.path("report");
        let out = folder.path("out");
        let mut command = freehold();
        command
            .args(["run", "-o"])
            .arg(&report)
            .arg("--")
            .arg(program)
            .args(arguments)
            .stdout(File::create(&out).unwrap())
            .process_group(0);
        let freehold = command.spawn().unwrap();
        eventually(|| holds(&out, "up").then_some(()));
        let program = eventually(|| children(freehold.id()).first().copied());
        Group {
            freehold,
            program,
            report,
        }
    }

    fn signal_all(&self, signal: i32) {
        // SAFETY: a group of our own.
        unsafe { libc::kill(-(self.freehold.id() as i32), signal) };
    }

    fn end(mut self) -> (Option<i32>, String) {
        let status = self.freehold.wait().unwrap();
        let report = std::fs::read_to_string(&self.report).unwrap_or_default();
        (status.code(), report)
    }
}

fn signal(pid: u32, signal: i32) {
    // SAFETY: a process of ours.
    unsafe { libc::kill(pid as i32, signal) };
}

fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

#[test]
fn an_interrupt_ends_the_program_and_the_report_appears() {
    let folder = Folder::new();
    let group = Group::start(&folder, &folder.endless(), &[]);
    group.signal_all(libc::SIGINT);
    let (code, report) = group.end();
    assert_eq!(code, Some(130));
    assert!(report.contains("killed by SIGINT"), "{report}");
    assert!(report.contains("lose"), "{report}");
}

#[test]
fn a_program_may_handle_the_interrupt() {
    let folder = Folder::new();
    let shell = "trap 'exit 9' INT; echo up; while :; do sleep 0.05; done";
    let group = Group::start(&folder, Path::new("sh"), &["-c", shell]);
    group.signal_all(libc::SIGINT);
    let (code, report) = group.end();
    assert_eq!(code, Some(9));
    assert!(report.contains("freehold: sh (pid"), "{report}");
}

#[test]
fn a_termination_of_freehold_alone_is_passed_on() {
    let folder = Folder::new();
    for (number, status) in [(libc::SIGTERM, 143), (libc::SIGHUP, 129)] {
        let group = Group::start(&folder, &folder.endless(), &[]);
        signal(group.freehold.id(), number);
        let (code, report) = group.end();
        assert_eq!(code, Some(status));
        assert!(report.contains("lose"), "{report}");
    }
}

#[test]
fn an_interrupt_of_freehold_alone_does_nothing() {
    let folder = Folder::new();
    let group = Group::start(&folder, &folder.endless(), &[]);
    signal(group.freehold.id(), libc::SIGINT);
    signal(group.freehold.id(), libc::SIGQUIT);
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert!(state(group.program).is_some_and(|s| s != 'Z'));
    signal(group.program, libc::SIGKILL);
    assert_eq!(group.end().0, Some(137));
}

#[test]
fn a_stopped_group_stops_and_goes_on() {
    let folder = Folder::new();
    let group = Group::start(&folder, &folder.endless(), &[]);
    for _ in 0..3 {
        group.signal_all(libc::SIGTSTP);
        let stopped = |pid| move || (state(pid) == Some('T')).then_some(());
        eventually(stopped(group.program));
        eventually(stopped(group.freehold.id()));
        group.signal_all(libc::SIGCONT);
        let awake = |pid| move || (state(pid) != Some('T')).then_some(());
        eventually(awake(group.program));
        eventually(awake(group.freehold.id()));
    }
    group.signal_all(libc::SIGINT);
    assert_eq!(group.end().0, Some(130));
}

#[test]
fn continuing_freehold_alone_continues_the_program() {
    let folder = Folder::new();
    let group = Group::start(&folder, &folder.endless(), &[]);
    group.signal_all(libc::SIGTSTP);
    eventually(|| (state(group.freehold.id()) == Some('T')).then_some(()));
    eventually(|| (state(group.program) == Some('T')).then_some(()));
    signal(group.freehold.id(), libc::SIGCONT);
    eventually(|| (state(group.program) != Some('T')).then_some(()));
    group.signal_all(libc::SIGINT);
    assert_eq!(group.end().0, Some(130));
}

#[test]
fn a_program_that_is_stopped_alone_does_not_stop_freehold() {
    let folder = Folder::new();
    let group = Group::start(&folder, &folder.endless(), &[]);
    signal(group.program, libc::SIGSTOP);
    eventually(|| (state(group.program) == Some('T')).then_some(()));
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert_ne!(state(group.freehold.id()), Some('T'));
    signal(group.program, libc::SIGCONT);
    group.signal_all(libc::SIGINT);
    assert_eq!(group.end().0, Some(130));
}

/// A pseudo-terminal: what is behind it, and the terminal.
fn terminal() -> (File, File) {
    let (mut master, mut slave) = (0, 0);
    let null = std::ptr::null_mut();
    // SAFETY: both descriptors are writable; the rest may be null.
    let failed = unsafe { libc::openpty(&mut master, &mut slave, null, null.cast(), null.cast()) };
    assert_eq!(failed, 0);
    // SAFETY: new descriptors that belong to nobody else.
    unsafe { (File::from_raw_fd(master), File::from_raw_fd(slave)) }
}

#[test]
fn ctrl_c_on_a_terminal_reaches_the_program() {
    use std::io::{Read, Write};
    let folder = Folder::new();
    let (mut master, slave) = terminal();
    let mut command = Command::new(env!("CARGO_BIN_EXE_freehold"));
    command
        .args(["run", "--"])
        .arg(folder.endless())
        .stdin(Stdio::from(slave.try_clone().unwrap()))
        .stdout(Stdio::from(slave.try_clone().unwrap()))
        .stderr(Stdio::from(slave));
    // SAFETY: both calls may be made between fork and exec.
    unsafe {
        command.pre_exec(|| {
            libc::setsid();
            libc::signal(libc::SIGINT, libc::SIG_DFL);
            match libc::ioctl(0, libc::TIOCSCTTY, 0) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        });
    }
    let mut child = command.spawn().unwrap();
    // Its copies of the terminal would keep it open.
    drop(command);
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    let mut interrupted = false;
    while let Ok(n @ 1..) = master.read(&mut buffer) {
        seen.extend_from_slice(&buffer[..n]);
        if !interrupted && seen.windows(2).any(|w| w == b"up") {
            interrupted = true;
            master.write_all(b"\x03").unwrap();
        }
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let seen = String::from_utf8_lossy(&seen);
    assert!(seen.contains("lose"), "{seen}");
    assert!(seen.contains("\x1b["), "colours on a terminal: {seen}");
}
