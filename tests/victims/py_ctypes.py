"""Sin: C functions called through ctypes whose results nobody releases.

A tracker must report the four kinds marked "leak" as lost, and nothing which Python still holds,
be it in a c_void_p or as a plain integer (its digits have 30 bits, so no memory word equals the
address). The script ends with _exit: what it holds is still held when the verdict is given.
"""

import ctypes
import os
import sys

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.calloc.restype = ctypes.c_void_p
libc.calloc.argtypes = [ctypes.c_size_t, ctypes.c_size_t]
libc.strdup.restype = ctypes.c_void_p
libc.strdup.argtypes = [ctypes.c_char_p]
libc.free.restype = None
libc.free.argtypes = [ctypes.c_void_p]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
libc.memset.restype = ctypes.c_void_p


def lose_malloc():
    for _ in range(3):
        libc.memset(libc.malloc(70001), 0, 70001)  # LEAK: malloc


def lose_calloc():
    for _ in range(5):
        libc.calloc(7, 1009)  # LEAK: calloc


def lose_strdup():
    for _ in range(4):
        libc.strdup(b"x" * 60006)  # LEAK: strdup


def lose_vector():
    """A lost array of pointers: the rows hang on it."""
    rows = (ctypes.c_void_p * 1000).from_address(libc.malloc(8000))  # LEAK: rows
    for index in range(1000):
        rows[index] = 0
    for index in range(6):
        rows[index] = libc.malloc(9001)  # LEAK: row


def correct():
    for size in range(1, 200):
        libc.free(libc.malloc(size))


def clean():
    """Reuses the stack and the small objects which held the addresses."""
    libc.memset(libc.memset(ctypes.addressof(scratch), 0, len(scratch)), 0, 1)
    return [float(index) for index in range(50000)] and [1 << (30 + index % 20) for index in range(50000)]


scratch = ctypes.create_string_buffer(4096)
lose_malloc()
lose_calloc()
lose_strdup()
lose_vector()
correct()

held_as_int = libc.malloc(50021)  # LEAK: held_int
held_as_pointer = ctypes.c_void_p(libc.malloc(50033))  # LEAK: held_pointer
held_in_dict = {"first": [libc.malloc(50047)]}  # LEAK: held_nested
clean()

print("held", sum(1 for held in (held_as_int, held_as_pointer.value, held_in_dict["first"][0]) if held))
sys.stdout.flush()
os._exit(0)
