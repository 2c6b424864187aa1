"""Where the shared library of this package is, and that it is the right one.

What is not here: what its functions do (``freehold.raw``).
"""

import ctypes
import os
from pathlib import Path

VERSION = "0.1.0"

NAMES = {"nt": "freehold.dll"}.get(os.name, "libfreehold.so.0")


class LibraryError(ImportError):
    """There is no library, or it is another one: which file, what was wrong with it, what to do."""


def library_path() -> str:
    """The file: what ``FREEHOLD_LIBRARY`` says, else the one in this package, else the system's by name."""
    named = os.environ.get("FREEHOLD_LIBRARY")
    if named:
        return named
    own = Path(__file__).parent / "lib" / NAMES
    return str(own) if own.exists() else NAMES


def open_library() -> ctypes.CDLL:
    """Loads the library for ctypes.

    Raises ``LibraryError`` when there is none or it is of another version.
    """
    path = library_path()
    advice = f"Set FREEHOLD_LIBRARY to the path of libfreehold {VERSION}, or reinstall the package"
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise LibraryError(f"freehold's library cannot be loaded from {path}: {error}. {advice}") from None
    try:
        library.freehold_version.restype = ctypes.c_char_p
    except AttributeError:
        raise LibraryError(f"{path} is no libfreehold: it has no function freehold_version. {advice}") from None
    version = library.freehold_version().decode()
    if version != VERSION:
        raise LibraryError(f"{path} is libfreehold {version}, and this package needs {VERSION}. {advice}")
    return library
