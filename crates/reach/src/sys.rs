//! System calls without a C library in between.
//!
//! A forked image may have inherited any lock of the C library in the taken
//! state, and the process that is judged must not see its `errno` change: so
//! nothing here goes through libc's functions. Only its constants are used.

use core::arch::asm;

/// What a system call answers: its result, or the error number.
pub(crate) type Answer = Result<usize, i32>;

/// Makes a system call with up to six arguments.
///
/// # Safety
/// As for the call itself: pointers among the arguments must be good for what
/// the kernel does with them.
#[inline]
pub(crate) unsafe fn call(number: libc::c_long, arguments: [usize; 6]) -> Answer {
    let result: isize;
    // SAFETY: the registers are those of the kernel's convention; `rcx` and
    // `r11` are all it clobbers. The caller answers for the arguments.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number as isize => result,
            in("rdi") arguments[0],
            in("rsi") arguments[1],
            in("rdx") arguments[2],
            in("r10") arguments[3],
            in("r8") arguments[4],
            in("r9") arguments[5],
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    if (-4095..0).contains(&result) {
        Err(-result as i32)
    } else {
        Ok(result as usize)
    }
}

/// An open file, closed when dropped.
pub(crate) struct File(pub(crate) usize);

impl File {
    /// Opens a file for reading. `path` ends with a zero byte.
    pub(crate) fn open(path: &[u8]) -> Result<File, i32> {
        File::open_with(path, libc::O_RDONLY)
    }

    /// Opens a directory, to list it.
    pub(crate) fn open_directory(path: &[u8]) -> Result<File, i32> {
        File::open_with(path, libc::O_RDONLY | libc::O_DIRECTORY)
    }

    fn open_with(path: &[u8], flags: i32) -> Result<File, i32> {
        debug_assert_eq!(path.last(), Some(&0));
        let directory = libc::AT_FDCWD as isize as usize;
        let flags = (flags | libc::O_CLOEXEC) as usize;
        // SAFETY: the path is a live slice that ends with a zero byte.
        unsafe {
            call(
                libc::SYS_openat,
                [directory, path.as_ptr() as usize, flags, 0, 0, 0],
            )
        }
        .map(File)
    }

    /// Reads what comes next; 0 at the end.
    pub(crate) fn read(&self, into: &mut [u8]) -> Answer {
        loop {
            // SAFETY: the kernel writes within the slice.
            let answer = unsafe {
                call(
                    libc::SYS_read,
                    [self.0, into.as_mut_ptr() as usize, into.len(), 0, 0, 0],
                )
            };
            if answer != Err(libc::EINTR) {
                return answer;
            }
        }
    }

    /// Reads at an offset.
    pub(crate) fn read_at(&self, into: &mut [u8], offset: u64) -> Answer {
        // SAFETY: the kernel writes within the slice.
        unsafe {
            call(
                libc::SYS_pread64,
                [
                    self.0,
                    into.as_mut_ptr() as usize,
                    into.len(),
                    offset as usize,
                    0,
                    0,
                ],
            )
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: the descriptor is ours and not used after this.
        let _ = unsafe { call(libc::SYS_close, [self.0, 0, 0, 0, 0, 0]) };
    }
}

/// The number of this process.
pub(crate) fn process() -> usize {
    // SAFETY: no arguments.
    unsafe { call(libc::SYS_getpid, [0; 6]) }.unwrap_or(0)
}

/// A steady clock in microseconds.
pub(crate) fn now_us() -> u64 {
    let mut time = [0u64; 2];
    // SAFETY: the kernel writes two words.
    let _ = unsafe {
        call(
            libc::SYS_clock_gettime,
            [
                libc::CLOCK_MONOTONIC as usize,
                time.as_mut_ptr() as usize,
                0,
                0,
                0,
                0,
            ],
        )
    };
    time[0] * 1_000_000 + time[1] / 1000
}

/// Sleeps.
pub(crate) fn sleep_us(microseconds: u64) {
    let time = [microseconds / 1_000_000, microseconds % 1_000_000 * 1000];
    // SAFETY: the kernel reads two words.
    let _ = unsafe { call(libc::SYS_nanosleep, [time.as_ptr() as usize, 0, 0, 0, 0, 0]) };
}
