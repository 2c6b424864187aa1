//! What functions of Windows give: an open handle of each family. Beside `functions`.

use std::ffi::c_void;
use std::ptr;

use freehold::Family;

/// An open handle, and its family.
pub(crate) fn handle(of: &str) -> (usize, Family) {
    let mask = [0u8; 32];
    let (one, other) = (mask.as_ptr(), mask.as_ptr());
    // SAFETY: each function gets what it is documented to take.
    unsafe {
        match of {
            "event" => {
                let make = function!(
                    c"kernel32.dll",
                    c"CreateEventW",
                    fn(*const c_void, i32, i32, *const u16) -> usize
                );
                (make(ptr::null(), 0, 0, ptr::null()), Family::Handle)
            }
            "registry key" => (key(), Family::RegKey),
            "brush" => {
                let make = function!(c"gdi32.dll", c"CreateSolidBrush", fn(u32) -> usize);
                (make(0x00ff_0000), Family::GdiObject)
            }
            "device context" => {
                let make = function!(c"gdi32.dll", c"CreateCompatibleDC", fn(usize) -> usize);
                (make(0), Family::GdiDc)
            }
            "menu" => {
                let make = function!(c"user32.dll", c"CreatePopupMenu", fn() -> usize);
                (make(), Family::Menu)
            }
            "icon" => {
                let make = function!(
                    c"user32.dll",
                    c"CreateIcon",
                    fn(usize, i32, i32, u8, u8, *const u8, *const u8) -> usize
                );
                (make(0, 16, 16, 1, 1, one, other), Family::Icon)
            }
            "cursor" => {
                let make = function!(
                    c"user32.dll",
                    c"CreateCursor",
                    fn(usize, i32, i32, i32, i32, *const u8, *const u8) -> usize
                );
                (make(0, 0, 0, 16, 16, one, other), Family::Cursor)
            }
            "accelerators" => {
                let make = function!(
                    c"user32.dll",
                    c"CreateAcceleratorTableW",
                    fn(*const u16, i32) -> usize
                );
                // ACCEL: flags, key, command.
                (make([0u16, 65, 1].as_ptr(), 1), Family::Accelerators)
            }
            other => panic!("the table has a row of {other}"),
        }
    }
}

/// `HKEY_CURRENT_USER`.
pub(crate) const CURRENT_USER: usize = 0x8000_0001u32 as i32 as usize;

fn key() -> usize {
    let open = function!(
        c"advapi32.dll",
        c"RegOpenKeyExW",
        fn(usize, *const u16, u32, u32, *mut usize) -> i32
    );
    let name: Vec<u16> = "Software\0".encode_utf16().collect();
    let mut key = 0;
    // SAFETY: a C string, and a place for the key.
    let error = unsafe { open(CURRENT_USER, name.as_ptr(), 0, 0x2_0019, &mut key) };
    assert_eq!(error, 0);
    key
}
