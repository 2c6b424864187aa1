//! The only way from this crate to the file system.
//!
//! Everything else asks [`Files`] for the bytes of a path and never opens one
//! itself, so that a report can be made of a container's files, of a recorded
//! set, or of none.

use std::fs::File;
use std::io;
use std::path::Path;

/// The contents of a file.
pub type Bytes = Box<dyn AsRef<[u8]> + Send + Sync>;

/// Gives the contents of files.
pub trait Files: Sync {
    /// The contents of the regular file at `path`.
    ///
    /// The path comes from a ledger or from an object file, so it may be
    /// anything: an implementation must refuse what is not a regular file
    /// (opening a FIFO blocks, reading a device may never end).
    fn open(&self, path: &Path) -> io::Result<Bytes>;
}

/// No files at all: every name falls back to module and offset.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFiles;

impl Files for NoFiles {
    fn open(&self, _path: &Path) -> io::Result<Bytes> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// The files of this machine, mapped into memory.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Files for Disk {
    fn open(&self, path: &Path) -> io::Result<Bytes> {
        // Asked before it is opened: opening is what hurts with a FIFO.
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let file = File::open(path)?;
        if file.metadata()?.len() == 0 {
            return Ok(Box::new(Vec::new()));
        }
        // SAFETY: the mapping is private and read-only. Bytes that change
        // under us are garbage like any other to the parsers, which hold no
        // references into it across calls that rely on its contents; a file
        // that is cut short meanwhile raises SIGBUS, as it does in every
        // program that maps its libraries.
        let map = unsafe { memmap2::Mmap::map(&file)? };
        Ok(Box::new(map))
    }
}
