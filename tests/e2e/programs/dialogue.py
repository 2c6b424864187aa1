# Speaks with a terminal; see `terminal` in real_programs.py.
import os
import sys
import time

print(os.isatty(0), os.isatty(1), os.isatty(2), os.tcgetpgrp(0) == os.getpgrp())
print("hello", input("name? "))
try:
    print("wait", end="", flush=True)
    time.sleep(50)
except KeyboardInterrupt:
    print("interrupted")
try:
    input("more? ")
except EOFError:
    print("end")
sys.exit(5)
