//! Makes the rows of the ownership database that platforms declare themselves:
//! `cargo xtask owners`.
//!
//! What is not here: rows by hand (`crates/owners/data/hand`), and the table that
//! is made of all (crate `freehold-owners`).

mod check;
mod compare;
mod exports;
mod gir;
mod glibc;
mod libraries;
mod prototypes;
// Rows are checked as the build of the table reads them.
#[path = "../../../crates/owners/build/read.rs"]
mod read;
mod rows;
mod shapes;
mod winmd;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use rows::Rows;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => run(false),
        ["--check"] => run(true),
        ["--compare", folder] => beside_others(Path::new(folder)),
        _ => {
            eprintln!("usage: cargo xtask owners [--check | --compare CPPCHECK_FILES]");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("owners: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Shows the rows beside what others have; `folder` has cppcheck's `windows.cfg`,
/// `std.cfg` and so on.
fn beside_others(folder: &Path) -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut rows = Rows::default();
    winmd::read(&metadata_file(&root)?, &mut rows)?;
    print!("{}", compare::run(&root, folder, &rows)?);
    Ok(())
}

fn run(check: bool) -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let data = root.join("crates/owners/data");
    let (mut win32, mut c) = (Rows::default(), Rows::default());
    let mut shapes = winmd::read(&metadata_file(&root)?, &mut win32)?;
    let wrong = shapes.rename(&read::names(&data)?);
    if !wrong.is_empty() {
        return Err(wrong.join("\n"));
    }
    let mut versions = glibc::read(&mut c)?;
    let (more, signatures) = gir::read(Path::new("/usr/share/gir-1.0"), &mut c)?;
    versions += &more;
    let (_, by_hand) = read::folders(&data, &["hand"])?;
    let contradictions = [(&win32, check::WIN32), (&c, check::C)].map(|(rows, platform)| {
        rows.contradictions(|function, slot| {
            by_hand.contains(&(platform, function.to_owned(), slot.to_owned()))
        })
    });
    let contradictions = contradictions.concat();
    if !contradictions.is_empty() {
        return Err(contradictions.join("\n"));
    }
    let mut files = win32.files("win32", "win32");
    let mut folders = vec!["win32"];
    let old = std::fs::read_to_string(data.join(VERSIONS)).unwrap_or_default();
    if check && old != versions {
        eprintln!(
            "the rows of C are not compared: they were made of other versions\n{}",
            list(&[("then", &old), ("here", &versions)])
        );
    } else {
        files.extend(c.files("c", "c"));
        files.insert(VERSIONS.into(), versions);
        folders.push("c");
    }
    let differences = rows::write(&data, &folders, &files, check)?;
    for difference in &differences {
        eprintln!("{difference}");
    }
    if check && !differences.is_empty() {
        return Err(
            "the rows are not those that the sources give: run `cargo xtask owners`".into(),
        );
    }
    let lists = root.join("tools/owners/exports");
    if !check {
        exports::write(&lists, &read::all(&data)?)?;
    }
    let mut libraries = exports::read(&lists)?;
    let gone = exports::check(&libraries, &read::all(&data)?);
    if !gone.is_empty() {
        return Err(gone.join("\n"));
    }
    for (library, names) in c.declared() {
        let known = libraries.entry(library.clone()).or_default();
        known.extend(names.iter().cloned());
    }
    let (prototypes, missing) = prototypes::read()?;
    if !missing.is_empty() {
        let missing = missing.join(", ");
        eprintln!("what these declare is not checked, for they are not there: {missing}");
    }
    let known = check::Known {
        win32: win32.names().collect(),
        c: libraries,
        types: vec![
            (check::WIN32, &shapes),
            (check::C, &signatures),
            (check::C, &prototypes),
        ],
    };
    let complaints = check::all(&data, &known)?;
    match complaints.is_empty() {
        true => Ok(()),
        false => Err(complaints.join("\n")),
    }
}

/// The versions of what the rows of C were made of: those of other versions
/// differ, and are not wrong.
const VERSIONS: &str = "c/versions.txt";

fn list(versions: &[(&str, &str)]) -> String {
    let line = |(when, of): &(&str, &str)| format!("  {when}: {}", of.trim().replace('\n', ", "));
    versions.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Where the registry's package with the metadata is unpacked.
fn metadata_file(root: &Path) -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root)
        .output()
        .map_err(|e| format!("cargo metadata cannot be run: {e}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("cargo metadata failed: {said}"));
    }
    let json: serde_json::Value =
        serde_json::from_slice(&output.stdout).map_err(|e| format!("cargo metadata: {e}"))?;
    let packages = json["packages"].as_array().map_or(&[][..], Vec::as_slice);
    let bindgen = packages.iter().find(|p| p["name"] == "windows-bindgen");
    let manifest = bindgen.and_then(|p| p["manifest_path"].as_str());
    let manifest = manifest.ok_or("the package windows-bindgen is not among the dependencies")?;
    Ok(Path::new(manifest).with_file_name("default/Windows.Win32.winmd"))
}
