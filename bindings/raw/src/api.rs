//! The functions, types and constants of `freehold.h`. Made by `cargo xtask raw`; do not
//! edit.

use core::ffi::{CStr, c_char, c_void};
/// As a length: the text ends with its first NUL.
pub const FREEHOLD_TO_NUL: usize = usize::MAX;
/// It is done.
pub const FREEHOLD_OK: i32 = 0;
/// A pointer is null that must not be.
pub const FREEHOLD_NULL: i32 = 1;
/// An alignment is no power of two, or a pointer is not aligned for what it
/// points to.
pub const FREEHOLD_BAD_ALIGNMENT: i32 = 2;
/// A count times a size, or an address plus a size, cannot be counted.
pub const FREEHOLD_OVERFLOW: i32 = 3;
/// More than PTRDIFF_MAX bytes.
pub const FREEHOLD_TOO_LARGE: i32 = 4;
/// A number is none of the constants that the argument may have.
pub const FREEHOLD_UNKNOWN_VALUE: i32 = 5;
/// A handle is of another kind, was ended, or never was one.
pub const FREEHOLD_BAD_HANDLE: i32 = 6;
/// A text is no UTF-8, or has a NUL in the middle.
pub const FREEHOLD_BAD_TEXT: i32 = 7;
/// A buffer is too short; nothing was written to it but a NUL.
pub const FREEHOLD_TOO_SHORT: i32 = 8;
/// There is no memory, or a limit of the library is reached.
pub const FREEHOLD_OUT_OF_MEMORY: i32 = 9;
/// The operating system refused.
pub const FREEHOLD_SYSTEM: i32 = 10;
/// The block was released before.
pub const FREEHOLD_DOUBLE: i32 = 20;
/// The address is no known block.
pub const FREEHOLD_FOREIGN: i32 = 21;
/// The address lies in the middle of a block.
pub const FREEHOLD_INTERIOR: i32 = 22;
/// The block is borrowed.
pub const FREEHOLD_BORROWED: i32 = 23;
/// The block was given away.
pub const FREEHOLD_TRANSFERRED: i32 = 24;
/// The block belongs to an arena.
pub const FREEHOLD_ARENA_OWNED: i32 = 25;
/// The block belongs to a finalizer.
pub const FREEHOLD_FINALIZER_OWNED: i32 = 26;
/// The block is of a family that this function is not for.
pub const FREEHOLD_WRONG_FAMILY: i32 = 27;
/// The size that was passed is not that of the block.
pub const FREEHOLD_SIZE_MISMATCH: i32 = 28;
/// A release function was called and said that it failed.
pub const FREEHOLD_RELEASE_FAILED: i32 = 29;
/// The block is in use and may not move now.
pub const FREEHOLD_IN_USE: i32 = 30;
/// The block is registered already: two owners would release it twice.
pub const FREEHOLD_OWNED: i32 = 40;
/// The family needs more than an address to release a block.
pub const FREEHOLD_UNRELEASABLE: i32 = 41;
/// The address is not inside the block that was named.
pub const FREEHOLD_OUTSIDE: i32 = 42;
/// The block is not in the state that is to be ended.
pub const FREEHOLD_NOT_SO: i32 = 43;
/// The ownership database asserts nothing of the function or of its slot.
pub const FREEHOLD_NOT_KNOWN: i32 = 44;
/// What the function gives is not the caller's to release.
pub const FREEHOLD_NOT_YOURS: i32 = 45;
/// The function that releases it cannot be called: the process has none of that
/// name or several, or it takes more than the value.
pub const FREEHOLD_NO_RELEASE: i32 = 46;
/// Nothing is tracked, and without that nobody can tell.
pub const FREEHOLD_NOT_TRACKED: i32 = 50;
/// Blocks stay that should not.
pub const FREEHOLD_LEAKS: i32 = 51;
/// The scope is not the innermost one that this thread is in.
pub const FREEHOLD_NOT_INNERMOST: i32 = 52;
/// An error of the library itself.
pub const FREEHOLD_INTERNAL: i32 = 99;
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
pub const FREEHOLD_NAME_BYTES: u32 = 64;
/// A report for people.
pub const FREEHOLD_TEXT: u32 = 0;
/// A JSON array: an object for each block, with "address", "type", "size",
/// "timestamp" and "stack".
pub const FREEHOLD_JSON: u32 = 1;
/// A misuse is refused, and its code given.
pub const FREEHOLD_REFUSE: u32 = 0;
/// A misuse is printed on standard error and ends the process.
pub const FREEHOLD_ABORT: u32 = 1;
/// A misuse is refused and counted, and FREEHOLD_OK given.
pub const FREEHOLD_IGNORE: u32 = 2;
/// A language of frames.
pub const FREEHOLD_PYTHON: u32 = 1;
/// A language of frames.
pub const FREEHOLD_JAVASCRIPT: u32 = 2;
/// A language of frames.
pub const FREEHOLD_DART: u32 = 3;
/// For `freehold_alloc`: the block is zeroed.
pub const FREEHOLD_ZEROED: u32 = 1;
/// For `freehold_alloc`: the block is recorded while blocks are tracked, but does not
/// count as a leak when it stays.
pub const FREEHOLD_UNCOUNTED: u32 = 2;
/// Most frames of a stack that are kept.
pub const FREEHOLD_MAX_FRAMES: u32 = 128;
/// How a call went: `FREEHOLD_OK` (0), or why nothing was done. Codes are only
/// ever added. `freehold_last_message()` has the explanation.
pub type freehold_code = i32;
/// Releases `block`; `context` is what was given with the function. Gives 0 when
/// it is released, any other number when it is not.
pub type freehold_release = unsafe extern "C" fn(block: *mut c_void, context: *mut c_void) -> i32;
/// An arena. Checked: one that was released is an error, not undefined. 0 is
/// never one.
pub type freehold_arena = u64;
/// Done when an arena is released. Gives 0 when it succeeded.
pub type freehold_action = unsafe extern "C" fn(context: *mut c_void) -> i32;
/// What is known of a live block.
#[repr(C)]
#[derive(Clone, Copy)]
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
    pub tag: [c_char; FREEHOLD_NAME_BYTES as usize],
    /// The scope in which it counts, ended by a NUL; cut when it is longer.
    pub scope: [c_char; FREEHOLD_NAME_BYTES as usize],
}
/// A scope. Checked: one that was ended is an error, not undefined. 0 is never
/// one.
pub type freehold_scope = u64;
/// A stack in the ledger; 0 is none. It belongs to one ledger: after a fork, or when
/// tracking began again, it is stale, which is noticed.
pub type freehold_stack = u64;
/// A frame in code of a managed language. Texts are UTF-8, ended by a NUL, and copied;
/// null is as "".
#[repr(C)]
#[derive(Clone, Copy)]
pub struct freehold_frame {
    /// The function.
    pub function: *const c_char,
    /// Its file: a path or a URI.
    pub file: *const c_char,
    /// The line of the call, counted from 1; 0 when it is not known.
    pub line: u32,
    /// The column, counted from 1; 0 when it is not known.
    pub column: u32,
    /// FREEHOLD_PYTHON, FREEHOLD_JAVASCRIPT or FREEHOLD_DART.
    pub language: u32,
}

/// The functions of a library that was loaded.
#[derive(Clone, Copy)]
pub struct Api {
    /// The version of the library, as "0.1.0". Static; not to be released.
    pub freehold_version: unsafe extern "C" fn() -> *const c_char,
    /// The code of the last call that failed on this thread; FREEHOLD_OK when there
    /// was none. A call that succeeds leaves it as it is, as with `errno`.
    pub freehold_last_code: unsafe extern "C" fn() -> freehold_code,
    /// The explanation of the last call that failed on this thread, in UTF-8: what
    /// happened, to which block, where that was allocated and released, and what to
    /// do. "" when there was none; never null.
    ///
    /// It belongs to the library and lives until the next call that fails on this
    /// thread, `freehold_clear_error`, or the end of the thread: copy what is to
    /// stay.
    pub freehold_last_message: unsafe extern "C" fn() -> *const c_char,
    /// Forgets the last error of this thread.
    pub freehold_clear_error: unsafe extern "C" fn(),
    /// The name of a code, as "FREEHOLD_DOUBLE"; "unknown" for any other number.
    /// Static; not to be released.
    pub freehold_code_name: unsafe extern "C" fn(code: freehold_code) -> *const c_char,
    /// A block of `size` bytes with anything in them. No bytes are a block of their
    /// own, too.
    ///
    /// The caller owns it: release it with `freehold_free` (or C's `free`, which the
    /// tracker sees only under `freehold run`). While blocks are tracked it counts as
    /// a leak when it stays.
    ///
    /// Gives NULL on an error: FREEHOLD_OUT_OF_MEMORY, FREEHOLD_TOO_LARGE.
    pub freehold_malloc: unsafe extern "C" fn(size: usize) -> *mut c_void,
    /// A zeroed block of `count` times `size` bytes; otherwise as `freehold_malloc`.
    ///
    /// Gives NULL on an error: FREEHOLD_OVERFLOW when that cannot be counted,
    /// FREEHOLD_OUT_OF_MEMORY, FREEHOLD_TOO_LARGE.
    pub freehold_calloc: unsafe extern "C" fn(count: usize, size: usize) -> *mut c_void,
    /// A block of `size` bytes at a multiple of `alignment`, a power of two;
    /// otherwise as `freehold_malloc`. `size` need be no multiple of it.
    ///
    /// Gives NULL on an error: FREEHOLD_BAD_ALIGNMENT, FREEHOLD_OUT_OF_MEMORY,
    /// FREEHOLD_TOO_LARGE.
    pub freehold_aligned_alloc: unsafe extern "C" fn(alignment: usize, size: usize) -> *mut c_void,
    /// A zeroed block for `count` elements of `size` bytes each, at a multiple of
    /// `alignment`, a power of two. `tag` names what is in it, for reports; NULL for
    /// nothing in particular. It is copied, and 4,096 different ones can be told
    /// apart: name the type, not the block.
    ///
    /// The macro FREEHOLD_NEW(type, count) calls it with all three of a type.
    /// Otherwise as `freehold_malloc`.
    ///
    /// Gives NULL on an error: FREEHOLD_OVERFLOW, FREEHOLD_BAD_ALIGNMENT,
    /// FREEHOLD_BAD_TEXT (the tag), FREEHOLD_OUT_OF_MEMORY, FREEHOLD_TOO_LARGE.
    ///
    /// # Safety
    /// `tag` is null or ends with a NUL.
    pub freehold_typed: unsafe extern "C" fn(
        count: usize,
        size: usize,
        alignment: usize,
        tag: *const c_char,
    ) -> *mut c_void,
    /// A block of `size` bytes with the first bytes of `block`, which is released;
    /// the old address must not be used any more. Its tag and scope go along. An
    /// alignment of more than 16 bytes may be lost. With `block` NULL it is
    /// `freehold_malloc`; with `size` 0 a block of no bytes.
    ///
    /// Gives NULL on an error, and `block` is then as it was:
    /// FREEHOLD_OUT_OF_MEMORY, FREEHOLD_TOO_LARGE, FREEHOLD_IN_USE, or a misuse as
    /// `freehold_free` has it; FREEHOLD_WRONG_FAMILY when it is none of `malloc`.
    ///
    /// # Safety
    /// As for `freehold_free`.
    pub freehold_realloc: unsafe extern "C" fn(block: *mut c_void, size: usize) -> *mut c_void,
    /// Releases a block of any family: it finds out what the pointer is and calls
    /// what releases it. The same in every build.
    ///
    /// Blocks that were adopted or come from a family other than `malloc` are always
    /// known; those of `malloc` while blocks are tracked. Then every misuse is
    /// refused, the block stays as it was, and `freehold_last_message` has the whole
    /// explanation with the stacks that are known:
    /// FREEHOLD_NULL, FREEHOLD_DOUBLE, FREEHOLD_FOREIGN, FREEHOLD_INTERIOR,
    /// FREEHOLD_BORROWED, FREEHOLD_TRANSFERRED, FREEHOLD_ARENA_OWNED,
    /// FREEHOLD_FINALIZER_OWNED; FREEHOLD_RELEASE_FAILED when the release function
    /// said so.
    ///
    /// ```c
    /// if (freehold_free(block) != FREEHOLD_OK)
    ///     fprintf(stderr, "%s\n", freehold_last_message());
    /// ```
    ///
    /// # Safety
    /// Nobody uses the block any more. While nothing is tracked, it is null, a
    /// registered block or a live one of `malloc`: there is nobody who could tell.
    pub freehold_free: unsafe extern "C" fn(block: *mut c_void) -> freehold_code,
    /// Releases a block of which the caller knows the size: it must agree.
    ///
    /// Errors: as `freehold_free`, and FREEHOLD_SIZE_MISMATCH.
    ///
    /// # Safety
    /// As for `freehold_free`.
    pub freehold_free_sized: unsafe extern "C" fn(block: *mut c_void, size: usize) -> freehold_code,
    /// As `freehold_free`, for callers who must not be called back, as the leaf calls of a
    /// managed language: when the block's release is a function that was given with it, or
    /// one of another library, nothing is done, and FREEHOLD_NOT_SO given without a message.
    /// Then call `freehold_free`.
    ///
    /// # Safety
    /// As for `freehold_free`.
    pub freehold_free_leaf: unsafe extern "C" fn(block: *mut c_void) -> freehold_code,
    /// Releases a block that must be of one family, as that family's own release
    /// function does: `family` is one of the constants FREEHOLD_FAMILY_….
    ///
    /// Errors: as `freehold_free`; FREEHOLD_WRONG_FAMILY; FREEHOLD_UNKNOWN_VALUE.
    ///
    /// # Safety
    /// As for `freehold_free`.
    pub freehold_free_as: unsafe extern "C" fn(family: u32, block: *mut c_void) -> freehold_code,
    /// Releases a block of `malloc` by the platform's own function, without any
    /// refusal, and tells the tracker. For places that want a
    /// `void (*)(void *)` for blocks which are known to be right. Null does nothing.
    ///
    /// # Safety
    /// `block` is null or a live block of `malloc` that nobody uses any more.
    pub freehold_native_free: unsafe extern "C" fn(block: *mut c_void),
    /// The native finalizer: releases a block that was left to one by
    /// `freehold_attach_finalizer`, and the tracker sees it. Give it to the runtime
    /// of a language with a garbage collector (Dart's `NativeFinalizer`, Python's
    /// `weakref.finalize`, a `PyCapsule`); it may call it on any thread. Null does
    /// nothing. A misuse is refused and counted: see `freehold_misuses`.
    ///
    /// # Safety
    /// As for `freehold_free`.
    pub freehold_finalize: unsafe extern "C" fn(block: *mut c_void),
    /// Takes over a block that an API returned: from now on `freehold_free` releases
    /// it with the function of `family` (a constant FREEHOLD_FAMILY_…), and when it
    /// stays it is a leak. `size` is its length in bytes, 0 when it is not known.
    ///
    /// ```c
    /// char *text = strdup("hello");
    /// freehold_adopt(text, 6, FREEHOLD_FAMILY_MALLOC);
    /// freehold_free(text);
    /// ```
    ///
    /// Errors: FREEHOLD_NULL when the API gave nothing; FREEHOLD_OWNED when the
    /// block is registered already; FREEHOLD_UNRELEASABLE for a family that needs
    /// more than an address (`mmap`, Rust): adopt it with a function;
    /// FREEHOLD_UNKNOWN_VALUE; FREEHOLD_TOO_LARGE; FREEHOLD_OVERFLOW.
    ///
    /// # Safety
    /// `block` is null or a live block that this family's function may release,
    /// once, on any thread; nobody else does.
    pub freehold_adopt:
        unsafe extern "C" fn(block: *mut c_void, size: usize, family: u32) -> freehold_code,
    /// The same for a block that `release` releases, which is given `context` each
    /// time; it is called once, unless it fails.
    ///
    /// Errors: as `freehold_adopt`; FREEHOLD_NULL for a null function, too.
    ///
    /// # Safety
    /// As for `freehold_adopt`. `release` may be called on any thread as long as the
    /// block lives, throws nothing and does not `longjmp`; `context` is valid for it
    /// as long.
    pub freehold_adopt_with: unsafe extern "C" fn(
        block: *mut c_void,
        size: usize,
        release: freehold_release,
        context: *mut c_void,
    ) -> freehold_code,
    /// Takes over what a function of a library gave, by the function's name: the ownership
    /// database knows what releases it, and `freehold_free` will call that. When it stays it
    /// is a leak of that function.
    ///
    /// `function` is the name as the documentation has it, of a method with its interface
    /// before it (`IShellItem::GetDisplayName`); `slot` is `return`, the name of a
    /// parameter, or one with a field or `[]` behind it (`pDataOut.pbData`); `size` is the
    /// length in bytes, 0 when it is not known. `freehold owner NAME` shows functions and
    /// slots, and conditions, which must hold. On Windows the functions of Win32 and COM
    /// are known, elsewhere those of C libraries. A library whose function is needed later
    /// stays loaded. A handle of Windows that is no memory is closed by
    /// `freehold_handle_close`.
    ///
    /// ```c
    /// DIR *folder = opendir("/");
    /// freehold_adopt_from("opendir", "return", folder, 0);
    /// freehold_free(folder); // by closedir
    /// ```
    ///
    /// Errors: FREEHOLD_NULL when the API gave nothing; FREEHOLD_NOT_KNOWN;
    /// FREEHOLD_NOT_YOURS, as of what `getenv` gives; FREEHOLD_NO_RELEASE; FREEHOLD_OWNED
    /// when the block is registered already; FREEHOLD_BAD_TEXT; FREEHOLD_TOO_LARGE;
    /// FREEHOLD_OVERFLOW.
    ///
    /// # Safety
    /// The names end with a NUL. `block` is null or what this function gave in this slot,
    /// live; nobody else releases it, and its release may be called on any thread.
    pub freehold_adopt_from: unsafe extern "C" fn(
        function: *const c_char,
        slot: *const c_char,
        block: *mut c_void,
        size: usize,
    ) -> freehold_code,
    /// Takes over a handle that is no memory (FREEHOLD_FAMILY_HANDLE, …_REG_KEY, …_MENU …)
    /// and that an API of Windows gave: when it stays it is a leak.
    ///
    /// Errors: FREEHOLD_NULL for what says that the API failed; FREEHOLD_OWNED when it is
    /// adopted already; FREEHOLD_UNRELEASABLE for a family without such handles, which are
    /// all where there is no Windows, and in 32-bit programs; FREEHOLD_NOT_YOURS for a
    /// handle that is always there; FREEHOLD_UNKNOWN_VALUE.
    ///
    /// # Safety
    /// `handle` is a live one of this family, which nobody else closes.
    pub freehold_handle_adopt:
        unsafe extern "C" fn(family: u32, handle: *mut c_void) -> freehold_code,
    /// Closes a handle by the function of its family.
    ///
    /// Errors: as `freehold_free`: FREEHOLD_DOUBLE, FREEHOLD_FOREIGN for one that was not
    /// adopted, FREEHOLD_WRONG_FAMILY, FREEHOLD_RELEASE_FAILED: then it is still adopted.
    ///
    /// # Safety
    /// Nobody uses the handle any more; that of a window belongs to this thread.
    pub freehold_handle_close:
        unsafe extern "C" fn(family: u32, handle: *mut c_void) -> freehold_code,
    /// Notes a block that an API only lends: releases of it are refused until
    /// `freehold_give_back`. It is not read.
    ///
    /// Errors: FREEHOLD_NULL, FREEHOLD_OWNED, FREEHOLD_TOO_LARGE, FREEHOLD_OVERFLOW.
    pub freehold_borrow: unsafe extern "C" fn(block: *const c_void, size: usize) -> freehold_code,
    /// Notes a pointer into the block that begins at `base`: `freehold_free` names
    /// the base when it is given the pointer, until `freehold_give_back`.
    ///
    /// Errors: FREEHOLD_NULL; FREEHOLD_OUTSIDE when it is not behind the base, or
    /// not inside a registered block; FREEHOLD_OWNED.
    pub freehold_interior:
        unsafe extern "C" fn(pointer: *const c_void, base: *const c_void) -> freehold_code,
    /// Forgets a borrowed or interior pointer: the API has it back.
    ///
    /// Errors: FREEHOLD_NOT_SO when it is neither.
    pub freehold_give_back: unsafe extern "C" fn(pointer: *const c_void) -> freehold_code,
    /// Gives a block away: whoever gets the pointer releases it, with the function
    /// of its family and perhaps unseen. It counts no longer as a leak, and
    /// `freehold_free` refuses it.
    ///
    /// Errors: FREEHOLD_NULL; FREEHOLD_FOREIGN when nobody knows the block;
    /// FREEHOLD_NOT_TRACKED when nothing is tracked, so that nobody can.
    ///
    /// # Safety
    /// The new owner releases it.
    pub freehold_transfer: unsafe extern "C" fn(block: *mut c_void) -> freehold_code,
    /// Leaves a block to a finalizer: `freehold_free` refuses it until
    /// `freehold_detach_finalizer`, and `freehold_finalize` releases it. `size` is
    /// its length in bytes, for blocks of `malloc` that nobody has recorded.
    ///
    /// Errors: FREEHOLD_NULL, FREEHOLD_TOO_LARGE, FREEHOLD_OVERFLOW.
    ///
    /// # Safety
    /// `block` is null, a block that `freehold_free` knows, or a live block of
    /// `malloc` that nobody else releases.
    pub freehold_attach_finalizer:
        unsafe extern "C" fn(block: *mut c_void, size: usize) -> freehold_code,
    /// Takes a block back from its finalizer, which the caller has cancelled.
    ///
    /// Errors: FREEHOLD_NOT_SO when it has none.
    pub freehold_detach_finalizer: unsafe extern "C" fn(block: *mut c_void) -> freehold_code,
    /// A new arena, for any number of threads. The caller releases it with
    /// `freehold_arena_release`.
    ///
    /// Errors: FREEHOLD_NULL, FREEHOLD_BAD_ALIGNMENT.
    ///
    /// # Safety
    /// `arena` is null or may be written to.
    pub freehold_arena_new: unsafe extern "C" fn(arena: *mut freehold_arena) -> freehold_code,
    /// A zeroed block that lives as long as the arena: `count` elements of `size`
    /// bytes, at a multiple of `alignment`; `tag` as in `freehold_typed`. Its address
    /// goes to `block`, NULL on an error. It belongs to the arena: releases of it are
    /// refused while blocks are tracked.
    ///
    /// Errors: FREEHOLD_BAD_HANDLE; FREEHOLD_NULL; those of `freehold_typed`.
    ///
    /// # Safety
    /// `tag` is null or ends with a NUL; `block` is null or may be written to.
    pub freehold_arena_alloc: unsafe extern "C" fn(
        arena: freehold_arena,
        count: usize,
        size: usize,
        alignment: usize,
        tag: *const c_char,
        block: *mut *mut c_void,
    ) -> freehold_code,
    /// Takes over a block that an API returned: the arena releases it with the
    /// function of `family`. Otherwise as `freehold_adopt`.
    ///
    /// Errors: FREEHOLD_BAD_HANDLE; those of `freehold_adopt`.
    ///
    /// # Safety
    /// As for `freehold_adopt`.
    pub freehold_arena_adopt: unsafe extern "C" fn(
        arena: freehold_arena,
        block: *mut c_void,
        size: usize,
        family: u32,
    ) -> freehold_code,
    /// The same with a release function, as `freehold_adopt_with`.
    ///
    /// Errors: FREEHOLD_BAD_HANDLE; those of `freehold_adopt_with`.
    ///
    /// # Safety
    /// As for `freehold_adopt_with`.
    pub freehold_arena_adopt_with: unsafe extern "C" fn(
        arena: freehold_arena,
        block: *mut c_void,
        size: usize,
        release: freehold_release,
        context: *mut c_void,
    ) -> freehold_code,
    /// Does something when the arena is released, in the reverse order of these
    /// calls and of the blocks between them. What was allocated before it is still
    /// there then; the arena itself can no longer be used.
    ///
    /// Errors: FREEHOLD_BAD_HANDLE, FREEHOLD_NULL.
    ///
    /// # Safety
    /// `action` may be called with `context` on any thread until the arena is
    /// released, throws nothing and does not `longjmp`.
    pub freehold_arena_on_release: unsafe extern "C" fn(
        arena: freehold_arena,
        action: freehold_action,
        context: *mut c_void,
    ) -> freehold_code,
    /// Takes a block out of the arena, by its first byte: from now on it is the
    /// caller's, to be released with `freehold_free`.
    ///
    /// Errors: FREEHOLD_BAD_HANDLE; FREEHOLD_FOREIGN when no block of the arena
    /// begins there.
    pub freehold_arena_move_out:
        unsafe extern "C" fn(arena: freehold_arena, block: *mut c_void) -> freehold_code,
    /// Releases everything in the arena, the last first, and goes on after a
    /// failure. The handle is none any more, whatever this gives. `failures`, when
    /// it is not null, gets how many releases failed.
    ///
    /// Errors: FREEHOLD_BAD_HANDLE; when releases failed, the code of the first of
    /// them, with all of them in the message.
    ///
    /// # Safety
    /// Nobody uses the arena's blocks any more; `failures` is null or may be written
    /// to.
    pub freehold_arena_release:
        unsafe extern "C" fn(arena: freehold_arena, failures: *mut usize) -> freehold_code,
    /// A text in UTF-16, made of `length` bytes of UTF-8 (FREEHOLD_TO_NUL: up to the
    /// NUL). A NUL is put behind it.
    ///
    /// `wide` gets a block that the caller owns and releases with `freehold_free`
    /// (NULL on an error), `wide_length`, when it is not null, its units without the
    /// NUL.
    ///
    /// Errors: FREEHOLD_NULL; FREEHOLD_BAD_TEXT when it is no UTF-8 or has a NUL in
    /// the middle; FREEHOLD_TOO_LARGE; FREEHOLD_OUT_OF_MEMORY.
    ///
    /// # Safety
    /// `text` is null, or that many bytes may be read; the others are null or may be
    /// written to.
    pub freehold_utf8_to_utf16: unsafe extern "C" fn(
        text: *const c_char,
        length: usize,
        wide: *mut *mut u16,
        wide_length: *mut usize,
    ) -> freehold_code,
    /// A text in UTF-8, made of `length` units of UTF-16 (FREEHOLD_TO_NUL: up to the
    /// NUL). A NUL is put behind it. A surrogate without its other half becomes
    /// U+FFFD.
    ///
    /// `text` gets a block that the caller owns and releases with `freehold_free`
    /// (NULL on an error), `text_length`, when it is not null, its bytes without the
    /// NUL.
    ///
    /// Errors: FREEHOLD_NULL; FREEHOLD_BAD_ALIGNMENT; FREEHOLD_BAD_TEXT when it has a
    /// NUL in the middle; FREEHOLD_TOO_LARGE; FREEHOLD_OUT_OF_MEMORY.
    ///
    /// # Safety
    /// `wide` is null, or that many units may be read; the others are null or may be
    /// written to.
    pub freehold_utf16_to_utf8: unsafe extern "C" fn(
        wide: *const u16,
        length: usize,
        text: *mut *mut c_char,
        text_length: *mut usize,
    ) -> freehold_code,
    /// Writes a text in UTF-8, up to its NUL, as UTF-16 with a NUL into a buffer of
    /// `room` units. `needed`, when it is not null, gets the units that this takes,
    /// NUL included, also when there is no room.
    ///
    /// Errors: FREEHOLD_NULL; FREEHOLD_BAD_ALIGNMENT; FREEHOLD_BAD_TEXT;
    /// FREEHOLD_TOO_SHORT: nothing was written.
    ///
    /// # Safety
    /// `text` is null or ends with a NUL; `buffer` is null or has that much room;
    /// `needed` is null or may be written to.
    pub freehold_utf16_set: unsafe extern "C" fn(
        text: *const c_char,
        buffer: *mut u16,
        room: usize,
        needed: *mut usize,
    ) -> freehold_code,
    /// Writes a text in UTF-16, up to its NUL, as UTF-8 with a NUL into a buffer of
    /// `room` bytes. `needed`, when it is not null, gets the bytes that this takes,
    /// NUL included, also when there is no room.
    ///
    /// Errors: FREEHOLD_NULL; FREEHOLD_BAD_ALIGNMENT; FREEHOLD_TOO_SHORT: nothing was
    /// written.
    ///
    /// # Safety
    /// `wide` is null or ends with a NUL; `buffer` is null or has that much room;
    /// `needed` is null or may be written to.
    pub freehold_utf8_set: unsafe extern "C" fn(
        wide: *const u16,
        buffer: *mut c_char,
        room: usize,
        needed: *mut usize,
    ) -> freehold_code,
    /// The name of a family, as "malloc"; "unknown" for a number that is none.
    /// Static; not to be released.
    pub freehold_family_name: unsafe extern "C" fn(family: u32) -> *const c_char,
    /// What is known of the block that begins at `pointer`, or in the middle of which
    /// it lies. Nothing behind the pointer is read.
    ///
    /// Errors: FREEHOLD_FOREIGN when no block is known there, FREEHOLD_DOUBLE when
    /// one that began there was released; FREEHOLD_NOT_TRACKED; FREEHOLD_NULL;
    /// FREEHOLD_BAD_ALIGNMENT; FREEHOLD_UNKNOWN_VALUE when `struct_bytes` is not set.
    ///
    /// # Safety
    /// `block` is null, or begins with its length and may be written to.
    pub freehold_query:
        unsafe extern "C" fn(pointer: *const c_void, block: *mut freehold_block) -> freehold_code,
    /// The same in words, with the stack that allocated the block. `buffer`, `room`
    /// and `needed` as in `freehold_leaks`.
    ///
    /// Errors: those of `freehold_query`, and FREEHOLD_TOO_SHORT.
    ///
    /// # Safety
    /// As for `freehold_leaks`.
    pub freehold_describe: unsafe extern "C" fn(
        pointer: *const c_void,
        buffer: *mut c_char,
        room: usize,
        needed: *mut usize,
    ) -> freehold_code,
    /// A zeroed block of `size` bytes by the allocation function of `family`: one of
    /// FREEHOLD_FAMILY_MALLOC (not on Windows, where each program has a C library of
    /// its own: adopt what its malloc gives), _NEW, _NEW_ARRAY, _CO_TASK_MEM, _LOCAL and _GLOBAL
    /// (fixed blocks), _HEAP (the process's heap) and _VIRTUAL (whole pages).
    ///
    /// `freehold_free` releases it, and `freehold_free_as` with the same family.
    /// Otherwise as `freehold_malloc`.
    ///
    /// Gives NULL on an error: FREEHOLD_UNKNOWN_VALUE for other families;
    /// FREEHOLD_OUT_OF_MEMORY; FREEHOLD_TOO_LARGE, which no bytes of _VIRTUAL are,
    /// too; FREEHOLD_SYSTEM when there is no C++ in the process.
    pub freehold_family_alloc: unsafe extern "C" fn(family: u32, size: usize) -> *mut c_void,
    /// A movable block (`LocalAlloc` or `GlobalAlloc` with the flag for it) of `size`
    /// zeroed bytes. `handle` gets its handle, which is no address of the block;
    /// `freehold_free` releases it.
    ///
    /// Errors: FREEHOLD_NULL; FREEHOLD_UNKNOWN_VALUE when `family` is neither
    /// FREEHOLD_FAMILY_LOCAL nor FREEHOLD_FAMILY_GLOBAL; FREEHOLD_OUT_OF_MEMORY;
    /// FREEHOLD_TOO_LARGE.
    ///
    /// # Safety
    /// `handle` is null or may be written to.
    pub freehold_movable_alloc:
        unsafe extern "C" fn(family: u32, size: usize, handle: *mut *mut c_void) -> freehold_code,
    /// `LocalLock` or `GlobalLock`: `memory` gets where the block lies, and stays as
    /// long as it is locked.
    ///
    /// Errors: FREEHOLD_NULL, FREEHOLD_UNKNOWN_VALUE; FREEHOLD_BAD_HANDLE when it is
    /// no live handle of the family.
    ///
    /// # Safety
    /// `memory` is null or may be written to.
    pub freehold_movable_lock: unsafe extern "C" fn(
        family: u32,
        handle: *mut c_void,
        memory: *mut *mut c_void,
    ) -> freehold_code,
    /// `LocalUnlock` or `GlobalUnlock`. `locks`, when it is not null, gets how many
    /// locks are left.
    ///
    /// Errors: FREEHOLD_UNKNOWN_VALUE; FREEHOLD_BAD_HANDLE when it is no live handle
    /// of the family; FREEHOLD_NOT_SO when it is not locked.
    ///
    /// # Safety
    /// `locks` is null or may be written to.
    pub freehold_movable_unlock:
        unsafe extern "C" fn(family: u32, handle: *mut c_void, locks: *mut u32) -> freehold_code,
    /// `SysAllocStringLen`: a `BSTR` with `units` units of UTF-16, which may hold
    /// NULs. `freehold_free` releases it.
    ///
    /// Errors: FREEHOLD_NULL, FREEHOLD_BAD_ALIGNMENT, FREEHOLD_TOO_LARGE,
    /// FREEHOLD_OUT_OF_MEMORY.
    ///
    /// # Safety
    /// `text` is null or has that many units; `bstr` is null or may be written to.
    pub freehold_bstr_new:
        unsafe extern "C" fn(text: *const u16, units: usize, bstr: *mut *mut u16) -> freehold_code,
    /// `SysStringLen`: `units` gets the units of a `BSTR`, 0 for null.
    ///
    /// Errors: FREEHOLD_NULL (`units`); FREEHOLD_BAD_HANDLE when it is no live
    /// `BSTR`.
    ///
    /// # Safety
    /// `units` is null or may be written to.
    pub freehold_bstr_length:
        unsafe extern "C" fn(bstr: *const u16, units: *mut usize) -> freehold_code,
    /// `WindowsCreateString`: `hstring` gets a handle with one reference, NULL for no
    /// text. `freehold_free` gives a reference back; NULL needs none.
    ///
    /// Errors: as `freehold_bstr_new`.
    ///
    /// # Safety
    /// As for `freehold_bstr_new`.
    pub freehold_hstring_new: unsafe extern "C" fn(
        text: *const u16,
        units: usize,
        hstring: *mut *mut c_void,
    ) -> freehold_code,
    /// `WindowsDuplicateString`: one reference more, to be given back with
    /// `freehold_free`, too.
    ///
    /// Errors: FREEHOLD_BAD_HANDLE when it is no live string.
    pub freehold_hstring_duplicate: unsafe extern "C" fn(hstring: *mut c_void) -> freehold_code,
    /// `WindowsGetStringRawBuffer`: `text` gets where the text lies, with a NUL behind
    /// it, as long as the string lives; `units`, when it is not null, its units.
    ///
    /// Errors: FREEHOLD_NULL; FREEHOLD_BAD_HANDLE when it is no live string.
    ///
    /// # Safety
    /// `text` and `units` are null or may be written to.
    pub freehold_hstring_text: unsafe extern "C" fn(
        hstring: *const c_void,
        text: *const *const u16,
        units: *mut usize,
    ) -> freehold_code,
    /// Begins to track, and to count blocks as leaks that stay. Call it before the
    /// first block: `freehold_free` refuses older ones as foreign. When the program
    /// was started by `freehold run`, its ledger is used, and the arguments do not
    /// matter; neither do they when tracking is on already.
    ///
    /// `depth` is the number of frames of each stack (0: 64, at most 128),
    /// `max_memory` the hard limit for the ledger in bytes (0: 1 GiB).
    ///
    /// Errors: FREEHOLD_SYSTEM when the system refuses the memory file;
    /// FREEHOLD_UNKNOWN_VALUE for a depth beyond 128.
    pub freehold_tracking_start: unsafe extern "C" fn(depth: u32, max_memory: u64) -> freehold_code,
    /// Blocks that are allocated from now on outside of scopes do not count as leaks.
    /// They are still recorded, so that misuses are refused, and those that count
    /// are still seen to go.
    pub freehold_tracking_stop: unsafe extern "C" fn(),
    /// Whether blocks are recorded.
    pub freehold_tracking_is_on: unsafe extern "C" fn() -> bool,
    /// Whether they are recorded in the ledger of `freehold run`.
    pub freehold_tracking_is_shared: unsafe extern "C" fn() -> bool,
    /// Tells that code was loaded or unloaded (`dlopen`, `dlclose`), so that nothing
    /// remembered of it is used again. Not needed under `freehold run`.
    pub freehold_objects_changed: unsafe extern "C" fn(),
    /// Where the ledger lies: a path for `freehold report`, while this process lives.
    /// `buffer`, `room` and `needed` as in `freehold_leaks`.
    ///
    /// Errors: FREEHOLD_NOT_TRACKED; FREEHOLD_NULL, FREEHOLD_BAD_ALIGNMENT,
    /// FREEHOLD_TOO_SHORT.
    ///
    /// # Safety
    /// As for `freehold_leaks`.
    pub freehold_session:
        unsafe extern "C" fn(buffer: *mut c_char, room: usize, needed: *mut usize) -> freehold_code,
    /// What is done about a misuse from now on, in the whole process: `policy` is
    /// FREEHOLD_REFUSE (as in the beginning), FREEHOLD_ABORT or FREEHOLD_IGNORE.
    ///
    /// Errors: FREEHOLD_UNKNOWN_VALUE.
    pub freehold_on_misuse: unsafe extern "C" fn(policy: u32) -> freehold_code,
    /// How many releases were refused in this process, also by `freehold_finalize`.
    pub freehold_misuses: unsafe extern "C" fn() -> u64,
    /// The blocks that live and count: in the scope that this thread is in with
    /// those inside it, or, in none, those that were allocated in none. Written as
    /// `format` says: FREEHOLD_TEXT or FREEHOLD_JSON, in UTF-8 with a NUL.
    ///
    /// `needed`, when it is not null, gets the bytes of the text and its NUL, also
    /// when there is no room. With `buffer` NULL and `room` 0 only that is done. The
    /// text may be longer at the next call: go round until there is room.
    ///
    /// Errors: FREEHOLD_TOO_SHORT: nothing was written but a NUL; FREEHOLD_NULL;
    /// FREEHOLD_UNKNOWN_VALUE; FREEHOLD_BAD_ALIGNMENT.
    ///
    /// # Safety
    /// `buffer` is null or has room for `room` bytes; `needed` is null or may be
    /// written to.
    pub freehold_leaks: unsafe extern "C" fn(
        format: u32,
        buffer: *mut c_char,
        room: usize,
        needed: *mut usize,
    ) -> freehold_code,
    /// The blocks that `freehold_leaks` has now count no longer; nothing is released.
    pub freehold_leaks_reset: unsafe extern "C" fn(),
    /// How many blocks `freehold_leaks` has, and their bytes; both may be null.
    ///
    /// Errors: FREEHOLD_NOT_TRACKED; FREEHOLD_BAD_ALIGNMENT.
    ///
    /// # Safety
    /// `blocks` and `bytes` are null or may be written to.
    pub freehold_leak_count:
        unsafe extern "C" fn(blocks: *mut usize, bytes: *mut u64) -> freehold_code,
    /// Begins a scope inside the one that this thread is in, and puts this thread
    /// into it: what it allocates from now on counts there, whoever releases it.
    /// Begins tracking when it is off. `name` is for reports.
    ///
    /// The caller ends it with `freehold_scope_end`. Scopes of a thread nest: the
    /// last begun or entered is the first ended or left.
    ///
    /// Errors: FREEHOLD_NULL, FREEHOLD_BAD_TEXT, FREEHOLD_BAD_ALIGNMENT.
    ///
    /// # Safety
    /// `name` is null or ends with a NUL; `scope` is null or may be written to.
    pub freehold_scope_begin:
        unsafe extern "C" fn(name: *const c_char, scope: *mut freehold_scope) -> freehold_code,
    /// Puts another thread into a scope, until it calls `freehold_scope_leave` or
    /// ends.
    ///
    /// Errors: FREEHOLD_BAD_HANDLE.
    pub freehold_scope_enter: unsafe extern "C" fn(scope: freehold_scope) -> freehold_code,
    /// Takes this thread out of a scope that it is in: it is then in the one before.
    /// May be called when the scope has been ended by another thread.
    ///
    /// Errors: FREEHOLD_NOT_INNERMOST; FREEHOLD_BAD_HANDLE when it is not in it.
    pub freehold_scope_leave: unsafe extern "C" fn(scope: freehold_scope) -> freehold_code,
    /// Ends a scope, takes this thread out of it, and gives the verdict. What stays
    /// counts from now on for the scope around it. The handle is none any more,
    /// unless this gives FREEHOLD_NOT_INNERMOST.
    ///
    /// `blocks` and `bytes`, when they are not null, get what stays.
    ///
    /// Errors: FREEHOLD_LEAKS when something stays: the message has each block with
    /// its stack; FREEHOLD_NOT_TRACKED when the scope could not be counted;
    /// FREEHOLD_BAD_HANDLE; FREEHOLD_NOT_INNERMOST.
    ///
    /// # Safety
    /// `blocks` and `bytes` are null or may be written to.
    pub freehold_scope_end: unsafe extern "C" fn(
        scope: freehold_scope,
        blocks: *mut usize,
        bytes: *mut u64,
    ) -> freehold_code,
    /// The live blocks of a scope and those inside it, as `freehold_leaks` writes
    /// them.
    ///
    /// Errors: FREEHOLD_BAD_HANDLE; those of `freehold_leaks`.
    ///
    /// # Safety
    /// As for `freehold_leaks`.
    pub freehold_scope_leaks: unsafe extern "C" fn(
        scope: freehold_scope,
        format: u32,
        buffer: *mut c_char,
        room: usize,
        needed: *mut usize,
    ) -> freehold_code,
    /// The stack of these frames, innermost first: the same for the same frames. At most
    /// FREEHOLD_MAX_FRAMES are kept. Set it with `freehold_stack_set` while blocks are
    /// allocated and released, and they have it in reports.
    ///
    /// Gives 0 when nothing is tracked, there are no frames or there is no room; and on an
    /// error: FREEHOLD_NULL, FREEHOLD_BAD_TEXT, FREEHOLD_UNKNOWN_VALUE (the language),
    /// FREEHOLD_BAD_ALIGNMENT.
    ///
    /// # Safety
    /// `frames` is null or leads to `count` frames, whose texts are null or end with a NUL.
    pub freehold_stack_new:
        unsafe extern "C" fn(frames: *const freehold_frame, count: usize) -> freehold_stack,
    /// From now on what this thread records (allocations, releases, misuses) has this
    /// stack in place of one that is walked; 0 ends that. A binding sets the stack of its
    /// caller before it calls the library, and 0 afterwards.
    ///
    /// Gives false, and sets none, when the stack is stale: make it again.
    pub freehold_stack_set: unsafe extern "C" fn(stack: freehold_stack) -> bool,
    /// The stack of a live block if the walk met code of a JIT in it, which nobody has
    /// named yet; else 0. Told once for each stack, to whoever asks first. For languages whose
    /// frames the walk sees, but whose names only they know: see `freehold_stack_name`.
    pub freehold_stack_unnamed: unsafe extern "C" fn(block: *const c_void) -> freehold_stack,
    /// The same for the stack with which this thread last released a block or was refused
    /// to. When it is given names before `freehold_last_message` is called, that has them,
    /// too.
    pub freehold_stack_last: unsafe extern "C" fn() -> freehold_stack,
    /// Gives a stack the language's frames, innermost first, once and at any time later:
    /// reports show them in place of the JIT's code.
    ///
    /// Errors: FREEHOLD_NOT_SO when it has names already, or there is no room for them;
    /// FREEHOLD_BAD_HANDLE for a stack that is stale or never was one;
    /// FREEHOLD_NOT_TRACKED; those of `freehold_stack_new`.
    ///
    /// # Safety
    /// As for `freehold_stack_new`.
    pub freehold_stack_name: unsafe extern "C" fn(
        stack: freehold_stack,
        frames: *const freehold_frame,
        count: usize,
    ) -> freehold_code,
    /// The number of a tag, for `freehold_alloc`: the same for the same text, as long as
    /// the process lives. 4,096 different ones can be told apart.
    ///
    /// Gives 0, the number of "void", on an error: FREEHOLD_NULL, FREEHOLD_BAD_TEXT,
    /// FREEHOLD_OUT_OF_MEMORY when there are too many.
    ///
    /// # Safety
    /// `name` is null or ends with a NUL.
    pub freehold_tag: unsafe extern "C" fn(name: *const c_char) -> u32,
    /// A block of `size` bytes at a multiple of `alignment`, for bindings: what
    /// `freehold_typed`, `freehold_stack_unnamed` and their checks would take several calls
    /// for. `flags` is a sum of FREEHOLD_ZEROED and FREEHOLD_UNCOUNTED, or 0; `tag` is a number
    /// that `freehold_tag` gave.
    /// `unnamed` may be null; it gets what `freehold_stack_unnamed` says of the new block.
    ///
    /// Gives NULL on an error: FREEHOLD_BAD_ALIGNMENT, FREEHOLD_UNKNOWN_VALUE (a flag or
    /// the tag), FREEHOLD_OUT_OF_MEMORY, FREEHOLD_TOO_LARGE.
    ///
    /// # Safety
    /// `unnamed` is null or may be written to.
    pub freehold_alloc: unsafe extern "C" fn(
        size: usize,
        alignment: usize,
        flags: u32,
        tag: u32,
        unnamed: *mut freehold_stack,
    ) -> *mut c_void,
}

#[allow(clippy::missing_transmute_annotations, reason = "the fields say it")]
impl Api {
    /// All functions by name; the name of the first that is missing.
    ///
    /// # Safety
    /// `find` gives null, or the function of that name in a library of this version.
    pub unsafe fn find(
        mut find: impl FnMut(&'static CStr) -> *const c_void,
    ) -> Result<Api, &'static CStr> {
        let mut found = |name: &'static CStr| {
            let at = find(name);
            if at.is_null() { Err(name) } else { Ok(at) }
        };
        // SAFETY: promised by the caller: functions of these names have these types.
        unsafe {
            Ok(Api {
                freehold_version: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_version",
                )?),
                freehold_last_code: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_last_code",
                )?),
                freehold_last_message: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_last_message",
                )?),
                freehold_clear_error: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_clear_error",
                )?),
                freehold_code_name: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_code_name",
                )?),
                freehold_malloc: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_malloc",
                )?),
                freehold_calloc: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_calloc",
                )?),
                freehold_aligned_alloc: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_aligned_alloc",
                )?),
                freehold_typed: core::mem::transmute::<*const c_void, _>(found(c"freehold_typed")?),
                freehold_realloc: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_realloc",
                )?),
                freehold_free: core::mem::transmute::<*const c_void, _>(found(c"freehold_free")?),
                freehold_free_sized: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_free_sized",
                )?),
                freehold_free_leaf: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_free_leaf",
                )?),
                freehold_free_as: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_free_as",
                )?),
                freehold_native_free: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_native_free",
                )?),
                freehold_finalize: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_finalize",
                )?),
                freehold_adopt: core::mem::transmute::<*const c_void, _>(found(c"freehold_adopt")?),
                freehold_adopt_with: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_adopt_with",
                )?),
                freehold_adopt_from: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_adopt_from",
                )?),
                freehold_handle_adopt: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_handle_adopt",
                )?),
                freehold_handle_close: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_handle_close",
                )?),
                freehold_borrow: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_borrow",
                )?),
                freehold_interior: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_interior",
                )?),
                freehold_give_back: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_give_back",
                )?),
                freehold_transfer: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_transfer",
                )?),
                freehold_attach_finalizer: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_attach_finalizer",
                )?),
                freehold_detach_finalizer: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_detach_finalizer",
                )?),
                freehold_arena_new: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_arena_new",
                )?),
                freehold_arena_alloc: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_arena_alloc",
                )?),
                freehold_arena_adopt: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_arena_adopt",
                )?),
                freehold_arena_adopt_with: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_arena_adopt_with",
                )?),
                freehold_arena_on_release: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_arena_on_release",
                )?),
                freehold_arena_move_out: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_arena_move_out",
                )?),
                freehold_arena_release: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_arena_release",
                )?),
                freehold_utf8_to_utf16: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_utf8_to_utf16",
                )?),
                freehold_utf16_to_utf8: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_utf16_to_utf8",
                )?),
                freehold_utf16_set: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_utf16_set",
                )?),
                freehold_utf8_set: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_utf8_set",
                )?),
                freehold_family_name: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_family_name",
                )?),
                freehold_query: core::mem::transmute::<*const c_void, _>(found(c"freehold_query")?),
                freehold_describe: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_describe",
                )?),
                freehold_family_alloc: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_family_alloc",
                )?),
                freehold_movable_alloc: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_movable_alloc",
                )?),
                freehold_movable_lock: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_movable_lock",
                )?),
                freehold_movable_unlock: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_movable_unlock",
                )?),
                freehold_bstr_new: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_bstr_new",
                )?),
                freehold_bstr_length: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_bstr_length",
                )?),
                freehold_hstring_new: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_hstring_new",
                )?),
                freehold_hstring_duplicate: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_hstring_duplicate",
                )?),
                freehold_hstring_text: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_hstring_text",
                )?),
                freehold_tracking_start: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_tracking_start",
                )?),
                freehold_tracking_stop: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_tracking_stop",
                )?),
                freehold_tracking_is_on: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_tracking_is_on",
                )?),
                freehold_tracking_is_shared: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_tracking_is_shared",
                )?),
                freehold_objects_changed: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_objects_changed",
                )?),
                freehold_session: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_session",
                )?),
                freehold_on_misuse: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_on_misuse",
                )?),
                freehold_misuses: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_misuses",
                )?),
                freehold_leaks: core::mem::transmute::<*const c_void, _>(found(c"freehold_leaks")?),
                freehold_leaks_reset: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_leaks_reset",
                )?),
                freehold_leak_count: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_leak_count",
                )?),
                freehold_scope_begin: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_scope_begin",
                )?),
                freehold_scope_enter: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_scope_enter",
                )?),
                freehold_scope_leave: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_scope_leave",
                )?),
                freehold_scope_end: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_scope_end",
                )?),
                freehold_scope_leaks: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_scope_leaks",
                )?),
                freehold_stack_new: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_stack_new",
                )?),
                freehold_stack_set: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_stack_set",
                )?),
                freehold_stack_unnamed: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_stack_unnamed",
                )?),
                freehold_stack_last: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_stack_last",
                )?),
                freehold_stack_name: core::mem::transmute::<*const c_void, _>(found(
                    c"freehold_stack_name",
                )?),
                freehold_tag: core::mem::transmute::<*const c_void, _>(found(c"freehold_tag")?),
                freehold_alloc: core::mem::transmute::<*const c_void, _>(found(c"freehold_alloc")?),
            })
        }
    }
}
