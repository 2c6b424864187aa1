//! Which memory belongs to glibc's allocator.
//!
//! What lies there outside live blocks was freed: a stale pointer in it must
//! not hide a leak. The heap of the main arena is the kernel's `[heap]`. Other
//! arenas have heaps of up to 64 MiB, aligned so, each with a header:
//!
//! ```text
//! +0 arena   +8 previous heap or 0   +16 size   +24 size made accessible
//! ```
//! and the first heap of an arena has the arena itself right behind that.

use crate::Error;
use crate::copy::Copier;
use crate::maps::{HEAP, Maps, WRITE};
use crate::memory::{List, PAGE};
use crate::roots::Cuts;

/// `HEAP_MAX_SIZE`: 2 * `DEFAULT_MMAP_THRESHOLD_MAX` on 64-bit machines.
const HEAP_BITS: u32 = 26;
const HEAP_SIZE: u64 = 1 << HEAP_BITS;

/// Which 64 MiB pieces of the address space hold a block of glibc, live or
/// released.
pub(crate) struct Pieces(List<u64>);

impl Pieces {
    pub(crate) fn new() -> Result<Pieces, Error> {
        List::zeroed(1 << (47 - HEAP_BITS - 6)).map(Pieces)
    }

    pub(crate) fn add(&mut self, address: u64) {
        let piece = address >> HEAP_BITS;
        if let Some(word) = self.0.get_mut(piece as usize / 64) {
            *word |= 1 << (piece % 64);
        }
    }

    /// Whether glibc has any block at all.
    pub(crate) fn any(&self) -> bool {
        self.0.iter().any(|&word| word != 0)
    }

    fn holds_any(&self, start: u64, end: u64) -> bool {
        (start >> HEAP_BITS..=(end - 1) >> HEAP_BITS).any(|piece| {
            let word = self.0.get(piece as usize / 64);
            word.is_some_and(|word| word >> (piece % 64) & 1 != 0)
        })
    }

    /// The start of each piece that holds a block.
    fn each(&self) -> impl Iterator<Item = u64> {
        self.0.iter().enumerate().flat_map(|(i, &word)| {
            (0..64u64)
                .filter(move |bit| word >> bit & 1 != 0)
                .map(move |bit| (i as u64 * 64 + bit) << HEAP_BITS)
        })
    }
}

/// Cuts glibc's heaps out of the roots. How many there are.
pub(crate) fn cut_heaps(
    pieces: &Pieces,
    maps: &Maps,
    heap_start: Option<u64>,
    copier: &mut Copier,
    cuts: &mut Cuts,
) -> Result<u32, Error> {
    let mut heaps = 0;
    for mapping in maps.list.iter().filter(|mapping| mapping.has(HEAP)) {
        let start = mapping.start.max(heap_start.unwrap_or(u64::MAX));
        if start < mapping.end && pieces.holds_any(start, mapping.end) {
            cuts.add(start, mapping.end)?;
            heaps += 1;
        }
    }
    for base in pieces.each() {
        if let Some(size) = heap_size(base, maps, copier) {
            cuts.add(base, base + size)?;
            heaps += 1;
        }
    }
    Ok(heaps)
}

/// The size of the heap at `base`, if there is one.
fn heap_size(base: u64, maps: &Maps, copier: &mut Copier) -> Option<u64> {
    let after = maps.list.partition_point(|mapping| mapping.start <= base);
    let mapping = maps.list.get(after.checked_sub(1)?)?;
    // Its first pages are one mapping from `base` on, or joined with another.
    if mapping.end <= base || !mapping.has(WRITE) {
        return None;
    }
    let [arena, previous, size, accessible] = copier.words(base)?;
    let sizes = size <= accessible && accessible <= HEAP_SIZE && (size | accessible) % PAGE == 0;
    let fits = size != 0 && base + size <= mapping.end;
    // The header is 32 bytes, from glibc 2.35 on 48.
    let first = previous == 0 && (arena.wrapping_sub(base) == 32 || arena.wrapping_sub(base) == 48);
    let later = previous != 0
        && previous % HEAP_SIZE == 0
        && arena % HEAP_SIZE <= 48
        && copier.words(previous) == Some([arena]);
    (sizes && fits && (first || later)).then_some(size)
}
