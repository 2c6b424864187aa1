//! The C library's `malloc`. It keeps any alignment.

use core::ffi::c_void;
use core::ptr::NonNull;

use freehold_families::{Family, FamilyError, libc_malloc};

use crate::release::Releaser;

/// The family of its blocks.
pub(crate) const FAMILY: Family = Family::Malloc;

/// Zeroed elements, aligned to [`ALIGNMENT`](super::ALIGNMENT); null when they are
/// too many or there is no memory.
#[inline(always)]
pub(crate) fn calloc(count: usize, size: usize) -> *mut u8 {
    // SAFETY: no requirement.
    unsafe { ::libc::calloc(count, size).cast() }
}

/// A block with anything in it, aligned to [`ALIGNMENT`](super::ALIGNMENT); null
/// when there is no memory.
#[inline(always)]
pub(crate) fn malloc(bytes: usize) -> *mut u8 {
    // SAFETY: no requirement.
    unsafe { ::libc::malloc(bytes).cast() }
}

/// Whether blocks with this alignment are this allocator's; the others must be
/// registered with what releases them.
#[inline(always)]
pub(crate) const fn is_own(_: usize) -> bool {
    true
}

/// A block with more alignment, and what releases it; `None` when there is none.
pub(crate) fn over_aligned(
    bytes: usize,
    align: usize,
    zeroed: bool,
) -> Option<(NonNull<u8>, Releaser)> {
    let block = libc_malloc::allocate(bytes, align, zeroed).ok()?;
    Some((block, Releaser::PLATFORM))
}

/// Releases a block. Of null it does nothing.
///
/// # Safety
/// `block` is null or a live block of this allocator; nobody uses it any more.
#[inline(always)]
pub(crate) unsafe fn free(block: *mut c_void) {
    // SAFETY: promised by the caller.
    unsafe { ::libc::free(block) };
}

/// Another size for a block that was allocated with the alignment `align`; on an
/// error it is as it was.
///
/// # Safety
/// A live block of this allocator, at least `old` bytes long, whose old address is
/// no longer used.
pub(crate) unsafe fn reallocate(
    block: NonNull<u8>,
    old: usize,
    align: usize,
    size: usize,
) -> Result<NonNull<u8>, FamilyError> {
    // SAFETY: promised by the caller.
    unsafe { libc_malloc::reallocate(block, old, align, size) }
}
