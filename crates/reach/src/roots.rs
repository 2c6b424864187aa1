//! From which memory pointers count.
//!
//! Roots are the pages that hold anything ([`crate::residency`]) minus the
//! *cuts* (our own memory, heaps of glibc, what lies below stack pointers)
//! minus the pages of other allocators minus the blocks.

use crate::memory::{List, PAGE, Plain};
use crate::pages::Index;
use crate::residency::{BACKED, COPY, ROOT, Run};
use crate::{Error, Range, ThreadStack};

/// Ranges that are no roots.
pub(crate) struct Cuts(List<Range>);

// SAFETY: two integers.
unsafe impl Plain for Range {}

impl Cuts {
    pub(crate) fn new() -> Result<Cuts, Error> {
        List::new(256).map(Cuts)
    }

    pub(crate) fn add(&mut self, start: u64, end: u64) -> Result<(), Error> {
        if start < end {
            self.0.push(Range { start, end })?;
        }
        Ok(())
    }

    /// Sorts and joins.
    pub(crate) fn finish(&mut self) {
        self.0.sort_unstable_by_key(|range| range.start);
        let mut kept = 0;
        for i in 0..self.0.len() {
            let range = self.0[i];
            if kept > 0 && range.start <= self.0[kept - 1].end {
                self.0[kept - 1].end = self.0[kept - 1].end.max(range.end);
            } else {
                self.0[kept] = range;
                kept += 1;
            }
        }
        self.0.truncate(kept);
    }

    /// Gives what of `start..end` is not cut. Only after [`Cuts::finish`].
    fn rest(&self, start: u64, end: u64, each: &mut dyn FnMut(u64, u64)) {
        let mut from = start;
        let first = self.0.partition_point(|range| range.end <= start);
        for range in &self.0[first..] {
            if range.start >= end {
                break;
            }
            if range.start > from {
                each(from, range.start);
            }
            from = from.max(range.end);
        }
        if from < end {
            each(from, end);
        }
    }
}

/// The run that holds an address.
pub(crate) fn run_of(runs: &[Run], address: u64) -> Option<&Run> {
    let after = runs.partition_point(|run| run.start <= address);
    let run = runs.get(after.checked_sub(1)?)?;
    (address < run.end).then_some(run)
}

/// Cuts what lies below the stack pointer of the scanning thread, and the
/// stacks of threads that ended.
///
/// Neighbouring mappings can be joined by the kernel, so a mapping says nothing
/// about where a stack begins. But below the deepest use of a stack there is
/// an untouched page or a guard, and that ends the run.
pub(crate) fn cut_stacks(
    runs: &[Run],
    stack_pointer: u64,
    threads: &[ThreadStack],
    index: &Index,
    cuts: &mut Cuts,
) -> Result<(), Error> {
    let alive = |from: u64, to: u64| {
        let others = threads.iter().filter(|thread| thread.alive);
        let mut pointers = others.map(|thread| thread.stack_pointer);
        pointers.any(|pointer| (from..to).contains(&pointer))
    };
    // A stack that the program allocated is a block, and no mapping of its own.
    let cut = |cuts: &mut Cuts, pointer: u64, top: u64| -> Result<(), Error> {
        let run = match run_of(runs, pointer) {
            Some(run) if index.holder(pointer).is_none() => run,
            _ => return Ok(()),
        };
        let end = top.clamp(pointer, run.end);
        let others = stack_pointer != pointer && (run.start..end).contains(&stack_pointer);
        if others || alive(run.start, end) {
            return Ok(());
        }
        cuts.add(run.start, end)
    };
    cut(cuts, stack_pointer, stack_pointer)?;
    for thread in threads.iter().filter(|thread| !thread.alive) {
        cut(cuts, thread.stack_pointer, thread.top)?;
    }
    Ok(())
}

/// Gives each piece of root memory, and whether it must be copied to be read.
pub(crate) fn each(
    runs: &[Run],
    cuts: &Cuts,
    index: &Index,
    holes_are_roots: bool,
    each: &mut dyn FnMut(u64, u64, bool),
) {
    for run in runs.iter().filter(|run| run.flags & ROOT != 0) {
        let copy = run.flags & COPY != 0;
        cuts.rest(run.start, run.end, &mut |start, end| {
            if holes_are_roots || run.flags & BACKED != 0 {
                between_blocks(index, start, end, &mut |start, end| each(start, end, copy));
            } else {
                other_pages(index, start, end, &mut |start, end| each(start, end, copy));
            }
        });
    }
}

/// The pages of `start..end` that no allocator uses.
fn other_pages(index: &Index, start: u64, end: u64, each: &mut dyn FnMut(u64, u64)) {
    let mut from = start;
    let mut address = start;
    while address < end {
        let next = ((address & !(PAGE - 1)) + PAGE).min(end);
        if index.is_allocator_page(address) {
            if from < address {
                each(from, address);
            }
            from = next;
        }
        address = next;
    }
    if from < end {
        each(from, end);
    }
}

/// What of `start..end` is in no block.
pub(crate) fn between_blocks(index: &Index, start: u64, end: u64, each: &mut dyn FnMut(u64, u64)) {
    let mut from = start;
    // A block that reaches over `start`, and those around it.
    if index.nested() {
        from = outermost_end(index, start);
    } else if let Some(i) = index.holder(start) {
        from = index.entries[i as usize].end();
    }
    let next = index.entries.partition_point(|entry| entry.start() < start);
    for entry in &index.entries[next..] {
        if entry.start() >= end {
            break;
        }
        if entry.start() > from {
            each(from, entry.start());
        }
        from = from.max(entry.end());
    }
    if from < end {
        each(from, end);
    }
}

/// The end of the blocks around `address`, itself when there are none.
fn outermost_end(index: &Index, address: u64) -> u64 {
    let mut end = address;
    let mut next = index.holder(address);
    while let Some(i) = next {
        end = end.max(index.entries[i as usize].end());
        next = Some(index.parent(i)).filter(|&parent| parent != crate::pages::NONE);
    }
    end
}

#[cfg(test)]
#[path = "roots_tests.rs"]
mod tests;
