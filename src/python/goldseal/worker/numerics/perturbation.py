# SPDX-License-Identifier: Apache-2.0
"""What a run computes with instead of the loaded tensors: in another type, perturbed, on another device.

The perturbation is that of PROTOCOL.md (run), bit for bit.
"""

from __future__ import annotations

from typing import Callable, NamedTuple, Optional

import torch

from ..protocol.dtypes import FLOATING
from .mixing import fnv1a64, mix, signed, uniform
from .stand_in import Source, StandIn
from .tile import Tile

# Turns a tensor of that name into the one to compute with.
Transform = Callable[[str, torch.Tensor], torch.Tensor]

_MASK = (1 << 64) - 1
# Elements whose six temporaries stay in the processor's cache, and no more than PyTorch gives to one thread: handing each of
# these short operations out to two cost three times the time.
_CHUNK = 1 << 15


class Perturbation(NamedTuple):
    seed: int
    relative: float
    only: Optional[frozenset[str]] = None  # names; None: every floating tensor
    zero: float = 0.0  # what ξ is multiplied by where an element is 0, which no factor moves
    tile: bool = False  # factors of tile.py, and no `zero`

    def reaches(self, name: str) -> bool:
        return self.only is None or name in self.only


def perturbed(tensor: torch.Tensor, name: str, perturbation: Perturbation) -> torch.Tensor:
    """The tensor in float64, each element moved: multiplied by its factor, or in the place of a zero."""
    flat = tensor.detach().contiguous().view(-1)
    result = torch.empty(flat.shape, dtype=torch.float64, device=flat.device)
    key = mix(fnv1a64(name) ^ (perturbation.seed & _MASK))
    steps = torch.arange(min(_CHUNK, flat.numel()), dtype=torch.int64, device=flat.device)
    steps *= signed(0x9E3779B97F4A7C15)
    for first in range(0, flat.numel(), _CHUNK):
        part = flat[first : first + _CHUNK]
        xi = uniform(key, first, steps[: part.numel()])
        wide = part.to(torch.float64)
        moved = result[first : first + part.numel()]
        zeros = xi * perturbation.zero if perturbation.zero else None
        torch.mul(wide, xi.mul_(perturbation.relative).add_(1.0), out=moved)
        if zeros is not None:
            moved.copy_(torch.where(wide == 0, zeros, moved))
    return result.view(tensor.shape)


def _tiled(tensor: torch.Tensor, tile: Tile, dtype: torch.dtype) -> torch.Tensor:
    flat = tensor.detach().contiguous().view(-1)
    moved = tile.move_(torch.empty(flat.shape, dtype=dtype, device=flat.device), 0, flat)
    return moved.view(tensor.shape)


class Conversion:
    """A transform: floating tensors in `dtype` (None: in their own), moved, on `device`. Those named in `streamed` are stood in
    for and converted where an operator takes them (stand_in.py)."""

    def __init__(
        self, dtype: Optional[torch.dtype], perturbation: Optional[Perturbation], device: Optional[torch.device]
    ) -> None:
        self.dtype = dtype
        self.perturbation = perturbation
        self.device = device
        self.streamed: frozenset[str] = frozenset()

    @property
    def native(self) -> bool:
        return self.dtype is None and self.perturbation is None

    def __call__(self, name: str, tensor: torch.Tensor) -> torch.Tensor:
        if self.device is not None:
            tensor = tensor.to(self.device)
        if tensor.dtype not in FLOATING:
            return tensor
        dtype = tensor.dtype if self.dtype is None else self.dtype
        moves = self.perturbation is not None and self.perturbation.reaches(name)
        if not moves:
            return self._stood_in(name, tensor, dtype, None) if self.streams(name, tensor, dtype) else tensor.to(dtype)
        assert self.perturbation is not None
        if not self.perturbation.tile:
            # A native run's perturbed tensors are rounded to their own type.
            return perturbed(tensor, name, self.perturbation).to(dtype)
        wide = torch.float64 if dtype is torch.float64 else torch.float32
        tile = Tile(name, self.perturbation.seed, self.perturbation.relative, wide, tensor.device)
        if self.streams(name, tensor, dtype):
            return self._stood_in(name, tensor, dtype, tile)
        return _tiled(tensor, tile, wide).to(dtype)

    def streams(self, name: str, tensor: torch.Tensor, dtype: torch.dtype) -> bool:
        moves = self.perturbation is not None and self.perturbation.reaches(name)
        return name in self.streamed and tensor.is_contiguous() and (moves or tensor.dtype != dtype)

    @staticmethod
    def _stood_in(name: str, tensor: torch.Tensor, dtype: torch.dtype, tile: Optional[Tile]) -> torch.Tensor:
        return StandIn(tensor.detach(), Source(name, tensor.detach(), dtype, tile))


def computes_natively(transform: Optional[Transform]) -> bool:
    """Whether a run with it computes with the values as they are, wherever they lie."""
    return transform is None or bool(getattr(transform, "native", False))


def make_transform(
    dtype: Optional[torch.dtype], perturbation: Optional[Perturbation], device: Optional[torch.device]
) -> Optional[Conversion]:
    """None where a run computes with the tensors as they are."""
    if dtype is None and device is None and perturbation is None:
        return None
    return Conversion(dtype, perturbation, device)
