"""What stayed, for programs and for people."""

from __future__ import annotations

import json
import linecache
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True)
class Frame:
    """A function that led to an allocation."""

    function: str = ""
    """Its name; empty when nobody knows it."""
    file: str = ""
    """The file, of machine code the library."""
    line: int = 0
    """The line, counted from 1; 0 when nobody knows it."""
    column: int = 0
    """The column, counted from 1; 0 when nobody knows it."""
    language: str = ""
    """"python" and the like; empty for machine code."""
    offset: int = 0
    """Of machine code, the bytes behind the function's or the library's start."""

    def __str__(self) -> str:
        name = self.function or "<unknown>"
        if self.language:
            return f"{name} ({self.file}:{self.line})"
        where = os.path.basename(self.file)
        return f"{name}+{self.offset:#x} [{where}]" if where else f"{name}+{self.offset:#x}"

    @property
    def source(self) -> str:
        """The line of the source, if it can be read."""
        return linecache.getline(self.file, self.line).strip() if self.line else ""


@dataclass(frozen=True)
class Leak:
    """A block that lives and counts."""

    address: int
    type: str
    """What is in it: the name of the type of its elements."""
    size: int
    """In bytes."""
    family: str
    """Which functions it belongs to, as "malloc"."""
    scope: str
    """The scope in which it was allocated."""
    frames: tuple[Frame, ...]
    """What allocated it, the innermost first."""
    blocks: int = 1
    """How many there are: more than one where a report has sites, not blocks."""

    def __str__(self) -> str:
        return "\n".join(lines(self))


def parse(text: str) -> tuple[Leak, ...]:
    """Reads what the library writes."""
    return tuple(
        Leak(
            address=int(block["address"]),
            type=block.get("type", ""),
            size=int(block.get("size") or 0),
            family=block.get("family", ""),
            scope=block.get("scope", ""),
            frames=tuple(frame(one) for one in block.get("frames", ())),
        )
        for block in json.loads(text)
    )


def frame(known: dict[str, object]) -> Frame:
    """A frame, of either kind of report."""

    def number(name: str) -> int:
        value = known.get(name)
        return value if isinstance(value, int) else 0

    def text(*names: str) -> str:
        return next((str(known[name]) for name in names if known.get(name)), "")

    return Frame(
        function=text("function"),
        file=text("file", "module"),
        line=number("line"),
        column=number("column"),
        language=text("language"),
        offset=number("offset"),
    )


def lines(leak: Leak) -> list[str]:
    """A block in some lines."""
    what = leak.type if leak.type not in ("", "void") else "bytes"
    number = "" if leak.blocks == 1 else f" in {leak.blocks} blocks"
    out = [f"{size_text(leak.size)}{number}, {what}, of {leak.family or 'an unknown family'}"]
    for place in leak.frames:
        out.append(f"    {place}")
        if place.source:
            out.append(f"        {place.source}")
    return out


def describe(leaks: Sequence[Leak], what: str, limit: int) -> str:
    """What stayed, for people; blocks of one stack stand together."""
    total = sum(leak.size for leak in leaks)
    count = sum(leak.blocks for leak in leaks)
    blocks = "1 block" if count == 1 else f"{count} blocks"
    more = f", {size_text(limit)} may" if limit else ""
    out = [f"{what} leaves {size_text(total)} in {blocks}{more}:"]
    for leak in together(leaks):
        out += ["", *(f"  {line}" for line in lines(leak))]
    out += ["", "Release them with free(), a with block or an arena, or raise the limit"]
    return "\n".join(out)


def together(leaks: Iterable[Leak]) -> list[Leak]:
    """One for each stack and type, the largest first."""
    sites: dict[tuple[object, ...], list[Leak]] = {}
    for leak in leaks:
        sites.setdefault((leak.frames, leak.type, leak.family), []).append(leak)
    joined = [
        Leak(
            some[0].address,
            some[0].type,
            sum(leak.size for leak in some),
            some[0].family,
            some[0].scope,
            some[0].frames,
            sum(leak.blocks for leak in some),
        )
        for some in sites.values()
    ]
    return sorted(joined, key=lambda leak: -leak.size)


_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMG]?)(i?B)?\s*", re.IGNORECASE)


def size_of(limit: str | int) -> int:
    """A number of bytes: 4096, "4096", "0 B", "4 KiB", "1.5 MB"; all units are binary."""
    if isinstance(limit, str):
        found = _SIZE.fullmatch(limit)
        if found:
            return int(float(found[1]) * _UNITS[found[2].upper()])
    elif limit >= 0:
        return limit
    raise ValueError(f"{limit!r} is no size: write a number of bytes, or as '0 B', '4 KiB'")


def size_text(size: int) -> str:
    """A number of bytes for people."""
    if size < 10240:
        return f"{size} B"
    for unit in ("KiB", "MiB"):
        size_in_unit = size / (1024 if unit == "KiB" else 1 << 20)
        if size_in_unit < 10240:
            return f"{size_in_unit:.1f} {unit}"
    return f"{size / (1 << 30):.1f} GiB"
