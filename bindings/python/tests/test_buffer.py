"""Buffers: elements, bounds, life, the buffer protocol, ctypes, numpy."""

from __future__ import annotations

import ctypes
import gc
import pickle
import struct
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

import freehold


class Point(ctypes.Structure):
    _fields_ = (("x", ctypes.c_int32), ("y", ctypes.c_double))


def test_the_page_that_the_project_started_from():
    before = freehold.leaks()
    buffer = freehold.calloc(ctypes.c_uint8, 256)
    assert list(buffer) == [0] * 256
    for i in range(256):
        buffer[i] = i % 8
    assert buffer[250:] == [2, 3, 4, 5, 6, 7]
    (leak,) = [leak for leak in freehold.leaks() if leak not in before]
    assert (leak.address, leak.size, leak.type) == (buffer.address, 256, "c_ubyte")
    assert leak.frames[0].function.endswith("started_from")
    assert leak.frames[0].file == __file__
    freehold.free(buffer)
    assert buffer.released
    assert freehold.leaks() == before


NUMBERS = [
    (ctypes.c_int8, "b"),
    (ctypes.c_uint8, "B"),
    (ctypes.c_int16, "h"),
    (ctypes.c_uint16, "H"),
    (ctypes.c_int32, "i"),
    (ctypes.c_uint32, "I"),
    (ctypes.c_int64, "l"),
    (ctypes.c_uint64, "L"),
    (ctypes.c_float, "f"),
    (ctypes.c_double, "d"),
    (ctypes.c_bool, "?"),
    (ctypes.c_char, "c"),
    (ctypes.c_void_p, "P"),
]


@pytest.mark.parametrize(("of", "letter"), NUMBERS)
def test_numbers_have_the_format_of_their_type(of, letter):
    with freehold.calloc(of, 3) as buffer, memoryview(buffer) as view:
        assert (view.format, view.itemsize) == (letter, ctypes.sizeof(of))
        assert (view.shape, view.strides) == ((3,), (ctypes.sizeof(of),))
        assert (view.nbytes, view.readonly, view.contiguous) == (buffer.nbytes, False, True)
        assert view.tolist() == list(buffer)


@given(st.data())
def test_buffers_are_as_arrays_of_ctypes(data):
    of, letter = data.draw(st.sampled_from(NUMBERS))
    size = 8 * ctypes.sizeof(of)
    if letter in "fd":
        values = st.floats(width=size, allow_nan=False)
    elif letter == "c":
        values = st.binary(min_size=1, max_size=1)
    elif letter == "?":
        values = st.booleans()
    elif letter in "bhil":
        values = st.integers(-(1 << (size - 1)), (1 << (size - 1)) - 1)
    else:
        values = st.integers(0, (1 << size) - 1)
    some = data.draw(st.lists(values, max_size=20))
    array = (of * len(some))(*some)
    expected = list(array)
    if letter == "P":
        expected = [value or 0 for value in expected]
    with freehold.calloc(of, len(some)) as buffer:
        for i, value in enumerate(some):
            buffer[i] = value
        assert list(buffer) == expected
        assert bytes(buffer) == bytes(array)
        part = data.draw(st.slices(len(some)))
        sliced = expected[part]
        assert buffer[part] == (b"".join(sliced) if letter == "c" else sliced)
        new = data.draw(st.lists(values, min_size=len(sliced), max_size=len(sliced)))
        buffer[part] = new
        expected[part] = list((of * len(new))(*new)) if letter != "P" else new
        assert list(buffer) == expected


@pytest.mark.parametrize(("of", "letter"), NUMBERS[:8])
def test_numbers_that_do_not_fit_are_refused(of, letter):
    size = 8 * ctypes.sizeof(of)
    low, high = (0, (1 << size) - 1) if letter.isupper() else (-(1 << (size - 1)), (1 << (size - 1)) - 1)
    with freehold.calloc(of, 1) as buffer:
        for value in (low, high):
            buffer[0] = value
            assert buffer[0] == value
        for value in (low - 1, high + 1, 1 << 70):
            with pytest.raises(OverflowError):
                buffer[0] = value
        assert buffer[0] == high
        for wrong in ("1", 1.5, None, b"1"):
            with pytest.raises(TypeError):
                buffer[0] = wrong


@pytest.mark.parametrize("index", [3, -4, 1 << 70, -(1 << 70)])
def test_an_index_outside_is_refused(index):
    with freehold.calloc(ctypes.c_int, 3) as buffer:
        with pytest.raises(IndexError):
            buffer[index]
        with pytest.raises(IndexError):
            buffer[index] = 1
        assert list(buffer) == [0, 0, 0]
    with pytest.raises(IndexError, match="no elements"), freehold.calloc(0) as none:
        none[0]


def test_indices_count_from_the_end():
    with freehold.calloc(ctypes.c_int, 3) as buffer:
        buffer[-1] = 7
        assert (buffer[2], buffer[-1], buffer[-3]) == (7, 7, 0)


def test_slices_keep_the_size():
    with freehold.calloc(ctypes.c_uint8, 4) as buffer:
        for value in ([1, 2, 3], b"abc", [1] * 5, memoryview(b"12345")):
            with pytest.raises(ValueError, match="4 elements"):
                buffer[:] = value
        buffer[:] = b"abcd"
        buffer[::2] = b"AC"
        assert bytes(buffer) == b"AbCd"
        buffer[1:] = memoryview(buffer)[:3]
        assert bytes(buffer) == b"AAbC"
        with pytest.raises(TypeError):
            del buffer[0]


def test_a_value_that_releases_the_buffer_is_not_stored():
    buffer = freehold.calloc(ctypes.c_int, 3)

    class Evil:
        def __index__(self):
            buffer.release()
            return 1

    with pytest.raises(freehold.Released):
        buffer[0] = Evil()
    buffer = freehold.calloc(ctypes.c_int, 3)
    with pytest.raises(freehold.Released):
        buffer[0:2] = [1, Evil()]
    buffer = freehold.calloc(ctypes.c_int, 3)
    with pytest.raises(freehold.Released):
        buffer[Evil() :]


USES = [
    lambda b: b[0],
    lambda b: b[0:1],
    lambda b: b.__setitem__(0, 1),
    lambda b: b.__setitem__(slice(0, 1), [1]),
    len,
    list,
    bytes,
    memoryview,
    lambda b: b.address,
    lambda b: b.nbytes,
    lambda b: b._as_parameter_,
    lambda b: b.__enter__(),
    lambda b: b.transfer(),
    lambda b: b.resize(1),
    lambda b: (ctypes.c_ubyte * 1).from_buffer(b),
]


@pytest.mark.parametrize("use", USES)
def test_what_was_released_is_not_used(use):
    buffer = freehold.calloc(ctypes.c_int, 3)
    buffer.free()
    with pytest.raises(freehold.Released, match="released before"):
        use(buffer)
    assert "released" in repr(buffer)
    assert buffer.itemsize == 4
    buffer.release()


def test_a_second_free_is_refused_with_all_that_is_known():
    buffer = freehold.calloc(ctypes.c_int, 3)
    buffer.free()
    misuses = freehold.misuses()
    with pytest.raises(freehold.DoubleFree) as caught:
        freehold.free(buffer)
    text = str(caught.value)
    assert text.count("test_a_second_free_is_refused") == 3, text
    assert "first released" in text
    assert caught.value.code == freehold.raw.FREEHOLD_DOUBLE
    assert freehold.misuses() == misuses + 1


def test_a_stale_buffer_never_releases_what_came_to_its_address():
    for _ in range(1000):
        old = freehold.malloc(64)
        at = old.address
        old.free()
        new = freehold.malloc(64)
        if new.address == at:
            break
        new.free()
    assert new.address == at
    with pytest.raises(freehold.DoubleFree):
        old.free()
    old.release()
    assert not new.released
    new[0] = 1
    new.free()


def test_views_keep_the_memory():
    buffer = freehold.calloc(ctypes.c_int, 3)
    view = memoryview(buffer)
    array = (ctypes.c_int * 3).from_buffer(buffer)
    for refuse in (buffer.free, buffer.release, buffer.transfer, lambda: buffer.resize(9)):
        with pytest.raises(freehold.InUse, match="2 views"):
            refuse()
    with pytest.raises(BufferError):
        freehold.free(buffer.address)
    array[1], view[2] = 5, 6
    assert list(buffer) == [0, 5, 6]
    view.release()
    del array
    gc.collect()
    buffer.free()


def test_structures_are_elements():
    with freehold.calloc(Point, 3) as points:
        points[1].x = 5
        points[2] = (7, 1.5)
        assert [point.x for point in points] == [0, 5, 7]
        assert points[2].y == 1.5
        held = points[0]
        with pytest.raises(freehold.InUse):
            points.free()
        del held
        with pytest.raises(TypeError):
            points[0] = 3
        assert memoryview(points).itemsize == ctypes.sizeof(Point)


def test_arrays_are_elements():
    with freehold.calloc(ctypes.c_int16 * 3, 2) as rows:
        rows[1][2] = 9
        with memoryview(rows) as view:
            assert (view.shape, view.strides, view.format) == ((2, 3), (6, 2), "h")
            assert view.tolist() == [[0, 0, 0], [0, 0, 9]]
        assert len(rows) == 2


def test_other_orders_and_subclasses_are_those_of_ctypes():
    class Mine(ctypes.c_int):
        pass

    with freehold.calloc(ctypes.c_int32.__ctype_be__, 1) as big, freehold.calloc(Mine, 1) as mine:
        big[0] = 1
        assert bytes(big) == b"\0\0\0\1"
        assert big[0] == 1
        mine[0] = 3
        assert isinstance(mine[0], Mine)
        assert mine[0].value == 3


def test_bytes_need_no_type():
    with freehold.calloc(10) as some, freehold.malloc(3, 4) as more:
        assert (len(some), some.type, some.format, some.itemsize) == (10, None, "B", 1)
        assert len(more) == 12
        some[:5] = b"hello"
        assert bytes(some) == b"hello" + bytes(5)


@pytest.mark.parametrize("wrong", ["c_int", int, 1.5, object()])
def test_what_is_no_type_is_refused(wrong):
    with pytest.raises(TypeError, match="no type of elements"):
        freehold.calloc(wrong, 1)


def test_sizes_that_cannot_be_are_refused():
    with pytest.raises(freehold.CountOverflow):
        freehold.calloc(ctypes.c_uint64, 1 << 61)
    with pytest.raises(freehold.CountOverflow):
        freehold.calloc(1 << 40, 1 << 40)
    with pytest.raises(MemoryError):
        freehold.malloc((1 << 63) - 1)
    for count in (-1, -(1 << 62)):
        with pytest.raises(ValueError, match="less than none"):
            freehold.calloc(ctypes.c_int, count)
    with pytest.raises(OverflowError):
        freehold.calloc(1 << 64)
    with pytest.raises(TypeError):
        freehold.calloc()
    with pytest.raises(TypeError):
        freehold.calloc(ctypes.c_int, "3")

    class Unknown(ctypes.Structure):
        pass

    with freehold.calloc(Unknown, 2) as empty:
        assert empty.nbytes == 0


@pytest.mark.parametrize("alignment", [1, 16, 64, 4096])
def test_blocks_are_aligned(alignment):
    name = f"Aligned{alignment}"
    fields = {"_fields_": [("x", ctypes.c_char * alignment)], "_align_": alignment}
    of = type(name, (ctypes.Structure,), fields)
    with freehold.calloc(of, 3) as buffer:
        # Before 3.13 ctypes knows no alignment of a structure's own.
        assert buffer.address % ctypes.alignment(of) == 0


def test_buffers_change_their_size():
    with freehold.calloc(ctypes.c_uint16, 4) as buffer:
        buffer[:] = [1, 2, 3, 4]
        buffer.resize(1000)
        assert list(buffer) == [1, 2, 3, 4] + [0] * 996
        buffer.resize(2)
        assert list(buffer) == [1, 2]
        assert freehold._native.live(buffer.address) is buffer
        with pytest.raises(MemoryError):
            buffer.resize(1 << 62)
        assert list(buffer) == [1, 2]


def test_buffers_are_objects_like_others():
    buffer = freehold.calloc(2)
    assert weakref.ref(buffer)() is buffer
    assert hash(buffer) == hash(buffer)
    assert buffer == buffer
    with pytest.raises(TypeError):
        pickle.dumps(buffer)
    with pytest.raises(TypeError, match="made by"):
        freehold.Buffer()
    at = buffer.address
    assert repr(buffer) == f"<freehold.Buffer bytes[2] at {at:#x}>"
    buffer.free()
    assert repr(buffer) == f"<freehold.Buffer bytes[2] at {at:#x}, released>"


def test_ctypes_takes_buffers(libc):
    libc.memset.restype = ctypes.c_void_p
    with freehold.calloc(ctypes.c_uint8, 8) as buffer:
        # Without types, with an address, and with a type of its own.
        libc.memset(buffer, 65, 2)
        assert bytes(buffer) == b"AA" + bytes(6)
        fill = ctypes.CFUNCTYPE(
            ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t
        )(("memset", libc))
        assert fill(buffer, 66, 1) == buffer.address
        copy = ctypes.CFUNCTYPE(
            ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint8), ctypes.c_char_p, ctypes.c_size_t
        )(("memcpy", libc))
        copy(buffer, b"xyz", 3)
        assert bytes(buffer[:3]) == b"xyz"
        with pytest.raises(ctypes.ArgumentError):
            ctypes.CFUNCTYPE(None, ctypes.POINTER(ctypes.c_double))(("free", libc))(buffer)
        words = ctypes.cast(buffer, ctypes.POINTER(ctypes.c_uint16))
        assert words[0] == struct.unpack("H", b"xy")[0]
    # ctypes makes its own exception of what an argument raises.
    with pytest.raises(ctypes.ArgumentError, match="Released"):
        libc.memset(buffer, 0, 1)


def test_a_call_keeps_its_buffers_alive(libc):
    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    buffer = freehold.calloc(ctypes.c_int, 4)
    seen = []

    @callback
    def compare(_a, _b):
        try:
            buffer.free()
        except freehold.InUse as error:
            seen.append(error)
        return 0

    libc.qsort.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, callback]
    libc.qsort.restype = None
    libc.qsort(buffer, 4, 4, compare)
    assert seen
    buffer.free()


def test_argtypes_may_be_buffers(libc):
    prototype = ctypes.CFUNCTYPE(ctypes.c_size_t, freehold.Buffer)
    length = prototype(("strlen", libc))
    with freehold.calloc(ctypes.c_char, 8) as text:
        text[:5] = b"hello"
        assert length(text) == 5
        with pytest.raises(ctypes.ArgumentError):
            length(b"hello")


def test_numpy_uses_the_memory():
    numpy = pytest.importorskip("numpy")
    buffer = freehold.calloc(ctypes.c_double, 4)
    array = numpy.frombuffer(buffer, dtype=numpy.float64)
    array[:] = [1, 2, 3, 4]
    assert list(buffer) == [1.0, 2.0, 3.0, 4.0]
    assert numpy.asarray(buffer).dtype == numpy.float64
    with freehold.calloc(ctypes.c_int16 * 3, 2) as rows:
        assert numpy.asarray(rows).shape == (2, 3)
    with pytest.raises(freehold.InUse):
        buffer.free()
    del array
    buffer.free()


def test_cffi_uses_the_memory():
    cffi = pytest.importorskip("cffi")
    ffi = cffi.FFI()
    buffer = freehold.calloc(ctypes.c_int, 4)
    ints = ffi.from_buffer("int[]", buffer)
    ints[3] = 7
    assert (buffer[3], len(ints)) == (7, 4)
    with pytest.raises(freehold.InUse):
        buffer.free()
    ffi.release(ints)
    assert ffi.cast("int *", buffer.address)[3] == 7
    freehold.free(ffi.cast("int *", buffer.address))
    assert buffer.released


def test_many_live_buffers_are_found_by_address():
    some = [freehold.malloc(16 + n % 50) for n in range(3000)]
    for buffer in some[::3]:
        buffer.free()
    for n, buffer in enumerate(some):
        if n % 3:
            assert freehold._native.live(buffer.address) is buffer
    for n, buffer in enumerate(some):
        if n % 3:
            freehold.free(buffer.address)
            assert buffer.released
