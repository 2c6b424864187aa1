//! What functions give, adopted by their names through the C functions, and handles.

use std::ffi::CStr;
use std::ptr::{dangling_mut, null, null_mut};

use freehold_c::codes::*;
use freehold_c::errors::*;
use freehold_c::own::*;
use freehold_c::query::*;
#[cfg(unix)]
use freehold_c::release::*;

fn message() -> String {
    // SAFETY: ends with a NUL, and is read at once.
    let text = unsafe { CStr::from_ptr(freehold_last_message()) };
    text.to_string_lossy().into_owned()
}

#[cfg(unix)]
#[test]
fn a_folder_is_closed_by_its_function() {
    // SAFETY: names, a folder's stream of ours, released once.
    unsafe {
        let folder = libc::opendir(c"/".as_ptr());
        let descriptor = libc::dirfd(folder);
        let adopt =
            || freehold_adopt_from(c"opendir".as_ptr(), c"return".as_ptr(), folder.cast(), 0);
        assert_eq!(adopt(), FREEHOLD_OK, "{}", message());
        assert_eq!(adopt(), FREEHOLD_OWNED, "{}", message());
        assert_eq!(
            freehold_free_as(FREEHOLD_FAMILY_MALLOC, folder.cast()),
            FREEHOLD_WRONG_FAMILY
        );
        assert!(
            message().contains("release it with closedir"),
            "{}",
            message()
        );
        assert_eq!(freehold_free(folder.cast()), FREEHOLD_OK);
        assert_eq!(libc::fcntl(descriptor, libc::F_GETFD), -1);
    }
}

#[test]
fn what_cannot_be_adopted_by_name_has_its_code() {
    let place = dangling_mut::<u64>().cast();
    let (borrowed, more) = match cfg!(windows) {
        true => (c"GetCommandLineW", (c"GetDC", c"return")),
        false => (c"getenv", (c"mmap", c"return")),
    };
    // SAFETY: names, some of them null or no UTF-8, which is looked for; nothing is
    // adopted.
    unsafe {
        let adopt = |function: &CStr, slot: &CStr| {
            freehold_adopt_from(function.as_ptr(), slot.as_ptr(), place, 0)
        };
        assert_eq!(adopt(c"no_such_function", c"return"), FREEHOLD_NOT_KNOWN);
        assert!(
            message().contains("`freehold owner no_such_function`"),
            "{}",
            message()
        );
        assert_eq!(adopt(borrowed, c"no_slot"), FREEHOLD_NOT_KNOWN);
        assert_eq!(
            adopt(borrowed, c"return"),
            FREEHOLD_NOT_YOURS,
            "{}",
            message()
        );
        assert_eq!(adopt(more.0, more.1), FREEHOLD_NO_RELEASE, "{}", message());
        assert_eq!(adopt(c"\xff", c"return"), FREEHOLD_BAD_TEXT);
        let no_name = freehold_adopt_from(null(), c"return".as_ptr(), place, 0);
        assert_eq!(no_name, FREEHOLD_NULL);
        let (function, slot) = match cfg!(windows) {
            true => (c"SysAllocString", c"return"),
            false => (c"strdup", c"return"),
        };
        let failed = freehold_adopt_from(function.as_ptr(), slot.as_ptr(), null_mut(), 0);
        assert_eq!(failed, FREEHOLD_NULL);
        let large = freehold_adopt_from(function.as_ptr(), slot.as_ptr(), place, usize::MAX);
        assert_eq!(large, FREEHOLD_TOO_LARGE);
    }
}

#[test]
fn a_handle_that_nobody_adopted_is_not_closed() {
    let number = std::ptr::without_provenance_mut(0x7f_0004);
    // SAFETY: refused.
    unsafe {
        assert_eq!(
            freehold_handle_close(FREEHOLD_FAMILY_MENU, number),
            FREEHOLD_FOREIGN
        );
        assert_eq!(freehold_handle_close(4711, number), FREEHOLD_UNKNOWN_VALUE);
        assert_eq!(
            freehold_handle_adopt(FREEHOLD_FAMILY_MENU, null_mut()),
            FREEHOLD_NULL
        );
        let no_handles = freehold_handle_adopt(FREEHOLD_FAMILY_LOCAL, number);
        assert_eq!(no_handles, FREEHOLD_UNRELEASABLE, "{}", message());
        #[cfg(all(windows, target_pointer_width = "64"))]
        {
            // HKEY_CURRENT_USER, which is always there.
            let always =
                std::ptr::without_provenance_mut(0x8000_0001_usize as i32 as isize as usize);
            let code = freehold_handle_adopt(FREEHOLD_FAMILY_REG_KEY, always);
            assert_eq!(code, FREEHOLD_NOT_YOURS, "{}", message());
        }
    }
}
