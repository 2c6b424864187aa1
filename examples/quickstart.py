#!/usr/bin/env python3
"""A lending library's catalogue: SQLite and libc, called from Python through ctypes.

    cargo run --release -- run -- python3 examples/quickstart.py

The program imports books, looks some up, makes backups and prints a summary. It works, and it
leaks: six of its functions forget what the C side handed to them. Each such line says `# leak:`
and what was due; the function beside it does the same job correctly. Python's own collector knows
nothing of this memory, so no Python tool shows it. Freehold does, with the place of each.
"""

import ctypes
import ctypes.util
import os
import sys
import tempfile
import time
from ctypes import POINTER, byref, c_char_p, c_int, c_int64, c_size_t, c_ssize_t, c_uint, c_void_p

SQLITE_ROW = 100

BOOKS = [
    ("Middlemarch", "Eliot", 1871),
    ("The Left Hand of Darkness", "Le Guin", 1969),
    ("Gaudy Night", "Sayers", 1935),
    ("A Room of One's Own", "Woolf", 1929),
    ("Things Fall Apart", "Achebe", 1958),
    ("The Summer Book", "Jansson", 1972),
    ("Invisible Cities", "Calvino", 1972),
    ("Austerlitz", "Sebald", 2001),
]


def load_sqlite():
    """Opens SQLite's library, or explains what to install."""
    name = ctypes.util.find_library("sqlite3") or "libsqlite3.so.0"
    try:
        return ctypes.CDLL(name)
    except OSError as error:
        sys.exit(f"This example needs SQLite's library ({error}). On Debian: apt install libsqlite3-0")


def function(library, name, result, *parameters):
    """A C function with its types. Pointers that we must release come back as plain addresses."""
    found = getattr(library, name)
    found.restype = result
    found.argtypes = parameters
    return found


# None: the C library as the whole program sees it, not a handle of its own.
libc = ctypes.CDLL(None)
free = function(libc, "free", None, c_void_p)
strdup = function(libc, "strdup", c_void_p, c_char_p)
putenv = function(libc, "putenv", c_int, c_void_p)
fopen = function(libc, "fopen", c_void_p, c_char_p, c_char_p)
fclose = function(libc, "fclose", c_int, c_void_p)
getline = function(libc, "getline", c_ssize_t, POINTER(c_void_p), POINTER(c_size_t), c_void_p)
realpath = function(libc, "realpath", c_void_p, c_char_p, c_void_p)
scandir = function(libc, "scandir", c_int, c_char_p, POINTER(POINTER(c_void_p)), c_void_p, c_void_p)

sqlite = load_sqlite()
sqlite3_open = function(sqlite, "sqlite3_open", c_int, c_char_p, POINTER(c_void_p))
sqlite3_close = function(sqlite, "sqlite3_close", c_int, c_void_p)
sqlite3_free = function(sqlite, "sqlite3_free", None, c_void_p)
sqlite3_exec = function(
    sqlite, "sqlite3_exec", c_int, c_void_p, c_char_p, c_void_p, c_void_p, POINTER(c_void_p)
)
sqlite3_prepare = function(
    sqlite, "sqlite3_prepare_v2", c_int, c_void_p, c_char_p, c_int, POINTER(c_void_p), c_void_p
)
sqlite3_bind_int64 = function(sqlite, "sqlite3_bind_int64", c_int, c_void_p, c_int, c_int64)
sqlite3_step = function(sqlite, "sqlite3_step", c_int, c_void_p)
sqlite3_column_int64 = function(sqlite, "sqlite3_column_int64", c_int64, c_void_p, c_int)
sqlite3_finalize = function(sqlite, "sqlite3_finalize", c_int, c_void_p)
sqlite3_expanded_sql = function(sqlite, "sqlite3_expanded_sql", c_void_p, c_void_p)
sqlite3_serialize = function(
    sqlite, "sqlite3_serialize", c_void_p, c_void_p, c_char_p, POINTER(c_int64), c_uint
)
# Takes a format and its values, so it has no fixed parameters.
sqlite3_mprintf = function(sqlite, "sqlite3_mprintf", c_void_p)


# --- A failed statement: SQLite hands over the text of the error. -------------------------------


def execute_leaky(database, sql):
    """True when the statement worked."""
    message = c_void_p()
    # leak: after an error, `message` should go to sqlite3_free.
    return sqlite3_exec(database, sql, None, None, byref(message)) == 0


def execute(database, sql):
    """None when the statement worked, otherwise the text of the error."""
    message = c_void_p()
    if sqlite3_exec(database, sql, None, None, byref(message)) == 0:
        return None
    text = ctypes.string_at(message).decode()
    sqlite3_free(message)
    return text


# --- Quoting: sqlite3_mprintf makes a new string each time. -------------------------------------


def quote_leaky(text):
    # leak: the result of sqlite3_mprintf should go to sqlite3_free once it is copied.
    return ctypes.string_at(sqlite3_mprintf(b"%Q", c_char_p(text.encode())))


def quote(text):
    quoted = sqlite3_mprintf(b"%Q", c_char_p(text.encode()))
    copy = ctypes.string_at(quoted)
    sqlite3_free(quoted)
    return copy


# --- Prepared statements: the statement is finalised, the text made from it is not released. -----


def count_since(database, year, log=None):
    """The number of books published since `year`; appends the statement to `log`, if any."""
    statement = c_void_p()
    sqlite3_prepare(database, b"SELECT count(*) FROM book WHERE year >= ?", -1, byref(statement), None)
    sqlite3_bind_int64(statement, 1, year)
    count = sqlite3_column_int64(statement, 0) if sqlite3_step(statement) == SQLITE_ROW else 0
    if log is not None:
        # leak: sqlite3_finalize releases the statement, sqlite3_free would release this text.
        log.append(ctypes.string_at(sqlite3_expanded_sql(statement)).decode())
    sqlite3_finalize(statement)
    return count


# --- Backups: SQLite serialises the database into one block of memory. ---------------------------


def backup_leaky(database):
    size = c_int64()
    image = sqlite3_serialize(database, b"main", byref(size), 0)
    # leak: `image` should go to sqlite3_free; only its copy is used.
    return ctypes.string_at(image, size.value)


def backup(database):
    size = c_int64()
    image = sqlite3_serialize(database, b"main", byref(size), 0)
    copy = ctypes.string_at(image, size.value)
    sqlite3_free(image)
    return copy


# --- Reading lines: getline grows a buffer, and wants it back. -----------------------------------


def read_lines_leaky(path):
    lines = []
    file = fopen(os.fsencode(path), b"r")
    line, size = c_void_p(), c_size_t()
    while getline(byref(line), byref(size), file) >= 0:
        lines.append(ctypes.string_at(line).decode().rstrip())
        # leak: the buffer, which getline would use again or free would release; so each line, and
        # the end of the file, gets a new one.
        line.value = None
    fclose(file)
    return lines


def read_lines(path):
    lines = []
    file = fopen(os.fsencode(path), b"r")
    line, size = c_void_p(), c_size_t()
    while getline(byref(line), byref(size), file) >= 0:
        lines.append(ctypes.string_at(line).decode().rstrip())
    free(line)
    fclose(file)
    return lines


# --- Directories: scandir returns an array of blocks, all of them ours. --------------------------


def count_entries_leaky(folder):
    entries = POINTER(c_void_p)()
    # leak: each entry should go to free, then the array. Only the array is lost by itself: the
    # entries hang on it.
    return scandir(os.fsencode(folder), byref(entries), None, None)


def count_entries(folder):
    entries = POINTER(c_void_p)()
    count = scandir(os.fsencode(folder), byref(entries), None, None)
    for index in range(count):
        free(entries[index])
    free(entries)
    return count


# --- Not a leak, although nobody releases it: the environment keeps it. --------------------------


def set_variable(text):
    """`putenv` keeps the very pointer that it gets: this block must stay."""
    putenv(strdup(text))


def resolve(path):
    """realpath allocates its result when it gets no buffer."""
    resolved = realpath(os.fsencode(path), None)
    text = os.fsdecode(ctypes.string_at(resolved))
    free(resolved)
    return text


def import_books(database):
    """Imports every book 25 times, in two shelves; returns how many rows were refused."""
    refused = 0
    for copy in range(25):
        for title, author, year in BOOKS:
            quoted = quote_leaky(title) if copy < 5 else quote(title)
            row = b"INSERT INTO book VALUES (%d, %s, %s, %d)" % (copy, quoted, quote(author), year)
            refused += execute(database, row) is not None
        if copy < 10:
            refused += not execute_leaky(database, b"INSERT INTO shelf VALUES (%d)" % copy)
        else:
            refused += execute(database, b"INSERT INTO shelf VALUES (%d)" % copy) is not None
    return refused


def main():
    started = time.monotonic()
    database = c_void_p()
    sqlite3_open(b":memory:", byref(database))
    execute(database, b"CREATE TABLE book (copy, title TEXT, author TEXT, year INTEGER)")
    set_variable(b"QUICKSTART_LIBRARY=lending")

    refused = import_books(database)
    log = []
    since = {year: count_since(database, year, log) for year in range(1930, 2000, 10)}
    since[2000] = count_since(database, 2000)

    with tempfile.TemporaryDirectory() as folder:
        for number in range(3):
            with open(os.path.join(folder, f"backup{number}"), "wb") as file:
                file.write(backup_leaky(database) if number < 2 else backup(database))
        listing = os.path.join(folder, "listing.txt")
        with open(listing, "w") as file:
            file.writelines(f"{title} ({year})\n" for title, _, year in BOOKS)
        assert read_lines_leaky(listing) == read_lines(listing)
        assert count_entries_leaky(folder) == count_entries(folder)
        assert os.path.samefile(resolve(listing), listing)
    sqlite3_close(database)

    # What a day's work looks like: it also reuses the memory where Python kept the addresses above.
    due = sorted((day * 86_400_000_007) % (1 << 45) + (1 << 40) for day in range(100_000))
    latest = [str(moment) for moment in due[-20_000:]]

    print(f"{len(BOOKS) * 25} books, {refused} rows refused")
    print("published since", ", ".join(f"{year}: {count}" for year, count in since.items()))
    print(f"{len(log)} statements logged, {len(latest)} loans due last")
    print(f"done in {time.monotonic() - started:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
