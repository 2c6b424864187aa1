//! The program while it runs: its signals, its stops, its end, and the end of
//! what it leaves behind.
//!
//! ```text
//! Ctrl-C, Ctrl-\        reach the program from the terminal; ignored here
//! SIGTERM, SIGHUP       sent to freehold by somebody: passed on
//! stop of the program   freehold stops too, and continues it when continued
//! after the program     the first Ctrl-C ends the waiting, the second freehold
//! ```

use std::io;
use std::mem::zeroed;
use std::sync::atomic::AtomicI32;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::time::Duration;

use libc::{c_int, c_void, pid_t, siginfo_t};

/// The program while it runs; 0 before, [`ENDED`] after.
static PROGRAM: AtomicI32 = AtomicI32::new(0);
/// A signal to pass on that came before the program was there.
static EARLY: AtomicI32 = AtomicI32::new(0);
/// How often somebody asked to stop waiting.
static HURRY: AtomicI32 = AtomicI32::new(0);
/// 1 when the terminal, or somebody, asked the group to stop.
static STOPPING: AtomicI32 = AtomicI32::new(0);
const ENDED: pid_t = -1;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// With this status.
    Exited(i32),
    /// By this signal.
    Killed(i32),
}

impl End {
    /// The status that a shell shows for it.
    pub(crate) fn status(self) -> u8 {
        match self {
            End::Exited(code) => code as u8,
            End::Killed(signal) => 128u8.wrapping_add(signal as u8),
        }
    }
}

/// Takes the signals that concern the program. Call before it is started:
/// caught signals are back at their default in it, ignored ones stay ignored.
pub(crate) fn prepare() {
    for signal in [
        libc::SIGINT,
        libc::SIGQUIT,
        libc::SIGTERM,
        libc::SIGHUP,
        libc::SIGTSTP,
    ] {
        // SAFETY: zeroes are a sigaction; the handler does only what a signal
        // handler may. A signal that is ignored is left so, for the program.
        unsafe {
            let mut action: libc::sigaction = zeroed();
            libc::sigaction(signal, std::ptr::null(), &mut action);
            if action.sa_sigaction == libc::SIG_IGN {
                continue;
            }
            let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) = on_signal;
            action.sa_sigaction = handler as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
            libc::sigaction(signal, &action, std::ptr::null_mut());
        }
    }
    // What the program leaves behind becomes a child of this process. Without
    // it, scans of processes that ended are not waited for; nothing else fails.
    // SAFETY: sets one flag of this process.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) };
}

extern "C" fn on_signal(signal: c_int, info: *mut siginfo_t, _: *mut c_void) {
    // SAFETY: the location is valid for this thread; only calls that a signal
    // handler may make.
    unsafe {
        let errno = *libc::__errno_location();
        let program = PROGRAM.load(SeqCst);
        let asked_by_process = !info.is_null() && (*info).si_code <= 0;
        let passed_on = matches!(signal, libc::SIGTERM | libc::SIGHUP) && asked_by_process;
        if signal == libc::SIGTSTP && program > 0 {
            // The program may stop now, or after it has tidied its screen.
            STOPPING.store(1, SeqCst);
        } else if signal == libc::SIGTSTP {
            libc::raise(libc::SIGSTOP);
        } else if program == ENDED {
            HURRY.fetch_add(1, SeqCst);
            if matches!(signal, libc::SIGINT | libc::SIGQUIT) {
                libc::signal(signal, libc::SIG_DFL);
            }
        } else if passed_on && program > 0 {
            libc::kill(program, signal);
        } else if passed_on {
            EARLY.store(signal, SeqCst);
        }
        *libc::__errno_location() = errno;
    }
}

/// Whether somebody asked to stop waiting.
pub(crate) fn is_hurried() -> bool {
    HURRY.load(Relaxed) > 0
}

/// The program was started.
pub(crate) fn started(program: pid_t) {
    PROGRAM.store(program, SeqCst);
    let early = EARLY.swap(0, SeqCst);
    if early != 0 {
        // SAFETY: the program is our child and was not waited for.
        unsafe { libc::kill(program, early) };
    }
}

/// How the program ended, and under which name.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    /// How.
    pub(crate) end: End,
    /// The name that the kernel had for it: what it was last run as, unless it
    /// gave itself another.
    pub(crate) name: String,
}

/// Waits until the program ends. `reaped` is told of other processes that
/// became children of this one and ended.
///
/// # Errors
/// When the program is not a child of this process.
pub(crate) fn until_end(program: pid_t, mut reaped: impl FnMut(pid_t, End)) -> io::Result<Ended> {
    let mut name = String::new();
    loop {
        // SAFETY: zeroes are a siginfo_t; the call fills it.
        let (failed, info) = unsafe {
            let mut info: siginfo_t = zeroed();
            let options = libc::WEXITED | libc::WSTOPPED | libc::WNOWAIT | libc::__WALL;
            (libc::waitid(libc::P_ALL, 0, &mut info, options) != 0, info)
        };
        if failed {
            match io::Error::last_os_error() {
                e if e.kind() == io::ErrorKind::Interrupted => continue,
                e => return Err(e),
            }
        }
        // SAFETY: filled for a child.
        let pid = unsafe { info.si_pid() };
        let is_end = info.si_code != libc::CLD_STOPPED;
        if pid == program && is_end {
            // Before its number can belong to somebody else.
            PROGRAM.store(ENDED, SeqCst);
            let comm = std::fs::read_to_string(format!("/proc/{pid}/comm"));
            name = comm.unwrap_or_default().trim_end_matches('\n').to_owned();
        }
        match (take(pid), pid == program) {
            (Change::End(end), true) => return Ok(Ended { end, name }),
            (Change::End(end), false) => reaped(pid, end),
            (Change::Stop, true) if is_group_stopping() => stop_with(program),
            _ => {}
        }
    }
}

/// What happened to a child.
enum Change {
    End(End),
    Stop,
    None,
}

impl Change {
    fn of_status(status: c_int) -> Change {
        if libc::WIFSTOPPED(status) {
            Change::Stop
        } else if libc::WIFSIGNALED(status) {
            Change::End(End::Killed(libc::WTERMSIG(status)))
        } else {
            Change::End(End::Exited(libc::WEXITSTATUS(status)))
        }
    }
}

/// Takes a child's change of state.
fn take(pid: pid_t) -> Change {
    let mut status = 0;
    let options = libc::WUNTRACED | libc::WNOHANG | libc::__WALL;
    // SAFETY: `status` is writable.
    match unsafe { libc::waitpid(pid, &mut status, options) } {
        got if got == pid => Change::of_status(status),
        _ => Change::None,
    }
}

/// Whether the stop of the program is one of the whole group. Its signal may
/// reach the program a moment before it reaches this process.
fn is_group_stopping() -> bool {
    (0..20).any(|_| {
        let is_stopping = STOPPING.swap(0, SeqCst) != 0;
        if !is_stopping {
            std::thread::sleep(Duration::from_millis(1));
        }
        is_stopping
    })
}

/// The program stopped: so does this process, for the shell to see. When it is
/// continued, so is the program, unless the whole group was.
fn stop_with(program: pid_t) {
    // SAFETY: stops this process until it is continued; the program is our
    // child and was not waited for.
    unsafe {
        libc::raise(libc::SIGSTOP);
        // Not when another stop has come meanwhile.
        if STOPPING.load(SeqCst) == 0 && is_stopped(program) {
            libc::kill(program, libc::SIGCONT);
        }
    }
}

fn is_stopped(pid: pid_t) -> bool {
    state_of(pid as u32) == Some('T')
}

/// The letter that `/proc` has for the state of a process; none when it is
/// gone.
pub(crate) fn state_of(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before it may hold anything.
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Takes the ends of all children that have ended; whether any is left.
pub(crate) fn reap_all(mut reaped: impl FnMut(pid_t, End)) -> bool {
    loop {
        let mut status = 0;
        // SAFETY: `status` is writable.
        match unsafe { libc::waitpid(-1, &mut status, libc::WNOHANG | libc::__WALL) } {
            0 => return true,
            pid if pid > 0 => {
                if let Change::End(end) = Change::of_status(status) {
                    reaped(pid, end);
                }
            }
            _ if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
            _ => return false,
        }
    }
}
