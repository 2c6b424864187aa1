//! Damaged images and PDBs: a report is made of them all the same, and nothing may
//! hang or grow without bound.
#![cfg(unix)]

mod common;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::windows::{codeview_program, mingw};
use common::{BASE, block};
use freehold_ledger::format::Verdict;
use freehold_ledger::reader::{Frames, ModuleInfo, Session, Snapshot, Stacks};
use freehold_report::files::{Bytes, Files};
use freehold_report::{Options, Symbols, build, json};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// An image and its PDB, in memory.
struct Memory(HashMap<PathBuf, Vec<u8>>);

impl Files for Memory {
    fn open(&self, path: &Path) -> io::Result<Bytes> {
        let bytes = self.0.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(bytes.clone()))
    }
}

/// Makes a report of addresses all over the image, however it was damaged; says
/// whether any function had a name.
fn report_on(image: Vec<u8>, pdb: Vec<u8>) -> bool {
    let files = Memory(HashMap::from([
        (PathBuf::from("/app/pe_damaged.exe"), image),
        (PathBuf::from("/app/pe_damaged.pdb"), pdb),
    ]));
    let mut stacks = Stacks::new();
    let mut snapshot = Snapshot::default();
    for i in 0..96 {
        let addresses = vec![BASE + 0x1000 + i * i];
        let stack = stacks.add(&Frames {
            addresses,
            ..Frames::default()
        });
        snapshot.blocks.push(block(i, 16, stack, Verdict::Lost));
    }
    snapshot.stacks = stacks;
    snapshot.modules.push(ModuleInfo {
        start: BASE,
        end: u64::MAX,
        bias: BASE,
        path: "/app/pe_damaged.exe".into(),
        ..ModuleInfo::default()
    });
    let session = Session {
        ledgers: vec![snapshot],
        ..Session::default()
    };
    let begun = Instant::now();
    let mut symbols = Symbols::new(&files).debug_roots(Vec::new());
    let report = build(&session, &Options::default(), &mut symbols, &mut |_| {});
    let mut notes = report.main.notes.iter();
    assert!(notes.all(|n| !n.text.contains("makes no sense")));
    let _ = json::render(&report);
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
    let mut frames = report.main.sites.iter().flat_map(|site| &site.stack);
    frames.any(|frame| frame.function().is_some())
}

/// Damages what `whole` gives as the mutations say.
fn damaged(
    mut bytes: Vec<u8>,
    mutations: &[(prop::sample::Index, u8)],
    cut: Option<prop::sample::Index>,
) -> Vec<u8> {
    for (at, value) in mutations {
        let at = at.index(bytes.len());
        bytes[at] = *value;
    }
    if let Some(cut) = cut {
        bytes.truncate(cut.index(bytes.len()));
    }
    bytes
}

fn fuzz(cases: u32, test: impl Fn(&[(prop::sample::Index, u8)], Option<prop::sample::Index>)) {
    let mutations = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40);
    let strategy = (
        mutations,
        prop::option::weighted(0.2, any::<prop::sample::Index>()),
    );
    let mut runner = TestRunner::new(ProptestConfig {
        cases,
        ..ProptestConfig::default()
    });
    let result = runner.run(&strategy, |(mutations, cut)| {
        test(&mutations, cut);
        Ok(())
    });
    result.expect("nothing panics");
}

#[test]
fn damaged_images() {
    let source = r#"
        #include <windows.h>
        __declspec(dllexport) void *Shown(size_t n) { return HeapAlloc(GetProcessHeap(), 0, n); }
        int main(int argc, char **argv) { return Shown(argc) == (void *)argv; }
    "#;
    for (name, flags) in [
        ("pe_damaged_g", &["-g", "-O2"][..]),
        ("pe_damaged_s", &["-s"]),
    ] {
        let Some(image) = mingw(name, "c", source, flags) else {
            return;
        };
        let whole = std::fs::read(image.path()).expect("read");
        assert!(report_on(whole.clone(), Vec::new()));
        // Most of what is read first lies at the beginning.
        let head = whole.len().min(4096);
        fuzz(150, |mutations, cut| {
            report_on(damaged(whole.clone(), mutations, cut), Vec::new());
            let mut image = whole.clone();
            let front = damaged(whole[..head].to_vec(), mutations, None);
            image[..head].copy_from_slice(&front);
            report_on(image, Vec::new());
        });
    }
}

#[test]
fn damaged_pdbs() {
    let Some(program) = codeview_program("pe_damaged") else {
        return;
    };
    let image = std::fs::read(program.path()).expect("read");
    let pdb = std::fs::read(program.path().with_extension("pdb")).expect("read");
    assert!(report_on(image.clone(), pdb.clone()));
    fuzz(600, |mutations, cut| {
        report_on(image.clone(), damaged(pdb.clone(), mutations, cut));
    });
}
