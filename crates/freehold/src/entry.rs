//! Where the caller stands: the one way from the parts that are compiled into a
//! program to those that look at its stack.
//!
//! Everything up to [`enter`] is inlined into the user's function, so that its
//! return address is the first frame of the stack, and none of ours.

pub(crate) use freehold_unwind::Entry;

use crate::system::KeepErrno;

/// Calls `call(data, slot, bp)`: the place of its own return address, and `rbp`
/// as the caller left it.
///
/// # Safety
/// As for `call`.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
unsafe extern "C-unwind" fn thunk(
    data: *mut (),
    call: unsafe extern "C-unwind" fn(*mut (), usize, usize),
) {
    // The two conventions differ in the registers of the arguments.
    #[cfg(not(windows))]
    core::arch::naked_asm!("mov rax, rsi", "mov rsi, rsp", "mov rdx, rbp", "jmp rax");
    #[cfg(windows)]
    core::arch::naked_asm!("mov rax, rdx", "mov rdx, rsp", "mov r8, rbp", "jmp rax");
}

/// The same for 32-bit programs. Arguments lie on the stack there, in room that
/// belongs to who is called: `slot` and `bp` are only the room for what `call` is
/// given.
///
/// # Safety
/// As for `call`.
#[cfg(target_arch = "x86")]
#[unsafe(naked)]
unsafe extern "C-unwind" fn thunk(
    data: *mut (),
    slot: usize,
    bp: usize,
    call: unsafe extern "C-unwind" fn(*mut (), usize, usize),
) {
    core::arch::naked_asm!(
        "mov [esp + 8], esp",
        "mov [esp + 12], ebp",
        "jmp dword ptr [esp + 16]"
    )
}

/// Runs `run` as if the function that this is inlined into had called it, and
/// tells it where that function stands.
#[inline(always)]
pub(crate) fn enter<R, F: FnOnce(Entry) -> R>(run: F) -> R {
    let mut call = Call {
        run: Some(run),
        result: None,
    };
    let data = (&raw mut call).cast();
    // SAFETY: `trampoline` is given what it is made for.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        thunk(data, trampoline::<R, F>);
        #[cfg(target_arch = "x86")]
        thunk(data, 0, 0, trampoline::<R, F>);
    }
    match call.result {
        Some(result) => result,
        // The trampoline writes a result or unwinds past this function.
        None => unreachable!(),
    }
}

struct Call<R, F> {
    run: Option<F>,
    result: Option<R>,
}

unsafe extern "C-unwind" fn trampoline<R, F: FnOnce(Entry) -> R>(
    data: *mut (),
    slot: usize,
    bp: usize,
) {
    // SAFETY: `enter` passes its own call, which lives as long.
    let call = unsafe { &mut *data.cast::<Call<R, F>>() };
    if let Some(run) = call.run.take() {
        let _errno = KeepErrno::new();
        call.result = Some(run(Entry { slot, bp }));
    }
}
