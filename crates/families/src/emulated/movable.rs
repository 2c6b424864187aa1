//! `LocalAlloc` and `GlobalAlloc` with their relatives: two families that are
//! alike. A fixed block's handle is its address; that of a movable one is not,
//! and has to be locked to get at the memory.

use core::ptr::NonNull;

use super::{Known, failed, take, unknown};
use crate::{Family, FamilyError, libc_malloc};

/// Flag: a fixed block (`LMEM_FIXED`, `GMEM_FIXED`).
pub const FIXED: u32 = 0;
/// Flag: a movable block (`LMEM_MOVEABLE`, `GMEM_MOVEABLE`).
pub const MOVEABLE: u32 = 2;
/// Flag: zeroed (`LMEM_ZEROINIT`, `GMEM_ZEROINIT`).
pub const ZEROINIT: u32 = 0x40;
/// `LocalFlags` and `GlobalFlags` give the lock count in these bits.
pub const LOCKCOUNT: u32 = 0xff;

/// A live handle.
struct Entry {
    memory: usize,
    bytes: usize,
    movable: bool,
    locks: u32,
}

/// One of the two families: [`LOCAL`] or [`GLOBAL`].
pub struct Movable {
    family: Family,
    known: Known<Entry>,
}

/// `LocalAlloc`, `LocalFree` and their relatives.
pub static LOCAL: Movable = Movable::new(Family::Local);
/// `GlobalAlloc`, `GlobalFree` and their relatives.
pub static GLOBAL: Movable = Movable::new(Family::Global);

impl Movable {
    const fn new(family: Family) -> Movable {
        Movable {
            family,
            known: Known::new(),
        }
    }

    /// `LocalAlloc`, `GlobalAlloc`: a handle of `bytes` bytes. `flags` are
    /// [`FIXED`] or [`MOVEABLE`], with [`ZEROINIT`] or without.
    ///
    /// # Errors
    /// [`FamilyError::TooLarge`] or [`FamilyError::OutOfMemory`].
    ///
    /// ```
    /// use freehold_families::emulated::movable::{GLOBAL, MOVEABLE, ZEROINIT};
    /// let handle = GLOBAL.alloc(MOVEABLE | ZEROINIT, 10)?;
    /// let memory = GLOBAL.lock(handle)?;
    /// assert_ne!(memory.as_ptr() as usize, handle);
    /// assert_eq!(GLOBAL.unlock(handle)?, 0);
    /// GLOBAL.free(handle)?;
    /// # Ok::<(), freehold_families::FamilyError>(())
    /// ```
    pub fn alloc(&self, flags: u32, bytes: usize) -> Result<usize, FamilyError> {
        let memory = take(self.family, bytes, flags & ZEROINIT != 0)?;
        let movable = flags & MOVEABLE != 0;
        let handle = match movable {
            false => memory.as_ptr() as usize,
            // A place of its own, so that no handle is the address of a block; as
            // long as the block, so that in a ledger that has handle and size no
            // other block lies in it.
            true => match take(self.family, bytes.max(1), false) {
                Ok(cell) => cell.as_ptr() as usize,
                Err(error) => {
                    // SAFETY: just allocated, known to nobody.
                    unsafe { libc_malloc::release(memory) };
                    return Err(error);
                }
            },
        };
        let entry = Entry {
            memory: memory.as_ptr() as usize,
            bytes,
            movable,
            locks: 0,
        };
        self.known.with(|known| known.insert(handle, entry));
        Ok(handle)
    }

    /// `LocalFree`, `GlobalFree`, also of a handle that is locked. Of 0 it does
    /// nothing. Pointers into the block are invalid from then on.
    ///
    /// # Errors
    /// [`FamilyError::UnknownBlock`] when it is no live handle of this family.
    pub fn free(&self, handle: usize) -> Result<(), FamilyError> {
        if handle == 0 {
            return Ok(());
        }
        let entry = self.known.with(|known| known.remove(&handle));
        let entry = entry.ok_or_else(|| unknown(self.family, handle))?;
        // SAFETY: both were in the table until now, so they are live.
        unsafe {
            libc::free(entry.memory as *mut libc::c_void);
            if entry.movable {
                libc::free(handle as *mut libc::c_void);
            }
        }
        Ok(())
    }

    fn entry<R>(
        &self,
        handle: usize,
        run: impl FnOnce(&mut Entry) -> Result<R, FamilyError>,
    ) -> Result<R, FamilyError> {
        self.known.with(|known| match known.get_mut(&handle) {
            Some(entry) => run(entry),
            None => Err(unknown(self.family, handle)),
        })
    }

    /// `LocalLock`, `GlobalLock`: the memory of a handle, which stays where it
    /// is until as many unlocks.
    ///
    /// # Errors
    /// [`FamilyError::UnknownBlock`] when it is no live handle.
    pub fn lock(&self, handle: usize) -> Result<NonNull<u8>, FamilyError> {
        self.entry(handle, |entry| {
            if entry.movable {
                entry.locks = (entry.locks + 1).min(LOCKCOUNT);
            }
            let memory = NonNull::new(entry.memory as *mut u8);
            memory.ok_or(FamilyError::UnknownBlock {
                family: Family::Unknown,
                address: handle,
            })
        })
    }

    /// `LocalUnlock`, `GlobalUnlock`: gives how many locks are left. A fixed
    /// block is never locked, and unlocking it does nothing.
    ///
    /// # Errors
    /// [`FamilyError::UnknownBlock`] when it is no live handle,
    /// [`FamilyError::NotLocked`] when it was not locked.
    pub fn unlock(&self, handle: usize) -> Result<u32, FamilyError> {
        let family = self.family;
        self.entry(handle, |entry| {
            if entry.movable {
                let left = entry.locks.checked_sub(1);
                entry.locks =
                    left.ok_or_else(|| failed(FamilyError::NotLocked { family, handle }))?;
            }
            Ok(entry.locks)
        })
    }

    /// `LocalSize`, `GlobalSize`: bytes of the block; `None` where there is none.
    pub fn size(&self, handle: usize) -> Option<usize> {
        self.entry(handle, |entry| Ok(entry.bytes)).ok()
    }

    /// Whether a live handle is no address of its block.
    ///
    /// ```
    /// use freehold_families::emulated::movable::{LOCAL, MOVEABLE};
    /// let handle = LOCAL.alloc(MOVEABLE, 8)?;
    /// assert!(LOCAL.is_movable(handle));
    /// LOCAL.free(handle)?;
    /// # Ok::<(), freehold_families::FamilyError>(())
    /// ```
    pub fn is_movable(&self, handle: usize) -> bool {
        self.known
            .with(|known| known.get(&handle).is_some_and(|e| e.movable))
    }

    /// `LocalFlags`, `GlobalFlags`: the lock count.
    ///
    /// # Errors
    /// [`FamilyError::UnknownBlock`] when it is no live handle.
    pub fn flags(&self, handle: usize) -> Result<u32, FamilyError> {
        self.entry(handle, |entry| Ok(entry.locks & LOCKCOUNT))
    }

    /// `LocalHandle`, `GlobalHandle`: the handle of a block's memory.
    ///
    /// # Errors
    /// [`FamilyError::UnknownBlock`] when no live block begins there.
    pub fn handle(&self, memory: usize) -> Result<usize, FamilyError> {
        let found = self.known.with(|known| {
            let mut all = known.iter();
            all.find(|(_, e)| e.memory == memory).map(|(h, _)| h)
        });
        found.ok_or_else(|| unknown(self.family, memory))
    }

    /// `LocalReAlloc`, `GlobalReAlloc`: another size. A movable block keeps its
    /// handle; a fixed one may get another. On an error it is as it was.
    ///
    /// # Errors
    /// As for [`Movable::alloc`], and [`FamilyError::UnknownBlock`].
    ///
    /// # Safety
    /// Nobody uses pointers into the block any more.
    pub unsafe fn realloc(
        &self,
        handle: usize,
        bytes: usize,
        flags: u32,
    ) -> Result<usize, FamilyError> {
        let (old, old_bytes, movable) =
            self.entry(handle, |e| Ok((e.memory, e.bytes, e.movable)))?;
        let new = take(self.family, bytes, flags & ZEROINIT != 0)?;
        // SAFETY: both are live and that long; the old one leaves the table.
        unsafe {
            core::ptr::copy_nonoverlapping(old as *const u8, new.as_ptr(), old_bytes.min(bytes));
        }
        let memory = new.as_ptr() as usize;
        let kept = self.known.with(|known| {
            let mut entry = known.remove(&handle)?;
            (entry.memory, entry.bytes) = (memory, bytes);
            let kept = if movable { handle } else { memory };
            known.insert(kept, entry);
            Some(kept)
        });
        // SAFETY: the block that no table has any more: the old one, or the new
        // one when somebody released the handle meanwhile.
        unsafe { libc::free(kept.map_or(memory, |_| old) as *mut libc::c_void) };
        kept.ok_or_else(|| unknown(self.family, handle))
    }
}
