"""What a pair of allocation and release costs, beside ctypes and cffi.

    python benchmarks/pair.py [--rounds N]

In each round every pair runs some thousand times, one kind after the other, so that what
else the machine does meets all of them; printed are medians of nanoseconds, and of each
round's ratio to the pair of ctypes. Tracking cannot be taken back whole, so it is
off in one process and on in another, and ctypes is in both.
"""

from __future__ import annotations

import argparse
import ctypes
import statistics
import subprocess
import sys
import time
from typing import Callable

TURNS = 20_000
SIZE = 256


def ctypes_pair() -> Callable[[int], None]:
    libc = ctypes.CDLL(None)
    malloc, free = libc.malloc, libc.free
    malloc.argtypes, malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
    free.argtypes, free.restype = [ctypes.c_void_p], None

    def run(turns: int) -> None:
        for _ in range(turns):
            free(malloc(SIZE))

    return run


def cffi_pair() -> Callable[[int], None] | None:
    try:
        import cffi
    except ImportError:
        return None
    ffi = cffi.FFI()
    ffi.cdef("void *malloc(size_t); void free(void *);")
    library = ffi.dlopen(None)
    malloc, free = library.malloc, library.free

    def run(turns: int) -> None:
        for _ in range(turns):
            free(malloc(SIZE))

    return run


def freehold_pair() -> Callable[[int], None]:
    import freehold

    calloc, free, of = freehold.calloc, freehold.free, ctypes.c_uint8

    def run(turns: int) -> None:
        for _ in range(turns):
            free(calloc(of, SIZE))

    return run


def method_pair() -> Callable[[int], None]:
    import freehold

    malloc, of = freehold.malloc, ctypes.c_uint8

    def run(turns: int) -> None:
        for _ in range(turns):
            with malloc(of, SIZE):
                pass

    return run


def at_depth(depth: int, run: Callable[[int], None], turns: int) -> None:
    """Runs below so many functions of Python."""
    if depth:
        at_depth(depth - 1, run, turns)
    else:
        run(turns)


def measure(state: str, rounds: int) -> None:
    import freehold

    if state == "on":
        freehold.start()
    assert freehold.is_tracking() == (state == "on")
    pairs = [("freehold.calloc, free", freehold_pair()), ("with freehold.malloc", method_pair())]
    cffi = cffi_pair()
    if cffi is not None:
        pairs.append(("cffi malloc, free", cffi))
    for depth in (0, 20, 60) if state == "on" else (0,):
        kinds = [("ctypes malloc, free", ctypes_pair()), *pairs]
        took: dict[str, list[float]] = {name: [] for name, _ in kinds}
        for _ in range(rounds):
            for name, run in kinds:
                begin = time.perf_counter()
                at_depth(depth, run, TURNS)
                took[name].append((time.perf_counter() - begin) / TURNS * 1e9)
        base = took["ctypes malloc, free"]
        for name, times in took.items():
            ratio = statistics.median(mine / other for mine, other in zip(times, base))
            where = f"tracking {state}, {depth + 3} frames"
            print(f"{where:26} {name:24} {statistics.median(times):7.0f} ns {ratio:6.2f}x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--state", choices=["off", "on"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.state:
        measure(given.state, given.rounds)
        return
    print(f"Python {sys.version.split()[0]}, {SIZE} bytes, {given.rounds} rounds of {TURNS} pairs")
    sys.stdout.flush()
    for state in ("off", "on"):
        again = [sys.executable, __file__, "--rounds", str(given.rounds), "--state", state]
        subprocess.run(again, check=True)


if __name__ == "__main__":
    main()
