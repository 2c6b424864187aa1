//! Arenas: blocks and resources that are released together, the last first.
//!
//! What an arena hands out borrows it, so that using it after the release does
//! not compile:
//!
//! ```compile_fail,E0505
//! let arena = freehold::Arena::new();
//! let bytes = arena.alloc::<u8>(16).unwrap();
//! arena.release().unwrap();
//! bytes[0] = 1; // borrowed from an arena that is gone
//! ```
//!
//! [`Arena`] is for one thread at a time, [`SharedArena`] for several;
//! [`using`], [`using_async`] and [`with_zone_arena`] make one for a region.

mod error;
mod items;
mod regions;

pub use error::{ArenaError, ArenaFailure, MoveError};
pub use items::{Arena, SharedArena};
pub use regions::{NoZone, using, using_async, with_zone_arena, with_zone_arena_async, zone_arena};
