//! What a family can answer instead of a block.

use core::fmt;

use crate::{Family, info};

/// Why a family refused.
///
/// ```
/// use freehold_families::{Family, FamilyError, libc_malloc};
/// let error = libc_malloc::allocate(8, 3, false).expect_err("3 is no power of two");
/// assert_eq!(error, FamilyError::BadAlignment { family: Family::Malloc, alignment: 3 });
/// assert!(error.to_string().contains("must be a power of two"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FamilyError {
    /// There is no memory for this block.
    OutOfMemory {
        /// The family that was asked.
        family: Family,
        /// Bytes that were asked for.
        bytes: usize,
    },
    /// The size is larger than any block can be.
    TooLarge {
        /// The family that was asked.
        family: Family,
        /// Bytes that were asked for.
        bytes: usize,
    },
    /// The alignment is no power of two, or the family cannot give it.
    BadAlignment {
        /// The family that was asked.
        family: Family,
        /// The alignment that was asked for, in bytes.
        alignment: usize,
    },
    /// The family has no live block or handle with this address.
    UnknownBlock {
        /// The family that was asked.
        family: Family,
        /// What was passed.
        address: usize,
    },
    /// The handle is not locked.
    NotLocked {
        /// The family that was asked.
        family: Family,
        /// The handle.
        handle: usize,
    },
    /// The block belongs to another heap than the one named.
    WrongHeap {
        /// The block.
        address: usize,
        /// The heap that it belongs to.
        owner: usize,
    },
    /// This process has no such family: its library is not loaded.
    Absent {
        /// The family that was asked.
        family: Family,
    },
    /// The release function said that it failed.
    Failed {
        /// The family that was asked.
        family: Family,
        /// What the function gave.
        code: i32,
    },
}

impl FamilyError {
    /// The error number that Windows has for it (`GetLastError`).
    ///
    /// ```
    /// use freehold_families::{Family, FamilyError};
    /// let error = FamilyError::OutOfMemory { family: Family::Local, bytes: 8 };
    /// assert_eq!(error.win32(), 8); // ERROR_NOT_ENOUGH_MEMORY
    /// ```
    pub fn win32(&self) -> u32 {
        match self {
            FamilyError::OutOfMemory { .. } | FamilyError::TooLarge { .. } => 8,
            FamilyError::BadAlignment { .. } | FamilyError::WrongHeap { .. } => 87,
            FamilyError::UnknownBlock { family, .. } => match family {
                Family::Virtual => 487,
                _ => 6,
            },
            FamilyError::NotLocked { .. } => 158,
            FamilyError::Absent { .. } => 126,
            FamilyError::Failed { code, .. } => code.unsigned_abs(),
        }
    }
}

impl fmt::Display for FamilyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            FamilyError::OutOfMemory { family, bytes } => write!(
                f,
                "out of memory: {} has no block of {bytes} bytes",
                family.name()
            ),
            FamilyError::TooLarge { family, bytes: 0 } => {
                write!(f, "{} has no blocks of no bytes", family.name())
            }
            FamilyError::TooLarge { family, bytes } => write!(
                f,
                "{bytes} bytes are more than a block of {} can have ({} bytes)",
                family.name(),
                isize::MAX
            ),
            FamilyError::BadAlignment { family, alignment } => write!(
                f,
                "{} cannot align to {alignment} bytes: it must be a power of two, and at most {}",
                family.name(),
                info(family).max_alignment
            ),
            FamilyError::UnknownBlock { family, address } => write!(
                f,
                "{} has no live block at {address:#x}: it was released before, or another family \
                 allocated it",
                family.name()
            ),
            FamilyError::NotLocked { family, handle } => write!(
                f,
                "the {} handle {handle:#x} is not locked: each unlock needs a lock before it",
                family.name()
            ),
            FamilyError::WrongHeap { address, owner } => write!(
                f,
                "the block {address:#x} belongs to the heap {owner:#x}: release it there"
            ),
            FamilyError::Absent { family } => write!(
                f,
                "this process has no {}: its library is not loaded",
                family.name()
            ),
            FamilyError::Failed { family, code } => write!(
                f,
                "the release function of a block of the family {} failed with {code}",
                family.name()
            ),
        }
    }
}

impl std::error::Error for FamilyError {}
