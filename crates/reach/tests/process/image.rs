//! The image leaves no trace in the process.

use crate::world::{Test, World, store};
use freehold_ledger::format::Verdict::{Lost, Reachable};
use freehold_reach::image::{self, End, Side};
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) const TESTS: &[Test] = &[
    ("process_goes_on_meanwhile", process_goes_on_meanwhile),
    ("program_sees_no_child", program_sees_no_child),
    ("image_can_be_killed", image_can_be_killed),
];

static mut HELD: usize = 0;
static SIGNALS: AtomicU32 = AtomicU32::new(0);
static HANDLERS: AtomicU32 = AtomicU32::new(0);

fn process_goes_on_meanwhile() {
    let mut world = World::new();
    let (block, hidden) = world.malloc(64);
    store((&raw mut HELD).cast(), hidden, 0);
    world.meanwhile = || {
        // SAFETY: a variable of ours.
        unsafe { (&raw mut HELD).write_volatile(0) };
        for _ in 0..1000 {
            std::hint::black_box(vec![1u8; 5000]);
        }
    };
    assert_eq!(world.judge().0[block], Reachable, "as it was at the fork");
    assert_eq!(world.judge().0[block], Lost);
}

/// All but SIGKILL and SIGSTOP, which nothing blocks.
const EVERY_SIGNAL: u64 = !(1 << 8 | 1 << 18);

extern "C" fn count_signal(_: i32) {
    SIGNALS.fetch_add(1, Ordering::Relaxed);
}

extern "C" fn count_handler() {
    HANDLERS.fetch_add(1, Ordering::Relaxed);
}

fn mask() -> u64 {
    let mut mask = 0u64;
    // SAFETY: the kernel writes one word.
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            0,
            std::ptr::null::<u64>(),
            &raw mut mask,
            8,
        );
    }
    mask
}

fn program_sees_no_child() {
    // SAFETY: the handlers only count.
    unsafe {
        let handler = count_signal as extern "C" fn(i32);
        libc::signal(libc::SIGCHLD, handler as libc::sighandler_t);
        libc::pthread_atfork(
            Some(count_handler),
            Some(count_handler),
            Some(count_handler),
        );
    }
    let before = mask();
    // SAFETY: the image only waits for a while.
    let side = unsafe { image::fork() }.unwrap();
    let Side::Process(handle) = side else {
        let pause = libc::timespec {
            tv_sec: 0,
            tv_nsec: 50_000_000,
        };
        // SAFETY: a plain structure.
        unsafe { libc::nanosleep(&pause, std::ptr::null_mut()) };
        image::exit(i32::from(mask() != EVERY_SIGNAL) * 3)
    };
    assert_eq!(mask(), before);
    assert_eq!(handle.poll(), End::Running);
    for flags in [0, libc::WNOHANG] {
        // SAFETY: no status is asked for.
        let answer = unsafe { libc::waitpid(-1, std::ptr::null_mut(), flags) };
        let error = std::io::Error::last_os_error().raw_os_error();
        assert_eq!((answer, error), (-1, Some(libc::ECHILD)));
    }
    // The image names itself once it runs.
    let comm = format!("/proc/{}/comm", handle.process());
    let named = (0..40).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(1));
        std::fs::read_to_string(&comm).is_ok_and(|name| name == "freehold-scan\n")
    });
    assert!(named);
    assert_eq!(handle.wait(10_000_000), End::Exited(0));
    assert_eq!(handle.poll(), End::Unknown);
    assert_eq!(SIGNALS.load(Ordering::Relaxed), 0);
    assert_eq!(HANDLERS.load(Ordering::Relaxed), 0);
    // SAFETY: the default again; the counters work.
    unsafe {
        libc::raise(libc::SIGCHLD);
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
    }
    assert_eq!(SIGNALS.load(Ordering::Relaxed), 1);
}

fn image_can_be_killed() {
    // SAFETY: the image only waits.
    let side = unsafe { image::fork() }.unwrap();
    let Side::Process(handle) = side else {
        // SAFETY: all signals are blocked: waits until killed.
        unsafe { libc::pause() };
        image::exit(0)
    };
    assert_eq!(handle.wait(5000), End::Running);
    handle.kill();
    assert_eq!(handle.wait(10_000_000), End::Killed(libc::SIGKILL));
}
