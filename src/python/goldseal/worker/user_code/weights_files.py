# SPDX-License-Identifier: Apache-2.0
"""Whether a file that building a network reads holds weights of that network, which a checkpoint replaces: a backbone to begin
with, another epoch. Anchors or a table of means in such a file describe the network."""

from __future__ import annotations

import json
import struct
from typing import Any, FrozenSet, Iterable, List, Optional

import torch

_MOST_HEADER = 1 << 20
_DEPTH = 2  # of a dict of state dicts


def holds_weights_of(path: str, names: Iterable[str]) -> bool:
    """`names` are those of the network's tensors. What cannot be looked into counts as weights."""
    found = _names_in(path)
    if found is None:
        return True
    return not _ends(found).isdisjoint(_ends(names))


def _ends(names: Iterable[str]) -> FrozenSet[str]:
    """A wrapper or a network around it puts a prefix before a name."""
    return frozenset(".".join(name.rsplit(".", 2)[-2:]) for name in names)


def _names_in(path: str) -> Optional[List[str]]:
    """None: not known. None are in what is no file of PyTorch's."""
    try:
        with open(path, "rb") as file:
            begin = file.read(9)
            if begin[8:9] == b"{":
                (length,) = struct.unpack("<Q", begin[:8])
                return list(json.loads(begin[8:9] + file.read(length - 1))) if length <= _MOST_HEADER else None
        if not begin.startswith((b"PK", b"\x80")):
            return []
        return _names_of(torch.load(path, map_location="cpu", weights_only=True), _DEPTH)
    except Exception:
        return None


def _names_of(value: Any, depth: int) -> List[str]:
    if not isinstance(value, dict) or depth == 0:
        return []
    inner = [name for held in value.values() for name in _names_of(held, depth - 1)]
    return [key for key in value if isinstance(key, str)] + inner
