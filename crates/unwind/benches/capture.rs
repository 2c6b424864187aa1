//! Nanoseconds of a capture, by depth: of a stack that is remembered, of one that
//! joins the last walk, of one that has to be walked, and of a walk without history.
//!
//! `cargo bench -p freehold-unwind`; with an argument, only that depth. Each
//! figure is the best of seven rounds, less the cost of the call itself.

use std::arch::naked_asm;
use std::hint::black_box;
use std::time::Instant;

use freehold_unwind::{Entry, History, MAX_DEPTH, StackBounds, walk};

/// What the hook is to do.
struct State {
    history: Box<History>,
    bounds: StackBounds,
    mode: Mode,
    interned: u32,
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Nothing,
    Hit,
    /// Nothing is remembered; each walk joins the last.
    Join,
    /// Another depth each time too: walks of all frames.
    Miss,
    Walk,
}

#[unsafe(naked)]
extern "C" fn hook(state: &mut State) -> u32 {
    #[cfg(not(windows))]
    naked_asm!("mov rsi, rsp", "mov rdx, rbp", "jmp {f}", f = sym hooked);
    #[cfg(windows)]
    naked_asm!("mov rdx, rsp", "mov r8, rbp", "jmp {f}", f = sym hooked);
}

#[inline(never)]
extern "C" fn hooked(state: &mut State, slot: usize, bp: usize) -> u32 {
    let entry = Entry { slot, bp };
    let State {
        history,
        bounds,
        mode,
        interned,
    } = state;
    match mode {
        Mode::Nothing => 0,
        // SAFETY: the entry is this function's, the bounds are this thread's.
        Mode::Hit => unsafe { capture(history, entry, 128, *bounds, interned) },
        // An id of zero is not remembered.
        // SAFETY: as above.
        Mode::Join => unsafe { history.capture(entry, 128, *bounds, |_| 0) },
        Mode::Miss => {
            *interned += 1;
            let depth = 127 + (*interned & 1) as usize;
            // SAFETY: as above.
            unsafe { history.capture(entry, depth, *bounds, |_| 0) }
        }
        Mode::Walk => {
            let mut frames = [0; MAX_DEPTH];
            // SAFETY: as above.
            unsafe { walk(entry, 128, *bounds, &mut frames) }.hash as u32
        }
    }
}

#[inline(never)]
unsafe fn capture(
    h: &mut History,
    entry: Entry,
    depth: usize,
    bounds: StackBounds,
    n: &mut u32,
) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        h.capture(entry, depth, bounds, |stack| {
            *n += 2;
            stack.hash as u32 | 1
        })
    }
}

#[inline(never)]
fn one_frame_more(state: &mut State) -> u64 {
    u64::from(black_box(hook(state))) + 1
}

#[inline(never)]
fn recurse(depth: usize, state: &mut State, calls: u32) -> u64 {
    if depth > 1 {
        // Not a tail call.
        return black_box(recurse(depth - 1, state, calls)) + 1;
    }
    let start = Instant::now();
    for _ in 0..calls / 2 {
        black_box(hook(state));
        black_box(one_frame_more(state));
    }
    start.elapsed().as_nanos() as u64
}

fn measure(depth: usize, state: &mut State, mode: Mode) -> f64 {
    let calls = 200_000;
    state.mode = mode;
    state.history.flush();
    let best = (0..7)
        .map(|_| recurse(depth, state, calls))
        .min()
        .unwrap_or(0);
    best as f64 / f64::from(calls)
}

fn main() {
    // SAFETY: all zero is a valid history.
    let history: Box<History> = unsafe { Box::new_zeroed().assume_init() };
    let mut state = State {
        history,
        bounds: StackBounds::for_current_thread(),
        mode: Mode::Nothing,
        interned: 0,
    };
    let only: Option<usize> = std::env::args().find_map(|a| a.parse().ok());
    println!("frames     hit    join    miss    walk   (ns)");
    for depth in [1, 2, 10, 30, 60, 110] {
        if only.is_some_and(|o| o != depth) {
            continue;
        }
        let empty = measure(depth, &mut state, Mode::Nothing);
        let mut frames = 0;
        count_frames(depth, &mut state, &mut frames);
        let [hit, join, miss, walk] = [Mode::Hit, Mode::Join, Mode::Miss, Mode::Walk]
            .map(|m| measure(depth, &mut state, m) - empty);
        println!("{frames:6} {hit:7.1} {join:7.1} {miss:7.1} {walk:7.1}");
    }
}

/// How many frames the stack at this depth has.
#[inline(never)]
fn count_frames(depth: usize, state: &mut State, out: &mut usize) -> usize {
    #[unsafe(naked)]
    extern "C" fn count(bounds: &StackBounds) -> usize {
        #[cfg(not(windows))]
        naked_asm!("mov rsi, rsp", "mov rdx, rbp", "jmp {f}", f = sym counted);
        #[cfg(windows)]
        naked_asm!("mov rdx, rsp", "mov r8, rbp", "jmp {f}", f = sym counted);
    }
    extern "C" fn counted(bounds: &StackBounds, slot: usize, bp: usize) -> usize {
        let mut frames = [0; MAX_DEPTH];
        // SAFETY: the entry is this function's, the bounds are this thread's.
        unsafe { walk(Entry { slot, bp }, 128, *bounds, &mut frames) }
            .frames
            .len()
    }
    if depth > 1 {
        return black_box(count_frames(depth - 1, state, out)) + 1;
    }
    *out = count(&state.bounds);
    0
}
