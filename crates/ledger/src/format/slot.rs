//! The words of the address index.

/// One slot of the address index.
///
/// ```text
///  63      62      60..48      47..32         31..0
/// FROZEN  LIVE  offset / 4   generation   record number
/// ```
/// Zero is a slot that was never used. A slot that is neither zero nor `LIVE` is
/// the tombstone of a released block: it stays until the slot is taken for another
/// block. `FROZEN` marks a slot whose segment has been replaced.
///
/// Flags and offset are on top, so that a hook can compare them at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot(pub u64);

impl Slot {
    /// Never used.
    pub const EMPTY: Slot = Slot(0);
    /// The flag of a slot in a replaced segment.
    pub const FROZEN: u64 = 1 << 63;
    /// The flag of a block that has not been released.
    const LIVE: u64 = 1 << 62;

    /// A live slot. `offset` is the block's distance from the start of its
    /// region in units of four bytes.
    #[inline(always)]
    pub fn live(offset: u32, record: u32, generation: u16) -> Slot {
        let place = Slot::LIVE | u64::from(offset) << 48;
        Slot(place | u64::from(generation) << 32 | u64::from(record))
    }
    /// What a live slot becomes by the release of its block.
    #[inline(always)]
    pub fn released(self) -> Slot {
        Slot(self.0 & !Slot::LIVE)
    }
    /// Whether the segment has been replaced.
    pub fn is_frozen(self) -> bool {
        self.0 & Slot::FROZEN != 0
    }
    /// Whether a block lives here.
    pub fn is_live(self) -> bool {
        self.0 & Slot::LIVE != 0
    }
    /// Whether this is a tombstone.
    pub fn is_dead(self) -> bool {
        !self.is_live() && self.0 & !Slot::FROZEN != 0
    }
    /// Whether a block lives here at this offset, and the slot is not frozen.
    #[inline(always)]
    pub fn is_live_at(self, offset: u32) -> bool {
        self.0 >> 48 == Slot::LIVE >> 48 | u64::from(offset)
    }
    /// Whether this slot was never used or is a tombstone, and is not frozen.
    #[inline(always)]
    pub fn is_vacant(self) -> bool {
        self.0 < Slot::LIVE
    }
    /// Distance of the block from the start of its region, in units of four bytes.
    #[inline(always)]
    pub fn offset(self) -> u32 {
        (self.0 >> 48) as u32 & 0x1fff
    }
    /// The record number.
    #[inline(always)]
    pub fn record(self) -> u32 {
        self.0 as u32
    }
    /// The generation of the record when the slot was written.
    #[inline(always)]
    pub fn generation(self) -> u16 {
        (self.0 >> 32) as u16
    }
}

/// What a leaf holds for one region: where its segment is.
///
/// ```text
///     63       62..44      43..4          3..0
/// DISPLACED       0     offset / 16   log2(slots)
/// ```
/// The offset is that in the segment section, in bytes. `DISPLACED` is set before
/// the first block is put anywhere but in its home slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct SegmentRef(pub u64);

impl SegmentRef {
    /// No block was ever seen in the region.
    pub const NONE: SegmentRef = SegmentRef(0);
    /// The flag of a segment in which a block may stand outside of its home.
    pub const DISPLACED: u64 = 1 << 63;

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
    /// Whether a block of this segment may stand outside of its home.
    #[inline(always)]
    pub fn has_displaced(self) -> bool {
        self.0 & SegmentRef::DISPLACED != 0
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
