//! What there is to know of each family, as data.

use crate::Family;

/// What a family does with a request for no bytes.
///
/// ```
/// use freehold_families::{Family, ZeroSize, info};
/// // `malloc(0)` has to be released, the empty HSTRING needs not.
/// assert_eq!(info(Family::Malloc).zero_size, ZeroSize::Block);
/// assert_eq!(info(Family::Hstring).zero_size, ZeroSize::Null);
/// assert_eq!(info(Family::Virtual).zero_size, ZeroSize::Refused);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZeroSize {
    /// It gives a block of its own, which must be released.
    Block,
    /// It gives null, which stands for "empty" and needs no release.
    Null,
    /// It refuses.
    Refused,
}

/// What a family hands out.
///
/// ```
/// use freehold_families::{Family, Kind, info};
/// assert_eq!(info(Family::Heap).kind, Kind::Memory);
/// assert_eq!(info(Family::RegKey).kind, Kind::Handle);
/// assert_eq!(info(Family::Com).kind, Kind::Reference);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Memory: the address is that of the block (or its handle, where the family
    /// has such).
    Memory,
    /// A number that stands for an object of the system; see
    /// [`resource`](crate::resource).
    Handle,
    /// One of several references to an object, by its address: as many releases as
    /// references.
    Reference,
}

/// What there is to know of a family.
///
/// ```
/// use freehold_families::{Family, info};
/// let local = info(Family::Local);
/// assert_eq!((local.allocate[0], local.release[0]), ("LocalAlloc", "LocalFree"));
/// assert_eq!(local.size, Some("LocalSize"));
/// assert!(local.has_handles, "LMEM_MOVEABLE gives one");
/// assert_eq!(local.emulated, !cfg!(windows));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Info {
    /// Its number in the ledger.
    pub family: Family,
    /// What it hands out.
    pub kind: Kind,
    /// The library that has its functions, where it is one of Windows.
    pub library: Option<&'static str>,
    /// The functions that allocate.
    pub allocate: &'static [&'static str],
    /// The functions that release.
    pub release: &'static [&'static str],
    /// The function that tells the size of a block, when there is one.
    pub size: Option<&'static str>,
    /// Alignment of every block, in bytes.
    pub alignment: usize,
    /// The largest alignment that can be asked for, in bytes.
    pub max_alignment: usize,
    /// What it does with a request for no bytes.
    pub zero_size: ZeroSize,
    /// Whether what it hands out may be a handle that is no pointer to memory.
    pub has_handles: bool,
    /// Whether this platform has it only as an emulation.
    pub emulated: bool,
    /// Whether this platform does not have it at all.
    pub absent: bool,
}

const EMULATED: bool = !cfg!(windows);

/// The row of most families; the fields that differ are given after it.
const fn row(
    family: Family,
    allocate: &'static [&'static str],
    release: &'static [&'static str],
) -> Info {
    Info {
        family,
        kind: Kind::Memory,
        library: None,
        allocate,
        release,
        size: None,
        alignment: crate::libc_malloc::ALIGNMENT,
        max_alignment: crate::libc_malloc::ALIGNMENT,
        zero_size: ZeroSize::Block,
        has_handles: false,
        emulated: false,
        absent: false,
    }
}

/// The row of a family that is only on Windows.
const fn windows(
    family: Family,
    library: &'static str,
    allocate: &'static [&'static str],
    release: &'static [&'static str],
) -> Info {
    Info {
        library: Some(library),
        absent: !cfg!(windows),
        ..row(family, allocate, release)
    }
}

/// The row of a kind of handle.
const fn handle(
    family: Family,
    library: &'static str,
    allocate: &'static [&'static str],
    release: &'static [&'static str],
) -> Info {
    Info {
        kind: Kind::Handle,
        alignment: 1,
        max_alignment: 1,
        has_handles: true,
        ..windows(family, library, allocate, release)
    }
}

static ROWS: [Info; 34] = [
    row(Family::Unknown, &[], &[]),
    Info {
        size: Some(if cfg!(windows) {
            "_msize"
        } else {
            "malloc_usable_size"
        }),
        // On Windows, what is aligned to more is another family.
        max_alignment: if cfg!(windows) {
            crate::libc_malloc::ALIGNMENT
        } else {
            1 << (usize::BITS - 2)
        },
        ..row(
            Family::Malloc,
            &[
                "malloc",
                "calloc",
                "realloc",
                "posix_memalign",
                "aligned_alloc",
            ],
            &["free"],
        )
    },
    row(Family::New, &["operator new"], &["operator delete"]),
    row(
        Family::NewArray,
        &["operator new[]"],
        &["operator delete[]"],
    ),
    Info {
        alignment: 4096,
        max_alignment: 4096,
        zero_size: ZeroSize::Refused,
        ..row(Family::Mmap, &["mmap"], &["munmap"])
    },
    Info {
        alignment: 1,
        max_alignment: 1 << (usize::BITS - 2),
        zero_size: ZeroSize::Refused,
        ..row(
            Family::Rust,
            &["alloc", "alloc_zeroed", "realloc"],
            &["dealloc"],
        )
    },
    Info {
        size: Some("IMalloc::GetSize"),
        emulated: EMULATED,
        library: Some("ole32.dll"),
        ..row(
            Family::CoTaskMem,
            &["CoTaskMemAlloc", "CoTaskMemRealloc"],
            &["CoTaskMemFree"],
        )
    },
    Info {
        size: Some("LocalSize"),
        has_handles: true,
        emulated: EMULATED,
        library: Some("kernel32.dll"),
        ..row(
            Family::Local,
            &["LocalAlloc", "LocalReAlloc"],
            &["LocalFree"],
        )
    },
    Info {
        size: Some("GlobalSize"),
        has_handles: true,
        emulated: EMULATED,
        library: Some("kernel32.dll"),
        ..row(
            Family::Global,
            &["GlobalAlloc", "GlobalReAlloc"],
            &["GlobalFree"],
        )
    },
    Info {
        size: Some("HeapSize"),
        emulated: EMULATED,
        library: Some("kernel32.dll"),
        ..row(Family::Heap, &["HeapAlloc", "HeapReAlloc"], &["HeapFree"])
    },
    Info {
        size: Some("VirtualQuery"),
        alignment: 65536,
        max_alignment: 65536,
        zero_size: ZeroSize::Refused,
        emulated: EMULATED,
        library: Some("kernel32.dll"),
        ..row(Family::Virtual, &["VirtualAlloc"], &["VirtualFree"])
    },
    Info {
        size: Some("SysStringByteLen"),
        alignment: 8,
        max_alignment: 8,
        emulated: EMULATED,
        library: Some("oleaut32.dll"),
        ..row(
            Family::Bstr,
            &[
                "SysAllocString",
                "SysAllocStringLen",
                "SysAllocStringByteLen",
            ],
            &["SysFreeString"],
        )
    },
    Info {
        size: Some("WindowsGetStringLen"),
        zero_size: ZeroSize::Null,
        has_handles: true,
        emulated: EMULATED,
        library: Some("combase.dll"),
        ..row(
            Family::Hstring,
            &["WindowsCreateString", "WindowsDuplicateString"],
            &["WindowsDeleteString"],
        )
    },
    Info {
        alignment: 1,
        max_alignment: 1 << (usize::BITS - 2),
        ..row(Family::Custom, &[], &[])
    },
    Info {
        size: Some("_msize"),
        ..windows(
            Family::Msvcrt,
            "msvcrt.dll",
            &["malloc", "calloc", "realloc", "_strdup", "_wcsdup"],
            &["free"],
        )
    },
    Info {
        size: Some("_msize"),
        ..windows(
            Family::Ucrt,
            "ucrtbase.dll",
            &["malloc", "calloc", "realloc", "_strdup", "_wcsdup"],
            &["free"],
        )
    },
    Info {
        size: Some("_aligned_msize"),
        max_alignment: 1 << (usize::BITS - 2),
        ..windows(
            Family::MsvcrtAligned,
            "msvcrt.dll",
            &["_aligned_malloc", "_aligned_realloc"],
            &["_aligned_free"],
        )
    },
    Info {
        size: Some("_aligned_msize"),
        max_alignment: 1 << (usize::BITS - 2),
        ..windows(
            Family::UcrtAligned,
            "ucrtbase.dll",
            &["_aligned_malloc", "_aligned_realloc"],
            &["_aligned_free"],
        )
    },
    Info {
        size: Some("NetApiBufferSize"),
        ..windows(
            Family::NetApi,
            "netapi32.dll",
            &["NetApiBufferAllocate", "NetApiBufferReallocate"],
            &["NetApiBufferFree"],
        )
    },
    windows(
        Family::Wts,
        "wtsapi32.dll",
        &["WTSEnumerateSessionsW", "WTSQuerySessionInformationW"],
        &["WTSFreeMemory"],
    ),
    windows(
        Family::Cred,
        "advapi32.dll",
        &["CredReadW", "CredEnumerateW"],
        &["CredFree"],
    ),
    windows(
        Family::SafeArray,
        "oleaut32.dll",
        &["SafeArrayCreate", "SafeArrayCreateVector", "SafeArrayCopy"],
        &["SafeArrayDestroy"],
    ),
    windows(
        Family::Variant,
        "oleaut32.dll",
        &["VariantCopy", "VariantChangeType"],
        &["VariantClear"],
    ),
    windows(
        Family::PropVariant,
        "ole32.dll",
        &["PropVariantCopy"],
        &["PropVariantClear"],
    ),
    handle(
        Family::Handle,
        "kernel32.dll",
        &[
            "CreateFileW",
            "CreateEventW",
            "OpenProcess",
            "DuplicateHandle",
        ],
        &["CloseHandle"],
    ),
    handle(
        Family::RegKey,
        "advapi32.dll",
        &["RegOpenKeyExW", "RegCreateKeyExW"],
        &["RegCloseKey"],
    ),
    handle(
        Family::GdiObject,
        "gdi32.dll",
        &[
            "CreateFontW",
            "CreateSolidBrush",
            "CreateBitmap",
            "CreateRectRgn",
        ],
        &["DeleteObject"],
    ),
    handle(
        Family::GdiDc,
        "gdi32.dll",
        &["CreateDCW", "CreateCompatibleDC"],
        &["DeleteDC"],
    ),
    handle(
        Family::Window,
        "user32.dll",
        &["CreateWindowExW"],
        &["DestroyWindow"],
    ),
    handle(
        Family::Menu,
        "user32.dll",
        &["CreateMenu", "CreatePopupMenu", "LoadMenuW"],
        &["DestroyMenu"],
    ),
    handle(
        Family::Icon,
        "user32.dll",
        &["CreateIcon", "CopyIcon", "CreateIconIndirect"],
        &["DestroyIcon"],
    ),
    handle(
        Family::Cursor,
        "user32.dll",
        &["CreateCursor"],
        &["DestroyCursor"],
    ),
    handle(
        Family::Accelerators,
        "user32.dll",
        &["CreateAcceleratorTableW"],
        &["DestroyAcceleratorTable"],
    ),
    Info {
        kind: Kind::Reference,
        alignment: 8,
        max_alignment: 8,
        ..windows(
            Family::Com,
            "ole32.dll",
            &[
                "CoCreateInstance",
                "IUnknown::QueryInterface",
                "IUnknown::AddRef",
            ],
            &["IUnknown::Release"],
        )
    },
];

/// All families, in the order of their numbers.
///
/// ```
/// let emulated = freehold_families::all().iter().filter(|i| i.emulated).count();
/// assert_eq!(emulated, if cfg!(windows) { 0 } else { 7 });
/// ```
pub fn all() -> &'static [Info] {
    &ROWS
}

/// What there is to know of a family.
///
/// ```
/// use freehold_families::{Family, info};
/// assert_eq!(info(Family::Bstr).release, ["SysFreeString"]);
/// ```
pub fn info(family: Family) -> &'static Info {
    &ROWS[family as usize]
}

/// Whether a function of the family `by` releases a block of the family `block`
/// although it is another one's, because Windows documents that both use the heap
/// of the process.
///
/// That is so for `Local` with `Heap`: "Global and Local Functions" says that they
/// call the heap functions with the process's default heap, and FormatMessage that
/// its buffer may go to `HeapFree` with that heap as well as to `LocalFree`. It holds
/// for fixed blocks, and for the heap [`PROCESS`](crate::win32::heap::PROCESS), which
/// the caller has to look at. Not for `Global` with `Local`: the pages of both say that
/// this is not safe.
///
/// ```
/// use freehold_families::{Family, is_documented_alias};
/// assert!(is_documented_alias(Family::Local, Family::Heap));
/// assert!(!is_documented_alias(Family::Global, Family::Local));
/// ```
pub fn is_documented_alias(block: Family, by: Family) -> bool {
    matches!(
        (block, by),
        (Family::Local, Family::Heap) | (Family::Heap, Family::Local)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_agree_with_the_format() {
        assert_eq!(ROWS.len(), Family::ALL.len());
        for (row, family) in ROWS.iter().zip(Family::ALL) {
            assert_eq!(row.family, family);
            assert_eq!(row.release, family.releases());
            assert!(row.alignment.is_power_of_two());
            assert!(row.alignment <= row.max_alignment);
        }
    }
}
