//! Families that behave like those of Win32, on the C library: what a block is,
//! who may release it, what is said when that is broken. Each module has the
//! functions of one family under short names; their documentation names the
//! functions that they stand for.
//!
//! Every emulation knows its live blocks, so a second release, or one by a
//! stranger, is an error here and not damage. The tables lie beside the blocks:
//! no block has a head that Windows' would not have.
//!
//! What is not here: the text of `FormatMessage`, handles that are no memory.
//!
//! ```
//! use freehold_families::emulated::{self, co_task_mem};
//! let block = co_task_mem::alloc(16)?.as_ptr() as usize;
//! // SAFETY: nobody uses the block; the second release is refused.
//! let again = unsafe {
//!     co_task_mem::free(block)?;
//!     co_task_mem::free(block)
//! };
//! assert!(again.is_err());
//! assert_eq!(emulated::last_error(), 6); // ERROR_INVALID_HANDLE
//! # Ok::<(), freehold_families::FamilyError>(())
//! ```

pub mod bstr;
pub mod co_task_mem;
pub mod heap;
pub mod hstring;
pub mod movable;
pub mod virtual_memory;

use core::cell::Cell;
use core::ptr::NonNull;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{Family, FamilyError, libc_malloc};

thread_local! {
    static LAST_ERROR: Cell<u32> = const { Cell::new(0) };
}

/// `GetLastError`: the number of the last error of an emulated family on this
/// thread.
///
/// ```
/// use freehold_families::emulated::{self, movable::LOCAL};
/// assert!(LOCAL.free(0x1230).is_err());
/// assert_eq!(emulated::last_error(), 6); // ERROR_INVALID_HANDLE
/// ```
pub fn last_error() -> u32 {
    LAST_ERROR.get()
}

/// `SetLastError`.
///
/// ```
/// freehold_families::emulated::set_last_error(5);
/// assert_eq!(freehold_families::emulated::last_error(), 5);
/// ```
pub fn set_last_error(number: u32) {
    LAST_ERROR.set(number);
}

/// Notes an error as the last one.
fn failed(error: FamilyError) -> FamilyError {
    set_last_error(error.win32());
    error
}

/// The live blocks of a family: what each is, by address.
struct Known<T>(Mutex<Option<Table<T>>>);

impl<T> Known<T> {
    const fn new() -> Known<T> {
        Known(Mutex::new(None))
    }

    fn with<R>(&self, run: impl FnOnce(&mut Table<T>) -> R) -> R {
        let mut guard: MutexGuard<'_, _> = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        run(guard.get_or_insert_with(|| Table(HashMap::new())))
    }
}

/// A map by address that does not look like one: to a search of memory for
/// pointers, what is only listed here must count as lost.
struct Table<T>(HashMap<usize, T>);

impl<T> Table<T> {
    fn insert(&mut self, address: usize, what: T) -> Option<T> {
        self.0.insert(!address, what)
    }

    fn remove(&mut self, address: &usize) -> Option<T> {
        self.0.remove(&!*address)
    }

    fn get(&self, address: &usize) -> Option<&T> {
        self.0.get(&!*address)
    }

    fn get_mut(&mut self, address: &usize) -> Option<&mut T> {
        self.0.get_mut(&!*address)
    }

    fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        self.0.iter().map(|(hidden, what)| (!*hidden, what))
    }

    /// Takes out those of which `which` says so.
    fn take(&mut self, mut which: impl FnMut(&T) -> bool) -> Vec<usize> {
        let taken = self.0.extract_if(|_, what| which(what));
        taken.map(|(hidden, _)| !hidden).collect()
    }
}

/// A block of the C library for a family of ours.
fn take(family: Family, bytes: usize, zeroed: bool) -> Result<NonNull<u8>, FamilyError> {
    if bytes > isize::MAX as usize {
        return Err(failed(FamilyError::TooLarge { family, bytes }));
    }
    libc_malloc::allocate(bytes, 16, zeroed)
        .map_err(|_| failed(FamilyError::OutOfMemory { family, bytes }))
}

fn unknown(family: Family, address: usize) -> FamilyError {
    failed(FamilyError::UnknownBlock { family, address })
}
