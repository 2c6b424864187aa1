//! Every public item of the crates that users of the library see has docs and an
//! example, which runs as a test of its crate.
//!
//! What is public is asked of rustdoc, as JSON: its own counts
//! (`--show-coverage`) and its lint (`missing_doc_code_examples`) leave out what
//! a private module has and the root re-exports, which is most of the library.
//! The JSON is unstable, hence `RUSTC_BOOTSTRAP`; nothing else is built with it.
//!
//! What is not here: whether an example is a good one; the docs of fields and
//! variants, which `missing_docs` looks after; what only Windows has.

use std::collections::HashSet;

use serde_json::Value;

use crate::root;
use crate::steps::cargo;

/// Packages of which all is looked at.
const ALL: &[&str] = &["freehold", "freehold-families"];
/// Those of which only what the former re-export is.
const SOME: &[&str] = &["freehold-ledger"];
/// The version of rustdoc's JSON that this was written for.
const VERSION: u64 = 57;

/// What cannot have an example of its own, and why.
const WITHOUT: &[(&str, &str)] = &[
    ("freehold::contract::SYMBOL", BY_TABLE),
    ("freehold::contract::VERSION", BY_TABLE),
    ("freehold::contract::HOOKS", BY_TABLE),
    ("freehold::contract::LIVE", BY_TABLE),
    ("freehold::contract::DEAD", BY_TABLE),
    ("freehold::contract::UNKNOWN", BY_TABLE),
    ("freehold::contract::BUSY", BY_TABLE),
    ("freehold::contract::TAG", BY_TABLE),
    ("freehold::contract::SCOPE", BY_TABLE),
    ("freehold::contract::TRUNCATED", BY_TABLE),
    ("freehold::contract::INCOMPLETE", BY_TABLE),
    ("freehold::contract::APPROXIMATE", BY_TABLE),
    ("freehold::contract::Block", BY_TABLE),
    ("freehold::contract::Visit", BY_TABLE),
    ("freehold::contract::Wrong", BY_TABLE),
];
/// Reason: it means nothing without the functions of the table.
const BY_TABLE: &str = "shown where `Tracker` is";

/// Runs the check.
pub(crate) fn run() -> Result<(), String> {
    let mut crates = Vec::new();
    for package in ALL.iter().chain(SOME) {
        crates.push(Crate::read(package)?);
    }
    let mut check = Check::new(&crates);
    for described in &crates[..ALL.len()] {
        let before = check.seen.len();
        check.item(described, &described.json["root"], "", "");
        if check.seen.len() == before {
            return Err(format!(
                "no public item was found in {}: rustdoc's JSON has version {}, and this check \
                 knows {VERSION}",
                described.name, described.json["format_version"]
            ));
        }
    }
    for (path, _) in WITHOUT {
        if !check.excused.contains(path) {
            let text = format!("{path} needs no excuse: take it out of the list");
            check.complaints.push(text);
        }
    }
    if check.complaints.is_empty() {
        eprintln!("    {} public items have examples", check.seen.len());
        return Ok(());
    }
    check.complaints.sort();
    Err(format!(
        "public items need docs and an example that runs as a test (list exceptions in \
         xtask/src/examples.rs):\n  {}",
        check.complaints.join("\n  ")
    ))
}

/// What rustdoc tells of a crate.
struct Crate {
    name: String,
    json: Value,
}

impl Crate {
    fn read(package: &str) -> Result<Crate, String> {
        let name = package.replace('-', "_");
        // Apart, because a build script that is told of `RUSTC_BOOTSTRAP` runs anew.
        let target = root().join("target/examples");
        let mut command = cargo(&["rustdoc", "--quiet", "--lib", "--all-features"]);
        command
            .args(["--package", package, "--"])
            .args(["-Zunstable-options", "--output-format", "json"])
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_TARGET_DIR", &target)
            .current_dir(root());
        let output = command
            .output()
            .map_err(|e| format!("cargo cannot be run: {e}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("rustdoc of {package} failed:\n{said}"));
        }
        let path = target.join("doc").join(format!("{name}.json"));
        let text =
            std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let json = serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Crate { name, json })
    }

    /// An item of this crate, by its number.
    fn get(&self, id: &Value) -> Option<&Value> {
        self.json["index"].get(id.to_string())
    }
}

struct Check<'a> {
    crates: &'a [Crate],
    /// Crate and number of each item that was looked at.
    seen: HashSet<(&'a str, String)>,
    excused: HashSet<&'static str>,
    complaints: Vec<String>,
}

impl<'a> Check<'a> {
    fn new(crates: &'a [Crate]) -> Check<'a> {
        Check {
            crates,
            seen: HashSet::new(),
            excused: HashSet::new(),
            complaints: Vec::new(),
        }
    }

    /// Looks at an item and all that is in it. `path` leads to it; `more` is
    /// what else is said of it: where it is re-exported, or where a trait's
    /// example implements it.
    fn item(&mut self, of: &'a Crate, id: &Value, path: &str, more: &str) {
        let Some(item) = of.get(id) else { return };
        let Some((kind, inner)) = item["inner"].as_object().and_then(|i| i.iter().next()) else {
            return;
        };
        let own = item["docs"].as_str().unwrap_or_default();
        if kind == "use" {
            return self.re_export(of, inner, path, own);
        }
        if !self.seen.insert((&of.name, id.to_string())) {
            return;
        }
        let path = match (path, item["name"].as_str().unwrap_or_default()) {
            ("", name) => name.to_owned(),
            (path, name) => format!("{path}::{name}"),
        };
        let docs = format!("{more}\n{own}");
        self.judge(item, &path, &docs);
        for part in list(&inner["items"]) {
            // A required item of a trait is shown where the trait's example has it.
            let shown = match kind.as_str() {
                "trait" => of.get(part).and_then(|part| implemented(part, &docs)),
                _ => None,
            };
            self.item(of, part, &path, shown.unwrap_or_default());
        }
        for part in list(&inner["impls"]) {
            let part = of.get(part).map(|part| &part["inner"]["impl"]);
            let Some(part) = part.filter(|part| part["trait"].is_null()) else {
                continue;
            };
            for method in list(&part["items"]) {
                if of.get(method).is_some_and(|m| m["visibility"] == "public") {
                    self.item(of, method, &path, "");
                }
            }
        }
    }

    /// What another module or crate has, under a name here.
    fn re_export(&mut self, of: &'a Crate, inner: &Value, path: &str, more: &str) {
        let (of, id) = match of.get(&inner["id"]) {
            Some(_) => (of, inner["id"].clone()),
            None => match self.elsewhere(&of.json["paths"][inner["id"].to_string()]["path"]) {
                Some(found) => found,
                None => return,
            },
        };
        if inner["is_glob"] != true {
            return self.item(of, &id, path, more);
        }
        let Some(item) = of.get(&id) else { return };
        for part in list(&item["inner"]["module"]["items"]) {
            self.item(of, part, path, "");
        }
    }

    /// The crate and number of what another crate has by this path.
    fn elsewhere(&self, path: &Value) -> Option<(&'a Crate, Value)> {
        let of = self.crates.iter().find(|of| path[0] == *of.name)?;
        let mut paths = of.json["paths"].as_object()?.iter();
        let (id, _) = paths.find(|(_, what)| what["crate_id"] == 0 && what["path"] == *path)?;
        Some((of, id.parse::<u64>().ok()?.into()))
    }

    fn judge(&mut self, item: &Value, path: &str, docs: &str) {
        if let Some((excused, _)) = WITHOUT.iter().find(|(excused, _)| *excused == path) {
            self.excused.insert(excused);
            return;
        }
        let what = match (docs.trim().is_empty(), has_example(docs)) {
            (true, _) => "docs",
            (false, false) => "example",
            (false, true) => return,
        };
        let file = item["span"]["filename"].as_str().unwrap_or("?");
        let line = &item["span"]["begin"][0];
        let text = format!("{file}:{line}: {path} has no {what}");
        self.complaints.push(text);
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The docs of a trait when their example implements this item of it.
fn implemented<'d>(part: &Value, docs: &'d str) -> Option<&'d str> {
    let name = part["name"].as_str()?;
    let (kind, _) = part["inner"].as_object()?.iter().next()?;
    let shown = match kind.as_str() {
        "function" => [format!("fn {name}("), format!("fn {name}<")],
        "assoc_const" => [format!("const {name}:"), format!("const {name} ")],
        _ => [format!("type {name} "), format!("type {name}<")],
    };
    shown.iter().any(|text| docs.contains(text)).then_some(docs)
}

/// Whether the docs have a piece of code that is compiled.
fn has_example(docs: &str) -> bool {
    let mut inside = false;
    for line in docs.lines() {
        let Some(tags) = line.trim_start().strip_prefix("```") else {
            continue;
        };
        let compiled = |tag: &str| {
            matches!(
                tag.trim(),
                "" | "rust" | "no_run" | "should_panic" | "compile_fail"
            )
        };
        if !inside && tags.split(',').all(compiled) {
            return true;
        }
        inside = !inside;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A crate with a re-exported function, a type with a method, and a trait.
    fn described(docs: &str) -> Crate {
        let example = "It is.\n\n```\nfn asks() {}\n```\n";
        let item = |name: &str, docs: &str, inner: Value| {
            json!({"name": name, "docs": docs, "visibility": "public", "inner": inner,
                   "span": {"filename": "a.rs", "begin": [7, 1]}})
        };
        let json = json!({"root": 0, "paths": {}, "index": {
            "0": item("a", example, json!({"module": {"items": [1, 3, 5]}})),
            "1": item("", "", json!({"use": {"id": 2, "is_glob": false}})),
            "2": item("f", docs, json!({"function": {}})),
            "3": item("T", example, json!({"struct": {"impls": [4]}})),
            "4": item("", "", json!({"impl": {"trait": null, "items": [6]}})),
            "5": item("Asks", example, json!({"trait": {"items": [7, 8]}})),
            "6": item("method", docs, json!({"function": {}})),
            "7": item("asks", "Shown by the trait.", json!({"function": {}})),
            "8": item("tells", docs, json!({"function": {}})),
        }});
        let name = "a".into();
        Crate { name, json }
    }

    fn complaints(docs: &str) -> Vec<String> {
        let crates = [described(docs)];
        let mut check = Check::new(&crates);
        check.item(&crates[0], &json!(0), "", "");
        assert_eq!(check.seen.len(), 7);
        check.complaints
    }

    #[test]
    fn what_has_no_example_is_named() {
        let named = |what| {
            let items = ["a::f", "a::T::method", "a::Asks::tells"];
            items.map(|item| format!("a.rs:7: {item} has no {what}"))
        };
        assert_eq!(complaints(""), named("docs"));
        assert_eq!(complaints("Does something."), named("example"));
        assert_eq!(complaints("```text\nx\n```"), named("example"));
        assert_eq!(complaints("```ignore\nx()\n```"), named("example"));
        assert!(complaints("```no_run\nx()\n```").is_empty());
        assert!(complaints("```text\nx\n```\n```\nx()\n```").is_empty());
    }
}
