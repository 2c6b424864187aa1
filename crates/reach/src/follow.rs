//! From block to block, until nothing new is reached.

use crate::mark::Marker;
use crate::memory::prefetch;
use crate::pages::{DIRECT, Entry, Index};
use crate::residency::{COPY, ROOT, Run};
use crate::roots;

/// Blocks taken off the stack at once.
pub(crate) const ROUND: usize = 128;
/// Blocks that are asked for ahead of the one that is read.
const DISTANCE: usize = 16;
/// Bytes asked for of each.
const AHEAD: u64 = 256;
const LINE: u64 = 64;

impl Marker<'_> {
    /// Follows all that was reached, until nothing new is.
    ///
    /// The latest blocks are taken off the stack many at once, so that their
    /// contents can be asked for well before they are read.
    pub(crate) fn drain(&mut self) {
        loop {
            let left = self.work.len().saturating_sub(ROUND);
            let count = self.work.len() - left;
            if count == 0 {
                if self.gathered > 0 {
                    self.look_up();
                } else if !self.look_up_far() {
                    return;
                }
                continue;
            }
            let index = self.index;
            for i in 0..count {
                let item = self.work[left + i];
                self.round[i] = item;
                if let Err(block) = item.place() {
                    prefetch(index.entries.as_ptr().wrapping_add(block as usize).cast());
                }
            }
            self.work.truncate(left);
            for i in 0..count.min(DISTANCE) {
                self.ask(i);
            }
            for i in 0..count {
                if i + DISTANCE < count {
                    self.ask(i + DISTANCE);
                }
                match self.round[i].place() {
                    Ok((start, words)) => {
                        self.block_bytes += words * 8;
                        // SAFETY: only blocks that can be read directly are
                        // held by granules.
                        unsafe { self.plain_words(start as *const u64, words as usize) };
                    }
                    Err(block) => self.block(block),
                }
            }
        }
    }

    /// Asks for the contents of a block of the round.
    #[inline]
    fn ask(&self, i: usize) {
        match self.round[i].place() {
            Ok((start, words)) => ask(start, words * 8),
            Err(block) => {
                let entry = &self.index.entries[block as usize];
                ask(entry.start(), entry.size);
            }
        }
    }

    /// Scans the contents of a block; what lies in a block inside it counts as
    /// that one's.
    pub(crate) fn block(&mut self, i: u32) {
        let index = self.index;
        let entry = index.entries[i as usize];
        self.block_bytes += entry.size;
        let inner = index.nested()
            && index
                .entries
                .get(i as usize + 1)
                .is_some_and(|next| next.start() < entry.end());
        if !inner {
            self.part(&entry, entry.start(), entry.end());
            return;
        }
        let mut from = entry.start();
        for other in &index.entries[i as usize + 1..] {
            if other.start() >= entry.end() {
                break;
            }
            if other.start() > from {
                self.part(&entry, from, other.start());
            }
            from = from.max(other.end());
        }
        if from < entry.end() {
            self.part(&entry, from, entry.end());
        }
    }

    /// Scans a part of a block, where there is anything to read.
    fn part(&mut self, entry: &Entry, start: u64, end: u64) {
        if entry.has(DIRECT) {
            // SAFETY: the flag says that one run, read directly, holds all.
            unsafe { self.words(start, end) };
            return;
        }
        let runs = self.runs;
        let first = runs.partition_point(|run| run.end <= start);
        for run in &runs[first..] {
            if run.start >= end {
                break;
            }
            let (from, to) = (run.start.max(start), run.end.min(end));
            // SAFETY: a part of a run, copied when the run says so.
            unsafe { self.memory(from, to, run.flags & COPY != 0) };
        }
    }

    /// Scans everything that [`roots::each`] gives. How many bytes that was.
    pub(crate) fn roots(&mut self, cuts: &roots::Cuts, holes_are_roots: bool) -> u64 {
        let mut bytes = 0;
        let (runs, index) = (self.runs, self.index);
        roots::each(
            runs,
            cuts,
            index,
            holes_are_roots,
            &mut |start, end, copy| {
                bytes += end - start;
                // SAFETY: a part of a run, copied when the run says so.
                unsafe { self.memory(start, end, copy) };
            },
        );
        bytes
    }
}

/// Asks for the first bytes of a block.
#[inline]
fn ask(start: u64, size: u64) {
    let end = start + size.min(AHEAD);
    let mut line = start & !(LINE - 1);
    while line < end {
        prefetch(line as *const u8);
        line += LINE;
    }
}

/// Flags the blocks that lie wholly in memory that can be read directly.
pub(crate) fn flag_direct(index: &mut Index, runs: &[Run]) {
    let mut runs = runs.iter().filter(|run| run.flags & (COPY | ROOT) == ROOT);
    let mut run = runs.next();
    for i in 0..index.entries.len() {
        let entry = &mut index.entries[i];
        while let Some(at) = run
            && at.end <= entry.start()
        {
            run = runs.next();
        }
        if run.is_some_and(|run| run.start <= entry.start() && entry.end() <= run.end) {
            entry.set(DIRECT);
            index.hold(i);
        }
    }
}
