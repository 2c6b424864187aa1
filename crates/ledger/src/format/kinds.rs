//! What a block is, who owns it, and how it is judged.

/// How a block came to be, and so what must release it.
///
/// The numbers are part of the format; new families are appended.
///
/// ```
/// use freehold_ledger::format::Family;
/// assert_eq!(Family::CoTaskMem.releases(), ["CoTaskMemFree"]);
/// assert_eq!(Family::CoTaskMem as u8, 6);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Family {
    /// Not known: a ledger of a newer writer.
    Unknown = 0,
    /// `malloc`, `calloc`, `realloc`, `posix_memalign` …: `free`.
    Malloc = 1,
    /// C++ `operator new`: `operator delete`.
    New = 2,
    /// C++ `operator new[]`: `operator delete[]`.
    NewArray = 3,
    /// `mmap`: `munmap`.
    Mmap = 4,
    /// Rust's global allocator.
    Rust = 5,
    /// `CoTaskMemAlloc`: `CoTaskMemFree`.
    CoTaskMem = 6,
    /// `LocalAlloc`: `LocalFree`.
    Local = 7,
    /// `GlobalAlloc`: `GlobalFree`.
    Global = 8,
    /// `HeapAlloc`: `HeapFree`.
    Heap = 9,
    /// `VirtualAlloc`: `VirtualFree`.
    Virtual = 10,
    /// `SysAllocString`: `SysFreeString`.
    Bstr = 11,
    /// `WindowsCreateString`: `WindowsDeleteString`.
    Hstring = 12,
    /// A release function given by the one who adopted the block.
    Custom = 13,
    /// `malloc` of `msvcrt.dll`: its `free`.
    Msvcrt = 14,
    /// `malloc` of `ucrtbase.dll`: its `free`.
    Ucrt = 15,
    /// `_aligned_malloc` of `msvcrt.dll`: its `_aligned_free`.
    MsvcrtAligned = 16,
    /// `_aligned_malloc` of `ucrtbase.dll`: its `_aligned_free`.
    UcrtAligned = 17,
    /// Buffers of the network functions: `NetApiBufferFree`.
    NetApi = 18,
    /// Buffers of Remote Desktop Services: `WTSFreeMemory`.
    Wts = 19,
    /// Buffers of the credentials functions: `CredFree`.
    Cred = 20,
    /// `SafeArrayCreate`: `SafeArrayDestroy`.
    SafeArray = 21,
    /// What a `VARIANT` holds: `VariantClear`.
    Variant = 22,
    /// What a `PROPVARIANT` holds: `PropVariantClear`.
    PropVariant = 23,
    /// Handles of kernel objects: `CloseHandle`.
    Handle = 24,
    /// Open registry keys: `RegCloseKey`.
    RegKey = 25,
    /// Bitmaps, brushes, fonts, palettes, pens and regions: `DeleteObject`.
    GdiObject = 26,
    /// Device contexts that were created: `DeleteDC`.
    GdiDc = 27,
    /// Windows: `DestroyWindow`.
    Window = 28,
    /// Menus: `DestroyMenu`.
    Menu = 29,
    /// Icons: `DestroyIcon`.
    Icon = 30,
    /// Cursors: `DestroyCursor`.
    Cursor = 31,
    /// Accelerator tables: `DestroyAcceleratorTable`.
    Accelerators = 32,
    /// References to COM objects: `IUnknown::Release`.
    Com = 33,
}

impl Family {
    /// All families that this version names, in the order of their numbers.
    ///
    /// ```
    /// use freehold_ledger::format::Family;
    /// let names = Family::ALL.map(Family::name);
    /// assert!(names.contains(&"CoTaskMem"));
    /// ```
    pub const ALL: [Family; 34] = [
        Family::Unknown,
        Family::Malloc,
        Family::New,
        Family::NewArray,
        Family::Mmap,
        Family::Rust,
        Family::CoTaskMem,
        Family::Local,
        Family::Global,
        Family::Heap,
        Family::Virtual,
        Family::Bstr,
        Family::Hstring,
        Family::Custom,
        Family::Msvcrt,
        Family::Ucrt,
        Family::MsvcrtAligned,
        Family::UcrtAligned,
        Family::NetApi,
        Family::Wts,
        Family::Cred,
        Family::SafeArray,
        Family::Variant,
        Family::PropVariant,
        Family::Handle,
        Family::RegKey,
        Family::GdiObject,
        Family::GdiDc,
        Family::Window,
        Family::Menu,
        Family::Icon,
        Family::Cursor,
        Family::Accelerators,
        Family::Com,
    ];

    /// The family with this number; [`Family::Unknown`] for any other.
    ///
    /// ```
    /// use freehold_ledger::format::Family;
    /// assert_eq!(Family::from_number(11), Family::Bstr);
    /// assert_eq!(Family::from_number(1 << 40), Family::Unknown);
    /// ```
    pub fn from_number(number: u64) -> Family {
        let known = usize::try_from(number).ok();
        known
            .and_then(|n| Family::ALL.get(n).copied())
            .unwrap_or(Family::Unknown)
    }

    /// Whether a pointer to a block is what holds it. Handles are numbers, and what a
    /// `VARIANT` holds is recorded under the address of the `VARIANT`, which may lie
    /// on a stack.
    ///
    /// ```
    /// use freehold_ledger::format::Family;
    /// assert!(Family::Bstr.is_held_by_pointers());
    /// assert!(!Family::Menu.is_held_by_pointers());
    /// ```
    pub fn is_held_by_pointers(self) -> bool {
        !matches!(
            self,
            Family::Variant
                | Family::PropVariant
                | Family::Handle
                | Family::RegKey
                | Family::GdiObject
                | Family::GdiDc
                | Family::Window
                | Family::Menu
                | Family::Icon
                | Family::Cursor
                | Family::Accelerators
        )
    }

    /// The name used in reports and on the command line.
    ///
    /// ```
    /// assert_eq!(freehold_ledger::format::Family::NewArray.name(), "new[]");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Family::Unknown => "unknown",
            Family::Malloc => "malloc",
            Family::New => "new",
            Family::NewArray => "new[]",
            Family::Mmap => "mmap",
            Family::Rust => "rust",
            Family::CoTaskMem => "CoTaskMem",
            Family::Local => "Local",
            Family::Global => "Global",
            Family::Heap => "Heap",
            Family::Virtual => "Virtual",
            Family::Bstr => "BSTR",
            Family::Hstring => "HSTRING",
            Family::Custom => "custom",
            Family::Msvcrt => "msvcrt",
            Family::Ucrt => "ucrt",
            Family::MsvcrtAligned => "msvcrt-aligned",
            Family::UcrtAligned => "ucrt-aligned",
            Family::NetApi => "NetApi",
            Family::Wts => "WTS",
            Family::Cred => "Cred",
            Family::SafeArray => "SAFEARRAY",
            Family::Variant => "VARIANT",
            Family::PropVariant => "PROPVARIANT",
            Family::Handle => "HANDLE",
            Family::RegKey => "HKEY",
            Family::GdiObject => "GDI",
            Family::GdiDc => "HDC",
            Family::Window => "HWND",
            Family::Menu => "HMENU",
            Family::Icon => "HICON",
            Family::Cursor => "HCURSOR",
            Family::Accelerators => "HACCEL",
            Family::Com => "COM",
        }
    }

    /// The functions that may release a block of this family; none where it is
    /// not known or the block's own.
    ///
    /// ```
    /// use freehold_ledger::format::Family;
    /// assert_eq!(Family::NetApi.releases(), ["NetApiBufferFree"]);
    /// assert!(Family::Custom.releases().is_empty());
    /// ```
    pub fn releases(self) -> &'static [&'static str] {
        match self {
            Family::Unknown | Family::Custom => &[],
            Family::Malloc | Family::Msvcrt | Family::Ucrt => &["free"],
            Family::New => &["operator delete"],
            Family::NewArray => &["operator delete[]"],
            Family::Mmap => &["munmap"],
            Family::Rust => &["dealloc"],
            Family::CoTaskMem => &["CoTaskMemFree"],
            Family::Local => &["LocalFree"],
            Family::Global => &["GlobalFree"],
            Family::Heap => &["HeapFree"],
            Family::Virtual => &["VirtualFree"],
            Family::Bstr => &["SysFreeString"],
            Family::Hstring => &["WindowsDeleteString"],
            Family::MsvcrtAligned | Family::UcrtAligned => &["_aligned_free"],
            Family::NetApi => &["NetApiBufferFree"],
            Family::Wts => &["WTSFreeMemory"],
            Family::Cred => &["CredFree"],
            Family::SafeArray => &["SafeArrayDestroy"],
            Family::Variant => &["VariantClear"],
            Family::PropVariant => &["PropVariantClear"],
            Family::Handle => &["CloseHandle"],
            Family::RegKey => &["RegCloseKey"],
            Family::GdiObject => &["DeleteObject"],
            Family::GdiDc => &["DeleteDC"],
            Family::Window => &["DestroyWindow"],
            Family::Menu => &["DestroyMenu"],
            Family::Icon => &["DestroyIcon"],
            Family::Cursor => &["DestroyCursor"],
            Family::Accelerators => &["DestroyAcceleratorTable"],
            Family::Com => &["IUnknown::Release"],
        }
    }
}

/// Who must release a block now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Owner {
    /// The code that allocated it.
    Caller = 0,
    /// An arena.
    Arena = 1,
    /// A finalizer of a managed object.
    Finalizer = 2,
    /// The API that handed it out; the program must not release it.
    Api = 3,
    /// Given away.
    Transferred = 4,
}

impl Owner {
    /// The owner with this number; [`Owner::Caller`] for any other.
    pub fn from_number(number: u64) -> Owner {
        match number {
            1 => Owner::Arena,
            2 => Owner::Finalizer,
            3 => Owner::Api,
            4 => Owner::Transferred,
            _ => Owner::Caller,
        }
    }
}

/// What a scan found out about a live block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Verdict {
    /// No scan has judged it.
    Unknown = 0,
    /// Nothing points to it.
    Lost = 1,
    /// Only lost blocks point to it.
    Indirect = 2,
    /// Only pointers into its middle lead to it.
    Possible = 3,
    /// A pointer to its start is held by something that is itself held.
    Reachable = 4,
}

impl Verdict {
    /// All verdicts, worst first, `unknown` last.
    pub const ALL: [Verdict; 5] = [
        Verdict::Lost,
        Verdict::Indirect,
        Verdict::Possible,
        Verdict::Reachable,
        Verdict::Unknown,
    ];

    /// The verdict with this number; [`Verdict::Unknown`] for any other.
    pub fn from_number(number: u32) -> Verdict {
        match number {
            1 => Verdict::Lost,
            2 => Verdict::Indirect,
            3 => Verdict::Possible,
            4 => Verdict::Reachable,
            _ => Verdict::Unknown,
        }
    }

    /// The name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Unknown => "unknown",
            Verdict::Lost => "lost",
            Verdict::Indirect => "indirect",
            Verdict::Possible => "possible",
            Verdict::Reachable => "reachable",
        }
    }
}

/// The language of a place.
///
/// ```
/// use freehold_ledger::format::Language;
/// assert_eq!(Language::Dart as u32, 3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Language {
    /// Python.
    Python = 1,
    /// JavaScript.
    JavaScript = 2,
    /// Dart.
    Dart = 3,
}

impl Language {
    /// The language with this number.
    ///
    /// ```
    /// use freehold_ledger::format::Language;
    /// assert_eq!(Language::from_number(1), Some(Language::Python));
    /// assert_eq!(Language::from_number(0), None);
    /// ```
    pub fn from_number(number: u32) -> Option<Language> {
        match number {
            1 => Some(Language::Python),
            2 => Some(Language::JavaScript),
            3 => Some(Language::Dart),
            _ => None,
        }
    }

    /// The name used in reports.
    ///
    /// ```
    /// use freehold_ledger::format::Language;
    /// assert_eq!(Language::JavaScript.name(), "js");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Language::Python => "python",
            Language::JavaScript => "js",
            Language::Dart => "dart",
        }
    }
}
