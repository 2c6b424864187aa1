//! The example `memory_page` does what the page says, with nothing forgotten and
//! with a buffer forgotten on purpose.

use std::path::PathBuf;
use std::process::{Command, Output};

/// Runs the example, which cargo builds beside the tests.
fn page(arguments: &[&str]) -> Output {
    let test = std::env::current_exe().expect("our own path");
    let folder = test.ancestors().nth(2).map(PathBuf::from);
    let name = format!("examples/memory_page{}", std::env::consts::EXE_SUFFIX);
    let program = folder.expect("target/debug/deps/test").join(name);
    let output = Command::new(&program).args(arguments).output();
    output.unwrap_or_else(|error| {
        panic!(
            "{} (cargo build --examples makes it): {error}",
            program.display()
        )
    })
}

#[test]
fn nothing_is_lost() {
    let output = page(&[]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}");
    // 32 times 0 to 7.
    assert!(text.contains("256 bytes with the sum 896"), "{text}");
    assert!(
        text.contains("borrowed: it belongs to whoever lent it"),
        "{text}"
    );
    assert!(text.contains("everything was freed"), "{text}");
}

#[test]
fn a_forgotten_buffer_is_named() {
    let output = page(&["--leak"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("Leaks   : 1"), "{text}");
    assert!(text.contains("u8 (256 B)"), "{text}");
    assert!(text.contains("memory_page::buffer"), "{text}");
    assert!(!text.contains("everything was freed"), "{text}");
}
