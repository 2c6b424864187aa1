//! Memory with an owner in Rust.

use core::alloc::Layout;
use core::any::type_name;
use core::fmt;
use core::marker::PhantomData;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;

use super::Checked;
use crate::alloc::{AllocError, Allocator, Malloc, Zeroed};
use crate::ownership::Ownership;
use crate::{FreeError, ownership_of, set_ownership};

/// `len` elements of native memory, released when dropped.
///
/// It is a slice: `block[i]` and `&block[..]` are bounds-checked,
/// `get_unchecked` is not. What it points to is what C sees: no head, no other
/// address. Elements are plain values that need no drop.
///
/// ```
/// let mut block = freehold::calloc::<u16>(8)?;
/// block[7] = 1;
/// assert!(block.get(8).is_none());
/// let raw = block.as_mut_ptr(); // for a C function
/// # let _ = raw;
/// # Ok::<(), freehold::AllocError>(())
/// ```
pub struct Block<T, A: Allocator = Malloc> {
    start: NonNull<T>,
    len: usize,
    allocator: PhantomData<A>,
}

// SAFETY: it owns its elements.
unsafe impl<T: Send, A: Allocator> Send for Block<T, A> {}
// SAFETY: as above.
unsafe impl<T: Sync, A: Allocator> Sync for Block<T, A> {}

impl<T: Zeroed, A: Allocator> Block<T, A> {
    #[inline(always)]
    pub(crate) fn allocate_zeroed(len: usize) -> Result<Self, AllocError> {
        let element = Layout::new::<T>();
        let start = A::default().allocate_array_zeroed(len, element, type_name::<T>())?;
        Ok(Block::own(start, len))
    }
}

impl<T: Copy, A: Allocator> Block<MaybeUninit<T>, A> {
    #[inline(always)]
    pub(crate) fn allocate(len: usize) -> Result<Self, AllocError> {
        let element = Layout::new::<T>();
        let start = A::default().allocate_array(len, element, type_name::<T>())?;
        Ok(Block::own(start, len))
    }

    /// The block with `value` in all elements.
    ///
    /// ```
    /// let block = freehold::malloc::<i32>(3)?.fill(-1);
    /// assert_eq!(block[..], [-1; 3]);
    /// # Ok::<(), freehold::AllocError>(())
    /// ```
    pub fn fill(mut self, value: T) -> Block<T, A> {
        for element in self.iter_mut() {
            element.write(value);
        }
        // SAFETY: all were written.
        unsafe { self.assume_init() }
    }

    /// The block with a copy of `values`.
    ///
    /// # Panics
    /// When `values` has another length than the block.
    ///
    /// ```
    /// let block = freehold::malloc::<u8>(2)?.fill_from(&[1, 2]);
    /// assert_eq!(block[..], [1, 2]);
    /// # Ok::<(), freehold::AllocError>(())
    /// ```
    pub fn fill_from(mut self, values: &[T]) -> Block<T, A> {
        assert_eq!(
            self.len(),
            values.len(),
            "a block of {} elements cannot be filled from {}",
            self.len(),
            values.len()
        );
        for (element, value) in self.iter_mut().zip(values) {
            element.write(*value);
        }
        // SAFETY: all were written.
        unsafe { self.assume_init() }
    }

    /// The block as one whose elements hold values.
    ///
    /// # Safety
    /// They do: a C function filled them, for example.
    ///
    /// ```
    /// let mut block = freehold::malloc::<u8>(1)?;
    /// block[0].write(9);
    /// // SAFETY: its one element was written.
    /// let block = unsafe { block.assume_init() };
    /// assert_eq!(block[0], 9);
    /// # Ok::<(), freehold::AllocError>(())
    /// ```
    pub unsafe fn assume_init(self) -> Block<T, A> {
        let block = ManuallyDrop::new(self);
        Block {
            start: block.start.cast(),
            len: block.len,
            allocator: PhantomData,
        }
    }
}

impl<T, A: Allocator> Block<T, A> {
    #[inline(always)]
    fn own(start: NonNull<u8>, len: usize) -> Self {
        Block {
            start: start.cast(),
            len,
            allocator: PhantomData,
        }
    }

    fn layout(&self) -> Layout {
        // SAFETY: it was allocated with this layout.
        unsafe { Layout::from_size_align_unchecked(self.len * size_of::<T>(), align_of::<T>()) }
    }

    /// Bytes of all elements.
    ///
    /// ```
    /// assert_eq!(freehold::calloc::<u32>(4)?.byte_len(), 16);
    /// # Ok::<(), freehold::AllocError>(())
    /// ```
    pub fn byte_len(&self) -> usize {
        self.layout().size()
    }

    /// Gives the block up: who has the pointer must release it with
    /// [`free`](crate::free) (with [`adaptive_free`](crate::adaptive_free) for
    /// the adaptive allocators).
    ///
    /// ```
    /// let raw = freehold::calloc::<u8>(4)?.into_raw();
    /// // SAFETY: the one pointer to a live block.
    /// unsafe { freehold::free(raw.cast()) }.expect("was live");
    /// # Ok::<(), freehold::AllocError>(())
    /// ```
    #[must_use = "the block is lost when nobody releases the pointer"]
    pub fn into_raw(self) -> *mut T {
        ManuallyDrop::new(self).start.as_ptr()
    }

    /// Takes a block that [`Block::into_raw`] gave.
    ///
    /// # Safety
    /// `pointer` came from a block of the same allocator with `len` elements of
    /// the same size, which hold values of `T`; nobody else releases it.
    ///
    /// ```
    /// use freehold::{Block, Calloc, calloc};
    /// let raw = calloc::<u8>(4)?.into_raw();
    /// // SAFETY: just given up.
    /// let block = unsafe { Block::<u8, Calloc>::from_raw(raw, 4) }.expect("not null");
    /// assert_eq!(block.len(), 4);
    /// # Ok::<(), freehold::AllocError>(())
    /// ```
    pub unsafe fn from_raw(pointer: *mut T, len: usize) -> Option<Self> {
        let start = NonNull::new(pointer)?;
        Some(Block {
            start,
            len,
            allocator: PhantomData,
        })
    }

    /// Gives the block up for good: it lives until the process ends. It stays in
    /// the ledger as a block that belongs to nobody else.
    ///
    /// ```
    /// let forever: &'static mut [u8] = freehold::calloc::<u8>(4)?.leak();
    /// forever[0] = 1;
    /// # Ok::<(), freehold::AllocError>(())
    /// ```
    pub fn leak<'a>(self) -> &'a mut [T] {
        let block = ManuallyDrop::new(self);
        // SAFETY: the elements live as long as nobody releases them.
        unsafe { core::slice::from_raw_parts_mut(block.start.as_ptr(), block.len) }
    }

    /// Gives the block away: a C function that takes ownership releases it, with
    /// the platform's `free`. From now on a release by us is refused, and it
    /// counts no longer as our leak.
    ///
    /// ```
    /// let raw = freehold::calloc::<u8>(4)?.transfer();
    /// // The new owner, in C:
    /// // SAFETY: the one pointer to a live block.
    /// unsafe { libc::free(raw.cast()) };
    /// # Ok::<(), freehold::AllocError>(())
    /// ```
    #[must_use = "the block is lost when the new owner does not get the pointer"]
    pub fn transfer(self) -> *mut T {
        let raw = self.into_raw();
        set_ownership(raw as usize, Ownership::Transferred);
        raw
    }

    /// Releases the block now, and says when that is refused.
    ///
    /// # Errors
    /// [`FreeError`] when somebody released it already, or owns it.
    ///
    /// ```
    /// freehold::calloc::<u8>(4)?.release().expect("was live");
    /// # Ok::<(), freehold::AllocError>(())
    /// ```
    #[inline(always)]
    pub fn release(self) -> Result<(), FreeError> {
        let block = ManuallyDrop::new(self);
        // SAFETY: allocated with this layout; nobody else owns it.
        unsafe { A::default().deallocate(block.start.cast(), block.layout()) }
    }

    /// Who owns the memory, when anybody keeps a ledger: [`None`] when it is not
    /// known, or was released behind our back.
    ///
    /// ```
    /// use freehold::{Ownership, track};
    /// track::start(&Default::default()).expect("memory for a ledger");
    /// let block = freehold::calloc::<u8>(4)?;
    /// assert_eq!(block.ownership(), Some(Ownership::Owned));
    /// # Ok::<(), freehold::AllocError>(())
    /// ```
    pub fn ownership(&self) -> Option<Ownership> {
        ownership_of(self.start.as_ptr() as usize)
    }

    /// A copy of the pointer that checks each access, for what outlives Rust's
    /// borrows.
    ///
    /// # Safety
    /// As for [`Checked::new`].
    ///
    /// ```
    /// let block = freehold::calloc::<u8>(4)?;
    /// // SAFETY: the block lives until the end, and nobody writes to it.
    /// let checked = unsafe { block.checked() };
    /// assert!(checked.get(4).is_err());
    /// # Ok::<(), freehold::AllocError>(())
    /// ```
    pub unsafe fn checked(&self) -> Checked<T>
    where
        T: Copy,
    {
        // SAFETY: a live block of this length; promised by the caller.
        unsafe { Checked::new(self.start.as_ptr(), self.len) }
    }
}

impl<T: Zeroed, A: Allocator> Block<T, A> {
    /// Makes it `len` elements long, at another place if need be. Elements that
    /// are new are zero.
    ///
    /// # Errors
    /// [`AllocError`] says why; the block is then as it was.
    ///
    /// ```
    /// let mut block = freehold::calloc::<u8>(2)?;
    /// block[1] = 1;
    /// block.resize(4)?;
    /// assert_eq!(block[..], [0, 1, 0, 0]);
    /// # Ok::<(), freehold::AllocError>(())
    /// ```
    #[inline(always)]
    pub fn resize(&mut self, len: usize) -> Result<(), AllocError> {
        let (old, new) = (self.layout(), crate::alloc_layout::<T>(len)?);
        let block = self.start.cast();
        // SAFETY: allocated with the old layout; the old address is replaced.
        let moved = unsafe { A::default().reallocate(block, old, new, type_name::<T>()) }?;
        if new.size() > old.size() {
            // SAFETY: the block is that long now.
            unsafe {
                let behind = moved.as_ptr().add(old.size());
                behind.write_bytes(0, new.size() - old.size());
            }
        }
        (self.start, self.len) = (moved.cast(), len);
        Ok(())
    }
}

impl<T, A: Allocator> Drop for Block<T, A> {
    /// A release that is refused is counted: see
    /// [`track::misuses`](crate::track::misuses).
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: allocated with this layout; nobody uses it any more.
        let _ = unsafe { A::default().deallocate(self.start.cast(), self.layout()) };
    }
}

impl<T, A: Allocator> Deref for Block<T, A> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: that many elements, which hold values.
        unsafe { core::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl<T, A: Allocator> DerefMut for Block<T, A> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and borrowed by nobody else.
        unsafe { core::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl<T: fmt::Debug, A: Allocator> fmt::Debug for Block<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
