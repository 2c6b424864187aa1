//! Modules of the loader of Windows: the headers that lie in memory.
//!
//! Pages: "PE Format" in Microsoft's documentation; LdrRegisterDllNotification.

use freehold_ledger::writer::{Ledger, Loaded};

use crate::system;

/// Notes the module that an address lies in. False when it lies in none.
pub(super) fn note(ledger: &Ledger, address: usize) -> bool {
    let module = system::module_of(address);
    let base = module as usize;
    // SAFETY: the loader's own image of a module whose code is running.
    let Some(image) = (unsafe { Image::at(base) }) else {
        return false;
    };
    let path = system::module_path(module);
    let (id, len) = image.build_id();
    let what = Loaded {
        start: base as u64,
        end: (base + image.bytes.len()) as u64,
        // Places in a file of Windows are told from where its image begins.
        bias: base as u64,
        path: path.as_bytes(),
        build_id: &id[..len],
    };
    if ledger.add_module(&what) {
        freehold_unwind::flush_rules();
    }
    true
}

/// Has the rules of code that goes forgotten, and what was noted of it.
pub(super) fn watch() {
    system::stay_loaded();
    freehold_unwind::flush_on_changes();
}

/// A module as the loader has laid it out.
struct Image<'a> {
    bytes: &'a [u8],
    /// Where the optional header begins, and its magic number says the width.
    header: usize,
}

/// Places in the headers of an image of the program's width.
const PE_HEADER: usize = 0x3c;
const OPTIONAL_HEADER: usize = 24;
const SIZE_OF_IMAGE: usize = 56;
const DATA_DIRECTORIES: usize = if usize::BITS == 64 { 112 } else { 96 };
const DEBUG: usize = 6;
const MAGIC: u32 = if usize::BITS == 64 { 0x20b } else { 0x10b };
const CODEVIEW: u32 = 2;
const RSDS: u32 = u32::from_le_bytes(*b"RSDS");

impl Image<'_> {
    /// The module that begins at an address; `None` for 0.
    ///
    /// # Safety
    /// 0, or a module that stays loaded as long as the result is used.
    unsafe fn at<'a>(base: usize) -> Option<Image<'a>> {
        if base == 0 {
            return None;
        }
        // SAFETY: the first page of a module has its headers.
        let head: &[u8] = unsafe { core::slice::from_raw_parts(base as *const u8, 4096) };
        let header = word(head, PE_HEADER)? as usize + OPTIONAL_HEADER;
        if word(head, header)? & 0xffff != MAGIC {
            return None;
        }
        let len = word(head, header + SIZE_OF_IMAGE)? as usize;
        // SAFETY: a module has that many bytes. Those between its sections may not be
        // readable, and are not read: the places come from its own headers.
        let bytes = unsafe { core::slice::from_raw_parts(base as *const u8, len) };
        Some(Image { bytes, header })
    }

    /// What a file of debug information is found by: the identifier and the age of
    /// CodeView, as they stand in the image; without either no bytes.
    fn build_id(&self) -> ([u8; 20], usize) {
        let mut id = [0; 20];
        let len = self.code_view().map_or(0, |found| {
            id.copy_from_slice(found);
            id.len()
        });
        (id, len)
    }

    fn code_view(&self) -> Option<&[u8]> {
        let directory = self.header + DATA_DIRECTORIES + 8 * DEBUG;
        let (at, len) = (
            word(self.bytes, directory)?,
            word(self.bytes, directory + 4)?,
        );
        let entries = self
            .bytes
            .get(at as usize..(at + len) as usize)?
            .chunks_exact(28);
        let data = entries.filter_map(|entry| {
            let is_code_view = word(entry, 12)? == CODEVIEW && word(entry, 16)? >= 24;
            is_code_view.then_some(word(entry, 20)? as usize)
        });
        let mut found = data.filter(|at| *at != 0 && word(self.bytes, *at) == Some(RSDS));
        let at = found.next()?;
        self.bytes.get(at + 4..at + 24)
    }
}

/// Four bytes.
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(word.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_is_an_image_that_holds_its_code() {
        let here = this_program_is_an_image_that_holds_its_code as *const () as usize;
        let base = system::module_of(here) as usize;
        // SAFETY: this program.
        let image = unsafe { Image::at(base) }.expect("a module");
        assert!((base..base + image.bytes.len()).contains(&here));
        assert_eq!(&image.bytes[..2], b"MZ");
        let path = system::module_path(base as *mut _);
        assert_eq!(
            std::fs::canonicalize(path).expect("its file"),
            std::fs::canonicalize(std::env::current_exe().expect("a path")).expect("its file"),
        );
        let stack = 0;
        assert!(system::module_of(&raw const stack as usize).is_null());
    }

    #[test]
    fn identifiers_are_read_from_the_debug_directory_only() {
        let mut bytes = vec![0; 4096];
        let put = |bytes: &mut Vec<u8>, at: usize, word: u32| {
            bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        };
        let header = 0x98;
        put(&mut bytes, header + DATA_DIRECTORIES + 8 * DEBUG, 0x400);
        put(&mut bytes, header + DATA_DIRECTORIES + 8 * DEBUG + 4, 56);
        put(&mut bytes, 0x400 + 28 + 12, CODEVIEW);
        put(&mut bytes, 0x400 + 28 + 16, 40);
        put(&mut bytes, 0x400 + 28 + 20, 0x800);
        put(&mut bytes, 0x800, RSDS);
        bytes[0x804..0x818].fill(7);
        let id = |bytes: &[u8]| Image { bytes, header }.build_id();
        assert_eq!(id(&bytes), ([7; 20], 20));
        put(&mut bytes, 0x800, 1);
        assert_eq!(id(&bytes).1, 0);
        put(&mut bytes, 0x400 + 28 + 20, 0xffff_fff0);
        assert_eq!(id(&bytes).1, 0);
        assert_eq!(id(&bytes[..0x200]).1, 0);
    }
}
