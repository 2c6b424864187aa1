//! Native memory as the page about it shows: allocate 256 bytes, use them by index,
//! free them; in a loop that runs long; and who owns what.
//!
//! `memory_page` frees all and ends with 0. `memory_page --leak` forgets one buffer,
//! says which, and ends with 1.

use std::ffi::c_void;
use std::process::ExitCode;

use freehold::{
    Arena, LeakTracker, LeaksEmitter, Ownership, PrintEmitter, ReleaseWith, adaptive_calloc, adopt,
    borrow, families, free, give_back, ownership_of, transfer,
};

/// The buffer of the page.
const BYTES: usize = 256;

fn main() -> ExitCode {
    let forgets = std::env::args()
        .skip(1)
        .any(|argument| argument == "--leak");
    let found = LeakTracker::run_scoped_verified("memory page", || {
        buffer(forgets);
        long_running();
        ownership();
    });
    match found {
        Ok(()) => {
            println!("everything was freed");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let mut emitter = PrintEmitter::stdout();
            emitter.emit(error.leaks()).expect("standard output");
            ExitCode::FAILURE
        }
    }
}

/// Allocates a buffer of 256 bytes, writes to each by its index, frees it.
fn buffer(forgets: bool) {
    let mut buffer = adaptive_calloc::<u8>(BYTES).expect("memory");
    assert!(buffer.iter().all(|byte| *byte == 0), "zeroed");
    for i in 0..BYTES {
        buffer[i] = (i % 8) as u8;
    }
    // For a function of C: from here on nobody frees it but we.
    let raw: *mut u8 = buffer.into_raw();
    // SAFETY: 256 live bytes.
    let sum: usize = unsafe { std::slice::from_raw_parts(raw, BYTES) }
        .iter()
        .map(|byte| usize::from(*byte))
        .sum();
    println!("{BYTES} bytes with the sum {sum}");
    if forgets {
        return;
    }
    // SAFETY: live until now, used by nobody any more.
    unsafe { free(raw.cast::<c_void>()) }.expect("live until now");
}

/// What runs for long keeps no more than it needs: an arena for each round.
fn long_running() {
    for round in 0..10_000_u32 {
        let arena = Arena::new();
        let bytes = arena.alloc::<u8>(BYTES).expect("memory");
        bytes[0] = round as u8;
        arena.release().expect("all of it");
    }
    println!("10000 rounds, nothing kept");
}

/// Who owns a block, and what that means.
fn ownership() {
    // You allocated it: you free it.
    let yours = adaptive_calloc::<u8>(BYTES).expect("memory").into_raw();
    // SAFETY: live, used by nobody any more.
    unsafe { free(yours.cast()) }.expect("yours");

    // An API gave it to you: you free it, by the function that it names.
    let given = families::sys_alloc_string(&[104, 105]).expect("memory");
    let given = given.as_ptr().cast::<c_void>();
    assert_eq!(ownership_of(given as usize), Some(Ownership::Owned));
    // SAFETY: live, used by nobody any more; `free` knows it for a BSTR.
    unsafe { free(given) }.expect("by SysFreeString");

    // An API lends it: you do not free it.
    let mut lent = [0_u8; 16];
    let lent = lent.as_mut_ptr().cast::<c_void>();
    borrow(lent, 16).expect("not null");
    // SAFETY: refused.
    let error = unsafe { free(lent) }.expect_err("the API's");
    println!("{error}");
    give_back(lent);

    // You give it away: the new owner frees it.
    let passed = adaptive_calloc::<u8>(BYTES).expect("memory").into_raw();
    // SAFETY: live; from now on the new owner's, which is played here.
    unsafe {
        adopt(
            passed.cast(),
            BYTES,
            ReleaseWith::Family(freehold::alloc::FAMILY),
        )
        .expect("not adopted before");
        assert!(transfer(passed.cast()));
        free(passed.cast()).expect_err("no longer yours");
        freehold::native_free(passed.cast());
    }
}
