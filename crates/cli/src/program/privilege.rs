//! Programs that begin with more rights than their caller has: the kernel sets
//! `AT_SECURE` for them, and the loader then ignores `LD_PRELOAD`.

use std::ffi::CString;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::untrackable;
use crate::errors::Failure;

const SET_USER: u32 = 0o4000;
/// A set-group bit without the group's execute bit means mandatory locking.
const SET_GROUP: u32 = 0o2010;

/// Refuses a program that would gain rights.
pub(super) fn check(path: &Path, file: &File) -> Result<(), Failure> {
    let Ok(metadata) = file.metadata() else {
        return Ok(());
    };
    let capable = has_capabilities(path);
    let mode = metadata.mode();
    if mode & SET_USER == 0 && mode & SET_GROUP != SET_GROUP && !capable {
        return Ok(());
    }
    if gains_nothing(file) {
        return Ok(());
    }
    // SAFETY: these calls have no requirement.
    let (user, group) = unsafe { (libc::getuid(), libc::getgid()) };
    let what = if mode & SET_USER != 0 && metadata.uid() != user {
        "it is set-user-id"
    } else if mode & SET_GROUP == SET_GROUP && metadata.gid() != group {
        "it is set-group-id"
    } else if capable && user != 0 {
        "it has file capabilities"
    } else {
        return Ok(());
    };
    let why = format!(
        "{what}, so the loader ignores preloaded libraries; track a copy without that, \
         or run freehold as the user that it becomes"
    );
    Err(untrackable(path, &why))
}

/// Whether the kernel ignores such bits: on a file system mounted `nosuid`, or
/// in a process that may not gain privileges.
fn gains_nothing(file: &File) -> bool {
    // SAFETY: no requirement; asks one bit of this thread.
    if unsafe { libc::prctl(libc::PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) } == 1 {
        return true;
    }
    // SAFETY: zeroes are a statvfs.
    let mut info: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: `info` is writable, the descriptor open.
    let failed = unsafe { libc::fstatvfs(file.as_raw_fd(), &mut info) } != 0;
    !failed && info.f_flag & libc::ST_NOSUID != 0
}

fn has_capabilities(path: &Path) -> bool {
    let Ok(path) = CString::new(path.as_os_str().as_bytes()) else {
        return false;
    };
    let name = c"security.capability";
    // SAFETY: both are C strings; with length 0 nothing is written.
    let size = unsafe { libc::getxattr(path.as_ptr(), name.as_ptr(), std::ptr::null_mut(), 0) };
    size > 0
}
