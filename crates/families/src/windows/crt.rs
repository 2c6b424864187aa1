//! `malloc` and `_aligned_malloc` of the two C runtimes that a process can have
//! as libraries. A block of one is none of the other's, even where both use one
//! heap.
//!
//! Pages: malloc, free, _msize, _aligned_malloc, _aligned_free, _aligned_msize
//! (Microsoft C runtime library reference): "_aligned_free … must be used to
//! deallocate memory that was allocated by _aligned_malloc; do not use free".

use core::ptr::NonNull;

use super::dll::{MSVCRT, UCRTBASE, functions};
use super::{check_size, keeping};
use crate::{Family, FamilyError};

mod msvcrt {
    use super::*;
    functions! { "C" MSVCRT;
        fn malloc = c"malloc"(usize) -> *mut u8;
        fn free = c"free"(*mut u8);
        fn msize = c"_msize"(*mut u8) -> usize;
        fn aligned_malloc = c"_aligned_malloc"(usize, usize) -> *mut u8;
        fn aligned_free = c"_aligned_free"(*mut u8);
    }
    pub(super) static RUNTIME: Runtime = Runtime {
        plain: Family::Msvcrt,
        aligned: Family::MsvcrtAligned,
        malloc,
        free,
        msize,
        aligned_malloc,
        aligned_free,
    };
}

mod ucrt {
    use super::*;
    functions! { "C" UCRTBASE;
        fn malloc = c"malloc"(usize) -> *mut u8;
        fn free = c"free"(*mut u8);
        fn msize = c"_msize"(*mut u8) -> usize;
        fn aligned_malloc = c"_aligned_malloc"(usize, usize) -> *mut u8;
        fn aligned_free = c"_aligned_free"(*mut u8);
    }
    pub(super) static RUNTIME: Runtime = Runtime {
        plain: Family::Ucrt,
        aligned: Family::UcrtAligned,
        malloc,
        free,
        msize,
        aligned_malloc,
        aligned_free,
    };
}

type Found<F> = fn() -> Option<F>;

/// A C runtime: its two families, and what finds its functions.
pub struct Runtime {
    plain: Family,
    aligned: Family,
    malloc: Found<unsafe extern "C" fn(usize) -> *mut u8>,
    free: Found<unsafe extern "C" fn(*mut u8)>,
    msize: Found<unsafe extern "C" fn(*mut u8) -> usize>,
    aligned_malloc: Found<unsafe extern "C" fn(usize, usize) -> *mut u8>,
    aligned_free: Found<unsafe extern "C" fn(*mut u8)>,
}

/// `msvcrt.dll`, the system's own, which programs of mingw use.
pub static MSVC: &Runtime = &msvcrt::RUNTIME;
/// `ucrtbase.dll`, the one of Visual Studio since 2015.
pub static UNIVERSAL: &Runtime = &ucrt::RUNTIME;

/// The runtime that has a family.
///
/// ```
/// use freehold_families::{Family, win32::crt};
/// assert!(crt::of(Family::Ucrt).is_some());
/// assert!(crt::of(Family::Heap).is_none());
/// ```
pub fn of(family: Family) -> Option<&'static Runtime> {
    let has = |runtime: &&Runtime| family == runtime.plain || family == runtime.aligned;
    [MSVC, UNIVERSAL].into_iter().find(has)
}

impl Runtime {
    /// `malloc`: a block of `bytes` bytes; for no bytes a block, too.
    ///
    /// # Errors
    /// [`FamilyError::TooLarge`], [`FamilyError::OutOfMemory`], or
    /// [`FamilyError::Absent`] where the system has no such runtime.
    ///
    /// ```
    /// use freehold_families::win32::crt;
    /// let block = crt::MSVC.malloc(10)?;
    /// // SAFETY: live, used by nobody.
    /// unsafe { crt::MSVC.free(block.as_ptr() as usize) }?;
    /// # Ok::<(), freehold_families::FamilyError>(())
    /// ```
    pub fn malloc(&self, bytes: usize) -> Result<NonNull<u8>, FamilyError> {
        let family = self.plain;
        check_size(family, bytes)?;
        let malloc = (self.malloc)().ok_or(FamilyError::Absent { family })?;
        // SAFETY: no requirement.
        NonNull::new(unsafe { malloc(bytes) }).ok_or(FamilyError::OutOfMemory { family, bytes })
    }

    /// `free`. Of 0 it does nothing.
    ///
    /// # Errors
    /// [`FamilyError::Absent`] where the system has no such runtime.
    ///
    /// # Safety
    /// `block` is 0 or a live block of this runtime's `malloc`; nobody uses it any
    /// more.
    pub unsafe fn free(&self, block: usize) -> Result<(), FamilyError> {
        let family = self.plain;
        keeping(|| {
            let free = (self.free)().ok_or(FamilyError::Absent { family })?;
            // SAFETY: promised by the caller.
            unsafe { free(block as *mut u8) };
            Ok(())
        })
    }

    /// `_msize`: bytes of a live block.
    ///
    /// # Safety
    /// `block` is a live block of this runtime's `malloc`.
    pub unsafe fn size(&self, block: usize) -> Option<usize> {
        // SAFETY: promised by the caller.
        Some(unsafe { (self.msize)()?(block as *mut u8) })
    }

    /// `_aligned_malloc`: a block of `bytes` bytes at a multiple of `align`.
    ///
    /// # Errors
    /// As for [`Runtime::malloc`], and [`FamilyError::BadAlignment`] when `align` is
    /// no power of two, for which the function calls the handler of invalid
    /// parameters.
    pub fn aligned_malloc(&self, bytes: usize, align: usize) -> Result<NonNull<u8>, FamilyError> {
        let family = self.aligned;
        if !align.is_power_of_two() {
            let alignment = align;
            return Err(FamilyError::BadAlignment { family, alignment });
        }
        check_size(family, bytes.saturating_add(align))?;
        let malloc = (self.aligned_malloc)().ok_or(FamilyError::Absent { family })?;
        // SAFETY: a power of two.
        let block = unsafe { malloc(bytes, align) };
        NonNull::new(block).ok_or(FamilyError::OutOfMemory { family, bytes })
    }

    /// `_aligned_free`. Of 0 it does nothing.
    ///
    /// # Errors
    /// [`FamilyError::Absent`] where the system has no such runtime.
    ///
    /// # Safety
    /// `block` is 0 or a live block of this runtime's `_aligned_malloc`; nobody uses
    /// it any more.
    pub unsafe fn aligned_free(&self, block: usize) -> Result<(), FamilyError> {
        let family = self.aligned;
        keeping(|| {
            let free = (self.aligned_free)().ok_or(FamilyError::Absent { family })?;
            // SAFETY: promised by the caller.
            unsafe { free(block as *mut u8) };
            Ok(())
        })
    }
}
