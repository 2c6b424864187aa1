//! `CoTaskMemAlloc`, `CoTaskMemRealloc`, `CoTaskMemFree`, and `IMalloc::GetSize`
//! and `DidAlloc`.
//!
//! Pages: CoTaskMemAlloc, CoTaskMemRealloc, CoTaskMemFree, CoGetMalloc
//! (combaseapi.h), IMalloc (objidl.h).

use core::ffi::c_void;
use core::ptr::{self, NonNull};

use super::dll::{OLE32, functions};
use super::{check_size, keeping};
use crate::{Family, FamilyError};

functions! { "system" OLE32;
    fn co_task_mem_alloc = c"CoTaskMemAlloc"(usize) -> *mut u8;
    fn co_task_mem_realloc = c"CoTaskMemRealloc"(*mut u8, usize) -> *mut u8;
    fn co_task_mem_free = c"CoTaskMemFree"(*mut u8);
    fn co_get_malloc = c"CoGetMalloc"(u32, *mut *mut Allocator) -> i32;
}

const FAMILY: Family = Family::CoTaskMem;
const ABSENT: FamilyError = FamilyError::Absent { family: FAMILY };

/// An `IMalloc`: its table of functions, in the order of objidl.h.
#[repr(C)]
struct Allocator {
    table: *const Table,
}

#[repr(C)]
struct Table {
    /// `QueryInterface`, `AddRef`, `Release`, `Alloc`, `Realloc`, `Free`.
    others: [*const c_void; 6],
    get_size: unsafe extern "system" fn(*mut Allocator, *const u8) -> usize,
    did_alloc: unsafe extern "system" fn(*mut Allocator, *const u8) -> i32,
}

/// The task allocator. It exists once in a process and is never released.
fn allocator() -> Option<NonNull<Allocator>> {
    let get = co_get_malloc()?;
    let mut allocator = ptr::null_mut();
    // SAFETY: a place for the result; the context must be 1.
    unsafe { get(1, &mut allocator) };
    NonNull::new(allocator)
}

/// `CoTaskMemAlloc`: a block of `bytes` bytes, with anything in it; for no bytes
/// a block, too.
///
/// # Errors
/// [`FamilyError::TooLarge`] or [`FamilyError::OutOfMemory`].
///
/// ```
/// use freehold_families::win32::co_task_mem;
/// let block = co_task_mem::alloc(32)?;
/// // SAFETY: live, used by nobody.
/// unsafe { co_task_mem::free(block.as_ptr() as usize) }?;
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
#[inline]
pub fn alloc(bytes: usize) -> Result<NonNull<u8>, FamilyError> {
    check_size(FAMILY, bytes)?;
    let alloc = co_task_mem_alloc().ok_or(ABSENT)?;
    // SAFETY: no requirement.
    NonNull::new(unsafe { alloc(bytes) }).ok_or(FamilyError::OutOfMemory {
        family: FAMILY,
        bytes,
    })
}

/// `CoTaskMemRealloc`: `block` with another size; 0 for a new one. On an error
/// the block is as it was. No bytes are taken for one: the function would
/// release the block.
///
/// # Errors
/// As for [`alloc`].
///
/// # Safety
/// `block` is 0 or a live block of this family; nobody uses it meanwhile, nor
/// later under its old address.
pub unsafe fn realloc(block: usize, bytes: usize) -> Result<NonNull<u8>, FamilyError> {
    check_size(FAMILY, bytes)?;
    let realloc = co_task_mem_realloc().ok_or(ABSENT)?;
    // SAFETY: promised by the caller.
    let new = unsafe { realloc(block as *mut u8, bytes.max(1)) };
    NonNull::new(new).ok_or(FamilyError::OutOfMemory {
        family: FAMILY,
        bytes,
    })
}

/// `CoTaskMemFree`. Of 0 it does nothing.
///
/// # Errors
/// [`FamilyError::Absent`] where there is no COM.
///
/// # Safety
/// `block` is 0 or a live block of this family; nobody uses it any more.
pub unsafe fn free(block: usize) -> Result<(), FamilyError> {
    keeping(|| {
        let free = co_task_mem_free().ok_or(ABSENT)?;
        // SAFETY: promised by the caller.
        unsafe { free(block as *mut u8) };
        Ok(())
    })
}

/// `CoTaskMemFree` and nothing else, for who has just allocated by [`alloc`]: the
/// last error is whatever the system leaves, which documents no error of this
/// function.
///
/// # Safety
/// As for [`free`].
///
/// ```
/// use freehold_families::win32::co_task_mem;
/// let block = co_task_mem::alloc(32)?;
/// // SAFETY: live, used by nobody.
/// unsafe { co_task_mem::free_only(block.as_ptr() as usize) };
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
#[inline]
pub unsafe fn free_only(block: usize) {
    if let Some(free) = co_task_mem_free() {
        // SAFETY: promised by the caller.
        unsafe { free(block as *mut u8) };
    }
}

/// `IMalloc::GetSize`: bytes of a live block.
///
/// # Safety
/// `block` is a live block of this family.
pub unsafe fn size(block: usize) -> Option<usize> {
    let allocator = allocator()?.as_ptr();
    // SAFETY: a live object, whose table lasts as long; the block as promised.
    let size = unsafe { ((*(*allocator).table).get_size)(allocator, block as *const u8) };
    (size != usize::MAX).then_some(size)
}

/// `IMalloc::DidAlloc`: whether a live block begins there; where the system
/// cannot tell, false.
///
/// # Safety
/// `block` is an address of memory that the process may read.
pub unsafe fn did_alloc(block: usize) -> bool {
    let Some(allocator) = allocator() else {
        return false;
    };
    let allocator = allocator.as_ptr();
    // SAFETY: a live object, whose table lasts as long; the address as promised.
    unsafe { ((*(*allocator).table).did_alloc)(allocator, block as *const u8) == 1 }
}
