//! The short way of a process in which nothing is tracked: null is refused there
//! as everywhere, and whatever ends that state ends it for the next block.

#[path = "support/child.rs"]
mod child;

use std::ffi::c_void;
use std::ptr::null_mut;

use freehold::track::{self, Options};
use freehold::{AllocError, Misuse, Release, ReleaseWith, adopt, calloc, failing, free, malloc};

/// Pairs that take the short way, and null, which never does.
fn warm_up() {
    for _ in 0..3 {
        let zeroed = calloc::<u64>(3).expect("memory").into_raw();
        let other = malloc::<u8>(3).expect("memory").into_raw();
        // SAFETY: live, used by nobody; null is refused.
        unsafe {
            free(zeroed.cast()).expect("live");
            free(other.cast()).expect("live");
            assert_eq!(free(null_mut()).unwrap_err().misuse(), Misuse::Null);
        }
    }
}

fn tracking_begins() {
    track::start(&Options::default()).expect("memory for a ledger");
    let block = calloc::<u8>(8).expect("memory").into_raw();
    // SAFETY: live; then refused.
    unsafe {
        free(block.cast()).expect("live");
        assert_eq!(free(block.cast()).unwrap_err().misuse(), Misuse::Double);
    }
}

fn a_block_is_adopted() {
    unsafe extern "C" fn close(block: *mut c_void, calls: *mut c_void) -> i32 {
        // SAFETY: called as it was adopted below.
        unsafe {
            *calls.cast::<u32>() += 1;
            libc::free(block);
        }
        0
    }
    let mut calls = 0u32;
    // SAFETY: a live block; the counter outlives it.
    unsafe {
        let block = libc::malloc(8);
        let release = Release::new(close, (&raw mut calls).cast());
        adopt(block, 8, ReleaseWith::Custom(release)).expect("not null");
        free(block).expect("live");
    }
    assert_eq!(calls, 1, "released by its own function");
}

fn an_allocation_shall_fail() {
    let (result, _) = failing::nth(1, || calloc::<u8>(8).map(drop));
    let expected = AllocError::Injected {
        bytes: 8,
        number: 1,
    };
    assert_eq!(result, Err(expected));
    warm_up();
    let (result, tried) = failing::nth(2, || malloc::<u8>(8).map(drop));
    assert_eq!((result, tried), (Ok(()), 1));
}

#[test]
fn what_ends_the_plain_state_ends_the_short_way() {
    let cases = [
        ("tracking", tracking_begins as fn()),
        ("adopt", a_block_is_adopted),
        ("failing", an_allocation_shall_fail),
    ];
    let Some(wanted) = child::case() else {
        for (name, _) in cases {
            child::run("what_ends_the_plain_state_ends_the_short_way", name);
        }
        return;
    };
    warm_up();
    let (_, body) = cases
        .iter()
        .find(|(name, _)| *name == wanted)
        .expect("a case");
    body();
}
