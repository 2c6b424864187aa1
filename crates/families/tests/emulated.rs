//! What only the emulated families do: they know their blocks, so that what would
//! damage a process of Windows is an error. `win32.rs` has what both do.
#![cfg(not(windows))]

use std::collections::BTreeMap;

use freehold_families::emulated::movable::{FIXED, GLOBAL, LOCAL, MOVEABLE, ZEROINIT};
use freehold_families::emulated::{
    bstr, co_task_mem, heap, hstring, last_error, set_last_error, virtual_memory,
};
use freehold_families::{Family, FamilyError};
use proptest::prelude::*;

#[test]
fn a_second_release_is_an_error_and_no_damage() {
    // SAFETY: nobody uses the blocks.
    unsafe {
        let block = co_task_mem::alloc(10).expect("memory").as_ptr() as usize;
        co_task_mem::free(block).expect("live");
        let again = FamilyError::UnknownBlock {
            family: Family::CoTaskMem,
            address: block,
        };
        set_last_error(0);
        assert_eq!(co_task_mem::free(block), Err(again));
        assert_eq!(last_error(), 6);
        assert_eq!(co_task_mem::free(0), Ok(()));

        let text = bstr::alloc(&[1, 2]).expect("memory").as_ptr() as usize;
        bstr::free(text).expect("live");
        assert!(bstr::free(text).is_err());

        let pages = virtual_memory::alloc(1).expect("memory").as_ptr() as usize;
        assert_eq!(pages % virtual_memory::GRANULARITY, 0);
        assert!(virtual_memory::free(pages + 4096).is_err());
        assert_eq!(last_error(), 487);
        virtual_memory::free(pages).expect("live");
        assert!(virtual_memory::free(pages).is_err());
    }
}

#[test]
fn movable_blocks_have_handles_and_lock_counts() {
    for family in [&LOCAL, &GLOBAL] {
        let handle = family.alloc(MOVEABLE | ZEROINIT, 100).expect("memory");
        assert!(family.unlock(handle).is_err());
        assert_eq!(last_error(), 158);
        let memory = family.lock(handle).expect("live");
        assert_ne!(memory.as_ptr() as usize, handle);
        assert_eq!(family.lock(handle).expect("live"), memory);
        assert_eq!(family.flags(handle), Ok(2));
        assert_eq!(family.handle(memory.as_ptr() as usize), Ok(handle));
        assert_eq!(family.unlock(handle), Ok(1));
        assert_eq!(family.unlock(handle), Ok(0));
        // SAFETY: nobody uses pointers into the block.
        assert_eq!(unsafe { family.realloc(handle, 5000, 0) }, Ok(handle));
        assert_eq!(family.size(handle), Some(5000));
        // A locked handle is released all the same.
        family.lock(handle).expect("live");
        family.free(handle).expect("live");
        assert!(family.free(handle).is_err());
        assert!(family.lock(handle).is_err());

        let fixed = family.alloc(FIXED, 0).expect("memory");
        assert_eq!(family.lock(fixed).expect("live").as_ptr() as usize, fixed);
        assert_eq!(family.unlock(fixed), Ok(0));
        family.free(fixed).expect("live");
    }
}

#[test]
fn the_families_do_not_know_each_others_blocks() {
    let local = LOCAL.alloc(FIXED, 8).expect("memory");
    // SAFETY: refused.
    unsafe {
        assert!(GLOBAL.free(local).is_err());
        assert!(co_task_mem::free(local).is_err());
        assert!(heap::PROCESS.free(local).is_err());
    }
    LOCAL.free(local).expect("live");
}

#[test]
fn a_heap_takes_its_blocks_with_it() {
    let (one, other) = (heap::Heap::create(), heap::Heap::create());
    let block = one.alloc(10, true).expect("memory").as_ptr() as usize;
    assert_eq!(heap::heap_of(block), Some(one));
    // SAFETY: nobody uses the blocks.
    unsafe {
        let wrong = FamilyError::WrongHeap {
            address: block,
            owner: one.handle(),
        };
        assert_eq!(other.free(block), Err(wrong));
        one.destroy().expect("live");
        assert_eq!(heap::heap_of(block), None);
        assert!(one.alloc(1, false).is_err());
        assert!(one.destroy().is_err());
        assert!(heap::PROCESS.destroy().is_err());
        other.destroy().expect("live");
    }
}

#[test]
fn a_bstr_has_its_length_before_it_and_a_nul_behind() {
    let text: Vec<u16> = "a\0é".encode_utf16().collect();
    let block = bstr::alloc(&text).expect("memory");
    // SAFETY: a live string.
    unsafe {
        assert_eq!(block.as_ptr().cast::<u32>().sub(1).read(), 6);
        assert_eq!(block.as_ptr().add(3).read(), 0);
        let at = block.as_ptr() as usize;
        bstr::free(at).expect("live");
        // The cache hands out the same place again.
        let next = bstr::alloc(&text).expect("memory").as_ptr() as usize;
        assert_eq!(next, at);
        bstr::free(next).expect("live");
    }
}

#[test]
fn an_empty_hstring_is_null() {
    assert_eq!(hstring::create(&[]), Ok(0));
    assert_eq!(hstring::duplicate(0), Ok(0));
    assert_eq!(hstring::delete(0), Ok(0));
    assert_eq!(hstring::len(0), Some(0));
    assert_eq!(hstring::buffer(0), None);
}

proptest! {
    /// Strings of the two kinds come back as they were, and the counts are
    /// those of a map.
    #[test]
    fn strings_agree_with_a_model(steps in prop::collection::vec((0..4u8, any::<Vec<u16>>()), 0..60)) {
        let mut bstrs: Vec<(usize, Vec<u16>)> = Vec::new();
        let mut counted: BTreeMap<usize, (usize, Vec<u16>)> = BTreeMap::new();
        for (step, text) in steps {
            match step {
                0 => bstrs.push((bstr::alloc(&text).unwrap().as_ptr() as usize, text)),
                1 => if let Some((at, text)) = bstrs.pop() {
                    // SAFETY: a live string of this length.
                    let found = unsafe { std::slice::from_raw_parts(at as *const u16, text.len()) };
                    prop_assert_eq!(found, &text[..]);
                    prop_assert_eq!(bstr::len(at), Some(text.len()));
                    // SAFETY: nobody uses it.
                    unsafe { bstr::free(at) }.unwrap();
                },
                2 if !text.is_empty() => {
                    counted.insert(hstring::create(&text).unwrap(), (1, text));
                }
                _ => if let Some((at, (count, text))) = counted.pop_first() {
                    prop_assert_eq!(hstring::text(at).unwrap(), text.clone());
                    prop_assert_eq!(hstring::delete(at), Ok(count - 1));
                },
            }
        }
        for (at, _) in bstrs {
            // SAFETY: nobody uses it.
            unsafe { bstr::free(at) }.unwrap();
        }
        for at in counted.into_keys() {
            prop_assert_eq!(hstring::delete(at), Ok(0));
        }
    }
}
