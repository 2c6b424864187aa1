//! The exported table is that of this copy's ledger, and only when there is one;
//! a forked child goes on with handles, in a ledger of its own.
#![cfg(unix)] // forks

use std::ffi::c_void;
use std::ptr::{null, null_mut};

use freehold::contract::{Block, LIVE, SYMBOL, VERSION};
use freehold_c::allocate::*;
use freehold_c::arena::*;
use freehold_c::codes::*;
use freehold_c::release::*;
use freehold_c::track::*;
use freehold_c::tracker::freehold_tracker;

/// What the table has on an address.
fn find(address: *const c_void) -> (u32, Block) {
    let mut block = Block::default();
    // SAFETY: a place for the answer.
    let answer = unsafe { (freehold_tracker.find)(address as u64, &mut block) };
    (answer, block)
}

fn is_active() -> bool {
    // SAFETY: by the contract it may be called at any time.
    unsafe { (freehold_tracker.is_active)() == 1 }
}

/// What a child has to say: 0 when all is well.
fn in_child(arena: freehold_arena, inherited: *mut c_void) -> i32 {
    let mut block = null_mut();
    // SAFETY: a live arena, and a place; the blocks are released once.
    unsafe {
        if freehold_arena_alloc(arena, 1, 8, 8, null(), &mut block) != FREEHOLD_OK {
            return 1;
        }
        if !is_active() || find(block).0 != LIVE {
            return 2;
        }
        if freehold_free(block) != FREEHOLD_ARENA_OWNED {
            return 3;
        }
        if freehold_arena_release(arena, null_mut()) != FREEHOLD_OK {
            return 4;
        }
        // Its parent's block is not in the child's ledger, and passes.
        i32::from(freehold_free(inherited) != FREEHOLD_OK) * 5
    }
}

#[test]
fn the_table_is_that_of_the_ledger() {
    assert_eq!(SYMBOL, c"freehold_tracker");
    assert_eq!(freehold_tracker.version, VERSION);
    assert!(!freehold_tracking_is_on() && !is_active());
    assert_eq!(freehold_tracking_start(0, 0), FREEHOLD_OK);
    assert!(freehold_tracking_is_on() && is_active() && !freehold_tracking_is_shared());
    let block = freehold_malloc(40);
    let (answer, known) = find(block);
    assert_eq!((answer, known.size), (LIVE, 40));
    let mut arena = 0;
    // SAFETY: a place; then a child that ends by `_exit`, and its status.
    unsafe {
        assert_eq!(freehold_arena_new(&mut arena), FREEHOLD_OK);
        let pid = libc::fork();
        if pid == 0 {
            libc::_exit(in_child(arena, block));
        }
        let mut status = -1;
        assert_eq!(libc::waitpid(pid, &mut status, 0), pid);
        assert_eq!(status, 0, "status {}", libc::WEXITSTATUS(status));
        assert_eq!(freehold_arena_release(arena, null_mut()), FREEHOLD_OK);
        assert_eq!(freehold_free(block), FREEHOLD_OK);
    }
    assert_ne!(find(block).0, LIVE);
}
