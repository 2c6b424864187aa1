//! Which live blocks can still be reached: a process image judges itself.
//!
//! # Duties of the caller
//!
//! - Call [`scan`] where memory stands still: in an [`image`] of the process,
//!   or in the process when no other thread runs any more.
//! - Tell of *all* live blocks of an allocator, or set
//!   [`Input::heap_holes_are_roots`]: an unknown block is otherwise taken for
//!   freed memory, and what only it points to for lost.
//! - Exclude the memory in which blocks are listed ([`Input::exclude`]).
//! - Flag as [`Block::ROOT`] what something outside of memory holds: blocks of
//!   the dynamic loader (a thread's dynamic TLS is reached through pointers to
//!   its middle), and those too young for their address to be stored anywhere.
//!
//! # Non-goals
//!
//! Precision. Any aligned word that could be a pointer is one. What that can
//! get wrong, both ways:
//!
//! | kept alive though leaked | |
//! | --- | --- |
//! | a number that happens to be an address | rare with 47-bit addresses |
//! | a dead pointer in a live frame, a live block, or the stack of another thread below its stack pointer | common, few |
//! | a dead pointer in memory that an allocator unknown to the caller has freed (pymalloc, V8) | common, few |
//! | a dead pointer in a page with one released block of another allocator than glibc's, and no live one | rare |
//! | memory that a thread which ended left behind, when its stack is not told of | until the stack is used again |
//!
//! | called lost though held | |
//! | --- | --- |
//! | pointers that are not aligned, compressed, tagged in their upper bits, xor-ed, or encrypted (glibc's `PTR_MANGLE`) | |
//! | pointers kept by the kernel only (epoll data, timers), on devices, in another process, in files that are not mapped | |
//! | pointers in memory that a fork does not inherit (`MADV_DONTFORK`, `MADV_WIPEONFORK`) | |
//! | vector registers of the scanning thread | callers save them on the stack |
//!
//! [`Verdict::Possible`] is the verdict on blocks held only by pointers to
//! their middle. Many sound programs have such: `new T[n]` with destructors
//! (8 bytes in), a base class that is not the first (any offset), CPython's
//! collected objects (16 in), SQLite (8 in), the C library's TLS vectors (16
//! in), wrappers that align by themselves. So they are not called lost, nor
//! are they quite above suspicion.
//!
//! # How
//!
//! `maps` and `residency` find what there is to read, without touching
//! what was never used. `pages` finds the block for a word. `roots` leaves
//! out what an allocator has freed (`glibc`, `arena`), `mark` reads memory,
//! `lookup` finds the blocks that its words point to, `far` keeps words until
//! there are many for one place, `follow` goes from block to block, and
//! `verdicts` judges. Nothing here allocates from the heap, takes a lock, or
//! calls a function of the C library.

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
compile_error!("only Linux on x86-64 so far");

mod arena;
mod copy;
mod far;
mod follow;
mod glibc;
pub mod image;
mod leaf;
mod lookup;
mod maps;
mod mark;
mod memory;
mod pages;
mod python;
mod residency;
mod roots;
mod sys;
pub mod threads;
mod verdicts;

use freehold_ledger::format::Verdict;
pub use python::{PythonLayout, PythonLong};
pub use residency::Source;

/// A block, as the caller knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Where it starts.
    pub address: u64,
    /// How many bytes it has.
    pub size: u64,
    /// Given back with the verdict; of no meaning here.
    pub tag: u64,
    /// [`Block::ROOT`], [`Block::GLIBC`], [`Block::DEAD`].
    pub flags: u8,
}

impl Block {
    /// Held, whatever points to it.
    pub const ROOT: u8 = 1;
    /// From glibc's allocator.
    pub const GLIBC: u8 = 1 << 1;
    /// Released: gets no verdict, but tells where an allocator has memory.
    pub const DEAD: u8 = 1 << 2;
}

/// Addresses from `start` up to, not including, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first.
    pub start: u64,
    /// The first beyond.
    pub end: u64,
}

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
    /// Registers of the scanning thread ([`threads::registers`]).
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

/// Blocks and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How many blocks.
    pub blocks: u64,
    /// How many bytes they have.
    pub bytes: u64,
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
