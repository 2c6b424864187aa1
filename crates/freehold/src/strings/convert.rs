//! From Rust's text to blocks that hold it.

use core::fmt;

use crate::alloc::{AllocError, DiagnosticCalloc};
use crate::memory::Block;

/// Why a text was not read or written.
///
/// ```
/// let error = freehold::strings::TextError::TooLong { needed: 9, room: 4 };
/// assert_eq!(error.to_string(), "the text needs 9 units with its NUL, and there is room for 4");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TextError {
    /// The pointer is null.
    Null,
    /// The bytes are no UTF-8.
    Invalid {
        /// How many are.
        valid_up_to: usize,
    },
    /// There is no room for it; nothing was written.
    TooLong {
        /// Units of the text and its NUL.
        needed: usize,
        /// Units that there are.
        room: usize,
    },
    /// There is a NUL in a text that ends with the first one; nothing was written.
    Nul {
        /// Units before it.
        at: usize,
    },
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            TextError::Null => f.write_str("there is no text: the pointer is null"),
            TextError::Invalid { valid_up_to } => {
                write!(
                    f,
                    "the text is no UTF-8 after its first {valid_up_to} bytes"
                )
            }
            TextError::TooLong { needed, room } => write!(
                f,
                "the text needs {needed} units with its NUL, and there is room for {room}"
            ),
            TextError::Nul { at } => {
                write!(f, "the text has a NUL after {at} units and would end there")
            }
        }
    }
}

impl core::error::Error for TextError {}

/// Text that native code can read: a copy with a NUL at the end.
///
/// ```
/// use freehold::strings::NativeText;
/// let name = String::from("x");
/// let utf8 = name.to_native_utf8()?;
/// // SAFETY: a text with its NUL, which lives until the end.
/// assert_eq!(unsafe { libc::strlen(utf8.as_ptr().cast()) }, 1);
/// assert!("a\0b".to_native_utf8().is_err(), "C would see only its beginning");
/// # Ok::<(), freehold::AllocError>(())
/// ```
pub trait NativeText {
    /// As UTF-8.
    ///
    /// # Errors
    /// [`AllocError::Nul`] when a NUL in it would cut it;
    /// [`AllocError::OutOfMemory`].
    ///
    /// ```
    /// use freehold::strings::NativeText;
    /// assert_eq!("é".to_native_utf8()?[..], [0xc3, 0xa9, 0]);
    /// # Ok::<(), freehold::AllocError>(())
    /// ```
    fn to_native_utf8(&self) -> Result<Block<u8, DiagnosticCalloc>, AllocError>;

    /// As UTF-16.
    ///
    /// # Errors
    /// As for [`NativeText::to_native_utf8`].
    ///
    /// ```
    /// use freehold::strings::NativeText;
    /// assert_eq!("é".to_native_utf16()?[..], [0xe9, 0]);
    /// # Ok::<(), freehold::AllocError>(())
    /// ```
    fn to_native_utf16(&self) -> Result<Block<u16, DiagnosticCalloc>, AllocError>;
}

impl NativeText for str {
    fn to_native_utf8(&self) -> Result<Block<u8, DiagnosticCalloc>, AllocError> {
        joined(&[self.as_bytes().to_vec()], false)
    }

    fn to_native_utf16(&self) -> Result<Block<u16, DiagnosticCalloc>, AllocError> {
        joined(&[self.encode_utf16().collect()], false)
    }
}

/// Texts with a NUL behind each, and one more at the end of a list.
fn joined<T: crate::Zeroed + Default + PartialEq>(
    texts: &[Vec<T>],
    list: bool,
) -> Result<Block<T, DiagnosticCalloc>, AllocError> {
    let mut len = usize::from(list);
    for text in texts {
        if let Some(at) = text.iter().position(|unit| *unit == T::default()) {
            return Err(AllocError::Nul { at });
        }
        if list && text.is_empty() {
            return Err(AllocError::Empty);
        }
        len += text.len() + 1;
    }
    let mut block = crate::diagnostic_calloc::<T>(len)?;
    let mut at = 0;
    for text in texts {
        block[at..at + text.len()].copy_from_slice(text);
        at += text.len() + 1;
    }
    Ok(block)
}

/// A list of texts in UTF-16, each with a NUL, and one more at the end
/// (`MULTI_SZ`).
///
/// # Errors
/// [`AllocError::Empty`] for no texts and for an empty one, which would end the
/// list; [`AllocError::Nul`]; [`AllocError::OutOfMemory`].
///
/// ```
/// use freehold::strings::multi_sz;
/// let list = multi_sz(&["a", "é"])?;
/// assert_eq!(list[..], [97, 0, 0xe9, 0, 0]);
/// assert!(multi_sz(&[]).is_err());
/// # Ok::<(), freehold::AllocError>(())
/// ```
pub fn multi_sz(texts: &[&str]) -> Result<Block<u16, DiagnosticCalloc>, AllocError> {
    let texts: Vec<Vec<u16>> = texts.iter().map(|t| t.encode_utf16().collect()).collect();
    list(&texts)
}

/// The same in UTF-8.
///
/// # Errors
/// As for [`multi_sz`].
///
/// ```
/// let list = freehold::strings::multi_sz_utf8(&["a", "b"])?;
/// assert_eq!(list[..], *b"a\0b\0\0");
/// # Ok::<(), freehold::AllocError>(())
/// ```
pub fn multi_sz_utf8(texts: &[&str]) -> Result<Block<u8, DiagnosticCalloc>, AllocError> {
    let texts: Vec<Vec<u8>> = texts.iter().map(|t| t.as_bytes().to_vec()).collect();
    list(&texts)
}

fn list<T: crate::Zeroed + Default + PartialEq>(
    texts: &[Vec<T>],
) -> Result<Block<T, DiagnosticCalloc>, AllocError> {
    match texts {
        [] => Err(AllocError::Empty),
        texts => joined(texts, true),
    }
}

/// A zeroed buffer for a text of `units` units in UTF-16, its NUL included.
///
/// # Errors
/// [`AllocError`] as [`diagnostic_calloc`](crate::diagnostic_calloc()) gives it.
///
/// ```
/// assert_eq!(freehold::strings::wide_buffer(10)?.byte_len(), 20);
/// # Ok::<(), freehold::AllocError>(())
/// ```
pub fn wide_buffer(units: usize) -> Result<Block<u16, DiagnosticCalloc>, AllocError> {
    crate::diagnostic_calloc(units)
}
