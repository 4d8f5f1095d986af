"""Does a process leave a core dump where the limit allows one? Run as root.

    core_of.py FOLDER COMMAND...

Starts COMMAND in FOLDER with nothing that limits dumps, waits for a line with "listen", lifts the
limit that it may have set itself, and aborts it. Prints "dumped" or "none".
"""
import os
import resource
import signal
import sys

UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


def start(folder, command, output):
    os.chdir(folder)
    os.dup2(output, 1)
    os.dup2(output, 2)
    resource.setrlimit(resource.RLIMIT_CORE, UNLIMITED)
    os.execvp(command[0], command)


def main(folder, *command):
    here, there = os.pipe()
    child = os.fork()
    if child == 0:
        start(folder, command, there)
    os.close(there)
    with os.fdopen(here) as said:
        for line in said:
            if "listen" in line:
                break
        try:
            resource.prlimit(child, resource.RLIMIT_CORE, UNLIMITED)
        except PermissionError:
            pass                    # not all that are root may; then its own limit is what is seen
        os.kill(child, signal.SIGABRT)
        _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGABRT, status
    print("dumped" if os.WCOREDUMP(status) else "none")


if __name__ == "__main__":
    main(*sys.argv[1:])
