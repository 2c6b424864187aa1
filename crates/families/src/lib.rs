//! The memory families of each platform: which function gives a block, which
//! one releases it, what the family knows of it.
//!
//! A *family* is the set of functions which may release a block. [`info`] tells
//! what there is to know of each, by the numbers of the ledger's format; the
//! modules have the functions: [`libc_malloc`], [`rust`], [`cpp`], [`custom`],
//! and [`win32`]. On Windows that is the system's own families; elsewhere
//! emulated ones that behave like them, so that ownership can be tested and shown
//! anywhere. [`resource`] is what stands for handles in a ledger.
//!
//! Duties of the caller: a block goes back to its own family, once. The
//! emulated families notice when that is broken, because they know their
//! blocks; no real one can.
//!
//! What is not here: tracking, and the choice of the family for a pointer (crate
//! `freehold`).
//!
//! # Example
//! ```
//! use freehold_families::{Family, info, libc_malloc};
//!
//! assert_eq!(info(Family::Malloc).release, ["free"]);
//! let block = libc_malloc::allocate(64, 16, true)?;
//! // SAFETY: allocated above, released once.
//! unsafe { libc_malloc::release(block) };
//! # Ok::<(), freehold_families::FamilyError>(())
//! ```

pub mod cpp;
pub mod custom;
#[cfg(not(windows))]
pub mod emulated;
mod error;
mod info;
pub mod libc_malloc;
pub mod resource;
pub mod rust;
#[cfg(windows)]
pub mod windows;

#[cfg(not(windows))]
pub use emulated as win32;
#[cfg(windows)]
pub use windows as win32;

pub use error::FamilyError;
pub use freehold_ledger::format::Family;
pub use info::{Info, Kind, ZeroSize, all, info, is_documented_alias};
