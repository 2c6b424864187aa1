//! The rule of a return address, worked out from what Linux knows of it.

use crate::rule::Rule;
use crate::{WORD, cfi, object, sys};

/// Works out the rule for a return address, which may be anything.
pub(crate) fn compute(address: usize) -> Rule {
    let pc = address - 1;
    let Some(object) = object::find(pc) else {
        return outside_objects(address);
    };
    // SAFETY: a frame of this thread is in the object, or its address is left
    // over from one: the caller of dlclose must not let frames of it live.
    let sections = unsafe { object.sections() };
    let rule = sections.and_then(|s| cfi::rule_of_return(&s, address));
    // A coroutine's first function returns to code of the C library that nothing
    // calls. In 32-bit programs that has no table.
    #[cfg(target_arch = "x86")]
    if rule.is_none() && sections.is_some() && !crate::calls::is_before(address) {
        return Rule::OUTERMOST;
    }
    rule.unwrap_or_else(|| without_tables(address))
}

/// No object: a JIT's code, or no code at all.
fn outside_objects(address: usize) -> Rule {
    let mut probe = [0usize];
    if address < 4096 || !sys::read_own_memory((address - 1) & !(WORD - 1), &mut probe) {
        return Rule::NOT_CODE;
    }
    without_tables(address)
}

/// Code without unwind data: the C library's signal return (musl has none for
/// it), or a frame pointer.
fn without_tables(address: usize) -> Rule {
    let mut words = [0usize; 3];
    let aligned = address & !(WORD - 1);
    if sys::read_own_memory(aligned, &mut words) {
        let mut code = [0u8; 3 * WORD];
        for (bytes, word) in code.chunks_exact_mut(WORD).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        let code = &code[address - aligned..];
        for (returns, registers) in SIGNAL_RETURNS {
            if code.starts_with(returns) {
                return Rule::signal(registers);
            }
        }
    }
    Rule::FRAME_POINTER
}

/// The code that a signal handler returns to, and from where in its frame offsets
/// count.
#[cfg(target_arch = "x86_64")]
const SIGNAL_RETURNS: [(&[u8], i64); 2] = [
    // mov $15, %rax; syscall
    (&[0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05], 0),
    // mov $15, %eax; syscall
    (&[0xb8, 15, 0, 0, 0, 0x0f, 0x05], 0),
];
/// The same: the number of the signal comes first in the old kind of frame; in the
/// new one also two addresses, 128 bytes of `siginfo_t`, and the first part of a
/// `ucontext_t`.
#[cfg(target_arch = "x86")]
const SIGNAL_RETURNS: [(&[u8], i64); 2] = [
    // pop %eax; mov $119, %eax; int $0x80
    (&[0x58, 0xb8, 119, 0, 0, 0, 0xcd, 0x80], 4),
    // mov $173, %eax; int $0x80
    (&[0xb8, 173, 0, 0, 0, 0xcd, 0x80], 160),
];
