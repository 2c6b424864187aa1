"""Python's everyday: JSON, regular expressions, containers, classes and sqlite3.

Run with PYTHONMALLOC=malloc, so that every object is a call of malloc. Argument: rounds.
Prints a checksum.
"""

import json
import re
import sqlite3
import sys
import zlib


class Node:
    def __init__(self, key, children):
        self.key = key
        self.children = children

    def depth(self):
        return 1 + max((child.depth() for child in self.children), default=0)


def tree(depth):
    return Node(f"node {depth}", [tree(depth - 1) for _ in range(3)] if depth else [])


def records(count):
    return [
        {
            "id": number,
            "name": f"name {number * 7919 % 1000}",
            "tags": [f"t{number % 5}", None, 1.5],
            "on": True,
        }
        for number in range(count)
    ]


def round_of_work(number):
    text = json.dumps(records(300 + number % 7))
    parsed = json.loads(text)
    words = re.findall(r"[a-z]+ (\d+)", text)
    counts = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    by_tag = {}
    for record in parsed:
        by_tag.setdefault(record["tags"][0], []).append((record["name"], record["id"]))
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE t (name TEXT, id INTEGER)")
    database.executemany("INSERT INTO t VALUES (?, ?)", [pair for pairs in by_tag.values() for pair in pairs])
    rows = database.execute("SELECT name, sum(id) FROM t GROUP BY name ORDER BY 2, 1").fetchall()
    database.close()
    return f"{len(text)} {sorted(counts.items())} {rows} {tree(5).depth()}"


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    checksum = 0
    for number in range(rounds):
        checksum = zlib.crc32(round_of_work(number).encode(), checksum)
    print("checksum", checksum)


main()
