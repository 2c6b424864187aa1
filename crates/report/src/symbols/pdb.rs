//! Debug information in a PDB: functions, inlined functions, files and lines.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use freehold_ledger::image::PdbIdentity;
use pdb_addr2line::pdb::{PDB, Source, SourceSlice, SourceView};
use pdb_addr2line::{Context, ContextPdbData};

use super::demangle::{demangle, limited};
use crate::frame::Place;

/// A PDB that was opened, and not yet read.
pub(crate) type Opened<'a> = PDB<'a, Whole<'a>>;

/// The parser panics on some damage: a report without these names is still a report.
fn guarded<T>(read: impl FnOnce() -> Option<T>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(read)).ok().flatten()
}

/// Opens the PDB in `bytes`; none when it is not one.
pub(crate) fn open(bytes: &[u8]) -> Option<Opened<'_>> {
    guarded(|| PDB::open(Whole(bytes)).ok())
}

/// Whether it was made with an image that names this PDB; none when it is damaged.
/// Its age is that of the last time it was linked; tools that only rewrite it count
/// in another place.
pub(crate) fn belongs(pdb: &mut Opened<'_>, wanted: &PdbIdentity) -> Option<bool> {
    guarded(|| {
        let info = pdb.pdb_information().ok()?;
        let linked = pdb.debug_information().ok().and_then(|d| d.age());
        let age = linked.unwrap_or(info.age);
        Some(info.guid.to_bytes_le() == wanted.guid && age == wanted.age)
    })
}

/// The functions at each of these relative addresses, innermost first, with none
/// where nothing is known; nothing at all when the PDB is damaged.
pub(crate) fn places(pdb: Opened<'_>, rvas: &[Option<u32>]) -> Option<Vec<Vec<Place>>> {
    guarded(|| {
        let data = ContextPdbData::try_from_pdb(pdb).ok()?;
        let names = Names(data.make_context().ok()?);
        let places = rvas
            .iter()
            .map(|rva| rva.map(|rva| names.places(rva)).unwrap_or_default());
        Some(places.collect())
    })
}

/// Names and lines, read as far as they are asked for.
struct Names<'d, 'a>(Context<'d, 'a>);

impl Names<'_, '_> {
    /// The functions at a relative address, innermost first; none when nothing is
    /// known.
    fn places(&self, rva: u32) -> Vec<Place> {
        let Ok(Some(found)) = self.0.find_frames(rva) else {
            return Vec::new();
        };
        let outermost = found.frames.len().saturating_sub(1);
        let frames = found.frames.into_iter().enumerate().take(64);
        let place = |(i, frame): (usize, pdb_addr2line::Frame<'_>)| Place {
            function: frame.function.map(|name| readable(&name).into()),
            file: frame.file.filter(|f| !f.is_empty()).map(Arc::from),
            line: frame.line.filter(|line| *line > 0),
            column: None,
            inlined: i < outermost,
        };
        frames.map(place).collect()
    }
}

/// A function has its name as it was written, a public symbol as the linker has it.
fn readable(name: &str) -> String {
    match name.starts_with(['?', '_']) {
        true => demangle(name.as_bytes()),
        false => limited(name),
    }
}

/// A file that lies in memory. What is asked for is copied, as the parser keeps it
/// without a bound on its life.
#[derive(Debug)]
pub(crate) struct Whole<'a>(&'a [u8]);

impl<'a> Source<'a> for Whole<'a> {
    fn view(
        &mut self,
        slices: &[SourceSlice],
    ) -> Result<Box<dyn SourceView<'a> + Send + Sync>, io::Error> {
        let end = io::ErrorKind::UnexpectedEof;
        // Each page of a file belongs to one stream, so none is longer than the file.
        let mut sizes = slices.iter().map(|slice| slice.size);
        let size = sizes.try_fold(0usize, |sum, size| sum.checked_add(size));
        let size = size.filter(|size| *size <= self.0.len()).ok_or(end)?;
        let mut bytes = Vec::with_capacity(size);
        for slice in slices {
            let at = usize::try_from(slice.offset).map_err(|_| end)?;
            let piece = at
                .checked_add(slice.size)
                .and_then(|end| self.0.get(at..end));
            bytes.extend_from_slice(piece.ok_or(end)?);
        }
        Ok(Box::new(View(bytes)))
    }
}

struct View(Vec<u8>);

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "View({} bytes)", self.0.len())
    }
}

impl SourceView<'_> for View {
    fn as_slice(&self) -> &[u8] {
        &self.0
    }
}
