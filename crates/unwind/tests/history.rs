//! Remembered stacks are the stacks that a walk finds.
#![cfg(not(windows))]
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "tests call the C programs beside them"
)]

mod support;

use std::cell::Cell;
use std::rc::Rc;

use freehold_unwind::{History, flush_rules};
use support::{
    Interner, Library, VARIANTS, bounds, copy, flush_history, misses, new_history, with_observer,
};

/// Every capture is compared with a walk in `Interner::capture`.
fn captured(depth: usize, body: impl FnOnce()) -> u64 {
    let count = Rc::new(Cell::new(0));
    let seen = count.clone();
    // Ids of an earlier interner mean nothing to a new one.
    flush_history();
    let mut interner = Interner::default();
    with_observer(
        move |entry| {
            interner.capture(entry, depth);
            seen.set(interner.captures);
        },
        body,
    );
    count.get()
}

#[test]
fn random_calls_get_the_right_stack() {
    // Eight hundred thousand captures; FREEHOLD_ROUNDS multiplies.
    let rounds: u64 = std::env::var("FREEHOLD_ROUNDS")
        .ok()
        .and_then(|r| r.parse().ok())
        .unwrap_or(1);
    let work = move || {
        for options in VARIANTS {
            let library = Library::compiled("shapes.c", options);
            let mix: extern "C" fn(u64, i32) -> u64 = library.get("mix");
            let before = (misses(), support::unremembered());
            let n = captured(128, || {
                for i in 0..60_000 * rounds {
                    // Mostly seeds of before, so that there is something to predict.
                    let seed = if i % 8 == 0 { i } else { i % 61 };
                    mix(0x5_1234_5677 * (seed + 1), (seed % 17) as i32);
                }
            });
            let walks = misses() - before.0;
            let lost = support::unremembered() - before.1;
            println!("{options:?}: {n} captures, {walks} walks, {lost} not remembered");
            assert!(n > 150_000 && walks < n * 3 / 4, "{n} {walks}");
        }
    };
    std::thread::Builder::new()
        .stack_size(256 << 20)
        .spawn(work)
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn who_walks_often_remembers_more() {
    // How much is gained depends on the addresses, so on several threads' stacks.
    let measured = (0..4).map(|_| std::thread::spawn(walks_at_first_and_in_the_end).join());
    let sums = measured.fold((0, 0), |sums, one| {
        let one = one.expect("no panic");
        (sums.0 + one.0, sums.1 + one.1)
    });
    let (at_first, in_the_end) = sums;
    println!("{at_first} walks at first, {in_the_end} in the end");
    // In 32-bit programs less is gained.
    let hundredths = if size_of::<usize>() == 8 { 97 } else { 100 };
    assert!(in_the_end * 100 < at_first * hundredths, "{sums:?}");
}

fn walks_at_first_and_in_the_end() -> (u64, u64) {
    let library = Library::compiled("shapes.c", VARIANTS[0]);
    let mix: extern "C" fn(u64, i32) -> u64 = library.get("mix");
    let mut walks = Vec::new();
    captured(128, || {
        // The same stacks again and again; so many that some are always forgotten.
        for _ in 0..250 {
            let before = misses();
            for i in 0..200 {
                mix(0x5_1234_5677 * (i + 1), (i % 17) as i32);
            }
            walks.push(misses() - before);
        }
    });
    assert!(walks.iter().sum::<u64>() > 25_000, "{walks:?}");
    // Not the very first time, when there is nothing to remember.
    (walks[1..21].iter().sum(), walks[230..].iter().sum())
}

#[test]
fn a_loop_of_calls_is_predicted() {
    let library = Library::compiled("shapes.c", VARIANTS[0]);
    let recurse: extern "C" fn(i32) -> u64 = library.get("recurse");
    for n in [0, 1, 10, 60, 120, 300] {
        captured(128, || {
            let mut settled = 0;
            for round in 0..400 {
                // What is predicted from the last two ids settles after a few.
                if round == 50 {
                    settled = misses();
                }
                assert_eq!(recurse(n), 1);
            }
            // An optimizer may have made several loops of this one.
            assert!(misses() - settled < 30, "depth {n}: {}", misses() - settled);
        });
    }
}

#[test]
fn call_sites_in_any_order_are_predicted() {
    let library = Library::compiled("shapes.c", VARIANTS[0]);
    let sites: extern "C" fn(u64) -> u64 = library.get("sites");
    captured(128, || {
        let (mut random, mut settled) = (88_172_645_463_325_252_u64, 0);
        for round in 0..20_000 {
            if round == 200 {
                settled = misses();
            }
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            // The past says nothing of what comes; the place does.
            sites(random >> 20);
        }
        assert!(misses() - settled < 30, "{}", misses() - settled);
    });
}

#[test]
fn long_jumps_and_signals_and_faults() {
    let library = Library::compiled("shapes.c", VARIANTS[1]);
    let jump: extern "C" fn(u64, i32) -> u64 = library.get("jump");
    let signals: extern "C" fn(i32, i32) -> u64 = library.get("signals");
    let faults: extern "C" fn() -> u64 = library.get("faults");
    captured(128, || {
        for i in 0..500 {
            jump(i % 3, 9);
            signals((i % 2) as i32, 3);
            assert_eq!(faults(), 4);
        }
    });
}

#[test]
fn coroutines() {
    let library = Library::compiled("shapes.c", VARIANTS[0]);
    let coroutines: extern "C" fn(*mut u8, usize, i32) -> u64 = library.get("coroutines");
    let size = 4 << 20;
    let mut stack = vec![0u8; size];
    let before = misses();
    let n = captured(128, || {
        assert_eq!(coroutines(stack.as_mut_ptr(), size, 5000), 0)
    });
    let walks = misses() - before;
    assert!(n > 10_000 && walks < n / 2, "{n} captures, {walks} walks");
}

/// Runs `body` with a fresh history at every hook of a recursion of ten.
fn at_hooks(mut body: impl FnMut(&mut History, freehold_unwind::Entry) + 'static, rounds: i32) {
    let library = Library::compiled("shapes.c", VARIANTS[0]);
    let recurse: extern "C" fn(i32) -> u64 = library.get("recurse");
    let mut history = new_history();
    with_observer(
        move |entry| body(&mut history, entry),
        || (0..rounds).for_each(|_| assert_eq!(recurse(10), 1)),
    );
}

#[test]
fn what_could_not_be_stored_is_not_remembered() {
    at_hooks(
        |history, entry| {
            let mut asked = false;
            let id = unsafe { history.capture(entry, 64, bounds(), |_| (asked = true, 0).1) };
            assert!(asked && id == 0);
        },
        20,
    );
}

#[test]
fn depth_and_flushes_make_entries_void() {
    let mut round = 0;
    at_hooks(
        move |history, entry| {
            round += 1;
            let ask = |history: &mut History, depth| {
                let mut asked = None;
                unsafe {
                    history.capture(entry, depth, bounds(), |stack| {
                        (asked = Some(copy(stack)), 7).1
                    })
                };
                asked
            };
            // The same id again and again: after two captures the prediction is settled.
            (0..4).for_each(|_| drop(ask(history, 64)));
            assert!(ask(history, 64).is_none());
            let short = ask(history, 5).expect("another depth is another stack");
            assert!(short.truncated && short.frames.len() == 5);
            (0..4).for_each(|_| drop(ask(history, 64)));
            if round % 2 == 0 {
                flush_rules();
            } else {
                history.flush();
            }
            assert!(ask(history, 64).is_some(), "a flush must forget");
        },
        10,
    );
}
