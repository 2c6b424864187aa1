//! Where sessions lie: a place for a new one, and those that others hold.
//!
//! On Linux a session is memory that processes hold, or a file in a folder of the
//! user's (`linux`); on Windows it is a file there (`windows`).

#[cfg(unix)]
mod linux;
#[cfg(windows)]
mod windows;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;

use freehold_ledger::format::{LedgerHeader, State};
use freehold_ledger::reader::SessionFile;

use crate::errors::Failure;

#[cfg(unix)]
use linux as place;
#[cfg(windows)]
use windows as place;

pub(crate) use place::find_all;
#[cfg(windows)]
pub(crate) use place::known;
#[cfg(unix)]
pub(crate) use place::{create, mark_replaced, open_writable, running};

/// A session that somebody holds, and the ledgers of running processes in it.
#[derive(Debug)]
pub(crate) struct Found {
    /// A path by which it can be opened.
    #[cfg_attr(
        windows,
        allow(dead_code, reason = "only requests to processes open it anew")
    )]
    pub(crate) path: PathBuf,
    /// It, open for reading.
    pub(crate) file: SessionFile,
    /// The slot and the header of each ledger whose process runs.
    pub(crate) running: Vec<(u32, Box<LedgerHeader>)>,
}

/// The ledgers of a session, as far as it has any, with their slots.
pub(crate) fn headers(file: &SessionFile) -> impl Iterator<Item = (u32, Box<LedgerHeader>)> + '_ {
    let slots = file.begun().into_iter().flatten();
    slots.filter_map(|slot| Some((slot, file.ledger_header(slot).ok()??)))
}

/// Whether the process has not said that it ended.
pub(crate) fn is_open(header: &LedgerHeader) -> bool {
    let state = header.state.load(Relaxed);
    state == State::Running as u32 || state == State::Starting as u32
}

/// The session in which the process `pid` runs, with the slot of its ledger.
///
/// # Errors
/// When there is no such process, or it is not tracked.
pub(crate) fn find_process(pid: u32) -> Result<(Found, u32), Failure> {
    place::check_process(pid)?;
    for found in find_all() {
        let of_process = |(_, header): &&(u32, Box<LedgerHeader>)| header.pid.load(Relaxed) == pid;
        let slot = found
            .running
            .iter()
            .rev()
            .find(of_process)
            .map(|(slot, _)| *slot);
        if let Some(slot) = slot {
            return Ok((found, slot));
        }
    }
    Err(place::untracked(pid))
}

fn sessions_in(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = files.map(|f| f.path());
    paths.filter(|p| p.extension().is_some_and(|e| e == "session"))
}

/// The ledgers in `file` whose processes run, as `is_running` says: of each process
/// that of the program that it is now.
fn latest(
    file: &SessionFile,
    is_running: impl Fn(&LedgerHeader) -> bool,
) -> Vec<(u32, Box<LedgerHeader>)> {
    let open = headers(file).filter(|(_, header)| is_open(header));
    // Later ledgers come over earlier ones of the same process.
    let latest: HashMap<u32, _> = open.map(|(s, h)| (h.pid.load(Relaxed), (s, h))).collect();
    let mut running: Vec<_> = latest
        .into_values()
        .filter(|(_, header)| is_running(header))
        .collect();
    running.sort_unstable_by_key(|(slot, _)| *slot);
    running
}
