//! Stacks, each stored once: a node for each frame, whose parent is the frame
//! that called it. Stacks that share their outer frames share the nodes.
//!
//! The nodes lie in the file; the table that finds a child by its parent and
//! frame is private to the process.

use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr};

use crate::format::{MAX_DEPTH, NODE_BYTES, Root, Section};
use crate::primitive::{AtomicU32, AtomicU64, Ordering};
use crate::space::Memory;
use crate::sys;

/// Entries of the first table; each next one has twice as many.
const FIRST_TABLE: usize = 1 << 12;

/// The table. Zeroed bytes are an empty one.
#[repr(C)]
pub(crate) struct Trie {
    table: AtomicPtr<Table>,
    growing: AtomicBool,
}

/// The last stack of a thread, outermost frame first, with its nodes; the root
/// is node 0 of the path. Zeroed bytes are none.
#[derive(Debug)]
#[repr(C)]
pub struct Path {
    root: u64,
    len: usize,
    frames: [usize; MAX_DEPTH],
    nodes: [u32; MAX_DEPTH + 1],
    /// Children that were found lately, by hash. The table of the process is
    /// large, and to look there is to miss the cache twice.
    edges: [Edge; 4096],
}

/// A child below its parent.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Edge {
    word: u64,
    parent: u32,
    node: u32,
}

/// Followed in memory by its entries: node numbers, 0 for none.
#[repr(C)]
struct Table {
    entries: usize,
    /// Entries in use, about.
    used: AtomicU32,
}

impl Table {
    fn entry(&self, i: usize) -> &AtomicU32 {
        // SAFETY: `entries` of them follow the header, and the number of
        // entries is a power of two.
        unsafe {
            let first = ptr::from_ref(self).add(1).cast::<AtomicU32>();
            &*first.add(i & (self.entries - 1))
        }
    }
}

/// Both inputs reach the low bits: a function that calls itself is the same
/// frame below very many parents.
fn hash(word: u64, parent: u32) -> usize {
    let parent = u64::from(parent).wrapping_mul(0xd6e8_feb8_6659_fd93);
    let mixed = (word ^ parent ^ parent >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 32) as usize
}

/// The words of a node: its frame, then parent and depth.
pub(crate) fn node(memory: &Memory, number: u32) -> &[AtomicU64; 2] {
    let at = memory.at(Section::Nodes, u64::from(number) * NODE_BYTES);
    // SAFETY: numbers come from this memory, so the node is committed.
    unsafe { &*at.cast() }
}

impl Trie {
    /// The number of a stack; `None` when there is no room for it.
    ///
    /// Two threads that bring the same new stack at the same moment can, while
    /// the table grows, store it twice; a reader must not take different
    /// numbers for different stacks.
    pub(crate) fn intern(&self, memory: &Memory, root: Root, frames: &[usize]) -> Option<u32> {
        let mut at = self.child(memory, 0, root.pack())?;
        for frame in frames.iter().take(MAX_DEPTH).rev() {
            at = self.child(memory, at, *frame as u64)?;
        }
        Some(at)
    }

    /// The same for a thread that remembers its last stack: most of the outer
    /// frames are the same, and their nodes need not be looked for.
    pub(crate) fn intern_after(
        &self,
        memory: &Memory,
        last: &mut Path,
        root: Root,
        frames: &[usize],
    ) -> Option<u32> {
        let frames = &frames[..frames.len().min(MAX_DEPTH)];
        let mut shared = 0;
        if last.root == root.pack() {
            let outermost_first = frames.iter().rev();
            let both = outermost_first.zip(&last.frames[..last.len]);
            shared = both.take_while(|(new, old)| new == old).count();
        } else {
            last.len = 0;
            last.nodes[0] = self.child(memory, 0, root.pack())?;
            last.root = root.pack();
        }
        // Whatever happens below, no more than this holds.
        last.len = shared;
        let mut at = last.nodes[shared];
        for frame in frames[..frames.len() - shared].iter().rev() {
            let (word, parent) = (*frame as u64, at);
            let edge = &mut last.edges[hash(word, parent) & 4095];
            if edge.word != word || edge.parent != parent {
                *edge = Edge {
                    word,
                    parent,
                    node: self.child(memory, parent, word)?,
                };
            }
            at = edge.node;
            last.frames[last.len] = *frame;
            last.len += 1;
            last.nodes[last.len] = at;
        }
        Some(at)
    }

    /// The node for `word` below `parent`.
    fn child(&self, memory: &Memory, parent: u32, word: u64) -> Option<u32> {
        let mut made = None;
        loop {
            // Acquire: pairs with the release in `grow`.
            let table = self.table.load(Ordering::Acquire);
            // SAFETY: tables are never given back.
            let table = match unsafe { table.as_ref() } {
                Some(table) if !table.is_crowded() => table,
                other => match (self.grow(memory), other) {
                    (true, _) => continue,
                    // Another one is at it, or there is no room: go on with
                    // what is there while it has gaps.
                    (false, Some(table)) if !table.is_full() => table,
                    (false, _) => return None,
                },
            };
            match table.place(memory, parent, word, &mut made) {
                Place::Found(number) => return Some(number),
                Place::NoRoom => return None,
            }
        }
    }

    /// Replaces the table by one of twice the size. False when another thread
    /// is doing it or there is no room.
    #[cold]
    #[inline(never)]
    fn grow(&self, memory: &Memory) -> bool {
        // Acquire: pairs with the release below.
        if self.growing.swap(true, Ordering::Acquire) {
            return false;
        }
        let old = self.table.load(Ordering::Acquire);
        // SAFETY: as in `child`.
        let crowded = unsafe { old.as_ref() }.is_none_or(Table::is_crowded);
        let done = !crowded || self.replace(memory, old);
        self.growing.store(false, Ordering::Release);
        done
    }

    fn replace(&self, memory: &Memory, old: *mut Table) -> bool {
        let _errno = sys::KeepErrno::new();
        // SAFETY: as in `child`.
        let entries = unsafe { old.as_ref() }.map_or(FIRST_TABLE, |t| t.entries * 2);
        let bytes = (size_of::<Table>() + entries * size_of::<AtomicU32>()) as u64;
        if !memory.charge(bytes) {
            return false;
        }
        let Ok(place) = sys::map_private(bytes) else {
            return false;
        };
        let new: *mut Table = place.cast();
        // SAFETY: just mapped, zeroed, aligned to a page, long enough.
        let table = unsafe {
            (*new).entries = entries;
            &*new
        };
        let nodes = &memory.header().nodes;
        let mut done = table.take_over(memory, 1, nodes.load(Ordering::Acquire));
        // Release: the entries were written before.
        self.table.store(new, Ordering::Release);
        // Those that came meanwhile into the old table.
        while done < nodes.load(Ordering::Acquire) {
            done = table.take_over(memory, done, nodes.load(Ordering::Acquire));
        }
        true
    }
}

enum Place {
    Found(u32),
    NoRoom,
}

impl Table {
    /// More than half full: time for a larger one.
    fn is_crowded(&self) -> bool {
        self.used.load(Ordering::Relaxed) as usize > self.entries / 2
    }

    fn is_full(&self) -> bool {
        self.used.load(Ordering::Relaxed) as usize > self.entries / 8 * 7
    }

    /// Finds the node for a word below a parent, or makes it. `made` keeps a
    /// node over several tries.
    fn place(&self, memory: &Memory, parent: u32, word: u64, made: &mut Option<u32>) -> Place {
        let mut i = hash(word, parent);
        loop {
            let entry = self.entry(i);
            // Acquire: the node was written before its number.
            let mut number = entry.load(Ordering::Acquire);
            if number == 0 {
                let Some(own) = made.or_else(|| make(memory, parent, word)) else {
                    return Place::NoRoom;
                };
                *made = Some(own);
                // Release: publishes the node. Acquire: that of a winner.
                let order = (Ordering::AcqRel, Ordering::Acquire);
                match entry.compare_exchange(0, own, order.0, order.1) {
                    Ok(_) => {
                        self.used.fetch_add(1, Ordering::Relaxed);
                        return Place::Found(own);
                    }
                    Err(winner) => number = winner,
                }
            }
            let [other, link] = node(memory, number);
            if other.load(Ordering::Relaxed) == word
                && link.load(Ordering::Relaxed) as u32 == parent
            {
                return Place::Found(number);
            }
            i = i.wrapping_add(1);
        }
    }

    /// Enters the nodes from `first` up to `end`; gives `end`.
    fn take_over(&self, memory: &Memory, first: u32, end: u32) -> u32 {
        for number in first..end {
            let [word, link] = node(memory, number);
            // Acquire: a node that is being written has no frame yet; it will
            // be made a second time if it is needed again.
            let word = word.load(Ordering::Acquire);
            if word == 0 {
                continue;
            }
            let mut i = hash(word, link.load(Ordering::Relaxed) as u32);
            while self.entry(i).load(Ordering::Relaxed) != 0 {
                i = i.wrapping_add(1);
            }
            self.entry(i).store(number, Ordering::Release);
            self.used.fetch_add(1, Ordering::Relaxed);
        }
        end
    }
}

/// A new node.
fn make(memory: &Memory, parent: u32, word: u64) -> Option<u32> {
    let nodes = &memory.header().nodes;
    let number = memory.take(Section::Nodes, nodes, 1, NODE_BYTES)?;
    let depth = match parent {
        0 => 0,
        parent => (node(memory, parent)[1].load(Ordering::Relaxed) >> 32) + 1,
    };
    let [place, link] = node(memory, number);
    link.store(u64::from(parent) | depth << 32, Ordering::Relaxed);
    // Release: `take_over` may find the node before its number is entered.
    place.store(word, Ordering::Release);
    Some(number)
}
