//! What the ledger keeps of a misuse: a release of something that must not be
//! released, or not so.

use super::Family;
use crate::primitive::{AtomicU32, AtomicU64};

/// What was wrong.
///
/// The numbers are part of the format; new kinds are appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum MisuseKind {
    /// The block had been released before.
    Double = 1,
    /// No allocator handed the address out.
    Foreign = 2,
    /// The address lies inside a block, not at its start.
    Interior = 3,
    /// The function does not release blocks of this family.
    Mismatched = 4,
    /// The size that was given is not that of the block.
    Size = 5,
    /// The block is only lent: its owner is an API.
    Borrowed = 6,
    /// The block was given away.
    Transferred = 7,
    /// A finalizer of a managed object releases the block.
    FinalizerOwned = 8,
    /// An arena releases the block.
    ArenaOwned = 9,
}

impl MisuseKind {
    /// All of them.
    pub const ALL: [MisuseKind; 9] = [
        MisuseKind::Double,
        MisuseKind::Foreign,
        MisuseKind::Interior,
        MisuseKind::Mismatched,
        MisuseKind::Size,
        MisuseKind::Borrowed,
        MisuseKind::Transferred,
        MisuseKind::FinalizerOwned,
        MisuseKind::ArenaOwned,
    ];

    /// The kind with this number.
    pub fn from_number(number: u32) -> Option<MisuseKind> {
        MisuseKind::ALL.into_iter().find(|k| *k as u32 == number)
    }

    /// The name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            MisuseKind::Double => "double-release",
            MisuseKind::Foreign => "foreign-release",
            MisuseKind::Interior => "interior-release",
            MisuseKind::Mismatched => "mismatched-release",
            MisuseKind::Size => "size-mismatch",
            MisuseKind::Borrowed => "borrowed-release",
            MisuseKind::Transferred => "transferred-release",
            MisuseKind::FinalizerOwned => "finalizer-owned-release",
            MisuseKind::ArenaOwned => "arena-owned-release",
        }
    }
}

/// The function that was called with the address.
///
/// The numbers are part of the format; new functions are appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Called {
    /// `free`.
    Free = 1,
    /// `realloc`.
    Realloc = 2,
    /// `reallocarray`.
    ReallocArray = 3,
    /// `operator delete`.
    Delete = 4,
    /// `operator delete[]`.
    DeleteArray = 5,
    /// `free_sized`.
    FreeSized = 6,
    /// `free_aligned_sized`.
    FreeAlignedSized = 7,
    /// `freehold::free`, the library's.
    Library = 8,
}

impl Called {
    /// All of them.
    pub const ALL: [Called; 8] = [
        Called::Free,
        Called::Realloc,
        Called::ReallocArray,
        Called::Delete,
        Called::DeleteArray,
        Called::FreeSized,
        Called::FreeAlignedSized,
        Called::Library,
    ];

    /// The function with this number.
    pub fn from_number(number: u32) -> Option<Called> {
        Called::ALL.into_iter().find(|c| *c as u32 == number)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Called::Free => "free",
            Called::Realloc => "realloc",
            Called::ReallocArray => "reallocarray",
            Called::Delete => "operator delete",
            Called::DeleteArray => "operator delete[]",
            Called::FreeSized => "free_sized",
            Called::FreeAlignedSized => "free_aligned_sized",
            Called::Library => "freehold::free",
        }
    }

    /// The family whose blocks it releases; `Unknown` for one that takes all.
    #[inline(always)]
    pub fn family(self) -> Family {
        match self {
            Called::Delete => Family::New,
            Called::DeleteArray => Family::NewArray,
            Called::Library => Family::Unknown,
            _ => Family::Malloc,
        }
    }
}

/// What an address that no allocator handed out belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Ground {
    /// Nothing that is known.
    Unknown = 0,
    /// The stack of the thread that called.
    Stack = 1,
    /// A loaded object: code, constants, variables.
    Object = 2,
}

impl Ground {
    /// The ground with this number; [`Ground::Unknown`] for any other.
    pub fn from_number(number: u32) -> Ground {
        match number {
            1 => Ground::Stack,
            2 => Ground::Object,
            _ => Ground::Unknown,
        }
    }
}

/// An entry of the misuse section: all misuses that are equal in kind, function
/// and stacks. The other fields are those of the first.
#[repr(C)]
pub struct MisuseEntry {
    /// 1 once the entry is complete.
    pub ready: AtomicU32,
    /// Bits 7..0 [`MisuseKind`], 15..8 [`Called`], 23..16 [`Family`] of the block,
    /// 31..24 [`Ground`].
    pub what: AtomicU32,
    /// The address that was given.
    pub address: AtomicU64,
    /// Bytes of the block, 0 when unknown.
    pub size: AtomicU64,
    /// Of an interior address its distance from the start of the block; of a wrong
    /// size the one that was given.
    pub offset: AtomicU64,
    /// The stack that allocated the block, 0 when unknown.
    pub allocated: AtomicU32,
    /// The stack that released it first, 0 when unknown.
    pub released: AtomicU32,
    /// Where the first release returned to, 0 when unknown.
    pub released_site: AtomicU64,
    /// The stack of the misuse.
    pub here: AtomicU32,
    /// The thread that called.
    pub thread: AtomicU32,
    /// When, in milliseconds since the session began.
    pub time_ms: AtomicU32,
    /// How often.
    pub count: AtomicU32,
}

/// At most so many entries; what comes later is only counted.
pub const MAX_MISUSES: usize = 4096;

/// What a program shall be told of a misuse: a word of the session header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum OnMisuse {
    /// The release is not made; a wrong function is replaced by the right one.
    Refuse = 0,
    /// The program ends with `SIGABRT`.
    Abort = 1,
    /// The function is called as if nobody had looked.
    Ignore = 2,
}

impl OnMisuse {
    /// The policy with this number; [`OnMisuse::Refuse`] for any other.
    pub fn from_number(number: u32) -> OnMisuse {
        match number {
            1 => OnMisuse::Abort,
            2 => OnMisuse::Ignore,
            _ => OnMisuse::Refuse,
        }
    }
}
