# SPDX-License-Identifier: Apache-2.0
"""Of a batch's layers, the part of one row (PROTOCOL.md, layers): a sketch of it is that of the row alone, where the rows do not
depend on one another."""

from __future__ import annotations

import collections
from typing import Any, Deque, Dict, List, Optional, Sequence, Tuple

import torch

from ..protocol import fields
from ..protocol.refusal import Refusal


class LayerPart:
    """Cuts the part of `row` out of what a batch of `rows` computes, by the shapes that the layers have of the row alone."""

    def __init__(self, rows: int, row: int, interleaved: bool, left: bool, alone: "Sequence[Tuple[str, str, List[int]]]") -> None:
        self._rows, self._row, self._interleaved, self._left = rows, row, interleaved, left
        self._alone: Dict[Tuple[str, str], Deque[List[int]]] = {}
        for module, op, shape in alone:
            self._alone.setdefault((module, op), collections.deque()).append(shape)

    def cut(self, module: str, op: str, result: torch.Tensor) -> torch.Tensor:
        """The whole of a layer that the row alone does not have, or that has another form."""
        shapes = self._alone.get((module, op))
        if not shapes:
            return result
        shape = shapes.popleft()
        if len(shape) != result.dim():
            return result
        of_rows = self._row_dimension(list(result.shape), shape)
        for dimension, size in enumerate(shape):
            whole = result.shape[dimension]
            if dimension == of_rows:
                each = whole // self._rows
                begin = each - size if self._left else 0
                if self._interleaved:
                    result = result.narrow(dimension, 0, each * self._rows).unflatten(dimension, (each, self._rows))
                    result = result.select(dimension + 1, self._row).narrow(dimension, begin, size)
                else:
                    result = result.narrow(dimension, self._row * each + begin, size)
            elif whole > size:
                result = result.narrow(dimension, whole - size if self._left else 0, size)
            elif whole < size:
                return result
        return result

    def _row_dimension(self, whole: List[int], alone: List[int]) -> Optional[int]:
        exact = (d for d, (found, size) in enumerate(zip(whole, alone)) if found == self._rows * size and found != size)
        filled = (
            d for d, (found, size) in enumerate(zip(whole, alone)) if found % self._rows == 0 and found // self._rows > size
        )
        return next(exact, next(filled, None))


def read_part(request: Dict[str, Any]) -> "Optional[tuple[int, int, bool, bool, list[tuple[str, str, list[int]]]]]":
    """The arguments of LayerPart; None where the whole layers are asked for."""
    stated = fields.optional(request, "part")
    if stated is None:
        return None
    rows, row = fields.natural(stated, "rows"), fields.natural(stated, "row")
    if row >= rows:
        raise Refusal("usage", "`row` is one of `rows`")
    layers = fields.required(stated, "layers")
    if not isinstance(layers, list):
        raise Refusal("usage", "`layers` is a list")
    alone = []
    for layer in layers:
        shape = fields.required(layer, "shape")
        if not isinstance(shape, list) or not all(isinstance(size, int) and size >= 0 for size in shape):
            raise Refusal("usage", "`shape` is a list of sizes")
        alone.append((fields.text(layer, "module"), fields.text(layer, "op"), shape))
    interleaved = fields.optional_bool(stated, "interleaved") or False
    return rows, row, interleaved, fields.optional_bool(stated, "left") or False, alone
