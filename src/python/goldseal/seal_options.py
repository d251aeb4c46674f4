# SPDX-License-Identifier: Apache-2.0
"""Arguments of goldseal.seal that a hook takes when it is made and hands on when it seals."""

from __future__ import annotations

import difflib
import inspect
from typing import Any

from .errors import GoldsealError
from .failures import check_on_error, deal_with
from .sealing import seal


def check_options(name: str, options: dict[str, Any], on_error: str) -> None:
    """Of a hook that seals later: what it cannot hand on to goldseal.seal is told when it is made, and left out."""
    check_on_error(on_error)
    known = [word for word in inspect.signature(seal).parameters if word not in ("model", "path")]
    for word in [word for word in options if word not in known]:
        del options[word]
        near = difflib.get_close_matches(word, known, 1)
        hint = f"; did you mean {near[0]}=?" if near else ""
        deal_with(GoldsealError(f"{name}: {word}= is not an argument of goldseal.seal, and was left out{hint}"), on_error)
