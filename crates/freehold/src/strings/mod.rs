//! Strings as native code has them: UTF-8 and UTF-16 with a NUL at the end,
//! lists of them, and the counted ones of COM and of the Windows Runtime, the
//! same on every platform.
//!
//! [`PStr`] and [`PWStr`] are pointers as C has them; what [`NativeText`] makes
//! is a [`Block`](crate::Block) that owns the text. [`Bstr`] and [`Hstring`] own
//! theirs.
//!
//! ```
//! use freehold::strings::{Bstr, NativeText, PWStr};
//! let wide = "héllo".to_native_utf16().expect("memory");
//! // SAFETY: lives until the end, ends with a NUL; no length is given.
//! let read = unsafe { PWStr::new(wide.as_ptr().cast_mut()).text(None) };
//! assert_eq!(read.as_deref(), Ok("héllo"));
//! let counted = Bstr::new("héllo").expect("memory");
//! assert_eq!(counted.units(), &wide[..5]);
//! ```

mod convert;
mod counted;
mod pointers;

pub use convert::{NativeText, TextError, multi_sz, multi_sz_utf8, wide_buffer};
pub use counted::{Bstr, Hstring};
pub use pointers::{PStr, PWStr};
