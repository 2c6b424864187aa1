//! Reads the files of `data`: rules first, then what was generated, then rows by
//! hand, which replace what is there for the same slot.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// What is said of a slot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Fact {
    pub(crate) kind: u8,
    pub(crate) tier: u8,
    pub(crate) release: Vec<String>,
    /// `family`, `when`, `failure`, `size`, `until`, `note`.
    pub(crate) texts: [String; 6],
    pub(crate) sources: Vec<String>,
}

/// A function with its slots in the order of their names, the result first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Function {
    pub(crate) library: String,
    pub(crate) platform: u8,
    pub(crate) slots: Vec<(String, Fact)>,
}

/// The name that a parameter has in the manual, by function and by the name it has
/// in what declares it.
pub(crate) type Names = BTreeMap<(String, String), String>;

/// By name, and where a name is in several libraries, by library.
pub(crate) type Functions = BTreeMap<(String, String), Function>;

pub(crate) const KINDS: &[&str] = &[
    "unknown",
    "owned",
    "refcount",
    "borrowed",
    "transferred",
    "lock",
    "none",
];
pub(crate) const TIERS: &[&str] = &[
    "unsure",
    "checked",
    "documented",
    "declared",
    "rule",
    "type",
];
pub(crate) const PLATFORMS: &[&str] = &["win32", "c"];
/// How the source begins that says why a row by hand contradicts the others.
pub(crate) const REASON: &str = "by hand, against what is declared: ";
const TEXTS: [&str; 6] = ["family", "when", "failure", "size", "until", "note"];

/// All that the files say.
pub(crate) fn all(data: &Path) -> Result<Functions, String> {
    let (mut functions, by_hand) = folders(data, &["win32", "c", "hand"])?;
    widen(&mut functions, &by_hand);
    mark_checked(&data.join("checked.toml"), &mut functions)?;
    Ok(functions)
}

/// Notes which rows somebody has seen to be right.
fn mark_checked(path: &Path, functions: &mut Functions) -> Result<(), String> {
    const CHECKED: &str = "called under Wine 8, and gone after its release";
    let error = |what: &str| format!("{}: {what}", path.display());
    let list = parse(path)?;
    let list = list.get("win32").and_then(Value::as_array);
    for entry in list.ok_or_else(|| error("no list win32"))? {
        let text = entry.as_str().unwrap_or_default();
        let (name, slot) = text.split_once(' ').ok_or_else(|| error(text))?;
        let mut found = (functions.iter_mut())
            .filter(|((known, _), function)| known == name && function.platform == 0)
            .flat_map(|(_, function)| &mut function.slots)
            .filter(|(known, _)| known == slot)
            .peekable();
        if found.peek().is_none() {
            return Err(error(&format!("no row for {text}")));
        }
        for (_, fact) in found {
            fact.tier = number(TIERS, "checked").unwrap_or_default();
            fact.sources.push(CHECKED.to_owned());
        }
    }
    Ok(())
}

/// Slots that have rows by hand: platform, function, slot.
pub(crate) type ByHand = BTreeSet<(u8, String, String)>;

/// What the files in some of the folders say, those of later ones in the place of
/// earlier ones, and which slots have rows by hand.
pub(crate) fn folders(data: &Path, folders: &[&str]) -> Result<(Functions, ByHand), String> {
    let mut rules = BTreeMap::new();
    let path = data.join("rules.toml");
    for (name, value) in parse(&path)? {
        let at = || format!("{}: rule {name}", path.display());
        let table = value
            .as_table()
            .ok_or_else(|| format!("{}: no table", at()))?;
        let mut fact = Fact::default();
        fill(&mut fact, table).map_err(|e| format!("{}: {e}", at()))?;
        rules.insert(name.clone(), fact);
    }
    let names = names(data)?;
    let mut functions = Functions::new();
    let mut by_hand = ByHand::new();
    for folder in folders {
        for path in files(&data.join(folder))? {
            let error = |e: String| format!("{}: {e}", path.display());
            let seen = (*folder == "hand").then_some(&mut by_hand);
            file(parse(&path)?, &rules, &names, &mut functions, seen).map_err(error)?;
        }
    }
    Ok((functions, by_hand))
}

/// The names that parameters have in manuals.
pub(crate) fn names(data: &Path) -> Result<Names, String> {
    let mut names = Names::new();
    for path in files(&data.join("hand"))? {
        let error = |e: String| format!("{}: {e}", path.display());
        add_names(&parse(&path)?, &mut names).map_err(error)?;
    }
    Ok(names)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let error = |e: std::io::Error| format!("{}: {e}", folder.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(error)? {
        let path = entry.map_err(error)?.path();
        if path.is_dir() {
            paths.extend(files(&path)?);
        } else if path.extension().is_some_and(|e| e == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn parse(path: &Path) -> Result<Table, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    text.parse::<Table>()
        .map_err(|e| format!("{}: {e}", path.display()))
}

/// Takes over a file's names of parameters, which hold for a function's twin, too.
fn add_names(table: &Table, names: &mut Names) -> Result<(), String> {
    let Some(named) = table.get("names") else {
        return Ok(());
    };
    for (function, parameters) in named.as_table().ok_or("names is no table")? {
        let error = || format!("names.{function}: no table of names");
        for (declared, manual) in parameters.as_table().ok_or_else(error)? {
            let manual = manual.as_str().ok_or_else(error)?;
            for function in [Some(function.clone()), twin(function)]
                .into_iter()
                .flatten()
            {
                names.insert((function, declared.clone()), manual.to_owned());
            }
        }
    }
    Ok(())
}

/// A slot by its parameter's name in the manual.
fn in_manual(names: &Names, function: &str, slot: &str) -> String {
    let end = slot.find(['.', '[']).unwrap_or(slot.len());
    let (base, rest) = slot.split_at(end);
    match names.get(&(function.to_owned(), base.to_owned())) {
        Some(manual) => format!("{manual}{rest}"),
        None => slot.to_owned(),
    }
}

fn file(
    table: Table,
    rules: &BTreeMap<String, Fact>,
    names: &Names,
    functions: &mut Functions,
    mut by_hand: Option<&mut ByHand>,
) -> Result<(), String> {
    let text = |key: &str| {
        let value = table.get(key).and_then(Value::as_str);
        value.ok_or_else(|| format!("no {key}"))
    };
    let (library, platform) = (text("library")?, text("platform")?);
    let platform = number(PLATFORMS, platform).ok_or("another platform")?;
    let empty = Table::new();
    let named = match table.get("functions") {
        None => &empty,
        Some(named) => named.as_table().ok_or("functions is no table")?,
    };
    for (name, slots) in named {
        let slots = slots
            .as_table()
            .ok_or_else(|| format!("{name}: no table"))?;
        for (slot, value) in slots {
            let fact = fact(value, rules, name).map_err(|e| format!("{name}.{slot}: {e}"))?;
            let mut library = library.to_owned();
            let mut slot = slot.clone();
            if let Some(seen) = &mut by_hand {
                if !seen.insert((platform, name.clone(), slot.clone())) {
                    return Err(format!("{name}.{slot} has another row by hand"));
                }
                // The file's is for functions that no source has.
                library = declared_in(functions, name, platform).unwrap_or(library);
            } else {
                slot = in_manual(names, name, &slot);
            }
            let slots = &mut entry(functions, name, &library, platform).slots;
            match slots.iter_mut().find(|(known, _)| *known == slot) {
                Some((_, known)) => *known = fact,
                None => slots.push((slot, fact)),
            }
        }
    }
    if let Some(others) = table.get("others") {
        for name in others.as_array().ok_or("others is no list")? {
            let name = name
                .as_str()
                .ok_or("others has something else than names")?;
            entry(functions, name, library, platform);
        }
    }
    let known = ["library", "platform", "names", "functions", "others"];
    match table.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(format!("{key} means nothing")),
        None => Ok(()),
    }
}

fn entry<'a>(
    functions: &'a mut Functions,
    name: &str,
    library: &str,
    platform: u8,
) -> &'a mut Function {
    let key = (name.to_owned(), library.to_owned());
    let function = functions.entry(key).or_default();
    function.library = library.to_owned();
    function.platform = platform;
    function
}

/// The library in which the sources have a function.
fn declared_in(functions: &Functions, name: &str, platform: u8) -> Option<String> {
    let from = (name.to_owned(), String::new());
    let mut named = functions
        .range(from..)
        .take_while(|((known, _), _)| known == name);
    let found = named.find(|(_, function)| function.platform == platform);
    found.map(|((_, library), _)| library.clone())
}

/// A rule's name, or a table with one and what it says otherwise.
fn fact(value: &Value, rules: &BTreeMap<String, Fact>, name: &str) -> Result<Fact, String> {
    let rule = |name: &str| {
        let found = rules.get(name).cloned();
        found.ok_or_else(|| format!("there is no rule {name}"))
    };
    let mut reason = None;
    let mut fact = match value {
        Value::String(name) => rule(name)?,
        Value::Table(table) => {
            let mut fact = match table.get("rule") {
                Some(Value::String(name)) => rule(name)?,
                Some(_) => return Err("the rule is no name".into()),
                None => Fact::default(),
            };
            fill(&mut fact, table)?;
            reason = table.get("reason").and_then(Value::as_str);
            fact
        }
        _ => return Err("neither the name of a rule nor a table".into()),
    };
    if fact.sources.is_empty() && TIERS[usize::from(fact.tier)] == "documented" {
        fact.sources.push(format!("documentation: {name}"));
    }
    fact.sources
        .extend(reason.map(|why| format!("{REASON}{why}")));
    let asserted = fact.kind != 0;
    let releases = matches!(KINDS[usize::from(fact.kind)], "owned" | "refcount" | "lock");
    if asserted == (fact.tier == 0) {
        return Err("what is asserted has a tier, and only that".into());
    }
    if asserted && fact.sources.is_empty() {
        return Err("what is asserted has a source".into());
    }
    if releases == fact.release.is_empty() && asserted {
        return Err("what is owned has a release, and only that".into());
    }
    Ok(fact)
}

/// Takes over what a table says.
fn fill(fact: &mut Fact, table: &Table) -> Result<(), String> {
    for (key, value) in table {
        let text = || {
            let text = value.as_str().map(str::to_owned);
            text.ok_or_else(|| format!("{key} is no text"))
        };
        let list = || {
            let list = value
                .as_array()
                .ok_or_else(|| format!("{key} is no list"))?;
            let texts = list.iter().map(|text| text.as_str().map(str::to_owned));
            let texts: Option<Vec<_>> = texts.collect();
            texts.ok_or_else(|| format!("{key} has something else than texts"))
        };
        match key.as_str() {
            "rule" => {}
            "reason" => drop(text()?),
            "kind" => fact.kind = number(KINDS, &text()?).ok_or("another kind")?,
            "tier" => fact.tier = number(TIERS, &text()?).ok_or("another tier")?,
            "release" => fact.release = list()?,
            "sources" => fact.sources = list()?,
            other => match TEXTS.iter().position(|text| *text == other) {
                Some(place) => fact.texts[place] = text()?,
                None => return Err(format!("{other} means nothing")),
            },
        }
    }
    Ok(())
}

fn number(names: &[&str], name: &str) -> Option<u8> {
    let place = names.iter().position(|known| *known == name)?;
    u8::try_from(place).ok()
}

/// What a function's twin for the other width of text is called, if it has one.
fn twin(name: &str) -> Option<String> {
    match name.strip_suffix('W') {
        Some(stem) => Some(format!("{stem}A")),
        None => name.strip_suffix('A').map(|stem| format!("{stem}W")),
    }
}

/// The call of a release function's twin, where it has one.
fn twin_call(call: &str, functions: &Functions) -> String {
    let end = call.find('(').unwrap_or(call.len());
    let (name, rest) = call.split_at(end);
    let Some(twin) = twin(name) else {
        return call.into();
    };
    match declared_in(functions, &twin, 0) {
        Some(_) => twin + rest,
        None => call.into(),
    }
}

/// What is known of a function for UTF-16 holds for the one for bytes, and the
/// reverse, where nothing better is known of that.
fn widen(functions: &mut Functions, by_hand: &ByHand) {
    let mut twins = Vec::new();
    for ((name, library), function) in &*functions {
        let Some(other) = twin(name) else {
            continue;
        };
        let key = (other, library.clone());
        let Some(twin) = functions.get(&key).filter(|_| function.platform == 0) else {
            continue;
        };
        let is_by_hand = |name: &str, slot: &str| {
            by_hand.contains(&(function.platform, name.to_owned(), slot.to_owned()))
        };
        let is_better = |slot: &str| {
            let known = twin.slots.iter().find(|(known, _)| known == slot);
            match known {
                Some((_, fact)) if fact.kind != 0 => {
                    is_by_hand(name, slot) && !is_by_hand(&key.0, slot)
                }
                Some(_) => true,
                // Their parameters can have different names; then what the metadata
                // has of this one says nothing of the other.
                None => is_by_hand(name, slot),
            }
        };
        for (slot, fact) in &function.slots {
            if fact.kind != 0 && is_better(slot) {
                let mut fact = fact.clone();
                let release = fact.release.into_iter();
                fact.release = release.map(|call| twin_call(&call, functions)).collect();
                fact.sources.push(format!("as {name}"));
                twins.push((key.clone(), slot.clone(), fact));
            }
        }
    }
    for (key, slot, fact) in twins {
        let Some(function) = functions.get_mut(&key) else {
            continue;
        };
        match function.slots.iter_mut().find(|(known, _)| *known == slot) {
            Some(known) => known.1 = fact,
            None => function.slots.push((slot, fact)),
        }
    }
    for function in functions.values_mut() {
        function
            .slots
            .sort_by(|(a, _), (b, _)| (a != "return", a).cmp(&(b != "return", b)));
    }
}
