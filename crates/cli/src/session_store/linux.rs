//! Linux: memory that is found through the processes that hold it, and files in
//! folders of the user's.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::mem::offset_of;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;

use freehold_ledger::format::{LedgerHeader, State};
use freehold_ledger::reader::SessionFile;
use freehold_ledger::session::{Backing, Config, NewSession};

use super::{Found, latest, sessions_in};
use crate::errors::Failure;

/// The preload library takes no longer path from its environment.
const LONGEST_PATH: usize = 255;
/// What `/proc/PID/fd` shows of a session without a name.
const MEMFD: &str = "/memfd:freehold-session";

/// A new session, and what better places refused it.
#[derive(Debug)]
pub(crate) struct Made {
    /// The session.
    pub(crate) session: NewSession,
    /// Where it lies, for people.
    pub(crate) place: String,
    /// Better places and why they did not do.
    pub(crate) refused: Vec<String>,
}

/// Makes a session in the best place that there is, or in `wanted`.
///
/// # Errors
/// When no place will do, with the reason of each.
pub(crate) fn create(config: &Config, wanted: Option<&Path>) -> Result<Made, Failure> {
    let mut refused = Vec::new();
    let folders = wanted.map_or_else(directories, |wanted| vec![wanted.to_owned()]);
    let memory = (String::from("memory (memfd)"), Backing::Memfd);
    let mut backings: Vec<_> = wanted.is_none().then_some(memory).into_iter().collect();
    for folder in folders {
        backings.push((folder.display().to_string(), Backing::Directory(folder)));
    }
    for (place, backing) in backings {
        if let Backing::Directory(folder) = &backing {
            sweep(folder);
        }
        let made = NewSession::create(config, &backing);
        let made = made.and_then(|session| match session.path().as_os_str().len() {
            0..=LONGEST_PATH => Ok(session),
            _ => Err(io::Error::other("its path is longer than 255 bytes")),
        });
        match made {
            Ok(session) => {
                return Ok(Made {
                    session,
                    place,
                    refused,
                });
            }
            Err(e) => refused.push(format!("{place}: {e}")),
        }
    }
    let why = refused.join("; ");
    Err(Failure::freehold(format!(
        "there is no place for the ledger: {why}"
    )))
}

/// Removes sessions whose launcher was killed, once nobody runs in them.
fn sweep(folder: &Path) {
    for path in sessions_in(folder) {
        let launcher = path
            .file_stem()
            .and_then(|pid| pid.to_str()?.parse::<u32>().ok());
        let is_orphan = launcher.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists());
        let is_empty = || {
            let inode = fs::metadata(&path).ok()?.ino();
            Some(open(&path, inode).is_none())
        };
        if is_orphan && is_empty() == Some(true) {
            let _ = fs::remove_file(&path);
        }
    }
}

/// Folders for sessions that cannot be in memory without a name, best first.
fn directories() -> Vec<PathBuf> {
    // SAFETY: no requirement.
    let user = unsafe { libc::geteuid() };
    let own = format!("freehold-{user}");
    let mut found = vec![Path::new("/dev/shm").join(&own)];
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|v| !v.is_empty());
    found.extend(runtime.map(|r| Path::new(&r).join("freehold")));
    found.push(std::env::temp_dir().join(&own));
    found
}

/// All sessions in which a process of this user runs. What may not be looked
/// at is left out.
pub(crate) fn find_all() -> Vec<Found> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for path in candidates() {
        let Ok(metadata) = fs::metadata(&path) else {
            continue;
        };
        if metadata.is_file() && seen.insert((metadata.dev(), metadata.ino())) {
            found.extend(open(&path, metadata.ino()));
        }
    }
    found
}

/// Refuses a number that is no process's.
///
/// # Errors
/// When there is no such process.
pub(super) fn check_process(pid: u32) -> Result<(), Failure> {
    match Path::new(&format!("/proc/{pid}")).exists() {
        true => Ok(()),
        false => Err(Failure::freehold(format!("there is no process {pid}"))),
    }
}

/// Why a process that is there has no ledger.
pub(super) fn untracked(pid: u32) -> Failure {
    Failure::freehold(match fs::read_dir(format!("/proc/{pid}/fd")) {
        Err(_) => format!(
            "process {pid} belongs to somebody else, and only its user can see whether it is \
             tracked"
        ),
        Ok(_) => format!(
            "process {pid} is not tracked: start it with freehold run; freehold ps lists what is \
             tracked"
        ),
    })
}

/// Paths that lead to sessions, perhaps several to one.
fn candidates() -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for directory in directories() {
        paths.extend(sessions_in(&directory));
    }
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    for process in processes {
        let is_process = process.file_name().to_string_lossy().parse::<u32>().is_ok();
        if !is_process {
            continue;
        }
        for folder in ["fd", "map_files"] {
            let links = fs::read_dir(process.path().join(folder));
            let links = links.into_iter().flatten().flatten().map(|l| l.path());
            paths.extend(links.filter(|l| is_session(l)));
        }
    }
    paths
}

fn is_session(link: &Path) -> bool {
    let target = fs::read_link(link).unwrap_or_default();
    target.to_string_lossy().starts_with(MEMFD)
}

fn open(path: &Path, inode: u64) -> Option<Found> {
    let file = SessionFile::open(path).ok()?;
    let running = running(&file, inode);
    (!running.is_empty()).then(|| Found {
        path: path.into(),
        file,
        running,
    })
}

/// Says in a session of ours that the program of a ledger became another one.
pub(crate) fn mark_replaced(session: &NewSession, slot: u32) -> io::Result<()> {
    let header = session.header();
    let ledger = header.slots_offset.load(Relaxed) + u64::from(slot) * header.stride.load(Relaxed);
    let at = ledger + offset_of!(LedgerHeader, state) as u64;
    let state = State::Replaced as u32;
    session.file().write_all_at(&state.to_ne_bytes(), at)
}

/// The ledgers in `file`, the one with this inode, whose processes run: of each
/// process that of the program that it is now.
pub(crate) fn running(file: &SessionFile, inode: u64) -> Vec<(u32, Box<LedgerHeader>)> {
    latest(file, |header| maps(header.pid.load(Relaxed), inode))
}

/// Whether the process has a mapping of the file with this inode. One that
/// only got the number of a tracked process has none.
fn maps(pid: u32, inode: u64) -> bool {
    let Ok(maps) = fs::read_to_string(format!("/proc/{pid}/maps")) else {
        return false;
    };
    let inode = inode.to_string();
    maps.lines()
        .filter(|line| line.contains("freehold"))
        .any(|line| line.split_ascii_whitespace().nth(4) == Some(&inode))
}

/// Opens a session for writing, which only a request to a process needs.
pub(crate) fn open_writable(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}
