//! C++ `operator new` and `operator delete`, in all their forms.
//!
//! The real `new` is always called: it may be the program's own, it runs the
//! new-handler, and it throws. Our frame in between has unwind data, so the
//! exception passes through. Inside, it mostly calls `malloc`, which records
//! the block under the family that the thunk left for it; where it does not,
//! the family is corrected afterwards.

use core::ffi::c_void;

use freehold_ledger::format::Called::{self, Delete, DeleteArray};
use freehold_ledger::format::Family::{self, New, NewArray};
use freehold_unwind::Entry;

use super::{note_allocation, released};
use crate::misuse::Fate;
use crate::process;
use crate::real::{self, Real};
use crate::thread::{self, Event};

/// An `operator new`: calls the real one with the same arguments, then
/// `on_new` with block, size, slot, `rbp` and family.
macro_rules! new {
    ($name:ident, $real:ident, $family:path, $instead:path) => {
        /// Entry point of an `operator new`.
        ///
        /// # Safety
        /// As for the function of this name.
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name() {
            core::arch::naked_asm!(
                ".cfi_startproc",
                "sub rsp, 40",
                ".cfi_adjust_cfa_offset 40",
                "mov [rsp], rdi",
                "mov rax, [rip + {real}]",
                "test rax, rax",
                "jnz 2f",
                "mov [rsp + 8], rsi",
                "mov [rsp + 16], rdx",
                "lea rdi, [rip + {real}]",
                "lea rsi, [rip + {instead}]",
                "call {find}",
                "mov rdi, [rsp]",
                "mov rsi, [rsp + 8]",
                "mov rdx, [rsp + 16]",
                "2:",
                // Not before: what finds the function may allocate for itself.
                "mov r11, [rip + freehold_tls@GOTTPOFF]",
                "mov r11, fs:[r11]",
                "test r11, r11",
                "jz 3f",
                "cmp dword ptr [r11 + {gate}], {open}",
                "jne 3f",
                "mov dword ptr [r11 + {wish}], {family}",
                "3:",
                "call rax",
                "mov [rsp + 8], rax",
                "mov rdi, rax",
                "mov rsi, [rsp]",
                "lea rdx, [rsp + 40]",
                "mov rcx, rbp",
                "mov r8d, {family}",
                "call {on_new}",
                "mov rax, [rsp + 8]",
                "add rsp, 40",
                ".cfi_adjust_cfa_offset -40",
                "ret",
                ".cfi_endproc",
                real = sym real::$real,
                instead = sym $instead,
                find = sym find,
                on_new = sym on_new,
                family = const $family as u32,
                gate = const thread::GATE,
                open = const thread::OPEN,
                wish = const thread::WISH,
            )
        }
    };
}

/// An `operator delete`: calls `on_delete` with the block, then jumps with the same
/// arguments to what that gives, mostly the real one.
macro_rules! delete {
    ($name:ident, $real:ident, $called:path) => {
        /// Entry point of an `operator delete`.
        ///
        /// # Safety
        /// As for the function of this name.
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name() {
            core::arch::naked_asm!(
                ".cfi_startproc",
                "sub rsp, 24",
                ".cfi_adjust_cfa_offset 24",
                "mov [rsp], rdi",
                "mov [rsp + 8], rsi",
                "mov [rsp + 16], rdx",
                "lea rsi, [rip + {real}]",
                "mov edx, {called}",
                "lea rcx, [rsp + 24]",
                "mov r8, rbp",
                "call {on_delete}",
                "mov rdi, [rsp]",
                "mov rsi, [rsp + 8]",
                "mov rdx, [rsp + 16]",
                "add rsp, 24",
                ".cfi_adjust_cfa_offset -24",
                "jmp rax",
                ".cfi_endproc",
                real = sym real::$real,
                called = const $called as u32,
                on_delete = sym on_delete,
            )
        }
    };
}

new!(_Znwm, NEW, New, allocate);
new!(_ZnwmRKSt9nothrow_t, NEW_NOTHROW, New, allocate_or_null);
new!(_ZnwmSt11align_val_t, NEW_ALIGNED, New, allocate_aligned);
new!(
    _ZnwmSt11align_val_tRKSt9nothrow_t,
    NEW_ALIGNED_NOTHROW,
    New,
    allocate_aligned_or_null
);
new!(_Znam, NEW_ARRAY, NewArray, allocate);
new!(
    _ZnamRKSt9nothrow_t,
    NEW_ARRAY_NOTHROW,
    NewArray,
    allocate_or_null
);
new!(
    _ZnamSt11align_val_t,
    NEW_ARRAY_ALIGNED,
    NewArray,
    allocate_aligned
);
new!(
    _ZnamSt11align_val_tRKSt9nothrow_t,
    NEW_ARRAY_ALIGNED_NOTHROW,
    NewArray,
    allocate_aligned_or_null
);

delete!(_ZdlPv, DELETE, Delete);
delete!(_ZdlPvm, DELETE_SIZED, Delete);
delete!(_ZdlPvRKSt9nothrow_t, DELETE_NOTHROW, Delete);
delete!(_ZdlPvSt11align_val_t, DELETE_ALIGNED, Delete);
delete!(_ZdlPvmSt11align_val_t, DELETE_SIZED_ALIGNED, Delete);
delete!(
    _ZdlPvSt11align_val_tRKSt9nothrow_t,
    DELETE_ALIGNED_NOTHROW,
    Delete
);
delete!(_ZdaPv, DELETE_ARRAY, DeleteArray);
delete!(_ZdaPvm, DELETE_ARRAY_SIZED, DeleteArray);
delete!(_ZdaPvRKSt9nothrow_t, DELETE_ARRAY_NOTHROW, DeleteArray);
delete!(_ZdaPvSt11align_val_t, DELETE_ARRAY_ALIGNED, DeleteArray);
delete!(
    _ZdaPvmSt11align_val_t,
    DELETE_ARRAY_SIZED_ALIGNED,
    DeleteArray
);
delete!(
    _ZdaPvSt11align_val_tRKSt9nothrow_t,
    DELETE_ARRAY_ALIGNED_NOTHROW,
    DeleteArray
);

/// Finds the C++ functions when the first of them is called: their library may
/// have come by `dlopen`. Gives the one that is wanted, or `instead`.
unsafe extern "C" fn find(wanted: &Real, instead: *mut c_void) -> *mut c_void {
    real::resolve_cpp();
    match wanted.address() {
        at if at.is_null() => instead,
        at => at,
    }
}

// What stands in for `operator new` where a program has its calls but no C++
// library that could be found. They cannot throw, so they end the program.

unsafe extern "C" fn allocate_or_null(size: usize) -> *mut u8 {
    // SAFETY: the signature of malloc; C++ wants a block for zero bytes, too.
    unsafe {
        let malloc = real::MALLOC.get::<unsafe extern "C" fn(usize) -> *mut u8>();
        malloc.map_or(core::ptr::null_mut(), |malloc| malloc(size.max(1)))
    }
}

unsafe extern "C" fn allocate_aligned_or_null(size: usize, align: usize) -> *mut u8 {
    type Memalign = unsafe extern "C" fn(usize, usize) -> *mut u8;
    // SAFETY: the signature of memalign.
    unsafe {
        let memalign = real::MEMALIGN.get::<Memalign>();
        memalign.map_or(core::ptr::null_mut(), |f| f(align, size.max(1)))
    }
}

unsafe extern "C" fn allocate(size: usize) -> *mut u8 {
    // SAFETY: no requirement.
    or_abort(unsafe { allocate_or_null(size) })
}

unsafe extern "C" fn allocate_aligned(size: usize, align: usize) -> *mut u8 {
    // SAFETY: the alignment is the caller's.
    or_abort(unsafe { allocate_aligned_or_null(size, align) })
}

fn or_abort(block: *mut u8) -> *mut u8 {
    if block.is_null() {
        // SAFETY: no requirement.
        unsafe { libc::abort() }
    }
    block
}

/// Notes what `operator new` handed out.
unsafe extern "C" fn on_new(block: *mut u8, size: usize, slot: usize, bp: usize, family: u32) {
    let family = Family::from_number(family.into());
    let process = process::get();
    if block.is_null() || thread::was_granted(block) && process.records(family) {
        return;
    }
    // Not recorded by `malloc`: of sampled blocks those that are none are not
    // recorded here, either.
    if thread::ignores_release(block) {
        return;
    }
    let Some(mut event) = Event::begin() else {
        return;
    };
    let ledger = event.ledger();
    if !process.records(family) {
        // `malloc` has recorded it, but C++ blocks are unwanted.
        event.log().released(ledger, block as u64);
    } else if !event.log().refamily(ledger, block as u64, family) && process.sample_bytes() == 0 {
        let entry = Entry { slot, bp };
        note_allocation(&mut event, block as u64, size, family, entry);
    }
}

/// Notes the release and gives the function that makes it.
unsafe extern "C" fn on_delete(
    block: *mut u8,
    wanted: &Real,
    called: u32,
    slot: usize,
    bp: usize,
) -> *mut c_void {
    let called = match called == DeleteArray as u32 {
        true => DeleteArray,
        false => Delete,
    };
    let wanted = match note_delete(block, called, Entry { slot, bp }) {
        Fate::Make => wanted,
        Fate::Due(Family::New) => &real::DELETE,
        Fate::Due(Family::NewArray) => &real::DELETE_ARRAY,
        Fate::Due(_) => &real::FREE,
        Fate::Drop => return nothing as *mut c_void,
    };
    if wanted.address().is_null() {
        real::resolve_cpp();
    }
    match wanted.address() {
        at if at.is_null() => real::FREE.address(),
        at => at,
    }
}

fn note_delete(block: *mut u8, called: Called, entry: Entry) -> Fate {
    if block.is_null() || thread::ignores_release(block) {
        return Fate::Make;
    }
    let fate = released(block, called, entry);
    if fate == Fate::Make {
        // Mostly it calls `free`; `delete[]` calls `delete` first.
        thread::pass_on(block);
    }
    fate
}

/// What is called instead of a release that is not made.
unsafe extern "C" fn nothing(_: *mut u8) {}
