//! System calls made directly: no `errno`, no cancellation point, no hook of
//! anybody between us and the kernel.

use core::arch::asm;

/// Makes a system call with up to six arguments; negative results are errors.
///
/// # Safety
///
/// The call and its arguments must be sound for the process.
unsafe fn call(number: libc::c_long, a: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: the kernel clobbers only rax, rcx and r11; what the call does to
    // memory is the caller's promise.
    unsafe {
        asm!("syscall", inlateout("rax") number as isize => result, in("rdi") a[0], in("rsi") a[1],
             in("rdx") a[2], in("r10") a[3], in("r8") a[4], in("r9") a[5],
             out("rcx") _, out("r11") _, options(nostack));
    }
    result
}

/// Copies memory of this process which may not be there. Returns whether all of
/// it could be read.
pub(crate) fn read_own_memory(address: usize, into: &mut [usize]) -> bool {
    let bytes = size_of_val(into);
    let local = libc::iovec {
        iov_base: into.as_mut_ptr().cast(),
        iov_len: bytes,
    };
    let remote = libc::iovec {
        iov_base: core::ptr::without_provenance_mut(address),
        iov_len: bytes,
    };
    // SAFETY: the kernel writes only into `into`, and checks the other address.
    // The identity is asked for each time because a child of vfork or of a raw
    // clone has another one.
    unsafe {
        let pid = call(libc::SYS_getpid, [0; 6]) as usize;
        let arguments = [
            pid,
            &raw const local as usize,
            1,
            &raw const remote as usize,
            1,
            0,
        ];
        call(libc::SYS_process_vm_readv, arguments) == bytes as isize
    }
}

/// Whether this is the thread that the process began with.
pub(crate) fn is_main_thread() -> bool {
    // SAFETY: two questions without side effects.
    unsafe { call(libc::SYS_gettid, [0; 6]) == call(libc::SYS_getpid, [0; 6]) }
}

/// The soft limit of the main thread's stack in bytes, if it has one.
pub(crate) fn stack_limit() -> Option<usize> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the kernel writes one rlimit.
    let result = unsafe {
        call(
            libc::SYS_prlimit64,
            [
                0,
                libc::RLIMIT_STACK as usize,
                0,
                &raw mut limit as usize,
                0,
                0,
            ],
        )
    };
    (result == 0 && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur as usize)
}

/// An open `/proc/self/maps`.
pub(crate) struct Maps(isize);

/// The kernel's `struct procmap_query`, without names.
#[repr(C)]
#[derive(Default)]
struct Query {
    size: u64,
    flags: u64,
    address: u64,
    start: u64,
    end: u64,
    vma_flags: u64,
    rest: [u64; 7],
}

const PROCMAP_QUERY: usize = 3 << 30 | size_of::<Query>() << 16 | (b'f' as usize) << 8 | 17;

impl Maps {
    pub(crate) fn open() -> Option<Maps> {
        let path = c"/proc/self/maps".as_ptr() as usize;
        let flags = (libc::O_RDONLY | libc::O_CLOEXEC) as usize;
        // SAFETY: the path ends with a zero byte.
        let fd = unsafe {
            call(
                libc::SYS_openat,
                [libc::AT_FDCWD as usize, path, flags, 0, 0, 0],
            )
        };
        (fd >= 0).then_some(Maps(fd))
    }

    /// The mapping that holds `address`, where the kernel (6.11) can say; `Err`
    /// where it cannot.
    pub(crate) fn query(&self, address: usize) -> Result<Option<(usize, usize)>, ()> {
        let mut query = Query {
            size: size_of::<Query>() as u64,
            address: address as u64,
            ..Query::default()
        };
        // SAFETY: the kernel writes only inside `query`, whose size it is told.
        let result = unsafe {
            call(
                libc::SYS_ioctl,
                [
                    self.0 as usize,
                    PROCMAP_QUERY,
                    &raw mut query as usize,
                    0,
                    0,
                    0,
                ],
            )
        };
        match -result as i32 {
            0 => Ok(
                (query.vma_flags & 1 != 0).then_some((query.start as usize, query.end as usize))
            ),
            libc::ENOENT => Ok(None),
            _ => Err(()),
        }
    }

    /// Reads on; zero at the end and on errors.
    pub(crate) fn read(&self, into: &mut [u8]) -> usize {
        // SAFETY: the kernel writes at most the length given.
        let n = unsafe {
            call(
                libc::SYS_read,
                [
                    self.0 as usize,
                    into.as_mut_ptr() as usize,
                    into.len(),
                    0,
                    0,
                    0,
                ],
            )
        };
        n.max(0) as usize
    }
}

impl Drop for Maps {
    fn drop(&mut self) {
        // SAFETY: the descriptor is ours.
        unsafe { call(libc::SYS_close, [self.0 as usize, 0, 0, 0, 0, 0]) };
    }
}
