//! What is special in Windows images: their identity, and names from the list of
//! what they export.

use freehold_ledger::image::{ImageIdentity, PdbIdentity};
use object::endian::LittleEndian as LE;
use object::read::pe::{ImageNtHeaders, ImageOptionalHeader, PeFile};
use object::{Export, ExportTarget, NameOrOrdinal, Object, ObjectSection};

use super::demangle::demangle;

/// No chain of unwind information is longer.
const LONGEST_CHAIN: usize = 32;
/// How far from an exported function its code may reach, for all that is known.
const LONGEST_GUESS: u32 = 64 * 1024;

/// The PDB that an image names.
pub(crate) struct NamedPdb {
    pub(crate) identity: PdbIdentity,
    pub(crate) path: String,
}

/// Which build an image is; none for files of other formats.
pub(crate) fn identity(file: &object::File<'_>) -> Option<ImageIdentity> {
    let (time, size) = match file {
        object::File::Pe32(file) => head(file),
        object::File::Pe64(file) => head(file),
        _ => return None,
    };
    let pdb = named_pdb(file).map(|pdb| pdb.identity);
    Some(ImageIdentity { time, size, pdb })
}

fn head<Pe: ImageNtHeaders>(file: &PeFile<'_, Pe>) -> (u32, u32) {
    let headers = file.nt_headers();
    let time = headers.file_header().time_date_stamp.get(LE);
    (time, headers.optional_header().size_of_image())
}

/// The PDB of an image.
pub(crate) fn named_pdb(file: &object::File<'_>) -> Option<NamedPdb> {
    let info = file.pdb_info().ok()??;
    let identity = PdbIdentity {
        guid: info.guid(),
        age: info.age(),
    };
    let path = String::from_utf8_lossy(info.path()).into_owned();
    Some(NamedPdb { identity, path })
}

/// The name and the checksum of the separate debug file of an image. (For ELF the
/// parser of objects knows it.)
pub(crate) fn debug_link<'a>(file: &object::File<'a>) -> Option<(&'a [u8], u32)> {
    let data = file.section_by_name(".gnu_debuglink")?.data().ok()?;
    let end = data.iter().position(|byte| *byte == 0)?;
    let crc = data.get((end + 1).next_multiple_of(4)..)?;
    Some((&data[..end], u32::from_le_bytes(*crc.first_chunk()?)))
}

/// A function as its unwind information bounds it.
struct Bounds {
    begin: u32,
    end: u32,
    info: u32,
}

/// What an image exports. One that was forwarded to another image has no code here.
#[derive(Default)]
pub(crate) struct Exports {
    names: Vec<(u32, String)>,
    functions: Vec<Bounds>,
    /// Where the function of a part begins, that of another part of it.
    chained: Vec<(u32, u32)>,
}

impl Exports {
    /// Reads them; none for files of other formats.
    pub(crate) fn new(file: &object::File<'_>) -> Exports {
        let mut exports = Exports::default();
        if identity(file).is_none() {
            return exports;
        }
        let base = file.relative_address_base();
        let list = file.exports().into_iter().flatten();
        // Broken entries do not end the list, which is as long as the file says and
        // never longer than the file.
        exports.names.extend(list.filter_map(|export| {
            let (name, address) = code(&export.ok()?)?;
            Some((u32::try_from(address.checked_sub(base)?).ok()?, name))
        }));
        // Of several names for one address the first in the alphabet.
        exports.names.sort_unstable();
        exports.names.dedup_by_key(|(start, _)| *start);
        exports.read_bounds(file, base);
        exports
    }

    fn read_bounds(&mut self, file: &object::File<'_>, base: u64) {
        let object::File::Pe64(pe) = file else {
            return;
        };
        let table = file.section_by_name(".pdata").and_then(|s| s.data().ok());
        let is_x64 =
            pe.nt_headers().file_header().machine.get(LE) == object::pe::IMAGE_FILE_MACHINE_AMD64;
        let words = |bytes: &[u8]| {
            let word =
                |i: usize| u32::from_le_bytes([bytes[i], bytes[i + 1], bytes[i + 2], bytes[i + 3]]);
            Bounds {
                begin: word(0),
                end: word(4),
                info: word(8),
            }
        };
        let entries = table
            .filter(|_| is_x64)
            .unwrap_or_default()
            .chunks_exact(12);
        self.functions = entries.map(words).filter(|f| f.begin < f.end).collect();
        self.functions.sort_unstable_by_key(|f| f.begin);
        let byte_at = |rva: u32, len: usize| {
            let address = base.checked_add(rva.into())?;
            let mut sections = file.sections();
            sections.find_map(|s| s.data_range(address, len as u64).ok().flatten())
        };
        for function in &self.functions {
            let (mut first, mut info) = (function.begin, function.info);
            for _ in 0..LONGEST_CHAIN {
                // UNWIND_INFO: flags in the upper five bits of the first byte, the
                // number of codes in the third; behind them the entry of the part
                // that this one goes on from.
                let Some(&[flags, _, codes, _]) = byte_at(info, 4) else {
                    break;
                };
                let behind = 4 + u32::from(codes).next_multiple_of(2) * 2;
                let chained = info.checked_add(behind).filter(|_| flags >> 3 & 4 != 0);
                let Some(part) = chained.and_then(|at| byte_at(at, 12)).map(words) else {
                    break;
                };
                (first, info) = (part.begin, part.info);
            }
            if first != function.begin {
                self.chained.push((function.begin, first));
            }
        }
    }

    /// The name for a relative address: a function's where unwind information proves
    /// that the address lies in the function that begins there, else `NAME+0xN`,
    /// which says no more than that: the function may be another one that has no name.
    pub(crate) fn name(&self, rva: u32) -> Option<String> {
        let after = self.functions.partition_point(|f| f.begin <= rva);
        let function = self.functions[..after].last().filter(|f| rva < f.end);
        let begin = function.map(|function| {
            let part = self.chained.binary_search_by_key(&function.begin, |c| c.0);
            part.map_or(function.begin, |at| self.chained[at].1)
        });
        if let Some(begin) = begin
            && let Ok(at) = self.names.binary_search_by_key(&begin, |n| n.0)
        {
            return Some(demangle(self.names[at].1.as_bytes()));
        }
        let after = self.names.partition_point(|(start, _)| *start <= rva);
        let (start, name) = self.names[..after].last()?;
        let distance = rva - start;
        (distance < LONGEST_GUESS).then(|| format!("{}+{distance:#x}", demangle(name.as_bytes())))
    }
}

/// Name and address of an export that has code here.
fn code(export: &Export<'_>) -> Option<(String, u64)> {
    let ExportTarget::Address { address } = export.target() else {
        return None;
    };
    let name = match export.name() {
        NameOrOrdinal::Name(name) => String::from_utf8_lossy(name).into_owned(),
        NameOrOrdinal::Ordinal(number) => format!("#{number}"),
    };
    Some((name, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exports() -> Exports {
        let bounds = |begin, end| Bounds {
            begin,
            end,
            info: 0,
        };
        Exports {
            names: vec![(0x1000, "Open".into()), (0x1100, "?close@@YAXXZ".into())],
            functions: vec![
                bounds(0x1000, 0x1040),
                bounds(0x1040, 0x1080),
                bounds(0x9000, 0x9010),
            ],
            chained: vec![(0x9000, 0x1000)],
        }
    }

    #[test]
    fn only_what_is_proven_has_a_bare_name() {
        let name = |rva| exports().name(rva);
        assert_eq!(name(0x0fff), None);
        assert_eq!(name(0x1010).as_deref(), Some("Open"));
        assert_eq!(name(0x1050).as_deref(), Some("Open+0x50"));
        // A part of the function that lies elsewhere.
        assert_eq!(name(0x9008).as_deref(), Some("Open"));
        assert_eq!(name(0x1104).as_deref(), Some("close(void)+0x4"));
        assert_eq!(name(0x1100 + LONGEST_GUESS), None);
    }
}
