//! Which live blocks can still be reached. On Linux an image of the process judges
//! itself ([`scan`]); on Windows, where there is no such image, another process does
//! while this one stands still (`outside`, which has its own first lines). What
//! follows is about Linux, the verdicts mean the same on both.
//!
//! # Duties of the caller
//!
//! - Call [`scan`] where memory stands still: in an [`image`] of the process,
//!   or in the process when no other thread runs any more.
//! - Tell of *all* live blocks of an allocator, or set
//!   [`Input::heap_holes_are_roots`]: an unknown block is otherwise taken for
//!   freed memory, and what only it points to for lost.
//! - Exclude the memory in which blocks are listed ([`Input::exclude`]).
//! - Flag as [`Block::ROOT`] what something outside of memory holds: blocks of
//!   the dynamic loader (a thread's dynamic TLS is reached through pointers to
//!   its middle), and those too young for their address to be stored anywhere.
//!
//! # Non-goals
//!
//! Precision. Any aligned word that could be a pointer is one. What that can
//! get wrong, both ways:
//!
//! | kept alive though leaked | |
//! | --- | --- |
//! | a number that happens to be an address | rare with 47-bit addresses |
//! | a dead pointer in a live frame, a live block, or the stack of another thread below its stack pointer | common, few |
//! | a dead pointer in memory that an allocator unknown to the caller has freed (pymalloc, V8) | common, few |
//! | a dead pointer in a page with one released block of another allocator than glibc's, and no live one | rare |
//! | memory that a thread which ended left behind, when its stack is not told of | until the stack is used again |
//!
//! | called lost though held | |
//! | --- | --- |
//! | pointers that are not aligned, compressed, tagged in their upper bits, xor-ed, or encrypted (glibc's `PTR_MANGLE`) | |
//! | pointers kept by the kernel only (epoll data, timers), on devices, in another process, in files that are not mapped | |
//! | pointers in memory that a fork does not inherit (`MADV_DONTFORK`, `MADV_WIPEONFORK`) | |
//! | vector registers of the scanning thread | callers save them on the stack |
//!
//! `possible` is the verdict on blocks held only by pointers to
//! their middle. Many sound programs have such: `new T[n]` with destructors
//! (8 bytes in), a base class that is not the first (any offset), CPython's
//! collected objects (16 in), SQLite (8 in), the C library's TLS vectors (16
//! in), wrappers that align by themselves. So they are not called lost, nor
//! are they quite above suspicion.
//!
//! # How
//!
//! `maps` and `residency` find what there is to read, without touching
//! what was never used. `pages` finds the block for a word. `roots` leaves
//! out what an allocator has freed (`glibc`, `arena`), `mark` reads memory,
//! `lookup` finds the blocks that its words point to, `far` keeps words until
//! there are many for one place, `follow` goes from block to block, and
//! `verdicts` judges. Nothing here allocates from the heap, takes a lock, or
//! calls a function of the C library.

#[cfg(not(any(all(target_os = "linux", target_arch = "x86_64"), windows)))]
compile_error!("only Linux on x86-64 and Windows so far");

#[cfg(target_os = "linux")]
mod arena;
#[cfg(target_os = "linux")]
mod copy;
#[cfg(target_os = "linux")]
mod far;
#[cfg(target_os = "linux")]
mod follow;
#[cfg(target_os = "linux")]
mod glibc;
#[cfg(target_os = "linux")]
pub mod image;
#[cfg(target_os = "linux")]
mod inside;
#[cfg(target_os = "linux")]
mod leaf;
#[cfg(target_os = "linux")]
mod lookup;
#[cfg(target_os = "linux")]
mod maps;
#[cfg(target_os = "linux")]
mod mark;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(any(all(windows, target_arch = "x86_64"), test))]
pub mod outside;
#[cfg(target_os = "linux")]
mod pages;
#[cfg(target_os = "linux")]
mod python;
#[cfg(target_os = "linux")]
mod residency;
#[cfg(target_os = "linux")]
mod roots;
#[cfg(target_os = "linux")]
mod sys;
#[cfg(target_os = "linux")]
pub mod threads;
#[cfg(target_os = "linux")]
mod verdicts;

#[cfg(target_os = "linux")]
pub use inside::{Blocks, Error, Input, Outcome, ThreadStack, scan};
#[cfg(target_os = "linux")]
pub use python::{PythonLayout, PythonLong};
#[cfg(target_os = "linux")]
pub use residency::Source;

/// A block, as the caller knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Where it starts.
    pub address: u64,
    /// How many bytes it has.
    pub size: u64,
    /// Given back with the verdict; of no meaning here.
    pub tag: u64,
    /// [`Block::ROOT`], [`Block::GLIBC`], [`Block::DEAD`].
    pub flags: u8,
}

impl Block {
    /// Held, whatever points to it.
    pub const ROOT: u8 = 1;
    /// From glibc's allocator.
    pub const GLIBC: u8 = 1 << 1;
    /// Released: gets no verdict, but tells where an allocator has memory.
    pub const DEAD: u8 = 1 << 2;
}

/// Addresses from `start` up to, not including, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first.
    pub start: u64,
    /// The first beyond.
    pub end: u64,
}

/// Blocks and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How many blocks.
    pub blocks: u64,
    /// How many bytes they have.
    pub bytes: u64,
}
