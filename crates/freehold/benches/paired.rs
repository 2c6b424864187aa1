//! What a pair of allocation and release costs beside the platform's own pair
//! (`malloc` and `free`, on Windows `CoTaskMemAlloc` and `CoTaskMemFree`), in
//! short turns one after the other, so that whatever else the machine does hits
//! both. Prints nanoseconds, and the median of the ratios of each turn.
//!
//! `cargo bench -p freehold --bench paired`; on Linux also under Wine.

use std::hint::black_box;
use std::time::Instant;

use freehold::{LeakTracker, diagnostic_malloc, track};

const SIZE: usize = 64;
/// Pairs in a turn, and turns.
const CALLS: u32 = 20_000;
const TURNS: usize = 201;

#[cfg(windows)]
#[link(name = "ole32")]
unsafe extern "system" {
    #[link_name = "CoTaskMemAlloc"]
    fn allocate(bytes: usize) -> *mut core::ffi::c_void;
    #[link_name = "CoTaskMemFree"]
    fn release(block: *mut core::ffi::c_void);
}
#[cfg(not(windows))]
use libc::{free as release, malloc as allocate};

#[inline(never)]
fn platform() {
    // SAFETY: released once, when there is one, which is asked for below, too.
    unsafe {
        let block = allocate(black_box(SIZE));
        if !block.is_null() {
            release(black_box(block));
        }
    }
}

#[inline(never)]
fn freehold() {
    if let Ok(block) = diagnostic_malloc::<u8>(black_box(SIZE)) {
        // SAFETY: released once.
        let _ = unsafe { freehold::free(black_box(block.into_raw()).cast()) };
    }
}

/// Nanoseconds of a pair, in one turn.
fn turn(pair: fn()) -> f64 {
    let start = Instant::now();
    for _ in 0..CALLS {
        pair();
    }
    start.elapsed().as_nanos() as f64 / f64::from(CALLS)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Turns of both, each first in every second one.
fn compare(what: &str) {
    let mut both: Vec<(f64, f64)> = Vec::with_capacity(TURNS);
    for i in 0..TURNS {
        both.push(match i % 2 {
            0 => (turn(platform), turn(freehold)),
            _ => {
                let ours = turn(freehold);
                (turn(platform), ours)
            }
        });
    }
    let theirs = median(both.iter().map(|(theirs, _)| *theirs).collect());
    let ours = median(both.iter().map(|(_, ours)| *ours).collect());
    let ratio = median(both.iter().map(|(theirs, ours)| ours / theirs).collect());
    println!("{what:24} platform {theirs:6.1} ns, freehold {ours:6.1} ns: {ratio:.3}");
}

/// What is measured in this run: each begins tracking its own way.
fn measure(case: &str) {
    match case {
        "off" => {
            freehold();
            compare("off");
        }
        depth => {
            let depth = depth.parse().expect("frames");
            let options = track::Options {
                depth,
                ..track::Options::default()
            };
            track::start(&options).expect("memory for a ledger");
            LeakTracker::enable();
            compare(&format!("on, {depth} frames"));
        }
    }
}

fn main() {
    const CASE: &str = "FREEHOLD_BENCH_CASE";
    if let Ok(case) = std::env::var(CASE) {
        return measure(&case);
    }
    // Tracking begins once in a process.
    for case in ["off", "0", "6", "20"] {
        let program = std::env::current_exe().expect("known");
        let status = std::process::Command::new(program).env(CASE, case).status();
        assert!(status.expect("runs").success(), "{case}");
    }
}
