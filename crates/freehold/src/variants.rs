//! `VARIANT` and `PROPVARIANT` with an owner: what one holds is released when it is
//! dropped, and one that is forgotten is a leak.
//!
//! Only on Windows. What is not here: arrays (`SAFEARRAY`), and the kinds that nobody
//! but their own functions make; [`Variant::as_mut_ptr`] leads to all of them.

use core::ffi::c_void;
use core::fmt;
use core::ptr::NonNull;

use freehold_families::win32::{bstr, co_task_mem, variants};
use freehold_families::{Family, FamilyError};

use crate::{AdoptError, FreeError, Owned, rules};

/// Numbers of kinds that both have (`VARENUM`, wtypes.h).
mod kind {
    pub(super) const EMPTY: u16 = 0;
    pub(super) const I4: u16 = 3;
    pub(super) const R4: u16 = 4;
    pub(super) const R8: u16 = 5;
    pub(super) const BSTR: u16 = 8;
    pub(super) const BOOL: u16 = 11;
    pub(super) const UI4: u16 = 19;
    pub(super) const I8: u16 = 20;
    pub(super) const LPWSTR: u16 = 31;
}

/// The layout that both have: VARIANT (oaidl.h), PROPVARIANT (propidlbase.h).
#[repr(C, align(8))]
struct Raw {
    kind: u16,
    reserved: [u16; 3],
    /// As wide as two pointers.
    data: [usize; 2],
}

const _: () = assert!(size_of::<Raw>() == 8 + 2 * size_of::<usize>());

impl Raw {
    /// The bytes of a value, lowest first.
    fn of(kind: u16, value: u64) -> Raw {
        let bytes = value.to_le_bytes();
        let mut raw = Raw {
            kind,
            reserved: [0; 3],
            data: [0; 2],
        };
        // SAFETY: both halves together are at least eight bytes.
        unsafe { raw.data.as_mut_ptr().cast::<[u8; 8]>().write(bytes) };
        raw
    }

    fn value(&self) -> u64 {
        // SAFETY: as above.
        u64::from_le_bytes(unsafe { self.data.as_ptr().cast::<[u8; 8]>().read() })
    }
}

/// Why there is no variant.
///
/// ```
/// use freehold::{Family, FamilyError, VariantError};
/// let error = VariantError::Family(FamilyError::OutOfMemory { family: Family::Bstr, bytes: 8 });
/// assert!(error.to_string().contains("BSTR"));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum VariantError {
    /// The system refused.
    Family(FamilyError),
    /// It could not be registered.
    Adopt(AdoptError),
}

impl fmt::Display for VariantError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VariantError::Family(error) => error.fmt(f),
            VariantError::Adopt(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for VariantError {}

impl From<FamilyError> for VariantError {
    fn from(error: FamilyError) -> Self {
        VariantError::Family(error)
    }
}

macro_rules! variant {
    ($(#[$doc:meta])* $name:ident, $family:ident, $clear:literal, $copy:literal, $text:expr, $make:expr) => {
        $(#[$doc])*
        pub struct $name {
            owned: Option<Owned<c_void, rules::$family>>,
            /// Memory of CoTaskMem that nobody records: what is recorded at its address
            /// is the variant.
            raw: NonNull<Raw>,
        }

        impl $name {
            /// An empty one.
            ///
            /// # Errors
            /// [`VariantError`] when it cannot be registered.
            ///
            /// ```
            #[doc = concat!("let empty = freehold::", stringify!($name), "::new()?;")]
            /// assert_eq!(empty.kind(), 0); // VT_EMPTY
            /// # Ok::<(), freehold::VariantError>(())
            /// ```
            pub fn new() -> Result<$name, VariantError> {
                $name::with(Raw::of(kind::EMPTY, 0))
            }

            fn with(what: Raw) -> Result<$name, VariantError> {
                let raw = co_task_mem::alloc(size_of::<Raw>())?.cast::<Raw>();
                // SAFETY: that long, and as aligned as all blocks of the system.
                unsafe { raw.write(what) };
                let size = size_of::<Raw>();
                // SAFETY: initialised, at a place of its own, cleared by nobody else.
                match unsafe { Owned::adopt(raw.as_ptr().cast(), size) } {
                    Ok(owned) => Ok($name {
                        owned: Some(owned),
                        raw,
                    }),
                    Err(error) => {
                        let at = raw.as_ptr() as usize;
                        // SAFETY: as above; then nothing is in it.
                        unsafe {
                            let _ = variants::release(Family::$family, at);
                            let _ = co_task_mem::free(at);
                        }
                        Err(VariantError::Adopt(error))
                    }
                }
            }

            fn raw(&self) -> &Raw {
                // SAFETY: live and initialised as long as this is.
                unsafe { self.raw.as_ref() }
            }

            /// One with this text.
            ///
            /// # Errors
            /// [`VariantError`] when there is no memory.
            ///
            /// ```
            #[doc = concat!("let text = freehold::", stringify!($name), "::text(\"gr\u{fc}\u{df}e\")?;")]
            /// assert_eq!(text.to_text().as_deref(), Some("gr\u{fc}\u{df}e"));
            /// # Ok::<(), freehold::VariantError>(())
            /// ```
            pub fn text(text: &str) -> Result<$name, VariantError> {
                let units: Vec<u16> = text.encode_utf16().collect();
                let made: fn(&[u16]) -> Result<usize, FamilyError> = $make;
                $name::with(Raw::of($text, made(&units)? as u64))
            }

            /// What kind of value it holds (`vt`).
            ///
            /// ```
            #[doc = concat!("let number = freehold::", stringify!($name), "::try_from(2.5_f64)?;")]
            /// assert_eq!(number.kind(), 5); // VT_R8
            /// # Ok::<(), freehold::VariantError>(())
            /// ```
            pub fn kind(&self) -> u16 {
                self.raw().kind
            }

            /// The whole number that it holds; `None` when it is of another kind.
            ///
            /// ```
            #[doc = concat!("let number = freehold::", stringify!($name), "::try_from(-7_i32)?;")]
            /// assert_eq!((number.to_i64(), number.to_f64()), (Some(-7), None));
            /// # Ok::<(), freehold::VariantError>(())
            /// ```
            pub fn to_i64(&self) -> Option<i64> {
                let value = self.raw().value();
                match self.raw().kind {
                    kind::I4 => Some(i64::from(value as i32)),
                    kind::UI4 => Some(i64::from(value as u32)),
                    kind::I8 => Some(value as i64),
                    _ => None,
                }
            }

            /// The number with a fraction that it holds; `None` when it is of another
            /// kind.
            ///
            /// ```
            #[doc = concat!("let number = freehold::", stringify!($name), "::try_from(0.5_f32)?;")]
            /// assert_eq!(number.to_f64(), Some(0.5));
            /// # Ok::<(), freehold::VariantError>(())
            /// ```
            pub fn to_f64(&self) -> Option<f64> {
                let value = self.raw().value();
                match self.raw().kind {
                    kind::R4 => Some(f64::from(f32::from_bits(value as u32))),
                    kind::R8 => Some(f64::from_bits(value)),
                    _ => None,
                }
            }

            /// Whether it holds true or false; `None` when it is of another kind.
            ///
            /// ```
            #[doc = concat!("let answer = freehold::", stringify!($name), "::try_from(true)?;")]
            /// assert_eq!(answer.to_bool(), Some(true));
            /// # Ok::<(), freehold::VariantError>(())
            /// ```
            pub fn to_bool(&self) -> Option<bool> {
                (self.raw().kind == kind::BOOL).then(|| self.raw().value() as u16 != 0)
            }

            /// The text that it holds, what is no UTF-16 in it replaced; `None` when it
            /// is of another kind.
            ///
            /// ```
            #[doc = concat!("let empty = freehold::", stringify!($name), "::new()?;")]
            /// assert_eq!(empty.to_text(), None);
            /// # Ok::<(), freehold::VariantError>(())
            /// ```
            pub fn to_text(&self) -> Option<String> {
                let at = self.raw().value() as usize;
                let units = match self.raw().kind {
                    _ if at == 0 => 0,
                    // SAFETY: a live one, which the variant owns.
                    kind::BSTR => unsafe { bstr::len(at) }?,
                    // SAFETY: the text ends with a NUL.
                    kind::LPWSTR => unsafe {
                        (0..).take_while(|unit| *(at as *const u16).add(*unit) != 0).count()
                    },
                    _ => return None,
                };
                if at == 0 {
                    let is_text = matches!(self.raw().kind, kind::BSTR | kind::LPWSTR);
                    return is_text.then(String::new);
                }
                // SAFETY: that long.
                let units = unsafe { core::slice::from_raw_parts(at as *const u16, units) };
                Some(String::from_utf16_lossy(units))
            }

            #[doc = concat!("A copy, by `", $copy, "`: texts and arrays are copied, too.")]
            ///
            /// # Errors
            /// [`VariantError`] when the system refused.
            ///
            /// ```
            #[doc = concat!("let text = freehold::", stringify!($name), "::text(\"a\")?;")]
            /// let copy = text.copy()?;
            /// drop(text);
            /// assert_eq!(copy.to_text().as_deref(), Some("a"));
            /// # Ok::<(), freehold::VariantError>(())
            /// ```
            pub fn copy(&self) -> Result<$name, VariantError> {
                let new = $name::new()?;
                let (to, from) = (new.raw.as_ptr() as usize, self.raw.as_ptr() as usize);
                // SAFETY: two variants, initialised.
                unsafe { variants::copy(Family::$family, to, from) }?;
                Ok(new)
            }

            /// Where the structure lies, for a function that reads it, or that fills it
            /// and expects an empty one.
            ///
            /// ```
            #[doc = concat!("let mut out = freehold::", stringify!($name), "::new()?;")]
            /// let pointer = out.as_mut_ptr(); // for a parameter `[out] VARIANT *`
            /// assert!(!pointer.is_null());
            /// # Ok::<(), freehold::VariantError>(())
            /// ```
            pub fn as_mut_ptr(&mut self) -> *mut c_void {
                self.raw.as_ptr().cast()
            }

            #[doc = concat!("Releases what it holds, by `", $clear, "`.")]
            ///
            /// # Errors
            /// [`FreeError`] when the system refused, as for an array that is locked: then
            /// it is still as it was, and a leak.
            ///
            /// ```
            #[doc = concat!("freehold::", stringify!($name), "::text(\"a\")?.clear().expect(\"not locked\");")]
            /// # Ok::<(), freehold::VariantError>(())
            /// ```
            pub fn clear(mut self) -> Result<(), FreeError> {
                self.end()
            }

            fn end(&mut self) -> Result<(), FreeError> {
                if let Some(owned) = self.owned.take() {
                    // What could not be released must keep its place.
                    owned.release()?;
                    // SAFETY: allocated by `with`, empty now, used by nobody.
                    let _ = unsafe { co_task_mem::free(self.raw.as_ptr() as usize) };
                }
                Ok(())
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                // A misuse is counted; a variant that stays is a leak.
                let _ = self.end();
            }
        }

        variant!(@from $name, i32, kind::I4, |value: i32| u64::from(value as u32));
        variant!(@from $name, u32, kind::UI4, |value: u32| u64::from(value));
        variant!(@from $name, i64, kind::I8, |value: i64| value as u64);
        variant!(@from $name, f32, kind::R4, |value: f32| u64::from(value.to_bits()));
        variant!(@from $name, f64, kind::R8, |value: f64| value.to_bits());
        // VARIANT_TRUE is -1 in 16 bits.
        variant!(@from $name, bool, kind::BOOL, |value: bool| if value { 0xffff } else { 0 });

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let value = self.raw().value();
                write!(f, "{}(kind {}, {value:#x})", stringify!($name), self.raw().kind)
            }
        }
    };
    (@from $name:ident, $type:ty, $kind:path, $bits:expr) => {
        impl TryFrom<$type> for $name {
            type Error = VariantError;

            fn try_from(value: $type) -> Result<$name, VariantError> {
                let bits: fn($type) -> u64 = $bits;
                $name::with(Raw::of($kind, bits(value)))
            }
        }
    };
}

variant! {
    /// A `VARIANT` that is owned.
    ///
    /// ```
    /// use freehold::Variant;
    /// let text = Variant::text("a")?;
    /// assert_eq!((text.kind(), text.to_text().as_deref()), (8, Some("a"))); // VT_BSTR
    /// # Ok::<(), freehold::VariantError>(())
    /// ```
    Variant, Variant, "VariantClear", "VariantCopy", kind::BSTR,
    |units| Ok(bstr::alloc(units)?.as_ptr() as usize)
}

variant! {
    /// A `PROPVARIANT` that is owned.
    ///
    /// ```
    /// use freehold::PropVariant;
    /// let text = PropVariant::text("a")?;
    /// assert_eq!((text.kind(), text.to_text().as_deref()), (31, Some("a"))); // VT_LPWSTR
    /// # Ok::<(), freehold::VariantError>(())
    /// ```
    PropVariant, PropVariant, "PropVariantClear", "PropVariantCopy", kind::LPWSTR,
    |units| {
        let bytes = (units.len() + 1) * 2;
        let block = co_task_mem::alloc(bytes)?.cast::<u16>();
        // SAFETY: room for the units and a NUL.
        unsafe {
            block.copy_from_nonoverlapping(NonNull::from(units).cast(), units.len());
            block.add(units.len()).write(0);
        }
        Ok(block.as_ptr() as usize)
    }
}
