#!/usr/bin/env python3
"""Measures what tracking costs, Freehold beside its peers.

    run.py [run] [--workload GLOB] [--peer GLOB] [--rounds N] [--json FILE]   CPU, wall, memory
    run.py pair       nanoseconds for an allocate/release pair at several depths
    run.py scale      rate for each thread with one thread and with two
    run.py memory     bytes for each live block, and the fixed cost
    run.py report     time of `freehold report` on a million blocks and 10,000 stacks
    run.py scan       time of the verdict scan over 1 GiB

In each round all peers run once, in shuffled order; every ratio pairs two runs of the same round,
and the table gives medians over the rounds. What is missing (a peer, a program, the folder named by
FREEHOLD_BENCH_BIN) is named on standard error and left out. Markdown goes to standard output.
CPU and peak RSS are those of the whole tree of processes, the tool's own included (RSS: of the
largest one). FREEHOLD names the program to measure (default: target/release/freehold),
FREEHOLD_PRELOAD its library.
"""

import argparse
import fnmatch
import importlib.util
import json
import os
import platform
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PROGRAMS = HERE / "programs"
BUILT = ROOT / "target" / "bench-programs"
FREEHOLD = Path(os.environ.get("FREEHOLD", ROOT / "target/release/freehold"))
PRELOAD = Path(os.environ.get("FREEHOLD_PRELOAD", ROOT / "target/release/deps/libfreehold_interpose.so"))
TIMEOUT = 1800

C_FLAGS = ["-g", "-O2", "-pthread"]
STACK_DEPTHS = ["1", "10", "30", "60"]
BLOCK_SIZES = [
    ["16"],
    ["32"],
    ["64"],
    ["200"],
    ["1000"],
    ["4096"],
    ["16384"],
    ["16", "32", "64", "200", "1000"],
]


def note(text):
    print(text, file=sys.stderr, flush=True)


def build():
    """Compiles every program, unless it is newer than its source."""
    BUILT.mkdir(parents=True, exist_ok=True)
    for source in sorted(PROGRAMS.iterdir()):
        compiler = {".c": ["cc"], ".cpp": ["c++", "-std=c++20"]}.get(source.suffix)
        program = BUILT / source.stem
        if compiler is None or program.exists() and program.stat().st_mtime > source.stat().st_mtime:
            continue
        static = ["-static"] if source.stem == "measure" else []
        subprocess.run([*compiler, *C_FLAGS, *static, "-o", program, source], check=True)


# --- One run. -----------------------------------------------------------------------------------


@dataclass
class Run:
    wall: float
    cpu: float
    rss_kb: int
    status: int
    out: str
    err: str
    rate: float = 0.0  # operations a second, where the workload runs for a fixed time

    @property
    def cost(self):
        """CPU for the same work."""
        return 1 / self.rate if self.rate else self.cpu


def start_measured(command, folder, environment=None):
    """Starts a command under `measure`; returns the process and its files."""
    files = {name: os.path.join(folder, name) for name in ("result", "out", "err")}
    with open(files["out"], "wb") as out, open(files["err"], "wb") as err:
        process = subprocess.Popen(
            [BUILT / "measure", files["result"], *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env={**os.environ, **(environment or {})},
            cwd=folder,
        )
    return process, files


def finish_measured(process, files):
    process.wait(timeout=TIMEOUT)
    result = json.loads(Path(files["result"]).read_text())
    return Run(
        wall=result["wall"],
        cpu=result["user"] + result["system"],
        rss_kb=result["rss_kb"],
        status=result["status"],
        out=Path(files["out"]).read_text(errors="replace"),
        err=Path(files["err"]).read_text(errors="replace"),
    )


def measured(command, environment=None):
    with tempfile.TemporaryDirectory() as folder:
        return finish_measured(*start_measured(command, folder, environment))


# --- Peers: each turns a command into one that is tracked. ---------------------------------------


@dataclass
class Peer:
    name: str
    wrap: object  # (command, folder) -> command
    missing: object  # () -> why it cannot run, or None
    environment: dict = field(default_factory=dict)
    slow: bool = False
    suits: object = lambda workload: True
    changes_output: bool = False


def freehold_with(*options):
    return lambda command, folder: [FREEHOLD, "run", *options, "-o", "/dev/null", "--", *command]


def unless_file(path):
    return lambda: None if path.exists() else f"{path.name} is not built (cargo build --release --workspace)"


def unless_program(name):
    return lambda: None if shutil.which(name) else f"{name} is not installed"


def unless_memray():
    return None if importlib.util.find_spec("memray") else "memray cannot be imported"


def memray(command, folder):
    return [command[0], "-m", "memray", "run", "--native", "-q", "-o", f"{folder}/trace", *command[1:]]


PEERS = [
    Peer("plain", lambda command, folder: command, lambda: None),
    Peer("freehold", freehold_with(), unless_file(FREEHOLD)),
    Peer("freehold-sample", freehold_with("--stacks", "sample=512KiB"), unless_file(FREEHOLD)),
    Peer("freehold-off", freehold_with("--stacks", "off"), unless_file(FREEHOLD)),
    Peer(
        "freehold-disabled",
        lambda command, folder: ["env", f"LD_PRELOAD={PRELOAD}", *command],
        unless_file(PRELOAD),
    ),
    Peer(
        "heaptrack",
        lambda command, folder: ["heaptrack", "-o", f"{folder}/trace", *command],
        unless_program("heaptrack"),
        changes_output=True,
    ),
    Peer(
        "valgrind",
        lambda command, folder: ["valgrind", "-q", "--leak-check=full", f"--log-file={folder}/log", *command],
        unless_program("valgrind"),
        slow=True,
    ),
    Peer(
        "memray",
        memray,
        unless_memray,
        suits=lambda workload: workload.python,
        changes_output=True,
    ),
]


# --- Workloads. -----------------------------------------------------------------------------------


@dataclass
class Workload:
    name: str
    command: list
    size: int | None = None  # inserted for "{size}", divided by --shrink
    environment: dict = field(default_factory=dict)
    rate: str = ""  # pattern of a rate in the output: then cost is CPU for each operation
    python: bool = False
    missing: object = lambda: None

    def arguments(self, shrink):
        return [str(word).replace("{size}", str(max(1, (self.size or 0) // shrink))) for word in self.command]

    def run(self, peer, shrink):
        with tempfile.TemporaryDirectory() as folder:
            command = peer.wrap(self.arguments(shrink), folder)
            run = finish_measured(*start_measured(command, folder, {**self.environment, **peer.environment}))
        if self.rate and (found := re.search(self.rate, run.out + run.err)):
            run.rate = float(found[1])
        return run


class Redis(Workload):
    """A server under measurement, and a client that is not. Wall time is the client's."""

    def run(self, peer, shrink):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        with tempfile.TemporaryDirectory() as folder:
            server = [
                "redis-server",
                "--port",
                port,
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
            ]
            process, files = start_measured(peer.wrap(server, folder), folder, peer.environment)
            try:
                wait_for_port(int(port), process)
                client = ["redis-benchmark", "-p", port, "-q", "-c", "20", "-P", "16", "-r", "10000"]
                client += ["-d", "100", "-n", str(max(1000, self.size // shrink))]
                client += ["-t", "set,get,incr,lpush,lpop,sadd,hset,zadd"]
                started = time.monotonic()
                subprocess.run(client, check=True, capture_output=True, timeout=TIMEOUT)
                wall = time.monotonic() - started
            finally:
                subprocess.run(["redis-cli", "-p", port, "shutdown", "nosave"], capture_output=True)
            run = finish_measured(process, files)
        run.wall = wall
        run.out = ""  # a log with times
        return run


def wait_for_port(port, process):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("redis-server did not start")


def suite(title, arguments, rate="", input_file=None):
    """A program of mimalloc-bench, which somebody else has built. Its name is the title up to `-`."""
    name = title.split("-")[0]
    needed = [name, *([input_file] if input_file else [])]
    folder = os.environ.get("FREEHOLD_BENCH_BIN", "")

    def missing():
        if not folder:
            return "FREEHOLD_BENCH_BIN is not set"
        absent = [file for file in needed if not os.path.exists(os.path.join(folder, file))]
        return f"FREEHOLD_BENCH_BIN has no {', '.join(absent)}" if absent else None

    files = [os.path.join(os.path.abspath(folder), file) for file in needed]
    return Workload(title, [files[0], *arguments, *files[1:]], rate=rate, missing=missing)


LARSON_RATE = r"Throughput\s*=\s*([\d.]+)"


def workloads():
    python = os.path.realpath(sys.executable)
    own = [
        Workload("shallow", [BUILT / "shallow", "{size}"], 200_000),
        Workload("deep", [BUILT / "deep", "{size}"], 5_000),
        Workload("templates", [BUILT / "templates", "{size}"], 10_000),
        Workload("exchange", [BUILT / "exchange", "{size}", "2"], 10_000_000),
        Workload("churn-1", [BUILT / "churn", "1", "{size}"], 40_000_000),
        Workload("churn-2", [BUILT / "churn", "2", "{size}"], 40_000_000),
        Workload(
            "python",
            [python, PROGRAMS / "py_work.py", "{size}"],
            400,
            environment={"PYTHONMALLOC": "malloc"},
            python=True,
        ),
        Workload(
            "sqlite",
            ["sqlite3", ":memory:", f".read '{PROGRAMS / 'sqlite_work.sql'}'"],
            missing=unless_program("sqlite3"),
        ),
        Redis("redis", ["redis-server"], 200_000, missing=unless_program("redis-benchmark")),
    ]
    public = [
        suite("cfrac", ["17545186520507317056371138836327483792736"]),
        suite("espresso", [], input_file="largest.espresso"),
        suite("larson-1", ["5", "8", "1000", "5000", "100", "4141", "1"], rate=LARSON_RATE),
        suite("larson-2", ["5", "8", "1000", "5000", "100", "4141", "2"], rate=LARSON_RATE),
        suite("mstress", ["2", "50", "25"]),
    ]
    return own + public


# --- `run`. ---------------------------------------------------------------------------------------


def chosen(things, globs):
    return [thing for thing in things if any(fnmatch.fnmatch(thing.name, glob) for glob in globs)]


def present(things):
    for thing in things:
        if reason := thing.missing():
            note(f"left out: {thing.name}: {reason}")
        else:
            yield thing


def measure_all(options):
    """Every run as {workload: {peer: [Run or None for each round]}}."""
    peers = list(present(chosen(PEERS, [*options.peer, "plain"])))
    works = list(present(chosen(workloads(), options.workload)))
    runs = {
        work.name: {peer.name: [None] * options.rounds for peer in peers if peer.suits(work)}
        for work in works
    }
    for number in range(options.rounds):
        for work in works:
            turn = [peer for peer in peers if peer.suits(work)]
            turn = [peer for peer in turn if not peer.slow or number < options.slow_rounds]
            random.shuffle(turn)
            for peer in turn:
                try:
                    run = work.run(peer, options.shrink)
                except (OSError, ValueError, RuntimeError, subprocess.SubprocessError) as error:
                    note(f"failed: {work.name} under {peer.name}: {error}")
                    continue
                runs[work.name][peer.name][number] = run
                note(f"round {number + 1}: {work.name} under {peer.name}: {run.cpu:.2f} s CPU")
    return runs


def paired(of, base, value):
    """Median of the ratios of the rounds in which both ran."""
    ratios = [value(a) / value(b) for a, b in zip(of, base) if a and b and value(b) > 0]
    return statistics.median(ratios) if ratios else None


def fraction_of_added(of, heaptrack, plain):
    """Added CPU as a fraction of heaptrack's added CPU, median over the rounds."""
    fractions = [
        (a.cost - base.cost) / (b.cost - base.cost)
        for a, b, base in zip(of, heaptrack, plain)
        if a and b and base and b.cost > base.cost
    ]
    return statistics.median(fractions) if fractions else None


def verdict_on_output(peer, runs, plain):
    """Whether the program printed and ended the same as without tracking."""
    if all(run is None for run in runs):
        return "failed"
    if any(a.status != b.status for a, b in zip(runs, plain) if a and b):
        return "other status"
    exact = not next(p for p in PEERS if p.name == peer).changes_output
    if exact and any(a.out != b.out for a, b in zip(runs, plain) if a and b and not a.rate):
        return "other output"
    return "same"


def number(value, digits=2, unit=""):
    return "–" if value is None else f"{value:.{digits}f}{unit}"


def tabulate(runs):
    lines = [
        "| workload | peer | CPU | wall | peak RSS, MB | added CPU / heaptrack's | output |",
        "| --- | --- | --: | --: | --: | --: | --- |",
    ]
    for work, by_peer in runs.items():
        plain = by_peer["plain"]
        for peer, done in by_peer.items():
            finished = [run for run in done if run]
            rss = statistics.median(run.rss_kb for run in finished) / 1000 if finished else None
            if peer == "plain" and finished:
                cpu = f"{statistics.median(run.cpu for run in finished):.2f} s"
                wall = f"{statistics.median(run.wall for run in finished):.2f} s"
                added = None
            else:
                cpu = number(paired(done, plain, lambda run: run.cost), unit="×")
                wall = number(
                    paired(done, plain, lambda run: 1 / run.rate if run.rate else run.wall), unit="×"
                )
                added = (
                    fraction_of_added(done, by_peer.get("heaptrack", []), plain)
                    if peer != "heaptrack"
                    else None
                )
            output = verdict_on_output(peer, done, plain)
            lines.append(
                f"| {work} | {peer} | {cpu} | {wall} | {number(rss, 1)} | {number(added, 3)} | {output} |"
            )
    return lines


def where():
    """The machine, for the head of a table."""
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}"


def command_run(options):
    runs = measure_all(options)
    print(f"{where()}; medians of {options.rounds} interleaved rounds; others relative to plain.\n")
    print("\n".join(tabulate(runs)))
    return {
        work: {
            peer: [run and {**vars(run), "out": None, "err": None} for run in done]
            for peer, done in peers.items()
        }
        for work, peers in runs.items()
    }


# --- The other measurements. ----------------------------------------------------------------------


def own_peers(options, *names):
    return list(present(peer for peer in chosen(PEERS, options.peer) if not names or peer.name in names))


def rounds_of(options, peers, command, environment=None):
    """{peer name: [Run]} of one command, interleaved."""
    runs = {peer.name: [] for peer in peers}
    for _ in range(options.rounds):
        for peer in random.sample(peers, len(peers)):
            with tempfile.TemporaryDirectory() as folder:
                wrapped = peer.wrap([str(word) for word in command], folder)
                runs[peer.name].append(finish_measured(*start_measured(wrapped, folder, environment)))
    return runs


def command_pair(options):
    peers = [peer for peer in own_peers(options) if not peer.slow and peer.name != "memray"]
    runs = rounds_of(options, peers, [BUILT / "pair", 5_000_000 // options.shrink, *STACK_DEPTHS])
    costs = {}
    for peer, done in runs.items():
        tables = [dict(re.findall(r"^(\d+) ([\d.]+)$", run.out, re.M)) for run in done]
        costs[peer] = {
            depth: statistics.median(values)
            if (values := [float(t[depth]) for t in tables if depth in t])
            else None
            for depth in STACK_DEPTHS
        }
    print(f"{where()}; nanoseconds for a pair of malloc and free, medians of {options.rounds} rounds.\n")
    print("| peer | " + " | ".join(f"depth {depth}" for depth in STACK_DEPTHS) + " |")
    print("| --- |" + " --: |" * len(STACK_DEPTHS))
    for peer, by_depth in costs.items():
        print(f"| {peer} | " + " | ".join(number(by_depth[depth], 1) for depth in STACK_DEPTHS) + " |")
    return costs


def rate_of(run):
    found = re.search(r"^rate ([\d.]+)", run.err, re.M)
    return float(found[1]) if found else None


def command_scale(options):
    peers = own_peers(options, "plain", "freehold", "freehold-off", "freehold-sample", "heaptrack")
    rates = {peer.name: {1: [], 2: []} for peer in peers}
    for _ in range(options.rounds):
        for threads in random.sample((1, 2), 2):
            command = [BUILT / "churn", threads, 20_000_000 // options.shrink]
            for peer, done in rounds_of(argparse.Namespace(rounds=1), peers, command).items():
                rates[peer][threads] += [rate for rate in map(rate_of, done) if rate]
    print(f"{where()}; replacements a second for each thread, medians of {options.rounds} rounds.\n")
    print("| peer | 1 thread | 2 threads | kept |\n| --- | --: | --: | --: |")
    result = {}
    for peer, by_threads in rates.items():
        one, two = (statistics.median(by_threads[n]) if by_threads[n] else None for n in (1, 2))
        kept = 100 * two / one if one and two else None
        result[peer] = {"one": one, "two": two, "kept_percent": kept}
        print(f"| {peer} | {number(one, 0)} | {number(two, 0)} | {number(kept, 1, ' %')} |")
    return result


def resident(run):
    found = re.search(r"before (\d+) after (\d+)", run.out)
    return (int(found[1]), int(found[2])) if found else None


def live_set_growth(peers, blocks, sizes):
    """{peer: (bytes of resident memory for each block, kB before the first block)}."""
    growth = {}
    for peer in peers:
        with tempfile.TemporaryDirectory() as folder:
            command = peer.wrap([str(BUILT / "live_set"), str(blocks), *sizes], folder)
            seen = resident(finish_measured(*start_measured(command, folder)))
        if seen:
            growth[peer.name] = ((seen[1] - seen[0]) * 1024 / blocks, seen[0])
    return growth


def ledger_bytes(blocks, sizes):
    """What a kept ledger of that live set occupies on disk; None when none was kept."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = Path(folder) / "ledger"
        command = [
            FREEHOLD,
            "run",
            "--ledger",
            ledger,
            "-o",
            "/dev/null",
            "--",
            BUILT / "live_set",
            blocks,
            *sizes,
        ]
        measured(command)
        return ledger.stat().st_blocks * 512 if ledger.exists() else None


def command_memory(options):
    peers = own_peers(options, "plain", "freehold", "freehold-off", "freehold-disabled", "heaptrack")
    names = [peer.name for peer in peers if peer.name != "plain"]
    blocks = {
        size: max(1000, min(1_000_000, 1_000_000_000 // int(size)) // options.shrink)
        for size in map(max_size, BLOCK_SIZES)
    }
    print(f"{where()}; bytes for each live block beyond the block itself.\n")
    print("| sizes | blocks | " + " | ".join(f"{name}, resident" for name in names) + " | ledger file |")
    print("| --- | --: |" + " --: |" * (len(names) + 1))
    result = {}
    for sizes in BLOCK_SIZES:
        count = blocks[max_size(sizes)]
        growth = live_set_growth(peers, count, sizes)
        base = growth["plain"][0]
        added = {name: growth[name][0] - base if name in growth else None for name in names}
        ledger = ledger_bytes(count, sizes) if FREEHOLD.exists() else None
        each = ledger / count if ledger is not None else None
        result[" ".join(sizes)] = {"blocks": count, "added_bytes": added, "ledger_bytes": each}
        cells = " | ".join(number(added[name], 1) for name in names)
        print(f"| {' '.join(sizes)} | {count} | {cells} | {number(each, 1)} |", flush=True)
    fixed = {name: kb for name, (_, kb) in live_set_growth(peers, 1, ["16"]).items()}
    result["fixed_kb"] = fixed
    print("\nResident memory of a program that has done nothing yet:", end=" ")
    print(
        ", ".join(
            f"{name} {kb / 1000:.1f} MB (+{(kb - fixed['plain']) / 1000:.1f})" for name, kb in fixed.items()
        )
    )
    return result


def max_size(sizes):
    return max(sizes, key=int)


def need_freehold():
    if reason := unless_file(FREEHOLD)():
        sys.exit(reason)


def command_report(options):
    need_freehold()
    result = {}
    with tempfile.TemporaryDirectory() as folder:
        ledger = os.path.join(folder, "ledger")
        blocks = str(1_000_000 // options.shrink)
        made = measured(
            [
                FREEHOLD,
                "run",
                "--ledger",
                ledger,
                "-o",
                "/dev/null",
                "--",
                BUILT / "many_sites",
                blocks,
                "10000",
            ]
        )
        if not os.path.exists(ledger):
            sys.exit(f"no ledger was kept: {made.err[-500:]}")
        print(f"{where()}; {blocks} live blocks, 10,000 stacks, {os.path.getsize(ledger)} bytes.\n")
        print("| format | wall | CPU | peak RSS, MB |\n| --- | --: | --: | --: |")
        for form in ("text", "json"):
            runs = [
                measured(
                    [FREEHOLD, "report", ledger, "--show", "all", "--format", form, "-o", f"{folder}/out"]
                )
                for _ in range(options.rounds)
            ]
            walls, cpus, sizes = zip(*((run.wall, run.cpu, run.rss_kb) for run in runs))
            result[form] = {
                "wall": walls,
                "cpu": cpus,
                "rss_kb": sizes,
                "status": [run.status for run in runs],
            }
            medians = [statistics.median(values) for values in (walls, cpus, sizes)]
            print(f"| {form} | {medians[0]:.2f} s | {medians[1]:.2f} s | {medians[2] / 1000:.1f} |")
    return result


def command_scan(options):
    """The end of a program with 1 GiB live: with verdicts, against the same run without tracking."""
    need_freehold()
    mib = max(16, 1024 // options.shrink)
    result = {}
    print(f"{where()}; the verdict scan of {mib} MiB live, medians of {options.rounds} rounds.\n")
    print("| block size | plain, wall | freehold, wall | added CPU | reported by the scan |")
    print("| --: | --: | --: | --: | --- |")
    for size in ("64", "256", "4096"):
        command = [BUILT / "scan", mib, size, "1"]
        plain, tracked, reported = [], [], {}
        for _ in range(options.rounds):
            with tempfile.TemporaryDirectory() as folder:
                output = os.path.join(folder, "report.json")
                pair = [(plain, command)]
                pair.append((tracked, [FREEHOLD, "run", "--format", "json", "-o", output, "--", *command]))
                for runs, words in random.sample(pair, 2):
                    runs.append(measured(words))
                reported = scan_figures(output) or reported
        walls = [statistics.median(run.wall for run in runs) for runs in (plain, tracked)]
        added = statistics.median(a.cpu - b.cpu for a, b in zip(tracked, plain))
        result[size] = {"plain": walls[0], "freehold": walls[1], "added_cpu": added, "reported": reported}
        figures = ", ".join(f"{name} {value}" for name, value in reported.items()) or "–"
        print(f"| {size} | {walls[0]:.2f} s | {walls[1]:.2f} s | {added:.2f} s | {figures} |", flush=True)
    return result


def scan_figures(path):
    """What the report says of its scan: the lost blocks, and every number named after scan or pause."""
    try:
        report = json.loads(Path(path).read_text())
    except (OSError, ValueError):
        return None
    places = (report, report.get("summary", {}), report.get("process", {}), report.get("scan", {}))
    found = {"lost_blocks": report.get("summary", {}).get("lost_blocks")}
    for place in places:
        for name, value in place.items() if isinstance(place, dict) else ():
            if re.search("scan|pause", name) and isinstance(value, (int, float)):
                found[name] = value
    return found


COMMANDS = {
    "run": command_run,
    "pair": command_pair,
    "scale": command_scale,
    "memory": command_memory,
    "report": command_report,
    "scan": command_scan,
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", nargs="?", choices=COMMANDS, default="run")
    parser.add_argument(
        "--workload", action="append", metavar="GLOB", help="only these workloads (repeatable)"
    )
    parser.add_argument(
        "--peer", action="append", metavar="GLOB", help="only these peers, and plain (repeatable)"
    )
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("ROUNDS", "5")))
    parser.add_argument("--slow-rounds", type=int, default=1, help="rounds in which Valgrind takes part")
    parser.add_argument(
        "--shrink", type=int, default=1, metavar="N", help="divide the work by N, to try things out"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every figure there")
    parser.add_argument(
        "--list", action="store_true", help="name the workloads and peers, and what is missing"
    )
    options = parser.parse_args()
    options.workload = options.workload or ["*"]
    options.peer = options.peer or ["*"]
    if options.command != "run":
        options.peer.append("plain")
    if options.list:
        for thing in [*workloads(), *PEERS]:
            print(f"{type(thing).__name__.lower()} {thing.name}: {thing.missing() or 'ready'}")
        return
    build()
    result = COMMANDS[options.command](options)
    if options.json:
        options.json.write_text(
            json.dumps(
                {"machine": where(), "options": vars(options) | {"json": None}, options.command: result},
                indent=1,
            )
        )


if __name__ == "__main__":
    main()
