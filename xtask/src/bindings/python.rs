//! The package for Python: its wheel, and its tests on each Python that is here.
//!
//! What is installed for them comes from the Python package index, into environments in
//! the user's cache folder. What is not here: the tests (`bindings/python/tests`).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::dist::{self, without_debug};
use crate::steps::{cargo, step};
use crate::windows::wine::cache;
use crate::{packages, root};

/// Changes when an environment must be made anew.
const REVISION: u32 = 2;
/// The minor versions of Python 3 that the package is for.
const VERSIONS: std::ops::RangeInclusive<u32> = 9..=14;

fn package() -> PathBuf {
    root().join("bindings/python")
}

/// Where Cargo builds the extension, whose workspace is its own.
fn target() -> PathBuf {
    dist::target().join("python")
}

/// Builds the wheel with all that it carries, and gives its path.
pub(crate) fn wheel() -> Result<PathBuf, String> {
    let parts = ["freehold-capi", "freehold-cli", "freehold-interpose"];
    let mut build = cargo(&["build", "--release"]);
    for part in parts {
        build.args(["--package", part]);
    }
    step("what the wheel carries", &mut build)?;
    let (from, to) = (
        dist::target().join("release"),
        package().join("python/freehold/_dist"),
    );
    without_debug(&from.join("freehold"), &to.join("bin/freehold"))?;
    for (file, name) in [
        ("libfreehold_c.so", "libfreehold.so.0"),
        ("libfreehold_interpose.so", "libfreehold_interpose.so"),
    ] {
        without_debug(&from.join(file), &to.join("lib").join(name))?;
    }
    let python = environment(&Python::own()?, "tools", &["maturin>=1.5,<2"])?;
    let out = target().join("wheels");
    // Whatever is there is of another day.
    let _ = fs::remove_dir_all(&out);
    let mut maturin = Command::new(&python);
    maturin
        .args([
            "-m",
            "maturin",
            "build",
            "--release",
            "--quiet",
            "--compatibility",
            "linux",
        ])
        .arg("--manifest-path")
        .arg(package().join("Cargo.toml"))
        .arg("--out")
        .arg(&out)
        .env("CARGO_TARGET_DIR", target());
    step("the wheel", &mut maturin)?;
    let made = fs::read_dir(&out).map_err(|e| format!("{}: {e}", out.display()))?;
    let wheel = made
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|e| e == "whl"));
    wheel.ok_or_else(|| format!("maturin made no wheel in {}", out.display()))
}

/// All tests of the package: on each Python that is here, or only on that of the other
/// tests and on the oldest.
pub(crate) fn test(on_each: bool) -> Result<(), String> {
    let manifest = package().join("Cargo.toml");
    let manifest = manifest.to_str().ok_or("the folder is no UTF-8")?;
    step(
        "format of the extension",
        &mut cargo(&["fmt", "--manifest-path", manifest, "--check"]),
    )?;
    let mut lints = cargo(&[
        "clippy",
        "--manifest-path",
        manifest,
        "--all-targets",
        "--quiet",
    ]);
    lints
        .args(["--", "-D", "warnings"])
        .env("CARGO_TARGET_DIR", target());
    step("lints of the extension", &mut lints)?;
    let wheel = wheel()?;
    let own = Python::own()?;
    let all = Python::all()?;
    let oldest = all.first().map_or(own.minor, |python| python.minor);
    for python in all {
        let is_own = python.minor == own.minor;
        if !on_each && !is_own && python.minor != oldest {
            continue;
        }
        let mut wanted = vec!["pytest>=7", "pytest-xdist", "hypothesis", "cffi"];
        if is_own {
            wanted.extend(["mypy", "numpy"]);
        }
        let with_package = environment(&python, "tests", &wanted)?;
        // Not into the environment, which the tests of other checkouts use, too.
        let site = target().join(format!("site-3.{}", python.minor));
        let _ = fs::remove_dir_all(&site);
        let mut install = Command::new(&with_package);
        install
            .args(["-m", "pip", "install", "--quiet"])
            .args(["--disable-pip-version-check", "--no-index", "--no-deps"])
            .arg("--target")
            .args([&site, &wheel]);
        let name = format!("Python 3.{}", python.minor);
        step(&format!("the wheel on {name}"), &mut install)?;
        if is_own {
            types(&with_package, &site)?;
        }
        let mut tests = Command::new(&with_package);
        tests
            .args(["-m", "pytest", "-q", "--rootdir"])
            .arg(package())
            .arg("-c")
            .arg(package().join("pyproject.toml"))
            .arg(package().join("tests"))
            .env("PYTHONPATH", &site)
            .env("HYPOTHESIS_STORAGE_DIRECTORY", target().join("hypothesis"))
            .env("FREEHOLD_WHEEL", &wheel)
            .env("FREEHOLD_SOURCE", root())
            .env("CARGO_TARGET_DIR", dist::target());
        if !is_own {
            // Those take a minute, and hardly depend on the version.
            tests.args(["-m", "not slow"]);
        }
        step(&format!("tests on {name}"), &mut tests)?;
    }
    Ok(())
}

/// What is declared must be what is there.
fn types(python: &Path, site: &Path) -> Result<(), String> {
    let mut mypy = Command::new(python);
    mypy.args(["-m", "mypy", "--config-file"])
        .arg(package().join("pyproject.toml"))
        .args(["--cache-dir"])
        .arg(target().join("mypy"))
        .arg(package().join("python/freehold"));
    step("types (mypy --strict)", &mut mypy)?;
    let mut stubtest = Command::new(python);
    stubtest
        .args([
            "-m",
            "mypy.stubtest",
            "freehold._native",
            "--ignore-unused-allowlist",
        ])
        .arg("--allowlist")
        .arg(package().join("tests/stubtest_allowlist.txt"))
        .env("PYTHONPATH", site)
        .env("MYPYPATH", site);
    step("types of the extension", &mut stubtest)
}

/// A Python that is installed.
struct Python {
    program: PathBuf,
    minor: u32,
}

impl Python {
    /// The one that the other tests use.
    fn own() -> Result<Python, String> {
        let name = packages::python().ok_or("no Python of version 3.11 or later was found")?;
        Python::at(Path::new(name)).ok_or_else(|| format!("{name} is no CPython 3"))
    }

    /// One of each version for which the package is, that of the other tests among
    /// them; further ones are looked for in the path, and where pyenv has them.
    fn all() -> Result<Vec<Python>, String> {
        let own = Python::own()?;
        let mut found = BTreeMap::from([(own.minor, own)]);
        let names = VERSIONS.map(|minor| PathBuf::from(format!("python3.{minor}")));
        let home = std::env::var_os("HOME").unwrap_or_default();
        let versions = Path::new(&home).join(".pyenv/versions");
        let others = fs::read_dir(versions).into_iter().flatten();
        let others = others.filter_map(|entry| Some(entry.ok()?.path().join("bin/python3")));
        for python in names.chain(others).filter_map(|path| Python::at(&path)) {
            found.entry(python.minor).or_insert(python);
        }
        Ok(found.into_values().collect())
    }

    fn at(program: &Path) -> Option<Python> {
        // One that has no lock loads no extension of the stable ABI.
        let asked = "import sys, sysconfig, ctypes, ssl\n\
                     assert sys.implementation.name == 'cpython' and sys.version_info[0] == 3\n\
                     assert not sysconfig.get_config_var('Py_GIL_DISABLED')\n\
                     print(sys.version_info[1], sys.executable)";
        let output = Command::new(program)
            .args(["-c", asked])
            .stderr(Stdio::null())
            .output()
            .ok()?;
        let said = String::from_utf8(output.stdout).ok()?;
        let (minor, program) = said.trim().split_once(' ')?;
        let minor = minor.parse().ok()?;
        VERSIONS.contains(&minor).then(|| Python {
            program: program.into(),
            minor,
        })
    }
}

/// The Python of an environment with these packages.
fn environment(python: &Python, name: &str, wanted: &[&str]) -> Result<PathBuf, String> {
    let folder = cache()?.join(format!("python/{name}-3.{}-{REVISION}", python.minor));
    let program = folder.join("bin/python");
    let is_whole = folder.join("whole");
    if is_whole.exists() {
        return Ok(program);
    }
    let has_pip = Command::new(&python.program)
        .args(["-c", "import ensurepip, venv"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !has_pip {
        // Debian has it apart, at a place that depends on the version.
        packages::install_from(&[("/nowhere", "python3-venv")])?;
    }
    // One that was left half made, or another one's that is just being made: pip
    // repeats what is there.
    let mut make = Command::new(&python.program);
    make.args(["-m", "venv"]).arg(&folder);
    step(
        &format!("an environment for Python 3.{}", python.minor),
        &mut make,
    )?;
    let mut install = Command::new(&program);
    install
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args(wanted);
    step(
        &format!("packages for Python 3.{}", python.minor),
        &mut install,
    )?;
    fs::write(&is_whole, "").map_err(|e| format!("{}: {e}", is_whole.display()))?;
    Ok(program)
}
