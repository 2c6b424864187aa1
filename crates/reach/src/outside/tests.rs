//! What random worlds ([`crate::mark`]'s tests) do not have: gaps, flags, limits.

use super::*;

/// Memory from [`BASE`] on, some pages of which cannot be read.
struct Pages {
    words: Vec<u64>,
    gaps: Vec<u64>,
}

const BASE: u64 = 0x7000_0000;
const PAGE: u64 = 4096;

impl Pages {
    fn new(pages: u64) -> Pages {
        Pages {
            words: vec![0; (pages * PAGE / 8) as usize],
            gaps: Vec::new(),
        }
    }

    fn put(&mut self, at: u64, word: u64) {
        self.words[((at - BASE) / 8) as usize] = word;
    }

    /// One area for each run of pages with the same number in `roots`.
    fn area(&self, from: u64, to: u64, is_root: bool) -> Area {
        Area {
            start: BASE + from * PAGE,
            end: BASE + to * PAGE,
            is_root,
        }
    }
}

impl Memory for Pages {
    fn read(&self, at: u64, into: &mut [u8]) -> usize {
        let end = BASE + self.words.len() as u64 * 8;
        let gap = self.gaps.iter().map(|page| BASE + page * PAGE);
        let gap = gap.filter(|gap| gap + PAGE > at).min().unwrap_or(end);
        let len = (gap.clamp(at, end) - at).min(into.len() as u64) as usize;
        for (i, byte) in into[..len].iter_mut().enumerate() {
            let offset = (at - BASE) as usize + i;
            *byte = self.words[offset / 8].to_le_bytes()[offset % 8];
        }
        len
    }
}

fn block(tag: u64, address: u64, size: u64) -> Block {
    Block {
        address,
        size,
        tag,
        flags: 0,
    }
}

fn verdicts(memory: &Pages, areas: &[Area], words: &[u64], blocks: &[Block]) -> Vec<Verdict> {
    let mut by_tag = vec![None; blocks.len()];
    let outcome = judge(memory, areas, words, blocks, &mut |tag, verdict| {
        let before = by_tag[tag as usize].replace(verdict);
        assert_eq!(before, None, "one verdict for each block");
    });
    let outcome = outcome.expect("few blocks");
    for verdict in Verdict::ALL {
        let count = by_tag.iter().filter(|v| **v == Some(verdict)).count() as u64;
        assert_eq!(outcome.verdicts[verdict as usize].blocks, count);
    }
    by_tag.into_iter().flatten().collect()
}

#[test]
fn what_cannot_be_read_hides_only_itself() {
    use Verdict::{Lost, Reachable};
    let mut memory = Pages::new(8);
    let blocks = [
        block(0, BASE + 4 * PAGE, 32),
        block(1, BASE + 4 * PAGE + 64, 32),
        block(2, BASE + 4 * PAGE + 128, 32),
    ];
    memory.put(BASE + 8, blocks[0].address);
    memory.put(BASE + PAGE, blocks[1].address);
    memory.put(BASE + 3 * PAGE - 8, blocks[2].address);
    let areas = [memory.area(0, 3, true), memory.area(4, 8, true)];
    assert_eq!(verdicts(&memory, &areas, &[], &blocks), [Reachable; 3]);
    memory.gaps = vec![1];
    let now = verdicts(&memory, &areas, &[], &blocks);
    assert_eq!(now, [Reachable, Lost, Reachable]);
    let outcome = judge(&memory, &areas, &[], &blocks, &mut |_, _| {});
    assert_eq!(outcome.expect("few blocks").unreadable_bytes, PAGE);
    memory.gaps = (0..8).collect();
    let nothing = judge(&memory, &areas, &[], &blocks, &mut |_, verdict| {
        assert_eq!(verdict, Lost);
    });
    assert_eq!(nothing.expect("few blocks").unreadable_bytes, 7 * PAGE);
}

#[test]
fn a_block_may_go_on_where_nothing_can_be_read() {
    use Verdict::{Lost, Reachable, Unknown};
    let mut memory = Pages::new(8);
    // Reserved, and in use at both ends; its size is as damaged as can be.
    let whole = block(0, BASE + PAGE, 5 * PAGE);
    let held = block(1, BASE + 6 * PAGE, 16);
    let far = block(2, BASE + 7 * PAGE, 16);
    let damaged = block(3, BASE + 7 * PAGE + 64, u64::MAX);
    memory.put(BASE + 6 * PAGE - 8, held.address);
    memory.put(BASE + 3 * PAGE, far.address);
    let areas = [memory.area(0, 2, true), memory.area(5, 7, true)];
    let blocks = [whole, held, far, damaged];
    assert_eq!(
        verdicts(&memory, &areas, &[whole.address], &blocks),
        [Reachable, Reachable, Unknown, Unknown]
    );
    let areas = [memory.area(0, 8, true)];
    assert_eq!(
        verdicts(&memory, &areas, &[whole.address], &blocks),
        [Reachable, Reachable, Reachable, Lost]
    );
}

#[test]
fn flags_are_minded() {
    let mut memory = Pages::new(2);
    let mut blocks = [
        block(0, BASE + 64, 32),
        block(1, BASE + 128, 32),
        block(2, BASE + 192, 32),
    ];
    memory.put(BASE + 64, BASE + 128);
    blocks[0].flags = Block::ROOT;
    blocks[2].flags = Block::DEAD;
    let areas = [memory.area(0, 2, true)];
    let mut given = Vec::new();
    judge(&memory, &areas, &[], &blocks, &mut |tag, verdict| {
        given.push((tag, verdict));
    });
    assert_eq!(given, [(0, Verdict::Reachable), (1, Verdict::Reachable)]);
}

#[test]
fn many_blocks_in_one_are_found_fast() {
    let mut memory = Pages::new(256);
    // An arena, and the pieces that it gave out; every word points between them.
    let mut blocks = vec![block(0, BASE, 256 * PAGE)];
    for i in 1..30_000 {
        blocks.push(block(i, BASE + i * 32, 16));
    }
    for i in 0..memory.words.len() as u64 {
        memory.put(BASE + i * 8, BASE + 32 * 29_999 + 24);
    }
    let areas = [memory.area(0, 256, true)];
    let begun = std::time::Instant::now();
    let judged = verdicts(&memory, &areas, &[BASE], &blocks);
    // One step for each block before the word would be 4 * 10⁹.
    assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
    assert_eq!(judged[0], Verdict::Reachable);
    assert!(judged[1..].iter().all(|v| *v == Verdict::Lost));
}
