//! The operating system, as far as the library needs it. Each system has a file
//! with the same functions; what they promise is said in the one of Linux.
//!
//! What is not here: memory for the ledger and its session (`freehold-ledger`),
//! the families' functions (`platform`, `win32`), forks, which only one of them
//! has (`forks`).

#[cfg(feature = "owners")]
mod functions;
#[cfg(unix)]
mod linux;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use linux as system;
#[cfg(windows)]
use windows as system;

pub(crate) use system::{
    KeepErrno, Mapped, at_thread_end, bytes_of, find_symbol, os_error, parent_pid, path_of,
    thread_id, thread_name, unmap,
};

#[cfg(feature = "owners")]
pub(crate) use functions::{NotFound, find_function};
#[cfg(windows)]
pub(crate) use windows::{module_of, module_path, stay_loaded};
