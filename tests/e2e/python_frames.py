#!/usr/bin/env python3
"""Whether the frames that a ledger has of Python are those that Python has.

The program leaks blocks in many kinds of frames, and writes down the stack of each as
Python knows it. Every interpreter that is found is asked: python3.9 to python3.14 on the
path, and what pyenv has installed.
"""

import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

from tracked import FREEHOLD

PROGRAM = os.path.join(os.path.dirname(__file__), "programs", "python_stacks.py")
VERSIONS = range(9, 15)


def interpreters():
    """Their paths, by version; those that start."""
    found = {}
    for minor in VERSIONS:
        name = f"python3.{minor}"
        pyenv = os.path.expanduser(f"~/.pyenv/versions/3.{minor}.*/bin/{name}")
        candidates = ["/usr/bin/" + name, *sorted(glob.glob(pyenv)), shutil.which(name)]
        for path in filter(None, candidates):
            # What is found on the path may be a script that starts another one.
            ask = "import sys, os; print(sys.version_info[1], os.path.realpath(sys.executable))"
            try:
                said = subprocess.run([path, "-c", ask], capture_output=True, text=True, timeout=60)
            except OSError:
                continue
            if said.returncode == 0 and said.stdout.split()[0] == str(minor):
                found[said.stdout.split()[1]] = minor
    return found


def check(python, folder):
    """Complaints about one interpreter, and how many stacks were compared."""
    expected, report = os.path.join(folder, "expected"), os.path.join(folder, "report")
    command = [FREEHOLD, "run", "--show", "all", "--depth", "128", "--format", "json", "-o", report]
    done = subprocess.run(
        [*command, "--", python, PROGRAM, expected], capture_output=True, text=True, timeout=300
    )
    if done.returncode != 0:
        return [f"status {done.returncode}: {done.stderr}"], 0
    with open(expected) as file:
        expected = json.load(file)
    with open(report) as file:
        leaks = json.load(file)["leaks"]
    stacks = {leak["smallest_bytes"]: leak["stack"] for leak in leaks if leak["blocks"] == 1}
    complaints = []
    for size, wanted in expected.items():
        stack = stacks.get(int(size))
        if stack is None:
            complaints.append(f"{wanted['kind']}: no block of {size} bytes by itself")
            continue
        frames = [f for f in stack if f["language"] == "python"]
        found = [[f["function"], f["file"], f["line"]] for f in frames]
        if found != wanted["stack"]:
            complaints.append(f"{wanted['kind']}:\n  found  {found}\n  wanted {wanted['stack']}")
            continue
        complaints += [f"{wanted['kind']}: {text}" for text in order(wanted["kind"], stack)]
    return complaints, len(expected)


def order(kind, stack):
    """Complaints about where the frames stand among those of machine code."""
    first = next(i for i, frame in enumerate(stack) if frame["language"] == "python")
    if not any("ffi" in frame["module"] for frame in stack[:first]):
        yield "what Python called is not within its first frame"
    if kind == "through C":
        names = [frame["function"] or "" for frame in stack]
        levels = [i for i, name in enumerate(names) if name == "through_c"]
        for inner, outer in zip(levels, levels[1:]):
            # Debian's has no names of functions that are not exported.
            between = names[inner + 1 : outer]
            if not any("map" in name or not name for name in between):
                yield f"no map between two levels: {names[inner:outer + 1]}"
    if kind == "thread" and not any(frame["function"] == "start_thread" for frame in stack):
        modules = {frame["module"] for frame in stack}
        if not any(module.startswith("libc.so") for module in modules):
            yield "the thread has no beginning"


def main():
    failed = False
    found = interpreters()
    if not found:  # the tests themselves run in one
        sys.exit("no CPython from 3.9 on was found")
    for python, minor in sorted(found.items(), key=lambda item: item[1]):
        with tempfile.TemporaryDirectory() as folder:
            complaints, count = check(python, folder)
        for complaint in complaints[:5]:
            print(f"FAILED {python}: {complaint}")
        failed = failed or bool(complaints)
        print(f"{'failed' if complaints else 'ok'}     {python}: {count} stacks of Python 3.{minor}")
    sys.exit(1 if failed else 0)


main()
