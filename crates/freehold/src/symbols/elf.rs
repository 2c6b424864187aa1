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
    let (sections, count) = (index::<8>(file, 40)?, index::<2>(file, 60)?);
    let section = |index: usize| sections.checked_add(index.checked_mul(SECTION)?);
    let table = (0..count).filter_map(section);
    let mut tables = table.filter(|at| number::<4>(file, at.wrapping_add(4)) == Some(SYMBOL_TABLE));
    let table = tables.next()?;
    let strings = section(index::<4>(file, table.checked_add(40)?)?)?;
    let body = |section: usize| {
        let start = index::<8>(file, section.checked_add(24)?)?;
        let len = index::<8>(file, section.checked_add(32)?)?;
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
            let headers = index::<8>(&file, 40).expect("a header");
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
