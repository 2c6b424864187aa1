//! Names, owners and frames that the process itself asks for, against what a
//! reader outside finds.

use freehold_ledger::annotate::{Lookup, NameKind};
use freehold_ledger::format::{Family, Language, Owner, Place, Root};
use freehold_ledger::managed::PlaceText;
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

fn place(function: &'static str, line: u32) -> PlaceText<'static> {
    PlaceText {
        language: Language::Dart,
        function: function.as_bytes(),
        file: b"package:app/main.dart",
        line,
        column: 7,
    }
}

#[test]
fn places_and_names_of_stacks_are_what_a_reader_finds() {
    let (session, ledger, mut log) = world();
    let (inner, outer) = (
        ledger.add_place(&place("inner", 3)),
        ledger.add_place(&place("", 0)),
    );
    assert_eq!((inner, outer), (1, 2));
    assert_eq!(ledger.place(inner), Some(place("inner", 3)));
    assert_eq!(ledger.place(outer), Some(place("", 0)));
    assert_eq!(
        (ledger.place(0), ledger.place(3), ledger.place(u32::MAX)),
        (None, None, None)
    );
    let root = Root {
        epoch: 0,
        truncated: false,
        incomplete: false,
        approximate: true,
    };
    let walked = ledger.intern(root, &[0x3000, 0x2000, 0x1000]);
    let words = [Place::word(inner), Place::word(outer)];
    let names = ledger.intern_words(
        Root {
            approximate: false,
            ..root
        },
        &words,
    );
    assert!(!ledger.is_named(walked) && ledger.naming_of(walked).is_none());
    // Neither is a number that was never given.
    assert!(!ledger.name_stack(walked, u32::MAX) && !ledger.name_stack(0, names));
    assert!(!ledger.name_stack(1 << 20, names) && !ledger.is_named(1 << 20));
    assert!(ledger.name_stack(walked, names));
    assert!(!ledger.name_stack(walked, names), "it has names");
    assert_eq!(
        (ledger.is_named(walked), ledger.naming_of(walked)),
        (true, Some(names))
    );
    assert!(!ledger.is_named(names));
    // A stack of its own goes on from a named one's nodes.
    let longer = ledger.intern(root, &[0x4000, 0x3000, 0x2000, 0x1000]);
    assert!(!ledger.is_named(longer));
    for (address, stack) in [
        (0x7000_1000, walked),
        (0x7000_2000, names),
        (0x7000_3000, longer),
    ] {
        let family = Family::Malloc;
        assert!(log.allocated(
            &ledger,
            Allocation {
                address,
                size: 1,
                stack,
                family
            }
        ));
    }
    let file = SessionFile::open(session.path()).expect("readable");
    let found = file.read_ledger(ledger.slot()).expect("readable").unwrap();
    let stack = |number: u32| found.stack(number).addresses;
    assert_eq!(stack(walked), words, "no object holds any of its code");
    assert_eq!(stack(names), words);
    assert_eq!(stack(longer), [0x4000, 0x3000, 0x2000, 0x1000]);
    assert!(!found.stack(walked).approximate && found.stack(longer).approximate);
    let known = found.place(inner).expect("complete");
    assert_eq!(
        (&*known.function, &*known.file),
        ("inner", "package:app/main.dart")
    );
    assert_eq!(
        (known.line, known.column, known.language),
        (3, 7, Some(Language::Dart))
    );
    assert!(found.place(0).is_none() && found.place(99).is_none());
}

#[test]
fn long_texts_of_places_are_cut_and_room_for_them_ends() {
    let (session, ledger, _log) = world();
    let long = vec![b'x'; 10_000];
    let text = PlaceText {
        function: &long,
        file: &long,
        ..place("", 0)
    };
    let number = ledger.add_place(&text);
    assert_eq!(ledger.place(number).expect("room").function.len(), 4096);
    // Each a file of its own: at last the names are full.
    let mut given = 0_u32;
    for i in 0..200_000_u32 {
        let function = format!("{i:0>3000}");
        let text = PlaceText {
            function: function.as_bytes(),
            ..place("", i)
        };
        match ledger.add_place(&text) {
            0 => break,
            _ => given += 1,
        }
    }
    assert!((200..200_000).contains(&given), "{given}");
    let file = SessionFile::open(session.path()).expect("readable");
    let found = file.read_ledger(ledger.slot()).expect("readable").unwrap();
    let complete = (1..).map_while(|number| found.place(number)).count();
    assert_eq!(complete as u32, given + 1);
    // The place that was not completed is none.
    assert!(found.place(given + 2).is_none());
}
