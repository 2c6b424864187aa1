//! How to get from one frame to its caller, in 32 bits.
//!
//! ```text
//!  31                    14 13        6   5    4 3  2    0
//! +------------------------+-----------+------+----+------+
//! | CFA offset / W, signed | rbp / W   | 0    | bp | kind |
//! +------------------------+-----------+------+----+------+
//! ```
//!
//! W is the size of a register, and rsp and rbp are the stack and the frame
//! pointer of 32-bit programs, too. Thirty-two bits let the cache keep rule and
//! address together in one atomic word. What does not fit (frames over 1 MiB, rbp
//! saved over 1 KiB from the CFA; in 32-bit programs half of that) is
//! [`Kind::Complex`], which is slower, never wrong.

use crate::WORD;

/// A packed rule. Zero is no rule at all, so that zeroed memory is an empty cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rule(u32);

/// What a rule says about the canonical frame address (the stack pointer after
/// the return).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Kind {
    /// No rule (an empty cache cell).
    Empty = 0,
    /// CFA = rsp + offset.
    Sp = 1,
    /// CFA = rbp + offset.
    Bp = 2,
    /// CFA = *(rbp + offset): a realigned frame.
    Drap = 3,
    /// No unwind data: assume a frame pointer.
    FramePointer = 4,
    /// A signal frame of the kernel: the registers are in the ucontext.
    Signal = 5,
    /// The outermost frame, or not code at all (see [`Rule::is_code`]).
    End = 6,
    /// Needs the generic walk.
    Complex = 7,
}

/// Where the caller's rbp is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SavedBp {
    /// Still in the register.
    Unchanged,
    /// At CFA + offset.
    AtCfa(isize),
    /// At rbp + offset.
    AtBp(isize),
}

const KIND: u32 = 7;
const BP: u32 = 3 << 3;
const BP_CFA: u32 = 1 << 3;
const BP_BP: u32 = 2 << 3;
const CFA_SHIFT: u32 = 14;
const BP_SHIFT: u32 = 6;
/// Offsets are multiples of a register's size.
const SCALE: u32 = WORD.ilog2();
#[cfg(any(not(windows), target_arch = "x86_64", test))]
const W: i64 = WORD as i64;

impl Rule {
    #[cfg(any(not(windows), target_arch = "x86"))]
    pub(crate) const FRAME_POINTER: Rule = Rule(Kind::FramePointer as u32);
    #[cfg(any(not(windows), test))]
    pub(crate) const OUTERMOST: Rule = Rule(Kind::End as u32);
    #[cfg(any(not(windows), target_arch = "x86_64", test))]
    pub(crate) const COMPLEX: Rule = Rule(Kind::Complex as u32);
    /// Code whose caller cannot be found: the walk ends, the frame counts.
    #[cfg(all(windows, target_arch = "x86_64"))]
    pub(crate) const STOP: Rule = Rule(Kind::End as u32 | 2 << CFA_SHIFT);
    /// The address is no code: what was taken for a return address is none.
    pub(crate) const NOT_CODE: Rule = Rule(Kind::End as u32 | 1 << CFA_SHIFT);

    /// Packs a rule, or says that it needs the generic walk.
    #[cfg(any(not(windows), target_arch = "x86_64", test))]
    pub(crate) fn pack(kind: Kind, offset: i64, bp: SavedBp) -> Rule {
        let (mode, bp_offset) = match bp {
            SavedBp::Unchanged => (0, 0),
            SavedBp::AtCfa(o) => (BP_CFA, o as i64),
            SavedBp::AtBp(o) => (BP_BP, o as i64),
        };
        let fits = |v: i64, bits: u32| {
            v & (W - 1) == 0 && (-(W << (bits - 1))..W << (bits - 1)).contains(&v)
        };
        if !fits(offset, 18) || !fits(bp_offset, 8) {
            return Rule::COMPLEX;
        }
        let cfa_bits = ((offset >> SCALE) as u32) << CFA_SHIFT;
        let bp_bits = ((bp_offset >> SCALE) as u32 & 0xff) << BP_SHIFT;
        Rule(cfa_bits | bp_bits | mode | kind as u32)
    }

    /// The rule of a signal frame: where, from the stack pointer in the return
    /// trampoline, that is from which offsets in it count.
    #[cfg(not(windows))]
    pub(crate) fn signal(offset: i64) -> Rule {
        Rule::pack(Kind::Signal, offset, SavedBp::Unchanged)
    }

    #[inline(always)]
    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    #[inline(always)]
    pub(crate) const fn from_bits(bits: u32) -> Rule {
        Rule(bits)
    }

    /// What the rule says about the CFA.
    #[inline(always)]
    pub const fn kind(self) -> Kind {
        match self.0 & KIND {
            0 => Kind::Empty,
            1 => Kind::Sp,
            2 => Kind::Bp,
            3 => Kind::Drap,
            4 => Kind::FramePointer,
            5 => Kind::Signal,
            6 => Kind::End,
            _ => Kind::Complex,
        }
    }

    /// The offset that [`Kind`] speaks of.
    #[inline(always)]
    pub const fn offset(self) -> isize {
        ((self.0 as i32 >> CFA_SHIFT) as isize) << SCALE
    }

    /// Whether rbp is anywhere else than in the register.
    #[inline(always)]
    pub(crate) const fn saves_bp(self) -> bool {
        self.0 & BP != 0
    }

    /// Where the caller's rbp is.
    #[inline(always)]
    pub const fn saved_bp(self) -> SavedBp {
        let offset = ((self.0 << (24 - BP_SHIFT)) as i32 >> 24 << SCALE) as isize;
        match self.0 & BP {
            BP_CFA => SavedBp::AtCfa(offset),
            BP_BP => SavedBp::AtBp(offset),
            _ => SavedBp::Unchanged,
        }
    }

    /// False when the address that was looked up is in no code at all.
    pub const fn is_code(self) -> bool {
        self.0 != Rule::NOT_CODE.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_is_exact_or_complex() {
        // In registers: what fits is the same in both widths.
        let w = WORD as isize;
        for kind in [Kind::Sp, Kind::Bp, Kind::Drap] {
            for offset in [-1 << 17, -512, -1, 0, 1, 2, 0x247, (1 << 17) - 1] {
                let offset = offset * W;
                for bp in [
                    SavedBp::Unchanged,
                    SavedBp::AtCfa(-128 * w),
                    SavedBp::AtCfa(-2 * w),
                    SavedBp::AtBp(0),
                    SavedBp::AtBp(127 * w),
                ] {
                    let rule = Rule::pack(kind, offset, bp);
                    assert_eq!(
                        (rule.kind(), rule.offset() as i64, rule.saved_bp()),
                        (kind, offset, bp)
                    );
                    assert_eq!(rule.saves_bp(), bp != SavedBp::Unchanged);
                }
            }
        }
        for (offset, bp) in [
            (W << 17, 0),
            (-(W << 17) - W, 0),
            (W + W / 2, 0),
            (2 * W, 128 * w),
            (2 * W, -129 * w),
            (2 * W, w / 2),
        ] {
            assert_eq!(
                Rule::pack(Kind::Sp, offset, SavedBp::AtCfa(bp)),
                Rule::COMPLEX
            );
        }
    }

    #[test]
    fn not_code_is_no_other_rule() {
        assert_eq!(Rule::NOT_CODE.kind(), Kind::End);
        assert!(!Rule::NOT_CODE.is_code() && Rule::OUTERMOST.is_code());
        assert_eq!(Rule(0).kind(), Kind::Empty);
    }
}
