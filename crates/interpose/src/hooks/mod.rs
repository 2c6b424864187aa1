//! The functions that stand before those of the program, one file for each
//! group. Each hook is: note the release, call the real function, note the
//! allocation.

mod cpp;
mod malloc;
mod map;
mod process;

use freehold_ledger::format::Family;
use freehold_ledger::writer::{Allocation, Known, Release};
use freehold_unwind::Entry;

use crate::capture;
use crate::thread::{self, Event};

/// Makes the entry point of a hook: it copies the stack pointer and `rbp` as
/// the caller left them into the two argument registers behind those of the
/// function and jumps on, so that our own frames are never unwound.
macro_rules! thunk {
    ($name:ident, $hook:path, $slot:literal, $bp:literal) => {
        /// Entry point: see the hook it jumps to.
        ///
        /// # Safety
        /// As for the function of this name.
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name() {
            core::arch::naked_asm!(
                concat!("mov ", $slot, ", rsp"),
                concat!("mov ", $bp, ", rbp"),
                "jmp {hook}",
                hook = sym $hook,
            )
        }
    };
}
pub(crate) use thunk;

/// Notes an allocation that has been made.
#[inline(always)]
fn allocated(address: *mut u8, size: usize, family: Family, entry: Entry) {
    if !address.is_null() {
        thread::event(|event| note_allocation(event, address as u64, size, family, entry));
    }
}

#[inline(always)]
fn note_allocation(event: &mut Event<'_>, address: u64, size: usize, family: Family, entry: Entry) {
    if event.process.sample_bytes() != 0 && !capture::is_sample(event, size) {
        return;
    }
    let stack = capture::capture(event, entry);
    let ledger = event.ledger;
    let what = Allocation {
        address,
        size: size as u64,
        stack,
        family,
    };
    let log = event.log();
    log.allocated(ledger, what);
    log.note_peak(ledger);
}

/// What a hook must know of a release that it noted.
#[derive(Clone, Copy)]
enum Noted {
    /// The ledger does not record, or does not know the block.
    Nothing,
    /// The block was live.
    Live(Known),
}

/// Notes a release that is about to be made.
#[inline(always)]
fn released(address: *mut u8) -> Noted {
    let noted = thread::event(|event| {
        let ledger = event.ledger;
        match event.log().released(ledger, address as u64) {
            Release::Live(known) => Noted::Live(known),
            Release::Dead | Release::Unknown => {
                unknown(event, address);
                Noted::Nothing
            }
        }
    });
    noted.unwrap_or(Noted::Nothing)
}

#[cold]
fn unknown(event: &mut Event<'_>, address: *mut u8) {
    if event.thread.passing == address as usize {
        // `operator delete` noted it and passes it on.
        event.thread.passing = 0;
    } else if event.process.sample_bytes() == 0 {
        event.ledger.note_unknown_release();
    }
}

/// Takes back a release that was noted but not made.
#[cold]
fn restored(address: *mut u8, known: &Known) {
    thread::event(|event| {
        let ledger = event.ledger;
        event.log().restored(ledger, address as u64, known);
    });
}
