//! The words and structures of a session file, bit by bit. `FORMAT.md` is the
//! same in prose; the assertions at the end hold the two together.
//!
//! What is not here: who writes them (`writer`) and who reads them (`reader`).

mod header;
mod items;
mod kinds;
mod layout;
mod misuse;
mod slot;

pub use header::{Clock, LedgerHeader, ScanState, SessionHeader, State};
pub use items::{MAX_SIZE, MAX_THREAD, Module, Name, Naming, Place, Record, Root, ThreadEntry};
pub use kinds::{Family, Language, Owner, Verdict};
pub use layout::{Layout, Section, round_up};
pub use misuse::{Called, Ground, MAX_MISUSES, MisuseEntry, MisuseKind, OnMisuse};
pub use slot::{MAX_CLASS, MIN_CLASS, SegmentRef, Slot};

/// First eight bytes of a session file.
pub const SESSION_MAGIC: u64 = u64::from_le_bytes(*b"FREEHOLD");
/// First eight bytes of each process's ledger in it.
pub const LEDGER_MAGIC: u64 = u64::from_le_bytes(*b"FHLEDGER");
/// Version of both. A reader refuses any other.
pub const VERSION: u32 = 3;
/// Granularity of every section.
pub const PAGE: u64 = 4096;

/// Bits of an address that select the cell within a region.
pub const REGION_BITS: u32 = 14;
/// Bits of an address that are always zero: blocks begin at multiples of four. In
/// 32-bit Windows some are no multiples of eight: texts of `SysAllocString`, handles of
/// movable memory.
pub const UNIT_BITS: u32 = 2;
/// Bits of an address that select the region within a window.
pub const LEAF_BITS: u32 = 12;
/// Regions in one window.
pub const LEAF_ENTRIES: usize = 1 << LEAF_BITS;
/// Bytes of one leaf: a `u64` for each region of its window.
pub const LEAF_BYTES: u64 = (LEAF_ENTRIES * 8) as u64;
/// Bits of an address below its window number: 64 MiB.
pub const WINDOW_BITS: u32 = REGION_BITS + LEAF_BITS;
/// Addresses at or above this are never indexed: user space of x86-64 and
/// AArch64 with four-level page tables ends here.
pub const ADDRESS_LIMIT: u64 = 1 << 47;
/// Number of windows below [`ADDRESS_LIMIT`].
pub const WINDOWS: usize = 1 << (47 - WINDOW_BITS);
/// The window number of a leaf that lost the race to be published.
pub const NO_WINDOW: u32 = u32::MAX;

/// Bytes of one record.
pub const RECORD_BYTES: u64 = 24;
/// Bytes of one stack node.
pub const NODE_BYTES: u64 = 24;
/// Threads that can be told apart at one time; more share the last entry.
pub const MAX_THREADS: usize = 16384;
/// Loaded objects that can be remembered.
pub const MAX_MODULES: usize = 8192;
/// Tags, and scopes, that can be named.
pub const MAX_NAMES: usize = 8192;
/// Bytes of one [`Place`].
pub const PLACE_BYTES: u64 = 32;
/// Places in code of managed languages that can be told apart, and stacks that can be
/// named.
pub const MAX_PLACES: usize = 1 << 20;
/// Longest stack that is stored.
pub const MAX_DEPTH: usize = 128;

#[cfg(not(loom))]
const _: () = {
    assert!(size_of::<SessionHeader>() <= PAGE as usize);
    assert!(size_of::<LedgerHeader>() <= PAGE as usize);
    assert!(size_of::<ThreadEntry>() == 64);
    assert!(size_of::<Module>() == 112);
    assert!(size_of::<MisuseEntry>() == 64);
    assert!(size_of::<Name>() == 8);
    assert!(size_of::<Place>() == PLACE_BYTES as usize);
    assert!(size_of::<Naming>() == 8);
    // Offset of a block in its region, in units of four bytes, fits its field.
    assert!(1u32 << (REGION_BITS - UNIT_BITS) <= 0x1fff + 1);
};

#[cfg(test)]
mod tests;
