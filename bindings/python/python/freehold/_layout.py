"""What the elements of a buffer are: types of ctypes as the extension needs them.

Not here: numbers, which the extension reads and writes itself.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

from freehold._native import Layout

if TYPE_CHECKING:
    from freehold._native import Buffer

_SIMPLE: Any = ctypes.c_int.__mro__[1]
_ARRAY: Any = (ctypes.c_int * 1).__mro__[1]
_DATA: Any = _SIMPLE.__mro__[1]
"""The types that all types of ctypes are made of."""

_LETTERS = frozenset("bBhHiIlLqQfd?cP")
"""Letters of ctypes that are those of the struct module, too."""


def layout(of: Any) -> Layout:
    """The layout of a type of ctypes; for None that of bytes."""
    if of is None:
        return Layout(None, 1, 1, "void", "B", "B", 1, ())
    if not (isinstance(of, type) and issubclass(of, _DATA)):
        raise TypeError(
            f"{of!r} is no type of elements: pass a type of ctypes, as ctypes.c_uint8 or a "
            "Structure, or a number of bytes"
        )
    base: Any = of
    inner = []
    while issubclass(base, _ARRAY):
        inner.append(base._length_)
        base = base._type_
    try:
        # One without fields has an alignment of 0.
        size, alignment = ctypes.sizeof(of), max(ctypes.alignment(of), 1)
        item = ctypes.sizeof(base)
    except TypeError as error:
        raise TypeError(f"{of.__name__} has no size: {error}") from error
    letter = _letter(base)
    view = letter if letter != "*" else memoryview(base()).format
    # An array is loaded as one, whatever it is of.
    first = "*" if inner else letter
    return Layout(of, size, alignment, of.__name__, first, view, item, tuple(inner))


def _letter(of: Any) -> str:
    """The letter of a plain number in the machine's order; a star for all else."""
    if not issubclass(of, _SIMPLE):
        return "*"
    letter: str = of._type_
    swapped = getattr(of, "__ctype_be__", of) is of and getattr(of, "__ctype_le__", of) is not of
    # A subclass keeps its objects: they may have methods, as ctypes itself does it.
    is_own = _SIMPLE not in of.__bases__
    return letter if letter in _LETTERS and not swapped and not is_own else "*"


def load(buffer: Buffer, index: int | None) -> Any:
    """An element that is no plain number; for None a pointer to the first, for calls.

    Both export the buffer as long as they live, so it is there until a call returns.
    """
    of: Any = buffer.type or ctypes.c_ubyte
    if index is None:
        pointer: Any = ctypes.POINTER(of)
        # Not an array: where a pointer is declared, ctypes takes nothing else from
        # `_as_parameter_`. Nor by `cast`, which makes a circle of references.
        if len(buffer):
            return pointer(of.from_buffer(buffer))
        return pointer.from_buffer(ctypes.c_void_p(buffer.address))
    found = of.from_buffer(buffer, index * buffer.itemsize)
    return found.value if _SIMPLE in of.__bases__ else found


def store(buffer: Buffer, index: int, value: Any) -> None:
    """Stores such an element, as an array of ctypes does.

    What it refers to is not kept alive by the buffer.
    """
    of: Any = buffer.type
    (of * 1).from_buffer(buffer, index * buffer.itemsize)[0] = value
