//! `.gnu_debugdata`: an xz-compressed object with nothing but a symbol table,
//! which some distributions leave in stripped objects.

use std::io::{self, Write};

use object::{Object, ObjectSection};

/// Largest size that it may unpack to.
const LARGEST: usize = 64 << 20;

/// The object within `.gnu_debugdata` of `file`.
pub(crate) fn symbols(file: &object::File<'_>) -> Option<Vec<u8>> {
    let packed = file.section_by_name(".gnu_debugdata")?.data().ok()?;
    let mut unpacked = Limited(Vec::new());
    lzma_rs::xz_decompress(&mut io::Cursor::new(packed), &mut unpacked).ok()?;
    Some(unpacked.0)
}

struct Limited(Vec<u8>);

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LARGEST {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
