//! Fingerprints: the same for the same leak in the next run.
//!
//! FNV-1a, 64 bits, over the family and, for each frame from the innermost
//! out, the module's file name and the function's name. Left out are what
//! changes without the leak becoming another one: addresses, offsets, lines,
//! file names, build ids, sizes, counts and the verdict. So two sites in one
//! function have one fingerprint when everything above them is the same.
//!
//! - A frame without a name counts by its offset in the object, which stays as
//!   long as the object does; one in anonymous memory by that word alone.
//! - An interpreter's own frames are left out where the stack has those of its language:
//!   which of its functions passes a call on changes while a program runs.
//! - The frames with which every thread and process begins are left out, for
//!   they depend on whether libc's debug symbols are installed.

use freehold_ledger::format::{Family, MisuseKind};

use crate::frame::{ANONYMOUS, Frame};
use crate::trim;

/// The fingerprint of a site.
pub fn of(family: Family, stack: &[Frame]) -> u64 {
    let mut hash = Fnv::new();
    hash.word(family.name());
    let kept = stack.len() - trim::boilerplate(stack);
    for frame in trim::without_interpreter(&stack[..kept]) {
        hash.word(&frame.module);
        match frame.function() {
            Some(name) => hash.word(name),
            None if &*frame.module == ANONYMOUS => hash.word(""),
            None => hash.word(&format!("+{:x}", frame.offset)),
        }
    }
    hash.0
}

/// The fingerprint of a misuse: of its kind, the family of the block, and the stack
/// on which it was made.
pub fn of_misuse(kind: MisuseKind, family: Family, here: &[Frame]) -> u64 {
    let mut hash = Fnv(of(family, here));
    hash.word(kind.name());
    hash.0
}

struct Fnv(u64);

impl Fnv {
    fn new() -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }

    /// Adds a word and a mark behind it, so that "ab", "c" is not "a", "bc".
    fn word(&mut self, word: &str) {
        for byte in word.bytes().chain([0xff]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::frame;

    #[test]
    fn lines_and_addresses_do_not_count() {
        let stack = [
            frame("app", "parse", "a.c", 10),
            frame("app", "main", "a.c", 20),
        ];
        let mut moved = stack.clone();
        for frame in &mut moved {
            frame.pc += 0x1000;
            frame.offset += 16;
            frame.place.line = Some(99);
        }
        assert_eq!(of(Family::Malloc, &stack), of(Family::Malloc, &moved));
        assert_ne!(of(Family::Malloc, &stack), of(Family::New, &stack));
        moved[0].place.function = Some("other".into());
        assert_ne!(of(Family::Malloc, &stack), of(Family::Malloc, &moved));
    }

    #[test]
    fn words_do_not_run_together() {
        let a = [frame("ab", "c", "", 0)];
        let b = [frame("a", "bc", "", 0)];
        assert_ne!(of(Family::Malloc, &a), of(Family::Malloc, &b));
    }

    #[test]
    fn it_is_pinned() {
        // A baseline file holds fingerprints: changing them is a break.
        let stack = [frame("app", "parse", "a.c", 10)];
        assert_eq!(
            format!("{:016x}", of(Family::Malloc, &stack)),
            "bb4671630a313e32"
        );
    }
}
