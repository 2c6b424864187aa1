//! What a running program needs to know of a pointer: kind and release of a slot,
//! found by the hashes of the names of function and slot. A table of less than 200 KB
//! for a platform, of which nothing is read, allocated or relocated when the program
//! starts; a lookup takes some twenty comparisons.
//!
//! Names are compared by their hashes: 32 bits for the function, 16 for the slot. No
//! two known ones are the same (the build sees to that); an unknown name is taken for a
//! known one, slot included, one time in 10¹⁰.
//!
//! What is not here: conditions, traps, evidence, what nobody has checked; all that is
//! in the whole table ([`find`](crate::find())).

use crate::{Kind, Platform};

static WIN32: Table = Table(include_bytes!(concat!(env!("OUT_DIR"), "/win32.bin")));
static C: Table = Table(include_bytes!(concat!(env!("OUT_DIR"), "/c.bin")));

/// The table of a platform: offset and length in bytes of its parts, then these.
/// `build/compact.rs` writes it.
struct Table(&'static [u8]);

#[derive(Clone, Copy)]
enum Part {
    /// Of functions' names, ascending, 32 bits each.
    Hashes,
    /// Of each function's slots, 16 bits each.
    Places,
    /// How many slots, then for each the hash of its name and its rule.
    Slots,
    /// Kind, family, how many releases, then for each its text and its library.
    Rules,
    /// Their length in a byte before them.
    Texts,
}

impl Table {
    fn part(&self, part: Part) -> &'static [u8] {
        let head = 4 * (1 + 2 * part as usize);
        let word = |at: usize| match self.0[at..].first_chunk() {
            Some(bytes) => u32::from_le_bytes(*bytes) as usize,
            None => 0,
        };
        &self.0[word(head)..][..word(head + 4)]
    }

    fn number(&self, part: Part, place: usize) -> u16 {
        match self.part(part)[2 * place..].first_chunk() {
            Some(bytes) => u16::from_le_bytes(*bytes),
            None => 0,
        }
    }

    fn text(&self, place: u16) -> &'static str {
        let texts = &self.part(Part::Texts)[usize::from(place)..];
        let len = usize::from(texts[0]);
        core::str::from_utf8(&texts[1..=len]).unwrap_or("")
    }

    /// Where the slots of a function stand.
    fn function(&self, name: &str) -> Option<usize> {
        let (hashes, _) = self.part(Part::Hashes).as_chunks();
        let found = hashes.binary_search_by_key(&hash(name), |bytes| u32::from_le_bytes(*bytes));
        Some(usize::from(self.number(Part::Places, found.ok()?)))
    }

    fn rule(&self, slots: usize, name: &str) -> Option<usize> {
        let slots_behind = usize::from(self.number(Part::Slots, slots));
        let mut places = (0..slots_behind).map(|slot| slots + 1 + 2 * slot);
        let place = places.find(|place| self.number(Part::Slots, *place) == slot_hash(name))?;
        Some(usize::from(self.number(Part::Slots, place + 1)))
    }
}

fn of(platform: Platform) -> &'static Table {
    match platform {
        Platform::Win32 => &WIN32,
        Platform::C => &C,
    }
}

/// FNV-1a.
fn hash(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

fn slot_hash(name: &str) -> u16 {
    let hash = hash(name);
    (hash >> 16) as u16 ^ hash as u16
}

/// Why there is no rule for a slot.
///
/// ```
/// use freehold_owners::{Platform, compact::{NoRule, rule}};
/// let of_nothing = rule(Platform::C, "no_such_function", "return");
/// assert_eq!(of_nothing.unwrap_err(), NoRule::Function);
/// let elsewhere = rule(Platform::C, "strdup", "no_such_slot");
/// assert_eq!(elsewhere.unwrap_err(), NoRule::Slot);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRule {
    /// Of no slot of the function anything is asserted, or it is not known.
    Function,
    /// Nothing is asserted of this one of its slots.
    Slot,
}

/// What is asserted of a slot.
///
/// ```
/// use freehold_owners::{Kind, Platform, compact};
/// let rule = compact::rule(Platform::Win32, "FormatMessageW", "lpBuffer").unwrap();
/// assert_eq!((rule.kind(), rule.family()), (Kind::Owned, Some("Local")));
/// let release = rule.releases().next().unwrap();
/// assert_eq!((release.name(), release.library()), ("LocalFree", "kernel32.dll"));
/// assert!(release.takes_only_the_value());
/// ```
#[derive(Clone, Copy)]
pub struct Rule {
    table: &'static Table,
    place: usize,
}

/// The rule for a slot of a function, the names written as its documentation has them;
/// a method with its interface before it (`IShellItem::GetDisplayName`).
///
/// # Errors
/// [`NoRule`] when nothing is asserted.
///
/// ```
/// use freehold_owners::{Kind, Platform, compact::rule};
/// let getenv = rule(Platform::C, "getenv", "return").unwrap();
/// assert_eq!(getenv.kind(), Kind::Borrowed);
/// ```
pub fn rule(platform: Platform, function: &str, slot: &str) -> Result<Rule, NoRule> {
    let table = of(platform);
    let slots = table.function(function).ok_or(NoRule::Function)?;
    let place = table.rule(slots, slot).ok_or(NoRule::Slot)?;
    Ok(Rule { table, place })
}

impl Rule {
    fn number(self, place: usize) -> u16 {
        self.table.number(Part::Rules, self.place + place)
    }

    /// Whose what the slot gives is; never [`Kind::Unknown`].
    pub fn kind(self) -> Kind {
        Kind::from_number(self.number(0).into())
    }

    /// The family of the memory, as the ledger names it.
    pub fn family(self) -> Option<&'static str> {
        Some(self.table.text(self.number(1))).filter(|family| !family.is_empty())
    }

    /// What releases it: one of these.
    pub fn releases(self) -> impl ExactSizeIterator<Item = Release> {
        (0..usize::from(self.number(2))).map(move |release| Release {
            table: self.table,
            place: self.place + 3 + 2 * release,
        })
    }
}

impl core::fmt::Debug for Rule {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Rule")
            .field("kind", &self.kind())
            .field("family", &self.family())
            .finish_non_exhaustive()
    }
}

/// A function that releases something.
///
/// ```
/// use freehold_owners::{Platform, compact::rule};
/// let rule = rule(Platform::Win32, "GetDC", "return").unwrap();
/// let release = rule.releases().next().unwrap();
/// assert_eq!((release.name(), release.text()), ("ReleaseDC", "ReleaseDC(hWnd, *)"));
/// assert!(!release.takes_only_the_value());
/// ```
#[derive(Clone, Copy)]
pub struct Release {
    table: &'static Table,
    place: usize,
}

impl Release {
    /// What stands for it, among the releases of its platform, where there is no room
    /// for more than a number.
    pub fn number(self) -> u16 {
        // The places of rules are numbers of 16 bits.
        self.place as u16
    }

    /// The release that a number stands for.
    ///
    /// ```
    /// use freehold_owners::{Platform, compact::{Release, rule}};
    /// let rule = rule(Platform::C, "sqlite3_mprintf", "return").unwrap();
    /// let release = rule.releases().next().unwrap();
    /// let same = Release::from_number(Platform::C, release.number());
    /// assert_eq!(same.unwrap().name(), "sqlite3_free");
    /// ```
    pub fn from_number(platform: Platform, number: u16) -> Option<Release> {
        let (table, place) = (of(platform), usize::from(number));
        let rules = table.part(Part::Rules).len() / 2;
        let release = Release { table, place };
        (place + 1 < rules && release.checked_text().is_some()).then_some(release)
    }

    /// Of a number from elsewhere, too.
    fn checked_text(self) -> Option<&'static str> {
        let at = usize::from(self.table.number(Part::Rules, self.place));
        let texts = self.table.part(Part::Texts);
        let len = usize::from(*texts.get(at)?);
        core::str::from_utf8(texts.get(at + 1..at + 1 + len)?).ok()
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        let text = self.text();
        text.split('(').next().unwrap_or(text)
    }

    /// Its name, with its arguments where it takes more than the value (`*`).
    pub fn text(self) -> &'static str {
        self.checked_text().unwrap_or("")
    }

    /// The library that has it.
    pub fn library(self) -> &'static str {
        self.table
            .text(self.table.number(Part::Rules, self.place + 1))
    }

    /// Whether it can be called with nothing but the value.
    pub fn takes_only_the_value(self) -> bool {
        self.name().len() == self.text().len()
    }
}

impl core::fmt::Debug for Release {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Release")
            .field("text", &self.text())
            .field("library", &self.library())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{Slot, all};

    #[test]
    fn it_says_what_the_whole_table_says() {
        let mut slots: BTreeMap<(Platform, &str, &str), Vec<Slot>> = BTreeMap::new();
        for function in all() {
            for slot in function.slots() {
                let key = (function.platform(), function.name(), slot.name());
                slots.entry(key).or_default().push(slot);
            }
        }
        let (mut known, mut unknown) = (0, 0);
        for ((platform, function, name), slots) in slots {
            let first = slots[0];
            // Functions of one name in two libraries.
            let is_one = slots
                .iter()
                .all(|slot| slot.kind() == first.kind() && slot.release().eq(first.release()));
            let found = rule(platform, function, name);
            if !is_one || first.kind() == Kind::Unknown {
                assert!(found.is_err(), "{function} {name}");
                unknown += 1;
                continue;
            }
            let found = found.unwrap_or_else(|e| panic!("{function} {name}: {e:?}"));
            assert_eq!(found.kind(), first.kind(), "{function} {name}");
            let releases = found.releases().map(Release::text);
            assert!(releases.eq(first.release()), "{function} {name}");
            let families: Vec<_> = slots.iter().map(|slot| slot.family()).collect();
            assert!(families.contains(&found.family()), "{function} {name}");
            for release in found.releases() {
                assert!(!release.name().is_empty() && !release.library().is_empty());
            }
            known += 1;
        }
        assert!(known > 20_000 && unknown > 1_000, "{known}, {unknown}");
    }

    #[test]
    fn any_number_is_a_release_or_none() {
        for platform in [Platform::Win32, Platform::C] {
            let found = (0..=u16::MAX).filter_map(|n| Release::from_number(platform, n));
            assert!(found.map(|release| release.text().len()).max() < Some(256));
        }
    }

    #[test]
    fn it_is_small() {
        let bytes = [&WIN32, &C].map(|table| table.0.len());
        assert!(bytes.iter().all(|bytes| *bytes < 200_000), "{bytes:?}");
    }
}
