#!/usr/bin/env python3
"""Builds and runs the victims, and compares what a tool says about them with expected.toml.

    check.py [--tool plain|valgrind|lsan|freehold] [--out FOLDER] [NAME...]

`plain` checks build, markers, output and status. The other tools are judged by the same findings,
which is how docs/accuracy.md compares them; a disagreement with Valgrind is first of all a reason
to doubt the victim. NAME may be a glob. Exit status 1: something differs.
"""

import argparse
import fnmatch
import json
import os
import re
import shlex
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
import xml.etree.ElementTree as xml
from pathlib import Path

SOURCES = Path(__file__).resolve().parent
ROOT = SOURCES.parent.parent
TIMEOUT = 600
GENERATIONS = ["root", "child", "grandchild", "great-grandchild"]
LSAN_FLAGS = {
    "c": "{} -fsanitize=leak",
    "cpp": "{} -fsanitize=leak",
    "rust": "+nightly {} -Zsanitizer=leak",
}


class Site:
    """One group of live blocks as a tool reports it."""

    def __init__(self, verdict, family, blocks, size, frames):
        self.verdict = verdict
        self.family = family
        self.blocks = blocks
        self.bytes = size
        self.frames = frames  # of (function, module, file, line), innermost first


def plain_name(function):
    """`ns::name(int)`, `ns::name<T>` and `ns::name::h0123456789abcdef` as `ns::name`."""
    name = re.sub(r"::h[0-9a-f]{16}$", "", function or "")
    name = re.sub(r"\(.*$", "", name.replace("(anonymous namespace)::", ""))
    return re.sub(r"<.*$", "", name)


def same_function(reported, expected):
    """Tools differ in how much of a C++ or Rust name they give: any tail of the path will do."""
    name = plain_name(reported)
    return any(
        name and f"::{a}".endswith(f"::{b}") for e in as_list(expected) for a, b in ((name, e), (e, name))
    )


def markers_of(victim):
    """Marker name -> (file name, line)."""
    found = {}
    for source in victim["sources"]:
        for number, line in enumerate((SOURCES / source).read_text().splitlines(), 1):
            if match := re.search(r"LEAK: (\w+)", line):
                if match[1] in found:
                    raise SystemExit(f"{source}:{number}: the marker {match[1]} stands twice")
                found[match[1]] = (source, number)
    return found


def stands_at(site, finding, markers):
    """Whether this site is the one that the finding describes, whatever its verdict."""
    where = markers.get(finding.get("marker"))
    innermost = None
    for depth, (function, module, file, line) in enumerate(site.frames):
        if "module" in finding and finding["module"] not in (module or ""):
            continue
        if "function" in finding and not same_function(function, finding["function"]):
            continue
        if where and (os.path.basename(file or ""), line) != where:
            continue
        innermost = depth
        break
    if innermost is None:
        return False
    if "caller" in finding:
        outer = site.frames[innermost + 1 :]
        return any(same_function(function, finding["caller"]) for function, *_ in outer)
    return True


def as_list(value):
    return value if isinstance(value, list) else [value]


def compare(victim, processes, markers, tool):
    """What differs between the findings and the sites of each process, as sentences."""
    differences = []
    ignored = victim.get("ignore", [])
    for generation in GENERATIONS:
        sites = processes.get(generation, [])
        claimed = set()
        for finding in victim.get("findings", []):
            if finding.get("process", "root") != generation:
                continue
            here = [site for site in sites if stands_at(site, finding, markers)]
            claimed.update(map(id, here))
            if tool in finding.get("beyond", ()):
                continue
            if tool == "lsan" and not {"lost", "indirect"} & set(as_list(finding["verdict"])):
                here = [site for site in here if site.verdict in ("lost", "indirect")]
                differences += [f"{finding['marker']}: called {site.verdict}" for site in here]
                continue
            matching = [site for site in here if site.verdict in as_list(finding["verdict"])]
            if tool == "freehold":
                matching = [site for site in matching if site.family == finding["family"]]
            blocks = sum(site.blocks for site in matching)
            size = sum(site.bytes for site in matching)
            if not here and finding.get("optional"):
                continue
            if finding.get("at_least"):
                right = blocks >= finding["blocks"] and size >= finding["bytes"]
            else:
                right = blocks == finding["blocks"] and size in as_list(finding.get("bytes", size))
            if not right:
                name = finding.get("marker") or finding.get("function") or finding["module"]
                differences.append(
                    f"{generation} {name}: expected {finding['verdict']} {finding['blocks']} blocks"
                    f" {finding.get('bytes', 'any')} bytes, found {blocks} blocks {size} bytes;"
                    f" there: {[(site.verdict, site.family, site.blocks, site.bytes) for site in here]}"
                )
        inherited = victim.get("inherits") and generation != "root"
        if not victim.get("nothing_else_lost", True) or inherited:
            continue
        for site in sites:
            if site.verdict not in ("lost", "indirect") or id(site) in claimed:
                continue
            if not any(same_function(function, name) for function, *_ in site.frames for name in ignored):
                stack = " < ".join(str(function) for function, *_ in site.frames[:8])
                differences.append(f"{generation}: also {site.verdict} {site.blocks}/{site.bytes}: {stack}")
    return differences


def run_plain(command, folder):
    return subprocess.run(command, capture_output=True, timeout=TIMEOUT), {}


def run_valgrind(command, folder):
    """Processes are told apart by their parents' pids, which Valgrind writes into each report."""
    done = subprocess.run(
        ["valgrind", "-q", "--leak-check=full", "--show-leak-kinds=all", "--keep-debuginfo=yes"]
        + ["--num-callers=60", "--trace-children=yes", "--xml=yes", f"--xml-file={folder}/%p.xml"]
        + ["--run-cxx-freeres=no", "--run-libc-freeres=no", *command],
        capture_output=True,
        timeout=TIMEOUT,
    )
    kinds = {
        "Leak_DefinitelyLost": "lost",
        "Leak_IndirectlyLost": "indirect",
        "Leak_PossiblyLost": "possible",
        "Leak_StillReachable": "reachable",
    }
    trees = {}
    for path in Path(folder).glob("*.xml"):
        text = path.read_text(errors="replace")
        # A process that was forked continues its parent's text; one that died has no end.
        text = text[text.rfind("<?xml") :]
        if "</valgrindoutput>" not in text:
            text += "</valgrindoutput>"
        try:
            trees[int(path.stem)] = xml.fromstring(text)
        except xml.ParseError:
            continue
    parents = {pid: int(tree.findtext("ppid") or 0) for pid, tree in trees.items()}
    processes = {}
    for pid, tree in sorted(trees.items()):
        generation = 0
        ancestor = parents[pid]
        while ancestor in parents and generation < 3:
            generation += 1
            ancestor = parents[ancestor]
        sites = processes.setdefault(GENERATIONS[generation], [])
        for error in tree.iter("error"):
            verdict = kinds.get(error.findtext("kind"))
            if verdict is None:
                continue
            frames = [
                (
                    frame.findtext("fn"),
                    frame.findtext("obj"),
                    frame.findtext("file"),
                    int(frame.findtext("line") or 0),
                )
                for frame in error.find("stack").iter("frame")
            ]
            what = error.find("xwhat")
            blocks = int(what.findtext("leakedblocks"))
            size = int(what.findtext("leakedbytes"))
            # "N bytes (D direct, I indirect) in B blocks" counts what hangs on a lost block again.
            if match := re.search(r"\(([\d,]+) direct", what.findtext("text")):
                size = int(match[1].replace(",", ""))
            sites.append(Site(verdict, None, blocks, size, frames))
    return done, processes


def run_lsan(command, folder):
    options = f"exitcode=0:log_path={folder}/lsan:fast_unwind_on_malloc=0:allocator_may_return_null=1"
    environment = dict(os.environ, LSAN_OPTIONS=options)
    if command[0] in ("sh", os.path.realpath(sys.executable)):
        find = ["cc", "-print-file-name=liblsan.so"]  # for the programs that we do not link
        environment["LD_PRELOAD"] = subprocess.run(find, capture_output=True, text=True).stdout.strip()
    done = subprocess.run(command, capture_output=True, timeout=TIMEOUT, env=environment)
    sites = []
    for path in Path(folder).glob("lsan.*"):
        for part in path.read_text(errors="replace").split("\n\n"):
            head = re.search(r"(Direct|Indirect) leak of (\d+) byte\(s\) in (\d+) object", part)
            if not head:
                continue
            frames = []
            for line in re.findall(r"^\s+#\d+ 0x\w+ (.*)$", part, re.M):
                where = re.search(r"in (.+) (\S+?):(\d+)(?::\d+)?$", line)
                bare = re.search(r"in (\S+)", line)
                if where:
                    frames.append((where[1], None, where[2], int(where[3])))
                else:
                    frames.append((bare[1] if bare else None, line, None, 0))
            verdict = "lost" if head[1] == "Direct" else "indirect"
            sites.append(Site(verdict, None, int(head[3]), int(head[2]), frames))
    return done, {"root": sites}


def run_freehold(command, folder):
    report = f"{folder}/report.json"
    program = os.environ.get("FREEHOLD", str(ROOT / "target/release/freehold"))
    done = subprocess.run(
        [program, "run", "--format", "json", "--show", "all", "-o", report, "--", *command],
        capture_output=True,
        timeout=TIMEOUT,
    )
    processes = {}

    def collect(process, generation):
        sites = processes.setdefault(GENERATIONS[min(generation, 3)], [])
        for leak in process["leaks"]:
            frames = [
                (frame.get("function"), frame.get("module"), frame.get("file"), frame.get("line"))
                for frame in leak["stack"]
            ]
            sites.append(Site(leak["verdict"], leak["family"], leak["blocks"], leak["bytes"], frames))
        for child in process.get("children", []):
            collect(child, generation + 1)

    try:
        collect(json.loads(Path(report).read_text()), 0)
    except (OSError, ValueError, KeyError) as error:
        print(f"    no report: {error!r}; {done.stderr.decode(errors='replace')[-300:]}")
    return done, processes


RUNNERS = {"plain": run_plain, "valgrind": run_valgrind, "lsan": run_lsan, "freehold": run_freehold}


def check(victim, flags, out, tool):
    """Builds, runs and compares one victim. Returns the differences, or None when it was skipped."""
    places = {
        "src": SOURCES,
        "out": out,
        "python": os.path.realpath(sys.executable),
        "python_include": sysconfig.get_paths()["include"],
        **flags,
    }
    foreign = tool not in ("plain", "freehold")
    if tool in victim.get("beyond", ()) or foreign and "refused" in victim:
        return None
    markers = markers_of(victim)
    for finding in victim.get("findings", []):
        if "marker" in finding and finding["marker"] not in markers:
            return [f"no line has the marker {finding['marker']}"]
    for command in victim.get("build", []):
        built = subprocess.run(shlex.split(command.format(**places)), capture_output=True, text=True)
        if built.returncode != 0:
            return None if victim.get("needs_library") else [f"build failed: {built.stderr}"]
        if built.stderr:
            print(f"    {built.stderr.strip()}")
    with tempfile.TemporaryDirectory() as folder:
        places["file"] = f"{folder}/flag"
        Path(places["file"]).touch()
        command = shlex.split(victim["run"].format(**places))
        done, processes = RUNNERS[tool](command, folder)
    if "refused" in victim and tool == "freehold":
        return [] if done.returncode not in (0, None) and done.stderr else ["was not refused"]
    status = -victim["signal"] if "signal" in victim else victim.get("status", 0)
    if tool == "freehold" and status < 0:
        status = 128 - status
    differences = []
    if done.returncode != status:
        differences.append(f"status {done.returncode}, expected {status}: {done.stderr.decode()[-300:]}")
    if done.stdout.decode(errors="replace") != victim["stdout"]:
        differences.append(f"printed {done.stdout!r}")
    compared = tool == "freehold" or foreign and "signal" not in victim
    return differences + (compare(victim, processes, markers, tool) if compared else [])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", choices=RUNNERS, default="plain")
    parser.add_argument("--out", type=Path, help="where to build (default: target/victims)")
    parser.add_argument("--quick", action="store_true", help="leave out the slow ones")
    parser.add_argument("names", nargs="*", default=["*"], metavar="NAME")
    options = parser.parse_args()
    expected = tomllib.loads((SOURCES / "expected.toml").read_text())
    out = (options.out or ROOT / "target" / "victims" / ("lsan" if options.tool == "lsan" else "")).resolve()
    out.mkdir(parents=True, exist_ok=True)
    flags = dict(expected["flags"])
    if options.tool == "lsan":
        flags = {name: LSAN_FLAGS[name].format(value) for name, value in flags.items()}
    failed = skipped = passed = 0
    for victim in expected["victim"]:
        if not any(fnmatch.fnmatch(victim["name"], name) for name in options.names):
            continue
        if options.quick and victim.get("slow"):
            continue
        differences = check(victim, flags, out, options.tool)
        if differences is None:
            skipped += 1
            print(f"skip {victim['name']}: out of reach for this tool, or its library is missing")
            continue
        failed += bool(differences)
        passed += not differences
        print(f"{'FAIL' if differences else 'ok  '} {victim['name']}", flush=True)
        for difference in differences:
            print(f"    {difference}")
    print(f"{passed} as expected, {failed} not, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
