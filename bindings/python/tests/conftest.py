"""What the tests share: tracking that is on, C's library, small programs."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import freehold

pytest_plugins = ("pytester",)


@pytest.fixture(autouse=True, scope="session")
def tracking() -> None:
    """Misuses are refused, whatever a test does."""
    freehold.start()


@pytest.fixture(scope="session")
def libc() -> ctypes.CDLL:
    """C's library with pointers that are not cut."""
    library = ctypes.CDLL(None)
    library.strdup.restype = ctypes.c_void_p
    library.strdup.argtypes = [ctypes.c_char_p]
    library.malloc.restype = ctypes.c_void_p
    library.malloc.argtypes = [ctypes.c_size_t]
    library.free.argtypes = [ctypes.c_void_p]
    library.free.restype = None
    return library


@pytest.fixture
def program(tmp_path: Path):
    """Runs a program of Python, and gives how that ended."""

    def run(text: str, *arguments: str, **named: object) -> subprocess.CompletedProcess[str]:
        script = tmp_path / "program.py"
        script.write_text(textwrap.dedent(text))
        new = {**os.environ, **named.pop("env", {})}
        return subprocess.run(
            [sys.executable, *arguments, str(script)],
            env=new,
            capture_output=True,
            text=True,
            timeout=120,
            **named,
        )

    return run


@pytest.fixture(scope="session")
def compiler() -> str:
    """A C compiler."""
    found = shutil.which("cc")
    if found is None:
        pytest.skip("there is no C compiler")
    return found
