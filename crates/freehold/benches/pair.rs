//! What a pair of allocation and release costs: the platform's, and ours with
//! tracking off and on, with stacks of twenty frames.
//!
//! `cargo bench -p freehold --bench pair`; with `-- libc 1000`, `-- adaptive 1000`
//! or `-- off 1000` one of them alone, that many times: `cargo xtask cost` counts
//! their instructions.

use std::hint::black_box;
use std::time::Instant;

use freehold::{LeakTracker, adaptive_calloc, diagnostic_calloc, track};

const SIZE: usize = 64;

#[inline(never)]
fn libc_pair() {
    // SAFETY: released once, when there is one, which is asked for below, too.
    unsafe {
        let block = libc::calloc(black_box(SIZE), 1);
        if !block.is_null() {
            libc::free(black_box(block));
        }
    }
}

#[inline(never)]
fn freehold_pair() {
    if let Ok(block) = diagnostic_calloc::<u8>(black_box(SIZE)) {
        // SAFETY: released once.
        let _ = unsafe { freehold::free(black_box(block.into_raw()).cast()) };
    }
}

#[inline(never)]
fn adaptive_pair() {
    if let Ok(block) = adaptive_calloc::<u8>(black_box(SIZE)) {
        // SAFETY: released once.
        let _ = unsafe { freehold::adaptive_free(black_box(block.into_raw()).cast()) };
    }
}

/// Runs `body` at this depth of the stack.
#[inline(never)]
fn deep(depth: u32, body: &mut dyn FnMut()) {
    match depth {
        0 => body(),
        depth => {
            deep(depth - 1, body);
            black_box(());
        }
    }
}

/// How many frames a stack has that is recorded where `time` calls its pair.
#[inline(never)]
fn frames() -> usize {
    let Ok(block) = diagnostic_calloc::<u8>(SIZE) else {
        return 0;
    };
    let raw = block.into_raw();
    // SAFETY: released once; the second time it is refused.
    let error = unsafe { freehold::free(raw.cast()).and_then(|()| freehold::free(raw.cast())) };
    // `time` stands between, so there is one more.
    error.map_or_else(|e| e.allocated().frames().len() + 1, |()| 0)
}

/// Nanoseconds of a call, the best of several rounds.
fn time(pair: fn()) -> f64 {
    const CALLS: u32 = 1_000_000;
    let mut best = f64::MAX;
    for _ in 0..7 {
        let start = Instant::now();
        for _ in 0..CALLS {
            pair();
        }
        best = best.min(start.elapsed().as_nanos() as f64 / f64::from(CALLS));
    }
    best
}

fn main() {
    let only = std::env::args().nth(1);
    let alone: Option<fn()> = match only.as_deref() {
        Some("libc") => Some(libc_pair),
        Some("off") => Some(freehold_pair),
        Some("adaptive") => Some(adaptive_pair),
        _ => None,
    };
    if let Some(pair) = alone {
        freehold_pair();
        let times = std::env::args().nth(2).and_then(|times| times.parse().ok());
        for _ in 0..times.unwrap_or(1_000_000) {
            pair();
        }
        return;
    }
    for round in 1..=2 {
        println!("{round}. libc                 {:6.1} ns", time(libc_pair));
        println!(
            "{round}. off                  {:6.1} ns",
            time(freehold_pair)
        );
        println!(
            "{round}. adaptive             {:6.1} ns",
            time(adaptive_pair)
        );
    }
    track::start(&track::Options::default()).expect("memory for a ledger");
    LeakTracker::enable();
    for depth in [0, 8, 16, 40] {
        deep(depth, &mut || {
            let (frames, time) = (frames(), time(freehold_pair));
            println!("on, {frames:2} frames           {time:6.1} ns");
        });
    }
}
