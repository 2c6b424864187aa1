"""The command ``freehold`` that the package carries."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
from pathlib import Path

_DIST = Path(__file__).resolve().parent / "_dist"

# Options of `freehold run` that are followed by a value.
_WITH_VALUE = frozenset(
    (
        "--format",
        "--output",
        "-o",
        "--show",
        "--min-bytes",
        "--symbols",
        "--color",
        "--fail-on",
        "--ledger",
        "--stacks",
        "--depth",
        "--max-memory",
        "--follow-children",
        "--families",
        "--on-misuse",
    )
)


def command() -> Path:
    """Where the command is: what ``FREEHOLD_COMMAND`` names, else beside the package.

    :raises FileNotFoundError: when it is not there; the text says what to do.
    """
    named = os.environ.get("FREEHOLD_COMMAND")
    path = Path(named) if named else _DIST / "bin" / "freehold"
    if not path.is_file():
        what = "FREEHOLD_COMMAND names" if named else "the package should have"
        raise FileNotFoundError(
            f"{what} {path}, and it is not there: install the package freehold as a wheel "
            "again, or set FREEHOLD_COMMAND to the command freehold"
        )
    return path


def environment() -> dict[str, str]:
    """The environment for the command: where its preload library is, if it must be told.

    The loader takes no path with a blank or a colon; then a link without one is made.
    """
    new = dict(os.environ)
    library = _DIST / "lib" / "libfreehold_interpose.so"
    if not new.get("FREEHOLD_PRELOAD") and library.is_file() and set(" :") & set(str(library)):
        new["FREEHOLD_PRELOAD"] = str(_link(library))
    return new


def _link(library: Path) -> Path:
    name = hashlib.sha256(os.fsencode(library)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"freehold-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise PermissionError(f"{folder} is not this user's own folder: remove it")
    link = folder / f"{name}.so"
    if not link.is_symlink() or os.readlink(link) != str(library):
        link.unlink(missing_ok=True)
        link.symlink_to(library)
    return link


def arguments(given: list[str]) -> list[str]:
    """The command's arguments: ``run script.py`` runs the script by this Python.

    ``run [OPTIONS] script.py ARGS``, ``run -m module ARGS`` and ``run -c code ARGS`` are
    as after ``python``; with ``--`` before it, the program is named by the caller.
    """
    if given[:1] != ["run"]:
        return given
    at = 1
    while at < len(given) and given[at].startswith("-") and given[at] not in ("-m", "-c"):
        if given[at] in ("--", "-h", "--help"):
            return given
        at += 2 if given[at] in _WITH_VALUE else 1
    if at >= len(given):
        return given
    return [*given[:at], "--", sys.executable, *given[at:]]


def run(given: list[str]) -> int:
    """Becomes the command. Returns only when it cannot."""
    try:
        path = command()
        new = environment()
    except OSError as error:
        print(f"freehold: {error}", file=sys.stderr)
        return 125
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(path, [str(path), *arguments(given)], new)
