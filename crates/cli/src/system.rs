//! What the systems differ in: places in files, the width of terminals, processes.

#[cfg(unix)]
mod linux;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use linux::{columns, command, read_exact_at, state, write_all_at};
#[cfg(windows)]
pub(crate) use windows::{
    Existence, columns, command, existence, read_exact_at, state, write_all_at,
};

/// A stream that may be a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}
