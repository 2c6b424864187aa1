//! Debian's Rust: it comes with the sources of its standard library, so that what
//! has no target in the toolchain that started us can be built all the same.

use std::process::Command;

use crate::dist;

/// Program or file that proves a package, and the package.
pub(crate) const NEEDED: [(&str, &str); 4] = [
    ("/usr/bin/rustc", "rustc-web"),
    ("/usr/bin/cargo", "cargo-web"),
    ("/usr/bin/clippy-driver", "rust-web-clippy"),
    (
        "/usr/lib/rustlib/src/rust/library/std/Cargo.toml",
        "rust-web-src",
    ),
];

/// A command of Debian's cargo for some target, with its standard library from
/// source, in a target folder of its own below the usual one.
pub(crate) fn cargo(command: &str, target: &str, folder: &str) -> Command {
    let mut cargo = Command::new("/usr/bin/cargo");
    cargo
        .arg(command)
        .args(["-Zbuild-std=std,panic_abort", "--target", target]);
    // What the cargo that started us says of its own toolchain.
    for name in ["CARGO", "RUSTUP_TOOLCHAIN", "LD_LIBRARY_PATH", "RUSTFLAGS"] {
        cargo.env_remove(name);
    }
    // Its subcommands are looked for there, and another toolchain's would come first.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::ffi::OsString::from("/usr/bin:");
    folders.push(path);
    cargo
        .env("PATH", folders)
        .env("RUSTC", "/usr/bin/rustc")
        .env("RUSTDOC", "/usr/bin/rustdoc")
        // The standard library is built with what is not stable.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", dist::target().join(folder))
        // Nobody debugs these: files and lines of panics are there without it.
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_INCREMENTAL", "0");
    cargo
}
