//! `HeapCreate`, `HeapAlloc`, `HeapFree` and their relatives: several heaps,
//! each of which knows its own blocks.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use super::{Known, failed, take, unknown};
use crate::{Family, FamilyError, libc_malloc};

/// A heap. [`PROCESS`] is there always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Heap(usize);

/// `GetProcessHeap`.
pub const PROCESS: Heap = Heap(0x10000);

/// Live blocks: heap and size.
static BLOCKS: Known<(Heap, usize)> = Known::new();
/// Live heaps but the one of the process.
static HEAPS: Known<()> = Known::new();
static NEXT: AtomicUsize = AtomicUsize::new(0x20000);

impl Heap {
    /// The heap with this number; nothing can be allocated from one that was
    /// never created.
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
pub fn heap_of(block: usize) -> Option<Heap> {
    BLOCKS.with(|blocks| blocks.get(&block).map(|(heap, _)| *heap))
}
