"""Blocks that others allocated: who releases them, and texts that others own."""

from __future__ import annotations

import ctypes
import itertools
import threading
from typing import TYPE_CHECKING, Any

from freehold import _native, raw
from freehold._errors import error, last_message
from freehold._pointers import FUNCTION, address

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Union

    from freehold._native import Buffer

    Release = Union[str, Callable[[Any], Any]]

FAMILIES: dict[str, int] = {"free": raw.FREEHOLD_FAMILY_MALLOC}
"""Numbers of families by name; "free" is "malloc", too."""
for _number in range(1, 64):
    _name = raw.freehold_family_name(_number).decode()
    if _name != "unknown":
        FAMILIES[_name] = _number


class Failure(threading.local):
    """What a release function raised on this thread."""

    exception: BaseException | None = None


failure = Failure()

# Release functions that wait for their block, by the number that the library has for
# them. Numbers are given once, so a thread that is late finds nothing, not another's.
_waiting: dict[int, Callable[[], Any]] = {}
_numbers = itertools.count(1)


def _run(number: int | None) -> int:
    """Runs what waits, and keeps what it raises for whoever asked."""
    function = _waiting.get(number or 0)
    if function is None:
        return 1
    try:
        function()
    except BaseException as exception:
        failure.exception = exception
        return 1
    _waiting.pop(number or 0, None)
    return 0


run_release = raw.freehold_release(lambda _block, number: _run(number))
"""For all blocks with a release function of Python; lives as long as the process."""

run_action = raw.freehold_action(_run)
"""The same for what an arena does at its end."""


def wait(function: Callable[[], Any]) -> int:
    """Keeps a function until its number is run."""
    number = next(_numbers)
    _waiting[number] = function
    return number


def forget(number: int) -> None:
    """Gives up what waits."""
    _waiting.pop(number, None)


def caller(release: Callable[[Any], Any], pointer: Any) -> Callable[[], Any]:
    """Calls a release function with the pointer as it was given.

    A number would be cut to an int by a function of ctypes without ``argtypes``.
    """
    if isinstance(release, FUNCTION) and isinstance(pointer, int):
        pointer = ctypes.c_void_p(pointer)
    return lambda: release(pointer)


def checked(function: Callable[..., int], *arguments: Any) -> None:
    """Calls the library with the caller's frames on record."""
    code, message = _native.call(_with_message, function, arguments)
    if code != raw.FREEHOLD_OK:
        raise failed(code, message)


def _with_message(function: Callable[..., int], arguments: tuple[Any, ...]) -> tuple[int, str]:
    code = function(*arguments)
    return code, last_message() if code != raw.FREEHOLD_OK else ""


def failed(code: int, message: str) -> Exception:
    """The exception of a code, with what a release function raised as its cause."""
    exception = error(code, message)
    if code == raw.FREEHOLD_RELEASE_FAILED:
        exception.__cause__, failure.exception = failure.exception, None
    return exception


def family_of(release: str) -> int:
    """The number of a family."""
    number = FAMILIES.get(release)
    if number is None:
        known = ", ".join(sorted(FAMILIES))
        raise ValueError(
            f"{release!r} is no family: pass one of {known}, a function, or use adopt_from "
            "with the name of the function that gave the block"
        )
    return number


def elements(type: Any, count: int | None, size: int) -> tuple[Any, int, int]:
    """Type, number and bytes of what is adopted."""
    if type is None:
        number = size if count is None else count
        return None, number, number
    number = 1 if count is None else count
    return type, number, ctypes.sizeof(type) * number


def adopt(
    pointer: Any,
    type: Any = None,
    count: int | None = None,
    *,
    release: Release = "free",
) -> Buffer:
    """Takes over a block that an API returned: a Buffer that ``free`` releases rightly.

    When it stays it is a leak, as what was allocated here.

    :param pointer: a pointer of ctypes or cffi, or an address.
    :param type: the type of its elements; bytes when it is left out.
    :param count: how many there are; without a type that many bytes. Left out, it is 1,
        or nothing that can be indexed when there is no type either.
    :param release: the name of a family ("free", "new", "CoTaskMem" ...), or a function
        of ctypes, cffi or Python, called with the pointer as it was given; its result is
        not looked at, and an exception means that the block is still there.
    :raises NullPointer: when the API gave nothing.
    :raises AlreadyOwned: when it is adopted already.

    >>> import ctypes, freehold
    >>> libc = ctypes.CDLL(None)
    >>> libc.strdup.restype = ctypes.c_void_p
    >>> with freehold.adopt(libc.strdup(b"hello"), ctypes.c_char, 6) as text:
    ...     text[:5]
    b'hello'
    """
    at = address(pointer)
    type, number, size = elements(type, count, 0)
    if isinstance(release, str):
        checked(raw.freehold_adopt, at, size, family_of(release))
    else:
        waits = wait(caller(release, pointer))
        try:
            checked(raw.freehold_adopt_with, at, size, run_release, waits)
        except BaseException:
            forget(waits)
            raise
    return _native.wrap(at, *_shape(type, number), 1)


def _shape(type: Any, count: int) -> tuple[Any, int]:
    """As the extension takes it: bytes are a number of them."""
    return (count, 1) if type is None else (type, count)


def adopt_from(
    function: str,
    pointer: Any,
    type: Any = None,
    count: int | None = None,
    *,
    slot: str = "return",
) -> Buffer:
    """Takes over what a function of a library gave, by that function's name.

    The ownership database knows what releases it; ``freehold owner NAME`` shows it.

    :param function: the name as its documentation has it.
    :param slot: "return", or the name of the parameter by which it was given.
    :raises NotKnown: when nobody has checked the function.
    :raises NotYours: when what it gives stays the library's.
    :raises NoRelease: when its release takes more than the pointer.

    >>> import ctypes, freehold
    >>> libc = ctypes.CDLL(None)
    >>> libc.strdup.restype = ctypes.c_void_p
    >>> freehold.adopt_from("strdup", libc.strdup(b"hello"), ctypes.c_char, 6).free()
    """
    at = address(pointer)
    type, number, size = elements(type, count, 0)
    checked(raw.freehold_adopt_from, function.encode(), slot.encode(), at, size)
    return _native.wrap(at, *_shape(type, number), 1)


def borrow(pointer: Any, size: int = 0) -> None:
    """Notes a block that an API only lends: releases of it are refused."""
    checked(raw.freehold_borrow, address(pointer), size)


def give_back(pointer: Any) -> None:
    """Forgets a borrowed block: the API has it back."""
    checked(raw.freehold_give_back, address(pointer))


def transfer(pointer: Any) -> int:
    """Gives a block away: whoever gets the address that this returns releases it."""
    at = address(pointer)
    buffer = _native.live(at)
    if buffer is not None:
        return buffer.transfer()
    checked(raw.freehold_transfer, at)
    return at


def take_bytes(
    pointer: Any, function: str | None = None, *, release: Release = "free"
) -> bytes | None:
    """The bytes of a C text that the caller owns, up to its NUL; the text is released.

    None when the pointer is null. Parameters are those of :func:`take_str`.
    """
    at = address(pointer)
    if not at:
        return None
    if function is not None:
        block = adopt_from(function, pointer)
    else:
        block = adopt(pointer, release=release)
    with block:
        return ctypes.string_at(at)


def take_str(
    pointer: Any,
    function: str | None = None,
    *,
    release: Release = "free",
    encoding: str = "utf-8",
    errors: str = "strict",
) -> str | None:
    """A C text that the caller owns, as ``str``; the text is released.

    None when the pointer is null.

    :param pointer: a pointer of ctypes (not the ``bytes`` that ``c_char_p`` makes of it,
        which has lost it) or of cffi, or an address.
    :param function: the name of the function that gave it, for the ownership database;
        left out, ``release`` says what releases it, as for :func:`adopt`.

    >>> import ctypes, freehold
    >>> libc = ctypes.CDLL(None)
    >>> libc.strdup.restype = ctypes.c_void_p
    >>> freehold.take_str(libc.strdup(b"hello"), "strdup")
    'hello'
    """
    taken = take_bytes(pointer, function, release=release)
    return None if taken is None else taken.decode(encoding, errors)


def owned_str(
    function: str | None = None,
    *,
    release: Release = "free",
    encoding: str = "utf-8",
    errors: str = "strict",
) -> Any:
    """A ``restype`` for functions of ctypes that give a text which the caller owns.

    ``c_char_p`` copies the text and loses the pointer; this copies it, too, and then
    releases it. Parameters are those of :func:`take_str`.

    >>> import ctypes, freehold
    >>> libc = ctypes.CDLL(None)
    >>> libc.strdup.restype = freehold.owned_str("strdup")
    >>> libc.strdup(b"hello")
    'hello'
    """

    def take(result: OwnedText) -> str | None:
        return take_str(result, function, release=release, encoding=encoding, errors=errors)

    return type("owned_str", (OwnedText,), {"_check_retval_": staticmethod(take)})


def owned_bytes(function: str | None = None, *, release: Release = "free") -> Any:
    """The same for ``bytes``."""

    def take(result: OwnedText) -> bytes | None:
        return take_bytes(result, function, release=release)

    return type("owned_bytes", (OwnedText,), {"_check_retval_": staticmethod(take)})


class OwnedText(ctypes.c_void_p):
    """What those are made of: a pointer that ctypes does not read."""
