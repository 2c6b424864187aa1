//! What the unwinder needs to know of Windows: `pdata` reads function tables,
//! `rules` makes rules of them, `generic` walks with all registers, `bounds` are
//! those of the stack, `sys` reads memory that may not be there, `modules` hears of
//! libraries that come and go.
//!
//! The formats are those of "x64 exception handling" in Microsoft's documentation.

#[cfg(windows)]
pub(crate) mod bounds;
#[cfg(windows)]
pub(crate) mod generic;
#[cfg(windows)]
pub(crate) mod modules;
#[cfg(all(windows, test))]
mod oracle_tests;
pub(crate) mod pdata;
#[cfg(windows)]
pub(crate) mod rules;
#[cfg(windows)]
pub(crate) mod sys;
