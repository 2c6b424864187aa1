"""Leaks blocks in as many kinds of Python frames as there are, and writes down the stack
of each as Python itself knows it: the size of the block names it."""

import ctypes
import functools
import json
import sys
import threading

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]

EXPECTED = {}
SIZES = iter(range(100_003, 200_000, 16))


def size(kind):
    """The size of the next block, after its stack was written down. Call it on the line on
    which the block is allocated."""
    number = next(SIZES)
    frame = sys._getframe(1)
    stack = []
    while frame is not None:
        code = frame.f_code
        name = getattr(code, "co_qualname", code.co_name)
        stack.append([name, code.co_filename, frame.f_lineno])
        frame = frame.f_back
    EXPECTED[number] = {"kind": kind, "stack": stack}
    return number


def plain():
    libc.malloc(size("plain"))


class Thing:
    def method(self):
        libc.malloc(size("method"))

    @classmethod
    def of_class(cls):
        libc.malloc(size("class method"))

    @property
    def value(self):
        return libc.malloc(size("property"))

    def __len__(self):
        libc.malloc(size("called by C"))
        return 0

    def __del__(self):
        libc.malloc(size("finalizer"))


def generator():
    for _ in range(1):
        yield libc.malloc(size("generator"))


def delegating():
    yield from generator()


def decorated(function):
    @functools.wraps(function)
    def inner(*arguments):
        return function(*arguments)

    return inner


@decorated
def wrapped(number):
    libc.malloc(size("wrapped"))


def recursive(depth):
    if depth == 0:
        libc.malloc(size("recursive"))
    else:
        recursive(depth - 1)


def through_c(depth):
    """Each level is a call of C that calls Python."""
    if depth == 0:
        libc.malloc(size("through C"))
    else:
        list(map(through_c, [depth - 1]))


async def waiting():
    libc.malloc(size("coroutine"))


async def coroutine():
    await waiting()


def run_coroutine():
    try:
        coroutine().send(None)
    except StopIteration:
        pass


def in_a_thread():
    libc.malloc(size("thread"))


def long_lines(
    a=1,
    b=2,
):
    # A line far behind the first, and lines before it that are no code.
    if a:





































































































































        return libc.malloc(size("far line"))


def raising():
    try:
        raise KeyError("x")
    except KeyError:
        libc.malloc(size("handler"))
    finally:
        libc.malloc(size("finally"))


def callback():
    function = ctypes.CFUNCTYPE(None)(lambda: libc.malloc(size("callback")) and None)
    function()


def names_that_are_no_ascii():
    scope = {"malloc": libc.malloc, "size": size}
    text = "def größe():\n    malloc(size('latin'))\ndef 大小():\n    malloc(size('wide'))\n"
    exec(compile(text, "täglich/日.py", "exec"), scope)
    scope["größe"]()
    scope["大小"]()


def main():
    plain()
    thing = Thing()
    thing.method()
    Thing.of_class()
    thing.value
    len(thing)
    for _ in delegating():
        pass
    wrapped(1)
    recursive(10)
    recursive(60)
    through_c(3)
    run_coroutine()
    thread = threading.Thread(target=in_a_thread)
    thread.start()
    thread.join()
    long_lines()
    raising()
    callback()
    names_that_are_no_ascii()
    [libc.malloc(size("comprehension")) for _ in range(1)]
    sorted([1], key=lambda _: libc.malloc(size("lambda")))
    exec("libc.malloc(size('exec'))")
    # Code that comes and goes at the same places.
    for i in range(200):
        exec(f"def f{i}():\n{chr(10) * (i % 50)}    libc.malloc(size('made {i}'))\nf{i}()", globals())
        del globals()[f"f{i}"]
    del thing


main()
with open(sys.argv[1], "w") as file:
    json.dump(EXPECTED, file)
