//! From block to block, until nothing new is reached.

use crate::mark::{Marker, prefetch};
use crate::pages::{DIRECT, Entry, Index};
use crate::residency::{COPY, ROOT, Run};
use crate::roots;

/// How many blocks ahead of their turn contents are asked for.
const AHEAD: usize = 16;

impl Marker<'_> {
    /// Follows all that was reached, until nothing new is.
    pub(crate) fn drain(&mut self) {
        loop {
            while let Some(i) = self.work.pop() {
                // A block that was pushed long ago is in no cache any more.
                if let Some(ahead) = self.work.len().checked_sub(AHEAD) {
                    let entries = &self.index.entries;
                    prefetch(entries[self.work[ahead] as usize].start() as *const u8);
                    if let Some(further) = ahead.checked_sub(AHEAD) {
                        let entry = entries.as_ptr().wrapping_add(self.work[further] as usize);
                        prefetch(entry.cast());
                    }
                }
                self.block(i);
            }
            if self.gathered == 0 {
                return;
            }
            self.look_up();
        }
    }

    /// Scans the contents of a block; what lies in a block inside it counts as
    /// that one's.
    fn block(&mut self, i: u32) {
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

/// Flags the blocks that lie wholly in memory that can be read directly.
pub(crate) fn flag_direct(index: &mut Index, runs: &[Run]) {
    let mut runs = runs.iter().filter(|run| run.flags & (COPY | ROOT) == ROOT);
    let mut run = runs.next();
    for entry in index.entries.iter_mut() {
        while let Some(at) = run
            && at.end <= entry.start()
        {
            run = runs.next();
        }
        if run.is_some_and(|run| run.start <= entry.start() && entry.end() <= run.end) {
            entry.set(DIRECT);
        }
    }
}
