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
    let is_sampled = crate::process::get().sample_bytes() != 0;
    if address.is_null() || is_sampled && thread::is_between_samples(size) {
        return;
    }
    let Some(mut event) = Event::open() else {
        return allocated_slowly(address, size, family, entry);
    };
    note_allocation(&mut event, address as u64, size, family, entry);
    if event.ledger().is_called() {
        drop(event);
        crate::verdict::on_request();
    }
}

/// The first event of a thread, one in a signal handler, or none at all.
#[cold]
#[inline(never)]
fn allocated_slowly(address: *mut u8, size: usize, family: Family, entry: Entry) {
    if let Some(mut event) = Event::begin() {
        note_allocation(&mut event, address as u64, size, family, entry);
    }
}

#[inline(always)]
fn note_allocation(event: &mut Event, address: u64, size: usize, family: Family, entry: Entry) {
    if event.process().sample_bytes() != 0 && !capture::is_sample(event, size) {
        return;
    }
    let stack = capture::capture(event, entry);
    let ledger = event.ledger();
    let what = Allocation {
        address,
        size: size as u64,
        stack,
        family,
    };
    event.log().allocated(ledger, what);
}

/// Notes a release that is about to be made.
#[inline(always)]
fn released(address: *mut u8) -> Release {
    let process = crate::process::get();
    if process.sample_bytes() != 0 && !process.ledger().has_region(address as u64) {
        return Release::Unknown;
    }
    let Some(mut event) = Event::open() else {
        return released_slowly(address);
    };
    note_release(&mut event, address)
}

/// As for [`allocated_slowly`].
#[cold]
#[inline(never)]
fn released_slowly(address: *mut u8) -> Release {
    match Event::begin() {
        Some(mut event) => note_release(&mut event, address),
        None => Release::Unknown,
    }
}

#[inline(always)]
fn note_release(event: &mut Event, address: *mut u8) -> Release {
    let ledger = event.ledger();
    let release = event.log().released(ledger, address as u64);
    if release != Release::Live {
        unknown(event, address);
    }
    release
}

/// The same, when the release may fail: gives what the block was.
fn released_for_now(address: *mut u8) -> Option<Known> {
    let mut event = Event::begin()?;
    let ledger = event.ledger();
    let known = event.log().released_for_now(ledger, address as u64);
    if known.is_none() {
        unknown(&mut event, address);
    }
    known
}

#[cold]
#[inline(never)]
fn unknown(event: &mut Event, address: *mut u8) {
    let sampled = event.process().sample_bytes() != 0;
    let passing = &mut event.thread().passing;
    if *passing == address as usize {
        // `operator delete` noted it and passes it on.
        *passing = 0;
    } else if !sampled {
        event.ledger().note_unknown_release();
    }
}

/// Takes back a release that was noted but not made.
#[cold]
fn restored(address: *mut u8, known: &Known) {
    if let Some(mut event) = Event::begin() {
        let ledger = event.ledger();
        event.log().restored(ledger, address as u64, known);
    }
}
