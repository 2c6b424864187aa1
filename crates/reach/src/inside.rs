//! A process image judges its own blocks: what the caller tells of the process, and
//! the steps of a scan. Each step is a module of its own.

use crate::residency::Source;
use crate::{
    Block, Count, PythonLong, Range, arena, copy, follow, glibc, maps, mark, pages, residency,
    roots, sys, verdicts,
};
use freehold_ledger::format::Verdict;

/// A thread other than the scanning one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadStack {
    /// Where its stack pointer was when last seen.
    pub stack_pointer: u64,
    /// The end of its frames, for instance its thread pointer (`fs:0`), below
    /// which its static TLS lies; 0 when it is not known.
    pub top: u64,
    /// Whether it still runs. The stack of a thread that ended is no root.
    pub alive: bool,
}

/// Gives each block to the function that it is handed.
pub type Blocks<'a> = dyn FnMut(&mut dyn FnMut(Block)) + 'a;

/// What is to be judged, and what is known about the process.
pub struct Input<'a> {
    /// All blocks, best in the order of their addresses.
    pub blocks: &'a mut Blocks<'a>,
    /// Registers of the scanning thread ([`crate::threads::registers`]).
    pub registers: &'a [u64],
    /// Stack pointer of the scanning thread: what lies below is no root.
    pub stack_pointer: u64,
    /// The other threads, and those that ended.
    pub threads: &'a [ThreadStack],
    /// Mappings that are not the program's.
    pub exclude: &'a [Range],
    /// Not every live block is known: take all of a heap that is in no known
    /// block for a root.
    pub heap_holes_are_roots: bool,
    /// A CPython interpreter in the process.
    pub python: Option<PythonLong>,
}

/// Why there are no verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// No working memory; the error number of the system.
    Memory(i32),
    /// `/proc/self/maps` can not be read; the error number of the system.
    Maps(i32),
    /// Over four thousand million blocks.
    TooManyBlocks,
}

/// What a scan did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Blocks by verdict: index it with `Verdict as usize`.
    pub verdicts: [Count; 5],
    /// Bytes read of roots.
    pub root_bytes: u64,
    /// Bytes of blocks that were followed, counted each time.
    pub block_bytes: u64,
    /// Bytes that could not be read: guards, pages beyond the end of a file.
    pub unreadable_bytes: u64,
    /// Mappings found.
    pub mappings: u32,
    /// Lines of the list of mappings that were not understood.
    pub bad_map_lines: u32,
    /// Heaps of glibc that were recognised.
    pub glibc_heaps: u32,
    /// How untouched pages were told apart.
    pub source: Source,
    /// Time to list mappings and pages.
    pub pages_us: u64,
    /// Time to take in the blocks.
    pub index_us: u64,
    /// Time to read the roots.
    pub roots_us: u64,
    /// Time to follow pointers, and to judge what was left over.
    pub mark_us: u64,
    /// Time in all.
    pub total_us: u64,
}

/// Judges all live blocks; gives `verdict` each tag and its verdict, in the
/// order of addresses. [`Verdict::Unknown`] for a block that can not be.
///
/// # Safety
/// No other thread may change mappings meanwhile.
// Never inlined: its frame must lie below the stack pointer that was captured
// in the caller's, or it would find its own variables.
#[inline(never)]
pub unsafe fn scan(input: Input, verdict: &mut dyn FnMut(u64, Verdict)) -> Result<Outcome, Error> {
    let begin = sys::now_us();
    // First, while nothing of ours is mapped.
    let mut maps = maps::read()?;
    leave_out(&mut maps.list, input.exclude);
    let residency = residency::Residency::of(&maps.list)?;
    let listed = sys::now_us();

    let mut index = pages::Index::new()?;
    let mut pieces = glibc::Pieces::new()?;
    let mut verdicts_of = [Count::default(); 5];
    take_in(input.blocks, &mut index, &mut pieces, &mut |block| {
        add(&mut verdicts_of, Verdict::Unknown, block.size);
        verdict(block.tag, Verdict::Unknown);
    })?;
    index.build()?;
    follow::flag_direct(&mut index, &residency.runs);
    let indexed = sys::now_us();

    let mut cuts = roots::Cuts::new()?;
    for range in input.exclude {
        cuts.add(range.start, range.end)?;
    }
    cuts.add(maps.buffer.0, maps.buffer.1)?;
    for entry in index.large() {
        cuts.add(entry.start(), entry.end())?;
    }
    roots::cut_stacks(
        &residency.runs,
        input.stack_pointer,
        input.threads,
        &index,
        &mut cuts,
    )?;
    let mut glibc_heaps = 0;
    if !input.heap_holes_are_roots {
        let mut copier = copy::Copier::new();
        let start = maps::heap_start();
        glibc_heaps = glibc::cut_heaps(&pieces, &maps, start, &mut copier, &mut cuts)?;
    }
    if pieces.any()
        && let Some(range) = arena::main_arena(&maps.list, &mut copy::Copier::new())?
    {
        cuts.add(range.start, range.end)?;
    }
    cuts.finish();

    let mut marker = mark::Marker::new(&index, &residency.runs, input.python)?;
    for (i, entry) in index.entries.iter().enumerate() {
        if entry.has(Block::ROOT) {
            marker.mark(i as u32);
        }
    }
    // A stack that the program allocated is in use while a thread runs on it.
    let alive = input.threads.iter().filter(|thread| thread.alive);
    for pointer in alive
        .map(|thread| thread.stack_pointer)
        .chain([input.stack_pointer])
    {
        if let Some(i) = index.holder(pointer) {
            marker.mark(i);
        }
    }
    for &register in input.registers {
        marker.word(register);
    }
    let root_bytes = marker.roots(&cuts, input.heap_holes_are_roots);
    let rooted = sys::now_us();

    let verdicts = verdicts::Verdicts::of(&index, &mut marker)?;
    for (i, entry) in index.entries.iter().enumerate() {
        let judged = verdicts.get(i);
        add(&mut verdicts_of, judged, entry.size);
        verdict(entry.tag, judged);
    }
    let end = sys::now_us();
    Ok(Outcome {
        verdicts: verdicts_of,
        root_bytes,
        block_bytes: marker.block_bytes,
        unreadable_bytes: marker.unreadable_bytes,
        mappings: maps.list.len() as u32,
        bad_map_lines: maps.bad_lines,
        glibc_heaps,
        source: residency.source,
        pages_us: listed - begin,
        index_us: indexed - listed,
        roots_us: rooted - indexed,
        mark_us: end - rooted,
        total_us: end - begin,
    })
}

/// Mappings of the caller need not even be looked at: asking the kernel for the
/// pages of a ledger of gigabytes takes longer than all the rest.
fn leave_out(mappings: &mut [maps::Mapping], exclude: &[Range]) {
    for mapping in mappings {
        let is_within = |r: &Range| r.start <= mapping.start && mapping.end <= r.end;
        if exclude.iter().any(is_within) {
            mapping.flags |= maps::DEVICE;
        }
    }
}

fn add(counts: &mut [Count; 5], verdict: Verdict, bytes: u64) {
    let count = &mut counts[verdict as usize];
    count.blocks += 1;
    count.bytes = count.bytes.saturating_add(bytes);
}

/// Takes the blocks from the caller.
fn take_in(
    blocks: &mut Blocks,
    index: &mut pages::Index,
    pieces: &mut glibc::Pieces,
    rejected: &mut dyn FnMut(&Block),
) -> Result<(), Error> {
    let mut result = Ok(());
    blocks(&mut |block| {
        let dead = block.flags & Block::DEAD != 0;
        if !pages::Index::accepts(&block) {
            if !dead {
                rejected(&block);
            }
            return;
        }
        let glibc = block.flags & Block::GLIBC != 0;
        if glibc {
            pieces.add(block.address);
        }
        let pushed = match (dead, glibc) {
            (false, _) => index.push(&block),
            (true, false) => index.bury(block.address),
            // Where glibc has its heaps is known better than by page.
            (true, true) => Ok(()),
        };
        if result.is_ok() {
            result = pushed;
        }
    });
    result
}
