//! Stacks, each stored once: a node for each frame, whose parent is the frame
//! that called it. Stacks that share their outer frames share the nodes.
//!
//! A node begins the list of its first [`LISTED`] children. Nodes that are made
//! one after the other lie side by side, so that to follow a list is to stay
//! near; a table of all children would miss the cache for each of them. Only
//! what does not fit into its parent's list, as the places of a large
//! interpreter loop, is found by a table, which is private to the process.

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

/// Children that are found by the list of their parent.
const LISTED: usize = 8;

/// A frame below its caller, as it lies in the file.
#[repr(C)]
pub(crate) struct Node {
    /// The frame, or a [`Root`].
    word: AtomicU64,
    parent: AtomicU32,
    /// Frames further out; [`Node::TABLED`] when the table finds it,
    /// [`Node::NAMED`] when the stack that ends here was given names,
    /// [`Node::ASKED`] when somebody was asked for them.
    depth: AtomicU32,
    /// The first of its own children.
    child: AtomicU32,
    /// The next child of the same parent.
    next: AtomicU32,
}

const _: () = assert!(size_of::<Node>() as u64 == NODE_BYTES);

impl Node {
    const TABLED: u32 = 1 << 31;
    const NAMED: u32 = 1 << 30;
    const ASKED: u32 = 1 << 29;
    const DEPTH: u32 = Node::ASKED - 1;
}

/// The node of this number.
pub(crate) fn node(memory: &Memory, number: u32) -> &Node {
    let at = memory.at(Section::Nodes, u64::from(number) * NODE_BYTES);
    // SAFETY: numbers come from this memory, so the node is committed.
    unsafe { &*at.cast() }
}

/// The frame of this node.
pub(crate) fn frame(memory: &Memory, number: u32) -> u64 {
    // Relaxed: whoever knows the number knows the node.
    node(memory, number).word.load(Ordering::Relaxed)
}

/// Whether the stack that ends in this node was given names.
pub(crate) fn is_named(memory: &Memory, number: u32) -> bool {
    // Relaxed: only whether; the names are read by others, later.
    node(memory, number).depth.load(Ordering::Relaxed) & Node::NAMED != 0
}

/// Whether somebody was asked for the names of the stack that ends in this node, or gave
/// them.
pub(crate) fn is_asked(memory: &Memory, number: u32) -> bool {
    // Relaxed: see above.
    node(memory, number).depth.load(Ordering::Relaxed) & (Node::ASKED | Node::NAMED) != 0
}

/// Marks it so; false when it was.
pub(crate) fn set_asked(memory: &Memory, number: u32) -> bool {
    // Relaxed: see above.
    let before = node(memory, number)
        .depth
        .fetch_or(Node::ASKED, Ordering::Relaxed);
    before & (Node::ASKED | Node::NAMED) == 0
}

/// Marks it so; false when it was.
pub(crate) fn set_named(memory: &Memory, number: u32) -> bool {
    // Relaxed: see above.
    let before = node(memory, number)
        .depth
        .fetch_or(Node::NAMED, Ordering::Relaxed);
    before & Node::NAMED == 0
}

impl Trie {
    /// The number of a stack; `None` when there is no room for it.
    ///
    /// Two threads that bring the same new stack at the same moment can, while
    /// the table grows, store it twice; a reader must not take different
    /// numbers for different stacks.
    pub(crate) fn intern(&self, memory: &Memory, root: Root, frames: &[usize]) -> Option<u32> {
        let words = frames.iter().take(MAX_DEPTH).map(|frame| *frame as u64);
        self.intern_each(memory, root, words)
    }

    /// The same for a stack whose frames may be places.
    pub(crate) fn intern_words(&self, memory: &Memory, root: Root, words: &[u64]) -> Option<u32> {
        self.intern_each(memory, root, words.iter().take(MAX_DEPTH).copied())
    }

    fn intern_each(
        &self,
        memory: &Memory,
        root: Root,
        words: impl DoubleEndedIterator<Item = u64>,
    ) -> Option<u32> {
        let root = self.child(memory, 0, root.pack())?;
        words
            .rev()
            .try_fold(root, |at, word| self.child(memory, at, word))
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
        // The list of all roots begins in the unused node.
        if parent == 0 && !memory.commit(Section::Nodes, NODE_BYTES) {
            return None;
        }
        let mut made = None;
        let mut link = &node(memory, parent).child;
        for _ in 0..LISTED {
            // Acquire: the node was written before its number.
            let mut at = link.load(Ordering::Acquire);
            if at == 0 {
                let own = made.or_else(|| make(memory, parent, word))?;
                made = Some(own);
                // Release: publishes the node. Acquire: that of a winner.
                let order = (Ordering::AcqRel, Ordering::Acquire);
                match link.compare_exchange(0, own, order.0, order.1) {
                    Ok(_) => return Some(own),
                    Err(winner) => at = winner,
                }
            }
            let listed = node(memory, at);
            // Relaxed: see above.
            if listed.word.load(Ordering::Relaxed) == word {
                return Some(at);
            }
            link = &listed.next;
        }
        self.tabled(memory, parent, word, made)
    }

    /// The same for a child that has no place in its parent's list.
    #[cold]
    #[inline(never)]
    fn tabled(
        &self,
        memory: &Memory,
        parent: u32,
        word: u64,
        mut made: Option<u32>,
    ) -> Option<u32> {
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
                // Before the entry: a larger table takes over what is marked.
                node(memory, own)
                    .depth
                    .fetch_or(Node::TABLED, Ordering::Relaxed);
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
            let other = node(memory, number);
            if other.word.load(Ordering::Relaxed) == word
                && other.parent.load(Ordering::Relaxed) == parent
            {
                return Place::Found(number);
            }
            i = i.wrapping_add(1);
        }
    }

    /// Enters those of the nodes from `first` up to `end` that it shall find;
    /// gives `end`.
    fn take_over(&self, memory: &Memory, first: u32, end: u32) -> u32 {
        for number in first..end {
            let node = node(memory, number);
            // Acquire: a node that is being written has no frame yet, and one
            // that is being entered may not be marked; it will be made a
            // second time if it is needed again.
            let word = node.word.load(Ordering::Acquire);
            if word == 0 || node.depth.load(Ordering::Relaxed) & Node::TABLED == 0 {
                continue;
            }
            let mut i = hash(word, node.parent.load(Ordering::Relaxed));
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
        parent => (node(memory, parent).depth.load(Ordering::Relaxed) & Node::DEPTH) + 1,
    };
    let new = node(memory, number);
    new.parent.store(parent, Ordering::Relaxed);
    new.depth.store(depth, Ordering::Relaxed);
    // Release: `take_over` may find the node before its number is entered.
    new.word.store(word, Ordering::Release);
    Some(number)
}
