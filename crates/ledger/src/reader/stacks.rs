//! Stacks as they lie in the ledger: each a path from a node to its root.

use std::collections::HashMap;

use crate::format::{MAX_DEPTH, Root};

/// The stack nodes of a ledger.
#[derive(Debug, Clone, Default)]
pub struct Stacks {
    /// Frame or root of each node.
    words: Vec<u64>,
    /// Parent of each node.
    parents: Vec<u32>,
    /// The stack whose frames are the names of another one.
    namings: HashMap<u32, u32>,
}

/// One stack, innermost frame first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Frames {
    /// Return addresses; for a frame that a signal interrupted, one more than
    /// the address of the instruction. `address - 1` always lies within the
    /// instruction. Words of which [`Place::number`](crate::format::Place::number)
    /// gives one stand for that place.
    pub addresses: Vec<u64>,
    /// The module epoch in which it was recorded.
    pub epoch: u32,
    /// There were more frames than the depth allows.
    pub truncated: bool,
    /// The walk ended before the first frame of the thread.
    pub incomplete: bool,
    /// Frame pointers were followed through code without unwind data.
    pub approximate: bool,
}

impl Stacks {
    /// No stacks yet: node 0 is "no stack".
    pub fn new() -> Stacks {
        Stacks {
            words: vec![0],
            parents: vec![0],
            namings: HashMap::new(),
        }
    }

    /// Adds a node and gives its number. For decoding and for tests.
    pub fn push(&mut self, word: u64, parent: u32) -> u32 {
        if self.words.is_empty() {
            *self = Stacks::new();
        }
        self.words.push(word);
        self.parents.push(parent);
        u32::try_from(self.words.len() - 1).unwrap_or(0)
    }

    /// Adds a whole stack and gives its number. For tests and tools.
    pub fn add(&mut self, frames: &Frames) -> u32 {
        let root = Root {
            epoch: frames.epoch,
            truncated: frames.truncated,
            incomplete: frames.incomplete,
            approximate: frames.approximate,
        };
        let root = self.push(root.pack(), 0);
        let outermost_first = frames.addresses.iter().rev();
        outermost_first.fold(root, |parent, address| self.push(*address, parent))
    }

    /// Says that the frames of `by` are the names of a stack.
    pub fn name(&mut self, stack: u32, by: u32) {
        if by != 0 {
            self.namings.entry(stack).or_insert(by);
        }
    }

    /// The frames that were given to a stack as names.
    pub fn naming(&self, stack: u32) -> Option<Frames> {
        self.namings.get(&stack).map(|by| self.frames(*by))
    }

    /// Number of nodes, node 0 included.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there is no stack.
    pub fn is_empty(&self) -> bool {
        self.words.len() <= 1
    }

    /// The stack with this number. Number 0, and a path that leads nowhere,
    /// give a stack without frames that is marked incomplete.
    pub fn frames(&self, number: u32) -> Frames {
        let mut frames = Frames::default();
        let mut at = number as usize;
        // A parent always has a smaller number, so this ends; the limit keeps
        // a hostile file from making it long.
        for _ in 0..=MAX_DEPTH {
            let (Some(word), Some(parent)) = (self.words.get(at), self.parents.get(at)) else {
                break;
            };
            if let Some(root) = Root::unpack(*word) {
                frames.epoch = root.epoch;
                frames.truncated = root.truncated;
                frames.incomplete = root.incomplete;
                frames.approximate = root.approximate;
                return frames;
            }
            if at == 0 || *parent as usize >= at {
                break;
            }
            frames.addresses.push(*word);
            at = *parent as usize;
        }
        frames.incomplete = true;
        frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_comes_back_innermost_first() {
        let mut stacks = Stacks::new();
        let frames = Frames {
            addresses: vec![3, 2, 1],
            epoch: 7,
            truncated: true,
            ..Frames::default()
        };
        let number = stacks.add(&frames);
        assert_eq!(stacks.frames(number), frames);
    }

    #[test]
    fn nonsense_ends() {
        let mut stacks = Stacks::new();
        let own_parent = stacks.push(0x1000, 1);
        assert!(stacks.frames(own_parent).incomplete);
        assert!(stacks.frames(0).incomplete);
        assert!(stacks.frames(u32::MAX).incomplete);
    }
}
