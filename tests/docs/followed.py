# SPDX-License-Identifier: Apache-2.0
"""A page can be followed line by line by a reader, who does not see its comments (newcomer row 13): a block that is the content
of a file says so in sight, and what is set up without a visible command is the reader's own.

    followed.py ROOT
"""
import re
import sys
from pathlib import Path

ROOT = Path(sys.argv[1])
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
NEAR = 14  # lines above the block, or its first two
# What a reader has already: a network, a checkout beside the page.
OWN = {"README.md": "networks.py", "docs/plugins.md": "examples"}


def problems(name, text):
    lines = text.split("\n")
    for number, line in enumerate(lines):
        found = re.match(r"<!-- (file|setup): (.*?) -->", line)
        if not found:
            continue
        kind, value = found.groups()
        if kind == "setup":
            if OWN.get(name, "\0") not in COMMENT.sub("", text):
                yield f"{name}:{number + 1}: a hidden command that a reader cannot know: {value}"
            continue
        block = next(i for i in range(number + 1, len(lines)) if lines[i].startswith("```"))
        around = COMMENT.sub("", "\n".join(lines[max(0, number - NEAR) : block] + lines[block + 1 : block + 3]))
        end = next(i for i in range(block + 1, len(lines)) if lines[i].startswith("```"))
        after = COMMENT.sub("", "\n".join(lines[end : end + 4]))
        if value not in around and Path(value).name not in after:
            yield f"{name}:{number + 1}: the block is the file {value}, and no line in sight says so"


# It can fail: each kind.
assert list(problems("x.md", "<!-- file: a.toml -->\n```toml\nx = 1\n```\n"))
assert not list(problems("x.md", "In `a.toml`:\n<!-- file: a.toml -->\n```toml\nx = 1\n```\n"))
assert not list(problems("x.md", "<!-- file: a.toml -->\n```toml\n# a.toml\nx = 1\n```\n"))
assert list(problems("x.md", "<!-- setup: make it -->\n```sh\nls\n```\n"))

pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
told = [problem for page in pages for problem in problems(page.relative_to(ROOT).as_posix(), page.read_text(encoding="utf-8"))]
# A package of that name in a public index would be somebody else's.
for page in [*pages, *(ROOT / "examples").rglob("*.md"), *(ROOT / "examples").rglob("*.yml"), *(ROOT / "examples").rglob("*.yaml")]:
    for number, line in enumerate(page.read_text(encoding="utf-8").split("\n"), 1):
        if re.search(r"pip install (-\S+ )*goldseal(?![-\w./])", line) and "not" not in line:
            told.append(f"{page.relative_to(ROOT)}:{number}: a package that cannot be had: {line.strip()}")
print("\n".join(told) or f"{len(pages)} pages can be followed")
sys.exit(bool(told))
