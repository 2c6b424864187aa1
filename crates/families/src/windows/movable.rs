//! `LocalAlloc` and `GlobalAlloc` with their relatives: two families that are
//! alike. A fixed block's handle is its address; that of a movable one is not,
//! and has to be locked to get at the memory.
//!
//! Pages: LocalAlloc, LocalFree, LocalLock, LocalUnlock, LocalSize, LocalFlags,
//! LocalHandle, LocalReAlloc, and the same of Global (winbase.h); "It is not safe
//! to free memory allocated with GlobalAlloc using LocalFree", and the reverse.

use core::ptr::NonNull;

use super::{check_size, failed, keeping, last_error, set_last_error};
use crate::{Family, FamilyError};

/// Flag: a fixed block (`LMEM_FIXED`, `GMEM_FIXED`).
pub const FIXED: u32 = 0;
/// Flag: a movable block (`LMEM_MOVEABLE`, `GMEM_MOVEABLE`).
pub const MOVEABLE: u32 = 2;
/// Flag: zeroed (`LMEM_ZEROINIT`, `GMEM_ZEROINIT`).
pub const ZEROINIT: u32 = 0x40;
/// `LocalFlags` and `GlobalFlags` give the lock count in these bits.
pub const LOCKCOUNT: u32 = 0xff;

/// What `LocalFlags` and `GlobalFlags` say of what is no handle.
const INVALID_HANDLE: u32 = 0x8000;
const ERROR_NOT_LOCKED: u32 = 158;

type Alloc = unsafe extern "system" fn(u32, usize) -> usize;
type ReAlloc = unsafe extern "system" fn(usize, usize, u32) -> usize;
type OfHandle<R> = unsafe extern "system" fn(usize) -> R;

#[link(name = "kernel32")]
unsafe extern "system" {
    fn LocalAlloc(flags: u32, bytes: usize) -> usize;
    fn LocalReAlloc(handle: usize, bytes: usize, flags: u32) -> usize;
    fn LocalFree(handle: usize) -> usize;
    fn LocalLock(handle: usize) -> *mut u8;
    fn LocalUnlock(handle: usize) -> i32;
    fn LocalSize(handle: usize) -> usize;
    fn LocalFlags(handle: usize) -> u32;
    fn LocalHandle(memory: usize) -> usize;
    fn GlobalAlloc(flags: u32, bytes: usize) -> usize;
    fn GlobalReAlloc(handle: usize, bytes: usize, flags: u32) -> usize;
    fn GlobalFree(handle: usize) -> usize;
    fn GlobalLock(handle: usize) -> *mut u8;
    fn GlobalUnlock(handle: usize) -> i32;
    fn GlobalSize(handle: usize) -> usize;
    fn GlobalFlags(handle: usize) -> u32;
    fn GlobalHandle(memory: usize) -> usize;
}

/// One of the two families: [`LOCAL`] or [`GLOBAL`].
pub struct Movable {
    family: Family,
    alloc: Alloc,
    realloc: ReAlloc,
    free: OfHandle<usize>,
    lock: OfHandle<*mut u8>,
    unlock: OfHandle<i32>,
    size: OfHandle<usize>,
    flags: OfHandle<u32>,
    handle: OfHandle<usize>,
}

/// `LocalAlloc`, `LocalFree` and their relatives.
pub static LOCAL: Movable = Movable {
    family: Family::Local,
    alloc: LocalAlloc,
    realloc: LocalReAlloc,
    free: LocalFree,
    lock: LocalLock,
    unlock: LocalUnlock,
    size: LocalSize,
    flags: LocalFlags,
    handle: LocalHandle,
};
/// `GlobalAlloc`, `GlobalFree` and their relatives.
pub static GLOBAL: Movable = Movable {
    family: Family::Global,
    alloc: GlobalAlloc,
    realloc: GlobalReAlloc,
    free: GlobalFree,
    lock: GlobalLock,
    unlock: GlobalUnlock,
    size: GlobalSize,
    flags: GlobalFlags,
    handle: GlobalHandle,
};

impl Movable {
    /// `LocalAlloc`, `GlobalAlloc`: a handle of `bytes` bytes. `flags` are
    /// [`FIXED`] or [`MOVEABLE`], with [`ZEROINIT`] or without. A movable handle of
    /// no bytes has no memory and cannot be locked.
    ///
    /// # Errors
    /// [`FamilyError::TooLarge`] or [`FamilyError::OutOfMemory`].
    ///
    /// ```
    /// use freehold_families::win32::movable::{GLOBAL, MOVEABLE, ZEROINIT};
    /// let handle = GLOBAL.alloc(MOVEABLE | ZEROINIT, 10)?;
    /// // SAFETY: live, used by nobody.
    /// unsafe {
    ///     let memory = GLOBAL.lock(handle)?;
    ///     assert_ne!(memory.as_ptr() as usize, handle);
    ///     assert_eq!(GLOBAL.unlock(handle)?, 0);
    ///     GLOBAL.free(handle)?;
    /// }
    /// # Ok::<(), freehold_families::FamilyError>(())
    /// ```
    pub fn alloc(&self, flags: u32, bytes: usize) -> Result<usize, FamilyError> {
        check_size(self.family, bytes)?;
        // SAFETY: no requirement.
        match unsafe { (self.alloc)(flags, bytes) } {
            0 => Err(FamilyError::OutOfMemory {
                family: self.family,
                bytes,
            }),
            handle => Ok(handle),
        }
    }

    /// `LocalFree`, `GlobalFree`, also of a handle that is locked. Of 0 it does
    /// nothing. Pointers into the block are invalid from then on.
    ///
    /// # Errors
    /// [`FamilyError::Failed`] with the system's number.
    ///
    /// # Safety
    /// `handle` is 0 or a live handle of this family; nobody uses its memory any
    /// more.
    pub unsafe fn free(&self, handle: usize) -> Result<(), FamilyError> {
        if handle == 0 {
            return Ok(());
        }
        // SAFETY: promised by the caller.
        keeping(|| match unsafe { (self.free)(handle) } {
            0 => Ok(()),
            _ => Err(failed(self.family)),
        })
    }

    /// `LocalLock`, `GlobalLock`: the memory of a handle, which stays where it
    /// is until as many unlocks.
    ///
    /// # Errors
    /// [`FamilyError::UnknownBlock`] when it has no memory.
    ///
    /// # Safety
    /// `handle` is a live handle of this family.
    pub unsafe fn lock(&self, handle: usize) -> Result<NonNull<u8>, FamilyError> {
        // SAFETY: promised by the caller.
        NonNull::new(unsafe { (self.lock)(handle) }).ok_or(FamilyError::UnknownBlock {
            family: self.family,
            address: handle,
        })
    }

    /// `LocalUnlock`, `GlobalUnlock`: gives how many locks are left. A fixed
    /// block is never locked, and unlocking it does nothing.
    ///
    /// # Errors
    /// [`FamilyError::NotLocked`] when it was not locked.
    ///
    /// # Safety
    /// `handle` is a live handle of this family.
    pub unsafe fn unlock(&self, handle: usize) -> Result<u32, FamilyError> {
        // SAFETY: promised by the caller, for all.
        unsafe {
            // What the two functions give for a fixed block differs.
            if !self.is_movable(handle) {
                return Ok(0);
            }
            let before = last_error();
            set_last_error(0);
            if (self.unlock)(handle) == 0 && last_error() == ERROR_NOT_LOCKED {
                return Err(FamilyError::NotLocked {
                    family: self.family,
                    handle,
                });
            }
            set_last_error(before);
            self.flags(handle)
        }
    }

    /// `LocalSize`, `GlobalSize`: bytes of the block, or a few more.
    ///
    /// # Safety
    /// `handle` is a live handle of this family.
    pub unsafe fn size(&self, handle: usize) -> Option<usize> {
        let before = last_error();
        set_last_error(0);
        // SAFETY: promised by the caller.
        let size = unsafe { (self.size)(handle) };
        let is_known = size != 0 || last_error() == 0;
        set_last_error(before);
        is_known.then_some(size)
    }

    /// Whether a live handle is no address of its block: a lock of a fixed one
    /// gives the handle itself.
    ///
    /// # Safety
    /// `handle` is a live handle of this family.
    ///
    /// ```
    /// use freehold_families::win32::movable::{LOCAL, MOVEABLE};
    /// let handle = LOCAL.alloc(MOVEABLE, 8)?;
    /// // SAFETY: live, used by nobody.
    /// unsafe {
    ///     assert!(LOCAL.is_movable(handle));
    ///     LOCAL.free(handle)?;
    /// }
    /// # Ok::<(), freehold_families::FamilyError>(())
    /// ```
    pub unsafe fn is_movable(&self, handle: usize) -> bool {
        let before = last_error();
        // SAFETY: promised by the caller; a lock that was made is taken back.
        let is_movable = unsafe {
            let memory = (self.lock)(handle);
            let is_movable = memory as usize != handle;
            if is_movable && !memory.is_null() {
                (self.unlock)(handle);
            }
            is_movable
        };
        set_last_error(before);
        is_movable
    }

    /// `LocalFlags`, `GlobalFlags`: the lock count.
    ///
    /// # Errors
    /// [`FamilyError::UnknownBlock`] when the system knows no such handle.
    ///
    /// # Safety
    /// `handle` is a live handle of this family.
    pub unsafe fn flags(&self, handle: usize) -> Result<u32, FamilyError> {
        // SAFETY: promised by the caller.
        match unsafe { (self.flags)(handle) } {
            INVALID_HANDLE => Err(FamilyError::UnknownBlock {
                family: self.family,
                address: handle,
            }),
            flags => Ok(flags & LOCKCOUNT),
        }
    }

    /// `LocalHandle`, `GlobalHandle`: the handle of a block's memory.
    ///
    /// # Errors
    /// [`FamilyError::UnknownBlock`] when the system knows none.
    ///
    /// # Safety
    /// `memory` is the first byte of a live block of this family.
    pub unsafe fn handle(&self, memory: usize) -> Result<usize, FamilyError> {
        // SAFETY: promised by the caller.
        match unsafe { (self.handle)(memory) } {
            0 => Err(FamilyError::UnknownBlock {
                family: self.family,
                address: memory,
            }),
            handle => Ok(handle),
        }
    }

    /// `LocalReAlloc`, `GlobalReAlloc`: another size. A movable block keeps its
    /// handle; a fixed one may get another. On an error it is as it was. No bytes
    /// are taken for one: the functions would throw the memory away.
    ///
    /// # Errors
    /// As for [`Movable::alloc`].
    ///
    /// # Safety
    /// `handle` is a live handle of this family; nobody uses pointers into the
    /// block any more.
    pub unsafe fn realloc(
        &self,
        handle: usize,
        bytes: usize,
        flags: u32,
    ) -> Result<usize, FamilyError> {
        check_size(self.family, bytes)?;
        // Without the flag, a fixed block could only grow where it is.
        // SAFETY: promised by the caller.
        match unsafe { (self.realloc)(handle, bytes.max(1), flags & ZEROINIT | MOVEABLE) } {
            0 => Err(FamilyError::OutOfMemory {
                family: self.family,
                bytes,
            }),
            new => Ok(new),
        }
    }
}
