"""Tracking and scopes: which blocks count where, also for tasks and threads."""

from __future__ import annotations

import asyncio
import contextvars
import ctypes
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

import freehold
from freehold import _leaks


def test_a_scope_has_what_stayed_in_it():
    outside = freehold.malloc(7)
    with freehold.scope("inside") as scope:
        kept = freehold.calloc(ctypes.c_int, 4)
        freehold.malloc(9).free()
        outside.free()
        assert [leak.size for leak in scope.current()] == [16]
        assert [leak.size for leak in freehold.leaks()] == [16]
    assert [(leak.size, leak.type, leak.family) for leak in scope.leaks] == [(16, "c_int", "malloc")]
    assert scope.leaks[0].frames[0].source == "kept = freehold.calloc(ctypes.c_int, 4)"
    assert scope.bytes == 16
    kept.free()
    assert scope.leaks


def test_scopes_nest():
    with freehold.scope("outer") as outer:
        first = freehold.malloc(1)
        with freehold.scope("inner") as inner:
            second = freehold.malloc(2)
        third = freehold.malloc(3)
    assert [leak.size for leak in inner.leaks] == [2]
    assert sorted(leak.size for leak in outer.leaks) == [1, 2, 3]
    for block in (first, second, third):
        block.free()


def test_a_limit_is_kept():
    with pytest.raises(freehold.Leaks) as caught, freehold.track(limit="10 B"):
        kept = [freehold.malloc(6), freehold.malloc(6)]
    text = str(caught.value)
    assert "12 B in 2 blocks" in text
    assert "kept = [freehold.malloc(6)" in text
    assert [leak.size for leak in caught.value.leaks] == [6, 6]
    with freehold.track(limit=12):
        more = [freehold.malloc(12)]
    for block in kept + more:
        block.free()


def test_an_exception_is_worth_more_than_leaks():
    with pytest.raises(KeyError), freehold.track(limit=0):
        kept = freehold.malloc(6)
        raise KeyError
    kept.free()


def test_a_scope_runs_once_at_a_time():
    scope = freehold.scope("again")
    with scope, pytest.raises(RuntimeError), scope:
        pass
    with scope:
        freehold.malloc(1).free()
    assert scope.leaks == ()


def test_tasks_have_scopes_of_their_own():
    kept = []

    async def work(size, count):
        async with freehold.scope(f"task {size}") as scope:
            for _ in range(count):
                kept.append(freehold.malloc(size))
                await asyncio.sleep(0)
                freehold.malloc(1000).free()
            await helper(size)
        return scope

    async def helper(size):
        await asyncio.sleep(0)
        kept.append(freehold.malloc(size))

    async def main():
        async with freehold.scope("all") as everything:
            scopes = await asyncio.gather(*(work(size, 5 + size) for size in range(1, 6)))
            kept.append(freehold.malloc(100))
        return everything, scopes

    everything, scopes = asyncio.run(main())
    for size, scope in enumerate(scopes, 1):
        assert [leak.size for leak in scope.leaks] == [size] * (6 + size), scope
    assert len(everything.leaks) == len(kept)
    for block in kept:
        block.free()


def test_a_task_that_outlives_its_scope_goes_on_around_it():
    kept = []

    async def late(go):
        await go.wait()
        kept.append(freehold.malloc(5))

    async def main():
        go = asyncio.Event()
        with freehold.scope("outer") as outer:
            with freehold.scope("inner") as inner:
                task = asyncio.ensure_future(late(go))
                await asyncio.sleep(0)
            go.set()
            await task
        return outer, inner

    outer, inner = asyncio.run(main())
    assert inner.leaks == ()
    assert [leak.size for leak in outer.leaks] == [5]
    kept[0].free()


def test_threads_take_part_by_their_context():
    kept = []

    def work(size):
        for _ in range(50):
            kept.append(freehold.malloc(size))
            freehold.malloc(size).free()

    with freehold.scope("threads") as scope:
        inside = [
            threading.Thread(target=contextvars.copy_context().run, args=(work, size))
            for size in (1, 2)
        ]
        outside = threading.Thread(target=contextvars.Context().run, args=(work, 3))
        for thread in (*inside, outside):
            thread.start()
        for thread in (*inside, outside):
            thread.join()
    assert sorted(leak.size for leak in scope.leaks) == [1] * 50 + [2] * 50
    for block in kept:
        block.free()


def test_a_block_may_be_released_by_any_thread():
    with freehold.scope("one") as scope:
        blocks = [freehold.malloc(8) for _ in range(100)]
        thread = threading.Thread(target=lambda: [block.free() for block in blocks])
        thread.start()
        thread.join()
    assert scope.leaks == ()


def test_stop_and_start():
    freehold.stop()
    try:
        unseen = freehold.malloc(3)
        assert unseen.address not in [leak.address for leak in freehold.leaks()]
        assert freehold.is_tracking()
    finally:
        freehold.start()
    seen = freehold.malloc(3)
    assert seen.address in [leak.address for leak in freehold.leaks()]
    unseen.free()
    seen.free()
    with pytest.raises(freehold.Error):
        freehold.start(depth=1000)


@given(st.integers(0, 1 << 50))
def test_sizes_are_read_as_they_are_written(size):
    assert _leaks.size_of(size) == size
    assert _leaks.size_of(f"{size} B") == size
    assert _leaks.size_of(f" {size}") == size
    shown = _leaks.size_of(_leaks.size_text(size))
    assert abs(shown - size) <= size // 200


@pytest.mark.parametrize("wrong", ["", "x", "1 PB", "-1 B", "1 2", -1])
def test_what_is_no_size_is_refused(wrong):
    with pytest.raises(ValueError, match="no size"):
        _leaks.size_of(wrong)
