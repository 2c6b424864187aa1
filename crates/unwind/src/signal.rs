//! The signal frame of the Linux kernel: where, from a place in it, the interrupted
//! registers are. On x86-64 the place is the stack pointer in the return trampoline;
//! in 32-bit programs it is where the registers begin, which each of the two kinds
//! of frame has elsewhere.

use crate::WORD;
use crate::registers::COUNT;

/// Offsets of general registers in a signal frame.
pub(crate) struct Context {
    pub(crate) ip: usize,
    pub(crate) sp: usize,
    pub(crate) bp: usize,
    /// In the order of [`TRACKED`](crate::registers::TRACKED).
    pub(crate) tracked: [usize; COUNT],
}

const REGISTERS: usize = if cfg!(target_arch = "x86_64") {
    core::mem::offset_of!(libc::ucontext_t, uc_mcontext)
} else {
    0
};

const fn at(register: libc::c_int) -> usize {
    REGISTERS + WORD * register as usize
}

#[cfg(target_arch = "x86_64")]
pub(crate) const CONTEXT: Context = Context {
    ip: at(libc::REG_RIP),
    sp: at(libc::REG_RSP),
    bp: at(libc::REG_RBP),
    tracked: [
        at(libc::REG_RBX),
        at(libc::REG_RBP),
        at(libc::REG_RSP),
        at(libc::REG_R12),
        at(libc::REG_R13),
        at(libc::REG_R14),
        at(libc::REG_R15),
    ],
};
#[cfg(target_arch = "x86_64")]
const _: () =
    assert!(CONTEXT.sp == 160 && CONTEXT.ip == 168 && CONTEXT.bp == 120 && at(libc::REG_R12) == 72);

#[cfg(target_arch = "x86")]
pub(crate) const CONTEXT: Context = Context {
    ip: at(libc::REG_EIP),
    sp: at(libc::REG_ESP),
    bp: at(libc::REG_EBP),
    tracked: [
        at(libc::REG_EBX),
        at(libc::REG_EBP),
        at(libc::REG_ESP),
        at(libc::REG_ESI),
        at(libc::REG_EDI),
    ],
};
#[cfg(target_arch = "x86")]
const _: () = assert!(CONTEXT.sp == 28 && CONTEXT.ip == 56 && CONTEXT.bp == 24);
