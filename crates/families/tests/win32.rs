//! One suite for the families of Win32, the real ones on Windows and the emulated
//! ones elsewhere: against what Windows documents, and against plain models.
// What is unsafe on Windows is not always so where it is emulated.
#![allow(unused_unsafe)]

use std::collections::BTreeMap;

use freehold_families::win32::movable::{
    FIXED, GLOBAL, LOCAL, LOCKCOUNT, MOVEABLE, Movable, ZEROINIT,
};
use freehold_families::win32::{
    bstr, co_task_mem, heap, hstring, last_error, set_last_error, virtual_memory,
};
use freehold_families::{Family, FamilyError};
use proptest::prelude::*;

/// The bytes at an address.
///
/// # Safety
/// A live block that is that long, all of it written or zeroed.
unsafe fn bytes<'a>(at: usize, len: usize) -> &'a mut [u8] {
    // SAFETY: promised by the caller.
    unsafe { std::slice::from_raw_parts_mut(at as *mut u8, len) }
}

/// Makes a release that must go well and leave the last error alone.
fn releases<R>(name: &str, release: impl FnOnce() -> Result<R, FamilyError>) {
    set_last_error(4711);
    if let Err(error) = release() {
        panic!("{name}: {error}");
    }
    assert_eq!(last_error(), 4711, "{name}");
}

#[test]
fn task_memory_is_as_long_as_asked_for_and_keeps_its_bytes() {
    for len in [0usize, 1, 7, 16, 100, 5000, 1 << 20] {
        let block = co_task_mem::alloc(len).expect("memory").as_ptr() as usize;
        assert_eq!(block % 8, 0);
        // SAFETY: live, that long, released once; used by nobody else.
        unsafe {
            assert!(co_task_mem::did_alloc(block));
            assert!(co_task_mem::size(block).expect("known") >= len);
            core::ptr::write_bytes(block as *mut u8, 7, len);
            let block = co_task_mem::realloc(block, len * 2 + 100).expect("memory");
            let block = block.as_ptr() as usize;
            assert!(bytes(block, len).iter().all(|b| *b == 7));
            assert!(co_task_mem::size(block).expect("known") >= len * 2 + 100);
            releases("CoTaskMemFree", || co_task_mem::free(block));
        }
    }
    // SAFETY: null is allowed.
    unsafe {
        releases("CoTaskMemFree", || co_task_mem::free(0));
        let block = co_task_mem::realloc(0, 10).expect("memory");
        releases("CoTaskMemFree", || {
            co_task_mem::free(block.as_ptr() as usize)
        });
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let bytes = isize::MAX as usize + 1;
    let too_large = |family| FamilyError::TooLarge { family, bytes };
    assert_eq!(co_task_mem::alloc(bytes), Err(too_large(Family::CoTaskMem)));
    assert_eq!(LOCAL.alloc(FIXED, bytes), Err(too_large(Family::Local)));
    assert_eq!(GLOBAL.alloc(FIXED, bytes), Err(too_large(Family::Global)));
    let heap = heap::PROCESS.alloc(bytes, false);
    assert_eq!(heap, Err(too_large(Family::Heap)));
    assert!(bstr::alloc_bytes((u32::MAX as usize).saturating_add(1)).is_err());
    assert!(virtual_memory::alloc(0).is_err());
    assert!(virtual_memory::alloc(usize::MAX).is_err());
    // In a 32-bit process there may be as much.
    if cfg!(target_pointer_width = "64") {
        let much = isize::MAX as usize / 2;
        assert!(matches!(
            co_task_mem::alloc(much),
            Err(FamilyError::OutOfMemory { .. })
        ));
        assert!(matches!(
            virtual_memory::alloc(much),
            Err(FamilyError::OutOfMemory { .. } | FamilyError::TooLarge { .. })
        ));
    }
}

/// Locks of a movable handle count; a fixed one's address is its handle.
fn locks(family: &Movable) {
    // SAFETY: live handles, each released once, their memory used by nobody else.
    unsafe {
        let handle = family.alloc(MOVEABLE | ZEROINIT, 100).expect("memory");
        assert!(family.is_movable(handle));
        assert_eq!(family.flags(handle), Ok(0));
        assert!(matches!(
            family.unlock(handle),
            Err(FamilyError::NotLocked { .. })
        ));
        assert_eq!(last_error(), 158);
        let memory = family.lock(handle).expect("live");
        let at = memory.as_ptr() as usize;
        assert_ne!(at, handle);
        assert!(bytes(at, 100).iter().all(|b| *b == 0));
        assert_eq!(family.lock(handle), Ok(memory));
        assert_eq!(family.flags(handle), Ok(2));
        assert!(family.is_movable(handle));
        assert_eq!(family.flags(handle), Ok(2), "to ask changes nothing");
        assert_eq!(family.handle(at), Ok(handle));
        bytes(at, 100).fill(9);
        assert_eq!(family.unlock(handle), Ok(1));
        assert_eq!(family.unlock(handle), Ok(0));
        assert!(family.size(handle).expect("live") >= 100);

        // It keeps its handle, its memory may go elsewhere.
        assert_eq!(family.realloc(handle, 50_000, ZEROINIT), Ok(handle));
        assert!(family.size(handle).expect("live") >= 50_000);
        let at = family.lock(handle).expect("live").as_ptr() as usize;
        assert!(bytes(at, 100).iter().all(|b| *b == 9));
        assert_eq!(family.unlock(handle), Ok(0));
        releases("free", || family.free(handle));

        // A locked handle is released all the same.
        let handle = family.alloc(MOVEABLE, 8).expect("memory");
        family.lock(handle).expect("live");
        releases("free", || family.free(handle));

        let fixed = family.alloc(FIXED | ZEROINIT, 64).expect("memory");
        assert!(!family.is_movable(fixed));
        assert!(bytes(fixed, 64).iter().all(|b| *b == 0));
        assert_eq!(family.lock(fixed).expect("live").as_ptr() as usize, fixed);
        assert_eq!(family.unlock(fixed), Ok(0));
        assert_eq!(family.handle(fixed), Ok(fixed));
        bytes(fixed, 64).fill(3);
        let moved = family.realloc(fixed, 100_000, 0).expect("memory");
        assert!(bytes(moved, 64).iter().all(|b| *b == 3));
        assert!(!family.is_movable(moved));
        releases("free", || family.free(moved));
        releases("free", || family.free(0));
    }
}

#[test]
fn locks_count() {
    locks(&LOCAL);
    locks(&GLOBAL);
}

#[test]
fn a_lock_count_ends_at_its_largest_value() {
    // SAFETY: a live handle, released once.
    unsafe {
        let handle = LOCAL.alloc(MOVEABLE, 8).expect("memory");
        for _ in 0..300 {
            LOCAL.lock(handle).expect("live");
        }
        assert!(LOCAL.flags(handle).expect("live") <= LOCKCOUNT);
        LOCAL.free(handle).expect("live");
    }
}

#[test]
fn heaps_know_their_own_blocks() {
    let (one, other) = (heap::Heap::create(), heap::Heap::create());
    assert_ne!(one, other);
    assert_eq!(heap::Heap::from_handle(one.handle()), one);
    let process = heap::PROCESS.handle();
    assert_eq!(heap::Heap::from_handle(process), heap::PROCESS);
    // SAFETY: live blocks and heaps, each released once.
    unsafe {
        for heap in [one, other, heap::PROCESS] {
            let block = heap.alloc(1000, true).expect("memory").as_ptr() as usize;
            assert!(bytes(block, 1000).iter().all(|b| *b == 0));
            assert_eq!(heap.size(block), Some(1000));
            assert_eq!(heap::heap_of(block), Some(heap));
            releases("HeapFree", || heap.free(block));
            releases("HeapFree", || heap.free(0));
        }
        // A heap takes its blocks with it.
        let _taken = one.alloc(10, false).expect("memory");
        releases("HeapDestroy", || one.destroy());
        releases("HeapDestroy", || other.destroy());
        assert!(heap::PROCESS.destroy().is_err());
    }
}

#[test]
fn pages_are_released_as_they_were_allocated() {
    // SAFETY: live pages, released once; the release of their middle is refused.
    unsafe {
        let pages = virtual_memory::alloc(100_000).expect("memory");
        let pages = pages.as_ptr() as usize;
        assert_eq!(pages % virtual_memory::GRANULARITY, 0);
        assert_eq!(virtual_memory::size(pages), Some(102_400));
        assert!(bytes(pages, 100_000).iter().all(|b| *b == 0));
        let inside = FamilyError::UnknownBlock {
            family: Family::Virtual,
            address: pages + 4096,
        };
        assert_eq!(virtual_memory::free(pages + 4096), Err(inside));
        bytes(pages, 100_000).fill(1);
        releases("VirtualFree", || virtual_memory::free(pages));
        assert_eq!(virtual_memory::size(pages), None);
    }
}

#[test]
fn a_bstr_has_its_length_before_it_and_a_nul_behind() {
    let text: Vec<u16> = "a\0é".encode_utf16().collect();
    let block = bstr::alloc(&text).expect("memory");
    let at = block.as_ptr() as usize;
    // SAFETY: live strings, released once.
    unsafe {
        assert_eq!(block.as_ptr().cast::<u32>().sub(1).read(), 6);
        assert_eq!(block.as_ptr().add(3).read(), 0);
        assert_eq!((bstr::len(at), bstr::byte_len(at)), (Some(3), Some(6)));
        releases("SysFreeString", || bstr::free(at));
        releases("SysFreeString", || bstr::free(0));
        // Bytes, also an odd number of them.
        let odd = bstr::alloc_bytes(5).expect("memory").as_ptr() as usize;
        assert_eq!((bstr::byte_len(odd), bstr::len(odd)), (Some(5), Some(2)));
        assert!(bytes(odd, 5).iter().all(|b| *b == 0));
        releases("SysFreeString", || bstr::free(odd));
        let empty = bstr::alloc(&[]).expect("a string").as_ptr() as usize;
        assert_eq!(bstr::len(empty), Some(0));
        releases("SysFreeString", || bstr::free(empty));
    }
}

#[test]
fn an_empty_hstring_is_null() {
    assert_eq!(hstring::create(&[]), Ok(0));
    // SAFETY: null is allowed.
    unsafe {
        assert_eq!(hstring::duplicate(0), Ok(0));
        releases("WindowsDeleteString", || hstring::delete(0));
        assert_eq!(hstring::len(0), Some(0));
        assert_eq!(hstring::buffer(0), None);
        assert_eq!(hstring::text(0), Ok(Vec::new()));
    }
}

proptest! {
    /// Strings of the two kinds come back as they were, also with their
    /// references released in any order.
    #[test]
    fn strings_agree_with_a_model(steps in prop::collection::vec((0..5u8, any::<Vec<u16>>()), 0..60)) {
        let mut bstrs: Vec<(usize, Vec<u16>)> = Vec::new();
        let mut counted: BTreeMap<usize, (usize, Vec<u16>)> = BTreeMap::new();
        // SAFETY: live strings, used as long as a reference of ours is there.
        unsafe {
            for (step, text) in steps {
                match step {
                    0 => bstrs.push((bstr::alloc(&text).unwrap().as_ptr() as usize, text)),
                    1 => if let Some((at, text)) = bstrs.pop() {
                        let found = std::slice::from_raw_parts(at as *const u16, text.len() + 1);
                        prop_assert_eq!(&found[..text.len()], &text[..]);
                        prop_assert_eq!(found[text.len()], 0);
                        prop_assert_eq!(bstr::len(at), Some(text.len()));
                        bstr::free(at).unwrap();
                    },
                    2 if !text.is_empty() => {
                        let handle = hstring::create(&text).unwrap();
                        prop_assert!(counted.insert(handle, (1, text)).is_none());
                    }
                    3 => if let Some(mut entry) = counted.last_entry() {
                        prop_assert_eq!(hstring::duplicate(*entry.key()), Ok(*entry.key()));
                        entry.get_mut().0 += 1;
                    },
                    _ => if let Some((at, (count, text))) = counted.pop_first() {
                        prop_assert_eq!(hstring::len(at), Some(text.len()));
                        let buffer = hstring::buffer(at).unwrap();
                        prop_assert_eq!(buffer.add(text.len()).read(), 0);
                        for _ in 0..count {
                            prop_assert_eq!(hstring::text(at).unwrap(), text.clone());
                            hstring::delete(at).unwrap();
                        }
                    },
                }
            }
            for (at, _) in bstrs {
                bstr::free(at).unwrap();
            }
            for (at, (count, _)) in counted {
                for _ in 0..count {
                    hstring::delete(at).unwrap();
                }
            }
        }
    }
}
