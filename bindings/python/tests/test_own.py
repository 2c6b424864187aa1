"""What others allocated: adopt, free by address, owned texts, arenas."""

from __future__ import annotations

import ctypes
import gc

import pytest

import freehold


@pytest.mark.parametrize(
    "pointer",
    [
        lambda at: at,
        lambda at: ctypes.c_void_p(at),
        lambda at: ctypes.cast(at, ctypes.POINTER(ctypes.c_int)),
        lambda at: ctypes.cast(at, ctypes.c_char_p),
        lambda at: (ctypes.c_int * 4).from_address(at),
        lambda at: freehold._native.live(at),
    ],
)
def test_free_takes_every_pointer(pointer):
    buffer = freehold.malloc(64)
    freehold.free(pointer(buffer.address))
    assert buffer.released


@pytest.mark.parametrize(
    ("pointer", "error"),
    [
        (lambda b: None, freehold.NullPointer),
        (lambda b: 0, freehold.NullPointer),
        (lambda b: ctypes.c_void_p(), freehold.NullPointer),
        (lambda b: b.address + 8, freehold.Interior),
        (lambda b: id(b), freehold.Foreign),
        (lambda b: b"text", TypeError),
        (lambda b: "text", TypeError),
        (lambda b: 1.5, TypeError),
        (lambda b: -1, OverflowError),
    ],
)
def test_free_refuses_what_is_no_block(pointer, error):
    with freehold.malloc(64) as buffer, pytest.raises(error) as caught:
        freehold.free(pointer(buffer))
    if error is freehold.Interior:
        assert "8 bytes" in str(caught.value)


def test_a_block_is_given_away(libc):
    buffer = freehold.malloc(8)
    at = buffer.transfer()
    assert buffer.released
    with pytest.raises(freehold.Transferred):
        buffer.free()
    with pytest.raises(freehold.Transferred):
        freehold.free(at)
    libc.free(at)
    other = freehold.malloc(8)
    assert freehold.transfer(other.address) == freehold._native.was(other)[0]
    assert other.released
    libc.free(freehold._native.was(other)[0])


def test_a_block_is_adopted(libc):
    text = freehold.adopt(libc.strdup(b"hello"), ctypes.c_char, 6)
    assert (text[:5], len(text)) == (b"hello", 6)
    with pytest.raises(freehold.AlreadyOwned):
        freehold.adopt(text.address)
    (leak,) = [leak for leak in freehold.leaks() if leak.address == text.address]
    assert (leak.size, leak.frames[0].function) == (6, "test_a_block_is_adopted")
    text.free()
    with pytest.raises(freehold.DoubleFree):
        text.free()
    with pytest.raises(freehold.NullPointer):
        freehold.adopt(None)
    with pytest.raises(ValueError, match="no family"):
        freehold.adopt(16, release="nonsense")


def test_functions_release_what_is_adopted(libc):
    seen = []

    def close(pointer):
        seen.append(pointer)
        libc.free(pointer)

    at = libc.malloc(4)
    freehold.adopt(at, release=close).free()
    assert seen == [at]
    pointer = ctypes.cast(libc.malloc(4), ctypes.POINTER(ctypes.c_int))
    freehold.adopt(pointer, ctypes.c_int, release=close).free()
    assert seen[1] is pointer
    # A function of ctypes without argtypes would cut a number.
    bare = ctypes.CDLL(None).free
    bare.argtypes = None
    freehold.adopt(libc.malloc(4), release=bare).free()
    assert not freehold._own._waiting


def test_a_release_that_fails_leaves_the_block(libc):
    may_fail = [True]

    def close(pointer):
        if may_fail:
            raise KeyError("not now")
        libc.free(pointer)

    block = freehold.adopt(libc.malloc(4), release=close)
    with pytest.raises(freehold.ReleaseFailed) as caught:
        block.free()
    assert isinstance(caught.value.__cause__, KeyError)
    assert not block.released
    may_fail.clear()
    block.free()
    assert block.released


def test_release_functions_may_use_the_package(libc):
    def close(pointer):
        freehold.malloc(3).free()
        with pytest.raises(freehold.Misuse):
            freehold.free(pointer)
        libc.free(pointer)

    block = freehold.adopt(libc.malloc(4), release=close)
    block.free()
    assert block.released


def test_a_block_is_adopted_by_the_name_of_its_function(libc):
    freehold.adopt_from("strdup", libc.strdup(b"hello")).free()
    with pytest.raises(freehold.NotKnown):
        freehold.adopt_from("no_such_function", 16)
    with pytest.raises(freehold.NotYours):
        libc.getenv.restype = ctypes.c_void_p
        freehold.adopt_from("getenv", libc.getenv(b"PATH"))


def test_what_is_lent_is_not_released():
    block = (ctypes.c_char * 16)()
    freehold.borrow(block, 16)
    with pytest.raises(freehold.Borrowed):
        freehold.free(block)
    freehold.give_back(block)
    with pytest.raises(freehold.Error):
        freehold.give_back(block)


def test_texts_are_taken(libc):
    before = len(freehold.leaks())
    assert freehold.take_str(libc.strdup("grün".encode()), "strdup") == "grün"
    assert freehold.take_bytes(libc.strdup(b"ab\xff")) == b"ab\xff"
    assert freehold.take_str(None) is None
    with pytest.raises(UnicodeDecodeError):
        freehold.take_str(libc.strdup(b"\xff"))
    assert freehold.take_str(libc.strdup(b"\xff"), encoding="latin-1") == "ÿ"
    assert len(freehold.leaks()) == before
    with pytest.raises(TypeError):
        freehold.take_str(b"bytes are lost already")


def test_texts_are_results_of_functions():
    library = ctypes.CDLL(None)
    library.strdup.restype = freehold.owned_str("strdup")
    assert library.strdup(b"hello") == "hello"
    library.strdup.restype = freehold.owned_bytes(release="free")
    assert library.strdup(b"hello") == b"hello"
    library.setlocale.restype = freehold.owned_str()
    assert library.setlocale(0, b"no such locale") is None


def test_texts_of_cffi_are_taken():
    cffi = pytest.importorskip("cffi")
    ffi = cffi.FFI()
    ffi.cdef("char *strdup(const char *); void free(void *); void *malloc(size_t);")
    lib = ffi.dlopen(None)
    assert freehold.take_str(lib.strdup(b"hello"), "strdup") == "hello"
    block = freehold.adopt(lib.malloc(8), ctypes.c_int, 2, release=lib.free)
    block[1] = 3
    block.free()
    with pytest.raises(freehold.NullPointer):
        freehold.free(ffi.NULL)
    other = freehold.malloc(8)
    freehold.free(ffi.cast("char *", other.address))
    assert other.released


def test_arenas_release_together(libc):
    before = len(freehold.leaks())
    order = []
    with freehold.arena() as arena:
        first = arena.calloc(ctypes.c_int, 10)
        first[3] = 7
        arena.callback(lambda: order.append(first[3]))
        second = arena.malloc(100)
        arena.adopt(libc.malloc(8), release=lambda p: (order.append("adopted"), libc.free(p)))
        arena.callback(order.append, "last is first")
        for refused in (first.free, first.release, first.transfer, lambda: first.resize(99)):
            with pytest.raises(freehold.ArenaOwned, match="move_out"):
                refused()
        with pytest.raises(freehold.ArenaOwned):
            freehold.free(second.address)
        assert "in an arena" in repr(first)
    assert order == ["last is first", "adopted", 7]
    assert first.released
    assert second.released
    assert arena.released
    assert len(freehold.leaks()) == before
    arena.release()
    with pytest.raises(freehold.Error):
        arena.calloc(1)


def test_an_arena_calls_back_with_what_is_still_there():
    seen = []
    with freehold.arena() as arena:
        early = arena.calloc(4)
        arena.callback(lambda: seen.append((early.released, late.released)))
        late = arena.calloc(4)
    assert seen == [(False, True)]


def test_an_arena_goes_on_after_a_failure(libc):
    def fail(_pointer):
        raise KeyError("no")

    arena = freehold.arena()
    first = arena.calloc(4)
    arena.callback(fail, None)
    with pytest.raises(freehold.Error) as caught:
        arena.release()
    assert isinstance(caught.value.__cause__, KeyError)
    assert first.released
    assert arena.released


def test_an_arena_in_use_stays():
    arena = freehold.arena()
    block, other = arena.calloc(4), arena.calloc(4)
    view = memoryview(block)
    with pytest.raises(freehold.InUse):
        arena.release()
    assert not other.released
    view.release()
    arena.release()
    assert other.released


def test_a_block_moves_out_of_an_arena():
    with freehold.arena() as arena:
        block = arena.move_out(arena.calloc(ctypes.c_int, 2))
        block[1] = 5
    assert block[1] == 5
    block.free()


def test_a_forgotten_arena_is_released_with_a_warning():
    arena = freehold.arena()
    block = arena.calloc(4)
    with pytest.warns(ResourceWarning, match="unreleased <freehold.Arena"):
        del arena
        gc.collect()
    assert block.released


def test_a_buffer_of_an_arena_outlives_its_object():
    with freehold.arena() as arena:
        at = arena.calloc(4).address
        gc.collect()
        assert freehold._native.live(at) is not None


def test_blocks_of_arenas_are_refused_without_tracking_too(program):
    done = program(
        """
        import freehold
        with freehold.arena() as arena:
            block = arena.calloc(8)
            for refused in (block.free, block.transfer, lambda: freehold.free(block.address)):
                try:
                    refused()
                except freehold.ArenaOwned:
                    print("refused")
        assert not freehold.is_tracking() and block.released
        """,
        env={"FREEHOLD_TRACK": ""},
    )
    assert done.stdout.split() == ["refused"] * 3, done.stderr
