"""Live blocks of all native code of this process, by stack: what ``freehold report`` knows.

Only under ``freehold run``, whose hooks see them.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from typing import IO, Any

from freehold import _command
from freehold._leaks import Frame, Leak, frame


@dataclass(frozen=True)
class Site:
    """What lives and was allocated by one stack."""

    blocks: int
    bytes: int
    family: str
    frames: tuple[Frame, ...]
    is_tagged: bool
    """Whether the package allocated it, which scopes know already."""


def sites(report: dict[str, Any]) -> dict[str, Site]:
    """What lived, by the fingerprint of its stack."""
    found: dict[str, Site] = {}
    for leak in report["leaks"]:
        if leak["runtime"]:
            continue
        before = found.get(leak["fingerprint"])
        found[leak["fingerprint"]] = Site(
            blocks=leak["blocks"] + (before.blocks if before else 0),
            bytes=leak["bytes"] + (before.bytes if before else 0),
            family=leak["family"],
            frames=tuple(frame(_native(one)) for one in leak["stack"]),
            is_tagged=bool(leak["tags"]),
        )
    return found


def _native(known: dict[str, Any]) -> dict[str, Any]:
    """A frame of a report, as those of the library are."""
    offset = known.get("offset")
    is_native = known.get("language") == "native"
    return {
        **known,
        "language": "" if is_native else known.get("language"),
        "offset": int(offset, 16) if isinstance(offset, str) else 0,
        "file": (known.get("module") if is_native else None) or known.get("file"),
        "line": 0 if is_native else known.get("line"),
    }


def snapshot() -> IO[bytes]:
    """A report of this process as it is now, for :func:`growth`.

    It stays in a file until both are there: read here, it would be growth itself.
    """
    # What the first one allocates for good is no growth between two others.
    _warm()
    return _take()


@functools.lru_cache(maxsize=None)
def _warm() -> None:
    _take().close()


def _take() -> IO[bytes]:
    # The command reads this process from outside; it is not to be tracked itself.
    new = {
        name: value
        for name, value in _command.environment().items()
        if name not in ("LD_PRELOAD", "FREEHOLD_SESSION")
    }
    arguments = ["report", str(os.getpid()), "--format", "json", "--show", "all"]
    out = tempfile.TemporaryFile()
    done = subprocess.run(
        [str(_command.command()), *arguments],
        env=new,
        stdout=out,
        stderr=subprocess.PIPE,
        check=False,
    )
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise RuntimeError(f"freehold report ended with {done.returncode}: {said}")
    return out


def _read(file: IO[bytes]) -> dict[str, Site]:
    with file:
        file.seek(0)
        return sites(json.load(file))


def growth(earlier: IO[bytes], later: IO[bytes], loops: int) -> tuple[Leak, ...]:
    """Stacks by which each of so many runs left a block or more."""
    before, after = _read(earlier), _read(later)
    out = []
    for fingerprint, now in after.items():
        then = before.get(fingerprint)
        blocks = now.blocks - (then.blocks if then else 0)
        size = now.bytes - (then.bytes if then else 0)
        if blocks >= loops and not now.is_tagged:
            out.append(Leak(0, "", size, now.family, "", now.frames, blocks))
    return tuple(out)
