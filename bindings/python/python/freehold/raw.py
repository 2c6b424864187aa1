# Made of `freehold.h` by `cargo xtask raw`; do not edit.
"""The functions of ``libfreehold`` as they are, declared for :mod:`ctypes`.

Every name is that of ``freehold.h``. Nothing is checked here but what the library itself
checks: a function gives its code, and ``freehold_last_message()`` the explanation. What is
recorded has the machine's stack, without Python's frames; everywhere else the package
does this for you.
"""

from __future__ import annotations

import ctypes as _ctypes
from typing import TYPE_CHECKING
from typing import Any as _Any

from freehold._library import library as _library

if TYPE_CHECKING:
    from collections.abc import Callable as _Callable

_lib = _library()

FREEHOLD_TO_NUL: int = _ctypes.c_size_t(-1).value
"""As a length: the text ends with its first NUL."""
FREEHOLD_OK: int = 0
"""It is done."""
FREEHOLD_NULL: int = 1
"""A pointer is null that must not be."""
FREEHOLD_BAD_ALIGNMENT: int = 2
"""An alignment is no power of two, or a pointer is not aligned for what it
points to.
"""
FREEHOLD_OVERFLOW: int = 3
"""A count times a size, or an address plus a size, cannot be counted."""
FREEHOLD_TOO_LARGE: int = 4
"""More than PTRDIFF_MAX bytes."""
FREEHOLD_UNKNOWN_VALUE: int = 5
"""A number is none of the constants that the argument may have."""
FREEHOLD_BAD_HANDLE: int = 6
"""A handle is of another kind, was ended, or never was one."""
FREEHOLD_BAD_TEXT: int = 7
"""A text is no UTF-8, or has a NUL in the middle."""
FREEHOLD_TOO_SHORT: int = 8
"""A buffer is too short; nothing was written to it but a NUL."""
FREEHOLD_OUT_OF_MEMORY: int = 9
"""There is no memory, or a limit of the library is reached."""
FREEHOLD_SYSTEM: int = 10
"""The operating system refused."""
FREEHOLD_DOUBLE: int = 20
"""The block was released before."""
FREEHOLD_FOREIGN: int = 21
"""The address is no known block."""
FREEHOLD_INTERIOR: int = 22
"""The address lies in the middle of a block."""
FREEHOLD_BORROWED: int = 23
"""The block is borrowed."""
FREEHOLD_TRANSFERRED: int = 24
"""The block was given away."""
FREEHOLD_ARENA_OWNED: int = 25
"""The block belongs to an arena."""
FREEHOLD_FINALIZER_OWNED: int = 26
"""The block belongs to a finalizer."""
FREEHOLD_WRONG_FAMILY: int = 27
"""The block is of a family that this function is not for."""
FREEHOLD_SIZE_MISMATCH: int = 28
"""The size that was passed is not that of the block."""
FREEHOLD_RELEASE_FAILED: int = 29
"""A release function was called and said that it failed."""
FREEHOLD_IN_USE: int = 30
"""The block is in use and may not move now."""
FREEHOLD_OWNED: int = 40
"""The block is registered already: two owners would release it twice."""
FREEHOLD_UNRELEASABLE: int = 41
"""The family needs more than an address to release a block."""
FREEHOLD_OUTSIDE: int = 42
"""The address is not inside the block that was named."""
FREEHOLD_NOT_SO: int = 43
"""The block is not in the state that is to be ended."""
FREEHOLD_NOT_KNOWN: int = 44
"""The ownership database asserts nothing of the function or of its slot."""
FREEHOLD_NOT_YOURS: int = 45
"""What the function gives is not the caller's to release."""
FREEHOLD_NO_RELEASE: int = 46
"""The function that releases it cannot be called: the process has none of that
name or several, or it takes more than the value.
"""
FREEHOLD_NOT_TRACKED: int = 50
"""Nothing is tracked, and without that nobody can tell."""
FREEHOLD_LEAKS: int = 51
"""Blocks stay that should not."""
FREEHOLD_NOT_INNERMOST: int = 52
"""The scope is not the innermost one that this thread is in."""
FREEHOLD_INTERNAL: int = 99
"""An error of the library itself."""
FREEHOLD_FAMILY_MALLOC: int = 1
"""`malloc`, `calloc`, `realloc`, `posix_memalign` …: `free`."""
FREEHOLD_FAMILY_NEW: int = 2
"""C++ `operator new`: `operator delete`."""
FREEHOLD_FAMILY_NEW_ARRAY: int = 3
"""C++ `operator new[]`: `operator delete[]`."""
FREEHOLD_FAMILY_MMAP: int = 4
"""`mmap`: `munmap`."""
FREEHOLD_FAMILY_RUST: int = 5
"""Rust's global allocator."""
FREEHOLD_FAMILY_CO_TASK_MEM: int = 6
"""`CoTaskMemAlloc`: `CoTaskMemFree`."""
FREEHOLD_FAMILY_LOCAL: int = 7
"""`LocalAlloc`: `LocalFree`."""
FREEHOLD_FAMILY_GLOBAL: int = 8
"""`GlobalAlloc`: `GlobalFree`."""
FREEHOLD_FAMILY_HEAP: int = 9
"""`HeapAlloc`: `HeapFree`."""
FREEHOLD_FAMILY_VIRTUAL: int = 10
"""`VirtualAlloc`: `VirtualFree`."""
FREEHOLD_FAMILY_BSTR: int = 11
"""`SysAllocString`: `SysFreeString`."""
FREEHOLD_FAMILY_HSTRING: int = 12
"""`WindowsCreateString`: `WindowsDeleteString`."""
FREEHOLD_FAMILY_CUSTOM: int = 13
"""A release function that was given when the block was adopted."""
FREEHOLD_FAMILY_MSVCRT: int = 14
"""`malloc` of `msvcrt.dll`: its `free`."""
FREEHOLD_FAMILY_UCRT: int = 15
"""`malloc` of `ucrtbase.dll`: its `free`."""
FREEHOLD_FAMILY_MSVCRT_ALIGNED: int = 16
"""`_aligned_malloc` of `msvcrt.dll`: its `_aligned_free`."""
FREEHOLD_FAMILY_UCRT_ALIGNED: int = 17
"""`_aligned_malloc` of `ucrtbase.dll`: its `_aligned_free`."""
FREEHOLD_FAMILY_NET_API: int = 18
"""Buffers of the network functions: `NetApiBufferFree`."""
FREEHOLD_FAMILY_WTS: int = 19
"""Buffers of Remote Desktop Services: `WTSFreeMemory`."""
FREEHOLD_FAMILY_CRED: int = 20
"""Buffers of the credentials functions: `CredFree`."""
FREEHOLD_FAMILY_SAFE_ARRAY: int = 21
"""`SafeArrayCreate`: `SafeArrayDestroy`."""
FREEHOLD_FAMILY_VARIANT: int = 22
"""What a `VARIANT` holds: `VariantClear`."""
FREEHOLD_FAMILY_PROP_VARIANT: int = 23
"""What a `PROPVARIANT` holds: `PropVariantClear`."""
FREEHOLD_FAMILY_HANDLE: int = 24
"""Handles of kernel objects: `CloseHandle`."""
FREEHOLD_FAMILY_REG_KEY: int = 25
"""Open registry keys: `RegCloseKey`."""
FREEHOLD_FAMILY_GDI_OBJECT: int = 26
"""Bitmaps, brushes, fonts, palettes, pens and regions: `DeleteObject`."""
FREEHOLD_FAMILY_GDI_DC: int = 27
"""Device contexts that were created: `DeleteDC`."""
FREEHOLD_FAMILY_WINDOW: int = 28
"""Windows: `DestroyWindow`."""
FREEHOLD_FAMILY_MENU: int = 29
"""Menus: `DestroyMenu`."""
FREEHOLD_FAMILY_ICON: int = 30
"""Icons: `DestroyIcon`."""
FREEHOLD_FAMILY_CURSOR: int = 31
"""Cursors: `DestroyCursor`."""
FREEHOLD_FAMILY_ACCELERATORS: int = 32
"""Accelerator tables: `DestroyAcceleratorTable`."""
FREEHOLD_FAMILY_COM: int = 33
"""References to COM objects: `IUnknown::Release`."""
FREEHOLD_OWNER_YOU: int = 0
"""You: the code that allocated or adopted it."""
FREEHOLD_OWNER_ARENA: int = 1
"""An arena."""
FREEHOLD_OWNER_FINALIZER: int = 2
"""A finalizer of a managed object."""
FREEHOLD_OWNER_API: int = 3
"""The API that lent it."""
FREEHOLD_OWNER_TRANSFERRED: int = 4
"""Somebody that it was given to."""
FREEHOLD_NAME_BYTES: int = 64
"""Bytes of `tag` and `scope` in `freehold_block`, NUL included."""
FREEHOLD_TEXT: int = 0
"""A report for people."""
FREEHOLD_JSON: int = 1
"""A JSON array: an object for each block, with "address", "type", "size",
"timestamp" and "stack".
"""
FREEHOLD_REFUSE: int = 0
"""A misuse is refused, and its code given."""
FREEHOLD_ABORT: int = 1
"""A misuse is printed on standard error and ends the process."""
FREEHOLD_IGNORE: int = 2
"""A misuse is refused and counted, and FREEHOLD_OK given."""
FREEHOLD_PYTHON: int = 1
"""A language of frames."""
FREEHOLD_JAVASCRIPT: int = 2
"""A language of frames."""
FREEHOLD_DART: int = 3
"""A language of frames."""
FREEHOLD_ZEROED: int = 1
"""For `freehold_alloc`: the block is zeroed."""
FREEHOLD_UNCOUNTED: int = 2
"""For `freehold_alloc`: the block is recorded while blocks are tracked, but does not
count as a leak when it stays.
"""
FREEHOLD_MAX_FRAMES: int = 128
"""Most frames of a stack that are kept."""

freehold_code = _ctypes.c_int32
"""How a call went: `FREEHOLD_OK` (0), or why nothing was done. Codes are only
ever added. `freehold_last_message()` has the explanation.
"""

freehold_release = _ctypes.CFUNCTYPE(_ctypes.c_int32, _ctypes.c_void_p, _ctypes.c_void_p)
"""Releases `block`; `context` is what was given with the function. Gives 0 when
it is released, any other number when it is not.
"""

freehold_arena = _ctypes.c_uint64
"""An arena. Checked: one that was released is an error, not undefined. 0 is
never one.
"""

freehold_action = _ctypes.CFUNCTYPE(_ctypes.c_int32, _ctypes.c_void_p)
"""Done when an arena is released. Gives 0 when it succeeded."""


class freehold_block(_ctypes.Structure):
    """What is known of a live block."""

    _fields_ = (
        ("struct_bytes", _ctypes.c_size_t),
        ("base", _ctypes.c_void_p),
        ("offset", _ctypes.c_size_t),
        ("size", _ctypes.c_size_t),
        ("family", _ctypes.c_uint32),
        ("owner", _ctypes.c_uint32),
        ("allocated_ns", _ctypes.c_uint64),
        ("tag", _ctypes.c_char * FREEHOLD_NAME_BYTES),
        ("scope", _ctypes.c_char * FREEHOLD_NAME_BYTES),
    )

freehold_scope = _ctypes.c_uint64
"""A scope. Checked: one that was ended is an error, not undefined. 0 is never
one.
"""

freehold_stack = _ctypes.c_uint64
"""A stack in the ledger; 0 is none. It belongs to one ledger: after a fork, or when
tracking began again, it is stale, which is noticed.
"""


class freehold_frame(_ctypes.Structure):
    """A frame in code of a managed language. Texts are UTF-8, ended by a NUL, and copied;
    null is as "".
    """

    _fields_ = (
        ("function", _ctypes.c_char_p),
        ("file", _ctypes.c_char_p),
        ("line", _ctypes.c_uint32),
        ("column", _ctypes.c_uint32),
        ("language", _ctypes.c_uint32),
    )


def _declare(
    name: str, docs: str, result: _Any, *parameters: _Any
) -> _Callable[..., _Any]:
    """Finds a function and tells ctypes its types."""
    function = getattr(_lib, name)
    function.restype = result
    function.argtypes = parameters
    function.__doc__ = docs
    found: _Callable[..., _Any] = function
    return found


freehold_version = _declare(
    "freehold_version",
    """freehold_version()

The version of the library, as "0.1.0". Static; not to be released.
""",
    _ctypes.c_char_p,
)
freehold_last_code = _declare(
    "freehold_last_code",
    """freehold_last_code()

The code of the last call that failed on this thread; FREEHOLD_OK when there
was none. A call that succeeds leaves it as it is, as with `errno`.
""",
    freehold_code,
)
freehold_last_message = _declare(
    "freehold_last_message",
    """freehold_last_message()

The explanation of the last call that failed on this thread, in UTF-8: what
happened, to which block, where that was allocated and released, and what to
do. "" when there was none; never null.

It belongs to the library and lives until the next call that fails on this
thread, `freehold_clear_error`, or the end of the thread: copy what is to
stay.
""",
    _ctypes.c_char_p,
)
freehold_clear_error = _declare(
    "freehold_clear_error",
    """freehold_clear_error()

Forgets the last error of this thread.
""",
    None,
)
freehold_code_name = _declare(
    "freehold_code_name",
    """freehold_code_name(code)

The name of a code, as "FREEHOLD_DOUBLE"; "unknown" for any other number.
Static; not to be released.
""",
    _ctypes.c_char_p,
    freehold_code,  # code
)
freehold_malloc = _declare(
    "freehold_malloc",
    """freehold_malloc(size)

A block of `size` bytes with anything in them. No bytes are a block of their
own, too.

The caller owns it: release it with `freehold_free` (or C's `free`, which the
tracker sees only under `freehold run`). While blocks are tracked it counts as
a leak when it stays.

Gives NULL on an error: FREEHOLD_OUT_OF_MEMORY, FREEHOLD_TOO_LARGE.
""",
    _ctypes.c_void_p,
    _ctypes.c_size_t,  # size
)
freehold_calloc = _declare(
    "freehold_calloc",
    """freehold_calloc(count, size)

A zeroed block of `count` times `size` bytes; otherwise as `freehold_malloc`.

Gives NULL on an error: FREEHOLD_OVERFLOW when that cannot be counted,
FREEHOLD_OUT_OF_MEMORY, FREEHOLD_TOO_LARGE.
""",
    _ctypes.c_void_p,
    _ctypes.c_size_t,  # count
    _ctypes.c_size_t,  # size
)
freehold_aligned_alloc = _declare(
    "freehold_aligned_alloc",
    """freehold_aligned_alloc(alignment, size)

A block of `size` bytes at a multiple of `alignment`, a power of two;
otherwise as `freehold_malloc`. `size` need be no multiple of it.

Gives NULL on an error: FREEHOLD_BAD_ALIGNMENT, FREEHOLD_OUT_OF_MEMORY,
FREEHOLD_TOO_LARGE.
""",
    _ctypes.c_void_p,
    _ctypes.c_size_t,  # alignment
    _ctypes.c_size_t,  # size
)
freehold_typed = _declare(
    "freehold_typed",
    """freehold_typed(count, size, alignment, tag)

A zeroed block for `count` elements of `size` bytes each, at a multiple of
`alignment`, a power of two. `tag` names what is in it, for reports; NULL for
nothing in particular. It is copied, and 4,096 different ones can be told
apart: name the type, not the block.

The macro FREEHOLD_NEW(type, count) calls it with all three of a type.
Otherwise as `freehold_malloc`.

Gives NULL on an error: FREEHOLD_OVERFLOW, FREEHOLD_BAD_ALIGNMENT,
FREEHOLD_BAD_TEXT (the tag), FREEHOLD_OUT_OF_MEMORY, FREEHOLD_TOO_LARGE.

# Safety
`tag` is null or ends with a NUL.
""",
    _ctypes.c_void_p,
    _ctypes.c_size_t,  # count
    _ctypes.c_size_t,  # size
    _ctypes.c_size_t,  # alignment
    _ctypes.c_char_p,  # tag
)
freehold_realloc = _declare(
    "freehold_realloc",
    """freehold_realloc(block, size)

A block of `size` bytes with the first bytes of `block`, which is released;
the old address must not be used any more. Its tag and scope go along. An
alignment of more than 16 bytes may be lost. With `block` NULL it is
`freehold_malloc`; with `size` 0 a block of no bytes.

Gives NULL on an error, and `block` is then as it was:
FREEHOLD_OUT_OF_MEMORY, FREEHOLD_TOO_LARGE, FREEHOLD_IN_USE, or a misuse as
`freehold_free` has it; FREEHOLD_WRONG_FAMILY when it is none of `malloc`.

# Safety
As for `freehold_free`.
""",
    _ctypes.c_void_p,
    _ctypes.c_void_p,  # block
    _ctypes.c_size_t,  # size
)
freehold_free = _declare(
    "freehold_free",
    """freehold_free(block)

Releases a block of any family: it finds out what the pointer is and calls
what releases it. The same in every build.

Blocks that were adopted or come from a family other than `malloc` are always
known; those of `malloc` while blocks are tracked. Then every misuse is
refused, the block stays as it was, and `freehold_last_message` has the whole
explanation with the stacks that are known:
FREEHOLD_NULL, FREEHOLD_DOUBLE, FREEHOLD_FOREIGN, FREEHOLD_INTERIOR,
FREEHOLD_BORROWED, FREEHOLD_TRANSFERRED, FREEHOLD_ARENA_OWNED,
FREEHOLD_FINALIZER_OWNED; FREEHOLD_RELEASE_FAILED when the release function
said so.

```c
if (freehold_free(block) != FREEHOLD_OK)
    fprintf(stderr, "%s\\n", freehold_last_message());
```

# Safety
Nobody uses the block any more. While nothing is tracked, it is null, a
registered block or a live one of `malloc`: there is nobody who could tell.
""",
    freehold_code,
    _ctypes.c_void_p,  # block
)
freehold_free_sized = _declare(
    "freehold_free_sized",
    """freehold_free_sized(block, size)

Releases a block of which the caller knows the size: it must agree.

Errors: as `freehold_free`, and FREEHOLD_SIZE_MISMATCH.

# Safety
As for `freehold_free`.
""",
    freehold_code,
    _ctypes.c_void_p,  # block
    _ctypes.c_size_t,  # size
)
freehold_free_leaf = _declare(
    "freehold_free_leaf",
    """freehold_free_leaf(block)

As `freehold_free`, for callers who must not be called back, as the leaf calls of a
managed language: when the block's release is a function that was given with it, or
one of another library, nothing is done, and FREEHOLD_NOT_SO given without a message.
Then call `freehold_free`.

# Safety
As for `freehold_free`.
""",
    freehold_code,
    _ctypes.c_void_p,  # block
)
freehold_free_as = _declare(
    "freehold_free_as",
    """freehold_free_as(family, block)

Releases a block that must be of one family, as that family's own release
function does: `family` is one of the constants FREEHOLD_FAMILY_….

Errors: as `freehold_free`; FREEHOLD_WRONG_FAMILY; FREEHOLD_UNKNOWN_VALUE.

# Safety
As for `freehold_free`.
""",
    freehold_code,
    _ctypes.c_uint32,  # family
    _ctypes.c_void_p,  # block
)
freehold_native_free = _declare(
    "freehold_native_free",
    """freehold_native_free(block)

Releases a block of `malloc` by the platform's own function, without any
refusal, and tells the tracker. For places that want a
`void (*)(void *)` for blocks which are known to be right. Null does nothing.

# Safety
`block` is null or a live block of `malloc` that nobody uses any more.
""",
    None,
    _ctypes.c_void_p,  # block
)
freehold_finalize = _declare(
    "freehold_finalize",
    """freehold_finalize(block)

The native finalizer: releases a block that was left to one by
`freehold_attach_finalizer`, and the tracker sees it. Give it to the runtime
of a language with a garbage collector (Dart's `NativeFinalizer`, Python's
`weakref.finalize`, a `PyCapsule`); it may call it on any thread. Null does
nothing. A misuse is refused and counted: see `freehold_misuses`.

# Safety
As for `freehold_free`.
""",
    None,
    _ctypes.c_void_p,  # block
)
freehold_adopt = _declare(
    "freehold_adopt",
    """freehold_adopt(block, size, family)

Takes over a block that an API returned: from now on `freehold_free` releases
it with the function of `family` (a constant FREEHOLD_FAMILY_…), and when it
stays it is a leak. `size` is its length in bytes, 0 when it is not known.

```c
char *text = strdup("hello");
freehold_adopt(text, 6, FREEHOLD_FAMILY_MALLOC);
freehold_free(text);
```

Errors: FREEHOLD_NULL when the API gave nothing; FREEHOLD_OWNED when the
block is registered already; FREEHOLD_UNRELEASABLE for a family that needs
more than an address (`mmap`, Rust): adopt it with a function;
FREEHOLD_UNKNOWN_VALUE; FREEHOLD_TOO_LARGE; FREEHOLD_OVERFLOW.

# Safety
`block` is null or a live block that this family's function may release,
once, on any thread; nobody else does.
""",
    freehold_code,
    _ctypes.c_void_p,  # block
    _ctypes.c_size_t,  # size
    _ctypes.c_uint32,  # family
)
freehold_adopt_with = _declare(
    "freehold_adopt_with",
    """freehold_adopt_with(block, size, release, context)

The same for a block that `release` releases, which is given `context` each
time; it is called once, unless it fails.

Errors: as `freehold_adopt`; FREEHOLD_NULL for a null function, too.

# Safety
As for `freehold_adopt`. `release` may be called on any thread as long as the
block lives, throws nothing and does not `longjmp`; `context` is valid for it
as long.
""",
    freehold_code,
    _ctypes.c_void_p,  # block
    _ctypes.c_size_t,  # size
    freehold_release,  # release
    _ctypes.c_void_p,  # context
)
freehold_adopt_from = _declare(
    "freehold_adopt_from",
    """freehold_adopt_from(function, slot, block, size)

Takes over what a function of a library gave, by the function's name: the ownership
database knows what releases it, and `freehold_free` will call that. When it stays it
is a leak of that function.

`function` is the name as the documentation has it, of a method with its interface
before it (`IShellItem::GetDisplayName`); `slot` is `return`, the name of a
parameter, or one with a field or `[]` behind it (`pDataOut.pbData`); `size` is the
length in bytes, 0 when it is not known. `freehold owner NAME` shows functions and
slots, and conditions, which must hold. On Windows the functions of Win32 and COM
are known, elsewhere those of C libraries. A library whose function is needed later
stays loaded. A handle of Windows that is no memory is closed by
`freehold_handle_close`.

```c
DIR *folder = opendir("/");
freehold_adopt_from("opendir", "return", folder, 0);
freehold_free(folder); // by closedir
```

Errors: FREEHOLD_NULL when the API gave nothing; FREEHOLD_NOT_KNOWN;
FREEHOLD_NOT_YOURS, as of what `getenv` gives; FREEHOLD_NO_RELEASE; FREEHOLD_OWNED
when the block is registered already; FREEHOLD_BAD_TEXT; FREEHOLD_TOO_LARGE;
FREEHOLD_OVERFLOW.

# Safety
The names end with a NUL. `block` is null or what this function gave in this slot,
live; nobody else releases it, and its release may be called on any thread.
""",
    freehold_code,
    _ctypes.c_char_p,  # function
    _ctypes.c_char_p,  # slot
    _ctypes.c_void_p,  # block
    _ctypes.c_size_t,  # size
)
freehold_handle_adopt = _declare(
    "freehold_handle_adopt",
    """freehold_handle_adopt(family, handle)

Takes over a handle that is no memory (FREEHOLD_FAMILY_HANDLE, …_REG_KEY, …_MENU …)
and that an API of Windows gave: when it stays it is a leak.

Errors: FREEHOLD_NULL for what says that the API failed; FREEHOLD_OWNED when it is
adopted already; FREEHOLD_UNRELEASABLE for a family without such handles, which are
all where there is no Windows, and in 32-bit programs; FREEHOLD_NOT_YOURS for a
handle that is always there; FREEHOLD_UNKNOWN_VALUE.

# Safety
`handle` is a live one of this family, which nobody else closes.
""",
    freehold_code,
    _ctypes.c_uint32,  # family
    _ctypes.c_void_p,  # handle
)
freehold_handle_close = _declare(
    "freehold_handle_close",
    """freehold_handle_close(family, handle)

Closes a handle by the function of its family.

Errors: as `freehold_free`: FREEHOLD_DOUBLE, FREEHOLD_FOREIGN for one that was not
adopted, FREEHOLD_WRONG_FAMILY, FREEHOLD_RELEASE_FAILED: then it is still adopted.

# Safety
Nobody uses the handle any more; that of a window belongs to this thread.
""",
    freehold_code,
    _ctypes.c_uint32,  # family
    _ctypes.c_void_p,  # handle
)
freehold_borrow = _declare(
    "freehold_borrow",
    """freehold_borrow(block, size)

Notes a block that an API only lends: releases of it are refused until
`freehold_give_back`. It is not read.

Errors: FREEHOLD_NULL, FREEHOLD_OWNED, FREEHOLD_TOO_LARGE, FREEHOLD_OVERFLOW.
""",
    freehold_code,
    _ctypes.c_void_p,  # block
    _ctypes.c_size_t,  # size
)
freehold_interior = _declare(
    "freehold_interior",
    """freehold_interior(pointer, base)

Notes a pointer into the block that begins at `base`: `freehold_free` names
the base when it is given the pointer, until `freehold_give_back`.

Errors: FREEHOLD_NULL; FREEHOLD_OUTSIDE when it is not behind the base, or
not inside a registered block; FREEHOLD_OWNED.
""",
    freehold_code,
    _ctypes.c_void_p,  # pointer
    _ctypes.c_void_p,  # base
)
freehold_give_back = _declare(
    "freehold_give_back",
    """freehold_give_back(pointer)

Forgets a borrowed or interior pointer: the API has it back.

Errors: FREEHOLD_NOT_SO when it is neither.
""",
    freehold_code,
    _ctypes.c_void_p,  # pointer
)
freehold_transfer = _declare(
    "freehold_transfer",
    """freehold_transfer(block)

Gives a block away: whoever gets the pointer releases it, with the function
of its family and perhaps unseen. It counts no longer as a leak, and
`freehold_free` refuses it.

Errors: FREEHOLD_NULL; FREEHOLD_FOREIGN when nobody knows the block;
FREEHOLD_NOT_TRACKED when nothing is tracked, so that nobody can.

# Safety
The new owner releases it.
""",
    freehold_code,
    _ctypes.c_void_p,  # block
)
freehold_attach_finalizer = _declare(
    "freehold_attach_finalizer",
    """freehold_attach_finalizer(block, size)

Leaves a block to a finalizer: `freehold_free` refuses it until
`freehold_detach_finalizer`, and `freehold_finalize` releases it. `size` is
its length in bytes, for blocks of `malloc` that nobody has recorded.

Errors: FREEHOLD_NULL, FREEHOLD_TOO_LARGE, FREEHOLD_OVERFLOW.

# Safety
`block` is null, a block that `freehold_free` knows, or a live block of
`malloc` that nobody else releases.
""",
    freehold_code,
    _ctypes.c_void_p,  # block
    _ctypes.c_size_t,  # size
)
freehold_detach_finalizer = _declare(
    "freehold_detach_finalizer",
    """freehold_detach_finalizer(block)

Takes a block back from its finalizer, which the caller has cancelled.

Errors: FREEHOLD_NOT_SO when it has none.
""",
    freehold_code,
    _ctypes.c_void_p,  # block
)
freehold_arena_new = _declare(
    "freehold_arena_new",
    """freehold_arena_new(arena)

A new arena, for any number of threads. The caller releases it with
`freehold_arena_release`.

Errors: FREEHOLD_NULL, FREEHOLD_BAD_ALIGNMENT.

# Safety
`arena` is null or may be written to.
""",
    freehold_code,
    _ctypes.POINTER(freehold_arena),  # arena
)
freehold_arena_alloc = _declare(
    "freehold_arena_alloc",
    """freehold_arena_alloc(arena, count, size, alignment, tag, block)

A zeroed block that lives as long as the arena: `count` elements of `size`
bytes, at a multiple of `alignment`; `tag` as in `freehold_typed`. Its address
goes to `block`, NULL on an error. It belongs to the arena: releases of it are
refused while blocks are tracked.

Errors: FREEHOLD_BAD_HANDLE; FREEHOLD_NULL; those of `freehold_typed`.

# Safety
`tag` is null or ends with a NUL; `block` is null or may be written to.
""",
    freehold_code,
    freehold_arena,  # arena
    _ctypes.c_size_t,  # count
    _ctypes.c_size_t,  # size
    _ctypes.c_size_t,  # alignment
    _ctypes.c_char_p,  # tag
    _ctypes.POINTER(_ctypes.c_void_p),  # block
)
freehold_arena_adopt = _declare(
    "freehold_arena_adopt",
    """freehold_arena_adopt(arena, block, size, family)

Takes over a block that an API returned: the arena releases it with the
function of `family`. Otherwise as `freehold_adopt`.

Errors: FREEHOLD_BAD_HANDLE; those of `freehold_adopt`.

# Safety
As for `freehold_adopt`.
""",
    freehold_code,
    freehold_arena,  # arena
    _ctypes.c_void_p,  # block
    _ctypes.c_size_t,  # size
    _ctypes.c_uint32,  # family
)
freehold_arena_adopt_with = _declare(
    "freehold_arena_adopt_with",
    """freehold_arena_adopt_with(arena, block, size, release, context)

The same with a release function, as `freehold_adopt_with`.

Errors: FREEHOLD_BAD_HANDLE; those of `freehold_adopt_with`.

# Safety
As for `freehold_adopt_with`.
""",
    freehold_code,
    freehold_arena,  # arena
    _ctypes.c_void_p,  # block
    _ctypes.c_size_t,  # size
    freehold_release,  # release
    _ctypes.c_void_p,  # context
)
freehold_arena_on_release = _declare(
    "freehold_arena_on_release",
    """freehold_arena_on_release(arena, action, context)

Does something when the arena is released, in the reverse order of these
calls and of the blocks between them. What was allocated before it is still
there then; the arena itself can no longer be used.

Errors: FREEHOLD_BAD_HANDLE, FREEHOLD_NULL.

# Safety
`action` may be called with `context` on any thread until the arena is
released, throws nothing and does not `longjmp`.
""",
    freehold_code,
    freehold_arena,  # arena
    freehold_action,  # action
    _ctypes.c_void_p,  # context
)
freehold_arena_move_out = _declare(
    "freehold_arena_move_out",
    """freehold_arena_move_out(arena, block)

Takes a block out of the arena, by its first byte: from now on it is the
caller's, to be released with `freehold_free`.

Errors: FREEHOLD_BAD_HANDLE; FREEHOLD_FOREIGN when no block of the arena
begins there.
""",
    freehold_code,
    freehold_arena,  # arena
    _ctypes.c_void_p,  # block
)
freehold_arena_release = _declare(
    "freehold_arena_release",
    """freehold_arena_release(arena, failures)

Releases everything in the arena, the last first, and goes on after a
failure. The handle is none any more, whatever this gives. `failures`, when
it is not null, gets how many releases failed.

Errors: FREEHOLD_BAD_HANDLE; when releases failed, the code of the first of
them, with all of them in the message.

# Safety
Nobody uses the arena's blocks any more; `failures` is null or may be written
to.
""",
    freehold_code,
    freehold_arena,  # arena
    _ctypes.POINTER(_ctypes.c_size_t),  # failures
)
freehold_utf8_to_utf16 = _declare(
    "freehold_utf8_to_utf16",
    """freehold_utf8_to_utf16(text, length, wide, wide_length)

A text in UTF-16, made of `length` bytes of UTF-8 (FREEHOLD_TO_NUL: up to the
NUL). A NUL is put behind it.

`wide` gets a block that the caller owns and releases with `freehold_free`
(NULL on an error), `wide_length`, when it is not null, its units without the
NUL.

Errors: FREEHOLD_NULL; FREEHOLD_BAD_TEXT when it is no UTF-8 or has a NUL in
the middle; FREEHOLD_TOO_LARGE; FREEHOLD_OUT_OF_MEMORY.

# Safety
`text` is null, or that many bytes may be read; the others are null or may be
written to.
""",
    freehold_code,
    _ctypes.c_char_p,  # text
    _ctypes.c_size_t,  # length
    _ctypes.POINTER(_ctypes.POINTER(_ctypes.c_uint16)),  # wide
    _ctypes.POINTER(_ctypes.c_size_t),  # wide_length
)
freehold_utf16_to_utf8 = _declare(
    "freehold_utf16_to_utf8",
    """freehold_utf16_to_utf8(wide, length, text, text_length)

A text in UTF-8, made of `length` units of UTF-16 (FREEHOLD_TO_NUL: up to the
NUL). A NUL is put behind it. A surrogate without its other half becomes
U+FFFD.

`text` gets a block that the caller owns and releases with `freehold_free`
(NULL on an error), `text_length`, when it is not null, its bytes without the
NUL.

Errors: FREEHOLD_NULL; FREEHOLD_BAD_ALIGNMENT; FREEHOLD_BAD_TEXT when it has a
NUL in the middle; FREEHOLD_TOO_LARGE; FREEHOLD_OUT_OF_MEMORY.

# Safety
`wide` is null, or that many units may be read; the others are null or may be
written to.
""",
    freehold_code,
    _ctypes.POINTER(_ctypes.c_uint16),  # wide
    _ctypes.c_size_t,  # length
    _ctypes.POINTER(_ctypes.c_void_p),  # text
    _ctypes.POINTER(_ctypes.c_size_t),  # text_length
)
freehold_utf16_set = _declare(
    "freehold_utf16_set",
    """freehold_utf16_set(text, buffer, room, needed)

Writes a text in UTF-8, up to its NUL, as UTF-16 with a NUL into a buffer of
`room` units. `needed`, when it is not null, gets the units that this takes,
NUL included, also when there is no room.

Errors: FREEHOLD_NULL; FREEHOLD_BAD_ALIGNMENT; FREEHOLD_BAD_TEXT;
FREEHOLD_TOO_SHORT: nothing was written.

# Safety
`text` is null or ends with a NUL; `buffer` is null or has that much room;
`needed` is null or may be written to.
""",
    freehold_code,
    _ctypes.c_char_p,  # text
    _ctypes.POINTER(_ctypes.c_uint16),  # buffer
    _ctypes.c_size_t,  # room
    _ctypes.POINTER(_ctypes.c_size_t),  # needed
)
freehold_utf8_set = _declare(
    "freehold_utf8_set",
    """freehold_utf8_set(wide, buffer, room, needed)

Writes a text in UTF-16, up to its NUL, as UTF-8 with a NUL into a buffer of
`room` bytes. `needed`, when it is not null, gets the bytes that this takes,
NUL included, also when there is no room.

Errors: FREEHOLD_NULL; FREEHOLD_BAD_ALIGNMENT; FREEHOLD_TOO_SHORT: nothing was
written.

# Safety
`wide` is null or ends with a NUL; `buffer` is null or has that much room;
`needed` is null or may be written to.
""",
    freehold_code,
    _ctypes.POINTER(_ctypes.c_uint16),  # wide
    _ctypes.c_void_p,  # buffer
    _ctypes.c_size_t,  # room
    _ctypes.POINTER(_ctypes.c_size_t),  # needed
)
freehold_family_name = _declare(
    "freehold_family_name",
    """freehold_family_name(family)

The name of a family, as "malloc"; "unknown" for a number that is none.
Static; not to be released.
""",
    _ctypes.c_char_p,
    _ctypes.c_uint32,  # family
)
freehold_query = _declare(
    "freehold_query",
    """freehold_query(pointer, block)

What is known of the block that begins at `pointer`, or in the middle of which
it lies. Nothing behind the pointer is read.

Errors: FREEHOLD_FOREIGN when no block is known there, FREEHOLD_DOUBLE when
one that began there was released; FREEHOLD_NOT_TRACKED; FREEHOLD_NULL;
FREEHOLD_BAD_ALIGNMENT; FREEHOLD_UNKNOWN_VALUE when `struct_bytes` is not set.

# Safety
`block` is null, or begins with its length and may be written to.
""",
    freehold_code,
    _ctypes.c_void_p,  # pointer
    _ctypes.POINTER(freehold_block),  # block
)
freehold_describe = _declare(
    "freehold_describe",
    """freehold_describe(pointer, buffer, room, needed)

The same in words, with the stack that allocated the block. `buffer`, `room`
and `needed` as in `freehold_leaks`.

Errors: those of `freehold_query`, and FREEHOLD_TOO_SHORT.

# Safety
As for `freehold_leaks`.
""",
    freehold_code,
    _ctypes.c_void_p,  # pointer
    _ctypes.c_void_p,  # buffer
    _ctypes.c_size_t,  # room
    _ctypes.POINTER(_ctypes.c_size_t),  # needed
)
freehold_family_alloc = _declare(
    "freehold_family_alloc",
    """freehold_family_alloc(family, size)

A zeroed block of `size` bytes by the allocation function of `family`: one of
FREEHOLD_FAMILY_MALLOC (not on Windows, where each program has a C library of
its own: adopt what its malloc gives), _NEW, _NEW_ARRAY, _CO_TASK_MEM, _LOCAL and _GLOBAL
(fixed blocks), _HEAP (the process's heap) and _VIRTUAL (whole pages).

`freehold_free` releases it, and `freehold_free_as` with the same family.
Otherwise as `freehold_malloc`.

Gives NULL on an error: FREEHOLD_UNKNOWN_VALUE for other families;
FREEHOLD_OUT_OF_MEMORY; FREEHOLD_TOO_LARGE, which no bytes of _VIRTUAL are,
too; FREEHOLD_SYSTEM when there is no C++ in the process.
""",
    _ctypes.c_void_p,
    _ctypes.c_uint32,  # family
    _ctypes.c_size_t,  # size
)
freehold_movable_alloc = _declare(
    "freehold_movable_alloc",
    """freehold_movable_alloc(family, size, handle)

A movable block (`LocalAlloc` or `GlobalAlloc` with the flag for it) of `size`
zeroed bytes. `handle` gets its handle, which is no address of the block;
`freehold_free` releases it.

Errors: FREEHOLD_NULL; FREEHOLD_UNKNOWN_VALUE when `family` is neither
FREEHOLD_FAMILY_LOCAL nor FREEHOLD_FAMILY_GLOBAL; FREEHOLD_OUT_OF_MEMORY;
FREEHOLD_TOO_LARGE.

# Safety
`handle` is null or may be written to.
""",
    freehold_code,
    _ctypes.c_uint32,  # family
    _ctypes.c_size_t,  # size
    _ctypes.POINTER(_ctypes.c_void_p),  # handle
)
freehold_movable_lock = _declare(
    "freehold_movable_lock",
    """freehold_movable_lock(family, handle, memory)

`LocalLock` or `GlobalLock`: `memory` gets where the block lies, and stays as
long as it is locked.

Errors: FREEHOLD_NULL, FREEHOLD_UNKNOWN_VALUE; FREEHOLD_BAD_HANDLE when it is
no live handle of the family.

# Safety
`memory` is null or may be written to.
""",
    freehold_code,
    _ctypes.c_uint32,  # family
    _ctypes.c_void_p,  # handle
    _ctypes.POINTER(_ctypes.c_void_p),  # memory
)
freehold_movable_unlock = _declare(
    "freehold_movable_unlock",
    """freehold_movable_unlock(family, handle, locks)

`LocalUnlock` or `GlobalUnlock`. `locks`, when it is not null, gets how many
locks are left.

Errors: FREEHOLD_UNKNOWN_VALUE; FREEHOLD_BAD_HANDLE when it is no live handle
of the family; FREEHOLD_NOT_SO when it is not locked.

# Safety
`locks` is null or may be written to.
""",
    freehold_code,
    _ctypes.c_uint32,  # family
    _ctypes.c_void_p,  # handle
    _ctypes.POINTER(_ctypes.c_uint32),  # locks
)
freehold_bstr_new = _declare(
    "freehold_bstr_new",
    """freehold_bstr_new(text, units, bstr)

`SysAllocStringLen`: a `BSTR` with `units` units of UTF-16, which may hold
NULs. `freehold_free` releases it.

Errors: FREEHOLD_NULL, FREEHOLD_BAD_ALIGNMENT, FREEHOLD_TOO_LARGE,
FREEHOLD_OUT_OF_MEMORY.

# Safety
`text` is null or has that many units; `bstr` is null or may be written to.
""",
    freehold_code,
    _ctypes.POINTER(_ctypes.c_uint16),  # text
    _ctypes.c_size_t,  # units
    _ctypes.POINTER(_ctypes.POINTER(_ctypes.c_uint16)),  # bstr
)
freehold_bstr_length = _declare(
    "freehold_bstr_length",
    """freehold_bstr_length(bstr, units)

`SysStringLen`: `units` gets the units of a `BSTR`, 0 for null.

Errors: FREEHOLD_NULL (`units`); FREEHOLD_BAD_HANDLE when it is no live
`BSTR`.

# Safety
`units` is null or may be written to.
""",
    freehold_code,
    _ctypes.POINTER(_ctypes.c_uint16),  # bstr
    _ctypes.POINTER(_ctypes.c_size_t),  # units
)
freehold_hstring_new = _declare(
    "freehold_hstring_new",
    """freehold_hstring_new(text, units, hstring)

`WindowsCreateString`: `hstring` gets a handle with one reference, NULL for no
text. `freehold_free` gives a reference back; NULL needs none.

Errors: as `freehold_bstr_new`.

# Safety
As for `freehold_bstr_new`.
""",
    freehold_code,
    _ctypes.POINTER(_ctypes.c_uint16),  # text
    _ctypes.c_size_t,  # units
    _ctypes.POINTER(_ctypes.c_void_p),  # hstring
)
freehold_hstring_duplicate = _declare(
    "freehold_hstring_duplicate",
    """freehold_hstring_duplicate(hstring)

`WindowsDuplicateString`: one reference more, to be given back with
`freehold_free`, too.

Errors: FREEHOLD_BAD_HANDLE when it is no live string.
""",
    freehold_code,
    _ctypes.c_void_p,  # hstring
)
freehold_hstring_text = _declare(
    "freehold_hstring_text",
    """freehold_hstring_text(hstring, text, units)

`WindowsGetStringRawBuffer`: `text` gets where the text lies, with a NUL behind
it, as long as the string lives; `units`, when it is not null, its units.

Errors: FREEHOLD_NULL; FREEHOLD_BAD_HANDLE when it is no live string.

# Safety
`text` and `units` are null or may be written to.
""",
    freehold_code,
    _ctypes.c_void_p,  # hstring
    _ctypes.POINTER(_ctypes.POINTER(_ctypes.c_uint16)),  # text
    _ctypes.POINTER(_ctypes.c_size_t),  # units
)
freehold_tracking_start = _declare(
    "freehold_tracking_start",
    """freehold_tracking_start(depth, max_memory)

Begins to track, and to count blocks as leaks that stay. Call it before the
first block: `freehold_free` refuses older ones as foreign. When the program
was started by `freehold run`, its ledger is used, and the arguments do not
matter; neither do they when tracking is on already.

`depth` is the number of frames of each stack (0: 64, at most 128),
`max_memory` the hard limit for the ledger in bytes (0: 1 GiB).

Errors: FREEHOLD_SYSTEM when the system refuses the memory file;
FREEHOLD_UNKNOWN_VALUE for a depth beyond 128.
""",
    freehold_code,
    _ctypes.c_uint32,  # depth
    _ctypes.c_uint64,  # max_memory
)
freehold_tracking_stop = _declare(
    "freehold_tracking_stop",
    """freehold_tracking_stop()

Blocks that are allocated from now on outside of scopes do not count as leaks.
They are still recorded, so that misuses are refused, and those that count
are still seen to go.
""",
    None,
)
freehold_tracking_is_on = _declare(
    "freehold_tracking_is_on",
    """freehold_tracking_is_on()

Whether blocks are recorded.
""",
    _ctypes.c_bool,
)
freehold_tracking_is_shared = _declare(
    "freehold_tracking_is_shared",
    """freehold_tracking_is_shared()

Whether they are recorded in the ledger of `freehold run`.
""",
    _ctypes.c_bool,
)
freehold_objects_changed = _declare(
    "freehold_objects_changed",
    """freehold_objects_changed()

Tells that code was loaded or unloaded (`dlopen`, `dlclose`), so that nothing
remembered of it is used again. Not needed under `freehold run`.
""",
    None,
)
freehold_session = _declare(
    "freehold_session",
    """freehold_session(buffer, room, needed)

Where the ledger lies: a path for `freehold report`, while this process lives.
`buffer`, `room` and `needed` as in `freehold_leaks`.

Errors: FREEHOLD_NOT_TRACKED; FREEHOLD_NULL, FREEHOLD_BAD_ALIGNMENT,
FREEHOLD_TOO_SHORT.

# Safety
As for `freehold_leaks`.
""",
    freehold_code,
    _ctypes.c_void_p,  # buffer
    _ctypes.c_size_t,  # room
    _ctypes.POINTER(_ctypes.c_size_t),  # needed
)
freehold_on_misuse = _declare(
    "freehold_on_misuse",
    """freehold_on_misuse(policy)

What is done about a misuse from now on, in the whole process: `policy` is
FREEHOLD_REFUSE (as in the beginning), FREEHOLD_ABORT or FREEHOLD_IGNORE.

Errors: FREEHOLD_UNKNOWN_VALUE.
""",
    freehold_code,
    _ctypes.c_uint32,  # policy
)
freehold_misuses = _declare(
    "freehold_misuses",
    """freehold_misuses()

How many releases were refused in this process, also by `freehold_finalize`.
""",
    _ctypes.c_uint64,
)
freehold_leaks = _declare(
    "freehold_leaks",
    """freehold_leaks(format, buffer, room, needed)

The blocks that live and count: in the scope that this thread is in with
those inside it, or, in none, those that were allocated in none. Written as
`format` says: FREEHOLD_TEXT or FREEHOLD_JSON, in UTF-8 with a NUL.

`needed`, when it is not null, gets the bytes of the text and its NUL, also
when there is no room. With `buffer` NULL and `room` 0 only that is done. The
text may be longer at the next call: go round until there is room.

Errors: FREEHOLD_TOO_SHORT: nothing was written but a NUL; FREEHOLD_NULL;
FREEHOLD_UNKNOWN_VALUE; FREEHOLD_BAD_ALIGNMENT.

# Safety
`buffer` is null or has room for `room` bytes; `needed` is null or may be
written to.
""",
    freehold_code,
    _ctypes.c_uint32,  # format
    _ctypes.c_void_p,  # buffer
    _ctypes.c_size_t,  # room
    _ctypes.POINTER(_ctypes.c_size_t),  # needed
)
freehold_leaks_reset = _declare(
    "freehold_leaks_reset",
    """freehold_leaks_reset()

The blocks that `freehold_leaks` has now count no longer; nothing is released.
""",
    None,
)
freehold_leak_count = _declare(
    "freehold_leak_count",
    """freehold_leak_count(blocks, bytes)

How many blocks `freehold_leaks` has, and their bytes; both may be null.

Errors: FREEHOLD_NOT_TRACKED; FREEHOLD_BAD_ALIGNMENT.

# Safety
`blocks` and `bytes` are null or may be written to.
""",
    freehold_code,
    _ctypes.POINTER(_ctypes.c_size_t),  # blocks
    _ctypes.POINTER(_ctypes.c_uint64),  # bytes
)
freehold_scope_begin = _declare(
    "freehold_scope_begin",
    """freehold_scope_begin(name, scope)

Begins a scope inside the one that this thread is in, and puts this thread
into it: what it allocates from now on counts there, whoever releases it.
Begins tracking when it is off. `name` is for reports.

The caller ends it with `freehold_scope_end`. Scopes of a thread nest: the
last begun or entered is the first ended or left.

Errors: FREEHOLD_NULL, FREEHOLD_BAD_TEXT, FREEHOLD_BAD_ALIGNMENT.

# Safety
`name` is null or ends with a NUL; `scope` is null or may be written to.
""",
    freehold_code,
    _ctypes.c_char_p,  # name
    _ctypes.POINTER(freehold_scope),  # scope
)
freehold_scope_enter = _declare(
    "freehold_scope_enter",
    """freehold_scope_enter(scope)

Puts another thread into a scope, until it calls `freehold_scope_leave` or
ends.

Errors: FREEHOLD_BAD_HANDLE.
""",
    freehold_code,
    freehold_scope,  # scope
)
freehold_scope_leave = _declare(
    "freehold_scope_leave",
    """freehold_scope_leave(scope)

Takes this thread out of a scope that it is in: it is then in the one before.
May be called when the scope has been ended by another thread.

Errors: FREEHOLD_NOT_INNERMOST; FREEHOLD_BAD_HANDLE when it is not in it.
""",
    freehold_code,
    freehold_scope,  # scope
)
freehold_scope_end = _declare(
    "freehold_scope_end",
    """freehold_scope_end(scope, blocks, bytes)

Ends a scope, takes this thread out of it, and gives the verdict. What stays
counts from now on for the scope around it. The handle is none any more,
unless this gives FREEHOLD_NOT_INNERMOST.

`blocks` and `bytes`, when they are not null, get what stays.

Errors: FREEHOLD_LEAKS when something stays: the message has each block with
its stack; FREEHOLD_NOT_TRACKED when the scope could not be counted;
FREEHOLD_BAD_HANDLE; FREEHOLD_NOT_INNERMOST.

# Safety
`blocks` and `bytes` are null or may be written to.
""",
    freehold_code,
    freehold_scope,  # scope
    _ctypes.POINTER(_ctypes.c_size_t),  # blocks
    _ctypes.POINTER(_ctypes.c_uint64),  # bytes
)
freehold_scope_leaks = _declare(
    "freehold_scope_leaks",
    """freehold_scope_leaks(scope, format, buffer, room, needed)

The live blocks of a scope and those inside it, as `freehold_leaks` writes
them.

Errors: FREEHOLD_BAD_HANDLE; those of `freehold_leaks`.

# Safety
As for `freehold_leaks`.
""",
    freehold_code,
    freehold_scope,  # scope
    _ctypes.c_uint32,  # format
    _ctypes.c_void_p,  # buffer
    _ctypes.c_size_t,  # room
    _ctypes.POINTER(_ctypes.c_size_t),  # needed
)
freehold_stack_new = _declare(
    "freehold_stack_new",
    """freehold_stack_new(frames, count)

The stack of these frames, innermost first: the same for the same frames. At most
FREEHOLD_MAX_FRAMES are kept. Set it with `freehold_stack_set` while blocks are
allocated and released, and they have it in reports.

Gives 0 when nothing is tracked, there are no frames or there is no room; and on an
error: FREEHOLD_NULL, FREEHOLD_BAD_TEXT, FREEHOLD_UNKNOWN_VALUE (the language),
FREEHOLD_BAD_ALIGNMENT.

# Safety
`frames` is null or leads to `count` frames, whose texts are null or end with a NUL.
""",
    freehold_stack,
    _ctypes.POINTER(freehold_frame),  # frames
    _ctypes.c_size_t,  # count
)
freehold_stack_set = _declare(
    "freehold_stack_set",
    """freehold_stack_set(stack)

From now on what this thread records (allocations, releases, misuses) has this
stack in place of one that is walked; 0 ends that. A binding sets the stack of its
caller before it calls the library, and 0 afterwards.

Gives false, and sets none, when the stack is stale: make it again.
""",
    _ctypes.c_bool,
    freehold_stack,  # stack
)
freehold_stack_unnamed = _declare(
    "freehold_stack_unnamed",
    """freehold_stack_unnamed(block)

The stack of a live block if the walk met code of a JIT in it, which nobody has
named yet; else 0. Told once for each stack, to whoever asks first. For languages whose
frames the walk sees, but whose names only they know: see `freehold_stack_name`.
""",
    freehold_stack,
    _ctypes.c_void_p,  # block
)
freehold_stack_last = _declare(
    "freehold_stack_last",
    """freehold_stack_last()

The same for the stack with which this thread last released a block or was refused
to. When it is given names before `freehold_last_message` is called, that has them,
too.
""",
    freehold_stack,
)
freehold_stack_name = _declare(
    "freehold_stack_name",
    """freehold_stack_name(stack, frames, count)

Gives a stack the language's frames, innermost first, once and at any time later:
reports show them in place of the JIT's code.

Errors: FREEHOLD_NOT_SO when it has names already, or there is no room for them;
FREEHOLD_BAD_HANDLE for a stack that is stale or never was one;
FREEHOLD_NOT_TRACKED; those of `freehold_stack_new`.

# Safety
As for `freehold_stack_new`.
""",
    freehold_code,
    freehold_stack,  # stack
    _ctypes.POINTER(freehold_frame),  # frames
    _ctypes.c_size_t,  # count
)
freehold_tag = _declare(
    "freehold_tag",
    """freehold_tag(name)

The number of a tag, for `freehold_alloc`: the same for the same text, as long as
the process lives. 4,096 different ones can be told apart.

Gives 0, the number of "void", on an error: FREEHOLD_NULL, FREEHOLD_BAD_TEXT,
FREEHOLD_OUT_OF_MEMORY when there are too many.

# Safety
`name` is null or ends with a NUL.
""",
    _ctypes.c_uint32,
    _ctypes.c_char_p,  # name
)
freehold_alloc = _declare(
    "freehold_alloc",
    """freehold_alloc(size, alignment, flags, tag, unnamed)

A block of `size` bytes at a multiple of `alignment`, for bindings: what
`freehold_typed`, `freehold_stack_unnamed` and their checks would take several calls
for. `flags` is a sum of FREEHOLD_ZEROED and FREEHOLD_UNCOUNTED, or 0; `tag` is a number
that `freehold_tag` gave.
`unnamed` may be null; it gets what `freehold_stack_unnamed` says of the new block.

Gives NULL on an error: FREEHOLD_BAD_ALIGNMENT, FREEHOLD_UNKNOWN_VALUE (a flag or
the tag), FREEHOLD_OUT_OF_MEMORY, FREEHOLD_TOO_LARGE.

# Safety
`unnamed` is null or may be written to.
""",
    _ctypes.c_void_p,
    _ctypes.c_size_t,  # size
    _ctypes.c_size_t,  # alignment
    _ctypes.c_uint32,  # flags
    _ctypes.c_uint32,  # tag
    _ctypes.POINTER(freehold_stack),  # unnamed
)

__all__ = (
    "FREEHOLD_ABORT",
    "FREEHOLD_ARENA_OWNED",
    "FREEHOLD_BAD_ALIGNMENT",
    "FREEHOLD_BAD_HANDLE",
    "FREEHOLD_BAD_TEXT",
    "FREEHOLD_BORROWED",
    "FREEHOLD_DART",
    "FREEHOLD_DOUBLE",
    "FREEHOLD_FAMILY_ACCELERATORS",
    "FREEHOLD_FAMILY_BSTR",
    "FREEHOLD_FAMILY_COM",
    "FREEHOLD_FAMILY_CO_TASK_MEM",
    "FREEHOLD_FAMILY_CRED",
    "FREEHOLD_FAMILY_CURSOR",
    "FREEHOLD_FAMILY_CUSTOM",
    "FREEHOLD_FAMILY_GDI_DC",
    "FREEHOLD_FAMILY_GDI_OBJECT",
    "FREEHOLD_FAMILY_GLOBAL",
    "FREEHOLD_FAMILY_HANDLE",
    "FREEHOLD_FAMILY_HEAP",
    "FREEHOLD_FAMILY_HSTRING",
    "FREEHOLD_FAMILY_ICON",
    "FREEHOLD_FAMILY_LOCAL",
    "FREEHOLD_FAMILY_MALLOC",
    "FREEHOLD_FAMILY_MENU",
    "FREEHOLD_FAMILY_MMAP",
    "FREEHOLD_FAMILY_MSVCRT",
    "FREEHOLD_FAMILY_MSVCRT_ALIGNED",
    "FREEHOLD_FAMILY_NET_API",
    "FREEHOLD_FAMILY_NEW",
    "FREEHOLD_FAMILY_NEW_ARRAY",
    "FREEHOLD_FAMILY_PROP_VARIANT",
    "FREEHOLD_FAMILY_REG_KEY",
    "FREEHOLD_FAMILY_RUST",
    "FREEHOLD_FAMILY_SAFE_ARRAY",
    "FREEHOLD_FAMILY_UCRT",
    "FREEHOLD_FAMILY_UCRT_ALIGNED",
    "FREEHOLD_FAMILY_VARIANT",
    "FREEHOLD_FAMILY_VIRTUAL",
    "FREEHOLD_FAMILY_WINDOW",
    "FREEHOLD_FAMILY_WTS",
    "FREEHOLD_FINALIZER_OWNED",
    "FREEHOLD_FOREIGN",
    "FREEHOLD_IGNORE",
    "FREEHOLD_INTERIOR",
    "FREEHOLD_INTERNAL",
    "FREEHOLD_IN_USE",
    "FREEHOLD_JAVASCRIPT",
    "FREEHOLD_JSON",
    "FREEHOLD_LEAKS",
    "FREEHOLD_MAX_FRAMES",
    "FREEHOLD_NAME_BYTES",
    "FREEHOLD_NOT_INNERMOST",
    "FREEHOLD_NOT_KNOWN",
    "FREEHOLD_NOT_SO",
    "FREEHOLD_NOT_TRACKED",
    "FREEHOLD_NOT_YOURS",
    "FREEHOLD_NO_RELEASE",
    "FREEHOLD_NULL",
    "FREEHOLD_OK",
    "FREEHOLD_OUTSIDE",
    "FREEHOLD_OUT_OF_MEMORY",
    "FREEHOLD_OVERFLOW",
    "FREEHOLD_OWNED",
    "FREEHOLD_OWNER_API",
    "FREEHOLD_OWNER_ARENA",
    "FREEHOLD_OWNER_FINALIZER",
    "FREEHOLD_OWNER_TRANSFERRED",
    "FREEHOLD_OWNER_YOU",
    "FREEHOLD_PYTHON",
    "FREEHOLD_REFUSE",
    "FREEHOLD_RELEASE_FAILED",
    "FREEHOLD_SIZE_MISMATCH",
    "FREEHOLD_SYSTEM",
    "FREEHOLD_TEXT",
    "FREEHOLD_TOO_LARGE",
    "FREEHOLD_TOO_SHORT",
    "FREEHOLD_TO_NUL",
    "FREEHOLD_TRANSFERRED",
    "FREEHOLD_UNCOUNTED",
    "FREEHOLD_UNKNOWN_VALUE",
    "FREEHOLD_UNRELEASABLE",
    "FREEHOLD_WRONG_FAMILY",
    "FREEHOLD_ZEROED",
    "freehold_action",
    "freehold_adopt",
    "freehold_adopt_from",
    "freehold_adopt_with",
    "freehold_aligned_alloc",
    "freehold_alloc",
    "freehold_arena",
    "freehold_arena_adopt",
    "freehold_arena_adopt_with",
    "freehold_arena_alloc",
    "freehold_arena_move_out",
    "freehold_arena_new",
    "freehold_arena_on_release",
    "freehold_arena_release",
    "freehold_attach_finalizer",
    "freehold_block",
    "freehold_borrow",
    "freehold_bstr_length",
    "freehold_bstr_new",
    "freehold_calloc",
    "freehold_clear_error",
    "freehold_code",
    "freehold_code_name",
    "freehold_describe",
    "freehold_detach_finalizer",
    "freehold_family_alloc",
    "freehold_family_name",
    "freehold_finalize",
    "freehold_frame",
    "freehold_free",
    "freehold_free_as",
    "freehold_free_leaf",
    "freehold_free_sized",
    "freehold_give_back",
    "freehold_handle_adopt",
    "freehold_handle_close",
    "freehold_hstring_duplicate",
    "freehold_hstring_new",
    "freehold_hstring_text",
    "freehold_interior",
    "freehold_last_code",
    "freehold_last_message",
    "freehold_leak_count",
    "freehold_leaks",
    "freehold_leaks_reset",
    "freehold_malloc",
    "freehold_misuses",
    "freehold_movable_alloc",
    "freehold_movable_lock",
    "freehold_movable_unlock",
    "freehold_native_free",
    "freehold_objects_changed",
    "freehold_on_misuse",
    "freehold_query",
    "freehold_realloc",
    "freehold_release",
    "freehold_scope",
    "freehold_scope_begin",
    "freehold_scope_end",
    "freehold_scope_enter",
    "freehold_scope_leaks",
    "freehold_scope_leave",
    "freehold_session",
    "freehold_stack",
    "freehold_stack_last",
    "freehold_stack_name",
    "freehold_stack_new",
    "freehold_stack_set",
    "freehold_stack_unnamed",
    "freehold_tag",
    "freehold_tracking_is_on",
    "freehold_tracking_is_shared",
    "freehold_tracking_start",
    "freehold_tracking_stop",
    "freehold_transfer",
    "freehold_typed",
    "freehold_utf16_set",
    "freehold_utf16_to_utf8",
    "freehold_utf8_set",
    "freehold_utf8_to_utf16",
    "freehold_version",
)
