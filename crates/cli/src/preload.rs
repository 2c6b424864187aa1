//! The preload library: where it lies, and how it gets into PROGRAM.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::errors::Failure;

const NAME: &str = "libfreehold_interpose.so";
const VARIABLE: &str = "FREEHOLD_PRELOAD";

/// Finds the library.
///
/// # Errors
/// When it is nowhere, with all the places.
pub(crate) fn find() -> Result<PathBuf, Failure> {
    if let Some(given) = std::env::var_os(VARIABLE).filter(|v| !v.is_empty()) {
        let path = PathBuf::from(given);
        return match path.is_file() {
            true => usable(path),
            false => Err(Failure::freehold(format!(
                "{VARIABLE} names {}, which is no file",
                path.display()
            ))),
        };
    }
    let exe = std::env::current_exe()
        .map_err(|e| Failure::freehold(format!("cannot find out where freehold itself is: {e}")))?;
    let folder = exe.parent().unwrap_or(Path::new("/"));
    // Cargo renews the copy in `deps` always, the one beside it sometimes.
    let places = [
        folder.join("deps"),
        folder.to_owned(),
        folder.join("../lib/freehold"),
        folder.join("../lib"),
    ];
    for place in &places {
        let path = place.join(NAME);
        if path.is_file() {
            return usable(std::fs::canonicalize(&path).unwrap_or(path));
        }
    }
    let places: Vec<String> = places.iter().map(|p| p.display().to_string()).collect();
    Err(Failure::freehold(format!(
        "the preload library {NAME} is missing; it was looked for in {} ({VARIABLE} may name it)",
        places.join(", ")
    )))
}

/// The loader splits `LD_PRELOAD` at spaces and colons, with no way to quote.
fn usable(path: PathBuf) -> Result<PathBuf, Failure> {
    let path = std::path::absolute(&path).unwrap_or(path);
    let splits = |b: &u8| matches!(b, b' ' | b':');
    match path.as_os_str().as_bytes().iter().any(splits) {
        true => Err(Failure::freehold(format!(
            "the preload library lies at {}, and the loader takes no path with a space or a colon",
            path.display()
        ))),
        false => Ok(path),
    }
}

/// The value of `LD_PRELOAD` with the library in front of what stood there.
pub(crate) fn variable(library: &Path, existing: Option<&OsStr>) -> OsString {
    let mut value = OsString::from(library);
    let existing = existing.unwrap_or_default().as_bytes();
    let others = existing
        .split(|b| matches!(b, b' ' | b':'))
        .filter(|other| !other.is_empty() && !other.ends_with(NAME.as_bytes()));
    for other in others {
        value.push(":");
        value.push(OsStr::from_bytes(other));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_libraries_stay_and_ours_comes_once() {
        let ours = Path::new("/x/libfreehold_interpose.so");
        for (existing, whole) in [
            (None, "/x/libfreehold_interpose.so"),
            (Some(""), "/x/libfreehold_interpose.so"),
            (Some("a.so b.so"), "/x/libfreehold_interpose.so:a.so:b.so"),
            (
                Some("/y/libfreehold_interpose.so:a.so"),
                "/x/libfreehold_interpose.so:a.so",
            ),
        ] {
            assert_eq!(variable(ours, existing.map(OsStr::new)), whole);
        }
    }
}
