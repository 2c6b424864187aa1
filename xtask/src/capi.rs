//! The test of the C library as others get it: installed into a prefix, looked
//! at, and used by the examples through pkg-config, CMake and plain flags.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::steps::cargo;
use crate::{dist, header, packages, root};

/// Libraries that the shared one may need: the C library with its loader, and
/// the compiler's.
const NEEDED: &[&str] = &[
    "libc.so.6",
    "libgcc_s.so.1",
    "libm.so.6",
    "ld-linux-x86-64.so.2",
    "ld-linux.so.2",
];

/// What the C example prints, in this order.
const C_SAYS: &[&str] = &[
    "refused, FREEHOLD_INTERIOR: free was given 0x",
    "which lies 8 bytes inside the block",
    "refused, FREEHOLD_DOUBLE: free was given 0x",
    "which was released before",
    "refused, FREEHOLD_OVERFLOW: 18446744073709551615 elements of 16 bytes",
    "closed 1 file, which had \"into memory\"",
    "refused, FREEHOLD_BORROWED",
    "refused, FREEHOLD_ARENA_OWNED",
    "at the arena's release: goodbye",
    "refused, FREEHOLD_BAD_HANDLE: the arena 0x",
    "5 units: héllo",
    "5 bytes inside a block of 12, malloc, int, scope request",
    "FREEHOLD_LEAKS: 1 block, 12 bytes",
    "Leaks   : 1",
    "int (12 B)",
    "    #0 ",
    "0 leaks now",
    "refused, FREEHOLD_DOUBLE",
    "unnamed: 0",
    "#0   render (page.js:12:5)",
    "#1   main (page.js:40:1)",
    "refused, FREEHOLD_BAD_HANDLE",
];

/// What `freehold run` tells of the C example, in this order: its own functions
/// stand first, and what it lets the library refuse is all there is.
const RUN_SAYS: &[&str] = &[
    "lost nothing",
    "; 6",
    "wrong",
    "interior release: freehold::free",
    "allocate_and_misuse",
    "double release: freehold::free",
    "released by:\n      allocate_and_misuse",
    "mismatched release: freehold::free was called with a block of 32.0 KiB with a release",
    "adopt_and_lend",
    "borrowed release: freehold::free",
    "adopt_and_lend",
    "owned release: freehold::free",
    "allocated by:\n      arena",
    "double release: freehold::free",
    "render  page.js:12 (js)",
];

/// What the C++ example prints.
const CPP_SAYS: &[&str] = &[
    "sum 10",
    "4 elements moved, 0 left",
    "refused, FREEHOLD_OVERFLOW",
    "refused, FREEHOLD_DOUBLE",
    "refused, FREEHOLD_OWNED",
    "an API's text",
    "uses left: 0",
    "the last is the first",
    "refused, FREEHOLD_RELEASE_FAILED: 1 of the arena's releases failed:",
    "refused, FREEHOLD_BAD_HANDLE",
    "described 1, listed 1",
    "No native memory leaks detected",
    "round trip: 1",
];

/// Runs all of it.
pub(crate) fn run() -> Result<(), String> {
    header::run(true)?;
    let prefix = dist::target().join("capi-prefix");
    let _ = fs::remove_dir_all(&prefix);
    dist::run(
        prefix.to_str().ok_or("the target folder is no UTF-8")?,
        dist::Width::Bits64,
    )?;
    let prefix = fs::canonicalize(&prefix).map_err(|e| e.to_string())?;
    symbols(&prefix.join("lib/libfreehold.so"))?;
    layout(&prefix, &[])?;
    let out = prefix.join("bin");
    fs::create_dir_all(&out).map_err(|e| e.to_string())?;
    let (c, cpp) = (
        root().join("examples/c/tour.c"),
        root().join("examples/cpp/tour.cpp"),
    );
    for (name, compiler, source, says) in [("c", "cc", &c, C_SAYS), ("cpp", "c++", &cpp, CPP_SAYS)]
    {
        let standard = if name == "c" {
            "-std=c11"
        } else {
            "-std=c++17"
        };
        let warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g", standard];
        let shared = out.join(format!("{name}-shared"));
        let mut compile = Command::new(compiler);
        compile.args(warnings).arg(source).arg("-o").arg(&shared);
        output(compile.args(flags(&prefix)?))?;
        expect(&prefix, &shared, says)?;

        let alone = out.join(format!("{name}-static"));
        let mut compile = Command::new(compiler);
        compile.args(warnings).arg(source).arg("-o").arg(&alone);
        compile.arg("-I").arg(prefix.join("include"));
        compile.arg(prefix.join("lib/libfreehold.a"));
        output(compile.args(["-lgcc_s", "-lm", "-ldl", "-lpthread"]))?;
        expect(&prefix, &alone, says)?;
    }
    // The names of the functions that allocated: one that the loader knows, one
    // that only the symbol table has.
    for (name, object) in [("c-shared", "libfreehold.so"), ("c-static", "c-static")] {
        let first = format!("#0   freehold_typed ({object}");
        expect(
            &prefix,
            &out.join(name),
            &[&first, &format!("main ({name}")],
        )?;
    }
    for name in ["c-shared", "c-static"] {
        tracked(&prefix, &out.join(name))?;
    }
    guide(&prefix, &out)?;
    python(&prefix)?;
    by_cmake(&prefix, &out.join("cmake"))
}

/// Whether the structures of the header lie as the library has them: the compiler
/// says.
pub(crate) fn layout(prefix: &Path, options: &[&str]) -> Result<(), String> {
    let mut compile = Command::new("cc");
    compile.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]);
    compile.args(options).arg("-I").arg(prefix.join("include"));
    output(compile.arg(root().join("crates/capi/tests/layout.c"))).map(drop)
}

/// The library and the C example of 32 bits.
pub(crate) fn tour_32(prefix: &Path, source: &Path) -> Result<(), String> {
    symbols(&prefix.join("lib/libfreehold.so"))?;
    let says: Vec<&str> = C_SAYS
        .iter()
        .map(|said| match said.contains("18446744073709551615") {
            true => "refused, FREEHOLD_OVERFLOW: 4294967295 elements of 16 bytes",
            false => said,
        })
        .collect();
    for (name, library) in [
        ("c-shared", "libfreehold.so"),
        ("c-static", "libfreehold.a"),
    ] {
        let program = prefix.join(name);
        let mut compile = Command::new("cc");
        compile.args(["-m32", "-std=c11", "-Wall", "-Wextra", "-Werror", "-g"]);
        compile.arg(source).arg("-o").arg(&program);
        compile.arg("-I").arg(prefix.join("include"));
        compile.arg(prefix.join("lib").join(library));
        output(compile.args(["-lgcc_s", "-lm", "-ldl", "-lpthread"]))?;
        expect(prefix, &program, &says)?;
    }
    Ok(())
}

/// The code in `docs/c.md`: each piece in a function of its own, run in order.
fn guide(prefix: &Path, out: &Path) -> Result<(), String> {
    let text = fs::read_to_string(root().join("docs/c.md")).map_err(|e| e.to_string())?;
    let (mut helpers, mut pieces) = (String::new(), Vec::new());
    for piece in text.split("\n```c").skip(1) {
        let Some((kind, code)) = piece.split_once('\n') else {
            continue;
        };
        let code = code.split("\n```").next().unwrap_or_default();
        match kind {
            "" => pieces.push(code),
            " helper" => helpers += code,
            _ => {}
        }
    }
    if pieces.len() < 10 {
        return Err(format!("docs/c.md has only {} pieces of C", pieces.len()));
    }
    let mut program = format!(
        "#define _POSIX_C_SOURCE 200809L\n#include <dirent.h>\n#include <freehold.h>\n#include <stdio.h>\n\
         #include <stdlib.h>\n#include <string.h>\n{helpers}\n"
    );
    for (i, piece) in pieces.iter().enumerate() {
        program += &format!("static void piece{i}(void) {{\n{piece}\n}}\n");
    }
    program += "int main(void) {\n";
    for i in 0..pieces.len() {
        program += &format!("  piece{i}();\n");
    }
    program += "  size_t blocks;\n  freehold_leak_count(&blocks, NULL);\n  \
                printf(\"%zu misuses, %zu leaks\\n\", (size_t)freehold_misuses(), blocks);\n}\n";
    let (source, built) = (out.join("guide.c"), out.join("guide"));
    fs::write(&source, program).map_err(|e| e.to_string())?;
    let mut compile = Command::new("cc");
    compile.args(["-std=c11", "-Wall", "-Wextra", "-Werror"]);
    compile
        .arg(&source)
        .arg("-o")
        .arg(&built)
        .args(flags(prefix)?);
    output(&mut compile)?;
    // One piece releases twice, one what is lent, one by the wrong function.
    expect(
        prefix,
        &built,
        &["5 bytes into 100 bytes of char", "3 misuses, 0 leaks"],
    )
}

/// The piece of Python in `docs/c.md`.
fn python(prefix: &Path) -> Result<(), String> {
    let text = fs::read_to_string(root().join("docs/c.md")).map_err(|e| e.to_string())?;
    let piece = text.split("\n```python\n").nth(1);
    let piece = piece.and_then(|rest| rest.split("\n```").next());
    let piece = piece.ok_or("docs/c.md has no piece of Python")?;
    let python = packages::python().ok_or("no Python of version 3.11 or later was found")?;
    let mut command = Command::new(python);
    command.env("LD_LIBRARY_PATH", prefix.join("lib"));
    let said = output(command.args(["-c", piece]))?;
    match said.contains("which was released before") {
        true => Ok(()),
        false => Err(format!("the piece of Python in docs/c.md says:\n{said}")),
    }
}

/// How to compile against the prefix: as pkg-config says, where there is one.
fn flags(prefix: &Path) -> Result<Vec<String>, String> {
    if !packages::in_path("pkg-config") {
        let at = prefix.display();
        return Ok(vec![
            format!("-I{at}/include"),
            format!("-L{at}/lib"),
            "-lfreehold".into(),
        ]);
    }
    let mut command = Command::new("pkg-config");
    command.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"));
    let text = output(command.args(["--cflags", "--libs", "freehold >= 0.1"]))?;
    Ok(text.split_whitespace().map(str::to_owned).collect())
}

/// A project that finds the library by `find_package`, as far as there is CMake.
fn by_cmake(prefix: &Path, folder: &Path) -> Result<(), String> {
    if !packages::in_path("cmake") {
        eprintln!("    cmake is not installed: its configuration is not tried");
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(|e| e.to_string())?;
    let project = format!(
        "cmake_minimum_required(VERSION 3.13)\nproject(tour C)\n\
         find_package(freehold 0.1 REQUIRED CONFIG)\n\
         add_executable(shared \"{0}\")\ntarget_link_libraries(shared freehold::freehold)\n\
         add_executable(alone \"{0}\")\ntarget_link_libraries(alone freehold::static)\n",
        root().join("examples/c/tour.c").display()
    );
    fs::write(folder.join("CMakeLists.txt"), project).map_err(|e| e.to_string())?;
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(folder).arg("-B").arg(folder);
    configure.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display()));
    output(&mut configure)?;
    output(Command::new("cmake").arg("--build").arg(folder))?;
    expect(prefix, &folder.join("shared"), C_SAYS)?;
    expect(prefix, &folder.join("alone"), C_SAYS)
}

/// The library must export what is its own, and need what every system has.
fn symbols(library: &Path) -> Result<(), String> {
    let text = output(
        Command::new("nm")
            .args(["-D", "--defined-only"])
            .arg(library),
    )?;
    let names: Vec<&str> = text
        .lines()
        .filter_map(|l| l.split_whitespace().last())
        .collect();
    if let Some(other) = names.iter().find(|name| !name.starts_with("freehold_")) {
        return Err(format!(
            "libfreehold.so exports {other}, which is not its own"
        ));
    }
    for wanted in ["freehold_free", "freehold_tracker"] {
        if !names.contains(&wanted) {
            return Err(format!("libfreehold.so does not export {wanted}"));
        }
    }
    let text = output(Command::new("readelf").arg("-d").arg(library))?;
    if !text.contains("Library soname: [libfreehold.so.0]") {
        return Err("libfreehold.so has not the name libfreehold.so.0".into());
    }
    for line in text.lines().filter(|l| l.contains("(NEEDED)")) {
        let name = line.split(['[', ']']).nth(1).unwrap_or_default();
        if !NEEDED.contains(&name) {
            return Err(format!("libfreehold.so needs {name}"));
        }
    }
    Ok(())
}

/// Runs an example, which must say all of it in order.
fn expect(prefix: &Path, program: &Path, says: &[&str]) -> Result<(), String> {
    let mut command = Command::new(program);
    command.env("LD_LIBRARY_PATH", prefix.join("lib"));
    command.env_remove("FREEHOLD_TRACK");
    self::says(program, &output(&mut command)?, says)
}

/// Complains when a text lacks any of what it should say, or has it in another
/// order.
fn says(source: &Path, text: &str, says: &[&str]) -> Result<(), String> {
    let mut rest = text;
    for wanted in says {
        let Some(at) = rest.find(wanted) else {
            let name = source.display();
            return Err(format!(
                "{name} does not say \"{wanted}\" where it should:\n{text}"
            ));
        };
        rest = &rest[at + wanted.len()..];
    }
    Ok(())
}

/// Runs the C example under `freehold run`, where library and hooks share one
/// ledger: it must say the same as ever, and the report what it let be refused.
fn tracked(prefix: &Path, program: &Path) -> Result<(), String> {
    let build = ["build", "--release", "--quiet", "--package", "freehold-cli"];
    output(cargo(&build).current_dir(root()))?;
    let report = prefix.join("report.txt");
    let mut command = Command::new(dist::target().join("release/freehold"));
    command
        .args(["run", "-o"])
        .arg(&report)
        .arg("--")
        .arg(program);
    command.env("LD_LIBRARY_PATH", prefix.join("lib"));
    says(program, &output(&mut command)?, C_SAYS)?;
    let text = fs::read_to_string(&report).map_err(|e| e.to_string())?;
    says(&report, &text, RUN_SAYS)
}

/// What a command that must succeed prints.
fn output(command: &mut Command) -> Result<String, String> {
    let name = format!("{command:?}");
    let output = command.output().map_err(|e| format!("{name}: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{name}: {}\n{text}{error}", output.status));
    }
    Ok(text)
}
