//! Release: one function for every block, and those for a purpose.

use core::ffi::c_void;

use crate::codes::{FREEHOLD_NOT_SO, Failure, freehold_code};
use crate::{arguments, guard};

/// Releases a block of any family: it finds out what the pointer is and calls
/// what releases it. The same in every build.
///
/// Blocks that were adopted or come from a family other than `malloc` are always
/// known; those of `malloc` while blocks are tracked. Then every misuse is
/// refused, the block stays as it was, and `freehold_last_message` has the whole
/// explanation with the stacks that are known:
/// FREEHOLD_NULL, FREEHOLD_DOUBLE, FREEHOLD_FOREIGN, FREEHOLD_INTERIOR,
/// FREEHOLD_BORROWED, FREEHOLD_TRANSFERRED, FREEHOLD_ARENA_OWNED,
/// FREEHOLD_FINALIZER_OWNED; FREEHOLD_RELEASE_FAILED when the release function
/// said so.
///
/// ```c
/// if (freehold_free(block) != FREEHOLD_OK)
///     fprintf(stderr, "%s\n", freehold_last_message());
/// ```
///
/// # Safety
/// Nobody uses the block any more. While nothing is tracked, it is null, a
/// registered block or a live one of `malloc`: there is nobody who could tell.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_free(block: *mut c_void) -> freehold_code {
    // SAFETY: as promised by the caller.
    guard::code(|| unsafe { freehold::free(block) }.map_err(Failure::from))
}

/// Releases a block of which the caller knows the size: it must agree.
///
/// Errors: as `freehold_free`, and FREEHOLD_SIZE_MISMATCH.
///
/// # Safety
/// As for `freehold_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_free_sized(block: *mut c_void, size: usize) -> freehold_code {
    // SAFETY: as promised by the caller.
    guard::code(|| unsafe { freehold::free_sized(block, size) }.map_err(Failure::from))
}

/// As `freehold_free`, for callers who must not be called back, as the leaf calls of a
/// managed language: when the block's release is a function that was given with it, or
/// one of another library, nothing is done, and FREEHOLD_NOT_SO given without a message.
/// Then call `freehold_free`.
///
/// # Safety
/// As for `freehold_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_free_leaf(block: *mut c_void) -> freehold_code {
    if freehold::calls_back(block) {
        return FREEHOLD_NOT_SO;
    }
    // SAFETY: as promised by the caller.
    guard::code(|| unsafe { freehold::free(block) }.map_err(Failure::from))
}

/// Releases a block that must be of one family, as that family's own release
/// function does: `family` is one of the constants FREEHOLD_FAMILY_….
///
/// Errors: as `freehold_free`; FREEHOLD_WRONG_FAMILY; FREEHOLD_UNKNOWN_VALUE.
///
/// # Safety
/// As for `freehold_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_free_as(family: u32, block: *mut c_void) -> freehold_code {
    guard::code(|| {
        let family = arguments::family(family)?;
        // SAFETY: as promised by the caller.
        unsafe { freehold::free_as(family, block) }.map_err(Failure::from)
    })
}

/// Releases a block of `malloc` by the platform's own function, without any
/// refusal, and tells the tracker. For places that want a
/// `void (*)(void *)` for blocks which are known to be right. Null does nothing.
///
/// # Safety
/// `block` is null or a live block of `malloc` that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_native_free(block: *mut c_void) {
    guard::value(|| {
        // SAFETY: as promised by the caller.
        unsafe { freehold::native_free(block) };
        Ok(())
    });
}

/// The native finalizer: releases a block that was left to one by
/// `freehold_attach_finalizer`, and the tracker sees it. Give it to the runtime
/// of a language with a garbage collector (Dart's `NativeFinalizer`, Python's
/// `weakref.finalize`, a `PyCapsule`); it may call it on any thread. Null does
/// nothing. A misuse is refused and counted: see `freehold_misuses`.
///
/// # Safety
/// As for `freehold_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_finalize(block: *mut c_void) {
    guard::value(|| {
        // SAFETY: as promised by the caller.
        unsafe { freehold::finalize(block) };
        Ok(())
    });
}
