# SPDX-License-Identifier: Apache-2.0
"""What becomes of a failure to seal: `on_error` of everything that a training script calls."""

from __future__ import annotations

from .errors import warn

ON_ERROR = ("warn", "raise", "ignore")


def check_on_error(on_error: str) -> None:
    if on_error not in ON_ERROR:
        raise ValueError(f"on_error: expected warn, raise or ignore, found {on_error!r}")


def deal_with(error: Exception, on_error: str) -> None:
    check_on_error(on_error)
    if on_error == "raise":
        raise error
    if on_error == "warn":
        warn(str(error))
