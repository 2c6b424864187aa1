"""What is said of a buffer that the collector has to release."""

from __future__ import annotations

import ctypes
import sys
import warnings
from typing import TYPE_CHECKING

from freehold import raw

if TYPE_CHECKING:
    from freehold._native import Buffer


def collected(buffer: Buffer) -> None:
    """Warns; the extension then releases it, and the ledger knows who did."""
    if sys.is_finalizing():
        # Nobody would see it, and the memory goes with the process.
        return
    where = allocated(buffer)
    text = f"unreleased {buffer!r}{where}: use it in a with block, or call free()"
    warnings.warn(text, ResourceWarning, stacklevel=2, source=buffer)


def allocated(buffer: Buffer) -> str:
    """Where it was allocated, when it was tracked: ", allocated by f (file:line)"."""
    room = 16384
    text = ctypes.create_string_buffer(room)
    if raw.freehold_describe(buffer.address, text, room, None) != raw.FREEHOLD_OK:
        return ""
    for line in text.value.decode("utf-8", "replace").splitlines():
        number, _, place = line.strip().partition(" ")
        if number.startswith("#"):
            return f", allocated by {place.strip()}"
    return ""
