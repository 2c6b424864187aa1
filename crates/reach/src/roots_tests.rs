//! Root ranges against their definition.

use super::*;
use crate::Block;
use crate::pages::Index;
use proptest::prelude::*;

fn index(blocks: &[(u64, u64)]) -> Index {
    let mut index = Index::new().unwrap();
    for &(address, size) in blocks {
        let block = Block {
            address,
            size,
            tag: 0,
            flags: 0,
        };
        index.push(&block).unwrap();
    }
    index.build().unwrap();
    index
}

const BASE: u64 = 0x7000_0000_0000;
const BYTES: u64 = 16 * PAGE;

/// Which units of 8 bytes are given.
fn given(work: impl FnOnce(&mut dyn FnMut(u64, u64))) -> Vec<bool> {
    let mut units = vec![false; BYTES as usize / 8];
    work(&mut |start, end| {
        assert!(start < end);
        for unit in (start - BASE) / 8..(end - BASE) / 8 {
            let twice = std::mem::replace(&mut units[unit as usize], true);
            assert!(!twice);
        }
    });
    units
}

proptest! {
    #[test]
    fn roots_are_what_the_definition_says(
        blocks in prop::collection::vec((0..BYTES / 8, 0u64..300), 0..12),
        cut in prop::collection::vec((0..BYTES / 8, 0u64..900), 0..8),
        holes_are_roots: bool,
        backed: bool,
    ) {
        let scale = |&(at, len): &(u64, u64)| (BASE + at * 8, (len * 8).min(BYTES - at * 8));
        let blocks: Vec<_> = blocks.iter().map(scale).collect();
        let mut cuts = Cuts::new().unwrap();
        for &(start, len) in &cut.iter().map(scale).collect::<Vec<_>>() {
            cuts.add(start, start + len).unwrap();
        }
        cuts.finish();
        let flags = ROOT | if backed { BACKED } else { 0 };
        let runs = [Run { start: BASE, end: BASE + BYTES, flags }];
        let index = index(&blocks);
        let units = given(|each| {
            super::each(&runs, &cuts, &index, holes_are_roots, &mut |start, end, _| each(start, end));
        });
        for (unit, &root) in units.iter().enumerate() {
            let address = BASE + unit as u64 * 8;
            let in_block = blocks.iter().any(|&(start, len)| (start..start + len).contains(&address));
            let page = address & !(PAGE - 1);
            let on_page = blocks.iter().any(|&(start, len)| start < page + PAGE && start + len.max(1) > page);
            let in_cut = cut.iter().map(scale).any(|(start, len)| (start..start + len).contains(&address));
            let waste = !holes_are_roots && !backed && on_page;
            prop_assert_eq!(root, !in_block && !in_cut && !waste, "{:#x}", address);
        }
    }
}

#[test]
fn stacks_are_cut_within_their_run() {
    let runs = [
        Run {
            start: BASE,
            end: BASE + 8 * PAGE,
            flags: ROOT,
        },
        Run {
            start: BASE + 9 * PAGE,
            end: BASE + 16 * PAGE,
            flags: ROOT,
        },
    ];
    let cut = |pointer: u64, threads: &[ThreadStack]| {
        let mut cuts = Cuts::new().unwrap();
        cut_stacks(&runs, pointer, threads, &index(&[]), &mut cuts).unwrap();
        cuts.finish();
        cuts.0
            .iter()
            .map(|range| (range.start - BASE, range.end - BASE))
            .collect::<Vec<_>>()
    };
    let own = BASE + 12 * PAGE;
    assert_eq!(cut(own, &[]), [(9 * PAGE, 12 * PAGE)]);
    let thread = |at: u64, top: u64, alive| ThreadStack {
        stack_pointer: BASE + at,
        top: if top == 0 { 0 } else { BASE + top },
        alive,
    };
    let dead = thread(2 * PAGE, 4 * PAGE, false);
    assert_eq!(cut(own, &[dead]), [(0, 4 * PAGE), (9 * PAGE, 12 * PAGE)]);
    assert_eq!(
        cut(own, &[thread(2 * PAGE, 0, false)]),
        [(0, 2 * PAGE), (9 * PAGE, 12 * PAGE)]
    );
    // A live thread has taken the stack over.
    assert_eq!(
        cut(own, &[dead, thread(3 * PAGE, 0, true)]),
        [(9 * PAGE, 12 * PAGE)]
    );
    // A pointer to nowhere cuts nothing.
    assert_eq!(cut(BASE + 8 * PAGE, &[thread(1 << 40, 0, false)]), []);
    // A stack that this thread took over.
    assert_eq!(
        cut(own, &[thread(10 * PAGE, 15 * PAGE, false)]),
        [(9 * PAGE, 12 * PAGE)]
    );
}
