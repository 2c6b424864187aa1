//! Blocks of glibc's allocator, and of others.

use crate::world::{Hidden, Test, World, deep, map_private, scrub, store};
use freehold_ledger::format::Verdict::{Indirect, Lost, Possible, Reachable};
use freehold_reach::{Block, PythonLayout, PythonLong, ThreadStack, threads};
use std::sync::mpsc;

pub(crate) const TESTS: &[Test] = &[
    ("every_verdict", every_verdict),
    ("stale_pointer_in_main_arena", stale_pointer_in_main_arena),
    (
        "stale_pointer_in_thread_arena",
        stale_pointer_in_thread_arena,
    ),
    (
        "stale_pointer_among_blocks_of_others",
        stale_pointer_among_blocks_of_others,
    ),
    (
        "tombstones_tell_of_allocators",
        tombstones_tell_of_allocators,
    ),
    ("stack_of_a_thread_that_ended", stack_of_a_thread_that_ended),
    ("registers_and_flags", registers_and_flags),
    ("python_integer", python_integer),
    ("stack_inside_a_block", stack_inside_a_block),
];

static mut ROOT: [usize; 8] = [0; 8];

fn root(i: usize) -> *mut u8 {
    (&raw mut ROOT).cast::<usize>().wrapping_add(i).cast()
}

fn clear_roots() {
    for i in 0..8 {
        // SAFETY: a variable of ours.
        unsafe { root(i).cast::<usize>().write_volatile(0) };
    }
}

/// Writes `value` + `distance` to `block` + `offset`.
fn link(block: Hidden, offset: usize, value: Hidden, distance: usize) {
    deep(|| store((block.show() + offset) as *mut u8, value, distance));
}

fn every_verdict() {
    clear_roots();
    let world = World::new();
    let blocks: Vec<_> = (0..7).map(|i| world.malloc(40 + i * 8).1).collect();
    store(root(0), blocks[0], 0);
    link(blocks[0], 8, blocks[1], 0);
    store(root(1), blocks[2], 16);
    link(blocks[2], 8, blocks[3], 0);
    link(blocks[4], 8, blocks[5], 4);
    let (verdicts, outcome) = world.judge();
    assert_eq!(
        verdicts,
        [
            Reachable, Reachable, Possible, Possible, Lost, Indirect, Lost
        ]
    );
    assert_eq!(outcome.verdicts[Lost as usize].blocks, 2);
    assert_eq!(outcome.verdicts[Lost as usize].bytes, 72 + 88);
    assert!(
        outcome.root_bytes > 0 && outcome.block_bytes > 0,
        "{outcome:?}"
    );
    assert_eq!(outcome.bad_map_lines, 0);
}

/// A block that only a freed one points to.
fn leave_stale_pointer(world: &World) -> usize {
    let (block, hidden) = world.malloc(72);
    // Not listed, because it will be free.
    // SAFETY: no conditions.
    let holder = deep(|| Hidden::new(unsafe { libc::calloc(1, 200) } as usize));
    link(holder, 64, hidden, 0);
    World::free(holder);
    block
}

fn stale_pointer_in_main_arena() {
    let mut world = World::new();
    let block = leave_stale_pointer(&world);
    let (verdicts, outcome) = world.judge();
    assert_eq!(verdicts[block], Lost);
    assert!(outcome.glibc_heaps >= 1);
    // The pointer is really there.
    world.holes_are_roots = true;
    assert_eq!(world.judge().0[block], Reachable);
}

fn stale_pointer_in_thread_arena() {
    std::thread::scope(|scope| {
        let mut world = World::new();
        let (ready, wait) = mpsc::channel();
        let (stop, stopped) = mpsc::channel::<()>();
        let shared = Shared(&raw const world);
        scope.spawn(move || {
            let shared = shared;
            // SAFETY: the other thread waits meanwhile.
            let block = leave_stale_pointer(unsafe { &*shared.0 });
            scrub();
            ready.send(block).unwrap();
            let _ = stopped.recv();
        });
        let block = wait.recv().unwrap();
        let (verdicts, outcome) = world.judge();
        assert_eq!(verdicts[block], Lost);
        assert!(outcome.glibc_heaps >= 1);
        world.holes_are_roots = true;
        assert_eq!(world.judge().0[block], Reachable);
        drop(stop);
    });
}

/// A world that a second thread fills while the first waits.
#[derive(Clone, Copy)]
struct Shared(*const World);
// SAFETY: used by one thread at a time.
unsafe impl Send for Shared {}

fn stale_pointer_among_blocks_of_others() {
    let mut world = World::new();
    let (block, hidden) = world.malloc(64);
    let (other, other_hidden) = world.malloc(64);
    let page = map_private(4 * 4096);
    let base = Hidden::new(page as usize);
    // One live block on the first page: the rest of that page is freed memory,
    // the second page is somebody else's.
    world.add(base, 64, Block::ROOT);
    link(base, 512, hidden, 0);
    link(base, 4096 + 512, other_hidden, 0);
    let (verdicts, _) = world.judge();
    assert_eq!((verdicts[block], verdicts[other]), (Lost, Reachable));
    world.holes_are_roots = true;
    assert_eq!(world.judge().0[block], Reachable);
}

fn tombstones_tell_of_allocators() {
    let world = World::new();
    let (block, hidden) = world.malloc(64);
    let base = Hidden::new(map_private(4096) as usize);
    link(base, 512, hidden, 0);
    world.add(base, 0, Block::DEAD);
    assert_eq!(world.judge().0[block], Reachable);
    world.add(Hidden::new(base.show() + 128), 0, Block::DEAD);
    assert_eq!(world.judge().0[block], Lost);
}

fn stack_of_a_thread_that_ended() {
    let mut world = World::new();
    let (block, hidden) = world.malloc(64);
    let thread = std::thread::spawn(move || {
        let mut local = [0usize; 64];
        store((&raw mut local).cast(), hidden, 0);
        std::hint::black_box(&local);
        let pointer = threads::registers().stack_pointer;
        let top: u64;
        // SAFETY: reads the thread pointer.
        unsafe { std::arch::asm!("mov {}, fs:0", out(reg) top) };
        (pointer, top)
    });
    let (stack_pointer, top) = thread.join().unwrap();
    // The C library keeps the stack for the next thread.
    assert_eq!(world.judge().0[block], Reachable);
    world.threads = vec![ThreadStack {
        stack_pointer,
        top,
        alive: true,
    }];
    assert_eq!(world.judge().0[block], Reachable);
    world.threads[0].alive = false;
    assert_eq!(world.judge().0[block], Lost);
    // Another thread lives there now.
    let stack_pointer = stack_pointer + 64;
    world.threads.push(ThreadStack {
        stack_pointer,
        top,
        alive: true,
    });
    assert_eq!(world.judge().0[block], Reachable);
}

fn registers_and_flags() {
    let world = World::new();
    let (block, hidden) = world.malloc(64);
    let inner = world.add(Hidden::new(0), 8, 0);
    let held = world.malloc(24).1;
    let flagged = world.add(held, 16, Block::ROOT | Block::GLIBC);
    assert_eq!(world.judge().0[block], Lost);
    let (verdicts, _) = deep(|| world.judge_with(&[!hidden.show() as u64]));
    assert_eq!(verdicts[block], Lost);
    let (verdicts, _) = deep(|| world.judge_with(&[1, hidden.show() as u64]));
    assert_eq!(verdicts[block], Reachable);
    assert_eq!(verdicts[flagged], Reachable);
    assert_eq!(verdicts[inner], freehold_ledger::format::Verdict::Unknown);
}

fn python_integer() {
    clear_roots();
    let mut world = World::new();
    let (block, hidden) = world.malloc(64);
    deep(|| {
        let value = hidden.show();
        for (i, word) in [77, 2, value & 0x3fff_ffff | value >> 30 << 32]
            .into_iter()
            .enumerate()
        {
            // SAFETY: a variable of ours.
            unsafe { root(i).cast::<usize>().write_volatile(word) };
        }
    });
    assert_eq!(world.judge().0[block], Lost);
    world.python = Some(PythonLong {
        type_address: 77,
        layout: PythonLayout::Size,
    });
    assert_eq!(world.judge().0[block], Reachable);
}

fn stack_inside_a_block() {
    let mut world = World::new();
    let (stack, hidden) = world.malloc(256 << 10);
    let (block, target) = world.malloc(64);
    link(hidden, 100 << 10, target, 0);
    assert_eq!(world.judge().0[block], Indirect);
    let pointer = !hidden.show();
    // Hidden from the scan where it is not told.
    world.threads = Vec::with_capacity(1);
    world.threads.push(ThreadStack {
        stack_pointer: !pointer as u64 + 4096,
        top: 0,
        alive: true,
    });
    let (verdicts, _) = world.judge();
    assert_eq!((verdicts[stack], verdicts[block]), (Reachable, Reachable));
}
