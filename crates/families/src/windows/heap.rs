//! `HeapCreate`, `HeapAlloc`, `HeapFree` and their relatives: any heap.
//!
//! Pages: HeapCreate, HeapAlloc, HeapFree, HeapSize, HeapDestroy, HeapValidate,
//! GetProcessHeap, GetProcessHeaps (heapapi.h).

use core::ffi::c_void;
use core::ptr::NonNull;

use super::{check_size, failed, keeping};
use crate::{Family, FamilyError};

const FAMILY: Family = Family::Heap;
const HEAP_ZERO_MEMORY: u32 = 8;

#[link(name = "kernel32")]
unsafe extern "system" {
    fn HeapCreate(options: u32, initial: usize, most: usize) -> *mut c_void;
    fn HeapDestroy(heap: *mut c_void) -> i32;
    fn HeapAlloc(heap: *mut c_void, flags: u32, bytes: usize) -> *mut u8;
    fn HeapFree(heap: *mut c_void, flags: u32, block: *mut u8) -> i32;
    fn HeapSize(heap: *mut c_void, flags: u32, block: *const u8) -> usize;
    fn HeapValidate(heap: *mut c_void, flags: u32, block: *const u8) -> i32;
    fn GetProcessHeap() -> *mut c_void;
    fn GetProcessHeaps(room: u32, heaps: *mut *mut c_void) -> u32;
}

/// A heap. [`PROCESS`] is there always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Heap(usize);

/// The one that `GetProcessHeap` gives.
pub const PROCESS: Heap = Heap(0);

/// What stands for a heap that could not be created.
const NONE: usize = usize::MAX;

impl Heap {
    /// The heap with this handle.
    pub fn from_handle(handle: usize) -> Heap {
        if handle == PROCESS.handle() {
            return PROCESS;
        }
        Heap(handle)
    }

    /// `HeapCreate`, growing as needed. Where the system gives none, nothing can be
    /// allocated from what this gives.
    ///
    /// ```
    /// use freehold_families::win32::heap::Heap;
    /// let heap = Heap::create();
    /// let block = heap.alloc(8, true)?;
    /// // SAFETY: nobody uses the block.
    /// unsafe {
    ///     heap.free(block.as_ptr() as usize)?;
    ///     heap.destroy()?;
    /// }
    /// # Ok::<(), freehold_families::FamilyError>(())
    /// ```
    pub fn create() -> Heap {
        // SAFETY: no requirement.
        match unsafe { HeapCreate(0, 0, 0) } as usize {
            0 => Heap(NONE),
            handle => Heap(handle),
        }
    }

    /// Its handle.
    pub fn handle(self) -> usize {
        match self.0 {
            // SAFETY: no requirement.
            0 => unsafe { GetProcessHeap() as usize },
            handle => handle,
        }
    }

    fn raw(self) -> *mut c_void {
        self.handle() as *mut c_void
    }

    /// `HeapAlloc`: a block of `bytes` bytes, zeroed when wanted.
    ///
    /// # Errors
    /// [`FamilyError::TooLarge`], [`FamilyError::OutOfMemory`], or
    /// [`FamilyError::UnknownBlock`] when the heap could not be created.
    pub fn alloc(self, bytes: usize, zeroed: bool) -> Result<NonNull<u8>, FamilyError> {
        check_size(FAMILY, bytes)?;
        if self.0 == NONE {
            return Err(FamilyError::UnknownBlock {
                family: FAMILY,
                address: NONE,
            });
        }
        let flags = if zeroed { HEAP_ZERO_MEMORY } else { 0 };
        // SAFETY: a live heap: whoever destroyed it promised not to use it any more.
        let block = unsafe { HeapAlloc(self.raw(), flags, bytes) };
        NonNull::new(block).ok_or(FamilyError::OutOfMemory {
            family: FAMILY,
            bytes,
        })
    }

    /// `HeapFree`. Of 0 it does nothing, which the function does not promise.
    ///
    /// # Errors
    /// [`FamilyError::Failed`] with the system's number.
    ///
    /// # Safety
    /// `block` is 0 or a live block of this heap; nobody uses it any more.
    pub unsafe fn free(self, block: usize) -> Result<(), FamilyError> {
        if block == 0 {
            return Ok(());
        }
        // SAFETY: promised by the caller.
        keeping(
            || match unsafe { HeapFree(self.raw(), 0, block as *mut u8) } {
                0 => Err(failed(FAMILY)),
                _ => Ok(()),
            },
        )
    }

    /// `HeapSize`: bytes of a live block of this heap.
    ///
    /// # Safety
    /// `block` is a live block of this heap.
    pub unsafe fn size(self, block: usize) -> Option<usize> {
        // SAFETY: promised by the caller.
        let size = unsafe { HeapSize(self.raw(), 0, block as *const u8) };
        (size != usize::MAX).then_some(size)
    }

    /// `HeapDestroy`: releases the heap with all its blocks.
    ///
    /// # Errors
    /// [`FamilyError::UnknownBlock`] for [`PROCESS`], which must not be destroyed,
    /// and for a heap that could not be created; else [`FamilyError::Failed`].
    ///
    /// # Safety
    /// It was not destroyed before, and nobody uses it or a block of it any more.
    pub unsafe fn destroy(self) -> Result<(), FamilyError> {
        if self == PROCESS || self.0 == NONE {
            return Err(FamilyError::UnknownBlock {
                family: FAMILY,
                address: self.handle(),
            });
        }
        // SAFETY: promised by the caller.
        keeping(|| match unsafe { HeapDestroy(self.raw()) } {
            0 => Err(failed(FAMILY)),
            _ => Ok(()),
        })
    }
}

/// The heap that a live block belongs to: the one of the process's heaps which
/// finds it valid. Slow.
///
/// # Safety
/// `block` is a live block of some heap, and no heap is destroyed meanwhile.
pub unsafe fn heap_of(block: usize) -> Option<Heap> {
    let mut heaps = [core::ptr::null_mut(); 256];
    // SAFETY: as much room as is said.
    let count = unsafe { GetProcessHeaps(heaps.len() as u32, heaps.as_mut_ptr()) };
    // With more heaps than room none is stored.
    let known = heaps.get(..count as usize)?;
    let holder = known.iter().find(|heap| {
        // SAFETY: a live heap, and an address that is looked at by the heap only.
        unsafe { HeapValidate(**heap, 0, block as *const u8) != 0 }
    });
    holder.map(|heap| Heap::from_handle(*heap as usize))
}
