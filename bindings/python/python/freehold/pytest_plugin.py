"""The plugin of pytest: tests that fail when they leave native memory behind.

``@pytest.mark.freehold(limit="0 B", loops=1, warmup=0)`` judges one test, ``--freehold``
all of them. Under ``python -m freehold run -m pytest`` also what other native code
allocates is judged, when a test runs in several loops.
"""

from __future__ import annotations

import dataclasses
import functools
import gc
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

import freehold
from freehold import _leaks, _native_sites

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


@dataclass(frozen=True)
class Rule:
    """How a test is judged."""

    limit: int
    """Bytes that may stay after each run."""
    loops: int
    """How often it runs while it is judged."""
    warmup: int
    """How often it runs before."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options."""
    group = parser.getgroup("freehold", "native memory (freehold)")
    group.addoption(
        "--freehold",
        action="store_true",
        help="fail each test that leaves native memory of freehold behind",
    )
    group.addoption(
        "--freehold-limit",
        metavar="SIZE",
        default=None,
        help="how much each run of a test may leave, as '0 B' (the default) or '4 KiB'",
    )
    group.addoption(
        "--freehold-loops",
        metavar="N",
        type=int,
        default=None,
        help="run each judged test N times; from 2 on, and under `python -m freehold run`, "
        "memory of other native code is judged, too (default: 1)",
    )
    group.addoption(
        "--freehold-warmup",
        metavar="N",
        type=int,
        default=None,
        help="run each judged test N times before, for what is allocated once (default: 0)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """The marker."""
    config.addinivalue_line(
        "markers",
        "freehold(limit='0 B', loops=1, warmup=0): fail the test when a run leaves more native "
        "memory behind",
    )


def pytest_report_header(config: pytest.Config) -> str | None:
    """What is judged, and what cannot be seen."""
    if not config.getoption("--freehold"):
        return None
    if freehold.is_shared():
        return "freehold: judges what the package allocates, and other native code by growth"
    return (
        "freehold: judges what the package allocates or adopts; memory of other native code is "
        "seen under `python -m freehold run -m pytest` only"
    )


def rule_of(item: pytest.Item) -> Rule | None:
    """How a test is judged; None when it is not."""
    marker = item.get_closest_marker("freehold")
    option = item.config.getoption
    if marker is None and not option("--freehold"):
        return None
    known: dict[str, Any] = {
        "limit": option("--freehold-limit"),
        "loops": option("--freehold-loops"),
        "warmup": option("--freehold-warmup"),
    }
    known = {name: value for name, value in known.items() if value is not None}
    if marker is not None:
        wrong = set(marker.kwargs) - {"limit", "loops", "warmup"}
        if marker.args or wrong:
            what = ", ".join(sorted(wrong)) or "an argument without a name"
            raise pytest.UsageError(
                f"{item.nodeid}: the marker freehold takes limit, loops and warmup, not {what}"
            )
        known.update(marker.kwargs)
    rule = Rule(
        limit=_leaks.size_of(known.get("limit", 0)),
        loops=int(known.get("loops", 1)),
        warmup=int(known.get("warmup", 0)),
    )
    if rule.loops < 1 or rule.warmup < 0:
        raise pytest.UsageError(
            f"{item.nodeid}: freehold needs loops of 1 or more and a warmup of 0 or more, not "
            f"{rule.loops} and {rule.warmup}"
        )
    return rule


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, None]:
    """Runs the test as often as its rule says, and judges what stays."""
    rule = rule_of(pyfuncitem)
    if rule is None:
        yield
        return
    original = pyfuncitem.obj
    judged = _async(original, pyfuncitem, rule) if inspect.iscoroutinefunction(original) else (
        _sync(original, pyfuncitem, rule)
    )
    pyfuncitem.obj = judged
    try:
        yield
    finally:
        pyfuncitem.obj = original


def _sync(test: Callable[..., Any], item: pytest.Item, rule: Rule) -> Callable[..., Any]:
    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> Any:
        for _ in range(rule.warmup):
            test(*arguments, **named)
        judge = Judge(item, rule)
        result = None
        with judge.scope:
            for _ in range(rule.loops):
                result = test(*arguments, **named)
            gc.collect()
        judge.verdict()
        return result

    return run


def _async(test: Callable[..., Any], item: pytest.Item, rule: Rule) -> Callable[..., Any]:
    @functools.wraps(test)
    async def run(*arguments: Any, **named: Any) -> Any:
        for _ in range(rule.warmup):
            await test(*arguments, **named)
        judge = Judge(item, rule)
        result = None
        async with judge.scope:
            for _ in range(rule.loops):
                result = await test(*arguments, **named)
            gc.collect()
        judge.verdict()
        return result

    return run


class Judge:
    """What lived before a test's loops, and the verdict behind them."""

    def __init__(self, item: pytest.Item, rule: Rule) -> None:
        self.item, self.rule = item, rule
        self.scope = freehold.scope(item.nodeid)
        # One run cannot tell what grows from what is allocated once.
        self.sees_native = freehold.is_shared() and rule.loops > 1
        if self.sees_native:
            gc.collect()
            self.before = _native_sites.snapshot()

    def verdict(self) -> None:
        """Fails the test when too much stayed."""
        loops, limit = self.rule.loops, self.rule.limit
        leaks = self.scope.leaks
        if self.sees_native:
            leaks += _native_sites.growth(self.before, _native_sites.snapshot(), loops)
        total = sum(leak.size for leak in leaks)
        if total <= limit * loops:
            return
        what = self.item.name if loops == 1 else f"{self.item.name}, in {loops} runs,"
        text = _leaks.describe([_cut(leak) for leak in leaks], what, limit * loops)
        if not freehold.is_shared():
            text += (
                "\n(memory of other native code is not seen: run the tests by "
                "`python -m freehold run -m pytest`)"
            )
        elif loops == 1:
            text += "\n(memory of other native code is judged with loops of 2 or more)"
        pytest.fail(text, pytrace=False)


def _cut(leak: freehold.Leak) -> freehold.Leak:
    """A block without the frames that run the test: pytest's, and the interpreter's."""
    ends = (
        place
        for place, frame in enumerate(leak.frames)
        if (frame.file == __file__ if frame.language else frame.function in _INTERPRETER)
    )
    return dataclasses.replace(leak, frames=leak.frames[: next(ends, None)])


_INTERPRETER = frozenset(("_PyEval_EvalFrameDefault", "_PyFunction_Vectorcall"))
"""Below these only Python calls Python."""
