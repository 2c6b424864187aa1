//! A library that keeps the ledger of a process, as the preload library does: it
//! exports the table of `freehold::contract`. Used by the test `shared`.

use std::sync::atomic::{AtomicI32, Ordering};

use freehold::contract::{HOOKS, OWN, Tracker, keep};
use freehold::track::Options;

/// The table that other copies of the library in the process find.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals)]
pub static freehold_tracker: Tracker = Tracker {
    flags: HOOKS,
    is_active,
    quiet,
    ..OWN
};

static QUIET: AtomicI32 = AtomicI32::new(0);

unsafe extern "C" fn is_active() -> u32 {
    u32::from(keep(&Options::default()).is_ok())
}

unsafe extern "C" fn quiet(begin: u32) {
    let change = if begin == 1 { 1 } else { -1 };
    QUIET.fetch_add(change, Ordering::Relaxed);
}

/// How many quiet stretches have begun and not ended.
#[unsafe(no_mangle)]
pub extern "C" fn keeper_quiet() -> i32 {
    QUIET.load(Ordering::Relaxed)
}
