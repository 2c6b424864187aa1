//! The start of PROGRAM: as the caller would have started it, with the preload
//! library in its environment.

use std::ffi::{OsStr, OsString, c_int};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::Duration;

use freehold_ledger::format::Clock;
use freehold_ledger::session::NewSession;

use crate::errors::{CANNOT_RUN, Failure, NOT_FOUND};
use crate::preload;

/// Names the session to the preload library.
pub(crate) const SESSION_VARIABLE: &str = "FREEHOLD_SESSION";
/// How often the time in the session is brought up to date.
const TICK: Duration = Duration::from_millis(4);
/// Whether these signals were ignored when this process began. Rust ignores
/// `SIGPIPE` before `main`, and the C library takes its two own signals with the
/// first thread, so all have to be asked earlier.
static IGNORED: [(c_int, AtomicBool); 3] = [
    (libc::SIGPIPE, AtomicBool::new(false)),
    (32, AtomicBool::new(false)),
    (33, AtomicBool::new(false)),
];

/// Whether the standard files were closed when this process began: Rust opens
/// something in their place before `main`.
static CLOSED: [AtomicBool; 3] = [const { AtomicBool::new(false) }; 3];

#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = before_main;

extern "C" fn before_main() {
    for (signal, ignored) in &IGNORED {
        let mut old = KernelAction::default();
        // SAFETY: the kernel writes one action to `old`.
        unsafe { set_action(*signal, std::ptr::null(), &mut old) };
        ignored.store(old.handler == libc::SIG_IGN, Relaxed);
    }
    for (file, closed) in (0..).zip(&CLOSED) {
        // SAFETY: no pointers.
        closed.store(unsafe { libc::fcntl(file, libc::F_GETFD) } < 0, Relaxed);
    }
}

/// What the kernel keeps for a signal. The C library's own call refuses the
/// signals 32 and 33.
#[derive(Default)]
#[repr(C)]
struct KernelAction {
    handler: usize,
    flags: usize,
    restorer: usize,
    mask: u64,
}

/// # Safety
/// `new` is null or valid, `old` is null or valid, and the new handler is none of
/// this process's functions.
unsafe fn set_action(signal: c_int, new: *const KernelAction, old: *mut KernelAction) {
    // SAFETY: promised by the caller; the last argument is the mask's length.
    unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, new, old, 8usize) };
}

/// Starts the program at `path` under the name `name`.
///
/// # Errors
/// With 126 or 127 when the system refuses it.
pub(crate) fn start(
    path: &Path,
    name: &OsStr,
    arguments: &[OsString],
    session: &NewSession,
    library: &Path,
) -> Result<Child, Failure> {
    // A bare name would be searched for once more.
    let program = match path.to_string_lossy().contains('/') {
        true => path.to_owned(),
        false => Path::new(".").join(path),
    };
    let existing = std::env::var_os("LD_PRELOAD");
    let mut command = Command::new(program);
    command
        .arg0(name)
        .args(arguments)
        .env(SESSION_VARIABLE, session.path())
        .env(
            "LD_PRELOAD",
            preload::variable(library, existing.as_deref()),
        );
    let mut mask = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: the call fills the set.
    let mask = unsafe {
        libc::pthread_sigmask(libc::SIG_SETMASK, std::ptr::null(), mask.as_mut_ptr());
        mask.assume_init()
    };
    // Rust gives a child default dispositions and open standard files; it shall
    // have the caller's.
    // SAFETY: all calls may be made between fork and exec.
    unsafe {
        command.pre_exec(move || {
            for (signal, ignored) in &IGNORED {
                let action = KernelAction {
                    handler: match ignored.load(Relaxed) {
                        true => libc::SIG_IGN,
                        false => libc::SIG_DFL,
                    },
                    ..KernelAction::default()
                };
                set_action(*signal, &action, std::ptr::null_mut());
            }
            for (file, _) in (0..)
                .zip(&CLOSED)
                .filter(|(_, closed)| closed.load(Relaxed))
            {
                libc::close(file);
            }
            libc::sigprocmask(libc::SIG_SETMASK, &mask, std::ptr::null_mut());
            Ok(())
        });
    }
    command.spawn().map_err(|e| refused(path, &e))
}

fn refused(path: &Path, error: &io::Error) -> Failure {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => Failure::new(NOT_FOUND, format!("there is no program {path}")),
        _ => Failure::new(CANNOT_RUN, format!("cannot run {path}: {error}")),
    }
}

/// A thread that keeps the time in the session.
#[derive(Debug)]
pub(crate) struct Ticker {
    session: Arc<NewSession>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    /// Begins. Call before the program is started, so that it never asks a
    /// clock.
    ///
    /// # Errors
    /// When there can be no thread.
    pub(crate) fn begin(session: &Arc<NewSession>) -> Result<Ticker, Failure> {
        let stop = Arc::new(AtomicBool::new(false));
        let (mine, theirs) = (Arc::clone(session), Arc::clone(&stop));
        mine.header().clock.set(Clock::TICKING);
        let thread = std::thread::Builder::new()
            .name("tick".into())
            .spawn(move || {
                while !theirs.load(Relaxed) {
                    tick(&mine);
                    std::thread::sleep(TICK);
                }
            });
        let thread = thread.map_err(|e| {
            Failure::freehold(format!("cannot start a thread to keep the time: {e}"))
        })?;
        Ok(Ticker {
            session: Arc::clone(session),
            stop,
            thread: Some(thread),
        })
    }

    /// The time is kept no longer.
    pub(crate) fn end(mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        tick(&self.session);
        self.session.header().clock.clear(Clock::TICKING);
    }
}

fn tick(session: &NewSession) {
    session.header().clock.advance(session.elapsed_ms());
}
