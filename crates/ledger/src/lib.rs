//! The ledger of every live native block of a process.
//!
//! A *session* is one file in memory, shared by a launcher, the processes that
//! it tracks and whoever reads it. Each process has a *ledger* in it: the index
//! from addresses to records, the records, the stacks that they name, the
//! objects that were loaded, counters. `FORMAT.md` describes every byte.
//!
//! - [`mod@format`]: the words and structures;
//! - [`index`]: from an address to its record, without locks;
//! - [`session`]: a new session, for a launcher;
//! - [`writer`]: a ledger from inside its process;
//! - [`mod@image`]: what tells one build of a Windows image from another;
//! - [`annotate`]: tags, scopes and owners of blocks in it;
//! - [`tracker`]: how one library in the process writes to another's ledger;
//! - [`reader`]: a ledger from outside, at any moment, whatever state it is in.
//!
//! Duties of the caller: give every release to the ledger *before* the real
//! release and every allocation *after* the real one, or two threads can be
//! told of one address in the wrong order.
//!
//! What is not here: capture of stacks (`freehold-unwind`), names of functions
//! and judgement (`freehold-report`), hooks (`freehold-interpose`).

#[cfg(not(loom))]
pub mod annotate;
#[cfg(not(loom))]
mod fast;
pub mod format;
#[cfg(not(loom))]
pub mod image;
pub mod index;
#[cfg(not(loom))]
pub mod managed;
#[cfg(not(loom))]
mod misuse;
#[cfg(not(loom))]
mod modules;
pub mod primitive;
#[cfg(not(loom))]
pub mod reader;
#[cfg(not(loom))]
mod records;
#[cfg(not(loom))]
mod samples;
#[cfg(not(loom))]
pub mod session;
#[cfg(not(loom))]
mod space;
#[cfg(not(loom))]
mod sys;
#[cfg(not(loom))]
mod thread_log;
#[cfg(not(loom))]
pub mod tracker;
#[cfg(not(loom))]
mod trie;
#[cfg(not(loom))]
pub mod writer;

#[cfg(not(loom))]
pub use space::Memory;
#[cfg(not(loom))]
pub use sys::{RawFile, close_file, map_private, private_ranges, unmap_all_private, unmap_private};
