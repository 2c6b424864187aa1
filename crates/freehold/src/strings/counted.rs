//! Strings that know their length: `BSTR` and `HSTRING`.

use core::fmt;
use core::ptr::NonNull;

use freehold_families::FamilyError;

use crate::families::{sys_alloc_string, windows_create_string, windows_duplicate_string};
use crate::free::free;
use crate::win32;

/// A `BSTR` that is owned: UTF-16 with a length, NULs allowed. Released by
/// `SysFreeString` when dropped.
///
/// ```
/// use freehold::strings::Bstr;
/// let text = Bstr::new("a\0é")?;
/// assert_eq!((text.len(), text.byte_len()), (3, 6));
/// assert_eq!(text.copy()?.to_string(), "a\0é");
/// # Ok::<(), freehold::FamilyError>(())
/// ```
pub struct Bstr(NonNull<u16>);

// SAFETY: it owns its text and never changes it.
unsafe impl Send for Bstr {}
// SAFETY: as above.
unsafe impl Sync for Bstr {}

impl Bstr {
    /// A string with this text.
    ///
    /// # Errors
    /// [`FamilyError`] when there is no memory, or it is too long.
    ///
    /// ```
    /// use freehold::strings::Bstr;
    /// assert_eq!(Bstr::new("hi")?.units(), [104, 105]);
    /// # Ok::<(), freehold::FamilyError>(())
    /// ```
    pub fn new(text: &str) -> Result<Bstr, FamilyError> {
        let units: Vec<u16> = text.encode_utf16().collect();
        Bstr::from_units(&units)
    }

    /// A string with these units.
    ///
    /// # Errors
    /// As for [`Bstr::new`].
    ///
    /// ```
    /// use freehold::strings::Bstr;
    /// assert_eq!(Bstr::from_units(&[0xd800])?.units(), [0xd800]);
    /// # Ok::<(), freehold::FamilyError>(())
    /// ```
    pub fn from_units(units: &[u16]) -> Result<Bstr, FamilyError> {
        sys_alloc_string(units).map(Bstr)
    }

    /// Takes over a string that an API gave.
    ///
    /// # Safety
    /// `pointer` is null or a live `BSTR` of [`families`](crate::families) that
    /// nobody else releases.
    ///
    /// ```
    /// use freehold::strings::Bstr;
    /// let raw = Bstr::new("x")?.into_raw();
    /// // SAFETY: just given up.
    /// let text = unsafe { Bstr::from_raw(raw) }.expect("not null");
    /// assert_eq!(text.to_string(), "x");
    /// # Ok::<(), freehold::FamilyError>(())
    /// ```
    pub unsafe fn from_raw(pointer: *mut u16) -> Option<Bstr> {
        NonNull::new(pointer).map(Bstr)
    }

    /// Gives the string up: `free` or `SysFreeString` releases it.
    ///
    /// ```
    /// use freehold::strings::Bstr;
    /// let raw = Bstr::new("hi")?.into_raw(); // for an API that releases it
    /// // SAFETY: live, used by nobody.
    /// unsafe { freehold::free(raw.cast()) }.expect("was live");
    /// # Ok::<(), freehold::FamilyError>(())
    /// ```
    #[must_use = "the string is lost when nobody releases the pointer"]
    pub fn into_raw(self) -> *mut u16 {
        core::mem::ManuallyDrop::new(self).0.as_ptr()
    }

    /// The pointer, for calls of an API.
    ///
    /// ```
    /// use freehold::strings::Bstr;
    /// let text = Bstr::new("hi")?;
    /// // SAFETY: live as long as `text`, with a NUL behind its two units.
    /// assert_eq!(unsafe { *text.as_ptr().add(2) }, 0);
    /// # Ok::<(), freehold::FamilyError>(())
    /// ```
    pub fn as_ptr(&self) -> *mut u16 {
        self.0.as_ptr()
    }

    /// Units of text.
    ///
    /// ```
    /// use freehold::strings::Bstr;
    /// assert_eq!(Bstr::new("𝄞")?.len(), 2); // a surrogate pair
    /// # Ok::<(), freehold::FamilyError>(())
    /// ```
    pub fn len(&self) -> usize {
        self.byte_len() / 2
    }

    /// Bytes of text.
    ///
    /// ```
    /// use freehold::strings::Bstr;
    /// assert_eq!(Bstr::new("hi")?.byte_len(), 4);
    /// # Ok::<(), freehold::FamilyError>(())
    /// ```
    pub fn byte_len(&self) -> usize {
        // SAFETY: a live string.
        unsafe { win32::bstr_bytes(self.0.as_ptr() as usize) }.unwrap_or(0)
    }

    /// Whether there is no text.
    ///
    /// ```
    /// use freehold::strings::Bstr;
    /// assert!(Bstr::new("")?.is_empty());
    /// assert!(!Bstr::new("\0")?.is_empty());
    /// # Ok::<(), freehold::FamilyError>(())
    /// ```
    pub fn is_empty(&self) -> bool {
        self.byte_len() == 0
    }

    /// The text.
    ///
    /// ```
    /// use freehold::strings::Bstr;
    /// let text = Bstr::new("a\0b")?;
    /// assert_eq!(text.units(), [97, 0, 98]);
    /// # Ok::<(), freehold::FamilyError>(())
    /// ```
    pub fn units(&self) -> &[u16] {
        // SAFETY: a live string of this length.
        unsafe { core::slice::from_raw_parts(self.0.as_ptr(), self.len()) }
    }

    /// Another string with the same text, NULs included.
    ///
    /// # Errors
    /// As for [`Bstr::new`].
    ///
    /// ```
    /// use freehold::strings::Bstr;
    /// let text = Bstr::new("a\0b")?;
    /// let copy = text.copy()?;
    /// assert_ne!(copy.as_ptr(), text.as_ptr());
    /// assert_eq!(copy.units(), text.units());
    /// # Ok::<(), freehold::FamilyError>(())
    /// ```
    pub fn copy(&self) -> Result<Bstr, FamilyError> {
        Bstr::from_units(self.units())
    }
}

impl fmt::Display for Bstr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf16_lossy(self.units()))
    }
}

impl fmt::Debug for Bstr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl Drop for Bstr {
    fn drop(&mut self) {
        // SAFETY: ours; nobody uses it any more.
        let _ = unsafe { free(self.0.as_ptr().cast()) };
    }
}

/// An `HSTRING` that is owned: a reference to a text that never changes; null is
/// the empty text. Released by `WindowsDeleteString` when dropped.
///
/// ```
/// use freehold::strings::Hstring;
/// let text = Hstring::new("é")?;
/// let copy = text.copy()?;
/// assert_eq!(copy.as_raw(), text.as_raw());
/// drop(text);
/// assert_eq!(copy.to_string(), "é");
/// assert_eq!(Hstring::new("")?.as_raw(), 0);
/// # Ok::<(), freehold::FamilyError>(())
/// ```
#[derive(PartialEq, Eq)]
pub struct Hstring(usize);

impl Hstring {
    /// A string with this text.
    ///
    /// # Errors
    /// [`FamilyError`] when there is no memory.
    ///
    /// ```
    /// use freehold::strings::Hstring;
    /// assert_eq!(Hstring::new("hi")?.to_string(), "hi");
    /// # Ok::<(), freehold::FamilyError>(())
    /// ```
    pub fn new(text: &str) -> Result<Hstring, FamilyError> {
        let units: Vec<u16> = text.encode_utf16().collect();
        windows_create_string(&units).map(Hstring)
    }

    /// The handle, for calls of an API; 0 for the empty text.
    ///
    /// ```
    /// use freehold::{families::windows_string_raw_buffer, strings::Hstring};
    /// let text = Hstring::new("hi")?;
    /// let (_, units) = windows_string_raw_buffer(text.as_raw())?;
    /// assert_eq!(units, 2);
    /// # Ok::<(), freehold::FamilyError>(())
    /// ```
    pub fn as_raw(&self) -> usize {
        self.0
    }

    /// Units of text.
    ///
    /// ```
    /// use freehold::strings::Hstring;
    /// assert_eq!(Hstring::new("𝄞")?.len(), 2); // a surrogate pair
    /// assert_eq!(Hstring::new("")?.len(), 0);
    /// # Ok::<(), freehold::FamilyError>(())
    /// ```
    pub fn len(&self) -> usize {
        self.units().len()
    }

    /// The text.
    fn units(&self) -> &[u16] {
        // SAFETY: a live string, whose text never changes.
        unsafe {
            let found = win32::hstring_text(self.0);
            found.map_or(&[], |(at, units)| {
                core::slice::from_raw_parts(at.as_ptr(), units)
            })
        }
    }

    /// Whether there is no text.
    ///
    /// ```
    /// use freehold::strings::Hstring;
    /// assert!(Hstring::new("")?.is_empty());
    /// assert!(!Hstring::new("hi")?.is_empty());
    /// # Ok::<(), freehold::FamilyError>(())
    /// ```
    pub fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// One reference more to the same text.
    ///
    /// # Errors
    /// [`FamilyError`] when somebody released it behind our back.
    ///
    /// ```
    /// use freehold::strings::Hstring;
    /// let text = Hstring::new("hi")?;
    /// let copy = text.copy()?; // no second text: one reference more
    /// drop(text);
    /// assert_eq!(copy.to_string(), "hi");
    /// # Ok::<(), freehold::FamilyError>(())
    /// ```
    pub fn copy(&self) -> Result<Hstring, FamilyError> {
        windows_duplicate_string(self.0).map(Hstring)
    }
}

impl fmt::Display for Hstring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf16_lossy(self.units()))
    }
}

impl fmt::Debug for Hstring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl Drop for Hstring {
    fn drop(&mut self) {
        if self.0 != 0 {
            // SAFETY: our reference; nobody uses it any more.
            let _ = unsafe { free(self.0 as *mut core::ffi::c_void) };
        }
    }
}
