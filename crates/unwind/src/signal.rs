//! The signal frame of the x86-64 Linux kernel: where, from rsp in the return
//! trampoline, the interrupted registers are.

/// Offsets of general registers in a signal frame.
pub(crate) struct Context {
    pub(crate) rip: usize,
    pub(crate) rsp: usize,
    pub(crate) rbp: usize,
    pub(crate) rbx: usize,
    /// r12 to r15 follow each other.
    pub(crate) r12: usize,
}
const REGISTERS: usize = core::mem::offset_of!(libc::ucontext_t, uc_mcontext);
const fn at(register: libc::c_int) -> usize {
    REGISTERS + 8 * register as usize
}
pub(crate) const CONTEXT: Context = Context {
    rip: at(libc::REG_RIP),
    rsp: at(libc::REG_RSP),
    rbp: at(libc::REG_RBP),
    rbx: at(libc::REG_RBX),
    r12: at(libc::REG_R12),
};
const _: () =
    assert!(CONTEXT.rsp == 160 && CONTEXT.rip == 168 && CONTEXT.rbp == 120 && CONTEXT.rbx == 128);
