//! A new session: the file that a launcher makes for the processes that it is
//! about to track.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(windows)]
mod windows;

use std::ffi::CString;
use std::fs::File;
use std::io;
#[cfg(unix)]
use std::os::fd::AsRawFd as AsRaw;
#[cfg(windows)]
use std::os::windows::io::AsRawHandle as AsRaw;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::time::{SystemTime, UNIX_EPOCH};

#[cfg(target_os = "linux")]
use linux as system;
#[cfg(windows)]
use windows as system;
#[cfg(windows)]
pub use windows::folder_of_user;

use crate::format::{
    Clock, Family, Layout, MAX_DEPTH, OnMisuse, PAGE, SESSION_MAGIC, SessionHeader, VERSION,
    round_up,
};
use crate::sys::{self, GRANULARITY, RawFile};

/// What a session shall do.
#[derive(Clone, Debug)]
pub struct Config {
    /// Hard limit for all ledgers together, in bytes.
    pub max_memory: u64,
    /// Longest stack to record, 0 for none, at most [`MAX_DEPTH`].
    pub depth: u32,
    /// Bytes between two samples, 0 to record every block.
    pub sample_bytes: u64,
    /// Families to record.
    pub families: Vec<Family>,
    /// Whether children are followed.
    pub follow: bool,
    /// Whether processes judge their live blocks when they end.
    pub scan_at_exit: bool,
    /// Whether anything is recorded at all.
    pub enabled: bool,
    /// What becomes of misuses.
    pub on_misuse: OnMisuse,
    /// Whether the stacks of releases are kept for a while.
    pub release_stacks: bool,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            max_memory: 1 << 30,
            depth: 64,
            sample_bytes: 0,
            families: vec![Family::Malloc, Family::New, Family::NewArray],
            follow: true,
            scan_at_exit: true,
            enabled: true,
            on_misuse: OnMisuse::Refuse,
            release_stacks: false,
        }
    }
}

/// Where a session lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backing {
    /// A file in memory without a name, held by the launcher. On Windows, a
    /// temporary file that goes with the last process which uses it.
    Memfd,
    /// A file in this directory.
    Directory(PathBuf),
}

/// A session that was made here.
#[derive(Debug)]
pub struct NewSession {
    file: File,
    path: PathBuf,
    header: *const SessionHeader,
    owned: bool,
}

// SAFETY: the header is a mapping of atomics that lives as long as the value.
unsafe impl Send for NewSession {}
// SAFETY: as above.
unsafe impl Sync for NewSession {}

impl NewSession {
    /// Makes a session.
    ///
    /// # Errors
    /// When the system refuses the file or its size.
    pub fn create(config: &Config, backing: &Backing) -> io::Result<NewSession> {
        let (file, path) = match backing {
            Backing::Memfd => system::unnamed()?,
            Backing::Directory(directory) => system::named(directory)?,
        };
        let owned = *backing != Backing::Memfd;
        // Names that are left behind would hold memory: from here on `Drop`
        // removes the file again when something fails.
        let mut session = NewSession {
            file,
            path,
            header: std::ptr::null(),
            owned,
        };
        let stride = round_up(Layout::new(config.max_memory).total, 2 << 20);
        let slots_offset = GRANULARITY;
        // A file system may allow less than memory does.
        let most = (1..=system::MOST_SLOTS)
            .rev()
            .find(|bits| {
                let len = stride
                    .checked_mul(1 << bits)
                    .and_then(|l| l.checked_add(slots_offset));
                len.is_some_and(|len| {
                    i64::try_from(len).is_ok() && session.file.set_len(len).is_ok()
                })
            })
            .ok_or_else(io::Error::last_os_error)?;
        let at =
            sys::map_shared(raw(&session.file), 0, PAGE).map_err(io::Error::from_raw_os_error)?;
        let reserves = owned && system::RESERVES;
        if reserves {
            sys::populate(at, PAGE).map_err(io::Error::from_raw_os_error)?;
        }
        session.header = at.cast();
        let header = session.header();
        header.version.store(VERSION, Relaxed);
        header
            .header_bytes
            .store(size_of::<SessionHeader>() as u32, Relaxed);
        header.max_memory.store(config.max_memory, Relaxed);
        header.stride.store(stride, Relaxed);
        header.slots_offset.store(slots_offset, Relaxed);
        header.max_slots.store(1 << most, Relaxed);
        header.launcher.store(std::process::id(), Relaxed);
        header
            .depth
            .store(config.depth.min(MAX_DEPTH as u32), Relaxed);
        header.sample_bytes.store(config.sample_bytes, Relaxed);
        let families = config
            .families
            .iter()
            .fold(0, |set, f| set | 1 << *f as u64);
        header.families.store(families, Relaxed);
        header.follow.store(config.follow.into(), Relaxed);
        header.reserve.store(reserves.into(), Relaxed);
        header
            .scan_at_exit
            .store(config.scan_at_exit.into(), Relaxed);
        header.enabled.store(config.enabled.into(), Relaxed);
        header.on_misuse.store(config.on_misuse as u32, Relaxed);
        header
            .release_stacks
            .store(config.release_stacks.into(), Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |d| d.as_nanos() as u64);
        header.start_unix_ns.store(now, Relaxed);
        header
            .start_monotonic_ns
            .store(sys::coarse_ms() * 1_000_000, Relaxed);
        // Release: whoever sees the magic sees the rest.
        header.magic.store(SESSION_MAGIC, Release);
        Ok(session)
    }

    /// Its header.
    pub fn header(&self) -> &SessionHeader {
        // SAFETY: mapped in `create`; unmapped only in `drop`.
        unsafe { &*self.header }
    }

    /// The path by which another process opens it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Milliseconds since it was made, by the clock.
    pub fn elapsed_ms(&self) -> u32 {
        let start = self.header().start_monotonic_ns.load(Relaxed) / 1_000_000;
        sys::coarse_ms().saturating_sub(start) as u32
    }
}

impl Drop for NewSession {
    fn drop(&mut self) {
        if !self.header.is_null() {
            self.header().clock.clear(Clock::TICKING | Clock::CALLING);
            // SAFETY: no reference to the header outlives the value.
            unsafe { sys::unmap_shared(self.header.cast_mut().cast(), PAGE) };
        }
        if self.owned {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn raw(file: &File) -> RawFile {
    #[cfg(unix)]
    return file.as_raw_fd();
    #[cfg(windows)]
    return file.as_raw_handle();
}

/// The path as the tracked process takes it from its environment: its bytes, on
/// Windows as UTF-8.
///
/// # Errors
/// When the path holds a NUL byte, or cannot be written so.
pub fn path_for_environment(path: &Path) -> io::Result<CString> {
    system::path_bytes(path)
}
