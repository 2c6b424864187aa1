//! Reading memory that may not be there.
//!
//! A page of a file mapping beyond the end of its file, a guard page, a page
//! whose swap device failed: each would end the process if it was read with an
//! ordinary load. The kernel copies instead and says when it can not.

use crate::memory::PAGE;
use crate::sys::{self, File};

/// Copies memory of this process, page by page if it must.
pub(crate) struct Copier {
    process: usize,
    /// For kernels or sandboxes that refuse `process_vm_readv`.
    memory: Option<File>,
    refused: bool,
}

impl Copier {
    pub(crate) fn new() -> Copier {
        Copier {
            process: sys::process(),
            memory: None,
            refused: false,
        }
    }

    /// Copies as much as there is from `from` on, up to the first page that
    /// can not be read; how many bytes that is.
    pub(crate) fn read(&mut self, from: u64, into: &mut [u8]) -> usize {
        if !self.refused {
            match self.through_call(from, into) {
                Err(libc::ENOSYS | libc::EPERM) => self.refused = true,
                answer => return answer.unwrap_or(0),
            }
        }
        if self.memory.is_none() {
            self.memory = File::open(b"/proc/self/mem\0").ok();
        }
        match &self.memory {
            Some(file) => file.read_at(into, from).unwrap_or(0),
            None => 0,
        }
    }

    fn through_call(&self, from: u64, into: &mut [u8]) -> sys::Answer {
        let local = [into.as_mut_ptr() as usize, into.len()];
        let remote = [from as usize, into.len()];
        // SAFETY: the kernel writes within the slice; it checks the source.
        unsafe {
            sys::call(
                libc::SYS_process_vm_readv,
                [
                    self.process,
                    local.as_ptr() as usize,
                    1,
                    remote.as_ptr() as usize,
                    1,
                    0,
                ],
            )
        }
    }

    /// Reads words into `words`; whether all could be read.
    pub(crate) fn words<const N: usize>(&mut self, from: u64) -> Option<[u64; N]> {
        let mut words = [0u64; N];
        // SAFETY: the words as bytes; any bytes are words.
        let bytes =
            unsafe { core::slice::from_raw_parts_mut(words.as_mut_ptr().cast::<u8>(), N * 8) };
        (self.read(from, bytes) == N * 8).then_some(words)
    }

    /// Copies `start..end` in chunks of at most `buffer`, and gives each to
    /// `each`; pages that can not be read are left out. How many bytes were
    /// left out.
    pub(crate) fn chunks(
        &mut self,
        start: u64,
        end: u64,
        buffer: &mut [u8],
        each: &mut dyn FnMut(&[u8]),
    ) -> u64 {
        let mut from = start;
        let mut missing = 0;
        while from < end {
            let want = (end - from).min(buffer.len() as u64) as usize;
            let got = self.read(from, &mut buffer[..want]);
            if got > 0 {
                each(&buffer[..got]);
                from += got as u64;
            } else {
                let next = ((from & !(PAGE - 1)) + PAGE).min(end);
                missing += next - from;
                from = next;
            }
        }
        missing
    }
}
