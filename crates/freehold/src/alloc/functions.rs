//! The functions that give typed memory.

use core::alloc::Layout;
use core::mem::MaybeUninit;

use super::{
    AdaptiveCalloc, AdaptiveMalloc, AllocError, Calloc, DiagnosticCalloc, DiagnosticMalloc, Malloc,
    Zeroed,
};
use crate::memory::Block;

/// The layout of `count` elements.
#[inline(always)]
pub(crate) fn layout<T>(count: usize) -> Result<Layout, AllocError> {
    match Layout::array::<T>(count) {
        Ok(layout) => Ok(layout),
        Err(_) => Err(no_layout(count, size_of::<T>())),
    }
}

/// The layout of `count` elements of this layout.
#[inline(always)]
pub(crate) fn array_layout(count: usize, element: Layout) -> Result<Layout, AllocError> {
    let (size, align) = (element.pad_to_align().size(), element.align());
    let bytes = count.checked_mul(size);
    match bytes.map(|bytes| Layout::from_size_align(bytes, align)) {
        Some(Ok(layout)) => Ok(layout),
        _ => Err(no_layout(count, size)),
    }
}

#[cold]
pub(super) fn no_layout(count: usize, size: usize) -> AllocError {
    match count.checked_mul(size) {
        Some(bytes) => AllocError::TooLarge { bytes },
        None => AllocError::Overflow { count, size },
    }
}

macro_rules! zeroing {
    ($(#[$doc:meta])* $name:ident, $allocator:ty) => {
        $(#[$doc])*
        ///
        /// # Errors
        /// [`AllocError::Overflow`] when `count` elements are more bytes than can be
        /// counted, [`AllocError::TooLarge`], [`AllocError::OutOfMemory`].
        #[inline(always)]
        pub fn $name<T: Zeroed>(count: usize) -> Result<Block<T, $allocator>, AllocError> {
            Block::allocate_zeroed(count)
        }
    };
}

macro_rules! uninitialised {
    ($(#[$doc:meta])* $name:ident, $allocator:ty) => {
        $(#[$doc])*
        ///
        /// # Errors
        /// [`AllocError::Overflow`] when `count` elements are more bytes than can be
        /// counted, [`AllocError::TooLarge`], [`AllocError::OutOfMemory`].
        #[inline(always)]
        pub fn $name<T: Copy>(
            count: usize,
        ) -> Result<Block<MaybeUninit<T>, $allocator>, AllocError> {
            Block::allocate(count)
        }
    };
}

zeroing! {
    /// `count` zeroed elements. Recorded while tracking is on; does not count as
    /// a leak.
    ///
    /// ```
    /// let mut bytes = freehold::calloc::<u8>(256)?;
    /// bytes[3] = 7;
    /// assert_eq!((bytes.len(), bytes[2], bytes[3]), (256, 0, 7));
    /// # Ok::<(), freehold::AllocError>(())
    /// ```
    calloc, Calloc
}
zeroing! {
    /// `count` zeroed elements that count as a leak when they stay.
    ///
    /// ```
    /// let numbers = freehold::diagnostic_calloc::<u32>(4)?;
    /// assert_eq!(numbers[..], [0; 4]);
    /// # Ok::<(), freehold::AllocError>(())
    /// ```
    diagnostic_calloc, DiagnosticCalloc
}
zeroing! {
    /// `count` zeroed elements: as [`diagnostic_calloc`] in debug builds, as the
    /// platform's `calloc` in release builds. Release what leaves the `Block`
    /// with [`adaptive_free`](crate::adaptive_free).
    ///
    /// ```
    /// let numbers = freehold::adaptive_calloc::<u32>(4)?;
    /// assert_eq!(numbers[..], [0; 4]);
    /// # Ok::<(), freehold::AllocError>(())
    /// ```
    adaptive_calloc, AdaptiveCalloc
}
uninitialised! {
    /// `count` elements with anything in them. Recorded while tracking is on;
    /// does not count as a leak.
    ///
    /// ```
    /// let text = freehold::malloc::<u8>(3)?.fill_from(b"abc");
    /// assert_eq!(text[..], *b"abc");
    /// # Ok::<(), freehold::AllocError>(())
    /// ```
    malloc, Malloc
}
uninitialised! {
    /// `count` elements with anything in them, which count as a leak when they
    /// stay.
    ///
    /// ```
    /// let block = freehold::diagnostic_malloc::<u64>(2)?.fill(5);
    /// assert_eq!(block[..], [5, 5]);
    /// # Ok::<(), freehold::AllocError>(())
    /// ```
    diagnostic_malloc, DiagnosticMalloc
}
uninitialised! {
    /// `count` elements with anything in them: as [`diagnostic_malloc`] in debug
    /// builds, as the platform's `malloc` in release builds. Release what leaves
    /// the `Block` with [`adaptive_free`](crate::adaptive_free).
    ///
    /// ```
    /// let block = freehold::adaptive_malloc::<u64>(2)?.fill(5);
    /// assert_eq!(block[..], [5, 5]);
    /// # Ok::<(), freehold::AllocError>(())
    /// ```
    adaptive_malloc, AdaptiveMalloc
}
