//! The table: numbers of 32 bits, lowest byte first, then texts with their length
//! in two bytes before them. `build/pack.rs` writes it.
//!
//! It is our own, so what does not fit is a defect of the build: the tests read
//! all of it.

use core::cmp::Ordering;
use core::ops::Range;

use crate::{Kind, Platform, Tier};

static TABLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/owners.bin"));

/// The parts, in their order behind the first word.
#[derive(Clone, Copy)]
enum Part {
    Functions,
    Rows,
    Facts,
    Releases,
    Lists,
    Texts,
}

/// Numbers of one entry.
const FUNCTION: usize = 5;
const ROW: usize = 2;
const FACT: usize = 11;
const RELEASE: usize = 3;

/// The number at a place of the table, counted in numbers.
fn word(place: usize) -> u32 {
    match TABLE[4 * place..].first_chunk() {
        Some(bytes) => u32::from_le_bytes(*bytes),
        None => 0,
    }
}

/// Where a part begins, in bytes, and its numbers (of the texts: bytes).
fn part(part: Part) -> (usize, usize) {
    let head = 1 + 2 * part as usize;
    (word(head) as usize, word(head + 1) as usize)
}

fn number(of: Part, place: usize) -> u32 {
    word(part(of).0 / 4 + place)
}

fn text(place: u32) -> &'static str {
    let at = part(Part::Texts).0 + place as usize;
    let len = usize::from(u16::from_le_bytes([TABLE[at], TABLE[at + 1]]));
    core::str::from_utf8(&TABLE[at + 2..at + 2 + len]).unwrap_or("")
}

fn count() -> usize {
    part(Part::Functions).1 / FUNCTION
}

fn function(number: usize) -> Function {
    Function(number)
}

/// A function of a library.
///
/// ```
/// let function = freehold_owners::find("SysAllocString").next().expect("known");
/// assert_eq!(function.library(), "oleaut32.dll");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function(usize);

impl Function {
    fn word(self, place: usize) -> u32 {
        number(Part::Functions, self.0 * FUNCTION + place)
    }

    /// Its name; that of a method with its interface before it.
    pub fn name(self) -> &'static str {
        text(self.word(0))
    }

    /// The library or the set of interfaces that it belongs to.
    pub fn library(self) -> &'static str {
        text(self.word(1))
    }

    /// Its platform.
    pub fn platform(self) -> Platform {
        Platform::from_number(self.word(2))
    }

    /// The places where it gives or takes something, its result first.
    pub fn slots(self) -> impl ExactSizeIterator<Item = Slot> {
        let first = self.word(3) as usize;
        (first..first + self.word(4) as usize).map(Slot)
    }
}

/// A place where a function gives something, with what is known of it.
///
/// ```
/// use freehold_owners::{Tier, find};
/// let function = find("CoCreateInstance").next().expect("known");
/// let slot = function.slots().next().expect("it gives an object");
/// assert_eq!(slot.tier(), Tier::Rule);
/// assert!(slot.sources().next().is_some());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(usize);

impl Slot {
    fn fact(self, place: usize) -> u32 {
        let fact = number(Part::Rows, self.0 * ROW + 1) as usize;
        number(Part::Facts, fact * FACT + place)
    }

    fn list(self, place: usize) -> impl ExactSizeIterator<Item = &'static str> + use<> {
        let first = self.fact(place) as usize;
        let len = self.fact(place + 1) as usize;
        (first..first + len).map(|place| text(number(Part::Lists, place)))
    }

    fn note_at(self, place: usize) -> Option<&'static str> {
        Some(text(self.fact(5 + place))).filter(|text| !text.is_empty())
    }

    /// `return`, the name of a parameter, or one with a field or `[]` for its
    /// elements behind it.
    pub fn name(self) -> &'static str {
        text(number(Part::Rows, self.0 * ROW))
    }

    /// Whose it is.
    pub fn kind(self) -> Kind {
        Kind::from_number(self.fact(0) & 0xff)
    }

    /// How sure that is.
    pub fn tier(self) -> Tier {
        Tier::from_number(self.fact(0) >> 8)
    }

    /// What releases it: one of these functions, with its arguments where it
    /// takes more than the one (`*`).
    pub fn release(self) -> impl ExactSizeIterator<Item = &'static str> + use<> {
        self.list(1)
    }

    /// What says so.
    pub fn sources(self) -> impl ExactSizeIterator<Item = &'static str> + use<> {
        self.list(3)
    }

    /// The family of the memory, as the ledger names it.
    pub fn family(self) -> Option<&'static str> {
        self.note_at(0)
    }

    /// Under which condition it is so.
    pub fn when(self) -> Option<&'static str> {
        self.note_at(1)
    }

    /// What there is to release when the function fails.
    pub fn failure(self) -> Option<&'static str> {
        self.note_at(2)
    }

    /// What tells its size.
    pub fn size(self) -> Option<&'static str> {
        self.note_at(3)
    }

    /// Until when it may be used.
    pub fn until(self) -> Option<&'static str> {
        self.note_at(4)
    }

    /// What else there is to know.
    pub fn note(self) -> Option<&'static str> {
        self.note_at(5)
    }
}

/// Functions in the order of the alphabet.
#[derive(Clone, Debug)]
pub struct Functions(Range<usize>);

impl Iterator for Functions {
    type Item = Function;

    fn next(&mut self) -> Option<Function> {
        self.0.next().map(function)
    }
}

impl ExactSizeIterator for Functions {
    fn len(&self) -> usize {
        self.0.len()
    }
}

/// Compares names without regard to the case of their letters.
fn compare(one: &str, other: &str) -> Ordering {
    let lower = |byte: u8| byte.to_ascii_lowercase();
    one.bytes().map(lower).cmp(other.bytes().map(lower))
}

/// All functions.
///
/// ```
/// assert!(freehold_owners::all().len() > 10_000);
/// ```
pub fn all() -> Functions {
    Functions(0..count())
}

/// The functions of this name, in upper or lower case.
///
/// ```
/// assert_eq!(freehold_owners::find("sysallocstring").next().unwrap().name(), "SysAllocString");
/// assert!(freehold_owners::find("NoSuchFunction").next().is_none());
/// ```
pub fn find(name: &str) -> Functions {
    let first = first(|known| compare(known, name) == Ordering::Less);
    let behind = first_from(first, |known| compare(known, name) == Ordering::Equal);
    Functions(first..behind)
}

/// How many functions at the beginning have names of which this holds.
fn first(holds: impl Fn(&str) -> bool) -> usize {
    first_from(0, holds)
}

fn first_from(from: usize, holds: impl Fn(&str) -> bool) -> usize {
    let (mut low, mut high) = (from, count());
    while low < high {
        let middle = low + (high - low) / 2;
        match holds(function(middle).name()) {
            true => low = middle + 1,
            false => high = middle,
        }
    }
    low
}

/// The functions that give something which `release` releases.
///
/// ```
/// let mut by = freehold_owners::released_by("SysFreeString");
/// assert!(by.any(|function| function.name() == "SysAllocString"));
/// ```
pub fn released_by(release: &str) -> impl Iterator<Item = Function> {
    let releases = part(Part::Releases).1 / RELEASE;
    let word = |entry: usize, place| number(Part::Releases, entry * RELEASE + place);
    let found =
        (0..releases).find(|entry| compare(text(word(*entry, 0)), release) == Ordering::Equal);
    let lists = found.map_or(0..0, |entry| {
        let first = word(entry, 1) as usize;
        first..first + word(entry, 2) as usize
    });
    lists.map(|place| function(number(Part::Lists, place) as usize))
}

/// The functions of a library, with or without `.dll` or `.so` behind its name.
///
/// ```
/// let mut functions = freehold_owners::in_library("Ole32");
/// assert!(functions.any(|function| function.name() == "CoCreateInstance"));
/// ```
pub fn in_library(library: &str) -> impl Iterator<Item = Function> {
    all().filter(move |function| is_in(*function, library))
}

/// Whether a function is of a library, by the library's name with or without what
/// stands behind the first dot of a shared library's.
///
/// ```
/// use freehold_owners::{find, is_in};
/// let function = find("sqlite3_open").next().expect("known");
/// assert!(is_in(function, "libsqlite3") && is_in(function, "libsqlite3.so.0"));
/// ```
pub fn is_in(function: Function, library: &str) -> bool {
    let stem = |name: &str| {
        let end = [".dll", ".so"]
            .iter()
            .filter_map(|end| name.find(end))
            .min();
        name[..end.unwrap_or(name.len())].len()
    };
    let known = function.library();
    let (known, library) = (&known[..stem(known)], &library[..stem(library)]);
    known.eq_ignore_ascii_case(library)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_the_table_can_be_read() {
        assert_eq!(&TABLE[..4], b"FHO1");
        let mut before = "";
        for function in all() {
            assert_ne!(compare(before, function.name()), Ordering::Greater);
            before = function.name();
            assert!(!function.library().is_empty(), "{before}");
            let mut slots = Vec::new();
            for slot in function.slots() {
                assert!(!slot.name().is_empty(), "{before}");
                slots.push(slot.name());
                let asserted = slot.kind() != Kind::Unknown;
                assert_eq!(asserted, slot.tier() != Tier::Unsure, "{before}");
                assert!(slot.sources().all(|source| !source.is_empty()));
                if asserted {
                    assert!(slot.sources().len() > 0, "{before}");
                    for release in slot.release() {
                        let name = release.split('(').next().unwrap_or(release);
                        assert!(released_by(name).any(|by| by == function), "{before}");
                    }
                }
                let texts = [slot.family(), slot.when(), slot.failure()];
                assert!(texts.iter().flatten().all(|text| !text.is_empty()));
            }
            let mut distinct = slots.clone();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(slots.len(), distinct.len(), "{before}");
        }
    }

    #[test]
    fn a_parameter_has_the_name_of_the_manual() {
        for name in ["LookupAccountSidW", "LookupAccountSidA"] {
            let function = find(name).find(|function| function.name() == name).unwrap();
            let slots: Vec<_> = function.slots().map(Slot::name).collect();
            assert_eq!(slots, ["lpName", "lpReferencedDomainName"], "{name}");
        }
    }

    #[test]
    fn each_function_is_found_by_its_name() {
        for function in all().step_by(7) {
            assert!(find(function.name()).any(|found| found == function));
            let upper = function.name().to_uppercase();
            assert!(find(&upper).any(|found| found == function));
        }
    }
}
