"""What the documentation says is run."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from test_plugin import plugin

import freehold
from freehold import _arena, _own, _scopes

ROOT = Path(os.environ.get("FREEHOLD_SOURCE", Path(__file__).parents[3]))
PAGES = [page for page in ("docs/python.md", "bindings/python/README.md") if (ROOT / page).exists()]
PIECES = [
    pytest.param(kind, text, id=f"{Path(page).stem}-{number}")
    for page in PAGES
    for number, (kind, text) in enumerate(
        re.findall(r"^```python *(\w*)\n(.*?)^```$", (ROOT / page).read_text(), re.M | re.S)
    )
]


@pytest.mark.parametrize(("kind", "text"), PIECES)
def test_pieces_of_the_pages_run(tmp_path, kind, text):
    script = tmp_path / "test_piece.py"
    script.write_text(text)
    command = [sys.executable, "-W", "error", str(script)]
    if kind == "pytest":
        command = [sys.executable, "-m", "pytest", "-q", *plugin(), str(script)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stderr


def test_the_pages_are_there():
    if not PAGES:
        pytest.skip("the project's sources are not here")
    assert len(PIECES) >= 10


@pytest.mark.parametrize("module", [freehold, _arena, _own, _scopes])
def test_examples_of_the_functions_run(module):
    failed, tried = doctest.testmod(module)
    assert failed == 0
    assert tried > 0


def test_every_public_name_is_described():
    for name in freehold.__all__:
        thing = getattr(freehold, name)
        if name.isupper():
            continue
        assert thing.__doc__, name


def test_the_raw_layer_is_the_header():
    header = ROOT / "crates/capi/include/freehold.h"
    if not header.exists():
        pytest.skip("the project's sources are not here")
    declared = set(re.findall(r"^[\w *]*?\b(freehold_\w+)\(", header.read_text(), re.M))
    assert len(declared) > 50
    assert declared <= set(freehold.raw.__all__)
    for name in declared:
        assert getattr(freehold.raw, name).__doc__.startswith(name)
