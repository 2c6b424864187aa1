//! Names in modules of Windows: what the file exports, and its COFF symbols, which
//! the linkers of GCC and LLVM leave in it unless they are stripped. Those of Visual
//! Studio put names into another file.
//!
//! A module has no lengths of functions but in its function table (`.pdata`): a name
//! covers an address when it begins in the same function.
//!
//! Page: "PE Format" in Microsoft's documentation; RtlLookupFunctionEntry (winnt.h).

#[cfg(any(target_arch = "x86_64", test))]
use core::ffi::c_void;
#[cfg(target_arch = "x86_64")]
use core::ptr;

use super::{Place, index, named, number};
use crate::system;

#[cfg(target_arch = "x86_64")]
#[link(name = "kernel32")]
unsafe extern "system" {
    fn RtlLookupFunctionEntry(
        at: u64,
        base: *mut u64,
        history: *mut c_void,
    ) -> *const RuntimeFunction;
}

/// `RUNTIME_FUNCTION`.
#[cfg(target_arch = "x86_64")]
#[repr(C)]
struct RuntimeFunction {
    begin: u32,
    end: u32,
    unwind: u32,
}

/// What lies at a call that returns to an address; `None` when no module does.
pub(crate) fn place(address: usize) -> Option<Place> {
    let call = address - 1;
    let module = system::module_of(call);
    if module.is_null() {
        return None;
    }
    let path = system::module_path(module);
    let wanted = u32::try_from(call - module as usize).ok()?;
    let begin = begin(call).unwrap_or(wanted);
    let name = named(&path, wanted.into(), |file| find(file, begin, wanted));
    Some(Place {
        object: path
            .rsplit(['\\', '/'])
            .next()
            .unwrap_or_default()
            .to_owned(),
        offset: address - module as usize,
        function: name.map(|name| name.as_ref().to_owned()),
    })
}

/// Where the function begins that an address lies in, from the beginning of its
/// module; `None` for one without an entry.
#[cfg(target_arch = "x86_64")]
fn begin(address: usize) -> Option<u32> {
    let mut base = 0;
    // SAFETY: any address may be asked about; the entry lies in the module's table.
    let entry = unsafe {
        let found = RtlLookupFunctionEntry(address as u64, &mut base, ptr::null_mut());
        found.as_ref()?
    };
    Some(entry.begin)
}

/// In 32-bit programs there is no table that tells: the symbol before an address is
/// taken to name it, if there is one.
#[cfg(target_arch = "x86")]
fn begin(_: usize) -> Option<u32> {
    Some(0)
}

/// Sizes and numbers of the format.
const PE_HEADER: usize = 0x3c;
const FILE_HEADER: usize = 24;
const SECTION: usize = 40;
const SYMBOL: usize = 18;
const MAGIC: u64 = if usize::BITS == 64 { 0x20b } else { 0x10b };
const EXPORTS: usize = if usize::BITS == 64 { 112 } else { 96 };
const FUNCTION: u64 = 0x20;

/// A file of a module.
struct Image<'a> {
    file: &'a [u8],
    /// Where "PE" stands.
    header: usize,
    /// Where the table of sections begins.
    sections: usize,
    count: usize,
}

/// The name that begins in `begin..=wanted`, the last one of them. Those are places
/// from the beginning of the module.
fn find(file: &[u8], begin: u32, wanted: u32) -> Option<&[u8]> {
    let header = index::<4>(file, PE_HEADER)?;
    let magic = file.get(header..header.checked_add(4)?)?;
    if magic != b"PE\0\0" || number::<2>(file, header.checked_add(FILE_HEADER)?)? != MAGIC {
        return None;
    }
    let optional = index::<2>(file, header + 20)?;
    let image = Image {
        file,
        header,
        sections: header + FILE_HEADER + optional,
        count: index::<2>(file, header + 6)?,
    };
    let covers = |at: u32| (begin..=wanted).contains(&at);
    let named = image.symbol(covers);
    // Of these there are too few to go by the one before.
    match cfg!(target_arch = "x86_64") {
        true => named.or_else(|| image.export(covers)),
        false => named.map(freehold_ledger::image::undecorated),
    }
}

impl<'a> Image<'a> {
    /// Where a section begins in the module, with the number that symbols have for it.
    fn section(&self, number_of: usize) -> Option<usize> {
        let number_of = number_of.checked_sub(1).filter(|n| *n < self.count)?;
        index::<4>(self.file, self.sections + SECTION * number_of + 12)
    }

    /// Where a place of the module lies in the file.
    fn offset(&self, place: usize) -> Option<usize> {
        (0..self.count).find_map(|i| {
            let section = self.sections + SECTION * i;
            let start = index::<4>(self.file, section + 12)?;
            let len = index::<4>(self.file, section + 16)?;
            let inside = place.checked_sub(start).filter(|at| *at < len)?;
            index::<4>(self.file, section + 20)?.checked_add(inside)
        })
    }

    /// A text that ends with a NUL.
    fn text(&self, at: usize) -> Option<&'a [u8]> {
        let rest = self.file.get(at..)?;
        let len = rest.iter().position(|byte| *byte == 0)?;
        Some(&rest[..len]).filter(|text| !text.is_empty())
    }

    /// The last function of the COFF symbols of whose place `covers` says so.
    fn symbol(&self, covers: impl Fn(u32) -> bool) -> Option<&'a [u8]> {
        let start = index::<4>(self.file, self.header + 12)?;
        let count = index::<4>(self.file, self.header + 16)?;
        let len = count.checked_mul(SYMBOL)?;
        let symbols = self.file.get(start..start.checked_add(len)?)?;
        let strings = start + len;
        let (mut best, mut skip) = (None, 0);
        for symbol in symbols.chunks_exact(SYMBOL) {
            // What belongs to the one before lies between them.
            if skip > 0 {
                skip -= 1;
                continue;
            }
            skip = symbol[17];
            if number::<2>(symbol, 14) != Some(FUNCTION) {
                continue;
            }
            let section = index::<2>(symbol, 12).and_then(|n| self.section(n));
            let place = section
                .zip(index::<4>(symbol, 8))
                .and_then(|(start, at)| u32::try_from(start.checked_add(at)?).ok());
            let Some(place) = place else {
                continue;
            };
            if covers(place) && best.is_none_or(|(before, _)| before < place) {
                best = Some((place, symbol));
            }
        }
        let (_, symbol) = best?;
        match number::<4>(symbol, 0)? {
            0 => self.text(strings.checked_add(index::<4>(symbol, 4)?)?),
            // Up to eight bytes stand in the symbol itself.
            _ => symbol[..8].split(|byte| *byte == 0).next(),
        }
    }

    /// The last exported name of whose place `covers` says so.
    fn export(&self, covers: impl Fn(u32) -> bool) -> Option<&'a [u8]> {
        let directory = index::<4>(self.file, self.header + FILE_HEADER + EXPORTS)?;
        let table = self.offset(directory)?;
        let count = index::<4>(self.file, table.checked_add(24)?)?;
        let start = |at: usize| self.offset(index::<4>(self.file, table.checked_add(at)?)?);
        let (functions, names, ordinals) = (start(28)?, start(32)?, start(36)?);
        // Each has a name's place, of four bytes, in the file.
        let count = count.min(self.file.len() / 4);
        let places = (0..count).filter_map(|i| {
            let ordinal = index::<2>(self.file, ordinals.checked_add(2 * i)?)?;
            let place = number::<4>(self.file, functions.checked_add(4 * ordinal)?)? as u32;
            covers(place).then_some((place, i))
        });
        let (_, i) = places.max()?;
        self.text(self.offset(index::<4>(self.file, names.checked_add(4 * i)?)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_library_of_the_system_has_its_exported_names() {
        unsafe extern "system" {
            fn LoadLibraryA(name: *const i8) -> *mut c_void;
            fn GetProcAddress(module: *mut c_void, name: *const i8) -> *mut c_void;
        }
        // SAFETY: C strings; a library that stays.
        let at = unsafe {
            let library = LoadLibraryA(c"oleaut32.dll".as_ptr());
            GetProcAddress(library, c"SafeArrayDestroy".as_ptr()) as usize
        };
        let place = super::place(at + 1).expect("in a module");
        assert_eq!(place.object.to_lowercase(), "oleaut32.dll");
        assert_eq!(place.function.as_deref(), Some("SafeArrayDestroy"));
    }

    #[test]
    fn a_place_behind_the_last_address_is_none() {
        let mut file = vec![0; 256];
        let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
        put(PE_HEADER, &[64]);
        put(64, b"PE\0\0");
        // One section, whose name has the magic number in it; one symbol behind it.
        put(64 + 6, &[1]);
        put(64 + 12, &[192, 0, 0, 0, 1]);
        put(64 + FILE_HEADER, &MAGIC.to_le_bytes()[..2]);
        put(64 + FILE_HEADER + 12, &0xffff_f000_u32.to_le_bytes());
        put(192, b"name");
        put(192 + 8, &0xffff_ffff_u32.to_le_bytes());
        put(192 + 12, &[1, 0, FUNCTION as u8]);
        assert_eq!(find(&file, 0, u32::MAX), None);
        file[192 + 8..192 + 12].copy_from_slice(&16_u32.to_le_bytes());
        assert_eq!(find(&file, 0, u32::MAX), Some(&b"name"[..]));
    }

    proptest! {
        #[test]
        fn damaged_files_do_no_harm(
            cut in 0..200_000usize,
            damage in proptest::collection::vec((0..4096usize, any::<u8>()), 0..40),
            address in any::<u32>(),
        ) {
            let own = std::env::current_exe().expect("a path");
            let mut file = std::fs::read(own).expect("readable");
            let header = index::<4>(&file, PE_HEADER).expect("a header");
            for (at, byte) in damage {
                let at = if at % 2 == 0 { at % 64 } else { header + at % 1024 };
                if let Some(place) = file.get_mut(at) {
                    *place = byte;
                }
            }
            file.truncate(file.len().saturating_sub(cut));
            let _ = find(&file, address / 2, address);
        }
    }
}
