//! `libfreehold` for addons of other languages, as those of Python and Node: found and
//! loaded at run time, so that all of a process share one library and one ledger.
//!
//! What is not here: where a package has its library; what its functions do
//! (`freehold.h`).
#![allow(non_camel_case_types)]

mod api;

use core::ffi::CStr;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

pub use api::*;

/// The version that a library must have.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Why there is no library: what was wrong with the file, and what to do.
#[derive(Debug)]
pub struct LoadError(String);

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LoadError {}

/// Where the library is: what `FREEHOLD_LIBRARY` names, else in the first of these folders
/// that has it, else the name by which the system looks for it.
pub fn path(beside: &[PathBuf]) -> PathBuf {
    if let Some(named) = std::env::var_os("FREEHOLD_LIBRARY").filter(|named| !named.is_empty()) {
        return named.into();
    }
    let name = match cfg!(windows) {
        true => "freehold.dll",
        false => "libfreehold.so.0",
    };
    let files = beside.iter().map(|folder| folder.join(name));
    files
        .into_iter()
        .find(|file| file.exists())
        .unwrap_or(name.into())
}

/// Loads the library from a file, or by the system's search where the name has no
/// folder. It stays loaded for good.
///
/// # Errors
/// When there is none, it is another library, or one of another version.
///
/// # Safety
/// The file is a `libfreehold`, or none whose initialisers do harm.
pub unsafe fn load(path: impl AsRef<OsStr>) -> Result<Api, LoadError> {
    let path = path.as_ref();
    let shown = Path::new(path).display();
    // SAFETY: promised by the caller.
    let library = unsafe { open(path) }.map_err(|error| {
        LoadError(format!(
            "freehold's library cannot be loaded from {shown}: {error}. Set FREEHOLD_LIBRARY to \
             the path of libfreehold {VERSION}"
        ))
    })?;
    // For good: its functions are called until the process ends.
    let library = std::mem::ManuallyDrop::new(library);
    let find = |name: &'static CStr| -> *const core::ffi::c_void {
        // SAFETY: only the address is taken.
        let address = unsafe {
            let symbol = library.get::<*const ()>(name.to_bytes_with_nul());
            symbol.ok().and_then(|symbol| symbol.try_as_raw_ptr())
        };
        address.map_or(core::ptr::null(), |address| address.cast_const().cast())
    };
    // First the version: what is missing in another one would say less.
    let version = find(c"freehold_version");
    if version.is_null() {
        return Err(LoadError(format!(
            "{shown} is no libfreehold: it has no function freehold_version"
        )));
    }
    // SAFETY: the function of this name has had this type from the first version on.
    let version = unsafe {
        let version: unsafe extern "C" fn() -> *const core::ffi::c_char =
            core::mem::transmute(version);
        CStr::from_ptr(version()).to_string_lossy().into_owned()
    };
    if version != VERSION {
        return Err(LoadError(format!(
            "{shown} is libfreehold {version}, and this package needs {VERSION}: install them \
             together, or set FREEHOLD_LIBRARY to the path of the right one"
        )));
    }
    // SAFETY: the library has the version whose header this was made of.
    unsafe { Api::find(find) }.map_err(|missing| {
        LoadError(format!(
            "{shown} calls itself libfreehold {version}, but has no function {}",
            missing.to_string_lossy()
        ))
    })
}

/// Loads it so that other copies of it find the ledger that this one keeps: by a symbol,
/// which must be seen in the whole process.
///
/// # Safety
/// As for [`load`].
#[cfg(unix)]
unsafe fn open(path: &OsStr) -> Result<libloading::Library, libloading::Error> {
    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
    // SAFETY: promised by the caller.
    unsafe { Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL) }.map(Into::into)
}

/// Loads it; on Windows each library is asked for the symbol.
///
/// # Safety
/// As for [`load`].
#[cfg(windows)]
unsafe fn open(path: &OsStr) -> Result<libloading::Library, libloading::Error> {
    // SAFETY: promised by the caller.
    unsafe { libloading::Library::new(path) }
}
