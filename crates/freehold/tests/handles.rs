//! Handles that are no memory: adopted, leaked, closed once.
#![cfg(all(windows, target_pointer_width = "64"))]

#[path = "support/functions.rs"]
#[macro_use]
mod functions;
#[path = "support/real_handles.rs"]
mod real;

use std::ffi::c_void;
use std::sync::{Mutex, MutexGuard, PoisonError};

use freehold::{
    AdoptError, Family, FamilyError, Misuse, ReleaseWith, Scope, adopt, handles, track,
};
use freehold_families::win32::{last_error, set_last_error};

/// Begins a test. One at a time: handles that one closes must not be given to another
/// before it has looked at them.
fn start() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    track::start(&track::Options::default()).expect("memory for a ledger");
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn a_release_that_fails_says_why_and_may_be_tried_again() {
    let _alone = start();
    let (menu, family) = real::handle("menu");
    // SAFETY: a live one; destroyed behind our back, so that the second fails.
    unsafe {
        handles::adopt(family, menu).expect("open");
        freehold_families::win32::handles::release(family, menu).expect("live");
        let error = handles::close(family, menu).unwrap_err();
        let code = error.os_error();
        let failed = Misuse::Failed(FamilyError::Failed { family, code });
        assert_eq!(error.misuse(), failed, "{error}");
        assert!(handles::is_adopted(family, menu));
    }
}

#[test]
fn handles_are_leaks_until_they_are_closed() {
    let _alone = start();
    for of in [
        "event",
        "registry key",
        "brush",
        "device context",
        "menu",
        "icon",
        "cursor",
        "accelerators",
    ] {
        let (handle, family) = real::handle(of);
        let scope = Scope::begin(of);
        // SAFETY: open, ours, closed once.
        unsafe {
            scope.enter(|| handles::adopt(family, handle).expect("open"));
            assert!(handles::is_adopted(family, handle));
            let again = handles::adopt(family, handle).unwrap_err();
            assert!(matches!(again, AdoptError::Owned { address, .. } if address == handle));
            let leaks = scope.leaks();
            assert_eq!((leaks.len(), leaks[0].family), (1, family.name()), "{of}");
            assert_eq!(leaks[0].address, handle);
            set_last_error(4711);
            handles::close(family, handle).expect(of);
            assert_eq!(last_error(), 4711, "{of}");
        }
        assert!(!handles::is_adopted(family, handle));
        scope.end().expect("nothing stays");
    }
}

#[test]
fn what_is_no_handle_is_not_adopted() {
    // SAFETY: refused.
    unsafe {
        for (family, handle) in [(Family::Handle, 0), (Family::Handle, usize::MAX)] {
            assert_eq!(handles::adopt(family, handle), Err(AdoptError::Null));
        }
        let error = handles::adopt(Family::RegKey, real::CURRENT_USER).unwrap_err();
        let handle = real::CURRENT_USER;
        assert_eq!(error, AdoptError::Unowned { handle });
        let family = Family::Malloc;
        let error = handles::adopt(family, 4).unwrap_err();
        assert_eq!(error, AdoptError::Unreleasable { family });
        let number = 4 as *mut c_void;
        let family = Family::Handle;
        let error = adopt(number, 0, ReleaseWith::Family(family)).unwrap_err();
        assert_eq!(error, AdoptError::Unreleasable { family });
    }
}
