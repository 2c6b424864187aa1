//! Signals that end the command, held back while something must be tidied up
//! first. The signals of a program that is run are in [`crate::wait`].

use std::mem::zeroed;
use std::ptr::null_mut;
use std::sync::atomic::AtomicI32;
use std::sync::atomic::Ordering::Relaxed;

const SIGNALS: [i32; 4] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT];

/// The signal that came; 0 for none.
static CAME: AtomicI32 = AtomicI32::new(0);

extern "C" fn on_signal(signal: i32) {
    // Relaxed: nothing else is told by it.
    CAME.store(signal, Relaxed);
}

/// While it lives, signals that would end the command are only noted. One that
/// came ends the command when the value is dropped.
pub(crate) struct Held {
    before: [libc::sigaction; SIGNALS.len()],
}

impl Held {
    /// Begins to hold them back; those that are ignored stay so.
    pub(crate) fn new() -> Held {
        let before = SIGNALS.map(|signal| {
            // SAFETY: zeroes are a sigaction; the handler stores one integer.
            unsafe {
                let mut before: libc::sigaction = zeroed();
                libc::sigaction(signal, std::ptr::null(), &mut before);
                if before.sa_sigaction != libc::SIG_IGN {
                    let mut action: libc::sigaction = zeroed();
                    let handler: extern "C" fn(i32) = on_signal;
                    action.sa_sigaction = handler as usize;
                    libc::sigaction(signal, &action, null_mut());
                }
                before
            }
        });
        Held { before }
    }

    /// Whether one came.
    pub(crate) fn is_interrupted(&self) -> bool {
        CAME.load(Relaxed) != 0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        for (signal, before) in SIGNALS.iter().zip(&self.before) {
            // SAFETY: what was in force before.
            unsafe { libc::sigaction(*signal, before, null_mut()) };
        }
        let signal = CAME.swap(0, Relaxed);
        if signal != 0 {
            // As the shell expects: ended by the signal, and not by a status.
            // SAFETY: no pointers.
            unsafe { libc::raise(signal) };
        }
    }
}
