"""Tracking and scopes: which blocks count, and where.

A scope belongs to a context (:mod:`contextvars`), so that tasks of asyncio which take
turns on one thread each stay in their own. The library's scopes belong to threads: each
call that allocates first puts its thread into the scope of the context that runs.
"""

from __future__ import annotations

import ctypes
import threading
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING

from freehold import _native, raw
from freehold._errors import Leaks, check, error, last_message
from freehold._leaks import Leak, describe, parse, size_of

if TYPE_CHECKING:
    from types import TracebackType


class _Inside(threading.local):
    """The scope that this thread is in, as the library knows it."""

    handle: int = 0


_inside = _Inside()


class Scope:
    """A region of the program whose blocks are counted apart; see :func:`scope`."""

    def __init__(self, name: str, limit: str | int | None) -> None:
        self.name = name
        """For reports."""
        self.limit = None if limit is None else size_of(limit)
        """How many bytes may stay; None for any number."""
        self.leaks: tuple[Leak, ...] = ()
        """What stayed at the end."""
        self.bytes = 0
        """Its bytes."""
        self._handle = 0
        self._around: Scope | None = None
        self._token: Token[Scope | None] | None = None

    def __repr__(self) -> str:
        state = "runs" if self._handle else f"{len(self.leaks)} blocks stayed"
        return f"<freehold.Scope {self.name!r}: {state}>"

    def current(self) -> tuple[Leak, ...]:
        """The blocks that live in it now, and in the scopes inside it."""
        return parse(_text(raw.freehold_scope_leaks, self._handle))

    def __enter__(self) -> Scope:
        if self._handle:
            raise RuntimeError(f"the scope {self.name!r} runs already")
        around = _current.get()
        switch(around)
        before = _inside.handle
        handle = raw.freehold_scope()
        check(raw.freehold_scope_begin(self.name.encode(), ctypes.byref(handle)))
        # The thread is in one scope of ours at a time: `switch` need not know them all.
        check(raw.freehold_scope_leave(handle.value))
        if before:
            check(raw.freehold_scope_leave(before))
        check(raw.freehold_scope_enter(handle.value))
        _inside.handle = handle.value
        self._handle, self._around = handle.value, around
        self._token = _current.set(self)
        _native.follow(_current)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        switch(self)
        self.leaks = self.current()
        bytes_left = ctypes.c_uint64()
        code = raw.freehold_scope_end(self._handle, None, ctypes.byref(bytes_left))
        message = last_message() if code != raw.FREEHOLD_OK else ""
        self.bytes = bytes_left.value
        self._handle = _inside.handle = 0
        self._leave_context()
        switch(self._around)
        if code not in (raw.FREEHOLD_OK, raw.FREEHOLD_LEAKS):
            raise error(code, message)
        if kind is None and self.limit is not None and self.bytes > self.limit:
            leaks = Leaks(describe(self.leaks, f"the scope {self.name!r}", self.limit))
            leaks.code, leaks.leaks = raw.FREEHOLD_LEAKS, self.leaks
            raise leaks

    def _leave_context(self) -> None:
        token, self._token = self._token, None
        try:
            if token is not None:
                _current.reset(token)
        except ValueError:
            # Ended in another context than it was begun in, as fixtures are.
            if _current.get() is self:
                _current.set(self._around)

    async def __aenter__(self) -> Scope:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.__exit__(kind, exception, trace)


_current: ContextVar[Scope | None] = ContextVar("freehold_scope", default=None)


def switch(scope: Scope | None) -> None:
    """Puts this thread into a scope, or into that around it if it has ended."""
    while scope is not None and not scope._handle:
        scope = scope._around
    wanted = scope._handle if scope is not None else 0
    if wanted == _inside.handle:
        return
    if _inside.handle:
        # It may have been ended meanwhile; then there is nothing to leave.
        raw.freehold_scope_leave(_inside.handle)
        _inside.handle = 0
    if wanted:
        check(raw.freehold_scope_enter(wanted))
        _inside.handle = wanted


def _text(function: object, *arguments: int) -> str:
    """What a function writes, whatever its length."""
    needed = ctypes.c_size_t()
    room = 0
    while True:
        buffer = ctypes.create_string_buffer(room) if room else None
        code = function(*arguments, raw.FREEHOLD_JSON, buffer, room, ctypes.byref(needed))  # type: ignore[operator]
        if buffer is not None and code == raw.FREEHOLD_OK:
            return buffer.value.decode("utf-8", "replace")
        if code not in (raw.FREEHOLD_OK, raw.FREEHOLD_TOO_SHORT):
            check(code)
        # More may have come meanwhile.
        room = needed.value + 4096


def scope(name: str, *, limit: str | int | None = None) -> Scope:
    """A region of the program whose blocks are counted apart.

    ``with scope("request"):`` or ``async with``; what is allocated inside, also by what
    it awaits, counts there, whoever releases it. Begins tracking when it is off. What
    stays at the end counts for the scope around it.

    :param limit: how many bytes may stay, as 4096 or "4 KiB"; more is :class:`Leaks`.

    >>> import ctypes, freehold
    >>> with freehold.scope("request") as request:
    ...     forgotten = freehold.calloc(ctypes.c_int, 4)
    >>> request.bytes
    16
    >>> forgotten.free()
    """
    return Scope(name, limit)


def track(*, limit: str | int | None = None) -> Scope:
    """:func:`scope` without a name of its own: tracks what is between.

    >>> import freehold
    >>> with freehold.track(limit="0 B"):
    ...     freehold.calloc(100).free()
    """
    return Scope("track", limit)


def start(*, depth: int = 0, max_memory: int = 0) -> None:
    """Begins to track, and to count blocks as leaks that stay.

    Call it before the first block. Under ``freehold run`` its ledger is used.

    :param depth: frames of each stack; 0 is 64, at most 128.
    :param max_memory: the limit for the ledger in bytes; 0 is 1 GiB.
    """
    check(raw.freehold_tracking_start(depth, max_memory))


def stop() -> None:
    """Blocks that are allocated from now on outside of scopes count no longer.

    They are still recorded, so that misuses are refused.
    """
    raw.freehold_tracking_stop()


def is_tracking() -> bool:
    """Whether blocks are recorded."""
    return bool(raw.freehold_tracking_is_on())


def is_shared() -> bool:
    """Whether they are recorded in the ledger of ``freehold run``."""
    return bool(raw.freehold_tracking_is_shared())


def leaks() -> tuple[Leak, ...]:
    """The blocks that live and count: in the scope that runs, or in none."""
    switch(_current.get())
    return parse(_text(raw.freehold_leaks))


def misuses() -> int:
    """How many releases were refused in this process."""
    return int(raw.freehold_misuses())
