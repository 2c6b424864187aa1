"""What the collector has to release, and what tracemalloc is told."""

from __future__ import annotations

import ctypes
import gc
import sys
import tracemalloc
import warnings

import pytest

import freehold


def test_a_forgotten_buffer_is_released_with_a_warning():
    def forget():
        return freehold.calloc(ctypes.c_int, 4).address

    with pytest.warns(ResourceWarning) as caught:
        at = forget()
    (warning,) = caught
    text = str(warning.message)
    assert "unreleased <freehold.Buffer c_int[4]" in text
    assert ", allocated by " in text
    assert f"forget ({__file__}:18" in text
    assert at not in [leak.address for leak in freehold.leaks()]
    with pytest.raises(freehold.DoubleFree) as again:
        freehold.free(at)
    released = str(again.value).partition("first released:")[2].partition("now:")[0]
    assert "finalize" in released, "the ledger knows who released it"


def test_an_adopted_one_is_released_by_its_function():
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    seen = []

    def close(pointer):
        seen.append(pointer)
        libc.free(ctypes.c_void_p(pointer))

    block = freehold.adopt(libc.malloc(4), release=close)
    with pytest.warns(ResourceWarning):
        del block
    assert len(seen) == 1


def test_released_buffers_are_collected_in_silence(recwarn):
    gc.collect()
    recwarn.clear()
    for end in (freehold.Buffer.free, freehold.Buffer.release, freehold.Buffer.transfer):
        block = freehold.malloc(8)
        at = block.address
        end(block)
        del block
        gc.collect()
    assert list(recwarn) == []
    freehold.raw.freehold_native_free(at)


def test_a_warning_that_is_an_error_does_not_keep_the_memory():
    seen = []
    old, sys.unraisablehook = sys.unraisablehook, seen.append
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            block = freehold.malloc(8)
            at = block.address
            del block
    finally:
        sys.unraisablehook = old
    assert len(seen) == 1
    assert freehold._native.live(at) is None
    assert at not in [leak.address for leak in freehold.leaks()]


def test_a_warning_that_is_kept_keeps_no_memory():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        block = freehold.malloc(8)
        del block
    (warning,) = caught
    assert warning.source.released
    with pytest.raises(freehold.DoubleFree):
        warning.source.free()


def test_tracemalloc_sees_the_blocks():
    domain = tracemalloc.DomainFilter(True, freehold.TRACEMALLOC_DOMAIN)

    def seen():
        snapshot = tracemalloc.take_snapshot().filter_traces([domain])
        return sorted(trace.size for trace in snapshot.traces)

    tracemalloc.start()
    try:
        before = seen()
        block = freehold.malloc(12345)
        assert seen() == sorted([*before, 12345])
        block.resize(20000)
        assert seen() == sorted([*before, 20000])
        block.free()
        assert seen() == before
        with freehold.malloc(54321):
            snapshot = tracemalloc.take_snapshot().filter_traces([domain])
            (trace,) = [trace for trace in snapshot.traces if trace.size == 54321]
            assert trace.traceback[0].filename == __file__
    finally:
        tracemalloc.stop()
