//! The tests of the Windows side on Linux: built by Debian's Rust for Windows,
//! its standard library from source, run under Wine.
//!
//! Debian's Rust, because it comes with the sources of the standard library and
//! its linker for Windows from one place, without a list of targets to download;
//! `x86_64-win7-windows-gnu`, because Wine 8 has all that its standard library
//! imports. The target folder is one of its own. The Wine prefix is made once, in
//! the user's cache folder.

pub(crate) mod package;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::steps::step;
use crate::{debian, dist, packages, root};

/// What runs on Windows so far.
const CRATES: &[&str] = &[
    "freehold-ledger",
    "freehold-unwind",
    "freehold-families",
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
    "alloc", "arena", "families", "handles", "rules", "strings", "variants",
];

/// What is built and run.
const TARGET: &str = "x86_64-win7-windows-gnu";
/// What is only checked: there is no linker for it here.
const CHECKED: &str = "x86_64-pc-windows-msvc";
/// What is only checked: its programs need another Wine.
const CHECKED_32: &str = "i686-win7-windows-gnu";

/// Program or file that proves a package, and the package.
const NEEDED: &[(&str, &str)] = &[
    (WINE, "wine64"),
    ("/usr/bin/x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64"),
    ("/usr/bin/x86_64-w64-mingw32-g++", "g++-mingw-w64-x86-64"),
];

/// Debian has it outside of the path.
const WINE: &str = "/usr/lib/wine/wine64";

/// How long one test program may run.
const LONGEST_RUN: Duration = Duration::from_secs(400);
/// How long it may take to make a prefix.
const LONGEST_BOOT: Duration = Duration::from_secs(180);

/// Builds and runs all tests of the Windows side.
pub(crate) fn test() -> Result<(), String> {
    let needed: Vec<_> = NEEDED.iter().chain(&debian::NEEDED).copied().collect();
    packages::install_from(&needed)
        .map_err(|e| format!("{e}\n       or leave the Windows side out with --skip-windows"))?;
    make_prefix()?;
    for (target, crates, what) in [
        (CHECKED, CRATES, "--all-targets"),
        (CHECKED_32, CRATES_32, "--lib"),
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
    package::test()
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
        .env("WINEPREFIX", prefix()?);
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
    cargo
        .arg("--config")
        // A Rust string is a TOML string here.
        .arg(format!(
            "target.{TARGET}.runner = [{:?}, \"wine\"]",
            own.display().to_string()
        ));
    for name in crates {
        cargo.args(["--package", name]);
        if *name == "freehold" {
            cargo.args(["--features", "freehold/windows-sys,freehold/allocator-api2"]);
        }
    }
    // The tests of reports look for their own lines.
    cargo.args(["--config", "profile.dev.package.freehold-cli.debug=1"]);
    Ok(cargo)
}

/// Where the prefix lies.
fn prefix() -> Result<PathBuf, String> {
    let set = |name| std::env::var_os(name).filter(|v| !v.is_empty());
    let cache = match (set("XDG_CACHE_HOME"), set("HOME")) {
        (Some(cache), _) => PathBuf::from(cache),
        (None, Some(home)) => PathBuf::from(home).join(".cache"),
        (None, None) => return Err("neither XDG_CACHE_HOME nor HOME is set".into()),
    };
    Ok(cache.join("freehold/wine-prefix"))
}

/// Makes the prefix when it is not there, beside its place first: half a prefix
/// must not be taken for one.
fn make_prefix() -> Result<(), String> {
    let place = prefix()?;
    if place.join("system.reg").exists() {
        return Ok(());
    }
    eprintln!("\n==> a Wine prefix in {}", place.display());
    let new = place.with_extension(std::process::id().to_string());
    let error = |e: std::io::Error| format!("{}: {e}", new.display());
    fs::create_dir_all(&new).map_err(error)?;
    let mut boot = wine(&new);
    boot.args(["wineboot.exe", "--init"]);
    let log = new.join("boot.log");
    let output = File::create(&log).map_err(error)?;
    let status = run_within(&mut boot, output, LONGEST_BOOT)?;
    // The registry is written when its server ends, which it does by itself soon
    // after the last program.
    let mut server = wine_tool("wineserver64", &new);
    let output = File::create(&log).map_err(error)?;
    run_within(server.arg("-w"), output, LONGEST_BOOT)?;
    if !status.success() || !new.join("system.reg").exists() {
        return Err(format!("wineboot failed ({status}): {}", log.display()));
    }
    match fs::rename(&new, &place) {
        // Another one was faster.
        Err(_) if place.exists() => fs::remove_dir_all(&new).map_err(error),
        other => other.map_err(error),
    }
}

fn wine(prefix: &Path) -> Command {
    wine_tool("wine64", prefix)
}

/// A program of Wine with nothing that opens windows: without a display, Wine's
/// desktop and debugger would start each other again and again.
fn wine_tool(name: &str, prefix: &Path) -> Command {
    let mut command = Command::new(Path::new(WINE).with_file_name(name));
    command
        .env("WINEPREFIX", prefix)
        .env("WINEDEBUG", "-all")
        .env(
            "WINEDLLOVERRIDES",
            "mscoree,mshtml=;winemenubuilder.exe,winedbg.exe,explorer.exe=",
        )
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY");
    command
}

/// Runs a Windows program under Wine: what cargo calls for each test program.
/// Gives its exit status.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<u8, String> {
    let (status, text) = run_quietly(program, arguments)?;
    print!("{}", String::from_utf8_lossy(&text));
    Ok(status.code().map_or(1, |code| code as u8))
}

/// What a program prints that must end with 0.
fn output_of(program: &Path) -> Result<String, String> {
    let path = program.to_str().ok_or("the target folder is no UTF-8")?;
    let (status, text) = run_quietly(path, &[])?;
    let text = String::from_utf8_lossy(&text).into_owned();
    match status.success() {
        true => Ok(text),
        false => Err(format!("{path} ended with {status}:\n{text}")),
    }
}

fn run_quietly(program: &str, arguments: &[&str]) -> Result<(ExitStatus, Vec<u8>), String> {
    make_prefix()?;
    let folder = dist::target().join("windows/output");
    let error = |e: std::io::Error| format!("{}: {e}", folder.display());
    fs::create_dir_all(&folder).map_err(error)?;
    // Not straight to where our output goes: Wine's services live longer than the
    // program, and would keep a pipe open.
    let path = folder.join(format!("{}.txt", std::process::id()));
    let (mut result, mut text);
    let mut tries = 0;
    loop {
        let output = File::create(&path).map_err(error)?;
        let mut command = wine(&prefix()?);
        command.arg(program).args(arguments);
        // Programs look for the C++ runtime there.
        command.env("WINEPATH", cpp_runtime()?);
        result = run_within(&mut command, output, LONGEST_RUN);
        text = fs::read(&path).map_err(error)?;
        tries += 1;
        // Wine's server ends a few seconds after its last program. One that begins
        // at that moment loses it, before the program has run.
        if tries == 3 || !text.starts_with(b"wine client error:0:") {
            break;
        }
    }
    let _ = fs::remove_file(&path);
    Ok((result?, text))
}

/// The folder with mingw's C++ runtime, as programs of Windows name it.
fn cpp_runtime() -> Result<String, String> {
    let name = "libstdc++-6.dll";
    let compiler = "/usr/bin/x86_64-w64-mingw32-g++";
    let output = Command::new(compiler)
        .arg(format!("-print-file-name={name}"))
        .output()
        .map_err(|e| format!("{compiler}: {e}"))?;
    let path = String::from_utf8_lossy(&output.stdout);
    // Of a file that it does not know it prints the name alone.
    let folder = Path::new(path.trim()).parent().unwrap_or(Path::new(""));
    let folder = fs::canonicalize(folder).map_err(|_| format!("{compiler} has no {name}"))?;
    Ok(format!("Z:{}", folder.display()).replace('/', "\\"))
}

/// Runs a command with its output in a file, and ends it when it takes too long.
fn run_within(
    command: &mut Command,
    output: File,
    longest: Duration,
) -> Result<ExitStatus, String> {
    let name = format!("{command:?}");
    let both = output.try_clone().map_err(|e| e.to_string())?;
    let child = command
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(both)
        .spawn();
    let mut child: Child = child.map_err(|e| format!("{name}: {e}"))?;
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if start.elapsed() < longest => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{name}: ended after {} s", longest.as_secs()));
            }
            Err(e) => return Err(format!("{name}: {e}")),
        }
    }
}
