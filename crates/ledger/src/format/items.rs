//! What lies in the sections: records, stack nodes, modules, names, threads.

use super::{Family, Owner};
use crate::primitive::{AtomicU32, AtomicU64};

/// A record, unpacked. In the file it is three words:
///
/// ```text
/// word 0   63..48 generation      47..0 size in bytes
/// word 1   63..32 time in ms      31..0 stack
/// word 2   63..48 tag  47..32 scope  31..28 owner  27..22 family  21..0 thread
/// ```
/// While a record is free, word 0 keeps the generation and holds the number of
/// the next free record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Bytes that were asked for.
    pub size: u64,
    /// Number of the stack that allocated it, 0 when unknown.
    pub stack: u32,
    /// Milliseconds since the session began.
    pub time_ms: u32,
    /// Number of the thread that allocated it.
    pub thread: u32,
    /// Its family.
    pub family: Family,
    /// Who must release it.
    pub owner: Owner,
    /// Number of its scope, 0 for none.
    pub scope: u16,
    /// Number of its tag, 0 for none.
    pub tag: u16,
    /// How often this record was used before.
    pub generation: u16,
}

/// Largest size that a record can hold; larger ones are stored as this.
pub const MAX_SIZE: u64 = (1 << 48) - 1;
/// Largest thread number that a record can hold; larger ones are stored as this.
pub const MAX_THREAD: u32 = (1 << 22) - 1;

impl Record {
    /// The three words.
    #[inline(always)]
    pub fn pack(&self) -> [u64; 3] {
        [
            self.size.min(MAX_SIZE) | u64::from(self.generation) << 48,
            u64::from(self.stack) | u64::from(self.time_ms) << 32,
            u64::from(self.thread.min(MAX_THREAD))
                | (self.family as u64) << 22
                | (self.owner as u64) << 28
                | u64::from(self.scope) << 32
                | u64::from(self.tag) << 48,
        ]
    }

    /// The record in these words. Any words make a record.
    pub fn unpack(words: [u64; 3]) -> Record {
        let [first, second, third] = words;
        Record {
            size: first & MAX_SIZE,
            generation: (first >> 48) as u16,
            stack: second as u32,
            time_ms: (second >> 32) as u32,
            thread: third as u32 & MAX_THREAD,
            family: Family::from_number(third >> 22 & 63),
            owner: Owner::from_number(third >> 28 & 15),
            scope: (third >> 32) as u16,
            tag: (third >> 48) as u16,
        }
    }
}

/// The first node of every stack says how the walk went and in which module
/// epoch it was made; the other nodes hold return addresses.
///
/// ```text
///  63     62..40   39..8        7..0
///   1       0      epoch   RootFlags
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root {
    /// The module epoch, see [`Module::load_epoch`].
    pub epoch: u32,
    /// There were more frames than the depth allows.
    pub truncated: bool,
    /// The walk ended before the first frame of the thread.
    pub incomplete: bool,
    /// Frame pointers were followed through code without unwind data.
    pub approximate: bool,
}

impl Root {
    const MARK: u64 = 1 << 63;

    /// The word of the node.
    pub fn pack(self) -> u64 {
        Root::MARK
            | u64::from(self.epoch) << 8
            | u64::from(self.truncated)
            | u64::from(self.incomplete) << 1
            | u64::from(self.approximate) << 2
    }

    /// The root in this word, when it is one.
    pub fn unpack(word: u64) -> Option<Root> {
        (word & Root::MARK != 0).then_some(Root {
            epoch: (word >> 8) as u32,
            truncated: word & 1 != 0,
            incomplete: word & 2 != 0,
            approximate: word & 4 != 0,
        })
    }
}

/// A loaded object: an entry of the module section.
#[repr(C)]
pub struct Module {
    /// First address.
    pub start: AtomicU64,
    /// Address behind the last.
    pub end: AtomicU64,
    /// What to subtract from an address to get the one in the object file.
    pub bias: AtomicU64,
    /// The epoch in which it was loaded. A frame of a stack with epoch `e`
    /// belongs to the entry that covers it with the largest load epoch that is
    /// at most `e`.
    pub load_epoch: AtomicU32,
    /// Zero, or one more than the epoch in which it was unloaded last.
    pub unload_epoch: AtomicU32,
    /// Where its path starts in the name section.
    pub path_offset: AtomicU32,
    /// Bytes of its path.
    pub path_len: AtomicU32,
    /// Bytes of its build id, at most 32.
    pub build_id_len: AtomicU32,
    /// 1 once the entry is complete.
    pub ready: AtomicU32,
    /// The build id, in the order of its bytes.
    pub build_id: [AtomicU64; 4],
    pub(crate) spare: [AtomicU64; 4],
}

/// A name of a tag, of a scope, or of what a place has.
#[repr(C)]
pub struct Name {
    /// Where it starts in the name section.
    pub offset: AtomicU32,
    /// Its bytes; zero while it is not complete.
    pub len: AtomicU32,
}

/// A place in code of a managed language: an entry of the place section. In a stack
/// it stands for a frame, as [`Place::word`].
#[repr(C)]
pub struct Place {
    /// The name of the function.
    pub function: Name,
    /// The file, as the language has it: a path or a URI.
    pub file: Name,
    /// The line, counted from 1; 0 when it is not known.
    pub line: AtomicU32,
    /// The column, counted from 1; 0 when it is not known.
    pub column: AtomicU32,
    /// A [`Language`](super::Language); zero while the entry is not complete.
    pub language: AtomicU32,
    pub(crate) spare: AtomicU32,
}

impl Place {
    /// No address has this bit, nor has a root: those have the one above.
    const MARK: u64 = 1 << 62;

    /// The word of a stack node that stands for a frame there.
    pub fn word(number: u32) -> u64 {
        Place::MARK | u64::from(number)
    }

    /// The number of the place that a stack word stands for; `None` for an address.
    #[inline]
    pub fn number(word: u64) -> Option<u32> {
        (word >> 62 == 1).then_some(word as u32)
    }
}

/// The frames that a managed language gave later for a stack of machine code: an
/// entry of the naming section.
#[repr(C)]
pub struct Naming {
    /// The stack as it was walked.
    pub stack: AtomicU32,
    /// The stack of its places; zero while the entry is not complete.
    pub by: AtomicU32,
}

/// The counters of one thread. Only its owner writes it; a later thread that
/// takes over the entry goes on counting.
#[repr(C, align(64))]
pub struct ThreadEntry {
    /// Kernel id of the thread that owns the entry, 0 when free.
    pub tid: AtomicU32,
    /// Its number in records: the first thread is 1.
    pub number: AtomicU32,
    /// Blocks allocated.
    pub allocations: AtomicU64,
    /// Blocks released.
    pub releases: AtomicU64,
    /// Bytes allocated.
    pub allocated_bytes: AtomicU64,
    /// Bytes released.
    pub released_bytes: AtomicU64,
    /// First sixteen bytes of its name.
    pub name: [AtomicU64; 2],
    pub(crate) spare: AtomicU64,
}
