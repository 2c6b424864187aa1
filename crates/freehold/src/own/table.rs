//! The library's own ledger as one that others can record in.

use core::sync::atomic::{Ordering, compiler_fence};

use freehold_ledger::format::Root;
use freehold_ledger::tracker::{self, Keeper, Tracker};
use freehold_ledger::writer::{Ledger, ThreadLog};
use freehold_unwind::{Entry, Stack};

use super::thread::{self, Thread};
use super::{DEPTH, ledger, objects, with_session};
use crate::system;

/// The library's own ledger.
pub(crate) static TABLE: Tracker = VALUE;

pub(crate) const VALUE: Tracker = tracker::table::<Own>();

struct Own;

impl Keeper for Own {
    type Event = Event;

    /// There are no hooks.
    const FLAGS: u32 = 0;

    #[inline(always)]
    fn ledger() -> Option<&'static Ledger> {
        ledger()
    }

    #[inline(always)]
    fn begin() -> Option<Event> {
        let ledger = ledger()?;
        let thread = thread::enter(ledger)?;
        Some(Event { ledger, thread })
    }

    fn quiet(_: bool) {}

    fn with_session<R>(run: impl FnOnce(&[u8]) -> R) -> R {
        with_session(|session| match session {
            Some(session) => run(&system::bytes_of(session.path().as_os_str())),
            None => run(&[]),
        })
    }
}

/// An event of this thread.
struct Event {
    ledger: &'static Ledger,
    thread: &'static mut Thread,
}

impl tracker::Event for Event {
    #[inline(always)]
    fn log(&mut self) -> &mut ThreadLog {
        &mut self.thread.log
    }

    #[inline(always)]
    unsafe fn capture(&mut self, slot: usize, bp: usize) -> u32 {
        // Relaxed: set before the ledger was.
        let depth = DEPTH.load(Ordering::Relaxed) as usize;
        if depth == 0 {
            return 0;
        }
        let ledger = self.ledger;
        let Thread {
            history,
            last,
            bounds,
            ..
        } = &mut *self.thread;
        let intern = |stack: &Stack<'_>| {
            // First the objects: a new one may begin a new epoch.
            objects::note(ledger, stack.frames);
            let root = Root {
                epoch: ledger.epoch(),
                truncated: stack.truncated,
                incomplete: !stack.complete && !stack.truncated,
                approximate: stack.approximate,
            };
            ledger.intern_after(last, root, stack.frames)
        };
        // SAFETY: the caller promises the entry; the bounds are this thread's,
        // and the event keeps a second capture out.
        let stack = unsafe { history.capture(Entry { slot, bp }, depth, *bounds, intern) };
        #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
        if let Some(interpreter) = freehold_python::interpreter() {
            return self.thread.python.stack(interpreter, ledger, stack);
        }
        stack
    }

    fn note_object(&mut self, address: usize) {
        objects::note(self.ledger, &[address]);
    }

    /// All are.
    #[inline(always)]
    fn wants(&mut self, _: u64) -> bool {
        true
    }

    fn end(self) {}
}

impl Drop for Event {
    #[inline(always)]
    fn drop(&mut self) {
        // Signal handlers of this thread see what was written before the flag.
        compiler_fence(Ordering::SeqCst);
        self.thread.leave();
    }
}
