//! Checks of the source tree that no compiler makes.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{layers, root};

/// A file that one cannot read in one sitting should be two.
const LONGEST: usize = 600;

/// Runs all checks.
pub(crate) fn run() -> Result<(), String> {
    let root = root();
    let mut complaints = layers::check(&root)?;
    for path in files(&root)? {
        let Ok(text) = std::fs::read_to_string(root.join(&path)) else {
            continue;
        };
        let name = path.display();
        match path.extension().and_then(|e| e.to_str()) {
            Some("rs") => check_rust(&name.to_string(), &text, &mut complaints),
            Some("md") => check_links(&root, &path, &text, &mut complaints),
            _ => {}
        }
        check_text(&name.to_string(), &text, &mut complaints);
    }
    if complaints.is_empty() {
        return Ok(());
    }
    Err(format!("untidy:\n  {}", complaints.join("\n  ")))
}

/// The files that git knows.
fn files(root: &Path) -> Result<Vec<PathBuf>, String> {
    let output = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root)
        .output()
        .map_err(|e| format!("git cannot be run: {e}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let names = output.stdout.split(|b| *b == 0).filter(|n| !n.is_empty());
    Ok(names
        .map(|n| PathBuf::from(String::from_utf8_lossy(n).into_owned()))
        .collect())
}

fn check_rust(name: &str, text: &str, complaints: &mut Vec<String>) {
    if name.starts_with("tests/victims/") {
        // Begins with its sin, as the victims in other languages do.
        return;
    }
    let first = text.lines().find(|l| !l.starts_with("#!["));
    if !first.is_some_and(|l| l.starts_with("//!")) {
        complaints.push(format!(
            "{name}: its first line must say what lives there (//!)"
        ));
    }
    let lines = text.lines().count();
    let is_test = name.contains("/tests/") || name.ends_with("_tests.rs");
    let is_table = name.ends_with("crates/ledger/src/format.rs");
    // What is made of another file is read there.
    let is_made = name == "bindings/raw/src/api.rs";
    if lines > LONGEST && !is_test && !is_table && !is_made {
        complaints.push(format!(
            "{name}: {lines} lines; {LONGEST} can be read in one sitting"
        ));
    }
}

fn check_text(name: &str, text: &str, complaints: &mut Vec<String>) {
    // In two pieces, or this file would complain of itself.
    let leftovers = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
    ];
    let is_licence = name.starts_with("LICENSE");
    for (i, line) in text.lines().enumerate() {
        if leftovers.iter().any(|l| line.contains(l)) {
            complaints.push(format!("{name}:{}: left over: {}", i + 1, line.trim()));
        }
        if line.ends_with([' ', '\t']) && !is_licence && !name.ends_with(".txt") {
            complaints.push(format!("{name}:{}: blanks at the end of the line", i + 1));
        }
    }
}

/// Links in a page to other files of the project must lead somewhere.
fn check_links(root: &Path, path: &Path, text: &str, complaints: &mut Vec<String>) {
    let folder = root.join(path.parent().unwrap_or(Path::new("")));
    for piece in text.split("](").skip(1) {
        let Some(target) = piece.split(')').next() else {
            continue;
        };
        let file = target.split('#').next().unwrap_or_default();
        let is_outside = target.contains("://") || target.starts_with("mailto:");
        if !file.is_empty() && !is_outside && !folder.join(file).exists() {
            complaints.push(format!(
                "{}: the link to {target} leads nowhere",
                path.display()
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_tidy() {
        run().expect("tidy");
    }

    #[test]
    fn what_is_untidy_is_found() {
        let mut complaints = Vec::new();
        check_rust("a.rs", "fn main() {}\n", &mut complaints);
        check_rust("b.rs", &"//! x\n".repeat(LONGEST + 1), &mut complaints);
        check_text(
            "c.rs",
            concat!("// TO", "DO: x\nlet x; \n"),
            &mut complaints,
        );
        check_links(
            Path::new("."),
            Path::new("d.md"),
            "[x](no-such-file.md)",
            &mut complaints,
        );
        assert_eq!(complaints.len(), 5, "{complaints:?}");
    }
}
