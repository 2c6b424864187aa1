//! Strings as native code has them: UTF-8 and UTF-16 with a NUL at the end,
//! lists of them, and the counted ones of COM and of the Windows Runtime, the
//! same on every platform.
//!
//! [`PStr`] and [`PWStr`] are pointers as C has them; what [`NativeText`] makes
//! is a [`Block`](crate::Block) that owns the text. [`Bstr`] and [`Hstring`] own
//! theirs.

mod convert;
mod counted;
mod pointers;

pub use convert::{NativeText, TextError, multi_sz, multi_sz_utf8, wide_buffer};
pub use counted::{Bstr, Hstring};
pub use pointers::{PStr, PWStr};
