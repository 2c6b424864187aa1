//! Debug information: functions, inlined functions, files and lines.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use addr2line::{Context, LookupContinuation, LookupResult, SplitDwarfLoad};
use gimli::{EndianSlice, Reader, RunTimeEndian};
use object::{Object, ObjectSection};
use typed_arena::Arena;

use super::demangle::demangle;
use super::locate::os_str;
use crate::files::{Bytes, Files};
use crate::frame::Place;

type Slice<'a> = EndianSlice<'a, RunTimeEndian>;

/// Largest size that one section may unpack to.
const LARGEST: u64 = 8 << 30;

/// The debug information of one object, parsed as far as it is asked for.
pub(crate) struct DebugInfo<'s, 'a> {
    context: Context<Slice<'a>>,
    /// What to add to an address: an image is described as it wishes to lie.
    base: u64,
    files: &'s dyn Files,
    arena: &'a Arena<Bytes>,
}

impl<'s, 'a> DebugInfo<'s, 'a> {
    /// Reads the outline of the debug information in `file`, part of which may
    /// lie in `supplement`.
    pub(crate) fn new(
        file: &object::File<'a>,
        supplement: Option<&object::File<'a>>,
        files: &'s dyn Files,
        arena: &'a Arena<Bytes>,
    ) -> Option<DebugInfo<'s, 'a>> {
        let mut dwarf = gimli::Dwarf::load(|id| section(file, id.name(), arena)).ok()?;
        if let Some(supplement) = supplement {
            let load = |id: gimli::SectionId| section(supplement, id.name(), arena);
            dwarf.load_sup(load).ok()?;
        }
        dwarf.populate_abbreviations_cache(gimli::AbbreviationsCacheStrategy::Duplicates);
        let context = Context::from_dwarf(dwarf).ok()?;
        Some(DebugInfo {
            context,
            base: file.relative_address_base(),
            files,
            arena,
        })
    }

    /// The functions at `address`, innermost first; none when nothing is known.
    pub(crate) fn places(&self, address: u64) -> Vec<Place> {
        let mut places = Vec::new();
        let Ok(mut frames) =
            self.resolve(self.context.find_frames(address.wrapping_add(self.base)))
        else {
            return places;
        };
        while let Ok(Some(frame)) = frames.next() {
            let name = frame.function.as_ref().and_then(|f| f.raw_name().ok());
            let location = frame.location.as_ref();
            let file = location.and_then(|l| l.file).filter(|f| !f.is_empty());
            if let Some(outer) = places.last_mut() {
                let inner: &mut Place = outer;
                inner.inlined = true;
            }
            places.push(Place {
                function: name.map(|n| demangle(n.as_bytes()).into()),
                file: file.map(Arc::from),
                line: location.and_then(|l| l.line).filter(|line| *line > 0),
                column: None,
                inlined: false,
            });
            if places.len() >= 64 {
                break;
            }
        }
        places
    }

    fn resolve<L>(&self, mut result: LookupResult<L>) -> L::Output
    where
        L: LookupContinuation<Buf = Slice<'a>>,
    {
        loop {
            match result {
                LookupResult::Output(output) => return output,
                LookupResult::Load { load, continuation } => {
                    result = continuation.resume(self.split(&load));
                }
            }
        }
    }

    /// The `.dwo` file that holds the rest of a unit.
    fn split(&self, load: &SplitDwarfLoad<Slice<'a>>) -> Option<Arc<gimli::Dwarf<Slice<'a>>>> {
        let mut path = PathBuf::new();
        for part in [load.comp_dir.as_ref(), load.path.as_ref()]
            .into_iter()
            .flatten()
        {
            path.push(os_str(&part.to_slice().ok()?)?);
        }
        let bytes = self.files.open(&path).ok()?;
        let bytes: &'a [u8] = (**self.arena.alloc(bytes)).as_ref();
        let file = object::File::parse(bytes).ok()?;
        let load_section = |id: gimli::SectionId| match id.dwo_name() {
            Some(name) => section(&file, name, self.arena),
            None => Ok(EndianSlice::new(&[], RunTimeEndian::Little)),
        };
        let mut dwarf = gimli::Dwarf::load(load_section).ok()?;
        let header = dwarf.units().next().ok()??;
        let unit = dwarf.unit(header).ok()?;
        if unit.dwo_id != Some(load.dwo_id) {
            return None;
        }
        dwarf.make_dwo(&load.parent);
        Some(Arc::new(dwarf))
    }
}

/// The contents of a section, unpacked; empty when there is none.
fn section<'a>(
    file: &object::File<'a>,
    name: &str,
    arena: &'a Arena<Bytes>,
) -> Result<Slice<'a>, gimli::Error> {
    let endian = match file.is_little_endian() {
        true => RunTimeEndian::Little,
        false => RunTimeEndian::Big,
    };
    let data = file
        .section_by_name(name)
        .and_then(|section| section.compressed_data().ok())
        .filter(|data| data.uncompressed_size <= LARGEST)
        .and_then(|data| data.decompress().ok());
    let bytes: &'a [u8] = match data {
        Some(Cow::Borrowed(bytes)) => bytes,
        Some(Cow::Owned(bytes)) => (**arena.alloc(Box::new(bytes))).as_ref(),
        None => &[],
    };
    Ok(EndianSlice::new(bytes, endian))
}
