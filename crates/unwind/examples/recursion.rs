//! Captures on the main thread and on another, and checks what can be known
//! without another unwinder: each level of a recursion adds one frame, and every
//! stack ends at the program's start. The tests build it statically linked too.

use std::arch::naked_asm;
use std::hint::black_box;

use freehold_unwind::{Entry, History, MAX_DEPTH, StackBounds, walk};

struct State {
    history: Box<History>,
    bounds: StackBounds,
    counts: Vec<usize>,
    interned: u32,
}

/// Of the numbers only the room is used, for those that `hooked` is given.
#[unsafe(naked)]
extern "C" fn hook(state: &mut State, slot: usize, bp: usize) {
    #[cfg(target_arch = "x86_64")]
    naked_asm!("mov rsi, rsp", "mov rdx, rbp", "jmp {f}", f = sym hooked);
    #[cfg(target_arch = "x86")]
    naked_asm!("mov [esp + 8], esp", "mov [esp + 12], ebp", "jmp {f}", f = sym hooked);
}

extern "C" fn hooked(state: &mut State, slot: usize, bp: usize) {
    let entry = Entry { slot, bp };
    let State {
        history,
        bounds,
        counts,
        interned,
    } = state;
    assert!(bounds.contains(slot), "{slot:x} {bounds:x?}");
    let mut frames = [0; MAX_DEPTH];
    // SAFETY: the entry is this function's, the bounds are this thread's.
    let stack = unsafe { walk(entry, MAX_DEPTH, *bounds, &mut frames) };
    assert!(
        stack.complete && !stack.truncated && !stack.approximate,
        "{stack:x?}"
    );
    let count = stack.frames.len();
    for _ in 0..4 {
        // SAFETY: as above.
        let id = unsafe {
            history.capture(entry, MAX_DEPTH, *bounds, |s| {
                *interned += 1;
                s.frames.len() as u32
            })
        };
        assert_eq!(id as usize, count);
    }
    counts.push(count);
}

#[inline(never)]
fn recurse(depth: usize, state: &mut State) -> usize {
    if depth == 0 {
        hook(state, 0, 0);
        return 0;
    }
    black_box(recurse(depth - 1, state)) + 1
}

fn run() -> usize {
    let bounds = StackBounds::for_current_thread();
    // SAFETY: all zero is a valid history.
    let history = unsafe { Box::new_zeroed().assume_init() };
    let mut state = State {
        history,
        bounds,
        counts: Vec::new(),
        interned: 0,
    };
    for depth in 0..60 {
        recurse(depth, &mut state);
    }
    assert!(
        state.counts.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{:?}",
        state.counts
    );
    assert!(state.interned < 240, "nothing was remembered");
    state.counts[0]
}

fn main() {
    let main = run();
    let other = std::thread::spawn(run)
        .join()
        .expect("the other thread's checks");
    println!("{main} frames in the main thread, {other} in the other");
}
