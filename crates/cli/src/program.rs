//! PROGRAM before it is run: where it is, and whether the preload library can
//! get into it. What cannot work is refused here, with the reason, instead of
//! ending in an empty report.

mod image;
mod privilege;

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::errors::{CANNOT_RUN, FREEHOLD, Failure, NOT_FOUND};

/// Scripts may name scripts as their interpreter; the kernel stops here too.
const MOST_SCRIPTS: usize = 4;
/// What the kernel reads of a file to find out what it is.
const HEAD: usize = 256;

/// Finds PROGRAM as a shell would, and makes sure that it can be tracked.
///
/// # Errors
/// With 127 when there is none, 126 when it cannot be run, 125 when it could
/// be run but not tracked.
pub(crate) fn find(name: &OsStr) -> Result<PathBuf, Failure> {
    let path = locate(name)?;
    inspect(&path, MOST_SCRIPTS)?;
    Ok(path)
}

fn locate(name: &OsStr) -> Result<PathBuf, Failure> {
    let shown = name.to_string_lossy().into_owned();
    if name.is_empty() {
        return Err(Failure::new(NOT_FOUND, "the name of the program is empty"));
    }
    if name.as_bytes().contains(&b'/') {
        let path = PathBuf::from(name);
        return match runnable(&path) {
            Ok(()) => Ok(path),
            Err(e) => Err(cannot_run(&path, &e)),
        };
    }
    let search = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/bin:/usr/bin"));
    let mut refused = None;
    for directory in std::env::split_paths(&search) {
        let directory = match directory.as_os_str().is_empty() {
            true => Path::new("."),
            false => &directory,
        };
        let path = directory.join(name);
        match runnable(&path) {
            Ok(()) => return Ok(path),
            Err(e) if is_absence(&e) => {}
            Err(e) => refused = refused.or(Some((path, e))),
        }
    }
    if let Some((path, e)) = refused {
        return Err(cannot_run(&path, &e));
    }
    let hint = match Path::new(name).is_file() {
        true => format!("; to run the one in this folder, write ./{shown}"),
        false => String::new(),
    };
    let message = format!("there is no program '{shown}' in any folder of PATH{hint}");
    Err(Failure::new(NOT_FOUND, message))
}

fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Whether the file is one that this user may execute.
fn runnable(path: &Path) -> io::Result<()> {
    let metadata = std::fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let name = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: the name is a C string.
    let refused =
        unsafe { libc::faccessat(libc::AT_FDCWD, name.as_ptr(), libc::X_OK, libc::AT_EACCESS) };
    match refused {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn cannot_run(path: &Path, error: &io::Error) -> Failure {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            Failure::new(NOT_FOUND, format!("there is no program {path}"))
        }
        io::ErrorKind::IsADirectory => {
            Failure::new(CANNOT_RUN, format!("cannot run {path}: it is a folder"))
        }
        io::ErrorKind::PermissionDenied => {
            let why = "this user may not execute it (chmod +x makes a file executable)";
            Failure::new(CANNOT_RUN, format!("cannot run {path}: {why}"))
        }
        _ => Failure::new(CANNOT_RUN, format!("cannot run {path}: {error}")),
    }
}

/// Makes sure that the file at `path`, or the interpreter that it names, takes
/// the preload library.
fn inspect(path: &Path, scripts_left: usize) -> Result<(), Failure> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        // Executable but not readable: only running it tells.
        Err(_) => return Ok(()),
    };
    let mut head = Vec::with_capacity(HEAD);
    let read = Read::by_ref(&mut file)
        .take(HEAD as u64)
        .read_to_end(&mut head);
    read.map_err(|e| Failure::new(CANNOT_RUN, format!("cannot read {}: {e}", path.display())))?;
    if head.starts_with(b"\x7fELF") {
        privilege::check(path, &file)?;
        return image::check(path, &file);
    }
    if let Some(line) = head.strip_prefix(b"#!") {
        return interpreter(path, line, scripts_left);
    }
    if head.is_empty() {
        return Err(Failure::new(
            CANNOT_RUN,
            format!("cannot run {}: it is empty", path.display()),
        ));
    }
    let line = head.split(|b| *b == b'\n').next().unwrap_or_default();
    if line.contains(&0) {
        let message = format!(
            "cannot run {}: it is neither an ELF program nor a script",
            path.display()
        );
        return Err(Failure::new(CANNOT_RUN, message));
    }
    // A script without `#!`: it is given to the shell.
    inspect(Path::new("/bin/sh"), scripts_left.saturating_sub(1))
}

/// Inspects what the `#!` line of a script names.
fn interpreter(script: &Path, line: &[u8], scripts_left: usize) -> Result<(), Failure> {
    let script = script.display();
    let line = line.split(|b| *b == b'\n').next().unwrap_or_default();
    let mut words = line
        .split(|b| b.is_ascii_whitespace())
        .filter(|w| !w.is_empty());
    let Some(first) = words.next() else {
        let message = format!("cannot run {script}: its #! line names no interpreter");
        return Err(Failure::new(CANNOT_RUN, message));
    };
    if scripts_left == 0 {
        let message =
            format!("cannot run {script}: its interpreter is a script of a script, too often");
        return Err(Failure::new(CANNOT_RUN, message));
    }
    let of_script = |f: Failure| Failure {
        message: format!("{} (the interpreter of {script})", f.message),
        code: if f.code == NOT_FOUND {
            CANNOT_RUN
        } else {
            f.code
        },
    };
    let path = PathBuf::from(OsString::from_vec(first.to_vec()));
    runnable(&path).map_err(|e| of_script(cannot_run(&path, &e)))?;
    inspect(&path, scripts_left - 1).map_err(of_script)?;
    if path.file_name() != Some(OsStr::new("env")) {
        return Ok(());
    }
    // `env X`, `env -S X …`, `env A=B X`: the first word that is neither an
    // option nor an assignment is what env runs.
    let named = words.find(|w| !w.starts_with(b"-") && !w.contains(&b'='));
    match named {
        Some(name) => {
            let found = locate(OsStr::from_bytes(name)).map_err(of_script)?;
            inspect(&found, scripts_left - 1).map_err(of_script)
        }
        None => Ok(()),
    }
}

/// The failure of a program that runs, but cannot be tracked.
fn untrackable(path: &Path, why: &str) -> Failure {
    let message = format!("cannot track {}: {why}", path.display());
    Failure::new(FREEHOLD, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_as_a_shell_finds_them() {
        assert!(find(OsStr::new("sh")).unwrap().ends_with("sh"));
        assert_eq!(find(OsStr::new("/bin/sh")).unwrap(), Path::new("/bin/sh"));
        for (name, code) in [
            ("", NOT_FOUND),
            ("no-such-program-anywhere", NOT_FOUND),
            ("/no/such/program", NOT_FOUND),
            ("/etc/passwd/x", NOT_FOUND),
            ("/etc", CANNOT_RUN),
            ("/etc/passwd", CANNOT_RUN),
            ("/dev/null", CANNOT_RUN),
        ] {
            assert_eq!(find(OsStr::new(name)).unwrap_err().code, code, "{name}");
        }
    }
}
