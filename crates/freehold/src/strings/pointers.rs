//! Pointers to text that ends with a NUL, as C has them.

use super::{NativeText, TextError};
use crate::alloc::{AllocError, DiagnosticCalloc};
use crate::memory::Block;

macro_rules! pointer {
    ($(#[$doc:meta])* $name:ident, $unit:ty, $to_native:literal, $encode:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(transparent)]
        pub struct $name(*mut $unit);

        impl $name {
            /// A pointer to a text.
            ///
            /// # Safety
            /// It is null, or points to units up to a NUL that live as long as the
            /// value is used and that nobody writes to while they are read.
            ///
            /// ```
            #[doc = concat!("use freehold::strings::{NativeText, ", stringify!($name), "};")]
            #[doc = concat!("let block = \"hi\".", $to_native, "()?;")]
            /// // SAFETY: lives until the end, ends with a NUL.
            #[doc = concat!("let text = unsafe { ", stringify!($name), "::new(block.as_ptr().cast_mut()) };")]
            /// assert_eq!(text.len(), Ok(2));
            /// # Ok::<(), freehold::AllocError>(())
            /// ```
            pub const unsafe fn new(pointer: *mut $unit) -> $name {
                $name(pointer)
            }

            /// The pointer.
            ///
            /// ```
            #[doc = concat!("use freehold::strings::{NativeText, ", stringify!($name), "};")]
            #[doc = concat!("let block = \"hi\".", $to_native, "()?;")]
            /// // SAFETY: lives until the end, ends with a NUL.
            #[doc = concat!("let text = unsafe { ", stringify!($name), "::new(block.as_ptr().cast_mut()) };")]
            /// assert_eq!(text.as_ptr().cast_const(), block.as_ptr()); // for a call of C
            /// # Ok::<(), freehold::AllocError>(())
            /// ```
            pub fn as_ptr(self) -> *mut $unit {
                self.0
            }

            /// Whether it is null.
            ///
            /// ```
            #[doc = concat!("use freehold::strings::{", stringify!($name), "};")]
            /// // SAFETY: null.
            #[doc = concat!("let none = unsafe { ", stringify!($name), "::new(std::ptr::null_mut()) };")]
            /// assert!(none.is_null());
            /// ```
            pub fn is_null(self) -> bool {
                self.0.is_null()
            }

            /// Units before the NUL.
            ///
            /// # Errors
            /// [`TextError::Null`].
            ///
            /// ```
            #[doc = concat!("use freehold::strings::{NativeText, ", stringify!($name), "};")]
            #[doc = concat!("let block = \"hi\".", $to_native, "()?;")]
            /// // SAFETY: lives until the end, ends with a NUL.
            #[doc = concat!("let text = unsafe { ", stringify!($name), "::new(block.as_ptr().cast_mut()) };")]
            /// assert_eq!(text.len(), Ok(2));
            /// assert_eq!(block.len(), 3); // with its NUL
            /// # Ok::<(), freehold::AllocError>(())
            /// ```
            pub fn len(self) -> Result<usize, TextError> {
                self.bounded(usize::MAX)
            }

            /// Units before the NUL, at most `most`, behind which nothing is read.
            fn bounded(self, most: usize) -> Result<usize, TextError> {
                if self.0.is_null() {
                    return Err(TextError::Null);
                }
                let is_end = |at: &usize| {
                    // SAFETY: promised in `new`: up to the NUL.
                    unsafe { *self.0.add(*at) == 0 }
                };
                Ok((0..most).find(is_end).unwrap_or(most))
            }

            /// Bytes before the NUL.
            ///
            /// # Errors
            /// [`TextError::Null`].
            ///
            /// ```
            #[doc = concat!("use freehold::strings::{NativeText, ", stringify!($name), "};")]
            #[doc = concat!("let block = \"hi\".", $to_native, "()?;")]
            /// // SAFETY: lives until the end, ends with a NUL.
            #[doc = concat!("let text = unsafe { ", stringify!($name), "::new(block.as_ptr().cast_mut()) };")]
            #[doc = concat!("assert_eq!(text.byte_len(), Ok(2 * size_of::<", stringify!($unit), ">()));")]
            /// # Ok::<(), freehold::AllocError>(())
            /// ```
            pub fn byte_len(self) -> Result<usize, TextError> {
                Ok(self.len()? * size_of::<$unit>())
            }

            /// Whether there is no text before the NUL.
            ///
            /// # Errors
            /// [`TextError::Null`].
            ///
            /// ```
            #[doc = concat!("use freehold::strings::{NativeText, ", stringify!($name), "};")]
            #[doc = concat!("let block = \"\".", $to_native, "()?;")]
            /// // SAFETY: lives until the end, ends with a NUL.
            #[doc = concat!("let text = unsafe { ", stringify!($name), "::new(block.as_ptr().cast_mut()) };")]
            /// assert_eq!(text.is_empty(), Ok(true));
            /// # Ok::<(), freehold::AllocError>(())
            /// ```
            pub fn is_empty(self) -> Result<bool, TextError> {
                Ok(self.bounded(1)? == 0)
            }

            fn units(self, len: usize) -> &'static [$unit] {
                // SAFETY: found there, by the promise in `new`; used at once.
                unsafe { core::slice::from_raw_parts(self.0, len) }
            }

            /// A copy that the caller owns.
            ///
            /// # Errors
            /// [`AllocError::Empty`] for null; [`AllocError::OutOfMemory`].
            ///
            /// ```
            #[doc = concat!("use freehold::strings::{NativeText, ", stringify!($name), "};")]
            #[doc = concat!("let block = \"hi\".", $to_native, "()?;")]
            /// // SAFETY: lives until the end, ends with a NUL.
            #[doc = concat!("let text = unsafe { ", stringify!($name), "::new(block.as_ptr().cast_mut()) };")]
            /// let copy = text.copy()?;
            /// drop(block);
            /// assert_eq!(copy[..], [104, 105, 0]);
            /// # Ok::<(), freehold::AllocError>(())
            /// ```
            pub fn copy(self) -> Result<Block<$unit, DiagnosticCalloc>, AllocError> {
                let len = self.len().map_err(|_| AllocError::Empty)?;
                let mut block = crate::diagnostic_calloc::<$unit>(len + 1)?;
                block[..len].copy_from_slice(self.units(len));
                Ok(block)
            }

            /// Writes `text` with its NUL into the `room` units that there are.
            /// Gives the bytes that were written, NUL included.
            ///
            /// # Errors
            /// [`TextError::TooLong`], [`TextError::Nul`], [`TextError::Null`];
            /// nothing was written then.
            ///
            /// # Safety
            /// There is room for `room` units, which may be written to.
            ///
            /// ```
            #[doc = concat!("use freehold::strings::{TextError, ", stringify!($name), "};")]
            #[doc = concat!("let mut buffer = [0 as ", stringify!($unit), "; 3];")]
            /// // SAFETY: lives until the end, has room for three units.
            /// unsafe {
            #[doc = concat!("    let text = ", stringify!($name), "::new(buffer.as_mut_ptr());")]
            #[doc = concat!("    assert_eq!(text.set(\"hi\", 3), Ok(3 * size_of::<", stringify!($unit), ">()));")]
            ///     let error = TextError::TooLong { needed: 4, room: 3 };
            ///     assert_eq!(text.set("hey", 3), Err(error));
            /// }
            /// assert_eq!(buffer, [104, 105, 0]); // the first text
            /// ```
            pub unsafe fn set(self, text: &str, room: usize) -> Result<usize, TextError> {
                if self.0.is_null() {
                    return Err(TextError::Null);
                }
                let units: Vec<$unit> = $encode(text);
                if let Some(at) = units.iter().position(|unit| *unit == 0) {
                    return Err(TextError::Nul { at });
                }
                let needed = units.len() + 1;
                if needed > room {
                    return Err(TextError::TooLong { needed, room });
                }
                // SAFETY: promised by the caller.
                unsafe {
                    core::ptr::copy_nonoverlapping(units.as_ptr(), self.0, units.len());
                    self.0.add(units.len()).write(0);
                }
                Ok(needed * size_of::<$unit>())
            }

            /// The texts of a list that ends with an empty one, of which at most
            /// `room` units are read.
            ///
            /// # Errors
            /// [`TextError::Null`]; [`TextError::Invalid`].
            ///
            /// # Safety
            /// `room` units may be read, or those up to the end of the list.
            ///
            /// ```
            #[doc = concat!("use freehold::strings::", stringify!($name), ";")]
            #[doc = concat!("let mut units = [97, 0, 98, 0, 0 as ", stringify!($unit), "]; // \"a\", \"b\", the end")]
            /// // SAFETY: lives until the end, has that many units.
            #[doc = concat!("let list = unsafe { ", stringify!($name), "::new(units.as_mut_ptr()).list(units.len()) };")]
            /// assert_eq!(list, Ok(vec!["a".into(), "b".into()]));
            /// ```
            pub unsafe fn list(self, room: usize) -> Result<Vec<String>, TextError> {
                let mut texts = Vec::new();
                let mut at = 0;
                while at < room {
                    let next = $name(self.0.wrapping_add(at));
                    let len = match self.0.is_null() {
                        true => return Err(TextError::Null),
                        false => next.bounded(room - at)?,
                    };
                    if len == 0 {
                        break;
                    }
                    texts.push(next.decode(len)?);
                    at += len + 1;
                }
                Ok(texts)
            }

            /// The text; with `len` that many units of it, NULs included.
            ///
            /// # Errors
            /// [`TextError::Null`]; [`TextError::Invalid`].
            ///
            /// # Safety
            /// With `len`, that many units may be read.
            ///
            /// ```
            #[doc = concat!("use freehold::strings::", stringify!($name), ";")]
            #[doc = concat!("let mut units = [97, 0, 98, 0 as ", stringify!($unit), "];")]
            /// // SAFETY: lives until the end, has that many units, of which one is a NUL.
            /// unsafe {
            #[doc = concat!("    let text = ", stringify!($name), "::new(units.as_mut_ptr());")]
            ///     assert_eq!(text.text(None).as_deref(), Ok("a"));
            ///     assert_eq!(text.text(Some(3)).as_deref(), Ok("a\0b"));
            /// }
            /// ```
            pub unsafe fn text(self, len: Option<usize>) -> Result<String, TextError> {
                let len = match len {
                    Some(_) if self.0.is_null() => return Err(TextError::Null),
                    Some(len) => len,
                    None => self.len()?,
                };
                self.decode(len)
            }
        }
    };
}

pointer! {
    /// A pointer to UTF-8 that ends with a NUL (`PSTR`, `char *`).
    ///
    /// ```
    /// use freehold::strings::{NativeText, PStr};
    /// let block = "héllo".to_native_utf8().expect("memory");
    /// // SAFETY: lives until the end, ends with a NUL.
    /// let text = unsafe { PStr::new(block.as_ptr().cast_mut()) };
    /// assert_eq!(text.len(), Ok(6));
    /// // SAFETY: no length is given.
    /// assert_eq!(unsafe { text.text(None) }.as_deref(), Ok("héllo"));
    /// ```
    PStr, u8, "to_native_utf8", |text: &str| text.as_bytes().to_vec()
}

pointer! {
    /// A pointer to UTF-16 that ends with a NUL (`PWSTR`).
    ///
    /// ```
    /// use freehold::strings::{PWStr, wide_buffer};
    /// let mut block = wide_buffer(6).expect("memory");
    /// // SAFETY: lives until the end, has room for six units.
    /// unsafe {
    ///     let text = PWStr::new(block.as_mut_ptr());
    ///     assert_eq!(text.set("héllo", 6), Ok(12));
    ///     assert!(text.set("longer", 6).is_err());
    ///     assert_eq!(text.text(None).as_deref(), Ok("héllo"));
    /// }
    /// ```
    PWStr, u16, "to_native_utf16", |text: &str| text.encode_utf16().collect()
}

impl PStr {
    fn decode(self, len: usize) -> Result<String, TextError> {
        let bytes = self.units(len);
        core::str::from_utf8(bytes)
            .map(str::to_owned)
            .map_err(|error| TextError::Invalid {
                valid_up_to: error.valid_up_to(),
            })
    }

    /// The same text as UTF-16, a block of its own.
    ///
    /// # Errors
    /// [`AllocError::Empty`] for null and for what is no UTF-8;
    /// [`AllocError::OutOfMemory`].
    ///
    /// ```
    /// use freehold::strings::{NativeText, PStr};
    /// let block = "é".to_native_utf8()?;
    /// // SAFETY: lives until the end, ends with a NUL.
    /// let wide = unsafe { PStr::new(block.as_ptr().cast_mut()) }.to_wide()?;
    /// assert_eq!(wide[..], [0xe9, 0]);
    /// # Ok::<(), freehold::AllocError>(())
    /// ```
    pub fn to_wide(self) -> Result<Block<u16, DiagnosticCalloc>, AllocError> {
        let len = self.len().map_err(|_| AllocError::Empty)?;
        let text = self.decode(len).map_err(|_| AllocError::Empty)?;
        text.to_native_utf16()
    }
}

impl PWStr {
    /// Lone surrogates become U+FFFD: UTF-16 from outside may have them.
    fn decode(self, len: usize) -> Result<String, TextError> {
        Ok(String::from_utf16_lossy(self.units(len)))
    }
}
