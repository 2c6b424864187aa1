//! The process-wide cache of rules.
//!
//! One atomic word holds a rule and what is left of its address:
//!
//! ```text
//!  63               32 31           0
//! +-------------------+--------------+
//! | rule              | tag          |     index: 15 bits
//! +-------------------+--------------+
//! ```
//!
//! Index and tag together are the 47 bits of a user address, multiplied by an
//! odd number, which can be undone: no two addresses share index and tag. (In a
//! 32-bit program the tag alone is.) A word is read and written whole, so racing
//! writers cannot make a wrong rule.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use crate::rule::{Kind, Rule};
use crate::{WORD, rules};

const ADDRESS_BITS: u32 = 47;
/// The greatest address that may be code. In 32-bit programs a system may give
/// them all.
const LAST_CODE: u64 = if WORD == 8 {
    (1 << ADDRESS_BITS) - 1
} else {
    u32::MAX as u64
};
const INDEX_BITS: u32 = ADDRESS_BITS - 32;
/// Odd, so that multiplication modulo 2^47 is a bijection.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

static TABLE: [AtomicU64; 1 << INDEX_BITS] = [const { AtomicU64::new(0) }; 1 << INDEX_BITS];
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Counts calls of [`flush_rules`].
#[inline(always)]
pub(crate) fn generation() -> u32 {
    // Relaxed: a thread that has not yet seen a flush behaves as if it had
    // captured just before it.
    GENERATION.load(Ordering::Relaxed)
}

/// Index and tag.
#[inline(always)]
fn place(address: usize) -> (usize, u32) {
    // The low 47 bits of the product, shifted up so that one shift gives the
    // index: it is on the path from each frame to the next.
    let shifted = (address as u64).wrapping_mul(SPREAD << (64 - ADDRESS_BITS));
    (
        (shifted >> (64 - INDEX_BITS)) as usize,
        (address as u32).wrapping_mul(SPREAD as u32),
    )
}

/// Whether an address can be code of a program. Zero, the end of a chain of
/// frames, cannot; `lookup` may be asked about nothing else.
#[inline(always)]
pub(crate) fn may_be_code(address: usize) -> bool {
    (address.wrapping_sub(1) as u64) < LAST_CODE
}

/// The rule for the frame whose return address is `address`.
#[inline(always)]
pub(crate) fn lookup(address: usize) -> Rule {
    let (index, tag) = place(address);
    // Relaxed: the word is complete in itself.
    let word = TABLE[index].load(Ordering::Relaxed);
    let rule = Rule::from_bits((word >> 32) as u32);
    // An empty word has the tag zero, which an address may have too, but no rule.
    if word as u32 == tag && rule.kind() as u32 != Kind::Empty as u32 {
        return rule;
    }
    miss(address)
}

#[cold]
#[inline(never)]
fn miss(address: usize) -> Rule {
    if !may_be_code(address) {
        return Rule::NOT_CODE;
    }
    let before = GENERATION.load(Ordering::SeqCst);
    let rule = rules::compute(address);
    debug_assert!(rule.kind() != Kind::Empty);
    let (index, tag) = place(address);
    let word = u64::from(rule.bits()) << 32 | u64::from(tag);
    TABLE[index].store(word, Ordering::Relaxed);
    // Either this thread sees that a flush began meanwhile and takes its word
    // back, or the flush comes later and clears the word: with a sequentially
    // consistent fence on both sides one of the two must see the other.
    fence(Ordering::SeqCst);
    if GENERATION.load(Ordering::SeqCst) != before {
        // Failure means that another word is there: nothing of ours to take back.
        let _ = TABLE[index].compare_exchange(word, 0, Ordering::Relaxed, Ordering::Relaxed);
    }
    rule
}

/// Forgets all cached rules, and with them every remembered stack of every
/// [`History`](crate::History). Call it after an object was unloaded or loaded.
/// Any thread may, at any time; it takes no lock.
pub fn flush_rules() {
    GENERATION.fetch_add(1, Ordering::SeqCst);
    fence(Ordering::SeqCst);
    for word in &TABLE {
        // Untouched pages stay untouched.
        if word.load(Ordering::Relaxed) != 0 {
            word.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_unique() {
        // The inverse of an odd number modulo 2^64, by Newton's iteration.
        let mut inverse = SPREAD;
        for _ in 0..6 {
            inverse = inverse.wrapping_mul(2u64.wrapping_sub(SPREAD.wrapping_mul(inverse)));
        }
        let step = if WORD == 8 {
            0x1_2345_6789u64
        } else {
            0x1_2345
        } as usize;
        for address in (0..=LAST_CODE).step_by(step) {
            let (index, tag) = place(address as usize);
            let spread = (index as u64) << 32 | u64::from(tag);
            assert_eq!(
                spread.wrapping_mul(inverse) & ((1 << ADDRESS_BITS) - 1),
                address
            );
        }
    }

    #[test]
    fn what_is_no_code_is_said_so() {
        let last = LAST_CODE as usize;
        for address in [1, 4096, last - 4] {
            assert!(
                may_be_code(address) && !lookup(address).is_code(),
                "{address:x}"
            );
        }
        assert!(!may_be_code(0) && may_be_code(last));
        // 32-bit Windows has no table of functions.
        if cfg!(all(windows, target_arch = "x86")) {
            return;
        }
        if WORD == 8 {
            assert!(!may_be_code(last + 1) && !may_be_code(usize::MAX));
        }
        let code = lookup as *const () as usize + 4;
        assert_eq!(lookup(code), lookup(code));
        assert!(lookup(code).is_code());
    }
}
