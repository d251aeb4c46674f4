# SPDX-License-Identifier: Apache-2.0
"""The factors of a probe, cut from one table for ever (PROTOCOL.md, run): a hash for every 32,768 elements, where a hash an
element costs more than all of a large network's products."""

from __future__ import annotations

from typing import Dict, Tuple

import torch

from .mixing import fnv1a64, mix, mixed_, signed, uniform

LENGTH = 65521  # a prime: runs of two tensors meet again at no regular distance
RUN = 1 << 15  # elements that follow one another in the table
_STARTS = LENGTH - RUN + 1
_GOLDEN = 0x9E3779B97F4A7C15

_factors: Dict[Tuple[float, torch.dtype, torch.device], torch.Tensor] = {}


def _factors_of(relative: float, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """1 + relative·T, rounded to `dtype`; those of the last size are kept, a few hundred kilobytes."""
    key = (relative, dtype, device)
    if key not in _factors:
        steps = torch.arange(LENGTH, dtype=torch.int64).mul_(signed(_GOLDEN))
        table = uniform(mix(fnv1a64("tile")), 0, steps)
        if len(_factors) > 4:
            _factors.clear()
        _factors[key] = table.mul_(relative).add_(1.0).to(device=device, dtype=dtype)
    return _factors[key]


class Tile:
    """The factors of the tensor of one name, in `dtype`, float32 or float64."""

    def __init__(self, name: str, seed: int, relative: float, dtype: torch.dtype, device: torch.device) -> None:
        self._key = mix(fnv1a64(name) ^ (seed & ((1 << 64) - 1)))
        self.dtype = dtype
        self._factors = _factors_of(relative, dtype, device)

    def starts(self, first: int, count: int) -> torch.Tensor:
        """int64 on the CPU: where in the table the runs first, first+1 … begin."""
        steps = torch.arange(first + 1, first + count + 1, dtype=torch.int64).mul_(signed(_GOLDEN))
        hashes = mixed_(steps.add_(signed(self._key)))
        # The remainder of the unsigned value: 2^64 is added to what reads as negative.
        return hashes.remainder(_STARTS).add_(torch.where(hashes < 0, (1 << 64) % _STARTS, 0)).remainder_(_STARTS)

    def move_(self, values: torch.Tensor, first: int, source: "torch.Tensor | None" = None) -> torch.Tensor:
        """Multiplies flat contiguous values, the elements first, first+1 … of the tensor. With a `source`, they are its
        values, converted: a run at a time, so that they are still in the processor's cache."""
        run, count = first // RUN, values.numel()
        starts = self.starts(run, (first + count - 1) // RUN - run + 1).tolist() if count else []
        at = 0
        for start in starts:
            skipped = (first + at) % RUN
            end = min(count, at + RUN - skipped)
            part = values[at:end]
            if source is not None:
                part.copy_(source[at:end])
            part.mul_(self._factors[start + skipped : start + skipped + end - at])
            at = end
        return values

    def at(self, indices: torch.Tensor) -> torch.Tensor:
        """The factors of the elements of these indices."""
        runs, places = torch.unique(indices.cpu() // RUN, return_inverse=True)
        starts = torch.cat([self.starts(int(run), 1) for run in runs]) if runs.numel() else runs
        return self._factors[(starts[places] + indices.cpu() % RUN).to(self._factors.device)]
