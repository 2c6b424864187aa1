//! The walk by cached rules.

#[cfg(not(all(windows, target_arch = "x86")))]
use crate::generic;
use crate::memory::{Direct, Kernel, Memory, load};
use crate::rule::{Kind, Rule, SavedBp};
#[cfg(not(windows))]
use crate::signal;
use crate::trace::{NoTrace, Trace};
use crate::{Entry, MAX_DEPTH, Stack, StackBounds, WORD, hash_frames, table};

/// What the offset of [`Rule::NOT_CODE`] is.
const NOT_CODE: isize = Rule::NOT_CODE.offset();

/// Why a walk ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    Complete,
    Truncated,
    /// Corrupt, unreadable, or no code.
    Incomplete,
    /// A frame needs registers that are not known: start over with all of them.
    NeedsRegisters,
    /// A signal frame leads to another stack.
    OtherStack,
    /// The last frame is no code: it must be taken back.
    NotCode,
    /// The rest is that of the last walk.
    Joined,
}

/// Where rbp's value is. It is read only when a rule needs it.
///
/// The layout makes all zero bytes a valid value.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(C, usize)]
pub(crate) enum Bp {
    Initial(usize),
    Known(usize),
    Saved(usize),
}

/// A walk between two frames.
#[derive(Clone, Copy)]
pub(crate) struct Cursor {
    /// Return address (or pc + 1) of the next frame.
    ra: usize,
    /// The stack pointer of that frame.
    sp: usize,
    bp: Bp,
    pub(crate) count: usize,
    /// Number of the last frame that was crossed by its frame pointer, plus one.
    pub(crate) approximate: usize,
}

impl Cursor {
    /// # Safety
    ///
    /// `entry.slot` must hold the return address of a running function.
    pub(crate) unsafe fn new(entry: Entry) -> Cursor {
        Cursor {
            // SAFETY: the caller's promise.
            ra: unsafe { load(entry.slot) },
            sp: entry.slot + WORD,
            bp: Bp::Initial(entry.bp),
            count: 0,
            approximate: 0,
        }
    }

    #[inline(always)]
    fn bp(&mut self, memory: &mut impl Memory, trace: &mut impl Trace) -> Option<usize> {
        trace.uses_bp(matches!(self.bp, Bp::Initial(_)));
        let value = match self.bp {
            Bp::Known(value) => return Some(value),
            Bp::Initial(value) => value,
            Bp::Saved(address) => {
                let value = memory.read(address)?;
                trace.word(address, value);
                value
            }
        };
        self.bp = Bp::Known(value);
        Some(value)
    }

    /// Walks on until something ends the walk.
    #[inline(always)]
    pub(crate) fn run(
        &mut self,
        depth: usize,
        frames: &mut [usize; MAX_DEPTH],
        memory: &mut impl Memory,
        trace: &mut impl Trace,
    ) -> End {
        // Copies that nobody else sees can live in registers.
        let (mut cursor, mut copied) = (*self, *trace);
        let end = loop {
            if let Some(end) = cursor.step(depth, frames, memory, &mut copied) {
                break end;
            }
        };
        (*self, *trace) = (cursor, copied);
        if end == End::NotCode {
            // It must not be kept unless it is the very first: that one did call.
            self.count -= usize::from(self.count > 1);
            End::Incomplete
        } else {
            end
        }
    }

    /// One frame; `Some` when the walk ends with it.
    #[inline(always)]
    fn step(
        &mut self,
        depth: usize,
        frames: &mut [usize; MAX_DEPTH],
        memory: &mut impl Memory,
        trace: &mut impl Trace,
    ) -> Option<End> {
        if !table::may_be_code(self.ra) {
            return Some(if self.ra == 0 {
                End::Complete
            } else {
                End::Incomplete
            });
        }
        if self.count >= depth {
            return Some(End::Truncated);
        }
        if trace.frame(self.count, self.ra, self.sp, self.bp, memory) {
            return Some(End::Joined);
        }
        let rule = table::lookup(self.ra);
        frames[self.count] = self.ra;
        self.count += 1;
        let cfa = match rule.kind() {
            Kind::Sp => self.sp.wrapping_add_signed(rule.offset()),
            Kind::Bp => match self.bp(memory, trace) {
                Some(bp) => bp.wrapping_add_signed(rule.offset()),
                None => return Some(End::Incomplete),
            },
            Kind::End => {
                return Some(match rule.offset() {
                    0 => End::Complete,
                    NOT_CODE => End::NotCode,
                    _ => End::Incomplete,
                });
            }
            other => match self.uncommon(other, rule.offset(), memory, trace) {
                Ok(cfa) => cfa,
                Err(end) => return end,
            },
        };
        if cfa <= self.sp {
            return Some(End::Incomplete);
        }
        if rule.saves_bp() {
            self.bp = match rule.saved_bp() {
                SavedBp::AtCfa(offset) => Bp::Saved(cfa.wrapping_add_signed(offset)),
                SavedBp::AtBp(offset) => match self.bp(memory, trace) {
                    Some(bp) => Bp::Saved(bp.wrapping_add_signed(offset)),
                    None => return Some(End::Incomplete),
                },
                SavedBp::Unchanged => self.bp,
            };
            trace.sets_bp();
        }
        // Fails for a CFA that is not aligned.
        let Some(ra) = memory.read(cfa - WORD) else {
            return Some(End::Incomplete);
        };
        trace.word(cfa - WORD, ra);
        (self.ra, self.sp) = (ra, cfa);
        None
    }

    /// The CFA by a rare kind of rule; `Err` when the walk ends or (`Err(None)`)
    /// has stepped already.
    #[inline(always)]
    fn uncommon(
        &mut self,
        kind: Kind,
        offset: isize,
        memory: &mut impl Memory,
        trace: &mut impl Trace,
    ) -> Result<usize, Option<End>> {
        let unreadable = Err(Some(End::Incomplete));
        match kind {
            Kind::Drap => {
                let Some(bp) = self.bp(memory, trace) else {
                    return unreadable;
                };
                let address = bp.wrapping_add_signed(offset);
                let Some(cfa) = memory.read(address) else {
                    return unreadable;
                };
                trace.word(address, cfa);
                Ok(cfa)
            }
            Kind::FramePointer => {
                self.approximate = self.count;
                let Some(bp) = self.bp(memory, trace) else {
                    return unreadable;
                };
                if !plausible_frame_pointer(bp, self.sp) {
                    // Where all frames are chained, the first one's link is zero.
                    if cfg!(all(windows, target_arch = "x86")) && bp == 0 {
                        return Err(Some(End::Complete));
                    }
                    return unreadable;
                }
                self.bp = Bp::Saved(bp);
                trace.sets_bp();
                Ok(bp + 2 * WORD)
            }
            #[cfg(not(windows))]
            Kind::Signal => {
                let context = signal::CONTEXT;
                let registers = self.sp.wrapping_add_signed(offset);
                let (rip_at, rsp_at) = (
                    registers.wrapping_add(context.ip),
                    registers.wrapping_add(context.sp),
                );
                let Some(rip) = memory.read(rip_at) else {
                    return unreadable;
                };
                trace.word(rip_at, rip);
                let Some(rsp) = memory.read(rsp_at) else {
                    return unreadable;
                };
                trace.word(rsp_at, rsp);
                let other_stack = rsp <= self.sp || memory.read(rsp & !(WORD - 1)).is_none();
                self.bp = Bp::Saved(registers.wrapping_add(context.bp));
                trace.sets_bp();
                // Exact, not after a call: stored so that minus one gives it back.
                (self.ra, self.sp) = (rip.wrapping_add(1), rsp);
                Err(other_stack.then_some(End::OtherStack))
            }
            Kind::Complex => Err(Some(End::NeedsRegisters)),
            Kind::End | Kind::Empty | Kind::Sp | Kind::Bp => unreadable,
            // Windows has none: what interrupts a frame there is a machine frame, and
            // needs registers.
            #[cfg(windows)]
            Kind::Signal => unreadable,
        }
    }
}

/// Whether a register of code without unwind data can be a frame pointer.
pub(crate) fn plausible_frame_pointer(bp: usize, sp: usize) -> bool {
    bp & (WORD - 1) == 0 && bp >= sp && bp - sp < 1 << 20
}

/// How a walk went. The frames are in the array that the caller gave.
#[derive(Clone, Copy)]
pub(crate) struct Outcome {
    pub(crate) end: End,
    pub(crate) count: usize,
    /// Number of the last frame that was crossed by its frame pointer, plus one.
    pub(crate) approximate: usize,
    /// Some words were read through the kernel: where they lie was not known to
    /// be mapped.
    pub(crate) foreign: bool,
    /// Words outside the trace decided the result.
    pub(crate) untraced: bool,
}

/// Walks from `entry`, by rules, and where these do not do, with all registers.
///
/// # Safety
///
/// As for [`walk`].
#[inline(always)]
pub(crate) unsafe fn walk_traced(
    entry: Entry,
    depth: usize,
    bounds: StackBounds,
    frames: &mut [usize; MAX_DEPTH],
    trace: &mut impl Trace,
) -> Outcome {
    let depth = depth.clamp(1, MAX_DEPTH);
    let mut foreign = !bounds.contains(entry.slot);
    // SAFETY: the caller's promise.
    let mut cursor = unsafe { Cursor::new(entry) };
    let mut end = if foreign {
        through_kernel(&mut cursor, depth, frames, trace)
    } else {
        // SAFETY: from a live frame up to the end of its stack all is mapped.
        let mut memory = unsafe { Direct::new(entry.slot, bounds.high) };
        cursor.run(depth, frames, &mut memory, trace)
    };
    // One change of stack is normal: from the alternate stack of signals to the
    // thread's. Where that one ends up is not known, so it is read with care.
    if end == End::OtherStack {
        foreign = true;
        end = through_kernel(&mut cursor, depth, frames, trace);
    }
    // No rule of 32-bit Windows does.
    #[cfg(not(all(windows, target_arch = "x86")))]
    if end == End::NeedsRegisters {
        // SAFETY: the caller's promise.
        return unsafe { generic::walk(entry, depth, bounds, frames) };
    }
    Outcome {
        end,
        count: cursor.count,
        approximate: cursor.approximate,
        foreign,
        untraced: false,
    }
}

#[cold]
#[inline(never)]
fn through_kernel(
    cursor: &mut Cursor,
    depth: usize,
    frames: &mut [usize; MAX_DEPTH],
    trace: &mut impl Trace,
) -> End {
    cursor.run(depth, frames, &mut Kernel::new(), trace)
}

/// Walks without remembering anything: for signal handlers that interrupted a
/// capture, and for checks.
///
/// `depth` is taken as 1 to [`MAX_DEPTH`].
///
/// # Safety
///
/// - `entry` must come from the start of a function of this thread that has not
///   returned yet;
/// - `bounds` must be those of this thread.
#[inline(never)]
pub unsafe fn walk<'a>(
    entry: Entry,
    depth: usize,
    bounds: StackBounds,
    out: &'a mut [usize; MAX_DEPTH],
) -> Stack<'a> {
    // SAFETY: the caller's promise.
    let outcome = unsafe { walk_traced(entry, depth, bounds, out, &mut NoTrace) };
    let frames = &out[..outcome.count];
    Stack {
        frames,
        hash: hash_frames(frames),
        complete: outcome.end == End::Complete,
        truncated: outcome.end == End::Truncated,
        approximate: outcome.approximate != 0,
    }
}
