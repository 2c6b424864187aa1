//! What is packed comes back, and what is laid out does not overlap.

use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn records_survive_packing(
        size in 0..=MAX_SIZE, stack: u32, time_ms: u32, thread in 0..=MAX_THREAD,
        family in 0u64..14, owner in 0u64..5, scope: u16, tag: u16, generation: u16,
    ) {
        let record = Record {
            size, stack, time_ms, thread, scope, tag, generation,
            family: Family::from_number(family),
            owner: Owner::from_number(owner),
        };
        prop_assert_eq!(Record::unpack(record.pack()), record);
    }

    #[test]
    fn slots_survive_packing(offset in 0u32..0x800, record in 1u32.., generation: u16) {
        let slot = Slot::live(offset, record, generation);
        prop_assert!(slot.is_live() && !slot.is_dead() && !slot.is_frozen());
        prop_assert_eq!((slot.offset(), slot.record(), slot.generation()), (offset, record, generation));
        prop_assert!(slot.is_live_at(offset) && !slot.is_vacant());
        let dead = slot.released();
        prop_assert!(!dead.is_live() && dead.is_dead() && dead.is_vacant());
        prop_assert_eq!(dead.offset(), offset);
    }

    #[test]
    fn roots_survive_packing(epoch: u32, bits in 0u8..8) {
        let root = Root { epoch, truncated: bits & 1 != 0, incomplete: bits & 2 != 0, approximate: bits & 4 != 0 };
        prop_assert_eq!(Root::unpack(root.pack()), Some(root));
    }
}

#[test]
fn addresses_are_no_roots() {
    assert_eq!(Root::unpack(0x7fff_ffff_ffff), None);
}

#[test]
fn sections_do_not_overlap() {
    for limit in [1 << 20, 1 << 30, 1 << 40] {
        let layout = Layout::new(limit);
        let mut end = PAGE;
        for section in Section::ALL {
            assert_eq!(layout.offset[section as usize], end);
            end += layout.room[section as usize];
        }
        assert_eq!(end, layout.total);
    }
}

#[test]
fn families_have_the_number_of_their_place() {
    for (i, family) in Family::ALL.iter().enumerate() {
        assert_eq!(*family as usize, i);
        assert_eq!(Family::from_number(i as u64), *family);
    }
}
