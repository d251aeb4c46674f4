# SPDX-License-Identifier: Apache-2.0
"""A training script whose own classes are sealed: what builds its network elsewhere imports it, and that must not train again."""

from __future__ import annotations

import ast
import os
import sys
from typing import Any, Optional

from .errors import GoldsealError

_GUARD = 'if __name__ == "__main__":'


def refuse_while_imported(verb: str) -> None:
    """In a worker, which imports a network's module to build it: what is saved there would take the place of what is judged."""
    main = getattr(sys.modules.get("__main__"), "__file__", None) or ""
    if os.path.abspath(main) == os.path.join(os.path.dirname(os.path.abspath(__file__)), "worker", "__main__.py"):
        raise GoldsealError(
            f"goldseal.{verb} was called while goldseal imported the module to build its network: put what trains and saves under "
            f"`{_GUARD}`, or the network into a module of its own"
        )


def objection_to_script(spec: str) -> Optional[str]:
    """Why the running script is no module that another process can import for the network's sake."""
    main = sys.modules.get("__main__")
    path = getattr(main, "__file__", None)
    if not path or getattr(main, "__spec__", None) is not None:
        return None
    name = os.path.splitext(os.path.basename(path))[0]
    line = _line_at_work(vars(main))
    if not spec.startswith(f"python:{name}:") or line is None or _is_guarded(path, line):
        return None
    return (
        f"factory: {os.path.basename(path)} trains when it is imported, which another process does to build the network: put what trains "
        f"under `{_GUARD}`, or the network into a module of its own"
    )


def _line_at_work(names: Any) -> Optional[int]:
    """The line of the script's own that is running; None in a thread of its own."""
    frame: Any = sys._getframe(1)
    found = None
    while frame is not None:
        if frame.f_globals is names and frame.f_code.co_name == "<module>":
            found = frame.f_lineno
        frame = frame.f_back
    return found


def _is_guarded(path: str, line: int) -> bool:
    try:
        with open(path, "rb") as file:
            body = ast.parse(file.read()).body
    except (OSError, SyntaxError, ValueError):
        return True
    at = [statement for statement in body if statement.lineno <= line <= (getattr(statement, "end_lineno", None) or statement.lineno)]
    return any(isinstance(one, ast.If) and "__name__" in ast.dump(one.test) for one in at) or not at
