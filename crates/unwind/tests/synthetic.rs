//! Captures of made-up stacks, whose words and registers change one at a time: a
//! remembered or joined stack must never survive a change that matters.
#![cfg(not(windows))]
#![allow(clippy::undocumented_unsafe_blocks, reason = "made-up stacks")]

mod support;

use std::collections::HashMap;

use freehold_unwind::{Entry, History, MAX_DEPTH, StackBounds, walk};
use support::{Library, Random, VARIANTS, copy, new_history};

struct Made {
    words: Vec<usize>,
    bounds: StackBounds,
    history: Box<History>,
    ids: HashMap<Vec<usize>, u32>,
    stacks: Vec<Vec<usize>>,
    /// Whether stacks may be remembered: if not, walks only join the last one.
    remember: bool,
}

impl Made {
    fn new(remember: bool) -> Made {
        let words = vec![0; 512];
        let low = words.as_ptr() as usize;
        let bounds = StackBounds {
            low,
            high: low + words.len() * size_of::<usize>(),
        };
        Made {
            words,
            bounds,
            history: new_history(),
            ids: HashMap::new(),
            stacks: Vec::new(),
            remember,
        }
    }

    fn at(&self, word: usize) -> usize {
        self.bounds.low + word * size_of::<usize>()
    }

    /// Captures, and compares with a walk.
    fn check(&mut self, entry: Entry, depth: usize) -> usize {
        let mut out = [0; MAX_DEPTH];
        let expected = copy(&unsafe { walk(entry, depth, self.bounds, &mut out) });
        let Made {
            history,
            ids,
            stacks,
            bounds,
            remember,
            ..
        } = self;
        let mut interned = None;
        let id = unsafe {
            history.capture(entry, depth, *bounds, |stack| {
                let copied = copy(stack);
                let next = stacks.len() as u32 + 1;
                let id = *ids.entry(copied.frames.clone()).or_insert(next);
                if id == next {
                    stacks.push(copied.frames.clone());
                }
                interned = Some(copied);
                if *remember { id } else { 0 }
            })
        };
        match interned {
            Some(stack) => assert_eq!(stack, expected),
            None => assert_eq!(stacks[id as usize - 1], expected.frames),
        }
        expected.frames.len()
    }
}

/// A page of code without unwind data.
fn bare_code() -> usize {
    let page = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            4096,
            5,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    assert_ne!(page, libc::MAP_FAILED);
    page as usize
}

#[test]
fn rbp_at_entry_decides() {
    let code = bare_code();
    for remember in [true, false] {
        let mut made = Made::new(remember);
        made.words[0] = code + 64;
        for (at, ra) in [(8, code + 128), (16, code + 256)] {
            made.words[at] = 0;
            made.words[at + 1] = ra;
        }
        for round in 0..100 {
            let bp = made.at(if round % 3 == 0 { 8 } else { 16 });
            assert_eq!(
                made.check(
                    Entry {
                        slot: made.at(0),
                        bp
                    },
                    64
                ),
                2
            );
        }
    }
}

#[test]
fn any_change_is_seen() {
    let library = Library::compiled("shapes.c", VARIANTS[1]);
    let bare = bare_code();
    let text: Vec<usize> = [
        "mix",
        "recurse",
        "nonsense_bp",
        "jump",
        "realigned",
        "by_rbx",
    ]
    .map(|n| library.get(n))
    .to_vec();
    let (mut long, mut frames) = (0, 0);
    for (seed, remember) in (1..60u64).flat_map(|s| [(s, true), (s, false)]) {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut made = Made::new(remember);
        // Few codes, so that walks get somewhere and meet again.
        let codes: Vec<usize> = (0..6)
            .map(|i| {
                if i < 4 {
                    bare + 16 * (i + 1)
                } else {
                    text[random.below(6)] + 4 + random.below(200)
                }
            })
            .collect();
        // Even words mostly lead on, odd words mostly return: chains of rbp.
        let word = |random: &mut Random, made: &Made, at: usize| match random.below(8) {
            0 => random.below(3),
            1 => codes[random.below(6)],
            _ if at.is_multiple_of(2) => made.at((at + 2 + 2 * random.below(5)).min(510)),
            _ => codes[random.below(6)],
        };
        for at in 0..512 {
            made.words[at] = word(&mut random, &made, at);
        }
        let mut entry = Entry {
            slot: made.at(2),
            bp: made.at(20),
        };
        for _ in 0..2000 {
            match random.below(10) {
                0 => entry.slot = made.at([2, 2, 4, 9][random.below(4)]),
                1 => entry.bp = made.at(4 + 2 * random.below(15)),
                2..5 => {
                    let at = random.below(90);
                    made.words[at] = word(&mut random, &made, at);
                }
                _ => {}
            }
            let first = (entry.slot - made.at(0)) / size_of::<usize>();
            made.words[first] = codes[random.below(2)];
            let n = made.check(entry, [64, 64, 64, 5][random.below(4)]);
            frames += n;
            long += usize::from(n > 4);
        }
    }
    println!("{frames} frames, {long} stacks of more than four");
    assert!(long > 10_000);
}
