//! Blocks of all families through the C functions: allocated, asked for, refused
//! where the release is wrong, released.

use std::ffi::{CStr, c_void};
use std::mem::size_of;
use std::ptr::{null, null_mut};

use freehold_c::codes::*;
use freehold_c::errors::*;
use freehold_c::family::*;
use freehold_c::query::*;
use freehold_c::release::*;
use freehold_c::track::*;

fn message() -> String {
    // SAFETY: ends with a NUL, and is read at once.
    let text = unsafe { CStr::from_ptr(freehold_last_message()) };
    text.to_string_lossy().into_owned()
}

fn known(block: *mut c_void) -> Option<freehold_block> {
    // SAFETY: zeroes are a description, and it says how long it is.
    unsafe {
        let mut known: freehold_block = std::mem::zeroed();
        known.struct_bytes = size_of::<freehold_block>();
        (freehold_query(block, &mut known) == FREEHOLD_OK).then_some(known)
    }
}

/// Without C++ in the process there are no blocks of it.
fn load_cpp() -> bool {
    #[cfg(unix)]
    // SAFETY: a C string.
    unsafe {
        let how = libc::RTLD_NOW | libc::RTLD_GLOBAL;
        !libc::dlopen(c"libstdc++.so.6".as_ptr(), how).is_null()
    }
    #[cfg(windows)]
    false
}

#[test]
fn every_family_is_allocated_and_released() {
    assert_eq!(freehold_tracking_start(0, 0), FREEHOLD_OK);
    let has_cpp = load_cpp();
    for family in [
        #[cfg(unix)]
        FREEHOLD_FAMILY_MALLOC,
        FREEHOLD_FAMILY_NEW,
        FREEHOLD_FAMILY_NEW_ARRAY,
        FREEHOLD_FAMILY_CO_TASK_MEM,
        FREEHOLD_FAMILY_LOCAL,
        FREEHOLD_FAMILY_GLOBAL,
        FREEHOLD_FAMILY_HEAP,
        FREEHOLD_FAMILY_VIRTUAL,
    ] {
        let block = freehold_family_alloc(family, 100);
        let is_cpp = matches!(family, FREEHOLD_FAMILY_NEW | FREEHOLD_FAMILY_NEW_ARRAY);
        if is_cpp && !has_cpp {
            assert!(block.is_null());
            assert_eq!(freehold_last_code(), FREEHOLD_SYSTEM);
            continue;
        }
        assert!(!block.is_null(), "{family}: {}", message());
        let about = known(block).expect("live");
        let size = if family == FREEHOLD_FAMILY_VIRTUAL {
            4096
        } else {
            100
        };
        assert_eq!((about.family, about.size), (family, size));
        // SAFETY: live, a hundred bytes; refused where it is wrong; released once.
        unsafe {
            let bytes = std::slice::from_raw_parts(block.cast::<u8>(), 100);
            assert!(bytes.iter().all(|byte| *byte == 0), "{family}");
            // LocalFree is documented to release blocks of the process's heap.
            let other = match family {
                FREEHOLD_FAMILY_LOCAL | FREEHOLD_FAMILY_HEAP => FREEHOLD_FAMILY_GLOBAL,
                _ => FREEHOLD_FAMILY_LOCAL,
            };
            assert_eq!(freehold_free_as(other, block), FREEHOLD_WRONG_FAMILY);
            assert_eq!(
                freehold_free_as(family, block),
                FREEHOLD_OK,
                "{}",
                message()
            );
            assert_eq!(
                freehold_free(block),
                FREEHOLD_DOUBLE,
                "{family}: {}",
                message()
            );
        }
        assert!(known(block).is_none());
    }
}

#[test]
fn what_no_family_gives_is_said() {
    for (family, size, code) in [
        #[cfg(windows)]
        (FREEHOLD_FAMILY_MALLOC, 8, FREEHOLD_UNKNOWN_VALUE),
        (FREEHOLD_FAMILY_BSTR, 8, FREEHOLD_UNKNOWN_VALUE),
        (FREEHOLD_FAMILY_MMAP, 8, FREEHOLD_UNKNOWN_VALUE),
        (FREEHOLD_FAMILY_CUSTOM, 8, FREEHOLD_UNKNOWN_VALUE),
        (0, 8, FREEHOLD_UNKNOWN_VALUE),
        (77, 8, FREEHOLD_UNKNOWN_VALUE),
        (FREEHOLD_FAMILY_VIRTUAL, 0, FREEHOLD_TOO_LARGE),
        (FREEHOLD_FAMILY_HEAP, usize::MAX, FREEHOLD_TOO_LARGE),
        // A 32-bit process may have as much.
        #[cfg(target_pointer_width = "64")]
        (
            FREEHOLD_FAMILY_HEAP,
            isize::MAX as usize,
            FREEHOLD_OUT_OF_MEMORY,
        ),
    ] {
        assert!(freehold_family_alloc(family, size).is_null());
        assert_eq!(freehold_last_code(), code, "{family} {size}: {}", message());
    }
}

#[test]
fn handles_are_locked_and_unlocked() {
    for (family, other) in [
        (FREEHOLD_FAMILY_LOCAL, FREEHOLD_FAMILY_GLOBAL),
        (FREEHOLD_FAMILY_GLOBAL, FREEHOLD_FAMILY_LOCAL),
    ] {
        let (mut handle, mut memory, mut locks) = (null_mut(), null_mut(), 9);
        // SAFETY: places for the results; what is no handle is refused.
        unsafe {
            let code = freehold_movable_alloc(family, 10, &mut handle);
            assert_eq!(code, FREEHOLD_OK, "{}", message());
            let code = freehold_movable_lock(other, handle, &mut memory);
            assert_eq!(code, FREEHOLD_BAD_HANDLE);
            let code = freehold_movable_lock(family, handle, &mut memory);
            assert_eq!(code, FREEHOLD_OK, "{}", message());
            assert_ne!(memory, handle);
            assert_eq!(*memory.cast::<[u8; 10]>(), [0; 10]);
            let code = freehold_movable_unlock(family, handle, &mut locks);
            assert_eq!((code, locks), (FREEHOLD_OK, 0));
            let code = freehold_movable_unlock(family, handle, null_mut());
            assert_eq!(code, FREEHOLD_NOT_SO);
            assert_eq!(freehold_free(handle), FREEHOLD_OK);
            let code = freehold_movable_lock(family, handle, &mut memory);
            assert_eq!(code, FREEHOLD_BAD_HANDLE);
        }
    }
    // SAFETY: refused.
    unsafe {
        let mut handle = null_mut();
        let code = freehold_movable_alloc(FREEHOLD_FAMILY_MALLOC, 10, &mut handle);
        assert_eq!(code, FREEHOLD_UNKNOWN_VALUE);
        let code = freehold_movable_alloc(FREEHOLD_FAMILY_LOCAL, 10, null_mut());
        assert_eq!(code, FREEHOLD_NULL);
    }
}

#[test]
fn strings_know_their_length_and_their_references() {
    let text = [104u16, 0, 105];
    let (mut bstr, mut units) = (null_mut(), 9);
    let (mut hstring, mut at) = (null_mut(), null());
    // SAFETY: places for the results, live strings, each reference given back once.
    unsafe {
        assert_eq!(freehold_bstr_new(text.as_ptr(), 3, &mut bstr), FREEHOLD_OK);
        assert_eq!(freehold_bstr_length(bstr, &mut units), FREEHOLD_OK);
        assert_eq!((units, *bstr.add(2), *bstr.add(3)), (3, 105, 0));
        let code = freehold_bstr_length(bstr.add(1), &mut units);
        assert_eq!(code, FREEHOLD_BAD_HANDLE);
        assert_eq!(freehold_free(bstr.cast()), FREEHOLD_OK);
        assert_eq!(freehold_bstr_length(null(), &mut units), FREEHOLD_OK);
        assert_eq!(units, 0);

        let code = freehold_hstring_new(text.as_ptr(), 3, &mut hstring);
        assert_eq!(code, FREEHOLD_OK, "{}", message());
        assert_eq!(freehold_hstring_duplicate(hstring), FREEHOLD_OK);
        assert_eq!(freehold_free(hstring), FREEHOLD_OK);
        let code = freehold_hstring_text(hstring, &mut at, &mut units);
        assert_eq!((code, units), (FREEHOLD_OK, 3));
        assert_eq!(std::slice::from_raw_parts(at, 4), [104, 0, 105, 0]);
        assert_eq!(freehold_free(hstring), FREEHOLD_OK);
        assert_eq!(freehold_hstring_duplicate(hstring), FREEHOLD_BAD_HANDLE);

        assert_eq!(freehold_hstring_new(null(), 0, &mut hstring), FREEHOLD_OK);
        assert!(hstring.is_null());
        let code = freehold_hstring_text(hstring, &mut at, null_mut());
        assert_eq!((code, *at), (FREEHOLD_OK, 0));

        assert_eq!(freehold_bstr_new(null(), 1, &mut bstr), FREEHOLD_NULL);
        assert_eq!(
            freehold_bstr_new(text.as_ptr(), 3, null_mut()),
            FREEHOLD_NULL
        );
        let odd = text.as_ptr().wrapping_byte_add(1);
        assert_eq!(freehold_bstr_new(odd, 1, &mut bstr), FREEHOLD_BAD_ALIGNMENT);
        let code = freehold_bstr_new(text.as_ptr(), usize::MAX, &mut bstr);
        assert_eq!(code, FREEHOLD_TOO_LARGE);
    }
}
