# SPDX-License-Identifier: Apache-2.0
"""The seal of an earlier checkpoint of the same name: it must not stand beside a new one as if it were its own."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Optional

_MANIFEST = "manifest.toml"
_ENDING = ".before"


def is_seal(path: Path) -> bool:
    """A directory with a manifest of goldseal's and, beside it, nothing that a seal does not hold: nobody else's files are
    moved or lost. A signature of the manifest (`manifest.toml.minisig`) belongs to it."""
    try:
        text = (path / _MANIFEST).read_text(encoding="utf-8", errors="replace")
        entries = list(path.iterdir())
    except OSError:
        return False
    own = (_MANIFEST, "golden.safetensors", "model.sig", "architecture.cfg", "architecture.pt", "architecture.pt2")
    return (
        not path.is_symlink()
        and "\ngolden_sha256 = " in text
        and all(entry.is_file() and not entry.is_symlink() for entry in entries)
        and all(entry.name in own or entry.name.startswith(_MANIFEST + ".") for entry in entries)
    )


def set_aside(seal: Path) -> Optional[Path]:
    """Renames the seal that lies there to `NAME.seal.before`, before its checkpoint is overwritten. None without one.
    What an earlier failure left under that name is replaced, where it is a seal; anything else keeps its place."""
    if not is_seal(seal):
        return None
    aside = seal.with_name(seal.name + _ENDING)
    number = 1
    while aside.exists() and not is_seal(aside):
        number += 1
        aside = seal.with_name(f"{seal.name}{_ENDING}{number}")
    if is_seal(aside):
        shutil.rmtree(aside)
    try:
        os.replace(seal, aside)
    except OSError:
        return None  # a directory that cannot be written to: saving will say so
    return aside


def discard(aside: Optional[Path]) -> None:
    """A new seal has taken its place."""
    if aside is not None and is_seal(aside):
        shutil.rmtree(aside, ignore_errors=True)


def put_back(aside: Optional[Path], seal: Path) -> None:
    """The checkpoint was not touched: the seal is its own."""
    if aside is not None and is_seal(aside) and not seal.exists():
        os.replace(aside, seal)


def is_older_than(seal: Path, checkpoint: Path) -> bool:
    """Whether the checkpoint was written after its seal."""
    try:
        return (seal / _MANIFEST).stat().st_mtime_ns < newest(checkpoint)
    except OSError:
        return False


def newest(checkpoint: Path) -> int:
    """When the checkpoint, a file or a directory of them, was last written."""
    if checkpoint.is_dir():
        times = [entry.stat().st_mtime_ns for entry in checkpoint.iterdir() if entry.is_file()]
        return max(times, default=0)
    return checkpoint.stat().st_mtime_ns
