//! The platform's allocator, which `malloc`, `calloc` and all others of this crate
//! are in the end, so that other code may release what they give: `malloc` of the C
//! library, on Windows `CoTaskMemAlloc`, which every component of a process has in
//! common.
//!
//! What is not here: what is told to the tracker (`alloc`, `free`).

#[cfg(unix)]
mod libc;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use libc as system;
#[cfg(windows)]
use windows as system;

pub(crate) use system::{FAMILY, calloc, free, is_own, malloc, over_aligned, reallocate};

pub(crate) use freehold_families::libc_malloc::ALIGNMENT;
