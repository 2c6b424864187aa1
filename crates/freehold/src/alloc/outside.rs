//! The trait of the crate `allocator-api2`, for collections that take one.

use core::alloc::Layout;
use core::ptr::NonNull;

use allocator_api2::alloc::{AllocError as Outside, Allocator as OutsideAllocator};

use super::{Allocator, Libc, Mode};

const TAG: &str = "allocator-api2";

fn slice(block: NonNull<u8>, layout: Layout) -> NonNull<[u8]> {
    NonNull::slice_from_raw_parts(block, layout.size())
}

// SAFETY: the contract of our own trait is the same.
unsafe impl<M: Mode, const ZEROED: bool> OutsideAllocator for Libc<M, ZEROED> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, Outside> {
        let block = Allocator::allocate(self, layout, TAG).map_err(|_| Outside)?;
        Ok(slice(block, layout))
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, Outside> {
        let block = Allocator::allocate_zeroed(self, layout, TAG).map_err(|_| Outside)?;
        Ok(slice(block, layout))
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // There is nobody to give the error to; it is counted as a misuse.
        // SAFETY: promised by the caller.
        let _ = unsafe { Allocator::deallocate(self, block, layout) };
    }

    unsafe fn grow(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, Outside> {
        // SAFETY: promised by the caller.
        unsafe { resize(self, block, old, new, false) }
    }

    unsafe fn grow_zeroed(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, Outside> {
        // SAFETY: promised by the caller.
        unsafe { resize(self, block, old, new, true) }
    }

    unsafe fn shrink(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, Outside> {
        // SAFETY: promised by the caller.
        unsafe { resize(self, block, old, new, false) }
    }
}

/// # Safety
/// As for `grow` and `shrink`.
unsafe fn resize<M: Mode, const ZEROED: bool>(
    allocator: &Libc<M, ZEROED>,
    block: NonNull<u8>,
    old: Layout,
    new: Layout,
    zeroed: bool,
) -> Result<NonNull<[u8]>, Outside> {
    let kept = old.size().min(new.size());
    // SAFETY: promised by the caller; both blocks are that long.
    unsafe {
        let moved = if old.align() == new.align() {
            Allocator::reallocate(allocator, block, old, new, TAG).map_err(|_| Outside)?
        } else {
            let moved = Allocator::allocate(allocator, new, TAG).map_err(|_| Outside)?;
            core::ptr::copy_nonoverlapping(block.as_ptr(), moved.as_ptr(), kept);
            let _ = Allocator::deallocate(allocator, block, old);
            moved
        };
        if zeroed {
            moved.as_ptr().add(kept).write_bytes(0, new.size() - kept);
        }
        Ok(slice(moved, new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Calloc, DiagnosticMalloc};

    #[test]
    fn collections_take_it() {
        let mut vector = allocator_api2::vec::Vec::new_in(DiagnosticMalloc::default());
        vector.extend(0..1000u32);
        vector.shrink_to_fit();
        assert!(vector.iter().copied().eq(0..1000));
    }

    #[test]
    fn growth_to_another_alignment_keeps_the_bytes() {
        let allocator = Calloc::default();
        let layout = |size, align| Layout::from_size_align(size, align).unwrap();
        let block = OutsideAllocator::allocate(&allocator, layout(8, 8)).unwrap();
        let block = block.cast::<u8>();
        // SAFETY: live blocks with these layouts.
        unsafe {
            block.as_ptr().write_bytes(9, 8);
            let grown = allocator
                .grow_zeroed(block, layout(8, 8), layout(64, 256))
                .unwrap();
            assert_eq!(grown.as_ptr().cast::<u8>() as usize % 256, 0);
            assert!(grown.as_ref()[..8].iter().all(|b| *b == 9));
            assert!(grown.as_ref()[8..].iter().all(|b| *b == 0));
            OutsideAllocator::deallocate(&allocator, grown.cast(), layout(64, 256));
        }
    }
}
