//! The ledger of every live native block of a process.
//!
//! A *session* is one file in memory, shared by a launcher, the processes that
//! it tracks and whoever reads it. Each process has a *ledger* in it: the index
//! from addresses to records, the records, the stacks that they name, the
//! objects that were loaded, counters. `FORMAT.md` describes every byte.
//!
//! - [`mod@format`]: the words and structures;
//! - [`reader`]: a ledger from outside, at any moment, whatever state it is in.
//!
//! Duties of the caller: give every release to the ledger *before* the real
//! release and every allocation *after* the real one, or two threads can be
//! told of one address in the wrong order.
//!
//! What is not here: capture of stacks (`freehold-unwind`), names of functions
//! and judgement (`freehold-report`), hooks (`freehold-interpose`).

pub mod format;
pub mod primitive;
pub mod reader;
