"""Exceptions: one for each thing that can be wrong, all subclasses of ``Error``.

The text is the library's: what happened, to which block, where that was allocated and
released, and what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from freehold import _native, raw

if TYPE_CHECKING:
    from freehold._native import Buffer


class Error(Exception):
    """Nothing was done; the text says why.

    ``code`` is the number that the library gave, one of ``freehold.raw.FREEHOLD_...``.
    """

    code: int = 0


class NullPointer(Error, ValueError):
    """A pointer is null that must not be."""


class Misuse(Error):
    """A release that must not be made. The block is as it was."""


class DoubleFree(Misuse):
    """The block was released before."""


class Foreign(Misuse):
    """The address is no known block."""


class Interior(Misuse):
    """The address lies in the middle of a block."""


class Borrowed(Misuse):
    """The block is only lent."""


class Transferred(Misuse):
    """The block was given away."""


class ArenaOwned(Misuse):
    """The block belongs to an arena."""


class FinalizerOwned(Misuse):
    """The block belongs to a finalizer."""


class WrongFamily(Misuse):
    """The block is of a family that this function is not for."""


class SizeMismatch(Misuse):
    """The size that was passed is not that of the block."""


class ReleaseFailed(Error):
    """A release function said that it failed; its exception is the cause."""


class Released(Misuse, ValueError):
    """A use of a Buffer that was released or given away."""


class InUse(Misuse, BufferError):
    """The memory is exported, to a memoryview, to ctypes or numpy, and may not go."""


class AlreadyOwned(Error):
    """The block is registered already: two owners would release it twice."""


class Unreleasable(Error):
    """The family needs more than an address to release a block: give a function."""


class NotKnown(Error, LookupError):
    """The ownership database asserts nothing of the function or of its slot."""


class NotYours(Error):
    """What the function gives is not the caller's to release."""


class NoRelease(Error):
    """The function that releases it cannot be called by its address alone."""


class OutOfMemory(Error, MemoryError):
    """There is no memory, or a limit of the library is reached."""


class TooLarge(OutOfMemory):
    """More bytes than a block can have."""


class CountOverflow(Error, OverflowError):
    """A count times a size, or an address plus a size, cannot be counted."""


class NotTracked(Error):
    """Nothing is tracked, and without that nobody can tell."""


class Leaks(Error, AssertionError):
    """Blocks stay that should not; ``leaks`` has them."""

    leaks: tuple[object, ...] = ()


CLASSES: dict[int, type[Error]] = {
    raw.FREEHOLD_NULL: NullPointer,
    raw.FREEHOLD_OVERFLOW: CountOverflow,
    raw.FREEHOLD_TOO_LARGE: TooLarge,
    raw.FREEHOLD_OUT_OF_MEMORY: OutOfMemory,
    raw.FREEHOLD_DOUBLE: DoubleFree,
    raw.FREEHOLD_FOREIGN: Foreign,
    raw.FREEHOLD_INTERIOR: Interior,
    raw.FREEHOLD_BORROWED: Borrowed,
    raw.FREEHOLD_TRANSFERRED: Transferred,
    raw.FREEHOLD_ARENA_OWNED: ArenaOwned,
    raw.FREEHOLD_FINALIZER_OWNED: FinalizerOwned,
    raw.FREEHOLD_WRONG_FAMILY: WrongFamily,
    raw.FREEHOLD_SIZE_MISMATCH: SizeMismatch,
    raw.FREEHOLD_RELEASE_FAILED: ReleaseFailed,
    raw.FREEHOLD_IN_USE: InUse,
    raw.FREEHOLD_OWNED: AlreadyOwned,
    raw.FREEHOLD_UNRELEASABLE: Unreleasable,
    raw.FREEHOLD_NOT_KNOWN: NotKnown,
    raw.FREEHOLD_NOT_YOURS: NotYours,
    raw.FREEHOLD_NO_RELEASE: NoRelease,
    raw.FREEHOLD_NOT_TRACKED: NotTracked,
    raw.FREEHOLD_LEAKS: Leaks,
}


def error(code: int, message: str) -> Error:
    """The exception of a code."""
    exception = CLASSES.get(code, Error)(message)
    exception.code = code
    return exception


def last_message() -> str:
    """What the library said last on this thread."""
    message: bytes = raw.freehold_last_message()
    return message.decode("utf-8", "replace")


def check(code: int) -> None:
    """Raises what a code says.

    The thread must still be the one that called: its last message is the text.
    """
    if code != raw.FREEHOLD_OK:
        raise error(code, last_message())


_ACTS = {
    "free": "cannot be released",
    "transfer": "cannot be given away",
    "resize": "cannot change its size",
    "export": "cannot be exported",
    "enter": "cannot be entered",
    "len": "has no length",
    "access": "has no elements",
    "use": "cannot be used",
}


def released(buffer: Buffer, act: str) -> Error:
    """The exception for a use of a buffer whose block is gone, or an arena's."""
    address, _ = _native.was(buffer)
    if buffer._owner == 2:
        owned = ArenaOwned(
            f"{buffer!r} {_ACTS[act]}: it is released with its arena. Take it out with "
            "move_out first"
        )
        owned.code = raw.FREEHOLD_ARENA_OWNED
        return owned
    given = buffer._owner == 4
    kind: type[Error] = Released
    if act == "free":
        kind = Transferred if given else DoubleFree
    how = "given away" if given else "released before"
    text = f"{buffer!r} {_ACTS[act]}: it was {how}"
    exception = kind(text)
    if act == "free" and raw.freehold_tracking_is_on():
        # The ledger may still know where. Asked as a release by a family that such a
        # block is not of, so that whatever lives at the address now is left alone.
        code = _native.call(raw.freehold_free_as, raw.FREEHOLD_FAMILY_VARIANT, address)
        if code in (raw.FREEHOLD_DOUBLE, raw.FREEHOLD_TRANSFERRED):
            exception = kind(f"{text}\n{last_message()}")
    exception.code = raw.FREEHOLD_TRANSFERRED if given else raw.FREEHOLD_DOUBLE
    return exception


def exported(buffer: Buffer) -> InUse:
    """The exception for a release of a buffer that others use."""
    views = _native.exports(buffer)
    what = "a view uses" if views == 1 else f"{views} views use"
    exception = InUse(
        f"{buffer!r} cannot be released or moved: {what} its memory (a memoryview, an "
        "array or structure of ctypes, numpy or cffi.from_buffer). Release or delete what "
        "uses it first"
    )
    exception.code = raw.FREEHOLD_IN_USE
    return exception
