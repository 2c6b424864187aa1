//! The allocators: where typed memory comes from, each with what it tells the
//! tracker.
//!
//! | functions | type | recorded while tracking is on | counts as a leak |
//! | --- | --- | --- | --- |
//! | [`malloc`], [`calloc`] | [`Malloc`], [`Calloc`] | yes | no |
//! | [`diagnostic_malloc`], [`diagnostic_calloc`] | [`DiagnosticMalloc`], [`DiagnosticCalloc`] | yes | yes |
//! | [`adaptive_malloc`], [`adaptive_calloc`] | [`AdaptiveMalloc`], [`AdaptiveCalloc`] | as diagnostic in debug builds and with the feature `adaptive-tracking`; otherwise no | likewise |
//!
//! All of them are the platform's allocator in the end, so that other code may
//! release what they give: `malloc` of the C library, on Windows `CoTaskMemAlloc`
//! ([`FAMILY`]). Defined for all: no bytes are a block of their own, which must be
//! released; a count that overflows, an alignment that is no power of two and
//! more than `isize::MAX` bytes are errors; any other alignment is kept. On Windows
//! blocks with an alignment of more than 16 bytes are those of `_aligned_malloc`:
//! [`free`](crate::free()) knows them, C has to call `_aligned_free`.
//!
//! In release builds the adaptive ones are the platform's functions to the
//! instruction; while nothing is tracked the others add one comparison to each.
//!
//! ```
//! use freehold::alloc::{diagnostic_calloc, malloc};
//! let first = malloc::<u64>(16)?; // anything in it, and no leak if it stays
//! let second = diagnostic_calloc::<u64>(16)?; // zeroed, and a leak if it stays
//! assert_eq!(second[15], 0);
//! # drop(first);
//! # Ok::<(), freehold::AllocError>(())
//! ```

mod error;
mod functions;
pub(crate) use functions::{array_layout, layout};
mod libc;
#[cfg(feature = "allocator-api2")]
mod outside;

use core::alloc::Layout;
use core::ptr::NonNull;

use crate::{Family, FreeError};

pub use error::AllocError;
pub use functions::{
    adaptive_calloc, adaptive_malloc, calloc, diagnostic_calloc, diagnostic_malloc, malloc,
};
pub use libc::{
    AdaptiveCalloc, AdaptiveMalloc, Calloc, Diagnostic, DiagnosticCalloc, DiagnosticMalloc, Libc,
    Malloc, Mode, Platform, PlatformCalloc, PlatformMalloc, Recorded,
};

/// The family of what these allocators give: [`Family::Malloc`], on Windows
/// [`Family::CoTaskMem`].
///
/// ```
/// use freehold::{adopt, alloc::FAMILY, free, malloc, ReleaseWith};
/// let raw = malloc::<u8>(8)?.into_raw().cast(); // as some other code gave it
/// // SAFETY: a live block of this family that nobody else releases.
/// unsafe {
///     adopt(raw, 8, ReleaseWith::Family(FAMILY)).expect("not null");
///     free(raw).expect("was live");
/// }
/// # Ok::<(), freehold::AllocError>(())
/// ```
pub const FAMILY: Family = crate::platform::FAMILY;

/// An allocator at the level of layouts, with the contract of
/// `allocator_api2::alloc::Allocator`, but for errors that say why.
///
/// # Safety
/// A block stays valid until it is given back; it fits its layout; a failed call
/// leaves the old block as it was.
///
/// ```
/// use freehold::{Allocator, Calloc};
/// use std::alloc::Layout;
/// let layout = Layout::from_size_align(100, 64).expect("valid");
/// let block = Calloc::default().allocate(layout, "bytes")?;
/// assert_eq!(block.as_ptr() as usize % 64, 0);
/// // SAFETY: allocated above with this layout; released once.
/// unsafe { Calloc::default().deallocate(block, layout) }.expect("was live");
/// # Ok::<(), freehold::AllocError>(())
/// ```
pub unsafe trait Allocator: Copy + Default {
    /// A block that fits `layout`, zeroed if the allocator is one that zeroes.
    /// `tag` names what will be in it.
    ///
    /// # Errors
    /// [`AllocError`] says why there is none.
    ///
    /// ```
    /// use freehold::{AllocError, Allocator, Malloc};
    /// use std::alloc::Layout;
    /// let malloc = Malloc::default();
    /// let layout = Layout::new::<[u64; 4]>();
    /// let block = malloc.allocate(layout, "[u64; 4]")?;
    /// // SAFETY: allocated above with this layout, released once.
    /// unsafe { malloc.deallocate(block, layout) }.expect("was live");
    /// # if usize::BITS == 64 {
    /// let most = Layout::from_size_align(isize::MAX as usize, 1).expect("valid");
    /// let error = AllocError::OutOfMemory { bytes: isize::MAX as usize };
    /// assert_eq!(malloc.allocate(most, "everything"), Err(error));
    /// # }
    /// # Ok::<(), AllocError>(())
    /// ```
    fn allocate(&self, layout: Layout, tag: &'static str) -> Result<NonNull<u8>, AllocError>;

    /// The same, zeroed whatever the allocator is.
    ///
    /// # Errors
    /// As for [`Allocator::allocate`].
    ///
    /// ```
    /// use freehold::{Allocator, Malloc};
    /// use std::alloc::Layout;
    /// let (malloc, layout) = (Malloc::default(), Layout::new::<u64>());
    /// let block = malloc.allocate_zeroed(layout, "u64")?;
    /// // SAFETY: a number that is zero; released once.
    /// unsafe {
    ///     assert_eq!(*block.cast::<u64>().as_ptr(), 0);
    ///     malloc.deallocate(block, layout).expect("was live");
    /// }
    /// # Ok::<(), freehold::AllocError>(())
    /// ```
    fn allocate_zeroed(&self, layout: Layout, tag: &'static str)
    -> Result<NonNull<u8>, AllocError>;

    /// The same for `count` elements that lie one behind the other.
    ///
    /// # Errors
    /// As for [`Allocator::allocate`], and [`AllocError::Overflow`].
    ///
    /// ```
    /// use freehold::{AllocError, Allocator, Malloc};
    /// use std::alloc::Layout;
    /// let error = Malloc::default().allocate_array(usize::MAX, Layout::new::<u16>(), "u16");
    /// assert_eq!(error, Err(AllocError::Overflow { count: usize::MAX, size: 2 }));
    /// ```
    #[inline(always)]
    fn allocate_array(
        &self,
        count: usize,
        element: Layout,
        tag: &'static str,
    ) -> Result<NonNull<u8>, AllocError> {
        self.allocate(array_layout(count, element)?, tag)
    }

    /// The same, zeroed whatever the allocator is.
    ///
    /// # Errors
    /// As for [`Allocator::allocate_array`].
    ///
    /// ```
    /// use freehold::{Allocator, Malloc};
    /// use std::alloc::Layout;
    /// let (malloc, element) = (Malloc::default(), Layout::new::<u16>());
    /// let block = malloc.allocate_array_zeroed(3, element, "u16")?;
    /// // SAFETY: six bytes that are zero, and released once.
    /// unsafe {
    ///     assert_eq!(*block.cast::<[u16; 3]>().as_ptr(), [0; 3]);
    ///     malloc.deallocate(block, Layout::new::<[u16; 3]>()).expect("was live");
    /// }
    /// # Ok::<(), freehold::AllocError>(())
    /// ```
    #[inline(always)]
    fn allocate_array_zeroed(
        &self,
        count: usize,
        element: Layout,
        tag: &'static str,
    ) -> Result<NonNull<u8>, AllocError> {
        self.allocate_zeroed(array_layout(count, element)?, tag)
    }

    /// Gives a block back.
    ///
    /// # Errors
    /// [`FreeError`] when that is wrong; the block is then as it was.
    ///
    /// # Safety
    /// `block` was given by an allocator of the same kind for `layout`, and
    /// nobody uses it any more.
    ///
    /// ```
    /// use freehold::{Allocator, Malloc, track};
    /// use std::alloc::Layout;
    /// track::start(&Default::default()).expect("memory for a ledger");
    /// let (malloc, layout) = (Malloc::default(), Layout::new::<u64>());
    /// let block = malloc.allocate(layout, "u64")?;
    /// // SAFETY: live; tracked, so that the second call is refused.
    /// unsafe {
    ///     malloc.deallocate(block, layout).expect("was live");
    ///     assert!(malloc.deallocate(block, layout).is_err());
    /// }
    /// # Ok::<(), freehold::AllocError>(())
    /// ```
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) -> Result<(), FreeError>;

    /// The block with another size: larger or smaller, at another place if need
    /// be. What is new is zeroed if the allocator is one that zeroes.
    ///
    /// # Errors
    /// [`AllocError`] says why; the block is then as it was.
    ///
    /// # Safety
    /// As for [`Allocator::deallocate`]; both layouts have the same alignment.
    /// The old address is no longer used.
    ///
    /// ```
    /// use freehold::{Allocator, Calloc};
    /// use std::alloc::Layout;
    /// let (calloc, old, new) = (Calloc::default(), Layout::new::<u8>(), Layout::new::<[u8; 4]>());
    /// let block = calloc.allocate(old, "u8")?;
    /// // SAFETY: the layout that it was allocated with; later the new one.
    /// unsafe {
    ///     block.write(7);
    ///     let block = calloc.reallocate(block, old, new, "[u8; 4]")?;
    ///     assert_eq!(*block.cast::<[u8; 4]>().as_ptr(), [7, 0, 0, 0]);
    ///     calloc.deallocate(block, new).expect("was live");
    /// }
    /// # Ok::<(), freehold::AllocError>(())
    /// ```
    unsafe fn reallocate(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
        tag: &'static str,
    ) -> Result<NonNull<u8>, AllocError>;
}

/// Types for which all bytes zero are a value, so that zeroed memory holds them.
///
/// # Safety
/// That is so, for each byte of the type.
///
/// ```
/// #[derive(Clone, Copy)]
/// #[repr(C)]
/// struct Point { x: i32, y: i32 }
/// // SAFETY: two integers.
/// unsafe impl freehold::Zeroed for Point {}
/// let points = freehold::calloc::<Point>(3)?;
/// assert_eq!(points[2].y, 0);
/// # Ok::<(), freehold::AllocError>(())
/// ```
pub unsafe trait Zeroed: Copy {}

macro_rules! zeroed {
    ($($type:ty),*) => {
        // SAFETY: numbers, or flags that are off.
        $(unsafe impl Zeroed for $type {})*
    };
}

zeroed!(
    u8,
    u16,
    u32,
    u64,
    u128,
    usize,
    i8,
    i16,
    i32,
    i64,
    i128,
    isize,
    f32,
    f64,
    bool,
    char,
    ()
);

// SAFETY: null.
unsafe impl<T> Zeroed for *mut T {}
// SAFETY: null.
unsafe impl<T> Zeroed for *const T {}
// SAFETY: `None` is null.
unsafe impl<T> Zeroed for Option<NonNull<T>> {}
// SAFETY: each element is.
unsafe impl<T: Zeroed, const N: usize> Zeroed for [T; N] {}
// SAFETY: anything is.
unsafe impl<T: Copy> Zeroed for core::mem::MaybeUninit<T> {}
