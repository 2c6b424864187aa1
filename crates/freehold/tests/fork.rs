//! A forked child has a ledger of its own, and may release what it inherited.
#![cfg(unix)]

use freehold::{LeakTracker, Misuse, Scope, diagnostic_calloc, families, free, track};

#[test]
fn a_child_writes_to_its_own_ledger() {
    LeakTracker::enable();
    let inherited = diagnostic_calloc::<u8>(10).expect("memory").into_raw();
    let handle = families::local_alloc(families::MOVEABLE, 8).expect("memory");
    let parent = track::session().expect("on");
    let (closed, scope) = (Scope::begin("closed"), Scope::begin("request"));
    closed.end().expect("nothing was in it");
    let entered = scope.handle().entered();
    // SAFETY: the child calls nothing that another thread could hold.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let outcome = std::panic::catch_unwind(|| {
            let block = diagnostic_calloc::<u8>(20).expect("memory");
            let own = track::session().expect("begun anew");
            assert_ne!(own, parent);
            let leaks = scope.leaks();
            assert_eq!((leaks.len(), leaks[0].size), (1, 20));
            assert_eq!(leaks[0].scope, "request");
            let raw = block.into_raw();
            // SAFETY: live, or refused.
            unsafe {
                free(raw.cast()).expect("was live");
                assert_eq!(free(raw.cast()).unwrap_err().misuse(), Misuse::Double);
                free(inherited.cast()).expect("inherited");
                free(handle as *mut _).expect("inherited, of another family");
            }
        });
        // SAFETY: ends the child without running the harness's code.
        unsafe { libc::_exit(i32::from(outcome.is_err())) };
    }
    drop(entered);
    let mut status = 0;
    // SAFETY: our own child.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0, "the child failed");
    // The parent's ledger has the block and the handle, and none of the child's.
    let leaks = LeakTracker::snapshot();
    let sizes: Vec<u64> = leaks.iter().map(|l| l.size).collect();
    assert_eq!(sizes.len(), 2, "{leaks:?}");
    assert!(sizes.contains(&10) && sizes.contains(&8));
    // SAFETY: live.
    unsafe {
        free(inherited.cast()).expect("live here");
        free(handle as *mut _).expect("live here");
    }
    assert!(!LeakTracker::has_leaks());
}
