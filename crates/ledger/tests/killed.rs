//! A ledger outlives the process that wrote it, also one that had no time to say
//! anything: this test starts itself as the process to be killed, or, where
//! `FREEHOLD_TEST_WRITER` says so, the same program of another width.

use std::ffi::CString;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use freehold_ledger::format::Family;
use freehold_ledger::reader::{End, SessionFile};
use freehold_ledger::session::{Backing, Config, NewSession, path_for_environment};
use freehold_ledger::writer::{Allocation, Birth, Ledger, Session, ThreadLog};

const BLOCKS: u64 = 10_000;
/// Names the program to be killed.
const WRITER: &str = "FREEHOLD_TEST_WRITER";
const PLACE: &str = "FREEHOLD_TEST_SESSION";

fn address(i: u64) -> u64 {
    0x10_0000 + i * 48
}

/// What the process to be killed does: records blocks, then waits for its end.
#[test]
fn victim() {
    let Ok(path) = std::env::var(PLACE) else {
        return;
    };
    let path = CString::new(path).expect("a path");
    let (opened, file) = Session::open(&path).expect("opens");
    let mut ledger = Box::<Ledger>::new_zeroed();
    let birth = Birth {
        pid: std::process::id(),
        parent_pid: 1,
        parent_slot: None,
        argv: b"victim\0",
        exe: b"victim",
    };
    // SAFETY: zeroed and private; the file is the session's, closed once; zeroed
    // bytes are a ledger, begun or not, and a log that has not begun.
    let (ledger, mut log) = unsafe {
        Ledger::begin(ledger.as_mut_ptr(), opened, file, &birth).expect("begins");
        freehold_ledger::close_file(file);
        (
            ledger.assume_init(),
            Box::<ThreadLog>::new_zeroed().assume_init(),
        )
    };
    log.begin(&ledger, 1, [0, 0]);
    for i in 0..BLOCKS {
        let block = Allocation {
            address: address(i),
            size: i,
            stack: 0,
            family: Family::Malloc,
        };
        assert!(log.allocated(&ledger, block));
    }
    ledger.note_unknown_release();
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn start(session: &NewSession) -> Child {
    let path = path_for_environment(session.path()).expect("a path");
    let ourselves = || std::env::current_exe().expect("ourselves").into();
    Command::new(std::env::var_os(WRITER).unwrap_or_else(ourselves))
        .args(["--exact", "victim", "--nocapture"])
        .env(PLACE, path.to_str().expect("UTF-8"))
        .stdout(Stdio::null())
        .spawn()
        .expect("started")
}

fn is_killed_and_read(backing: &Backing) {
    let session = NewSession::create(&Config::default(), backing).expect("a session");
    let mut child = start(&session);
    let file = SessionFile::open(session.path()).expect("opens");
    let start = Instant::now();
    loop {
        let header = file.ledger_header(0).expect("readable");
        // The last thing that it does.
        if header.is_some_and(|h| h.unknown_releases.load(Relaxed) == 1) {
            break;
        }
        let ended = child.try_wait().expect("a child");
        assert!(ended.is_none(), "it ended by itself: {ended:?}");
        assert!(start.elapsed() < Duration::from_secs(60), "nothing came");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().expect("killed");
    child.wait().expect("gone");

    let found = file.read_session(|_, _| {}).expect("readable");
    assert_eq!(found.ledgers.len(), 1);
    let ledger = &found.ledgers[0];
    assert_eq!(ledger.damage, Vec::<String>::new());
    assert_eq!(ledger.process.end, End::Open);
    assert_eq!(ledger.process.pid, child.id());
    assert_eq!(ledger.blocks.len() as u64, BLOCKS);
    for (i, block) in ledger.blocks.iter().enumerate() {
        let i = i as u64;
        assert_eq!((block.address, block.size()), (address(i), i));
    }
    let path = session.path().to_path_buf();
    drop((file, session));
    assert!(!path.exists(), "{} stays behind", path.display());
}

#[test]
fn a_ledger_in_memory_outlives_a_killed_process() {
    is_killed_and_read(&Backing::Memfd);
}

#[test]
fn a_ledger_in_a_directory_outlives_a_killed_process() {
    let name = format!("freehold-killed-{}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    is_killed_and_read(&Backing::Directory(directory.clone()));
    std::fs::remove_dir(directory).expect("empty");
}
