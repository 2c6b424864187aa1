//! Random worlds against an oracle that is too simple to be wrong.

use super::*;
use crate::Block;
use crate::follow::flag_direct;
use crate::memory::Region;
use crate::outside::{Area, Memory, judge};
use crate::python::PythonLong;
use crate::residency::{COPY, ROOT};
use crate::verdicts::Verdicts;
use freehold_ledger::format::Verdict;
use proptest::prelude::*;

/// Bytes in which blocks lie.
const ARENA: u64 = 4 << 20;
const ROOTS: u64 = 64;

/// A world: blocks in an arena, roots beside it.
struct World {
    arena: Region,
    roots: Region,
    blocks: Vec<Block>,
}

/// A small generator, so that a case is one seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below.max(1)
    }
}

/// What the blocks of a world look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Apart,
    Dense,
    Unaligned,
    Overlapping,
    Large,
}

fn world(seed: u64, shape: Shape, count: u64, pointers: u64) -> World {
    let mut dice = Dice(seed | 1);
    let arena = Region::new(ARENA as usize).unwrap();
    let roots = Region::new(4096).unwrap();
    let mut blocks = Vec::new();
    let mut at = arena.address();
    for tag in 0..count {
        let (address, size) = match shape {
            Shape::Apart => (at + dice.roll(64) * 8, dice.roll(300)),
            Shape::Dense => (at, dice.roll(4) * 8),
            Shape::Unaligned => (at + dice.roll(9), dice.roll(70)),
            Shape::Overlapping => (
                arena.address() + dice.roll(800) * 8,
                dice.roll(40) * dice.roll(40) * 8,
            ),
            Shape::Large => (
                arena.address() + dice.roll(1 << 15) * 64,
                dice.roll(2) * dice.roll(2 << 20) + dice.roll(100) * 8,
            ),
        };
        let size = size.min(arena.address() + ARENA - address);
        at =
            (address + size.max(1)).next_multiple_of(if shape == Shape::Unaligned { 1 } else { 8 });
        blocks.push(Block {
            address,
            size,
            tag,
            flags: 0,
        });
    }
    let mut world = World {
        arena,
        roots,
        blocks,
    };
    for _ in 0..pointers {
        let target = world.blocks[dice.roll(count) as usize];
        let value = target.address.wrapping_add(match dice.roll(6) {
            0..3 => 0,
            3 => dice.roll(target.size),
            4 => target.size,
            _ => u64::MAX,
        });
        let source = world.blocks[dice.roll(count) as usize];
        let place = match dice.roll(12) {
            0 => dice.roll(ROOTS) * 8,
            _ if source.size < 8 => continue,
            _ => {
                let offset = source.address - world.arena.address() + dice.roll(source.size);
                let offset = offset.min(ARENA - 8) & !7;
                put(&mut world.arena, offset, value);
                continue;
            }
        };
        put(&mut world.roots, place, value);
    }
    world
}

fn put(region: &mut Region, offset: u64, value: u64) {
    region.bytes_mut()[offset as usize..][..8].copy_from_slice(&value.to_le_bytes());
}

fn get(region: &Region, offset: u64) -> u64 {
    u64::from_le_bytes(region.bytes()[offset as usize..][..8].try_into().unwrap())
}

/// Verdicts by the engine, by tag.
fn engine(world: &World, python: Option<PythonLong>) -> Vec<Verdict> {
    let mut index = Index::new().unwrap();
    for block in &world.blocks {
        index.push(block).unwrap();
    }
    index.build().unwrap();
    let run = Run {
        start: world.arena.address(),
        end: world.arena.address() + ARENA,
        flags: ROOT,
    };
    // Every second world goes through the path for memory that may be gone.
    if world.blocks.len().is_multiple_of(2) {
        flag_direct(&mut index, &[run]);
    }
    let runs = [Run {
        flags: run.flags | ((world.blocks.len() as u64 % 3).min(1) * COPY),
        ..run
    }];
    let mut marker = Marker::new(&index, &runs, python).unwrap();
    let start = world.roots.address();
    // SAFETY: our own mapping.
    unsafe { marker.memory(start, start + ROOTS * 8, false) };
    let verdicts = Verdicts::of(&index, &mut marker).unwrap();
    let mut by_tag = vec![Verdict::Unknown; world.blocks.len()];
    for (i, entry) in index.entries.iter().enumerate() {
        by_tag[entry.tag as usize] = verdicts.get(i);
    }
    by_tag
}

/// Verdicts from outside, as on Windows, by tag.
fn from_outside(world: &World) -> Vec<Verdict> {
    struct Own;
    impl Memory for Own {
        fn read(&self, at: u64, into: &mut [u8]) -> usize {
            // SAFETY: within a world's regions, which nobody changes meanwhile.
            let memory = unsafe { std::slice::from_raw_parts(at as *const u8, into.len()) };
            into.copy_from_slice(memory);
            into.len()
        }
    }
    let area = |start, len, is_root| Area {
        start,
        end: start + len,
        is_root,
    };
    let mut areas = [
        area(world.arena.address(), ARENA, false),
        area(world.roots.address(), ROOTS * 8, true),
    ];
    areas.sort_by_key(|area| area.start);
    let mut by_tag = vec![Verdict::Unknown; world.blocks.len()];
    judge(&Own, &areas, &[], &world.blocks, &mut |tag, verdict| {
        by_tag[tag as usize] = verdict;
    });
    by_tag
}

/// For each block, which it points to: (block, to its start).
fn edges(world: &World, sorted: &[Block]) -> Vec<Vec<(usize, bool)>> {
    let mut edges = vec![Vec::new(); sorted.len()];
    let owner = |address: u64| {
        sorted
            .iter()
            .rposition(|b| (b.address..b.address + b.size).contains(&address))
    };
    for offset in (0..ARENA).step_by(8) {
        let word = get(&world.arena, offset);
        if word == 0 {
            continue;
        }
        let address = world.arena.address() + offset;
        // A word belongs to a block if all its bytes do.
        let owners: Vec<_> = (address..address + 8).map(owner).collect();
        if let Some(block) = owners[0]
            && owners.iter().all(|&other| other == owners[0])
        {
            edges[block].extend(targets(sorted, word));
        }
    }
    edges
}

fn targets(sorted: &[Block], word: u64) -> Vec<(usize, bool)> {
    let hits = sorted.iter().enumerate().filter(|(_, block)| {
        word == block.address || (block.address..block.address + block.size).contains(&word)
    });
    hits.map(|(i, block)| (i, word == block.address)).collect()
}

/// Everything that `from` leads to, itself too.
fn closure(edges: &[Vec<(usize, bool)>], from: &[usize], weak_too: bool) -> Vec<bool> {
    let mut seen = vec![false; edges.len()];
    let mut work = from.to_vec();
    while let Some(i) = work.pop() {
        if !std::mem::replace(&mut seen[i], true) {
            work.extend(edges[i].iter().filter(|e| e.1 || weak_too).map(|e| e.0));
        }
    }
    seen
}

/// Verdicts by definition, by tag.
fn oracle(world: &World) -> Vec<Verdict> {
    let mut sorted = world.blocks.clone();
    sorted.sort_by_key(|block| (block.address, std::cmp::Reverse(block.size)));
    let edges = edges(world, &sorted);
    let words = (0..ROOTS).map(|i| get(&world.roots, i * 8));
    let from_roots: Vec<_> = words.flat_map(|word| targets(&sorted, word)).collect();
    let strong: Vec<_> = from_roots.iter().filter(|e| e.1).map(|e| e.0).collect();
    let all: Vec<_> = from_roots.iter().map(|e| e.0).collect();
    let held = closure(&edges, &strong, false);
    let possible = closure(&edges, &all, true);
    let led_to: Vec<_> = (0..sorted.len())
        .map(|i| closure(&edges, &[i], true))
        .collect();
    let mut by_tag = vec![Verdict::Unknown; sorted.len()];
    for i in 0..sorted.len() {
        let left = |j: usize| !possible[j];
        // Somebody else leads here, and not just round in a circle of which
        // this is the lowest.
        let indirect = (0..sorted.len())
            .any(|j| j != i && left(j) && led_to[j][i] && (!led_to[i][j] || j < i));
        by_tag[sorted[i].tag as usize] = match () {
            () if held[i] => Verdict::Reachable,
            () if possible[i] => Verdict::Possible,
            () if indirect => Verdict::Indirect,
            () => Verdict::Lost,
        };
    }
    by_tag
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn agrees_with_the_oracle(
        seed: u64,
        shape in prop_oneof![
            Just(Shape::Apart), Just(Shape::Dense), Just(Shape::Unaligned), Just(Shape::Overlapping), Just(Shape::Large)
        ],
        count in 1u64..120,
        density in 0u64..300,
    ) {
        let mut world = world(seed, shape, count, count * density / 100);
        // Duplicates of one block would be the same with any tag; their order
        // is not defined, so there must be none.
        let mut seen = std::collections::HashSet::new();
        world.blocks.retain(|block| seen.insert((block.address, block.size)));
        for (tag, block) in world.blocks.iter_mut().enumerate() {
            block.tag = tag as u64;
        }
        let expected = oracle(&world);
        prop_assert_eq!(engine(&world, None), expected.clone());
        prop_assert_eq!(from_outside(&world), expected);
    }
}

#[test]
fn a_world_has_every_verdict() {
    let mut seen = std::collections::HashMap::new();
    for seed in 1..40 {
        for verdict in engine(&world(seed * 7919, Shape::Apart, 100, 120), None) {
            *seen.entry(verdict).or_insert(0) += 1;
        }
    }
    for verdict in &Verdict::ALL[..4] {
        assert!(seen.get(verdict).copied().unwrap_or(0) > 100, "{seen:?}");
    }
}

/// Blocks of 16 bytes, each pointing to those listed.
fn chain(count: u64, pointers: &[(u64, u64)]) -> Vec<Verdict> {
    let mut world = world(1, Shape::Apart, 0, 0);
    let base = world.arena.address();
    for tag in 0..count {
        world.blocks.push(Block {
            address: base + tag * 64,
            size: 32,
            tag,
            flags: 0,
        });
    }
    let mut used = [0; 64];
    for &(from, to) in pointers {
        put(
            &mut world.arena,
            from * 64 + used[from as usize] * 8,
            base + to * 64,
        );
        used[from as usize] += 1;
    }
    engine(&world, None)
}

#[test]
fn a_circle_has_one_leader() {
    use Verdict::{Indirect, Lost};
    assert_eq!(
        chain(3, &[(0, 1), (1, 2), (2, 0)]),
        [Lost, Indirect, Indirect]
    );
    assert_eq!(chain(1, &[(0, 0)]), [Lost]);
    // The circle of 0 and 1 is entered at 1, from 2.
    assert_eq!(
        chain(3, &[(0, 1), (1, 0), (2, 1)]),
        [Indirect, Indirect, Lost]
    );
}

#[test]
fn a_long_list_needs_no_deep_stack() {
    let mut world = world(1, Shape::Apart, 0, 0);
    let base = world.arena.address();
    for tag in 0..60_000 {
        world.blocks.push(Block {
            address: base + tag * 64,
            size: 48,
            tag,
            flags: 0,
        });
        put(&mut world.arena, tag * 64, base + (tag + 1) * 64);
    }
    put(&mut world.roots, 0, base);
    assert!(
        engine(&world, None)
            .iter()
            .all(|&v| v == Verdict::Reachable)
    );
}

#[path = "python_tests.rs"]
mod python;
