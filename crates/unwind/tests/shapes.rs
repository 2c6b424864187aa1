//! Frames of every shape, against independent unwinders.
#![cfg(not(windows))]
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "tests call the C programs beside them"
)]

mod support;

use std::cell::Cell;
use std::rc::Rc;

use support::{Library, VARIANTS, check_by_libgcc, walked, with_observer};

/// Runs `body`, each hooked stack checked against libgcc; returns how many.
fn checked(depth: usize, body: impl FnOnce()) -> u32 {
    let count = Rc::new(Cell::new(0));
    let seen = count.clone();
    with_observer(
        move |entry| {
            check_by_libgcc(entry, depth);
            seen.set(seen.get() + 1);
        },
        body,
    );
    count.get()
}

/// Frames of more than a megabyte need room.
fn roomy(body: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new()
        .stack_size(256 << 20)
        .spawn(body)
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn mixed_shapes_agree_with_libgcc() {
    for options in VARIANTS {
        roomy(move || {
            let library = Library::compiled("shapes.c", options);
            let mix: extern "C" fn(u64, i32) -> u64 = library.get("mix");
            let n = checked(128, || {
                for seed in 1..400 {
                    mix(seed * 0x1234_5677, (seed % 45) as i32);
                }
            });
            assert!(n > 2000, "{n}");
        });
    }
}

#[test]
fn recursion_is_cut_at_the_depth() {
    let library = Library::compiled("shapes.c", VARIANTS[0]);
    let recurse: extern "C" fn(i32) -> u64 = library.get("recurse");
    for depth in [1, 2, 7, 64, 127, 128] {
        checked(depth, || {
            for n in [0, 1, 5, depth as i32, 200, 400] {
                recurse(n);
            }
        });
    }
}

#[test]
fn frames_that_need_rbx_agree_with_libgcc() {
    let library = Library::compiled("shapes.c", VARIANTS[0]);
    let by_rbx: extern "C" fn(i32) -> u64 = library.get("only_by_rbx");
    assert!(checked(128, || assert!(by_rbx(20) < u64::MAX)) >= 20);
}

#[test]
fn exceptions_agree_with_libgcc() {
    for options in [&["-O2"][..], &["-O0"], &["-O2", "-fno-omit-frame-pointer"]] {
        let library = Library::compiled("exceptions.cc", options);
        let exceptions: extern "C" fn(i32) -> u64 = library.get("exceptions");
        let n = checked(128, || assert_eq!(exceptions(50), 50));
        assert!(n > 500, "{n}");
    }
}

#[test]
fn long_jumps_agree_with_libgcc() {
    let library = Library::compiled("shapes.c", VARIANTS[0]);
    let jump: extern "C" fn(u64, i32) -> u64 = library.get("jump");
    assert!(checked(128, || assert_eq!(jump(3, 100), 0)) > 300);
}

#[test]
fn signals_agree_with_libgcc() {
    // A 256 MB thread: the handler may get the largest frames too.
    roomy(|| {
        let library = Library::compiled("shapes.c", VARIANTS[0]);
        let signals: extern "C" fn(i32, i32) -> u64 = library.get("signals");
        assert!(checked(128, || assert_eq!(signals(0, 12), 1)) > 1);
        assert!(checked(128, || assert_eq!(signals(1, 1), 1)) > 0);
        let faults: extern "C" fn() -> u64 = library.get("faults");
        assert_eq!(checked(128, || assert_eq!(faults(), 4)), 4);
    });
}

#[test]
fn the_first_frame_is_always_there() {
    let library = Library::compiled("shapes.c", VARIANTS[0]);
    let recurse: extern "C" fn(i32) -> u64 = library.get("recurse");
    with_observer(
        |entry| {
            let one = walked(entry, 1);
            assert_eq!(one.frames, [unsafe { *(entry.slot as *const usize) }]);
            assert!(one.truncated && !one.complete);
            assert_eq!(walked(entry, 0).frames, one.frames);
            assert!(walked(entry, usize::MAX).frames.len() > 1);
        },
        || recurse(3),
    );
}
