//! What lies at an address of code: the object, and the function when it has a
//! name there. From the loader, and from the symbol table of an object file: most
//! programs export none of their own functions.
//!
//! Everything in a file may be wrong: each number is checked before it is used,
//! and what cannot be found has no name.
//!
//! What is not here: files and lines, separate debug files, names of C++, which
//! stay as they are; the `freehold` command has all.

#[cfg(unix)]
mod elf;
#[cfg(windows)]
mod pe;
mod readable;
mod v0;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

#[cfg(unix)]
pub(crate) use elf::place;
#[cfg(windows)]
pub(crate) use pe::place;

use crate::system::Mapped;

/// What lies at an address.
pub(crate) struct Place {
    /// Name of the object's file.
    pub(crate) object: String,
    /// From where the object begins in memory.
    pub(crate) offset: usize,
    /// Name of the function.
    pub(crate) function: Option<String>,
}

/// The name that covers an address, as far as it was looked for before.
type Names = BTreeMap<(String, u64), Option<Arc<str>>>;

/// Names that are kept: a report has the same frames over and over.
const KEPT: usize = 1 << 14;
static NAMES: Mutex<Names> = Mutex::new(Names::new());

/// The name of the function at `offset` from where the object at `path` begins in
/// memory; `find` looks for it in the object's file.
fn named(path: &str, offset: u64, find: impl FnOnce(&[u8]) -> Option<&[u8]>) -> Option<Arc<str>> {
    let key = (path.to_owned(), offset);
    // A forked child may find it taken for good: then it does without.
    let mut names = NAMES.try_lock().ok();
    if let Some(known) = names.as_ref().and_then(|names| names.get(&key)) {
        return known.clone();
    }
    let found = Mapped::open(path).and_then(|file| {
        let name = find(file.bytes())?;
        Some(Arc::from(readable::readable(name)))
    });
    if let Some(names) = &mut names {
        if names.len() >= KEPT {
            names.clear();
        }
        names.insert(key, found.clone());
    }
    found
}

/// A number of `N` bytes in the file.
fn number<const N: usize>(file: &[u8], at: usize) -> Option<u64> {
    let bytes = file.get(at..at.checked_add(N)?)?;
    let number = bytes.iter().rev();
    Some(number.fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

fn index<const N: usize>(file: &[u8], at: usize) -> Option<usize> {
    usize::try_from(number::<N>(file, at)?).ok()
}

#[cfg(test)]
mod tests {
    #[inline(never)]
    fn not_exported() -> usize {
        std::hint::black_box(not_exported as *const () as usize)
    }

    #[test]
    fn this_program_has_names() {
        let address = not_exported();
        let place = super::place(address + 1).expect("in this program");
        let name = place.function.expect("a name");
        assert_eq!(name, "freehold::symbols::tests::not_exported");
    }
}
