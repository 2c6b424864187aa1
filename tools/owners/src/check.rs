//! Checks of all rows, whichever way they came to be, against what the platforms
//! declare and against each other.
//!
//! What is not here: whether a row is *true*; that is what its sources are for.

pub(crate) mod calls;
mod conflicts;
mod evidence;
mod exceptions;
mod exist;
mod produces;
mod twins;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::read::{self, Function, Functions};
use calls::Types;

pub(crate) const WIN32: u8 = 0;
pub(crate) const C: u8 = 1;

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Complaint {
    /// Which check says so.
    pub(crate) check: &'static str,
    pub(crate) function: String,
    pub(crate) slot: String,
    /// The release function that it is about, if it is about one.
    pub(crate) release: Option<String>,
    pub(crate) says: String,
}

impl std::fmt::Display for Complaint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.check, self.function)?;
        if !self.slot.is_empty() {
            write!(f, ".{}", self.slot)?;
        }
        write!(f, ": {}", self.says)
    }
}

/// What rows are checked against.
pub(crate) struct Known<'a> {
    /// The functions and methods of Win32.
    pub(crate) win32: BTreeSet<&'a str>,
    /// The functions of each C library.
    pub(crate) c: BTreeMap<String, BTreeSet<String>>,
    /// The types of each platform's functions.
    pub(crate) types: Vec<(u8, &'a dyn Types)>,
}

/// What is wrong with the rows in a folder, apart from what its exceptions allow.
pub(crate) fn all(data: &Path, known: &Known) -> Result<Vec<String>, String> {
    let functions = read::all(data)?;
    let (declared, _) = read::folders(data, &["win32", "c"])?;
    let (by_hand, _) = read::folders(data, &["hand"])?;
    let mut complaints = exist::check(&functions, known);
    for (platform, types) in &known.types {
        complaints.extend(calls::check(&functions, *platform, *types));
    }
    complaints.extend(produces::check(&functions));
    complaints.extend(twins::check(&functions));
    complaints.extend(conflicts::check(&declared, &by_hand));
    complaints.extend(evidence::check(&functions));
    complaints.sort();
    complaints.dedup();
    let path = data.join("exceptions.toml");
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    exceptions::apply(&text, complaints).map_err(|e| format!("{}: {e}", path.display()))
}

/// The name in a call such as `VirtualFree(*, 0, MEM_RELEASE)`.
pub(crate) fn called(call: &str) -> &str {
    call.split('(').next().unwrap_or(call)
}

/// Each slot of each function of a platform.
fn slots(
    functions: &Functions,
    platform: u8,
) -> impl Iterator<Item = (&str, &Function, &str, &read::Fact)> {
    let of = functions
        .iter()
        .filter(move |(_, function)| function.platform == platform);
    of.flat_map(|((name, _), function)| {
        let slots = function.slots.iter();
        slots.map(move |(slot, fact)| (name.as_str(), function, slot.as_str(), fact))
    })
}

fn kind(fact: &read::Fact) -> &'static str {
    read::KINDS
        .get(usize::from(fact.kind))
        .unwrap_or(&"unknown")
}

fn tier(fact: &read::Fact) -> &'static str {
    read::TIERS.get(usize::from(fact.tier)).unwrap_or(&"unsure")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::read::{Fact, KINDS, TIERS};

    /// A row, as the checks get it.
    pub(crate) fn fact(kind: &str, tier: &str, release: &[&str]) -> Fact {
        let place = |names: &[&str], name| names.iter().position(|n| *n == name).expect("a word");
        Fact {
            kind: place(KINDS, kind) as u8,
            tier: place(TIERS, tier) as u8,
            release: release.iter().map(|name| name.to_string()).collect(),
            sources: vec!["documentation: it".into()],
            ..Fact::default()
        }
    }

    /// Functions with one slot each.
    pub(crate) fn table(platform: u8, rows: &[(&str, &str, Fact)]) -> Functions {
        let mut functions = Functions::new();
        for (name, slot, fact) in rows {
            let library = if platform == WIN32 {
                "thing.dll"
            } else {
                "libthing.so.1"
            };
            let key = (name.to_string(), library.to_owned());
            let function = functions.entry(key).or_default();
            function.library = library.into();
            function.platform = platform;
            function.slots.push((slot.to_string(), fact.clone()));
        }
        functions
    }

    /// What the complaints are about, for short.
    pub(crate) fn said(complaints: &[Complaint]) -> Vec<String> {
        complaints.iter().map(ToString::to_string).collect()
    }

    /// What the build would read of these files, by function and slot.
    fn built(name: &str, files: &[(&str, &str)]) -> BTreeMap<String, Fact> {
        let folder = format!("freehold-owners-{name}-{}", std::process::id());
        let data = std::env::temp_dir().join(folder);
        let all = [
            ("rules.toml", RULES),
            ("c/none.toml", NONE),
            ("checked.toml", "win32 = []\n"),
        ];
        for (path, text) in all.iter().chain(files) {
            let path = data.join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
            std::fs::write(path, text).expect("it can be written");
        }
        let functions = read::all(&data).expect("the files are right");
        std::fs::remove_dir_all(&data).expect("it can be removed");
        let slots = slots(&functions, WIN32);
        slots
            .map(|(name, _, slot, fact)| (format!("{name}.{slot}"), fact.clone()))
            .collect()
    }

    const RULES: &str = "[buffer]\nkind = \"none\"\ntier = \"declared\"\nsources = [\"metadata\"]\n\
        [owned]\nkind = \"owned\"\ntier = \"documented\"\n";
    const NONE: &str = "platform = \"c\"\nlibrary = \"libnone.so.1\"\n";
    const HEAD: &str = "platform = \"win32\"\nlibrary = \"thing.dll\"\n";

    #[test]
    fn a_twin_gets_no_slots_with_the_names_of_the_other_s_parameters() {
        let declared = format!(
            "{HEAD}others = [\"MakeThingA\"]\n[functions]\n\
             GetNameA.lpName = \"buffer\"\nGetNameW.lpFilename = \"buffer\"\nMakeThingW.out = \"buffer\"\n"
        );
        let by_hand = format!(
            "{HEAD}[functions]\nMakeThingW.\"it.p\" = {{ rule = \"owned\", release = [\"LocalFree\"], \
             reason = \"so\" }}\n"
        );
        let files = [
            ("win32/thing.toml", &*declared),
            ("hand/thing.toml", &*by_hand),
        ];
        let rows = built("twins", &files);
        let names: Vec<&str> = rows.keys().map(String::as_str).collect();
        let expected = [
            "GetNameA.lpName",
            "GetNameW.lpFilename",
            // By hand: somebody looked, and the checks find a name that is not there.
            "MakeThingA.it.p",
            "MakeThingW.it.p",
            "MakeThingW.out",
        ];
        assert_eq!(names, expected);
        let sources = &rows["MakeThingW.it.p"].sources;
        let reason = format!("{}so", read::REASON);
        assert_eq!(sources, &["documentation: MakeThingW".to_owned(), reason]);
    }
}
