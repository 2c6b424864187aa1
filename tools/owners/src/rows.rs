//! Rows as they are collected and written: a file for each library, sorted, one
//! line for each slot.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::compare::Answer;

/// What is said of one slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Which rule says it.
    pub(crate) rule: String,
    /// What releases it, where the rule leaves that open.
    pub(crate) release: Option<String>,
}

impl Row {
    pub(crate) fn rule(rule: &str) -> Row {
        Row {
            rule: rule.to_owned(),
            release: None,
        }
    }

    pub(crate) fn with(rule: &str, release: &str) -> Row {
        Row {
            release: Some(release.to_owned()),
            ..Row::rule(rule)
        }
    }
}

/// Rows by library, function and slot.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    libraries: BTreeMap<String, BTreeMap<String, BTreeMap<String, Row>>>,
    /// All functions there are, also those without rows.
    declared: BTreeMap<String, BTreeSet<String>>,
    contradictions: Vec<(String, String, String)>,
    /// What attributes of functions and types say, without any rule of ours, and
    /// whether those of the slot itself do.
    attributes: BTreeMap<(String, String), (Answer, bool)>,
}

impl Rows {
    /// Adds a row; where there is one already, it stays, and a contradiction is noted.
    pub(crate) fn add(&mut self, library: &str, function: &str, slot: &str, row: Row) {
        let functions = self.libraries.entry(library.to_owned()).or_default();
        let slots = functions.entry(function.to_owned()).or_default();
        let known = slots.entry(slot.to_owned()).or_insert_with(|| row.clone());
        if *known != row {
            let says = format!(
                "conflict: {function}.{slot} ({library}): one source says {}, another {}: a row by \
                 hand must say what is right",
                value(known),
                value(&row)
            );
            let (function, slot) = (function.to_owned(), slot.to_owned());
            self.contradictions.push((function, slot, says));
        }
    }

    /// What sources say of one slot that is not the same, but for slots that have rows
    /// by hand.
    pub(crate) fn contradictions(&self, has_row: impl Fn(&str, &str) -> bool) -> Vec<&str> {
        let all = self.contradictions.iter();
        let left = all.filter(|(function, slot, _)| !has_row(function, slot));
        left.map(|(_, _, says)| says.as_str()).collect()
    }

    /// Notes what attributes say of a slot.
    pub(crate) fn note(&mut self, function: &str, slot: &str, answer: (Answer, bool)) {
        let key = (function.to_owned(), slot.to_owned());
        self.attributes.entry(key).or_insert(answer);
    }

    /// What attributes say of a slot.
    pub(crate) fn attribute(&self, function: &str, slot: &str) -> Option<&(Answer, bool)> {
        self.attributes.get(&(function.to_owned(), slot.to_owned()))
    }

    /// Notes that there is a function.
    pub(crate) fn declare(&mut self, library: &str, function: &str) {
        let functions = self.declared.entry(library.to_owned()).or_default();
        functions.insert(function.to_owned());
    }

    /// All functions of all libraries.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.declared.values().flatten().map(String::as_str)
    }

    /// The functions of each library.
    pub(crate) fn declared(&self) -> &BTreeMap<String, BTreeSet<String>> {
        &self.declared
    }

    /// The files, by their place in the data folder.
    pub(crate) fn files(&self, folder: &str, platform: &str) -> BTreeMap<PathBuf, String> {
        let mut files = BTreeMap::new();
        let empty = BTreeMap::new();
        for (library, declared) in &self.declared {
            let functions = self.libraries.get(library).unwrap_or(&empty);
            let others = declared
                .iter()
                // Of methods only those with rows: there are too many.
                .filter(|name| !functions.contains_key(*name) && !name.contains("::"));
            let others: Vec<_> = others.collect();
            if functions.is_empty() && others.is_empty() {
                continue;
            }
            let mut text = String::from(HEAD);
            let _ = writeln!(text, "platform = {platform:?}\nlibrary = {library:?}");
            if !others.is_empty() {
                text.push_str("# Nothing that these hand out is declared.\nothers = [\n");
                for name in others {
                    let _ = writeln!(text, "  {name:?},");
                }
                text.push_str("]\n");
            }
            text.push_str("\n[functions]\n");
            for (function, slots) in functions {
                for (slot, row) in slots {
                    let _ = writeln!(text, "{}.{} = {}", key(function), key(slot), value(row));
                }
            }
            let name = library
                .trim_start_matches("Windows.Win32.")
                .replace('/', "-");
            let name = name.trim_end_matches(".dll");
            files.insert(Path::new(folder).join(format!("{name}.toml")), text);
        }
        files
    }
}

const HEAD: &str =
    "# Made by `cargo xtask owners` of what the platform declares: not to be edited.\n\n";

fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    match !name.is_empty() && name.chars().all(is_bare) {
        true => name.to_owned(),
        false => format!("{name:?}"),
    }
}

fn value(row: &Row) -> String {
    match &row.release {
        None => format!("{:?}", row.rule),
        Some(release) => format!("{{ rule = {:?}, release = [{release:?}] }}", row.rule),
    }
}

/// Writes these files and takes away all others in the folder; with `check` it
/// only says what differs.
pub(crate) fn write(
    data: &Path,
    folders: &[&str],
    files: &BTreeMap<PathBuf, String>,
    check: bool,
) -> Result<Vec<String>, String> {
    let error = |path: &Path, e: std::io::Error| format!("{}: {e}", path.display());
    let mut differences = Vec::new();
    for folder in folders {
        let folder = data.join(folder);
        if !check {
            fs::create_dir_all(&folder).map_err(|e| error(&folder, e))?;
        }
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.map_err(|e| error(&folder, e))?.path();
            let short = path.strip_prefix(data).unwrap_or(&path);
            if !files.contains_key(short) {
                differences.push(format!("{} is no longer made", short.display()));
                if !check {
                    fs::remove_file(&path).map_err(|e| error(&path, e))?;
                }
            }
        }
    }
    for (short, text) in files {
        let path = data.join(short);
        if fs::read_to_string(&path).is_ok_and(|old| old == *text) {
            continue;
        }
        differences.push(format!("{} is another", short.display()));
        if !check {
            fs::write(&path, text).map_err(|e| error(&path, e))?;
        }
    }
    Ok(differences)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_that_contradict_each_other_are_noted() {
        let mut rows = Rows::default();
        rows.add(
            "thing.dll",
            "OpenThing",
            "return",
            Row::with("type", "CloseThing"),
        );
        rows.add(
            "thing.dll",
            "OpenThing",
            "return",
            Row::with("type", "CloseThing"),
        );
        rows.add(
            "other.dll",
            "OpenThing",
            "return",
            Row::with("type", "CloseOther"),
        );
        assert_eq!(rows.contradictions(|_, _| false), [""; 0]);
        rows.add(
            "thing.dll",
            "OpenThing",
            "return",
            Row::rule("do-not-release"),
        );
        let said = rows.contradictions(|_, _| false);
        assert!(
            said.len() == 1 && said[0].contains("CloseThing"),
            "{said:?}"
        );
        let decided = |function: &str, slot: &str| (function, slot) == ("OpenThing", "return");
        assert_eq!(rows.contradictions(decided), [""; 0]);
    }
}
