# SPDX-License-Identifier: Apache-2.0
"""What a run computes with instead of the loaded tensors: in float64, perturbed, on another device.

The perturbation is that of PROTOCOL.md (run), bit for bit: unsigned 64-bit arithmetic on int64 tensors, whose sums and
products wrap the same way and whose shifts are masked.
"""

from __future__ import annotations

from typing import Callable, NamedTuple, Optional

import torch

from .dtypes import FLOATING

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

    def reaches(self, name: str) -> bool:
        return self.only is None or name in self.only


def _signed(value: int) -> int:
    value &= _MASK
    return value - (1 << 64) if value >> 63 else value


def _mix(z: int) -> int:
    """SplitMix64's finaliser (Steele, Lea, Flood 2014)."""
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def _fnv1a64(text: str) -> int:
    value = 0xCBF29CE484222325
    for byte in text.encode("utf-8"):
        value = ((value ^ byte) * 0x100000001B3) & _MASK
    return value


def _xor_shifted(z: torch.Tensor, bits: int) -> torch.Tensor:
    shifted = z >> bits
    shifted &= (1 << (64 - bits)) - 1
    return z.bitwise_xor_(shifted)


def mixed_(z: torch.Tensor) -> torch.Tensor:
    """SplitMix64's finaliser of each element of an int64 tensor, in place."""
    z = _xor_shifted(z, 30).mul_(_signed(0xBF58476D1CE4E5B9))
    z = _xor_shifted(z, 27).mul_(_signed(0x94D049BB133111EB))
    return _xor_shifted(z, 31)


def _xi(key: int, first: int, steps: torch.Tensor) -> torch.Tensor:
    """ξ of the elements first, first+1 …; `steps` are j·0x9E37… for j from 0."""
    z = mixed_(steps + _signed(key + (first + 1) * 0x9E3779B97F4A7C15))
    z >>= 11
    z &= (1 << 53) - 1
    return z.to(torch.float64).mul_(2.0**-53).mul_(2.0).sub_(1.0)


def perturbed(tensor: torch.Tensor, name: str, perturbation: Perturbation) -> torch.Tensor:
    """The tensor in float64, each element moved: multiplied by its factor, or in the place of a zero."""
    flat = tensor.detach().contiguous().view(-1)
    result = torch.empty(flat.shape, dtype=torch.float64, device=flat.device)
    key = _mix(_fnv1a64(name) ^ (perturbation.seed & _MASK))
    steps = torch.arange(min(_CHUNK, flat.numel()), dtype=torch.int64, device=flat.device)
    steps *= _signed(0x9E3779B97F4A7C15)
    for first in range(0, flat.numel(), _CHUNK):
        part = flat[first : first + _CHUNK]
        xi = _xi(key, first, steps[: part.numel()])
        wide = part.to(torch.float64)
        moved = result[first : first + part.numel()]
        zeros = xi * perturbation.zero if perturbation.zero else None
        torch.mul(wide, xi.mul_(perturbation.relative).add_(1.0), out=moved)
        if zeros is not None:
            moved.copy_(torch.where(wide == 0, zeros, moved))
    return result.view(tensor.shape)


def make_transform(
    float64: bool, perturbation: Optional[Perturbation], device: Optional[torch.device]
) -> Optional[Transform]:
    """None where a run computes with the tensors as they are."""
    if not float64 and device is None and perturbation is None:
        return None

    def transform(name: str, tensor: torch.Tensor) -> torch.Tensor:
        if tensor.dtype in FLOATING:
            own = tensor.dtype
            if perturbation and perturbation.reaches(name):
                tensor = perturbed(tensor, name, perturbation)
            # A native run's perturbed tensors are rounded to their own type.
            tensor = tensor.to(torch.float64 if float64 else own)
        return tensor if device is None else tensor.to(device)

    return transform
