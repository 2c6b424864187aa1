//! Windows: views of the file, copied from by a call that fails instead of
//! faulting.
//!
//! Views, because a file that somebody writes to by a view is documented to be
//! coherent with other views only (MapViewOfFile, "Remarks"), not with ReadFile.
//! A file cannot shrink while a section of it exists; what remains, a disk or a
//! network that fails, makes ReadProcessMemory fail.

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::os::windows::fs::MetadataExt;
use std::os::windows::io::{AsRawHandle, RawHandle};
use std::ptr;
use std::sync::{Mutex, PoisonError};

use crate::sys::GRANULARITY;
use crate::sys::windows::{
    CloseHandle, CreateFileMappingW, FILE_MAP_READ, MapViewOfFile, PAGE_READONLY, UnmapViewOfFile,
};

/// Most that one view covers.
const LONGEST_VIEW: u64 = 64 << 20;
const FILE_ATTRIBUTE_SPARSE_FILE: u32 = 0x200;
const FILE_STANDARD_INFO: i32 = 1;

#[repr(C)]
#[derive(Default)]
struct StandardInfo {
    allocated: i64,
    end: i64,
    links: u32,
    pending: u8,
    directory: u8,
}

#[repr(C)]
#[derive(Default)]
struct MemoryStatus {
    len: u32,
    load: u32,
    physical: u64,
    rest: [u64; 6],
}

#[link(name = "kernel32")]
unsafe extern "system" {
    fn GetCurrentProcess() -> RawHandle;
    fn ReadProcessMemory(
        process: RawHandle,
        at: *const c_void,
        into: *mut c_void,
        len: usize,
        done: *mut usize,
    ) -> i32;
    fn GetFileInformationByHandleEx(
        file: RawHandle,
        class: i32,
        into: *mut c_void,
        len: u32,
    ) -> i32;
    fn GlobalMemoryStatusEx(into: *mut MemoryStatus) -> i32;
}

#[derive(Debug)]
pub(in crate::reader) struct Source {
    file: File,
    /// The last section, and how long the file was then.
    section: Mutex<Option<(Section, u64)>>,
}

/// A section of a file: what views are made of.
#[derive(Debug)]
struct Section(RawHandle);

// SAFETY: a handle may be used and closed on any thread.
unsafe impl Send for Section {}

impl Section {
    fn new(file: &File) -> io::Result<Section> {
        let (file, none) = (file.as_raw_handle(), ptr::null());
        // SAFETY: an open file; null stands for no attributes and no name.
        let section = unsafe { CreateFileMappingW(file, none, PAGE_READONLY, 0, 0, ptr::null()) };
        match section.is_null() {
            true => Err(io::Error::last_os_error()),
            false => Ok(Section(section)),
        }
    }
}

impl Drop for Section {
    fn drop(&mut self) {
        // SAFETY: ours, closed once.
        unsafe { CloseHandle(self.0) };
    }
}

impl Source {
    /// Whether `next_data` skips what was never written.
    pub(in crate::reader) const TELLS_DATA: bool = false;

    pub(in crate::reader) fn new(file: File) -> Source {
        let section = Mutex::new(None);
        Source { file, section }
    }

    /// Bytes of the file.
    pub(in crate::reader) fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Some of the bytes at `at`; 0 behind the end.
    pub(in crate::reader) fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        let start = at / GRANULARITY * GRANULARITY;
        let skip = at - start;
        let len = self.len()?;
        let there = len.saturating_sub(at).min(into.len() as u64);
        let there = there.min(LONGEST_VIEW - skip) as usize;
        if there == 0 {
            return Ok(0);
        }
        let mut kept = self.section.lock().unwrap_or_else(PoisonError::into_inner);
        let section = match kept.take() {
            Some((section, covered)) if covered == len => section,
            _ => Section::new(&self.file)?,
        };
        let mut done = 0;
        // SAFETY: a view of our own, ended below; the copy is made by the system, which
        // checks both addresses and writes only into `into`.
        unsafe {
            let (high, low) = ((start >> 32) as u32, start as u32);
            let view = MapViewOfFile(section.0, FILE_MAP_READ, high, low, there + skip as usize);
            if view.is_null() {
                return Err(io::Error::last_os_error());
            }
            let from = view.cast::<u8>().add(skip as usize).cast();
            let to = into.as_mut_ptr().cast();
            let copied = ReadProcessMemory(GetCurrentProcess(), from, to, there, &mut done);
            let failed = io::Error::last_os_error();
            UnmapViewOfFile(view);
            if copied == 0 && done == 0 {
                return Err(failed);
            }
        }
        *kept = Some((section, len));
        Ok(done)
    }

    /// Where the file may have data next, from `at` on; `None` behind the last.
    /// What is only in memory so far, the system does not count as data of a
    /// sparse file, so anything may be.
    pub(in crate::reader) fn next_data(&self, at: u64) -> Option<u64> {
        (at < self.len().ok()?).then_some(at)
    }

    /// Bytes that the file really takes, or may take in memory: of a sparse file
    /// at most a quarter of the computer's.
    pub(in crate::reader) fn in_use(&self) -> io::Result<u64> {
        let metadata = self.file.metadata()?;
        if metadata.file_attributes() & FILE_ATTRIBUTE_SPARSE_FILE != 0 {
            let mut status = MemoryStatus {
                len: size_of::<MemoryStatus>() as u32,
                ..MemoryStatus::default()
            };
            // SAFETY: the structure says how long it is.
            return match unsafe { GlobalMemoryStatusEx(&mut status) } {
                0 => Err(io::Error::last_os_error()),
                _ => Ok(metadata.len().min(status.physical / 4)),
            };
        }
        let mut info = StandardInfo::default();
        let len = size_of::<StandardInfo>() as u32;
        let file = self.file.as_raw_handle();
        let into = (&raw mut info).cast();
        // SAFETY: the structure of this class, and its length.
        match unsafe { GetFileInformationByHandleEx(file, FILE_STANDARD_INFO, into, len) } {
            0 => Err(io::Error::last_os_error()),
            _ => Ok(info.allocated.max(0) as u64),
        }
    }
}
