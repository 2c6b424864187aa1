//! Names, owners and frames that the process itself asks for, against what a
//! reader outside finds.

use freehold_ledger::annotate::{Lookup, NameKind};
use freehold_ledger::format::{Family, Owner, Root};
use freehold_ledger::reader::SessionFile;
use freehold_ledger::session::{Backing, Config, NewSession, path_for_environment};
use freehold_ledger::writer::{Allocation, Birth, Ledger, Session, ThreadLog};

/// Ledgers of a test program are never unmapped, and in 32-bit ones there is room for
/// few of the usual size.
fn config() -> Config {
    let usual = Config::default();
    Config {
        max_memory: match usize::BITS {
            32 => 1 << 20,
            _ => usual.max_memory,
        },
        ..usual
    }
}

fn world() -> (NewSession, Box<Ledger>, Box<ThreadLog>) {
    let session = NewSession::create(&config(), &Backing::Memfd).expect("a session");
    let path = path_for_environment(session.path()).unwrap();
    let (opened, file) = Session::open(&path).expect("opens");
    let birth = Birth {
        pid: 1,
        parent_pid: 1,
        parent_slot: None,
        argv: b"p\0",
        exe: b"/p",
    };
    let mut ledger = Box::<Ledger>::new_zeroed();
    // SAFETY: zeroed and private; the file is the session's; zeroed bytes are a
    // Ledger and a ThreadLog.
    unsafe {
        Ledger::begin(ledger.as_mut_ptr(), opened, file, &birth).expect("begins");
        freehold_ledger::close_file(file);
        let ledger = ledger.assume_init();
        let mut log = Box::<ThreadLog>::new_zeroed().assume_init();
        log.begin(&ledger, 1, [0, 0]);
        (session, ledger, log)
    }
}

#[test]
fn what_is_changed_is_what_a_reader_finds() {
    let (session, ledger, mut log) = world();
    let what = Allocation {
        address: 0x7000_1000,
        size: 99,
        stack: 0,
        family: Family::Malloc,
    };
    assert_eq!(ledger.lookup(what.address), Lookup::Unknown);
    assert!(log.allocated(&ledger, what));
    let tag = ledger.name(NameKind::Tag, "Uint8");
    let scope = ledger.name(NameKind::Scope, "request");
    assert!(log.change(&ledger, what.address, |record| {
        record.tag = tag;
        record.scope = scope;
        record.owner = Owner::Arena;
        record.family = Family::CoTaskMem;
        record.size = 1;
    }));
    assert!(!log.change(&ledger, what.address + 8, |_| ()));
    let file = SessionFile::open(session.path()).expect("readable");
    let found = file.read_ledger(ledger.slot()).expect("readable").unwrap();
    let record = found.blocks[0].record;
    // The size is not to be changed.
    assert_eq!((record.size, record.owner), (99, Owner::Arena));
    assert_eq!(record.family, Family::CoTaskMem);
    assert_eq!(found.tags[usize::from(record.tag)], "Uint8");
    assert_eq!(found.scopes[usize::from(record.scope)], "request");
    assert_eq!(ledger.lookup(what.address), Lookup::Live(record));
    log.released(&ledger, what.address);
    assert_eq!(ledger.lookup(what.address), Lookup::Dead);
}

#[test]
fn a_name_has_one_number_and_they_end() {
    let (_session, ledger, _log) = world();
    let first = ledger.name(NameKind::Tag, "one");
    assert_eq!(ledger.name(NameKind::Tag, "one"), first);
    assert_eq!(ledger.name(NameKind::Scope, "one"), 1);
    assert_eq!(ledger.name_bytes(NameKind::Tag, first.into()), b"one");
    assert_eq!(ledger.name_bytes(NameKind::Tag, 0), b"");
    assert_eq!(ledger.name_bytes(NameKind::Tag, 77), b"");
    assert_eq!(ledger.name(NameKind::Tag, ""), 0);
    let mut given = 0;
    for i in 0..10_000 {
        given += usize::from(ledger.name(NameKind::Scope, &i.to_string()) != 0);
    }
    assert_eq!(given, 8190);
}

#[test]
fn frames_come_back_innermost_first() {
    let (_session, ledger, _log) = world();
    let root = Root {
        epoch: 3,
        truncated: true,
        incomplete: false,
        approximate: true,
    };
    let stack = ledger.intern(root, &[30, 20, 10]);
    let mut frames = [0; 8];
    assert_eq!(ledger.frames(stack, &mut frames), Some((3, root)));
    assert_eq!(frames[..3], [30, 20, 10]);
    assert_eq!(ledger.frames(stack, &mut frames[..2]), Some((2, root)));
    assert_eq!(ledger.frames(0, &mut frames), None);
    assert_eq!(ledger.frames(u32::MAX, &mut frames), None);
}
