//! The scan of an image: see [`super`].

use freehold_ledger::format::Verdict;
use freehold_reach::{Block, Input, Outcome, scan, threads};
use std::alloc::Layout;

struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((u128::from(self.0) * u128::from(below)) >> 64) as u64
    }
}

/// Memory of the benchmark, whole pages, all zero.
struct Memory {
    words: &'static mut [u64],
    layout: Layout,
}

impl Memory {
    fn new(bytes: usize) -> Memory {
        let layout = Layout::from_size_align(bytes.max(4096), 4096).expect("a size");
        // SAFETY: the layout is not empty; zeroes are words.
        let words = unsafe {
            let start = std::alloc::alloc_zeroed(layout).cast();
            std::slice::from_raw_parts_mut(start, layout.size() / 8)
        };
        Memory { words, layout }
    }

    fn start(&self) -> u64 {
        self.words.as_ptr() as u64
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: as it was allocated; the words are not used after this.
        unsafe { std::alloc::dealloc(self.words.as_mut_ptr().cast(), self.layout) };
    }
}

/// Scans blocks of `size` bytes that fill `blocks`.
#[inline(never)]
fn judge(blocks: &Memory, size: u64) -> Outcome {
    let start = blocks.start();
    let count = blocks.words.len() as u64 * 8 / size;
    let mut give = |each: &mut dyn FnMut(Block)| {
        for i in 0..count {
            each(Block {
                address: start + i * size,
                size,
                tag: i,
                flags: 0,
            });
        }
    };
    let input = Input {
        blocks: &mut give,
        registers: &[],
        stack_pointer: threads::registers().stack_pointer,
        threads: &[],
        exclude: &[],
        heap_holes_are_roots: false,
        python: None,
    };
    let mut lost = 0;
    // SAFETY: there is one thread.
    let outcome = unsafe {
        scan(input, &mut |_, verdict| {
            lost += u64::from(verdict == Verdict::Lost)
        })
    };
    std::hint::black_box(lost);
    outcome.expect("a scan")
}

/// Milliseconds that this process has used.
fn processor_ms() -> f64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: a plain structure.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

/// Whether the command line asks for this one.
fn wanted(name: &str) -> bool {
    let part = std::env::args()
        .skip(1)
        .find(|word| !word.starts_with('-') && word.parse::<usize>().is_err());
    part.is_none_or(|part| name.contains(&part))
}

fn measure(name: &str, roots: &Memory, blocks: &Memory, size: u64) {
    if !wanted(name) {
        return;
    }
    std::hint::black_box(&roots.words[0]);
    // Of processor time, because the machine may be shared.
    let runs = (0..3).map(|_| {
        let begin = processor_ms();
        let outcome = judge(blocks, size);
        (processor_ms() - begin, outcome)
    });
    let (spent, best) = runs.min_by(|a, b| a.0.total_cmp(&b.0)).expect("a run");
    let gib = (best.root_bytes + best.block_bytes) as f64 / f64::from(1 << 30);
    println!(
        "{name:34} {:5.2} GiB {:6.0} ms/GiB  (elapsed ms: pages {} index {} roots {} mark {}) blocks {}",
        gib,
        spent / gib,
        best.pages_us / 1000,
        best.index_us / 1000,
        best.roots_us / 1000,
        best.mark_us / 1000,
        best.verdicts.iter().map(|count| count.blocks).sum::<u64>(),
    );
}

/// Fills with a pointer in three words of ten, small numbers and doubles.
fn fill(words: &mut [u64], dice: &mut Dice, start: u64, count: u64, size: u64, per_mille: u64) {
    for word in words {
        *word = match dice.roll(1000) {
            n if n < per_mille => start + dice.roll(count) * size,
            n if n % 2 == 0 => dice.roll(100_000),
            _ => (dice.roll(1 << 40) as f64).to_bits(),
        };
    }
}

/// Links all blocks in a list, in this order or at random.
fn link(blocks: &mut Memory, dice: &mut Dice, size: u64, shuffled: bool) -> u64 {
    let start = blocks.start();
    let count = blocks.words.len() as u64 * 8 / size;
    let mut order: Vec<u32> = (0..count as u32).collect();
    if shuffled {
        for i in (1..order.len()).rev() {
            order.swap(i, dice.roll(i as u64 + 1) as usize);
        }
    }
    for pair in order.windows(2) {
        blocks.words[pair[0] as usize * size as usize / 8] = start + u64::from(pair[1]) * size;
    }
    start + u64::from(order[0]) * size
}

pub(crate) fn main() {
    let mib = std::env::args()
        .find_map(|word| word.parse().ok())
        .unwrap_or(1024usize);
    let bytes = mib << 20;
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    {
        let blocks = Memory::new(64 << 20);
        let roots = Memory::new(bytes);
        fill(roots.words, &mut dice, 0, 1, 0, 0);
        measure("roots, no pointers", &roots, &blocks, 64);
        fill(roots.words, &mut dice, blocks.start(), 1 << 20, 64, 300);
        measure("roots, 30% pointers, 1M blocks", &roots, &blocks, 64);
    }
    let root = Memory::new(4096);
    for size in [64, 256, 4096] {
        let blocks = Memory::new(bytes);
        let (start, count) = (blocks.start(), bytes as u64 / size);
        root.words[0] = start;
        fill(blocks.words, &mut dice, start, count, size, 300);
        measure(
            &format!("blocks of {size}, 30% pointers"),
            &root,
            &blocks,
            size,
        );
    }
    for shuffled in [false, true] {
        let mut blocks = Memory::new(bytes);
        root.words[0] = link(&mut blocks, &mut dice, 64, shuffled);
        let name = if shuffled {
            "list of 64-byte blocks, shuffled"
        } else {
            "list of 64-byte blocks, in order"
        };
        measure(name, &root, &blocks, 64);
        root.words[0] = 0;
        measure("  the same, all lost", &root, &blocks, 64);
    }
}
