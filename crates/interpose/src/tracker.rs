//! The ledger of this process for libraries in it that know of Freehold: they
//! find [`freehold_tracker`] and record here what they allocate, so that there
//! is one ledger for all.
//!
//! What is not here: the contract and the functions behind it
//! ([`freehold_ledger::tracker`]).

use freehold_ledger::tracker::{self, HOOKS, Keeper, Tracker};
use freehold_ledger::writer::{Ledger, ThreadLog};
use freehold_unwind::Entry;

use crate::{capture, objects, process, thread, verdict};

/// The table, found by its name.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "the contract gives the name")]
pub static freehold_tracker: Tracker = tracker::table::<Hooked>();

struct Hooked;

impl Keeper for Hooked {
    type Event = thread::Event;

    const FLAGS: u32 = HOOKS;

    fn ledger() -> Option<&'static Ledger> {
        let process = process::get();
        if !process.is_active() {
            // Begins the process by way of the thread: in a forked child that has
            // a state of its parent's, which goes with the parent's ledger.
            thread::current();
        }
        process.is_active().then(|| process.ledger())
    }

    fn begin() -> Option<thread::Event> {
        thread::Event::begin()
    }

    fn quiet(begin: bool) {
        thread::quiet(begin);
    }

    fn with_session<R>(run: impl FnOnce(&[u8]) -> R) -> R {
        run(process::session_path())
    }
}

impl tracker::Event for thread::Event {
    fn log(&mut self) -> &mut ThreadLog {
        thread::Event::log(self)
    }

    unsafe fn capture(&mut self, slot: usize, bp: usize) -> u32 {
        // The caller promises what the thunks of hooks know.
        capture::capture(self, Entry { slot, bp })
    }

    fn note_object(&mut self, address: usize) {
        objects::note(self.process(), &[address]);
    }

    fn last_release(&self, address: u64) -> u32 {
        self.process().releases().find(address)
    }

    fn wants(&mut self, size: u64) -> bool {
        self.process().sample_bytes() == 0 || capture::is_sample(self, size as usize)
    }

    fn end(self) {
        if self.ledger().is_called() && !self.is_nested() {
            drop(self);
            verdict::on_request();
        }
    }
}
