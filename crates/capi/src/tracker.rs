//! The table by which other copies of the library in the process find this
//! one's ledger: see [`freehold::contract`].
//!
//! When the preload library keeps the ledger, its table is found before this
//! one, which then says that there is none here.

use freehold::contract::{OWN, Tracker};

/// This copy's ledger, for other copies. Not for C: its layout is that of
/// `freehold::contract`.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals)]
pub static freehold_tracker: Tracker = Tracker { is_active, ..OWN };

/// Begins a ledger where the environment asks for one, and only there: this is
/// asked by whoever wants to know whether there is one.
unsafe extern "C" fn is_active() -> u32 {
    freehold::track::is_on();
    // SAFETY: by the contract it may be called at any time.
    unsafe { (OWN.is_active)() }
}
