//! Native memory with an owner: allocators, one `free`, scopes and a tracker.
//!
//! ```
//! use freehold::{calloc, free};
//!
//! let mut bytes = calloc::<u8>(256)?; // 256 zeroed bytes
//! bytes[0] = 1;
//! let raw = bytes.into_raw(); // for C, which may release it with its own `free`
//! // SAFETY: a live block that nobody uses any more.
//! unsafe { free(raw.cast()) }.expect("was live");
//! # Ok::<(), freehold::AllocError>(())
//! ```
//!
//! # What there is
//!
//! - [`alloc`]: allocators and what each tells the tracker; [`Global`] for a whole
//!   Rust program;
//! - [`Block`], [`Checked`]: typed memory;
//! - [`query()`], [`resize()`]: what a pointer is, and another size for its block;
//! - [`free()`]: finds out what a pointer is and releases it, or says what is
//!   wrong;
//! - [`families`]: blocks of the other families;
//! - [`Arena`], [`SharedArena`], [`using`]: blocks that are released together;
//! - [`Owned`], [`adopt()`], [`adopt_from()`], [`borrow`], [`transfer`], [`attach_finalizer`]: who owns a block;
//! - [`strings`]: UTF-8, UTF-16, `BSTR`, `HSTRING`, lists; [`Guid`];
//! - [`LeakTracker`], [`Scope`], [`Filter`], [`LeaksEmitter`]: what stays;
//! - [`failing`]: allocations that fail because a test wants it;
//! - [`track`]: the ledger of the process; [`contract`]: how it is shared.
//!
//! # Duties of the caller
//!
//! While nothing is tracked, nobody can tell a stale pointer of `malloc` from a
//! live one: `free` is then as unsafe as C's. Tracking sees what goes through
//! this library; under `freehold run` it sees everything.
//!
//! # What is not here
//!
//! C symbols, reports of whole processes (the `freehold` command).
#![warn(missing_docs)]
// It does not see the `const` where the storage is the system's.
#![cfg_attr(
    all(windows, target_env = "gnu"),
    allow(clippy::missing_const_for_thread_local)
)]

#[cfg(not(all(
    any(target_arch = "x86_64", target_arch = "x86"),
    any(target_os = "linux", windows)
)))]
compile_error!(
    "freehold knows only Linux and Windows on x86_64 and x86: stacks come from freehold-unwind"
);

mod adopt;
#[cfg(feature = "owners")]
mod adopt_from;
pub mod alloc;
mod arena;
pub mod contract;
mod entry;
pub mod failing;
pub mod families;
#[cfg(unix)]
mod forks;
mod free;
mod global;
mod guid;
#[cfg(all(windows, target_pointer_width = "64"))]
pub mod handles;
mod leaks;
pub mod managed;
mod memory;
mod misuse;
#[cfg(feature = "owners")]
mod named;
mod own;
mod owned;
mod ownership;
mod plain;
mod platform;
mod query;
mod recent;
mod record;
mod refuse;
mod registry;
mod release;
#[cfg(feature = "report")]
mod reports;
mod resize;
mod stack;
mod state;
pub mod strings;
mod symbols;
mod system;
mod tags;
mod text;
pub mod track;
#[cfg(windows)]
mod variants;
mod win32;

pub use adopt::{
    AdoptError, ReleaseWith, adopt, attach_finalizer, borrow, detach_finalizer, finalize,
    give_back, interior, ownership_of, transfer,
};
#[cfg(feature = "owners")]
pub use adopt_from::{AdoptFromError, adopt_from};
pub use alloc::{
    AdaptiveCalloc, AdaptiveMalloc, AllocError, Allocator, Calloc, DiagnosticCalloc,
    DiagnosticMalloc, Malloc, Zeroed, adaptive_calloc, adaptive_malloc, calloc, diagnostic_calloc,
    diagnostic_malloc, malloc,
};
pub use arena::{
    Arena, ArenaError, ArenaFailure, MoveError, NoZone, SharedArena, using, using_async,
    with_zone_arena, with_zone_arena_async, zone_arena,
};
pub use free::{adaptive_free, free, free_as, free_sized, native_free};
pub use freehold_families::custom::Release;
pub use freehold_families::{Family, FamilyError};
#[cfg(feature = "owners")]
pub use freehold_owners::Kind as OwnerKind;
pub use global::Global;
pub use guid::{Guid, GuidError};
pub use leaks::{
    Allocation, Colors, Entered, Filter, JsonEmitter, LeakError, LeakTracker, LeaksEmitter,
    ParseError, PrintEmitter, Scope, ScopeHandle, Scoped, verified,
};
pub use memory::{AccessError, Block, Checked};
pub use misuse::{FreeError, Misuse};
pub use owned::{Lease, Owned, Released, Rule, rules};
pub use ownership::Ownership;
pub use query::{Answer, Known, calls_back, query};
#[cfg(feature = "report")]
pub use reports::{ReportFormat, report};
pub use resize::{ResizeError, resize};
pub use stack::{Frame, Stack};
pub use text::{fill_memory, format_address, format_bytes, format_stack_trace, indent};
#[cfg(windows)]
pub use variants::{PropVariant, Variant, VariantError};

use adopt::set_ownership;
use alloc::layout as alloc_layout;

/// The pieces of code of the guide, as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/rust.md")]
struct Guide;
