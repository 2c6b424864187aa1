//! Names in objects of the ELF loader.

use core::ffi::{CStr, c_char};

use super::readable::readable;
use super::{Place, index, named, number};

/// What lies at a call that returns to an address; `None` when no object does.
pub(crate) fn place(address: usize) -> Option<Place> {
    let info = loaded(address)?;
    let object = text(info.dli_fname).unwrap_or_default();
    Some(Place {
        object: object.rsplit('/').next().unwrap_or_default().to_owned(),
        offset: address.wrapping_sub(info.dli_fbase as usize),
        function: function(address, &info),
    })
}

/// What the loader says of the code that a call at `address - 1` lies in.
fn loaded(address: usize) -> Option<libc::Dl_info> {
    // SAFETY: zeroed bytes are a Dl_info; the call only fills it.
    unsafe {
        let mut info: libc::Dl_info = core::mem::zeroed();
        let found = libc::dladdr((address - 1) as *const libc::c_void, &mut info);
        (found != 0).then_some(info)
    }
}

fn text(at: *const c_char) -> Option<String> {
    // SAFETY: null, or a string of the loader.
    (!at.is_null()).then(|| unsafe { CStr::from_ptr(at) }.to_string_lossy().into_owned())
}

fn function(address: usize, info: &libc::Dl_info) -> Option<String> {
    if let Some(exported) = text(info.dli_sname) {
        return Some(readable(exported.as_bytes()).into_owned());
    }
    // The loader has the program by the name that it was started with.
    // SAFETY: no requirement.
    let headers = unsafe { libc::getauxval(libc::AT_PHDR) } as usize;
    let is_program = headers.wrapping_sub(info.dli_fbase as usize) < 4096;
    let path = match is_program {
        true => "/proc/self/exe".to_owned(),
        false => text(info.dli_fname)?,
    };
    let call = address - 1;
    let offset = call.wrapping_sub(info.dli_fbase as usize);
    let name = named(&path, offset as u64, |file| {
        find(file, offset as u64, call as u64)
    })?;
    Some(name.as_ref().to_owned())
}

/// Where things lie in ELF's structures, which are as wide as the program.
struct Width {
    /// What the file says of its width.
    class: u8,
    /// In the file: where the sections are, and their number.
    sections: usize,
    count: usize,
    /// Bytes of a section; in it, where it is in the file, its length, and the number
    /// of another one that belongs to it.
    section: usize,
    start: usize,
    len: usize,
    link: usize,
    /// Bytes of a symbol; in it, the kind, the address and the length.
    symbol: usize,
    kind: usize,
    address: usize,
    covered: usize,
}

const WIDTH: Width = if usize::BITS == 64 {
    Width {
        class: 2,
        sections: 40,
        count: 60,
        section: 64,
        start: 24,
        len: 32,
        link: 40,
        symbol: 24,
        kind: 4,
        address: 8,
        covered: 16,
    }
} else {
    Width {
        class: 1,
        sections: 32,
        count: 48,
        section: 40,
        start: 16,
        len: 20,
        link: 24,
        symbol: 16,
        kind: 12,
        address: 4,
        covered: 8,
    }
};
const WORD: usize = size_of::<usize>();
const SYMBOL_TABLE: u64 = 2;
const FUNCTION: u64 = 2;
const NOT_MOVED: u64 = 2;

/// The name of the function that covers an address, by the symbol table.
fn find(file: &[u8], offset: u64, address: u64) -> Option<&[u8]> {
    if !file.starts_with(&[0x7f, b'E', b'L', b'F', WIDTH.class, 1]) {
        return None;
    }
    let wanted = match number::<2>(file, 16)? {
        NOT_MOVED => address,
        _ => offset,
    };
    let (sections, count) = (
        index::<WORD>(file, WIDTH.sections)?,
        index::<2>(file, WIDTH.count)?,
    );
    let section = |index: usize| sections.checked_add(index.checked_mul(WIDTH.section)?);
    let table = (0..count).filter_map(section);
    let mut tables = table.filter(|at| number::<4>(file, at.wrapping_add(4)) == Some(SYMBOL_TABLE));
    let table = tables.next()?;
    let strings = section(index::<4>(file, table.checked_add(WIDTH.link)?)?)?;
    let body = |section: usize| {
        let start = index::<WORD>(file, section.checked_add(WIDTH.start)?)?;
        let len = index::<WORD>(file, section.checked_add(WIDTH.len)?)?;
        file.get(start..start.checked_add(len)?)
    };
    let (symbols, strings) = (body(table)?, body(strings)?);
    let covers = |symbol: &&[u8]| {
        let is_function = symbol[WIDTH.kind] & 15 == FUNCTION as u8;
        let start = number::<WORD>(symbol, WIDTH.address).unwrap_or(u64::MAX);
        let len = number::<WORD>(symbol, WIDTH.covered).unwrap_or(0);
        is_function && wanted >= start && wanted - start < len
    };
    let symbol = symbols.chunks_exact(WIDTH.symbol).find(covers)?;
    let name = strings.get(index::<4>(symbol, 0)?..)?;
    let end = name.iter().position(|byte| *byte == 0)?;
    name.get(..end).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn damaged_files_do_no_harm(
            cut in 0..200_000usize,
            damage in proptest::collection::vec((0..4096usize, any::<u8>()), 0..40),
            address in any::<u64>(),
        ) {
            let mut file = std::fs::read("/proc/self/exe").expect("readable");
            let headers = index::<WORD>(&file, WIDTH.sections).expect("a header");
            for (at, byte) in damage {
                let at = if at % 2 == 0 { at % 64 } else { headers + at };
                if let Some(place) = file.get_mut(at) {
                    *place = byte;
                }
            }
            file.truncate(file.len().saturating_sub(cut));
            let _ = find(&file, address % (1 << 24), address);
        }
    }
}
