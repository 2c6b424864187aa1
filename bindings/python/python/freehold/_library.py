"""The library that all of the package uses: the one that ``freehold._native`` loaded.

It is found by ``FREEHOLD_LIBRARY``, else beside the package, else by the system.
"""

from __future__ import annotations

import ctypes

from freehold import _native


def library() -> ctypes.CDLL:
    """The library, for :mod:`freehold.raw`."""
    return ctypes.CDLL(_native.library, ctypes.RTLD_GLOBAL)
