#!/usr/bin/env python3
"""The checks of a real project, CPython, say the same under Freehold as without it.

    real_project.py [MODULE...]

Runs modules of the test suite that CPython brings, of the parts that allocate natively, with every
object in a block of its own (PYTHONMALLOC=malloc). An interpreter without the suite (Debian has it
in libpython3-testsuite) is named and the check left out. Exit status 1: something differs.
"""

import importlib.util
import os
import re
import sys
import tempfile
from pathlib import Path

from tracked import complaints, finish, tracked_prefix

PYTHON = os.path.realpath(sys.executable)
MODULES = ["test_ctypes", "test_json", "test_struct", "test_zlib", "test_array", "test_sqlite3", "test_re"]
TIMEOUT = 150


def results(track, modules, folder):
    """Status, and the lines of the suite's output that have neither times nor paths in them."""
    environment = {**os.environ, "PYTHONMALLOC": "malloc"}
    words = [*track, PYTHON, "-m", "test", *modules]
    status, out, err = finish(words, timeout=TIMEOUT, cwd=folder, env=environment)
    told = re.findall(rb"^(?:test_\w+ failed.*|Total tests?:.*|Result:.*|\d+ tests? .*)$", out, re.M)
    return status, told, out + err


def main():
    modules = sys.argv[1:] or MODULES
    if not importlib.util.find_spec("test.test_json"):
        print(f"skip: {PYTHON} has come without its test suite")
        return 0
    modules = [module for module in modules if importlib.util.find_spec(f"test.{module}")]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        alone = results([], modules, folder)
        tracked = results(tracked_prefix(report), modules, folder)
        wrong, processes = complaints(report)
    if alone[:2] != tracked[:2]:
        wrong.append(f"alone {alone[:2]}, tracked {tracked[:2]}\n{tracked[2].decode(errors='replace')[-3000:]}")
    print(f"{'FAIL' if wrong else 'ok  '} {' '.join(modules)}: {processes} processes, {tracked[:2]}")
    for sentence in wrong:
        print(f"    {sentence}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
