//! `LocalAlloc` and `GlobalAlloc` with their relatives: two families that are
//! alike. A fixed block's handle is its address; that of a movable one is not,
//! and has to be locked to get at the memory.
//!
//! ```
//! use freehold_families::emulated::movable::{FIXED, GLOBAL, LOCAL, MOVEABLE};
//! let fixed = LOCAL.alloc(FIXED, 8)?;
//! assert_eq!(LOCAL.lock(fixed)?.as_ptr() as usize, fixed);
//! LOCAL.free(fixed)?;
//! let movable = GLOBAL.alloc(MOVEABLE, 8)?;
//! assert_ne!(GLOBAL.lock(movable)?.as_ptr() as usize, movable);
//! assert!(LOCAL.free(movable).is_err(), "a handle of the other family");
//! GLOBAL.free(movable)?;
//! # Ok::<(), freehold_families::FamilyError>(())
//! ```

use core::ptr::NonNull;

use super::{Known, failed, take, unknown};
use crate::{Family, FamilyError, libc_malloc};

/// Flag: a fixed block (`LMEM_FIXED`, `GMEM_FIXED`).
///
/// ```
/// use freehold_families::emulated::movable::{FIXED, LOCAL, ZEROINIT};
/// let handle = LOCAL.alloc(FIXED | ZEROINIT, 8)?; // LPTR
/// assert!(!LOCAL.is_movable(handle));
/// LOCAL.free(handle)?;
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub const FIXED: u32 = 0;
/// Flag: a movable block (`LMEM_MOVEABLE`, `GMEM_MOVEABLE`).
///
/// ```
/// use freehold_families::emulated::movable::{GLOBAL, MOVEABLE};
/// let handle = GLOBAL.alloc(MOVEABLE, 8)?; // what the clipboard wants
/// assert!(GLOBAL.is_movable(handle));
/// GLOBAL.free(handle)?;
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub const MOVEABLE: u32 = 2;
/// Flag: zeroed (`LMEM_ZEROINIT`, `GMEM_ZEROINIT`).
///
/// ```
/// use freehold_families::emulated::movable::{GLOBAL, MOVEABLE, ZEROINIT};
/// let handle = GLOBAL.alloc(MOVEABLE | ZEROINIT, 4)?; // GHND
/// let memory = GLOBAL.lock(handle)?;
/// // SAFETY: locked, and four bytes long.
/// assert_eq!(unsafe { *memory.cast::<[u8; 4]>().as_ptr() }, [0; 4]);
/// GLOBAL.free(handle)?;
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub const ZEROINIT: u32 = 0x40;
/// `LocalFlags` and `GlobalFlags` give the lock count in these bits.
///
/// ```
/// use freehold_families::emulated::movable::{GLOBAL, LOCKCOUNT, MOVEABLE};
/// let handle = GLOBAL.alloc(MOVEABLE, 4)?;
/// GLOBAL.lock(handle)?;
/// GLOBAL.lock(handle)?;
/// assert_eq!(GLOBAL.flags(handle)? & LOCKCOUNT, 2);
/// GLOBAL.free(handle)?;
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub const LOCKCOUNT: u32 = 0xff;

/// A live handle.
struct Entry {
    memory: usize,
    bytes: usize,
    movable: bool,
    locks: u32,
}

/// One of the two families: [`LOCAL`] or [`GLOBAL`].
///
/// ```
/// use freehold_families::emulated::movable::{FIXED, GLOBAL, LOCAL, Movable};
/// fn keep(family: &Movable) -> Result<usize, freehold_families::FamilyError> {
///     family.alloc(FIXED, 8)
/// }
/// let (local, global) = (keep(&LOCAL)?, keep(&GLOBAL)?);
/// LOCAL.free(local)?;
/// GLOBAL.free(global)?;
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub struct Movable {
    family: Family,
    known: Known<Entry>,
}

/// `LocalAlloc`, `LocalFree` and their relatives.
///
/// ```
/// use freehold_families::emulated::movable::{FIXED, LOCAL};
/// let message = LOCAL.alloc(FIXED, 64)?; // as FormatMessage gives it
/// assert_eq!(LOCAL.size(message), Some(64));
/// LOCAL.free(message)?;
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub static LOCAL: Movable = Movable::new(Family::Local);
/// `GlobalAlloc`, `GlobalFree` and their relatives.
///
/// ```
/// use freehold_families::emulated::movable::{GLOBAL, LOCAL, MOVEABLE};
/// let handle = GLOBAL.alloc(MOVEABLE, 64)?;
/// assert_eq!((GLOBAL.size(handle), LOCAL.size(handle)), (Some(64), None));
/// GLOBAL.free(handle)?;
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
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
    ///
    /// ```
    /// use freehold_families::{Family, FamilyError, emulated::movable::{FIXED, LOCAL}};
    /// let address = LOCAL.alloc(FIXED, 8)?;
    /// LOCAL.free(address)?;
    /// let again = FamilyError::UnknownBlock { family: Family::Local, address };
    /// assert_eq!(LOCAL.free(address), Err(again));
    /// # Ok::<(), FamilyError>(())
    /// ```
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
    ///
    /// ```
    /// use freehold_families::emulated::movable::{GLOBAL, MOVEABLE};
    /// let handle = GLOBAL.alloc(MOVEABLE, 4)?;
    /// let memory = GLOBAL.lock(handle)?;
    /// // SAFETY: locked, and four bytes long.
    /// unsafe { memory.write_bytes(1, 4) };
    /// GLOBAL.unlock(handle)?;
    /// GLOBAL.free(handle)?;
    /// # Ok::<(), freehold_families::FamilyError>(())
    /// ```
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
    ///
    /// ```
    /// use freehold_families::{Family, FamilyError, emulated::movable::{GLOBAL, MOVEABLE}};
    /// let handle = GLOBAL.alloc(MOVEABLE, 4)?;
    /// GLOBAL.lock(handle)?;
    /// GLOBAL.lock(handle)?;
    /// assert_eq!((GLOBAL.unlock(handle)?, GLOBAL.unlock(handle)?), (1, 0));
    /// let error = FamilyError::NotLocked { family: Family::Global, handle };
    /// assert_eq!(GLOBAL.unlock(handle), Err(error));
    /// GLOBAL.free(handle)?;
    /// # Ok::<(), FamilyError>(())
    /// ```
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
    ///
    /// ```
    /// use freehold_families::emulated::movable::{FIXED, LOCAL};
    /// let block = LOCAL.alloc(FIXED, 10)?;
    /// assert_eq!(LOCAL.size(block), Some(10));
    /// LOCAL.free(block)?;
    /// assert_eq!(LOCAL.size(block), None);
    /// # Ok::<(), freehold_families::FamilyError>(())
    /// ```
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
    ///
    /// ```
    /// use freehold_families::emulated::movable::{GLOBAL, MOVEABLE};
    /// let handle = GLOBAL.alloc(MOVEABLE, 4)?;
    /// assert_eq!(GLOBAL.flags(handle)?, 0);
    /// GLOBAL.lock(handle)?;
    /// assert_eq!(GLOBAL.flags(handle)?, 1);
    /// GLOBAL.free(handle)?;
    /// # Ok::<(), freehold_families::FamilyError>(())
    /// ```
    pub fn flags(&self, handle: usize) -> Result<u32, FamilyError> {
        self.entry(handle, |entry| Ok(entry.locks & LOCKCOUNT))
    }

    /// `LocalHandle`, `GlobalHandle`: the handle of a block's memory.
    ///
    /// # Errors
    /// [`FamilyError::UnknownBlock`] when no live block begins there.
    ///
    /// ```
    /// use freehold_families::emulated::movable::{GLOBAL, MOVEABLE};
    /// let handle = GLOBAL.alloc(MOVEABLE, 4)?;
    /// let memory = GLOBAL.lock(handle)?;
    /// assert_eq!(GLOBAL.handle(memory.as_ptr() as usize)?, handle);
    /// GLOBAL.free(handle)?;
    /// # Ok::<(), freehold_families::FamilyError>(())
    /// ```
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
    ///
    /// ```
    /// use freehold_families::emulated::movable::{GLOBAL, MOVEABLE};
    /// let handle = GLOBAL.alloc(MOVEABLE, 4)?;
    /// // SAFETY: it is not locked, so nobody has a pointer into it.
    /// assert_eq!(unsafe { GLOBAL.realloc(handle, 4000, MOVEABLE)? }, handle);
    /// assert_eq!(GLOBAL.size(handle), Some(4000));
    /// GLOBAL.free(handle)?;
    /// # Ok::<(), freehold_families::FamilyError>(())
    /// ```
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
