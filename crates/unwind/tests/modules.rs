//! Objects that come and go. A test binary of its own: the flushes are counted.
#![cfg(not(windows))]
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "tests call the C programs beside them"
)]

mod support;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, PoisonError};

use freehold_unwind::flush_rules;
use support::{Interner, Library, compile, flush_history, hook, with_observer};

/// Where objects land must not depend on the other tests.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn load(path: &std::path::Path) -> (Library, extern "C" fn(i32) -> u64) {
    let library = Library::open(path);
    let set: extern "C" fn(extern "C" fn()) = library.get("set_hook");
    set(hook);
    let recurse = library.get("recurse");
    (library, recurse)
}

#[test]
fn another_object_at_the_same_place() {
    let _alone = alone();
    // The same function with frames of different size, at the same addresses.
    let paths = [
        compile("shapes.c", &["-O2", "-fomit-frame-pointer"]),
        compile("shapes.c", &["-O0", "-fno-omit-frame-pointer"]),
        compile(
            "shapes.c",
            &[
                "-O2",
                "-fomit-frame-pointer",
                "-mno-red-zone",
                "-fstack-protector-all",
            ],
        ),
    ];
    flush_history();
    let mut interner = Interner::default();
    let mut bases = std::collections::HashSet::new();
    with_observer(
        move |entry| {
            let ours = interner.capture(entry, 128);
            assert_eq!(ours.frames, support::by_libgcc(entry));
        },
        || {
            for round in 0..60 {
                let (library, recurse) = load(&paths[round % 3]);
                bases.insert(recurse as usize & !0xf_ffff);
                for n in [0, 3, 9] {
                    (0..3).for_each(|_| assert_eq!(recurse(n), 1));
                }
                library.close();
                flush_rules();
            }
        },
    );
    assert!(bases.len() < 30, "objects were to share places");
    paths.iter().for_each(|p| std::fs::remove_file(p).unwrap());
}

#[test]
fn the_same_addresses_with_other_frames() {
    let _alone = alone();
    let paths = [1032, 2056].map(|frame| compile("twins.c", &["-O2", &format!("-DFRAME={frame}")]));
    let mut interner = Interner::default();
    let seen = Rc::new(RefCell::new(HashMap::<usize, u32>::new()));
    let counter = seen.clone();
    with_observer(
        move |entry| {
            let ours = interner.capture(entry, 128);
            assert_eq!(ours.frames, support::by_libgcc(entry));
            *counter.borrow_mut().entry(ours.frames[0]).or_default() += 1;
        },
        || {
            for round in 0..20 {
                let library = Library::open(&paths[round % 2]);
                let set: extern "C" fn(extern "C" fn()) = library.get("set_hook");
                set(hook);
                let twin: extern "C" fn(i32) -> i64 = library.get("twin");
                (0..3).for_each(|_| assert!(twin(1) < i64::MAX));
                library.close();
                flush_rules();
            }
        },
    );
    paths.iter().for_each(|p| std::fs::remove_file(p).unwrap());
    // The twins shared an address, or this test has tested nothing.
    assert!(
        seen.borrow().values().any(|&n| n > 30),
        "{:x?}",
        seen.borrow()
    );
}

#[test]
fn threads_may_flush_while_others_capture() {
    let _alone = alone();
    let library = Library::compiled("shapes.c", &["-O2"]);
    let mix: extern "C" fn(u64, i32) -> u64 = library.get("mix");
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let worker = |_| {
            std::thread::Builder::new()
                .stack_size(64 << 20)
                .spawn_scoped(scope, || {
                    let mut interner = Interner::default();
                    with_observer(
                        move |entry| assert!(interner.capture(entry, 128).complete),
                        || {
                            (0..4000)
                                .for_each(|i| assert!(mix(i % 50 + 1, (i % 20) as i32) < u64::MAX))
                        },
                    );
                })
        };
        let workers: Vec<_> = (0..3).map(worker).map(Result::unwrap).collect();
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                flush_rules();
                std::thread::yield_now();
            }
        });
        let results: Vec<_> = workers.into_iter().map(|w| w.join()).collect();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(results.iter().all(Result::is_ok));
    });
}
