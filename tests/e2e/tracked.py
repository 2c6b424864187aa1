"""What the end-to-end tests share: where the command is, running without hanging, judging a report."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FREEHOLD = os.environ.get("FREEHOLD", str(ROOT / "target/release/freehold"))
TIMEOUT = 60
TALLIES = ["lost", "indirect", "possible", "reachable", "unknown"]


class Hang(Exception):
    """A command was not done in time."""


def default_signals():
    """Takes back that signals are ignored, as by `nohup` or a runner of tests: programs wait for them."""
    for number in signal.valid_signals() - {signal.SIGPIPE, signal.SIGKILL, signal.SIGSTOP}:
        if number < signal.SIGRTMIN and signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def tracked_prefix(report, *options):
    """The words before a command that track it."""
    return [FREEHOLD, "run", "-o", str(report), "--format", "json", *options, "--"]


def finish(command, text="", timeout=TIMEOUT, **options):
    """Runs a command to its end: (status as a shell gives it, stdout, stderr)."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        **options,
    )
    try:
        out, err = process.communicate(text.encode(), timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise Hang(f"not done after {timeout} s") from None
    return shell_status(process.returncode), out, err


def shell_status(status):
    """128 + N when signal N ended it, as `freehold run` says it too."""
    return 128 - status if status < 0 else status


def complaints(path):
    """What is wrong with the report of a run that should have gone well, and how many processes it has."""
    try:
        report = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        return [f"no report: {error}"], 0
    wrong = [] if report.get("schema") == "freehold.report/1" else ["another schema"]
    processes = list(walk(report))
    for process in processes:
        try:
            wrong += of_process(process)
        except KeyError as error:
            wrong.append(f"a process has no {error}")
    for note in report.get("session_notes", []):
        wrong += [note["text"]] if note["kind"] == "damage" else []
    if not any(process["summary"]["allocations"] for process in processes):
        wrong.append("no allocation was seen")
    return wrong, len(processes)


def walk(process):
    """A process and all that it started."""
    yield process
    for child in process.get("children", []):
        yield from walk(child)


def of_process(process):
    summary, about = process["summary"], process["process"]
    name = f"{about['pid']} {' '.join(about['argv'])[:60]}"
    wrong = [f"{name}: {note['text']}" for note in process["notes"] if note["kind"] == "damage"]
    for misuse in process["misuses"]:
        here = [frame["function"] for frame in misuse["stacks"]["here"]][:8]
        wrong.append(f"{name}: {misuse['kind']} by {misuse['called']} in {here}")
    judged = sum(summary[f"{verdict}_blocks"] for verdict in TALLIES)
    if judged != summary["live_blocks"]:
        wrong.append(f"{name}: {summary['live_blocks']} live blocks, but {judged} with a verdict")
    if summary["allocations"] - summary["releases"] != summary["live_blocks"] and not incomplete(summary):
        wrong.append(f"{name}: {summary}: live is not allocations less releases")
    for leak in process["leaks"]:
        if leak["blocks"] < 1 or leak["verdict"] not in TALLIES:
            wrong.append(f"{name}: a site of {leak['blocks']} blocks, {leak['verdict']}")
    return wrong


def incomplete(summary):
    """Whether the counters say that events of a block were missed, and so need not add up."""
    return any(summary[key] for key in ("dropped_records", "unknown_releases", "unseen_releases", "unindexed"))


def missing(programs):
    """Those that are not installed: programs, or paths that must be there."""
    return [program for program in programs if shutil.which(program) is None and not Path("/", program).exists()]
