//! `cargo xtask dist PREFIX`: the C library as others find it, with its headers
//! and what pkg-config and CMake need.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::steps::{cargo, step};
use crate::{bits32, root};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// For which programs a library is.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Width {
    Bits64,
    Bits32,
}

/// Builds the library, and puts everything below `prefix`.
pub(crate) fn run(prefix: &str, width: Width) -> Result<(), String> {
    let built = match width {
        Width::Bits32 => bits32::build_library()?,
        Width::Bits64 => {
            step(
                "the C library",
                &mut cargo(&["build", "--release", "--package", "freehold-capi"]),
            )?;
            target().join("release")
        }
    };
    fs::create_dir_all(prefix).map_err(|e| format!("{prefix}: {e}"))?;
    let prefix = fs::canonicalize(prefix).map_err(|e| format!("{prefix}: {e}"))?;
    let lib = prefix.join("lib");
    let capi = root().join("crates/capi");
    let real = format!("libfreehold.so.{VERSION}");
    without_debug(&built.join("libfreehold_c.so"), &lib.join(&real))?;
    without_debug(&built.join("libfreehold_c.a"), &lib.join("libfreehold.a"))?;
    link(&real, &lib.join("libfreehold.so.0"))?;
    link("libfreehold.so.0", &lib.join("libfreehold.so"))?;
    for header in ["freehold.h", "freehold.hpp"] {
        let from = capi.join("include").join(header);
        write(&prefix.join("include").join(header), &read(&from)?)?;
    }
    let at = prefix.to_str().ok_or("the prefix is no UTF-8")?;
    for (from, to) in [
        ("freehold.pc.in", "pkgconfig/freehold.pc"),
        (
            "freehold-config.cmake",
            "cmake/freehold/freehold-config.cmake",
        ),
        (
            "freehold-config-version.cmake.in",
            "cmake/freehold/freehold-config-version.cmake",
        ),
    ] {
        let text = read(&capi.join("dist").join(from))?;
        let text = text.replace("@PREFIX@", at).replace("@VERSION@", VERSION);
        write(&lib.join(to), &text)?;
    }
    Ok(())
}

/// Where Cargo builds.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    folder_of(path)?;
    fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}

fn folder_of(path: &Path) -> Result<(), String> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))
}

/// A library without its debug information, which is many times its code; as it
/// is where there is no `objcopy`.
pub(crate) fn without_debug(from: &Path, to: &Path) -> Result<(), String> {
    folder_of(to)?;
    // A program may run with the old file: it keeps that, under no name.
    let _ = fs::remove_file(to);
    let stripped = Command::new("objcopy")
        .arg("--strip-debug")
        .args([from, to])
        .status();
    if stripped.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    let copied = fs::copy(from, to).map(drop);
    copied.map_err(|e| format!("{} to {}: {e}", from.display(), to.display()))
}

fn link(to: &str, at: &Path) -> Result<(), String> {
    let _ = fs::remove_file(at);
    std::os::unix::fs::symlink(to, at).map_err(|e| format!("{}: {e}", at.display()))
}
