//! References to COM objects: as many releases as references.
//!
//! Page: IUnknown (unknwn.h), whose functions are the first three of every
//! interface, in the order `QueryInterface`, `AddRef`, `Release`.

use core::ffi::c_void;

use super::keeping;
use crate::FamilyError;

#[repr(C)]
struct Table {
    query_interface: *const c_void,
    add_ref: unsafe extern "system" fn(usize) -> u32,
    release: unsafe extern "system" fn(usize) -> u32,
}

unsafe fn table(object: usize) -> *const Table {
    // SAFETY: an object begins with the address of its table, promised by the
    // callers.
    unsafe { *(object as *const *const Table) }
}

/// `IUnknown::AddRef`: one reference more. What it gives is for tests only.
///
/// # Safety
/// `object` is a live interface pointer.
pub unsafe fn add_ref(object: usize) -> u32 {
    // SAFETY: promised by the caller.
    unsafe { ((*table(object)).add_ref)(object) }
}

/// `IUnknown::Release`: one reference less; with the last one the object is gone.
/// Gives what the function gives, which is for tests only. Of 0 it does nothing.
///
/// # Errors
/// None: the function cannot fail.
///
/// # Safety
/// `object` is 0 or a live interface pointer with a reference that is the
/// caller's; nobody uses that reference any more. Where the object lives in an
/// apartment, the calling thread is in it.
pub unsafe fn release(object: usize) -> Result<u32, FamilyError> {
    if object == 0 {
        return Ok(0);
    }
    // SAFETY: promised by the caller.
    keeping(|| Ok(unsafe { ((*table(object)).release)(object) }))
}
