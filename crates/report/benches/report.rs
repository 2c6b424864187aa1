//! How long a large ledger takes: 1,000,000 live blocks, 10,000 stacks in the
//! objects of this very program. `cargo bench -p freehold-report`

use std::time::Instant;

use freehold_ledger::format::{Family, Owner, Record, Verdict};
use freehold_ledger::reader::{Block, Frames, ModuleInfo, Session, Snapshot, Stacks};
use freehold_report::{Options, Show, Symbols, build, files, json, text};

const BLOCKS: u64 = 1_000_000;
const STACKS: u64 = 10_000;
const DEPTH: u64 = 30;

fn main() {
    let session = session();
    for show in [Show::Lost, Show::All] {
        let start = Instant::now();
        let mut symbols = Symbols::new(&files::Disk);
        let options = Options {
            show,
            ..Options::default()
        };
        let report = build(&session, &options, &mut symbols, &mut |progress| {
            if std::env::var_os("SHOW_PROGRESS").is_some() {
                println!("{:?} {progress:?}", start.elapsed());
            }
        });
        let built = start.elapsed();
        let text = text::render(&report, &text::TextOptions::default());
        let json = json::render(&report);
        println!(
            "{show:?}: {} sites; built in {built:?}, with {} bytes of text and {} of JSON in {:?}",
            report.main.sites.len(),
            text.len(),
            json.len(),
            start.elapsed()
        );
    }
}

/// Blocks that were allocated all over this program and libc.
fn session() -> Session {
    let modules = modules();
    let mut random = 1u64;
    let mut next = |below: u64| {
        random = random
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (random >> 33) % below
    };
    // As in real programs, most frames are shared by many stacks.
    let pool: Vec<u64> = (0..20_000)
        .map(|_| {
            let module = &modules[next(modules.len() as u64) as usize];
            module.start + next(module.end - module.start)
        })
        .collect();
    let mut stacks = Stacks::new();
    let numbers: Vec<u32> = (0..STACKS)
        .map(|_| {
            let addresses = (0..DEPTH)
                .map(|_| pool[next(pool.len() as u64) as usize])
                .collect();
            stacks.add(&Frames {
                addresses,
                ..Frames::default()
            })
        })
        .collect();
    let blocks = (0..BLOCKS).map(|i| {
        let record = Record {
            size: 8 + next(1000),
            stack: numbers[next(STACKS) as usize],
            time_ms: i as u32,
            thread: 1,
            family: Family::Malloc,
            owner: Owner::Caller,
            scope: 0,
            tag: 0,
            generation: 0,
        };
        let verdict = [Verdict::Lost, Verdict::Reachable, Verdict::Reachable][next(3) as usize];
        Block {
            address: i * 2048,
            record,
            verdict,
        }
    });
    let mut snapshot = Snapshot {
        blocks: blocks.collect(),
        stacks,
        modules,
        ..Snapshot::default()
    };
    snapshot.scan.done = true;
    Session {
        ledgers: vec![snapshot],
        ..Session::default()
    }
}

/// The executable mappings of this process as modules.
fn modules() -> Vec<ModuleInfo> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let mut modules = Vec::new();
    for line in maps.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (Some((start, end)), Some(path)) = (words[0].split_once('-'), words.get(5)) else {
            continue;
        };
        let hex = |digits| u64::from_str_radix(digits, 16).unwrap_or(0);
        if words[1].contains('x') && path.starts_with('/') {
            // In the objects at hand addresses and file offsets differ little.
            let (start, end) = (hex(start), hex(end));
            let bias = start - hex(words[2]) - 0x1000 * u64::from(!path.contains(".so"));
            modules.push(ModuleInfo {
                start,
                end,
                bias,
                path: (*path).to_owned(),
                ..ModuleInfo::default()
            });
        }
    }
    modules
}
