#!/usr/bin/env python3
"""What the package for Dart costs beside package:ffi and package:ffi_leak_tracker: nanoseconds for a block of
64 bytes, allocated and released, in turns, the medians of three rounds.

usage: dart.py VM LIBRARY FFI LEAK_TRACKER

VM is a Dart VM that compiles source, LIBRARY the libfreehold of its width, FFI and LEAK_TRACKER are the folders
of the two packages, as their repositories have them.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

OWN = Path(__file__).resolve().parent.parent / "bindings/dart"


def run(vm, packages, script, library):
    """The figures that a script prints, by name."""
    command = [vm, f"--packages={packages}", str(OWN / "benchmark" / script)]
    environment = dict(os.environ, FREEHOLD_LIBRARY=library)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    lines = (line.split("\t") for line in done.stdout.splitlines())
    return {name: float(figure) for name, figure in lines}


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    vm, library, ffi, tracker = sys.argv[1:]
    folders = {"freehold": OWN, "ffi": Path(ffi), "ffi_leak_tracker": Path(tracker)}
    packages = [
        {"name": name, "rootUri": folder.resolve().as_uri(), "packageUri": "lib/", "languageVersion": "3.7"}
        for name, folder in folders.items()
    ]
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "package_config.json"
        config.write_text(json.dumps({"configVersion": 2, "packages": packages}))
        rounds = [
            (run(vm, config, "pair.dart", library), run(vm, config, "peers.dart", library)) for _ in range(3)
        ]
    print("| | freehold | peer | peer / freehold |\n| --- | ---: | ---: | ---: |")
    for name in rounds[0][0]:
        own = statistics.median(own[name] for own, _ in rounds)
        peer = statistics.median(peer[name] for _, peer in rounds)
        print(f"| {name} | {own:.0f} | {peer:.0f} | {peer / own:.2f} |")


main()
