"""Frames of Python: exact, whatever came to the same place in memory before."""

from __future__ import annotations

import ctypes
import gc
import itertools
import os
import sys
import threading

import pytest

import freehold


def frames(block):
    """What is recorded of a live block, which is then released."""
    (leak,) = [leak for leak in freehold.leaks() if leak.address == block.address]
    block.free()
    return leak.frames


def make():
    return freehold.malloc(8)


def line_of(function, offset=1):
    return function.__code__.co_firstlineno + offset


def test_each_call_has_its_line():
    def middle(which):
        if which:
            return make()
        return make()

    found = [frames(middle(which)) for which in (0, 1, 0, 1)]
    for which, some in zip((0, 1, 0, 1), found):
        assert [(frame.function.split(".")[-1], frame.line) for frame in some[:2]] == [
            ("make", line_of(make)),
            ("middle", line_of(middle, 2 if which else 3)),
        ]
        assert {frame.language for frame in some} == {"python"}
        assert some[0].file == __file__


def test_the_package_is_not_seen():
    libc = freehold.raw._ctypes.CDLL(None)
    libc.strdup.restype = freehold.raw._ctypes.c_void_p
    assert frames(freehold.adopt(libc.strdup(b"x")))[0].function == "test_the_package_is_not_seen"


def test_frames_are_read_fast_where_their_form_is_known():
    # Every chain that is new was compared with what the API says, until here, too.
    assert frames(make())
    known = sys.version_info[:2] <= (3, 13) and not hasattr(sys, "gettotalrefcount")
    assert freehold._native.walks_fast() == known


def test_deep_stacks_are_cut():
    def down(n):
        return make() if n == 0 else down(n - 1)

    some = frames(down(300))
    assert len(some) <= freehold.raw.FREEHOLD_MAX_FRAMES
    assert [frame.line for frame in some[1:4]] == [line_of(down)] * 3


def test_generators_have_whoever_runs_them():
    def generator():
        while True:
            yield make()

    def one(source):
        return next(source)

    def two(source):
        return next(source)

    source = generator()
    for caller in (one, two, one):
        names = [frame.function.split(".")[-1] for frame in frames(caller(source))]
        assert names[:3] == ["make", "generator", caller.__name__]


def test_code_that_is_gone_is_never_taken_for_new_code():
    # Code objects of one size come to the addresses of those that were dropped.
    for number in range(60):
        name = f"made_{number:04}"
        space = {"freehold": freehold}
        exec(compile(f"def {name}():\n return freehold.malloc(8)", f"{name}.py", "exec"), space)
        top = frames(space[name]())[0]
        assert (top.function, top.file, top.line) == (name, f"{name}.py", 2)
        del space, top
        gc.collect()


def test_frames_at_the_same_address_are_told_apart():
    def leaf():
        return make()

    def a():
        return leaf()

    def b():
        return leaf()

    for caller in itertools.islice(itertools.cycle((a, b)), 50):
        assert frames(caller())[2].function.endswith(caller.__name__)


def test_more_stacks_than_are_remembered():
    space = {"freehold": freehold}
    text = "\n".join(f"def f{n}():\n return freehold.malloc(8)" for n in range(9000))
    exec(compile(text, "many.py", "exec"), space)
    with freehold.track() as scope:
        for n in range(9000):
            space[f"f{n}"]().free()
        blocks = [space[f"f{n}"]() for n in (0, 4500, 8999, 0)]
    tops = {leak.address: leak.frames[0] for leak in scope.leaks}
    for block, n in zip(blocks, (0, 4500, 8999, 0)):
        assert (tops[block.address].function, tops[block.address].line) == (f"f{n}", 2 * n + 2)
        block.free()


def test_names_that_are_no_plain_text():
    space = {"freehold": freehold}
    exec(compile("def größe():\n return freehold.malloc(8)", "/tmp/ü\udcff.py", "exec"), space)
    top = frames(space["größe"]())[0]
    assert top.function == "größe"
    assert top.file.startswith("/tmp/ü")


def test_threads_have_their_own_frames():
    found = {}

    def work(number):
        space = {"freehold": freehold}
        exec(compile(f"def t{number}():\n return freehold.malloc(8)", "t.py", "exec"), space)
        for _ in range(200):
            block = space[f"t{number}"]()
            found.setdefault(number, []).append(block)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tops = {leak.address: leak.frames[0].function for leak in freehold.leaks()}
    for number, blocks in found.items():
        for block in blocks:
            assert tops[block.address] == f"t{number}"
            block.free()


def test_callbacks_from_c_have_the_frames_around_them():
    kept = []
    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)

    @callback
    def compare(_a, _b):
        kept.append(make())
        return 0

    some = (ctypes.c_int * 2)()
    ctypes.CDLL(None).qsort(some, 2, 4, compare)
    names = [frame.function.split(".")[-1] for frame in frames(kept[0])]
    assert names[:3] == ["make", "compare", "test_callbacks_from_c_have_the_frames_around_them"]


def test_other_ways_to_call():
    class Meta(type):
        def __call__(cls):
            return make()

    class Made:
        def __init__(self):
            # Called often, it gets a frame of the interpreter's around it (3.12, 3.13).
            if getattr(Made, "last", None) is not None:
                Made.last.free()
            self.block = Made.last = make()

    class Class(metaclass=Meta):
        @property
        def property(self):
            return make()

    for call, name in (
        (Class, "__call__"),
        (lambda: Class.property.fget(None), "property"),
        (lambda: sorted([1], key=lambda _: kept.append(make())) and kept.pop(), "<lambda>"),
        (lambda: [make() for _ in range(1)][0], None),
        (lambda: next(map(lambda _: make(), [1])), "<lambda>"),
        (lambda: eval("make()", globals()), "<module>"),
        (lambda: [Made() for _ in range(100)][-1].block, "__init__"),
    ):
        kept = []
        some = [frame.function.split(".")[-1] for frame in frames(call())]
        assert some[0] == "make"
        assert name in (None, some[1])
        assert "test_other_ways_to_call" in some
    assert freehold._native.walks_fast() == (sys.version_info[:2] <= (3, 13))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_has_a_ledger_of_its_own():
    mine = make()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            freehold.start()
            some = frames(make())
            ok = some[0].function == "make" and some[1].function.startswith("test_a_forked")
            mine.release()
            status = 0 if ok and mine.released else 2
        finally:
            os.write(writer, b"x")
            os._exit(status)
    os.read(reader, 1)
    _, status = os.waitpid(child, 0)
    os.close(reader)
    os.close(writer)
    assert os.WEXITSTATUS(status) == 0
    assert frames(mine)[0].function == "make"
