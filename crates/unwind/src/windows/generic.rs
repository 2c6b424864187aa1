//! The slow walk: unwind codes run with all registers that a function must
//! preserve.
//!
//! Registers other than rsp and rbp are not known at entry, so this walk starts
//! at its own frame and unwinds this crate and the hook first. It remembers
//! nothing and is many times slower than the walk by rules; it is there for frames
//! whose frame register is not rbp, for very large ones, and for code of a JIT.

use core::arch::asm;

use super::pdata::{Info, LONGEST, LONGEST_CHAIN, Op};
use super::rules::{self, Found};
use crate::memory::{Direct, Kernel, Memory};
use crate::walk::{End, Outcome};
use crate::{Entry, MAX_DEPTH, StackBounds, table};

const RSP: usize = 4;
/// Frames of this crate and of the hook between here and the entry.
const OWN_FRAMES: usize = 64;

/// A frame: where it is, and its registers by their numbers in unwind codes.
#[derive(Clone, Copy)]
pub(crate) struct Frame {
    /// Return address into it.
    pub(crate) ra: usize,
    pub(crate) registers: [usize; 16],
}

/// Walks from `entry` with all registers.
///
/// # Safety
///
/// As for [`walk`](crate::walk::walk).
#[cold]
#[inline(never)]
pub(crate) unsafe fn walk(
    entry: Entry,
    depth: usize,
    bounds: StackBounds,
    frames: &mut [usize; MAX_DEPTH],
) -> Outcome {
    let mut raw = [0usize; 10];
    // SAFETY: stores registers into the array. The unwind codes of this function hold
    // for the address that is stored first.
    unsafe {
        asm!("lea {t}, [rip]", "mov [{p}], {t}", "mov [{p} + 8], rbx", "mov [{p} + 16], rsp",
             "mov [{p} + 24], rbp", "mov [{p} + 32], rsi", "mov [{p} + 40], rdi",
             "mov [{p} + 48], r12", "mov [{p} + 56], r13", "mov [{p} + 64], r14",
             "mov [{p} + 72], r15",
             p = in(reg) raw.as_mut_ptr(), t = out(reg) _, options(nostack, preserves_flags));
    }
    let mut frame = Frame {
        ra: raw[0],
        registers: [0; 16],
    };
    for (register, value) in [3, RSP, 5, 6, 7, 12, 13, 14, 15].into_iter().zip(&raw[1..]) {
        frame.registers[register] = *value;
    }
    let sp = frame.registers[RSP];
    let mut count = 0;
    let foreign = !(bounds.contains(entry.slot) && bounds.contains(sp));
    let end = if foreign {
        run(
            &mut frame,
            entry,
            depth,
            frames,
            &mut count,
            &mut Kernel::new(),
        )
    } else {
        // SAFETY: from our own frame up to the end of the stack all is mapped.
        let mut memory = unsafe { Direct::new(sp, bounds.high) };
        run(&mut frame, entry, depth, frames, &mut count, &mut memory)
    };
    Outcome {
        end,
        count,
        approximate: 0,
        foreign,
        untraced: true,
    }
}

fn run(
    frame: &mut Frame,
    entry: Entry,
    depth: usize,
    frames: &mut [usize; MAX_DEPTH],
    count: &mut usize,
    memory: &mut impl Memory,
) -> End {
    let mut own = 0;
    loop {
        // The frames up to the hook's are ours.
        if frame.registers[RSP] <= entry.slot {
            own += 1;
            if own > OWN_FRAMES || step(frame, memory) != Step::Done {
                return End::Incomplete;
            }
            continue;
        }
        if !table::may_be_code(frame.ra) {
            return match frame.ra {
                0 => End::Complete,
                _ => End::Incomplete,
            };
        }
        if *count >= depth {
            return End::Truncated;
        }
        frames[*count] = frame.ra;
        *count += 1;
        match step(frame, memory) {
            Step::Done => {}
            Step::Stop => return End::Incomplete,
            Step::NoCode => {
                // The very first did call, whatever it is.
                *count -= usize::from(*count > 1);
                return End::Incomplete;
            }
        }
    }
}

#[derive(PartialEq, Eq)]
enum Step {
    Done,
    Stop,
    NoCode,
}

/// From a frame to its caller.
fn step(frame: &mut Frame, memory: &mut impl Memory) -> Step {
    let Some(found) = rules::find(frame.ra) else {
        return match table::lookup(frame.ra).is_code() {
            true => Step::Stop,
            false => Step::NoCode,
        };
    };
    let before = frame.registers[RSP];
    match unwind(frame, &found, memory) {
        // Every caller's frame lies above.
        Some(()) if frame.registers[RSP] > before => Step::Done,
        _ => Step::Stop,
    }
}

/// Undoes what the function's prolog did; `None` when that cannot be.
pub(crate) fn unwind(frame: &mut Frame, found: &Found, memory: &mut impl Memory) -> Option<()> {
    let mut function = found.function;
    let mut offset = (frame.ra - found.base).wrapping_sub(function.begin as usize);
    let mut buffer = [0; LONGEST];
    let registers = &mut frame.registers;
    for _ in 0..LONGEST_CHAIN {
        let len = found.load(function.info, &mut buffer)?;
        let info = Info::new(buffer.get(..len)?)?;
        let base = match info.frame_register() {
            Some((register, distance)) if info.is_frame_set(offset) => {
                registers[register].wrapping_sub(distance)
            }
            _ => registers[RSP],
        };
        for op in info.ops(offset) {
            match op {
                Op::Push(register) => {
                    registers[register] = memory.read(registers[RSP])?;
                    registers[RSP] = registers[RSP].wrapping_add(8);
                }
                Op::Allocate(bytes) => registers[RSP] = registers[RSP].wrapping_add(bytes),
                Op::SetFrame => registers[RSP] = base,
                Op::Save(register, at) => {
                    registers[register] = memory.read(base.wrapping_add(at))?;
                }
                Op::Nothing => {}
                Op::MachineFrame | Op::Unknown => return None,
            }
        }
        match info.chained() {
            Some(next) => (function, offset) = (next, usize::MAX),
            None => {
                frame.ra = memory.read(registers[RSP])?;
                registers[RSP] = registers[RSP].wrapping_add(8);
                return Some(());
            }
        }
    }
    None
}
