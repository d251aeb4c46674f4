# SPDX-License-Identifier: Apache-2.0
"""What becomes of a failure to seal: `on_error` of everything that a training script calls."""

from __future__ import annotations

import difflib
import inspect
import warnings
from typing import Any

from .errors import GoldsealError, GoldsealWarning

ON_ERROR = ("warn", "raise", "ignore")


def check_on_error(on_error: str) -> None:
    if on_error not in ON_ERROR:
        raise ValueError(f"on_error: expected warn, raise or ignore, found {on_error!r}")


def deal_with(error: Exception, on_error: str) -> None:
    check_on_error(on_error)
    if on_error == "raise":
        raise error
    if on_error == "warn":
        warnings.warn(f"goldseal: {error}", GoldsealWarning, stacklevel=3)


def check_options(name: str, options: dict[str, Any], on_error: str) -> None:
    """Of a hook that seals later: what it cannot hand on to goldseal.seal is told when it is made, and left out."""
    from .hook import seal

    check_on_error(on_error)
    known = [word for word in inspect.signature(seal).parameters if word not in ("model", "path")]
    for word in [word for word in options if word not in known]:
        del options[word]
        near = difflib.get_close_matches(word, known, 1)
        hint = f"; did you mean {near[0]}=?" if near else ""
        deal_with(GoldsealError(f"{name}: {word}= is not an argument of goldseal.seal, and was left out{hint}"), on_error)
