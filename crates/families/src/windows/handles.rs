//! Handles: of kernel objects, registry keys, and objects of GDI and USER.
//!
//! They are no memory: what stands for one in a ledger is in
//! [`resource`](crate::resource).
//!
//! Pages: CloseHandle (handleapi.h), RegCloseKey (winreg.h), DeleteObject,
//! DeleteDC (wingdi.h), DestroyWindow, DestroyMenu, DestroyIcon, DestroyCursor,
//! DestroyAcceleratorTable (winuser.h).

use core::ffi::c_void;

use super::dll::{ADVAPI32, GDI32, USER32, functions};
use super::{failed, keeping};
use crate::{Family, FamilyError};

#[link(name = "kernel32")]
unsafe extern "system" {
    fn CloseHandle(handle: *mut c_void) -> i32;
}

functions! { "system" ADVAPI32;
    fn reg_close_key = c"RegCloseKey"(*mut c_void) -> i32;
}

functions! { "system" GDI32;
    fn delete_object = c"DeleteObject"(*mut c_void) -> i32;
    fn delete_dc = c"DeleteDC"(*mut c_void) -> i32;
}

functions! { "system" USER32;
    fn destroy_window = c"DestroyWindow"(*mut c_void) -> i32;
    fn destroy_menu = c"DestroyMenu"(*mut c_void) -> i32;
    fn destroy_icon = c"DestroyIcon"(*mut c_void) -> i32;
    fn destroy_cursor = c"DestroyCursor"(*mut c_void) -> i32;
    fn destroy_accelerator_table = c"DestroyAcceleratorTable"(*mut c_void) -> i32;
}

/// Whether a value can be a handle of this family that must be released: null
/// never is, nor is -1 (`INVALID_HANDLE_VALUE`, and the handle that
/// `GetCurrentProcess` gives) one of a kernel object, nor are the other small
/// negative ones that stand for the present thread and tokens, nor the keys that
/// are always open (`HKEY_LOCAL_MACHINE` and its kin).
///
/// ```
/// use freehold_families::{Family, win32::handles};
/// assert!(!handles::is_owned(Family::Handle, usize::MAX));
/// assert!(handles::is_owned(Family::Handle, 0x44));
/// assert!(!handles::is_owned(Family::RegKey, 0x8000_0002)); // HKEY_LOCAL_MACHINE
/// ```
pub fn is_owned(family: Family, handle: usize) -> bool {
    let pseudo = match family {
        Family::Handle => (-6..=-1).contains(&(handle as isize)),
        // Their values are 32 bits, in some headers with the sign extended.
        Family::RegKey => (0x8000_0000..=0x8000_00ff).contains(&(handle as u32)),
        _ => false,
    };
    handle != 0 && !pseudo
}

/// Releases a handle by the function of its family.
///
/// # Errors
/// [`FamilyError::Failed`] with the system's number: then it is still open, or
/// never was; [`FamilyError::Absent`] for a family that has no handles.
///
/// # Safety
/// `handle` is a live handle of this family; nobody uses it any more. That of a
/// window belongs to the calling thread.
///
/// ```no_run
/// use freehold_families::{Family, win32::handles};
/// # let event = 0;
/// // SAFETY: a handle that CreateEventW gave, used by nobody.
/// unsafe { handles::release(Family::Handle, event) }?;
/// # Ok::<(), freehold_families::FamilyError>(())
/// ```
pub unsafe fn release(family: Family, handle: usize) -> Result<(), FamilyError> {
    let absent = FamilyError::Absent { family };
    let at = handle as *mut c_void;
    // SAFETY: promised by the caller, for all.
    keeping(|| unsafe {
        if family == Family::RegKey {
            // Gives its error, and sets none.
            return match reg_close_key().ok_or(absent)?(at) {
                0 => Ok(()),
                code => Err(FamilyError::Failed { family, code }),
            };
        }
        let function = match family {
            Family::Handle => Some(CloseHandle as unsafe extern "system" fn(*mut c_void) -> i32),
            Family::GdiObject => delete_object(),
            Family::GdiDc => delete_dc(),
            Family::Window => destroy_window(),
            Family::Menu => destroy_menu(),
            Family::Icon => destroy_icon(),
            Family::Cursor => destroy_cursor(),
            Family::Accelerators => destroy_accelerator_table(),
            _ => None,
        };
        match function.ok_or(absent)?(at) {
            0 => Err(failed(family)),
            _ => Ok(()),
        }
    })
}
