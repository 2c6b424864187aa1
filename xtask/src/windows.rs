//! The tests of the Windows side on Linux: built by Debian's Rust for Windows,
//! its standard library from source, run under Wine.
//!
//! Debian's Rust, because it comes with the sources of the standard library and
//! its linker for Windows from one place, without a list of targets to download;
//! `x86_64-win7-windows-gnu`, because Wine 8 has all that its standard library
//! imports. The target folder is one of its own. The Wine prefix is made once, in
//! the user's cache folder.

pub(crate) mod package;
pub(crate) mod wine;

pub(crate) use wine::Wine;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::steps::step;
use crate::{debian, dist, packages, root};

/// What runs on Windows so far.
const CRATES: &[&str] = &[
    "freehold-ledger",
    "freehold-unwind",
    "freehold-families",
    "freehold-owners",
    "freehold-reach",
    "freehold",
    "freehold-capi",
    "freehold-report",
    "freehold-cli",
];
/// Of these, what is to run in 32-bit programs, too.
const CRATES_32: &[&str] = CRATES;

/// Of the library's examples all are built, and those with one of these in their
/// names are run. Through Wine all of a crate run in one process, where those that
/// begin to track or set what becomes of misuses would be in each other's way.
const EXAMPLES: &[&str] = &[
    "alloc", "arena", "families", "handles", "reports", "rules", "strings", "variants",
];

/// What is built and run.
const TARGET: &str = "x86_64-win7-windows-gnu";
/// What is only checked: there is no linker for it here.
const CHECKED: &str = "x86_64-pc-windows-msvc";
/// What is only checked, unless its programs are asked for: they need another Wine.
const TARGET_32: &str = "i686-win7-windows-gnu";

/// Program or file that proves a package, and the package.
const NEEDED: &[(&str, &str)] = &[
    (wine::WINE64, "wine64"),
    ("/usr/bin/x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64"),
    ("/usr/bin/x86_64-w64-mingw32-g++", "g++-mingw-w64-x86-64"),
];

/// The same for 32-bit programs.
const NEEDED_32: &[(&str, &str)] = &[
    ("/usr/bin/i686-w64-mingw32-gcc", "gcc-mingw-w64-i686"),
    ("/usr/bin/i686-w64-mingw32-g++", "g++-mingw-w64-i686"),
];

/// Builds and runs all tests of the Windows side.
pub(crate) fn test() -> Result<(), String> {
    let needed: Vec<_> = NEEDED.iter().chain(&debian::NEEDED).copied().collect();
    packages::install_from(&needed)
        .map_err(|e| format!("{e}\n       or leave the Windows side out with --skip-windows"))?;
    Wine::Bits64.make_prefix()?;
    for (target, crates, what) in [
        (CHECKED, CRATES, "--all-targets"),
        (TARGET_32, CRATES_32, "--lib"),
    ] {
        let mut check = cargo("check", target, crates)?;
        // A warning is an error, as in the lints.
        check
            .args([what, "--quiet"])
            .env("RUSTFLAGS", "-D warnings");
        step(&format!("types for {target}"), &mut check)?;
    }
    let mut lints = cargo("clippy", TARGET, CRATES)?;
    lints.args(["--all-targets", "--quiet", "--", "-D", "warnings"]);
    step("lints for Windows", &mut lints)?;
    // As programs, which tests start.
    let mut examples = cargo("build", TARGET, CRATES)?;
    examples.args(["--examples", "--quiet"]);
    step("examples for Windows", &mut examples)?;
    let kept = dist::target().join("windows/kept.ledger");
    let _ = fs::remove_file(&kept);
    let mut tests = cargo("test", TARGET, CRATES)?;
    tests
        .args(["--lib", "--bins", "--tests"])
        .env("FREEHOLD_TEST_KEEP", on_drive(&kept))
        .env("FREEHOLD_TEST_CPP", on_drive(&cpp_library()?));
    step("tests under Wine", &mut tests)?;
    read_here(&kept)?;
    let all = "examples in the documentation under Wine";
    // The command has no library, and so no examples.
    for name in CRATES.iter().filter(|name| **name != "freehold-cli") {
        let mut examples = cargo("test", TARGET, &[name])?;
        examples.args(["--doc", "--quiet"]);
        if *name == "freehold" {
            examples.arg("--").args(EXAMPLES);
        }
        step(&format!("{name}: {all}"), &mut examples)?;
    }
    eprintln!("\n==> freehold.dll, packed");
    package::test(Wine::Bits64)
}

/// What a 32-bit program may have in it.
const IN_32: &[&str] = &[
    "freehold-ledger",
    "freehold-unwind",
    "freehold-families",
    "freehold",
    "freehold-capi",
];

/// The same for what may be in 32-bit programs.
pub(crate) fn test_32() -> Result<(), String> {
    packages::install_from(NEEDED_32)?;
    packages::install_from(&debian::NEEDED)?;
    Wine::install_32()?;
    Wine::Bits32.make_prefix()?;
    let mut examples = cargo("build", TARGET_32, IN_32)?;
    examples.args(["--examples", "--quiet"]);
    step("examples for 32-bit Windows", &mut examples)?;
    let mut tests = cargo("test", TARGET_32, IN_32)?;
    tests.args(["--lib", "--bins", "--tests"]);
    step("32-bit tests under Wine", &mut tests)?;
    eprintln!("\n==> freehold.dll of 32 bits, packed");
    package::test(Wine::Bits32)
}

/// A path as programs under Wine have it: the folders of this machine are drive Z:.
fn on_drive(path: &Path) -> String {
    format!("Z:{}", path.display()).replace('/', "\\")
}

/// The library in C++ that the command's tests load, with debug information.
fn cpp_library() -> Result<PathBuf, String> {
    let library = dist::target().join("windows/forgets.dll");
    let mut compiler = Command::new("x86_64-w64-mingw32-g++");
    compiler
        .args(["-g", "-O2", "-shared", "-static", "-o"])
        .arg(&library)
        .arg(root().join("crates/cli/tests/cpp/forgets.cpp"));
    step("a library in C++ for Windows", &mut compiler)?;
    Ok(library)
}

/// Makes a report of a ledger that a program left which ran on Windows: the one that
/// the command's tests keep.
fn read_here(kept: &Path) -> Result<(), String> {
    eprintln!("\n==> a report of a ledger from Windows");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args([
            "run",
            "--quiet",
            "--package",
            "freehold-cli",
            "--",
            "report",
        ])
        .arg(kept)
        // Also what some word in the program happened to point to.
        .args(["--format", "json", "--show", "all"])
        .env("WINEPREFIX", Wine::Bits64.prefix()?);
    let output = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    // A function and its file, from the debug information of the program.
    let wanted = [
        "app::Widget::grow(int)\"",
        "forgets.cpp\"",
        "windows::forgotten_local\"",
        "windows.rs\"",
        "\"LocalFree\"",
    ];
    match wanted.iter().find(|word| !text.contains(*word)) {
        None if output.status.success() => Ok(()),
        missing => Err(format!(
            "{command:?} ended with {} and does not name {missing:?}:\n{text}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}

/// A command of Debian's cargo for some crates.
fn cargo(command: &str, target: &str, crates: &[&str]) -> Result<Command, String> {
    let own = std::env::current_exe().map_err(|e| format!("no path of ourselves: {e}"))?;
    let mut cargo = debian::cargo(command, target, "windows");
    let own = own.display().to_string();
    for (target, runner) in [(TARGET, "wine"), (TARGET_32, "wine32")] {
        // A Rust string is a TOML string here.
        let config = format!("target.{target}.runner = [{own:?}, {runner:?}]");
        cargo.arg("--config").arg(config);
    }
    for name in crates {
        cargo.args(["--package", name]);
        if *name == "freehold" {
            cargo.args([
                "--features",
                "freehold/windows-sys,freehold/allocator-api2,freehold/report",
            ]);
        }
    }
    // The tests of reports look for their own lines.
    cargo.args(["--config", "profile.dev.package.freehold-cli.debug=1"]);
    Ok(cargo)
}
