//! Functions of the libraries of the process, by name.
//!
//! What is not here: the hooks of `freehold run`, which are one symbol that all of the
//! process share (`find_symbol`).

use core::ffi::c_void;
use std::ffi::CString;
use std::sync::{Mutex, TryLockError};

#[cfg(unix)]
mod linux;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use linux as system;
#[cfg(windows)]
use windows as system;

/// Why a function cannot be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotFound {
    /// No object of the process has it.
    Nowhere,
    /// Several have it, and nobody can tell whose blocks are whose.
    #[cfg_attr(
        windows,
        expect(dead_code, reason = "a name stands for one library there")
    )]
    Several,
}

/// What was found, with the libraries as they were then.
struct Known {
    changes: u64,
    functions: Vec<(&'static str, &'static str, usize)>,
}

static KNOWN: Mutex<Known> = Mutex::new(Known {
    changes: 0,
    functions: Vec::new(),
});

/// The function of this name in a library, or where no library of that name has it,
/// the only one of the process. Its library stays loaded from now on.
pub(crate) fn find_function(
    name: &'static str,
    library: &'static str,
) -> Result<*const c_void, NotFound> {
    let changes = system::changes();
    // Somebody else who is at it, in the parent of a fork perhaps, is not waited for.
    let lock = || match KNOWN.try_lock() {
        Ok(known) => Some(known),
        Err(TryLockError::Poisoned(known)) => Some(known.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    };
    if let Some(mut known) = lock() {
        if known.changes != changes {
            known.changes = changes;
            known.functions.clear();
        }
        let mut functions = known.functions.iter();
        if let Some((.., found)) = functions.find(|(n, l, _)| (*n, *l) == (name, library)) {
            return Ok(core::ptr::with_exposed_provenance(*found));
        }
    }
    let text = |text: &str| CString::new(text).map_err(|_| NotFound::Nowhere);
    // Without the lock: the loader has one of its own.
    let found = system::find(&text(name)?, &text(library)?)?;
    if let Some(mut known) = lock().filter(|known| known.changes == changes) {
        known
            .functions
            .push((name, library, found.expose_provenance()));
    }
    Ok(found)
}
