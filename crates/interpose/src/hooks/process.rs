//! The beginning and the end of the process, and of its libraries.

mod exec;

use core::ffi::{c_char, c_int, c_void};

use crate::{objects, process, real, thread};

/// Runs before `main`, after the libraries that the program needs have begun.
#[used]
#[unsafe(link_section = ".init_array")]
static START: extern "C" fn() = start;

extern "C" fn start() {
    thread::current();
    thread::unrecorded(crate::verdict::find_python);
    unsafe extern "C" {
        fn on_exit(f: extern "C" fn(c_int, *mut c_void), argument: *mut c_void) -> c_int;
    }
    if process::get().is_active() {
        // SAFETY: the handler lives as long as this library, which is never
        // unloaded.
        unsafe { on_exit(at_exit, core::ptr::null_mut()) };
    }
    if !process::follows() {
        forget_preload();
    }
}

/// Called by `exit` after all that the program registered.
extern "C" fn at_exit(status: c_int, _: *mut c_void) {
    process::end(status);
}

/// Takes this library out of the environment of children.
fn forget_preload() {
    unsafe extern "C" {
        static environ: *const *mut c_char;
    }
    let name = c"LD_PRELOAD=";
    // SAFETY: the environment as the C library made it, before any thread of
    // the program runs; strings are shortened in place.
    unsafe {
        let mut entry = environ;
        while !entry.is_null() && !(*entry).is_null() {
            if libc::strncmp(*entry, name.as_ptr(), name.count_bytes()) == 0 {
                let value = (*entry).add(name.count_bytes());
                // Ours stands first.
                match libc::strchr(value, c_int::from(b':')) {
                    rest if rest.is_null() => *value = 0,
                    rest => {
                        let rest = rest.add(1);
                        libc::memmove(value.cast(), rest.cast(), libc::strlen(rest) + 1);
                    }
                }
            }
            entry = entry.add(1);
        }
    }
}

/// `_exit`, which runs no handler.
///
/// # Safety
/// As for the function of this name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _exit(status: c_int) -> ! {
    leave(status, &real::EXIT_NOW)
}

/// `_Exit`, the same by the name of C99.
///
/// # Safety
/// As for the function of this name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _Exit(status: c_int) -> ! {
    leave(status, &real::EXIT_NOW_C99)
}

fn leave(status: c_int, how: &real::Real) -> ! {
    process::end(status);
    // SAFETY: the signature of both.
    if let Some(exit) = unsafe { how.get::<unsafe extern "C" fn(c_int) -> !>() } {
        // SAFETY: no requirement.
        unsafe { exit(status) }
    }
    loop {
        // SAFETY: no requirement; does not return.
        unsafe { libc::syscall(libc::SYS_exit_group, status) };
    }
}

/// `dlsym`: who asks a library for its `malloc` by name must get the hook, or
/// its blocks and releases would go unseen (`ctypes.CDLL("libc.so.6")` does).
///
/// With the pseudo-handles the loader looks at the caller, so those calls are
/// passed on by a jump, as if we were not there.
///
/// # Safety
/// As for the function of this name.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void {
    core::arch::naked_asm!(
        "lea rax, [rdi + 1]",
        "cmp rax, 1",
        "ja {hook}",
        "mov rax, [rip + {real}]",
        "test rax, rax",
        "jz {hook}",
        "jmp rax",
        hook = sym on_dlsym,
        real = sym real::DLSYM,
    )
}

unsafe extern "C" fn on_dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void {
    real::resolve();
    if name.is_null() {
        return core::ptr::null_mut();
    }
    // SAFETY: the caller passes a C string.
    let found = real::find(handle, unsafe { core::ffi::CStr::from_ptr(name) });
    real::hook_for(found)
}

/// `dlclose`: what was cached about the library's code must be forgotten.
///
/// # Safety
/// As for the function of this name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dlclose(handle: *mut c_void) -> c_int {
    real::resolve();
    // SAFETY: the signature of dlclose.
    let function = unsafe { real::DLCLOSE.get::<unsafe extern "C" fn(*mut c_void) -> c_int>() };
    // SAFETY: as the caller called us.
    let result = function.map_or(-1, |f| unsafe { f(handle) });
    let process = process::get();
    if process.is_active() {
        objects::after_unload(process);
    }
    result
}
