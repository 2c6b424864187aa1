//! From pointers to verdicts.

use crate::Error;
use crate::mark::{Interior, Marker};
use crate::memory::Bits;
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
            let mut seeds = marker.noted.word(word) & !held.word(word);
            while seeds != 0 {
                marker.mark((word * 64) as u32 + seeds.trailing_zeros());
                seeds &= seeds - 1;
            }
        }
        marker.drain();
        possible.copy_from(&marker.marked);
        lead(len, marker, &possible, &mut leaders);
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
/// The first round, in order of addresses, starts from each block that was not
/// led to so far. A later start can lead to an earlier one but not the other
/// way, so a second round in reverse order drops exactly those starts that
/// some other start leads to.
fn lead(len: usize, marker: &mut Marker, possible: &Bits, leaders: &mut Bits) {
    for i in 0..len {
        if !marker.marked.get(i) {
            leaders.set(i);
            marker.mark(i as u32);
            marker.drain();
        }
    }
    marker.marked.copy_from(possible);
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
