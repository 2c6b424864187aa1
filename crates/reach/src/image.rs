//! A copy-on-write image of the process that can judge itself while the
//! process goes on.
//!
//! Nothing of `fork` in the C library is used: no handlers run, and the
//! program sees neither `SIGCHLD` nor an extra child in `wait`.

use crate::sys;

/// Which side of [`fork`] this is.
#[derive(Debug)]
pub enum Side {
    /// The image: one thread, all signals blocked. It must end with [`exit`].
    Image,
    /// The process itself, and its handle on the image.
    Process(Handle),
}

/// An image, seen from its process.
#[derive(Debug)]
#[must_use = "an image that nobody waits for stays as a zombie"]
pub struct Handle {
    process: i32,
    /// For how long the calling thread stood still. Other threads stand still
    /// at most while the kernel copies the page tables.
    pub pause_us: u64,
}

/// How an image ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It called [`exit`] with this code.
    Exited(i32),
    /// A signal killed it.
    Killed(i32),
    /// It has not ended yet.
    Running,
    /// The program waited for it first (with `__WALL`), so how is unknown.
    Unknown,
}

const ALL_SIGNALS: u64 = u64::MAX;

fn set_signal_mask(new: u64) -> u64 {
    let mut old = 0u64;
    // SAFETY: the kernel reads one word and writes one word.
    let _ = unsafe {
        sys::call(
            libc::SYS_rt_sigprocmask,
            [
                libc::SIG_SETMASK as usize,
                &raw const new as usize,
                &raw mut old as usize,
                8,
                0,
                0,
            ],
        )
    };
    old
}

/// Makes an image of this process.
///
/// # Safety
/// In the image only this thread exists, and any lock may be held for ever:
/// until [`exit`], the image may do nothing that allocates, locks, or relies
/// on another thread. Shared mappings are still shared.
pub unsafe fn fork() -> Result<Side, i32> {
    let begin = sys::now_us();
    // A handler of the program must not run in the image.
    let mask = set_signal_mask(ALL_SIGNALS);
    // SAFETY: without CLONE_VM both sides go on with a stack of their own;
    // exit signal 0 keeps the image out of the program's `wait`.
    let answer = unsafe { sys::call(libc::SYS_clone, [0; 6]) };
    if answer == Ok(0) {
        let name = b"freehold-scan\0";
        // SAFETY: the name ends with a zero byte.
        let _ = unsafe {
            sys::call(
                libc::SYS_prctl,
                [
                    libc::PR_SET_NAME as usize,
                    name.as_ptr() as usize,
                    0,
                    0,
                    0,
                    0,
                ],
            )
        };
        return Ok(Side::Image);
    }
    set_signal_mask(mask);
    answer.map(|process| {
        Side::Process(Handle {
            process: process as i32,
            pause_us: sys::now_us() - begin,
        })
    })
}

/// Closes all files of an image, so that it does not keep a pipe open after
/// its process has ended. Mappings stay.
///
/// # Safety
/// Only in an image, and no file may be used after this.
pub unsafe fn close_files() {
    // SAFETY: promised by the caller. Old kernels refuse, which is harmless.
    let _ = unsafe { sys::call(libc::SYS_close_range, [0, u32::MAX as usize, 0, 0, 0, 0]) };
}

/// Ends the image: no handlers, no flushing.
pub fn exit(code: i32) -> ! {
    loop {
        // SAFETY: does not return.
        let _ = unsafe { sys::call(libc::SYS_exit_group, [code as usize, 0, 0, 0, 0, 0]) };
    }
}

impl Handle {
    /// The process id of the image.
    pub fn process(&self) -> i32 {
        self.process
    }

    /// Waits for the image, for at most so long.
    pub fn wait(&self, limit_us: u64) -> End {
        let begin = sys::now_us();
        let mut nap = 50;
        loop {
            match self.poll() {
                End::Running => {}
                end => return end,
            }
            let waited = sys::now_us() - begin;
            if waited >= limit_us {
                return End::Running;
            }
            sys::sleep_us(nap.min(limit_us - waited));
            nap = (nap * 2).min(2000);
        }
    }

    /// How it is now.
    pub fn poll(&self) -> End {
        let mut status = 0i32;
        let flags = libc::__WALL | libc::WNOHANG;
        // SAFETY: the kernel writes one integer.
        let answer = unsafe {
            sys::call(
                libc::SYS_wait4,
                [
                    self.process as usize,
                    &raw mut status as usize,
                    flags as usize,
                    0,
                    0,
                    0,
                ],
            )
        };
        match answer {
            Ok(0) | Err(libc::EINTR) => End::Running,
            Ok(_) if libc::WIFSIGNALED(status) => End::Killed(libc::WTERMSIG(status)),
            Ok(_) => End::Exited(libc::WEXITSTATUS(status)),
            Err(_) => End::Unknown,
        }
    }

    /// Ends it by force; [`Handle::wait`] for it afterwards.
    pub fn kill(&self) {
        // SAFETY: no pointers. The id is that of our child until waited for.
        let _ = unsafe {
            sys::call(
                libc::SYS_kill,
                [self.process as usize, libc::SIGKILL as usize, 0, 0, 0, 0],
            )
        };
    }
}
