#!/usr/bin/env python3
"""`freehold report` survives ledgers that are cut short or damaged.

    hostile_ledgers.py [--seconds N] [--seed N]

Keeps the ledgers of real runs, damages copies of them, and reports from these. Whatever the answer
is, it must come in time and not be a crash. Exit status 1: one crashed or hung; its file is kept.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tracked import FREEHOLD, Hang, finish

SLOWEST = 20
CRASHES = {101: "panic", 134: "abort", 135: "bus error", 136: "arithmetic", 137: "killed", 139: "segmentation fault"}
PAGE = 4096
# Numbers that bounds checks and multiplications get wrong.
EXTREMES = [0, 1, 2**31 - 1, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - PAGE, 2**64 - 1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        ledgers = [keep(Path(folder) / f"{i}.ledger", words) for i, words in enumerate(RUNS)]
        failed = tried = 0
        deadline = time.monotonic() + options.seconds
        while time.monotonic() < deadline and not failed:
            hostile = Path(folder) / "hostile"
            what = damage(ledgers[tried % len(ledgers)], hostile, chance, tried)
            form = ["text", "json"][chance.randrange(2)]
            wrong = report(hostile, form)
            tried += 1
            if wrong:
                failed += 1
                kept = Path(tempfile.gettempdir()) / f"hostile-{options.seed}-{tried}.ledger"
                shutil.copy(hostile, kept)
                print(f"FAIL {wrong}; {what}; the file is {kept}")
    print(f"{tried} damaged ledgers, {failed} crashes or hangs (seed {options.seed})")
    return 1 if failed else 0


RUNS = [["true"], ["sh", "-c", "env true; (sort /dev/null)"], [sys.executable, "-c", "import json"]]


def keep(path, words):
    """A ledger of a real run, without the room that a session leaves between its parts."""
    done = finish([FREEHOLD, "run", "--ledger", str(path), "-o", os.devnull, "--", *words])
    if done[0] != 0:
        raise SystemExit(f"{words}: status {done[0]}: {done[2].decode()}")
    return path


def damage(ledger, hostile, chance, number):
    """Writes a damaged copy; says how."""
    subprocess.run(["cp", "--sparse=always", ledger, hostile], check=True)
    size = ledger.stat().st_size
    with open(hostile, "r+b") as file:
        if number % 5 == 0:
            length = chance.choice([chance.randrange(size), chance.randrange(PAGE), number // 5])
            file.truncate(length)
            return f"{ledger.name} cut to {length} bytes"
        pages = used_pages(file)
        where = []
        for _ in range(chance.choice([1, 1, 2, 8, 64])):
            # Most of a ledger is its data, but what leads a reader astray is its headers.
            page = chance.choice(pages[:4] if chance.random() < 0.5 else pages)
            at = page * PAGE + chance.randrange(PAGE // 8) * 8
            file.seek(at)
            old = file.read(8).ljust(8, b"\0")
            file.seek(at)
            file.write(other(old, chance))
            where.append(at)
        return f"{ledger.name} changed at {where}"


def used_pages(file):
    """The numbers of pages with something in them."""
    pages, at, end = [], 0, os.fstat(file.fileno()).st_size
    while at < end:
        try:
            start = os.lseek(file.fileno(), at, os.SEEK_DATA)
        except OSError:
            break
        at = os.lseek(file.fileno(), start, os.SEEK_HOLE)
        pages += range(start // PAGE, -(-at // PAGE))
    return pages


def other(old, chance):
    """A word to put in the place of `old`."""
    way = chance.randrange(4)
    if way == 0:
        return chance.choice(EXTREMES).to_bytes(8, "little")
    if way == 1:
        return chance.randbytes(8)
    number = int.from_bytes(old, "little")
    if way == 2:
        return (number ^ 1 << chance.randrange(64)).to_bytes(8, "little")
    return ((number + chance.choice([-1, 1, 8, PAGE])) % 2**64).to_bytes(8, "little")


def report(path, form):
    """What is wrong with how the command takes the file, if anything is."""
    try:
        status, _, err = finish([FREEHOLD, "report", "--format", form, str(path)], timeout=SLOWEST)
    except Hang as hang:
        return str(hang)
    if status in CRASHES or b"panicked" in err:
        return f"{CRASHES.get(status, status)}: {err.decode(errors='replace')[-400:]}"
    return None


if __name__ == "__main__":
    sys.exit(main())
