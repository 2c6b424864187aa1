//! Frames of managed languages: those that are set, and those that are given later to
//! code of a JIT.

#[cfg(all(unix, target_arch = "x86_64"))]
use std::ffi::c_void;

use freehold::managed::{self, Frame, Language, Stack};
use freehold::{Answer, Misuse, calloc, diagnostic_calloc, free, query, track};

fn frame(function: &str, line: u32) -> Frame {
    Frame {
        language: Language::Python,
        function: function.into(),
        file: "app.py".into(),
        line,
        column: 0,
    }
}

fn start() {
    track::start(&track::Options::default()).expect("memory for a ledger");
}

fn allocated(address: usize) -> freehold::Stack {
    match query(address) {
        Answer::Live(known) => known.allocated,
        other => panic!("{other:?}"),
    }
}

#[test]
fn equal_frames_are_one_stack() {
    start();
    let frames = [frame("inner", 3), frame("outer", 9)];
    let stack = managed::stack(&frames).expect("room");
    assert_eq!(managed::stack(&frames), Some(stack));
    assert_ne!(managed::stack(&frames[..1]), Some(stack));
    assert_ne!(
        managed::stack(&[frame("inner", 4), frame("outer", 9)]),
        Some(stack)
    );
    assert_eq!(managed::stack(&[]), None);
    assert_eq!(Stack::from_bits(stack.to_bits()), Some(stack));
}

#[test]
fn blocks_and_misuses_have_the_stack_that_is_set() {
    start();
    let set = |function, line| {
        let stack = managed::stack(&[frame(function, line), frame("main", 1)]);
        assert!(managed::set(Some(stack.expect("room"))));
    };
    set("make", 10);
    let raw = diagnostic_calloc::<u32>(4).expect("memory").into_raw();
    set("drop", 20);
    // SAFETY: live, and released once; the second time is refused.
    let error = unsafe {
        free(raw.cast()).expect("live");
        set("drop_again", 30);
        free(raw.cast()).expect_err("released")
    };
    managed::set(None);
    assert_eq!(error.misuse(), Misuse::Double);
    let shown = |stack: &freehold::Stack| stack.to_string().replace('\n', " | ");
    let main = "#1   main (app.py:1)";
    assert_eq!(
        shown(error.allocated()),
        format!("#0   make (app.py:10) | {main}")
    );
    assert_eq!(
        shown(error.released()),
        format!("#0   drop (app.py:20) | {main}")
    );
    assert_eq!(
        shown(error.here()),
        format!("#0   drop_again (app.py:30) | {main}")
    );
    // Nothing is set any more.
    let block = calloc::<u8>(1).expect("memory");
    let walked = allocated(block.as_ptr() as usize);
    assert!(
        walked
            .frames()
            .iter()
            .all(|frame| frame.address().is_some())
    );
}

#[test]
fn a_block_that_moves_has_the_stack_of_the_move() {
    start();
    let raw = diagnostic_calloc::<u8>(16).expect("memory").into_raw();
    managed::set(managed::stack(&[frame("grow", 5)]));
    // SAFETY: live.
    let moved = unsafe { freehold::resize(raw.cast(), 32 << 10) };
    managed::set(None);
    let moved = moved.expect("memory").as_ptr();
    assert_eq!(
        allocated(moved as usize).to_string(),
        "#0   grow (app.py:5)"
    );
    // SAFETY: live.
    unsafe { free(moved).expect("live") };
}

#[test]
fn other_threads_set_their_own() {
    start();
    managed::set(managed::stack(&[frame("mine", 1)]));
    let other = std::thread::spawn(|| {
        let block = calloc::<u8>(1).expect("memory");
        allocated(block.as_ptr() as usize)
    });
    let other = other.join().expect("no panic");
    managed::set(None);
    assert!(other.frames().iter().all(|frame| frame.address().is_some()));
}

#[test]
fn a_long_stack_is_cut_and_says_so() {
    start();
    let frames: Vec<Frame> = (1..200).map(|line| frame("deep", line)).collect();
    managed::set(managed::stack(&frames));
    let block = calloc::<u8>(1).expect("memory");
    managed::set(None);
    let stack = allocated(block.as_ptr() as usize);
    assert_eq!(stack.frames().len(), 128);
    assert!(stack.is_truncated());
}

#[cfg(unix)]
#[test]
fn a_forked_child_needs_new_stacks() {
    start();
    let stack = managed::stack(&[frame("parent", 1)]).expect("room");
    // SAFETY: the child calls what may be called after a fork, and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let stale = !managed::set(Some(stack));
        let renewed = managed::stack(&[frame("child", 1)]);
        let is_set = renewed.is_some_and(|stack| managed::set(Some(stack)));
        let block = calloc::<u8>(1).expect("memory");
        let shown = allocated(block.as_ptr() as usize).to_string();
        let right = stale && is_set && shown == "#0   child (app.py:1)";
        // SAFETY: ends the child without the parent's handlers.
        unsafe { libc::_exit(if right { 0 } else { 1 }) };
    }
    let mut status = 0;
    // SAFETY: the child is ours.
    unsafe { libc::waitpid(child, &mut status, 0) };
    assert_eq!(status, 0);
    assert!(managed::set(Some(stack)), "the parent goes on");
    managed::set(None);
}

/// Code as a JIT makes it: a frame pointer and no unwind data. Calls the function that
/// it is given with what it is given.
#[cfg(all(unix, target_arch = "x86_64"))]
fn jit() -> extern "C" fn(extern "C" fn(*mut c_void), *mut c_void) {
    let code = [
        0x55, // push rbp
        0x48, 0x89, 0xe5, // mov rbp, rsp
        0x48, 0x89, 0xf8, // mov rax, rdi
        0x48, 0x89, 0xf7, // mov rdi, rsi
        0xff, 0xd0, // call rax
        0x5d, // pop rbp
        0xc3, // ret
    ];
    // SAFETY: a page of our own, which is never given back; the code in it is whole.
    unsafe {
        let (access, how) = (
            libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
        );
        let page = libc::mmap(core::ptr::null_mut(), 4096, access, how, -1, 0);
        assert_ne!(page, libc::MAP_FAILED);
        core::ptr::copy_nonoverlapping(code.as_ptr(), page.cast::<u8>(), code.len());
        core::mem::transmute(page)
    }
}

#[cfg(all(unix, target_arch = "x86_64"))]
extern "C" fn allocate(to: *mut c_void) {
    let block = diagnostic_calloc::<u8>(8).expect("memory").into_raw();
    // SAFETY: the callers below pass the address of a variable.
    unsafe { *to.cast::<usize>() = block as usize };
}

#[cfg(all(unix, target_arch = "x86_64"))]
#[test]
fn code_of_a_jit_is_named_once_for_each_stack() {
    start();
    let call = jit();
    let mut blocks = [0_usize; 3];
    for block in &mut blocks {
        call(allocate, (&raw mut *block).cast());
    }
    // One stack, so one question.
    let unnamed = managed::unnamed(blocks[0]).expect("code of a JIT");
    assert_eq!(managed::unnamed(blocks[0]), None, "it was asked for");
    assert_eq!(managed::unnamed(blocks[1]), None, "it is the same stack");
    let raw = allocated(blocks[0]);
    assert!(raw.is_uncertain());
    assert!(managed::name(
        unnamed,
        &[frame("jitted", 7), frame("caller", 8)]
    ));
    assert!(
        !managed::name(unnamed, &[frame("other", 9)]),
        "it has names"
    );
    assert_eq!(managed::unnamed(blocks[2]), None);
    for block in blocks {
        let stack = allocated(block);
        let text = stack.to_string();
        let at = |name: &str| text.find(name).unwrap_or_else(|| panic!("{name}: {text}"));
        // In the order of the calls: ours, the language's, the test harness.
        assert!(at("allocate") < at("jitted (app.py:7)"), "{text}");
        assert!(at("jitted") < at("caller (app.py:8)"), "{text}");
        assert!(at("caller") < at("code_of_a_jit_is_named_once"), "{text}");
        assert_eq!(stack.frames().len(), raw.frames().len() + 1, "{text}");
        assert!(!stack.is_uncertain());
        // SAFETY: live, released once.
        unsafe { free(block as *mut c_void).expect("live") };
    }
    assert_eq!(managed::unnamed(blocks[0]), None, "it is gone");
}
