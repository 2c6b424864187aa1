//! Garbage in: nothing may panic, hang or grow without bound.
#![cfg(unix)]

mod common;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use common::{BASE, Program, block};
use freehold_ledger::format::Verdict;
use freehold_ledger::reader::{Frames, ModuleInfo, Session, Snapshot, Stacks};
use freehold_report::files::{Bytes, Files};
use freehold_report::text::TextOptions;
use freehold_report::{Options, Show, Symbols, build, json, text};
use proptest::prelude::*;

/// Files from memory.
#[derive(Default)]
struct Memory(HashMap<PathBuf, Vec<u8>>);

impl Files for Memory {
    fn open(&self, path: &Path) -> io::Result<Bytes> {
        let bytes = self.0.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(bytes.clone()))
    }
}

const SOURCE: &str = r#"
#include <stdlib.h>
static inline __attribute__((always_inline)) void *inner(size_t n) { return malloc(n); }
void *outer(size_t n) { char *p = inner(n + 1); *p = 1; return p; }
int main(int argc, char **argv) { return outer(argc) == (void *)argv; }
"#;

fn report_on(bytes: Vec<u8>) {
    let files = Memory(HashMap::from([
        (PathBuf::from("/bin/app"), bytes.clone()),
        (PathBuf::from("/usr/lib/debug/.build-id/01/02.debug"), bytes),
    ]));
    let mut stacks = Stacks::new();
    let mut snapshot = Snapshot::default();
    for i in 0..64 {
        let addresses = vec![BASE + 0x1000 + i * 8];
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
        path: "/bin/app".into(),
        ..ModuleInfo::default()
    });
    let session = Session {
        ledgers: vec![snapshot],
        ..Session::default()
    };
    let report = build(
        &session,
        &Options::default(),
        &mut Symbols::new(&files),
        &mut |_| {},
    );
    assert!(
        report
            .main
            .notes
            .iter()
            .all(|n| !n.text.contains("makes no sense"))
    );
    let _ = text::render(&report, &TextOptions::default());
    let _ = json::render(&report);
}

fn objects() -> Vec<Vec<u8>> {
    let flags = [&["-g"][..], &["-gdwarf-4"], &["-g", "-gz"], &[]];
    let compile = |(i, flags): (usize, &&[&str])| {
        let name = format!("hostile_{i}");
        let flags: Vec<&str> = flags.iter().copied().chain(["-O2"]).collect();
        let program = Program::compile(&name, "c", SOURCE, &flags);
        if flags.len() == 1 {
            program.tool("objcopy", &["-S", "--keep-symbol=outer", &name, "mini"]);
            program.tool("xz", &["mini"]);
            program.tool(
                "objcopy",
                &["--add-section", ".gnu_debugdata=mini.xz", &name],
            );
        }
        std::fs::read(&program.path).expect("the program is read")
    };
    flags.iter().enumerate().map(compile).collect()
}

#[test]
fn mutated_object_files() {
    let objects = objects();
    let mutations = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40);
    let strategy = (
        0..objects.len(),
        mutations,
        prop::option::of(any::<prop::sample::Index>()),
    );
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 300,
        ..ProptestConfig::default()
    });
    let result = runner.run(&strategy, |(which, mutations, cut)| {
        let mut bytes = objects[which].clone();
        for (at, value) in mutations {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        report_on(bytes);
        Ok(())
    });
    result.expect("nothing panics");
}

#[test]
fn no_object_files_at_all() {
    for bytes in [
        &b""[..],
        b"\x7fELF",
        b"\x7fELF\x02\x01\x01",
        b"#!/bin/sh\n",
        &[0xff; 4096],
    ] {
        report_on(bytes.to_vec());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_snapshot_makes_a_report(
        nodes in prop::collection::vec((any::<u64>(), 0u32..40), 0..40),
        blocks in prop::collection::vec((any::<u64>(), any::<u64>(), any::<u64>(), 0u32..6), 0..40),
        modules in prop::collection::vec((any::<u64>(), any::<u64>(), any::<u64>(), ".{0,8}", 0u32..3), 0..6),
        parents in prop::collection::vec((prop::option::of(0u32..6), 0u32..3, any::<bool>()), 1..6),
        names in prop::collection::vec(".{0,12}", 0..4),
        counters in any::<[u64; 4]>(),
        all: bool, width in 0usize..200,
    ) {
        let mut session = Session { depth: 64, ..Session::default() };
        for (slot, (parent, pid, replaced)) in parents.into_iter().enumerate() {
            let mut snapshot = Snapshot { slot: slot as u32, ..Snapshot::default() };
            snapshot.process.parent_slot = parent;
            snapshot.process.pid = pid;
            snapshot.process.argv = names.clone();
            snapshot.process.exe = names.concat();
            if replaced {
                snapshot.process.end = freehold_ledger::reader::End::Replaced;
            }
            snapshot.scan.done = pid == 0;
            (snapshot.scan.failed, snapshot.scan.error) = (pid == 1, counters[0] as u32);
            snapshot.counters.dropped_records = counters[1];
            snapshot.counters.dropped_bytes = counters[2];
            snapshot.counters.unknown_releases = counters[3];
            snapshot.tags = names.clone();
            snapshot.damage = names.clone();
            for (word, parent) in &nodes {
                snapshot.stacks.push(*word, *parent);
            }
            for (size, words, more, verdict) in &blocks {
                let record = freehold_ledger::format::Record::unpack([*size, *words, *more]);
                let mut block = block(*size, 1, record.stack % 50, Verdict::from_number(*verdict));
                block.record = freehold_ledger::format::Record { stack: record.stack % 50, ..record };
                snapshot.blocks.push(block);
            }
            for (start, end, bias, path, load_epoch) in &modules {
                let path = path.clone();
                snapshot.modules.push(ModuleInfo { start: *start, end: *end, bias: *bias, load_epoch: *load_epoch, path, ..ModuleInfo::default() });
            }
            session.ledgers.push(snapshot);
        }
        let options = Options { show: if all { Show::All } else { Show::Lost }, ..Options::default() };
        let files = Memory::default();
        let report = build(&session, &options, &mut Symbols::new(&files), &mut |_| {});
        let _ = text::render(&report, &TextOptions { width, ..TextOptions::default() });
        let document: serde_json::Value = serde_json::from_str(&json::render(&report)).expect("JSON");
        prop_assert_eq!(&document["schema"], "freehold.report/1");
    }
}
