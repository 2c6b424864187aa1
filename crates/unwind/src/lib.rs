//! Return addresses of the current thread, captured from inside an allocation
//! hook.
//!
//! # What the caller owes
//!
//! - An [`Entry`] taken by the very first instructions of the hook: the address
//!   of the word that holds the hook's return address, and `rbp` as the caller
//!   left it. A naked function that copies `rsp` and `rbp` into argument
//!   registers and jumps on does this; nothing of it is unwound later.
//! - [`StackBounds`] computed once for each thread, by that thread.
//! - One [`History`] for each thread, in zeroed memory. A signal handler that
//!   interrupts a capture must not use the same history: keep a busy flag, and
//!   call [`walk`] when it is set. Call [`History::flush`] before a history
//!   serves another thread.
//! - [`flush_rules`] after every `dlclose`, and after every `dlopen` (an
//!   address that was not code may have become code); on Windows
//!   `flush_on_changes` sees to it.
//!
//! # What the crate promises
//!
//! Capturing allocates nothing, takes no lock, leaves `errno` alone, and makes
//! no system call while the thread runs on its own stack. It reads stack words
//! directly only where [`StackBounds`] or the frames themselves prove that they
//! are mapped; everything else is read through `process_vm_readv`, which fails
//! instead of faulting. A remembered stack is returned only when every word
//! that the unwinder read to obtain it still has the same value.
//!
//! # What it does not do
//!
//! It gives no symbol names, does not unwind other threads, registers no frame
//! information, and does not read `.debug_frame` or `__register_frame` tables:
//! on Linux, code without `.eh_frame` (a JIT's) is walked by frame pointers, and
//! the stack is marked [`approximate`](Stack::approximate). On Windows, where `rbp`
//! is seldom a frame pointer, code without a function entry ends the walk; that
//! whose entries a JIT registers is walked with all registers, and not remembered.
//! 32-bit Windows has no tables: all stacks there are walked by frame pointers, which
//! skips the callers of functions that keep none, and all are marked.
//!
//! In 32-bit programs read `esp`, `ebp` and `eip` for `rsp`, `rbp` and `rip`.
//!
//! # Map
//!
//! `entry → history (remembered stacks) → last (joining the last walk) → walk
//! (rule after rule) → table (rule cache) → rules → cfi (rule from .eh_frame) →
//! object (which module)`, on Windows `windows/rules → pdata (rule from .pdata)`;
//! `generic` is the slow walk for frames that need more
//! registers than `rsp` and `rbp`; `memory` and `sys` are the only places that
//! read what may not be there.
#![no_std]
#![warn(missing_docs)]

#[cfg(not(all(
    any(target_arch = "x86_64", target_arch = "x86"),
    any(target_os = "linux", windows)
)))]
compile_error!(
    "freehold-unwind knows only Linux and Windows on x86_64 and x86: another architecture needs \
     its own registers.rs and rule.rs, and what stands in the list of modules of a system"
);

#[cfg(any(test, feature = "check"))]
extern crate std;

#[cfg(any(target_arch = "x86", test))]
mod calls;
mod history;
mod last;
mod memory;
mod ring;
mod rule;
mod table;
mod trace;
mod walk;

// What Linux has in its own way.
#[cfg(not(windows))]
mod bounds;
#[cfg(not(windows))]
mod cfi;
#[cfg(not(windows))]
mod expr;
#[cfg(not(windows))]
mod generic;
#[cfg(not(windows))]
mod object;
#[cfg(not(windows))]
mod registers;
#[cfg(not(windows))]
mod rules;
#[cfg(not(windows))]
mod signal;
#[cfg(not(windows))]
mod sys;

// What Windows has; its reader of `.pdata` is tested everywhere.
#[cfg(any(windows, test))]
mod windows;
#[cfg(all(windows, target_arch = "x86"))]
use windows::{bounds, chain as rules, sys};
#[cfg(all(windows, target_arch = "x86_64"))]
use windows::{bounds, generic, rules, sys};

#[cfg(all(feature = "check", not(windows)))]
pub mod check;

pub use bounds::StackBounds;
#[cfg(not(windows))]
pub use cfi::{Sections, rule_from_sections};
pub use history::{History, Statistics};
pub use rule::{Kind, Rule, SavedBp};
pub use table::flush_rules;
pub use trace::hash_frames;
pub use walk::walk;
#[cfg(windows)]
pub use windows::modules::flush_on_changes;

/// Bytes of a register, a return address, and whatever else lies on a stack.
const WORD: usize = size_of::<usize>();

/// The greatest depth of a captured stack.
pub const MAX_DEPTH: usize = 128;

/// The registers of the frame that called the hooked function, as it will see
/// them after the return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Address of the word that holds the return address.
    pub slot: usize,
    /// `rbp` at entry.
    pub bp: usize,
}

/// One captured stack.
#[derive(Clone, Copy, Debug)]
pub struct Stack<'a> {
    /// Return addresses, innermost first. A frame that was interrupted by a
    /// signal is stored as its program counter plus one, so that `address - 1`
    /// lies in the right instruction for every frame.
    pub frames: &'a [usize],
    /// [`hash_frames`] of the frames.
    pub hash: u64,
    /// The walk reached the outermost frame.
    pub complete: bool,
    /// There were more frames than the depth allowed.
    pub truncated: bool,
    /// A frame without unwind data was crossed by its frame pointer.
    pub approximate: bool,
}
