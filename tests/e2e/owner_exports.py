#!/usr/bin/env python3
"""What `freehold owner --export` makes is what other tools take, and says what the table says.

    owner_exports.py

The module for Python is imported and the constants for Dart are read back: all slots must be those of
the JSON, which the command's own tests compare with the table. The header of attributes is compiled by
GCC and by Clang after the real headers of many libraries, and must make GCC's analyzer see planted
mistakes. Exit status 1: something was not so.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tracked import FREEHOLD

HEADERS = """\
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <dirent.h>
#include <locale.h>
#include <mntent.h>
#include <fts.h>
#include <net/if.h>
#include <sqlite3.h>
#include <curl/curl.h>
#include <expat.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <zlib.h>
#include <uv.h>
#include <png.h>
#include <libxml/parser.h>
#include <libxml/uri.h>
#include <libxml/xmlreader.h>
#include <libxml/xpath.h>
#include <gio/gio.h>
"""
# Of each library at least these many functions, or the header says too little. (libpng releases by the
# address of the pointer, libuv and Expat hardly return any.)
LEAST = {"libc.so.6": 15, "libsqlite3.so.0": 8, "libcurl.so.4": 8, "libcrypto.so.3": 10, "libglib-2.0.so.0": 150,
         "libxml2.so.2": 20, "libexpat.so.1": 3, "libz.so.1": 1, "libgio-2.0.so.0": 50}
PACKAGES = ["gio-2.0", "libxml-2.0", "sqlite3"]
PLANTED = """\
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <glib.h>
#include "owners.h"
void wrong(void) { char *text = sqlite3_mprintf("1"); free(text); } /* mismatching-deallocation */
void other(void) { char *text = g_strdup("a"); sqlite3_free(text); } /* mismatching-deallocation */
void lost(void) { char *text = sqlite3_mprintf("1"); if (text) text[0] = 'a'; } /* malloc-leak */
void twice(void) { char *text = sqlite3_mprintf("1"); sqlite3_free(text); sqlite3_free(text); } /* double-free */
void dropped(void) { sqlite3_mprintf("1"); } /* unused-result */
void right(void) { char *text = sqlite3_mprintf("1"); sqlite3_free(text); }
void glib(void) { g_free(g_strdup("a")); }
void in_place(char *text) { g_strchomp(text); }
"""


def main():
    tests = [python_module, dart_constants, header_compiles, header_finds]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        table = json.loads(export("json"))["matches"]
        for function in table:
            for slot in function["slots"]:
                del slot["slot"]
        for test in tests:
            try:
                said = test(Path(folder), table)
                print(f"ok   {test.__name__}: {said}")
            except AssertionError as wrong:
                failed += 1
                print(f"FAIL {test.__name__}: {wrong}")
    return 1 if failed else 0


def export(form, *more, source=None):
    done = subprocess.run([FREEHOLD, "owner", "--export", form, *more], input=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def same(told, table):
    """Compares functions with those of the table, in any order, and names the first that differs."""
    key = lambda function: (function["name"], function["library"])
    told, table = sorted(told, key=key), sorted(table, key=key)
    assert list(map(key, told)) == list(map(key, table)), f"{len(told)} functions, {len(table)} in the table"
    for one, other in zip(told, table):
        assert one == other, f"{one} is in the table {other}"
    return f"{sum(len(function['slots']) for function in table)} slots of {len(table)} functions"


def python_module(folder, table):
    (folder / "freehold_owners.py").write_text(export("python"))
    sys.path.insert(0, str(folder))
    import freehold_owners as module

    told = []
    for function in module.FUNCTIONS:
        slots = [slot._asdict() for slot in function.slots]
        for slot in slots:
            slot.update((name, list(said)) for name, said in slot.items() if isinstance(said, tuple))
        told.append({**function._asdict(), "slots": slots})
    said = same(told, table)
    [function] = module.find("cryptprotectDATA")
    assert (function.name, function.library) == ("CryptProtectData", "crypt32.dll")
    assert {found.library for found in module.find("getaddrinfo")} >= {"libc.so.6", "ws2_32.dll"}
    assert [found.library for found in module.find("getaddrinfo", "libc.so.6")] == ["libc.so.6"]
    assert module.find("NoSuchFunction") == [] and module.released_by("NoSuchFunction") == []
    names = {found.name for found in module.released_by("localfree")}
    wanted = {f["name"] for f in table for s in f["slots"] if "LocalFree" in [r.split("(")[0] for r in s["release"]]}
    assert names == wanted and "FormatMessageW" in names, names ^ wanted
    return said


# What stands in the part of the file with the data, without texts: nothing else may.
ENTRY = re.compile(r"    Entry\((T), (T), Platform\.(\w+), \[((?:Slot\(T, _f\d+\)(?:, )?)+)\]\),")
FACT = re.compile(r"const _f(\d+) = Fact\(Kind\.(\w+), Tier\.(\w+)((?:, \w+: (?:T|\[T(?:, T)*\]))*)\);")
TEXT = re.compile(r"'((?:[^'\\$\n]|\\[\\'$n]|\\u\{[0-9a-f]+\})*)'")
KEY = re.compile(r"  (T): \[")
ESCAPE = re.compile(r"\\(?:u\{([0-9a-f]+)\}|(.))")


def dart_constants(_, table):
    """Reads the constants by the grammar of Dart, as far as they use it."""
    head, data = export("dart").split("const Map<String, List<Entry>> owners = {\n")
    assert all(f"enum {name} {{ " in head for name in ["Platform", "Kind", "Tier"])
    kinds = re.search(r"enum Kind \{ (.*) \}", head)[1].split(", ")
    tiers = re.search(r"enum Tier \{ (.*) \}", head)[1].split(", ")
    texts = []

    def take(match):
        texts.append(ESCAPE.sub(lambda e: chr(int(e[1], 16)) if e[1] else {"n": "\n"}.get(e[2], e[2]), match[1]))
        return "T"

    entries, facts, key, keys = [], {}, None, set()
    for line in data.splitlines():
        texts.clear()
        bare = TEXT.sub(take, line)
        said = list(texts)
        if match := ENTRY.fullmatch(bare):
            assert said[0] == key, f"{said[0]} stands under {key}"
            numbers = re.findall(r"_f(\d+)", bare)
            entries.append((said[0], said[1], match[3], list(zip(said[2:], numbers, strict=True))))
        elif match := FACT.fullmatch(bare):
            assert match[2] in kinds and match[3] in tiers, line
            fact = {"kind": match[2], "tier": match[3]}
            for name, value in re.findall(r", (\w+): (T|\[[^\]]*\])", match[4]):
                many = [said.pop(0) for _ in range(value.count("T"))]
                fact[name] = many if value.startswith("[") else many[0]
            facts[match[1]] = fact
        elif KEY.fullmatch(bare):
            [key] = said
            assert key not in keys, f"{key} is there twice, which a constant map refuses"
            keys.add(key)
        else:
            assert bare in ["", "  ],", "};"], f"not read: {line}"
    assert entries and facts
    told = []
    for name, library, platform, places in entries:
        slots = []
        for place, number in places:
            slot = dict.fromkeys(["condition", "size", "until", "family", "note", "on_failure"])
            slot.update(release=[], perhaps=[], sources=[], place=place)
            slot.update({"on_failure" if name == "onFailure" else name: said for name, said in facts[number].items()})
            slots.append(slot)
        told.append({"name": name, "library": library, "platform": platform, "slots": slots})
    return same(told, [function for function in table if function["slots"]])


def compile(compiler, source, *flags):
    command = [*compiler, *cflags(), *flags, "-c", "-o", "/dev/null", str(source)]
    return subprocess.run(command, capture_output=True, text=True, cwd=source.parent)


def cflags():
    found = subprocess.run(["pkg-config", "--cflags", *PACKAGES], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    return found.stdout.split()


def header_for(folder, compiler, source):
    """The header for what a source includes, put beside it; what it says, by library."""
    done = subprocess.run([*compiler, *cflags(), "-E", str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    text = export("header", "--declared", "-", source=done.stdout)
    (folder / "owners.h").write_text(text)
    sections = re.split(r"^/\* (\S+) \*/$", text, flags=re.M)
    return {name: part.count("FREEHOLD_GIVES(") for name, part in zip(sections[1::2], sections[2::2])}


def header_compiles(folder, _):
    strict = ["-Wall", "-Wextra", "-pedantic", "-Wredundant-decls", "-Werror"]
    said = []
    for compiler, suffix in [("gcc", "c"), ("clang", "c"), ("g++", "cpp"), ("clang++", "cpp")]:
        includes = folder / f"includes.{suffix}"
        includes.write_text(HEADERS)
        counts = header_for(folder, [compiler, "-D_GNU_SOURCE"], includes)
        few = {name: counts.get(name, 0) for name, least in LEAST.items() if counts.get(name, 0) < least}
        assert not few, f"too few functions for {compiler}: {few}"
        uses = folder / f"uses.{suffix}"
        # Also twice, as two sources of a program may include it through others.
        uses.write_text(HEADERS + '#include "owners.h"\n#include "owners.h"\nint main(void) { return 0; }\n')
        # C++ has what C's headers give already.
        define = ["-D_GNU_SOURCE"] if suffix == "c" else []
        done = compile([compiler], uses, *strict, *define)
        assert done.returncode == 0, f"{compiler}: {done.stderr[:2000]}"
        said.append(f"{compiler} {sum(counts.values())}")
    return "functions: " + ", ".join(said)


def header_finds(folder, _):
    source = folder / "planted.c"
    source.write_text(PLANTED)
    header = folder / "owners.h"
    header.write_text("")
    header_for(folder, ["gcc"], source)
    done = compile(["gcc"], source, "-fanalyzer")
    found = set(re.findall(r"planted\.c:(\d+):.*\[-W(?:analyzer-)?([\w-]+)\]", done.stderr))
    lines = enumerate(PLANTED.splitlines(), 1)
    wanted = {(str(number), match[1]) for number, line in lines if (match := re.search(r"/\* ([\w-]+) \*/", line))}
    assert found == wanted, f"found {sorted(found)}, planted {sorted(wanted)}\n{done.stderr[:2000]}"
    said = compile(["clang"], source, "-Wunused-result").stderr
    assert said.count("warning:") == 1 and "planted.c:10" in said, said
    # Without the header nothing of SQLite's or GLib's own is known.
    header.write_text("")
    assert not re.search(r"planted\.c:(7|8|9|10):", compile(["gcc"], source, "-fanalyzer").stderr)
    return f"{len(wanted)} planted mistakes"


if __name__ == "__main__":
    sys.exit(main())
