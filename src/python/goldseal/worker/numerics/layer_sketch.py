# SPDX-License-Identifier: Apache-2.0
"""What is kept of a layer's output, whatever its size: random projections (PROTOCOL.md, layers).

Sums are formed in blocks of 4,096 elements, whose columns of 64 are summed, then halved, and added in the blocks' order:
neither threads nor the processor's vector width change a digit.
"""

from __future__ import annotations

import math

import torch

from .mixing import mixed_

PROJECTIONS = 8
WIDTH = PROJECTIONS + 2  # and the root mean square, and how many elements are not finite

_SIDE = 64
_BLOCK = _SIDE * _SIDE
_CHUNK = 32 * _BLOCK  # enough for two threads at a time, few enough that nine rows of terms stay in the processor's cache
_SHARED = 8  # elements that share a hash, a byte each
_KEPT = 1 << 22  # elements whose signs are kept: most networks have no larger layer, and it is 32 MiB
_GOLDEN = 0x9E3779B97F4A7C15 - (1 << 64)

_signs = torch.empty(PROJECTIONS, 0, dtype=torch.int8)


def _signs_of(first: int, count: int) -> torch.Tensor:
    """int8 [8, count]: the signs of the elements from `first` on, a multiple of 8."""
    groups = torch.arange(first // _SHARED + 1, (first + count + _SHARED - 1) // _SHARED + 1, dtype=torch.int64)
    one_byte = mixed_(groups.mul_(_GOLDEN)).view(torch.uint8)[:count]
    bits = torch.stack([one_byte.bitwise_and(1 << k).ne(0) for k in range(PROJECTIONS)])
    return bits.to(torch.int8).mul_(2).sub_(1)


def _kept_signs(first: int, count: int) -> torch.Tensor:
    global _signs
    end = first + count
    if end > _KEPT:
        return _signs_of(first, count)
    if end > _signs.shape[1]:
        # In steps of doubled size, so that a network with growing layers computes few of them twice.
        _signs = _signs_of(0, min(_KEPT, max(_CHUNK, 1 << (end - 1).bit_length())))
    return _signs[:, first:end]


def every(values: torch.Tensor, stride: int) -> torch.Tensor:
    """Every so manyth element in row-major order, of a tensor of any layout."""
    if values.is_contiguous():
        return values.view(-1)[::stride]
    places = torch.arange(0, values.numel(), stride, device=values.device)
    offsets = torch.zeros_like(places)
    for size, step in zip(reversed(values.shape), reversed(values.stride())):
        offsets += places.remainder(size) * step
        places = places.div(size, rounding_mode="floor")
    extent = 1 + sum((size - 1) * step for size, step in zip(values.shape, values.stride()))
    return values.as_strided((extent,), (1,)).index_select(0, offsets)


def _not_finite(values: torch.Tensor) -> int:
    """Of all elements: a sum tells in one pass that all are finite."""
    if math.isfinite(float(values.sum())):
        return 0
    return values.numel() - int(torch.count_nonzero(torch.isfinite(values)))


def stride_of(count: int, most: int) -> int:
    """A sketch of at most `most` elements takes every so manyth of `count`: an odd number, since sizes are even."""
    return 1 if most == 0 or count <= most else -(-count // most) | 1


class Sketcher:
    """Sketches one tensor after the other in the same memory, `elements` of each at most; 0: all."""

    def __init__(self, elements: int = 0) -> None:
        self._most = elements
        self._terms = torch.empty(PROJECTIONS + 1, _CHUNK, dtype=torch.float64)

    def sketch(self, tensor: torch.Tensor) -> list[float]:
        """The projections, the root mean square and the number of elements that are not finite, of a floating tensor."""
        values = tensor.detach()
        stride = stride_of(values.numel(), self._most)
        whole = values
        if stride > 1:
            values = every(values, stride)
        values = values.cpu().contiguous().view(-1)
        count = values.numel()
        sums = [0.0] * (PROJECTIONS + 1)
        non_finite = 0
        for first in range(0, count, _CHUNK):
            part = values[first : first + _CHUNK].to(torch.float64)
            rows = self._block_sums(part, first)
            if not all(map(math.isfinite, rows[PROJECTIONS])):
                finite = torch.isfinite(part)
                non_finite += part.numel() - int(torch.count_nonzero(finite))
                rows = self._block_sums(torch.where(finite, part, torch.zeros_like(part)), first)
            for row, blocks in enumerate(rows):
                for block in blocks:
                    sums[row] += block
        scale = 1.0 / math.sqrt(max(count, 1))
        rms = math.sqrt(sums[PROJECTIONS]) * scale
        if stride > 1:
            non_finite = _not_finite(whole)
        return [*(total * scale for total in sums[:PROJECTIONS]), rms, float(non_finite)]

    def _block_sums(self, values: torch.Tensor, first: int) -> list[list[float]]:
        """Of each block the sums of the signed values, and in a ninth row those of the squares."""
        count = values.numel()
        blocks = -(-count // _BLOCK)
        terms = self._terms[:, : blocks * _BLOCK]
        terms[:PROJECTIONS, :count].copy_(_kept_signs(first, count)).mul_(values)
        torch.mul(values, values, out=terms[PROJECTIONS, :count])
        terms[:, count:].zero_()
        columns = terms.view(PROJECTIONS + 1, blocks, _SIDE, _SIDE).sum(2)
        while columns.shape[2] > 1:
            half = columns.shape[2] // 2
            columns = columns[..., :half] + columns[..., half:]
        return columns[..., 0].tolist()
