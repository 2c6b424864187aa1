//! Owned resources and arenas: who releases what, when, and what is said when it
//! fails.

use std::cell::Cell;
use std::ffi::c_void;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use freehold::{
    AdoptError, AllocError, Arena, ArenaFailure, Family, Lease, Misuse, NoZone, Owned, Ownership,
    Release, ReleaseWith, Released, Rule, Scope, SharedArena, free, leak_tests, ownership_of,
    rules, using, using_async, with_zone_arena, with_zone_arena_async, zone_arena,
};

/// A resource that counts its releases.
struct Counted;
static RELEASES: AtomicU32 = AtomicU32::new(0);

unsafe extern "C" fn count(block: *mut c_void, _: *mut c_void) -> i32 {
    RELEASES.fetch_add(1, Ordering::Relaxed);
    // SAFETY: a block of malloc, released once.
    unsafe { libc::free(block) };
    0
}

// SAFETY: `count` may be called on any thread.
unsafe impl Rule for Counted {
    fn with() -> ReleaseWith {
        // SAFETY: as above; it needs no context.
        ReleaseWith::Custom(unsafe { Release::new(count, std::ptr::null_mut()) })
    }
}

fn counted() -> Owned<u64, Counted> {
    // SAFETY: a block that nobody else releases.
    unsafe { Owned::adopt(libc::calloc(1, 8).cast(), 8) }.expect("memory")
}

#[test]
fn leases_delay_the_release_to_the_last_of_them() {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let before = RELEASES.load(Ordering::Relaxed);
    let owned = counted();
    let leases: Vec<Lease<u64, Counted>> = (0..8).map(|_| owned.lease()).collect();
    let address = owned.as_ptr() as usize;
    assert_eq!(owned.release().expect("live"), Released::Later);
    // SAFETY: refused: it is released already.
    let error = unsafe { free(address as *mut c_void) }.unwrap_err();
    assert_eq!(error.misuse(), Misuse::Double);
    let threads: Vec<_> = leases
        .into_iter()
        .map(|lease| {
            std::thread::spawn(move || {
                // SAFETY: live as long as the lease.
                assert_eq!(unsafe { lease.as_ptr().read() }, 0);
                lease.end().expect("released by the last");
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("no panic");
    }
    assert_eq!(RELEASES.load(Ordering::Relaxed), before + 1);
    assert_eq!(ownership_of(address), None);
    let owned = counted();
    drop(owned.lease());
    assert_eq!(owned.release().expect("live"), Released::Now);
    assert_eq!(RELEASES.load(Ordering::Relaxed), before + 2);
}

leak_tests! {
    fn two_owners_are_refused_and_raw_pointers_come_back() {
        // SAFETY: one owner at a time.
        unsafe {
            let owned: Owned<u8, rules::Malloc> =
                Owned::adopt(libc::malloc(4).cast(), 4).expect("memory");
            let second = Owned::<u8, rules::Malloc>::adopt(owned.as_ptr(), 4);
            assert!(matches!(second, Err(AdoptError::Owned { .. })));
            let raw = owned.into_raw();
            assert_eq!(ownership_of(raw as usize), Some(Ownership::Owned));
            let again: Owned<u8, rules::Malloc> = Owned::from_raw(raw).expect("given up");
            again.release().expect("live");
            assert!(Owned::<u8, rules::Malloc>::from_raw(raw).is_err());
            let null = Owned::<u8, rules::Malloc>::adopt(std::ptr::null_mut(), 4);
            assert_eq!(null.unwrap_err(), AdoptError::Null);
        }
    }

    fn what_is_given_away_is_no_leak() {
        // SAFETY: the new owner is the C library.
        unsafe {
            let owned: Owned<u8, rules::Malloc> =
                Owned::adopt(libc::malloc(4).cast(), 4).expect("memory");
            libc::free(owned.transfer().cast());
        }
        let raw = freehold::diagnostic_calloc::<u8>(4).expect("memory").transfer();
        // SAFETY: as above.
        unsafe { libc::free(raw.cast()) };
    }

    fn an_arena_releases_the_last_first_and_goes_on_after_a_failure() {
        let order = Arc::new(Mutex::new(Vec::new()));
        let arena = Arena::new();
        for i in 0..4 {
            let order = Arc::clone(&order);
            arena
                .on_release(move || {
                    order.lock().unwrap().push(i);
                    if i % 2 == 0 { Err(format!("number {i}")) } else { Ok(()) }
                })
                .expect("open");
            arena.alloc::<u8>(100).expect("memory");
        }
        let error = arena.release().unwrap_err();
        assert_eq!(*order.lock().unwrap(), [3, 2, 1, 0]);
        assert_eq!(error.failures().len(), 2);
        assert!(matches!(&error.failures()[0], ArenaFailure::Callback(e) if e.to_string() == "number 2"));
        assert!(error.to_string().contains("number 0"));
    }

    fn an_arenas_block_is_not_for_free() {
        let arena = Arena::new();
        let block = arena.alloc::<u8>(10).expect("memory").as_mut_ptr();
        assert_eq!(ownership_of(block as usize), Some(Ownership::Arena));
        // SAFETY: refused, until it is moved out.
        unsafe {
            assert_eq!(free(block.cast()).unwrap_err().misuse(), Misuse::ArenaOwned);
            assert!(arena.move_out(block.add(1)).is_err());
            let moved = arena.move_out(block).expect("a block of it");
            assert!(arena.move_out(block).is_err());
            free(moved.as_ptr().cast()).expect("ours now");
        }
    }

    fn an_arena_adopts_and_manages() {
        let closed = Arc::new(Cell::new(0).into_inner().to_string());
        let mut arena = Arena::new();
        // SAFETY: blocks that nobody else releases.
        unsafe {
            let text = libc::strdup(c"text".as_ptr()).cast();
            arena.adopt(text, 5, ReleaseWith::Family(Family::Malloc)).expect("memory");
            assert_eq!(free(text).unwrap_err().misuse(), Misuse::ArenaOwned);
            let moved = libc::strdup(c"moved".as_ptr()).cast();
            arena.adopt(moved, 6, ReleaseWith::Family(Family::Malloc)).expect("memory");
            arena.move_out(moved).expect("adopted");
            free(moved).expect("ours now");
        }
        let kept = arena.manage(Arc::clone(&closed), |_| Ok::<(), String>(())).expect("open");
        assert_eq!(kept.as_str(), "0");
        assert_eq!(Arc::strong_count(&closed), 2);
        arena.release_all(true).expect("nothing fails");
        assert_eq!(Arc::strong_count(&closed), 1);
        arena.alloc::<u8>(1).expect("used again");
        arena.release_all(false).expect("nothing fails");
        assert_eq!(arena.alloc::<u8>(1).unwrap_err(), AllocError::Released);
        let late = arena.manage(Arc::clone(&closed), |_| Ok::<(), String>(()));
        assert_eq!(late.unwrap_err(), AllocError::Released);
        assert_eq!(Arc::strong_count(&closed), 1);
    }

    fn a_shared_arena_serves_many_threads() {
        let arena = SharedArena::new();
        std::thread::scope(|threads| {
            for i in 0..8u8 {
                let arena = &arena;
                threads.spawn(move || {
                    for _ in 0..100 {
                        arena.alloc_from(&[i; 33]).expect("memory");
                    }
                });
            }
        });
        arena.release().expect("nothing fails");
    }

    fn a_cancelled_future_releases_its_arena() {
        let released = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&released);
        {
            let mut task = pin!(using_async(async move |arena| {
                arena.alloc::<u8>(10).expect("memory");
                arena
                    .on_release(move || {
                        count.fetch_add(1, Ordering::Relaxed);
                        Ok::<(), String>(())
                    })
                    .expect("open");
                std::future::pending::<()>().await;
            }));
            let mut context = Context::from_waker(Waker::noop());
            assert!(task.as_mut().poll(&mut context).is_pending());
            assert_eq!(released.load(Ordering::Relaxed), 0);
        }
        assert_eq!(released.load(Ordering::Relaxed), 1);
    }

    fn zones_nest_and_end() {
        assert_eq!(zone_arena(|_| ()), Err(NoZone));
        with_zone_arena(|| {
            let outer = zone_arena(|a| a as *const Arena).expect("in a zone");
            with_zone_arena(|| {
                let inner = zone_arena(|a| a as *const Arena).expect("in a zone");
                assert_ne!(outer, inner);
            })
            .expect("nothing fails");
            assert_eq!(zone_arena(|a| a as *const Arena), Ok(outer));
        })
        .expect("nothing fails");
        assert_eq!(zone_arena(|_| ()), Err(NoZone));
        let mut task = pin!(with_zone_arena_async(async {
            zone_arena(|a| a.alloc::<u8>(1).is_ok()).expect("in a zone")
        }));
        let mut context = Context::from_waker(Waker::noop());
        assert!(matches!(task.as_mut().poll(&mut context), Poll::Ready(Ok(true))));
    }

    fn a_panic_releases_the_arena() {
        let result = std::panic::catch_unwind(|| {
            using(|arena| {
                arena.alloc::<u8>(10).expect("memory");
                panic!("in the region");
            })
        });
        assert!(result.is_err());
    }
}

#[test]
fn scopes_nest_and_hand_over_what_stays() {
    let outer = Scope::begin("outer");
    let entered = outer.handle().entered();
    let inner = Scope::begin("inner");
    let handle = inner.handle();
    let block = inner
        .enter(|| freehold::diagnostic_calloc::<u8>(5))
        .expect("memory");
    assert_eq!((inner.leaks().len(), outer.leaks().len()), (1, 1));
    assert_eq!(inner.end().unwrap_err().total_bytes(), 5);
    // It counts for the one around it now, and so does what comes late.
    assert_eq!(outer.leaks().len(), 1);
    let late = handle
        .enter(|| freehold::diagnostic_calloc::<u8>(6))
        .expect("memory");
    assert_eq!(outer.leaks().len(), 2);
    drop(entered);
    // Released outside of any scope, on another thread.
    std::thread::spawn(move || drop((block, late)))
        .join()
        .expect("no panic");
    outer.end().expect("nothing stays");
}

#[test]
fn a_handle_does_not_enter_a_later_scope_of_the_name() {
    let around = Scope::begin("around");
    around.enter(|| {
        let old = Scope::begin("name");
        let handle = old.handle();
        let inside = handle.entered();
        old.end().expect("nothing stays");
        // The number is still in use by this thread.
        let new = Scope::begin("name");
        let block = freehold::diagnostic_calloc::<u8>(1).expect("memory");
        assert_eq!((new.leaks().len(), around.leaks().len()), (0, 1));
        drop(inside);
        assert_eq!((new.leaks().len(), around.leaks().len()), (0, 1));
        let late = handle
            .enter(|| freehold::diagnostic_calloc::<u8>(1))
            .expect("memory");
        assert_eq!((new.leaks().len(), around.leaks().len()), (0, 2));
        drop((block, late));
        new.end().expect("nothing stays");
    });
    around.end().expect("nothing stays");
}

#[test]
fn scopes_of_one_name_are_apart() {
    let threads: Vec<_> = (0..8usize)
        .map(|i| {
            std::thread::spawn(move || {
                for _ in 0..50 {
                    let scope = Scope::begin("the same");
                    let blocks: Vec<_> = (0..i)
                        .map(|_| scope.enter(|| freehold::diagnostic_calloc::<u8>(9)))
                        .collect();
                    assert_eq!(scope.leaks().len(), i);
                    drop(blocks);
                    scope.end().expect("nothing stays");
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("no panic");
    }
}

#[test]
fn a_scope_sees_what_it_can_in_the_text_of_its_error() {
    let scope = Scope::begin("told");
    let raw = scope
        .enter(|| freehold::diagnostic_calloc::<u64>(12))
        .expect("memory")
        .into_raw();
    let error = scope.end().unwrap_err();
    let text = error.to_string();
    for part in ["Leaks   : 1", "Leak #1 - u64 (96 B)", "stack     :", "#0"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    // SAFETY: live.
    unsafe { free(raw.cast()) }.expect("was live");
}
