//! `HeapCreate`, `HeapAlloc`, `HeapFree` and their relatives: several heaps,
//! each of which knows its own blocks.
//!
//! ```
//! use freehold_families::emulated::heap::{self, Heap, PROCESS};
//! let heap = Heap::create();
//! let (mine, common) = (heap.alloc(8, true)?, PROCESS.alloc(8, true)?);
//! assert_eq!(heap::heap_of(mine.as_ptr() as usize), Some(heap));
//! // SAFETY: nobody uses the blocks; the first goes with its heap.
//! unsafe {
//!     heap.destroy()?;
//!     PROCESS.free(common.as_ptr() as usize)?;
//! }
//! # Ok::<(), freehold_families::FamilyError>(())
//! ```

use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use super::{Known, failed, take, unknown};
use crate::{Family, FamilyError, libc_malloc};

/// A heap. [`PROCESS`] is there always.
///
/// ```
/// use freehold_families::emulated::heap::{Heap, PROCESS};
/// let heap = Heap::create();
/// assert_ne!(heap, PROCESS);
/// assert_ne!(heap, Heap::create(), "each is one of its own");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Heap(usize);

/// `GetProcessHeap`.
///
/// ```
/// use freehold_families::emulated::heap::PROCESS;
/// let block = PROCESS.alloc(16, false)?.as_ptr() as usize;
/// // SAFETY: nobody uses the block. The heap of the process stays.
/// unsafe {
///     PROCESS.free(block)?;
///     assert!(PROCESS.destroy().is_err());
/// }
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub const PROCESS: Heap = Heap(0x10000);

/// Live blocks: heap and size.
static BLOCKS: Known<(Heap, usize)> = Known::new();
/// Live heaps but the one of the process.
static HEAPS: Known<()> = Known::new();
static NEXT: AtomicUsize = AtomicUsize::new(0x20000);

impl Heap {
    /// The heap with this number; nothing can be allocated from one that was
    /// never created.
    ///
    /// ```
    /// use freehold_families::emulated::heap::Heap;
    /// let heap = Heap::create();
    /// assert_eq!(Heap::from_handle(heap.handle()), heap);
    /// assert!(Heap::from_handle(0x7).alloc(8, false).is_err()); // never created
    /// ```
    pub fn from_handle(handle: usize) -> Heap {
        Heap(handle)
    }

    /// `HeapCreate`.
    ///
    /// ```
    /// use freehold_families::emulated::heap::{Heap, PROCESS};
    /// let heap = Heap::create();
    /// let block = heap.alloc(8, true)?;
    /// // SAFETY: nobody uses the block.
    /// unsafe {
    ///     assert!(PROCESS.free(block.as_ptr() as usize).is_err());
    ///     heap.free(block.as_ptr() as usize)?;
    ///     heap.destroy()?;
    /// }
    /// # Ok::<(), freehold_families::FamilyError>(())
    /// ```
    pub fn create() -> Heap {
        // Relaxed: the number is unique, nothing is published by it.
        let heap = Heap(NEXT.fetch_add(0x10000, Ordering::Relaxed));
        HEAPS.with(|heaps| heaps.insert(heap.0, ()));
        heap
    }

    /// The number that stands for the heap, as its handle does.
    ///
    /// ```
    /// use freehold_families::emulated::heap::{Heap, PROCESS};
    /// // The number that C code passes about.
    /// let handle: usize = Heap::create().handle();
    /// assert_ne!(handle, PROCESS.handle());
    /// ```
    pub fn handle(self) -> usize {
        self.0
    }

    fn check(self) -> Result<(), FamilyError> {
        let is_live = self == PROCESS || HEAPS.with(|heaps| heaps.get(&self.0).is_some());
        match is_live {
            true => Ok(()),
            false => Err(unknown(Family::Heap, self.0)),
        }
    }

    /// `HeapAlloc`: a block of `bytes` bytes, zeroed when wanted.
    ///
    /// # Errors
    /// [`FamilyError::TooLarge`], [`FamilyError::OutOfMemory`], or
    /// [`FamilyError::UnknownBlock`] when the heap was destroyed.
    ///
    /// ```
    /// use freehold_families::emulated::heap::PROCESS;
    /// let block = PROCESS.alloc(4, true)?; // HEAP_ZERO_MEMORY
    /// // SAFETY: four zeroed bytes; released once.
    /// unsafe {
    ///     assert_eq!(*block.cast::<[u8; 4]>().as_ptr(), [0; 4]);
    ///     PROCESS.free(block.as_ptr() as usize)?;
    /// }
    /// # Ok::<(), freehold_families::FamilyError>(())
    /// ```
    pub fn alloc(self, bytes: usize, zeroed: bool) -> Result<NonNull<u8>, FamilyError> {
        self.check()?;
        let block = take(Family::Heap, bytes, zeroed)?;
        BLOCKS.with(|blocks| blocks.insert(block.as_ptr() as usize, (self, bytes)));
        Ok(block)
    }

    /// `HeapFree`. Of 0 it does nothing.
    ///
    /// # Errors
    /// [`FamilyError::UnknownBlock`] where no live block begins,
    /// [`FamilyError::WrongHeap`] when it belongs to another heap.
    ///
    /// # Safety
    /// Nobody uses the block any more.
    ///
    /// ```
    /// use freehold_families::FamilyError;
    /// use freehold_families::emulated::heap::{Heap, PROCESS};
    /// let heap = Heap::create();
    /// let address = heap.alloc(8, false)?.as_ptr() as usize;
    /// // SAFETY: nobody uses the block; another heap refuses it.
    /// unsafe {
    ///     let wrong = PROCESS.free(address);
    ///     assert_eq!(wrong, Err(FamilyError::WrongHeap { address, owner: heap.handle() }));
    ///     heap.free(address)?;
    /// }
    /// # Ok::<(), FamilyError>(())
    /// ```
    pub unsafe fn free(self, block: usize) -> Result<(), FamilyError> {
        let Some(at) = NonNull::new(block as *mut u8) else {
            return Ok(());
        };
        BLOCKS.with(|blocks| match blocks.get(&block) {
            Some((owner, _)) if *owner == self => {
                blocks.remove(&block);
                Ok(())
            }
            Some((owner, _)) => Err(failed(FamilyError::WrongHeap {
                address: block,
                owner: owner.0,
            })),
            None => Err(unknown(Family::Heap, block)),
        })?;
        // SAFETY: it was in the table until now, so it is live.
        unsafe { libc_malloc::release(at) };
        Ok(())
    }

    /// `HeapSize`: bytes of a live block of this heap.
    ///
    /// ```
    /// use freehold_families::emulated::heap::{Heap, PROCESS};
    /// let heap = Heap::create();
    /// let block = heap.alloc(12, false)?.as_ptr() as usize;
    /// assert_eq!(heap.size(block), Some(12));
    /// assert_eq!(PROCESS.size(block), None); // not one of its blocks
    /// // SAFETY: nobody uses the block.
    /// unsafe { heap.free(block)? };
    /// # Ok::<(), freehold_families::FamilyError>(())
    /// ```
    pub fn size(self, block: usize) -> Option<usize> {
        let found = BLOCKS.with(|blocks| blocks.get(&block).copied());
        found.filter(|(owner, _)| *owner == self).map(|(_, b)| b)
    }

    /// `HeapDestroy`: releases the heap with all its blocks.
    ///
    /// # Errors
    /// [`FamilyError::UnknownBlock`] when it was destroyed before, and for
    /// [`PROCESS`].
    ///
    /// # Safety
    /// Nobody uses a block of it any more.
    ///
    /// ```
    /// use freehold_families::emulated::heap::{self, Heap};
    /// let heap = Heap::create();
    /// let block = heap.alloc(8, false)?.as_ptr() as usize;
    /// // SAFETY: nobody uses the block, which is released with the heap.
    /// unsafe {
    ///     heap.destroy()?;
    ///     assert!(heap.destroy().is_err(), "once");
    /// }
    /// assert_eq!(heap::heap_of(block), None);
    /// # Ok::<(), freehold_families::FamilyError>(())
    /// ```
    pub unsafe fn destroy(self) -> Result<(), FamilyError> {
        if HEAPS.with(|heaps| heaps.remove(&self.0)).is_none() {
            return Err(unknown(Family::Heap, self.0));
        }
        let mine = BLOCKS.with(|blocks| blocks.take(|(owner, _)| *owner == self));
        for block in mine {
            // SAFETY: it was in the table until now, so it is live.
            unsafe { libc::free(block as *mut libc::c_void) };
        }
        Ok(())
    }
}

/// The heap that a live block belongs to.
///
/// ```
/// use freehold_families::emulated::heap::{PROCESS, heap_of};
/// let block = PROCESS.alloc(8, false)?.as_ptr() as usize;
/// assert_eq!(heap_of(block), Some(PROCESS));
/// // SAFETY: nobody uses the block.
/// unsafe { PROCESS.free(block)? };
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub fn heap_of(block: usize) -> Option<Heap> {
    BLOCKS.with(|blocks| blocks.get(&block).map(|(heap, _)| *heap))
}
