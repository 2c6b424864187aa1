//! The codes that functions give, and which error gets which.
//!
//! Constants and not a C enumeration, so that other languages can pass and get
//! plain numbers, and a number that is none of them is an error, not undefined.

use freehold::strings::TextError;
use freehold::{
    AdoptError, AdoptFromError, AllocError, ArenaFailure, FamilyError, FreeError, Misuse,
    MoveError, ResizeError,
};

/// How a call went: `FREEHOLD_OK` (0), or why nothing was done. Codes are only
/// ever added. `freehold_last_message()` has the explanation.
pub type freehold_code = i32;

/// It is done.
pub const FREEHOLD_OK: i32 = 0;

/// A pointer is null that must not be.
pub const FREEHOLD_NULL: i32 = 1;
/// An alignment is no power of two, or a pointer is not aligned for what it
/// points to.
pub const FREEHOLD_BAD_ALIGNMENT: i32 = 2;
/// A count times a size, or an address plus a size, cannot be counted.
pub const FREEHOLD_OVERFLOW: i32 = 3;
/// More than PTRDIFF_MAX bytes.
pub const FREEHOLD_TOO_LARGE: i32 = 4;
/// A number is none of the constants that the argument may have.
pub const FREEHOLD_UNKNOWN_VALUE: i32 = 5;
/// A handle is of another kind, was ended, or never was one.
pub const FREEHOLD_BAD_HANDLE: i32 = 6;
/// A text is no UTF-8, or has a NUL in the middle.
pub const FREEHOLD_BAD_TEXT: i32 = 7;
/// A buffer is too short; nothing was written to it but a NUL.
pub const FREEHOLD_TOO_SHORT: i32 = 8;
/// There is no memory, or a limit of the library is reached.
pub const FREEHOLD_OUT_OF_MEMORY: i32 = 9;
/// The operating system refused.
pub const FREEHOLD_SYSTEM: i32 = 10;

/// The block was released before.
pub const FREEHOLD_DOUBLE: i32 = 20;
/// The address is no known block.
pub const FREEHOLD_FOREIGN: i32 = 21;
/// The address lies in the middle of a block.
pub const FREEHOLD_INTERIOR: i32 = 22;
/// The block is borrowed.
pub const FREEHOLD_BORROWED: i32 = 23;
/// The block was given away.
pub const FREEHOLD_TRANSFERRED: i32 = 24;
/// The block belongs to an arena.
pub const FREEHOLD_ARENA_OWNED: i32 = 25;
/// The block belongs to a finalizer.
pub const FREEHOLD_FINALIZER_OWNED: i32 = 26;
/// The block is of a family that this function is not for.
pub const FREEHOLD_WRONG_FAMILY: i32 = 27;
/// The size that was passed is not that of the block.
pub const FREEHOLD_SIZE_MISMATCH: i32 = 28;
/// A release function was called and said that it failed.
pub const FREEHOLD_RELEASE_FAILED: i32 = 29;
/// The block is in use and may not move now.
pub const FREEHOLD_IN_USE: i32 = 30;

/// The block is registered already: two owners would release it twice.
pub const FREEHOLD_OWNED: i32 = 40;
/// The family needs more than an address to release a block.
pub const FREEHOLD_UNRELEASABLE: i32 = 41;
/// The address is not inside the block that was named.
pub const FREEHOLD_OUTSIDE: i32 = 42;
/// The block is not in the state that is to be ended.
pub const FREEHOLD_NOT_SO: i32 = 43;
/// The ownership database asserts nothing of the function or of its slot.
pub const FREEHOLD_NOT_KNOWN: i32 = 44;
/// What the function gives is not the caller's to release.
pub const FREEHOLD_NOT_YOURS: i32 = 45;
/// The function that releases it cannot be called: the process has none of that
/// name or several, or it takes more than the value.
pub const FREEHOLD_NO_RELEASE: i32 = 46;

/// Nothing is tracked, and without that nobody can tell.
pub const FREEHOLD_NOT_TRACKED: i32 = 50;
/// Blocks stay that should not.
pub const FREEHOLD_LEAKS: i32 = 51;
/// The scope is not the innermost one that this thread is in.
pub const FREEHOLD_NOT_INNERMOST: i32 = 52;

/// An error of the library itself.
pub const FREEHOLD_INTERNAL: i32 = 99;

/// The constant's name, for `freehold_code_name`.
pub(crate) fn name(code: i32) -> &'static core::ffi::CStr {
    macro_rules! names {
        ($($name:ident)*) => {
            match code {
                $($name => {
                    const TEXT: &[u8] = concat!(stringify!($name), "\0").as_bytes();
                    match core::ffi::CStr::from_bytes_with_nul(TEXT) {
                        Ok(text) => text,
                        Err(_) => c"",
                    }
                })*
                _ => c"unknown",
            }
        };
    }
    names! {
        FREEHOLD_OK FREEHOLD_NULL FREEHOLD_BAD_ALIGNMENT FREEHOLD_OVERFLOW FREEHOLD_TOO_LARGE
        FREEHOLD_UNKNOWN_VALUE FREEHOLD_BAD_HANDLE FREEHOLD_BAD_TEXT FREEHOLD_TOO_SHORT
        FREEHOLD_OUT_OF_MEMORY FREEHOLD_SYSTEM FREEHOLD_DOUBLE FREEHOLD_FOREIGN
        FREEHOLD_INTERIOR FREEHOLD_BORROWED FREEHOLD_TRANSFERRED FREEHOLD_ARENA_OWNED
        FREEHOLD_FINALIZER_OWNED FREEHOLD_WRONG_FAMILY FREEHOLD_SIZE_MISMATCH
        FREEHOLD_RELEASE_FAILED FREEHOLD_IN_USE FREEHOLD_OWNED FREEHOLD_UNRELEASABLE
        FREEHOLD_OUTSIDE FREEHOLD_NOT_SO FREEHOLD_NOT_KNOWN FREEHOLD_NOT_YOURS
        FREEHOLD_NO_RELEASE FREEHOLD_NOT_TRACKED FREEHOLD_LEAKS
        FREEHOLD_NOT_INNERMOST FREEHOLD_INTERNAL
    }
}

/// Why a call did nothing: the code, and the words for people.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: freehold_code,
    pub(crate) message: String,
    /// In place of the message: it is put into words when they are asked for, because
    /// its stacks may be given names until then.
    pub(crate) misuse: Option<Box<FreeError>>,
}

impl Failure {
    pub(crate) fn new(code: freehold_code, message: impl Into<String>) -> Failure {
        let message = message.into();
        Failure {
            code,
            message,
            misuse: None,
        }
    }
}

impl From<AllocError> for Failure {
    fn from(error: AllocError) -> Failure {
        let code = match error {
            AllocError::Overflow { .. } => FREEHOLD_OVERFLOW,
            AllocError::TooLarge { .. } => FREEHOLD_TOO_LARGE,
            AllocError::BadAlignment { .. } => FREEHOLD_BAD_ALIGNMENT,
            AllocError::Nul { .. } => FREEHOLD_BAD_TEXT,
            AllocError::Empty => FREEHOLD_NULL,
            AllocError::Released => FREEHOLD_BAD_HANDLE,
            _ => FREEHOLD_OUT_OF_MEMORY,
        };
        Failure::new(code, error.to_string())
    }
}

/// The code of a misuse.
fn of_misuse(misuse: Misuse) -> freehold_code {
    match misuse {
        Misuse::Null => FREEHOLD_NULL,
        Misuse::Double => FREEHOLD_DOUBLE,
        Misuse::Foreign => FREEHOLD_FOREIGN,
        Misuse::Interior { .. } => FREEHOLD_INTERIOR,
        Misuse::Borrowed => FREEHOLD_BORROWED,
        Misuse::Transferred => FREEHOLD_TRANSFERRED,
        Misuse::ArenaOwned => FREEHOLD_ARENA_OWNED,
        Misuse::FinalizerOwned => FREEHOLD_FINALIZER_OWNED,
        Misuse::WrongFamily { .. } => FREEHOLD_WRONG_FAMILY,
        Misuse::SizeMismatch { .. } => FREEHOLD_SIZE_MISMATCH,
        Misuse::Failed(_) => FREEHOLD_RELEASE_FAILED,
        _ => FREEHOLD_INTERNAL,
    }
}

impl From<FreeError> for Failure {
    fn from(error: FreeError) -> Failure {
        Failure {
            code: of_misuse(error.misuse()),
            message: String::new(),
            misuse: Some(Box::new(error)),
        }
    }
}

impl From<ResizeError> for Failure {
    fn from(error: ResizeError) -> Failure {
        let message = error.to_string();
        let code = match error {
            ResizeError::Refused(error) => return error.into(),
            ResizeError::Memory(error) => return error.into(),
            ResizeError::InUse { .. } => FREEHOLD_IN_USE,
            // What it was is not to be said.
            _ => FREEHOLD_FOREIGN,
        };
        Failure::new(code, message)
    }
}

impl From<AdoptError> for Failure {
    fn from(error: AdoptError) -> Failure {
        let code = match error {
            AdoptError::Null => FREEHOLD_NULL,
            AdoptError::Owned { .. } => FREEHOLD_OWNED,
            AdoptError::Unreleasable { .. } => FREEHOLD_UNRELEASABLE,
            AdoptError::Outside { .. } => FREEHOLD_OUTSIDE,
            AdoptError::Unowned { .. } => FREEHOLD_NOT_YOURS,
            _ => FREEHOLD_INTERNAL,
        };
        Failure::new(code, error.to_string())
    }
}

impl From<AdoptFromError> for Failure {
    fn from(error: AdoptFromError) -> Failure {
        let code = match &error {
            AdoptFromError::Adopt(error) => return Failure::from(*error),
            AdoptFromError::UnknownFunction { .. } | AdoptFromError::UnknownSlot { .. } => {
                FREEHOLD_NOT_KNOWN
            }
            AdoptFromError::NotYours { .. } => FREEHOLD_NOT_YOURS,
            _ => FREEHOLD_NO_RELEASE,
        };
        Failure::new(code, error.to_string())
    }
}

impl From<FamilyError> for Failure {
    fn from(error: FamilyError) -> Failure {
        let code = match error {
            FamilyError::OutOfMemory { .. } => FREEHOLD_OUT_OF_MEMORY,
            FamilyError::TooLarge { .. } => FREEHOLD_TOO_LARGE,
            FamilyError::BadAlignment { .. } => FREEHOLD_BAD_ALIGNMENT,
            FamilyError::UnknownBlock { .. } => FREEHOLD_FOREIGN,
            FamilyError::NotLocked { .. } => FREEHOLD_NOT_SO,
            FamilyError::Absent { .. } => FREEHOLD_SYSTEM,
            FamilyError::WrongHeap { .. } => FREEHOLD_WRONG_FAMILY,
            _ => FREEHOLD_RELEASE_FAILED,
        };
        Failure::new(code, error.to_string())
    }
}

/// An error of a call that was given a handle or a string of a family.
pub(crate) fn unknown_handle(error: FamilyError) -> Failure {
    match error {
        FamilyError::UnknownBlock { .. } => Failure::new(FREEHOLD_BAD_HANDLE, error.to_string()),
        error => error.into(),
    }
}

impl From<MoveError> for Failure {
    fn from(error: MoveError) -> Failure {
        Failure::new(FREEHOLD_FOREIGN, error.to_string())
    }
}

impl From<TextError> for Failure {
    fn from(error: TextError) -> Failure {
        let code = match error {
            TextError::Null => FREEHOLD_NULL,
            TextError::TooLong { .. } => FREEHOLD_TOO_SHORT,
            _ => FREEHOLD_BAD_TEXT,
        };
        Failure::new(code, error.to_string())
    }
}

/// The code of a failed release of an arena's item.
pub(crate) fn of_arena(failure: &ArenaFailure) -> freehold_code {
    match failure {
        ArenaFailure::Block(error) => of_misuse(error.misuse()),
        _ => FREEHOLD_RELEASE_FAILED,
    }
}
