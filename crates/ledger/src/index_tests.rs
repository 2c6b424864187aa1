//! The index against a map, alone and under loom.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::*;

/// A space on the ordinary heap: one window, segments in a list.
struct Toy {
    leaf: Vec<AtomicU64>,
    segments: Vec<OnceLock<Box<[AtomicU64]>>>,
    taken: std::sync::atomic::AtomicUsize,
    lost: std::sync::atomic::AtomicU64,
}

impl Toy {
    fn new(regions: usize, most: usize) -> Toy {
        Toy {
            leaf: (0..regions).map(|_| AtomicU64::new(0)).collect(),
            segments: (0..most).map(|_| OnceLock::new()).collect(),
            taken: Default::default(),
            lost: Default::default(),
        }
    }

    fn live(&self) -> HashMap<u64, u32> {
        let mut all = HashMap::new();
        for (region, entry) in self.leaf.iter().enumerate() {
            let segment = SegmentRef(entry.load(Ordering::SeqCst));
            if segment == SegmentRef::NONE {
                continue;
            }
            for slot in self.slots(segment) {
                let slot = Slot(slot.load(Ordering::SeqCst));
                if slot.is_live() {
                    let address =
                        (region as u64) << REGION_BITS | u64::from(slot.offset()) << UNIT_BITS;
                    assert_eq!(
                        all.insert(address, slot.record()),
                        None,
                        "twice in a segment"
                    );
                }
            }
        }
        all
    }
}

impl Space for Toy {
    fn entry(&self, address: u64) -> Option<&AtomicU64> {
        self.leaf.get(region_of(address))
    }
    fn entry_or_new(&self, address: u64) -> Option<&AtomicU64> {
        self.entry(address)
    }
    fn slots(&self, segment: SegmentRef) -> &[AtomicU64] {
        let segment = &self.segments[(segment.offset() / 16) as usize - 1];
        segment.get().expect("a segment that was allocated")
    }
    fn allocate(&self, class: u32) -> Option<SegmentRef> {
        let number = self.taken.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let place = self.segments.get(number)?;
        let slots: Vec<_> = (0..1 << class).map(|_| AtomicU64::new(0)).collect();
        place.set(slots.into_boxed_slice()).expect("taken once");
        Some(SegmentRef::new((number as u64 + 1) * 16, class))
    }
    fn exchange(&self, slot: &AtomicU64, old: u64, new: u64) -> bool {
        slot.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }
    fn lost(&self, blocks: u64) {
        self.lost
            .fetch_add(blocks, std::sync::atomic::Ordering::SeqCst);
    }
}

#[cfg(not(loom))]
mod plain {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Any sequence of insertions and removals equals a map.
        #[test]
        fn equals_a_map(steps in prop::collection::vec((any::<bool>(), 0u64..3, 0u64..4096), 1..3000)) {
            let toy = Toy::new(crate::format::LEAF_ENTRIES, 1000);
            let mut map = HashMap::new();
            for (n, (put, region, offset)) in steps.into_iter().enumerate() {
                let address = region << REGION_BITS | offset << UNIT_BITS;
                let record = n as u32 + 1;
                if put {
                    let old = map.insert(address, record);
                    let expected = old.map_or(Inserted::New, |old| {
                        Inserted::Replaced(Slot::live(offset as u32, old, 7))
                    });
                    prop_assert_eq!(insert(&toy, address, record, 7), expected);
                } else {
                    match (map.remove(&address), remove(&toy, address)) {
                        (Some(old), Removed::Live(slot)) => prop_assert_eq!(slot.record(), old),
                        (None, Removed::Dead(_) | Removed::Unknown) => {}
                        other => prop_assert!(false, "{:?}", other),
                    }
                }
                prop_assert_eq!(find(&toy, address).map(|s| s.record()), map.get(&address).copied());
            }
            prop_assert_eq!(toy.live(), map);
        }
    }

    #[test]
    fn a_region_full_of_the_smallest_blocks_fits() {
        let toy = Toy::new(1, 1000);
        for i in 0..4096u64 {
            assert_eq!(insert(&toy, i * 4, i as u32 + 1, 0), Inserted::New, "{i}");
        }
        assert_eq!(toy.live().len(), 4096);
        assert_eq!(toy.lost.load(std::sync::atomic::Ordering::SeqCst), 0);
    }

    #[test]
    fn a_second_release_finds_the_tombstone() {
        let toy = Toy::new(1, 10);
        assert_eq!(remove(&toy, 64), Removed::Unknown);
        insert(&toy, 64, 5, 3);
        assert_eq!(remove(&toy, 64), Removed::Live(Slot::live(16, 5, 3)));
        assert!(matches!(remove(&toy, 64), Removed::Dead(s) if s.record() == 5));
    }

    #[test]
    fn without_room_nothing_is_lost_that_was_there() {
        let toy = Toy::new(1, 1);
        assert_eq!(insert(&toy, 0, 1, 0), Inserted::New);
        assert_eq!(insert(&toy, 8, 2, 0), Inserted::New);
        assert_eq!(insert(&toy, 16, 3, 0), Inserted::Full);
        assert!(matches!(remove(&toy, 8), Removed::Live(_)));
        assert_eq!(insert(&toy, 16, 3, 0), Inserted::New);
    }

    #[test]
    fn many_threads_equal_their_maps() {
        let toy = Toy::new(4, 10_000);
        std::thread::scope(|scope| {
            for thread in 0..4u64 {
                let toy = &toy;
                scope.spawn(move || {
                    let mut map = HashMap::new();
                    let mut random = thread + 1;
                    for n in 0..50_000u32 {
                        random ^= random << 13;
                        random ^= random >> 7;
                        random ^= random << 17;
                        // Threads own different addresses of the same regions.
                        let address = (random >> 8) % 2048 * 32 + thread * 8;
                        match map.remove(&address) {
                            Some(record) => match remove(toy, address) {
                                Removed::Live(slot) => assert_eq!(slot.record(), record),
                                other => panic!("{other:?}"),
                            },
                            None => {
                                map.insert(address, n + 1);
                                assert_eq!(insert(toy, address, n + 1, 0), Inserted::New);
                            }
                        }
                    }
                    for (address, record) in map {
                        match remove(toy, address) {
                            Removed::Live(slot) => assert_eq!(slot.record(), record),
                            other => panic!("{other:?}"),
                        }
                    }
                });
            }
        });
        assert!(toy.live().is_empty());
    }
}

#[cfg(loom)]
mod model {
    use super::*;
    use loom::sync::Arc;
    use loom::thread;

    /// Two insertions and a removal that force a segment of two slots to be
    /// replaced: nothing is lost, nothing appears twice.
    #[test]
    fn growth_races_with_everything() {
        loom::model(|| {
            let toy = Arc::new(Toy::new(1, 10));
            assert_eq!(insert(&*toy, 0, 1, 0), Inserted::New);
            assert_eq!(insert(&*toy, 8, 2, 0), Inserted::New);
            let other = toy.clone();
            let inserter = thread::spawn(move || {
                assert_eq!(insert(&*other, 16, 3, 0), Inserted::New);
            });
            assert!(matches!(remove(&*toy, 0), Removed::Live(s) if s.record() == 1));
            inserter.join().unwrap();
            assert_eq!(toy.live(), HashMap::from([(8, 2), (16, 3)]));
        });
    }

    /// The first segment of a region is begun by two threads.
    #[test]
    fn two_first_blocks() {
        loom::model(|| {
            let toy = Arc::new(Toy::new(1, 10));
            let other = toy.clone();
            let inserter = thread::spawn(move || {
                assert_eq!(insert(&*other, 8, 2, 0), Inserted::New);
            });
            assert_eq!(insert(&*toy, 0, 1, 0), Inserted::New);
            inserter.join().unwrap();
            assert_eq!(toy.live(), HashMap::from([(0, 1), (8, 2)]));
        });
    }

    /// Two threads release the same address: one of them does.
    #[test]
    fn a_double_release_is_seen_once() {
        loom::model(|| {
            let toy = Arc::new(Toy::new(1, 10));
            insert(&*toy, 8, 2, 0);
            let other = toy.clone();
            let releaser = thread::spawn(move || matches!(remove(&*other, 8), Removed::Live(_)));
            let here = matches!(remove(&*toy, 8), Removed::Live(_));
            let there = releaser.join().unwrap();
            assert!(here != there);
        });
    }
}
