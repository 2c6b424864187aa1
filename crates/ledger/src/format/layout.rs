//! Where the parts of a ledger lie.

use super::{
    LEAF_BYTES, MAX_MISUSES, MAX_MODULES, MAX_NAMES, MAX_PLACES, MAX_THREADS, MisuseEntry, Module,
    Name, Naming, PAGE, PLACE_BYTES, RECORD_BYTES, ThreadEntry,
};

/// The parts of a ledger behind its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Section {
    /// Argument list and path of the executable.
    Text = 0,
    /// [`ThreadEntry`]s.
    Threads = 1,
    /// [`Module`]s.
    Modules = 2,
    /// Bytes of paths and names.
    Names = 3,
    /// [`Name`]s of tags.
    Tags = 4,
    /// [`Name`]s of scopes.
    Scopes = 5,
    /// The window number of each leaf, `u32`.
    Windows = 6,
    /// Leaves: [`SegmentRef`](super::SegmentRef)s, [`LEAF_ENTRIES`](super::LEAF_ENTRIES) each.
    Leaves = 7,
    /// [`Slot`](super::Slot)s.
    Segments = 8,
    /// [`Record`](super::Record)s.
    Records = 9,
    /// Stack nodes: the frame or [`Root`](super::Root); parent, depth; first child, sibling.
    Nodes = 10,
    /// A `u32` for each record: generation << 8 | [`Verdict`](super::Verdict).
    Verdicts = 11,
    /// [`MisuseEntry`]s.
    Misuses = 12,
    /// [`Place`](super::Place)s in code of managed languages.
    Places = 13,
    /// [`Naming`]s of stacks.
    Namings = 14,
}

impl Section {
    /// Number of sections.
    pub const COUNT: usize = 15;
    /// All of them, in the order of their numbers.
    pub const ALL: [Section; Section::COUNT] = [
        Section::Text,
        Section::Threads,
        Section::Modules,
        Section::Names,
        Section::Tags,
        Section::Scopes,
        Section::Windows,
        Section::Leaves,
        Section::Segments,
        Section::Records,
        Section::Nodes,
        Section::Verdicts,
        Section::Misuses,
        Section::Places,
        Section::Namings,
    ];
}

/// Where the sections of a ledger lie, for a given limit of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Offset of each section from the start of the ledger.
    pub offset: [u64; Section::COUNT],
    /// Room of each section.
    pub room: [u64; Section::COUNT],
    /// Length of the whole ledger.
    pub total: u64,
}

impl Layout {
    /// The layout for a limit of `max_memory` bytes. The room is address
    /// space, not memory: a section that the limit could fill alone gets the
    /// whole of it.
    pub const fn new(max_memory: u64) -> Layout {
        let limit = round_up(max_memory, PAGE);
        let mut room = [0; Section::COUNT];
        room[Section::Text as usize] = 16 * PAGE;
        room[Section::Threads as usize] = (MAX_THREADS * size_of::<ThreadEntry>()) as u64;
        room[Section::Modules as usize] = (MAX_MODULES * size_of::<Module>()) as u64;
        // Paths and names of functions too: a thirty-second of the limit, within reason.
        let text = limit / 32;
        room[Section::Names as usize] = match text {
            ..0x10_0000 => 1 << 20,
            0x10_0000..0x400_0000 => text,
            _ => 64 << 20,
        };
        room[Section::Tags as usize] = (MAX_NAMES * size_of::<Name>()) as u64;
        room[Section::Scopes as usize] = (MAX_NAMES * size_of::<Name>()) as u64;
        let leaves = round_up(limit / 4, LEAF_BYTES);
        room[Section::Windows as usize] = leaves / LEAF_BYTES * 4;
        room[Section::Leaves as usize] = leaves;
        room[Section::Segments as usize] = limit;
        room[Section::Records as usize] = limit;
        room[Section::Nodes as usize] = limit;
        room[Section::Verdicts as usize] = limit / RECORD_BYTES * 4;
        room[Section::Misuses as usize] = (MAX_MISUSES * size_of::<MisuseEntry>()) as u64;
        let places = round_up(limit / 16, PLACE_BYTES);
        let most = MAX_PLACES as u64 * PLACE_BYTES;
        room[Section::Places as usize] = if places < most { places } else { most };
        let places = room[Section::Places as usize] / PLACE_BYTES;
        room[Section::Namings as usize] = places * size_of::<Naming>() as u64;
        let mut offset = [0; Section::COUNT];
        let mut at = PAGE;
        let mut i = 0;
        while i < Section::COUNT {
            offset[i] = at;
            room[i] = round_up(room[i], PAGE);
            at += room[i];
            i += 1;
        }
        Layout {
            offset,
            room,
            total: at,
        }
    }
}

/// `value` rounded up to a multiple of `to`, a power of two or any other.
pub const fn round_up(value: u64, to: u64) -> u64 {
    value.div_ceil(to) * to
}
