"""Other processes, other languages in one process, and what is wrong with a library."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import freehold


def _work(number):
    freehold.start()
    with freehold.track() as scope:
        block = freehold.malloc(number)
        sizes = [leak.size for leak in scope.current()]
        functions = [leak.frames[0].function for leak in scope.current()]
        block.free()
    return sizes, functions, len(scope.leaks)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_multiprocessing(method):
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(_work, [3, 4, 5]) == [([n], ["_work"], 0) for n in (3, 4, 5)]


def test_other_interpreters_are_refused(program):
    done = program(
        """
        import freehold
        try:
            import _interpreters as interpreters
            new = interpreters.create("legacy")
        except ImportError:
            import _xxsubinterpreters as interpreters
            new = interpreters.create(isolated=False)
        code = "try:\\n import freehold\\nexcept ImportError as error:\\n print('refused:', error)\\n"
        print(interpreters.run_string(new, code) or "ran", flush=True)
        freehold.malloc(3).free()
        """
    )
    assert done.returncode == 0, done.stderr
    assert "refused: freehold works in the main interpreter only" in done.stdout, done.stdout


def test_a_library_that_is_not_there_is_said(program):
    done = program("import freehold", env={"FREEHOLD_LIBRARY": "/no/such/libfreehold.so"})
    assert done.returncode == 1
    assert "ImportError" in done.stderr
    assert "/no/such/libfreehold.so" in done.stderr
    assert "FREEHOLD_LIBRARY" in done.stderr


def test_a_library_of_another_version_is_said(program, tmp_path, compiler):
    source, library = tmp_path / "other.c", tmp_path / "libother.so"
    source.write_text('const char *freehold_version(void) { return "9.8.7"; }\n')
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    done = program("import freehold", env={"FREEHOLD_LIBRARY": str(library)})
    assert f"{library} is libfreehold 9.8.7, and this package needs" in done.stderr


def test_the_environment_names_the_library(program, tmp_path):
    copy = tmp_path / "a copy.so"
    shutil.copy(freehold._native.library, copy)
    done = program(
        "import freehold; print(freehold._native.library)", env={"FREEHOLD_LIBRARY": str(copy)}
    )
    assert done.stdout.strip() == str(copy), done.stderr


def test_tracking_by_the_environment(program):
    done = program(
        """
        import freehold
        block = freehold.malloc(3)
        assert freehold.is_tracking()
        block.free()
        try:
            freehold.free(block)
        except freehold.DoubleFree as error:
            print("first released" in str(error))
        """,
        env={"FREEHOLD_TRACK": "1"},
    )
    assert done.stdout.strip() == "True", done.stderr


def test_without_tracking_buffers_are_still_checked(program):
    done = program(
        """
        import freehold
        block = freehold.malloc(3)
        address = block.address
        assert not freehold.is_tracking()
        freehold.free(address)
        for use in (block.free, lambda: block[0]):
            try:
                use()
            except freehold.Misuse as error:
                print(type(error).__name__)
        """,
        env={"FREEHOLD_TRACK": ""},
    )
    assert done.stdout.split() == ["DoubleFree", "Released"], done.stderr


def test_the_end_of_python_is_quiet(program):
    done = program(
        """
        import freehold, ctypes
        freehold.start()
        block = freehold.calloc(ctypes.c_int, 4)
        arena = freehold.arena()
        arena.calloc(4)
        cycle = [freehold.malloc(3)]
        cycle.append(cycle)
        """,
        "-X",
        "dev",
    )
    assert done.returncode == 0, done.stderr
    assert "Error" not in done.stderr.replace("ResourceWarning", "")


C = r"""
#include "freehold.h"
void *c_make(size_t size) { return freehold_typed(size, 1, 1, "from C"); }
int c_free(void *block) { return freehold_free(block); }
const char *c_message(void) { return freehold_last_message(); }
"""


@pytest.fixture(scope="session")
def source() -> Path:
    """The project's sources."""
    found = os.environ.get("FREEHOLD_SOURCE")
    root = Path(found) if found else Path(__file__).parents[3]
    if not (root / "crates/capi/include/freehold.h").exists():
        pytest.skip("the project's sources are not here")
    return root


def test_one_ledger_with_c(tmp_path, compiler, source):
    text, library = tmp_path / "user.c", tmp_path / "libuser.so"
    text.write_text(C)
    used = freehold._native.library
    command = [compiler, "-shared", "-fPIC", f"-I{source / 'crates/capi/include'}"]
    subprocess.run([*command, "-o", library, text, used], check=True)
    one_ledger(ctypes.CDLL(str(library)), "c_make", "c_free", "from C")


def test_one_ledger_with_rust(source):
    cargo = shutil.which("cargo")
    if cargo is None:
        pytest.skip("there is no cargo")
    manifest = Path(__file__).parent / "rust_user/Cargo.toml"
    target = Path(os.environ.get("CARGO_TARGET_DIR", source / "target")) / "python-rust-user"
    new = {**os.environ, "CARGO_TARGET_DIR": str(target)}
    subprocess.run([cargo, "build", "--quiet", "--manifest-path", manifest], env=new, check=True)
    # A copy of the library of its own is in it, which finds the ledger of the other one.
    library = ctypes.CDLL(str(target / "debug/librust_user.so"))
    one_ledger(library, "rust_make", "rust_free", "u8")


def one_ledger(library, make, free, tag):
    """What one side allocates, the other knows and releases."""
    make, free = getattr(library, make), getattr(library, free)
    make.restype, make.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    free.restype, free.argtypes = ctypes.c_int, [ctypes.c_void_p]
    theirs = make(100)
    raw = freehold.raw
    known = raw.freehold_block(struct_bytes=ctypes.sizeof(raw.freehold_block))
    assert raw.freehold_query(theirs + 1, ctypes.byref(known)) == 0
    assert (known.base, known.size, known.tag.decode()) == (theirs, 100, tag)
    freehold.free(theirs)
    with pytest.raises(freehold.DoubleFree) as caught:
        freehold.free(theirs)
    # With the frames of the machine: the call came from elsewhere.
    allocated = str(caught.value).partition("allocated:")[2].partition("first released:")
    assert make.__name__ in allocated[0]
    assert __file__ in allocated[2]
    ours = freehold.malloc(100)
    at = ours.transfer()
    assert free(at) != 0, "it was given away"
    ours = freehold.malloc(50)
    at = ours.address
    assert free(at) == 0
    assert at not in [leak.address for leak in freehold.leaks()]
    # The object cannot know; the ledger does.
    with pytest.raises(freehold.DoubleFree):
        ours.free()
    freehold._native.end(ours, 4)


@pytest.mark.slow
def test_the_wheel_is_all_that_is_needed(tmp_path):
    wheel = os.environ.get("FREEHOLD_WHEEL")
    if wheel is None:
        pytest.skip("there is no wheel: cargo xtask test --python makes it")
    folder = tmp_path / "a folder with blanks"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin/python"
    new = {name: v for name, v in os.environ.items() if not name.startswith(("FREEHOLD", "PYTHON"))}

    def run(*arguments):
        done = subprocess.run(
            [python, *arguments], env=new, capture_output=True, text=True, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    before = sorted(folder.rglob("*"))
    run("-m", "pip", "install", "--quiet", "--no-index", wheel)
    run("-c", "import freehold; freehold.start(); freehold.calloc(3).free(); print(freehold.raw)")
    assert "0.1.0" in run("-m", "freehold", "--version")
    code = "import freehold; assert freehold.is_shared(); freehold.malloc(777777).transfer()"
    report = run("-m", "freehold", "run", "--show", "all", "-c", code)
    assert "759.5 KiB" in report
    assert "<string>:1" in report
    script = [folder / "bin/freehold", "owner", "strdup"]
    console = subprocess.run(script, env=new, capture_output=True)
    assert b"free" in console.stdout
    run("-m", "pip", "uninstall", "--quiet", "--yes", "freehold")
    left = [path for path in sorted(folder.rglob("*")) if path not in before]
    assert [path for path in left if "freehold" in path.name] == []
