//! What a pointer is: for programs, and in words.

use core::ffi::{c_char, c_void};

use freehold::{Answer, Family, Known, Ownership, format_bytes, query};

use crate::arguments;
use crate::codes::{
    FREEHOLD_DOUBLE, FREEHOLD_FOREIGN, FREEHOLD_NULL, FREEHOLD_UNKNOWN_VALUE, Failure,
    freehold_code,
};
use crate::{guard, own};

/// `malloc`, `calloc`, `realloc`, `posix_memalign` …: `free`.
pub const FREEHOLD_FAMILY_MALLOC: u32 = 1;
/// C++ `operator new`: `operator delete`.
pub const FREEHOLD_FAMILY_NEW: u32 = 2;
/// C++ `operator new[]`: `operator delete[]`.
pub const FREEHOLD_FAMILY_NEW_ARRAY: u32 = 3;
/// `mmap`: `munmap`.
pub const FREEHOLD_FAMILY_MMAP: u32 = 4;
/// Rust's global allocator.
pub const FREEHOLD_FAMILY_RUST: u32 = 5;
/// `CoTaskMemAlloc`: `CoTaskMemFree`.
pub const FREEHOLD_FAMILY_CO_TASK_MEM: u32 = 6;
/// `LocalAlloc`: `LocalFree`.
pub const FREEHOLD_FAMILY_LOCAL: u32 = 7;
/// `GlobalAlloc`: `GlobalFree`.
pub const FREEHOLD_FAMILY_GLOBAL: u32 = 8;
/// `HeapAlloc`: `HeapFree`.
pub const FREEHOLD_FAMILY_HEAP: u32 = 9;
/// `VirtualAlloc`: `VirtualFree`.
pub const FREEHOLD_FAMILY_VIRTUAL: u32 = 10;
/// `SysAllocString`: `SysFreeString`.
pub const FREEHOLD_FAMILY_BSTR: u32 = 11;
/// `WindowsCreateString`: `WindowsDeleteString`.
pub const FREEHOLD_FAMILY_HSTRING: u32 = 12;
/// A release function that was given when the block was adopted.
pub const FREEHOLD_FAMILY_CUSTOM: u32 = 13;
/// `malloc` of `msvcrt.dll`: its `free`.
pub const FREEHOLD_FAMILY_MSVCRT: u32 = 14;
/// `malloc` of `ucrtbase.dll`: its `free`.
pub const FREEHOLD_FAMILY_UCRT: u32 = 15;
/// `_aligned_malloc` of `msvcrt.dll`: its `_aligned_free`.
pub const FREEHOLD_FAMILY_MSVCRT_ALIGNED: u32 = 16;
/// `_aligned_malloc` of `ucrtbase.dll`: its `_aligned_free`.
pub const FREEHOLD_FAMILY_UCRT_ALIGNED: u32 = 17;
/// Buffers of the network functions: `NetApiBufferFree`.
pub const FREEHOLD_FAMILY_NET_API: u32 = 18;
/// Buffers of Remote Desktop Services: `WTSFreeMemory`.
pub const FREEHOLD_FAMILY_WTS: u32 = 19;
/// Buffers of the credentials functions: `CredFree`.
pub const FREEHOLD_FAMILY_CRED: u32 = 20;
/// `SafeArrayCreate`: `SafeArrayDestroy`.
pub const FREEHOLD_FAMILY_SAFE_ARRAY: u32 = 21;
/// What a `VARIANT` holds: `VariantClear`.
pub const FREEHOLD_FAMILY_VARIANT: u32 = 22;
/// What a `PROPVARIANT` holds: `PropVariantClear`.
pub const FREEHOLD_FAMILY_PROP_VARIANT: u32 = 23;
/// Handles of kernel objects: `CloseHandle`.
pub const FREEHOLD_FAMILY_HANDLE: u32 = 24;
/// Open registry keys: `RegCloseKey`.
pub const FREEHOLD_FAMILY_REG_KEY: u32 = 25;
/// Bitmaps, brushes, fonts, palettes, pens and regions: `DeleteObject`.
pub const FREEHOLD_FAMILY_GDI_OBJECT: u32 = 26;
/// Device contexts that were created: `DeleteDC`.
pub const FREEHOLD_FAMILY_GDI_DC: u32 = 27;
/// Windows: `DestroyWindow`.
pub const FREEHOLD_FAMILY_WINDOW: u32 = 28;
/// Menus: `DestroyMenu`.
pub const FREEHOLD_FAMILY_MENU: u32 = 29;
/// Icons: `DestroyIcon`.
pub const FREEHOLD_FAMILY_ICON: u32 = 30;
/// Cursors: `DestroyCursor`.
pub const FREEHOLD_FAMILY_CURSOR: u32 = 31;
/// Accelerator tables: `DestroyAcceleratorTable`.
pub const FREEHOLD_FAMILY_ACCELERATORS: u32 = 32;
/// References to COM objects: `IUnknown::Release`.
pub const FREEHOLD_FAMILY_COM: u32 = 33;

/// You: the code that allocated or adopted it.
pub const FREEHOLD_OWNER_YOU: u32 = 0;
/// An arena.
pub const FREEHOLD_OWNER_ARENA: u32 = 1;
/// A finalizer of a managed object.
pub const FREEHOLD_OWNER_FINALIZER: u32 = 2;
/// The API that lent it.
pub const FREEHOLD_OWNER_API: u32 = 3;
/// Somebody that it was given to.
pub const FREEHOLD_OWNER_TRANSFERRED: u32 = 4;

/// Bytes of `tag` and `scope` in `freehold_block`, NUL included.
pub const FREEHOLD_NAME_BYTES: usize = 64;

/// What is known of a live block.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct freehold_block {
    /// Set by the caller to `sizeof(freehold_block)`, so that the library knows
    /// how much it may write, and by the library to what it wrote.
    pub struct_bytes: usize,
    /// Where the block begins.
    pub base: *const c_void,
    /// Bytes from there to the address that was asked for.
    pub offset: usize,
    /// Bytes of the block; 0 when nobody said.
    pub size: usize,
    /// One of FREEHOLD_FAMILY_…; 0 when it is not known, as of what is borrowed.
    pub family: u32,
    /// One of FREEHOLD_OWNER_….
    pub owner: u32,
    /// When it was allocated, in nanoseconds since 1970; 0 when that was not
    /// recorded.
    pub allocated_ns: u64,
    /// The name of what is in it, ended by a NUL; cut when it is longer.
    pub tag: [c_char; FREEHOLD_NAME_BYTES],
    /// The scope in which it counts, ended by a NUL; cut when it is longer.
    pub scope: [c_char; FREEHOLD_NAME_BYTES],
}

// Compilers of C lay it out alike: `tests/layout.c`.
const _: () = {
    use core::mem::offset_of;
    const WORD: usize = size_of::<usize>();
    assert!(offset_of!(freehold_block, struct_bytes) == 0);
    assert!(offset_of!(freehold_block, base) == WORD);
    assert!(offset_of!(freehold_block, offset) == 2 * WORD);
    assert!(offset_of!(freehold_block, size) == 3 * WORD);
    assert!(offset_of!(freehold_block, family) == 4 * WORD);
    assert!(offset_of!(freehold_block, owner) == 4 * WORD + 4);
    assert!(offset_of!(freehold_block, allocated_ns) == 4 * WORD + 8);
    assert!(offset_of!(freehold_block, tag) == 4 * WORD + 16);
    assert!(offset_of!(freehold_block, scope) == 4 * WORD + 16 + FREEHOLD_NAME_BYTES);
};

/// The name of a family, as "malloc"; "unknown" for a number that is none.
/// Static; not to be released.
#[unsafe(no_mangle)]
pub extern "C" fn freehold_family_name(family: u32) -> *const c_char {
    let name = match Family::from_number(family.into()) {
        Family::Malloc => c"malloc",
        Family::New => c"new",
        Family::NewArray => c"new[]",
        Family::Mmap => c"mmap",
        Family::Rust => c"rust",
        Family::CoTaskMem => c"CoTaskMem",
        Family::Local => c"Local",
        Family::Global => c"Global",
        Family::Heap => c"Heap",
        Family::Virtual => c"Virtual",
        Family::Bstr => c"BSTR",
        Family::Hstring => c"HSTRING",
        Family::Custom => c"custom",
        Family::Msvcrt => c"msvcrt",
        Family::Ucrt => c"ucrt",
        Family::MsvcrtAligned => c"msvcrt-aligned",
        Family::UcrtAligned => c"ucrt-aligned",
        Family::NetApi => c"NetApi",
        Family::Wts => c"WTS",
        Family::Cred => c"Cred",
        Family::SafeArray => c"SAFEARRAY",
        Family::Variant => c"VARIANT",
        Family::PropVariant => c"PROPVARIANT",
        Family::Handle => c"HANDLE",
        Family::RegKey => c"HKEY",
        Family::GdiObject => c"GDI",
        Family::GdiDc => c"HDC",
        Family::Window => c"HWND",
        Family::Menu => c"HMENU",
        Family::Icon => c"HICON",
        Family::Cursor => c"HCURSOR",
        Family::Accelerators => c"HACCEL",
        Family::Com => c"COM",
        Family::Unknown => c"unknown",
    };
    name.as_ptr()
}

fn owner(ownership: Ownership) -> u32 {
    match ownership {
        Ownership::Arena => FREEHOLD_OWNER_ARENA,
        Ownership::Finalizer => FREEHOLD_OWNER_FINALIZER,
        Ownership::Borrowed | Ownership::InteriorOf { .. } => FREEHOLD_OWNER_API,
        Ownership::Transferred => FREEHOLD_OWNER_TRANSFERRED,
        _ => FREEHOLD_OWNER_YOU,
    }
}

/// The name, cut at a character that does not fit.
fn cut(name: &str) -> [c_char; FREEHOLD_NAME_BYTES] {
    let mut out = [0; FREEHOLD_NAME_BYTES];
    let end = name.floor_char_boundary(FREEHOLD_NAME_BYTES - 1);
    for (to, byte) in out.iter_mut().zip(name.as_bytes()[..end].iter()) {
        *to = *byte as c_char;
    }
    out
}

fn known(pointer: *const c_void) -> Result<Box<Known>, Failure> {
    if pointer.is_null() {
        return Err(Failure::new(
            FREEHOLD_NULL,
            "`pointer` is null, so it is no block",
        ));
    }
    match query(pointer as usize) {
        Answer::Live(known) => Ok(known),
        Answer::Released => Err(Failure::new(
            FREEHOLD_DOUBLE,
            format!("the block that began at {pointer:p} was released"),
        )),
        Answer::Untracked => Err(own::untracked(pointer)),
        _ => Err(Failure::new(
            FREEHOLD_FOREIGN,
            format!(
                "no block is known at {pointer:p}: it never was one, was allocated before \
                 tracking began or by an allocator that does not tell"
            ),
        )),
    }
}

/// What is known of the block that begins at `pointer`, or in the middle of which
/// it lies. Nothing behind the pointer is read.
///
/// Errors: FREEHOLD_FOREIGN when no block is known there, FREEHOLD_DOUBLE when
/// one that began there was released; FREEHOLD_NOT_TRACKED; FREEHOLD_NULL;
/// FREEHOLD_BAD_ALIGNMENT; FREEHOLD_UNKNOWN_VALUE when `struct_bytes` is not set.
///
/// # Safety
/// `block` is null, or begins with its length and may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_query(
    pointer: *const c_void,
    block: *mut freehold_block,
) -> freehold_code {
    guard::code(|| {
        // SAFETY: as promised by the caller.
        let place = unsafe { arguments::Place::new(block, "block")? };
        // SAFETY: as above.
        let bytes = unsafe { (*block).struct_bytes };
        if bytes < size_of::<freehold_block>() {
            let message = format!(
                "`block->struct_bytes` is {bytes}: set it to sizeof(freehold_block) before the call"
            );
            return Err(Failure::new(FREEHOLD_UNKNOWN_VALUE, message));
        }
        let known = known(pointer)?;
        place.set(freehold_block {
            struct_bytes: size_of::<freehold_block>(),
            base: known.base as *const c_void,
            offset: pointer as usize - known.base,
            size: known.size,
            family: known.family as u32,
            owner: owner(known.ownership),
            allocated_ns: known.timestamp_unix_ns,
            tag: cut(&known.tag),
            scope: cut(&known.scope),
        });
        Ok(())
    })
}

/// The same in words, with the stack that allocated the block. `buffer`, `room`
/// and `needed` as in `freehold_leaks`.
///
/// Errors: those of `freehold_query`, and FREEHOLD_TOO_SHORT.
///
/// # Safety
/// As for `freehold_leaks`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_describe(
    pointer: *const c_void,
    buffer: *mut c_char,
    room: usize,
    needed: *mut usize,
) -> freehold_code {
    guard::code(|| {
        let known = known(pointer)?;
        let offset = pointer as usize - known.base;
        let mut text = match offset {
            0 => format!("{pointer:p} is a block"),
            _ => format!(
                "{pointer:p} lies {offset} bytes inside the block {:#x}",
                known.base
            ),
        };
        text += &format!(
            " of {}, family {}",
            format_bytes(known.size as u64),
            known.family.name()
        );
        text += match known.ownership {
            Ownership::Owned => ", owned by you",
            Ownership::Arena => ", owned by an arena",
            Ownership::Finalizer => ", left to a finalizer",
            Ownership::Transferred => ", given away",
            _ => ", borrowed",
        };
        if !known.tag.is_empty() {
            text += &format!(", {}", known.tag);
        }
        if !known.scope.is_empty() {
            text += &format!(", scope {}", known.scope);
        }
        if !known.allocated.is_empty() {
            text += "\n  allocated:";
            for line in known.allocated.to_string().lines() {
                text += &format!("\n    {line}");
            }
        }
        // SAFETY: as promised by the caller.
        unsafe { arguments::fill(&text, buffer, room, needed) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_those_of_the_families() {
        for family in Family::ALL {
            // SAFETY: static texts.
            let name = unsafe { core::ffi::CStr::from_ptr(freehold_family_name(family as u32)) };
            assert_eq!(name.to_str(), Ok(family.name()));
        }
        assert_eq!(FREEHOLD_FAMILY_CUSTOM, Family::Custom as u32);
        assert_eq!(FREEHOLD_FAMILY_BSTR, Family::Bstr as u32);
        assert_eq!(FREEHOLD_FAMILY_COM as usize + 1, Family::ALL.len());
    }

    #[test]
    fn names_are_cut_between_characters() {
        let name = cut(&"é".repeat(40));
        assert_eq!(name[62..], [0, 0]);
        assert_eq!(cut("ab")[..3], [97, 98, 0]);
    }
}
