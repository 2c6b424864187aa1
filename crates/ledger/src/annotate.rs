//! What a writer inside the process may ask of its ledger, and add to a block
//! that is in it: tag, scope, owner; names for these; the frames of a stack.
//!
//! What is not here: the events themselves (`thread_log`), and readers outside
//! (`reader`). All of it is off the path of the usual event.

use core::sync::atomic::AtomicU32;

use crate::format::{
    MAX_DEPTH, MAX_NAMES, NODE_BYTES, Name, Record, Root, Section, SegmentRef, Slot,
};
use crate::index::{self, PROBES, Space, offset_of};
use crate::misuse::Gone;
use crate::primitive::Ordering;
use crate::thread_log::{ThreadLog, can_index};
use crate::writer::Ledger;

/// What the ledger has on an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// A live block begins there.
    Live(Record),
    /// A block that began there was released, and nothing took its place.
    Dead,
    /// Nothing, or nothing that is left.
    Unknown,
}

/// What a name is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    /// A tag: the type of what is in a block.
    Tag,
    /// A scope: a region whose blocks are counted apart.
    Scope,
}

impl ThreadLog {
    /// Changes what the ledger has on a live block; size and generation stay.
    /// False when no live block begins at `address`.
    ///
    /// The caller owns the block: nobody may release it at the same time.
    pub fn change(
        &mut self,
        ledger: &Ledger,
        address: u64,
        change: impl FnOnce(&mut Record),
    ) -> bool {
        if !can_index(address) {
            return false;
        }
        let Some(slot) = index::find(&ledger.memory, address) else {
            return false;
        };
        let before = ledger.memory.record(slot);
        let mut record = before;
        change(&mut record);
        (record.size, record.generation) = (before.size, before.generation);
        self.pool.write(&ledger.memory, slot.record(), &record);
        true
    }
}

impl Ledger {
    /// What is known of the block that begins at `address`.
    pub fn lookup(&self, address: u64) -> Lookup {
        if !can_index(address) {
            return Lookup::Unknown;
        }
        if let Some(slot) = index::find(&self.memory, address) {
            return Lookup::Live(self.memory.record(slot));
        }
        match self.tombstone(address) {
            Some(_) => Lookup::Dead,
            None => Lookup::Unknown,
        }
    }

    /// What is still known of the block that was the last to be released at
    /// `address`.
    pub fn gone(&self, address: u64) -> Option<Gone> {
        if !can_index(address) {
            return None;
        }
        self.memory.gone(self.tombstone(address)?)
    }

    fn tombstone(&self, address: u64) -> Option<Slot> {
        // Acquire: as in `index::find`.
        let segment = SegmentRef(self.memory.entry(address)?.load(Ordering::Acquire));
        if segment == SegmentRef::NONE {
            return None;
        }
        let offset = offset_of(address);
        let slots = self.memory.slots(segment);
        let home = index::home(offset, segment.class());
        (0..PROBES.min(slots.len()))
            .map(|i| &slots[(home + i) & (slots.len() - 1)])
            // Relaxed: what is read behind it says whether it is still there.
            .map(|slot| Slot(slot.load(Ordering::Relaxed) & !Slot::FROZEN))
            .find(|slot| slot.is_dead() && slot.offset() == offset)
    }

    /// The number of a name; it is added when it is new. 0 when it is empty or
    /// there is no room. Looks at all names of the kind: remember the number.
    pub fn name(&self, kind: NameKind, name: &str) -> u16 {
        let known = self.named(kind);
        let found = (1..known).find(|number| self.name_bytes(kind, *number) == name.as_bytes());
        if let Some(number) = found {
            return number as u16;
        }
        let len = match u32::try_from(name.len()) {
            Ok(len) if len != 0 && known < MAX_NAMES as u32 => len,
            _ => return 0,
        };
        let header = self.memory.header();
        let text = self.memory.take(Section::Names, &header.name_bytes, len, 1);
        let bytes = size_of::<Name>() as u64;
        let (section, count) = self.names(kind);
        let number = self.memory.take(section, count, 1, bytes);
        let (Some(text), Some(number)) = (text, number.filter(|n| *n < MAX_NAMES as u32)) else {
            return 0;
        };
        let to = self.memory.at(Section::Names, u64::from(text));
        // SAFETY: the range was just committed and is ours alone.
        unsafe { core::ptr::copy_nonoverlapping(name.as_ptr(), to, name.len()) };
        let entry = self.name_entry(kind, number);
        entry.offset.store(text, Ordering::Relaxed);
        // Release: who sees the length sees the name.
        entry.len.store(len, Ordering::Release);
        number as u16
    }

    /// The bytes of a name; empty for a number that has none.
    pub fn name_bytes(&self, kind: NameKind, number: u32) -> &[u8] {
        if number == 0 || number >= self.named(kind) {
            return &[];
        }
        let entry = self.name_entry(kind, number);
        // Acquire: pairs with the release in `name`.
        let len = entry.len.load(Ordering::Acquire) as usize;
        let at = u64::from(entry.offset.load(Ordering::Relaxed));
        // SAFETY: committed and written before the length was.
        unsafe { core::slice::from_raw_parts(self.memory.at(Section::Names, at), len) }
    }

    fn names(&self, kind: NameKind) -> (Section, &AtomicU32) {
        let header = self.memory.header();
        match kind {
            NameKind::Tag => (Section::Tags, &header.tags),
            NameKind::Scope => (Section::Scopes, &header.scopes),
        }
    }

    fn named(&self, kind: NameKind) -> u32 {
        let count = self.names(kind).1.load(Ordering::Acquire);
        count.min(MAX_NAMES as u32)
    }

    fn name_entry(&self, kind: NameKind, number: u32) -> &Name {
        let at = u64::from(number) * size_of::<Name>() as u64;
        // SAFETY: numbers below the count are committed; made of atomics.
        unsafe { &*self.memory.at(self.names(kind).0, at).cast::<Name>() }
    }

    /// Writes the frames of a stack to `out`, innermost first. Gives how many
    /// there were room for, and how the walk went.
    ///
    /// `None` for number 0 and for numbers that this ledger has not given.
    /// A frame is a return address, or a [`Place::word`](crate::format::Place::word).
    pub fn frames(&self, stack: u32, out: &mut [u64]) -> Option<(usize, Root)> {
        // Acquire: the node was written before its number was given.
        let nodes = self.memory.header().nodes.load(Ordering::Acquire);
        let (mut at, mut count) = (stack, 0);
        for _ in 0..=MAX_DEPTH {
            if at == 0 || at >= nodes {
                return None;
            }
            let node = self
                .memory
                .at(Section::Nodes, u64::from(at) * NODE_BYTES)
                .cast::<u64>();
            // SAFETY: the node is committed and never changes but for its lists
            // of children; its first words are the frame and, in the lower half
            // of the second, the parent.
            let (word, parent) = unsafe { (node.read_volatile(), node.add(1).read_volatile()) };
            if let Some(root) = Root::unpack(word) {
                return Some((count, root));
            }
            if let Some(to) = out.get_mut(count) {
                *to = word;
                count += 1;
            }
            at = parent as u32;
        }
        None
    }
}
