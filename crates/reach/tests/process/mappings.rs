//! Memory that is sparse, guarded, shared, or not there.

use crate::world::{Hidden, Test, World, map, map_private, store};
use freehold_ledger::format::Verdict::{Lost, Reachable};
use freehold_reach::{Block, Error};
use std::time::Instant;

pub(crate) const TESTS: &[Test] = &[
    (
        "terabytes_that_are_only_reserved",
        terabytes_that_are_only_reserved,
    ),
    (
        "files_shorter_than_their_mapping",
        files_shorter_than_their_mapping,
    ),
    ("guard_pages", guard_pages),
    ("blocks_with_holes", blocks_with_holes),
    ("shared_memory_holds", shared_memory_holds),
    ("memory_made_read_only_holds", memory_made_read_only_holds),
    ("errors_are_told", errors_are_told),
];

const PAGE: usize = 4096;
const RW: i32 = libc::PROT_READ | libc::PROT_WRITE;
const MADV_GUARD_INSTALL: i32 = 102;

fn memory_file(len: usize) -> i32 {
    // SAFETY: the name ends with a zero byte.
    let file = unsafe { libc::memfd_create(c"test".as_ptr(), 0) };
    // SAFETY: our own file.
    assert_eq!(unsafe { libc::ftruncate(file, len as i64) }, 0);
    file
}

fn terabytes_that_are_only_reserved() {
    let world = World::new();
    let (block, hidden) = world.malloc(64);
    let (inner, inner_hidden) = world.malloc(64);
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    map(1 << 40, libc::PROT_NONE, flags, -1);
    let sparse = map_private(1 << 40);
    store(sparse.wrapping_add(700 << 30), hidden, 0);
    let tracked = map_private(1 << 40);
    store(tracked.wrapping_add(300 << 30), inner_hidden, 0);
    let tracked = world.add(Hidden::new(tracked as usize), 1 << 40, Block::ROOT);
    let begin = Instant::now();
    let (verdicts, outcome) = world.judge();
    assert_eq!(
        [verdicts[block], verdicts[inner], verdicts[tracked]],
        [Reachable; 3]
    );
    assert!(outcome.root_bytes < 1 << 30, "{outcome:?}");
    let limit = if outcome.source == freehold_reach::Source::Scan {
        500
    } else {
        10_000
    };
    assert!(begin.elapsed().as_millis() < limit, "{:?}", begin.elapsed());
}

fn files_shorter_than_their_mapping() {
    for flags in [libc::MAP_PRIVATE, libc::MAP_SHARED] {
        let world = World::new();
        let (block, hidden) = world.malloc(64);
        let (gone, gone_hidden) = world.malloc(64);
        let file = memory_file(4 * PAGE);
        let memory = map(4 * PAGE, RW, flags, file);
        store(memory.wrapping_add(16), hidden, 0);
        store(memory.wrapping_add(3 * PAGE), gone_hidden, 0);
        assert_eq!(world.judge().0[gone], Reachable);
        // SAFETY: our own file.
        assert_eq!(unsafe { libc::ftruncate(file, PAGE as i64) }, 0);
        let (verdicts, _) = world.judge();
        assert_eq!((verdicts[block], verdicts[gone]), (Reachable, Lost));
        // A tracked block over all of it is read with the same care.
        let mapped = world.add(Hidden::new(memory as usize), 4 * PAGE, Block::ROOT);
        let (verdicts, _) = world.judge();
        assert_eq!((verdicts[mapped], verdicts[block]), (Reachable, Reachable));
    }
}

fn guard_pages() {
    let world = World::new();
    let (block, hidden) = world.malloc(64);
    let memory = map_private(16 * PAGE);
    for page in 0..16 {
        store(memory.wrapping_add(page * PAGE), Hidden::new(1), 0);
    }
    // SAFETY: our own mapping.
    unsafe {
        assert_eq!(
            libc::mprotect(memory.add(PAGE).cast(), PAGE, libc::PROT_NONE),
            0
        );
        // Linux 6.13; older ones refuse.
        libc::madvise(memory.add(3 * PAGE).cast(), PAGE, MADV_GUARD_INSTALL);
    }
    store(memory.wrapping_add(5 * PAGE), hidden, 0);
    assert_eq!(world.judge().0[block], Reachable);
}

fn blocks_with_holes() {
    let world = World::new();
    let (block, hidden) = world.malloc(64);
    let memory = map_private(16 * PAGE);
    for page in 0..16 {
        store(memory.wrapping_add(page * PAGE), Hidden::new(1), 0);
    }
    store(memory.wrapping_add(5 * PAGE), hidden, 0);
    // SAFETY: our own mapping.
    unsafe {
        libc::mprotect(memory.add(PAGE).cast(), PAGE, libc::PROT_NONE);
        libc::madvise(memory.add(3 * PAGE).cast(), PAGE, MADV_GUARD_INSTALL);
        libc::munmap(memory.add(7 * PAGE).cast(), PAGE);
    }
    let mapped = world.add(Hidden::new(memory as usize), 16 * PAGE, 0);
    let (verdicts, _) = world.judge();
    assert_eq!(verdicts[mapped], Reachable, "a local variable holds it");
    assert_eq!(verdicts[block], Reachable);
    std::hint::black_box(memory);
}

fn shared_memory_holds() {
    let world = World::new();
    let (first, first_hidden) = world.malloc(64);
    let (second, second_hidden) = world.malloc(64);
    let (third, _) = world.malloc(64);
    let anonymous = map(PAGE, RW, libc::MAP_SHARED | libc::MAP_ANONYMOUS, -1);
    store(anonymous, first_hidden, 0);
    let file = map(PAGE, RW, libc::MAP_SHARED, memory_file(PAGE));
    store(file, second_hidden, 0);
    let (verdicts, _) = world.judge();
    assert_eq!(
        [verdicts[first], verdicts[second], verdicts[third]],
        [Reachable, Reachable, Lost]
    );
}

fn memory_made_read_only_holds() {
    let world = World::new();
    let (block, hidden) = world.malloc(64);
    let memory = map_private(PAGE);
    store(memory, hidden, 0);
    // SAFETY: our own mapping.
    unsafe { libc::mprotect(memory.cast(), PAGE, libc::PROT_READ) };
    assert_eq!(world.judge().0[block], Reachable);
    // SAFETY: our own mapping.
    unsafe { libc::mprotect(memory.cast(), PAGE, libc::PROT_NONE) };
    assert_eq!(world.judge().0[block], Lost);
}

fn errors_are_told() {
    let world = World::new();
    world.malloc(64);
    let limited = |resource, value, world: &World| {
        let mut old = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: plain structures.
        unsafe {
            libc::getrlimit(resource, &mut old);
            let new = libc::rlimit {
                rlim_cur: value,
                ..old
            };
            assert_eq!(libc::setrlimit(resource, &new), 0);
        }
        let answer = world.try_judge(&[]);
        // SAFETY: a plain structure.
        unsafe { libc::setrlimit(resource, &old) };
        answer
    };
    let answer = limited(libc::RLIMIT_AS, 1 << 20, &world);
    assert!(
        matches!(answer, Err(Error::Memory(libc::ENOMEM))),
        "{answer:?}"
    );
}
