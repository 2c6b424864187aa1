//! Why there is no block.

use core::fmt;

/// Why there is no block.
///
/// ```
/// use freehold::{AllocError, calloc};
/// let error = calloc::<u64>(usize::MAX).unwrap_err();
/// assert_eq!(error, AllocError::Overflow { count: usize::MAX, size: 8 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AllocError {
    /// Elements times their size is more than can be counted.
    Overflow {
        /// Elements that were asked for.
        count: usize,
        /// Bytes of each.
        size: usize,
    },
    /// More than `isize::MAX` bytes.
    TooLarge {
        /// Bytes that were asked for.
        bytes: usize,
    },
    /// The alignment is no power of two.
    BadAlignment {
        /// The alignment that was asked for, in bytes.
        alignment: usize,
    },
    /// The platform has no memory for it.
    OutOfMemory {
        /// Bytes that were asked for.
        bytes: usize,
    },
    /// A test asked for this allocation to fail.
    Injected {
        /// Bytes that were asked for.
        bytes: usize,
        /// Which allocation since the test began it, from 1.
        number: u64,
    },
    /// There was a NUL in a text that ends with the first one.
    Nul {
        /// Units before it.
        at: usize,
    },
    /// There was nothing to make a block of.
    Empty,
    /// The arena has released its blocks and gives no more.
    Released,
}

impl fmt::Display for AllocError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            AllocError::Overflow { count, size } => write!(
                f,
                "{count} elements of {size} bytes are more bytes than can be counted"
            ),
            AllocError::TooLarge { bytes } => write!(
                f,
                "{bytes} bytes are more than a block can have ({})",
                isize::MAX
            ),
            AllocError::BadAlignment { alignment } => {
                write!(f, "an alignment of {alignment} bytes is no power of two")
            }
            AllocError::OutOfMemory { bytes } => write!(f, "could not allocate {bytes} bytes"),
            AllocError::Injected { bytes, number } => write!(
                f,
                "allocation {number}, of {bytes} bytes, was made to fail by the test"
            ),
            AllocError::Nul { at } => write!(
                f,
                "the text has a NUL after {at} units and would end there: use a BSTR, or cut it"
            ),
            AllocError::Empty => f.write_str("there is nothing to make a block of"),
            AllocError::Released => f.write_str(
                "the arena is no longer in use: it has released its blocks and gives no more",
            ),
        }
    }
}

impl std::error::Error for AllocError {}
