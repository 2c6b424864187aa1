//! Cases that need a process of their own, because what they do happens once in
//! each: the test program is run again for one test, with the case in a variable.

use std::process::Command;

const CASE: &str = "FREEHOLD_TEST_CASE";

/// The case that this process was run for.
pub(crate) fn case() -> Option<String> {
    std::env::var(CASE).ok()
}

/// Runs one case of the test with this name; panics with its output when it fails.
pub(crate) fn run(test: &str, case: &str) {
    let program = std::env::current_exe().expect("known");
    let mut child = Command::new(program);
    let ended = child.args(["--exact", test, "--nocapture"]).env(CASE, case);
    let ended = ended.output().expect("runs");
    let output = String::from_utf8_lossy(&ended.stdout);
    // A name that no test has would be a success, too.
    assert!(
        ended.status.success() && output.contains("1 passed"),
        "{case}: {}\n{output}\n{}",
        ended.status,
        String::from_utf8_lossy(&ended.stderr)
    );
}
