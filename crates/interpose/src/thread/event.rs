//! What a hook does with the state of its thread: whether there is anything to
//! note, and the event in which it is noted.

use core::sync::atomic::{Ordering, compiler_fence};

use freehold_ledger::format::Family;
use freehold_ledger::writer::{Ledger, ThreadLog, Tried};

use super::{Gate, Thread, current, local, own};
use crate::process;

/// An event of this thread: while it lives, the gate is closed behind it.
pub(crate) struct Event {
    thread: *mut Thread,
    /// The gate as it shall be again.
    open: Gate,
    /// It interrupted another one: only `nested_log` may be used.
    nested: bool,
}

/// A thread that records all events and is in none: true whatever it calls, but
/// for the time of an event of its own.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Ready(*mut Thread);

/// A thread that records samples and is in no event.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Sampling(*mut Thread);

/// Where the gate is in a state, and its value for [`Ready`]: for thunks.
pub(crate) const GATE: usize = core::mem::offset_of!(Thread, gate);
pub(crate) const OPEN: u32 = Gate::Open as u32;
pub(crate) const SAMPLES: u32 = Gate::Sampling as u32;
pub(crate) const CLOSED: u32 = Gate::Passive as u32;
pub(crate) const WISH: usize = core::mem::offset_of!(Thread, wish);

impl Ready {
    /// The calling thread, as nearly always.
    #[inline(always)]
    pub(crate) fn own() -> Option<Ready> {
        let thread = own();
        if thread.is_null() {
            return None;
        }
        // SAFETY: once set it points to a state that is never unmapped.
        // Relaxed: see `Event::begin`.
        let gate = unsafe { &(*thread).gate }.load(Ordering::Relaxed);
        (gate == Gate::Open as u32).then_some(Ready(thread))
    }

    /// The family of a block that `malloc` hands out.
    #[inline(always)]
    pub(crate) fn family_of(&self, block: *mut u8) -> Family {
        // SAFETY: the state of this thread.
        let state = unsafe { &mut *self.0 };
        if state.wish == 0 {
            return Family::Malloc;
        }
        let family = Family::from_number(state.wish.into());
        state.wish = 0;
        state.granted = block as usize;
        family
    }

    /// Begins an event.
    #[inline(always)]
    pub(crate) fn event(self) -> Event {
        // SAFETY: as above. Signal handlers leave the gate as they find it.
        unsafe { &(*self.0).gate }.store(Gate::Busy as u32, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        Event {
            thread: self.0,
            open: Gate::Open,
            nested: false,
        }
    }
}

impl Sampling {
    /// Whether a block of `size` bytes is none of the samples.
    #[inline(always)]
    pub(crate) fn ignores(self, size: usize) -> bool {
        // SAFETY: the state of this thread.
        unsafe { is_between_samples(self.0, size) }
    }

    /// Whether `block` is surely none of the samples, by the first look.
    #[inline(always)]
    pub(crate) fn ignores_release(self, block: *mut u8) -> bool {
        // SAFETY: the state of this thread.
        unsafe { (*self.0).log.is_no_sample(block as u64) }
    }
}

/// Whether an allocation of `size` bytes is nothing to note: nothing is
/// recorded, or blocks are sampled and this is none of the samples. False for
/// threads whose state has not begun.
#[inline(always)]
pub(crate) fn ignores(size: usize) -> bool {
    let thread = own();
    if thread.is_null() {
        return false;
    }
    // SAFETY: once set it points to a state that is never unmapped.
    let gate = unsafe { &(*thread).gate }.load(Ordering::Relaxed);
    // SAFETY: a gate says so only in a state of a thread's own. A signal handler
    // that counts in between makes the distance a little wrong, no more.
    gate == Gate::Passive as u32
        || gate == Gate::Sampling as u32 && unsafe { is_between_samples(thread, size) }
}

/// # Safety
/// The state of this thread.
#[inline(always)]
unsafe fn is_between_samples(thread: *mut Thread, size: usize) -> bool {
    // SAFETY: promised by the caller.
    unsafe {
        let left = (*thread).until_sample;
        let between = left > size as i64;
        if between {
            (*thread).until_sample = left - size as i64;
        }
        between
    }
}

/// Notes the release of `block` in the usual case. When it is done, the real
/// function is all that is left to be called.
#[inline(always)]
pub(crate) fn try_released(block: *mut u8, by: Family, site: u64) -> Tried {
    match Ready::own() {
        Some(ready) => ready.try_released(block, by, site),
        None => Tried::Nothing,
    }
}

impl Ready {
    /// The same by a thread of which it is known.
    #[inline(always)]
    pub(crate) fn try_released(self, block: *mut u8, by: Family, site: u64) -> Tried {
        // SAFETY: the state of this thread.
        let passing = unsafe { &mut (*self.0).passing };
        if *passing == block as usize {
            *passing = 0;
            return Tried::Done;
        }
        self.event().log().try_released(block as u64, by, site)
    }

    /// What is due after an event that says so.
    pub(crate) fn settle(self) {
        let mut event = self.event();
        let ledger = event.ledger();
        event.log().settle(ledger);
    }
}

/// Whether `block`, which `operator new` hands out, was recorded as it wished.
pub(crate) fn was_granted(block: *mut u8) -> bool {
    Ready::own().is_some_and(|ready| {
        // SAFETY: the state of this thread.
        let state = unsafe { &mut *ready.0 };
        state.wish = 0;
        core::mem::take(&mut state.granted) == block as usize
    })
}

/// Says that a block, whose release is noted, is about to be passed on to `free`,
/// which must not wonder.
pub(crate) fn pass_on(block: *mut u8) {
    if let Some(ready) = Ready::own() {
        // SAFETY: the state of this thread.
        unsafe { (*ready.0).passing = block as usize };
    } else if let Some(mut event) = Event::begin() {
        event.thread().passing = block as usize;
    }
}

/// Whether a release of `block` is nothing to note: nothing is recorded, or
/// blocks are sampled and it is none of the samples.
#[inline(always)]
pub(crate) fn ignores_release(block: *mut u8) -> bool {
    let thread = own();
    if thread.is_null() {
        return false;
    }
    // SAFETY: once set it points to a state that is never unmapped.
    let gate = unsafe { &(*thread).gate }.load(Ordering::Relaxed);
    // SAFETY: a gate says so only in a state of a thread's own.
    gate == Gate::Passive as u32
        || gate == Gate::Sampling as u32
            && unsafe { (*thread).log.is_surely_not_live(block as u64) }
}

impl Event {
    /// Begins an event, unless nothing is recorded. What runs until it is
    /// dropped must not call anything that the program could have replaced.
    pub(crate) fn begin() -> Option<Event> {
        // SAFETY: the word belongs to this thread.
        let thread = unsafe { (*local()).thread };
        if thread.is_null() {
            return Event::begin_slowly();
        }
        // SAFETY: once set it points to a state that is never unmapped.
        let gate = unsafe { &(*thread).gate };
        // Relaxed, here and below: only this thread and its signal handlers
        // look at the gate; the compiler fences order it for them.
        let value = gate.load(Ordering::Relaxed);
        if let Some(open) = Gate::open(value) {
            gate.store(Gate::Busy as u32, Ordering::Relaxed);
            compiler_fence(Ordering::SeqCst);
            Some(Event {
                thread,
                open,
                nested: false,
            })
        } else if value == Gate::Passive as u32 {
            None
        } else {
            Event::begin_slowly()
        }
    }

    #[cold]
    #[inline(never)]
    fn begin_slowly() -> Option<Event> {
        let thread = current()?;
        // SAFETY: as in `begin`.
        let (gate, nested) = unsafe { (&(*thread).gate, &(*thread).nested) };
        let value = gate.load(Ordering::Relaxed);
        if Gate::is_open(value) {
            return Event::begin();
        }
        // SAFETY: as above.
        let quiet = unsafe { &(*thread).quiet }.load(Ordering::Relaxed);
        if value != Gate::Busy as u32 || quiet != 0 {
            return None;
        }
        // A signal handler that interrupted an event of the same thread.
        if nested.swap(1, Ordering::Relaxed) != 0 {
            // And one that interrupted the first: count what is lost.
            process::get().ledger().note_drop();
            return None;
        }
        compiler_fence(Ordering::SeqCst);
        Some(Event {
            thread,
            open: Gate::Busy,
            nested: true,
        })
    }

    /// Whether it interrupted another event: then history and last stack of the
    /// thread may be half changed.
    #[inline(always)]
    pub(crate) fn is_nested(&self) -> bool {
        self.nested
    }

    /// The state of the thread.
    #[inline(always)]
    pub(crate) fn thread(&mut self) -> &mut Thread {
        // SAFETY: the gate keeps everybody else out; a nested event uses only
        // the parts that the interrupted one does not.
        unsafe { &mut *self.thread }
    }

    /// The log to write to.
    #[inline(always)]
    pub(crate) fn log(&mut self) -> &mut ThreadLog {
        // SAFETY: as above.
        unsafe {
            match self.nested {
                false => &mut (*self.thread).log,
                true => &mut (*self.thread).nested_log,
            }
        }
    }

    /// The process.
    #[inline(always)]
    pub(crate) fn process(&self) -> &'static process::Process {
        process::get()
    }

    /// The ledger.
    #[inline(always)]
    pub(crate) fn ledger(&self) -> &'static Ledger {
        process::get().ledger()
    }
}

impl Drop for Event {
    #[inline(always)]
    fn drop(&mut self) {
        compiler_fence(Ordering::SeqCst);
        // SAFETY: as in `begin`.
        unsafe {
            match self.nested {
                false => (*self.thread)
                    .gate
                    .store(self.open as u32, Ordering::Relaxed),
                true => (*self.thread).nested.store(0, Ordering::Relaxed),
            }
        }
    }
}
