//! Whether a call stands before a return address: what 32-bit code must be asked
//! where no table tells of it.

/// How many bytes the longest call has.
const LONGEST: usize = 7;

/// Whether what stands before `address` may be a call; no where nothing can be read.
#[cfg(target_arch = "x86")]
pub(crate) fn is_before(address: usize) -> bool {
    use crate::{WORD, sys};
    let Some(first) = address.checked_sub(LONGEST) else {
        return false;
    };
    let aligned = first & !(WORD - 1);
    let mut words = [0usize; LONGEST / WORD + 2];
    // No word more: the code may end here.
    let count = (address - aligned).div_ceil(WORD);
    if !sys::read_own_memory(aligned, &mut words[..count]) {
        return false;
    }
    let byte = |i: usize| words[i / WORD].to_le_bytes()[i % WORD];
    end_with_call(core::array::from_fn(|i| byte(first - aligned + i)))
}

/// Whether `before`, the bytes before a return address, end with a call. Other
/// instructions may end with the same bytes: yes means that it may be one.
fn end_with_call(before: [u8; LONGEST]) -> bool {
    // From the instruction's first byte on, if it has `n` bytes.
    let last = |n: usize| &before[LONGEST - n..];
    // To a distance.
    if last(5)[0] == 0xe8 {
        return true;
    }
    // To an address in a register or in memory, which the second byte names; the
    // third names two registers, where there is one.
    (2..=LONGEST).any(|n| match last(n) {
        [0xff, operand, rest @ ..] if operand >> 3 & 7 == 2 => {
            let (mode, register) = (operand >> 6, operand & 7);
            let names_two = mode != 3 && register == 4;
            let without_base = match names_two {
                true => rest.first().is_some_and(|byte| byte & 7 == 5),
                false => register == 5,
            };
            let distance = match mode {
                0 if without_base => 4,
                1 => 1,
                2 => 4,
                _ => 0,
            };
            n == 2 + usize::from(names_two) + distance
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_call(instruction: &[u8]) -> bool {
        // What is before it is nothing that a call has.
        let mut before = [0x90; LONGEST];
        before[LONGEST - instruction.len()..].copy_from_slice(instruction);
        end_with_call(before)
    }

    #[test]
    fn each_form_of_a_call_is_one() {
        for call in [
            &[0xe8, 1, 2, 3, 4][..],
            // eax, [eax], [eax + 8], [eax + 32 bits]
            &[0xff, 0xd0],
            &[0xff, 0x10],
            &[0xff, 0x50, 8],
            &[0xff, 0x90, 8, 0, 1, 0],
            // [32 bits], which imports are called by
            &[0xff, 0x15, 8, 0, 1, 0],
            // [esp], [esp + 8], [esp + 32 bits], [eax * 4 + 32 bits]
            &[0xff, 0x14, 0x24],
            &[0xff, 0x54, 0x24, 8],
            &[0xff, 0x94, 0x24, 8, 0, 1, 0],
            &[0xff, 0x14, 0x85, 8, 0, 1, 0],
        ] {
            assert!(is_call(call), "{call:x?}");
        }
    }

    #[test]
    fn what_is_no_call_is_none() {
        for other in [
            &[0xc3][..],
            &[0x90, 0x90],
            // jmp near, jmp eax, push eax by its long form
            &[0xe9, 1, 2, 3, 4],
            &[0xff, 0xe0],
            &[0xff, 0xf0],
            // A call cut short, and one with bytes behind it.
            &[0xff, 0x15, 8, 0],
            &[0xff, 0x50, 8, 0x90],
        ] {
            assert!(!is_call(other), "{other:x?}");
        }
    }
}
