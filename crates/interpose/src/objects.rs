//! Which library an address belongs to, told to the ledger when the first frame
//! in it is recorded.
//!
//! Nothing here is called in the steady state: only stacks that are new to
//! their thread are looked at.

use core::ffi::{CStr, c_char, c_void};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use freehold_ledger::writer::Loaded;

use crate::process::Process;

/// glibc's answer to "what lies here", see `<dlfcn.h>`.
#[repr(C)]
struct Found {
    flags: u64,
    start: *mut u8,
    end: *mut u8,
    link_map: *mut LinkMap,
    eh_frame: *mut u8,
    reserved: [u64; 7],
}

/// The public head of glibc's `struct link_map`, see `<link.h>`.
#[repr(C)]
struct LinkMap {
    bias: usize,
    name: *const c_char,
    dynamic: *const freehold_python::Dynamic,
}

unsafe extern "C" {
    fn _dl_find_object(address: *mut c_void, result: *mut Found) -> i32;
}

/// Pages whose object has been noted: direct-mapped, 0 for none.
static KNOWN: [AtomicUsize; 1024] = [const { AtomicUsize::new(0) }; 1024];
/// Held while an object is noted.
static BUSY: AtomicBool = AtomicBool::new(false);

fn known(address: usize) -> &'static AtomicUsize {
    &KNOWN[(address >> 12) & (KNOWN.len() - 1)]
}

/// Notes the objects of these frames.
pub(crate) fn note(process: &Process, frames: &[usize]) {
    for frame in frames {
        // A return address may lie just behind the end of its function.
        let address = frame.wrapping_sub(1);
        // Relaxed: a hint; noting twice does no harm.
        if known(address).load(Ordering::Relaxed) != address >> 12 {
            note_one(process, address);
        }
    }
}

fn find(address: usize) -> Option<Found> {
    // SAFETY: zeroed bytes are a Found; glibc fills it without locking.
    unsafe {
        let mut found: Found = core::mem::zeroed();
        let here = _dl_find_object(address as *mut c_void, &mut found) == 0;
        (here && !found.link_map.is_null()).then_some(found)
    }
}

/// Whether an address lies in a loaded object.
pub(crate) fn is_in_one(address: usize) -> bool {
    find(address).is_some()
}

/// Whether two addresses lie in the same loaded object.
pub(crate) fn are_together(one: usize, other: usize) -> bool {
    match (find(one), find(other)) {
        (Some(one), Some(other)) => one.link_map == other.link_map,
        _ => false,
    }
}

#[cold]
fn note_one(process: &Process, address: usize) {
    let Some(found) = find(address) else {
        return;
    };
    // Never waits: the holder may be the thread that we interrupted. What is
    // missed now is noted with the next new stack.
    if BUSY.swap(true, Ordering::Acquire) {
        return;
    }
    let mut path = [0u8; 4096];
    // SAFETY: the map belongs to a loaded object: a frame of it is running.
    let (bias, name) = unsafe { ((*found.link_map).bias, (*found.link_map).name) };
    let len = path_of(name, &mut path);
    let start = found.start as usize;
    let end = found.end as usize;
    // SAFETY: the range is mapped as long as the object is loaded.
    let image = unsafe { core::slice::from_raw_parts(start as *const u8, end - start) };
    let what = Loaded {
        start: start as u64,
        end: end as u64,
        bias: bias as u64,
        path: &path[..len],
        build_id: build_id(image, bias.wrapping_sub(start)).unwrap_or_default(),
    };
    if process.ledger().add_module(&what) {
        // Stacks must be stored anew under the new epoch.
        freehold_unwind::flush_rules();
    }
    let object = freehold_python::Object {
        start,
        end,
        bias,
        // SAFETY: as above.
        dynamic: unsafe { (*found.link_map).dynamic },
    };
    // SAFETY: it is loaded; `after_unload` lets it be forgotten.
    unsafe { freehold_python::look_at(&object) };
    known(address).store(address >> 12, Ordering::Relaxed);
    BUSY.store(false, Ordering::Release);
}

/// Notes which objects are gone. To be called after each `dlclose`.
pub(crate) fn after_unload(process: &Process) {
    forget();
    freehold_python::forget(is_in_one);
    process.ledger().unload_modules(|start, bias| {
        find(start as usize).is_some_and(|found| {
            // SAFETY: as in `note_one`.
            found.start as u64 == start && unsafe { (*found.link_map).bias } as u64 == bias
        })
    });
    freehold_unwind::flush_rules();
}

/// Writes the path of an object; gives its length.
fn path_of(name: *const c_char, out: &mut [u8; 4096]) -> usize {
    let name = if name.is_null() {
        c""
    } else {
        // SAFETY: the loader's name of a loaded object.
        unsafe { CStr::from_ptr(name) }
    };
    let name = name.to_bytes();
    match name {
        b"" => read_link(c"/proc/self/exe", out),
        b"linux-vdso.so.1" => copy(b"[vdso]", 0, out),
        [b'/', ..] => copy(name, 0, out),
        relative => {
            // SAFETY: the buffer has the length that is given.
            let cwd = unsafe { libc::syscall(libc::SYS_getcwd, out.as_mut_ptr(), out.len()) };
            let len = usize::try_from(cwd - 1).unwrap_or(0);
            let len = copy(b"/", len, out);
            copy(relative, len, out)
        }
    }
}

fn copy(from: &[u8], at: usize, out: &mut [u8; 4096]) -> usize {
    let room = &mut out[at..];
    let len = from.len().min(room.len());
    room[..len].copy_from_slice(&from[..len]);
    at + len
}

/// Writes where a symbolic link leads; gives the length.
pub(crate) fn read_link(path: &CStr, out: &mut [u8]) -> usize {
    // SAFETY: the buffer has the length that is given.
    let len = unsafe {
        libc::syscall(
            libc::SYS_readlink,
            path.as_ptr(),
            out.as_mut_ptr(),
            out.len(),
        )
    };
    usize::try_from(len).unwrap_or(0)
}

/// The build id in the image of a loaded ELF object. `skew` is what to add to a
/// virtual address of the file to get its offset in the image.
fn build_id(image: &[u8], skew: usize) -> Option<&[u8]> {
    const PT_NOTE: u32 = 4;
    const NT_GNU_BUILD_ID: u32 = 3;
    let half = |at: usize| {
        let bytes = image.get(at..at.checked_add(4)?)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    };
    let word = |at: usize| {
        let bytes = image.get(at..at.checked_add(8)?)?;
        usize::try_from(u64::from_le_bytes(bytes.try_into().ok()?)).ok()
    };
    if image.get(..4)? != b"\x7fELF" || image.len() < 64 {
        return None;
    }
    let headers = word(32)?;
    let size = usize::from(u16::from_le_bytes(image.get(54..56)?.try_into().ok()?));
    let count = usize::from(u16::from_le_bytes(image.get(56..58)?.try_into().ok()?));
    for i in 0..count {
        let header = headers.checked_add(i.checked_mul(size)?)?;
        if half(header)? != PT_NOTE {
            continue;
        }
        let mut at = word(header.checked_add(16)?)?.wrapping_add(skew);
        let end = at.checked_add(word(header.checked_add(40)?)?)?;
        let end = end.min(image.len());
        while at.checked_add(12)? <= end {
            let name_len = half(at)? as usize;
            let len = half(at + 4)? as usize;
            let kind = half(at + 8)?;
            let name = at + 12;
            let data = name.checked_add(name_len.checked_next_multiple_of(4)?)?;
            if kind == NT_GNU_BUILD_ID && image.get(name..name + 4)? == b"GNU\0" {
                return image.get(data..data.checked_add(len)?);
            }
            at = data.checked_add(len.checked_next_multiple_of(4)?)?;
        }
    }
    None
}

/// The range of the object in which `address` lies.
fn range_of(address: usize) -> Option<(usize, usize)> {
    let found = find(address)?;
    Some((found.start as usize, found.end as usize))
}

/// The range of this library itself.
pub(crate) fn own_range() -> Option<(usize, usize)> {
    range_of(own_range as *const () as usize)
}

/// The range of the dynamic loader.
pub(crate) fn loader_range() -> Option<(usize, usize)> {
    unsafe extern "C" {
        fn __tls_get_addr();
    }
    range_of(__tls_get_addr as *const () as usize)
}

/// Forgets what was noted: a forked child begins a ledger that has nothing.
pub(crate) fn forget() {
    for page in &KNOWN {
        page.store(0, Ordering::Relaxed);
    }
    // A thread that the child does not have may have held it.
    BUSY.store(false, Ordering::Release);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_id_of_this_program_is_found() {
        let found = find(build_id as *const () as usize).expect("we are loaded");
        let start = found.start as usize;
        // SAFETY: our own image.
        let image =
            unsafe { core::slice::from_raw_parts(start as *const u8, found.end as usize - start) };
        // SAFETY: the map of our own object.
        let bias = unsafe { (*found.link_map).bias };
        let id = build_id(image, bias.wrapping_sub(start));
        let exe = std::fs::read("/proc/self/exe").unwrap();
        if let Some(id) = id {
            assert!(!id.is_empty() && exe.windows(id.len()).any(|w| w == id));
        }
    }

    #[test]
    fn garbage_has_no_build_id() {
        for len in 0..200 {
            let mut image = vec![0xffu8; len];
            assert_eq!(build_id(&image, 0), None);
            if len >= 64 {
                image[..4].copy_from_slice(b"\x7fELF");
                assert_eq!(build_id(&image, 0), None);
            }
        }
    }
}
