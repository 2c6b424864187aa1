//! What there is to know of each family, as data.

use crate::Family;

/// What a family does with a request for no bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZeroSize {
    /// It gives a block of its own, which must be released.
    Block,
    /// It gives null, which stands for "empty" and needs no release.
    Null,
    /// It refuses.
    Refused,
}

/// What there is to know of a family.
#[derive(Clone, Copy, Debug)]
pub struct Info {
    /// Its number in the ledger.
    pub family: Family,
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
        allocate,
        release,
        size: None,
        alignment: 16,
        max_alignment: 16,
        zero_size: ZeroSize::Block,
        has_handles: false,
        emulated: false,
    }
}

static ROWS: [Info; 14] = [
    row(Family::Unknown, &[], &[]),
    Info {
        size: Some("malloc_usable_size"),
        max_alignment: 1 << 62,
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
        max_alignment: 1 << 62,
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
        ..row(
            Family::Global,
            &["GlobalAlloc", "GlobalReAlloc"],
            &["GlobalFree"],
        )
    },
    Info {
        size: Some("HeapSize"),
        emulated: EMULATED,
        ..row(Family::Heap, &["HeapAlloc", "HeapReAlloc"], &["HeapFree"])
    },
    Info {
        size: Some("VirtualQuery"),
        alignment: 65536,
        max_alignment: 65536,
        zero_size: ZeroSize::Refused,
        emulated: EMULATED,
        ..row(Family::Virtual, &["VirtualAlloc"], &["VirtualFree"])
    },
    Info {
        size: Some("SysStringByteLen"),
        alignment: 8,
        max_alignment: 8,
        emulated: EMULATED,
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
        ..row(
            Family::Hstring,
            &["WindowsCreateString", "WindowsDuplicateString"],
            &["WindowsDeleteString"],
        )
    },
    Info {
        alignment: 1,
        max_alignment: 1 << 62,
        ..row(Family::Custom, &[], &[])
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
