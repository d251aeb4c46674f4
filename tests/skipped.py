# SPDX-License-Identifier: Apache-2.0
"""skipped.py RESULTS ALLOWED: exit code 1, with their names, where ctest's JUnit file holds tests that were skipped and
that ALLOWED (a name a line, the reason after it) does not name."""

import sys
import xml.etree.ElementTree as ElementTree


def skipped(results):
    return [case.get("name") for case in ElementTree.parse(results).iter("testcase") if case.find("skipped") is not None]


def allowed(path):
    with open(path) as file:
        return {line.split()[0] for line in file if line.strip() and not line.startswith("#")}


if __name__ == "__main__":
    unproved = sorted(set(skipped(sys.argv[1])) - allowed(sys.argv[2]))
    for name in unproved:
        print(f"skipped, and nothing was proved: {name}", file=sys.stderr)
    sys.exit(bool(unproved))
