//! The contract by which this library and whoever keeps the process's ledger
//! talk: one ledger for a process, whatever writes to it.
//!
//! This library looks for a keeper once, before its first block, and begins no
//! ledger of its own when there is one; its own ledger is reached by the same
//! table.
//!
//! What is not here: who keeps one (`own` here, or the preload library).
//!
//! ```
//! use freehold::contract::{self, OWN, Tracker, VERSION};
//! // A library that keeps the ledger for the others in its process.
//! contract::keep(&freehold::track::Options::default())?;
//! static TABLE: Tracker = OWN;
//! assert_eq!(TABLE.version, VERSION);
//! # Ok::<(), std::io::Error>(())
//! ```

pub use freehold_ledger::tracker::{
    APPROXIMATE, BUSY, Block, DEAD, HOOKS, INCOMPLETE, LIVE, NAMED, NEW, OF_JIT, Place, SCOPE,
    SYMBOL, TAG, TRUNCATED, Tracker, UNKNOWN, VERSION, Visit, Wrong,
};

/// The table of a ledger that this copy of the library keeps itself, for whoever
/// exports it: [`keep`] must have been called.
///
/// ```
/// use freehold::contract::{OWN, Tracker, VERSION};
/// // In a library that keeps a ledger, under the name `SYMBOL` has.
/// #[unsafe(no_mangle)]
/// static MY_FREEHOLD_TRACKER: Tracker = OWN;
/// assert_eq!(MY_FREEHOLD_TRACKER.version, VERSION);
/// ```
pub const OWN: Tracker = crate::own::TABLE_VALUE;

/// Begins a ledger of this copy of the library, without looking for another
/// keeper in the process: for libraries that export [`OWN`] under [`SYMBOL`].
///
/// # Errors
/// When the system refuses the memory file.
///
/// ```
/// freehold::contract::keep(&freehold::track::Options::default())?;
/// // SAFETY: by the contract it may be called at any time.
/// assert_eq!(unsafe { (freehold::contract::OWN.is_active)() }, 1);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn keep(options: &crate::track::Options) -> std::io::Result<()> {
    crate::state::keep(options.depth, options.max_memory)
}
