//! Objects that are loaded, unloaded and loaded again: whatever lay where a
//! stack was recorded is what a reader finds there.

use std::collections::HashMap;

use freehold_ledger::reader::{SessionFile, Snapshot};
use freehold_ledger::session::{Backing, Config, NewSession, path_for_environment};
use freehold_ledger::writer::{Birth, Ledger, Loaded, Session};
use proptest::collection::vec;
use proptest::prelude::*;

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

struct World {
    session: NewSession,
    ledger: Box<Ledger>,
}

fn world() -> World {
    let session = NewSession::create(&config(), &Backing::Memfd).expect("a session");
    let ledger = begin(&session);
    World { session, ledger }
}

fn begin(session: &NewSession) -> Box<Ledger> {
    let path = path_for_environment(session.path()).unwrap();
    let (opened, file) = Session::open(&path).expect("opens");
    let mut ledger = Box::<Ledger>::new_zeroed();
    let birth = Birth {
        pid: 4711,
        parent_pid: 1,
        parent_slot: None,
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

fn snapshot(world: &World) -> Snapshot {
    let file = SessionFile::open(world.session.path()).unwrap();
    file.read_ledger(0).unwrap().unwrap()
}

/// Loads objects at overlapping places and unloads them, and what each epoch
/// found where.
struct Loader {
    world: World,
    loaded: Vec<usize>,
    seen: HashMap<(u32, u64), usize>,
}

impl Loader {
    /// Objects of three pages, two pages apart: each overlaps its neighbours.
    fn object(number: usize) -> (u64, String) {
        (
            0x10_0000 + number as u64 % 6 * 0x2000,
            format!("/{number}.so"),
        )
    }

    fn new() -> Loader {
        Loader {
            world: world(),
            loaded: Vec::new(),
            seen: HashMap::new(),
        }
    }

    fn unload(&mut self, number: usize) {
        self.loaded.retain(|other| *other != number);
        let places: Vec<u64> = self.loaded.iter().map(|n| Loader::object(*n).0).collect();
        self.world
            .ledger
            .unload_modules(|start, _| places.contains(&start));
    }

    fn load(&mut self, number: usize) {
        let (start, path) = Loader::object(number);
        let end = start + 0x3000;
        let overlaps = |other: &usize| {
            let there = Loader::object(*other).0;
            there < end && start < there + 0x3000
        };
        while let Some(other) = self.loaded.iter().copied().find(overlaps) {
            self.unload(other);
        }
        self.world.ledger.add_module(&Loaded {
            start,
            end,
            bias: start,
            path: path.as_bytes(),
            build_id: b"",
        });
        self.loaded.push(number);
        let epoch = self.world.ledger.epoch();
        for number in &self.loaded {
            let start = Loader::object(*number).0;
            for page in [0, 0x1000, 0x2fff] {
                let before = self.seen.insert((epoch, start + page), *number);
                assert!(before.is_none_or(|before| before == *number));
            }
        }
    }

    /// Compares with what a reader finds; how many entries there are.
    fn check(&self) -> usize {
        let found = snapshot(&self.world);
        for ((epoch, address), number) in &self.seen {
            let module = found.module_at(*address, *epoch).unwrap();
            assert_eq!(
                module.path,
                Loader::object(*number).1,
                "{address:x} {epoch}"
            );
        }
        found.modules.len()
    }
}

#[test]
fn libraries_in_turns_at_one_place_do_not_fill_the_table() {
    let mut loader = Loader::new();
    // Another one that stays, noted while the second was there.
    loader.load(0);
    loader.load(6);
    loader.load(3);
    for _ in 0..10_000 {
        loader.load(0);
        loader.load(1);
        loader.load(6);
    }
    let entries = loader.check();
    assert!(entries < 10, "{entries} entries");
    assert!(loader.world.ledger.epoch() < 10);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_epoch_tells_what_lay_where(steps in vec((any::<bool>(), 0usize..18), 1..120)) {
        let mut loader = Loader::new();
        for (loads, number) in steps {
            match loads || loader.loaded.is_empty() {
                true if loader.loaded.contains(&number) => {}
                true => loader.load(number),
                false => loader.unload(loader.loaded[number % loader.loaded.len()]),
            }
        }
        loader.check();
    }
}
