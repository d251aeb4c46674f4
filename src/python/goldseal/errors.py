# SPDX-License-Identifier: Apache-2.0
"""What this package raises and warns with."""

from __future__ import annotations

import os
import sys
import warnings
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    from .report import Report


class GoldsealError(Exception):
    """No seal was written, nothing could be judged, or a check failed. `report` is there where one was made."""

    def __init__(self, message: str, report: Optional[Report] = None) -> None:
        super().__init__(message)
        self.report = report


class GoldsealWarning(UserWarning):
    """A checkpoint was saved and could not be sealed; training goes on."""


_HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")


def warn(message: str) -> None:
    """A GoldsealWarning of the caller's line that called this package, however deep inside it is told."""
    level = 1
    frame: Any = sys._getframe(0)
    while frame is not None and frame.f_code.co_filename.startswith(_HERE):
        level, frame = level + 1, frame.f_back
    warnings.warn(f"goldseal: {message}", GoldsealWarning, stacklevel=level)
