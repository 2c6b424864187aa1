//! Linux: plain reads, never a mapping, which a file that shrinks could make
//! fault.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};

#[derive(Debug)]
pub(in crate::reader) struct Source(File);

impl Source {
    /// Whether `next_data` skips what was never written.
    pub(in crate::reader) const TELLS_DATA: bool = true;

    pub(in crate::reader) fn new(file: File) -> Source {
        Source(file)
    }

    /// Bytes of the file.
    pub(in crate::reader) fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    /// Some of the bytes at `at`; 0 behind the end.
    pub(in crate::reader) fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        self.0.read_at(into, at)
    }

    /// Where the file has data next, from `at` on; `None` behind the last.
    pub(in crate::reader) fn next_data(&self, at: u64) -> Option<u64> {
        let from = i64::try_from(at).ok()?;
        // SAFETY: moves the cursor of the file, which nobody uses.
        let found = unsafe { libc::lseek64(self.0.as_raw_fd(), from, libc::SEEK_DATA) };
        let error = io::Error::last_os_error().raw_os_error();
        match u64::try_from(found) {
            Ok(found) => Some(found),
            Err(_) if error == Some(libc::ENXIO) => None,
            // A file system that does not tell.
            Err(_) => (at < self.len().ok()?).then_some(at),
        }
    }

    /// Bytes that the file really takes.
    pub(in crate::reader) fn in_use(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.blocks().saturating_mul(512))
    }
}
