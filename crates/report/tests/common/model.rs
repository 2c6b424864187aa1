//! Reports made by hand.

use freehold_ledger::format::{Family, Verdict};
use freehold_report::frame::{Frame, Language, Place};
use freehold_report::model::{Exit, ProcessReport, Site, Tally};
use freehold_report::notes::{Importance, Note};

pub fn frame(module: &str, function: &str, file: &str, line: u32) -> Frame {
    Frame {
        place: Place {
            function: (!function.is_empty()).then(|| function.into()),
            file: (!file.is_empty()).then(|| file.into()),
            line: (line > 0).then_some(line),
            column: None,
            inlined: false,
        },
        module: module.into(),
        pc: 0x7f00_0000_1001,
        offset: 0x1000,
        language: Language::Native,
    }
}

pub fn site(verdict: Verdict, family: Family, bytes: u64, blocks: u64, stack: Vec<Frame>) -> Site {
    Site {
        total: Tally { blocks, bytes },
        smallest: bytes / blocks,
        largest: bytes / blocks,
        verdict,
        family,
        api: None,
        tags: Vec::new(),
        scope: None,
        oldest_ms: 10,
        youngest_ms: 900,
        fingerprint: freehold_report::fingerprint::of(family, &stack),
        runtime: false,
        truncated: false,
        incomplete: false,
        approximate: false,
        stack,
    }
}

/// A process with losses of several kinds.
pub fn lossy() -> ProcessReport {
    let start = [
        frame(
            "libc.so.6",
            "__libc_start_call_main",
            "./csu/../sysdeps/nptl/libc_start_call_main.h",
            58,
        ),
        frame("libc.so.6", "__libc_start_main_impl", "", 0),
        frame("python3.11", "_start", "", 0),
    ];
    let mut sqlite = vec![
        frame(
            "libsqlite3.so.0",
            "sqlite3MemMalloc",
            "/usr/src/sqlite3-3.40.1/src/mem1.c",
            130,
        ),
        frame("libsqlite3.so.0", "", "", 0),
        frame("libsqlite3.so.0", "sqlite3_mprintf", "", 0),
        frame(
            "quick.so",
            "leak_message",
            "/home/me/app/native/quick.c",
            12,
        ),
        frame("[anonymous]", "", "", 0),
        frame(
            "python3.11",
            "_PyEval_EvalFrameDefault",
            "/usr/src/python3.11/Python/ceval.c",
            5200,
        ),
    ];
    sqlite.extend(start.clone());
    let mut cpp = vec![
        frame("app", "operator new(unsigned long)", "", 0),
        frame(
            "app",
            "std::__new_allocator<std::pair<int const, std::string> >::allocate(unsigned long, void const*)",
            "/usr/include/c++/12/bits/new_allocator.h",
            137,
        ),
        frame(
            "app",
            "std::map<int, std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >, std::less<int> >::operator[](int const&)",
            "/usr/include/c++/12/bits/stl_map.h",
            511,
        ),
        frame(
            "app",
            "cache::remember(int, char const*)",
            "/home/me/app/src/cache.cpp",
            31,
        ),
        frame("app", "main", "/home/me/app/src/main.cpp", 9),
    ];
    cpp.extend(start);
    let mut various = site(Verdict::Lost, Family::New, 3000, 3, cpp);
    (various.smallest, various.largest) = (8, 2048);
    various.scope = Some("request 7".into());
    various.tags = vec!["Uint8".into(), "Node".into()];
    let text = vec![
        frame("libc.so.6", "malloc", "", 0),
        frame("libc.so.6", "strdup", "./string/strdup.c", 42),
        frame("app", "name", "/home/me/app/src/name.c", 3),
    ];
    let mut process = ProcessReport {
        pid: 4711,
        argv: vec!["/usr/bin/python3".into(), "quick.py".into()],
        exe: "/usr/bin/python3.11".into(),
        exit: Exit::Code(0),
        duration_ms: 1200,
        sites: vec![
            site(Verdict::Lost, Family::Malloc, 8192, 8, sqlite),
            various,
            site(Verdict::Lost, Family::Malloc, 6, 1, text),
            site(
                Verdict::Indirect,
                Family::Malloc,
                64,
                2,
                vec![frame("app", "child", "/home/me/app/src/name.c", 30)],
            ),
            site(Verdict::Lost, Family::Custom, 5, 1, Vec::new()),
        ],
        ..ProcessReport::default()
    };
    process.sites.swap(3, 4);
    process.scan.done = true;
    process.scan.pause_us = 430;
    process.scan.duration_us = 8200;
    process.scan.root_bytes = 12 << 20;
    process.summary.allocations = 123_456;
    process.summary.lost = Tally {
        blocks: 13,
        bytes: 11203,
    };
    process.summary.indirect = Tally {
        blocks: 2,
        bytes: 64,
    };
    process.summary.reachable = Tally {
        blocks: 4210,
        bytes: 1_234_567,
    };
    process.notes = vec![
        Note {
            kind: "truncated-stacks",
            text: "3 stacks were cut at 64 frames: raise --depth".into(),
            importance: Importance::Sites,
        },
        Note {
            kind: "unknown-releases",
            text: "hidden unless all is shown".into(),
            importance: Importance::Detail,
        },
    ];
    process
}
