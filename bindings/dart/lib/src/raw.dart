// The functions, types and constants of `freehold.h`. Made by `cargo xtask raw`; do not edit.
// ignore_for_file: camel_case_types, constant_identifier_names, non_constant_identifier_names

import 'dart:ffi';

import 'library.dart';

/// As a length: the text ends with its first NUL.
const int FREEHOLD_TO_NUL = -1;
/// It is done.
const int FREEHOLD_OK = 0;
/// A pointer is null that must not be.
const int FREEHOLD_NULL = 1;
/// An alignment is no power of two, or a pointer is not aligned for what it
/// points to.
const int FREEHOLD_BAD_ALIGNMENT = 2;
/// A count times a size, or an address plus a size, cannot be counted.
const int FREEHOLD_OVERFLOW = 3;
/// More than PTRDIFF_MAX bytes.
const int FREEHOLD_TOO_LARGE = 4;
/// A number is none of the constants that the argument may have.
const int FREEHOLD_UNKNOWN_VALUE = 5;
/// A handle is of another kind, was ended, or never was one.
const int FREEHOLD_BAD_HANDLE = 6;
/// A text is no UTF-8, or has a NUL in the middle.
const int FREEHOLD_BAD_TEXT = 7;
/// A buffer is too short; nothing was written to it but a NUL.
const int FREEHOLD_TOO_SHORT = 8;
/// There is no memory, or a limit of the library is reached.
const int FREEHOLD_OUT_OF_MEMORY = 9;
/// The operating system refused.
const int FREEHOLD_SYSTEM = 10;
/// The block was released before.
const int FREEHOLD_DOUBLE = 20;
/// The address is no known block.
const int FREEHOLD_FOREIGN = 21;
/// The address lies in the middle of a block.
const int FREEHOLD_INTERIOR = 22;
/// The block is borrowed.
const int FREEHOLD_BORROWED = 23;
/// The block was given away.
const int FREEHOLD_TRANSFERRED = 24;
/// The block belongs to an arena.
const int FREEHOLD_ARENA_OWNED = 25;
/// The block belongs to a finalizer.
const int FREEHOLD_FINALIZER_OWNED = 26;
/// The block is of a family that this function is not for.
const int FREEHOLD_WRONG_FAMILY = 27;
/// The size that was passed is not that of the block.
const int FREEHOLD_SIZE_MISMATCH = 28;
/// A release function was called and said that it failed.
const int FREEHOLD_RELEASE_FAILED = 29;
/// The block is in use and may not move now.
const int FREEHOLD_IN_USE = 30;
/// The block is registered already: two owners would release it twice.
const int FREEHOLD_OWNED = 40;
/// The family needs more than an address to release a block.
const int FREEHOLD_UNRELEASABLE = 41;
/// The address is not inside the block that was named.
const int FREEHOLD_OUTSIDE = 42;
/// The block is not in the state that is to be ended.
const int FREEHOLD_NOT_SO = 43;
/// The ownership database asserts nothing of the function or of its slot.
const int FREEHOLD_NOT_KNOWN = 44;
/// What the function gives is not the caller's to release.
const int FREEHOLD_NOT_YOURS = 45;
/// The function that releases it cannot be called: the process has none of that
/// name or several, or it takes more than the value.
const int FREEHOLD_NO_RELEASE = 46;
/// Nothing is tracked, and without that nobody can tell.
const int FREEHOLD_NOT_TRACKED = 50;
/// Blocks stay that should not.
const int FREEHOLD_LEAKS = 51;
/// The scope is not the innermost one that this thread is in.
const int FREEHOLD_NOT_INNERMOST = 52;
/// An error of the library itself.
const int FREEHOLD_INTERNAL = 99;
/// `malloc`, `calloc`, `realloc`, `posix_memalign` …: `free`.
const int FREEHOLD_FAMILY_MALLOC = 1;
/// C++ `operator new`: `operator delete`.
const int FREEHOLD_FAMILY_NEW = 2;
/// C++ `operator new[]`: `operator delete[]`.
const int FREEHOLD_FAMILY_NEW_ARRAY = 3;
/// `mmap`: `munmap`.
const int FREEHOLD_FAMILY_MMAP = 4;
/// Rust's global allocator.
const int FREEHOLD_FAMILY_RUST = 5;
/// `CoTaskMemAlloc`: `CoTaskMemFree`.
const int FREEHOLD_FAMILY_CO_TASK_MEM = 6;
/// `LocalAlloc`: `LocalFree`.
const int FREEHOLD_FAMILY_LOCAL = 7;
/// `GlobalAlloc`: `GlobalFree`.
const int FREEHOLD_FAMILY_GLOBAL = 8;
/// `HeapAlloc`: `HeapFree`.
const int FREEHOLD_FAMILY_HEAP = 9;
/// `VirtualAlloc`: `VirtualFree`.
const int FREEHOLD_FAMILY_VIRTUAL = 10;
/// `SysAllocString`: `SysFreeString`.
const int FREEHOLD_FAMILY_BSTR = 11;
/// `WindowsCreateString`: `WindowsDeleteString`.
const int FREEHOLD_FAMILY_HSTRING = 12;
/// A release function that was given when the block was adopted.
const int FREEHOLD_FAMILY_CUSTOM = 13;
/// `malloc` of `msvcrt.dll`: its `free`.
const int FREEHOLD_FAMILY_MSVCRT = 14;
/// `malloc` of `ucrtbase.dll`: its `free`.
const int FREEHOLD_FAMILY_UCRT = 15;
/// `_aligned_malloc` of `msvcrt.dll`: its `_aligned_free`.
const int FREEHOLD_FAMILY_MSVCRT_ALIGNED = 16;
/// `_aligned_malloc` of `ucrtbase.dll`: its `_aligned_free`.
const int FREEHOLD_FAMILY_UCRT_ALIGNED = 17;
/// Buffers of the network functions: `NetApiBufferFree`.
const int FREEHOLD_FAMILY_NET_API = 18;
/// Buffers of Remote Desktop Services: `WTSFreeMemory`.
const int FREEHOLD_FAMILY_WTS = 19;
/// Buffers of the credentials functions: `CredFree`.
const int FREEHOLD_FAMILY_CRED = 20;
/// `SafeArrayCreate`: `SafeArrayDestroy`.
const int FREEHOLD_FAMILY_SAFE_ARRAY = 21;
/// What a `VARIANT` holds: `VariantClear`.
const int FREEHOLD_FAMILY_VARIANT = 22;
/// What a `PROPVARIANT` holds: `PropVariantClear`.
const int FREEHOLD_FAMILY_PROP_VARIANT = 23;
/// Handles of kernel objects: `CloseHandle`.
const int FREEHOLD_FAMILY_HANDLE = 24;
/// Open registry keys: `RegCloseKey`.
const int FREEHOLD_FAMILY_REG_KEY = 25;
/// Bitmaps, brushes, fonts, palettes, pens and regions: `DeleteObject`.
const int FREEHOLD_FAMILY_GDI_OBJECT = 26;
/// Device contexts that were created: `DeleteDC`.
const int FREEHOLD_FAMILY_GDI_DC = 27;
/// Windows: `DestroyWindow`.
const int FREEHOLD_FAMILY_WINDOW = 28;
/// Menus: `DestroyMenu`.
const int FREEHOLD_FAMILY_MENU = 29;
/// Icons: `DestroyIcon`.
const int FREEHOLD_FAMILY_ICON = 30;
/// Cursors: `DestroyCursor`.
const int FREEHOLD_FAMILY_CURSOR = 31;
/// Accelerator tables: `DestroyAcceleratorTable`.
const int FREEHOLD_FAMILY_ACCELERATORS = 32;
/// References to COM objects: `IUnknown::Release`.
const int FREEHOLD_FAMILY_COM = 33;
/// You: the code that allocated or adopted it.
const int FREEHOLD_OWNER_YOU = 0;
/// An arena.
const int FREEHOLD_OWNER_ARENA = 1;
/// A finalizer of a managed object.
const int FREEHOLD_OWNER_FINALIZER = 2;
/// The API that lent it.
const int FREEHOLD_OWNER_API = 3;
/// Somebody that it was given to.
const int FREEHOLD_OWNER_TRANSFERRED = 4;
/// Bytes of `tag` and `scope` in `freehold_block`, NUL included.
const int FREEHOLD_NAME_BYTES = 64;
/// A report for people.
const int FREEHOLD_TEXT = 0;
/// A JSON array: an object for each block, with "address", "type", "size",
/// "timestamp" and "stack".
const int FREEHOLD_JSON = 1;
/// A misuse is refused, and its code given.
const int FREEHOLD_REFUSE = 0;
/// A misuse is printed on standard error and ends the process.
const int FREEHOLD_ABORT = 1;
/// A misuse is refused and counted, and FREEHOLD_OK given.
const int FREEHOLD_IGNORE = 2;
/// A language of frames.
const int FREEHOLD_PYTHON = 1;
/// A language of frames.
const int FREEHOLD_JAVASCRIPT = 2;
/// A language of frames.
const int FREEHOLD_DART = 3;
/// For `freehold_alloc`: the block is zeroed.
const int FREEHOLD_ZEROED = 1;
/// For `freehold_alloc`: the block is recorded while blocks are tracked, but does not
/// count as a leak when it stays.
const int FREEHOLD_UNCOUNTED = 2;
/// Most frames of a stack that are kept.
const int FREEHOLD_MAX_FRAMES = 128;
/// How a call went: `FREEHOLD_OK` (0), or why nothing was done. Codes are only
/// ever added. `freehold_last_message()` has the explanation.
typedef freehold_code = Int32;
/// Releases `block`; `context` is what was given with the function. Gives 0 when
/// it is released, any other number when it is not.
typedef freehold_release = Int32 Function(Pointer<Void>, Pointer<Void>);
/// An arena. Checked: one that was released is an error, not undefined. 0 is
/// never one.
typedef freehold_arena = Uint64;
/// Done when an arena is released. Gives 0 when it succeeded.
typedef freehold_action = Int32 Function(Pointer<Void>);
/// What is known of a live block.
final class freehold_block extends Struct {
  /// Set by the caller to `sizeof(freehold_block)`, so that the library knows
  /// how much it may write, and by the library to what it wrote.
  @Size()
  external int struct_bytes;
  /// Where the block begins.
  external Pointer<Void> base;
  /// Bytes from there to the address that was asked for.
  @Size()
  external int offset;
  /// Bytes of the block; 0 when nobody said.
  @Size()
  external int size;
  /// One of FREEHOLD_FAMILY_…; 0 when it is not known, as of what is borrowed.
  @Uint32()
  external int family;
  /// One of FREEHOLD_OWNER_….
  @Uint32()
  external int owner;
  /// When it was allocated, in nanoseconds since 1970; 0 when that was not
  /// recorded.
  @Uint64()
  external int allocated_ns;
  /// The name of what is in it, ended by a NUL; cut when it is longer.
  @Array(FREEHOLD_NAME_BYTES)
  external Array<Char> tag;
  /// The scope in which it counts, ended by a NUL; cut when it is longer.
  @Array(FREEHOLD_NAME_BYTES)
  external Array<Char> scope;
}
/// A scope. Checked: one that was ended is an error, not undefined. 0 is never
/// one.
typedef freehold_scope = Uint64;
/// A stack in the ledger; 0 is none. It belongs to one ledger: after a fork, or when
/// tracking began again, it is stale, which is noticed.
typedef freehold_stack = Uint64;
/// A frame in code of a managed language. Texts are UTF-8, ended by a NUL, and copied;
/// null is as "".
final class freehold_frame extends Struct {
  /// The function.
  external Pointer<Char> function;
  /// Its file: a path or a URI.
  external Pointer<Char> file;
  /// The line of the call, counted from 1; 0 when it is not known.
  @Uint32()
  external int line;
  /// The column, counted from 1; 0 when it is not known.
  @Uint32()
  external int column;
  /// FREEHOLD_PYTHON, FREEHOLD_JAVASCRIPT or FREEHOLD_DART.
  @Uint32()
  external int language;
}

final DynamicLibrary _library = openLibrary();

/// The version of the library, as "0.1.0". Static; not to be released.
final Pointer<Char> Function() freehold_version = _library.lookupFunction<Pointer<Char> Function(), Pointer<Char> Function()>('freehold_version', isLeaf: true);

/// The code of the last call that failed on this thread; FREEHOLD_OK when there
/// was none. A call that succeeds leaves it as it is, as with `errno`.
final int Function() freehold_last_code = _library.lookupFunction<Int32 Function(), int Function()>('freehold_last_code', isLeaf: true);

/// The explanation of the last call that failed on this thread, in UTF-8: what
/// happened, to which block, where that was allocated and released, and what to
/// do. "" when there was none; never null.
///
/// It belongs to the library and lives until the next call that fails on this
/// thread, `freehold_clear_error`, or the end of the thread: copy what is to
/// stay.
final Pointer<Char> Function() freehold_last_message = _library.lookupFunction<Pointer<Char> Function(), Pointer<Char> Function()>('freehold_last_message', isLeaf: true);

/// Forgets the last error of this thread.
final void Function() freehold_clear_error = _library.lookupFunction<Void Function(), void Function()>('freehold_clear_error', isLeaf: true);

/// The name of a code, as "FREEHOLD_DOUBLE"; "unknown" for any other number.
/// Static; not to be released.
final Pointer<Char> Function(int) freehold_code_name = _library.lookupFunction<Pointer<Char> Function(Int32), Pointer<Char> Function(int)>('freehold_code_name', isLeaf: true);

/// A block of `size` bytes with anything in them. No bytes are a block of their
/// own, too.
///
/// The caller owns it: release it with `freehold_free` (or C's `free`, which the
/// tracker sees only under `freehold run`). While blocks are tracked it counts as
/// a leak when it stays.
///
/// Gives NULL on an error: FREEHOLD_OUT_OF_MEMORY, FREEHOLD_TOO_LARGE.
final Pointer<Void> Function(int) freehold_malloc = _library.lookupFunction<Pointer<Void> Function(Size), Pointer<Void> Function(int)>('freehold_malloc', isLeaf: true);

/// A zeroed block of `count` times `size` bytes; otherwise as `freehold_malloc`.
///
/// Gives NULL on an error: FREEHOLD_OVERFLOW when that cannot be counted,
/// FREEHOLD_OUT_OF_MEMORY, FREEHOLD_TOO_LARGE.
final Pointer<Void> Function(int, int) freehold_calloc = _library.lookupFunction<Pointer<Void> Function(Size, Size), Pointer<Void> Function(int, int)>('freehold_calloc', isLeaf: true);

/// A block of `size` bytes at a multiple of `alignment`, a power of two;
/// otherwise as `freehold_malloc`. `size` need be no multiple of it.
///
/// Gives NULL on an error: FREEHOLD_BAD_ALIGNMENT, FREEHOLD_OUT_OF_MEMORY,
/// FREEHOLD_TOO_LARGE.
final Pointer<Void> Function(int, int) freehold_aligned_alloc = _library.lookupFunction<Pointer<Void> Function(Size, Size), Pointer<Void> Function(int, int)>('freehold_aligned_alloc', isLeaf: true);

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
final Pointer<Void> Function(int, int, int, Pointer<Char>) freehold_typed = _library.lookupFunction<Pointer<Void> Function(Size, Size, Size, Pointer<Char>), Pointer<Void> Function(int, int, int, Pointer<Char>)>('freehold_typed', isLeaf: true);

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
final Pointer<Void> Function(Pointer<Void>, int) freehold_realloc = _library.lookupFunction<Pointer<Void> Function(Pointer<Void>, Size), Pointer<Void> Function(Pointer<Void>, int)>('freehold_realloc');

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
final int Function(Pointer<Void>) freehold_free = _library.lookupFunction<Int32 Function(Pointer<Void>), int Function(Pointer<Void>)>('freehold_free');

/// Releases a block of which the caller knows the size: it must agree.
///
/// Errors: as `freehold_free`, and FREEHOLD_SIZE_MISMATCH.
///
/// # Safety
/// As for `freehold_free`.
final int Function(Pointer<Void>, int) freehold_free_sized = _library.lookupFunction<Int32 Function(Pointer<Void>, Size), int Function(Pointer<Void>, int)>('freehold_free_sized');

/// As `freehold_free`, for callers who must not be called back, as the leaf calls of a
/// managed language: when the block's release is a function that was given with it, or
/// one of another library, nothing is done, and FREEHOLD_NOT_SO given without a message.
/// Then call `freehold_free`.
///
/// # Safety
/// As for `freehold_free`.
final int Function(Pointer<Void>) freehold_free_leaf = _library.lookupFunction<Int32 Function(Pointer<Void>), int Function(Pointer<Void>)>('freehold_free_leaf', isLeaf: true);

/// Releases a block that must be of one family, as that family's own release
/// function does: `family` is one of the constants FREEHOLD_FAMILY_….
///
/// Errors: as `freehold_free`; FREEHOLD_WRONG_FAMILY; FREEHOLD_UNKNOWN_VALUE.
///
/// # Safety
/// As for `freehold_free`.
final int Function(int, Pointer<Void>) freehold_free_as = _library.lookupFunction<Int32 Function(Uint32, Pointer<Void>), int Function(int, Pointer<Void>)>('freehold_free_as');

/// Releases a block of `malloc` by the platform's own function, without any
/// refusal, and tells the tracker. For places that want a
/// `void (*)(void *)` for blocks which are known to be right. Null does nothing.
///
/// # Safety
/// `block` is null or a live block of `malloc` that nobody uses any more.
final void Function(Pointer<Void>) freehold_native_free = _library.lookupFunction<Void Function(Pointer<Void>), void Function(Pointer<Void>)>('freehold_native_free', isLeaf: true);

/// The native finalizer: releases a block that was left to one by
/// `freehold_attach_finalizer`, and the tracker sees it. Give it to the runtime
/// of a language with a garbage collector (Dart's `NativeFinalizer`, Python's
/// `weakref.finalize`, a `PyCapsule`); it may call it on any thread. Null does
/// nothing. A misuse is refused and counted: see `freehold_misuses`.
///
/// # Safety
/// As for `freehold_free`.
final void Function(Pointer<Void>) freehold_finalize = _library.lookupFunction<Void Function(Pointer<Void>), void Function(Pointer<Void>)>('freehold_finalize');

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
final int Function(Pointer<Void>, int, int) freehold_adopt = _library.lookupFunction<Int32 Function(Pointer<Void>, Size, Uint32), int Function(Pointer<Void>, int, int)>('freehold_adopt', isLeaf: true);

/// The same for a block that `release` releases, which is given `context` each
/// time; it is called once, unless it fails.
///
/// Errors: as `freehold_adopt`; FREEHOLD_NULL for a null function, too.
///
/// # Safety
/// As for `freehold_adopt`. `release` may be called on any thread as long as the
/// block lives, throws nothing and does not `longjmp`; `context` is valid for it
/// as long.
final int Function(Pointer<Void>, int, Pointer<NativeFunction<freehold_release>>, Pointer<Void>) freehold_adopt_with = _library.lookupFunction<Int32 Function(Pointer<Void>, Size, Pointer<NativeFunction<freehold_release>>, Pointer<Void>), int Function(Pointer<Void>, int, Pointer<NativeFunction<freehold_release>>, Pointer<Void>)>('freehold_adopt_with', isLeaf: true);

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
final int Function(Pointer<Char>, Pointer<Char>, Pointer<Void>, int) freehold_adopt_from = _library.lookupFunction<Int32 Function(Pointer<Char>, Pointer<Char>, Pointer<Void>, Size), int Function(Pointer<Char>, Pointer<Char>, Pointer<Void>, int)>('freehold_adopt_from', isLeaf: true);

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
final int Function(int, Pointer<Void>) freehold_handle_adopt = _library.lookupFunction<Int32 Function(Uint32, Pointer<Void>), int Function(int, Pointer<Void>)>('freehold_handle_adopt', isLeaf: true);

/// Closes a handle by the function of its family.
///
/// Errors: as `freehold_free`: FREEHOLD_DOUBLE, FREEHOLD_FOREIGN for one that was not
/// adopted, FREEHOLD_WRONG_FAMILY, FREEHOLD_RELEASE_FAILED: then it is still adopted.
///
/// # Safety
/// Nobody uses the handle any more; that of a window belongs to this thread.
final int Function(int, Pointer<Void>) freehold_handle_close = _library.lookupFunction<Int32 Function(Uint32, Pointer<Void>), int Function(int, Pointer<Void>)>('freehold_handle_close');

/// Notes a block that an API only lends: releases of it are refused until
/// `freehold_give_back`. It is not read.
///
/// Errors: FREEHOLD_NULL, FREEHOLD_OWNED, FREEHOLD_TOO_LARGE, FREEHOLD_OVERFLOW.
final int Function(Pointer<Void>, int) freehold_borrow = _library.lookupFunction<Int32 Function(Pointer<Void>, Size), int Function(Pointer<Void>, int)>('freehold_borrow', isLeaf: true);

/// Notes a pointer into the block that begins at `base`: `freehold_free` names
/// the base when it is given the pointer, until `freehold_give_back`.
///
/// Errors: FREEHOLD_NULL; FREEHOLD_OUTSIDE when it is not behind the base, or
/// not inside a registered block; FREEHOLD_OWNED.
final int Function(Pointer<Void>, Pointer<Void>) freehold_interior = _library.lookupFunction<Int32 Function(Pointer<Void>, Pointer<Void>), int Function(Pointer<Void>, Pointer<Void>)>('freehold_interior', isLeaf: true);

/// Forgets a borrowed or interior pointer: the API has it back.
///
/// Errors: FREEHOLD_NOT_SO when it is neither.
final int Function(Pointer<Void>) freehold_give_back = _library.lookupFunction<Int32 Function(Pointer<Void>), int Function(Pointer<Void>)>('freehold_give_back', isLeaf: true);

/// Gives a block away: whoever gets the pointer releases it, with the function
/// of its family and perhaps unseen. It counts no longer as a leak, and
/// `freehold_free` refuses it.
///
/// Errors: FREEHOLD_NULL; FREEHOLD_FOREIGN when nobody knows the block;
/// FREEHOLD_NOT_TRACKED when nothing is tracked, so that nobody can.
///
/// # Safety
/// The new owner releases it.
final int Function(Pointer<Void>) freehold_transfer = _library.lookupFunction<Int32 Function(Pointer<Void>), int Function(Pointer<Void>)>('freehold_transfer', isLeaf: true);

/// Leaves a block to a finalizer: `freehold_free` refuses it until
/// `freehold_detach_finalizer`, and `freehold_finalize` releases it. `size` is
/// its length in bytes, for blocks of `malloc` that nobody has recorded.
///
/// Errors: FREEHOLD_NULL, FREEHOLD_TOO_LARGE, FREEHOLD_OVERFLOW.
///
/// # Safety
/// `block` is null, a block that `freehold_free` knows, or a live block of
/// `malloc` that nobody else releases.
final int Function(Pointer<Void>, int) freehold_attach_finalizer = _library.lookupFunction<Int32 Function(Pointer<Void>, Size), int Function(Pointer<Void>, int)>('freehold_attach_finalizer', isLeaf: true);

/// Takes a block back from its finalizer, which the caller has cancelled.
///
/// Errors: FREEHOLD_NOT_SO when it has none.
final int Function(Pointer<Void>) freehold_detach_finalizer = _library.lookupFunction<Int32 Function(Pointer<Void>), int Function(Pointer<Void>)>('freehold_detach_finalizer', isLeaf: true);

/// A new arena, for any number of threads. The caller releases it with
/// `freehold_arena_release`.
///
/// Errors: FREEHOLD_NULL, FREEHOLD_BAD_ALIGNMENT.
///
/// # Safety
/// `arena` is null or may be written to.
final int Function(Pointer<Uint64>) freehold_arena_new = _library.lookupFunction<Int32 Function(Pointer<Uint64>), int Function(Pointer<Uint64>)>('freehold_arena_new', isLeaf: true);

/// A zeroed block that lives as long as the arena: `count` elements of `size`
/// bytes, at a multiple of `alignment`; `tag` as in `freehold_typed`. Its address
/// goes to `block`, NULL on an error. It belongs to the arena: releases of it are
/// refused while blocks are tracked.
///
/// Errors: FREEHOLD_BAD_HANDLE; FREEHOLD_NULL; those of `freehold_typed`.
///
/// # Safety
/// `tag` is null or ends with a NUL; `block` is null or may be written to.
final int Function(int, int, int, int, Pointer<Char>, Pointer<Pointer<Void>>) freehold_arena_alloc = _library.lookupFunction<Int32 Function(Uint64, Size, Size, Size, Pointer<Char>, Pointer<Pointer<Void>>), int Function(int, int, int, int, Pointer<Char>, Pointer<Pointer<Void>>)>('freehold_arena_alloc', isLeaf: true);

/// Takes over a block that an API returned: the arena releases it with the
/// function of `family`. Otherwise as `freehold_adopt`.
///
/// Errors: FREEHOLD_BAD_HANDLE; those of `freehold_adopt`.
///
/// # Safety
/// As for `freehold_adopt`.
final int Function(int, Pointer<Void>, int, int) freehold_arena_adopt = _library.lookupFunction<Int32 Function(Uint64, Pointer<Void>, Size, Uint32), int Function(int, Pointer<Void>, int, int)>('freehold_arena_adopt', isLeaf: true);

/// The same with a release function, as `freehold_adopt_with`.
///
/// Errors: FREEHOLD_BAD_HANDLE; those of `freehold_adopt_with`.
///
/// # Safety
/// As for `freehold_adopt_with`.
final int Function(int, Pointer<Void>, int, Pointer<NativeFunction<freehold_release>>, Pointer<Void>) freehold_arena_adopt_with = _library.lookupFunction<Int32 Function(Uint64, Pointer<Void>, Size, Pointer<NativeFunction<freehold_release>>, Pointer<Void>), int Function(int, Pointer<Void>, int, Pointer<NativeFunction<freehold_release>>, Pointer<Void>)>('freehold_arena_adopt_with', isLeaf: true);

/// Does something when the arena is released, in the reverse order of these
/// calls and of the blocks between them. What was allocated before it is still
/// there then; the arena itself can no longer be used.
///
/// Errors: FREEHOLD_BAD_HANDLE, FREEHOLD_NULL.
///
/// # Safety
/// `action` may be called with `context` on any thread until the arena is
/// released, throws nothing and does not `longjmp`.
final int Function(int, Pointer<NativeFunction<freehold_action>>, Pointer<Void>) freehold_arena_on_release = _library.lookupFunction<Int32 Function(Uint64, Pointer<NativeFunction<freehold_action>>, Pointer<Void>), int Function(int, Pointer<NativeFunction<freehold_action>>, Pointer<Void>)>('freehold_arena_on_release', isLeaf: true);

/// Takes a block out of the arena, by its first byte: from now on it is the
/// caller's, to be released with `freehold_free`.
///
/// Errors: FREEHOLD_BAD_HANDLE; FREEHOLD_FOREIGN when no block of the arena
/// begins there.
final int Function(int, Pointer<Void>) freehold_arena_move_out = _library.lookupFunction<Int32 Function(Uint64, Pointer<Void>), int Function(int, Pointer<Void>)>('freehold_arena_move_out', isLeaf: true);

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
final int Function(int, Pointer<Size>) freehold_arena_release = _library.lookupFunction<Int32 Function(Uint64, Pointer<Size>), int Function(int, Pointer<Size>)>('freehold_arena_release');

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
final int Function(Pointer<Char>, int, Pointer<Pointer<Uint16>>, Pointer<Size>) freehold_utf8_to_utf16 = _library.lookupFunction<Int32 Function(Pointer<Char>, Size, Pointer<Pointer<Uint16>>, Pointer<Size>), int Function(Pointer<Char>, int, Pointer<Pointer<Uint16>>, Pointer<Size>)>('freehold_utf8_to_utf16', isLeaf: true);

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
final int Function(Pointer<Uint16>, int, Pointer<Pointer<Char>>, Pointer<Size>) freehold_utf16_to_utf8 = _library.lookupFunction<Int32 Function(Pointer<Uint16>, Size, Pointer<Pointer<Char>>, Pointer<Size>), int Function(Pointer<Uint16>, int, Pointer<Pointer<Char>>, Pointer<Size>)>('freehold_utf16_to_utf8', isLeaf: true);

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
final int Function(Pointer<Char>, Pointer<Uint16>, int, Pointer<Size>) freehold_utf16_set = _library.lookupFunction<Int32 Function(Pointer<Char>, Pointer<Uint16>, Size, Pointer<Size>), int Function(Pointer<Char>, Pointer<Uint16>, int, Pointer<Size>)>('freehold_utf16_set', isLeaf: true);

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
final int Function(Pointer<Uint16>, Pointer<Char>, int, Pointer<Size>) freehold_utf8_set = _library.lookupFunction<Int32 Function(Pointer<Uint16>, Pointer<Char>, Size, Pointer<Size>), int Function(Pointer<Uint16>, Pointer<Char>, int, Pointer<Size>)>('freehold_utf8_set', isLeaf: true);

/// The name of a family, as "malloc"; "unknown" for a number that is none.
/// Static; not to be released.
final Pointer<Char> Function(int) freehold_family_name = _library.lookupFunction<Pointer<Char> Function(Uint32), Pointer<Char> Function(int)>('freehold_family_name', isLeaf: true);

/// What is known of the block that begins at `pointer`, or in the middle of which
/// it lies. Nothing behind the pointer is read.
///
/// Errors: FREEHOLD_FOREIGN when no block is known there, FREEHOLD_DOUBLE when
/// one that began there was released; FREEHOLD_NOT_TRACKED; FREEHOLD_NULL;
/// FREEHOLD_BAD_ALIGNMENT; FREEHOLD_UNKNOWN_VALUE when `struct_bytes` is not set.
///
/// # Safety
/// `block` is null, or begins with its length and may be written to.
final int Function(Pointer<Void>, Pointer<freehold_block>) freehold_query = _library.lookupFunction<Int32 Function(Pointer<Void>, Pointer<freehold_block>), int Function(Pointer<Void>, Pointer<freehold_block>)>('freehold_query', isLeaf: true);

/// The same in words, with the stack that allocated the block. `buffer`, `room`
/// and `needed` as in `freehold_leaks`.
///
/// Errors: those of `freehold_query`, and FREEHOLD_TOO_SHORT.
///
/// # Safety
/// As for `freehold_leaks`.
final int Function(Pointer<Void>, Pointer<Char>, int, Pointer<Size>) freehold_describe = _library.lookupFunction<Int32 Function(Pointer<Void>, Pointer<Char>, Size, Pointer<Size>), int Function(Pointer<Void>, Pointer<Char>, int, Pointer<Size>)>('freehold_describe', isLeaf: true);

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
final Pointer<Void> Function(int, int) freehold_family_alloc = _library.lookupFunction<Pointer<Void> Function(Uint32, Size), Pointer<Void> Function(int, int)>('freehold_family_alloc', isLeaf: true);

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
final int Function(int, int, Pointer<Pointer<Void>>) freehold_movable_alloc = _library.lookupFunction<Int32 Function(Uint32, Size, Pointer<Pointer<Void>>), int Function(int, int, Pointer<Pointer<Void>>)>('freehold_movable_alloc', isLeaf: true);

/// `LocalLock` or `GlobalLock`: `memory` gets where the block lies, and stays as
/// long as it is locked.
///
/// Errors: FREEHOLD_NULL, FREEHOLD_UNKNOWN_VALUE; FREEHOLD_BAD_HANDLE when it is
/// no live handle of the family.
///
/// # Safety
/// `memory` is null or may be written to.
final int Function(int, Pointer<Void>, Pointer<Pointer<Void>>) freehold_movable_lock = _library.lookupFunction<Int32 Function(Uint32, Pointer<Void>, Pointer<Pointer<Void>>), int Function(int, Pointer<Void>, Pointer<Pointer<Void>>)>('freehold_movable_lock', isLeaf: true);

/// `LocalUnlock` or `GlobalUnlock`. `locks`, when it is not null, gets how many
/// locks are left.
///
/// Errors: FREEHOLD_UNKNOWN_VALUE; FREEHOLD_BAD_HANDLE when it is no live handle
/// of the family; FREEHOLD_NOT_SO when it is not locked.
///
/// # Safety
/// `locks` is null or may be written to.
final int Function(int, Pointer<Void>, Pointer<Uint32>) freehold_movable_unlock = _library.lookupFunction<Int32 Function(Uint32, Pointer<Void>, Pointer<Uint32>), int Function(int, Pointer<Void>, Pointer<Uint32>)>('freehold_movable_unlock', isLeaf: true);

/// `SysAllocStringLen`: a `BSTR` with `units` units of UTF-16, which may hold
/// NULs. `freehold_free` releases it.
///
/// Errors: FREEHOLD_NULL, FREEHOLD_BAD_ALIGNMENT, FREEHOLD_TOO_LARGE,
/// FREEHOLD_OUT_OF_MEMORY.
///
/// # Safety
/// `text` is null or has that many units; `bstr` is null or may be written to.
final int Function(Pointer<Uint16>, int, Pointer<Pointer<Uint16>>) freehold_bstr_new = _library.lookupFunction<Int32 Function(Pointer<Uint16>, Size, Pointer<Pointer<Uint16>>), int Function(Pointer<Uint16>, int, Pointer<Pointer<Uint16>>)>('freehold_bstr_new', isLeaf: true);

/// `SysStringLen`: `units` gets the units of a `BSTR`, 0 for null.
///
/// Errors: FREEHOLD_NULL (`units`); FREEHOLD_BAD_HANDLE when it is no live
/// `BSTR`.
///
/// # Safety
/// `units` is null or may be written to.
final int Function(Pointer<Uint16>, Pointer<Size>) freehold_bstr_length = _library.lookupFunction<Int32 Function(Pointer<Uint16>, Pointer<Size>), int Function(Pointer<Uint16>, Pointer<Size>)>('freehold_bstr_length', isLeaf: true);

/// `WindowsCreateString`: `hstring` gets a handle with one reference, NULL for no
/// text. `freehold_free` gives a reference back; NULL needs none.
///
/// Errors: as `freehold_bstr_new`.
///
/// # Safety
/// As for `freehold_bstr_new`.
final int Function(Pointer<Uint16>, int, Pointer<Pointer<Void>>) freehold_hstring_new = _library.lookupFunction<Int32 Function(Pointer<Uint16>, Size, Pointer<Pointer<Void>>), int Function(Pointer<Uint16>, int, Pointer<Pointer<Void>>)>('freehold_hstring_new', isLeaf: true);

/// `WindowsDuplicateString`: one reference more, to be given back with
/// `freehold_free`, too.
///
/// Errors: FREEHOLD_BAD_HANDLE when it is no live string.
final int Function(Pointer<Void>) freehold_hstring_duplicate = _library.lookupFunction<Int32 Function(Pointer<Void>), int Function(Pointer<Void>)>('freehold_hstring_duplicate', isLeaf: true);

/// `WindowsGetStringRawBuffer`: `text` gets where the text lies, with a NUL behind
/// it, as long as the string lives; `units`, when it is not null, its units.
///
/// Errors: FREEHOLD_NULL; FREEHOLD_BAD_HANDLE when it is no live string.
///
/// # Safety
/// `text` and `units` are null or may be written to.
final int Function(Pointer<Void>, Pointer<Pointer<Uint16>>, Pointer<Size>) freehold_hstring_text = _library.lookupFunction<Int32 Function(Pointer<Void>, Pointer<Pointer<Uint16>>, Pointer<Size>), int Function(Pointer<Void>, Pointer<Pointer<Uint16>>, Pointer<Size>)>('freehold_hstring_text', isLeaf: true);

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
final int Function(int, int) freehold_tracking_start = _library.lookupFunction<Int32 Function(Uint32, Uint64), int Function(int, int)>('freehold_tracking_start', isLeaf: true);

/// Blocks that are allocated from now on outside of scopes do not count as leaks.
/// They are still recorded, so that misuses are refused, and those that count
/// are still seen to go.
final void Function() freehold_tracking_stop = _library.lookupFunction<Void Function(), void Function()>('freehold_tracking_stop', isLeaf: true);

/// Whether blocks are recorded.
final bool Function() freehold_tracking_is_on = _library.lookupFunction<Bool Function(), bool Function()>('freehold_tracking_is_on', isLeaf: true);

/// Whether they are recorded in the ledger of `freehold run`.
final bool Function() freehold_tracking_is_shared = _library.lookupFunction<Bool Function(), bool Function()>('freehold_tracking_is_shared', isLeaf: true);

/// Tells that code was loaded or unloaded (`dlopen`, `dlclose`), so that nothing
/// remembered of it is used again. Not needed under `freehold run`.
final void Function() freehold_objects_changed = _library.lookupFunction<Void Function(), void Function()>('freehold_objects_changed', isLeaf: true);

/// Where the ledger lies: a path for `freehold report`, while this process lives.
/// `buffer`, `room` and `needed` as in `freehold_leaks`.
///
/// Errors: FREEHOLD_NOT_TRACKED; FREEHOLD_NULL, FREEHOLD_BAD_ALIGNMENT,
/// FREEHOLD_TOO_SHORT.
///
/// # Safety
/// As for `freehold_leaks`.
final int Function(Pointer<Char>, int, Pointer<Size>) freehold_session = _library.lookupFunction<Int32 Function(Pointer<Char>, Size, Pointer<Size>), int Function(Pointer<Char>, int, Pointer<Size>)>('freehold_session', isLeaf: true);

/// What is done about a misuse from now on, in the whole process: `policy` is
/// FREEHOLD_REFUSE (as in the beginning), FREEHOLD_ABORT or FREEHOLD_IGNORE.
///
/// Errors: FREEHOLD_UNKNOWN_VALUE.
final int Function(int) freehold_on_misuse = _library.lookupFunction<Int32 Function(Uint32), int Function(int)>('freehold_on_misuse', isLeaf: true);

/// How many releases were refused in this process, also by `freehold_finalize`.
final int Function() freehold_misuses = _library.lookupFunction<Uint64 Function(), int Function()>('freehold_misuses', isLeaf: true);

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
final int Function(int, Pointer<Char>, int, Pointer<Size>) freehold_leaks = _library.lookupFunction<Int32 Function(Uint32, Pointer<Char>, Size, Pointer<Size>), int Function(int, Pointer<Char>, int, Pointer<Size>)>('freehold_leaks', isLeaf: true);

/// The blocks that `freehold_leaks` has now count no longer; nothing is released.
final void Function() freehold_leaks_reset = _library.lookupFunction<Void Function(), void Function()>('freehold_leaks_reset', isLeaf: true);

/// How many blocks `freehold_leaks` has, and their bytes; both may be null.
///
/// Errors: FREEHOLD_NOT_TRACKED; FREEHOLD_BAD_ALIGNMENT.
///
/// # Safety
/// `blocks` and `bytes` are null or may be written to.
final int Function(Pointer<Size>, Pointer<Uint64>) freehold_leak_count = _library.lookupFunction<Int32 Function(Pointer<Size>, Pointer<Uint64>), int Function(Pointer<Size>, Pointer<Uint64>)>('freehold_leak_count', isLeaf: true);

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
final int Function(Pointer<Char>, Pointer<Uint64>) freehold_scope_begin = _library.lookupFunction<Int32 Function(Pointer<Char>, Pointer<Uint64>), int Function(Pointer<Char>, Pointer<Uint64>)>('freehold_scope_begin', isLeaf: true);

/// Puts another thread into a scope, until it calls `freehold_scope_leave` or
/// ends.
///
/// Errors: FREEHOLD_BAD_HANDLE.
final int Function(int) freehold_scope_enter = _library.lookupFunction<Int32 Function(Uint64), int Function(int)>('freehold_scope_enter', isLeaf: true);

/// Takes this thread out of a scope that it is in: it is then in the one before.
/// May be called when the scope has been ended by another thread.
///
/// Errors: FREEHOLD_NOT_INNERMOST; FREEHOLD_BAD_HANDLE when it is not in it.
final int Function(int) freehold_scope_leave = _library.lookupFunction<Int32 Function(Uint64), int Function(int)>('freehold_scope_leave', isLeaf: true);

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
final int Function(int, Pointer<Size>, Pointer<Uint64>) freehold_scope_end = _library.lookupFunction<Int32 Function(Uint64, Pointer<Size>, Pointer<Uint64>), int Function(int, Pointer<Size>, Pointer<Uint64>)>('freehold_scope_end', isLeaf: true);

/// The live blocks of a scope and those inside it, as `freehold_leaks` writes
/// them.
///
/// Errors: FREEHOLD_BAD_HANDLE; those of `freehold_leaks`.
///
/// # Safety
/// As for `freehold_leaks`.
final int Function(int, int, Pointer<Char>, int, Pointer<Size>) freehold_scope_leaks = _library.lookupFunction<Int32 Function(Uint64, Uint32, Pointer<Char>, Size, Pointer<Size>), int Function(int, int, Pointer<Char>, int, Pointer<Size>)>('freehold_scope_leaks', isLeaf: true);

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
final int Function(Pointer<freehold_frame>, int) freehold_stack_new = _library.lookupFunction<Uint64 Function(Pointer<freehold_frame>, Size), int Function(Pointer<freehold_frame>, int)>('freehold_stack_new', isLeaf: true);

/// From now on what this thread records (allocations, releases, misuses) has this
/// stack in place of one that is walked; 0 ends that. A binding sets the stack of its
/// caller before it calls the library, and 0 afterwards.
///
/// Gives false, and sets none, when the stack is stale: make it again.
final bool Function(int) freehold_stack_set = _library.lookupFunction<Bool Function(Uint64), bool Function(int)>('freehold_stack_set', isLeaf: true);

/// The stack of a live block if the walk met code of a JIT in it, which nobody has
/// named yet; else 0. Told once for each stack, to whoever asks first. For languages whose
/// frames the walk sees, but whose names only they know: see `freehold_stack_name`.
final int Function(Pointer<Void>) freehold_stack_unnamed = _library.lookupFunction<Uint64 Function(Pointer<Void>), int Function(Pointer<Void>)>('freehold_stack_unnamed', isLeaf: true);

/// The same for the stack with which this thread last released a block or was refused
/// to. When it is given names before `freehold_last_message` is called, that has them,
/// too.
final int Function() freehold_stack_last = _library.lookupFunction<Uint64 Function(), int Function()>('freehold_stack_last', isLeaf: true);

/// Gives a stack the language's frames, innermost first, once and at any time later:
/// reports show them in place of the JIT's code.
///
/// Errors: FREEHOLD_NOT_SO when it has names already, or there is no room for them;
/// FREEHOLD_BAD_HANDLE for a stack that is stale or never was one;
/// FREEHOLD_NOT_TRACKED; those of `freehold_stack_new`.
///
/// # Safety
/// As for `freehold_stack_new`.
final int Function(int, Pointer<freehold_frame>, int) freehold_stack_name = _library.lookupFunction<Int32 Function(Uint64, Pointer<freehold_frame>, Size), int Function(int, Pointer<freehold_frame>, int)>('freehold_stack_name', isLeaf: true);

/// The number of a tag, for `freehold_alloc`: the same for the same text, as long as
/// the process lives. 4,096 different ones can be told apart.
///
/// Gives 0, the number of "void", on an error: FREEHOLD_NULL, FREEHOLD_BAD_TEXT,
/// FREEHOLD_OUT_OF_MEMORY when there are too many.
///
/// # Safety
/// `name` is null or ends with a NUL.
final int Function(Pointer<Char>) freehold_tag = _library.lookupFunction<Uint32 Function(Pointer<Char>), int Function(Pointer<Char>)>('freehold_tag', isLeaf: true);

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
final Pointer<Void> Function(int, int, int, int, Pointer<Uint64>) freehold_alloc = _library.lookupFunction<Pointer<Void> Function(Size, Size, Uint32, Uint32, Pointer<Uint64>), Pointer<Void> Function(int, int, int, int, Pointer<Uint64>)>('freehold_alloc', isLeaf: true);

/// `freehold_finalize` by its address, for the VM's finalizers.
final Pointer<NativeFunction<Void Function(Pointer<Void>)>> freehold_finalize_address =
    _library.lookup('freehold_finalize');

/// `freehold_native_free` by its address.
final Pointer<NativeFunction<Void Function(Pointer<Void>)>> freehold_native_free_address =
    _library.lookup('freehold_native_free');
