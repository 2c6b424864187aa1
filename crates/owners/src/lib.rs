//! Who owns what each function of Win32 and of C libraries hands out, and what
//! releases it.
//!
//! The rows lie in `data`, one file for each library; the build packs them into a
//! table of bytes that nothing has to be read of, allocated for or relocated when
//! a program starts.
//!
//! What is not here: which block a function gave (the ledger), and how rows come
//! to be (`tools/owners`).
//!
//! # Example
//! ```
//! use freehold_owners::{Kind, find};
//! let function = find("CoCreateInstance").next().expect("known");
//! let slot = function.slots().next().expect("it gives an object");
//! assert_eq!((slot.name(), slot.kind()), ("ppv", Kind::Refcount));
//! assert!(slot.release().eq(["IUnknown::Release"]));
//! ```

pub mod compact;
mod kinds;
mod table;

pub use kinds::{Kind, Platform, Tier};
pub use table::{Function, Functions, Slot, all, find, in_library, is_in, released_by};
