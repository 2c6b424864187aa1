//! One pass over the readable memory of a process, in the order of addresses, for
//! words that could be pointers to blocks. Not what memory there is, and how it is
//! read ([`Memory`]).

use super::graph::{Graph, Pointer};
use crate::Block;

/// Bytes read at a time: few calls, and little memory.
const WINDOW: usize = 1 << 20;
/// What is left out where reading fails: protection is by page.
const PAGE: u64 = 4096;

/// Memory of a process.
pub(crate) trait Memory {
    /// Copies what lies at `at`; how many bytes of the beginning of `into` were
    /// filled.
    fn read(&self, at: u64, into: &mut [u8]) -> usize;
}

/// Addresses that may be read: from a multiple of 8 to the end of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) start: u64,
    /// The first beyond.
    pub(crate) end: u64,
    /// Whether what lies there in no block is held by the program.
    pub(crate) is_root: bool,
}

/// What a pass found.
pub(crate) struct Swept {
    pub(super) graph: Graph,
    /// Bytes read of roots.
    pub(crate) root_bytes: u64,
    /// Bytes read of blocks.
    pub(crate) block_bytes: u64,
    /// Bytes that could not be read.
    pub(crate) unreadable_bytes: u64,
}

/// Sorts blocks as [`sweep`] wants them: one that lies in another is behind it.
pub(crate) fn sort(blocks: &mut [Block]) {
    blocks.sort_by_key(|block| (block.address, std::cmp::Reverse(block.size)));
}

/// Reads `areas`, which are in order and do not overlap, for pointers to sorted
/// blocks. `words` are those of registers.
pub(crate) fn sweep(memory: &dyn Memory, areas: &[Area], blocks: &[Block], words: &[u64]) -> Swept {
    let targets = Targets::new(blocks);
    let mut roots: Vec<Pointer> = Vec::new();
    for (i, block) in blocks.iter().enumerate() {
        if block.flags & Block::ROOT != 0 {
            roots.push(Pointer::new(i, true));
        }
    }
    for &word in words {
        targets.of(word, |pointer| roots.push(pointer));
    }
    let mut edges = Vec::new();
    let mut window = Window::new(memory);
    let (mut root_bytes, mut block_bytes) = (0, 0);
    let mut pieces = Pieces::of(blocks).peekable();
    for area in areas {
        let mut at = area.start;
        while at < area.end {
            while pieces.next_if(|piece| piece.end <= at).is_some() {}
            let (end, owner) = match pieces.peek() {
                Some(piece) if piece.start <= at => (piece.end.min(area.end), Some(piece.owner)),
                Some(piece) => (piece.start.min(area.end), None),
                None => (area.end, None),
            };
            match owner {
                Some(owner) => {
                    block_bytes += end - at;
                    window.words(at, end, area.end, |word| {
                        targets.of(word, |pointer| edges.push((owner, pointer)));
                    });
                }
                None if area.is_root => {
                    root_bytes += end - at;
                    window.words(at, end, area.end, |word| {
                        targets.of(word, |pointer| roots.push(pointer));
                    });
                }
                None => {}
            }
            at = end;
        }
    }
    Swept {
        graph: Graph::new(blocks.len(), edges, roots),
        root_bytes,
        block_bytes,
        unreadable_bytes: window.unreadable,
    }
}

/// Finds the blocks that a word points to.
struct Targets<'a> {
    blocks: &'a [Block],
    /// For each block, the last one before it that ends behind its end.
    beyond: Vec<u32>,
    lowest: u64,
    highest: u64,
}

/// No block.
const NONE: u32 = u32::MAX;

impl Targets<'_> {
    fn new(blocks: &[Block]) -> Targets<'_> {
        let mut beyond: Vec<u32> = Vec::with_capacity(blocks.len());
        for (i, block) in blocks.iter().enumerate() {
            let mut before = i.checked_sub(1).map_or(NONE, |i| i as u32);
            while before != NONE && end_of(&blocks[before as usize]) <= end_of(block) {
                before = beyond[before as usize];
            }
            beyond.push(before);
        }
        Targets {
            beyond,
            lowest: blocks.first().map_or(u64::MAX, |block| block.address),
            highest: blocks.iter().map(end_of).max().unwrap_or(0),
            blocks,
        }
    }

    /// Gives `found` a pointer for each block that `word` points to: one, and those
    /// around it.
    #[inline]
    fn of(&self, word: u64, mut found: impl FnMut(Pointer)) {
        // A block without bytes still has a start, which may be the highest end.
        if word < self.lowest || word > self.highest {
            return;
        }
        let after = self.blocks.partition_point(|block| block.address <= word);
        let mut next = after.checked_sub(1);
        while let Some(i) = next {
            let is_start = self.blocks[i].address == word;
            if is_start || word < end_of(&self.blocks[i]) {
                found(Pointer::new(i, is_start));
                next = i.checked_sub(1);
            } else {
                // Those in between end before this one, which ends before the word.
                next = match self.beyond[i] {
                    NONE => None,
                    i => Some(i as usize),
                };
            }
        }
    }
}

fn end_of(block: &Block) -> u64 {
    block.address.saturating_add(block.size)
}

/// Addresses whose innermost block is one and the same.
#[derive(Clone, Copy)]
struct Piece {
    start: u64,
    end: u64,
    owner: u32,
}

/// The pieces of sorted blocks, in order.
struct Pieces<'a> {
    blocks: &'a [Block],
    /// The next block that begins.
    next: usize,
    /// Blocks that began and of which not all was given, the innermost last.
    open: Vec<u32>,
    at: u64,
    /// Given next, unless what follows belongs to it too.
    held: Option<Piece>,
}

impl Pieces<'_> {
    fn of(blocks: &[Block]) -> Pieces<'_> {
        Pieces {
            blocks,
            next: 0,
            open: Vec::new(),
            at: 0,
            held: None,
        }
    }

    /// The next piece, cut wherever a block begins.
    fn cut(&mut self) -> Option<Piece> {
        loop {
            while let Some(block) = self.blocks.get(self.next)
                && (block.address <= self.at || self.open.is_empty())
            {
                self.at = self.at.max(block.address);
                // Without bytes, it owns nothing.
                if end_of(block) > self.at {
                    self.open.push(self.next as u32);
                }
                self.next += 1;
            }
            let &owner = self.open.last()?;
            let end = end_of(&self.blocks[owner as usize]);
            if end <= self.at {
                self.open.pop();
                continue;
            }
            let next = self.blocks.get(self.next);
            let end = next.map_or(end, |block| end.min(block.address));
            let start = std::mem::replace(&mut self.at, end);
            return Some(Piece { start, end, owner });
        }
    }
}

impl Iterator for Pieces<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        loop {
            let cut = self.cut();
            match (&mut self.held, cut) {
                // A block without bytes lay in between, and may have cut a word.
                (Some(held), Some(cut)) if held.owner == cut.owner && held.end == cut.start => {
                    held.end = cut.end;
                }
                (None, Some(_)) => self.held = cut,
                _ => return std::mem::replace(&mut self.held, cut),
            }
        }
    }
}

/// A part of memory that was read.
struct Window<'a> {
    memory: &'a dyn Memory,
    buffer: Vec<u8>,
    start: u64,
    /// Up to here the buffer is filled.
    end: u64,
    /// Up to here, from `end`, nothing can be read.
    gap_end: u64,
    unreadable: u64,
}

impl Window<'_> {
    fn new(memory: &dyn Memory) -> Window<'_> {
        Window {
            memory,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            gap_end: 0,
            unreadable: 0,
        }
    }

    /// Gives the aligned words that lie between `start` and `end` with all their
    /// bytes. Up to `limit` may be read beyond.
    fn words(&mut self, start: u64, end: u64, limit: u64, mut give: impl FnMut(u64)) {
        let Some(mut at) = start.checked_next_multiple_of(8) else {
            return;
        };
        while at < end {
            if at >= self.gap_end || at < self.start {
                self.fill(at, limit);
            }
            let till = self.end.min(end);
            if at < till {
                // Both within the window, so their distances fit.
                let bytes = &self.buffer[(at - self.start) as usize..(till - self.start) as usize];
                for word in bytes.chunks_exact(8) {
                    give(u64::from_le_bytes(word.try_into().unwrap_or_default()));
                }
            }
            at = self.gap_end.max(at + 8);
        }
    }

    /// Reads from `at`, a multiple of 8, on.
    fn fill(&mut self, at: u64, limit: u64) {
        let len = (limit - at).min(WINDOW as u64);
        self.buffer.resize(len as usize, 0);
        let read = self.memory.read(at, &mut self.buffer) & !7;
        (self.start, self.end) = (at, at + read as u64);
        self.gap_end = self.end;
        if self.end < at + len {
            // Somewhere in this page; what lies behind it is tried again.
            self.gap_end = (self.end & !(PAGE - 1)).saturating_add(PAGE).min(at + len);
            self.unreadable += self.gap_end - self.end;
        }
    }
}
