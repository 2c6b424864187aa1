"""Arenas: blocks that are released together."""

from __future__ import annotations

import ctypes
import warnings
from typing import TYPE_CHECKING, Any

from freehold import _native, _own, raw
from freehold._errors import check, exported, last_message
from freehold._pointers import address

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from freehold._native import Buffer


class Arena:
    """Blocks and actions that end together; see :func:`arena`."""

    def __init__(self) -> None:
        self._handle: int = 0
        handle = raw.freehold_arena()
        check(raw.freehold_arena_new(ctypes.byref(handle)))
        self._handle = handle.value
        self._buffers: list[Buffer] = []

    def __repr__(self) -> str:
        state = f"{len(self._buffers)} blocks" if self._handle else "released"
        return f"<freehold.Arena: {state}>"

    @property
    def released(self) -> bool:
        """Whether it is released."""
        return not self._handle

    def calloc(self, type: Any, count: int = 1) -> Buffer:
        """A zeroed Buffer as :func:`freehold.calloc` gives, which the arena releases."""
        of, number, size, alignment = type, count, 1, 1
        if isinstance(type, int):
            of, number, tag = None, type * count, b"void"
        else:
            size, alignment = ctypes.sizeof(type), max(ctypes.alignment(type), 1)
            tag = type.__name__.encode()
        if number < 0:
            raise ValueError(f"{number} elements are less than none")
        block = ctypes.c_void_p()
        arguments = (self._handle, number, size, alignment, tag, ctypes.byref(block))
        _own.checked(raw.freehold_arena_alloc, *arguments)
        return self._keep(block.value or 0, of, number)

    malloc = calloc
    """The same: there is no other memory in an arena."""

    def adopt(
        self,
        pointer: Any,
        type: Any = None,
        count: int | None = None,
        *,
        release: _own.Release = "free",
    ) -> Buffer:
        """Takes over a block as :func:`freehold.adopt` does; the arena releases it."""
        at = address(pointer)
        type, number, size = _own.elements(type, count, 0)
        if isinstance(release, str):
            family = _own.family_of(release)
            _own.checked(raw.freehold_arena_adopt, self._handle, at, size, family)
        else:
            waits = _own.wait(_own.caller(release, pointer))
            arguments = (self._handle, at, size, _own.run_release, waits)
            try:
                _own.checked(raw.freehold_arena_adopt_with, *arguments)
            except BaseException:
                _own.forget(waits)
                raise
        return self._keep(at, type, number)

    def callback(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Calls a function when the arena is released, the last first.

        What was allocated before is still there then.
        """
        before = len(self._buffers)

        def act() -> None:
            # Those that came later are released by now.
            for buffer in self._buffers[before:]:
                _native.end(buffer, 3)
            function(*arguments)

        waits = _own.wait(act)
        try:
            check(raw.freehold_arena_on_release(self._handle, _own.run_action, waits))
        except BaseException:
            _own.forget(waits)
            raise

    def move_out(self, buffer: Buffer) -> Buffer:
        """Takes a block out of the arena: it is released by ``free`` from now on."""
        check(raw.freehold_arena_move_out(self._handle, buffer.address))
        self._buffers = [other for other in self._buffers if other is not buffer]
        _native.end(buffer, 0)
        return buffer

    def release(self) -> None:
        """Releases everything, the last first, and goes on after a failure.

        Does nothing when that is done already.

        :raises InUse: while a view uses one of the blocks; nothing is released then.
        """
        if not self._handle:
            return
        for buffer in self._buffers:
            if _native.exports(buffer):
                raise exported(buffer)
        handle, self._handle = self._handle, 0
        code, message = _native.call(_release, handle)
        for buffer in self._buffers:
            _native.end(buffer, 3)
        self._buffers = []
        if code != raw.FREEHOLD_OK:
            exception = _own.failed(code, message)
            if exception.__cause__ is None:
                exception.__cause__, _own.failure.exception = _own.failure.exception, None
            raise exception

    def _keep(self, at: int, type: Any, count: int) -> Buffer:
        buffer = _native.wrap(at, count if type is None else type, 1 if type is None else count, 2)
        self._buffers.append(buffer)
        return buffer

    def __enter__(self) -> Arena:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    async def __aenter__(self) -> Arena:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def __del__(self) -> None:
        if self._handle:
            text = f"unreleased {self!r}: use it in a with block, or call release()"
            warnings.warn(text, ResourceWarning, stacklevel=2, source=self)
            self.release()


def _release(handle: int) -> tuple[int, str]:
    code = raw.freehold_arena_release(handle, None)
    return code, last_message() if code != raw.FREEHOLD_OK else ""


def arena() -> Arena:
    """A new arena: ``with arena() as a:`` or ``async with``.

    Its blocks and adopted ones are released together, the last first.

    >>> import ctypes, freehold
    >>> with freehold.arena() as a:
    ...     numbers = a.calloc(ctypes.c_int, 10)
    ...     numbers[3] = 7
    >>> numbers.released
    True
    """
    return Arena()
