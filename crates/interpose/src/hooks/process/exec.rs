//! `exec` in all its forms: the program says in its ledger that another one
//! takes its place, and takes that back when it does not.
//!
//! What a program starts by `posix_spawn` or `system` does not come here, nor
//! need it: nothing was recorded in that process before.

use core::ffi::{c_char, c_int, c_void};

use crate::{process, real};

type Text = *const c_char;
type Texts = *const Text;

unsafe extern "C" {
    static environ: Texts;
}

/// Calls one of the real functions. It only comes back when it failed, with
/// `errno` set.
fn replacing(call: impl FnOnce() -> Option<c_int>) -> c_int {
    real::resolve();
    let said = process::replaced();
    let result = call();
    if said {
        process::not_replaced();
    }
    result.unwrap_or_else(|| {
        // The C library of every system that we run on has them all.
        // SAFETY: the location is valid for this thread.
        unsafe { *libc::__errno_location() = libc::ENOSYS };
        -1
    })
}

/// As the function of the C library.
///
/// # Safety
/// As for the function of this name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn execve(path: Text, argv: Texts, envp: Texts) -> c_int {
    replacing(|| {
        // SAFETY: its signature; the arguments are the caller's.
        unsafe {
            let f = real::EXECVE.get::<unsafe extern "C" fn(Text, Texts, Texts) -> c_int>()?;
            Some(f(path, argv, envp))
        }
    })
}

/// As the function of the C library.
///
/// # Safety
/// As for the function of this name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn execv(path: Text, argv: Texts) -> c_int {
    replacing(|| {
        // SAFETY: as in `execve`.
        unsafe {
            let f = real::EXECV.get::<unsafe extern "C" fn(Text, Texts) -> c_int>()?;
            Some(f(path, argv))
        }
    })
}

/// As the function of the C library.
///
/// # Safety
/// As for the function of this name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn execvp(file: Text, argv: Texts) -> c_int {
    replacing(|| {
        // SAFETY: as in `execve`.
        unsafe {
            let f = real::EXECVP.get::<unsafe extern "C" fn(Text, Texts) -> c_int>()?;
            Some(f(file, argv))
        }
    })
}

/// As the function of the C library.
///
/// # Safety
/// As for the function of this name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn execvpe(file: Text, argv: Texts, envp: Texts) -> c_int {
    replacing(|| {
        // SAFETY: as in `execve`.
        unsafe {
            let f = real::EXECVPE.get::<unsafe extern "C" fn(Text, Texts, Texts) -> c_int>()?;
            Some(f(file, argv, envp))
        }
    })
}

/// As the function of the C library.
///
/// # Safety
/// As for the function of this name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fexecve(fd: c_int, argv: Texts, envp: Texts) -> c_int {
    replacing(|| {
        // SAFETY: as in `execve`.
        unsafe {
            let f = real::FEXECVE.get::<unsafe extern "C" fn(c_int, Texts, Texts) -> c_int>()?;
            Some(f(fd, argv, envp))
        }
    })
}

/// As the function of the C library.
///
/// # Safety
/// As for the function of this name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn execveat(
    folder: c_int,
    path: Text,
    argv: Texts,
    envp: Texts,
    flags: c_int,
) -> c_int {
    type Execveat = unsafe extern "C" fn(c_int, Text, Texts, Texts, c_int) -> c_int;
    replacing(|| {
        // SAFETY: as in `execve`.
        unsafe {
            let f = real::EXECVEAT.get::<Execveat>()?;
            Some(f(folder, path, argv, envp, flags))
        }
    })
}

/// An entry point of a function with any number of arguments: those behind the
/// first are handed on by address, as [`Listed`] says.
macro_rules! listed {
    ($name:ident, $on:path) => {
        /// As the function of the C library.
        ///
        /// # Safety
        /// As for the function of this name.
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name() {
            core::arch::naked_asm!(
                ".cfi_startproc",
                "push r9",
                ".cfi_adjust_cfa_offset 8",
                "push r8",
                ".cfi_adjust_cfa_offset 8",
                "push rcx",
                ".cfi_adjust_cfa_offset 8",
                "push rdx",
                ".cfi_adjust_cfa_offset 8",
                "push rsi",
                ".cfi_adjust_cfa_offset 8",
                "mov rsi, rsp",
                "call {on}",
                "add rsp, 40",
                ".cfi_adjust_cfa_offset -40",
                "ret",
                ".cfi_endproc",
                on = sym $on,
            )
        }
    };
}

listed!(execl, on_execl);
listed!(execlp, on_execlp);
listed!(execle, on_execle);

/// Arguments that came in registers, then a return address, then those that
/// came on the stack.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Listed(Texts);

impl Listed {
    const REGISTERS: usize = 5;

    /// # Safety
    /// There must be so many arguments.
    unsafe fn get(self, i: usize) -> Text {
        let place = i + usize::from(i >= Listed::REGISTERS);
        // SAFETY: promised by the caller.
        unsafe { *self.0.add(place) }
    }

    /// Calls `with` with the arguments up to the null pointer, in a row, and
    /// with their number.
    ///
    /// # Safety
    /// A null pointer must end them.
    unsafe fn in_a_row(self, with: impl FnOnce(Texts, usize) -> c_int) -> c_int {
        let mut count = 0;
        // SAFETY: the null pointer was not met yet.
        while unsafe { !self.get(count).is_null() } {
            count += 1;
        }
        let mut few: [Text; 256] = [core::ptr::null(); 256];
        let bytes = (count + 1) * size_of::<Text>();
        let row = match count < few.len() {
            true => few.as_mut_ptr(),
            // SAFETY: a new mapping. Not noted as ours: a child of `vfork`
            // would write that into its parent's list.
            false => match unsafe { map(bytes) } {
                libc::MAP_FAILED => return -1,
                memory => memory.cast(),
            },
        };
        for i in 0..=count {
            // SAFETY: room for one more than `count`; so many arguments.
            unsafe { *row.add(i) = self.get(i) };
        }
        let result = with(row, count);
        if count >= few.len() {
            // SAFETY: mapped above with this length; not used any more. The
            // error number of the call must stay.
            unsafe {
                let errno = *libc::__errno_location();
                libc::syscall(libc::SYS_munmap, row, bytes);
                *libc::__errno_location() = errno;
            }
        }
        result
    }
}

/// # Safety
/// None but that the memory is the caller's to give back.
unsafe fn map(bytes: usize) -> *mut c_void {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let null = core::ptr::null_mut::<c_void>();
    // SAFETY: a new mapping where the kernel wants it.
    unsafe { libc::syscall(libc::SYS_mmap, null, bytes, protection, flags, -1, 0) as *mut c_void }
}

unsafe extern "C" fn on_execl(path: Text, arguments: Listed) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe { arguments.in_a_row(|argv, _| execve(path, argv, environ)) }
}

unsafe extern "C" fn on_execlp(file: Text, arguments: Listed) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe { arguments.in_a_row(|argv, _| execvp(file, argv)) }
}

unsafe extern "C" fn on_execle(path: Text, arguments: Listed) -> c_int {
    // SAFETY: the caller's arguments; the environment comes behind the null.
    unsafe {
        arguments.in_a_row(|argv, count| {
            let envp = arguments.get(count + 1).cast();
            execve(path, argv, envp)
        })
    }
}
