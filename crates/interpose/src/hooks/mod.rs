//! The functions that stand before those of the program, one file for each
//! group. Each hook is: note the release, call the real function, note the
//! allocation.

mod cpp;
mod malloc;
mod map;
mod process;

use freehold_ledger::format::{Called, Family, SegmentRef};
use freehold_ledger::writer::{Allocation, Known, Release, Tried};
use freehold_unwind::Entry;

use crate::capture;
use crate::misuse::{self, Fate};
use crate::thread::{self, Event, Ready};

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
    if address.is_null() {
        return;
    }
    match Ready::own() {
        Some(ready) => {
            allocated_by(ready, address, size, family, entry);
        }
        None if thread::ignores(size) => {}
        None => allocated_slowly(address, size, family, entry),
    }
}

/// The same, by a thread of which it is known; gives the block back, so that
/// what is rare can be left to a call at the very end of a hook.
#[inline(always)]
fn allocated_by(
    ready: Ready,
    address: *mut u8,
    size: usize,
    family: Family,
    entry: Entry,
) -> *mut u8 {
    let mut event = ready.event();
    let Some(stack) = capture::predict(&mut event, entry) else {
        drop(event);
        return allocated_anywhere(ready, address, size, family, entry.slot, entry.bp);
    };
    let what = Allocation {
        address: address as u64,
        size: size as u64,
        stack,
        family,
    };
    let tried = event.log().try_allocated(&what);
    drop(event);
    finish(ready, tried, address, size, stack, family)
}

#[inline(always)]
fn finish(
    ready: Ready,
    tried: Tried,
    address: *mut u8,
    size: usize,
    stack: u32,
    family: Family,
) -> *mut u8 {
    match tried {
        Tried::Done => address,
        Tried::Settle => allocated_settled(ready, address),
        Tried::Home(segment) => allocated_in(ready, segment, address, size, stack, family),
        Tried::Nothing => allocated_at_last(ready, address, size, stack, family),
    }
}

// The functions below never unwind, and take what fits into registers: so a hook
// that may have to end with one of them keeps nothing in memory for it.

/// One whose stack has to be walked.
#[inline(never)]
extern "C" fn allocated_anywhere(
    ready: Ready,
    address: *mut u8,
    size: usize,
    family: Family,
    slot: usize,
    bp: usize,
) -> *mut u8 {
    let mut event = ready.event();
    let stack = capture::capture_unpredicted(&mut event, Entry { slot, bp });
    let what = Allocation {
        address: address as u64,
        size: size as u64,
        stack,
        family,
    };
    let tried = event.log().try_allocated(&what);
    drop(event);
    finish(ready, tried, address, size, stack, family)
}

/// One whose place in its segment has to be looked for.
#[inline(never)]
extern "C" fn allocated_in(
    ready: Ready,
    segment: SegmentRef,
    address: *mut u8,
    size: usize,
    stack: u32,
    family: Family,
) -> *mut u8 {
    let what = Allocation {
        address: address as u64,
        size: size as u64,
        stack,
        family,
    };
    let tried = ready.event().log().try_allocated_in(segment, &what);
    match tried {
        Tried::Done => address,
        Tried::Settle => allocated_settled(ready, address),
        _ => allocated_at_last(ready, address, size, stack, family),
    }
}

/// One after which the ledger's sums are due.
#[inline(never)]
extern "C" fn allocated_settled(ready: Ready, address: *mut u8) -> *mut u8 {
    ready.settle();
    if crate::process::get().ledger().is_called() {
        crate::verdict::on_request();
    }
    address
}

/// One that takes all that an event can take.
#[inline(never)]
extern "C" fn allocated_at_last(
    ready: Ready,
    address: *mut u8,
    size: usize,
    stack: u32,
    family: Family,
) -> *mut u8 {
    let mut event = ready.event();
    let ledger = event.ledger();
    let what = Allocation {
        address: address as u64,
        size: size as u64,
        stack,
        family,
    };
    event.log().allocated(ledger, what);
    if ledger.is_called() {
        drop(event);
        crate::verdict::on_request();
    }
    address
}

/// One that may be a sample, the first event of a thread, one in a signal
/// handler, or none at all.
#[cold]
#[inline(never)]
fn allocated_slowly(address: *mut u8, size: usize, family: Family, entry: Entry) {
    if let Some(mut event) = Event::begin() {
        note_allocation(&mut event, address as u64, size, family, entry);
        if event.ledger().is_called() && !event.is_nested() {
            drop(event);
            crate::verdict::on_request();
        }
    }
}

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

/// Notes a release that is about to be made, and tells what becomes of it.
#[inline(always)]
fn released(address: *mut u8, called: Called, entry: Entry) -> Fate {
    match thread::try_released(address, called.family(), site(entry)) {
        Tried::Done => Fate::Make,
        Tried::Settle => settled(),
        Tried::Home(segment) => released_in(segment, address, called, entry),
        Tried::Nothing => released_slowly(address, called, entry),
    }
}

/// Where a hook with this entry returns to.
#[inline(always)]
fn site(entry: Entry) -> u64 {
    // SAFETY: thunks make the entry; its slot holds the return address.
    unsafe { *(entry.slot as *const u64) }
}

/// One whose place in its segment has to be looked for.
#[inline(never)]
fn released_in(segment: SegmentRef, address: *mut u8, called: Called, entry: Entry) -> Fate {
    let (by, site) = (called.family(), site(entry));
    let tried = Ready::own().map(|own| {
        let mut event = own.event();
        event
            .log()
            .try_released_in(segment, address as u64, by, site)
    });
    match tried {
        Some(Tried::Done) => Fate::Make,
        Some(Tried::Settle) => settled(),
        _ => released_slowly(address, called, entry),
    }
}

/// One after which the ledger's sums are due.
#[inline(never)]
fn settled() -> Fate {
    if let Some(ready) = Ready::own() {
        ready.settle();
    }
    Fate::Make
}

/// One that has to be looked for, or of something that the ledger does not know.
#[inline(never)]
fn released_slowly(address: *mut u8, called: Called, entry: Entry) -> Fate {
    let Some(mut event) = Event::begin() else {
        return Fate::Make;
    };
    let ledger = event.ledger();
    let (by, site) = (called.family(), site(entry));
    match event.log().released_by(ledger, address as u64, by, site) {
        Release::Live => {
            keep_release(&mut event, address, entry);
            Fate::Make
        }
        release => misuse::judge(event, address, release, called, entry),
    }
}

/// The same, when the release may fail: gives what the block was.
fn released_for_now(address: *mut u8, called: Called, entry: Entry) -> Result<Known, Fate> {
    if thread::ignores_release(address) {
        return Err(Fate::Make);
    }
    let mut event = Event::begin().ok_or(Fate::Make)?;
    let ledger = event.ledger();
    let (by, site) = (called.family(), site(entry));
    let released = event
        .log()
        .released_for_now(ledger, address as u64, by, site);
    match released {
        Ok(known) => {
            keep_release(&mut event, address, entry);
            Ok(known)
        }
        Err(release) => Err(misuse::judge(event, address, release, called, entry)),
    }
}

/// Keeps the stack of a release for a while, where that is asked for.
#[inline(always)]
fn keep_release(event: &mut Event, address: *mut u8, entry: Entry) {
    if event.process().keeps_releases() {
        let stack = capture::capture(event, entry);
        event.process().releases().note(address as u64, stack);
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
