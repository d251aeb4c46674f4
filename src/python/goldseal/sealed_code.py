# SPDX-License-Identifier: Apache-2.0
"""Whether a seal's network is built by Python, as far as its manifest says."""

from __future__ import annotations

import importlib
import os
import re
import sys
from pathlib import Path
from typing import Optional, Union


def names_code(seal: Union[str, "os.PathLike[str]"]) -> bool:
    """Whether the seal says that its network is built by Python. The command reports a directory that is not a seal."""
    try:
        text = Path(seal, "manifest.toml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return builder_of(text) == "python"


def builder_of(manifest: str) -> Optional[str]:
    try:
        tomllib = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    except ImportError:
        # Python 3.9 and 3.10 come without; the command writes a table's name and each of its values on lines of their own.
        table = re.search(r"^[ \t]*\[[ \t]*model[ \t]*\][ \t]*(?:#[^\n]*)?$(.*?)(?=^[ \t]*\[|\Z)", manifest, re.MULTILINE | re.DOTALL)
        line = r"""^[ \t]*(?:builder|"builder")[ \t]*=[ \t]*(["'])(\w+)\1[ \t]*(?:#.*)?$"""
        found = re.search(line, table.group(1), re.MULTILINE) if table else None
        return found.group(2) if found else None
    try:
        model = tomllib.loads(manifest).get("model")
    except tomllib.TOMLDecodeError:
        return None
    return model.get("builder") if isinstance(model, dict) else None
