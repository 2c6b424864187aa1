//! The rule of a return address, worked out from what Linux knows of it.

use crate::rule::Rule;
use crate::{cfi, object, sys};

/// Works out the rule for a return address, which may be anything.
pub(crate) fn compute(address: usize) -> Rule {
    let pc = address - 1;
    let Some(object) = object::find(pc) else {
        return outside_objects(address);
    };
    // SAFETY: a frame of this thread is in the object, or its address is left
    // over from one: the caller of dlclose must not let frames of it live.
    let rule = unsafe { object.sections() }.and_then(|s| cfi::rule_of_return(&s, address));
    rule.unwrap_or_else(|| without_tables(address))
}

/// No object: a JIT's code, or no code at all.
fn outside_objects(address: usize) -> Rule {
    let mut probe = [0usize];
    if address < 4096 || !sys::read_own_memory((address - 1) & !7, &mut probe) {
        return Rule::NOT_CODE;
    }
    without_tables(address)
}

/// Code without unwind data: the C library's signal return (musl has none for
/// it), or a frame pointer.
fn without_tables(address: usize) -> Rule {
    let mut words = [0usize; 3];
    let aligned = address & !7;
    if sys::read_own_memory(aligned, &mut words) {
        let mut code = [0u8; 24];
        for (bytes, word) in code.chunks_exact_mut(8).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        let code = &code[address - aligned..];
        // mov $15, %rax (or %eax); syscall
        let returns = |s: &[u8]| code.starts_with(s);
        if returns(&[0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05])
            || returns(&[0xb8, 15, 0, 0, 0, 0x0f, 0x05])
        {
            return Rule::SIGNAL;
        }
    }
    Rule::FRAME_POINTER
}
