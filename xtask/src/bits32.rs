//! The tests of the 32-bit side on Linux, and its C library: built by Debian's Rust,
//! run by this machine's kernel with the C library for 32-bit programs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::steps::{cargo, step};
use crate::{capi, debian, dist, packages, root};

/// What runs in 32-bit programs.
const CRATES: &[&str] = &[
    "freehold-ledger",
    "freehold-unwind",
    "freehold-families",
    "freehold",
    "freehold-capi",
];
const TARGET: &str = "i686-unknown-linux-gnu";
/// Below the target folder.
const FOLDER: &str = "linux32";

/// Program or file that proves a package, and the package.
const NEEDED: &[(&str, &str)] = &[
    ("/usr/include/asm", "gcc-multilib"),
    ("/usr/share/doc/g++-multilib", "g++-multilib"),
    ("/usr/lib32/libc.so.6", "libc6-i386"),
];

pub(crate) fn install() -> Result<(), String> {
    let needed: Vec<_> = NEEDED.iter().chain(&debian::NEEDED).copied().collect();
    packages::install_from(&needed)
        .map_err(|e| format!("{e}\n       or leave the 32-bit side out with --skip-32"))
}

fn debian_cargo(command: &str, crates: &[&str]) -> Command {
    let mut cargo = debian::cargo(command, TARGET, FOLDER);
    // The walks of a stack are tested in great numbers.
    cargo.env("CARGO_PROFILE_DEV_OPT_LEVEL", "1");
    for name in crates {
        cargo.args(["--package", name]);
    }
    cargo
}

/// Where the results of a profile lie.
fn built(profile: &str) -> PathBuf {
    dist::target().join(FOLDER).join(TARGET).join(profile)
}

/// Builds and runs all tests of the 32-bit side.
pub(crate) fn test() -> Result<(), String> {
    install()?;
    // As programs, which tests start.
    let mut examples = debian_cargo("build", CRATES);
    step(
        "32 bits: examples",
        examples.args(["--examples", "--quiet"]),
    )?;
    let mut tests = debian_cargo("test", CRATES);
    // Some frames are made as large as half of a usual stack.
    tests
        .args(["--lib", "--bins", "--tests"])
        .env("RUST_MIN_STACK", "16777216");
    step("32 bits: tests", &mut tests)?;
    let writer = newest(&built("debug/deps"), "killed-")?;
    let mut reader = cargo(&["test", "--package", "freehold-ledger", "--test", "killed"]);
    step(
        "a 64-bit reader of a 32-bit writer",
        reader.env("FREEHOLD_TEST_WRITER", writer),
    )?;
    library()
}

/// The program that was built last for a test.
fn newest(folder: &Path, prefix: &str) -> Result<PathBuf, String> {
    let error = |e: std::io::Error| format!("{}: {e}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(error)? {
        let entry = entry.map_err(error)?;
        let name = entry.file_name();
        let is_it = name
            .to_str()
            .is_some_and(|n| n.starts_with(prefix) && !n.contains('.'));
        if is_it {
            let made = entry.metadata().and_then(|m| m.modified()).map_err(error)?;
            found.push((made, entry.path()));
        }
    }
    let newest = found.into_iter().max().map(|(_, path)| path);
    newest.ok_or_else(|| format!("{}: no program {prefix}…", folder.display()))
}

/// Builds the C library, and gives the folder that it lies in.
pub(crate) fn build_library() -> Result<PathBuf, String> {
    install()?;
    let mut build = debian_cargo("build", &["freehold-capi"]);
    step(
        "the C library of 32 bits",
        build.args(["--release", "--quiet"]),
    )?;
    Ok(built("release"))
}

/// The C library as installed: exports, layout of structures, the C example.
fn library() -> Result<(), String> {
    let prefix = dist::target().join(FOLDER).join("prefix");
    let _ = fs::remove_dir_all(&prefix);
    dist::run(
        prefix.to_str().ok_or("the target folder is no UTF-8")?,
        dist::Width::Bits32,
    )?;
    let prefix = fs::canonicalize(&prefix).map_err(|e| e.to_string())?;
    capi::layout(&prefix, &["-m32"])?;
    capi::tour_32(&prefix, &root().join("examples/c/tour.c"))
}
