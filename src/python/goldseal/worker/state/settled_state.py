# SPDX-License-Identifier: Apache-2.0
"""What no state dict holds, as a network's first native pass leaves it. Many networks make their tables (masks, rotary sines,
relative positions) when they are first called: one that was used before has them, one that was just built has not, and both
have the same after a pass over the same inputs."""

from __future__ import annotations

import hashlib
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

import torch

from ..protocol.dtypes import host_bytes
from .outside_state import described

Outside = List[Tuple[str, torch.Tensor, str]]  # name, tensor, kind


class _Entry(NamedTuple):
    tensor: torch.Tensor
    version: Optional[int]  # None: this tensor counts none
    kind: str
    sha256: str


class SettledState:
    """Of one network. What a later pass leaves otherwise (an activation that is kept, a count) is no part of it."""

    def __init__(self) -> None:
        self.made: Set[str] = set()  # what a pass put in its place
        self.unsettled: Set[str] = set()  # what a later pass left otherwise, or made beside what there was
        self._entries: Optional[Dict[str, _Entry]] = None  # None before the first pass

    @property
    def is_known(self) -> bool:
        return self._entries is not None

    def tensors(self) -> Dict[str, torch.Tensor]:
        return {name: entry.tensor for name, entry in (self._entries or {}).items()}

    def note(self, before: Outside, after: Outside) -> Set[str]:
        """A native pass found `before` and left `after`. Returns the names of what it put in its place."""
        earlier = {name: tensor for name, tensor, _ in before}
        made = {name for name, tensor, _ in after if earlier.get(name) is not tensor}
        self.made |= made
        if self._entries is None:
            self._entries = {name: _entry(tensor, kind) for name, tensor, kind in after}
        else:
            now = {name: tensor for name, tensor, _ in after}
            self.unsettled |= made - set(self._entries)
            found = {name: _again(entry, now[name]) for name, entry in self._entries.items() if name in now}
            self._entries = {name: entry for name, entry in found.items() if entry is not None}
            self.unsettled |= set(found) - set(self._entries)
        return made

    def described(self, reads: Set[str], remade: Set[str], shapes: Dict[str, Sequence[int]]) -> List[Dict[str, Any]]:
        """As PROTOCOL.md (outside) lists it. What a pass put in its place counts as read where a later one was given it: an
        activation that is kept for whoever looks is not."""
        found = []
        for name, entry in (self._entries or {}).items():
            may_grow = name in remade or name in self.made
            part = leading(entry.tensor, shapes.get(name)) if may_grow else None
            sha256 = entry.sha256 if part is None else sha256_of(part)
            told = described(name, (entry.tensor if part is None else part).detach(), entry.kind, sha256)
            found.append({**told, "read": name in reads or (entry.kind == "buffer" and name not in self.made), "remade": may_grow})
        return found


def sha256_of(tensor: torch.Tensor) -> str:
    """Over the elements in row-major order, little-endian."""
    buffer, _held = host_bytes(tensor.detach())
    return hashlib.sha256(buffer).hexdigest()


def _entry(tensor: torch.Tensor, kind: str) -> _Entry:
    return _Entry(tensor, _version(tensor), kind, sha256_of(tensor))


def _version(tensor: torch.Tensor) -> Optional[int]:
    return None if tensor.is_inference() else tensor._version


def _again(entry: _Entry, tensor: torch.Tensor) -> Optional[_Entry]:
    """The entry, held by the tensor that is there now; None where its values are others."""
    if tensor is entry.tensor and entry.version is not None and tensor._version == entry.version:
        return entry
    same = tensor.shape == entry.tensor.shape and tensor.dtype == entry.tensor.dtype and sha256_of(tensor) == entry.sha256
    return entry._replace(tensor=tensor, version=_version(tensor)) if same else None


def leading(tensor: torch.Tensor, shape: Optional[Sequence[int]]) -> Optional[torch.Tensor]:
    """The part of this shape that a table began with, which has grown since; None where it is no such."""
    if shape is None or len(shape) != tensor.dim() or list(shape) == list(tensor.shape):
        return None
    if any(wanted > size for wanted, size in zip(shape, tensor.shape)):
        return None
    return tensor[tuple(slice(0, wanted) for wanted in shape)]
