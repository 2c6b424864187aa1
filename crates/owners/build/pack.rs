//! Writes the table: numbers of 32 bits, lowest byte first, then texts. What is
//! where stands in `src/table.rs`, which reads it.

use std::collections::{BTreeMap, HashMap};

use crate::read::{Fact, Functions};

/// The table's first word.
const MAGIC: u32 = u32::from_le_bytes(*b"FHO1");

#[derive(Default)]
struct Texts {
    bytes: Vec<u8>,
    places: HashMap<String, u32>,
}

impl Texts {
    /// The place of a text: its length in two bytes, then its bytes.
    fn place(&mut self, text: &str) -> Result<u32, String> {
        if let Some(place) = self.places.get(text) {
            return Ok(*place);
        }
        let len = u16::try_from(text.len()).map_err(|_| format!("too long: {text}"))?;
        let place = word(self.bytes.len())?;
        self.bytes.extend(len.to_le_bytes());
        self.bytes.extend(text.as_bytes());
        self.places.insert(text.to_owned(), place);
        Ok(place)
    }
}

fn word(number: usize) -> Result<u32, String> {
    u32::try_from(number).map_err(|_| "the table is too large".into())
}

/// The table of these functions.
pub(crate) fn pack(functions: &Functions) -> Result<Vec<u8>, String> {
    let mut texts = Texts::default();
    texts.place("")?;
    let (mut lists, mut facts, mut rows, mut names) = (vec![], vec![], vec![], vec![]);
    let mut known: HashMap<&Fact, u32> = HashMap::new();
    let mut released: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    let mut sorted: Vec<_> = functions.iter().collect();
    sorted.sort_by_key(|((name, library), _)| (name.to_ascii_lowercase(), name, library));
    for ((name, _), function) in sorted {
        let (number, first) = (word(names.len() / FUNCTION)?, word(rows.len() / ROW)?);
        for (slot, fact) in &function.slots {
            let fact_number = match known.get(fact) {
                Some(number) => *number,
                None => {
                    let number = word(facts.len() / FACT)?;
                    let mut list = |items: &[String]| -> Result<[u32; 2], String> {
                        let first = word(lists.len())?;
                        for item in items {
                            lists.push(texts.place(item)?);
                        }
                        Ok([first, word(items.len())?])
                    };
                    let (release, sources) = (list(&fact.release)?, list(&fact.sources)?);
                    facts.push(u32::from(fact.kind) | u32::from(fact.tier) << 8);
                    facts.extend(release);
                    facts.extend(sources);
                    for text in &fact.texts {
                        facts.push(texts.place(text)?);
                    }
                    known.insert(fact, number);
                    number
                }
            };
            for release in fact.release.iter().filter(|_| fact.kind != 0) {
                let name = release.split('(').next().unwrap_or(release);
                let by = released.entry(name).or_default();
                if by.last() != Some(&number) {
                    by.push(number);
                }
            }
            rows.extend([texts.place(slot)?, fact_number]);
        }
        names.extend([
            texts.place(name)?,
            texts.place(&function.library)?,
            u32::from(function.platform),
            first,
            word(function.slots.len())?,
        ]);
    }
    let mut releases = vec![];
    for (name, by) in released {
        releases.extend([texts.place(name)?, word(lists.len())?, word(by.len())?]);
        lists.extend(by);
    }
    let parts = [&names, &rows, &facts, &releases, &lists];
    let mut head = vec![MAGIC];
    let mut at = 4 * (1 + 2 * parts.len() + 2);
    for part in parts {
        head.extend([word(at)?, word(part.len())?]);
        at += 4 * part.len();
    }
    head.extend([word(at)?, word(texts.bytes.len())?]);
    let numbers = head.iter().chain(parts.into_iter().flatten());
    let mut bytes: Vec<u8> = numbers.flat_map(|number| number.to_le_bytes()).collect();
    bytes.extend(texts.bytes);
    Ok(bytes)
}

/// Numbers of a function: name, library, platform, first row, rows.
const FUNCTION: usize = 5;
/// Numbers of a row: slot, fact.
const ROW: usize = 2;
/// Numbers of a fact: kind and tier, releases, sources, six texts.
const FACT: usize = 11;
