# SPDX-License-Identifier: Apache-2.0
"""Whether a call in a program computes as it does in training: asked where a program is written and where one is read."""

from __future__ import annotations

from typing import Any, Mapping


def trains(given: Mapping[str, Any]) -> bool:
    """`given`: an operator's arguments by their names, at least those that are no tensors. A norm of an input's own statistics
    has a training mode and no others; a dropout that drops nothing draws nothing."""
    asked = given.get("training", given.get("train")) is True
    return asked and given.get("running_mean", "") is not None and given.get("p", 1) != 0
