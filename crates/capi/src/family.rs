//! Blocks of the families other than `malloc`: C++'s, and those of Win32, which
//! are emulated where there is no Windows, so that code which gives and takes
//! them can be tested anywhere.

use core::ffi::c_void;
use core::ptr::{NonNull, null_mut};

use freehold::alloc::FAMILY;
use freehold::families::{self, MOVEABLE, PROCESS_HEAP, ZEROINIT};
use freehold::{Allocator, DiagnosticCalloc, Family};

use crate::arguments::{self, Place};
use crate::codes::{FREEHOLD_NULL, FREEHOLD_TOO_LARGE, FREEHOLD_UNKNOWN_VALUE, Failure};
use crate::codes::{freehold_code, unknown_handle};
use crate::{allocate, guard};

/// The two families with handles.
fn movable(family: u32) -> Result<Family, Failure> {
    match arguments::family(family)? {
        family @ (Family::Local | Family::Global) => Ok(family),
        other => Err(Failure::new(
            FREEHOLD_UNKNOWN_VALUE,
            format!(
                "the family {} has no handles: pass FREEHOLD_FAMILY_LOCAL or \
                 FREEHOLD_FAMILY_GLOBAL",
                other.name()
            ),
        )),
    }
}

/// Units of UTF-16 that C passes; none may be null.
///
/// # Safety
/// `text` is null, or `units` units may be read as long as the result is used.
unsafe fn wide<'a>(text: *const u16, units: usize) -> Result<&'a [u16], Failure> {
    if units == 0 {
        return Ok(&[]);
    }
    if text.is_null() {
        let message = "`text` is null: pass a text, or 0 units";
        return Err(Failure::new(FREEHOLD_NULL, message));
    }
    arguments::aligned(text, "text")?;
    if units > isize::MAX as usize / 2 {
        let message = format!("{units} units are more than a text can have");
        return Err(Failure::new(FREEHOLD_TOO_LARGE, message));
    }
    // SAFETY: promised by the caller.
    Ok(unsafe { core::slice::from_raw_parts(text, units) })
}

/// A zeroed block of `size` bytes by the allocation function of `family`: one of
/// FREEHOLD_FAMILY_MALLOC (not on Windows, where each program has a C library of
/// its own: adopt what its malloc gives), _NEW, _NEW_ARRAY, _CO_TASK_MEM, _LOCAL and _GLOBAL
/// (fixed blocks), _HEAP (the process's heap) and _VIRTUAL (whole pages).
///
/// `freehold_free` releases it, and `freehold_free_as` with the same family.
/// Otherwise as `freehold_malloc`.
///
/// Gives NULL on an error: FREEHOLD_UNKNOWN_VALUE for other families;
/// FREEHOLD_OUT_OF_MEMORY; FREEHOLD_TOO_LARGE, which no bytes of _VIRTUAL are,
/// too; FREEHOLD_SYSTEM when there is no C++ in the process.
#[unsafe(no_mangle)]
pub extern "C" fn freehold_family_alloc(family: u32, size: usize) -> *mut c_void {
    let block = guard::value(|| {
        let layout = allocate::layout(1, size, 1)?;
        let fixed = |handle: usize| NonNull::new(handle as *mut u8);
        let block = match arguments::family(family)? {
            // The platform's own.
            FAMILY => {
                let tag = allocate::UNTYPED;
                return Ok(DiagnosticCalloc::default().allocate(layout, tag)?);
            }
            family @ (Family::New | Family::NewArray) => {
                let block = families::cpp_new(family, size)?;
                // SAFETY: as long as it was asked for.
                unsafe { block.write_bytes(0, size) };
                Some(block)
            }
            #[cfg(not(windows))]
            Family::CoTaskMem => {
                let block = families::co_task_mem_alloc(size)?;
                // SAFETY: as above.
                unsafe { block.write_bytes(0, size) };
                Some(block)
            }
            Family::Local => fixed(families::local_alloc(ZEROINIT, size)?),
            Family::Global => fixed(families::global_alloc(ZEROINIT, size)?),
            Family::Heap => Some(families::heap_alloc(PROCESS_HEAP, size, true)?),
            Family::Virtual => Some(families::virtual_alloc(size)?),
            other => {
                let message = format!(
                    "a block of the family {} is not allocated by its size alone",
                    other.name()
                );
                return Err(Failure::new(FREEHOLD_UNKNOWN_VALUE, message));
            }
        };
        block.ok_or_else(|| Failure::new(FREEHOLD_NULL, "the family gave no address"))
    });
    block.map_or(null_mut(), |block| block.as_ptr().cast())
}

/// A movable block (`LocalAlloc` or `GlobalAlloc` with the flag for it) of `size`
/// zeroed bytes. `handle` gets its handle, which is no address of the block;
/// `freehold_free` releases it.
///
/// Errors: FREEHOLD_NULL; FREEHOLD_UNKNOWN_VALUE when `family` is neither
/// FREEHOLD_FAMILY_LOCAL nor FREEHOLD_FAMILY_GLOBAL; FREEHOLD_OUT_OF_MEMORY;
/// FREEHOLD_TOO_LARGE.
///
/// # Safety
/// `handle` is null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_movable_alloc(
    family: u32,
    size: usize,
    handle: *mut *mut c_void,
) -> freehold_code {
    guard::code(|| {
        // SAFETY: as promised by the caller.
        let place = unsafe { Place::new(handle, "handle")? };
        let flags = MOVEABLE | ZEROINIT;
        place.set(match movable(family)? {
            Family::Local => families::local_alloc(flags, size)?,
            _ => families::global_alloc(flags, size)?,
        } as *mut c_void);
        Ok(())
    })
}

/// `LocalLock` or `GlobalLock`: `memory` gets where the block lies, and stays as
/// long as it is locked.
///
/// Errors: FREEHOLD_NULL, FREEHOLD_UNKNOWN_VALUE; FREEHOLD_BAD_HANDLE when it is
/// no live handle of the family.
///
/// # Safety
/// `memory` is null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_movable_lock(
    family: u32,
    handle: *mut c_void,
    memory: *mut *mut c_void,
) -> freehold_code {
    guard::code(|| {
        // SAFETY: as promised by the caller.
        let place = unsafe { Place::new(memory, "memory")? };
        let family = movable(family)?;
        let block = families::movable_lock(family, handle as usize).map_err(unknown_handle)?;
        place.set(block.as_ptr().cast());
        Ok(())
    })
}

/// `LocalUnlock` or `GlobalUnlock`. `locks`, when it is not null, gets how many
/// locks are left.
///
/// Errors: FREEHOLD_UNKNOWN_VALUE; FREEHOLD_BAD_HANDLE when it is no live handle
/// of the family; FREEHOLD_NOT_SO when it is not locked.
///
/// # Safety
/// `locks` is null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_movable_unlock(
    family: u32,
    handle: *mut c_void,
    locks: *mut u32,
) -> freehold_code {
    guard::code(|| {
        let family = movable(family)?;
        let left = families::movable_unlock(family, handle as usize).map_err(unknown_handle)?;
        // SAFETY: as promised by the caller.
        unsafe { arguments::set_if(locks, "locks", left) }
    })
}

/// `SysAllocStringLen`: a `BSTR` with `units` units of UTF-16, which may hold
/// NULs. `freehold_free` releases it.
///
/// Errors: FREEHOLD_NULL, FREEHOLD_BAD_ALIGNMENT, FREEHOLD_TOO_LARGE,
/// FREEHOLD_OUT_OF_MEMORY.
///
/// # Safety
/// `text` is null or has that many units; `bstr` is null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_bstr_new(
    text: *const u16,
    units: usize,
    bstr: *mut *mut u16,
) -> freehold_code {
    guard::code(|| {
        // SAFETY: as promised by the caller.
        let (place, text) = unsafe { (Place::new(bstr, "bstr")?, wide(text, units)?) };
        place.set(families::sys_alloc_string(text)?.as_ptr());
        Ok(())
    })
}

/// `SysStringLen`: `units` gets the units of a `BSTR`, 0 for null.
///
/// Errors: FREEHOLD_NULL (`units`); FREEHOLD_BAD_HANDLE when it is no live
/// `BSTR`.
///
/// # Safety
/// `units` is null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_bstr_length(
    bstr: *const u16,
    units: *mut usize,
) -> freehold_code {
    guard::code(|| {
        // SAFETY: as promised by the caller.
        let place = unsafe { Place::new(units, "units")? };
        place.set(families::sys_string_len(bstr as usize).map_err(unknown_handle)?);
        Ok(())
    })
}

/// `WindowsCreateString`: `hstring` gets a handle with one reference, NULL for no
/// text. `freehold_free` gives a reference back; NULL needs none.
///
/// Errors: as `freehold_bstr_new`.
///
/// # Safety
/// As for `freehold_bstr_new`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_hstring_new(
    text: *const u16,
    units: usize,
    hstring: *mut *mut c_void,
) -> freehold_code {
    guard::code(|| {
        // SAFETY: as promised by the caller.
        let (place, text) = unsafe { (Place::new(hstring, "hstring")?, wide(text, units)?) };
        place.set(families::windows_create_string(text)? as *mut c_void);
        Ok(())
    })
}

/// `WindowsDuplicateString`: one reference more, to be given back with
/// `freehold_free`, too.
///
/// Errors: FREEHOLD_BAD_HANDLE when it is no live string.
#[unsafe(no_mangle)]
pub extern "C" fn freehold_hstring_duplicate(hstring: *mut c_void) -> freehold_code {
    guard::code(|| {
        families::windows_duplicate_string(hstring as usize).map_err(unknown_handle)?;
        Ok(())
    })
}

/// `WindowsGetStringRawBuffer`: `text` gets where the text lies, with a NUL behind
/// it, as long as the string lives; `units`, when it is not null, its units.
///
/// Errors: FREEHOLD_NULL; FREEHOLD_BAD_HANDLE when it is no live string.
///
/// # Safety
/// `text` and `units` are null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_hstring_text(
    hstring: *const c_void,
    text: *mut *const u16,
    units: *mut usize,
) -> freehold_code {
    guard::code(|| {
        // SAFETY: as promised by the caller.
        let place = unsafe { Place::new(text, "text")? };
        let found = families::windows_string_raw_buffer(hstring as usize);
        let (at, length) = found.map_err(unknown_handle)?;
        // SAFETY: as above.
        unsafe { arguments::set_if(units, "units", length)? };
        place.set(at.as_ptr());
        Ok(())
    })
}
