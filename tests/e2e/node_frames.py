#!/usr/bin/env python3
"""Whether a report has the frames of JavaScript that Node's map of its code (--perf-basic-prof) names."""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tracked import FREEHOLD

PROGRAM = Path(__file__).resolve().parent / "programs/node_stacks.js"
WANTED = ["keep", "load", "<anonymous>", "main", "<anonymous>"]


def main():
    node = shutil.which("node")
    if node is None:
        sys.exit("no Node was found")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        options = ["--show", "all", "--format", "json", "--depth", "128", "-o", str(report)]
        flags = ["--perf-basic-prof", "--interpreted-frames-native-stack"]
        command = [FREEHOLD, "run", *options, "--", node, *flags, str(PROGRAM)]
        # V8 leaves a file of its own where it runs.
        subprocess.run(command, timeout=120, check=False, cwd=folder)
        found = json.loads(report.read_text())
        Path(f"/tmp/perf-{found['process']['pid']}.map").unlink(missing_ok=True)
    large = [leak for leak in found["leaks"] if leak["largest_bytes"] >= 1234567]
    if not large:
        sys.exit("the block is not in the report")
    own = [f for f in large[0]["stack"] if f["language"] == "js" and f["file"] == str(PROGRAM)]
    if [frame["function"] for frame in own] != WANTED or not all(frame["line"] for frame in own):
        sys.exit(f"found {[(f['function'], f['line']) for f in own]}, and should have {WANTED}")
    print(f"ok     {node}: {len(own)} frames of JavaScript")


main()
