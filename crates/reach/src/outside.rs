//! The blocks of another process, judged from outside while it stands still: the
//! way on Windows, where no process can make a copy-on-write image of itself.
//!
//! What is read, for want of anything that would tell more: all private memory, the
//! writable parts of images and of mapped files, and the registers of all threads.
//! Of a stack, what lies below the stack pointer is left out where its guard page
//! shows that it is one. The ledger knows the library's blocks and few others: what
//! lies in no block is held by the program, also in a heap.
//!
//! What that can get wrong, besides what the crate's first lines say:
//!
//! | kept alive though leaked | |
//! | --- | --- |
//! | a dead pointer in what a heap has freed, or in a block that nobody told of | common, few |
//!
//! | called lost though held | |
//! | --- | --- |
//! | pointers in a part of an image that was made read-only after they were stored | |
//! | encoded pointers (`EncodePointer`), and those that only the kernel keeps | |
//!
//! Not here: which blocks there are, and where verdicts are kept.

mod graph;
mod sweep;
#[cfg(windows)]
mod windows;

use freehold_ledger::format::Verdict;

use crate::{Block, Count};
use graph::Pointer;
pub(crate) use sweep::{Area, Memory};

#[cfg(windows)]
pub use windows::{Error, Stopped};

/// What a judgement did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Blocks by verdict: index it with `Verdict as usize`.
    pub verdicts: [Count; 5],
    /// Bytes read of roots.
    pub root_bytes: u64,
    /// Bytes read of blocks.
    pub block_bytes: u64,
    /// Bytes that could not be read though they may be.
    pub unreadable_bytes: u64,
}

/// Judges blocks; gives `verdict` the tag of each and its verdict, in the order of
/// addresses. None when there are more blocks than can be told apart.
pub(crate) fn judge(
    memory: &dyn Memory,
    areas: &[Area],
    words: &[u64],
    blocks: &[Block],
    verdict: &mut dyn FnMut(u64, Verdict),
) -> Option<Outcome> {
    // Where nothing can be read there is no block, or nothing to be known of it.
    let is_readable = |block: &Block| {
        let after = areas.partition_point(|area| area.start <= block.address);
        after > 0 && block.address < areas[after - 1].end
    };
    let live = blocks.iter().filter(|b| b.flags & Block::DEAD == 0);
    let (mut judged, unknown): (Vec<_>, Vec<_>) = live.copied().partition(is_readable);
    if judged.len() >= Pointer::MOST {
        return None;
    }
    sweep::sort(&mut judged);
    let swept = sweep::sweep(memory, areas, &judged, words);
    let mut outcome = Outcome {
        root_bytes: swept.root_bytes,
        block_bytes: swept.block_bytes,
        unreadable_bytes: swept.unreadable_bytes,
        ..Outcome::default()
    };
    let mut give = |block: &Block, judged: Verdict| {
        let count = &mut outcome.verdicts[judged as usize];
        count.blocks += 1;
        count.bytes = count.bytes.saturating_add(block.size);
        verdict(block.tag, judged);
    };
    for block in &unknown {
        give(block, Verdict::Unknown);
    }
    for (block, judged) in judged.iter().zip(swept.graph.verdicts()) {
        give(block, judged);
    }
    Some(outcome)
}

#[cfg(test)]
mod tests;
