//! Names of functions that the loader does not know, read from the symbol table
//! of an object file: most programs export none of their own functions.
//!
//! Everything in a file may be wrong: each number is checked before it is used,
//! and what cannot be found has no name.
//!
//! What is not here: files and lines, separate debug files, names of C++ and of
//! Rust's newer scheme, which stay as they are; the `freehold` command has all.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex};

/// The name that covers an address, as far as it was looked for before.
type Names = BTreeMap<(String, u64), Option<Arc<str>>>;

/// Names that are kept: a report has the same frames over and over.
const KEPT: usize = 1 << 14;
static NAMES: Mutex<Names> = Mutex::new(Names::new());

/// The name of the function in the object at `path` that covers an address:
/// `offset` from where the object begins in memory, `address` in a program that
/// is not moved.
pub(crate) fn name(path: &str, offset: u64, address: u64) -> Option<Arc<str>> {
    let key = (path.to_owned(), offset);
    // A forked child may find it taken for good: then it does without.
    let mut names = NAMES.try_lock().ok();
    if let Some(known) = names.as_ref().and_then(|names| names.get(&key)) {
        return known.clone();
    }
    let found = Mapped::open(path).and_then(|file| {
        let name = find(file.bytes(), offset, address)?;
        Some(Arc::from(readable(name)))
    });
    if let Some(names) = &mut names {
        if names.len() >= KEPT {
            names.clear();
        }
        names.insert(key, found.clone());
    }
    found
}

/// A file in memory that is not the heap's.
struct Mapped {
    at: *mut libc::c_void,
    len: usize,
}

impl Mapped {
    fn open(path: &str) -> Option<Mapped> {
        let file = File::open(path).ok()?;
        let len = usize::try_from(file.metadata().ok()?.len()).ok()?;
        // SAFETY: a new mapping at a place of the kernel's choice; no bytes are an
        // error.
        let at = unsafe {
            libc::mmap(
                core::ptr::null_mut(),
                len,
                libc::PROT_READ,
                libc::MAP_PRIVATE,
                file.as_raw_fd(),
                0,
            )
        };
        (at != libc::MAP_FAILED).then_some(Mapped { at, len })
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: mapped for that long; object files that are in use are replaced
        // and not written to.
        unsafe { core::slice::from_raw_parts(self.at.cast(), self.len) }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: mapped in `open`, used by nobody any more.
        unsafe { libc::munmap(self.at, self.len) };
    }
}

/// A number of `N` bytes in the file.
fn number<const N: usize>(file: &[u8], at: usize) -> Option<u64> {
    let bytes = file.get(at..at.checked_add(N)?)?;
    let number = bytes.iter().rev();
    Some(number.fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

fn place<const N: usize>(file: &[u8], at: usize) -> Option<usize> {
    usize::try_from(number::<N>(file, at)?).ok()
}

/// Sizes and kinds of ELF's 64-bit structures.
const SECTION: usize = 64;
const SYMBOL: usize = 24;
const SYMBOL_TABLE: u64 = 2;
const FUNCTION: u64 = 2;
const NOT_MOVED: u64 = 2;

/// The name of the function that covers an address, by the symbol table.
fn find(file: &[u8], offset: u64, address: u64) -> Option<&[u8]> {
    if !file.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let wanted = match number::<2>(file, 16)? {
        NOT_MOVED => address,
        _ => offset,
    };
    let (sections, count) = (place::<8>(file, 40)?, place::<2>(file, 60)?);
    let section = |index: usize| sections.checked_add(index.checked_mul(SECTION)?);
    let table = (0..count).filter_map(section);
    let mut tables = table.filter(|at| number::<4>(file, at.wrapping_add(4)) == Some(SYMBOL_TABLE));
    let table = tables.next()?;
    let strings = section(place::<4>(file, table.checked_add(40)?)?)?;
    let body = |section: usize| {
        let start = place::<8>(file, section.checked_add(24)?)?;
        let len = place::<8>(file, section.checked_add(32)?)?;
        file.get(start..start.checked_add(len)?)
    };
    let (symbols, strings) = (body(table)?, body(strings)?);
    let covers = |symbol: &&[u8]| {
        let is_function = symbol[4] & 15 == FUNCTION as u8;
        let start = number::<8>(symbol, 8).unwrap_or(u64::MAX);
        let len = number::<8>(symbol, 16).unwrap_or(0);
        is_function && wanted >= start && wanted - start < len
    };
    let symbol = symbols.chunks_exact(SYMBOL).find(covers)?;
    let name = strings.get(place::<4>(symbol, 0)?..)?;
    let end = name.iter().position(|byte| *byte == 0)?;
    name.get(..end).filter(|name| !name.is_empty())
}

/// A name as people write it, when it is one of Rust's usual scheme.
pub(crate) fn readable(name: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(name);
    match demangled(&text) {
        Some(path) => path.into(),
        None => text,
    }
}

/// The path in `_ZN`, its parts with their lengths, a hash, `E`.
fn demangled(name: &str) -> Option<String> {
    let mut rest = name.strip_prefix("_ZN")?;
    let mut parts = Vec::new();
    while !rest.starts_with('E') {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let len: usize = rest.get(..digits)?.parse().ok()?;
        parts.push(rest.get(digits..digits.checked_add(len)?)?);
        rest = rest.get(digits + len..)?;
    }
    let hash = parts.pop()?.strip_prefix('h')?;
    let is_hash = hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit());
    (is_hash && !parts.is_empty()).then(|| {
        let parts: Vec<String> = parts.iter().map(|part| unescaped(part)).collect();
        parts.join("::")
    })
}

/// A part of a path with its signs.
fn unescaped(part: &str) -> String {
    // A part that would begin with a sign has `_` in front of it.
    let part = match part.starts_with("_$") {
        true => &part[1..],
        false => part,
    };
    let mut text = String::new();
    let mut rest = part;
    while let Some(at) = rest.find(['$', '.']) {
        text += &rest[..at];
        rest = &rest[at..];
        if let Some(behind) = rest.strip_prefix("..") {
            text += "::";
            rest = behind;
            continue;
        }
        let end = rest[1..].find('$').map(|end| end + 1);
        let sign = end.and_then(|end| sign(&rest[1..end]));
        match (rest.starts_with('$'), end, sign) {
            (true, Some(end), Some(sign)) => {
                text.push(sign);
                rest = &rest[end + 1..];
            }
            _ => {
                text += &rest[..1];
                rest = &rest[1..];
            }
        }
    }
    text + rest
}

fn sign(name: &str) -> Option<char> {
    Some(match name {
        "SP" => '@',
        "BP" => '*',
        "RF" => '&',
        "LT" => '<',
        "GT" => '>',
        "LP" => '(',
        "RP" => ')',
        "C" => ',',
        other => char::from_u32(u32::from_str_radix(other.strip_prefix('u')?, 16).ok()?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_made_readable() {
        for (name, readable) in [
            ("_ZN4user4lose17hba68fa5d91a78cf7E", "user::lose"),
            (
                "_ZN4user28_$u7b$$u7b$closure$u7d$$u7d$17hba68fa5d91a78cf7E",
                "user::{{closure}}",
            ),
            (
                "_ZN38_$LT$a..B$u20$as$u20$c..D$LT$E$GT$$GT$1f17hba68fa5d91a78cf7E",
                "<a::B as c::D<E>>::f",
            ),
            ("_ZN3foo3barEv", "_ZN3foo3barEv"),
            ("main", "main"),
            ("_ZN99999999999999999999x", "_ZN99999999999999999999x"),
        ] {
            assert_eq!(super::readable(name.as_bytes()), readable);
        }
    }

    #[inline(never)]
    fn not_exported() -> usize {
        std::hint::black_box(not_exported as *const () as usize)
    }

    #[test]
    fn this_program_has_names() {
        let address = not_exported();
        let text = crate::stack::name_of(address + 1).expect("in this program");
        assert_eq!(text, "freehold::symbols::tests::not_exported");
    }

    proptest! {
        #[test]
        fn damaged_files_do_no_harm(
            cut in 0..200_000usize,
            damage in proptest::collection::vec((0..4096usize, any::<u8>()), 0..40),
            address in any::<u64>(),
        ) {
            let mut file = std::fs::read("/proc/self/exe").expect("readable");
            let headers = place::<8>(&file, 40).expect("a header");
            for (at, byte) in damage {
                let at = if at % 2 == 0 { at % 64 } else { headers + at };
                if let Some(place) = file.get_mut(at) {
                    *place = byte;
                }
            }
            file.truncate(file.len().saturating_sub(cut));
            let _ = find(&file, address % (1 << 24), address);
        }

        #[test]
        fn any_text_is_some_name(text in "_ZN[0-9a-f$.LGTuE]{0,40}") {
            let _ = readable(text.as_bytes());
        }
    }
}
