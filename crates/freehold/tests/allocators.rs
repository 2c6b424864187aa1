//! The allocators against a plain model, and at their limits.

use std::alloc::Layout;
use std::collections::HashMap;
use std::mem::MaybeUninit;

use freehold::alloc::{PlatformCalloc, PlatformMalloc};
use freehold::{
    AllocError, Allocator, Block, Calloc, DiagnosticCalloc, DiagnosticMalloc, LeakTracker, Malloc,
    Misuse, Scope, calloc, diagnostic_calloc, failing, malloc, ownership_of, track,
};
use proptest::prelude::*;

fn limits<A: Allocator>() {
    let allocator = A::default();
    for align in [1, 8, 16, 64, 4096] {
        for size in [0, 1, 17, 5000] {
            let layout = Layout::from_size_align(size, align).unwrap();
            let block = allocator.allocate_zeroed(layout, "bytes").expect("memory");
            assert_eq!(block.as_ptr() as usize % align, 0);
            // SAFETY: a live block of this layout; released once.
            unsafe {
                let bytes = std::slice::from_raw_parts(block.as_ptr(), size);
                assert!(bytes.iter().all(|b| *b == 0));
                allocator.deallocate(block, layout).expect("was live");
            }
        }
    }
    // A 32-bit process may have as much.
    if usize::BITS == 32 {
        return;
    }
    let huge = Layout::from_size_align(isize::MAX as usize - 15, 16).unwrap();
    let bytes = huge.size();
    assert_eq!(
        allocator.allocate(huge, "bytes"),
        Err(AllocError::OutOfMemory { bytes })
    );
}

#[test]
fn limits_are_the_same_for_all_tracked_or_not() {
    for _ in 0..2 {
        limits::<Malloc>();
        limits::<Calloc>();
        limits::<DiagnosticMalloc>();
        limits::<DiagnosticCalloc>();
        limits::<PlatformMalloc>();
        limits::<PlatformCalloc>();
        track::start(&track::Options::default()).expect("memory for a ledger");
    }
}

#[test]
fn counts_that_overflow_are_errors() {
    let count = usize::MAX / 4;
    let size = 8;
    assert_eq!(
        calloc::<u64>(count).unwrap_err(),
        AllocError::Overflow { count, size }
    );
    let bytes = isize::MAX as usize + 1;
    assert_eq!(
        malloc::<u8>(bytes).unwrap_err(),
        AllocError::TooLarge { bytes }
    );
    // SAFETY: never read.
    assert!(unsafe { Block::<u8, Malloc>::from_raw(std::ptr::null_mut(), 4) }.is_none());
}

#[test]
fn no_bytes_are_a_block_of_their_own() {
    track::start(&track::Options::default()).expect("memory for a ledger");
    let (one, other) = (calloc::<u8>(0).unwrap(), calloc::<u64>(0).unwrap());
    assert_ne!(one.as_ptr() as usize, other.as_ptr() as usize);
    assert!(one.is_empty() && ownership_of(one.as_ptr() as usize).is_some());
    one.release().expect("was live");
    other.release().expect("was live");
}

#[test]
fn a_block_that_was_released_behind_our_back_is_said_when_dropped() {
    track::start(&track::Options::default()).expect("memory for a ledger");
    let block = calloc::<u8>(8).unwrap();
    // SAFETY: live; used by nobody but the drop that is refused.
    unsafe { freehold::free(block.as_ptr().cast_mut().cast()) }.expect("was live");
    assert_eq!(block.release().unwrap_err().misuse(), Misuse::Double);
}

#[test]
fn over_aligned_types_keep_their_alignment_when_resized() {
    #[derive(Clone, Copy)]
    #[repr(C, align(256))]
    struct Wide([u8; 256]);
    // SAFETY: bytes.
    unsafe impl freehold::Zeroed for Wide {}
    let mut block = calloc::<Wide>(2).unwrap();
    block[1].0[255] = 9;
    block.resize(100).unwrap();
    assert_eq!(block.as_ptr() as usize % 256, 0);
    assert_eq!((block[1].0[255], block[99].0[0]), (9, 0));
    block.resize(2).unwrap();
    assert_eq!(block[1].0[255], 9);
}

#[test]
fn a_resize_that_fails_leaves_block_and_record() {
    track::start(&track::Options::default()).expect("memory for a ledger");
    let scope = Scope::begin("resize");
    scope.enter(|| {
        let mut block = diagnostic_calloc::<u8>(10).unwrap();
        // A 32-bit process may have as much.
        if usize::BITS == 64 {
            assert!(block.resize(isize::MAX as usize - 64).is_err());
        }
        let (failed, _) = failing::nth(1, || block.resize(20));
        assert_eq!(
            failed,
            Err(AllocError::Injected {
                bytes: 20,
                number: 1
            })
        );
        let leaks = LeakTracker::snapshot();
        assert_eq!((leaks.len(), leaks[0].size), (1, 10));
        block.resize(20).unwrap();
        let leaks = LeakTracker::snapshot();
        assert_eq!((leaks.len(), leaks[0].size), (1, 20));
    });
    scope.end().expect("nothing stays");
}

#[test]
fn every_failure_is_survived() {
    let tried = failing::every(|| {
        let mut blocks = Vec::new();
        for i in 1..=10usize {
            blocks.push(diagnostic_calloc::<u16>(i)?);
        }
        Ok::<(), AllocError>(())
    });
    assert_eq!(tried, 10);
    let swallowed = std::panic::catch_unwind(|| {
        failing::every(|| {
            let _ = diagnostic_calloc::<u8>(1);
            Ok::<(), AllocError>(())
        })
    });
    assert!(swallowed.is_err());
}

#[derive(Clone, Debug)]
enum Step {
    Allocate(u16),
    Resize(usize, u16),
    Release(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        any::<u16>().prop_map(Step::Allocate),
        (any::<usize>(), any::<u16>()).prop_map(|(i, n)| Step::Resize(i, n)),
        any::<usize>().prop_map(Step::Release),
    ];
    prop::collection::vec(step, 0..80)
}

proptest! {
    /// Any sequence leaves in the ledger what a map has, and in the blocks what
    /// was written there.
    #[test]
    fn the_ledger_agrees_with_a_map(steps in steps()) {
        let scope = Scope::begin("model");
        let entered = scope.handle().entered();
        let mut blocks: Vec<(Block<u8, DiagnosticCalloc>, u8)> = Vec::new();
        for (i, step) in steps.into_iter().enumerate() {
            match step {
                Step::Allocate(size) => {
                    let mut block = diagnostic_calloc::<u8>(size.into()).unwrap();
                    prop_assert!(block.iter().all(|b| *b == 0));
                    block.fill(i as u8);
                    blocks.push((block, i as u8));
                }
                Step::Resize(which, size) if !blocks.is_empty() => {
                    let which = which % blocks.len();
                    let (block, byte) = &mut blocks[which];
                    let kept = block.len().min(size.into());
                    block.resize(size.into()).unwrap();
                    prop_assert!(block[..kept].iter().all(|b| b == byte));
                    prop_assert!(block[kept..].iter().all(|b| *b == 0));
                    block.fill(*byte);
                }
                Step::Release(which) if !blocks.is_empty() => {
                    let (block, byte) = blocks.swap_remove(which % blocks.len());
                    prop_assert!(block.iter().all(|b| *b == byte));
                    block.release().unwrap();
                }
                _ => {}
            }
        }
        let found: HashMap<usize, u64> =
            scope.leaks().into_iter().map(|l| (l.address, l.size)).collect();
        let expected: HashMap<usize, u64> =
            blocks.iter().map(|(b, _)| (b.as_ptr() as usize, b.len() as u64)).collect();
        prop_assert_eq!(found, expected);
        drop((blocks, entered));
        prop_assert!(scope.end().is_ok());
    }
}

#[test]
fn uninitialised_memory_becomes_values() {
    let block: Block<MaybeUninit<u32>, Malloc> = malloc(3).unwrap();
    let block = block.fill_from(&[1, 2, 3]);
    assert_eq!(block[..], [1, 2, 3]);
    let raw = block.into_raw();
    // SAFETY: just given up.
    let block = unsafe { Block::<u32, Malloc>::from_raw(raw, 3) }.unwrap();
    assert_eq!(block.byte_len(), 12);
}
