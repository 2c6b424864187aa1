//! Which pages hold anything, found out without touching them.
//!
//! Reserved address space can be terabytes; pages that were never written hold
//! no pointer. Three sources, best first: the `PAGEMAP_SCAN` call (Linux 6.7),
//! which answers with ranges; `/proc/self/pagemap`, one word for each page;
//! `mincore`, which does not know about swap.

use crate::Error;
use crate::maps::{DEVICE, FILE, Mapping, READ, SHARED, WRITE};
use crate::memory::{List, PAGE, Plain, Region};
use crate::sys::{self, File};

/// Pages in a row that hold something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) flags: u64,
}

// SAFETY: three integers.
unsafe impl Plain for Run {}

/// Reading directly could fault: the page is in swap (or is a guard that looks
/// so), or its file may be shorter than the mapping.
pub(crate) const COPY: u64 = 1;
/// Pointers in it count, unless a block lies there.
pub(crate) const ROOT: u64 = 2;
/// Part of a file mapping: a variable of the program is never taken for the
/// waste of an allocator.
pub(crate) const BACKED: u64 = 4;

/// Where the knowledge came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The `PAGEMAP_SCAN` call.
    Scan,
    /// The words of `/proc/self/pagemap`.
    Pagemap,
    /// `mincore`: pages in swap were not seen.
    Mincore,
}

/// The pages that hold anything, of all mappings that can be read.
pub(crate) struct Residency {
    pub(crate) runs: List<Run>,
    pub(crate) source: Source,
    pagemap: Option<File>,
    buffer: Region,
}

/// Bits of a page in `PAGEMAP_SCAN`.
const IS_FILE: u64 = 1 << 2;
const IS_PRESENT: u64 = 1 << 3;
const IS_SWAPPED: u64 = 1 << 4;
const IS_ZERO_PAGE: u64 = 1 << 5;
/// `_IOWR('f', 16, [u64; 12])`
const PAGEMAP_SCAN: usize = 3 << 30 | 96 << 16 | 0x66 << 8 | 16;

/// Bits of a word of `/proc/self/pagemap`.
const WORD_PRESENT: u64 = 1 << 63;
const WORD_SWAPPED: u64 = 1 << 62;
const WORD_FILE: u64 = 1 << 61;
const WORD_GUARD: u64 = 1 << 58;

impl Residency {
    /// Looks at all mappings.
    pub(crate) fn of(mappings: &[Mapping]) -> Result<Residency, Error> {
        Residency::with(mappings, Source::Scan)
    }

    /// The same with the given source, or the next worse that works.
    pub(crate) fn with(mappings: &[Mapping], source: Source) -> Result<Residency, Error> {
        let pagemap = match source {
            Source::Mincore => None,
            _ => File::open(b"/proc/self/pagemap\0").ok(),
        };
        let mut this = Residency {
            runs: List::new(4096)?,
            source: if pagemap.is_some() {
                source
            } else {
                Source::Mincore
            },
            pagemap,
            buffer: Region::new(64 << 10)?,
        };
        for mapping in mappings {
            if mapping.has(READ) && !mapping.has(DEVICE) {
                this.look(mapping)?;
            }
        }
        Ok(this)
    }

    fn look(&mut self, mapping: &Mapping) -> Result<(), Error> {
        let mut flags = ROOT;
        if mapping.has(FILE) {
            flags |= BACKED | COPY;
        }
        if mapping.has(SHARED) {
            // A fork does not copy the page table of shared memory, so that
            // only the page cache can say what holds something.
            let blocks_only = if mapping.has(WRITE) {
                flags
            } else {
                flags & !ROOT
            };
            return self.mincore(mapping, blocks_only | COPY);
        }
        let before = self.runs.len();
        if self.source == Source::Scan {
            match self.scan(mapping, flags) {
                Err(Error::Maps(_)) => self.source = Source::Pagemap,
                answer => return answer,
            }
        }
        self.runs.truncate(before);
        if self.source == Source::Pagemap {
            match self.words(mapping, flags) {
                Err(Error::Maps(_)) => self.source = Source::Mincore,
                answer => return answer,
            }
        }
        self.runs.truncate(before);
        // Whether a page of a file was written is not known here: a text
        // segment holds no pointer to a block.
        if mapping.has(FILE) && !mapping.has(WRITE) {
            return Ok(());
        }
        self.mincore(mapping, flags)
    }

    /// Appends a run, joined with the last one where it can be.
    fn push(&mut self, start: u64, end: u64, flags: u64) -> Result<(), Error> {
        if let Some(last) = self.runs.last_mut()
            && last.end == start
            && last.flags == flags
        {
            last.end = end;
            return Ok(());
        }
        self.runs.push(Run { start, end, flags })
    }

    /// `PAGEMAP_SCAN`. [`Error::Maps`] when the kernel has no such call.
    fn scan(&mut self, mapping: &Mapping, flags: u64) -> Result<(), Error> {
        let Some(file) = &self.pagemap else {
            return Err(Error::Maps(libc::ENOENT));
        };
        let descriptor = file.0;
        let capacity = self.buffer.len() / 24;
        // Pages of a private file mapping that were never written are the
        // file's own, and hold no pointer to a block.
        let mask = IS_ZERO_PAGE | if mapping.has(FILE) { IS_FILE } else { 0 };
        let mut from = mapping.start;
        while from < mapping.end {
            let mut argument: [u64; 12] = [
                96,
                0,
                from,
                mapping.end,
                0,
                self.buffer.address(),
                capacity as u64,
                0,
                mask,
                mask,
                IS_PRESENT | IS_SWAPPED,
                IS_SWAPPED,
            ];
            // SAFETY: the argument is laid out as the kernel's `pm_scan_arg`,
            // and its vector is our buffer with room for `capacity` ranges.
            let found = unsafe {
                sys::call(
                    libc::SYS_ioctl,
                    [
                        descriptor,
                        PAGEMAP_SCAN,
                        argument.as_mut_ptr() as usize,
                        0,
                        0,
                        0,
                    ],
                )
            }
            .map_err(Error::Maps)?;
            for i in 0..found.min(capacity) {
                let [start, end, categories] = self.range(i);
                let copy = if categories & IS_SWAPPED != 0 {
                    COPY
                } else {
                    0
                };
                self.push(start, end, flags | copy)?;
            }
            let walked = argument[4];
            if walked <= from {
                break;
            }
            from = walked;
        }
        Ok(())
    }

    /// Range `i` that the kernel wrote to the buffer.
    fn range(&self, i: usize) -> [u64; 3] {
        core::array::from_fn(|word| self.word(i * 3 + word))
    }

    fn word(&self, i: usize) -> u64 {
        let bytes = self.buffer.bytes()[i * 8..].first_chunk();
        bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    /// One word for each page.
    fn words(&mut self, mapping: &Mapping, flags: u64) -> Result<(), Error> {
        let mut from = mapping.start;
        while from < mapping.end {
            let Some(file) = &self.pagemap else {
                return Err(Error::Maps(libc::ENOENT));
            };
            let pages = ((mapping.end - from) / PAGE).min(self.buffer.len() as u64 / 8) as usize;
            let into = &mut self.buffer.bytes_mut()[..pages * 8];
            let read = file.read_at(into, from / PAGE * 8).map_err(Error::Maps)?;
            if read < 8 {
                return Err(Error::Maps(libc::EIO));
            }
            for i in 0..read / 8 {
                let word = self.word(i);
                let held = word & (WORD_PRESENT | WORD_SWAPPED) != 0 && word & WORD_GUARD == 0;
                if held && !(mapping.has(FILE) && word & WORD_FILE != 0) {
                    let start = from + i as u64 * PAGE;
                    let copy = if word & WORD_SWAPPED != 0 { COPY } else { 0 };
                    self.push(start, start + PAGE, flags | copy)?;
                }
            }
            from += read as u64 / 8 * PAGE;
        }
        Ok(())
    }

    /// One byte for each page.
    fn mincore(&mut self, mapping: &Mapping, flags: u64) -> Result<(), Error> {
        let mut from = mapping.start;
        while from < mapping.end {
            let pages = ((mapping.end - from) / PAGE).min(self.buffer.len() as u64);
            let end = from + pages * PAGE;
            // SAFETY: the buffer has a byte for each page; the range itself is
            // only looked up.
            let answer = unsafe {
                sys::call(
                    libc::SYS_mincore,
                    [
                        from as usize,
                        (end - from) as usize,
                        self.buffer.address() as usize,
                        0,
                        0,
                        0,
                    ],
                )
            };
            match answer {
                Ok(_) => {
                    for i in 0..pages {
                        if self.buffer.bytes()[i as usize] & 1 != 0 {
                            let start = from + i * PAGE;
                            self.push(start, start + PAGE, flags)?;
                        }
                    }
                }
                // Nobody knows: read all of it, with care.
                Err(_) => self.push(from, end, flags | COPY)?,
            }
            from = end;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "residency_tests.rs"]
mod tests;
