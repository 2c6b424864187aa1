//! What stays: which blocks count, scopes that count apart, what is left of
//! them, and how that is said.
//!
//! All of it is a view of the ledger of the process: a block counts from its
//! allocation to its release, whichever thread or scope releases it. Filters
//! decide what is shown, not what is recorded.

mod allocation;
mod emitter;
mod error;
mod filter;
pub(crate) mod json;
mod scope;
mod testing;
mod time;
mod tracker;

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::contract::Tracker;
use crate::tags;

pub use allocation::{Allocation, ParseError};
pub use emitter::{Colors, JsonEmitter, LeaksEmitter, PrintEmitter};
pub use error::LeakError;
pub use filter::Filter;
pub use scope::{Entered, Scope, ScopeHandle, Scoped};
pub use testing::verified;
pub use tracker::LeakTracker;

/// Whether blocks outside of any scope count as leaks.
static COUNTING: AtomicBool = AtomicBool::new(false);
/// The number of the scope of these, 0 before it is asked for.
static GLOBAL: AtomicU32 = AtomicU32::new(0);

/// The scope of a block that is allocated in none; 0 when it does not count.
pub(crate) fn global_scope(tracker: &Tracker) -> u16 {
    match COUNTING.load(Ordering::Relaxed) {
        true => counting_scope(tracker),
        false => 0,
    }
}

/// The scope of blocks that count and are in no other.
fn counting_scope(tracker: &Tracker) -> u16 {
    match GLOBAL.load(Ordering::Relaxed) {
        0 => {
            let number = tags::scope(tracker, "tracked");
            GLOBAL.store(number.into(), Ordering::Relaxed);
            number
        }
        number => number as u16,
    }
}

/// Another ledger begins, with other numbers.
pub(crate) fn begin_again(tracker: &Tracker) {
    scope::begin_again(tracker);
    GLOBAL.store(0, Ordering::Relaxed);
}
