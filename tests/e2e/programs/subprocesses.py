# Children by posix_spawn, vfork and fork, with pipes, statuses and signals.
import os
import subprocess
import sys

print(subprocess.run(["cat"], input=b"through a pipe", capture_output=True).stdout)
print(subprocess.run(["sh", "-c", "exit 9"]).returncode)
print(subprocess.run(["sh", "-c", "kill -TERM $$"]).returncode)
print(subprocess.run(["/bin/true"], preexec_fn=lambda: None, close_fds=True).returncode)
print(os.waitstatus_to_exitcode(os.waitpid(os.posix_spawn("/bin/false", ["false"], os.environ), 0)[1]))
children = [subprocess.Popen([sys.executable, "-c", f"print({i})"], stdout=subprocess.PIPE) for i in range(8)]
print([child.communicate()[0] for child in children])
