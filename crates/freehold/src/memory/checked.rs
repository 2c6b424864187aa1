//! A pointer that asks before each access.

use core::fmt;

use crate::contract::LIVE;
use crate::{record, registry, state};

/// A pointer with a length: each access checks bounds, alignment, and whether
/// the block is still the one that it was, as far as anybody knows.
///
/// Slower than a slice: for what has no owner in Rust, and for tests. Bounds are
/// always checked; a release is seen while tracking is on, and of registered
/// blocks always.
///
/// ```
/// use freehold::{AccessError, calloc, track};
/// track::start(&Default::default()).expect("memory for a ledger");
/// let block = calloc::<u8>(2)?;
/// // SAFETY: nobody writes to it, and tracking sees it go.
/// let checked = unsafe { block.checked() };
/// assert_eq!(checked.get(1), Ok(0));
/// drop(block);
/// assert_eq!(checked.get(1), Err(AccessError::Released));
/// # Ok::<(), freehold::AllocError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Checked<T> {
    start: *mut T,
    len: usize,
    identity: Option<Identity>,
}

/// By what a block is known again. An address alone is not enough: the next
/// block may be given the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Identity {
    Registered {
        serial: u64,
    },
    Recorded {
        size: u64,
        stack: u32,
        time_ms: u32,
        thread: u32,
    },
}

fn identity(address: usize) -> Option<Identity> {
    if let Some(entry) = registry::find(address) {
        return Some(Identity::Registered {
            serial: entry.serial,
        });
    }
    let (answer, block) = record::find(state::tracker()?, address);
    (answer == LIVE).then_some(Identity::Recorded {
        size: block.size,
        stack: block.stack,
        time_ms: block.time_ms,
        thread: block.thread,
    })
}

/// Why an access was refused.
///
/// ```
/// let error = freehold::AccessError::OutOfBounds { index: 9, len: 4 };
/// assert_eq!(error.to_string(), "element 9 of 4: the last one is 3");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccessError {
    /// There is no such element.
    OutOfBounds {
        /// Which one was asked for.
        index: usize,
        /// How many there are.
        len: usize,
    },
    /// The block was released.
    Released,
    /// The address is no multiple of the type's alignment.
    Misaligned {
        /// The address.
        address: usize,
        /// What it should be a multiple of.
        alignment: usize,
    },
    /// The pointer is null.
    Null,
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            AccessError::OutOfBounds { index, len: 0 } => {
                write!(f, "element {index} of a block that has none")
            }
            AccessError::OutOfBounds { index, len } => {
                write!(f, "element {index} of {len}: the last one is {}", len - 1)
            }
            AccessError::Released => f.write_str("the block was released"),
            AccessError::Misaligned { address, alignment } => write!(
                f,
                "the address {address:#x} is no multiple of {alignment}, as the type needs"
            ),
            AccessError::Null => f.write_str("the pointer is null"),
        }
    }
}

impl std::error::Error for AccessError {}

impl<T: Copy> Checked<T> {
    /// A checked pointer to `len` elements.
    ///
    /// # Safety
    /// They hold values as long as the block lives. During an access nobody
    /// releases it or holds a mutable reference to it; and when it is not
    /// recorded, it lives until the last access.
    ///
    /// ```
    /// let numbers = [1u32, 2];
    /// // SAFETY: lives until the end, and is only read.
    /// let checked = unsafe { freehold::Checked::new(numbers.as_ptr().cast_mut(), 2) };
    /// assert_eq!(checked.get(1), Ok(2));
    /// ```
    pub unsafe fn new(start: *mut T, len: usize) -> Checked<T> {
        Checked {
            start,
            len,
            identity: identity(start as usize),
        }
    }

    /// How many elements there are.
    ///
    /// ```
    /// // SAFETY: never read.
    /// let checked = unsafe { freehold::Checked::<u8>::new(std::ptr::null_mut(), 2) };
    /// assert_eq!(checked.len(), 2);
    /// ```
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    ///
    /// ```
    /// // SAFETY: never read.
    /// let checked = unsafe { freehold::Checked::<u8>::new(std::ptr::null_mut(), 0) };
    /// assert!(checked.is_empty());
    /// assert!(checked.get(0).is_err());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn place(&self, index: usize) -> Result<*mut T, AccessError> {
        if self.start.is_null() {
            return Err(AccessError::Null);
        }
        if index >= self.len {
            let len = self.len;
            return Err(AccessError::OutOfBounds { index, len });
        }
        if !self.start.is_aligned() {
            return Err(AccessError::Misaligned {
                address: self.start as usize,
                alignment: align_of::<T>(),
            });
        }
        // A block that was never known cannot be seen to go.
        if self.identity.is_some() && identity(self.start as usize) != self.identity {
            return Err(AccessError::Released);
        }
        Ok(self.start.wrapping_add(index))
    }

    /// Reads an element.
    ///
    /// # Errors
    /// [`AccessError`] says why not.
    ///
    /// ```
    /// // SAFETY: null is refused.
    /// let checked = unsafe { freehold::Checked::<u8>::new(std::ptr::null_mut(), 2) };
    /// assert_eq!(checked.get(0), Err(freehold::AccessError::Null));
    /// ```
    pub fn get(&self, index: usize) -> Result<T, AccessError> {
        // SAFETY: within the block, which lives.
        self.place(index).map(|at| unsafe { at.read() })
    }

    /// Writes an element.
    ///
    /// # Errors
    /// [`AccessError`] says why not.
    ///
    /// # Safety
    /// The memory may be written to, and nobody holds a reference to it.
    ///
    /// ```
    /// let block = freehold::calloc::<u8>(1)?;
    /// // SAFETY: the block stays for good, and nobody has a reference to it.
    /// unsafe {
    ///     let checked = block.checked();
    ///     let _ = block.into_raw();
    ///     checked.set(0, 3).expect("live");
    ///     assert_eq!(checked.get(0), Ok(3));
    /// }
    /// # Ok::<(), freehold::AllocError>(())
    /// ```
    pub unsafe fn set(&self, index: usize, value: T) -> Result<(), AccessError> {
        // SAFETY: as above, and promised by the caller.
        self.place(index).map(|at| unsafe { at.write(value) })
    }
}
