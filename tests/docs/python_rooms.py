# SPDX-License-Identifier: Apache-2.0
"""A room of the Python worker imports from rooms before it alone, in the order that ARCHITECTURE.md gives. For C++ the linker sees to
that; for Python this does."""

import ast
import re
import sys
from pathlib import Path

ORDER = re.compile(r"worker/\{([a-z_, ]+)\}, worker")


def rooms_told(root):
    told = ORDER.search((root / "ARCHITECTURE.md").read_text(encoding="utf-8"))
    return [] if told is None else [room.strip() for room in told[1].split(",")]


def imported_rooms(file, room):
    """Of each import of the worker's own modules, its line and the room that it is from; "" is the worker's own folder."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or node.level == 0:
            continue
        above = node.level - (1 if room else 0)  # 0: the room itself, 1: the worker, more: what lies outside
        if above > 1:
            yield node.lineno, "the package above"
        elif above == 1:
            names = [node.module.partition(".")[0]] if node.module else [name.name for name in node.names]
            for name in names:
                yield node.lineno, name if (file.parents[1 if room else 0] / name).is_dir() else ""


def main():
    root = Path(sys.argv[1]).resolve()
    worker = root / "src/python/goldseal/worker"
    order = rooms_told(root)
    found = sorted(folder.name for folder in worker.iterdir() if (folder / "__init__.py").exists())
    wrong = [] if sorted(order) == found else [f"ARCHITECTURE.md names {sorted(order)}; the worker's rooms are {found}"]
    for room in order:
        before = order[: order.index(room)]
        for file in sorted((worker / room).glob("*.py")):
            wrong += [
                f"{file.relative_to(root)}:{line}: a module of {room} imports from {source or 'worker'}"
                for line, source in imported_rooms(file, room)
                if source not in before
            ]
    print("\n".join(wrong) or f"{len(order)} rooms, each imports from those before it")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
