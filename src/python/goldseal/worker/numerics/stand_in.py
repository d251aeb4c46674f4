# SPDX-License-Identifier: Apache-2.0
"""Weights that a network computes with in another type than they are kept in, one operator at a time.

A copy of all weights in float64 takes four times the memory of a bfloat16 network, and more time to write than the products
that read it. A stand-in looks to the network's code like such a copy: it has its type, shape and strides, and views of it are
stand-ins again. An operator that computes with it gets its elements converted (and moved, in a probe), and they are dropped when
it returns. What cannot be stood in for raises Unstreamable, and is copied.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional

import torch

from ..protocol.memory import storage_of
from .tile import Tile

_MOST_AT_ONCE = 1 << 22  # elements of a product's weights that are converted at a time, 32 MiB in float64
_MOST_KEPT = 1 << 22  # elements of the memory that one conversion after the other is written to
# They give their argument back as it is, if it is of the type that they were asked for.
_CONVERSIONS = frozenset("aten::" + name for name in "to _to_copy type_as clone".split())


class Unstreamable(RuntimeError):
    """The operator needs the tensor of this name itself."""

    def __init__(self, name: str, operator: str) -> None:
        super().__init__(f"{operator} writes to {name}")
        self.name = name


class RunAgain(Unstreamable):
    """The run begins again, with copies of what the network would have written to."""


class _Scratch:
    """Memory for what an operator is given and drops. New memory for each weight costs more time, page by page, than the
    conversion."""

    def __init__(self) -> None:
        self._kept: Dict[Any, torch.Tensor] = {}
        self._used = 0

    def take(self, count: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
        if self._used + count > _MOST_KEPT:
            return torch.empty(count, dtype=dtype, device=device)
        kept = self._kept.get((dtype, device))
        if kept is None or kept.numel() < self._used + count:
            if self._used > 0:
                return torch.empty(count, dtype=dtype, device=device)
            kept = self._kept[(dtype, device)] = torch.empty(min(_MOST_KEPT, max(count, 1 << 16)), dtype=dtype, device=device)
        self._used += count
        return kept[self._used - count : self._used]

    def give_back(self) -> None:
        self._used = 0

    def holds(self, tensor: torch.Tensor) -> bool:
        return any(storage_of(kept).data_ptr() == storage_of(tensor).data_ptr() for kept in self._kept.values())


class Source:
    """The loaded tensor behind stand-ins and their views: contiguous, with its name, and what it is converted to."""

    def __init__(self, name: str, whole: torch.Tensor, dtype: torch.dtype, tile: Optional[Tile]) -> None:
        self.name, self.whole, self.dtype, self.tile = name, whole, dtype, tile

    def converted(self, view: torch.Tensor, scratch: Optional[_Scratch] = None) -> torch.Tensor:
        """A view of the whole, with the same strides."""
        if view.numel() == 0:
            return torch.empty(view.shape, dtype=self.dtype, device=view.device)
        # All that lies between its first and its last element: views of weights are dense, but for few.
        extent = 1 + sum((size - 1) * stride for size, stride in zip(view.shape, view.stride()))
        flat = self.whole.as_strided((extent,), (1,), view.storage_offset())
        dtype = self.dtype if self.tile is None else self.tile.dtype
        wide = torch.empty(extent, dtype=dtype, device=view.device) if scratch is None else scratch.take(extent, dtype, view.device)
        if self.tile is None:
            wide.copy_(flat)
        else:
            # A tile moves in float32 what is rounded to a half type after it.
            wide = self.tile.move_(wide, view.storage_offset() - self.whole.storage_offset(), flat).to(self.dtype)  # type: ignore[arg-type]
        return wide.as_strided(view.shape, view.stride(), wide.storage_offset())

    def rows(self, view: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
        """Some rows of a matrix."""
        flat = indices.reshape(-1)
        picked = view.index_select(0, flat).to(self.dtype if self.tile is None else self.tile.dtype)
        if self.tile is not None:
            first = view.storage_offset() - self.whole.storage_offset()
            places = (first + flat.unsqueeze(1) * view.stride(0)) + torch.arange(view.shape[1], device=flat.device) * view.stride(1)
            picked = picked.mul_(self.tile.at(places)).to(self.dtype)  # type: ignore[arg-type]
        return picked.view(*indices.shape, view.shape[1])


_scratch = _Scratch()


class StandIn(torch.Tensor):
    """`view`, a view of the source's tensor in its own type, under the source's type."""

    # Code that looks for overrides finds none: a stand-in takes the paths that a tensor takes.
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    view_: torch.Tensor
    source: Source

    @staticmethod
    def __new__(cls: Any, view: torch.Tensor, source: Source) -> "StandIn":
        made: StandIn = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined,unused-ignore]
            cls,
            view.size(),
            strides=view.stride(),
            storage_offset=view.storage_offset(),
            dtype=source.dtype,
            layout=view.layout,
            device=view.device,
            requires_grad=False,
        )
        made.view_, made.source = view, source
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        kwargs = kwargs or {}
        schema = func._schema
        for argument, value in _given(schema, args, kwargs):
            if argument.alias_info is not None and argument.alias_info.is_write and isinstance(value, StandIn):
                raise Unstreamable(value.source.name, schema.name)
        if _is_view(schema):
            viewed = _viewed(func, args, kwargs)
            if viewed is not None:
                return viewed
        special = _PRODUCTS.get(schema.name)
        answer = NotImplemented if special is None else special(func, args, kwargs)
        return _computed(func, args, kwargs) if answer is NotImplemented else answer


def materialised(tensor: torch.Tensor) -> torch.Tensor:
    """What a stand-in stands for, where a network gives back a weight; any other tensor as it is."""
    return tensor.source.converted(tensor.view_) if isinstance(tensor, StandIn) else tensor


def _given(schema: Any, args: Any, kwargs: Any) -> Any:
    for place, argument in enumerate(schema.arguments):
        value = args[place] if place < len(args) else kwargs.get(argument.name)
        if isinstance(value, (list, tuple)):
            for entry in value:
                yield argument, entry
        else:
            yield argument, value


def _is_view(schema: Any) -> bool:
    """Every result lies in an argument's memory, and none is written to."""
    if schema.name in _CONVERSIONS or schema.overload_name == "dtype" or not schema.returns:
        return False
    return all(result.alias_info is not None and not result.alias_info.is_write for result in schema.returns)


def _replaced(value: Any, replace: Callable[[StandIn], torch.Tensor]) -> Any:
    if isinstance(value, StandIn):
        return replace(value)
    if isinstance(value, (list, tuple)):
        return type(value)([_replaced(entry, replace) for entry in value])
    return value


def _viewed(func: Any, args: Any, kwargs: Any) -> Any:
    """Stand-ins for the views; None where what comes out lies elsewhere, or is of another type."""
    sources: List[Source] = []

    def uncovered(stand_in: StandIn) -> torch.Tensor:
        sources.append(stand_in.source)
        return stand_in.view_

    answer = func(*_replaced(tuple(args), uncovered), **{name: _replaced(value, uncovered) for name, value in kwargs.items()})
    source = sources[0]
    views = answer if isinstance(answer, (list, tuple)) else (answer,)
    memory = storage_of(source.whole).data_ptr()
    for view in views:
        if view.dtype != source.whole.dtype or storage_of(view).data_ptr() != memory or view.device != source.whole.device:
            return None
    made = [StandIn(view, source) for view in views]
    return type(answer)(made) if isinstance(answer, (list, tuple)) else made[0]


def _computed(func: Any, args: Any, kwargs: Any) -> Any:
    def converted(stand_in: StandIn) -> torch.Tensor:
        return stand_in.source.converted(stand_in.view_, _scratch)

    try:
        answer = func(*_replaced(tuple(args), converted), **{name: _replaced(value, converted) for name, value in kwargs.items()})
        return _kept(answer)
    finally:
        _scratch.give_back()


def _kept(answer: Any) -> Any:
    """Operators that do nothing (a dropout in evaluation) give back what they were given."""
    if isinstance(answer, (list, tuple)):
        return type(answer)([_kept(entry) for entry in answer]) if type(answer) in (list, tuple) else answer
    if isinstance(answer, torch.Tensor) and answer.layout is torch.strided and _scratch.holds(answer):
        return answer.clone()
    return answer


def _embedding(func: Any, args: Any, kwargs: Any) -> Any:
    weight, indices = args[0], args[1]
    if not isinstance(weight, StandIn) or weight.dim() != 2 or indices.numel() >= weight.shape[0]:
        return NotImplemented
    if indices.numel() > 0 and not 0 <= int(indices.min()) <= int(indices.max()) < weight.shape[0]:
        return NotImplemented  # the operator's own message names the index
    return weight.source.rows(weight.view_, indices)


def _in_blocks(given: torch.Tensor, weight: StandIn, product: Callable[[torch.Tensor, slice], torch.Tensor]) -> Any:
    """`given` times the transpose of a large matrix, some of its rows at a time."""
    rows, columns = weight.shape
    if weight.numel() <= _MOST_AT_ONCE or weight.stride(0) < weight.stride(1) or isinstance(given, StandIn) or given.dtype != weight.dtype:
        return NotImplemented
    answer = torch.empty((*given.shape[:-1], rows), dtype=given.dtype, device=given.device)
    step = max(1, _MOST_AT_ONCE // columns)
    for first in range(0, rows, step):
        part = slice(first, min(rows, first + step))
        answer[..., part] = product(weight.source.converted(weight.view_[part], _scratch), part)
        _scratch.give_back()
    return answer


def _linear(func: Any, args: Any, kwargs: Any) -> Any:
    given, weight = args[0], args[1]
    bias = args[2] if len(args) > 2 else kwargs.get("bias")
    if not isinstance(weight, StandIn) or weight.dim() != 2 or isinstance(bias, StandIn):
        return NotImplemented
    return _in_blocks(given, weight, lambda rows, part: func(given, rows, None if bias is None else bias[part]))


def _mm(func: Any, args: Any, kwargs: Any) -> Any:
    given, weight = args[0], args[1]
    if not isinstance(weight, StandIn) or kwargs:
        return NotImplemented
    transposed = StandIn(weight.view_.t(), weight.source)
    return _in_blocks(given, transposed, lambda rows, part: func(given, rows.t()))


def _addmm(func: Any, args: Any, kwargs: Any) -> Any:
    if len(args) != 3 or kwargs or not isinstance(args[2], StandIn) or isinstance(args[0], StandIn) or args[0].dim() != 1:
        return NotImplemented
    bias, given, weight = args
    transposed = StandIn(weight.view_.t(), weight.source)
    return _in_blocks(given, transposed, lambda rows, part: func(bias[part], given, rows.t()))


_PRODUCTS: Dict[str, Callable[[Any, Any, Any], Any]] = {
    "aten::embedding": _embedding,
    "aten::linear": _linear,
    "aten::mm": _mm,
    "aten::addmm": _addmm,
}
