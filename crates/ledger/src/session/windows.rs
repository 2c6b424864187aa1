//! Where a session lies on Windows: a sparse file which the system keeps in
//! memory as long as there is room, and which only the user may open.
//!
//! A file and no section in the paging file: its data are there as long as
//! anybody has it open or mapped, whatever became of the process that wrote them,
//! and a section as large as all ledgers could become would cost its page tables
//! from the beginning.

use std::ffi::{CString, OsStr, c_void};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::ffi::OsStrExt;
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::{AsRawHandle, FromRawHandle, RawHandle};
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::sys::windows::{CloseHandle, CreateFileW, GENERIC_READ_WRITE, SHARE_ALL};

/// Whether pages of a file in a directory must be reserved before they are
/// touched.
pub(super) const RESERVES: bool = false;
/// Of how many ledgers a session can have room, as a power of two: files of NTFS
/// end at 16 TiB.
pub(super) const MOST_SLOTS: u32 = 11;

const FSCTL_SET_SPARSE: u32 = 0x900c4;
const DELETE: u32 = 0x1_0000;
const CREATE_NEW: u32 = 1;
const FILE_ATTRIBUTE_TEMPORARY: u32 = 0x100;
const FILE_FLAG_DELETE_ON_CLOSE: u32 = 0x400_0000;
const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x200_0000;
const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x20_0000;
const TOKEN_QUERY: u32 = 8;
const TOKEN_USER: i32 = 1;
const SE_FILE_OBJECT: i32 = 1;
const OWNER_SECURITY_INFORMATION: u32 = 1;
const ERROR_ALREADY_EXISTS: i32 = 183;
const ERROR_FILE_EXISTS: i32 = 80;

#[repr(C)]
struct SecurityAttributes {
    len: u32,
    descriptor: *const c_void,
    inherit: i32,
}

#[link(name = "kernel32")]
unsafe extern "system" {
    fn DeviceIoControl(
        file: RawHandle,
        code: u32,
        input: *const c_void,
        input_len: u32,
        output: *mut c_void,
        output_len: u32,
        returned: *mut u32,
        overlapped: *mut c_void,
    ) -> i32;
    fn CreateDirectoryW(name: *const u16, security: *const SecurityAttributes) -> i32;
    fn GetCurrentProcess() -> RawHandle;
    fn LocalFree(block: *mut c_void) -> *mut c_void;
}

#[link(name = "advapi32")]
unsafe extern "system" {
    fn OpenProcessToken(process: RawHandle, access: u32, token: *mut RawHandle) -> i32;
    fn GetTokenInformation(
        token: RawHandle,
        class: i32,
        out: *mut c_void,
        len: u32,
        needed: *mut u32,
    ) -> i32;
    fn GetLengthSid(sid: *const c_void) -> u32;
    fn GetSecurityInfo(
        handle: RawHandle,
        kind: i32,
        wanted: u32,
        owner: *mut *const c_void,
        group: *mut *const c_void,
        dacl: *mut *const c_void,
        sacl: *mut *const c_void,
        descriptor: *mut *mut c_void,
    ) -> u32;
    fn EqualSid(one: *const c_void, other: *const c_void) -> i32;
}

/// A new file that is gone when the last one who has it open or mapped leaves:
/// in the temporary folder, which belongs to the user.
pub(super) fn unnamed() -> io::Result<(File, PathBuf)> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        // Relaxed: the number is unique in the process, nothing is published by it.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("freehold-{}-{number}.session", std::process::id());
        let path = std::env::temp_dir().join(name);
        match create(&path, FILE_FLAG_DELETE_ON_CLOSE) {
            Ok(file) => return Ok((file, path)),
            // Held by somebody since an earlier process had our number.
            Err(e) if is_there(&e) && number < 1 << 16 => {}
            Err(e) => return Err(e),
        }
    }
}

/// The folder for sessions that have a name, which `freehold ps` and `freehold report`
/// search: `%LOCALAPPDATA%\Freehold\sessions`. None where the variable is not set. Not
/// the roaming profile, which is copied over the network.
///
/// # Examples
///
/// ```
/// use freehold_ledger::session::{Backing, folder_of_user};
///
/// let backing = match folder_of_user() {
///     Some(folder) => Backing::Directory(folder),
///     None => Backing::Memfd,
/// };
/// # let _ = backing;
/// ```
pub fn folder_of_user() -> Option<PathBuf> {
    let local = std::env::var_os("LOCALAPPDATA").filter(|v| !v.is_empty())?;
    Some(Path::new(&local).join("Freehold").join("sessions"))
}

/// A new file, for its owner only, in a directory for its owner only, which is made
/// with the one that holds it.
pub(super) fn named(directory: &Path) -> io::Result<(File, PathBuf)> {
    if let Some(parent) = directory.parent().filter(|parent| !parent.exists()) {
        // When it fails, so does what follows.
        let _ = std::fs::create_dir(parent);
    }
    let user = User::of_process()?;
    let descriptor = user.only();
    let security = attributes(&descriptor);
    // SAFETY: name and attributes are valid for the call.
    let made = unsafe { CreateDirectoryW(wide(directory.as_os_str()).as_ptr(), &security) };
    let error = io::Error::last_os_error();
    if made == 0 && error.raw_os_error() != Some(ERROR_ALREADY_EXISTS) {
        return Err(error);
    }
    if made == 0 && !user.owns(directory)? {
        let message = format!("{} belongs to somebody else", directory.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    let path = directory.join(format!("{}.session", std::process::id()));
    let file = match create(&path, 0) {
        Err(e) if is_there(&e) => {
            // Left behind by a launcher of the same number that was killed.
            std::fs::remove_file(&path)?;
            create(&path, 0)?
        }
        other => other?,
    };
    Ok((file, path))
}

fn is_there(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(ERROR_ALREADY_EXISTS | ERROR_FILE_EXISTS)
    )
}

/// A new sparse file for the user alone.
fn create(path: &Path, flags: u32) -> io::Result<File> {
    let descriptor = User::of_process()?.only();
    let security = attributes(&descriptor);
    let access = match flags & FILE_FLAG_DELETE_ON_CLOSE {
        0 => GENERIC_READ_WRITE,
        _ => GENERIC_READ_WRITE | DELETE,
    };
    // SAFETY: name and attributes are valid for the call; the handle is new and
    // belongs to nobody else.
    let file = unsafe {
        let handle = CreateFileW(
            wide(path.as_os_str()).as_ptr(),
            access,
            SHARE_ALL,
            (&raw const security).cast(),
            CREATE_NEW,
            FILE_ATTRIBUTE_TEMPORARY | flags,
            ptr::null_mut(),
        );
        if handle == usize::MAX as RawHandle {
            return Err(io::Error::last_os_error());
        }
        File::from_raw_handle(handle)
    };
    let mut returned = 0;
    // A file system without sparse files says so; then the length that the file
    // is given next must really fit on the disk, and a shorter one is tried.
    // SAFETY: no buffers but the number, which is valid for the call.
    unsafe {
        DeviceIoControl(
            file.as_raw_handle(),
            FSCTL_SET_SPARSE,
            ptr::null(),
            0,
            ptr::null_mut(),
            0,
            &mut returned,
            ptr::null_mut(),
        );
    }
    Ok(file)
}

/// The user of this process: a security identifier.
struct User(Vec<u64>);

impl User {
    fn of_process() -> io::Result<User> {
        let mut buffer = vec![0u64; 32];
        let mut token = ptr::null_mut();
        // SAFETY: all places are valid for the calls, and the buffer is as long as
        // is said; the token is closed once.
        let got = unsafe {
            if OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &mut token) == 0 {
                return Err(io::Error::last_os_error());
            }
            let (at, len) = (buffer.as_mut_ptr().cast(), size_of_val(&*buffer) as u32);
            let got = GetTokenInformation(token, TOKEN_USER, at, len, &mut 0);
            let error = io::Error::last_os_error();
            CloseHandle(token);
            if got == 0 { Err(error) } else { Ok(()) }
        };
        got.map(|()| User(buffer))
    }

    /// A `TOKEN_USER` begins with a pointer to the identifier, which lies behind
    /// it in the same buffer.
    fn sid(&self) -> *const c_void {
        self.0[0] as usize as *const c_void
    }

    /// A security descriptor that allows this user everything and nobody else
    /// anything, also in what is made below a directory that has it.
    fn only(&self) -> Vec<u8> {
        // SAFETY: the identifier that the system gave.
        let sid = unsafe {
            let len = GetLengthSid(self.sid()) as usize;
            core::slice::from_raw_parts(self.sid().cast::<u8>(), len)
        };
        let (entry, head) = (8 + sid.len() as u16, 20u32);
        // SECURITY_DESCRIPTOR_RELATIVE: revision 1; a list is present, protected
        // from inheritance, all in one piece; the list right behind it.
        let mut bytes = vec![1, 0];
        bytes.extend(0x9004u16.to_le_bytes());
        bytes.extend([0, 0, 0, head].map(u32::to_le_bytes).as_flattened());
        // ACL: revision 2, its length, one entry.
        bytes.extend([2, 0]);
        bytes.extend([8 + entry, 1, 0].map(u16::to_le_bytes).as_flattened());
        // ACCESS_ALLOWED_ACE, inherited by files and folders: FILE_ALL_ACCESS.
        bytes.extend([0, 3]);
        bytes.extend(entry.to_le_bytes());
        bytes.extend(0x1f_01ffu32.to_le_bytes());
        bytes.extend(sid);
        bytes
    }

    /// Whether a directory is one and belongs to this user.
    fn owns(&self, directory: &Path) -> io::Result<bool> {
        // Itself, not what a link leads to.
        let opened = OpenOptions::new()
            .access_mode(0x2_0000) // READ_CONTROL
            .custom_flags(FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT)
            .open(directory)?;
        if !std::fs::symlink_metadata(directory)?.is_dir() {
            return Ok(false);
        }
        let (mut owner, mut descriptor) = (ptr::null(), ptr::null_mut());
        // SAFETY: an open handle; the owner lies in the descriptor, which is given
        // back after the comparison.
        unsafe {
            let error = GetSecurityInfo(
                opened.as_raw_handle(),
                SE_FILE_OBJECT,
                OWNER_SECURITY_INFORMATION,
                &mut owner,
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null_mut(),
                &mut descriptor,
            );
            if error != 0 {
                return Err(io::Error::from_raw_os_error(error as i32));
            }
            let same = EqualSid(owner, self.sid()) != 0;
            LocalFree(descriptor);
            Ok(same)
        }
    }
}

fn attributes(descriptor: &[u8]) -> SecurityAttributes {
    SecurityAttributes {
        len: size_of::<SecurityAttributes>() as u32,
        descriptor: descriptor.as_ptr().cast(),
        inherit: 0,
    }
}

fn wide(text: &OsStr) -> Vec<u16> {
    text.encode_wide().chain([0]).collect()
}

/// The path as UTF-8.
pub(super) fn path_bytes(path: &Path) -> io::Result<CString> {
    let message = || format!("{} cannot be written as UTF-8", path.display());
    let text = path.to_str().ok_or_else(|| io::Error::other(message()))?;
    CString::new(text).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_descriptor_is_laid_out_as_documented() {
        let user = User::of_process().expect("a user");
        let bytes = user.only();
        // SAFETY: the identifier that the system gave.
        let sid = unsafe { GetLengthSid(user.sid()) } as usize;
        assert_eq!(bytes.len(), 20 + 8 + 8 + sid);
        assert_eq!(u32::from_le_bytes(bytes[16..20].try_into().unwrap()), 20);
        let acl = u16::from_le_bytes(bytes[22..24].try_into().unwrap());
        assert_eq!(usize::from(acl), bytes.len() - 20);
    }

    #[test]
    fn a_folder_of_ours_is_ours() {
        let folder = std::env::temp_dir().join(format!("freehold-{}", std::process::id()));
        let (file, path) = named(&folder).expect("a file");
        assert!(User::of_process().unwrap().owns(&folder).unwrap());
        drop(file);
        std::fs::remove_file(path).expect("removed");
        std::fs::remove_dir(folder).expect("removed");
    }
}
