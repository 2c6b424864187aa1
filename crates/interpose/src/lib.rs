//! The preload library: it stands before the allocation functions of a program
//! that knows nothing of Freehold and tells the ledger of every block.
//!
//! Hooks do three things in a fixed order: a release is noted before the real
//! release, an allocation after the real allocation. They never allocate from
//! the heap they watch, take no lock, and change neither `errno` nor a result.
//!
//! - `hooks`: the functions that the program calls;
//! - `real`: the functions that would have been called without us;
//! - `thread`, `process`: what each thread and the process have for themselves,
//!   in memory that a forked child finds wiped;
//! - `capture`: the stack of an event as a number;
//! - `releases`: the stacks of the last releases, where that is asked for;
//! - `objects`: which library an address belongs to;
//! - `verdict`: the scan that judges live blocks;
//! - `tracker`: this ledger for libraries that record their blocks themselves;
//! - `early`: memory for calls that come before the real functions are known.
//!
//! What is not here: decisions and reports. This library must stay small: it
//! uses `core`, libc and three crates of ours.

mod capture;
mod early;
#[expect(unreachable_pub, reason = "hooks are exported by name, not by path")]
mod hooks;
mod misuse;
mod objects;
mod process;
mod real;
mod releases;
mod thread;
#[expect(unreachable_pub, reason = "found by its name, not by a path")]
mod tracker;
mod verdict;
