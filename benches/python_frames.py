#!/usr/bin/env python3
"""What frames of Python cost: a block of 600 bytes made and released by CPython, below so many frames of
Python, plain and tracked, in the same run. The difference of two depths, less that of the plain
program, is what their frames cost.

usage: python_frames.py [PYTHON ...]        (default: the one that runs this)
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FREEHOLD = os.environ.get("FREEHOLD", str(ROOT / "target/release/freehold"))
DEPTHS = [1, 11, 21, 41]

PROGRAM = """
import sys, time

def work(n):
    make, start = bytearray, time.perf_counter_ns()
    for _ in range(n):
        make(600)
    return (time.perf_counter_ns() - start) / n

def below(frames, n):
    return work(n) if frames == 1 else below(frames - 1, n)

frames = int(sys.argv[1])
below(frames, 20000)
print(min(below(frames, 200000) for _ in range(5)))
"""


def measure(command, frames):
    """The best of three runs, in nanoseconds for a pair."""
    runs = (subprocess.run([*command, "-c", PROGRAM, str(frames)], stdout=subprocess.PIPE, check=True) for _ in range(3))
    return min(float(run.stdout) for run in runs)


def main():
    for python in sys.argv[1:] or [sys.executable]:
        version = subprocess.run([python, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        print(f"{version}\n| frames | plain | tracked | more |\n| ---: | ---: | ---: | ---: |")
        first = None
        for frames in DEPTHS:
            plain = measure([python], frames)
            tracked = measure([FREEHOLD, "run", "-o", os.devnull, "--", python], frames)
            more = tracked - plain
            first = more if first is None else first
            print(f"| {frames} | {plain:.0f} | {tracked:.0f} | {more:.0f} |")
        print(f"{(more - first) / (DEPTHS[-1] - DEPTHS[0]):.1f} ns for a frame\n")


main()
