//! Function entries and unwind codes, read as Windows documents them, from bytes
//! that may be anything.
//!
//! Page: "x64 exception handling": struct RUNTIME_FUNCTION, struct UNWIND_INFO,
//! struct UNWIND_CODE, chained unwind info structures.

use crate::rule::{Kind, Rule, SavedBp};

/// Bytes of the longest `UNWIND_INFO` with what may follow its codes.
pub(crate) const LONGEST: usize = 4 + 256 * 2 + 12;
/// No chain is longer.
pub(crate) const LONGEST_CHAIN: usize = 32;
/// Number of `rbp`; `rsp` is 4.
pub(crate) const RBP: usize = 5;

const CHAINED: u8 = 4;

/// A `RUNTIME_FUNCTION`: offsets from the first byte of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Function {
    pub(crate) begin: u32,
    pub(crate) end: u32,
    pub(crate) info: u32,
}

/// An `UNWIND_INFO` that was read whole.
pub(crate) struct Info<'a> {
    bytes: &'a [u8],
    count: usize,
}

/// What one part of a prolog did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// A register was pushed.
    Push(usize),
    /// So many bytes were taken from the stack.
    Allocate(usize),
    /// The frame register was set.
    SetFrame,
    /// A register was stored so many bytes above the frame's base.
    Save(usize, usize),
    /// Nothing that matters to a walk.
    Nothing,
    /// The processor pushed a frame: an interrupt.
    MachineFrame,
    /// Not known.
    Unknown,
}

impl<'a> Info<'a> {
    /// Bytes that a head says there are, with those behind the codes; `None` for a
    /// version that is not known.
    pub(crate) fn len(head: [u8; 4]) -> Option<usize> {
        let chained = if head[0] >> 3 & CHAINED != 0 { 12 } else { 0 };
        // The codes are padded to an even number.
        let codes = usize::from(head[2]).next_multiple_of(2) * 2;
        matches!(head[0] & 7, 1 | 2).then_some(4 + codes + chained)
    }

    /// The structure in these bytes; `None` when they end too soon.
    pub(crate) fn new(bytes: &'a [u8]) -> Option<Info<'a>> {
        let head = *bytes.first_chunk()?;
        let whole = bytes.get(..Info::len(head)?)?;
        let count = head[2].into();
        Some(Info {
            bytes: whole,
            count,
        })
    }

    /// Number of the frame register, and the distance of the base below it.
    pub(crate) fn frame_register(&self) -> Option<(usize, usize)> {
        match self.bytes[3] {
            byte if byte & 15 == 0 => None,
            byte => Some((usize::from(byte & 15), usize::from(byte >> 4) * 16)),
        }
    }

    /// Whether the frame register is set where the function called from `offset`
    /// bytes behind its beginning: behind the prolog, in a part of a function that is
    /// chained to the rest, or where the prolog has just done it.
    pub(crate) fn is_frame_set(&self, offset: usize) -> bool {
        offset >= usize::from(self.bytes[1])
            || self.bytes[0] >> 3 & CHAINED != 0
            || self.ops(offset).any(|op| op == Op::SetFrame)
    }

    /// The function whose codes go on where these end.
    pub(crate) fn chained(&self) -> Option<Function> {
        if self.bytes[0] >> 3 & CHAINED == 0 {
            return None;
        }
        let at = self.bytes.len() - 12;
        let word = |i: usize| {
            let bytes = &self.bytes[at + i * 4..][..4];
            u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
        };
        Some(Function {
            begin: word(0),
            end: word(1),
            info: word(2),
        })
    }

    fn slot(&self, i: usize) -> usize {
        match self.bytes.get(4 + i * 2..6 + i * 2) {
            Some(&[low, high]) if i < self.count => usize::from(low) | usize::from(high) << 8,
            _ => 0,
        }
    }

    /// What the prolog did up to `offset` bytes from the beginning of the function,
    /// the last thing first.
    pub(crate) fn ops(&self, offset: usize) -> impl Iterator<Item = Op> {
        let mut i = 0;
        core::iter::from_fn(move || {
            while i < self.count {
                let code = self.slot(i);
                let (at, op, number) = (code & 0xff, code >> 8 & 15, code >> 12);
                let far = || self.slot(i + 1) | self.slot(i + 2) << 16;
                let (op, slots) = match op {
                    0 => (Op::Push(number), 1),
                    1 if number == 0 => (Op::Allocate(self.slot(i + 1) * 8), 2),
                    1 => (Op::Allocate(far()), 3),
                    2 => (Op::Allocate(number * 8 + 8), 1),
                    3 => (Op::SetFrame, 1),
                    4 => (Op::Save(number, self.slot(i + 1) * 8), 2),
                    5 => (Op::Save(number, far()), 3),
                    // Version 1: a register of 64 bits of XMM. Version 2: where an
                    // epilog is; nothing calls from one. The same length.
                    6 | 8 => (Op::Nothing, 2),
                    7 | 9 => (Op::Nothing, 3),
                    10 => (Op::MachineFrame, 1),
                    _ => (Op::Unknown, 1),
                };
                i += slots;
                if at <= offset {
                    return Some(op);
                }
            }
            None
        })
    }
}

/// A place on the stack: a number of bytes above a register.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Sp(i64),
    Bp(i64),
}

impl Place {
    fn plus(self, bytes: i64) -> Place {
        match self {
            Place::Sp(at) => Place::Sp(at + bytes),
            Place::Bp(at) => Place::Bp(at + bytes),
        }
    }

    /// How far this lies above another place of the same register.
    fn above(self, other: Place) -> Option<i64> {
        match (self, other) {
            (Place::Sp(a), Place::Sp(b)) | (Place::Bp(a), Place::Bp(b)) => Some(a - b),
            _ => None,
        }
    }
}

/// The rule for a frame of `function` which called from `offset` bytes behind its
/// beginning. `load` gives the info at an offset of the image.
pub(crate) fn rule(
    function: Function,
    offset: usize,
    mut load: impl FnMut(u32, &mut [u8; LONGEST]) -> Option<usize>,
) -> Rule {
    let (mut function, mut offset) = (function, offset);
    // Where the stack pointer was before what has been looked at so far.
    let (mut sp, mut bp) = (Place::Sp(0), None);
    let mut buffer = [0; LONGEST];
    for _ in 0..LONGEST_CHAIN {
        let Some(len) = load(function.info, &mut buffer) else {
            return Rule::COMPLEX;
        };
        let Some(info) = buffer.get(..len).and_then(Info::new) else {
            return Rule::COMPLEX;
        };
        let base = match info.frame_register() {
            Some((register, distance)) if info.is_frame_set(offset) => match register {
                RBP => Place::Bp(-(distance as i64)),
                _ => return Rule::COMPLEX,
            },
            _ => sp,
        };
        for op in info.ops(offset) {
            match op {
                Op::Push(register) => {
                    if register == RBP {
                        bp = Some(sp);
                    }
                    sp = sp.plus(8);
                }
                Op::Allocate(bytes) => sp = sp.plus(bytes as i64),
                Op::SetFrame => sp = base,
                Op::Save(RBP, at) => bp = Some(base.plus(at as i64)),
                Op::Save(..) | Op::Nothing => {}
                Op::MachineFrame | Op::Unknown => return Rule::COMPLEX,
            }
        }
        let Some(next) = info.chained() else {
            let cfa = sp.plus(8);
            let saved = match bp.map(|at| at.above(cfa)) {
                None => SavedBp::Unchanged,
                Some(Some(distance)) => SavedBp::AtCfa(distance as isize),
                Some(None) => return Rule::COMPLEX,
            };
            return match cfa {
                Place::Sp(at) => Rule::pack(Kind::Sp, at, saved),
                Place::Bp(at) => Rule::pack(Kind::Bp, at, saved),
            };
        };
        // All of its prolog was run.
        (function, offset) = (next, usize::MAX);
    }
    Rule::COMPLEX
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    const FUNCTION: Function = Function {
        begin: 0x1000,
        end: 0x1100,
        info: 0,
    };

    fn info(flags: u8, register: u8, distance: u8, codes: &[u16]) -> Vec<u8> {
        let mut bytes = Vec::from([
            1 | flags << 3,
            16,
            codes.len() as u8,
            register | distance << 4,
        ]);
        bytes.extend(codes.iter().flat_map(|c| c.to_le_bytes()));
        if !codes.len().is_multiple_of(2) {
            bytes.extend([0, 0]);
        }
        bytes
    }

    fn rule_of(images: &[Vec<u8>], offset: usize) -> Rule {
        rule(FUNCTION, offset, |at, buffer| {
            let bytes = images.get(at as usize)?;
            buffer[..bytes.len()].copy_from_slice(bytes);
            Some(bytes.len())
        })
    }

    /// A code: its offset, what it is, its number.
    fn code(at: u16, op: u16, number: u16) -> u16 {
        at | op << 8 | number << 12
    }

    #[test]
    fn a_frame_of_the_stack_pointer() {
        // push rbp; push rbx; sub rsp, 0x28
        let codes = [code(6, 2, 4), code(2, 0, 3), code(1, 0, 5)];
        let image = [info(0, 0, 0, &codes)];
        let rule = rule_of(&image, 50);
        assert_eq!((rule.kind(), rule.offset()), (Kind::Sp, 0x28 + 8 + 8 + 8));
        assert_eq!(rule.saved_bp(), SavedBp::AtCfa(-16));
        // In its middle, as after the call of a stack probe.
        let rule = rule_of(&image, 2);
        assert_eq!((rule.kind(), rule.offset()), (Kind::Sp, 24));
        let rule = rule_of(&image, 0);
        assert_eq!((rule.offset(), rule.saved_bp()), (8, SavedBp::Unchanged));
    }

    #[test]
    fn a_frame_of_the_frame_pointer() {
        // push rbp; sub rsp, 0x200; lea rbp, [rsp + 0x80]; mov [rsp + 0x1f8], rbx
        let codes = [
            code(16, 4, 3),
            0x1f8 / 8,
            code(12, 3, 0),
            code(8, 1, 0),
            0x200 / 8,
            code(1, 0, 5),
        ];
        let image = [info(0, 5, 8, &codes)];
        let rule = rule_of(&image, 90);
        assert_eq!(
            (rule.kind(), rule.offset()),
            (Kind::Bp, 0x200 - 0x80 + 8 + 8)
        );
        assert_eq!(rule.saved_bp(), SavedBp::AtCfa(-16));
        // Before it is set, the stack pointer counts.
        let rule = rule_of(&image, 8);
        assert_eq!((rule.kind(), rule.offset()), (Kind::Sp, 0x210));
        // Another frame register needs all of them.
        assert_eq!(rule_of(&[info(0, 3, 8, &codes)], 90), Rule::COMPLEX);
    }

    #[test]
    fn a_chain_is_followed_and_ends() {
        // The part saves rbp at [rsp + 0x30], the whole has sub rsp, 0x48.
        let mut part = info(4, 0, 0, &[code(5, 4, 5), 6]);
        let next = Function {
            begin: 0x900,
            end: 0x1000,
            info: 1,
        };
        for word in [next.begin, next.end, next.info] {
            part.extend(word.to_le_bytes());
        }
        assert_eq!(Info::new(&part).and_then(|i| i.chained()), Some(next));
        let whole = info(0, 0, 0, &[code(4, 2, 8)]);
        let rule = rule_of(&[part.clone(), whole], 60);
        assert_eq!((rule.kind(), rule.offset()), (Kind::Sp, 0x50));
        assert_eq!(rule.saved_bp(), SavedBp::AtCfa(-0x20));
        // One that leads back to itself.
        assert_eq!(rule_of(&[part.clone(), part], 60), Rule::COMPLEX);
    }

    #[test]
    fn anything_gives_some_rule() {
        let mut state = 88172645463325252u64;
        let mut next = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        for _ in 0..100_000 {
            let len = (next() % 64) as usize;
            let mut image: Vec<u8> = (0..len).map(|_| next() as u8).collect();
            if let Some(head) = image.first_mut() {
                *head = *head & 0x20 | (next() % 3) as u8;
            }
            let offset = (next() % 300) as usize;
            let rule = rule_of(&[image.clone()], offset);
            assert_ne!(rule.kind(), Kind::Empty);
            if let Some(info) = Info::new(&image) {
                assert!(info.ops(usize::MAX).count() <= 255);
            }
        }
    }
}
