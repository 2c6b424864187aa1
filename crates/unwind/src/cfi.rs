//! From `.eh_frame` to a rule.

use gimli::{
    BaseAddresses, CfaRule, EhFrame, EndianSlice, FrameDescriptionEntry, LittleEndian, Register,
    RegisterRule, UnwindContext, UnwindContextStorage, UnwindSection, UnwindTableRow,
};

use crate::expr::{self, Base, Reader, Symbolic, Value};
use crate::registers::{BP, RA, SP};
use crate::rule::{Kind, Rule, SavedBp};
use crate::{WORD, signal};

/// The unwind tables of one object, and the addresses where they lie.
#[derive(Clone, Copy, Debug)]
pub struct Sections<'a> {
    /// `.eh_frame_hdr`, and perhaps what follows it.
    pub header: &'a [u8],
    /// Address of the header's first byte.
    pub header_address: usize,
    /// `.eh_frame`, and perhaps what follows it.
    pub frame: &'a [u8],
    /// Address of the frame section's first byte.
    pub frame_address: usize,
}

/// Pointer encodings of the header as every linker writes it: version 1,
/// `eh_frame` relative to itself, a plain count, table entries relative to the
/// header.
const HEADER: [u8; 4] = [1, 0x1b, 0x03, 0x3b];

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

fn relative(base: usize, offset: u32) -> usize {
    base.wrapping_add_signed(offset as i32 as isize)
}

impl Sections<'_> {
    /// The address of `.eh_frame`, by the header.
    pub(crate) fn frame_address(header: &[u8], header_address: usize) -> Option<usize> {
        (header.get(..4)? == HEADER).then_some(())?;
        Some(relative(header_address.wrapping_add(4), word(header, 4)?))
    }

    /// The address of the frame description that may cover `pc`: binary search.
    fn description(&self, pc: usize) -> Option<usize> {
        (self.header.get(..4)? == HEADER).then_some(())?;
        let entry = |i: usize, half: usize| {
            Some(relative(
                self.header_address,
                word(self.header, i.checked_mul(8)?.checked_add(12 + half)?)?,
            ))
        };
        // Entries before `low` start at or before `pc`, those from `high` on after it.
        let (mut low, mut high) = (0, word(self.header, 8)? as usize);
        while low < high {
            let middle = low + (high - low) / 2;
            if entry(middle, 0)? <= pc {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        entry(low.checked_sub(1)?, 4)
    }
}

/// Rows live on the stack: a row of 20 registers is enough for a signal frame,
/// which describes 17, and nobody nests `remember_state` deeper than twice.
pub(crate) struct OnStack;

impl UnwindContextStorage<usize> for OnStack {
    type Rules = [(Register, RegisterRule<usize>); 20];
    type Stack = [UnwindTableRow<usize, Self>; 5];
}

/// One row of the unwind table, with what is needed to evaluate expressions.
pub(crate) struct Row<'a, 'b> {
    pub(crate) row: &'b UnwindTableRow<usize, OnStack>,
    pub(crate) description: &'b FrameDescriptionEntry<Reader<'a>>,
    section: &'b EhFrame<Reader<'a>>,
}

impl Row<'_, '_> {
    pub(crate) fn evaluate(
        &self,
        expression: &gimli::UnwindExpression<usize>,
        initial: Option<Value>,
        machine: &mut impl expr::Machine,
    ) -> Option<Value> {
        let bytes = expression.get(self.section).ok()?;
        expr::evaluate(bytes, self.description.cie().encoding(), initial, machine)
    }
}

/// Finds the row for `pc` and hands it to `use_row`; `None` without one.
pub(crate) fn with_row<T>(
    sections: &Sections<'_>,
    pc: usize,
    use_row: impl FnOnce(&Row<'_, '_>) -> T,
) -> Option<T> {
    let mut section = EhFrame::from(EndianSlice::new(sections.frame, LittleEndian));
    section.set_address_size(WORD as u8);
    let bases = BaseAddresses::default()
        .set_eh_frame_hdr(sections.header_address as u64)
        .set_eh_frame(sections.frame_address as u64);
    let offset = sections
        .description(pc)?
        .checked_sub(sections.frame_address)?;
    let description = section
        .fde_from_offset(&bases, offset.into(), EhFrame::cie_from_offset)
        .ok()?;
    if !description.contains(pc as u64) {
        return None;
    }
    let mut context = UnwindContext::<usize, OnStack>::new_in();
    let row = description
        .unwind_info_for_address(&section, &bases, &mut context, pc as u64)
        .ok()?;
    Some(use_row(&Row {
        row,
        description: &description,
        section: &section,
    }))
}

/// The rule for the instruction at `pc`, or `None` without unwind data.
///
/// Reads nothing but the slices: it may be fed with anything.
#[inline(never)]
pub fn rule_from_sections(sections: &Sections<'_>, pc: usize) -> Option<Rule> {
    with_row(sections, pc, |row| rule_of_row(row, pc))
}

/// The rule for the frame whose return address is `address`: that of the call
/// before it, or the end of the stack.
///
/// A coroutine's first function returns to the *start* of a function that
/// nothing called (glibc's `__start_context`). What comes before it is padding,
/// without a table; or else its table may say that it has no caller.
pub(crate) fn rule_of_return(sections: &Sections<'_>, address: usize) -> Option<Rule> {
    let call = rule_from_sections(sections, address - 1);
    match (call, rule_at_start(sections, address)) {
        (None, Some(_)) | (_, Some(Rule::OUTERMOST)) => Some(Rule::OUTERMOST),
        _ => call,
    }
}

/// The rule for the first instruction of a function, if one starts at `address`.
// Not in line: a row takes nearly four kilobytes, half of a small coroutine's
// stack, and no frame may hold two of them.
#[inline(never)]
fn rule_at_start(sections: &Sections<'_>, address: usize) -> Option<Rule> {
    with_row(sections, address, |row| {
        (row.description.initial_address() == address as u64).then(|| rule_of_row(row, address))
    })
    .flatten()
}

/// Where a call puts the return address, from the CFA.
const BELOW_CFA: i64 = -(WORD as i64);

fn rule_of_row(row: &Row<'_, '_>, pc: usize) -> Rule {
    if row.description.is_signal_trampoline() {
        return signal_rule(row, pc);
    }
    match row.row.register(RA) {
        Some(RegisterRule::Undefined) => return Rule::OUTERMOST,
        Some(RegisterRule::Offset(BELOW_CFA)) => {}
        _ => return Rule::COMPLEX,
    }
    // The default, that the CFA is the caller's stack pointer, is what a walk
    // with two registers knows.
    if row.row.register(SP).is_some() {
        return Rule::COMPLEX;
    }
    match (saved_bp(row, pc), cfa(row, pc)) {
        (Some(bp), Some((kind, offset))) => Rule::pack(kind, offset, bp),
        _ => Rule::COMPLEX,
    }
}

/// The rule of a signal frame of the kernel.
///
/// Only the table of a 32-bit one tells where the registers are: there are two
/// kinds, for handlers with and without `SA_SIGINFO`.
fn signal_rule(row: &Row<'_, '_>, pc: usize) -> Rule {
    if cfg!(target_arch = "x86_64") {
        return Rule::signal(0);
    }
    let Some(RegisterRule::Expression(e)) = row.row.register(RA) else {
        return Rule::COMPLEX;
    };
    match row.evaluate(&e, None, &mut Symbolic { pc }) {
        Some(at) if at.base == Base::Register(SP) => {
            Rule::signal(at.number as i64 - signal::CONTEXT.ip as i64)
        }
        _ => Rule::COMPLEX,
    }
}

fn saved_bp(row: &Row<'_, '_>, pc: usize) -> Option<SavedBp> {
    match row.row.register(BP) {
        None | Some(RegisterRule::Undefined | RegisterRule::SameValue) => Some(SavedBp::Unchanged),
        Some(RegisterRule::Offset(offset)) => Some(SavedBp::AtCfa(offset as isize)),
        Some(RegisterRule::Expression(e)) => {
            let address = row.evaluate(&e, None, &mut Symbolic { pc })?;
            (address.base == Base::Register(BP)).then_some(SavedBp::AtBp(address.number as isize))
        }
        Some(_) => None,
    }
}

fn cfa(row: &Row<'_, '_>, pc: usize) -> Option<(Kind, i64)> {
    let value = match row.row.cfa() {
        CfaRule::RegisterAndOffset { register, offset } => Value {
            base: Base::Register(*register),
            number: *offset as u64,
        },
        // Also solves the expression of the procedure linkage table, whose only
        // variable besides rsp is the program counter.
        CfaRule::Expression(e) => row.evaluate(e, None, &mut Symbolic { pc })?,
    };
    let kind = match value.base {
        Base::Register(SP) => Kind::Sp,
        Base::Register(BP) => Kind::Bp,
        Base::WordAt(BP) => Kind::Drap,
        _ => return None,
    };
    Some((kind, value.number as i64))
}
