#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which of the failures that docs/failures.md lists have a test that names them.

    python3 scripts/failures.py [ROOT] [--list]

A test names a failure by its id, `F07` or `B14`, in a test's name or in a comment. Ends with 1 where an id has none, where a
row says nothing, or where a test names an id that the page does not have.
"""

import argparse
import re
import sys
from pathlib import Path

ROW = re.compile(r"^\| *([FB]\d\d) *\|([^|]*)\|(.*)\| *$", re.M)
# As a word, and not alone in quotes, as the names of element types stand: "F32", 'F16', `F64`.
NAMED = re.compile(r"(?<!\w)(?<![\"'`](?=...[\"'`]))([FB]\d\d)(?!\w)")
COMMENT = re.compile(r"//(.*)|#(.*)|\"\"\"(.*)|TEST_CASE\((.*)|^\s*(?:def|class) (.*)")
SUFFIXES = {".cpp", ".hpp", ".py", ".sh", ".txt"}


def rows_of(page):
    """Each id's row: what people met, and what goldseal says."""
    found = {}
    for number, met, said in ROW.findall(page.read_text(encoding="utf-8")):
        if number in found:
            raise SystemExit(f"{page}: {number} has two rows")
        found[number] = (met.strip(), said.strip())
    return found


def ids_in(text):
    """The ids that comments and names of tests in a source file mention."""
    mentioned = set()
    for line in text.splitlines():
        for parts in COMMENT.findall(line):
            mentioned.update(NAMED.findall(" ".join(parts)))
    # Names of functions hold an id between underscores: `def f07_the_average_is_not_the_model`.
    mentioned.update(name.upper() for name in re.findall(r"\bdef (?:test_)?([fb]\d\d)_", text))
    return mentioned


def tests_by_id(root):
    found = {}
    for path in sorted((root / "tests").rglob("*")):
        if path.suffix not in SUFFIXES or not path.is_file() or "corpus" in path.parts:
            continue
        for number in ids_in(path.read_text(encoding="utf-8", errors="replace")):
            found.setdefault(number, []).append(path.relative_to(root).as_posix())
    return found


def report(rows, tests):
    """The lines to print, and whether all is well."""
    lines, well = [], True
    for letter, what in (("F", "failures of the catalogue"), ("B", "reports that were tried")):
        ids = [number for number in rows if number.startswith(letter)]
        without = [number for number in ids if number not in tests]
        lines.append(f"{len(ids) - len(without)} of {len(ids)} {what} are named by a test")
        lines += [f"  {number} has none: {rows[number][0]}" for number in without]
        well = well and bool(ids) and not without
    silent = [number for number, (met, said) in rows.items() if not met or not said]
    unknown = sorted(number for number in tests if number not in rows)
    lines += [f"  {number} is a row without words" for number in silent]
    lines += [f"  {number} is named by {tests[number][0]} and has no row" for number in unknown]
    return lines, well and not silent and not unknown


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", nargs="?", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--list", action="store_true", help="the tests of each id")
    options = parser.parse_args()
    rows = rows_of(options.root / "docs" / "failures.md")
    tests = tests_by_id(options.root)
    if options.list:
        for number in rows:
            print(number, ", ".join(tests.get(number, ["none"])))
    lines, well = report(rows, tests)
    print("\n".join(lines))
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
