//! Addresses that a Python program keeps as integers.
//!
//! ctypes and cffi programs hold native pointers as `int`. CPython stores an
//! integer as digits of 30 bits, so that an address never appears as a word:
//!
//! ```text
//!   word 0          word 1                 word 2            word 3
//!   &PyLong_Type    number of digits       digit 0 | digit 1 | ...
//! ```
//! From 3.12 on, word 1 is `digits << 3 | sign`, the sign 0 for a positive
//! number. An address has one or two digits.

/// How this interpreter writes down the length of an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PythonLayout {
    /// Up to 3.11: `ob_size`.
    Size,
    /// From 3.12 on: `lv_tag`.
    Tag,
}

/// What the scan must know about a CPython interpreter in the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PythonLong {
    /// Address of `PyLong_Type`.
    pub type_address: u64,
    /// How the length is written.
    pub layout: PythonLayout,
}

impl PythonLong {
    /// The number of digits that `word` tells of, if they can be an address.
    #[inline]
    pub(crate) fn digits(self, word: u64) -> Option<u32> {
        let count = match self.layout {
            PythonLayout::Size => word,
            PythonLayout::Tag if word & 3 == 0 => word >> 3,
            PythonLayout::Tag => return None,
        };
        matches!(count, 1 | 2).then_some(count as u32)
    }

    /// The value of the digits.
    #[inline]
    pub(crate) fn value(digits: [u32; 2], count: u32) -> u64 {
        let high = if count == 2 {
            u64::from(digits[1]) << 30
        } else {
            0
        };
        high | u64::from(digits[0])
    }
}
