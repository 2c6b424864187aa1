//! `libfreehold`: the library for every language that can call C.
//!
//! Each function checks its arguments, calls [`freehold`], and says by a code
//! and a message how that went; none unwinds. The header `freehold.h` is made
//! of these sources by `cargo xtask header`.
//!
//! | file | what is there |
//! | --- | --- |
//! | `codes` | the codes, and which error gets which |
//! | `guard` | nothing unwinds into C; the last error of each thread |
//! | `arguments` | checks of what C passes |
//! | `tables` | handles and tags that C names by value |
//! | the others | the functions, one file for each task |
//!
//! # Duties of the caller
//!
//! Pointers that are not null lead to what the function's documentation says;
//! no check can tell a dangling one. Callbacks do not unwind.
//!
//! # What is not here
//!
//! Logic: what is not a check or a conversion belongs to [`freehold`].
#![allow(non_camel_case_types)]
// They are; where thread-local storage is the system's, clippy does not see it.
#![cfg_attr(windows, allow(clippy::missing_const_for_thread_local))]

mod arguments;
mod guard;
mod tables;

pub mod allocate;
pub mod arena;
pub mod codes;
pub mod errors;
pub mod family;
pub mod managed;
pub mod own;
pub mod query;
pub mod release;
pub mod scope;
pub mod text;
pub mod track;
pub mod tracker;
