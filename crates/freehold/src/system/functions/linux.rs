//! Linux: see `super`.

use core::ffi::{CStr, c_int, c_void};
use core::ptr;
use std::ffi::CString;

use super::NotFound;

/// `RTLD_DL_SYMENT`.
const WITH_SYMBOL: c_int = 1;
/// `STT_OBJECT`, in the lower half of a symbol's `st_info`.
const VARIABLE: u8 = 1;

#[cfg(target_pointer_width = "64")]
type Symbol = libc::Elf64_Sym;
#[cfg(target_pointer_width = "32")]
type Symbol = libc::Elf32_Sym;

unsafe extern "C" fn count(info: *mut libc::dl_phdr_info, _: usize, changes: *mut c_void) -> c_int {
    // SAFETY: the loader's description of an object, and the number below.
    unsafe { *changes.cast::<u64>() = (*info).dlpi_adds.wrapping_add((*info).dlpi_subs) };
    1
}

pub(super) fn changes() -> u64 {
    let mut changes = 0u64;
    // SAFETY: the function fits the place that it is given.
    unsafe { libc::dl_iterate_phdr(Some(count), (&raw mut changes).cast()) };
    changes
}

unsafe extern "C" fn list(info: *mut libc::dl_phdr_info, _: usize, names: *mut c_void) -> c_int {
    // SAFETY: the loader's description of an object, whose name is a C string, and
    // the list below.
    unsafe {
        let name = CStr::from_ptr((*info).dlpi_name).to_owned();
        (*names.cast::<Vec<CString>>()).push(name);
    }
    0
}

/// A library without what tells its version: `libpng16.so.16` is `libpng`.
fn stem(path: &CStr) -> &[u8] {
    let path = path.to_bytes();
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    let end = name.windows(3).position(|part| part == b".so");
    let name = &name[..end.unwrap_or(name.len())];
    let is_version = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    let end = name.iter().rposition(|byte| !is_version(byte));
    &name[..end.map_or(0, |at| at + 1)]
}

pub(super) fn find(name: &CStr, library: &CStr) -> Result<*const c_void, NotFound> {
    let mut objects: Vec<CString> = Vec::new();
    // SAFETY: the function fits the place that it is given.
    unsafe { libc::dl_iterate_phdr(Some(list), (&raw mut objects).cast()) };
    let mut found: Vec<(*mut c_void, bool)> = Vec::new();
    for object in &objects {
        // The program itself has no name there.
        let path = match object.is_empty() {
            true => ptr::null(),
            false => object.as_ptr(),
        };
        // SAFETY: a C string or null; nothing is loaded that is not there.
        let handle = unsafe { libc::dlopen(path, libc::RTLD_NOLOAD | libc::RTLD_LAZY) };
        if handle.is_null() {
            continue;
        }
        // SAFETY: a handle of an object, and a C string.
        let address = unsafe { libc::dlsym(handle, name.as_ptr()) };
        if address.is_null() || found.iter().any(|(known, _)| *known == address) {
            // SAFETY: opened above; it stays loaded, as it was.
            unsafe { libc::dlclose(handle) };
            continue;
        }
        // Its handle is kept: as long as blocks can come back, so must it stay.
        found.push((address, stem(&object_of(address)) == stem(library)));
    }
    let its = found.iter().filter(|(_, is_its)| *is_its);
    let address = match (&found[..], &its.collect::<Vec<_>>()[..]) {
        ([], _) => return Err(NotFound::Nowhere),
        ([(only, _)], _) | (_, [(only, _)]) => *only,
        _ => return Err(NotFound::Several),
    };
    Ok(function_at(address))
}

/// The path of the object that an address lies in.
fn object_of(address: *mut c_void) -> CString {
    // SAFETY: zeroed bytes are one; the name is a C string of the loader.
    unsafe {
        let mut info: libc::Dl_info = core::mem::zeroed();
        match libc::dladdr(address, &mut info) != 0 && !info.dli_fname.is_null() {
            true => CStr::from_ptr(info.dli_fname).to_owned(),
            false => CString::default(),
        }
    }
}

/// The function that a symbol stands for: some libraries have variables with the
/// address of one, as libxml2 `xmlFree`.
fn function_at(address: *mut c_void) -> *const c_void {
    let mut symbol: *mut c_void = ptr::null_mut();
    // SAFETY: zeroed bytes are one; places for the answers; the symbol lies in the
    // object's table, and a variable of a pointer's size holds one.
    unsafe {
        let mut info: libc::Dl_info = core::mem::zeroed();
        let is_known = libc::dladdr1(address, &mut info, &mut symbol, WITH_SYMBOL) != 0;
        if !is_known || symbol.is_null() {
            return address;
        }
        let symbol = &*symbol.cast::<Symbol>();
        let is_variable = symbol.st_info & 15 == VARIABLE;
        match is_variable && symbol.st_size as usize == size_of::<usize>() {
            true => *address.cast::<*const c_void>(),
            false => address,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_no_part_of_a_name() {
        for (path, name) in [
            (c"/usr/lib/libpng16.so.16.39.0", &b"libpng"[..]),
            (c"libc.so.6", b"libc"),
            (c"libglib-2.0.so.0", b"libglib"),
            (c"/opt/a.so.d/node", b"node"),
            (c"", b""),
            (c"1.2", b""),
        ] {
            assert_eq!(stem(path), name);
        }
    }

    #[test]
    fn functions_are_found_in_their_library() {
        let found = find(c"malloc_usable_size", c"libc.so.6");
        let expected = libc::malloc_usable_size as *const c_void;
        assert_eq!(found, Ok(expected));
        assert_eq!(
            find(c"freehold_no_such_function", c"libc.so.6"),
            Err(NotFound::Nowhere)
        );
    }
}
