//! Walks against framehop, with `--features check`.
#![cfg(not(windows))]
#![cfg(feature = "check")]
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "tests call the C programs beside them"
)]

mod support;

use std::cell::RefCell;
use std::rc::Rc;

use freehold_unwind::check::{Verdict, check_against_independent, counts, forget_modules};
use support::{Interner, Library, VARIANTS, with_observer};

#[derive(Default)]
struct Tally {
    same: u32,
    shorter: u32,
}

#[test]
fn mixed_shapes_agree_with_framehop() {
    let work = || {
        for options in VARIANTS {
            let library = Library::compiled("shapes.c", &[options, &["-DPLAIN=1"]].concat());
            forget_modules();
            let mix: extern "C" fn(u64, i32) -> u64 = library.get("mix");
            let tally = Rc::new(RefCell::new(Tally::default()));
            let counter = tally.clone();
            with_observer(
                move |entry| match unsafe {
                    check_against_independent(entry, 128, support::bounds())
                } {
                    Verdict::Same => counter.borrow_mut().same += 1,
                    Verdict::Shorter { .. } => counter.borrow_mut().shorter += 1,
                    Verdict::Different { ours, theirs } => panic!("{ours:x?}\n{theirs:x?}"),
                },
                || {
                    (1..300).for_each(|seed| {
                        assert!(mix(seed * 0x9_1234_5677, (seed % 40) as i32) < u64::MAX)
                    })
                },
            );
            let Tally { same, shorter } = *tally.borrow();
            println!("{options:?}: {same} the same, framehop stopped early in {shorter}");
            assert!(same > 2000 && shorter * 10 < same, "{same} {shorter}");
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
fn hits_are_compared_with_walks() {
    let library = Library::compiled("shapes.c", VARIANTS[0]);
    let recurse: extern "C" fn(i32) -> u64 = library.get("recurse");
    let mut interner = Interner::default();
    with_observer(
        move |entry| drop(interner.capture(entry, 100)),
        || (0..1000).for_each(|i| assert_eq!(recurse(i % 50), 1)),
    );
    let counts = counts();
    assert!(counts.hits > 500, "{counts:?}");
    assert_eq!(counts.mismatches, 0);
}
