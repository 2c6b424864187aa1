//! Bounds of every kind of stack, and captures on them.
#![cfg(not(windows))]
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "tests call the C programs beside them"
)]

mod support;

use std::cell::Cell;
use std::ptr;
use std::rc::Rc;

use freehold_unwind::{Entry, MAX_DEPTH, StackBounds, walk};
use support::{Interner, Library, VARIANTS, bounds, by_libgcc, check_by_libgcc, with_observer};

fn sp() -> usize {
    let here = 0u8;
    &raw const here as usize
}

/// The C library's own idea of the current thread's stack (which allocates).
fn by_library() -> (usize, usize) {
    unsafe {
        let mut attributes = std::mem::zeroed();
        assert_eq!(
            libc::pthread_getattr_np(libc::pthread_self(), &mut attributes),
            0
        );
        let (mut low, mut size) = (ptr::null_mut(), 0);
        libc::pthread_attr_getstack(&attributes, &mut low, &mut size);
        libc::pthread_attr_destroy(&mut attributes);
        (low as usize, low as usize + size)
    }
}

#[test]
fn bounds_of_ordinary_threads() {
    for size in [64 << 10, 1 << 20, 64 << 20] {
        let check = move || {
            let (ours, theirs) = (StackBounds::for_current_thread(), by_library());
            assert!(ours.contains(sp()));
            // Ours end at the thread control block, theirs beyond it.
            assert!(
                ours.high <= theirs.1 && theirs.1 - ours.high < 16 << 10,
                "{ours:x?} {theirs:x?}"
            );
            // The library counts the guard page in or not.
            assert!(
                ours.low.abs_diff(theirs.0) <= 64 << 10,
                "{ours:x?} {theirs:x?}"
            );
        };
        std::thread::Builder::new()
            .stack_size(size)
            .spawn(check)
            .unwrap()
            .join()
            .unwrap();
    }
}

type Start = extern "C" fn(*mut libc::c_void) -> *mut libc::c_void;

fn run_on(memory: *mut u8, size: usize, start: Start) {
    unsafe {
        let mut attributes = std::mem::zeroed();
        libc::pthread_attr_init(&mut attributes);
        assert_eq!(
            libc::pthread_attr_setstack(&mut attributes, memory.cast(), size),
            0
        );
        let mut thread = 0;
        assert_eq!(
            libc::pthread_create(&mut thread, &attributes, start, ptr::null_mut()),
            0
        );
        libc::pthread_join(thread, ptr::null_mut());
    }
}

#[test]
fn bounds_of_a_stack_that_the_program_supplied() {
    extern "C" fn start(_: *mut libc::c_void) -> *mut libc::c_void {
        let (ours, theirs) = (StackBounds::for_current_thread(), by_library());
        assert!(ours.contains(sp()));
        assert!(
            ours.high <= theirs.1 && theirs.1 - ours.high < 16 << 10,
            "{ours:x?} {theirs:x?}"
        );
        ptr::null_mut()
    }
    let size = 1 << 20;
    let mut memory = vec![0u128; size / 16];
    run_on(memory.as_mut_ptr().cast(), size, start);
}

#[test]
fn bounds_of_the_main_thread_without_allocating() {
    // A forked child's only thread is its main thread, by number, though it runs
    // on the stack of a test's thread. `programs/main.rs` tests the real one.
    unsafe {
        let pid = libc::fork();
        if pid == 0 {
            let found = StackBounds::for_current_thread();
            libc::_exit(if found.contains(sp()) && found.high < by_library().1 {
                3
            } else {
                4
            });
        }
        let mut status = 0;
        libc::waitpid(pid, &mut status, 0);
        assert_eq!(libc::WEXITSTATUS(status), 3);
    }
}

#[test]
fn errno_is_left_alone() {
    let library = Library::compiled("shapes.c", VARIANTS[0]);
    let only_by_rbx: extern "C" fn(i32) -> u64 = library.get("only_by_rbx");
    with_observer(
        |entry| unsafe {
            let mut out = [0; MAX_DEPTH];
            *libc::__errno_location() = 12345;
            let found = StackBounds::for_current_thread();
            walk(entry, 128, found, &mut out);
            // Through the kernel, and into what cannot be read.
            walk(entry, 128, StackBounds::NONE, &mut out);
            let mut words = [1usize << (usize::BITS - 18); 64];
            walk(
                Entry {
                    slot: words.as_mut_ptr() as usize,
                    bp: 8,
                },
                128,
                StackBounds::NONE,
                &mut out,
            );
            assert_eq!(*libc::__errno_location(), 12345);
        },
        || only_by_rbx(2),
    );
}

#[test]
fn a_foreign_stack_gives_the_same_frames() {
    let library = Library::compiled("shapes.c", VARIANTS[0]);
    let mix: extern "C" fn(u64, i32) -> u64 = library.get("mix");
    let run = move || {
        with_observer(
            |entry| {
                let ours = check_by_libgcc(entry, 128);
                let mut out = [0; MAX_DEPTH];
                let foreign = unsafe { walk(entry, 128, StackBounds::NONE, &mut out) };
                assert_eq!(ours.frames, foreign.frames);
                assert!(foreign.complete == ours.complete);
            },
            || {
                (1..200).for_each(|seed| {
                    assert!(mix(seed * 0x7_1234_5677, (seed % 30) as i32) < u64::MAX)
                })
            },
        );
    };
    std::thread::Builder::new()
        .stack_size(256 << 20)
        .spawn(run)
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn coroutines_are_walked_to_their_start() {
    let library = Library::compiled("shapes.c", VARIANTS[0]);
    let coroutines: extern "C" fn(*mut u8, usize, i32) -> u64 = library.get("coroutines");
    let size = 4 << 20;
    let mut stack = vec![0u8; size];
    let range = stack.as_ptr() as usize..stack.as_ptr() as usize + size;
    let on_coroutine = Rc::new(Cell::new(0));
    let seen = on_coroutine.clone();
    let mut interner = Interner::default();
    with_observer(
        move |entry| {
            let ours = interner.capture(entry, 128);
            if range.contains(&entry.slot) {
                assert!(!bounds().contains(entry.slot));
                assert_eq!(ours.frames, by_libgcc(entry));
                assert!(ours.complete && !ours.approximate, "{ours:x?}");
                seen.set(seen.get() + 1);
            }
        },
        || coroutines(stack.as_mut_ptr(), size, 300),
    );
    assert!(on_coroutine.get() > 300);
}
