//! Real memory of a real process, judged by an image of it.

mod heap;
mod image;
mod mappings;
mod world;

use std::env;
use std::process::Command;

/// Names one test to run in this process.
const ONE: &str = "FREEHOLD_REACH_TEST";

/// Each test has a process of its own: what one leaves behind in a stack or in
/// freed memory would be a pointer to what the next one allocates.
fn main() {
    let tests = || {
        heap::TESTS
            .iter()
            .chain(mappings::TESTS)
            .chain(image::TESTS)
    };
    if let Ok(one) = env::var(ONE) {
        let test = tests().find(|(name, _)| *name == one);
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
