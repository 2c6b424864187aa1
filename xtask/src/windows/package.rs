//! `cargo xtask dist --windows FOLDER`, `--windows-32`: `freehold.dll` as others get it, with import
//! library and headers, and the test of that.
//!
//! What is not here: how anything is built for Windows (`windows`).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{TARGET, TARGET_32, Wine, cargo};
use crate::steps::step;
use crate::{debian, dist, packages, root};

/// File that proves a package, and the package. GNU's linker keeps all functions
/// of the standard library in a DLL, those of the network among them.
const NEEDED: &[(&str, &str)] = &[("/usr/bin/ld.lld", "lld")];

impl Wine {
    /// What is built for its programs.
    fn target(self) -> &'static str {
        match self {
            Wine::Bits64 => TARGET,
            Wine::Bits32 => TARGET_32,
        }
    }

    /// One of mingw's tools for them.
    fn mingw(self, tool: &str) -> Command {
        let machine = match self {
            Wine::Bits64 => "x86_64",
            Wine::Bits32 => "i686",
        };
        Command::new(format!("{machine}-w64-mingw32-{tool}"))
    }
}

/// What the library may import: nothing of the network, nothing that opens windows.
const IMPORTS: &[&str] = &["advapi32.dll", "kernel32.dll", "msvcrt.dll", "ntdll.dll"];

/// What the C example prints, in this order.
const SAYS: &[&str] = &[
    "refused, FREEHOLD_DOUBLE: free was given 0x",
    "refused, FREEHOLD_WRONG_FAMILY: CoTaskMemFree was given 0x",
    "LocalFree",
    "the last error is still 4711",
    "a BSTR of 3 units",
    "FREEHOLD_LEAKS: 1 block",
    "Leaks   : 1",
    "release   : LocalFree",
    "    #0 ",
    "system_text",
];

/// Builds the library, and puts everything below `folder`: `bin`, `lib`, `include`
/// and the licences, as they go into an archive.
pub(crate) fn run(wine: Wine, folder: &Path) -> Result<(), String> {
    packages::install_from(match wine {
        Wine::Bits64 => super::NEEDED,
        Wine::Bits32 => super::NEEDED_32,
    })?;
    packages::install_from(&debian::NEEDED)?;
    packages::install_from(NEEDED)?;
    let mut build = cargo("rustc", wine.target(), &["freehold-capi"])?;
    let flags = "-C link-arg=-fuse-ld=lld -C link-arg=-Wl,--gc-sections";
    build
        .args(["--release", "--quiet", "--crate-type", "cdylib"])
        .env(rustflags(wine), flags);
    step("freehold.dll", &mut build)?;
    let built = dist::target().join("windows").join(wine.target());
    let built = built.join("release");
    let library = folder.join("bin/freehold.dll");
    create(&folder.join("bin"))?;
    create(&folder.join("lib"))?;
    let strip = ["--strip-debug", "-o"];
    let mut stripped = wine.mingw("strip");
    stripped
        .args(strip)
        .args([&library, &built.join("freehold_c.dll")]);
    output(&mut stripped)?;
    let definition = folder.join("lib/freehold.def");
    let mut text = String::from("LIBRARY freehold.dll\nEXPORTS\n");
    for name in exports(wine, &library)? {
        text += &format!("    {name}\n");
    }
    fs::write(&definition, text).map_err(|e| format!("{}: {e}", definition.display()))?;
    // For GNU's linkers; for Microsoft's: lib /def:freehold.def /machine:x64 (or x86)
    let mut import = wine.mingw("dlltool");
    import
        .arg("-d")
        .arg(&definition)
        .args(["-D", "freehold.dll", "-l"]);
    output(import.arg(folder.join("lib/libfreehold.dll.a")))?;
    for (from, to) in [
        ("crates/capi/include/freehold.h", "include/freehold.h"),
        ("crates/capi/include/freehold.hpp", "include/freehold.hpp"),
        ("LICENSE-APACHE", "LICENSE-APACHE"),
        ("LICENSE-MIT", "LICENSE-MIT"),
    ] {
        let to = folder.join(to);
        create(to.parent().unwrap_or(folder))?;
        fs::copy(root().join(from), &to).map_err(|e| format!("{}: {e}", to.display()))?;
    }
    Ok(())
}

/// Makes the package in the target folder and uses it as its users do.
pub(super) fn test(wine: Wine) -> Result<(), String> {
    let folder = dist::target().join("windows").join(wine.target());
    let folder = folder.join("package");
    let _ = fs::remove_dir_all(&folder);
    run(wine, &folder)?;
    let library = folder.join("bin/freehold.dll");
    for name in imports(wine, &library)? {
        if !IMPORTS.contains(&name.to_lowercase().as_str()) {
            return Err(format!("freehold.dll imports {name}"));
        }
    }
    let header = folder.join("include/freehold.h");
    let header = fs::read_to_string(&header).map_err(|e| format!("{}: {e}", header.display()))?;
    for name in exports(wine, &library)? {
        if !header.contains(&format!("{name}(")) && name != "freehold_tracker" {
            return Err(format!(
                "freehold.dll exports {name}, which freehold.h does not have"
            ));
        }
    }
    let program = folder.join("bin/windows.exe");
    let mut compile = wine.mingw("gcc");
    compile
        .args(["-Wall", "-Wextra", "-Werror", "-std=c11", "-O1"])
        .arg(root().join("examples/c/windows.c"))
        .arg("-I")
        .arg(folder.join("include"))
        .arg("-L")
        .arg(folder.join("lib"))
        .args(["-lfreehold", "-o"])
        .arg(&program);
    output(&mut compile)?;
    let said = wine.output_of(&program)?;
    let mut rest = said.as_str();
    for expected in SAYS {
        match rest.split_once(expected) {
            Some((_, behind)) => rest = behind,
            None => return Err(format!("the example does not say {expected:?}:\n{said}")),
        }
    }
    Ok(())
}

/// Where cargo looks for flags for the target.
fn rustflags(wine: Wine) -> String {
    let target = wine.target().to_uppercase().replace('-', "_");
    format!("CARGO_TARGET_{target}_RUSTFLAGS")
}

fn create(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))
}

/// Runs a tool; gives what it prints.
fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|e| format!("{name}: {e}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(format!("{name}: {}", text(&output.stderr))),
    }
}

fn headers(wine: Wine, library: &Path) -> Result<String, String> {
    output(wine.mingw("objdump").arg("-p").arg(library))
}

/// The libraries that a DLL imports.
fn imports(wine: Wine, library: &Path) -> Result<Vec<String>, String> {
    let text = headers(wine, library)?;
    let names = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("DLL Name: "));
    Ok(names.map(str::to_owned).collect())
}

/// The names that a DLL exports.
fn exports(wine: Wine, library: &Path) -> Result<Vec<String>, String> {
    let text = headers(wine, library)?;
    let (_, table) = text
        .split_once("[Ordinal/Name Pointer] Table")
        .ok_or_else(|| format!("{} exports nothing", PathBuf::from(library).display()))?;
    let lines = table.lines().skip(1).take_while(|line| line.contains('['));
    let names = lines.filter_map(|line| line.split_whitespace().last());
    Ok(names.map(str::to_owned).collect())
}
