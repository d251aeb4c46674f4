# SPDX-License-Identifier: Apache-2.0
"""The random numbers that are the same on every machine (PROTOCOL.md, run): unsigned 64-bit arithmetic on int64 tensors, whose
sums and products wrap the same way and whose shifts are masked."""

from __future__ import annotations

import torch

_MASK = (1 << 64) - 1


def signed(value: int) -> int:
    value &= _MASK
    return value - (1 << 64) if value >> 63 else value


def mix(z: int) -> int:
    """SplitMix64's finaliser (Steele, Lea, Flood 2014)."""
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def fnv1a64(text: str) -> int:
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
    z = _xor_shifted(z, 30).mul_(signed(0xBF58476D1CE4E5B9))
    z = _xor_shifted(z, 27).mul_(signed(0x94D049BB133111EB))
    return _xor_shifted(z, 31)


def uniform(key: int, first: int, steps: torch.Tensor) -> torch.Tensor:
    """ξ on [-1, 1) of the elements first, first+1 …; `steps` are j·0x9E37… for j from 0."""
    z = mixed_(steps + signed(key + (first + 1) * 0x9E3779B97F4A7C15))
    z >>= 11
    z &= (1 << 53) - 1
    return z.to(torch.float64).mul_(2.0**-53).mul_(2.0).sub_(1.0)
