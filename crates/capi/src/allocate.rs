//! Allocation: blocks of `malloc`, which C may release with its own `free`.

use core::alloc::Layout;
use core::ffi::{c_char, c_void};
use core::ptr::{NonNull, null_mut};

use freehold::{AllocError, Allocator, DiagnosticCalloc, DiagnosticMalloc};

use crate::codes::Failure;
use crate::{arguments, guard, tables};

/// What is in a block of which nobody says it.
pub(crate) const UNTYPED: &str = "void";

/// The layout of `count` elements.
pub(crate) fn layout(count: usize, size: usize, alignment: usize) -> Result<Layout, Failure> {
    let bytes = count
        .checked_mul(size)
        .ok_or(AllocError::Overflow { count, size })?;
    if !alignment.is_power_of_two() {
        return Err(AllocError::BadAlignment { alignment }.into());
    }
    let layout = Layout::from_size_align(bytes, alignment);
    layout.map_err(|_| AllocError::TooLarge { bytes }.into())
}

/// The tag that C names; null stands for untyped memory.
///
/// # Safety
/// `tag` is null or ends with a NUL.
pub(crate) unsafe fn tag(tag: *const c_char) -> Result<&'static str, Failure> {
    if tag.is_null() {
        return Ok(UNTYPED);
    }
    // SAFETY: promised by the caller.
    let text = unsafe { arguments::text(tag, "tag")? };
    match freehold::track::is_on() {
        true => tables::tag(text),
        // Nobody reads it: no lock and no memory for it.
        false => Ok(UNTYPED),
    }
}

#[inline(always)]
fn given(run: impl FnOnce() -> Result<NonNull<u8>, Failure>) -> *mut c_void {
    guard::value(run).map_or(null_mut(), |block| block.as_ptr().cast())
}

/// A block of `size` bytes with anything in them. No bytes are a block of their
/// own, too.
///
/// The caller owns it: release it with `freehold_free` (or C's `free`, which the
/// tracker sees only under `freehold run`). While blocks are tracked it counts as
/// a leak when it stays.
///
/// Gives NULL on an error: FREEHOLD_OUT_OF_MEMORY, FREEHOLD_TOO_LARGE.
#[unsafe(no_mangle)]
pub extern "C" fn freehold_malloc(size: usize) -> *mut c_void {
    given(|| Ok(DiagnosticMalloc::default().allocate(layout(1, size, 1)?, UNTYPED)?))
}

/// A zeroed block of `count` times `size` bytes; otherwise as `freehold_malloc`.
///
/// Gives NULL on an error: FREEHOLD_OVERFLOW when that cannot be counted,
/// FREEHOLD_OUT_OF_MEMORY, FREEHOLD_TOO_LARGE.
#[unsafe(no_mangle)]
pub extern "C" fn freehold_calloc(count: usize, size: usize) -> *mut c_void {
    given(|| Ok(DiagnosticCalloc::default().allocate(layout(count, size, 1)?, UNTYPED)?))
}

/// A block of `size` bytes at a multiple of `alignment`, a power of two;
/// otherwise as `freehold_malloc`. `size` need be no multiple of it.
///
/// Gives NULL on an error: FREEHOLD_BAD_ALIGNMENT, FREEHOLD_OUT_OF_MEMORY,
/// FREEHOLD_TOO_LARGE.
#[unsafe(no_mangle)]
pub extern "C" fn freehold_aligned_alloc(alignment: usize, size: usize) -> *mut c_void {
    given(|| Ok(DiagnosticMalloc::default().allocate(layout(1, size, alignment)?, UNTYPED)?))
}

/// A zeroed block for `count` elements of `size` bytes each, at a multiple of
/// `alignment`, a power of two. `tag` names what is in it, for reports; NULL for
/// nothing in particular. It is copied, and 4,096 different ones can be told
/// apart: name the type, not the block.
///
/// The macro FREEHOLD_NEW(type, count) calls it with all three of a type.
/// Otherwise as `freehold_malloc`.
///
/// Gives NULL on an error: FREEHOLD_OVERFLOW, FREEHOLD_BAD_ALIGNMENT,
/// FREEHOLD_BAD_TEXT (the tag), FREEHOLD_OUT_OF_MEMORY, FREEHOLD_TOO_LARGE.
///
/// # Safety
/// `tag` is null or ends with a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_typed(
    count: usize,
    size: usize,
    alignment: usize,
    tag: *const c_char,
) -> *mut c_void {
    given(|| {
        let layout = layout(count, size, alignment)?;
        // SAFETY: as promised by the caller.
        let tag = unsafe { self::tag(tag)? };
        Ok(DiagnosticCalloc::default().allocate(layout, tag)?)
    })
}

/// A block of `size` bytes with the first bytes of `block`, which is released;
/// the old address must not be used any more. Its tag and scope go along. An
/// alignment of more than 16 bytes may be lost. With `block` NULL it is
/// `freehold_malloc`; with `size` 0 a block of no bytes.
///
/// Gives NULL on an error, and `block` is then as it was:
/// FREEHOLD_OUT_OF_MEMORY, FREEHOLD_TOO_LARGE, FREEHOLD_IN_USE, or a misuse as
/// `freehold_free` has it; FREEHOLD_WRONG_FAMILY when it is none of `malloc`.
///
/// # Safety
/// As for `freehold_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_realloc(block: *mut c_void, size: usize) -> *mut c_void {
    given(|| {
        let layout = layout(1, size, 1)?;
        if block.is_null() {
            return Ok(DiagnosticMalloc::default().allocate(layout, UNTYPED)?);
        }
        // SAFETY: as promised by the caller.
        Ok(unsafe { freehold::resize(block, size)? }.cast())
    })
}
