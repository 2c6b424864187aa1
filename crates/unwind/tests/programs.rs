//! Whole programs: the real main thread, and a statically linked one.
// Of this machine's own width: others need a standard library of theirs.
#![cfg(all(not(windows), target_arch = "x86_64"))]

use std::path::{Path, PathBuf};
use std::process::Command;

fn succeeds(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Builds the example with `flags` for the compiler.
fn build(name: &str, flags: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    succeeds(
        Command::new(env!("CARGO"))
            .args([
                "build",
                "--offline",
                "--example",
                "recursion",
                "--target",
                "x86_64-unknown-linux-gnu",
            ])
            .args([
                "--manifest-path",
                concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
                "--target-dir",
            ])
            .arg(&target)
            .env("RUSTFLAGS", flags),
    );
    target.join("x86_64-unknown-linux-gnu/debug/examples/recursion")
}

fn is_dynamic(program: &Path) -> bool {
    std::fs::read(program)
        .unwrap()
        .windows(10)
        .any(|w| w == b"/ld-linux-")
}

#[test]
fn the_main_thread() {
    let program = build("dynamic", "");
    assert!(is_dynamic(&program));
    succeeds(&mut Command::new(program));
}

#[test]
fn a_static_program() {
    let program = build("static", "-C target-feature=+crt-static");
    assert!(!is_dynamic(&program));
    succeeds(&mut Command::new(program));
}
