//! What the library does on Windows only: real families that it takes over, references
//! to COM objects, the last error.
#![cfg(windows)]

#[path = "support/functions.rs"]
#[macro_use]
mod functions;
#[path = "support/real.rs"]
mod real;

use std::ffi::c_void;
use std::sync::{Mutex, MutexGuard, PoisonError};

use freehold::alloc::FAMILY;
use freehold::families::{self, FIXED, Heap, MOVEABLE};
use freehold::{
    Allocator, Block, DiagnosticCalloc, Family, Misuse, ReleaseWith, Scope, adaptive_calloc,
    adaptive_free, adopt, calloc, diagnostic_calloc, free, free_as, malloc, native_free,
    ownership_of, track,
};
use freehold_families::win32::{bstr, co_task_mem, com, last_error, set_last_error};

/// Begins a test. One at a time: handles and addresses that one releases must not be
/// given to another before it has looked at them.
fn start() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    track::start(&track::Options::default()).expect("memory for a ledger");
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does something that must leave the thread's last error alone.
fn silently<R>(what: &str, run: impl FnOnce() -> R) -> R {
    set_last_error(4711);
    let result = run();
    assert_eq!(last_error(), 4711, "{what}");
    result
}

const GIVEN: [&str; 11] = [
    "malloc of msvcrt",
    "malloc of ucrtbase",
    "_aligned_malloc of msvcrt",
    "_aligned_malloc of ucrtbase",
    "NetApiBufferAllocate",
    "WTSEnumerateProcesses",
    "CredRead",
    "SafeArrayCreateVector",
    "VARIANT",
    "PROPVARIANT",
    "COM object",
];

#[test]
fn what_an_api_gives_is_released_by_its_function_and_lost_otherwise() {
    let _alone = start();
    for given in GIVEN {
        let (address, size, family) = real::block(given);
        let block = address as *mut c_void;
        let scope = Scope::begin(given);
        // SAFETY: live, of this family; refused, and then released once.
        unsafe {
            scope.enter(|| adopt(block, size, ReleaseWith::Family(family)).expect("not null"));
            let leaks = scope.leaks();
            assert_eq!(
                (leaks.len(), leaks[0].family),
                (1, family.name()),
                "{given}"
            );
            assert!(leaks[0].stack.contains("windows-"), "{}", leaks[0].stack);
            let by = if family == Family::Wts {
                Family::Local
            } else {
                Family::Wts
            };
            let error = silently(given, || free_as(by, block).unwrap_err());
            assert_eq!(error.misuse(), Misuse::WrongFamily { family });
            assert!(error.to_string().contains(family.releases()[0]), "{error}");
            silently(given, || free(block)).expect(given);
        }
        scope.end().expect("nothing stays");
    }
}

#[test]
fn no_release_of_a_family_changes_the_last_error() {
    let _alone = start();
    let pointer = |block: std::ptr::NonNull<u8>| block.as_ptr().cast::<c_void>();
    let blocks = [
        calloc::<u8>(64).expect("memory").into_raw().cast(),
        pointer(families::co_task_mem_alloc(64).expect("memory")),
        families::local_alloc(FIXED, 64).expect("memory") as *mut c_void,
        families::local_alloc(MOVEABLE, 64).expect("memory") as *mut c_void,
        families::global_alloc(MOVEABLE, 64).expect("memory") as *mut c_void,
        pointer(families::heap_alloc(Heap::create(), 64, false).expect("memory")),
        pointer(families::virtual_alloc(64).expect("memory")),
        families::sys_alloc_string(&[65])
            .expect("memory")
            .as_ptr()
            .cast(),
        families::windows_create_string(&[65]).expect("memory") as *mut c_void,
    ];
    for block in blocks {
        // SAFETY: live; then refused.
        unsafe {
            silently("a release", || free(block)).expect("was live");
            let again = silently("a refused release", || free(block).unwrap_err());
            assert_eq!(again.misuse(), Misuse::Double);
        }
    }
    let raw = silently("an allocation", || {
        calloc::<u8>(8).expect("memory").into_raw()
    });
    // SAFETY: live, used by nobody.
    silently("the platform's release", || unsafe {
        native_free(raw.cast())
    });
}

#[test]
fn blocks_of_the_library_are_those_that_com_releases() {
    let _alone = start();
    assert_eq!(FAMILY, Family::CoTaskMem);
    let raw = malloc::<u8>(100)
        .expect("memory")
        .into_raw()
        .cast::<c_void>();
    // SAFETY: live; released by its family's function, and refused afterwards.
    unsafe {
        assert_eq!(co_task_mem::size(raw as usize), Some(100));
        free_as(Family::CoTaskMem, raw).expect("was live");
        assert_eq!(free(raw).unwrap_err().misuse(), Misuse::Double);
    }
    // And what COM gives, when it is adopted.
    let given = co_task_mem::alloc(32)
        .expect("memory")
        .as_ptr()
        .cast::<c_void>();
    // SAFETY: as above.
    unsafe {
        adopt(given, 32, ReleaseWith::Family(FAMILY)).expect("not null");
        free(given).expect("was live");
    }
}

#[test]
fn more_alignment_than_the_platform_has_is_kept() {
    #[derive(Clone, Copy)]
    #[repr(C, align(256))]
    struct Line([u64; 32]);
    // SAFETY: numbers.
    unsafe impl freehold::Zeroed for Line {}
    let _alone = start();
    let scope = Scope::begin("lines");
    let mut lines = scope.enter(|| diagnostic_calloc::<Line>(3).expect("memory"));
    assert_eq!(lines.as_ptr() as usize % 256, 0);
    assert!(lines.iter().all(|line| line.0 == [0; 32]));
    lines[2].0[31] = 7;
    assert_eq!(scope.leaks().len(), 1);
    let raw = lines.into_raw().cast::<c_void>();
    // SAFETY: refused: the platform's own function would damage the heap; then live.
    unsafe {
        let error = free_as(FAMILY, raw).unwrap_err();
        assert!(matches!(error.misuse(), Misuse::WrongFamily { .. }));
        assert!(error.to_string().contains("_aligned_free"), "{error}");
        free(raw).expect("was live");
        assert_eq!(free(raw).unwrap_err().misuse(), Misuse::Double);
    }
    scope.end().expect("nothing stays");
    // Resized, dropped, and released as an adaptive one.
    let (allocator, layout) = (
        DiagnosticCalloc::default(),
        std::alloc::Layout::new::<Line>(),
    );
    let larger = std::alloc::Layout::from_size_align(5000, 256).expect("valid");
    // SAFETY: live blocks with these layouts, released once.
    unsafe {
        let block = allocator.allocate(layout, "Line").expect("memory");
        block.write_bytes(9, layout.size());
        let block = allocator
            .reallocate(block, layout, larger, "Line")
            .expect("memory");
        assert_eq!(block.as_ptr() as usize % 256, 0);
        let bytes = std::slice::from_raw_parts(block.as_ptr(), 5000);
        assert!(bytes[..layout.size()].iter().all(|byte| *byte == 9));
        assert!(bytes[layout.size()..].iter().all(|byte| *byte == 0));
        allocator.deallocate(block, larger).expect("was live");
        let raw = adaptive_calloc::<Line>(1)
            .map(Block::into_raw)
            .expect("memory");
        adaptive_free(raw.cast()).expect("was live");
    }
}

#[test]
fn references_of_com_objects_are_counted() {
    let _alone = start();
    let stream = real::stream();
    let object = stream as *mut c_void;
    let with = ReleaseWith::Family(Family::Com);
    // SAFETY: as many releases as references; the third is refused.
    unsafe {
        adopt(object, 0, with).expect("not null");
        assert_eq!(com::add_ref(stream), 2);
        adopt(object, 0, with).expect("another reference");
        free(object).expect("one is left");
        assert!(ownership_of(stream).is_some());
        // One more than is adopted keeps the object for a look at it.
        com::add_ref(stream);
        free(object).expect("the last");
        assert_eq!(ownership_of(stream), None);
        assert_eq!(free(object).unwrap_err().misuse(), Misuse::Double);
        assert_eq!(com::release(stream), Ok(0));
    }
}

#[test]
fn an_address_that_the_cache_of_strings_gives_again_is_a_live_one() {
    let _alone = start();
    // SAFETY: strings that are live when they are adopted, released once each.
    unsafe {
        for _ in 0..100 {
            let text = bstr::alloc(&[65; 20])
                .expect("memory")
                .as_ptr()
                .cast::<c_void>();
            adopt(text, 40, ReleaseWith::Family(Family::Bstr)).expect("not adopted");
            assert!(ownership_of(text as usize).is_some());
            free(text).expect("was live");
            assert_eq!(free(text).unwrap_err().misuse(), Misuse::Double);
        }
    }
}

#[test]
fn blocks_of_any_heap_go_back_to_it() {
    let _alone = start();
    let heap = Heap::create();
    let block = heap
        .alloc(64, false)
        .expect("memory")
        .as_ptr()
        .cast::<c_void>();
    // SAFETY: live, of this heap; refused, and then released.
    unsafe {
        adopt(block, 64, ReleaseWith::Heap(heap)).expect("not null");
        let error = free_as(Family::Local, block).unwrap_err();
        assert!(matches!(error.misuse(), Misuse::WrongFamily { .. }));
        free(block).expect("was live");
        families::heap_destroy(heap).expect("live");
    }
}

#[test]
fn threads_that_end_hand_their_state_on() {
    let _alone = start();
    let lose = |_| {
        std::thread::spawn(|| {
            let block = calloc::<u8>(1000).expect("memory");
            block.into_raw() as usize
        })
    };
    let states = || {
        let mut count = 0;
        freehold_ledger::private_ranges(|_, _| count += 1);
        count
    };
    let before = states();
    // One after the other: each takes over the state of one that is over.
    let blocks: Vec<usize> = (0..300)
        .map(lose)
        .map(|thread| thread.join().expect("no panic"))
        .collect();
    assert!(states() - before < 10, "{before} states, then {}", states());
    let (path, number) = track::session().expect("on");
    let file = freehold_ledger::reader::SessionFile::open(&path).expect("readable");
    let ledger = file.read_ledger(number).expect("readable").expect("begun");
    for block in blocks {
        let found = ledger.blocks.iter().find(|b| b.address == block as u64);
        assert_eq!(found.map(|b| b.size()), Some(1000));
        // SAFETY: live, used by nobody.
        unsafe { free(block as *mut c_void) }.expect("was live");
    }
}

#[test]
fn modules_and_names_of_functions_are_known() {
    #[inline(never)]
    fn one_that_allocates() -> Block<u8, freehold::Calloc> {
        std::hint::black_box(calloc::<u8>(777).expect("memory"))
    }
    let _alone = start();
    let block = one_that_allocates();
    let freehold::Answer::Live(known) = freehold::query(block.as_ptr() as usize) else {
        panic!("not known")
    };
    let stack = known.allocated.to_string();
    let first = stack.lines().next().unwrap_or_default();
    assert!(first.contains("one_that_allocates"), "{stack}");
    assert!(stack.contains("kernel32.dll"), "{stack}");
    let (path, number) = track::session().expect("on");
    let file = freehold_ledger::reader::SessionFile::open(&path).expect("readable");
    let ledger = file.read_ledger(number).expect("readable").expect("begun");
    let found = ledger.blocks.iter().find(|b| b.size() == 777);
    assert!(found.is_some_and(|b| b.record.stack != 0));
    let own = std::env::current_exe().expect("known");
    let name = own
        .file_name()
        .and_then(|name| name.to_str())
        .expect("a name");
    let modules: Vec<&str> = ledger.modules.iter().map(|m| m.path.as_str()).collect();
    assert!(
        modules.iter().any(|path| path.ends_with(name)),
        "{modules:?}"
    );
}
