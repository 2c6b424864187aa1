//! What goes wrong when an arena releases what it has.

use core::error::Error;
use core::fmt;

use crate::FreeError;

/// One release that failed.
///
/// ```
/// use freehold::{Arena, ArenaFailure};
/// let arena = Arena::new();
/// arena.on_release(|| Err("the door is stuck"))?;
/// for failure in arena.release().unwrap_err().failures() {
///     match failure {
///         ArenaFailure::Callback(error) => assert_eq!(error.to_string(), "the door is stuck"),
///         other => panic!("{other}"),
///     }
/// }
/// # Ok::<(), freehold::AllocError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ArenaFailure {
    /// Of a block.
    Block(FreeError),
    /// Of a resource, or of what was to be done at the release.
    Callback(Box<dyn Error + Send + Sync>),
}

/// Releases that failed; all others were made.
///
/// ```
/// let arena = freehold::Arena::new();
/// arena.on_release(|| Err("the door is stuck"))?;
/// arena.on_release(|| Ok::<(), &str>(()))?;
/// let error = arena.release().unwrap_err();
/// assert_eq!(error.failures().len(), 1);
/// assert!(error.to_string().contains("the door is stuck"));
/// # Ok::<(), freehold::AllocError>(())
/// ```
#[derive(Debug)]
pub struct ArenaError {
    failures: Vec<ArenaFailure>,
}

impl ArenaError {
    pub(super) fn from(failures: Vec<ArenaFailure>) -> Result<(), ArenaError> {
        match failures.is_empty() {
            true => Ok(()),
            false => Err(ArenaError { failures }),
        }
    }

    /// The failures, in the order in which they happened.
    ///
    /// ```
    /// let arena = freehold::Arena::new();
    /// arena.on_release(|| Err("first registered"))?;
    /// arena.on_release(|| Err("last registered"))?;
    /// let error = arena.release().unwrap_err();
    /// let texts: Vec<String> = error.failures().iter().map(|f| f.to_string()).collect();
    /// assert_eq!(texts, ["last registered", "first registered"]);
    /// # Ok::<(), freehold::AllocError>(())
    /// ```
    pub fn failures(&self) -> &[ArenaFailure] {
        &self.failures
    }
}

impl fmt::Display for ArenaFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArenaFailure::Block(error) => error.fmt(f),
            ArenaFailure::Callback(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for ArenaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.failures.len();
        write!(f, "{count} of the arena's releases failed:")?;
        for (i, failure) in self.failures.iter().enumerate() {
            write!(f, "\n{}. {failure}", i + 1)?;
        }
        Ok(())
    }
}

impl Error for ArenaError {}

/// The pointer is not that of a block of the arena.
///
/// ```
/// let arena = freehold::Arena::new();
/// let bytes = arena.alloc::<u8>(8)?;
/// let error = arena.move_out(&raw mut bytes[1]).unwrap_err();
/// assert!(error.to_string().contains("the middle of one"));
/// # Ok::<(), freehold::AllocError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoveError {
    pub(super) address: usize,
}

impl fmt::Display for MoveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:#x} is not the start of a block of this arena: it was moved out before, or lies in \
             the middle of one",
            self.address
        )
    }
}

impl Error for MoveError {}
