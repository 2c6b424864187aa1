//! The order of the crates: each may depend only on those before it.

use std::collections::BTreeMap;
use std::path::Path;

/// From the bottom up, as in `ARCHITECTURE.md`.
pub(crate) const ORDER: &[&str] = &[
    "ledger",
    "unwind",
    "python",
    "families",
    "owners",
    "reach",
    "report",
    "freehold",
    "capi",
    "interpose",
    "cli",
];

/// What must never depend on what, though the order would allow it, and why.
const NEVER: &[(&str, &str, &str)] = &[
    (
        "interpose",
        "report",
        "what runs inside other people's programs stays small",
    ),
    ("reach", "unwind", "a scan needs no stacks"),
];

/// Crates that live inside other people's programs, with all that they may use
/// from outside.
const INSIDE: &[(&str, &[&str])] = &[
    ("ledger", &["libc", "loom"]),
    ("unwind", &["libc", "gimli", "framehop"]),
    ("python", &["libc"]),
    ("families", &["libc"]),
    ("owners", &["toml"]),
    ("reach", &["libc"]),
    ("freehold", &["libc", "allocator-api2", "windows-sys"]),
    ("capi", &["libc"]),
    ("interpose", &["libc"]),
];

/// Complaints about the dependencies that the manifests declare.
pub(crate) fn check(root: &Path) -> Result<Vec<String>, String> {
    let mut complaints = Vec::new();
    let mut manifests = BTreeMap::new();
    for name in ORDER {
        let path = root.join("crates").join(name).join("Cargo.toml");
        let text =
            std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        manifests.insert(*name, dependencies(&text));
    }
    for (place, name) in ORDER.iter().enumerate() {
        for dependency in &manifests[name] {
            let own = match dependency.as_str() {
                // The one whose package has no more than the project's name.
                "freehold" => Some("freehold"),
                other => other.strip_prefix("freehold-"),
            };
            let Some(own) = own else {
                check_outside(name, dependency, &mut complaints);
                continue;
            };
            match ORDER.iter().position(|n| *n == own) {
                Some(other) if other < place => {}
                _ => complaints.push(format!(
                    "crates/{name} may not depend on {own}: see its order"
                )),
            }
            for (from, to, why) in NEVER {
                if name == from && own == *to {
                    complaints.push(format!("crates/{from} may not depend on {to}: {why}"));
                }
            }
        }
    }
    Ok(complaints)
}

fn check_outside(name: &str, dependency: &str, complaints: &mut Vec<String>) {
    let allowed = INSIDE.iter().find(|(inside, _)| *inside == name);
    if let Some((_, allowed)) = allowed
        && !allowed.contains(&dependency)
    {
        complaints.push(format!(
            "crates/{name} runs inside other people's programs and may not depend on {dependency}"
        ));
    }
}

/// Names in the `[dependencies]` tables of a manifest; those for tests do not
/// count.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut inside = false;
    for line in manifest.lines() {
        let line = line.trim();
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]") && !line.contains("dev-dependencies");
        } else if inside && !line.starts_with('#') {
            let name = line.split(['=', '.', ' ']).next().unwrap_or_default();
            if !name.is_empty() {
                names.push(name.to_owned());
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    #[test]
    fn dependencies_are_found() {
        let text = "[package]\nname = \"x\"\n[dependencies]\nlibc.workspace = true\n# no\n\
                    foo = { version = \"1\" }\n[dev-dependencies]\nbar = \"1\"\n\
                    [target.'cfg(loom)'.dependencies]\nloom = \"0.7\"\n";
        assert_eq!(super::dependencies(text), ["libc", "foo", "loom"]);
    }
}
