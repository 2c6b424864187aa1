//! Where a session lies on Linux: a memfd, or a file in a directory that nobody
//! else may enter.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::FromRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Whether pages of a file in a directory must be reserved before they are
/// touched.
pub(super) const RESERVES: bool = true;
/// Of how many ledgers a session can have room, as a power of two.
pub(super) const MOST_SLOTS: u32 = 20;

/// A new file in memory.
pub(super) fn unnamed() -> io::Result<(File, PathBuf)> {
    let name = c"freehold-session";
    // SAFETY: the name is a C string.
    let fd = unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new and belongs to nobody else.
    let file = unsafe { File::from_raw_fd(fd) };
    let path = PathBuf::from(format!("/proc/{}/fd/{fd}", std::process::id()));
    // What the tracked process will do; without /proc it cannot.
    OpenOptions::new().read(true).write(true).open(&path)?;
    Ok((file, path))
}

/// A new file, for its owner only, in a directory for its owner only.
pub(super) fn named(directory: &Path) -> io::Result<(File, PathBuf)> {
    match std::fs::DirBuilder::new().mode(0o700).create(directory) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
        _ => {}
    }
    let metadata = std::fs::symlink_metadata(directory)?;
    // SAFETY: no requirement.
    let user = unsafe { libc::geteuid() };
    if !metadata.is_dir() || metadata.uid() != user || metadata.mode() & 0o077 != 0 {
        let message = format!(
            "{} belongs to somebody else or is open to others",
            directory.display()
        );
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    let path = directory.join(format!("{}.session", std::process::id()));
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    let file = match options.open(&path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            // Left behind by a launcher of the same number that was killed.
            std::fs::remove_file(&path)?;
            options.open(&path)?
        }
        other => other?,
    };
    Ok((file, path))
}

/// The bytes of a path.
pub(super) fn path_bytes(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other)
}
