//! What a walk writes down on its way, and the hash of what it finds.

use crate::memory::Memory;
use crate::walk::Bp;

pub(crate) const SEED: u64 = 0x243F_6A88_85A3_08D3;

#[inline(always)]
pub(crate) fn mix(hash: u64, word: u64) -> u64 {
    // Folded multiplication: every bit of the product reaches the result.
    let product = u128::from(hash ^ word) * u128::from(0x9FB2_1C65_1E98_DF25u64);
    (product as u64) ^ ((product >> 64) as u64).rotate_left(23)
}

/// The hash of a stack: every frame, their order and their number count. Folded
/// from the outermost frame inward, so that stacks with the same outer frames
/// can share that part of the work.
pub fn hash_frames(frames: &[usize]) -> u64 {
    let hash = frames
        .iter()
        .rev()
        .fold(SEED, |hash, &frame| mix(hash, frame as u64));
    mix(hash, frames.len() as u64)
}

/// What a walk that will be remembered writes down: every word it read which
/// had a part in the result, in the order in which their addresses became known.
///
/// `Copy`, so that the loop of the walk can keep it in registers.
pub(crate) trait Trace: Copy {
    /// The walk is at its frame number `count`, about to step. True: the rest is
    /// known, the walk may end.
    fn frame<M: Memory>(
        &mut self,
        count: usize,
        ra: usize,
        sp: usize,
        bp: Bp,
        memory: &mut M,
    ) -> bool;
    fn word(&mut self, address: usize, value: usize);
    /// The step uses rbp, perhaps its value at entry. Comes before `sets_bp`.
    fn uses_bp(&mut self, initial: bool);
    /// The step restores rbp.
    fn sets_bp(&mut self);
}

/// Writes nothing down.
#[derive(Clone, Copy)]
pub(crate) struct NoTrace;

impl Trace for NoTrace {
    #[inline(always)]
    fn frame<M: Memory>(&mut self, _: usize, _: usize, _: usize, _: Bp, _: &mut M) -> bool {
        false
    }
    #[inline(always)]
    fn word(&mut self, _: usize, _: usize) {}
    #[inline(always)]
    fn uses_bp(&mut self, _: bool) {}
    #[inline(always)]
    fn sets_bp(&mut self) {}
}
