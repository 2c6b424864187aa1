//! The family of Rust's global allocator. A block is released with the layout
//! it was allocated with, which its owner has to know.
//!
//! ```
//! use freehold_families::rust;
//! use std::alloc::Layout;
//! let layout = Layout::array::<u16>(50).expect("small");
//! let block = rust::allocate(layout, false)?;
//! // SAFETY: a block of Rust's allocator with the layout of fifty numbers, as the
//! // vector will release it.
//! let numbers = unsafe { Vec::<u16>::from_raw_parts(block.cast().as_ptr(), 0, 50) };
//! assert_eq!(numbers.capacity(), 50);
//! # Ok::<(), freehold_families::FamilyError>(())
//! ```

use core::alloc::Layout;
use core::ptr::NonNull;

use crate::{Family, FamilyError};

/// A block of this layout, zeroed when wanted.
///
/// # Errors
/// [`FamilyError::TooLarge`] for no bytes, which Rust's allocator does not give;
/// [`FamilyError::OutOfMemory`] when there is no memory.
///
/// ```
/// use freehold_families::rust;
/// let layout = std::alloc::Layout::new::<u64>();
/// let block = rust::allocate(layout, true)?;
/// // SAFETY: allocated above with this layout, released once.
/// unsafe { rust::release(block, layout) };
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub fn allocate(layout: Layout, zeroed: bool) -> Result<NonNull<u8>, FamilyError> {
    let (family, bytes) = (Family::Rust, layout.size());
    if bytes == 0 {
        return Err(FamilyError::TooLarge { family, bytes });
    }
    // SAFETY: the size is not zero.
    let block = unsafe {
        match zeroed {
            true => std::alloc::alloc_zeroed(layout),
            false => std::alloc::alloc(layout),
        }
    };
    NonNull::new(block).ok_or(FamilyError::OutOfMemory { family, bytes })
}

/// Releases a block.
///
/// # Safety
/// `block` is a live block of this family with this layout; nobody uses it any
/// more.
///
/// ```
/// use freehold_families::rust;
/// use std::alloc::Layout;
/// use std::ptr::NonNull;
/// let boxed = Box::new(7u32);
/// let block = NonNull::from(Box::leak(boxed)).cast();
/// // SAFETY: a box is a block of Rust's allocator with the layout of its value.
/// unsafe { rust::release(block, Layout::new::<u32>()) };
/// ```
pub unsafe fn release(block: NonNull<u8>, layout: Layout) {
    // SAFETY: promised by the caller.
    unsafe { std::alloc::dealloc(block.as_ptr(), layout) };
}
