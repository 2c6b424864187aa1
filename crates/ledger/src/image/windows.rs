//! Which image lies at an address of this process.
//!
//! Asked of the memory manager and read from the image itself, since the lists of
//! the loader are behind a lock that may be held by whoever called us; only the path
//! is the loader's.

use core::ffi::c_void;

use super::ImageIdentity;
use crate::writer::Loaded;

/// Longer paths are left out.
const LONGEST_PATH: usize = 1024;
const MEM_IMAGE: u32 = 0x100_0000;

/// `MEMORY_BASIC_INFORMATION`.
#[repr(C)]
#[derive(Default)]
struct Region {
    base: usize,
    /// First byte of the reservation that it belongs to.
    allocation: usize,
    protection: usize,
    bytes: usize,
    state: u32,
    protect: u32,
    kind: u32,
}

#[link(name = "kernel32")]
unsafe extern "system" {
    fn VirtualQuery(at: *const c_void, region: *mut Region, bytes: usize) -> usize;
    fn GetModuleFileNameW(module: *const c_void, into: *mut u16, len: u32) -> u32;
    fn GetCurrentProcess() -> *mut c_void;
    fn ReadProcessMemory(
        process: *mut c_void,
        at: *const c_void,
        into: *mut c_void,
        len: usize,
        done: *mut usize,
    ) -> i32;
    fn GetLastError() -> u32;
    fn SetLastError(error: u32);
}

/// A program or library as it lies in this process.
#[derive(Debug)]
pub struct LoadedImage {
    start: u64,
    end: u64,
    path: [u8; LONGEST_PATH * 3],
    path_len: usize,
    identity: [u8; ImageIdentity::LONGEST],
    identity_len: usize,
}

impl LoadedImage {
    /// What [`Ledger::add_module`](crate::writer::Ledger::add_module) takes. Its bias
    /// is where the image begins: addresses in it are relative ones (RVA), whatever
    /// base its file wishes for, as the loader overwrites that wish.
    pub fn module(&self) -> Loaded<'_> {
        Loaded {
            start: self.start,
            end: self.end,
            bias: self.start,
            path: &self.path[..self.path_len],
            build_id: &self.identity[..self.identity_len],
        }
    }
}

/// The image that holds `address`; none where there is no image. The path is UTF-8,
/// and empty when it has more than 1,024 units. Leaves the last error alone, and
/// allocates nothing.
///
/// The image must not be unloaded meanwhile: ask for code that is running.
///
/// # Examples
///
/// ```
/// use freehold_ledger::image::loaded_image;
///
/// let here = main as fn() as usize;
/// let image = loaded_image(here as u64).expect("code lies in an image");
/// let module = image.module();
/// assert!((module.start..module.end).contains(&(here as u64)));
/// assert!(module.path.ends_with(b".exe"));
/// ```
pub fn loaded_image(address: u64) -> Option<LoadedImage> {
    // SAFETY: the last error is the thread's.
    let error = unsafe { GetLastError() };
    let found = find(usize::try_from(address).ok()?);
    // SAFETY: as above.
    unsafe { SetLastError(error) };
    found
}

fn find(address: usize) -> Option<LoadedImage> {
    let at = core::ptr::without_provenance(address);
    let mut region = Region::default();
    // SAFETY: the system writes one region; any address may be asked about.
    let got = unsafe { VirtualQuery(at, &mut region, size_of::<Region>()) };
    if got == 0 || region.kind != MEM_IMAGE {
        return None;
    }
    let start = region.allocation;
    let mut read = |offset: u32, into: &mut [u8]| read(start.wrapping_add(offset as usize), into);
    let identity = ImageIdentity::of_mapped(&mut read)?;
    let end = start.checked_add(identity.size as usize)?;
    if !(start..end).contains(&address) {
        return None;
    }
    let mut image = LoadedImage {
        start: start as u64,
        end: end as u64,
        path: [0; LONGEST_PATH * 3],
        path_len: 0,
        identity: [0; ImageIdentity::LONGEST],
        identity_len: 0,
    };
    image.path_len = path(start, &mut image.path);
    image.identity_len = identity.write(&mut image.identity).len();
    Some(image)
}

/// Copies memory of this process which may not be readable.
fn read(address: usize, into: &mut [u8]) -> bool {
    let at = core::ptr::without_provenance(address);
    let mut done = 0;
    // SAFETY: the system writes only into `into`, and checks the other address.
    let read = unsafe {
        let process = GetCurrentProcess();
        ReadProcessMemory(process, at, into.as_mut_ptr().cast(), into.len(), &mut done)
    };
    read != 0 && done == into.len()
}

/// Writes the path of the image that begins at `start`; gives its bytes.
fn path(start: usize, into: &mut [u8]) -> usize {
    let mut wide = [0u16; LONGEST_PATH];
    let module = core::ptr::without_provenance(start);
    // SAFETY: the buffer has the length that is given; a number that is no module's
    // makes the call fail.
    let len = unsafe { GetModuleFileNameW(module, wide.as_mut_ptr(), LONGEST_PATH as u32) };
    let len = len as usize;
    // A path that was cut fills the buffer.
    if len >= LONGEST_PATH {
        return 0;
    }
    let mut at = 0;
    for char in char::decode_utf16(wide[..len].iter().copied()) {
        let char = char.unwrap_or(char::REPLACEMENT_CHARACTER);
        // At most three bytes for each unit.
        at += char.encode_utf8(&mut into[at..]).len();
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    unsafe extern "system" {
        fn GetModuleHandleA(name: *const core::ffi::c_char) -> *const c_void;
    }

    #[test]
    fn our_own_program_and_a_library_are_found() {
        let here = find as fn(usize) -> Option<LoadedImage> as usize;
        let own = loaded_image(here as u64).expect("an image");
        let module = own.module();
        let path = std::env::current_exe().expect("a path");
        assert_eq!(module.path, path.to_str().expect("UTF-8").as_bytes());
        assert_eq!(module.bias, module.start);
        let identity = ImageIdentity::from_bytes(module.build_id).expect("an identity");
        assert_eq!(u64::from(identity.size), module.end - module.start);
        // SAFETY: a C string.
        let kernel = unsafe { GetModuleHandleA(c"kernel32.dll".as_ptr()) };
        let image = loaded_image(kernel as u64 + 0x1000).expect("an image");
        assert_eq!(image.module().start, kernel as u64);
        let path = String::from_utf8(image.module().path.to_vec()).expect("UTF-8");
        assert!(
            path.to_ascii_lowercase().ends_with("\\kernel32.dll"),
            "{path}"
        );
    }

    #[test]
    fn other_memory_is_no_image() {
        let heap = Box::new([0u8; 64]);
        assert!(loaded_image(heap.as_ptr() as u64).is_none());
        assert!(loaded_image(0).is_none());
        assert!(loaded_image(u64::MAX).is_none());
    }
}
