"""Sin: calls an extension module whose error paths leak.

A tracker must report the sites in py_cext.c: 2 copies, 4 sessions, 1 reference.
"""

import sys

sys.path.insert(0, sys.argv[1])
import py_cext

total = py_cext.checksum(b"abc")
for broken in (b"a\0", b"\0b"):
    try:
        py_cext.checksum(broken)
    except ValueError:
        total += 1
for number in range(12):
    py_cext.session(number)
total += py_cext.lose_reference()
py_cext.checksum(b"\x01" * 30000)
print("total", total)
