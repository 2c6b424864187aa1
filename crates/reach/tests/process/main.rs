//! Real memory of real processes: on Linux judged by an image of the process, on
//! Windows from another one.

#[cfg(target_os = "linux")]
mod heap;
#[cfg(target_os = "linux")]
mod image;
#[cfg(target_os = "linux")]
mod mappings;
#[cfg(windows)]
mod outside;
#[cfg(target_os = "linux")]
mod world;

use std::env;
use std::process::Command;

/// Names one test to run in this process.
const ONE: &str = "FREEHOLD_REACH_TEST";

type Test = (&'static str, fn());

/// The tests of this system.
#[cfg(target_os = "linux")]
fn tests() -> Vec<Test> {
    [heap::TESTS, mappings::TESTS, image::TESTS].concat()
}

/// The tests of this system.
#[cfg(windows)]
fn tests() -> Vec<Test> {
    outside::TESTS.to_vec()
}

/// Each test has a process of its own: what one leaves behind in a stack or in
/// freed memory would be a pointer to what the next one allocates.
fn main() {
    #[cfg(windows)]
    if outside::is_victim() {
        return;
    }
    if let Ok(one) = env::var(ONE) {
        let all = tests();
        let test = all.iter().find(|(name, _)| *name == one);
        return test.expect("a test of that name").1();
    }
    let filter = env::args().skip(1).find(|word| !word.starts_with('-'));
    let mut failed = Vec::new();
    let mut run = 0;
    let program = env::current_exe().expect("a path");
    for (name, _) in tests() {
        if filter
            .as_ref()
            .is_none_or(|filter| name.contains(filter.as_str()))
        {
            let status = Command::new(&program)
                .env(ONE, name)
                .status()
                .expect("a child");
            println!("test {name} ... {status}");
            run += 1;
            if !status.success() {
                failed.push(name);
            }
        }
    }
    assert!(failed.is_empty(), "failed: {failed:?}");
    println!("{run} passed");
}
