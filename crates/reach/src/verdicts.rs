//! From pointers to verdicts.

use crate::Error;
use crate::mark::{Interior, Marker};
use crate::memory::{Bits, ones};
use crate::pages::Index;
use freehold_ledger::format::Verdict;

/// What became of all blocks.
pub(crate) struct Verdicts {
    /// Held by a pointer to the start, from something held.
    held: Bits,
    /// That, or reached through at least one interior pointer.
    possible: Bits,
    /// Of the rest: led to by no other.
    leaders: Bits,
}

impl Verdicts {
    /// Judges. The marker has seen the roots.
    pub(crate) fn of(index: &Index, marker: &mut Marker) -> Result<Verdicts, Error> {
        let len = index.entries.len();
        let mut held = Bits::new(len)?;
        let mut possible = Bits::new(len)?;
        let mut leaders = Bits::new(len)?;
        marker.drain();
        held.copy_from(&marker.marked);

        marker.interior(Interior::Followed);
        for word in 0..marker.noted.words() {
            for bit in ones(marker.noted.word(word) & !held.word(word)) {
                marker.mark((word * 64) as u32 + bit);
            }
        }
        marker.drain();
        possible.copy_from(&marker.marked);
        lead(len, marker, &mut leaders)?;
        Ok(Verdicts {
            held,
            possible,
            leaders,
        })
    }

    /// The verdict on block `i`.
    pub(crate) fn get(&self, i: usize) -> Verdict {
        if self.held.get(i) {
            Verdict::Reachable
        } else if self.possible.get(i) {
            Verdict::Possible
        } else if self.leaders.get(i) {
            Verdict::Lost
        } else {
            Verdict::Indirect
        }
    }
}

/// Finds those leftovers from which all others are led to, and which no other
/// leads to but in a circle; of a circle, the lowest address.
///
/// Most are those that nothing points to, which are found and followed all
/// together. What is left then hangs on circles.
fn lead(len: usize, marker: &mut Marker, leaders: &mut Bits) -> Result<(), Error> {
    let mut known = Bits::new(len)?;
    known.copy_from(&marker.marked);
    if !marker.index.nested() {
        let left = |word: usize| !known.word(word) & last_bits(len, word);
        for word in 0..known.words() {
            marker.point_from(word, left(word));
        }
        marker.points_end();
        for word in 0..known.words() {
            leaders.put(word, left(word) & !marker.marked.word(word));
        }
        marker.unmark(&known);
        for word in 0..leaders.words() {
            for bit in ones(leaders.word(word)) {
                marker.mark((word * 64) as u32 + bit);
            }
        }
        marker.drain();
        known.copy_from(&marker.marked);
    }
    let mut circles = Bits::new(len)?;
    lead_circles(len, marker, &known, &mut circles);
    for word in 0..leaders.words() {
        leaders.put(word, leaders.word(word) | circles.word(word));
    }
    Ok(())
}

/// The same for what is not `known`, block by block.
///
/// The first round, in order of addresses, starts from each block that was not
/// led to so far. A later start can lead to an earlier one but not the other
/// way, so a second round in reverse order drops exactly those starts that
/// some other start leads to.
fn lead_circles(len: usize, marker: &mut Marker, known: &Bits, leaders: &mut Bits) {
    for word in 0..known.words() {
        // Looked at again after each, which can lead to others of the word.
        while let left = !marker.marked.word(word) & last_bits(len, word)
            && left != 0
        {
            let i = word * 64 + left.trailing_zeros() as usize;
            leaders.set(i);
            marker.mark(i as u32);
            marker.drain();
        }
    }
    marker.unmark(known);
    for word in (0..leaders.words()).rev() {
        let mut left = leaders.word(word);
        while left != 0 {
            let bit = 63 - left.leading_zeros() as usize;
            left &= !(1 << bit);
            let i = word * 64 + bit;
            if marker.marked.get(i) {
                leaders.clear(i);
            } else {
                marker.mark(i as u32);
                marker.drain();
            }
        }
    }
}

/// The bits of a word that stand for any of `len` blocks.
fn last_bits(len: usize, word: usize) -> u64 {
    match len - word * 64 {
        rest @ 0..64 => (1 << rest) - 1,
        _ => u64::MAX,
    }
}
