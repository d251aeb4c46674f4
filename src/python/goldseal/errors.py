# SPDX-License-Identifier: Apache-2.0
"""What this package raises and warns with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from .report import Report


class GoldsealError(Exception):
    """No seal was written, nothing could be judged, or a check failed. `report` is there where one was made."""

    def __init__(self, message: str, report: Optional[Report] = None) -> None:
        super().__init__(message)
        self.report = report


class GoldsealWarning(UserWarning):
    """A checkpoint was saved and could not be sealed; training goes on."""
