//! Windows: files in two folders of the user's.
//!
//! `%LOCALAPPDATA%\Freehold\sessions` has sessions with a name, which stay until
//! somebody deletes them; the temporary folder those that go with the last process
//! which uses them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;

use freehold_ledger::format::LedgerHeader;
use freehold_ledger::reader::SessionFile;
use freehold_ledger::session::folder_of_user;
use freehold_report::Outcome;

use super::{Found, headers, is_open, latest, sessions_in};
use crate::errors::Failure;
use crate::system::{Existence, existence};

/// How much later than its ledger a process may seem to have begun: both times are
/// those of clocks that move in steps.
const TOLERANCE_NS: u64 = 200_000_000;

/// Folders with sessions.
fn directories() -> Vec<PathBuf> {
    folder_of_user()
        .into_iter()
        .chain([std::env::temp_dir()])
        .collect()
}

/// All sessions in which a process runs. What may not be looked at is left out.
pub(crate) fn find_all() -> Vec<Found> {
    let folders = directories();
    let paths = folders.iter().flat_map(|folder| sessions_in(folder));
    paths.filter_map(|path| open(&path)).collect()
}

fn open(path: &Path) -> Option<Found> {
    let is_file = fs::symlink_metadata(path).is_ok_and(|m| m.is_file());
    let file = SessionFile::open(path).ok().filter(|_| is_file)?;
    let running = running(&file);
    (!running.is_empty()).then(|| Found {
        path: path.into(),
        file,
        running,
    })
}

/// The ledgers in `file` whose processes run.
fn running(file: &SessionFile) -> Vec<(u32, Box<LedgerHeader>)> {
    let Ok(session) = file.header() else {
        return Vec::new();
    };
    let begun = session.start_unix_ns.load(Relaxed);
    latest(file, |header| {
        state(header, begun) == Some(Outcome::Running)
    })
}

/// Which processes of a session of this machine run, and which ended without saying
/// so.
pub(crate) fn known(file: &SessionFile) -> Vec<(u32, Outcome)> {
    let Ok(session) = file.header() else {
        return Vec::new();
    };
    let begun = session.start_unix_ns.load(Relaxed);
    let open = headers(file).filter(|(_, header)| is_open(header));
    open.filter_map(|(_, header)| Some((header.pid.load(Relaxed), state(&header, begun)?)))
        .collect()
}

/// Whether the process of a ledger runs, in a session that began then; none when the
/// system does not say. A number can belong to another process by now, but only to
/// one that is younger than the ledger.
fn state(header: &LedgerHeader, session_began_ns: u64) -> Option<Outcome> {
    let began = u64::from(header.start_ms.load(Relaxed)) * 1_000_000;
    let latest = session_began_ns.saturating_add(began + TOLERANCE_NS);
    match existence(header.pid.load(Relaxed)) {
        Existence::Runs(since) if since <= latest => Some(Outcome::Running),
        Existence::Runs(_) | Existence::Gone => Some(Outcome::Gone),
        Existence::Hidden => None,
    }
}

/// Refuses a number that is no process's.
///
/// # Errors
/// When there is no such process.
pub(super) fn check_process(pid: u32) -> Result<(), Failure> {
    match existence(pid) {
        Existence::Gone => Err(Failure::freehold(format!("there is no process {pid}"))),
        Existence::Hidden | Existence::Runs(_) => Ok(()),
    }
}

/// Why a process that is there has no ledger.
pub(super) fn untracked(pid: u32) -> Failure {
    Failure::freehold(match existence(pid) {
        Existence::Hidden => format!(
            "process {pid} belongs to somebody else, and only its user can see whether it is \
             tracked"
        ),
        _ => format!(
            "process {pid} is not tracked: a program on Windows is when it uses the library \
             freehold and starts its tracker; freehold ps lists what is tracked"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use freehold_ledger::session::{Backing, Config, NewSession};

    #[test]
    fn a_session_without_processes_is_none_that_anybody_runs_in() {
        let session = NewSession::create(&Config::default(), &Backing::Memfd).expect("a session");
        let file = SessionFile::open(session.path()).expect("opens");
        assert_eq!(headers(&file).count(), 0);
        assert!(running(&file).is_empty());
        assert!(find_all().iter().all(|found| found.path != session.path()));
    }
}
