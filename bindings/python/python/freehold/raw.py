"""The functions, types and constants of ``freehold.h``, for ctypes. Made by
``cargo xtask raw``; do not edit.

``library`` is the shared library; its functions have their argument and result types and
give codes as they are. The package ``freehold`` has all of it in Python's own manner.
"""

import ctypes

from freehold._library import open_library

library = open_library()

# As a length: the text ends with its first NUL.
FREEHOLD_TO_NUL = ctypes.c_size_t(-1).value
# It is done.
FREEHOLD_OK = 0
# A pointer is null that must not be.
FREEHOLD_NULL = 1
# An alignment is no power of two, or a pointer is not aligned for what it
# points to.
FREEHOLD_BAD_ALIGNMENT = 2
# A count times a size, or an address plus a size, cannot be counted.
FREEHOLD_OVERFLOW = 3
# More than PTRDIFF_MAX bytes.
FREEHOLD_TOO_LARGE = 4
# A number is none of the constants that the argument may have.
FREEHOLD_UNKNOWN_VALUE = 5
# A handle is of another kind, was ended, or never was one.
FREEHOLD_BAD_HANDLE = 6
# A text is no UTF-8, or has a NUL in the middle.
FREEHOLD_BAD_TEXT = 7
# A buffer is too short; nothing was written to it but a NUL.
FREEHOLD_TOO_SHORT = 8
# There is no memory, or a limit of the library is reached.
FREEHOLD_OUT_OF_MEMORY = 9
# The operating system refused.
FREEHOLD_SYSTEM = 10
# The block was released before.
FREEHOLD_DOUBLE = 20
# The address is no known block.
FREEHOLD_FOREIGN = 21
# The address lies in the middle of a block.
FREEHOLD_INTERIOR = 22
# The block is borrowed.
FREEHOLD_BORROWED = 23
# The block was given away.
FREEHOLD_TRANSFERRED = 24
# The block belongs to an arena.
FREEHOLD_ARENA_OWNED = 25
# The block belongs to a finalizer.
FREEHOLD_FINALIZER_OWNED = 26
# The block is of a family that this function is not for.
FREEHOLD_WRONG_FAMILY = 27
# The size that was passed is not that of the block.
FREEHOLD_SIZE_MISMATCH = 28
# A release function was called and said that it failed.
FREEHOLD_RELEASE_FAILED = 29
# The block is in use and may not move now.
FREEHOLD_IN_USE = 30
# The block is registered already: two owners would release it twice.
FREEHOLD_OWNED = 40
# The family needs more than an address to release a block.
FREEHOLD_UNRELEASABLE = 41
# The address is not inside the block that was named.
FREEHOLD_OUTSIDE = 42
# The block is not in the state that is to be ended.
FREEHOLD_NOT_SO = 43
# The ownership database asserts nothing of the function or of its slot.
FREEHOLD_NOT_KNOWN = 44
# What the function gives is not the caller's to release.
FREEHOLD_NOT_YOURS = 45
# The function that releases it cannot be called: the process has none of that
# name or several, or it takes more than the value.
FREEHOLD_NO_RELEASE = 46
# Nothing is tracked, and without that nobody can tell.
FREEHOLD_NOT_TRACKED = 50
# Blocks stay that should not.
FREEHOLD_LEAKS = 51
# The scope is not the innermost one that this thread is in.
FREEHOLD_NOT_INNERMOST = 52
# An error of the library itself.
FREEHOLD_INTERNAL = 99
# `malloc`, `calloc`, `realloc`, `posix_memalign` …: `free`.
FREEHOLD_FAMILY_MALLOC = 1
# C++ `operator new`: `operator delete`.
FREEHOLD_FAMILY_NEW = 2
# C++ `operator new[]`: `operator delete[]`.
FREEHOLD_FAMILY_NEW_ARRAY = 3
# `mmap`: `munmap`.
FREEHOLD_FAMILY_MMAP = 4
# Rust's global allocator.
FREEHOLD_FAMILY_RUST = 5
# `CoTaskMemAlloc`: `CoTaskMemFree`.
FREEHOLD_FAMILY_CO_TASK_MEM = 6
# `LocalAlloc`: `LocalFree`.
FREEHOLD_FAMILY_LOCAL = 7
# `GlobalAlloc`: `GlobalFree`.
FREEHOLD_FAMILY_GLOBAL = 8
# `HeapAlloc`: `HeapFree`.
FREEHOLD_FAMILY_HEAP = 9
# `VirtualAlloc`: `VirtualFree`.
FREEHOLD_FAMILY_VIRTUAL = 10
# `SysAllocString`: `SysFreeString`.
FREEHOLD_FAMILY_BSTR = 11
# `WindowsCreateString`: `WindowsDeleteString`.
FREEHOLD_FAMILY_HSTRING = 12
# A release function that was given when the block was adopted.
FREEHOLD_FAMILY_CUSTOM = 13
# `malloc` of `msvcrt.dll`: its `free`.
FREEHOLD_FAMILY_MSVCRT = 14
# `malloc` of `ucrtbase.dll`: its `free`.
FREEHOLD_FAMILY_UCRT = 15
# `_aligned_malloc` of `msvcrt.dll`: its `_aligned_free`.
FREEHOLD_FAMILY_MSVCRT_ALIGNED = 16
# `_aligned_malloc` of `ucrtbase.dll`: its `_aligned_free`.
FREEHOLD_FAMILY_UCRT_ALIGNED = 17
# Buffers of the network functions: `NetApiBufferFree`.
FREEHOLD_FAMILY_NET_API = 18
# Buffers of Remote Desktop Services: `WTSFreeMemory`.
FREEHOLD_FAMILY_WTS = 19
# Buffers of the credentials functions: `CredFree`.
FREEHOLD_FAMILY_CRED = 20
# `SafeArrayCreate`: `SafeArrayDestroy`.
FREEHOLD_FAMILY_SAFE_ARRAY = 21
# What a `VARIANT` holds: `VariantClear`.
FREEHOLD_FAMILY_VARIANT = 22
# What a `PROPVARIANT` holds: `PropVariantClear`.
FREEHOLD_FAMILY_PROP_VARIANT = 23
# Handles of kernel objects: `CloseHandle`.
FREEHOLD_FAMILY_HANDLE = 24
# Open registry keys: `RegCloseKey`.
FREEHOLD_FAMILY_REG_KEY = 25
# Bitmaps, brushes, fonts, palettes, pens and regions: `DeleteObject`.
FREEHOLD_FAMILY_GDI_OBJECT = 26
# Device contexts that were created: `DeleteDC`.
FREEHOLD_FAMILY_GDI_DC = 27
# Windows: `DestroyWindow`.
FREEHOLD_FAMILY_WINDOW = 28
# Menus: `DestroyMenu`.
FREEHOLD_FAMILY_MENU = 29
# Icons: `DestroyIcon`.
FREEHOLD_FAMILY_ICON = 30
# Cursors: `DestroyCursor`.
FREEHOLD_FAMILY_CURSOR = 31
# Accelerator tables: `DestroyAcceleratorTable`.
FREEHOLD_FAMILY_ACCELERATORS = 32
# References to COM objects: `IUnknown::Release`.
FREEHOLD_FAMILY_COM = 33
# You: the code that allocated or adopted it.
FREEHOLD_OWNER_YOU = 0
# An arena.
FREEHOLD_OWNER_ARENA = 1
# A finalizer of a managed object.
FREEHOLD_OWNER_FINALIZER = 2
# The API that lent it.
FREEHOLD_OWNER_API = 3
# Somebody that it was given to.
FREEHOLD_OWNER_TRANSFERRED = 4
# Bytes of `tag` and `scope` in `freehold_block`, NUL included.
FREEHOLD_NAME_BYTES = 64
# A report for people.
FREEHOLD_TEXT = 0
# A JSON array: an object for each block, with "address", "type", "size",
# "timestamp" and "stack".
FREEHOLD_JSON = 1
# A misuse is refused, and its code given.
FREEHOLD_REFUSE = 0
# A misuse is printed on standard error and ends the process.
FREEHOLD_ABORT = 1
# A misuse is refused and counted, and FREEHOLD_OK given.
FREEHOLD_IGNORE = 2
# A language of frames.
FREEHOLD_PYTHON = 1
# A language of frames.
FREEHOLD_JAVASCRIPT = 2
# A language of frames.
FREEHOLD_DART = 3
# For `freehold_alloc`: the block is zeroed.
FREEHOLD_ZEROED = 1
# For `freehold_alloc`: the block is recorded while blocks are tracked, but does not
# count as a leak when it stays.
FREEHOLD_UNCOUNTED = 2
# Most frames of a stack that are kept.
FREEHOLD_MAX_FRAMES = 128

# How a call went: `FREEHOLD_OK` (0), or why nothing was done. Codes are only
# ever added. `freehold_last_message()` has the explanation.
freehold_code = ctypes.c_int32

# Releases `block`; `context` is what was given with the function. Gives 0 when
# it is released, any other number when it is not.
freehold_release = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)

# An arena. Checked: one that was released is an error, not undefined. 0 is
# never one.
freehold_arena = ctypes.c_uint64

# Done when an arena is released. Gives 0 when it succeeded.
freehold_action = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)


class freehold_block(ctypes.Structure):
    """What is known of a live block."""

    _fields_ = [
        ("struct_bytes", ctypes.c_size_t),
        ("base", ctypes.c_void_p),
        ("offset", ctypes.c_size_t),
        ("size", ctypes.c_size_t),
        ("family", ctypes.c_uint32),
        ("owner", ctypes.c_uint32),
        ("allocated_ns", ctypes.c_uint64),
        ("tag", ctypes.c_char * FREEHOLD_NAME_BYTES),
        ("scope", ctypes.c_char * FREEHOLD_NAME_BYTES),
    ]



# A scope. Checked: one that was ended is an error, not undefined. 0 is never
# one.
freehold_scope = ctypes.c_uint64

# A stack in the ledger; 0 is none. It belongs to one ledger: after a fork, or when
# tracking began again, it is stale, which is noticed.
freehold_stack = ctypes.c_uint64


class freehold_frame(ctypes.Structure):
    """A frame in code of a managed language. Texts are UTF-8, ended by a NUL, and copied;
null is as ""."""

    _fields_ = [
        ("function", ctypes.c_char_p),
        ("file", ctypes.c_char_p),
        ("line", ctypes.c_uint32),
        ("column", ctypes.c_uint32),
        ("language", ctypes.c_uint32),
    ]



# The version of the library, as "0.1.0". Static; not to be released.
freehold_version = library.freehold_version
freehold_version.argtypes = []
freehold_version.restype = ctypes.c_char_p

# The code of the last call that failed on this thread; FREEHOLD_OK when there
# was none. A call that succeeds leaves it as it is, as with `errno`.
freehold_last_code = library.freehold_last_code
freehold_last_code.argtypes = []
freehold_last_code.restype = freehold_code

# The explanation of the last call that failed on this thread, in UTF-8: what
# happened, to which block, where that was allocated and released, and what to
# do. "" when there was none; never null.
#
# It belongs to the library and lives until the next call that fails on this
# thread, `freehold_clear_error`, or the end of the thread: copy what is to
# stay.
freehold_last_message = library.freehold_last_message
freehold_last_message.argtypes = []
freehold_last_message.restype = ctypes.c_char_p

# Forgets the last error of this thread.
freehold_clear_error = library.freehold_clear_error
freehold_clear_error.argtypes = []
freehold_clear_error.restype = None

# The name of a code, as "FREEHOLD_DOUBLE"; "unknown" for any other number.
# Static; not to be released.
freehold_code_name = library.freehold_code_name
freehold_code_name.argtypes = [freehold_code]
freehold_code_name.restype = ctypes.c_char_p

# A block of `size` bytes with anything in them. No bytes are a block of their
# own, too.
#
# The caller owns it: release it with `freehold_free` (or C's `free`, which the
# tracker sees only under `freehold run`). While blocks are tracked it counts as
# a leak when it stays.
#
# Gives NULL on an error: FREEHOLD_OUT_OF_MEMORY, FREEHOLD_TOO_LARGE.
freehold_malloc = library.freehold_malloc
freehold_malloc.argtypes = [ctypes.c_size_t]
freehold_malloc.restype = ctypes.c_void_p

# A zeroed block of `count` times `size` bytes; otherwise as `freehold_malloc`.
#
# Gives NULL on an error: FREEHOLD_OVERFLOW when that cannot be counted,
# FREEHOLD_OUT_OF_MEMORY, FREEHOLD_TOO_LARGE.
freehold_calloc = library.freehold_calloc
freehold_calloc.argtypes = [ctypes.c_size_t, ctypes.c_size_t]
freehold_calloc.restype = ctypes.c_void_p

# A block of `size` bytes at a multiple of `alignment`, a power of two;
# otherwise as `freehold_malloc`. `size` need be no multiple of it.
#
# Gives NULL on an error: FREEHOLD_BAD_ALIGNMENT, FREEHOLD_OUT_OF_MEMORY,
# FREEHOLD_TOO_LARGE.
freehold_aligned_alloc = library.freehold_aligned_alloc
freehold_aligned_alloc.argtypes = [ctypes.c_size_t, ctypes.c_size_t]
freehold_aligned_alloc.restype = ctypes.c_void_p

# A zeroed block for `count` elements of `size` bytes each, at a multiple of
# `alignment`, a power of two. `tag` names what is in it, for reports; NULL for
# nothing in particular. It is copied, and 4,096 different ones can be told
# apart: name the type, not the block.
#
# The macro FREEHOLD_NEW(type, count) calls it with all three of a type.
# Otherwise as `freehold_malloc`.
#
# Gives NULL on an error: FREEHOLD_OVERFLOW, FREEHOLD_BAD_ALIGNMENT,
# FREEHOLD_BAD_TEXT (the tag), FREEHOLD_OUT_OF_MEMORY, FREEHOLD_TOO_LARGE.
#
# # Safety
# `tag` is null or ends with a NUL.
freehold_typed = library.freehold_typed
freehold_typed.argtypes = [ctypes.c_size_t, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_char_p]
freehold_typed.restype = ctypes.c_void_p

# A block of `size` bytes with the first bytes of `block`, which is released;
# the old address must not be used any more. Its tag and scope go along. An
# alignment of more than 16 bytes may be lost. With `block` NULL it is
# `freehold_malloc`; with `size` 0 a block of no bytes.
#
# Gives NULL on an error, and `block` is then as it was:
# FREEHOLD_OUT_OF_MEMORY, FREEHOLD_TOO_LARGE, FREEHOLD_IN_USE, or a misuse as
# `freehold_free` has it; FREEHOLD_WRONG_FAMILY when it is none of `malloc`.
#
# # Safety
# As for `freehold_free`.
freehold_realloc = library.freehold_realloc
freehold_realloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
freehold_realloc.restype = ctypes.c_void_p

# Releases a block of any family: it finds out what the pointer is and calls
# what releases it. The same in every build.
#
# Blocks that were adopted or come from a family other than `malloc` are always
# known; those of `malloc` while blocks are tracked. Then every misuse is
# refused, the block stays as it was, and `freehold_last_message` has the whole
# explanation with the stacks that are known:
# FREEHOLD_NULL, FREEHOLD_DOUBLE, FREEHOLD_FOREIGN, FREEHOLD_INTERIOR,
# FREEHOLD_BORROWED, FREEHOLD_TRANSFERRED, FREEHOLD_ARENA_OWNED,
# FREEHOLD_FINALIZER_OWNED; FREEHOLD_RELEASE_FAILED when the release function
# said so.
#
# ```c
# if (freehold_free(block) != FREEHOLD_OK)
#     fprintf(stderr, "%s\n", freehold_last_message());
# ```
#
# # Safety
# Nobody uses the block any more. While nothing is tracked, it is null, a
# registered block or a live one of `malloc`: there is nobody who could tell.
freehold_free = library.freehold_free
freehold_free.argtypes = [ctypes.c_void_p]
freehold_free.restype = freehold_code

# Releases a block of which the caller knows the size: it must agree.
#
# Errors: as `freehold_free`, and FREEHOLD_SIZE_MISMATCH.
#
# # Safety
# As for `freehold_free`.
freehold_free_sized = library.freehold_free_sized
freehold_free_sized.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
freehold_free_sized.restype = freehold_code

# As `freehold_free`, for callers who must not be called back, as the leaf calls of a
# managed language: when the block's release is a function that was given with it, or
# one of another library, nothing is done, and FREEHOLD_NOT_SO given without a message.
# Then call `freehold_free`.
#
# # Safety
# As for `freehold_free`.
freehold_free_leaf = library.freehold_free_leaf
freehold_free_leaf.argtypes = [ctypes.c_void_p]
freehold_free_leaf.restype = freehold_code

# Releases a block that must be of one family, as that family's own release
# function does: `family` is one of the constants FREEHOLD_FAMILY_….
#
# Errors: as `freehold_free`; FREEHOLD_WRONG_FAMILY; FREEHOLD_UNKNOWN_VALUE.
#
# # Safety
# As for `freehold_free`.
freehold_free_as = library.freehold_free_as
freehold_free_as.argtypes = [ctypes.c_uint32, ctypes.c_void_p]
freehold_free_as.restype = freehold_code

# Releases a block of `malloc` by the platform's own function, without any
# refusal, and tells the tracker. For places that want a
# `void (*)(void *)` for blocks which are known to be right. Null does nothing.
#
# # Safety
# `block` is null or a live block of `malloc` that nobody uses any more.
freehold_native_free = library.freehold_native_free
freehold_native_free.argtypes = [ctypes.c_void_p]
freehold_native_free.restype = None

# The native finalizer: releases a block that was left to one by
# `freehold_attach_finalizer`, and the tracker sees it. Give it to the runtime
# of a language with a garbage collector (Dart's `NativeFinalizer`, Python's
# `weakref.finalize`, a `PyCapsule`); it may call it on any thread. Null does
# nothing. A misuse is refused and counted: see `freehold_misuses`.
#
# # Safety
# As for `freehold_free`.
freehold_finalize = library.freehold_finalize
freehold_finalize.argtypes = [ctypes.c_void_p]
freehold_finalize.restype = None

# Takes over a block that an API returned: from now on `freehold_free` releases
# it with the function of `family` (a constant FREEHOLD_FAMILY_…), and when it
# stays it is a leak. `size` is its length in bytes, 0 when it is not known.
#
# ```c
# char *text = strdup("hello");
# freehold_adopt(text, 6, FREEHOLD_FAMILY_MALLOC);
# freehold_free(text);
# ```
#
# Errors: FREEHOLD_NULL when the API gave nothing; FREEHOLD_OWNED when the
# block is registered already; FREEHOLD_UNRELEASABLE for a family that needs
# more than an address (`mmap`, Rust): adopt it with a function;
# FREEHOLD_UNKNOWN_VALUE; FREEHOLD_TOO_LARGE; FREEHOLD_OVERFLOW.
#
# # Safety
# `block` is null or a live block that this family's function may release,
# once, on any thread; nobody else does.
freehold_adopt = library.freehold_adopt
freehold_adopt.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32]
freehold_adopt.restype = freehold_code

# The same for a block that `release` releases, which is given `context` each
# time; it is called once, unless it fails.
#
# Errors: as `freehold_adopt`; FREEHOLD_NULL for a null function, too.
#
# # Safety
# As for `freehold_adopt`. `release` may be called on any thread as long as the
# block lives, throws nothing and does not `longjmp`; `context` is valid for it
# as long.
freehold_adopt_with = library.freehold_adopt_with
freehold_adopt_with.argtypes = [ctypes.c_void_p, ctypes.c_size_t, freehold_release, ctypes.c_void_p]
freehold_adopt_with.restype = freehold_code

# Takes over what a function of a library gave, by the function's name: the ownership
# database knows what releases it, and `freehold_free` will call that. When it stays it
# is a leak of that function.
#
# `function` is the name as the documentation has it, of a method with its interface
# before it (`IShellItem::GetDisplayName`); `slot` is `return`, the name of a
# parameter, or one with a field or `[]` behind it (`pDataOut.pbData`); `size` is the
# length in bytes, 0 when it is not known. `freehold owner NAME` shows functions and
# slots, and conditions, which must hold. On Windows the functions of Win32 and COM
# are known, elsewhere those of C libraries. A library whose function is needed later
# stays loaded. A handle of Windows that is no memory is closed by
# `freehold_handle_close`.
#
# ```c
# DIR *folder = opendir("/");
# freehold_adopt_from("opendir", "return", folder, 0);
# freehold_free(folder); // by closedir
# ```
#
# Errors: FREEHOLD_NULL when the API gave nothing; FREEHOLD_NOT_KNOWN;
# FREEHOLD_NOT_YOURS, as of what `getenv` gives; FREEHOLD_NO_RELEASE; FREEHOLD_OWNED
# when the block is registered already; FREEHOLD_BAD_TEXT; FREEHOLD_TOO_LARGE;
# FREEHOLD_OVERFLOW.
#
# # Safety
# The names end with a NUL. `block` is null or what this function gave in this slot,
# live; nobody else releases it, and its release may be called on any thread.
freehold_adopt_from = library.freehold_adopt_from
freehold_adopt_from.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t]
freehold_adopt_from.restype = freehold_code

# Takes over a handle that is no memory (FREEHOLD_FAMILY_HANDLE, …_REG_KEY, …_MENU …)
# and that an API of Windows gave: when it stays it is a leak.
#
# Errors: FREEHOLD_NULL for what says that the API failed; FREEHOLD_OWNED when it is
# adopted already; FREEHOLD_UNRELEASABLE for a family without such handles, which are
# all where there is no Windows, and in 32-bit programs; FREEHOLD_NOT_YOURS for a
# handle that is always there; FREEHOLD_UNKNOWN_VALUE.
#
# # Safety
# `handle` is a live one of this family, which nobody else closes.
freehold_handle_adopt = library.freehold_handle_adopt
freehold_handle_adopt.argtypes = [ctypes.c_uint32, ctypes.c_void_p]
freehold_handle_adopt.restype = freehold_code

# Closes a handle by the function of its family.
#
# Errors: as `freehold_free`: FREEHOLD_DOUBLE, FREEHOLD_FOREIGN for one that was not
# adopted, FREEHOLD_WRONG_FAMILY, FREEHOLD_RELEASE_FAILED: then it is still adopted.
#
# # Safety
# Nobody uses the handle any more; that of a window belongs to this thread.
freehold_handle_close = library.freehold_handle_close
freehold_handle_close.argtypes = [ctypes.c_uint32, ctypes.c_void_p]
freehold_handle_close.restype = freehold_code

# Notes a block that an API only lends: releases of it are refused until
# `freehold_give_back`. It is not read.
#
# Errors: FREEHOLD_NULL, FREEHOLD_OWNED, FREEHOLD_TOO_LARGE, FREEHOLD_OVERFLOW.
freehold_borrow = library.freehold_borrow
freehold_borrow.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
freehold_borrow.restype = freehold_code

# Notes a pointer into the block that begins at `base`: `freehold_free` names
# the base when it is given the pointer, until `freehold_give_back`.
#
# Errors: FREEHOLD_NULL; FREEHOLD_OUTSIDE when it is not behind the base, or
# not inside a registered block; FREEHOLD_OWNED.
freehold_interior = library.freehold_interior
freehold_interior.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
freehold_interior.restype = freehold_code

# Forgets a borrowed or interior pointer: the API has it back.
#
# Errors: FREEHOLD_NOT_SO when it is neither.
freehold_give_back = library.freehold_give_back
freehold_give_back.argtypes = [ctypes.c_void_p]
freehold_give_back.restype = freehold_code

# Gives a block away: whoever gets the pointer releases it, with the function
# of its family and perhaps unseen. It counts no longer as a leak, and
# `freehold_free` refuses it.
#
# Errors: FREEHOLD_NULL; FREEHOLD_FOREIGN when nobody knows the block;
# FREEHOLD_NOT_TRACKED when nothing is tracked, so that nobody can.
#
# # Safety
# The new owner releases it.
freehold_transfer = library.freehold_transfer
freehold_transfer.argtypes = [ctypes.c_void_p]
freehold_transfer.restype = freehold_code

# Leaves a block to a finalizer: `freehold_free` refuses it until
# `freehold_detach_finalizer`, and `freehold_finalize` releases it. `size` is
# its length in bytes, for blocks of `malloc` that nobody has recorded.
#
# Errors: FREEHOLD_NULL, FREEHOLD_TOO_LARGE, FREEHOLD_OVERFLOW.
#
# # Safety
# `block` is null, a block that `freehold_free` knows, or a live block of
# `malloc` that nobody else releases.
freehold_attach_finalizer = library.freehold_attach_finalizer
freehold_attach_finalizer.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
freehold_attach_finalizer.restype = freehold_code

# Takes a block back from its finalizer, which the caller has cancelled.
#
# Errors: FREEHOLD_NOT_SO when it has none.
freehold_detach_finalizer = library.freehold_detach_finalizer
freehold_detach_finalizer.argtypes = [ctypes.c_void_p]
freehold_detach_finalizer.restype = freehold_code

# A new arena, for any number of threads. The caller releases it with
# `freehold_arena_release`.
#
# Errors: FREEHOLD_NULL, FREEHOLD_BAD_ALIGNMENT.
#
# # Safety
# `arena` is null or may be written to.
freehold_arena_new = library.freehold_arena_new
freehold_arena_new.argtypes = [ctypes.c_void_p]
freehold_arena_new.restype = freehold_code

# A zeroed block that lives as long as the arena: `count` elements of `size`
# bytes, at a multiple of `alignment`; `tag` as in `freehold_typed`. Its address
# goes to `block`, NULL on an error. It belongs to the arena: releases of it are
# refused while blocks are tracked.
#
# Errors: FREEHOLD_BAD_HANDLE; FREEHOLD_NULL; those of `freehold_typed`.
#
# # Safety
# `tag` is null or ends with a NUL; `block` is null or may be written to.
freehold_arena_alloc = library.freehold_arena_alloc
freehold_arena_alloc.argtypes = [freehold_arena, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_void_p]
freehold_arena_alloc.restype = freehold_code

# Takes over a block that an API returned: the arena releases it with the
# function of `family`. Otherwise as `freehold_adopt`.
#
# Errors: FREEHOLD_BAD_HANDLE; those of `freehold_adopt`.
#
# # Safety
# As for `freehold_adopt`.
freehold_arena_adopt = library.freehold_arena_adopt
freehold_arena_adopt.argtypes = [freehold_arena, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32]
freehold_arena_adopt.restype = freehold_code

# The same with a release function, as `freehold_adopt_with`.
#
# Errors: FREEHOLD_BAD_HANDLE; those of `freehold_adopt_with`.
#
# # Safety
# As for `freehold_adopt_with`.
freehold_arena_adopt_with = library.freehold_arena_adopt_with
freehold_arena_adopt_with.argtypes = [freehold_arena, ctypes.c_void_p, ctypes.c_size_t, freehold_release, ctypes.c_void_p]
freehold_arena_adopt_with.restype = freehold_code

# Does something when the arena is released, in the reverse order of these
# calls and of the blocks between them. What was allocated before it is still
# there then; the arena itself can no longer be used.
#
# Errors: FREEHOLD_BAD_HANDLE, FREEHOLD_NULL.
#
# # Safety
# `action` may be called with `context` on any thread until the arena is
# released, throws nothing and does not `longjmp`.
freehold_arena_on_release = library.freehold_arena_on_release
freehold_arena_on_release.argtypes = [freehold_arena, freehold_action, ctypes.c_void_p]
freehold_arena_on_release.restype = freehold_code

# Takes a block out of the arena, by its first byte: from now on it is the
# caller's, to be released with `freehold_free`.
#
# Errors: FREEHOLD_BAD_HANDLE; FREEHOLD_FOREIGN when no block of the arena
# begins there.
freehold_arena_move_out = library.freehold_arena_move_out
freehold_arena_move_out.argtypes = [freehold_arena, ctypes.c_void_p]
freehold_arena_move_out.restype = freehold_code

# Releases everything in the arena, the last first, and goes on after a
# failure. The handle is none any more, whatever this gives. `failures`, when
# it is not null, gets how many releases failed.
#
# Errors: FREEHOLD_BAD_HANDLE; when releases failed, the code of the first of
# them, with all of them in the message.
#
# # Safety
# Nobody uses the arena's blocks any more; `failures` is null or may be written
# to.
freehold_arena_release = library.freehold_arena_release
freehold_arena_release.argtypes = [freehold_arena, ctypes.c_void_p]
freehold_arena_release.restype = freehold_code

# A text in UTF-16, made of `length` bytes of UTF-8 (FREEHOLD_TO_NUL: up to the
# NUL). A NUL is put behind it.
#
# `wide` gets a block that the caller owns and releases with `freehold_free`
# (NULL on an error), `wide_length`, when it is not null, its units without the
# NUL.
#
# Errors: FREEHOLD_NULL; FREEHOLD_BAD_TEXT when it is no UTF-8 or has a NUL in
# the middle; FREEHOLD_TOO_LARGE; FREEHOLD_OUT_OF_MEMORY.
#
# # Safety
# `text` is null, or that many bytes may be read; the others are null or may be
# written to.
freehold_utf8_to_utf16 = library.freehold_utf8_to_utf16
freehold_utf8_to_utf16.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p]
freehold_utf8_to_utf16.restype = freehold_code

# A text in UTF-8, made of `length` units of UTF-16 (FREEHOLD_TO_NUL: up to the
# NUL). A NUL is put behind it. A surrogate without its other half becomes
# U+FFFD.
#
# `text` gets a block that the caller owns and releases with `freehold_free`
# (NULL on an error), `text_length`, when it is not null, its bytes without the
# NUL.
#
# Errors: FREEHOLD_NULL; FREEHOLD_BAD_ALIGNMENT; FREEHOLD_BAD_TEXT when it has a
# NUL in the middle; FREEHOLD_TOO_LARGE; FREEHOLD_OUT_OF_MEMORY.
#
# # Safety
# `wide` is null, or that many units may be read; the others are null or may be
# written to.
freehold_utf16_to_utf8 = library.freehold_utf16_to_utf8
freehold_utf16_to_utf8.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p]
freehold_utf16_to_utf8.restype = freehold_code

# Writes a text in UTF-8, up to its NUL, as UTF-16 with a NUL into a buffer of
# `room` units. `needed`, when it is not null, gets the units that this takes,
# NUL included, also when there is no room.
#
# Errors: FREEHOLD_NULL; FREEHOLD_BAD_ALIGNMENT; FREEHOLD_BAD_TEXT;
# FREEHOLD_TOO_SHORT: nothing was written.
#
# # Safety
# `text` is null or ends with a NUL; `buffer` is null or has that much room;
# `needed` is null or may be written to.
freehold_utf16_set = library.freehold_utf16_set
freehold_utf16_set.argtypes = [ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
freehold_utf16_set.restype = freehold_code

# Writes a text in UTF-16, up to its NUL, as UTF-8 with a NUL into a buffer of
# `room` bytes. `needed`, when it is not null, gets the bytes that this takes,
# NUL included, also when there is no room.
#
# Errors: FREEHOLD_NULL; FREEHOLD_BAD_ALIGNMENT; FREEHOLD_TOO_SHORT: nothing was
# written.
#
# # Safety
# `wide` is null or ends with a NUL; `buffer` is null or has that much room;
# `needed` is null or may be written to.
freehold_utf8_set = library.freehold_utf8_set
freehold_utf8_set.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
freehold_utf8_set.restype = freehold_code

# The name of a family, as "malloc"; "unknown" for a number that is none.
# Static; not to be released.
freehold_family_name = library.freehold_family_name
freehold_family_name.argtypes = [ctypes.c_uint32]
freehold_family_name.restype = ctypes.c_char_p

# What is known of the block that begins at `pointer`, or in the middle of which
# it lies. Nothing behind the pointer is read.
#
# Errors: FREEHOLD_FOREIGN when no block is known there, FREEHOLD_DOUBLE when
# one that began there was released; FREEHOLD_NOT_TRACKED; FREEHOLD_NULL;
# FREEHOLD_BAD_ALIGNMENT; FREEHOLD_UNKNOWN_VALUE when `struct_bytes` is not set.
#
# # Safety
# `block` is null, or begins with its length and may be written to.
freehold_query = library.freehold_query
freehold_query.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
freehold_query.restype = freehold_code

# The same in words, with the stack that allocated the block. `buffer`, `room`
# and `needed` as in `freehold_leaks`.
#
# Errors: those of `freehold_query`, and FREEHOLD_TOO_SHORT.
#
# # Safety
# As for `freehold_leaks`.
freehold_describe = library.freehold_describe
freehold_describe.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
freehold_describe.restype = freehold_code

# A zeroed block of `size` bytes by the allocation function of `family`: one of
# FREEHOLD_FAMILY_MALLOC (not on Windows, where each program has a C library of
# its own: adopt what its malloc gives), _NEW, _NEW_ARRAY, _CO_TASK_MEM, _LOCAL and _GLOBAL
# (fixed blocks), _HEAP (the process's heap) and _VIRTUAL (whole pages).
#
# `freehold_free` releases it, and `freehold_free_as` with the same family.
# Otherwise as `freehold_malloc`.
#
# Gives NULL on an error: FREEHOLD_UNKNOWN_VALUE for other families;
# FREEHOLD_OUT_OF_MEMORY; FREEHOLD_TOO_LARGE, which no bytes of _VIRTUAL are,
# too; FREEHOLD_SYSTEM when there is no C++ in the process.
freehold_family_alloc = library.freehold_family_alloc
freehold_family_alloc.argtypes = [ctypes.c_uint32, ctypes.c_size_t]
freehold_family_alloc.restype = ctypes.c_void_p

# A movable block (`LocalAlloc` or `GlobalAlloc` with the flag for it) of `size`
# zeroed bytes. `handle` gets its handle, which is no address of the block;
# `freehold_free` releases it.
#
# Errors: FREEHOLD_NULL; FREEHOLD_UNKNOWN_VALUE when `family` is neither
# FREEHOLD_FAMILY_LOCAL nor FREEHOLD_FAMILY_GLOBAL; FREEHOLD_OUT_OF_MEMORY;
# FREEHOLD_TOO_LARGE.
#
# # Safety
# `handle` is null or may be written to.
freehold_movable_alloc = library.freehold_movable_alloc
freehold_movable_alloc.argtypes = [ctypes.c_uint32, ctypes.c_size_t, ctypes.c_void_p]
freehold_movable_alloc.restype = freehold_code

# `LocalLock` or `GlobalLock`: `memory` gets where the block lies, and stays as
# long as it is locked.
#
# Errors: FREEHOLD_NULL, FREEHOLD_UNKNOWN_VALUE; FREEHOLD_BAD_HANDLE when it is
# no live handle of the family.
#
# # Safety
# `memory` is null or may be written to.
freehold_movable_lock = library.freehold_movable_lock
freehold_movable_lock.argtypes = [ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p]
freehold_movable_lock.restype = freehold_code

# `LocalUnlock` or `GlobalUnlock`. `locks`, when it is not null, gets how many
# locks are left.
#
# Errors: FREEHOLD_UNKNOWN_VALUE; FREEHOLD_BAD_HANDLE when it is no live handle
# of the family; FREEHOLD_NOT_SO when it is not locked.
#
# # Safety
# `locks` is null or may be written to.
freehold_movable_unlock = library.freehold_movable_unlock
freehold_movable_unlock.argtypes = [ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p]
freehold_movable_unlock.restype = freehold_code

# `SysAllocStringLen`: a `BSTR` with `units` units of UTF-16, which may hold
# NULs. `freehold_free` releases it.
#
# Errors: FREEHOLD_NULL, FREEHOLD_BAD_ALIGNMENT, FREEHOLD_TOO_LARGE,
# FREEHOLD_OUT_OF_MEMORY.
#
# # Safety
# `text` is null or has that many units; `bstr` is null or may be written to.
freehold_bstr_new = library.freehold_bstr_new
freehold_bstr_new.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
freehold_bstr_new.restype = freehold_code

# `SysStringLen`: `units` gets the units of a `BSTR`, 0 for null.
#
# Errors: FREEHOLD_NULL (`units`); FREEHOLD_BAD_HANDLE when it is no live
# `BSTR`.
#
# # Safety
# `units` is null or may be written to.
freehold_bstr_length = library.freehold_bstr_length
freehold_bstr_length.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
freehold_bstr_length.restype = freehold_code

# `WindowsCreateString`: `hstring` gets a handle with one reference, NULL for no
# text. `freehold_free` gives a reference back; NULL needs none.
#
# Errors: as `freehold_bstr_new`.
#
# # Safety
# As for `freehold_bstr_new`.
freehold_hstring_new = library.freehold_hstring_new
freehold_hstring_new.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
freehold_hstring_new.restype = freehold_code

# `WindowsDuplicateString`: one reference more, to be given back with
# `freehold_free`, too.
#
# Errors: FREEHOLD_BAD_HANDLE when it is no live string.
freehold_hstring_duplicate = library.freehold_hstring_duplicate
freehold_hstring_duplicate.argtypes = [ctypes.c_void_p]
freehold_hstring_duplicate.restype = freehold_code

# `WindowsGetStringRawBuffer`: `text` gets where the text lies, with a NUL behind
# it, as long as the string lives; `units`, when it is not null, its units.
#
# Errors: FREEHOLD_NULL; FREEHOLD_BAD_HANDLE when it is no live string.
#
# # Safety
# `text` and `units` are null or may be written to.
freehold_hstring_text = library.freehold_hstring_text
freehold_hstring_text.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
freehold_hstring_text.restype = freehold_code

# Begins to track, and to count blocks as leaks that stay. Call it before the
# first block: `freehold_free` refuses older ones as foreign. When the program
# was started by `freehold run`, its ledger is used, and the arguments do not
# matter; neither do they when tracking is on already.
#
# `depth` is the number of frames of each stack (0: 64, at most 128),
# `max_memory` the hard limit for the ledger in bytes (0: 1 GiB).
#
# Errors: FREEHOLD_SYSTEM when the system refuses the memory file;
# FREEHOLD_UNKNOWN_VALUE for a depth beyond 128.
freehold_tracking_start = library.freehold_tracking_start
freehold_tracking_start.argtypes = [ctypes.c_uint32, ctypes.c_uint64]
freehold_tracking_start.restype = freehold_code

# Blocks that are allocated from now on outside of scopes do not count as leaks.
# They are still recorded, so that misuses are refused, and those that count
# are still seen to go.
freehold_tracking_stop = library.freehold_tracking_stop
freehold_tracking_stop.argtypes = []
freehold_tracking_stop.restype = None

# Whether blocks are recorded.
freehold_tracking_is_on = library.freehold_tracking_is_on
freehold_tracking_is_on.argtypes = []
freehold_tracking_is_on.restype = ctypes.c_bool

# Whether they are recorded in the ledger of `freehold run`.
freehold_tracking_is_shared = library.freehold_tracking_is_shared
freehold_tracking_is_shared.argtypes = []
freehold_tracking_is_shared.restype = ctypes.c_bool

# Tells that code was loaded or unloaded (`dlopen`, `dlclose`), so that nothing
# remembered of it is used again. Not needed under `freehold run`.
freehold_objects_changed = library.freehold_objects_changed
freehold_objects_changed.argtypes = []
freehold_objects_changed.restype = None

# Where the ledger lies: a path for `freehold report`, while this process lives.
# `buffer`, `room` and `needed` as in `freehold_leaks`.
#
# Errors: FREEHOLD_NOT_TRACKED; FREEHOLD_NULL, FREEHOLD_BAD_ALIGNMENT,
# FREEHOLD_TOO_SHORT.
#
# # Safety
# As for `freehold_leaks`.
freehold_session = library.freehold_session
freehold_session.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
freehold_session.restype = freehold_code

# What is done about a misuse from now on, in the whole process: `policy` is
# FREEHOLD_REFUSE (as in the beginning), FREEHOLD_ABORT or FREEHOLD_IGNORE.
#
# Errors: FREEHOLD_UNKNOWN_VALUE.
freehold_on_misuse = library.freehold_on_misuse
freehold_on_misuse.argtypes = [ctypes.c_uint32]
freehold_on_misuse.restype = freehold_code

# How many releases were refused in this process, also by `freehold_finalize`.
freehold_misuses = library.freehold_misuses
freehold_misuses.argtypes = []
freehold_misuses.restype = ctypes.c_uint64

# The blocks that live and count: in the scope that this thread is in with
# those inside it, or, in none, those that were allocated in none. Written as
# `format` says: FREEHOLD_TEXT or FREEHOLD_JSON, in UTF-8 with a NUL.
#
# `needed`, when it is not null, gets the bytes of the text and its NUL, also
# when there is no room. With `buffer` NULL and `room` 0 only that is done. The
# text may be longer at the next call: go round until there is room.
#
# Errors: FREEHOLD_TOO_SHORT: nothing was written but a NUL; FREEHOLD_NULL;
# FREEHOLD_UNKNOWN_VALUE; FREEHOLD_BAD_ALIGNMENT.
#
# # Safety
# `buffer` is null or has room for `room` bytes; `needed` is null or may be
# written to.
freehold_leaks = library.freehold_leaks
freehold_leaks.argtypes = [ctypes.c_uint32, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
freehold_leaks.restype = freehold_code

# The blocks that `freehold_leaks` has now count no longer; nothing is released.
freehold_leaks_reset = library.freehold_leaks_reset
freehold_leaks_reset.argtypes = []
freehold_leaks_reset.restype = None

# How many blocks `freehold_leaks` has, and their bytes; both may be null.
#
# Errors: FREEHOLD_NOT_TRACKED; FREEHOLD_BAD_ALIGNMENT.
#
# # Safety
# `blocks` and `bytes` are null or may be written to.
freehold_leak_count = library.freehold_leak_count
freehold_leak_count.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
freehold_leak_count.restype = freehold_code

# Begins a scope inside the one that this thread is in, and puts this thread
# into it: what it allocates from now on counts there, whoever releases it.
# Begins tracking when it is off. `name` is for reports.
#
# The caller ends it with `freehold_scope_end`. Scopes of a thread nest: the
# last begun or entered is the first ended or left.
#
# Errors: FREEHOLD_NULL, FREEHOLD_BAD_TEXT, FREEHOLD_BAD_ALIGNMENT.
#
# # Safety
# `name` is null or ends with a NUL; `scope` is null or may be written to.
freehold_scope_begin = library.freehold_scope_begin
freehold_scope_begin.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
freehold_scope_begin.restype = freehold_code

# Puts another thread into a scope, until it calls `freehold_scope_leave` or
# ends.
#
# Errors: FREEHOLD_BAD_HANDLE.
freehold_scope_enter = library.freehold_scope_enter
freehold_scope_enter.argtypes = [freehold_scope]
freehold_scope_enter.restype = freehold_code

# Takes this thread out of a scope that it is in: it is then in the one before.
# May be called when the scope has been ended by another thread.
#
# Errors: FREEHOLD_NOT_INNERMOST; FREEHOLD_BAD_HANDLE when it is not in it.
freehold_scope_leave = library.freehold_scope_leave
freehold_scope_leave.argtypes = [freehold_scope]
freehold_scope_leave.restype = freehold_code

# Ends a scope, takes this thread out of it, and gives the verdict. What stays
# counts from now on for the scope around it. The handle is none any more,
# unless this gives FREEHOLD_NOT_INNERMOST.
#
# `blocks` and `bytes`, when they are not null, get what stays.
#
# Errors: FREEHOLD_LEAKS when something stays: the message has each block with
# its stack; FREEHOLD_NOT_TRACKED when the scope could not be counted;
# FREEHOLD_BAD_HANDLE; FREEHOLD_NOT_INNERMOST.
#
# # Safety
# `blocks` and `bytes` are null or may be written to.
freehold_scope_end = library.freehold_scope_end
freehold_scope_end.argtypes = [freehold_scope, ctypes.c_void_p, ctypes.c_void_p]
freehold_scope_end.restype = freehold_code

# The live blocks of a scope and those inside it, as `freehold_leaks` writes
# them.
#
# Errors: FREEHOLD_BAD_HANDLE; those of `freehold_leaks`.
#
# # Safety
# As for `freehold_leaks`.
freehold_scope_leaks = library.freehold_scope_leaks
freehold_scope_leaks.argtypes = [freehold_scope, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
freehold_scope_leaks.restype = freehold_code

# The stack of these frames, innermost first: the same for the same frames. At most
# FREEHOLD_MAX_FRAMES are kept. Set it with `freehold_stack_set` while blocks are
# allocated and released, and they have it in reports.
#
# Gives 0 when nothing is tracked, there are no frames or there is no room; and on an
# error: FREEHOLD_NULL, FREEHOLD_BAD_TEXT, FREEHOLD_UNKNOWN_VALUE (the language),
# FREEHOLD_BAD_ALIGNMENT.
#
# # Safety
# `frames` is null or leads to `count` frames, whose texts are null or end with a NUL.
freehold_stack_new = library.freehold_stack_new
freehold_stack_new.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
freehold_stack_new.restype = freehold_stack

# From now on what this thread records (allocations, releases, misuses) has this
# stack in place of one that is walked; 0 ends that. A binding sets the stack of its
# caller before it calls the library, and 0 afterwards.
#
# Gives false, and sets none, when the stack is stale: make it again.
freehold_stack_set = library.freehold_stack_set
freehold_stack_set.argtypes = [freehold_stack]
freehold_stack_set.restype = ctypes.c_bool

# The stack of a live block if the walk met code of a JIT in it, which nobody has
# named yet; else 0. Told once for each stack, to whoever asks first. For languages whose
# frames the walk sees, but whose names only they know: see `freehold_stack_name`.
freehold_stack_unnamed = library.freehold_stack_unnamed
freehold_stack_unnamed.argtypes = [ctypes.c_void_p]
freehold_stack_unnamed.restype = freehold_stack

# The same for the stack with which this thread last released a block or was refused
# to. When it is given names before `freehold_last_message` is called, that has them,
# too.
freehold_stack_last = library.freehold_stack_last
freehold_stack_last.argtypes = []
freehold_stack_last.restype = freehold_stack

# Gives a stack the language's frames, innermost first, once and at any time later:
# reports show them in place of the JIT's code.
#
# Errors: FREEHOLD_NOT_SO when it has names already, or there is no room for them;
# FREEHOLD_BAD_HANDLE for a stack that is stale or never was one;
# FREEHOLD_NOT_TRACKED; those of `freehold_stack_new`.
#
# # Safety
# As for `freehold_stack_new`.
freehold_stack_name = library.freehold_stack_name
freehold_stack_name.argtypes = [freehold_stack, ctypes.c_void_p, ctypes.c_size_t]
freehold_stack_name.restype = freehold_code

# The number of a tag, for `freehold_alloc`: the same for the same text, as long as
# the process lives. 4,096 different ones can be told apart.
#
# Gives 0, the number of "void", on an error: FREEHOLD_NULL, FREEHOLD_BAD_TEXT,
# FREEHOLD_OUT_OF_MEMORY when there are too many.
#
# # Safety
# `name` is null or ends with a NUL.
freehold_tag = library.freehold_tag
freehold_tag.argtypes = [ctypes.c_char_p]
freehold_tag.restype = ctypes.c_uint32

# A block of `size` bytes at a multiple of `alignment`, for bindings: what
# `freehold_typed`, `freehold_stack_unnamed` and their checks would take several calls
# for. `flags` is a sum of FREEHOLD_ZEROED and FREEHOLD_UNCOUNTED, or 0; `tag` is a number
# that `freehold_tag` gave.
# `unnamed` may be null; it gets what `freehold_stack_unnamed` says of the new block.
#
# Gives NULL on an error: FREEHOLD_BAD_ALIGNMENT, FREEHOLD_UNKNOWN_VALUE (a flag or
# the tag), FREEHOLD_OUT_OF_MEMORY, FREEHOLD_TOO_LARGE.
#
# # Safety
# `unnamed` is null or may be written to.
freehold_alloc = library.freehold_alloc
freehold_alloc.argtypes = [ctypes.c_size_t, ctypes.c_size_t, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p]
freehold_alloc.restype = ctypes.c_void_p
