//! The bookkeeping of glibc's main arena, which is a variable of the C library.
//!
//! It points to free chunks. But a chunk begins with the last word of the
//! block in front of it, if that is in use:
//!
//! ```text
//!   | size | block ............ | size | free
//!                        ^ what glibc calls the address of the free chunk
//! ```
//! so that each block in front of free memory would seem to be held by a
//! pointer into its middle. The arena has no symbol; it is known by its bins,
//! most of which are empty and then point to themselves.

use crate::copy::Copier;
use crate::maps::{DEVICE, FILE, Mapping, READ, SHARED, WRITE};
use crate::memory::Region;
use crate::{Error, Range};

/// Offsets in `struct malloc_state`, from glibc 2.26 on.
const FAST_BINS: u64 = 16;
const TOP: u64 = 96;
const BINS: u64 = 112;
const BIN_COUNT: u64 = 127;
const NEXT: u64 = 2160;
const SYSTEM: u64 = 2184;
const SIZE: u64 = 2200;

/// Larger mappings are no C library's.
const MOST: u64 = 1 << 20;

/// Finds the arena's pointers to chunks.
pub(crate) fn main_arena(
    mappings: &[Mapping],
    copier: &mut Copier,
) -> Result<Option<Range>, Error> {
    let mut text = Region::new(MOST as usize)?;
    for mapping in mappings {
        let size = mapping.end - mapping.start;
        let variables = mapping.has(READ | WRITE | FILE)
            && mapping.flags & (SHARED | DEVICE) == 0
            && (SIZE..=MOST).contains(&size);
        if variables {
            let bytes = &mut text.bytes_mut()[..size as usize];
            let read = copier.read(mapping.start, bytes);
            if let Some(offset) = find(&bytes[..read], mapping.start) {
                let arena = mapping.start + offset;
                return Ok(Some(Range {
                    start: arena + FAST_BINS,
                    end: arena + NEXT,
                }));
            }
        }
    }
    Ok(None)
}

/// The offset of the arena in `bytes`, which come from address `base`.
fn find(bytes: &[u8], base: u64) -> Option<u64> {
    let words = bytes.len() as u64 / 8;
    let mut i = 0;
    while i + 1 < words {
        if is_empty_bin(bytes, base, i * 8) {
            // Which bin this is, is not known.
            let first = i * 8;
            let starts = (0..BIN_COUNT).filter_map(|bin| first.checked_sub(bin * 16 + BINS));
            if let Some(arena) = starts.into_iter().find(|&at| is_arena(bytes, base, at)) {
                return Some(arena);
            }
        }
        i += 1;
    }
    None
}

fn word(bytes: &[u8], offset: u64) -> Option<u64> {
    let chunk = bytes.get(offset as usize..)?.first_chunk()?;
    Some(u64::from_le_bytes(*chunk))
}

/// A bin is the two links of a chunk; the rest of the chunk is imagined.
fn is_empty_bin(bytes: &[u8], base: u64, offset: u64) -> bool {
    let itself = Some((base + offset).wrapping_sub(16));
    word(bytes, offset) == itself && word(bytes, offset + 8) == itself
}

fn is_arena(bytes: &[u8], base: u64, at: u64) -> bool {
    let field = |offset| word(bytes, at + offset);
    let (Some(next), Some(system), Some(most)) = (field(NEXT), field(SYSTEM), field(SYSTEM + 8))
    else {
        return false;
    };
    // The ring of arenas: alone, or the arena of a thread, which lies at the
    // start of a heap.
    let ring = next == base + at || matches!(next % (64 << 20), 32 | 48);
    let empty = (0..BIN_COUNT).filter(|bin| is_empty_bin(bytes, base, at + BINS + bin * 16));
    ring && system <= most && system % 4096 == 0 && field(TOP).is_some() && empty.count() > 32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An arena at `at` whose first `used` bins hold chunks.
    fn bytes(at: u64, used: u64, next: u64) -> Vec<u8> {
        let base = 0x7000_0000_0000;
        let mut bytes = vec![0; 8192];
        let mut put = |offset: u64, value: u64| {
            bytes[offset as usize..][..8].copy_from_slice(&value.to_le_bytes());
        };
        for bin in 0..BIN_COUNT {
            let place = at + BINS + bin * 16;
            let value = if bin < used {
                0x5555_0000_0000
            } else {
                base + place - 16
            };
            put(place, value);
            put(place + 8, value);
        }
        put(at + NEXT, next);
        put(at + SYSTEM, 0x21000);
        put(at + SYSTEM + 8, 0x21000);
        bytes
    }

    #[test]
    fn finds_an_arena_by_its_empty_bins() {
        let base = 0x7000_0000_0000;
        for used in [0, 1, 5, 60] {
            let alone = bytes(1024, used, base + 1024);
            assert_eq!(find(&alone, base), Some(1024));
            let with_threads = bytes(1024, used, 0x7f00_0000_0030);
            assert_eq!(find(&with_threads, base), Some(1024));
        }
    }

    #[test]
    fn takes_nothing_else_for_one() {
        let base = 0x7000_0000_0000;
        assert_eq!(find(&bytes(1024, 0, base + 1000), base), None);
        assert_eq!(find(&bytes(1024, 120, base + 1024), base), None);
        assert_eq!(find(&bytes(1024, 0, base + 1024), base + 8), None);
        assert_eq!(find(&bytes(1024, 0, base + 1024)[..3000], base), None);
        assert_eq!(find(&[], base), None);
    }
}
