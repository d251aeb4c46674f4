# SPDX-License-Identifier: Apache-2.0
"""What the package's arguments are on the command line."""

from __future__ import annotations

import os
from typing import Optional, Sequence, Union

from .errors import GoldsealError

PathLike = Union[str, "os.PathLike[str]"]
Patterns = Union[str, Sequence[str]]
Files = Union[PathLike, Sequence[PathLike]]

TIMEOUT = 600.0  # seconds that a command may take, where the caller names none


def verify_arguments(
    seal: PathLike, checkpoint: Optional[PathLike], policy: Optional[str], quick: bool, timeout: float
) -> list[str]:
    arguments = ["verify", os.fspath(seal), "--timeout", str(max(1, int(timeout)))]
    arguments += ["--checkpoint", os.fspath(checkpoint)] if checkpoint is not None else []
    arguments += ["--policy", policy] if policy else []
    return arguments + (["--depth", "quick"] if quick else [])


def embedding(embed: Union[bool, str], spec: str) -> list[str]:
    """Where the factory names a file, that is the architecture, and this process's model does not prove it."""
    if embed is True and not spec.startswith("python:"):
        raise GoldsealError(f"embed: {spec} is a file; goldseal capture --embed puts it into a seal")
    if embed is False or not spec.startswith("python:"):
        return []
    return ["--embed"] if embed is True else ["--embed-if-possible"]


def admitted_patterns(missing: Patterns, unexpected: Patterns) -> list[str]:
    """The command's words for what may be missing and unexpected: one glob, or several."""
    arguments = []
    for name, patterns in (("missing", missing), ("unexpected", unexpected)):
        several = [patterns] if isinstance(patterns, str) else list(patterns)
        odd = [pattern for pattern in several if not isinstance(pattern, str) or not pattern]
        if odd:
            raise ValueError(f"allow_{name}: expected globs over names, as strings, found {odd[0]!r}")
        arguments += [f"--allow-{name}={pattern}" for pattern in several]
    return arguments


def signers(files: Files, identity: Patterns) -> list[str]:
    """The command's words for whose signature counts: one file, or several; and one name, or several."""
    several = [files] if isinstance(files, (str, os.PathLike)) else list(files)
    names = [identity] if isinstance(identity, str) else list(identity)
    odd = [file for file in several if not isinstance(file, (str, os.PathLike)) or not os.fspath(file)]
    if odd:
        raise ValueError(f"signed_by: expected files, found {odd[0]!r}")
    return [f"--signed-by={os.path.abspath(file)}" for file in several] + [f"--identity={name}" for name in names]
