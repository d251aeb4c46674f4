# SPDX-License-Identifier: Apache-2.0
"""What a command takes, with all the processes that it starts: CPU seconds, and memory by /proc."""

import os
import subprocess
import sys
import threading


def descendants(pid):
    """The process and all below it that are alive."""
    found, waiting = [], [pid]
    while waiting:
        current = waiting.pop()
        found.append(current)
        try:
            for task in os.listdir(f"/proc/{current}/task"):
                with open(f"/proc/{current}/task/{task}/children", encoding="ascii") as children:
                    waiting += map(int, children.read().split())
        except OSError:
            pass
    return found


def anonymous(pid):
    """MiB that no file holds: what a process takes of the machine whatever is cached."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as lines:
            return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon:")), 0)
    except OSError:
        return 0


class Peak:
    """MiB, of a process and all below it."""

    def __init__(self, pid):
        self._pid, self.mib, self._stop = pid, 0, threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self):
        self._thread.start()
        return self

    def _watch(self):
        while not self._stop.wait(0.01):
            self.mib = max(self.mib, sum(map(anonymous, descendants(self._pid))))

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


def measured(command):
    """CPU seconds, and MiB of anonymous memory at its peak."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    with Peak(process.pid) as peak:
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        print(output.decode(errors="replace"), file=sys.stderr)
        sys.exit(f"{' '.join(map(str, command))} failed")
    return usage.ru_utime + usage.ru_stime, peak.mib
