//! Which library an address belongs to, told to the ledger when the first frame
//! in it is recorded. Nothing here is called in the steady state.
//!
//! What is not here: how a system tells (`linux`, `windows`).

#[cfg(unix)]
mod linux;
#[cfg(windows)]
mod windows;

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use freehold_ledger::writer::Ledger;

#[cfg(unix)]
use linux as system;
#[cfg(windows)]
use windows as system;

/// Pages whose object has been noted: direct-mapped, 0 for none.
static KNOWN: [AtomicUsize; 1024] = [const { AtomicUsize::new(0) }; 1024];
/// Held while objects are noted.
static BUSY: AtomicBool = AtomicBool::new(false);

fn known(address: usize) -> &'static AtomicUsize {
    &KNOWN[(address >> 12) & (KNOWN.len() - 1)]
}

/// Notes the objects of these frames.
pub(super) fn note(ledger: &Ledger, frames: &[usize]) {
    for frame in frames {
        // A return address may lie just behind the end of its function.
        let address = frame.wrapping_sub(1);
        // Relaxed: a hint; noting twice does no harm.
        if known(address).load(Ordering::Relaxed) != address >> 12 {
            note_one(ledger, address);
        }
    }
}

#[cold]
fn note_one(ledger: &Ledger, address: usize) {
    // Never waits: the holder may be the thread that we interrupted. What is
    // missed now is noted with the next new stack.
    if BUSY.swap(true, Ordering::Acquire) {
        return;
    }
    if system::note(ledger, address) {
        known(address).store(address >> 12, Ordering::Relaxed);
    }
    BUSY.store(false, Ordering::Release);
}

/// Lets the system tell when code comes and goes, where it can.
pub(super) fn watch() {
    system::watch();
}

/// Code was loaded or unloaded.
pub(crate) fn changed() {
    forget();
    freehold_unwind::flush_rules();
}

/// Forgets what was noted.
pub(super) fn forget() {
    for page in &KNOWN {
        page.store(0, Ordering::Relaxed);
    }
    BUSY.store(false, Ordering::Release);
}
