//! The command on Windows: programs that track themselves, while they run and after
//! they ended in whatever way. This test starts itself as such a program.
#![cfg(windows)]

use std::arch::naked_asm;
use std::ffi::{CString, c_char, c_void};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use freehold_families::resource;
use freehold_families::win32::{bstr, co_task_mem, movable};
use freehold_ledger::format::{Family, Root, State};
use freehold_ledger::image::loaded_image;
use freehold_ledger::session::{Backing, Config, NewSession, path_for_environment};
use freehold_ledger::writer::{Allocation, Birth, Ledger, Session, ThreadLog};
use freehold_unwind::{Entry, MAX_DEPTH, StackBounds, walk};

const PLACE: &str = "FREEHOLD_TEST_SESSION";
const WAY: &str = "FREEHOLD_TEST_WAY";
/// The library of `tests/cpp/forgets.cpp`.
const CPP: &str = "FREEHOLD_TEST_CPP";
/// The way of a program with blocks for every verdict that a test wants.
const JUDGE: &str = "judge";
/// Where to leave a ledger.
const KEEP: &str = "FREEHOLD_TEST_KEEP";

#[link(name = "kernel32")]
unsafe extern "system" {
    fn TerminateProcess(process: isize, status: u32) -> i32;
    fn LoadLibraryA(name: *const c_char) -> *mut c_void;
    fn GetProcAddress(module: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// What an allocation would be: takes the registers as a hook does.
#[unsafe(naked)]
unsafe extern "system" fn hook() {
    naked_asm!(
        "mov rcx, rsp",
        "mov rdx, rbp",
        "jmp {seen}",
        seen = sym seen,
    )
}

extern "system" fn seen(slot: usize, bp: usize) {
    let mut out = [0; MAX_DEPTH];
    let bounds = StackBounds::for_current_thread();
    // SAFETY: an entry from the hook, which has not returned; this thread's bounds.
    let stack = unsafe { walk(Entry { slot, bp }, MAX_DEPTH, bounds, &mut out) };
    *RECORDED.lock().expect("whole") = stack.frames.to_vec();
}

/// The stack of the last [`hook`]; only one thread calls it.
static RECORDED: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// A ledger of this process, as a library in it would have one.
struct Own {
    ledger: Box<Ledger>,
    log: Box<ThreadLog>,
}

impl Own {
    fn begin(path: &str) -> Own {
        let path = CString::new(path).expect("a path");
        let (opened, file) = Session::open(&path).expect("opens");
        let mut ledger = Box::<Ledger>::new_zeroed();
        let exe = std::env::current_exe().expect("a path");
        let birth = Birth {
            pid: std::process::id(),
            parent_pid: 1,
            parent_slot: None,
            argv: b"victim\0--loud\0",
            exe: exe.to_str().expect("UTF-8").as_bytes(),
        };
        // SAFETY: zeroed and private; the file is the session's, closed once; zeroed
        // bytes are a ledger, begun or not, and a log that has not begun.
        let (ledger, mut log) = unsafe {
            Ledger::begin(ledger.as_mut_ptr(), opened, file, &birth).expect("begins");
            freehold_ledger::close_file(file);
            let log = Box::<ThreadLog>::new_zeroed().assume_init();
            (ledger.assume_init(), log)
        };
        log.begin(&ledger, 1, [0, 0]);
        Own { ledger, log }
    }

    /// Records a block with the stack of the last [`hook`].
    fn record(&mut self, address: usize, size: u64, family: Family) {
        let frames = std::mem::take(&mut *RECORDED.lock().expect("whole"));
        assert!(!frames.is_empty());
        for frame in &frames {
            let image = loaded_image(*frame as u64 - 1).expect("code lies in an image");
            self.ledger.add_module(&image.module());
        }
        let root = Root {
            epoch: self.ledger.epoch(),
            truncated: false,
            incomplete: false,
            approximate: false,
        };
        let stack = self.ledger.intern(root, &frames);
        let block = Allocation {
            address: address as u64,
            size,
            stack,
            family,
        };
        assert!(self.log.allocated(&self.ledger, block));
    }
}

#[inline(never)]
fn forgotten_task_memory(own: &mut Own) {
    let block = co_task_mem::alloc(300).expect("memory");
    // SAFETY: keeps the registers that must be kept.
    unsafe { hook() };
    own.record(block.as_ptr() as usize, 300, Family::CoTaskMem);
    black_box(block);
}

#[inline(never)]
fn forgotten_local(own: &mut Own) {
    let block = movable::LOCAL.alloc(0, 5000).expect("memory");
    // SAFETY: as above.
    unsafe { hook() };
    own.record(block, 5000, Family::Local);
    black_box(block);
}

#[inline(never)]
fn forgotten_string(own: &mut Own) {
    let text = bstr::alloc(&[65, 66, 67]).expect("memory");
    // SAFETY: as above.
    unsafe { hook() };
    own.record(text.as_ptr() as usize, 6, Family::Bstr);
    black_box(text);
}

/// C++ in a library that `cargo xtask test` compiled: it calls back where it would
/// allocate, so that the stack goes through it.
fn forgotten_in_cpp(own: &mut Own, library: &str) {
    let library = CString::new(library).expect("a path");
    let record: extern "system" fn(*mut Own) = record_in_cpp;
    // SAFETY: C strings; the function has this type; the ledger outlives the call.
    unsafe {
        let module = LoadLibraryA(library.as_ptr());
        assert!(
            !module.is_null(),
            "{library:?}: {}",
            std::io::Error::last_os_error()
        );
        let run = GetProcAddress(module, c"run".as_ptr());
        assert!(!run.is_null());
        type Run = extern "system" fn(extern "system" fn(*mut Own), *mut Own);
        core::mem::transmute::<*mut c_void, Run>(run)(record, own);
    }
}

extern "system" fn record_in_cpp(own: *mut Own) {
    let block = co_task_mem::alloc(77).expect("memory");
    // SAFETY: keeps the registers that must be kept; the ledger of the caller.
    unsafe {
        hook();
        (*own).record(block.as_ptr() as usize, 77, Family::CoTaskMem);
    }
    black_box(block);
}

#[inline(never)]
fn forgotten_list(own: &mut Own) {
    for _ in 0..20 {
        let block = co_task_mem::alloc(48).expect("memory");
        // SAFETY: as above.
        unsafe { hook() };
        own.record(block.as_ptr() as usize, 48, Family::CoTaskMem);
    }
}

/// Holds a block.
static HELD: AtomicUsize = AtomicUsize::new(0);

#[inline(never)]
fn held_task_memory(own: &mut Own) {
    let block = co_task_mem::alloc(64).expect("memory");
    HELD.store(block.as_ptr() as usize, Relaxed);
    // SAFETY: as above.
    unsafe { hook() };
    own.record(block.as_ptr() as usize, 64, Family::CoTaskMem);
}

#[inline(never)]
fn forgotten_menu(own: &mut Own) {
    // Some number: nobody asks Windows for the menu.
    let key = resource::key(Family::Menu, 0x30_0007).expect("room");
    // SAFETY: as above.
    unsafe { hook() };
    own.record(key as usize, 0, Family::Menu);
}

/// Begins a ledger and records what a program of this way has.
fn record_all(path: &str, way: &str) -> Box<Ledger> {
    let mut own = Own::begin(path);
    forgotten_task_memory(&mut own);
    forgotten_local(&mut own);
    forgotten_string(&mut own);
    if way == JUDGE {
        forgotten_list(&mut own);
        held_task_memory(&mut own);
        forgotten_menu(&mut own);
    }
    if let Ok(library) = std::env::var(CPP) {
        forgotten_in_cpp(&mut own, &library);
    }
    let Own { ledger, log } = own;
    // It stays in the ledger, as that of a thread that runs.
    Box::leak(log);
    ledger
}

/// What the program does that the other tests look at.
#[test]
fn victim() {
    let (Ok(path), Ok(way)) = (std::env::var(PLACE), std::env::var(WAY)) else {
        return;
    };
    let own_way = way.clone();
    // On a stack that is gone afterwards: what calls leave in the frames of others are
    // pointers, to who judges. A system may keep the stack that was given up last.
    let recorded = std::thread::spawn(move || record_all(&path, &own_way));
    let ledger = recorded.join().expect("no panic");
    std::thread::spawn(|| {}).join().expect("no panic");
    ledger.note_unknown_release();
    match &*way {
        "exit" => {
            ledger.end(State::Exited, 3);
            std::process::exit(3);
        }
        // SAFETY: ourselves.
        "terminate" => unsafe {
            TerminateProcess(-1, 9);
        },
        // SAFETY: none: this is the crash.
        "crash" => unsafe { black_box(std::ptr::without_provenance_mut::<u8>(16)).write(1) },
        _ => loop {
            std::thread::sleep(Duration::from_secs(1));
        },
    }
    unreachable!("it has ended");
}

/// A folder with a session and a program in it; both go with the value.
struct Running {
    session: NewSession,
    child: Child,
    local: PathBuf,
}

impl Running {
    fn start(name: &str, way: &str) -> Running {
        let folder = format!("freehold-cli-{name}-{}", std::process::id());
        let local = std::env::temp_dir().join(folder);
        let sessions = local.join("Freehold").join("sessions");
        std::fs::create_dir_all(&local).expect("a folder");
        let backing = Backing::Directory(sessions);
        let session = NewSession::create(&Config::default(), &backing).expect("a session");
        let path = path_for_environment(session.path()).expect("a path");
        let child = Command::new(std::env::current_exe().expect("ourselves"))
            .args(["--exact", "victim", "--nocapture"])
            .env(PLACE, path.to_str().expect("UTF-8"))
            .env(WAY, way)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        Running {
            session,
            child,
            local,
        }
    }

    fn path(&self) -> &str {
        self.session.path().to_str().expect("UTF-8")
    }

    /// Waits until all is recorded.
    fn until_recorded(&self) {
        let file = freehold_ledger::reader::SessionFile::open(self.session.path()).expect("opens");
        let start = Instant::now();
        loop {
            let header = file.ledger_header(0).expect("readable");
            let releases = |h: Box<freehold_ledger::format::LedgerHeader>| {
                h.unknown_releases
                    .load(std::sync::atomic::Ordering::Relaxed)
            };
            if header.is_some_and(|h| releases(h) == 1) {
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "nothing came");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn freehold(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_freehold"))
            .args(arguments)
            .env("LOCALAPPDATA", &self.local)
            .output()
            .expect("freehold can be started")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.local);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace("\r\n", "\n")
}

fn json(output: &Output) -> serde_json::Value {
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// What all reports must say of the three blocks; `judged` is whether somebody looked for
/// pointers to them. What those are found to be is no matter here: a heap may have left
/// the address of one where it was free.
fn has_the_blocks(report: &serde_json::Value, judged: bool) {
    let sites = report["leaks"].as_array().expect("sites");
    for (function, size, family, release) in [
        ("forgotten_task_memory", 300, "CoTaskMem", "CoTaskMemFree"),
        ("forgotten_local", 5000, "Local", "LocalFree"),
        ("forgotten_string", 6, "BSTR", "SysFreeString"),
    ] {
        let named = |frame: &serde_json::Value| {
            let name = frame["function"].as_str();
            name.is_some_and(|name| name.ends_with(function))
        };
        let stack = |site: &&serde_json::Value| {
            let stack = site["stack"].as_array();
            stack.is_some_and(|stack| stack.iter().any(named))
        };
        let site = sites.iter().find(stack);
        let site = site.unwrap_or_else(|| panic!("no {function} in {report:#}"));
        assert_eq!(site["bytes"], size, "{site:#}");
        assert_eq!(site["family"], family, "{site:#}");
        assert_eq!(site["release"], serde_json::json!([release]), "{site:#}");
        assert_eq!(site["verdict"] != "unknown", judged, "{site:#}");
        let frame = site["stack"]
            .as_array()
            .expect("a stack")
            .iter()
            .find(|f| named(f));
        let frame = frame.expect("found above");
        assert!(
            frame["file"]
                .as_str()
                .is_some_and(|f| f.ends_with("windows.rs")),
            "{frame:#}"
        );
    }
}

/// What a report must say of the block that C++ asked for: an inlined function and
/// the one that it is in, by their lines in the source.
fn has_the_block_of_cpp(report: &serde_json::Value) {
    let sites = report["leaks"].as_array().expect("sites");
    let site = sites
        .iter()
        .find(|site| site["bytes"] == 77)
        .expect("recorded");
    let stack = site["stack"].as_array().expect("a stack");
    let at = stack
        .iter()
        .position(|frame| frame["function"] == "innermost");
    let at = at.unwrap_or_else(|| panic!("{site:#}"));
    for (frame, function, line, inlined) in [
        (&stack[at], "innermost", 9, true),
        (&stack[at + 1], "app::Widget::grow(int)", 17, false),
    ] {
        assert_eq!(frame["function"], function, "{frame:#}");
        assert_eq!(frame["line"], line, "{frame:#}");
        assert_eq!(frame["inlined"], inlined, "{frame:#}");
        let file = frame["file"].as_str().expect("a file");
        assert!(file.ends_with("forgets.cpp"), "{frame:#}");
        assert_eq!(frame["module"], "forgets.dll", "{frame:#}");
    }
}

#[test]
fn a_running_process_is_listed_reported_and_kept() {
    let running = Running::start("live", "wait");
    running.until_recorded();
    let pid = running.child.id();
    let list = json(&running.freehold(&["ps", "--format", "json"]));
    let processes = list["processes"].as_array().expect("a list");
    let ours = processes.iter().find(|p| p["pid"] == pid).expect("listed");
    let with_cpp = std::env::var_os(CPP).is_some();
    assert_eq!(ours["live_blocks"], if with_cpp { 4 } else { 3 });
    assert_eq!(ours["live_bytes"], if with_cpp { 5383 } else { 5306 });
    assert_eq!(ours["command"], serde_json::json!(["victim", "--loud"]));
    assert_eq!(ours["state"], "running");
    let pid = pid.to_string();
    let report = json(&running.freehold(&["report", &pid, "--format", "json"]));
    has_the_blocks(&report, false);
    if with_cpp {
        has_the_block_of_cpp(&report);
    }
    let by_file = json(&running.freehold(&["report", running.path(), "--format", "json"]));
    has_the_blocks(&by_file, false);
    for report in [&report, &by_file] {
        assert_eq!(report["process"]["state"], "running");
    }
    // `cargo xtask test` reads it on another system afterwards.
    let kept = std::env::var(KEEP).map_or_else(|_| running.local.join("kept.ledger"), Into::into);
    let kept = kept.to_str().expect("UTF-8");
    let snapshot = running.freehold(&["snapshot", &pid, "-o", kept]);
    assert!(snapshot.status.success(), "{}", text(&snapshot.stderr));
    assert_eq!(text(&snapshot.stderr), "");
    let all = ["report", kept, "--show", "all"];
    let report = json(&running.freehold(&[&all[..], &["--format", "json"]].concat()));
    has_the_blocks(&report, true);
    let shown = running.freehold(&all);
    let shown = text(&shown.stdout);
    for word in ["forgotten_local", "searched for pointers", "windows.rs:"] {
        assert!(shown.contains(word), "no {word} in\n{shown}");
    }
}

#[test]
fn a_snapshot_judges_what_pointers_can_hold() {
    let running = Running::start("judged", JUDGE);
    running.until_recorded();
    let pid = running.child.id().to_string();
    let kept = running.local.join("judged.ledger");
    let kept = kept.to_str().expect("UTF-8");
    // Twice: it goes on in between, and stands still again.
    for _ in 0..2 {
        let snapshot = running.freehold(&["snapshot", &pid, "-o", kept]);
        assert!(snapshot.status.success(), "{}", text(&snapshot.stderr));
        assert_eq!(text(&snapshot.stderr), "");
    }
    let all = ["report", kept, "--format", "json", "--show", "all"];
    let all = json(&running.freehold(&all));
    has_the_blocks(&all, true);
    let report = json(&running.freehold(&["report", kept, "--format", "json"]));
    let lists = |report: &serde_json::Value, family: &str, each: u64, verdict: &str| {
        let sites = report["leaks"].as_array().expect("sites");
        let sites = sites.iter().filter(|site| {
            let sizes = [&site["smallest_bytes"], &site["largest_bytes"]];
            let is_of_size = sizes.iter().all(|size| **size == each);
            site["family"] == family && is_of_size && site["verdict"] == verdict
        });
        sites.flat_map(|site| site["blocks"].as_u64()).sum::<u64>()
    };
    // Most of them: see above.
    let lost = lists(&report, "CoTaskMem", 48, "lost");
    assert!((15..=20).contains(&lost), "{report:#}");
    assert_eq!(lists(&report, "CoTaskMem", 64, "reachable"), 0);
    assert_eq!(lists(&all, "CoTaskMem", 64, "reachable"), 1, "{all:#}");
    // Nothing that could be looked for holds a handle: it is open, and listed.
    assert_eq!(lists(&report, "HMENU", 0, "unknown"), 1, "{report:#}");
    let failing = ["report", kept, "--fail-on", "leak"];
    assert_ne!(running.freehold(&failing).status.code(), Some(0));
}

#[test]
fn processes_that_ended_in_any_way_are_reported() {
    for way in ["exit", "terminate", "crash"] {
        let mut running = Running::start(way, way);
        running.child.wait().expect("ended");
        let report = json(&running.freehold(&["report", running.path(), "--format", "json"]));
        has_the_blocks(&report, false);
        let process = &report["process"];
        assert_eq!(process["state"], "ended", "{way}: {process:#}");
        let status = if way == "exit" {
            serde_json::json!(3)
        } else {
            serde_json::Value::Null
        };
        assert_eq!(process["exit"]["code"], status, "{way}: {process:#}");
        let said = running.freehold(&["report", running.path()]);
        let crashed = text(&said.stdout).contains("the process crashed, or another one ended it");
        assert_eq!(crashed, way != "exit", "{}", text(&said.stdout));
        // Nobody judged them: they are live, and not lost.
        let failing = ["report", running.path(), "--fail-on", "leak"];
        assert_eq!(running.freehold(&failing).status.code(), Some(0));
        let list = json_of_list(&running);
        let pid = running.child.id();
        assert!(list.iter().all(|process| process["pid"] != pid));
        let gone = running.freehold(&["report", &pid.to_string()]);
        assert_eq!(gone.status.code(), Some(125));
        assert!(
            text(&gone.stderr).contains("there is no process"),
            "{}",
            text(&gone.stderr)
        );
    }
}

/// What `ps` lists, which may be nothing.
fn json_of_list(running: &Running) -> Vec<serde_json::Value> {
    let output = running.freehold(&["ps", "--format", "json"]);
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    list["processes"].as_array().expect("a list").clone()
}

#[test]
fn what_windows_has_not_is_said() {
    let own = std::process::id().to_string();
    let freehold = |arguments: &[&str]| {
        let command = Command::new(env!("CARGO_BIN_EXE_freehold"))
            .args(arguments)
            .output();
        let output = command.expect("freehold can be started");
        (output.status.code(), text(&output.stderr))
    };
    let (status, message) = freehold(&["run", "--", "cmd.exe"]);
    assert_eq!(status, Some(125));
    assert!(message.contains("does not exist on Windows"), "{message}");
    let (status, message) = freehold(&["report", &own]);
    assert_eq!(status, Some(125));
    assert!(message.contains("is not tracked"), "{message}");
    assert!(!Path::new("report").exists());
}
