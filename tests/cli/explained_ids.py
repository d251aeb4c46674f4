# SPDX-License-Identifier: Apache-2.0
"""`goldseal explain` knows every id that a report can hold (review A13): `explained_ids.py GOLDSEAL SOURCE_DIR`.

The ids are those that the sources give to findings, of checks and of what a capture says by itself, those that the policies
name, and those in the reports that the tests approve."""

import pathlib
import re
import subprocess
import sys

from reports import expect

# The patterns of key names have ids of their own, which no report holds: their finding is keys.network.
PATTERNS = ("key_patterns.cpp", "key_pattern_table.cpp")
GIVEN = re.compile(r'(?:\bid\s*=\s*|\bconflict_id\s*=\s*)"((?:[a-z0-9_-]+\.)+[a-z0-9_-]+)"')


def in_sources(root):
    for folder in ("src/goldseal", "checks"):
        for path in sorted((root / folder).rglob("*.[ch]pp")):
            for found in GIVEN.findall(path.read_text()) if path.name not in PATTERNS else ():
                yield found, path.name


def in_policies(root):
    for path in sorted((root / "checks/policies").glob("*.toml")):
        for found in re.findall(r'^"((?:[a-z0-9_-]+\.)+[a-z0-9_-]+)" = \{', path.read_text(), re.MULTILINE):
            yield found, path.name


def main(goldseal, root):
    ids = dict(in_sources(root)) | dict(in_policies(root))
    expect(len(ids) > 40, "the sources name the checks", len(ids))
    listed = subprocess.run([goldseal, "explain", "--list"], capture_output=True, text=True, check=True).stdout
    known = {line.split()[0] for line in listed.splitlines() if line}
    for name, place in sorted(ids.items()):
        done = subprocess.run([goldseal, "explain", name], capture_output=True, text=True, check=False)
        expect(done.returncode == 0 and done.stdout.startswith(f"{name}: ") and len(done.stdout) > len(name) + 80,
               f"A13: {name} of {place} is explained", done.stderr)
        expect(name in known, f"{name} is listed")
    for name in sorted(known):
        done = subprocess.run([goldseal, "explain", name], capture_output=True, text=True, check=False)
        expect(done.returncode == 0, f"{name} of the list is explained", done.stderr)


main(sys.argv[1], pathlib.Path(sys.argv[2]))
