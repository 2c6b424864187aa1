//! The words of the address index.

/// One slot of the address index.
///
/// ```text
///  63      62    61..45      44..32            31..0
/// FROZEN  DEAD  generation  offset / 8   record number
/// ```
/// Zero is a slot that was never used. `DEAD` marks the tombstone of a
/// released block: it stays until the slot is taken for another block.
/// `FROZEN` marks a slot whose segment has been replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot(pub u64);

impl Slot {
    /// Never used.
    pub const EMPTY: Slot = Slot(0);
    /// The flag of a slot in a replaced segment.
    pub const FROZEN: u64 = 1 << 63;
    /// The flag of a released block.
    pub const DEAD: u64 = 1 << 62;

    /// A live slot. `offset` is the block's distance from the start of its
    /// region in units of 8 bytes.
    pub fn live(offset: u32, record: u32, generation: u16) -> Slot {
        Slot(u64::from(generation) << 45 | u64::from(offset) << 32 | u64::from(record))
    }
    /// Whether the segment has been replaced.
    pub fn is_frozen(self) -> bool {
        self.0 & Slot::FROZEN != 0
    }
    /// Whether a block lives here.
    pub fn is_live(self) -> bool {
        self.0 & Slot::DEAD == 0 && self.0 & !Slot::FROZEN != 0
    }
    /// Whether this is a tombstone.
    pub fn is_dead(self) -> bool {
        self.0 & Slot::DEAD != 0
    }
    /// Flags and offset.
    const PLACE: u64 = Slot::FROZEN | Slot::DEAD | 0x1fff << 32;

    /// Whether a block at this offset lives here, and the slot is not frozen.
    #[inline(always)]
    pub fn is_live_at(self, offset: u32) -> bool {
        self.0 & Slot::PLACE == u64::from(offset) << 32 && self != Slot::EMPTY
    }
    /// Whether this is the tombstone of a block at this offset, not frozen.
    #[inline(always)]
    pub fn is_tombstone_of(self, offset: u32) -> bool {
        self.0 & Slot::PLACE == Slot::DEAD | u64::from(offset) << 32
    }
    /// Distance of the block from the start of its region, in units of 8 bytes.
    pub fn offset(self) -> u32 {
        (self.0 >> 32) as u32 & 0x1fff
    }
    /// The record number.
    pub fn record(self) -> u32 {
        self.0 as u32
    }
    /// The generation of the record when the slot was written.
    pub fn generation(self) -> u16 {
        (self.0 >> 45) as u16
    }
}

/// What a leaf holds for one region: where its segment is.
///
/// ```text
/// 63..44      43..4                    3..0
///   0     offset / 16         log2(slots)
/// ```
/// The offset is that in the segment section, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SegmentRef(pub u64);

impl SegmentRef {
    /// No block was ever seen in the region.
    pub const NONE: SegmentRef = SegmentRef(0);

    /// A segment of `1 << class` slots at `offset` bytes, a multiple of 16.
    pub fn new(offset: u64, class: u32) -> SegmentRef {
        debug_assert!(offset & 15 == 0 && class <= 15);
        SegmentRef(offset | u64::from(class))
    }
    /// Base-two logarithm of the number of slots.
    #[inline(always)]
    pub fn class(self) -> u32 {
        self.0 as u32 & 15
    }
    /// Offset in the segment section, in bytes.
    #[inline(always)]
    pub fn offset(self) -> u64 {
        self.0 & ((1 << 44) - 16)
    }
    /// Number of slots.
    #[inline(always)]
    pub fn slots(self) -> usize {
        1 << self.class()
    }
}

/// Segments have at least `1 << MIN_CLASS` slots.
pub const MIN_CLASS: u32 = 1;
/// Segments have at most `1 << MAX_CLASS` slots: room for a block every eight
/// bytes of a region, at half load.
pub const MAX_CLASS: u32 = 12;
