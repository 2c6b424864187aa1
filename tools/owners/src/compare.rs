//! The ownership database beside what others have, on the gold list: Win32's metadata,
//! what CsWin32 makes of it, and the configuration files of cppcheck
//! (`cargo xtask owners --compare FOLDER`).
//!
//! What is not here: the judgement of our own rows alone, which is a test of
//! `freehold-owners`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use freehold_owners::{Kind, Platform, find};
use roxmltree::{Document, Node};

use crate::rows::Rows;

/// An entry of the gold list.
#[derive(serde::Deserialize)]
struct Entry {
    name: String,
    slot: String,
    kind: String,
    release: Vec<String>,
}

#[derive(serde::Deserialize)]
struct List {
    function: Vec<Entry>,
}

/// What somebody says of a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// One of these releases it.
    Release(Vec<String>),
    /// It is not to be released.
    Keep,
}

/// How an answer compares with the documentation.
#[derive(Clone, Copy)]
enum Verdict {
    Found,
    Missed,
    Wrong,
}

/// Answers count as found when one of the releases that they name is right: others
/// list functions such as `realloc` beside it.
fn judge(entry: &Entry, answer: Option<&Answer>) -> Verdict {
    let owes = matches!(&*entry.kind, "owned" | "refcount" | "lock");
    match (answer, owes) {
        (None, _) => Verdict::Missed,
        (Some(Answer::Keep), true) | (Some(Answer::Release(_)), false) => Verdict::Wrong,
        (Some(Answer::Keep), false) => Verdict::Found,
        (Some(Answer::Release(named)), true) => {
            let any = entry.release.is_empty() || named.iter().any(|n| entry.release.contains(n));
            if any { Verdict::Found } else { Verdict::Wrong }
        }
    }
}

fn ours(platform: Platform, entry: &Entry) -> Option<Answer> {
    let functions = find(&entry.name)
        .filter(|function| function.name() == entry.name && function.platform() == platform);
    let mut slots = functions.flat_map(|function| function.slots());
    let slot = slots.find(|slot| slot.name() == entry.slot && slot.kind() != Kind::Unknown)?;
    let bare = |text: &str| text.split('(').next().unwrap_or(text).to_owned();
    Some(match slot.kind() {
        Kind::Owned | Kind::Refcount | Kind::Lock => {
            Answer::Release(slot.release().map(bare).collect())
        }
        _ => Answer::Keep,
    })
}

/// What cppcheck's files say: of a function's result, or of one of its parameters,
/// whose names they do not tell.
#[derive(Default)]
struct Cppcheck {
    results: BTreeMap<String, Vec<String>>,
    parameters: BTreeMap<String, Vec<String>>,
}

impl Cppcheck {
    fn read(folder: &Path, files: &[&str]) -> Result<Cppcheck, String> {
        let mut all = Cppcheck::default();
        for name in files {
            let path = folder.join(name);
            let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            let document =
                Document::parse(&text).map_err(|e| format!("{}: {e}", path.display()))?;
            let groups = document.descendants();
            for group in groups.filter(|n| n.has_tag_name("memory") || n.has_tag_name("resource")) {
                all.group(group);
            }
        }
        Ok(all)
    }

    fn group(&mut self, group: Node) {
        let named = |tag: &'static str| group.children().filter(move |n| n.has_tag_name(tag));
        let text = |node: Node| node.text().unwrap_or("").trim().to_owned();
        let releases: Vec<String> = named("dealloc").map(text).collect();
        for node in named("alloc") {
            let of = match node.attribute("arg") {
                Some(_) => &mut self.parameters,
                None => &mut self.results,
            };
            of.insert(text(node), releases.clone());
        }
    }

    fn answer(&self, entry: &Entry) -> Option<Answer> {
        let of = match &*entry.slot {
            "return" => &self.results,
            _ => &self.parameters,
        };
        of.get(&entry.name).cloned().map(Answer::Release)
    }
}

/// Files of cppcheck for libraries of the gold list.
const WIN32: &[&str] = &["windows.cfg"];
const C: &[&str] = &[
    "std.cfg",
    "posix.cfg",
    "gnu.cfg",
    "bsd.cfg",
    "sqlite3.cfg",
    "libcurl.cfg",
    "openssl.cfg",
    "gtk.cfg",
    "python.cfg",
    "zlib.cfg",
];

/// The comparison as a table. `metadata` has what the attributes of Win32's metadata say.
pub(crate) fn run(root: &Path, cppcheck: &Path, metadata: &Rows) -> Result<String, String> {
    let list = |name: &str| -> Result<Vec<Entry>, String> {
        let path = root.join("crates/owners/tests/gold").join(name);
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let list: List = toml::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(list.function)
    };
    let mut table = String::from("| | found | missed | wrong |\n| --- | ---: | ---: | ---: |\n");
    let mut line = |who: &str, entries: &[Entry], answer: &dyn Fn(&Entry) -> Option<Answer>| {
        let mut counts = [0; 3];
        for entry in entries {
            counts[judge(entry, answer(entry).as_ref()) as usize] += 1;
        }
        let [found, missed, wrong] = counts;
        let _ = writeln!(table, "| {who} | {found} | {missed} | {wrong} |");
    };
    let win32 = list("win32.toml")?;
    let of_windows = Cppcheck::read(cppcheck, WIN32)?;
    let says = |entry: &Entry| metadata.attribute(&entry.name, &entry.slot);
    line("Win32: Freehold", &win32, &|entry| {
        ours(Platform::Win32, entry)
    });
    line("Win32: metadata", &win32, &|entry| {
        Some(says(entry)?.0.clone())
    });
    let of_type = |entry: &Entry| says(entry).filter(|(_, slot)| !slot);
    line("Win32: CsWin32, by its rules", &win32, &|entry| {
        Some(of_type(entry)?.0.clone())
    });
    line("Win32: cppcheck", &win32, &|entry| of_windows.answer(entry));
    let c = list("c.toml")?;
    let of_c = Cppcheck::read(cppcheck, C)?;
    line("C: Freehold", &c, &|entry| ours(Platform::C, entry));
    line("C: cppcheck", &c, &|entry| of_c.answer(entry));
    Ok(table)
}
