//! `cargo xtask dist --windows FOLDER`: `freehold.dll` as others get it, with import
//! library and headers, and the test of that.
//!
//! What is not here: how anything is built for Windows (`windows`).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{TARGET, cargo};
use crate::steps::step;
use crate::{debian, dist, packages, root};

/// File that proves a package, and the package. GNU's linker keeps all functions
/// of the standard library in a DLL, those of the network among them.
const NEEDED: &[(&str, &str)] = &[("/usr/bin/ld.lld", "lld")];

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
pub(crate) fn run(folder: &Path) -> Result<(), String> {
    packages::install_from(super::NEEDED)?;
    packages::install_from(&debian::NEEDED)?;
    packages::install_from(NEEDED)?;
    let mut build = cargo("rustc", TARGET, &["freehold-capi"])?;
    let flags = "-C link-arg=-fuse-ld=lld -C link-arg=-Wl,--gc-sections";
    build
        .args(["--release", "--quiet", "--crate-type", "cdylib"])
        .env("CARGO_TARGET_X86_64_WIN7_WINDOWS_GNU_RUSTFLAGS", flags);
    step("freehold.dll", &mut build)?;
    let built = dist::target().join("windows").join(TARGET).join("release");
    let library = folder.join("bin/freehold.dll");
    create(&folder.join("bin"))?;
    create(&folder.join("lib"))?;
    let strip = ["--strip-debug", "-o"];
    let mut stripped = Command::new("x86_64-w64-mingw32-strip");
    stripped
        .args(strip)
        .args([&library, &built.join("freehold_c.dll")]);
    output(&mut stripped)?;
    let definition = folder.join("lib/freehold.def");
    let mut text = String::from("LIBRARY freehold.dll\nEXPORTS\n");
    for name in exports(&library)? {
        text += &format!("    {name}\n");
    }
    fs::write(&definition, text).map_err(|e| format!("{}: {e}", definition.display()))?;
    // For GNU's linkers; for Microsoft's: lib /def:freehold.def /machine:x64
    let mut import = Command::new("x86_64-w64-mingw32-dlltool");
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
pub(super) fn test() -> Result<(), String> {
    let folder = dist::target().join("windows/package");
    let _ = fs::remove_dir_all(&folder);
    run(&folder)?;
    let library = folder.join("bin/freehold.dll");
    for name in imports(&library)? {
        if !IMPORTS.contains(&name.to_lowercase().as_str()) {
            return Err(format!("freehold.dll imports {name}"));
        }
    }
    let header = folder.join("include/freehold.h");
    let header = fs::read_to_string(&header).map_err(|e| format!("{}: {e}", header.display()))?;
    for name in exports(&library)? {
        if !header.contains(&format!("{name}(")) && name != "freehold_tracker" {
            return Err(format!(
                "freehold.dll exports {name}, which freehold.h does not have"
            ));
        }
    }
    let program = folder.join("bin/windows.exe");
    let mut compile = Command::new("x86_64-w64-mingw32-gcc");
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
    let said = super::output_of(&program)?;
    let mut rest = said.as_str();
    for expected in SAYS {
        match rest.split_once(expected) {
            Some((_, behind)) => rest = behind,
            None => return Err(format!("the example does not say {expected:?}:\n{said}")),
        }
    }
    Ok(())
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

fn headers(library: &Path) -> Result<String, String> {
    output(
        Command::new("x86_64-w64-mingw32-objdump")
            .arg("-p")
            .arg(library),
    )
}

/// The libraries that a DLL imports.
fn imports(library: &Path) -> Result<Vec<String>, String> {
    let text = headers(library)?;
    let names = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("DLL Name: "));
    Ok(names.map(str::to_owned).collect())
}

/// The names that a DLL exports.
fn exports(library: &Path) -> Result<Vec<String>, String> {
    let text = headers(library)?;
    let (_, table) = text
        .split_once("[Ordinal/Name Pointer] Table")
        .ok_or_else(|| format!("{} exports nothing", PathBuf::from(library).display()))?;
    let lines = table.lines().skip(1).take_while(|line| line.contains('['));
    let names = lines.filter_map(|line| line.split_whitespace().last());
    Ok(names.map(str::to_owned).collect())
}
