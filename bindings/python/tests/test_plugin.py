"""The plugin of pytest, as its users see it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from freehold import _command

TESTS = """
import ctypes, freehold, pytest
kept = []
runs = []

@pytest.mark.freehold
def test_releases():
    with freehold.calloc(ctypes.c_int, 10):
        pass

@pytest.mark.freehold(limit="0 B", loops=3, warmup=2)
def test_leaks():
    runs.append(1)
    kept.append(freehold.calloc(ctypes.c_int, 10))  # the line

@pytest.mark.freehold(limit="40 B", loops=3)
def test_keeps_its_limit():
    kept.append(freehold.calloc(ctypes.c_int, 10))

@pytest.mark.freehold(warmup=1)
def test_allocates_once():
    if not hasattr(pytest, "once"):
        pytest.once = freehold.malloc(100)

def test_is_not_judged():
    assert len(runs) == 5
    kept.append(freehold.malloc(1))

@pytest.mark.freehold
@pytest.mark.parametrize("n", [1, 2])
def test_fails_by_itself(n):
    kept.append(freehold.malloc(1))
    assert n == 1, "its own failure"

@pytest.fixture
def block():
    with freehold.malloc(3) as block:
        yield block

@pytest.mark.freehold(loops=2)
def test_fixtures_are_not_judged(block):
    block[0] = 1
"""


@pytest.fixture
def suite(pytester: pytest.Pytester):
    """A folder with tests; without other plugins, and with this one however installed."""
    pytester.makepyfile(test_some=TESTS)
    return pytester


def plugin() -> list[str]:
    """How the plugin is named where it is not installed."""
    from importlib.metadata import entry_points

    known = entry_points()
    group = known.select(group="pytest11") if hasattr(known, "select") else known["pytest11"]
    return [] if any(e.name == "freehold" for e in group) else ["-p", "freehold.pytest_plugin"]


def test_marked_tests_are_judged(suite):
    result = suite.runpytest_subprocess(*plugin(), "-p", "no:randomly")
    result.assert_outcomes(passed=5, failed=3)
    result.stdout.fnmatch_lines(
        [
            "*test_leaks, in 3 runs, leaves 120 B in 3 blocks*",
            "*120 B in 3 blocks, c_int, of malloc",
            "*test_leaks (*test_some.py:*)",
            "*kept.append(freehold.calloc(ctypes.c_int, 10))  # the line",
            "*memory of other native code is not seen*",
        ]
    )
    text = result.stdout.str()
    assert "its own failure" in text
    assert "pytest_pyfunc_call" not in text, "frames end at the test"


def test_a_whole_run_is_judged(suite):
    result = suite.runpytest_subprocess(*plugin(), "--freehold", "-k", "is_not_judged or releases")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["freehold: judges what the package allocates or adopts*"])
    result = suite.runpytest_subprocess(
        *plugin(), "--freehold", "--freehold-limit=1 B", "--freehold-loops=1", "-k", "is_not_judged"
    )
    # It fails by itself: the other test, of which it counts the runs, does not run.
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*leaves*")


@pytest.mark.slow
def test_it_works_with_xdist(suite):
    pytest.importorskip("xdist")
    suite.makepyfile(test_more=TESTS.replace("assert len(runs) == 5", "pass"))
    result = suite.runpytest_subprocess(*plugin(), "-n", "2", "--dist", "loadfile")
    result.assert_outcomes(passed=10, failed=6)
    result.stdout.fnmatch_lines(["*test_leaks, in 3 runs, leaves 120 B in 3 blocks*"])


@pytest.mark.parametrize("marker", ["limit='x'", "loops=0", "warmup=-1", "other=1", "'0 B'"])
def test_a_wrong_marker_is_said(pytester, marker):
    pytester.makepyfile(
        f"import pytest\n@pytest.mark.freehold({marker})\ndef test_it():\n    pass\n"
    )
    result = pytester.runpytest_subprocess(*plugin())
    assert result.ret != 0
    text = result.stdout.str() + result.stderr.str()
    assert any(word in text for word in ("no size", "needs loops", "takes limit"))


ASYNC = """
import asyncio, freehold, pytest

@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    # What plugins for asyncio do, in short.
    import inspect
    if inspect.iscoroutinefunction(pyfuncitem.obj):
        asyncio.run(pyfuncitem.obj())
        return True
"""


def test_coroutines_are_judged(pytester):
    pytester.makeconftest(ASYNC)
    pytester.makepyfile(
        """
        import asyncio, freehold, pytest
        kept = []

        @pytest.mark.freehold(loops=2, warmup=1)
        async def test_leaks():
            await asyncio.sleep(0)
            kept.append(freehold.malloc(5))

        @pytest.mark.freehold
        async def test_releases():
            async with freehold.arena() as arena:
                arena.calloc(5)
                await asyncio.sleep(0)
        """
    )
    result = pytester.runpytest_subprocess(*plugin())
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*test_leaks, in 2 runs, leaves 10 B in 2 blocks*"])


@pytest.mark.slow
def test_native_memory_is_judged_under_the_command(pytester):
    try:
        _command.command()
    except FileNotFoundError as error:
        pytest.skip(str(error))
    pytester.makepyfile(
        """
        import ctypes, freehold, pytest
        libc = ctypes.CDLL(None)
        libc.strdup.restype = ctypes.c_char_p
        owned = ctypes.CDLL(None)
        owned.strdup.restype = freehold.owned_str("strdup")

        @pytest.mark.freehold(loops=5, warmup=2)
        def test_loses_its_texts():
            assert libc.strdup(b"x" * 99) == b"x" * 99

        @pytest.mark.freehold(loops=5, warmup=2)
        def test_releases_them():
            assert owned.strdup(b"x" * 99) == "x" * 99
        """
    )
    result = pytester.run(
        sys.executable, "-m", "freehold", "run", "-o", os.devnull, "-m", "pytest", *plugin()
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*test_loses_its_texts, in 5 runs, leaves 500 B in 5 blocks*",
            "*strdup*libc*",
            "*ffi_call*",
        ]
    )
    result.stdout.no_fnmatch_line("*_PyEval_EvalFrameDefault*")


def test_scripts_are_run_by_the_command(tmp_path: Path):
    try:
        _command.command()
    except FileNotFoundError as error:
        pytest.skip(str(error))
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, freehold\n"
        "kept = freehold.malloc(777777)\n"
        # Whatever the end of Python drops, it releases.
        "freehold._native.end(kept, 4)\n"
        "print(sys.argv[1:], freehold.is_shared())\n"
    )

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "ignore", "-m", "freehold", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    done = run("run", "--show", "all", str(script), "--one", "two")
    assert done.stdout == "['--one', 'two'] True\n", done.stderr
    assert "759.5 KiB" in done.stderr
    assert "script.py:2" in done.stderr, "long paths are shortened"
    assert run("--version").stdout.startswith("freehold ")
    assert "closedir" in run("owner", "opendir").stdout
    assert run("report", "/no/such/ledger").returncode == 125
    assert run("run", "--", "true").returncode == 0


@pytest.mark.parametrize(
    ("given", "passed"),
    [
        (["run", "x.py", "-a"], ["run", "--", "PY", "x.py", "-a"]),
        (["run", "-o", "f", "--full-stacks", "x.py"], ["run", "-o", "f", "--full-stacks", "--", "PY", "x.py"]),
        (["run", "--show=all", "-m", "mod", "-v"], ["run", "--show=all", "--", "PY", "-m", "mod", "-v"]),
        (["run", "-c", "pass"], ["run", "--", "PY", "-c", "pass"]),
        (["run", "-v", "--", "prog"], ["run", "-v", "--", "prog"]),
        (["run", "--help"], ["run", "--help"]),
        (["run"], ["run"]),
        (["run", "-o"], ["run", "-o"]),
        (["report", "x.py"], ["report", "x.py"]),
        ([], []),
    ],
)
def test_arguments_are_those_of_the_command(given, passed):
    passed = [sys.executable if word == "PY" else word for word in passed]
    assert _command.arguments(given) == passed


def test_the_preload_library_has_a_path_that_the_loader_takes(tmp_path, monkeypatch):
    folder = tmp_path / "with blanks"
    (folder / "lib").mkdir(parents=True)
    library = folder / "lib/libfreehold_interpose.so"
    library.touch()
    monkeypatch.setattr(_command, "_DIST", folder)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.delenv("FREEHOLD_PRELOAD", raising=False)
    for _ in range(2):
        link = Path(_command.environment()["FREEHOLD_PRELOAD"])
        assert " " not in str(link)
        assert link.resolve() == library.resolve()
    link.parent.chmod(0o777)
    with pytest.raises(PermissionError):
        _command.environment()


def test_a_command_that_is_missing_is_said(monkeypatch, capsys):
    monkeypatch.setenv("FREEHOLD_COMMAND", "/no/such/freehold")
    assert _command.run(["--version"]) == 125
    assert "/no/such/freehold" in capsys.readouterr().err
