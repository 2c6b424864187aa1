//! The threads of a process: stopped, read, set going again.

use core::ffi::c_void;
use std::collections::HashSet;
use std::io;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::sys::{
    CreateToolhelp32Snapshot, GetProcessIdOfThread, GetThreadContext, Handle, OpenThread,
    ResumeThread, SuspendThread, Thread32First, Thread32Next, ThreadEntry,
};

const TH32CS_SNAPTHREAD: u32 = 4;
const THREAD_SUSPEND_RESUME: u32 = 2;
const THREAD_GET_CONTEXT: u32 = 8;
const THREAD_QUERY_LIMITED_INFORMATION: u32 = 0x800;
const SYNCHRONIZE: u32 = 0x10_0000;
const ERROR_INVALID_PARAMETER: i32 = 87;
const INVALID_HANDLE: usize = usize::MAX;
/// What `SuspendThread` gives when it fails.
const FAILED: u32 = u32::MAX;
/// How often threads are listed until none is new.
const MOST_ROUNDS: u32 = 200;
/// Between two of them when a thread is about to end.
const PAUSE: Duration = Duration::from_millis(1);

/// How often all of this is tried.
const MOST_TRIES: u32 = 10;
/// How long a thread may take to stand still.
const PATIENCE: Duration = Duration::from_millis(500);

/// A thread that was suspended, once. It is resumed when it is dropped.
pub(super) struct Thread(Arc<Handle>);

/// Suspends all threads of a process, and reads their registers.
///
/// Asking for those also waits until a thread stands still, which `SuspendThread`
/// alone does not promise. One that another thread was just making may wait for that
/// one and never get there: then all go on for a moment.
pub(super) fn stop(pid: u32, process: &Handle) -> io::Result<(Vec<Thread>, Vec<Registers>)> {
    for _ in 0..MOST_TRIES {
        let threads = suspend(pid, process)?;
        if let Some(registers) = registers(&threads)? {
            return Ok((threads, registers));
        }
        drop(threads);
        std::thread::sleep(PAUSE);
    }
    Err(io::Error::from(io::ErrorKind::TimedOut))
}

/// The registers of all threads that did not end meanwhile; none when one of them does
/// not stand still.
fn registers(threads: &[Thread]) -> io::Result<Option<Vec<Registers>>> {
    let (send, receive) = mpsc::channel();
    let handles: Vec<_> = threads.iter().map(|thread| thread.0.clone()).collect();
    // The call has no time limit of its own.
    std::thread::Builder::new().spawn(move || {
        for handle in handles {
            if send.send(Registers::of(&handle)).is_err() {
                return;
            }
        }
    })?;
    let mut all = Vec::new();
    for _ in threads {
        match receive.recv_timeout(PATIENCE) {
            Ok(registers) => all.extend(registers?),
            Err(_) => return Ok(None),
        }
    }
    Ok(Some(all))
}

/// Suspends all threads of a process.
fn suspend(pid: u32, process: &Handle) -> io::Result<Vec<Thread>> {
    let mut threads = Vec::new();
    let mut known = HashSet::new();
    let mut error = None;
    for _ in 0..MOST_ROUNDS {
        let mut is_new = false;
        error = None;
        for id in list(pid)? {
            if known.contains(&id) {
                continue;
            }
            match Thread::stop(id, pid) {
                Ok(Some(thread)) => {
                    threads.push(thread);
                    known.insert(id);
                    is_new = true;
                }
                // It ended, or its number is another's by now.
                Ok(None) => {}
                Err(e) => error = Some(e),
            }
        }
        match &error {
            None if !is_new => break,
            None => {}
            // A thread that is about to end refuses for a moment.
            Some(_) => std::thread::sleep(PAUSE),
        }
    }
    match error {
        Some(error) => Err(error),
        None if threads.is_empty() || process.has_ended() => {
            Err(io::Error::other("the process has ended"))
        }
        None => Ok(threads),
    }
}

/// The numbers of the threads of a process.
fn list(pid: u32) -> io::Result<Vec<u32>> {
    // SAFETY: no pointers.
    let snapshot = unsafe { CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0) };
    if snapshot as usize == INVALID_HANDLE {
        return Err(io::Error::last_os_error());
    }
    let snapshot = Handle(snapshot);
    let mut entry = ThreadEntry::empty();
    let mut found = Vec::new();
    // SAFETY: a snapshot, and an entry that says its size.
    let mut more = unsafe { Thread32First(snapshot.0, &mut entry) } != 0;
    while more {
        if entry.process == pid {
            found.push(entry.thread);
        }
        // SAFETY: as above.
        more = unsafe { Thread32Next(snapshot.0, &mut entry) } != 0;
    }
    Ok(found)
}

impl Thread {
    /// Suspends a thread; none when it has ended.
    fn stop(id: u32, pid: u32) -> io::Result<Option<Thread>> {
        let access = THREAD_SUSPEND_RESUME
            | THREAD_GET_CONTEXT
            | THREAD_QUERY_LIMITED_INFORMATION
            | SYNCHRONIZE;
        // SAFETY: no pointers.
        let handle = unsafe { OpenThread(access, 0, id) };
        if handle.is_null() {
            let error = io::Error::last_os_error();
            return match error.raw_os_error() {
                Some(ERROR_INVALID_PARAMETER) => Ok(None),
                _ => Err(error),
            };
        }
        let handle = Handle(handle);
        // SAFETY: an open handle of a thread, here and below.
        if handle.has_ended() || unsafe { GetProcessIdOfThread(handle.0) } != pid {
            return Ok(None);
        }
        // SAFETY: as above; the thread is resumed by who drops it.
        match unsafe { SuspendThread(handle.0) } {
            FAILED if handle.has_ended() => Ok(None),
            FAILED => Err(io::Error::last_os_error()),
            _ => Ok(Some(Thread(Arc::new(handle)))),
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        // SAFETY: suspended by us, once.
        unsafe { ResumeThread(self.0.0) };
    }
}

/// Words of a `CONTEXT` of x86-64.
const WORDS: usize = 1232 / 8;
/// `ContextFlags` is the first half of this word.
const FLAGS_AT: usize = 0x30 / 8;
/// For x86-64: control, integer and floating-point registers, the last with `xmm`.
const CONTEXT_WANTED: u32 = 0x10_000b;
/// `Rax` to `R15`.
const INTEGER: core::ops::Range<usize> = 0x78 / 8..0xf8 / 8;
/// `Rsp`.
const STACK_POINTER: usize = 0x98 / 8;
/// `Xmm0` to `Xmm15`: code that moves many pointers moves them in these.
const VECTOR: core::ops::Range<usize> = 0x1a0 / 8..0x2a0 / 8;

/// The registers of a thread, as `CONTEXT` has them.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub(super) struct Registers([u64; WORDS]);

impl Registers {
    /// Those of a suspended thread; none when it has ended all the same.
    fn of(thread: &Handle) -> io::Result<Option<Registers>> {
        let mut context = Box::new(Registers([0; WORDS]));
        context.0[FLAGS_AT] = u64::from(CONTEXT_WANTED);
        // SAFETY: a context of the size and alignment of x86-64, with its flags.
        let result = unsafe { GetThreadContext(thread.0, (&raw mut *context).cast::<c_void>()) };
        match result {
            0 if thread.has_ended() => Ok(None),
            0 => Err(io::Error::last_os_error()),
            _ => Ok(Some(*context)),
        }
    }

    pub(super) fn stack_pointer(&self) -> u64 {
        self.0[STACK_POINTER]
    }

    /// All that could hold a pointer.
    pub(super) fn words(&self) -> impl Iterator<Item = u64> {
        INTEGER.chain(VECTOR).map(|i| self.0[i])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

    unsafe extern "system" {
        fn GetCurrentThreadId() -> u32;
    }

    /// In the process itself: what a system stores of a suspended thread elsewhere does
    /// not count here.
    #[test]
    fn registers_are_where_they_are_looked_for() {
        static OVER: AtomicU8 = AtomicU8::new(0);
        static ID: AtomicU32 = AtomicU32::new(0);
        let (general, vector) = (0x1357_0246_8ace_bdf0_u64, 0x0fed_cba9_8765_4321_u64);
        let hidden = (!general, !vector);
        let thread = std::thread::spawn(move || {
            // SAFETY: no pointers.
            ID.store(unsafe { GetCurrentThreadId() }, Ordering::SeqCst);
            // SAFETY: reads one byte again and again.
            unsafe {
                std::arch::asm!(
                    // Before, only the inverted words are anywhere.
                    "not r15",
                    "not r12",
                    "movq xmm15, r12",
                    "xor r12d, r12d",
                    "2:",
                    "pause",
                    "cmp byte ptr [r11], 0",
                    "je 2b",
                    inout("r15") hidden.0 => _,
                    inout("r12") hidden.1 => _,
                    in("r11") OVER.as_ptr(),
                    out("xmm15") _,
                    options(nostack, readonly),
                );
            }
        });
        while ID.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        // Between the last of `ID` and the loop are a few instructions.
        std::thread::sleep(Duration::from_millis(20));
        let id = ID.load(Ordering::SeqCst);
        let suspended = Thread::stop(id, std::process::id()).expect("stopped");
        let suspended = suspended.expect("runs");
        let registers = Registers::of(&suspended.0).expect("read").expect("runs");
        drop(suspended);
        OVER.store(1, Ordering::SeqCst);
        thread.join().expect("no panic");
        let count = |word| registers.words().filter(|w| *w == word).count();
        assert_eq!((count(general), count(vector)), (1, 1), "r15 and xmm15");
        let local = &raw const id as u64;
        assert!(registers.stack_pointer().is_multiple_of(8) && registers.stack_pointer() != 0);
        assert!(
            registers.stack_pointer().abs_diff(local) > 1 << 10,
            "another stack"
        );
    }
}
