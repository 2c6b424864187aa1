"""Native memory with an owner.

``calloc`` and ``malloc`` give checked buffers, ``adopt`` and ``adopt_from`` take over what
others allocated, ``free`` releases any of them by the function that is due, ``arena``
releases many together, and ``track``, ``scope`` and ``leaks`` tell what stayed and which
line of Python allocated it. ``python -m freehold run script.py`` tells it of all native
memory of a process, and the pytest plugin of each test.

>>> import ctypes, freehold
>>> with freehold.calloc(ctypes.c_uint8, 256) as buffer:
...     for i in range(256):
...         buffer[i] = i % 8
...     buffer[250:]
[2, 3, 4, 5, 6, 7]
"""

from __future__ import annotations

import os as _os

from freehold import _native

# First: what is imported below may allocate.
from freehold import _arena, _collected, _errors, _layout, _leaks, _own, _pointers, _scopes, raw
from freehold._arena import Arena, arena
from freehold._errors import (
    AlreadyOwned,
    ArenaOwned,
    Borrowed,
    CountOverflow,
    DoubleFree,
    Error,
    FinalizerOwned,
    Foreign,
    Interior,
    InUse,
    Leaks,
    Misuse,
    NoRelease,
    NotKnown,
    NotTracked,
    NotYours,
    NullPointer,
    OutOfMemory,
    Released,
    ReleaseFailed,
    SizeMismatch,
    TooLarge,
    Transferred,
    Unreleasable,
    WrongFamily,
)
from freehold._leaks import Frame, Leak
from freehold._native import TRACEMALLOC_DOMAIN, Buffer, calloc, free, malloc
from freehold._own import (
    adopt,
    adopt_from,
    borrow,
    give_back,
    owned_bytes,
    owned_str,
    take_bytes,
    take_str,
    transfer,
)
from freehold._scopes import (
    Scope,
    is_shared,
    is_tracking,
    leaks,
    misuses,
    scope,
    start,
    stop,
    track,
)

__version__: str = _native.version

_native.set_up(
    {
        "error": _own.failed,
        "released": _errors.released,
        "exported": _errors.exported,
        "collected": _collected.collected,
        "layout": _layout.layout,
        "load": _layout.load,
        "store": _layout.store,
        "address": _pointers.address,
        "scope": _scopes.switch,
    },
    # Stacks begin at who called the package, not inside it.
    _os.fsencode(_os.path.dirname(_os.path.abspath(__file__)) + _os.sep),
)

__all__ = (
    "TRACEMALLOC_DOMAIN",
    "AlreadyOwned",
    "Arena",
    "ArenaOwned",
    "Borrowed",
    "Buffer",
    "CountOverflow",
    "DoubleFree",
    "Error",
    "FinalizerOwned",
    "Foreign",
    "Frame",
    "InUse",
    "Interior",
    "Leak",
    "Leaks",
    "Misuse",
    "NoRelease",
    "NotKnown",
    "NotTracked",
    "NotYours",
    "NullPointer",
    "OutOfMemory",
    "ReleaseFailed",
    "Released",
    "Scope",
    "SizeMismatch",
    "TooLarge",
    "Transferred",
    "Unreleasable",
    "WrongFamily",
    "adopt",
    "adopt_from",
    "arena",
    "borrow",
    "calloc",
    "free",
    "give_back",
    "is_shared",
    "is_tracking",
    "leaks",
    "malloc",
    "misuses",
    "owned_bytes",
    "owned_str",
    "scope",
    "start",
    "stop",
    "take_bytes",
    "take_str",
    "track",
    "transfer",
)
