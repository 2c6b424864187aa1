//! Snapshot in, findings out: what the processes of a session lost, where it
//! was allocated, and what should have released it.
//!
//! ```no_run
//! use freehold_ledger::reader::Session;
//! use freehold_report::{Options, Symbols, build, files, json, text};
//!
//! let session = Session::default(); // from `freehold_ledger::reader::SessionFile`
//! let mut symbols = Symbols::new(&files::Disk);
//! let report = build(&session, &Options::default(), &mut symbols, &mut |_progress| {});
//! eprint!("{}", text::render(&report, &text::TextOptions::default()));
//! println!("{}", json::render(&report));
//! ```
//!
//! Duties of the caller: read the ledger, open files (by [`files::Disk`] or an
//! own [`Files`]), say how the main program ended ([`Options::outcomes`]),
//! decide on colours and width, write the result somewhere.
//!
//! Nothing that is read is trusted: names, numbers and object files may be
//! garbage or hostile. They cost time and memory in proportion to their size,
//! and what cannot be understood is left out and said so.
//!
//! What is not here: files, terminal, network; judgement of reachability (the
//! scan's verdicts come with the blocks); ownership rules; frames of
//! interpreters; suppression and comparison of reports.
//!
//! - [`build()`]: groups, names and sorts; [`model`] is the result;
//! - [`symbols`]: names for addresses;
//! - [`text`], [`json`]: output, one format each.

pub mod apis;
mod build;
pub mod files;
mod findings;
pub mod fingerprint;
pub mod frame;
pub mod json;
mod misuses;
pub mod model;
pub mod notes;
mod number;
pub mod options;
mod processes;
pub mod symbols;
#[cfg(test)]
mod testing;
pub mod text;
mod trim;

pub use build::{Progress, build};
pub use files::Files;
pub use model::Report;
pub use options::{Options, Outcome, Show};
pub use symbols::{Symbols, THREAD as SYMBOL_THREAD};
