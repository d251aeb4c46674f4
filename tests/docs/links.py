# SPDX-License-Identifier: Apache-2.0
"""Every relative link of the tree's Markdown pages leads to a file, and every page of docs/ is reached from README.md."""

import re
import subprocess
import sys
from pathlib import Path

LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


def links_of(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    return [target for target in LINK.findall(text) if "://" not in target and not target.startswith("mailto:")]


def pages_of(root):
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=root, capture_output=True, text=True, check=False).stdout.split()
    found = [root / name for name in listed] or [root / "README.md", *sorted((root / "docs").glob("*.md"))]
    return [page for page in found if page.exists()]


def main():
    root = Path(sys.argv[1]).resolve()
    broken = [
        f"{page.relative_to(root)}: {target}"
        for page in pages_of(root)
        for target in links_of(page)
        if not (page.parent / target).exists()
    ]
    reached, waiting = set(), [root / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md" or not page.exists():
            continue
        reached.add(page)
        waiting += [(page.parent / target).resolve() for target in links_of(page)]
    broken += [f"{page.relative_to(root)}: no page leads here" for page in sorted((root / "docs").glob("*.md")) if page not in reached]
    print("\n".join(broken) or f"{len(reached)} pages, every link leads somewhere")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
