//! What a writer notes, a reader finds: against a plain map, over threads, and
//! at the limits of memory.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;

use freehold_ledger::format::{Called, Family, Ground, MAX_MISUSES, MisuseKind, Root, State};
use freehold_ledger::reader::{End, Frames, SessionFile};
use freehold_ledger::session::{Backing, Config, NewSession, path_for_environment};
use freehold_ledger::writer::{
    Allocation, Birth, Gone, Ledger, Loaded, Misuse, Path, Release, Session, ThreadLog,
};

const ROOT: Root = Root {
    epoch: 0,
    truncated: false,
    incomplete: false,
    approximate: false,
};

/// Where blocks are made up: high, as far as the index of the program's width goes.
const HIGH: u64 = if usize::BITS == 32 {
    0x15_5000_0000
} else {
    0x5555_5000_0000
};

/// Ledgers of a test program are never unmapped, and in 32-bit ones there is room for
/// few of the usual size.
fn config() -> Config {
    let usual = Config::default();
    Config {
        max_memory: match usize::BITS {
            32 => 32 << 20,
            _ => usual.max_memory,
        },
        ..usual
    }
}

struct World {
    session: NewSession,
    ledger: Box<Ledger>,
}

fn world(config: &Config) -> World {
    world_in(config, &Backing::Memfd)
}

fn world_in(config: &Config, backing: &Backing) -> World {
    let session = NewSession::create(config, backing).expect("a session");
    let ledger = begin(&session, 4711, None);
    World { session, ledger }
}

fn begin(session: &NewSession, pid: u32, parent_slot: Option<u32>) -> Box<Ledger> {
    let path = path_for_environment(session.path()).unwrap();
    let (opened, file) = Session::open(&path).expect("opens");
    let mut ledger = Box::<Ledger>::new_zeroed();
    let birth = Birth {
        pid,
        parent_pid: 1,
        parent_slot,
        argv: b"prog\0--flag\0",
        exe: b"/bin/prog",
    };
    // SAFETY: zeroed and private; the file is the session's; zeroed bytes are
    // a Ledger, begun or not.
    unsafe {
        Ledger::begin(ledger.as_mut_ptr(), opened, file, &birth).expect("begins");
        freehold_ledger::close_file(file);
        ledger.assume_init()
    }
}

fn log(ledger: &Ledger, tid: u32) -> Box<ThreadLog> {
    // SAFETY: zeroed bytes are a log that has not begun.
    let mut log = unsafe { Box::<ThreadLog>::new_zeroed().assume_init() };
    log.begin(ledger, tid, [u64::from_le_bytes(*b"worker\0\0"), 0]);
    log
}

fn snapshot(world: &World) -> freehold_ledger::reader::Snapshot {
    let file = SessionFile::open(world.session.path()).expect("readable");
    file.read_ledger(world.ledger.slot())
        .expect("readable")
        .expect("begun")
}

fn block(address: u64, size: u64, stack: u32) -> Allocation {
    Allocation {
        address,
        size,
        stack,
        family: Family::Malloc,
    }
}

#[test]
fn everything_comes_back() {
    let world = world(&config());
    let mut log = log(&world.ledger, 17);
    let module = Loaded {
        start: 0x1000,
        end: 0x9000,
        bias: 0x1000,
        path: b"/usr/lib/libx.so",
        build_id: &[1, 2, 3],
    };
    assert!(!world.ledger.add_module(&module));
    let stack = world.ledger.intern(ROOT, &[0x3000, 0x2000]);
    assert_eq!(world.ledger.intern(ROOT, &[0x3000, 0x2000]), stack);
    assert!(log.allocated(&world.ledger, block(HIGH + 0x1230, 77, stack)));
    assert!(log.refamily(&world.ledger, HIGH + 0x1230, Family::New));
    world.ledger.end(State::Exited, 3);

    let found = snapshot(&world);
    assert_eq!(found.damage, Vec::<String>::new());
    assert_eq!(found.process.pid, 4711);
    assert_eq!(found.process.argv, ["prog", "--flag"]);
    assert_eq!(found.process.exe, "/bin/prog");
    assert_eq!(found.process.end, End::Exited(3));
    assert_eq!(found.blocks.len(), 1);
    let found_block = found.blocks[0];
    assert_eq!(
        (found_block.address, found_block.size()),
        (HIGH + 0x1230, 77)
    );
    assert_eq!(found_block.family(), Family::New);
    assert_eq!(
        found.stacks.frames(found_block.record.stack),
        Frames {
            addresses: vec![0x3000, 0x2000],
            ..Frames::default()
        }
    );
    assert_eq!(found.module_at(0x3000, 0).unwrap().path, "/usr/lib/libx.so");
    assert_eq!(found.modules[0].build_id, [1, 2, 3]);
    assert_eq!(found.threads[0].name, "worker");
    assert_eq!(found.threads[0].number, found_block.record.thread);
    assert_eq!(found.counters.allocations, 1);
    assert_eq!(found.counters.peak_bytes, 77);
}

#[test]
fn threads_equal_a_map() {
    let world = world(&config());
    let maps: Vec<BTreeMap<u64, u64>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4u64)
            .map(|thread| {
                let ledger = &*world.ledger;
                scope.spawn(move || {
                    let mut log = log(ledger, 100 + thread as u32);
                    let mut map = BTreeMap::new();
                    let mut random = 88_172_645_463_325_252 + thread;
                    for _ in 0..200_000 {
                        random ^= random << 13;
                        random ^= random >> 7;
                        random ^= random << 17;
                        let address = HIGH + (random >> 20) % 4096 * 64 + thread * 16;
                        if map.remove(&address).is_some() {
                            let release = log.released(ledger, address);
                            assert_eq!(release, Release::Live);
                        } else {
                            map.insert(address, random & 0xffff);
                            let what = block(address, random & 0xffff, 0);
                            assert!(log.allocated(ledger, what));
                        }
                    }
                    map
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let expected: BTreeMap<u64, u64> = maps.into_iter().flatten().collect();
    let found = snapshot(&world);
    assert_eq!(found.damage, Vec::<String>::new());
    let blocks: BTreeMap<u64, u64> = found.blocks.iter().map(|b| (b.address, b.size())).collect();
    assert_eq!(blocks, expected);
    let live: u64 = expected.values().sum();
    let counters = found.counters;
    assert_eq!(counters.allocated_bytes - counters.released_bytes, live);
    assert_eq!(
        counters.allocations - counters.releases,
        expected.len() as u64
    );
}

/// One thread allocates, another releases: records must go round, or the
/// ledger would grow with the number of events.
#[test]
fn records_go_round_between_threads() {
    let world = world(&config());
    let ledger = &*world.ledger;
    let (mut giver, mut taker) = (log(ledger, 1), log(ledger, 2));
    let mut used = 0;
    for round in 0..200u64 {
        for i in 0..5_000 {
            giver.allocated(ledger, block(0x10_0000 + i * 32, 8, 0));
        }
        for i in 0..5_000 {
            assert!(matches!(
                taker.released(ledger, 0x10_0000 + i * 32),
                Release::Live
            ));
        }
        if round == 10 {
            used = world.session.header().used.load(Relaxed);
        }
    }
    assert_eq!(world.session.header().used.load(Relaxed), used);
}

#[test]
fn the_limit_is_hard_and_losses_are_exact() {
    let world = world(&Config {
        max_memory: 1 << 20,
        ..config()
    });
    let mut log = log(&world.ledger, 1);
    let kept = (0..100_000u64)
        .filter(|i| log.allocated(&world.ledger, block(0x10_0000 + i * 48, 40, 0)))
        .count();
    let header = world.session.header();
    assert!(header.used.load(Relaxed) <= 1 << 20);
    assert!(kept > 5_000, "{kept}");
    let found = snapshot(&world);
    assert_eq!(found.blocks.len(), kept);
    assert_eq!(found.counters.dropped_records, 100_000 - kept as u64);
    assert_eq!(found.counters.dropped_bytes, (100_000 - kept as u64) * 40);
    assert_eq!(found.counters.allocations, 100_000);
}

/// What the index hands out freely at first, so that small heaps are fast: part
/// of what a ledger costs at all.
const GENEROUS: u64 = 3 << 20;

#[test]
fn a_block_costs_less_than_48_bytes() {
    for spacing in [32u64, 48, 64, 208, 1008, 4112, 8208] {
        let world = world(&config());
        let mut log = log(&world.ledger, 1);
        let before = world.session.header().used.load(Relaxed);
        let count = 500_000;
        for i in 0..count {
            assert!(log.allocated(&world.ledger, block(HIGH + i * spacing, 1, 0)));
        }
        let after = world.session.header().used.load(Relaxed);
        let each = (after - before - GENEROUS) as f64 / count as f64;
        println!("{spacing:5} bytes apart: {each:.1} bytes for each block");
        assert!(each <= 48.0, "{each} bytes at {spacing}");
    }
}

/// Blocks of mixed sizes do not stand in even distances, so their segments are
/// not filled evenly.
#[test]
fn mixed_blocks_cost_less_than_48_bytes_each() {
    for most in [64u64, 128, 512, 2048, 8192] {
        let world = world(&config());
        let mut log = log(&world.ledger, 1);
        let before = world.session.header().used.load(Relaxed);
        let (mut address, mut random) = (HIGH + 0x10, 88_172_645_463_325_252_u64);
        let count = 500_000;
        for _ in 0..count {
            assert!(log.allocated(&world.ledger, block(address, 1, 0)));
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            address += (random % most + 23) / 16 * 16 + 16;
        }
        let after = world.session.header().used.load(Relaxed);
        let each = (after - before - GENEROUS) as f64 / f64::from(count);
        println!("up to {most:5} bytes: {each:.1} bytes for each block");
        assert!(each <= 48.0, "{each} bytes up to {most}");
    }
}

#[test]
fn a_library_in_anothers_place_begins_an_epoch() {
    let world = world(&config());
    let at = |path: &'static [u8]| Loaded {
        start: 0x1000,
        end: 0x2000,
        bias: 0x1000,
        path,
        build_id: b"",
    };
    assert!(!world.ledger.add_module(&at(b"/a.so")));
    world.ledger.unload_modules(|_, _| false);
    // The same one comes back: nothing has become ambiguous.
    assert!(!world.ledger.add_module(&at(b"/a.so")));
    world.ledger.unload_modules(|_, _| false);
    assert!(world.ledger.add_module(&at(b"/b.so")));
    assert_eq!(world.ledger.epoch(), 1);
    let found = snapshot(&world);
    assert_eq!(found.module_at(0x1800, 0).unwrap().path, "/a.so");
    assert_eq!(found.module_at(0x1800, 1).unwrap().path, "/b.so");
}

#[test]
fn a_release_that_failed_is_taken_back() {
    let world = world(&config());
    let mut log = log(&world.ledger, 1);
    log.allocated(&world.ledger, block(0x1000, 10, 0));
    let known = log
        .released_for_now(&world.ledger, 0x1000, Family::Malloc, 0)
        .ok();
    let known = known.expect("it was live");
    let release = log.released(&world.ledger, 0x1000);
    assert!(matches!(release, Release::Dead(_)), "{release:?}");
    log.restored(&world.ledger, 0x1000, &known);
    let found = snapshot(&world);
    assert_eq!(found.blocks.len(), 1);
    assert_eq!(
        (found.counters.allocations, found.counters.releases),
        (1, 0)
    );
}

// On Windows a file cannot be removed while it is mapped, as the ledgers here
// are; `killed.rs` looks at that.
#[cfg(unix)]
#[test]
fn two_processes_share_a_session_in_a_directory() {
    let directory = std::env::temp_dir().join(format!("freehold-test-{}", std::process::id()));
    let world = world_in(&config(), &Backing::Directory(directory.clone()));
    let child = begin(&world.session, 4712, Some(world.ledger.slot()));
    let mut own = log(&child, 1);
    own.allocated(&child, block(0x1000, 10, 0));
    let file = SessionFile::open(world.session.path()).unwrap();
    let all = file.read_session(|_, _| {}).unwrap();
    assert_eq!(all.ledgers.len(), 2);
    assert_eq!(all.ledgers[1].process.parent_slot, Some(0));
    assert_eq!(all.ledgers[0].blocks.len(), 0);
    assert_eq!(all.ledgers[1].blocks.len(), 1);
    drop(world);
    assert_eq!(
        std::fs::read_dir(&directory).unwrap().count(),
        0,
        "nothing stays behind"
    );
    std::fs::remove_dir(directory).unwrap();
}

#[test]
fn many_stacks_are_stored_once_each() {
    let world = world(&config());
    let numbers: Vec<u32> = (0..50_000usize)
        .map(|i| world.ledger.intern(ROOT, &[i + 1, i % 100 + 1, 7]))
        .collect();
    for (i, number) in numbers.iter().enumerate() {
        let frames = [i + 1, i % 100 + 1, 7];
        assert_eq!(world.ledger.intern(ROOT, &frames), *number);
    }
}

/// A recursive function is one frame below as many parents as it has depths and
/// callers. With a hash that forgets the parent, this test never ends.
#[test]
fn one_frame_below_many_parents() {
    let world = world(&config());
    for caller in 0..300_000usize {
        assert_ne!(world.ledger.intern(ROOT, &[0x1234, caller + 1]), 0);
    }
}

/// Remembering the last stack must not change what a stack is.
#[test]
fn a_path_gives_the_same_numbers() {
    let world = world(&config());
    // SAFETY: zeroed bytes are an empty path.
    let mut path: Box<Path> = unsafe { Box::new_zeroed().assume_init() };
    let mut random = 7u64;
    for _ in 0..100_000 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let len = (random >> 8) as usize % 140;
        // Few different frames, so that outer parts are often shared.
        let frames: Vec<usize> = (0..len)
            .map(|i| i + 1 + (random >> 32) as usize % 3 * 1000)
            .collect();
        let root = Root {
            epoch: random as u32 % 2,
            ..ROOT
        };
        let number = world.ledger.intern_after(&mut path, root, &frames);
        assert_eq!(number, world.ledger.intern(root, &frames));
    }
}

/// A header that claims terabytes in a sparse file must not cost them.
#[test]
fn a_sparse_file_with_a_hostile_header_is_cheap_to_read() {
    let world = world(&config());
    let header = world.ledger.memory().header();
    for committed in &header.section_committed {
        committed.store(u64::MAX >> 8, Relaxed);
    }
    header.segment_bytes.store(1 << 42, Relaxed);
    header.records.store(u32::MAX, Relaxed);
    let found = snapshot(&world);
    assert!(!found.damage.is_empty());
}

/// Nor must one that claims billions of ledgers make the reader look for each.
#[test]
fn slots_that_were_never_begun_are_not_looked_for() {
    let world = world(&config());
    let header = world.session.header();
    header.slots.store(u32::MAX, Relaxed);
    header.max_slots.store(u32::MAX, Relaxed);
    let file = SessionFile::open(world.session.path()).expect("opens");
    assert_eq!(file.begun().expect("reads").count(), 1);
    assert_eq!(
        file.read_session(|_, _| {}).expect("reads").ledgers.len(),
        1
    );
    // Small slots in the gaps between the sections of the one ledger.
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        header.stride.store(freehold_ledger::format::PAGE, Relaxed);
        let found = file.begun().expect("reads").count() as u64;
        let metadata = std::fs::metadata(world.session.path()).unwrap();
        assert!(found <= metadata.blocks() * 512 / freehold_ledger::format::PAGE);
    }
}

/// A release is looked for only where there may be a sample, and every sample is
/// found.
#[test]
fn samples_are_not_overlooked() {
    let world = world(&Config {
        sample_bytes: 4096,
        ..config()
    });
    let mut log = log(&world.ledger, 1);
    let address = |i: u64| HIGH + 0x10 + i * 32;
    let samples = 20_000;
    for i in 0..samples {
        assert!(log.allocated(&world.ledger, block(address(i * 64), 24, 0)));
    }
    for i in 0..samples * 64 {
        let is_sample = i % 64 == 0;
        assert!(!(is_sample && log.is_surely_not_live(address(i))));
        if is_sample {
            assert_eq!(log.released(&world.ledger, address(i)), Release::Live);
            assert!(log.is_surely_not_live(address(i)));
        }
    }
    // An address is that of a sample again and again.
    for _ in 0..1000 {
        assert!(log.allocated(&world.ledger, block(address(5), 24, 0)));
        assert!(!log.is_surely_not_live(address(5)));
        let known = log
            .released_for_now(&world.ledger, address(5), Family::Malloc, 0)
            .expect("known");
        log.restored(&world.ledger, address(5), &known);
        assert!(!log.is_surely_not_live(address(5)));
        assert!(log.allocated(&world.ledger, block(address(5), 8, 0)));
        assert_eq!(log.released(&world.ledger, address(5)), Release::Live);
        assert!(log.is_surely_not_live(address(5)));
    }
}

#[test]
fn what_is_known_of_a_misuse_is_kept() {
    let world = world(&config());
    let (ledger, mut log) = (&world.ledger, log(&world.ledger, 1));
    log.allocated(ledger, block(0x20_0000, 200_000, 77));
    log.allocated(ledger, block(0x10_0000, 48, 7));
    // Another family's function does not release it.
    let by = |by| (by, 0x1234_5678_9abc);
    let (new, site) = by(Family::New);
    let other = log.released_by(ledger, 0x10_0000, new, site);
    assert!(
        matches!(other, Release::Other(r) if r.size == 48 && r.stack == 7),
        "{other:?}"
    );
    let (malloc, site) = by(Family::Malloc);
    assert_eq!(
        log.released_by(ledger, 0x10_0000, malloc, site),
        Release::Live
    );
    let gone = Gone {
        stack: 7,
        family: Family::Malloc,
        site,
    };
    let again = || Release::Dead(Some(gone));
    assert_eq!(log.released_by(ledger, 0x10_0000, malloc, 0), again());
    assert_eq!(log.released_by(ledger, 0x10_0000, new, 0), again());
    // Once its record is in use again, nothing is known of it but that it is gone.
    log.allocated(ledger, block(0x11_0000, 1, 8));
    assert_eq!(log.released(ledger, 0x10_0000), Release::Dead(None));
    // The block around an address is found however long it is.
    for inside in [0x20_0000u64, 0x20_0001, 0x20_0000 + 199_999] {
        let found = ledger
            .block_around(inside)
            .map(|(start, r)| (start, r.stack));
        assert_eq!(found, Some((0x20_0000, 77)), "{inside:x}");
    }
    assert!(ledger.block_around(0x20_0000 + 200_000).is_none());
    assert!(ledger.block_around(0x1f_ffff).is_none());

    let misuse = |allocated| Misuse {
        released: 0,
        kind: MisuseKind::Double,
        called: Called::Realloc,
        address: 0x10_0000,
        family: Family::Malloc,
        ground: Ground::Unknown,
        size: 48,
        offset: 3,
        allocated,
        released_site: site,
        here: 9,
        thread: 1,
    };
    for stack in (0..5000).chain([3, 3]) {
        ledger.note_misuse(&misuse(stack));
    }
    let found = snapshot(&world);
    assert_eq!(found.counters.misuses, 5002);
    assert_eq!(found.misuses.len(), MAX_MISUSES);
    let third = &found.misuses[3];
    assert_eq!((third.count, third.allocated, third.here), (3, 3, 9));
    assert_eq!(
        (third.kind, third.called),
        (MisuseKind::Double, Called::Realloc)
    );
    assert_eq!(
        (third.size, third.offset, third.released_site),
        (48, 3, site)
    );
}
