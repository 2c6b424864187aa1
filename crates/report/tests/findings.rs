//! How live blocks become sites.

mod common;

use common::{BASE, block};
use freehold_ledger::format::{self as ledger, Family, Verdict};
use freehold_ledger::reader::{Block, Frames, ModuleInfo, PlaceInfo, Session, Snapshot, Stacks};
use freehold_report::model::{Report, Tally};
use freehold_report::{Options, Show, Symbols, build, files};

/// A process with blocks whose stacks are given as addresses in its modules.
#[derive(Default)]
struct Made {
    snapshot: Snapshot,
}

impl Made {
    fn new(modules: &[&str]) -> Made {
        let mut snapshot = Snapshot {
            stacks: Stacks::new(),
            ..Snapshot::default()
        };
        for (i, path) in modules.iter().enumerate() {
            let start = BASE * (i as u64 + 1);
            let path = (*path).to_owned();
            snapshot.modules.push(ModuleInfo {
                start,
                end: start + 0x1_0000,
                bias: start,
                path,
                ..ModuleInfo::default()
            });
        }
        snapshot.scan.done = true;
        Made { snapshot }
    }

    /// Adds a block allocated at these (module, offset) pairs, innermost first.
    fn block(&mut self, size: u64, verdict: Verdict, stack: &[(u64, u64)]) -> &mut Block {
        let addresses = stack
            .iter()
            .map(|(module, offset)| BASE * (module + 1) + offset)
            .collect();
        let stack = self.snapshot.stacks.add(&Frames {
            addresses,
            ..Frames::default()
        });
        let address = self.snapshot.blocks.len() as u64 * 4096;
        self.snapshot
            .blocks
            .push(block(address, size, stack, verdict));
        self.snapshot.blocks.last_mut().expect("just added")
    }

    fn report(self, options: &Options) -> Report {
        let session = Session {
            ledgers: vec![self.snapshot],
            ..Session::default()
        };
        build(
            &session,
            options,
            &mut Symbols::new(&files::NoFiles),
            &mut |_| {},
        )
    }
}

fn all() -> Options {
    Options {
        show: Show::All,
        ..Options::default()
    }
}

#[test]
fn worst_first() {
    let mut made = Made::new(&["/bin/app"]);
    made.block(1 << 20, Verdict::Reachable, &[(0, 0x10)]);
    made.block(100, Verdict::Indirect, &[(0, 0x20)]);
    made.block(10, Verdict::Lost, &[(0, 0x30)]);
    made.block(20, Verdict::Lost, &[(0, 0x40)]);
    made.block(30, Verdict::Unknown, &[(0, 0x50)]);
    made.block(40, Verdict::Possible, &[(0, 0x60)]);
    let lost = Made {
        snapshot: made.snapshot.clone(),
    }
    .report(&Options::default());
    let sizes = |report: &Report| {
        report
            .main
            .sites
            .iter()
            .map(|s| s.total.bytes)
            .collect::<Vec<_>>()
    };
    assert_eq!(sizes(&lost), [20, 10, 100]);
    assert_eq!((lost.lost_blocks, lost.lost_bytes), (3, 130));
    let all = made.report(&all());
    assert_eq!(sizes(&all), [20, 10, 100, 40, 1 << 20, 30]);
    assert_eq!(
        all.main.summary.lost,
        Tally {
            blocks: 2,
            bytes: 30
        }
    );
    assert_eq!(all.main.summary.live.blocks, 6);
}

#[test]
fn handles_are_listed_though_a_scan_judged_all_else() {
    let mut made = Made::new(&["/bin/app"]);
    made.block(30, Verdict::Unknown, &[(0, 0x50)]);
    let menu = made.block(0, Verdict::Unknown, &[(0, 0x60)]);
    menu.record.family = Family::Menu;
    let report = made.report(&Options::default());
    let families: Vec<_> = report.main.sites.iter().map(|s| s.family).collect();
    assert_eq!(families, [Family::Menu]);
    // Open is not lost.
    assert_eq!((report.lost_blocks, report.lost_bytes), (0, 0));
}

#[test]
fn one_site_for_each_stack_verdict_and_family() {
    let mut made = Made::new(&["/bin/app"]);
    for (size, time_ms) in [(8, 50), (64, 20), (16, 90)] {
        let block = made.block(size, Verdict::Lost, &[(0, 0x10), (0, 0x20)]);
        block.record.time_ms = time_ms;
    }
    made.block(8, Verdict::Lost, &[(0, 0x10), (0, 0x20)])
        .record
        .family = Family::New;
    made.block(8, Verdict::Indirect, &[(0, 0x10), (0, 0x20)]);
    made.block(8, Verdict::Lost, &[(0, 0x10), (0, 0x21)]);
    let report = made.report(&Options::default());
    assert_eq!(report.main.sites.len(), 4);
    let site = &report.main.sites[0];
    assert_eq!(
        site.total,
        Tally {
            blocks: 3,
            bytes: 88
        }
    );
    assert_eq!((site.smallest, site.largest), (8, 64));
    assert_eq!((site.oldest_ms, site.youngest_ms), (20, 90));
    assert_eq!(site.releases(), ["free"]);
    let cpp = report.main.sites.iter().find(|s| s.family == Family::New);
    assert_eq!(cpp.expect("a site").releases(), ["operator delete"]);
    assert_ne!(cpp.expect("a site").fingerprint, site.fingerprint);
}

#[test]
fn tags_and_scopes_have_names() {
    let mut made = Made::new(&["/bin/app"]);
    made.snapshot.tags = ["", "Uint8", "Node"].map(String::from).to_vec();
    made.snapshot.scopes = ["", "test a", "test b"].map(String::from).to_vec();
    for (tag, offset) in [(1, 0x10), (2, 0x10), (1, 0x10), (0, 0x10), (9, 0x10)] {
        let block = made.block(8, Verdict::Lost, &[(0, offset)]);
        (block.record.tag, block.record.scope) = (tag, 1);
    }
    for scope in [1, 2] {
        made.block(1, Verdict::Lost, &[(0, 0x20)]).record.scope = scope;
    }
    let report = made.report(&Options::default());
    let [first, second] = &report.main.sites[..] else {
        panic!("two sites");
    };
    assert_eq!(first.tags, ["Uint8", "Node"]);
    assert_eq!(first.scope.as_deref(), Some("test a"));
    assert_eq!((second.tags.len(), &second.scope), (0, &None));
}

#[test]
fn our_own_frames_and_the_loaders_blocks_are_no_findings() {
    let mut made = Made::new(&[
        "/lib/libfreehold_interpose.so",
        "/bin/app",
        "/lib64/ld-linux-x86-64.so.2",
    ]);
    made.block(
        8,
        Verdict::Lost,
        &[(0, 0x10), (0, 0x20), (1, 0x30), (0, 0x40)],
    );
    made.block(1000, Verdict::Lost, &[(0, 0x10), (2, 0x30), (1, 0x40)]);
    made.block(4, Verdict::Lost, &[(0, 0x10)]);
    let every = Made {
        snapshot: made.snapshot.clone(),
    }
    .report(&all());
    assert_eq!(every.main.sites.len(), 3);
    assert!(every.main.sites[0].runtime);
    let report = made.report(&Options::default());
    let modules = |i: usize| {
        report.main.sites[i]
            .stack
            .iter()
            .map(|f| &*f.module)
            .collect::<Vec<_>>()
    };
    assert_eq!(modules(0), ["app", "libfreehold_interpose.so"]);
    assert_eq!(modules(1), [""; 0]);
    assert_eq!(report.main.sites.len(), 2);
    assert_eq!((report.lost_blocks, report.lost_bytes), (2, 12));
    assert_eq!(
        report.main.summary.runtime,
        Tally {
            blocks: 1,
            bytes: 1000
        }
    );
}

#[test]
fn small_sites_are_counted() {
    let mut made = Made::new(&["/bin/app"]);
    made.block(99, Verdict::Lost, &[(0, 0x10)]);
    made.block(50, Verdict::Lost, &[(0, 0x20)]);
    made.block(50, Verdict::Lost, &[(0, 0x20)]);
    let report = made.report(&Options {
        min_bytes: 100,
        ..Options::default()
    });
    assert_eq!(report.main.sites.len(), 1);
    assert_eq!(
        report.main.small,
        Tally {
            blocks: 1,
            bytes: 99
        }
    );
    assert_eq!(report.lost_blocks, 3);
}

#[test]
fn without_a_scan_every_block_is_listed() {
    let mut made = Made::new(&["/bin/app"]);
    made.block(8, Verdict::Unknown, &[(0, 0x10)]);
    made.snapshot.scan.done = false;
    let report = made.report(&Options::default());
    assert_eq!((report.main.sites.len(), report.lost_blocks), (1, 0));
    assert_eq!(report.main.notes[0].kind, "not-judged");
}

#[test]
fn imperfect_stacks_are_counted() {
    let mut made = Made::new(&["/bin/app"]);
    for (truncated, incomplete, approximate) in [
        (true, false, false),
        (true, true, false),
        (false, false, true),
    ] {
        let addresses = vec![BASE + 0x10];
        let frames = Frames {
            addresses,
            epoch: 0,
            truncated,
            incomplete,
            approximate,
        };
        let stack = made.snapshot.stacks.add(&frames);
        for _ in 0..2 {
            made.snapshot.blocks.push(block(0, 8, stack, Verdict::Lost));
        }
    }
    made.snapshot.blocks.push(block(0, 8, 0, Verdict::Lost));
    let summary = made.report(&Options::default()).main.summary;
    let counted = (
        summary.truncated_stacks,
        summary.incomplete_stacks,
        summary.approximate_stacks,
        summary.stacks,
    );
    assert_eq!(counted, (2, 1, 1, 3));
}

#[test]
fn a_closed_library_keeps_its_frames() {
    let mut made = Made::new(&["/lib/first.so", "/lib/second.so"]);
    let [first, second] = &mut made.snapshot.modules[..] else {
        panic!("two modules");
    };
    (second.start, second.end, second.bias) = (first.start, first.end, first.bias);
    (first.unload_epoch, second.load_epoch) = (Some(1), 3);
    for epoch in [0, 3] {
        let stack = made.snapshot.stacks.add(&Frames {
            addresses: vec![BASE + 0x10],
            epoch,
            ..Frames::default()
        });
        made.snapshot
            .blocks
            .push(block(0, 8 - u64::from(epoch), stack, Verdict::Lost));
    }
    let report = made.report(&Options::default());
    let modules: Vec<&str> = report
        .main
        .sites
        .iter()
        .map(|s| &*s.stack[0].module)
        .collect();
    assert_eq!(modules, ["first.so", "second.so"]);
}

#[test]
fn frames_of_managed_languages_stand_in_the_order_of_calls() {
    let mut made = Made::new(&["/lib/libvm.so", "/bin/vm"]);
    let place = |function: &str, file: &str, line| PlaceInfo {
        language: Some(ledger::Language::Dart),
        function: function.into(),
        file: file.into(),
        line,
        column: 5,
    };
    made.snapshot.places = vec![
        PlaceInfo {
            language: None,
            ..place("", "", 0)
        },
        place("malloc", "file:///home/u/app.dart", 12),
        place("main", "dart:core", 0),
    ];
    // A JIT's code called by the VM's library, called by the VM.
    let jit = 0x10_0000;
    let frames = |addresses: Vec<u64>| Frames {
        addresses,
        ..Frames::default()
    };
    let (library, vm) = (BASE + 0x100, BASE * 2 + 0x200);
    let stacks = &mut made.snapshot.stacks;
    let walked = stacks.add(&frames(vec![
        library,
        jit,
        jit + 64,
        library + 32,
        jit + 128,
        vm,
    ]));
    let words = vec![ledger::Place::word(1), ledger::Place::word(2)];
    let names = stacks.add(&frames(words));
    stacks.name(walked, names);
    made.snapshot
        .blocks
        .push(block(BASE * 7, 64, walked, Verdict::Lost));
    let report = made.report(&all());
    let stack = &report.main.sites[0].stack;
    let shown: Vec<String> = stack
        .iter()
        .map(|f| {
            format!(
                "{} {} {}",
                f.language.name(),
                f.module,
                f.function().unwrap_or("-")
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "native libvm.so -",
            // A name of the allocator's is none in another language.
            "dart dart malloc",
            "dart dart main",
            "native libvm.so -",
            "native vm -",
        ]
    );
    assert_eq!(stack[1].place.file.as_deref(), Some("/home/u/app.dart"));
    assert_eq!(
        (stack[1].place.line, stack[1].place.column),
        (Some(12), Some(5))
    );
    assert_eq!(
        (stack[2].place.file.as_deref(), stack[2].place.line),
        (Some("dart:core"), None)
    );
}
