//! System calls made directly: no `errno`, no cancellation point, no hook of
//! anybody between us and the kernel.

#[cfg(target_arch = "x86_64")]
use core::arch::asm;

/// Makes a system call with up to six arguments; negative results are errors.
///
/// # Safety
///
/// The call and its arguments must be sound for the process.
#[cfg(target_arch = "x86_64")]
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

/// The same for 32-bit programs.
///
/// # Safety
///
/// As above.
#[cfg(target_arch = "x86")]
unsafe fn call(number: libc::c_long, a: [usize; 6]) -> isize {
    // The arguments take all registers but one, among them those that inline
    // assembly may not have.
    #[unsafe(naked)]
    unsafe extern "C" fn enter(number: libc::c_long, arguments: *const [usize; 6]) -> isize {
        core::arch::naked_asm!(
            "push ebp",
            "push ebx",
            "push esi",
            "push edi",
            "mov eax, [esp + 20]",
            "mov ebp, [esp + 24]",
            "mov ebx, [ebp]",
            "mov ecx, [ebp + 4]",
            "mov edx, [ebp + 8]",
            "mov esi, [ebp + 12]",
            "mov edi, [ebp + 16]",
            "mov ebp, [ebp + 20]",
            "int 0x80",
            "pop edi",
            "pop esi",
            "pop ebx",
            "pop ebp",
            "ret",
        )
    }
    // SAFETY: the array is there; the rest is the caller's promise.
    unsafe { enter(number, &raw const a) }
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
    let mut limit = libc::rlimit64 {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the kernel writes one limit of 64 bits.
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
    let is_limited = result == 0 && limit.rlim_cur != libc::RLIM64_INFINITY;
    is_limited.then(|| usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX))
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
