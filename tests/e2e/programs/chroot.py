# Goes on, and forks, where no path of before exists.
import os
import sys
import tempfile

with tempfile.TemporaryDirectory() as folder:
    child = os.fork()
    if child == 0:
        os.chroot(folder)
        os.chdir("/")
        print(len([bytearray(5000) for _ in range(5000)]), os.listdir("/"), flush=True)
        grandchild = os.fork()
        if grandchild == 0:
            print(len([bytearray(5000) for _ in range(5000)]))
            sys.exit(4)
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1]))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
