//! Corrupt stacks and code without unwind data must give an answer, never a
//! fault.
#![cfg(not(windows))]
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "tests call the C programs beside them"
)]

mod support;

use std::ptr;

use freehold_unwind::{Entry, MAX_DEPTH, StackBounds, walk};
use support::{Library, Random, VARIANTS, bounds, copy, hook, new_history, walked, with_observer};

/// Runs `body` in a forked child; returns its exit status, or panics when a
/// signal ended it.
fn in_child(body: impl FnOnce() -> i32) -> i32 {
    unsafe {
        let pid = libc::fork();
        if pid == 0 {
            // Not forever: a loop must fail the test.
            libc::alarm(20);
            libc::_exit(body());
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(pid, &mut status, 0), pid);
        assert!(
            libc::WIFEXITED(status),
            "ended by signal {}",
            libc::WTERMSIG(status)
        );
        libc::WEXITSTATUS(status)
    }
}

#[test]
fn overwritten_stack_words() {
    for options in [VARIANTS[0], VARIANTS[1], VARIANTS[2]] {
        let library = Library::compiled("shapes.c", options);
        let damaged: extern "C" fn(i32, u64, i32) -> u64 = library.get("damaged");
        let status = in_child(|| {
            let mut history = new_history();
            let mut random = Random(0x1234_5678_9abc_def1);
            let observer = move |entry: Entry| {
                let full = walked(entry, 128);
                for depth in [128, 3] {
                    // Words were restored and damaged anew since the last time.
                    let mut frames = None;
                    let expected = walked(entry, depth).frames;
                    for _ in 0..3 {
                        unsafe {
                            history.capture(entry, depth, bounds(), |s| {
                                (frames = Some(copy(s).frames), 1).1
                            })
                        };
                    }
                    assert!(frames.is_none_or(|f| f == expected));
                }
                assert!(!full.frames.is_empty());
            };
            with_observer(observer, || {
                for i in 0..20_000 {
                    damaged(i % 9, random.next(), [4, 16, 64, 120][i as usize % 4]);
                }
            });
            7
        });
        assert_eq!(status, 7);
    }
}

#[test]
fn any_registers_and_any_stack_contents() {
    let status = in_child(|| {
        let mut random = Random(77);
        let code = [
            hook as *const () as usize,
            libc::qsort as *const () as usize + 5,
            walked as *const () as usize + 9,
        ];
        let own = bounds();
        let mut stack = vec![0usize; 4096];
        for _ in 0..50_000 {
            let base = stack.as_ptr() as usize;
            for _ in 0..64 {
                let at = random.below(256);
                stack[at] = match random.below(5) {
                    0 => code[random.below(3)] + random.below(64),
                    1 => base + random.below(4096) * size_of::<usize>(),
                    2 => random.next() as usize,
                    3 => own.high - random.below(4096),
                    _ => random.below(4096),
                };
            }
            let bp = [
                base + random.below(4000) * size_of::<usize>(),
                random.next() as usize,
                0,
                usize::MAX - 7,
            ][random.below(4)];
            let entry = Entry {
                slot: base + random.below(128) * size_of::<usize>(),
                bp,
            };
            let end = base + stack.len() * size_of::<usize>();
            let mut out = [0; MAX_DEPTH];
            // As the thread's own stack, and as a foreign one.
            for bounds in [
                StackBounds {
                    low: base,
                    high: end,
                },
                own,
                StackBounds::NONE,
            ] {
                let walked = copy(&unsafe { walk(entry, 40, bounds, &mut out) });
                assert!(walked.frames.len() <= 40);
            }
        }
        9
    });
    assert_eq!(status, 9);
}

/// Two pages of which the second cannot be read.
fn before_a_hole(fill: usize) -> (usize, usize) {
    unsafe {
        let page = libc::mmap(
            ptr::null_mut(),
            8192,
            3,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        assert_ne!(page, libc::MAP_FAILED);
        libc::mprotect(page.add(4096), 4096, libc::PROT_NONE);
        for i in 0..4096 / size_of::<usize>() {
            page.cast::<usize>().add(i).write(fill);
        }
        (page as usize, page as usize + 4096)
    }
}

#[test]
fn a_stack_that_ends_in_a_hole() {
    // Return addresses into a function with a fixed frame: the walk runs upward
    // until the page ends.
    let library = Library::compiled("shapes.c", VARIANTS[0]);
    let function: usize = library.get::<usize>("jump");
    let (mut walks, mut complete) = (0, 0);
    for at in 1..200 {
        let (low, high) = before_a_hole(function + at);
        let entry = Entry {
            slot: high - 4096 + 512,
            bp: low + 1024,
        };
        let mut out = [0; MAX_DEPTH];
        let stack = copy(&unsafe { walk(entry, 128, StackBounds::NONE, &mut out) });
        walks += usize::from(stack.frames.len() > 3);
        // The start of a function ends a stack: nothing calls from before it.
        complete += usize::from(stack.complete);
        unsafe { libc::munmap(low as *mut _, 8192) };
    }
    assert!(walks > 50 && complete < 10, "{walks} {complete}");
}

/// `push rbp; mov rbp, rsp; sub rsp, 32; movabs rax, target; call rax; leave; ret`, in
/// 32 bits with a copy of the argument on the stack.
fn machine_code(target: usize) -> usize {
    let mut code: Vec<u8> = if cfg!(target_arch = "x86_64") {
        vec![0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x20, 0x48, 0xb8]
    } else {
        vec![
            0x55, 0x89, 0xe5, 0x83, 0xec, 0x18, 0x8b, 0x45, 0x08, 0x89, 0x04, 0x24, 0xb8,
        ]
    };
    code.extend(target.to_le_bytes());
    code.extend([0xff, 0xd0, 0xc9, 0xc3]);
    unsafe {
        let page = libc::mmap(
            ptr::null_mut(),
            4096,
            7,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        assert_ne!(page, libc::MAP_FAILED);
        ptr::copy_nonoverlapping(code.as_ptr(), page.cast(), code.len());
        page as usize
    }
}

#[test]
fn generated_code_is_crossed_by_frame_pointers() {
    let library = Library::compiled("shapes.c", VARIANTS[0]);
    let recurse = library.get::<usize>("recurse");
    // Generated code calls generated code calls C, which calls the hook.
    let inner = machine_code(recurse);
    let outer = machine_code(inner);
    let outer: extern "C" fn(i32) -> u64 = unsafe { std::mem::transmute(outer) };
    with_observer(
        move |entry| {
            let stack = walked(entry, 128);
            let position = stack
                .frames
                .iter()
                .position(|&f| f.wrapping_sub(inner) < 4096)
                .expect("the inner code's frame");
            assert_eq!(position, 5);
            assert!(stack.frames[position + 1].wrapping_sub(outer as usize) < 4096);
            assert!(stack.approximate);
            // Beyond it, C code by its tables again, up to the thread's start.
            assert!(
                stack.complete && stack.frames.len() > position + 8,
                "{stack:x?}"
            );
        },
        || outer(4),
    );
}
