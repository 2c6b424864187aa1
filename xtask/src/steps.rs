//! The commands that run other commands.

use std::process::Command;
use std::time::Instant;

use crate::{capi, cost, examples, header, owners, packages, raw, root, tidy};

/// Runs one command, with its output shown, and says how long it took.
pub(crate) fn step(name: &str, command: &mut Command) -> Result<(), String> {
    eprintln!("\n==> {name}");
    let start = Instant::now();
    let status = command
        .current_dir(root())
        .status()
        .map_err(|e| format!("{name}: cannot be run: {e}"))?;
    if !status.success() {
        return Err(format!("{name} failed ({status})"));
    }
    eprintln!("    {name}: {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}

pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    command.args(arguments);
    command
}

/// All tests.
pub(crate) fn test(quick: bool) -> Result<(), String> {
    eprintln!("==> tidy");
    tidy::run()?;
    header::run(true)?;
    raw::run(true)?;
    eprintln!("\n==> examples of public items");
    examples::run()?;
    step("format", &mut cargo(&["fmt", "--all", "--check"]))?;
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ];
    step("lints", &mut cargo(&clippy))?;
    let clippy = [
        "clippy",
        "--package",
        "freehold",
        "--all-features",
        "--all-targets",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ];
    step("lints of optional features", &mut cargo(&clippy))?;
    if quick {
        let tests = ["test", "--workspace", "--lib", "--bins", "--quiet"];
        return step("unit tests", &mut cargo(&tests));
    }
    packages::install()?;
    owners::run(true)?;
    step(
        "the command and its library",
        &mut cargo(&["build", "--release"]),
    )?;
    step("tests", &mut cargo(&["test", "--workspace"]))?;
    // No crate of the workspace turns these on, so nothing above has seen them.
    let features = ["test", "--package", "freehold", "--all-features", "--quiet"];
    step("the library with all its features", &mut cargo(&features))?;
    eprintln!("\n==> what the library's allocators cost");
    cost::run()?;
    eprintln!("\n==> the C library, installed");
    capi::run()?;
    end_to_end()?;
    let mut loom = cargo(&[
        "test",
        "--release",
        "--package",
        "freehold-ledger",
        "--lib",
        "index::",
    ]);
    loom.env("RUSTFLAGS", "--cfg loom")
        .env("CARGO_TARGET_DIR", root().join("target/loom"))
        .env("CARGO_PROFILE_RELEASE_LTO", "off");
    step("loom", &mut loom)?;
    documentation()
}

/// The documentation, of which neither rustdoc nor Cargo may warn: pages that
/// overwrite each other are told by Cargo only, and are no error of its own.
fn documentation() -> Result<(), String> {
    eprintln!("\n==> documentation");
    let output = cargo(&["doc", "--workspace", "--no-deps"])
        .env("RUSTDOCFLAGS", "-D warnings")
        .env("CARGO_TERM_COLOR", "never")
        .current_dir(root())
        .output()
        .map_err(|e| format!("cargo cannot be run: {e}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() && !said.lines().any(|line| line.starts_with("warning")) {
        return Ok(());
    }
    Err(format!(
        "the documentation is not without warnings:\n{said}"
    ))
}

/// The command as users run it: victims, real programs, damaged ledgers, the table of
/// ownership for other tools.
fn end_to_end() -> Result<(), String> {
    let python = packages::python().ok_or("no Python of version 3.11 or later was found")?;
    let scripts: [(&str, &[&str]); 7] = [
        ("tests/victims/check.py", &["--tool", "freehold", "--quick"]),
        ("tests/e2e/real_programs.py", &[]),
        ("tests/e2e/python_frames.py", &[]),
        ("tests/e2e/node_frames.py", &[]),
        ("tests/e2e/hostile_ledgers.py", &["--seconds", "10"]),
        ("tests/e2e/owner_exports.py", &[]),
        ("tests/e2e/owner_site.py", &[]),
    ];
    for (script, arguments) in scripts {
        step(script, Command::new(python).arg(script).args(arguments))?;
    }
    Ok(())
}

/// Every fuzzer that is there, for a short while.
pub(crate) fn fuzz() -> Result<(), String> {
    let has_tools = Command::new("cargo")
        .args(["+nightly", "fuzz", "--version"])
        .output()
        .is_ok_and(|o| o.status.success());
    if !has_tools {
        return Err("fuzzing needs nightly and cargo-fuzz: \
                    rustup toolchain install nightly && cargo install cargo-fuzz"
            .into());
    }
    let folder = root().join("fuzz/fuzz_targets");
    let entries = std::fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut targets: Vec<String> = entries
        .filter_map(|entry| {
            Some(
                entry
                    .ok()?
                    .file_name()
                    .to_str()?
                    .strip_suffix(".rs")?
                    .into(),
            )
        })
        .collect();
    targets.sort();
    seed_ledger()?;
    for target in targets {
        let mut fuzz = Command::new("cargo");
        fuzz.args(["+nightly", "fuzz", "run", &target, "--"]).args([
            "-max_total_time=20",
            "-timeout=10",
            "-max_len=131072",
        ]);
        step(&format!("fuzz {target}"), &mut fuzz)?;
    }
    Ok(())
}

/// Gives the fuzzer of the ledger's reader a real ledger to begin with.
fn seed_ledger() -> Result<(), String> {
    let folder = root().join("fuzz/corpus/ledger_reader");
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    step(
        "the command and its library",
        &mut cargo(&["build", "--release"]),
    )?;
    let mut run = Command::new(root().join("target/release/freehold"));
    run.args(["run", "-o", "/dev/null", "--ledger"])
        .arg(folder.join("real"))
        .args(["--", "true"]);
    step("a ledger", &mut run)
}

/// The check build: every predicted stack against a full walk.
pub(crate) fn check() -> Result<(), String> {
    packages::install()?;
    step(
        "captures against walks and against an independent unwinder",
        &mut cargo(&[
            "test",
            "--release",
            "--package",
            "freehold-unwind",
            "--features",
            "check",
        ]),
    )
}

/// AddressSanitizer and Miri over the unsafe code.
pub(crate) fn sanitize() -> Result<(), String> {
    let target = "x86_64-unknown-linux-gnu";
    // A scan of a whole process would judge the sanitizer's own memory, and an
    // unwinder reads what it guards: of these only what can do without.
    for tests in [
        &["--package", "freehold-ledger"][..],
        &["--package", "freehold-reach", "--lib"],
    ] {
        let mut address = Command::new("cargo");
        address
            .args(["+nightly", "test", "--target", target])
            .args(tests)
            .env("RUSTFLAGS", "-Zsanitizer=address")
            .env("CARGO_TARGET_DIR", root().join("target/asan"));
        step("AddressSanitizer", &mut address)?;
    }
    let mut valgrind = Command::new("cargo");
    valgrind
        .args(["test", "--package", "freehold-ledger"])
        .args(["--test", "round_trip"])
        .env(
            "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER",
            "valgrind --quiet --leak-check=no --error-exitcode=9",
        );
    step("Valgrind", &mut valgrind)?;
    let has_miri = Command::new("cargo")
        .args(["+nightly", "miri", "--version"])
        .output()
        .is_ok_and(|o| o.status.success());
    if !has_miri {
        eprintln!("\n==> Miri is not installed (rustup +nightly component add miri): left out");
        return Ok(());
    }
    let mut miri = Command::new("cargo");
    miri.args(["+nightly", "miri", "test", "--package", "freehold-ledger"])
        .args(["--lib", "index::"])
        .env("PROPTEST_CASES", "4")
        .env("CARGO_TARGET_DIR", root().join("target/miri"));
    step("Miri", &mut miri)
}
