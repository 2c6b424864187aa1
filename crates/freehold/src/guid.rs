//! `GUID`, as COM and the system's functions take it: identifiers of classes,
//! interfaces and folders. The same on every platform.
//!
//! What is not here: making a new one, which the system does (`CoCreateGuid`).

use core::fmt;
use core::str::FromStr;

use crate::{AllocError, Block, DiagnosticCalloc, Zeroed};

/// A `GUID` (also `IID`, `CLSID`, `REFKNOWNFOLDERID`): 16 bytes, of which all but
/// the last eight are numbers in the processor's order.
///
/// Layout: GUID (guiddef.h).
///
/// ```
/// use freehold::Guid;
/// let unknown: Guid = "{00000000-0000-0000-C000-000000000046}".parse()?;
/// assert_eq!(unknown.to_u128(), 0x0000_0000_0000_0000_c000_0000_0000_0046);
/// assert_eq!(unknown.to_string(), "{00000000-0000-0000-C000-000000000046}");
/// # Ok::<(), freehold::GuidError>(())
/// ```
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid {
    /// The first eight digits.
    pub data1: u32,
    /// The four digits after them.
    pub data2: u16,
    /// The next four.
    pub data3: u16,
    /// The last sixteen digits, two to a byte.
    pub data4: [u8; 8],
}

const _: () = assert!(size_of::<Guid>() == 16 && align_of::<Guid>() == 4);

// SAFETY: numbers.
unsafe impl Zeroed for Guid {}

impl Guid {
    /// The one whose digits are all 0 (`GUID_NULL`).
    ///
    /// ```
    /// assert_eq!(freehold::Guid::ZERO.to_u128(), 0);
    /// ```
    pub const ZERO: Guid = Guid::from_u128(0);

    /// One of its parts, as headers have them.
    ///
    /// ```
    /// use freehold::Guid;
    /// let documents = Guid::from_components(
    ///     0xfdd3_9ad0, 0x238f, 0x46af, [0xad, 0xb4, 0x6c, 0x85, 0x48, 0x03, 0x69, 0xc7],
    /// );
    /// assert_eq!(documents.to_string(), "{FDD39AD0-238F-46AF-ADB4-6C85480369C7}");
    /// ```
    pub const fn from_components(data1: u32, data2: u16, data3: u16, data4: [u8; 8]) -> Guid {
        Guid {
            data1,
            data2,
            data3,
            data4,
        }
    }

    /// One of its 32 digits as a number.
    ///
    /// ```
    /// use freehold::Guid;
    /// const UNKNOWN: Guid = Guid::from_u128(0x00000000_0000_0000_c000_000000000046);
    /// assert_eq!(UNKNOWN.data4[0], 0xc0);
    /// ```
    pub const fn from_u128(digits: u128) -> Guid {
        Guid {
            data1: (digits >> 96) as u32,
            data2: (digits >> 80) as u16,
            data3: (digits >> 64) as u16,
            data4: (digits as u64).to_be_bytes(),
        }
    }

    /// Its 32 digits as a number.
    ///
    /// ```
    /// use freehold::Guid;
    /// assert_eq!(Guid::from_u128(0xabc).to_u128(), 0xabc);
    /// ```
    pub const fn to_u128(&self) -> u128 {
        (self.data1 as u128) << 96
            | (self.data2 as u128) << 80
            | (self.data3 as u128) << 64
            | u64::from_be_bytes(self.data4) as u128
    }

    /// A copy in native memory, for functions that take a pointer and keep it.
    /// One that is only read during a call can be passed as `&guid`.
    ///
    /// # Errors
    /// [`AllocError`] as [`diagnostic_calloc`](crate::diagnostic_calloc()) gives it.
    ///
    /// ```
    /// use freehold::Guid;
    /// let native = Guid::from_u128(7).to_native()?;
    /// assert_eq!(native[0], Guid::from_u128(7));
    /// native.release().expect("was live");
    /// # Ok::<(), freehold::AllocError>(())
    /// ```
    pub fn to_native(&self) -> Result<Block<Guid, DiagnosticCalloc>, AllocError> {
        Ok(crate::diagnostic_calloc(1)?.fill(*self))
    }
}

/// As `StringFromGUID2` writes it: in braces, its digits upper-case.
impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = u64::from_be_bytes(self.data4);
        write!(
            f,
            "{{{:08X}-{:04X}-{:04X}-{:04X}-{:012X}}}",
            self.data1,
            self.data2,
            self.data3,
            last >> 48,
            last & 0xffff_ffff_ffff
        )
    }
}

/// Why a text is no `GUID`.
///
/// ```
/// use freehold::{Guid, GuidError};
/// assert_eq!("{0}".parse::<Guid>(), Err(GuidError::Length { units: 1 }));
/// let braces = "{00000000-0000-0000-C000-000000000046".parse::<Guid>();
/// assert_eq!(braces, Err(GuidError::Braces));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GuidError {
    /// There is a brace on one side only.
    Braces,
    /// Without braces it must have 36 characters.
    Length {
        /// How many it has.
        units: usize,
    },
    /// Something else than a digit, or than a hyphen between two groups.
    Character {
        /// Its place behind the brace, from 0.
        at: usize,
    },
}

impl fmt::Display for GuidError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GuidError::Braces => f.write_str("a GUID has braces on both sides or on none"),
            GuidError::Length { units } => write!(
                f,
                "a GUID has 32 hexadecimal digits in groups of 8-4-4-4-12, 36 characters: this \
                 has {units}"
            ),
            GuidError::Character { at } => write!(
                f,
                "a GUID has 32 hexadecimal digits in groups of 8-4-4-4-12: character {at} is \
                 neither such a digit nor the hyphen that belongs there"
            ),
        }
    }
}

impl std::error::Error for GuidError {}

impl FromStr for Guid {
    type Err = GuidError;

    /// Reads `{8-4-4-4-12}` hexadecimal digits, in any case, with or without the
    /// braces.
    ///
    /// ```
    /// use freehold::Guid;
    /// let guid: Guid = "fdd39ad0-238f-46af-adb4-6c85480369c7".parse()?;
    /// assert_eq!(guid.data2, 0x238f);
    /// # Ok::<(), freehold::GuidError>(())
    /// ```
    fn from_str(text: &str) -> Result<Guid, GuidError> {
        let inner = match (text.strip_prefix('{'), text.ends_with('}')) {
            (None, false) => text,
            (Some(rest), true) => &rest[..rest.len() - 1],
            _ => return Err(GuidError::Braces),
        };
        let units = inner.chars().count();
        if units != 36 {
            return Err(GuidError::Length { units });
        }
        let mut digits = 0;
        for (at, character) in inner.chars().enumerate() {
            let hyphen = matches!(at, 8 | 13 | 18 | 23);
            match character.to_digit(16) {
                Some(digit) if !hyphen => digits = digits << 4 | u128::from(digit),
                None if hyphen && character == '-' => {}
                _ => return Err(GuidError::Character { at }),
            }
        }
        Ok(Guid::from_u128(digits))
    }
}

#[cfg(all(windows, feature = "windows-sys"))]
impl From<windows_sys::core::GUID> for Guid {
    fn from(guid: windows_sys::core::GUID) -> Guid {
        Guid::from_components(guid.data1, guid.data2, guid.data3, guid.data4)
    }
}

#[cfg(all(windows, feature = "windows-sys"))]
impl From<Guid> for windows_sys::core::GUID {
    fn from(guid: Guid) -> Self {
        Self {
            data1: guid.data1,
            data2: guid.data2,
            data3: guid.data3,
            data4: guid.data4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_and_number_give_the_guid_back(digits: u128) {
            let guid = Guid::from_u128(digits);
            prop_assert_eq!(guid.to_u128(), digits);
            let text = guid.to_string();
            prop_assert_eq!(text.parse(), Ok(guid));
            prop_assert_eq!(text[1..37].to_lowercase().parse(), Ok(guid));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            let _ = text.parse::<Guid>();
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let parse = |text: &str| text.parse::<Guid>();
        assert_eq!(parse(""), Err(GuidError::Length { units: 0 }));
        assert_eq!(parse("{"), Err(GuidError::Braces));
        assert_eq!(parse("}"), Err(GuidError::Braces));
        let text = "00000000-0000-0000-C000-00000000004";
        assert_eq!(
            parse(&format!("{text}g")),
            Err(GuidError::Character { at: 35 })
        );
        assert_eq!(
            parse(&format!("{text}é")),
            Err(GuidError::Character { at: 35 })
        );
        let other = "00000000+0000-0000-C000-000000000046";
        assert_eq!(parse(other), Err(GuidError::Character { at: 8 }));
        let early = "0000000-00000-0000-C000-000000000046";
        assert_eq!(parse(early), Err(GuidError::Character { at: 7 }));
    }
}
