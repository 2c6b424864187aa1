//! The slow walk: full unwind rows, all callee-saved registers.
//!
//! Registers other than rsp and rbp are not known at entry, so this walk starts
//! at its own frame and unwinds this crate and the hook first. It remembers
//! nothing and is some hundred times slower than the walk by rules; it is there
//! for frames like those of lazy binding, whose CFA is relative to rbx.

use core::arch::asm;

use gimli::{CfaRule, Register, RegisterRule};

use crate::cfi::{self, Row};
use crate::expr::{Machine, Value};
use crate::memory::{Direct, Kernel, Memory};
use crate::registers::{BP, COUNT, NUMBERS, RA, SP, TRACKED};
use crate::rule::Kind;
use crate::walk::{End, Outcome, plausible_frame_pointer};
use crate::{Entry, MAX_DEPTH, StackBounds, WORD, object, signal, table};

/// Frames of this crate and of the hook between here and the entry.
const OWN_FRAMES: usize = 64;

/// The state of a frame: its registers, as far as known.
#[derive(Clone, Copy)]
struct Frame {
    /// Return address, or pc + 1.
    ra: usize,
    values: [usize; NUMBERS],
    known: u32,
}

impl Frame {
    fn get(&self, register: Register) -> Option<usize> {
        let number = usize::from(register.0);
        (number < NUMBERS && self.known >> number & 1 != 0).then(|| self.values[number])
    }

    fn set(&mut self, register: Register, value: Option<usize>) {
        let number = usize::from(register.0);
        if number < NUMBERS {
            self.values[number] = value.unwrap_or(0);
            self.known = self.known & !(1 << number) | u32::from(value.is_some()) << number;
        }
    }

    fn sp(&self) -> usize {
        self.values[usize::from(SP.0)]
    }
}

/// An evaluation on a frame's registers.
struct Concrete<'a, M> {
    frame: &'a Frame,
    memory: &'a mut M,
}

impl<M: Memory> Machine for Concrete<'_, M> {
    fn register(&mut self, register: Register) -> Option<Value> {
        if register == RA {
            return Some(Value::number(self.frame.ra as u64 - 1));
        }
        Some(Value::number(self.frame.get(register)? as u64))
    }

    fn word_at(&mut self, address: Value) -> Option<Value> {
        Some(Value::number(
            self.memory.read(address.plain()? as usize)? as u64
        ))
    }
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
    let mut raw = [0usize; COUNT + 1];
    // SAFETY: stores registers into the array. The unwind row of the address
    // that is stored first describes all of them.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!("lea {t}, [rip]", "mov [{p}], {t}", "mov [{p} + 8], rbx", "mov [{p} + 16], rbp", "mov [{p} + 24], rsp",
             "mov [{p} + 32], r12", "mov [{p} + 40], r13", "mov [{p} + 48], r14", "mov [{p} + 56], r15",
             p = in(reg) raw.as_mut_ptr(), t = out(reg) _, options(nostack, preserves_flags));
    }
    // SAFETY: the same. What is pushed is popped before the registers are stored.
    #[cfg(target_arch = "x86")]
    unsafe {
        asm!("call 2f", "2: pop {t}", "mov [{p}], {t}", "mov [{p} + 4], ebx", "mov [{p} + 8], ebp",
             "mov [{p} + 12], esp", "mov [{p} + 16], esi", "mov [{p} + 20], edi",
             p = in(reg) raw.as_mut_ptr(), t = out(reg) _, options(preserves_flags));
    }
    let mut frame = Frame {
        ra: raw[0] + 1,
        values: [0; NUMBERS],
        known: 0,
    };
    for (register, value) in TRACKED.into_iter().zip(&raw[1..]) {
        frame.set(register, Some(*value));
    }
    let mut walk = Walk {
        frames,
        count: 0,
        depth,
        approximate: 0,
        switches: 0,
    };
    let end = if bounds.contains(entry.slot) && bounds.contains(frame.sp()) {
        // SAFETY: from our own frame up to the end of the stack all is mapped.
        let mut memory = unsafe { Direct::new(frame.sp(), bounds.high) };
        walk.run(&mut frame, entry, &mut memory)
    } else {
        walk.run(&mut frame, entry, &mut Kernel::new())
    };
    // A signal frame led away from the stack: go on from there with care.
    let end = if end == End::OtherStack {
        walk.frames_from(&mut frame, &mut Kernel::new())
    } else {
        end
    };
    Outcome {
        end,
        count: walk.count,
        approximate: walk.approximate,
        foreign: false,
        untraced: true,
    }
}

struct Walk<'a> {
    frames: &'a mut [usize; MAX_DEPTH],
    count: usize,
    depth: usize,
    approximate: usize,
    switches: u32,
}

impl Walk<'_> {
    fn run(&mut self, frame: &mut Frame, entry: Entry, memory: &mut impl Memory) -> End {
        for _ in 0..OWN_FRAMES {
            if frame.sp() == entry.slot + WORD {
                return self.frames_from(frame, memory);
            }
            if frame.sp() > entry.slot || self.step(frame, memory).is_err() {
                break;
            }
        }
        // The entry is not among our callers. Its return address is all we know.
        if let Some(ra) = memory.read(entry.slot).filter(|&ra| ra != 0) {
            self.frames[0] = ra;
            self.count = 1;
        }
        End::Incomplete
    }

    fn frames_from(&mut self, frame: &mut Frame, memory: &mut impl Memory) -> End {
        loop {
            if frame.ra == 0 {
                return End::Complete;
            }
            let is_code = table::may_be_code(frame.ra) && table::lookup(frame.ra).is_code();
            if !is_code && self.count > 0 {
                return End::Incomplete;
            }
            if self.count >= self.depth {
                return End::Truncated;
            }
            self.frames[self.count] = frame.ra;
            self.count += 1;
            if let Err(end) = self.step(frame, memory) {
                return end;
            }
        }
    }

    /// Steps to the caller's frame.
    fn step(&mut self, frame: &mut Frame, memory: &mut impl Memory) -> Result<(), End> {
        let before = *frame;
        if !table::may_be_code(frame.ra) {
            return Err(End::Incomplete);
        }
        let rule = table::lookup(frame.ra);
        match rule.kind() {
            Kind::Signal => {
                step_signal(frame, rule.offset(), memory).ok_or(End::Incomplete)?;
                if frame.sp() <= before.sp() || memory.read(frame.sp() & !(WORD - 1)).is_none() {
                    self.switches += 1;
                    return Err(if self.switches > 1 {
                        End::Incomplete
                    } else {
                        End::OtherStack
                    });
                }
                return Ok(());
            }
            Kind::End if rule.is_code() => return Err(End::Complete),
            Kind::End => return Err(End::Incomplete),
            Kind::FramePointer => {
                self.approximate = self.count;
                step_frame_pointer(frame, memory).ok_or(End::Incomplete)?;
            }
            _ => step_row(frame, memory).ok_or(End::Incomplete)?,
        }
        if frame.sp() <= before.sp() || frame.sp() & (WORD - 1) != 0 {
            return Err(End::Incomplete);
        }
        Ok(())
    }
}

fn step_signal(frame: &mut Frame, registers: isize, memory: &mut impl Memory) -> Option<()> {
    let context = signal::CONTEXT;
    let registers = frame.sp().wrapping_add_signed(registers);
    let at = |offset| registers.wrapping_add(offset);
    let mut next = Frame {
        ra: memory.read(at(context.ip))?.wrapping_add(1),
        values: [0; NUMBERS],
        known: 0,
    };
    for (register, offset) in TRACKED.into_iter().zip(context.tracked) {
        next.set(register, Some(memory.read(at(offset))?));
    }
    *frame = next;
    Some(())
}

fn step_frame_pointer(frame: &mut Frame, memory: &mut impl Memory) -> Option<()> {
    let bp = frame
        .get(BP)
        .filter(|&bp| plausible_frame_pointer(bp, frame.sp()))?;
    let (saved, ra) = (memory.read(bp)?, memory.read(bp + WORD)?);
    // What such code did with the other registers, nobody knows.
    *frame = Frame {
        ra,
        values: [0; NUMBERS],
        known: 0,
    };
    frame.set(BP, Some(saved));
    frame.set(SP, Some(bp + 2 * WORD));
    Some(())
}

fn step_row(frame: &mut Frame, memory: &mut impl Memory) -> Option<()> {
    let pc = frame.ra.checked_sub(1)?;
    // SAFETY: a frame of this thread is in the object.
    let sections = unsafe { object::find(pc)?.sections() }?;
    *frame = cfi::with_row(&sections, pc, |row| caller_of(frame, row, memory))??;
    Some(())
}

fn caller_of(frame: &Frame, row: &Row<'_, '_>, memory: &mut impl Memory) -> Option<Frame> {
    let cfa = match row.row.cfa() {
        CfaRule::RegisterAndOffset { register, offset } => {
            frame.get(*register)?.wrapping_add_signed(*offset as isize)
        }
        CfaRule::Expression(e) => row
            .evaluate(e, None, &mut Concrete { frame, memory })?
            .plain()? as usize,
    };
    let mut next = Frame {
        ra: 0,
        values: frame.values,
        known: frame.known,
    };
    next.set(SP, Some(cfa));
    for register in TRACKED {
        // Unknown registers are not fatal until something needs them.
        match row.row.register(register) {
            None | Some(RegisterRule::SameValue) => {}
            Some(rule) => next.set(register, restored(frame, row, &rule, cfa, memory)),
        }
    }
    next.get(SP)?;
    next.ra = restored(frame, row, &row.row.register(RA)?, cfa, memory)?;
    Some(next)
}

fn restored(
    frame: &Frame,
    row: &Row<'_, '_>,
    rule: &RegisterRule<usize>,
    cfa: usize,
    memory: &mut impl Memory,
) -> Option<usize> {
    let initial = Some(Value::number(cfa as u64));
    match rule {
        RegisterRule::Offset(o) => memory.read(cfa.wrapping_add_signed(*o as isize)),
        RegisterRule::ValOffset(o) => Some(cfa.wrapping_add_signed(*o as isize)),
        RegisterRule::Register(r) => frame.get(*r),
        RegisterRule::Expression(e) => {
            let address = row
                .evaluate(e, initial, &mut Concrete { frame, memory })?
                .plain()?;
            memory.read(address as usize)
        }
        RegisterRule::ValExpression(e) => Some(
            row.evaluate(e, initial, &mut Concrete { frame, memory })?
                .plain()? as usize,
        ),
        _ => None,
    }
}
