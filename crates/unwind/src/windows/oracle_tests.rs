//! Every rule against RtlVirtualUnwind: for return addresses of all libraries that
//! are loaded, one frame is unwound on a stack of numbers that occur once, by the
//! system, by the rule, and by the codes with all registers.

use core::ffi::{c_char, c_void};
use std::collections::BTreeSet;
use std::vec;
use std::vec::Vec;

use super::generic::{Frame, unwind};
use super::pdata::Function;
use super::rules;
use crate::memory::Direct;
use crate::rule::{Kind, SavedBp};

#[link(name = "kernel32")]
unsafe extern "system" {
    fn LoadLibraryA(name: *const c_char) -> *mut c_void;
    fn K32EnumProcessModules(
        process: *mut c_void,
        modules: *mut usize,
        bytes: u32,
        needed: *mut u32,
    ) -> i32;
    fn GetCurrentProcess() -> *mut c_void;
    fn RtlVirtualUnwind(
        kind: u32,
        base: u64,
        pc: u64,
        entry: *mut c_void,
        context: *mut Context,
        data: *mut *mut c_void,
        frame: *mut u64,
        pointers: *mut c_void,
    ) -> *mut c_void;
}

/// `CONTEXT`: the general registers lie behind 0x78 bytes, by their numbers, and
/// `Rip` behind them.
#[repr(C, align(16))]
struct Context {
    before: [usize; 15],
    registers: [usize; 16],
    rip: usize,
    after: [usize; 122],
}

const WORDS: usize = 1 << 19;
/// Registers that a function must preserve, and rsp.
const PRESERVED: [usize; 9] = [3, 4, 5, 6, 7, 12, 13, 14, 15];

struct Module {
    base: usize,
    len: usize,
    functions: Vec<Function>,
}

fn word(address: usize) -> u32 {
    // SAFETY: the callers stay in headers and tables of loaded images.
    unsafe { (address as *const u32).read_unaligned() }
}

/// A loaded image and its table of functions.
fn module(base: usize) -> Module {
    let headers = base + word(base + 0x3c) as usize;
    let len = word(headers + 0x50) as usize;
    // The directory of exceptions, the fourth.
    let (at, bytes) = (word(headers + 0x88 + 24), word(headers + 0x88 + 28));
    let entries = (0..bytes as usize / 12).map(|i| base + at as usize + i * 12);
    let functions = entries
        .map(|at| Function {
            begin: word(at),
            end: word(at + 4),
            info: word(at + 8),
        })
        .collect();
    Module {
        base,
        len,
        functions,
    }
}

fn modules() -> Vec<Module> {
    for library in [
        c"ole32.dll",
        c"oleaut32.dll",
        c"msvcrt.dll",
        c"ucrtbase.dll",
        c"gdi32.dll",
        c"ws2_32.dll",
        c"crypt32.dll",
        c"rpcrt4.dll",
    ] {
        // SAFETY: a C string.
        unsafe { LoadLibraryA(library.as_ptr()) };
    }
    let mut bases = vec![0usize; 256];
    let mut needed = 0;
    // SAFETY: as much room as is said.
    let got = unsafe {
        let bytes = size_of_val(&*bases) as u32;
        K32EnumProcessModules(GetCurrentProcess(), bases.as_mut_ptr(), bytes, &mut needed)
    };
    assert_ne!(got, 0);
    bases.truncate(needed as usize / 8);
    bases.into_iter().map(module).collect()
}

/// Return addresses in a function: behind calls that lead to the beginning of a
/// function, or through a place in the image.
fn returns(module: &Module, begins: &BTreeSet<u32>, function: Function) -> Vec<usize> {
    let (begin, end) = (function.begin as usize, function.end as usize);
    if end <= begin || end > module.len {
        return Vec::new();
    }
    // SAFETY: code of a loaded image.
    let code =
        unsafe { std::slice::from_raw_parts((module.base + begin) as *const u8, end - begin) };
    let mut found = Vec::new();
    for at in 0..code.len().saturating_sub(6) {
        let number = |i: usize| i32::from_le_bytes(code[at + i..at + i + 4].try_into().unwrap());
        let next = |len: usize| begin + at + len;
        let target = |len: usize, by: i32| (next(len) as i64 + i64::from(by)) as u32;
        let len = match code[at..at + 2] {
            [0xe8, _] if begins.contains(&target(5, number(1))) => 5,
            [0xff, 0x15] if (target(6, number(2)) as usize) < module.len => 6,
            _ => continue,
        };
        if next(len) < end {
            found.push(module.base + next(len));
        }
    }
    found
}

#[derive(Default, Debug)]
struct Tally {
    compared: u32,
    by_rule: u32,
    complex: u32,
    left_out: u32,
    different: u32,
}

fn compare(ra: usize, stack: &[usize], tally: &mut Tally) {
    let first = stack.as_ptr() as usize;
    let mut context = Context {
        before: [0; 15],
        registers: [0; 16],
        rip: ra,
        after: [0; 122],
    };
    for (i, register) in context.registers.iter_mut().enumerate() {
        *register = first + (WORDS / 2 + i * 1024) * 8;
    }
    context.registers[4] = first + 4096 * 8;
    let mut frame = Frame {
        ra,
        registers: context.registers,
    };
    let before = context.registers;
    let Some(found) = rules::find(ra) else {
        return tally.left_out += 1;
    };
    // SAFETY: the stack is that long.
    let mut memory = unsafe { Direct::new(first, first + WORDS * 8) };
    // Frames that are too large for the stack, and those of interrupts.
    if unwind(&mut frame, &found, &mut memory).is_none() {
        return tally.left_out += 1;
    }
    // SAFETY: the stack holds all that the codes name, as was just tried; places for
    // all results.
    unsafe {
        let mut base = 0;
        let none = core::ptr::null_mut();
        let entry = rules::RtlLookupFunctionEntry(ra as u64, &mut base, none);
        let entry = entry.cast_mut().cast();
        let (mut data, mut establisher) = (core::ptr::null_mut(), 0);
        RtlVirtualUnwind(
            0,
            base,
            ra as u64,
            entry,
            &mut context,
            &mut data,
            &mut establisher,
            none,
        );
    }
    tally.compared += 1;
    let same = PRESERVED
        .iter()
        .all(|r| frame.registers[*r] == context.registers[*r]);
    let rule = rules::compute(ra);
    let cfa = match rule.kind() {
        Kind::Sp => Some(before[4].wrapping_add_signed(rule.offset())),
        Kind::Bp => Some(before[5].wrapping_add_signed(rule.offset())),
        _ => None,
    };
    let load = |address: usize| stack[(address - first) / 8];
    let same_rule = match cfa {
        Some(cfa) => {
            tally.by_rule += 1;
            let bp = match rule.saved_bp() {
                SavedBp::Unchanged => before[5],
                SavedBp::AtCfa(offset) => load(cfa.wrapping_add_signed(offset)),
                SavedBp::AtBp(offset) => load(before[5].wrapping_add_signed(offset)),
            };
            cfa == context.registers[4]
                && bp == context.registers[5]
                && load(cfa - 8) == context.rip
        }
        None => {
            tally.complex += 1;
            true
        }
    };
    if !same || !same_rule || frame.ra != context.rip {
        tally.different += 1;
        if tally.different < 10 {
            let at = ra - found.base;
            std::println!(
                "{ra:x} (+{at:x}) {:x?} {rule:?} {:?}: ra {:x} {:x}\nours   {:x?}\nsystem {:x?}",
                found.function,
                rule.kind(),
                frame.ra,
                context.rip,
                PRESERVED.map(|r| frame.registers[r]),
                PRESERVED.map(|r| context.registers[r]),
            );
        }
    }
}

#[test]
fn every_rule_agrees_with_the_system() {
    // Numbers that occur once, and are no addresses of the stack.
    let stack: Vec<usize> = (0..WORDS).map(|i| 0x5a5a_0000_0000 + i * 16 + 1).collect();
    let mut tally = Tally::default();
    for module in modules() {
        let begins: BTreeSet<u32> = module.functions.iter().map(|f| f.begin).collect();
        for function in &module.functions {
            // The first, the last, and some between.
            let all = returns(&module, &begins, *function);
            for ra in all
                .iter()
                .step_by(all.len().div_ceil(6).max(1))
                .chain(all.last())
            {
                compare(*ra, &stack, &mut tally);
            }
        }
    }
    std::println!("{tally:?}");
    assert_eq!(tally.different, 0, "{tally:?}");
    assert!(tally.by_rule > 10_000, "{tally:?}");
    assert!(tally.left_out * 100 < tally.compared, "{tally:?}");
}
