//! All addresses of one object in one go, so that what was parsed can borrow
//! from the files and is dropped with them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use typed_arena::Arena;

use super::demangle::demangle;
use super::dwarf::DebugInfo;
use super::locate::Search;
use super::paths::Roots;
use super::pe::Exports;
use super::table::SymbolTable;
use super::{Condition, Subject, pdb};
use crate::files::Files;
use crate::frame::Place;

/// What was found out about an object and some addresses in it.
#[derive(Default)]
pub(crate) struct Answer {
    pub(crate) condition: Condition,
    pub(crate) has_lines: bool,
    pub(crate) fault: Option<String>,
    /// For each address the functions there, innermost first.
    pub(crate) places: Vec<Vec<Place>>,
}

/// Looks up `addresses` in the files of `subject`.
pub(crate) fn resolve(
    files: &dyn Files,
    roots: &Roots,
    subject: &Subject,
    addresses: &[u64],
) -> Answer {
    // The parsers are written not to panic, whatever the file holds. Should
    // one do so all the same, a report without these names is still a report.
    let attempt = || look_up(files, roots, subject, addresses);
    catch_unwind(AssertUnwindSafe(attempt)).unwrap_or_else(|_| Answer {
        condition: Condition::Missing(String::from("has debug information that makes no sense")),
        has_lines: false,
        fault: None,
        places: vec![Vec::new(); addresses.len()],
    })
}

fn look_up(files: &dyn Files, roots: &Roots, subject: &Subject, addresses: &[u64]) -> Answer {
    let arena = Arena::new();
    let search = Search {
        files,
        roots,
        arena: &arena,
    };
    let (located, condition) = search.locate(subject);
    let mut table = SymbolTable::default();
    for file in &located.tables {
        table.add(file);
    }
    table.finish();
    let debug = located.debug.and_then(|i| located.tables.get(i));
    let debug =
        debug.and_then(|file| DebugInfo::new(file, located.supplement.as_ref(), files, &arena));
    let rvas: Vec<Option<u32>> = addresses.iter().map(|a| u32::try_from(*a).ok()).collect();
    let mut fault = located.fault;
    let mut pdb = None;
    if let Some(opened) = located.pdb {
        pdb = pdb::places(opened, &rvas);
        if pdb.is_none() {
            fault = Some(String::from("has a damaged PDB"));
        }
    }
    let has_lines = debug.is_some() || pdb.is_some();
    let mut pdb = pdb.unwrap_or_default().into_iter();
    let exports = located.tables.first().map(Exports::new).unwrap_or_default();
    let places = addresses.iter().zip(&rvas).map(|(address, rva)| {
        let known = pdb.next();
        let known = debug.as_ref().map(|d| d.places(*address)).or(known);
        let places = known.unwrap_or_default();
        let mut places = named(places, *address, &table);
        if places.is_empty()
            && let Some(name) = rva.and_then(|rva| exports.name(rva))
        {
            places.push(Place {
                function: Some(name.into()),
                ..Place::default()
            });
        }
        places
    });
    Answer {
        condition,
        has_lines,
        fault,
        places: places.collect(),
    }
}

/// Fills in the name of the function that was not inlined from the symbol
/// table, when debug information has none, or has the library's private name
/// for it (`__GI___strdup`) while the table has the one that people call it by.
fn named(mut places: Vec<Place>, address: u64, table: &SymbolTable<'_>) -> Vec<Place> {
    let known = places.last().and_then(|p| p.function.as_deref());
    let is_private = |name: &str| name.starts_with("__");
    if known.is_none_or(is_private)
        && let Some(symbol) = table.find(address)
    {
        let public = demangle(symbol);
        if known.is_none() || !is_private(&public) {
            if places.is_empty() {
                places.push(Place::default());
            }
            if let Some(outermost) = places.last_mut() {
                outermost.function = Some(public.into());
            }
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_name_wins_over_a_private_one() {
        let table = SymbolTable::of(&[(100, 10, "strdup"), (200, 10, "__internal")]);
        let name = |dwarf: Option<&str>, address| {
            let place = Place {
                function: dwarf.map(Into::into),
                ..Place::default()
            };
            let named = named(vec![place], address, &table);
            named[0].function.as_deref().map(str::to_owned)
        };
        assert_eq!(name(Some("__GI___strdup"), 105).as_deref(), Some("strdup"));
        assert_eq!(name(Some("__other"), 205).as_deref(), Some("__other"));
        assert_eq!(name(Some("plain"), 105).as_deref(), Some("plain"));
        assert_eq!(name(None, 205).as_deref(), Some("__internal"));
        assert_eq!(name(Some("__x"), 999).as_deref(), Some("__x"));
    }
}
