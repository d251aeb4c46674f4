# SPDX-License-Identifier: Apache-2.0
"""What the benches that watch memory ask of /proc."""

import os


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
