//! What the unwinder needs to know of Windows: `pdata` reads function tables,
//! `rules` makes rules of them, `generic` walks with all registers, `bounds` are
//! those of the stack, `sys` reads memory that may not be there, `modules` hears of
//! libraries that come and go.
//!
//! In 32-bit programs, which have no tables, `chain` stands for `rules` and `generic`.
//!
//! The formats are those of "x64 exception handling" in Microsoft's documentation.

#[cfg(windows)]
pub(crate) mod bounds;
#[cfg(all(windows, target_arch = "x86"))]
pub(crate) mod chain;
#[cfg(all(windows, target_arch = "x86_64"))]
pub(crate) mod generic;
#[cfg(windows)]
pub(crate) mod modules;
#[cfg(all(windows, test, target_arch = "x86_64"))]
mod oracle_tests;
#[cfg(any(target_arch = "x86_64", test))]
pub(crate) mod pdata;
#[cfg(all(windows, target_arch = "x86_64"))]
pub(crate) mod rules;
#[cfg(windows)]
pub(crate) mod sys;
