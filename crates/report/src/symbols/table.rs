//! The symbol tables of an object: the nearest name when there is no debug
//! information.

use std::collections::HashSet;

use freehold_ledger::image::undecorated;
use object::{
    Architecture, BinaryFormat, Object, ObjectSection, ObjectSymbol, SectionIndex, SectionKind,
    SymbolKind,
};

/// How far a symbol without a size may reach (assembly code).
const LONGEST_UNSIZED: u64 = 64 * 1024;
/// How many symbols before an address are looked at for one that contains it.
const STEPS_BACK: usize = 32;

struct Entry<'a> {
    start: u64,
    end: u64,
    sized: bool,
    name: &'a [u8],
}

/// Functions by address.
#[derive(Default)]
pub(crate) struct SymbolTable<'a> {
    entries: Vec<Entry<'a>>,
}

impl<'a> SymbolTable<'a> {
    /// Adds the functions of `file`: `.symtab` and `.dynsym`, or the
    /// COFF symbols of an image.
    pub(crate) fn add(&mut self, file: &object::File<'a>) {
        let base = file.relative_address_base();
        let text: HashSet<SectionIndex> = file
            .sections()
            .filter(|s| s.kind() == SectionKind::Text)
            .map(|s| s.index())
            .collect();
        let is_decorated =
            file.format() == BinaryFormat::Pe && file.architecture() == Architecture::I386;
        for symbol in file.symbols().chain(file.dynamic_symbols()) {
            let in_text = || symbol.section_index().is_some_and(|s| text.contains(&s));
            let is_code = match symbol.kind() {
                SymbolKind::Text => !symbol.is_undefined(),
                SymbolKind::Unknown | SymbolKind::Label => in_text(),
                _ => false,
            };
            let Ok(name) = symbol.name_bytes() else {
                continue;
            };
            // `$x` and `$d` mark code and data on Arm.
            if !is_code || name.is_empty() || name.starts_with(b"$") {
                continue;
            }
            let name = match is_decorated {
                true => undecorated(name),
                false => name,
            };
            // Of an image: relative to where it wishes to lie.
            let start = symbol.address().wrapping_sub(base);
            self.entries.push(Entry {
                start,
                end: start.saturating_add(symbol.size()),
                sized: symbol.size() > 0,
                name,
            });
        }
    }

    /// Puts the table in order; to be called once after the last [`Self::add`].
    pub(crate) fn finish(&mut self) {
        // Of several names for one address the first is kept: the one with a
        // size, then the one with the fewest underscores in front, so that
        // `malloc` wins over `__libc_malloc` in every run.
        self.entries.sort_by_cached_key(|e| {
            let underscores = e.name.iter().take_while(|b| **b == b'_').count();
            (e.start, !e.sized, underscores, e.name.len(), e.name)
        });
        self.entries.dedup_by_key(|e| e.start);
        for i in 0..self.entries.len() {
            let next = self.entries.get(i + 1).map_or(u64::MAX, |e| e.start);
            let entry = &mut self.entries[i];
            if !entry.sized {
                entry.end = next.min(entry.start.saturating_add(LONGEST_UNSIZED));
            }
        }
    }

    /// The name of the function that contains `address`.
    pub(crate) fn find(&self, address: u64) -> Option<&'a [u8]> {
        let after = self.entries.partition_point(|e| e.start <= address);
        let before = self.entries[..after].iter().rev().take(STEPS_BACK);
        before.into_iter().find(|e| address < e.end).map(|e| e.name)
    }
}

#[cfg(test)]
impl SymbolTable<'static> {
    /// A table of these functions: start, size, name.
    pub(crate) fn of(entries: &[(u64, u64, &'static str)]) -> SymbolTable<'static> {
        let entries = entries.iter().map(|(start, size, name)| Entry {
            start: *start,
            end: start + size,
            sized: *size > 0,
            name: name.as_bytes(),
        });
        let mut table = SymbolTable {
            entries: entries.collect(),
        };
        table.finish();
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_bound_the_search() {
        let table = SymbolTable::of(&[(100, 10, "a"), (200, 0, "asm"), (220, 5, "b")]);
        assert_eq!(table.find(99), None);
        assert_eq!(table.find(100), Some(&b"a"[..]));
        assert_eq!(table.find(110), None);
        assert_eq!(table.find(219), Some(&b"asm"[..]));
        assert_eq!(table.find(225), None);
        assert_eq!(table.find(u64::MAX), None);
    }

    #[test]
    fn an_enclosing_function_is_found_past_inner_labels() {
        let table = SymbolTable::of(&[(100, 100, "outer"), (110, 5, "inner")]);
        assert_eq!(table.find(112), Some(&b"inner"[..]));
        assert_eq!(table.find(150), Some(&b"outer"[..]));
    }

    #[test]
    fn the_plain_alias_wins() {
        let table = SymbolTable::of(&[(8, 4, "__libc_malloc"), (8, 4, "malloc"), (8, 0, "x")]);
        assert_eq!(table.find(8), Some(&b"malloc"[..]));
    }
}
