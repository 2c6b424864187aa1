#!/usr/bin/env python3
"""Real programs say and do the same under Freehold as without it.

    real_programs.py [NAME...]     all of them, or those whose names fit (globs); FREEHOLD names the command

Each is run twice in a fresh folder: alone, and under `freehold run`. Output, error output and status
must be the same, and the report valid. What is not installed is named and left out. Exit status 1:
something differs.
"""

import fnmatch
import hashlib
import os
import pty
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tracked import ROOT, TIMEOUT, Hang, complaints, default_signals, finish, missing, shell_status, tracked_prefix

PYTHON = os.path.realpath(sys.executable)
SOURCES = Path(__file__).resolve().parent / "programs"
PROGRAMS = {}
# What is known to differ, and why. An entry that no longer differs is a failure: remove it.
KNOWN = {
    "seccomp": "the judgement at the end needs calls that a sandbox may forbid (getpid, fork, open)",
}


def program(name, *needs):
    """Registers a function which runs a program in the current folder, its words behind `track`."""

    def register(function):
        PROGRAMS[name] = (needs, function)
        return function

    return register


def command(name, *words, needs=(), text="", **environment):
    """Registers a program that is one command."""
    needs = needs or () if words[0] == PYTHON else (*needs, words[0])
    run = lambda track: finish([*track, *words], text, env={**os.environ, **environment})  # noqa: E731
    program(name, *needs)(run)


def script(name, file, *needs, **environment):
    """Registers a program of `programs/`, by what its name ends in."""
    with_what = {".py": PYTHON, ".js": "node", ".sh": "sh", ".pl": "perl"}[Path(file).suffix]
    command(name, with_what, str(SOURCES / file), needs=needs, **environment)


def shell(name, text, *needs, **environment):
    """Registers a program that is a piece of shell."""
    command(name, "sh", "-c", text, needs=needs, **environment)


def around(name, text, *words, needs=()):
    """Registers a program that is started by a piece of shell, outside Freehold, as "$@"."""
    run = lambda track: finish(["sh", "-c", text, "sh", *track, *words])  # noqa: E731
    program(name, *needs)(run)


def compiled(name, source, *flags):
    """Registers a program of `programs/` that is compiled first, not tracked."""

    @program(name, "g++" if source.endswith("cpp") else "gcc")
    def run(track):
        compiler = "g++" if source.endswith("cpp") else "gcc"
        built = finish([compiler, "-O2", "-g", *flags, "-o", "program", str(SOURCES / source)])
        return built if built[0] else finish([*track, "./program"])


script("python", "library.py")
script("python-malloc", "library.py", PYTHONMALLOC="malloc")
script("python-threads", "threads.py")
script("python-subprocess", "subprocesses.py")
script("python-pool", "pool.py")
script("node", "allocate.js")
script("node-workers", "workers.js")
script("node-children", "children.js")
script("perl", "words.pl")
script("git", "repository.sh", "git")
compiled("c++-threads", "exceptions.cpp", "-pthread")
compiled("small-stacks", "small_stacks.c", "-pthread")
compiled("small-coroutine", "small_stacks.c", "-pthread", "-DCOROUTINE=8192")
compiled("sparse-2-gib", "sparse.c")
compiled("seccomp", "seccomp.c")
command("sh-1000-forks", "sh", str(ROOT / "tests/victims/forks_1000.sh"))
command("sort", "sort", "-R", "--random-source=/dev/zero", "/etc/services")
command("bc", "bc", "-l", text="scale=400\n4*a(1)\n")
command("sqlite", "sqlite3", ":memory:", text=(SOURCES / "tables.sql").read_text())
shell("xz-threads", "seq 900000 >n && xz -T2 -0 -k n && xz -t n.xz && cksum n.xz", "xz")
shell("tar-gzip", "seq 99999 >n && tar -cf - n | gzip -9n | gzip -dc | tar -xOf - | cksum", "tar", "gzip")
shell("find-xargs", "find /usr/include -name '*.h' -print0 | sort -z | xargs -0 -n 50 cat | sort | cksum")
shell("abort", "ulimit -c 0; exec $0 -c 'import os; os.abort()'".replace("$0", PYTHON))
shell("abort-in-child", f"ulimit -c 0; {PYTHON} -c 'import os; os.abort()'; echo $?")
command("sigsegv", PYTHON, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
command("real-fault", PYTHON, "-c", "import ctypes; ctypes.string_at(8)")
command("sigkill", PYTHON, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
command("_exit", PYTHON, "-c", "import os; os.write(1, b'out'); os._exit(77)")
command("timeout-inside", "timeout", "0.5", "sleep", "30")
command("timeout-kills", "timeout", "-s", "KILL", "0.5", "sleep", "30")
around("timeout-outside", 'exec timeout 0.7 "$@"', "sleep", "30")
around("timeout-outside-status", 'exec timeout --preserve-status 0.7 "$@"', "sleep", "30")
shell("address-space-limit", f"ulimit -v 600000; exec {PYTHON} -c 'print(sum(map(len, map(str, range(99999)))))'")
shell("file-size-limit", f"ulimit -f 0; exec {PYTHON} -c 'a = [[i] * 99 for i in range(30000)]; print(len(a))'")
shell("few-files-limit", f"ulimit -n 16; exec {PYTHON} -c 'import json; print(json.dumps([1] * 9))'")
shell("small-stack-limit", "ulimit -s 128; exec sort -n /etc/services")
shell("empty-environment", f"env -i {PYTHON} -c 'import os; print(sorted(os.environ))'; env -i sort /etc/services")
around("stdin-closed", '"$@" <&-', "sh", "-c", "cat; echo $?; ls -l /proc/self/fd | wc -l")
around("stdout-closed", '"$@" >&-', "sh", "-c", "echo hello; echo $? >&2; exit 3")
around("stderr-closed", '"$@" 2>&-', "sh", "-c", "echo hello; echo error >&2; echo $?")
around("stdout-full", '"$@" >/dev/full', PYTHON, "-c", "print('hello')")
around("stdout-broken", '"$@" | head -n 1', PYTHON, "-c", "for i in range(10**6): print(i)")
around("folder-deleted", 'mkdir d; cd d; rmdir ../d; "$@"', "sh", "-c", "ls; cat /etc/services | sort -u")
# Windows, in a display of their own. What goes to stderr has times and process ids in it.
WITH_DISPLAY = 'exec 2>/dev/null; exec xvfb-run -a "$@"'
WINDOWS = ("xvfb-run", "Xvfb", "xauth")
GTK_FORM = ["--form", "--field=name", "--field=yes:CHK", "--field=which:CB", "one!two", "--field=day:DT", "--timeout=1"]
GTK_DEMOS = "for d in flowbox iconview pickers textview; do gtk3-demo --run=$d --autoquit || exit; done"
QT_BINDINGS = "/usr/lib/python3/dist-packages/PyQt5"
around("gtk-form", WITH_DISPLAY, "yad", *GTK_FORM, needs=(*WINDOWS, "yad"))
around("gtk-demos", WITH_DISPLAY, "sh", "-c", GTK_DEMOS, needs=(*WINDOWS, "gtk3-demo"))
around("qt", WITH_DISPLAY, "/usr/bin/python3", str(SOURCES / "widgets.py"), needs=(*WINDOWS, QT_BINDINGS))
# What else a program can see of how it was started.
shell("open-files", "for f in /proc/self/fd/*; do echo ${f##*/}; done; ls /proc/self/fd | wc -l")
shell("signals", "grep -E 'Sig(Blk|Ign|Cgt)|^Threads|NoNewPrivs|Seccomp:' /proc/self/status")
shell("limits", "ulimit -a; umask; nice; ps -o pgid=,sid= $$ | awk '{print $1 == $2}'")
# The two signals of the C library, which only the kernel's own call can set.
IGNORE_INTERNAL = """import ctypes, os, sys
for signal in (32, 33):
    action = (ctypes.c_uint64 * 4)(1)
    assert ctypes.CDLL(None).syscall(ctypes.c_long(13), signal, action, None, ctypes.c_size_t(8)) == 0
os.execvp(sys.argv[1], sys.argv[1:])"""
around("signals-internal", f"exec {PYTHON} -c '{IGNORE_INTERNAL}' \"$@\"", "grep", "SigIgn", "/proc/self/status")
around("signals-ignored", 'trap "" HUP PIPE; "$@"', "grep", "Sig[BI]", "/proc/self/status")


@program("gcc", "gcc")
def compile_c(track):
    """The driver starts cc1 and as; the object must be the same to the last byte."""
    lines = [f"int f{i}(int a, int b) {{ return a * {i} + b / (a | 1) - f{i - 1}(b, a); }}" for i in range(1, 1500)]
    Path("big.c").write_text("\n".join(["int f0(int a, int b) { return a - b; }", *lines]))
    status, out, err = finish([*track, "gcc", "-O1", "-g", "-c", "big.c"])
    return status, out + digest("big.o"), err


@program("g++", "g++")
def compile_cpp(track):
    text = "#include <map>\n#include <string>\n#include <vector>\n"
    text += "int main() { std::map<std::string, std::vector<int>> m; m[\"a\"].push_back(1); return m.size(); }"
    Path("maps.cpp").write_text(text)
    status, out, err = finish([*track, "g++", "-O2", "maps.cpp", "-o", "maps"])
    return status, out + digest("maps"), err


def digest(path):
    return hashlib.sha256(Path(path).read_bytes()).digest()


@program("redis", "redis-server", "redis-benchmark")
def redis(track):
    """Bounded load over loopback. What it prints has times in it: only the status is compared."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ["redis-server", "--port", str(port), "--save", "", "--bind", "127.0.0.1"]
    server = subprocess.Popen([*track, *words], stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        deadline = time.monotonic() + TIMEOUT
        while not answers(port, b"PING\r\n", b"+PONG"):
            if time.monotonic() > deadline or server.poll() is not None:
                raise Hang("the server never answered")
            time.sleep(0.05)
        load = ["redis-benchmark", "-p", str(port), "-n", "20000", "-q", "-t", "set,get,lpush,lrange_100"]
        benchmark = finish(load)[0]
        answers(port, b"SHUTDOWN NOSAVE\r\n", b"")
        return server.wait(timeout=20), benchmark, None
    except subprocess.TimeoutExpired:
        raise Hang("the server did not end") from None
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def answers(port, request, answer):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(request)
            return connection.recv(64).startswith(answer)
    except OSError:
        return False


@program("terminal")
def terminal(track):
    """A dialogue through a terminal, which Ctrl-C interrupts and end of input ends."""
    pid, there = pty.fork()
    if pid == 0:
        os.execvp((track or [PYTHON])[0], [*track, PYTHON, "-q", str(SOURCES / "dialogue.py")])
    seen = b""
    for question, reply in [(b"name? ", b"Ann\n"), (b"wait", b"\x03"), (b"more? ", b"\x04"), (None, b"")]:
        deadline = time.monotonic() + TIMEOUT
        while question is None or not seen.rstrip().endswith(question.rstrip()):
            if not select.select([there], [], [], max(0, deadline - time.monotonic()))[0]:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                raise Hang(f"no {question!r} after {seen!r}")
            try:
                seen += os.read(there, 4096)
            except OSError:  # how a terminal says that nobody is left
                break
        if reply:
            os.write(there, reply)
    os.close(there)
    return shell_status(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])), seen, b""


if os.geteuid() == 0:
    command("chroot", PYTHON, str(SOURCES / "chroot.py"))


def run_in_fresh_folder(function, track, folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    os.chdir(folder)
    start = time.monotonic()
    return function(track), time.monotonic() - start


def check(function, folder):
    """Runs one program twice. Returns what differs and a remark."""
    work, report = folder / "work", folder / "report.json"
    try:
        alone, seconds = run_in_fresh_folder(function, [], work)
        tracked, longer = run_in_fresh_folder(function, tracked_prefix(report), work)
    except Hang as hang:
        return [f"hangs: {hang}"], ""
    wrong, processes = complaints(report)
    for what, before, now in zip(("status", "stdout", "stderr"), alone, tracked):
        if before != now:
            wrong.insert(0, f"{what}: alone {str(before)[-500:]}, tracked {str(now)[-500:]}")
    return wrong, f"{seconds:.1f} s, tracked {longer:.1f} s, processes {processes}, status {tracked[0]}"


def main():
    names = sys.argv[1:] or ["*"]
    failed = passed = 0
    default_signals()
    home = os.getcwd()
    for name, (needs, function) in PROGRAMS.items():
        if not any(fnmatch.fnmatch(name, wanted) for wanted in names):
            continue
        if absent := missing(needs):
            print(f"skip {name}: no {', '.join(absent)}")
            continue
        with tempfile.TemporaryDirectory() as folder:
            wrong, remark = check(function, Path(folder))
            os.chdir(home)
        if name in KNOWN and wrong:
            print(f"known {name}: {KNOWN[name]}", flush=True)
            continue
        if name in KNOWN:
            wrong = ["is the same now: remove it from KNOWN"]
        failed += bool(wrong)
        passed += not wrong
        print(f"{'FAIL' if wrong else 'ok  '} {name}: {remark}", flush=True)
        for sentence in wrong:
            print(f"    {sentence}")
    print(f"{passed} the same, {failed} not")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
