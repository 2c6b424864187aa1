//! Names from real object files, made by the compilers of this machine.
#![cfg(unix)]

mod common;

use std::process::Command;

use common::{BASE, Program, block, frames, frames_of, report};
use freehold_ledger::format::{Family, Verdict};
use freehold_ledger::reader::Frames;
use freehold_report::model::Tally;
use freehold_report::{Options, Progress, Symbols, build, files};

const SOURCE: &str = r#"
#include <stdlib.h>
static inline __attribute__((always_inline)) void *innermost(size_t n) {
    return malloc(n); /* line 4 */
}
__attribute__((noinline)) void *outer(size_t n) {
    void *p = innermost(n + 1); /* line 7 */
    *(volatile char *)p = 1;
    return p;
}
int main(int argc, char **argv) { return outer(argc) == argv; }
"#;

const NAMES_AND_LINES: &str = "outer NAME.c:7";

fn expect(program: &Program, name: &str, call: u64) {
    let named = NAMES_AND_LINES.replace("NAME", name);
    let inner = format!("innermost {name}.c:4 inlined");
    assert_eq!(frames_of(program, &[call]), [inner, named]);
}

#[test]
fn inlined_functions_have_frames_of_their_own() {
    let program = Program::compile("inlined", "c", SOURCE, &["-g", "-O2"]);
    let call = program.call_to("outer", "malloc");
    expect(&program, "inlined", call);
}

#[test]
fn every_version_of_dwarf_packed_or_not() {
    for (name, flags) in [
        ("dwarf4", &["-gdwarf-4"][..]),
        ("dwarf5", &["-gdwarf-5"]),
        ("packed", &["-g", "-gz"]),
        ("split", &["-g", "-gsplit-dwarf"]),
        ("pie", &["-g", "-fPIE", "-pie"]),
        ("nopie", &["-g", "-no-pie"]),
    ] {
        let flags: Vec<&str> = flags.iter().copied().chain(["-O2"]).collect();
        let program = Program::compile(name, "c", SOURCE, &flags);
        expect(&program, name, program.call_to("outer", "malloc"));
    }
}

#[test]
fn a_linked_debug_file_is_used() {
    for (name, folder) in [("beside", "."), ("hidden", ".debug")] {
        let program = Program::compile(name, "c", SOURCE, &["-g", "-O2"]);
        let call = program.call_to("outer", "malloc");
        let debug = format!("{name}.debug");
        program.tool("objcopy", &["--only-keep-debug", name, &debug]);
        program.tool("strip", &[name]);
        program.tool("objcopy", &[&format!("--add-gnu-debuglink={debug}"), name]);
        program.tool("mkdir", &["-p", folder]);
        if folder != "." {
            program.tool("mv", &[&debug, folder]);
        }
        expect(&program, name, call);
    }
}

#[test]
fn a_debug_file_is_found_by_build_id_even_when_the_program_is_gone() {
    let program = Program::compile("by_id", "c", SOURCE, &["-g", "-O2"]);
    let call = program.call_to("outer", "malloc");
    let id: String = program
        .build_id()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let session = program.session(&[call]);
    program.tool("mkdir", &["-p", &format!(".build-id/{}", &id[..2])]);
    let debug = format!(".build-id/{}/{}.debug", &id[..2], &id[2..]);
    program.tool("objcopy", &["--only-keep-debug", "by_id", &debug]);
    program.tool("strip", &["by_id"]);
    expect(&program, "by_id", call);
    program.tool("rm", &["by_id"]);
    let report = report(&session, Some(&program.folder));
    assert_eq!(frames(&report)[1], "outer by_id.c:7");
    assert_eq!(report.main.notes[0].kind, "missing-module");
}

#[test]
fn a_supplementary_file_is_used() {
    if Command::new("dwz").arg("--version").output().is_err() {
        eprintln!("no dwz here: nothing was tested");
        return;
    }
    let program = Program::compile("dwz", "c", SOURCE, &["-gdwarf-4", "-O2"]);
    let call = program.call_to("outer", "malloc");
    program.tool("cp", &["dwz", "twin"]);
    program.tool(
        "dwz",
        &["-m", "common.sup", "-M", "common.sup", "dwz", "twin"],
    );
    expect(&program, "dwz", call);
}

#[test]
fn symbol_tables_give_names_without_lines() {
    let program = Program::compile("symtab", "c", SOURCE, &["-O2"]);
    let call = program.call_to("outer", "malloc");
    assert_eq!(frames_of(&program, &[call]), ["outer"]);
    let dynamic = Program::compile("dynsym", "c", SOURCE, &["-O2", "-rdynamic"]);
    let call = dynamic.call_to("outer", "malloc");
    dynamic.tool("strip", &["dynsym"]);
    assert_eq!(frames_of(&dynamic, &[call]), ["outer"]);
    let stripped = Program::compile("stripped", "c", SOURCE, &["-O2"]);
    let call = stripped.call_to("outer", "malloc");
    stripped.tool("strip", &["stripped"]);
    let report = report(&stripped.session(&[call]), None);
    assert_eq!(frames(&report), ["?"]);
    let frame = &report.main.sites[0].stack[0];
    assert_eq!((&*frame.module, frame.offset), ("stripped", call - 1));
}

#[test]
fn mini_debug_info_gives_names() {
    let program = Program::compile("mini", "c", SOURCE, &["-O2"]);
    let call = program.call_to("outer", "malloc");
    program.tool(
        "objcopy",
        &["-S", "--keep-symbol=outer", "mini", "mini.symbols"],
    );
    if Command::new("xz").arg("--version").output().is_err() {
        eprintln!("no xz here: nothing was tested");
        return;
    }
    program.tool("xz", &["mini.symbols"]);
    program.tool("strip", &["mini"]);
    program.tool(
        "objcopy",
        &["--add-section", ".gnu_debugdata=mini.symbols.xz", "mini"],
    );
    assert_eq!(frames_of(&program, &[call]), ["outer"]);
}

#[test]
fn a_file_that_was_replaced_is_not_used() {
    let program = Program::compile("changed", "c", SOURCE, &["-g", "-O2"]);
    let call = program.call_to("outer", "malloc");
    let mut session = program.session(&[call]);
    session.ledgers[0].modules[0].build_id[0] ^= 1;
    let report = report(&session, None);
    assert_eq!(frames(&report), ["?"]);
    assert_eq!(report.main.notes[0].kind, "changed-module");
}

#[test]
fn a_deleted_file_is_used_when_its_successor_is_the_same() {
    let program = Program::compile("deleted", "c", SOURCE, &["-g", "-O2"]);
    let call = program.call_to("outer", "malloc");
    let mut session = program.session(&[call]);
    let module = &mut session.ledgers[0].modules[0];
    module.path += " (deleted)";
    assert_eq!(frames(&report(&session, None))[1], "outer deleted.c:7");
    session.ledgers[0].modules[0].build_id.clear();
    assert_eq!(frames(&report(&session, None)), ["?"]);
}

#[test]
fn code_without_a_file_keeps_its_place() {
    let program = Program::compile("nofile", "c", SOURCE, &["-O2"]);
    let mut session = program.session(&[0x1235]);
    for (path, name) in [
        ("[vdso]", "[vdso]"),
        ("/memfd:jit (deleted)", "memfd:jit"),
        ("", "[unnamed]"),
        ("/", "/"),
        ("/dev/zero", "zero"),
    ] {
        session.ledgers[0].modules[0].path = path.into();
        session.ledgers[0].modules[0].build_id.clear();
        let report = report(&session, None);
        let frame = &report.main.sites[0].stack[0];
        assert_eq!((&*frame.module, frame.offset), (name, 0x1234));
    }
    session.ledgers[0].modules.clear();
    let report = report(&session, None);
    let frame = &report.main.sites[0].stack[0];
    assert_eq!(
        (&*frame.module, frame.offset),
        ("[anonymous]", BASE + 0x1234)
    );
}

const CPP: &str = r#"
#include <vector>
namespace shop {
struct Order { long id; };
__attribute__((noinline)) void remember(std::vector<Order> &orders) {
    orders.push_back(Order{1});
}
}
int main() { std::vector<shop::Order> orders; shop::remember(orders); return orders.size() != 1; }
"#;

#[test]
fn cpp_names_are_readable_and_static_new_is_told_from_malloc() {
    let program = Program::compile("shop", "cpp", CPP, &["-g", "-O1", "-static"]);
    let call = program.call_to("_Znwm", "malloc");
    let session = program.session(&[call]);
    let report = report(&session, None);
    assert_eq!(report.main.sites[0].family, Family::New);
    assert!(frames(&report)[0].starts_with("operator new(unsigned long)"));
    let listing = common::run(Command::new("nm").args(["-C"]).arg(&program.path));
    assert!(listing.contains("shop::remember"));
}

const RUST: &str =
    "#[inline(never)] #[unsafe(no_mangle)] fn marker(n: usize) -> Vec<u8> { let mut v = build::<u8>(n); v.push(1); v }
#[inline(never)] fn build<T: Default + Clone>(n: usize) -> Vec<T> { vec![T::default(); n + 1] }
fn main() { std::process::exit(marker(std::env::args().count()).len() as i32) }";

#[test]
fn rust_names_are_readable() {
    let program = Program::compile("rusty", "rs", RUST, &["-g", "-Copt-level=1"]);
    let call = program.call_to("marker", "build");
    assert_eq!(frames_of(&program, &[call]), ["marker rusty.rs:1"]);
    let symbols = common::run(Command::new("nm").arg(&program.path));
    let line = symbols
        .lines()
        .find(|l| l.contains("rusty5build"))
        .expect("the symbol");
    let start = u64::from_str_radix(line.split(' ').next().unwrap_or(""), 16).expect("hex");
    let frames = frames_of(&program, &[start + 2]);
    assert!(
        frames.last().is_some_and(|f| f.starts_with("rusty::build")),
        "{frames:?}"
    );
}

/// Address space, the number of lines above and build id may differ.
#[test]
fn the_fingerprint_survives_small_edits() {
    let first = Program::compile("print", "c", SOURCE, &["-g", "-O2"]);
    let before = report(&first.session(&[first.call_to("outer", "malloc")]), None);
    let edited = format!("\n\n\nint added(int a) {{ return a * 3; }}\n{SOURCE}");
    let second = Program::compile("print", "c", &edited, &["-g", "-O2"]);
    let mut session = second.session(&[second.call_to("outer", "malloc")]);
    let moved = 0x1234_5000;
    let ledger = &mut session.ledgers[0];
    let frames = ledger.stacks.frames(ledger.blocks[0].record.stack);
    let addresses = frames.addresses.iter().map(|a| a + moved).collect();
    let stack = ledger.stacks.add(&Frames {
        addresses,
        ..frames
    });
    ledger.blocks[0].record.stack = stack;
    let module = &mut ledger.modules[0];
    (module.start, module.end, module.bias) = (
        module.start + moved,
        module.end + moved,
        module.bias + moved,
    );
    let after = report(&session, None);
    let (before, after) = (&before.main.sites[0], &after.main.sites[0]);
    assert_ne!(before.stack[0].place.line, after.stack[0].place.line);
    assert_ne!(before.stack[0].pc, after.stack[0].pc);
    assert_eq!(before.fingerprint, after.fingerprint);
}

const TWO_CALLS: &str = r#"
#include <stdlib.h>
void *a, *b;
__attribute__((noinline)) void two(size_t n) { a = malloc(n); b = malloc(n + 1); }
int main(int argc, char **argv) { two(argc); return 0; }
"#;

#[test]
fn stacks_that_look_the_same_are_one_site() {
    let program = Program::compile("two_calls", "c", TWO_CALLS, &["-O2"]);
    let call = program.call_to("two", "malloc");
    let mut session = program.session(&[call]);
    let ledger = &mut session.ledgers[0];
    let second = Frames {
        addresses: vec![BASE + call + 1],
        ..Frames::default()
    };
    let second = ledger.stacks.add(&second);
    ledger.blocks.push(block(0x2000, 4, second, Verdict::Lost));
    let report = report(&session, None);
    assert_eq!(report.main.sites.len(), 1);
    assert_eq!(
        report.main.sites[0].total,
        Tally {
            blocks: 2,
            bytes: 20
        }
    );
}

#[test]
fn progress_is_told() {
    let program = Program::compile("progress", "c", TWO_CALLS, &["-O2"]);
    let session = program.session(&[program.call_to("two", "malloc")]);
    let mut told = Vec::new();
    build(
        &session,
        &Options::default(),
        &mut Symbols::new(&files::Disk),
        &mut |p| told.push(p),
    );
    assert_eq!(
        told,
        [
            Progress::Grouping(0, 1),
            Progress::Naming(0, 1),
            Progress::Naming(1, 1)
        ]
    );
}
