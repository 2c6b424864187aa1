//! What the module has one of: the library's functions, and cells that the
//! interpreter's lock protects.

use core::cell::UnsafeCell;
use std::sync::OnceLock;

use freehold_raw::Api;

use crate::api::Newer;

/// Something that is used only by whoever holds the interpreter's lock.
pub(crate) struct Locked<T>(UnsafeCell<T>);

// SAFETY: `get` obliges its caller to hold the interpreter's lock, and there is only
// one: other interpreters are refused by `init`.
unsafe impl<T> Sync for Locked<T> {}

impl<T> Locked<T> {
    pub(crate) const fn new(value: T) -> Locked<T> {
        Locked(UnsafeCell::new(value))
    }

    /// # Safety
    /// The caller holds the interpreter's lock, and runs no Python (so drops no
    /// reference either) as long as the result is used.
    #[expect(
        clippy::mut_from_ref,
        reason = "the interpreter's lock excludes others"
    )]
    pub(crate) unsafe fn get(&self) -> &mut T {
        // SAFETY: as promised by the caller: nobody else has it now.
        unsafe { &mut *self.0.get() }
    }
}

/// What never changes once the module is there.
pub(crate) struct State {
    pub(crate) raw: Api,
    pub(crate) newer: Newer,
}

static STATE: OnceLock<State> = OnceLock::new();

/// The library. It is there before any other function of the module can be called.
#[inline(always)]
pub(crate) fn state() -> &'static State {
    STATE.get().expect("the module is initialised")
}

/// Puts it there, once.
pub(crate) fn set(raw: Api) -> &'static State {
    STATE.get_or_init(|| State {
        raw,
        newer: Newer::find(),
    })
}
