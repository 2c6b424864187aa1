"""Addresses of whatever has one: pointers and arrays of ctypes, pointers of cffi."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

_POINTER: Any = ctypes.POINTER(ctypes.c_int).__mro__[1]
_ARRAY: Any = (ctypes.c_int * 1).__mro__[1]
FUNCTION: Any = ctypes.CFUNCTYPE(None).__mro__[1]
"""The type that all functions of ctypes are of."""

_ADDRESSES = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_wchar_p)


def address(pointer: Any) -> int:
    """Where a pointer leads; 0 for None.

    Raises TypeError for what is no pointer: a ``str`` or ``bytes`` is memory of Python,
    which nobody else may release.
    """
    if pointer is None:
        return 0
    if isinstance(pointer, int):
        return pointer
    if isinstance(pointer, _ADDRESSES):
        # The value of the text pointers would be the text.
        return ctypes.cast(pointer, ctypes.c_void_p).value or 0
    if isinstance(pointer, (_POINTER, FUNCTION)):
        return ctypes.cast(pointer, ctypes.c_void_p).value or 0
    if isinstance(pointer, _ARRAY):
        return ctypes.addressof(pointer)
    module = type(pointer).__module__
    if module == "_cffi_backend":
        # The module that made it: nothing is imported that is not there.
        _cffi_backend: Any = sys.modules["_cffi_backend"]
        void = _cffi_backend.new_pointer_type(_cffi_backend.new_void_type())
        word = _cffi_backend.new_primitive_type("uintptr_t")
        return int(_cffi_backend.cast(word, _cffi_backend.cast(void, pointer)))
    owned = getattr(pointer, "address", None)
    if isinstance(owned, int):
        return owned
    raise TypeError(
        f"{pointer!r} is no pointer: pass a Buffer, a pointer of ctypes or cffi, or an address"
    )
