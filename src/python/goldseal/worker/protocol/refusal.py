# SPDX-License-Identifier: Apache-2.0
"""What a worker answers instead of a result."""

from __future__ import annotations

import errno
import traceback

import torch

# The machine's fault, not the model's.
_OF_THE_SYSTEM = (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EIO)
_OUT_OF_MEMORY = ("out of memory", "not enough memory", "can't allocate memory")


class Refusal(Exception):
    """A request is declined. `kind` is one of usage, malformed, unsupported, runtime, memory, io (PROTOCOL.md)."""

    def __init__(self, kind: str, message: str, where: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.where = where
        self.remedy = remedy

    def as_error(self) -> dict[str, str]:
        error = {"kind": self.kind, "message": self.message, "where": self.where, "remedy": self.remedy}
        return {key: value for key, value in error.items() if value or key in ("kind", "message")}


def place_of(error: BaseException) -> str:
    """`models.py:31`, the line of the user's code or of PyTorch's that raised."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<frozen")]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return ""
    # TorchScript puts its own traceback before what happened.
    return lines[-1] if "Traceback of TorchScript" in text else lines[0]


def refusal_of(error: BaseException) -> Refusal:
    """The refusal that stands for any exception: PyTorch's, the model's own, a failed allocation."""
    if isinstance(error, Refusal):
        return error
    text = _first_line(str(error))
    name = type(error).__name__
    if isinstance(error, MemoryError) or any(part in text for part in _OUT_OF_MEMORY):
        return Refusal("memory", text or "an allocation failed", place_of(error))
    if isinstance(error, OSError) and error.errno in _OF_THE_SYSTEM:
        return Refusal("io", f"{name}: {text}", place_of(error))
    # PyTorch's own errors are RuntimeErrors; their text says more than that name.
    plain = type(error) is RuntimeError or isinstance(error, torch.jit.Error)
    return Refusal("runtime", text if plain and text else f"{name}: {text}" if text else name, place_of(error))
