//! Objects of the ELF loader.

use core::ffi::{CStr, c_int, c_void};
use core::sync::atomic::{AtomicU64, Ordering};

use freehold_ledger::writer::{Ledger, Loaded};

/// How many objects were loaded and unloaded when last looked at.
static CHANGES: AtomicU64 = AtomicU64::new(0);

struct Search<'a> {
    ledger: &'a Ledger,
    address: usize,
    changes: u64,
    found: bool,
}

/// Notes the object that an address lies in. False when it lies in none.
pub(super) fn note(ledger: &Ledger, address: usize) -> bool {
    let mut search = Search {
        ledger,
        address,
        changes: 0,
        found: false,
    };
    // SAFETY: the callback gets its search and keeps nothing of it.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut search).cast()) };
    if search.changes != CHANGES.swap(search.changes, Ordering::Relaxed) {
        // Something was loaded or unloaded: what is remembered may be of code
        // that is no longer there.
        freehold_unwind::flush_rules();
        #[cfg(target_arch = "x86_64")]
        freehold_python::forget(|address| {
            // SAFETY: zeroed bytes are a Dl_info; any address may be asked for.
            unsafe {
                let mut known: libc::Dl_info = core::mem::zeroed();
                libc::dladdr(address as *const c_void, &mut known) != 0
            }
        });
    }
    search.found
}

/// The loader counts what comes and goes, which is looked at with new objects.
pub(super) fn watch() {}

unsafe extern "C" fn visit(info: *mut libc::dl_phdr_info, _: usize, search: *mut c_void) -> c_int {
    // SAFETY: the loader's own record, and the search of `note_one`.
    let (info, search) = unsafe { (&*info, &mut *search.cast::<Search<'_>>()) };
    search.changes = info.dlpi_adds.wrapping_add(info.dlpi_subs << 32);
    let base = info.dlpi_addr as usize;
    // SAFETY: the loader's program headers of a loaded object.
    let headers =
        unsafe { core::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let loads = || headers.iter().filter(|h| h.p_type == libc::PT_LOAD);
    let start = loads().map(|h| h.p_vaddr as usize).min();
    let end = loads().map(|h| (h.p_vaddr + h.p_memsz) as usize).max();
    let (Some(start), Some(end)) = (start, end) else {
        return 0;
    };
    let (start, end) = (base + (start & !0xfff), base + end);
    if !(start..end).contains(&search.address) {
        return 0;
    }
    let mut build_id: &[u8] = &[];
    for header in headers.iter().filter(|h| h.p_type == libc::PT_NOTE) {
        let (at, len) = (base + header.p_vaddr as usize, header.p_memsz as usize);
        // SAFETY: notes lie in a loaded part of the object.
        let notes = unsafe { core::slice::from_raw_parts(at as *const u8, len) };
        build_id = gnu_build_id(notes).unwrap_or(build_id);
    }
    let mut link = [0u8; 4096];
    let name = match info.dlpi_name.is_null() {
        true => c"",
        // SAFETY: the loader's name of a loaded object.
        false => unsafe { CStr::from_ptr(info.dlpi_name) },
    };
    let path = match name.to_bytes() {
        b"" => {
            let exe = c"/proc/self/exe";
            // SAFETY: the buffer has the length that is given.
            let len = unsafe { libc::readlink(exe.as_ptr(), link.as_mut_ptr().cast(), link.len()) };
            &link[..usize::try_from(len).unwrap_or(0)]
        }
        b"linux-vdso.so.1" => b"[vdso]",
        path => path,
    };
    let what = Loaded {
        start: start as u64,
        end: end as u64,
        bias: base as u64,
        path,
        build_id,
    };
    if search.ledger.add_module(&what) {
        freehold_unwind::flush_rules();
    }
    #[cfg(target_arch = "x86_64")]
    if let Some(dynamic) = headers.iter().find(|h| h.p_type == libc::PT_DYNAMIC) {
        let object = freehold_python::Object {
            start,
            end,
            bias: base,
            dynamic: (base + dynamic.p_vaddr as usize) as *const freehold_python::Dynamic,
        };
        // SAFETY: it is loaded, and when it no longer is that is noticed in `note`.
        unsafe { freehold_python::look_at(&object) };
    }
    search.found = true;
    1
}

/// The build id among these notes.
fn gnu_build_id(notes: &[u8]) -> Option<&[u8]> {
    const NT_GNU_BUILD_ID: u32 = 3;
    let word = |at: usize| {
        let bytes = notes.get(at..at.checked_add(4)?)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    };
    let mut at = 0;
    loop {
        let (name_len, len, kind) = (word(at)? as usize, word(at + 4)? as usize, word(at + 8)?);
        let name = at + 12;
        let data = name.checked_add(name_len.checked_next_multiple_of(4)?)?;
        if kind == NT_GNU_BUILD_ID && notes.get(name..name + 4)? == b"GNU\0" {
            return notes.get(data..data.checked_add(len)?);
        }
        at = data.checked_add(len.checked_next_multiple_of(4)?)?;
    }
}

#[cfg(test)]
mod tests {
    use super::gnu_build_id;

    #[test]
    fn build_ids_are_found_and_garbage_has_none() {
        let mut notes = vec![4, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0];
        notes.extend_from_slice(b"GNU\0\x07\0\0\0");
        notes.extend_from_slice(&[4, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0]);
        notes.extend_from_slice(b"GNU\0\x01\x02\x03\0");
        assert_eq!(gnu_build_id(&notes), Some(&[1, 2, 3][..]));
        for len in 0..notes.len() - 4 {
            assert_eq!(gnu_build_id(&notes[..len]), None);
        }
        assert_eq!(gnu_build_id(&[0xff; 100]), None);
    }
}
