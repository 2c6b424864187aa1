//! Every misuse of the one `free`, for every family: what is said, and that
//! nothing is damaged.

// What is unsafe on Windows is not always so where it is emulated.
#![allow(unused_unsafe)]

#[path = "support/cpp.rs"]
mod cpp;

use std::alloc::Layout;
use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::{Mutex, MutexGuard, PoisonError};

use freehold::alloc::FAMILY;
use freehold::families::{self, FIXED, Heap, MOVEABLE};
use freehold::{
    Answer, Family, FamilyError, Misuse, Ownership, Release, ReleaseWith, adopt, attach_finalizer,
    borrow, calloc, detach_finalizer, diagnostic_calloc, finalize, free, free_as, free_sized,
    give_back, interior, malloc, native_free, ownership_of, query, track, transfer,
};

/// Begins a test. One at a time: an address that one releases must not be given
/// to another before it is released again.
fn start() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    track::start(&track::Options::default()).expect("memory for a ledger");
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A live block of each family that there is, with the functions that release it.
fn blocks() -> Vec<(Family, *mut c_void)> {
    let pointer = |p: std::ptr::NonNull<u8>| p.as_ptr().cast::<c_void>();
    let text = [b'h'.into(), 0, b'i'.into()];
    let custom = malloc::<u8>(64).expect("memory").into_raw().cast();
    // SAFETY: `close` may be called on any thread; the block is live.
    unsafe {
        let release = Release::new(close, std::ptr::dangling_mut());
        adopt(custom, 64, ReleaseWith::Custom(release)).expect("not adopted before");
    }
    let mut all = vec![
        (FAMILY, calloc::<u8>(64).expect("memory").into_raw().cast()),
        (
            Family::Rust,
            pointer(families::rust_alloc(Layout::new::<[u64; 8]>()).expect("memory")),
        ),
        (
            Family::CoTaskMem,
            pointer(families::co_task_mem_alloc(64).expect("memory")),
        ),
        (
            Family::Local,
            families::local_alloc(FIXED, 64).expect("memory") as *mut c_void,
        ),
        (
            Family::Local,
            families::local_alloc(MOVEABLE, 64).expect("memory") as *mut c_void,
        ),
        (
            Family::Global,
            families::global_alloc(MOVEABLE, 64).expect("memory") as *mut c_void,
        ),
        (
            Family::Heap,
            pointer(families::heap_alloc(Heap::create(), 64, false).expect("memory")),
        ),
        (
            Family::Virtual,
            pointer(families::virtual_alloc(8192).expect("memory")),
        ),
        (
            Family::Bstr,
            families::sys_alloc_string(&text)
                .expect("memory")
                .as_ptr()
                .cast(),
        ),
        (
            Family::Hstring,
            families::windows_create_string(&text).expect("memory") as *mut c_void,
        ),
        (Family::Custom, custom),
    ];
    for family in [Family::New, Family::NewArray] {
        if let Ok(block) = families::cpp_new(family, 64) {
            all.push((family, pointer(block)));
        }
    }
    all
}

/// Whether a block is named by a handle that is not its address.
fn is_movable(family: Family, block: *mut c_void) -> bool {
    let address = block as usize;
    // A lock of a fixed one gives the address itself, and is none.
    families::movable_lock(family, address).is_ok_and(|memory| {
        let is_movable = memory.as_ptr() as usize != address;
        if is_movable {
            families::movable_unlock(family, address).expect("locked");
        }
        is_movable
    })
}

unsafe extern "C" fn close(block: *mut c_void, context: *mut c_void) -> i32 {
    assert_eq!(context as usize, 1);
    // SAFETY: called for the block above, once.
    unsafe { native_free(block) };
    0
}

#[test]
fn one_free_releases_every_family() {
    let _alone = start();
    cpp::load();
    for (family, block) in blocks() {
        assert_eq!(
            ownership_of(block as usize),
            Some(Ownership::Owned),
            "{family:?}"
        );
        // SAFETY: live, used by nobody.
        unsafe { free(block) }.unwrap_or_else(|e| panic!("{family:?}: {e}"));
        assert_eq!(ownership_of(block as usize), None, "{family:?}");
    }
}

#[test]
fn a_second_release_is_refused_with_three_stacks() {
    let _alone = start();
    for (family, block) in blocks() {
        // SAFETY: live, then refused.
        let error = unsafe {
            free(block).expect("was live");
            free(block).unwrap_err()
        };
        assert_eq!(error.misuse(), Misuse::Double, "{family:?}");
        assert_eq!(error.address(), block as usize);
        if family == FAMILY {
            assert_eq!((error.size(), error.family()), (Some(64), Some(family)));
            for stack in [error.allocated(), error.released(), error.here()] {
                assert!(!stack.is_empty());
            }
            assert_ne!(error.released(), error.here());
            let text = error.to_string();
            for part in [
                "released before",
                "allocated:",
                "first released:",
                "now:",
                "64 bytes",
            ] {
                assert!(text.contains(part), "{part} in {text}");
            }
        }
    }
}

#[test]
fn the_wrong_specific_function_is_refused_and_the_right_one_named() {
    let _alone = start();
    for (family, block) in blocks() {
        for wrong in [
            Family::Malloc,
            Family::Local,
            Family::CoTaskMem,
            Family::Bstr,
        ] {
            if wrong == family {
                continue;
            }
            // SAFETY: refused.
            let error = unsafe { free_as(wrong, block) }.unwrap_err();
            assert_eq!(error.misuse(), Misuse::WrongFamily { family });
            let named = family.releases().first().copied();
            let named = named.unwrap_or("the function it was adopted with");
            assert!(error.to_string().contains(named), "{error}");
        }
        // SAFETY: live, used by nobody.
        unsafe { free_as(family, block) }.unwrap_or_else(|e| panic!("{family:?}: {e}"));
    }
}

#[test]
fn functions_that_windows_documents_as_the_same_are_not_refused() {
    let _alone = start();
    let heap = |heap| {
        let block = families::heap_alloc(heap, 64, false).expect("memory");
        block.as_ptr().cast::<c_void>()
    };
    let local = |flags| families::local_alloc(flags, 64).expect("memory") as *mut c_void;
    let own = Heap::create();
    let global = families::global_alloc(FIXED, 64).expect("memory") as *mut c_void;
    // SAFETY: released once, or refused and then released.
    unsafe {
        free_as(Family::Heap, local(FIXED)).expect("on the process's heap");
        free_as(Family::Local, heap(families::PROCESS_HEAP)).expect("the same heap");
        for (by, block) in [
            (Family::Heap, local(MOVEABLE)),
            (Family::Local, heap(own)),
            (Family::Local, global),
            (Family::Heap, global),
        ] {
            let misuse = free_as(by, block).unwrap_err().misuse();
            assert!(
                matches!(misuse, Misuse::WrongFamily { .. }),
                "{by:?}: {misuse:?}"
            );
            if block != global {
                free(block).expect("was live");
            }
        }
        free(global).expect("was live");
        families::heap_destroy(own).expect("live");
    }
}

#[test]
fn an_interior_pointer_is_refused_with_base_and_offset() {
    let _alone = start();
    for (family, block) in blocks() {
        let is_handle = is_movable(family, block);
        // Eight bytes behind a handle may be the next.
        let (base, offset) = (block as usize, if is_handle { 4 } else { 8 });
        let expected = match is_handle {
            true => Misuse::Foreign,
            false => Misuse::Interior { base, offset },
        };
        if family == Family::Bstr || family == Family::Hstring {
            // Six bytes long.
            // SAFETY: live, used by nobody.
            unsafe { free(block) }.expect("was live");
            continue;
        }
        // SAFETY: refused; then live, used by nobody.
        unsafe {
            let error = free((base + offset) as *mut c_void).unwrap_err();
            assert_eq!(error.misuse(), expected, "{family:?}");
            assert!(is_handle || error.to_string().contains("8 bytes inside"));
            free(block).expect("was live");
        }
    }
    // Far from the start, in another region of the index.
    let large = calloc::<u8>(1 << 20).expect("memory").into_raw();
    // SAFETY: refused; then live, used by nobody.
    unsafe {
        let error = free(large.add(900_000).cast()).unwrap_err();
        let expected = Misuse::Interior {
            base: large as usize,
            offset: 900_000,
        };
        assert_eq!(error.misuse(), expected);
        free(large.cast()).expect("was live");
    }
}

#[test]
fn null_and_foreign_pointers_are_refused() {
    let _alone = start();
    let local = 5u64;
    // SAFETY: refused.
    unsafe {
        assert_eq!(free(null_mut()).unwrap_err().misuse(), Misuse::Null);
        let stack = (&raw const local).cast_mut().cast();
        assert_eq!(free(stack).unwrap_err().misuse(), Misuse::Foreign);
        let code = free as *const () as *mut c_void;
        assert_eq!(free(code).unwrap_err().misuse(), Misuse::Foreign);
        let odd = (stack as usize + 1) as *mut c_void;
        assert_eq!(free(odd).unwrap_err().misuse(), Misuse::Foreign);
        // One that lies where no block was that is known.
        let mut unknown = libc::malloc(1 << 20);
        while query(unknown as usize) != Answer::Unknown {
            unknown = libc::malloc(1 << 20);
        }
        assert_eq!(free(unknown).unwrap_err().misuse(), Misuse::Foreign);
        adopt(unknown, 8, ReleaseWith::Family(Family::Malloc)).expect("not null");
        free(unknown).expect("was live");
    }
}

#[test]
fn owners_other_than_the_caller_are_respected() {
    let _alone = start();
    let block = calloc::<u8>(64).expect("memory");
    let raw = block.into_raw();
    // SAFETY: refused until the last call.
    unsafe {
        let error = |misuse| assert_eq!(free(raw.cast()).unwrap_err().misuse(), misuse);
        assert!(attach_finalizer(raw.cast(), 64));
        error(Misuse::FinalizerOwned);
        assert!(detach_finalizer(raw.cast()));
        assert!(!detach_finalizer(raw.cast()));
        assert!(transfer(raw.cast()));
        error(Misuse::Transferred);
        native_free(raw.cast());
        error(Misuse::Double);
    }
    let lent = calloc::<u8>(8).expect("memory");
    let pointer = lent.as_ptr().cast_mut().cast();
    borrow(pointer, 8).expect("not registered");
    assert!(borrow(pointer, 8).is_err());
    // SAFETY: refused.
    let error = unsafe { free(pointer) }.unwrap_err();
    assert_eq!(error.misuse(), Misuse::Borrowed);
    assert!(give_back(pointer));
    assert!(!give_back(pointer));
    lent.release().expect("ours again");
    let parent = calloc::<u8>(64).expect("memory");
    let base = parent.as_ptr().cast_mut().cast::<c_void>();
    let inside = base.wrapping_byte_add(24);
    assert!(interior(base, base).is_err());
    interior(inside, base).expect("inside");
    assert_eq!(
        ownership_of(inside as usize),
        Some(Ownership::InteriorOf {
            base: base as usize
        })
    );
    assert!(give_back(inside));
}

#[test]
fn owners_and_sizes_are_respected_for_every_family() {
    let _alone = start();
    for (family, block) in blocks() {
        // SAFETY: refused; what is given away at the end stays.
        unsafe {
            let size = free_sized(block, 3).unwrap_err();
            assert!(
                matches!(size.misuse(), Misuse::SizeMismatch { passed: 3, .. }),
                "{family:?}: {size}"
            );
            assert!(attach_finalizer(block, 64));
            let error = free(block).unwrap_err();
            assert_eq!(error.misuse(), Misuse::FinalizerOwned, "{family:?}");
            assert!(detach_finalizer(block));
            assert!(transfer(block));
            let error = free(block).unwrap_err();
            assert_eq!(error.misuse(), Misuse::Transferred, "{family:?}");
        }
    }
}

#[test]
fn a_finalizer_releases_what_was_left_to_it_once() {
    let _alone = start();
    for (family, block) in blocks() {
        let before = track::misuses();
        // SAFETY: live; the second call is refused.
        unsafe {
            assert!(attach_finalizer(block, 64), "{family:?}");
            finalize(block);
            assert_eq!(ownership_of(block as usize), None, "{family:?}");
            finalize(block);
        }
        assert!(track::misuses() > before);
    }
}

#[test]
fn a_release_that_fails_leaves_the_block() {
    let _alone = start();
    unsafe extern "C" fn fails_once(block: *mut c_void, state: *mut c_void) -> i32 {
        // SAFETY: the context below.
        let state = unsafe { &mut *state.cast::<i32>() };
        *state -= 1;
        if *state < 0 {
            // SAFETY: a block of malloc.
            unsafe { libc::free(block) };
            return 0;
        }
        set_error(BUSY);
        7
    }
    const BUSY: i32 = 16;
    #[cfg(unix)]
    fn set_error(number: i32) {
        // SAFETY: the location is valid for this thread.
        unsafe { *libc::__errno_location() = number };
    }
    #[cfg(windows)]
    fn set_error(number: i32) {
        freehold_families::win32::set_last_error(number as u32);
    }
    let mut state = 1;
    // SAFETY: a live block; the state outlives it.
    unsafe {
        let block = libc::malloc(8);
        let release = Release::new(fails_once, (&raw mut state).cast());
        adopt(block, 8, ReleaseWith::Custom(release)).expect("not null");
        let error = free(block).unwrap_err();
        let failed = FamilyError::Failed {
            family: Family::Custom,
            code: 7,
        };
        assert_eq!(error.misuse(), Misuse::Failed(failed));
        assert_eq!(error.os_error(), BUSY);
        assert_eq!(ownership_of(block as usize), Some(Ownership::Owned));
        free(block).expect("the second time");
        assert_eq!(ownership_of(block as usize), None);
    }
}

#[test]
fn a_size_that_disagrees_is_refused() {
    let _alone = start();
    let raw = diagnostic_calloc::<u32>(4).expect("memory").into_raw();
    // SAFETY: refused, then live.
    unsafe {
        let error = free_sized(raw.cast(), 15).unwrap_err();
        assert_eq!(
            error.misuse(),
            Misuse::SizeMismatch {
                size: 16,
                passed: 15
            }
        );
        assert_eq!(error.tag(), "u32");
        free_sized(raw.cast(), 16).expect("agrees");
    }
}

#[test]
fn of_many_threads_that_release_a_block_one_does() {
    let _alone = start();
    for _ in 0..200 {
        let raw = calloc::<u8>(32).expect("memory").into_raw() as usize;
        let threads: Vec<_> = (0..4)
            // SAFETY: all but one are refused.
            .map(|_| std::thread::spawn(move || unsafe { free(raw as *mut c_void) }.is_ok()))
            .collect();
        let released = threads.into_iter().filter_map(|t| t.join().ok());
        assert_eq!(released.filter(|ok| *ok).count(), 1);
    }
}

#[test]
fn an_hstring_goes_with_its_last_reference() {
    let _alone = start();
    let text = families::windows_create_string(&[1, 2]).expect("memory");
    families::windows_duplicate_string(text).expect("live");
    // SAFETY: two references; the third release is refused.
    unsafe {
        free(text as *mut c_void).expect("one is left");
        assert_eq!(ownership_of(text), Some(Ownership::Owned));
        free(text as *mut c_void).expect("the last");
        assert_eq!(
            free(text as *mut c_void).unwrap_err().misuse(),
            Misuse::Double
        );
    }
}

#[test]
fn a_refused_release_stands_in_the_ledger() {
    let _alone = start();
    let raw = diagnostic_calloc::<u8>(777).expect("memory").into_raw();
    // SAFETY: refused, then live.
    unsafe {
        free(raw.add(16).cast()).unwrap_err();
        free(raw.cast()).expect("was live");
    }
    let (path, number) = track::session().expect("on");
    let file = freehold_ledger::reader::SessionFile::open(&path).expect("readable");
    let ledger = file.read_ledger(number).expect("readable").expect("begun");
    let found = ledger.misuses.iter().find(|m| m.size == 777);
    let found = found.expect("noted");
    assert_eq!(found.kind, freehold_ledger::format::MisuseKind::Interior);
    assert_eq!((found.offset, found.address), (16, raw as u64 + 16));
}
