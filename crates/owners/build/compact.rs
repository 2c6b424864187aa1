//! Writes the compact table of a platform: what a program needs to know of a pointer
//! while it runs, found by the hash of a function's name. What is where stands in
//! `src/compact.rs`, which reads it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::read::{Fact, Functions, KINDS, PLATFORMS};

const MAGIC: u32 = u32::from_le_bytes(*b"FHC1");

/// Texts one after the other, each with its length in a byte before it.
#[derive(Default)]
struct Texts {
    bytes: Vec<u8>,
    places: HashMap<String, u16>,
}

impl Texts {
    fn place(&mut self, text: &str) -> Result<u16, String> {
        if let Some(place) = self.places.get(text) {
            return Ok(*place);
        }
        let len = u8::try_from(text.len()).map_err(|_| format!("too long: {text}"))?;
        let place = short(self.bytes.len())?;
        self.bytes.push(len);
        self.bytes.extend(text.as_bytes());
        self.places.insert(text.to_owned(), place);
        Ok(place)
    }
}

fn short(number: usize) -> Result<u16, String> {
    u16::try_from(number).map_err(|_| "a part of the compact table is too large".into())
}

/// As `src/compact.rs` has it.
fn hash(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash: u32, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

fn slot_hash(name: &str) -> u16 {
    let hash = hash(name);
    (hash >> 16) as u16 ^ hash as u16
}

/// Entries of 16-bit numbers, each kind of entry once.
#[derive(Default)]
struct Entries {
    numbers: Vec<u16>,
    known: HashMap<Vec<u16>, u16>,
}

impl Entries {
    fn place(&mut self, entry: Vec<u16>) -> Result<u16, String> {
        if let Some(place) = self.known.get(&entry) {
            return Ok(*place);
        }
        let place = short(self.numbers.len())?;
        self.numbers.extend(&entry);
        self.known.insert(entry, place);
        Ok(place)
    }
}

/// What libraries say that have a function.
type Facts<'a> = BTreeSet<(&'a str, &'a Fact)>;

/// The table of a platform's functions.
pub(crate) fn pack(functions: &Functions, platform: &str) -> Result<Vec<u8>, String> {
    let number = PLATFORMS.iter().position(|known| *known == platform);
    let number = number.ok_or("another platform")?;
    let of_platform =
        || (functions.iter()).filter(|(_, function)| usize::from(function.platform) == number);
    let mut libraries: BTreeMap<&str, &str> = BTreeMap::new();
    let mut by_name: BTreeMap<&str, BTreeMap<&str, Facts>> = BTreeMap::new();
    for ((name, _), function) in of_platform() {
        libraries.entry(name).or_insert(&function.library);
        for (slot, fact) in &function.slots {
            let facts = by_name.entry(name).or_default().entry(slot).or_default();
            facts.insert((&function.library, fact));
        }
    }
    let mut texts = Texts::default();
    let (mut rules, mut shapes) = (Entries::default(), Entries::default());
    let mut found: BTreeMap<u32, (u16, &str)> = BTreeMap::new();
    for (name, slots) in by_name {
        let mut shape = vec![];
        for (slot, facts) in slots {
            let Some((library, fact)) = agreed(&facts) else {
                continue;
            };
            shape.push(slot_hash(slot));
            let rule = rule(fact, library, &libraries, &mut texts)?;
            shape.push(rules.place(rule)?);
        }
        if shape.is_empty() {
            continue;
        }
        let slots: BTreeSet<_> = shape.iter().step_by(SLOT).collect();
        if slots.len() != shape.len() / SLOT {
            return Err(format!("two slots of {name} have one hash: take another"));
        }
        shape.insert(0, short(shape.len() / SLOT)?);
        let place = shapes.place(shape)?;
        if let Some((_, other)) = found.insert(hash(name), (place, name)) {
            return Err(format!("{name} and {other} have one hash: take another"));
        }
    }
    let hashes: Vec<u8> = found.keys().flat_map(|hash| hash.to_le_bytes()).collect();
    let places: Vec<u16> = found.values().map(|(place, _)| *place).collect();
    let bytes = |numbers: &[u16]| -> Vec<u8> {
        let bytes = numbers.iter().flat_map(|number| number.to_le_bytes());
        bytes.collect()
    };
    let (places, shapes, rules) = (
        bytes(&places),
        bytes(&shapes.numbers),
        bytes(&rules.numbers),
    );
    let parts = [hashes, places, shapes, rules, texts.bytes];
    let mut table = MAGIC.to_le_bytes().to_vec();
    let mut at = 4 * (1 + 2 * parts.len());
    for part in &parts {
        for number in [at, part.len()] {
            let number = u32::try_from(number).map_err(|e| e.to_string())?;
            table.extend(number.to_le_bytes());
        }
        at += part.len();
    }
    table.extend(parts.into_iter().flatten());
    Ok(table)
}

/// Numbers of a slot in a shape: the hash of its name, and its rule.
const SLOT: usize = 2;

/// What all libraries say that have the function, when it is one thing and asserted.
fn agreed<'a>(facts: &Facts<'a>) -> Option<(&'a str, &'a Fact)> {
    let mut facts = facts.iter();
    let (library, fact) = facts.next()?;
    let same = facts.all(|(_, other)| other.kind == fact.kind && other.release == fact.release);
    (same && KINDS[usize::from(fact.kind)] != "unknown").then_some((library, fact))
}

/// Kind, family, and as many releases as the third number says.
fn rule(
    fact: &Fact,
    library: &str,
    libraries: &BTreeMap<&str, &str>,
    texts: &mut Texts,
) -> Result<Vec<u16>, String> {
    let kind = u16::from(fact.kind);
    let mut rule = vec![
        kind,
        texts.place(&fact.texts[0])?,
        short(fact.release.len())?,
    ];
    for release in &fact.release {
        let name = release.split('(').next().unwrap_or(release);
        rule.push(texts.place(release)?);
        // Where a release function is not known itself, it is its producer's library's.
        rule.push(texts.place(libraries.get(name).copied().unwrap_or(library))?);
    }
    Ok(rule)
}
