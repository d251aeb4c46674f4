# SPDX-License-Identifier: Apache-2.0
"""Numbers and numpy arrays that modules of the user's own keep as attributes and that forward() reads: no state dict holds
them, and no operator shows that they are read, so that the code is asked which it names."""

from __future__ import annotations

import argparse
import dataclasses
import dis
import functools
import sys
import types
from typing import Any, Dict, Iterable, Iterator, List, Optional, Set, Tuple

import torch
from torch import nn

from .sources import is_own

_MODULES_OWN = frozenset(vars(nn.Module()))
_MOST_NUMBERS = 4096  # in a list
_MOST_BYTES = 64 << 20
_MOST_VALUES = 4096
_MAX_DEPTH = 4


@functools.lru_cache(maxsize=1024)
def named_by_forward(kind: type) -> Tuple[frozenset[str], frozenset[str]]:
    """The attributes that forward() and the methods and properties that it calls name: all, and those that they assign."""
    named: Set[str] = set()
    assigned: Set[str] = set()
    waiting, seen = ["forward"], set()
    while waiting:
        code = _code_of(getattr(kind, waiting.pop(), None))
        if code is None or code in seen:
            continue
        seen.add(code)
        _collect(code, named, assigned)
        waiting.extend(name for name in named if _code_of(getattr(kind, name, None)) not in seen | {None})
    return frozenset(named), frozenset(assigned)


def _code_of(value: Any) -> Optional[types.CodeType]:
    value = value.fget if isinstance(value, property) else value
    code = getattr(getattr(value, "__wrapped__", value), "__code__", None)
    return code if isinstance(code, types.CodeType) else None


def _collect(code: types.CodeType, named: Set[str], assigned: Set[str]) -> None:
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            named.add(str(step.argval))
        elif step.opname in ("STORE_ATTR", "DELETE_ATTR"):
            assigned.add(str(step.argval))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            _collect(constant, named, assigned)


def _is_users(kind: type) -> bool:
    if kind.__module__ == "__main__":
        return True
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return isinstance(file, str) and is_own(file)


def as_tensor(value: Any) -> Optional[torch.Tensor]:
    """A number, an array, or a list of lists of numbers with one length each; None for anything else."""
    if isinstance(value, bool):
        return torch.tensor(value)
    if isinstance(value, int):
        return torch.tensor(value) if -(2**63) <= value < 2**63 else None
    if isinstance(value, float):
        return torch.tensor(value, dtype=torch.float64)
    if isinstance(value, (list, tuple)):
        return _of_list(value)
    numpy = sys.modules.get("numpy")
    if numpy is None or not isinstance(value, (numpy.ndarray, numpy.generic)):
        return None
    array = numpy.ascontiguousarray(value).reshape(numpy.shape(value))
    if array.dtype.kind not in "biufc" or array.nbytes > _MOST_BYTES:
        return None
    try:
        return torch.from_numpy(array.copy())
    except (TypeError, ValueError):  # a type that PyTorch lacks, another byte order
        return None


def _of_list(value: Any) -> Optional[torch.Tensor]:
    waiting: List[Any] = [value]
    numbers: List[Any] = []
    while waiting:
        part = waiting.pop()
        if isinstance(part, (list, tuple)):
            waiting.extend(part)
        elif isinstance(part, (bool, int, float)):
            numbers.append(part)
        else:
            return None
        if len(numbers) + len(waiting) > _MOST_NUMBERS:
            return None
    if not numbers:
        return None
    try:
        return torch.tensor(value, dtype=torch.float64 if any(isinstance(one, float) for one in numbers) else None)
    except (TypeError, ValueError, RuntimeError, OverflowError):  # lists of several lengths, numbers beyond 64 bits
        return None


def attribute_values(module: nn.Module, left_out: frozenset[str]) -> Iterator[Tuple[str, torch.Tensor, str]]:
    """Name, value, and `number` or `array`. What forward() assigns itself is no part of what was built; names in `left_out`
    are told elsewhere."""
    count = 0
    for prefix, part in module.named_modules():
        if not _is_users(type(part)):
            continue
        named, assigned = named_by_forward(type(part))
        for name, value in list(vars(part).items()):
            if name not in named or name in assigned or name in _MODULES_OWN or (name in left_out and _is_plain(value)):
                continue
            for path, tensor in _leaves(f"{prefix}.{name}" if prefix else name, value, 0):
                count += 1
                if count > _MOST_VALUES:
                    return
                yield path, tensor, "array" if tensor.dim() else "number"


def _is_plain(value: Any) -> bool:
    return isinstance(value, (bool, int, float, list, tuple))


def _leaves(path: str, value: Any, depth: int) -> Iterator[Tuple[str, torch.Tensor]]:
    """The value, or what settings are made of: dicts, lists, dataclasses, namespaces. Other objects have a life of their own."""
    tensor = as_tensor(value)
    if tensor is not None:
        yield path, tensor
        return
    parts: Iterable[Tuple[Any, Any]] = ()
    if isinstance(value, dict):
        parts = list(value.items())
    elif isinstance(value, (list, tuple)) and len(value) <= _MOST_NUMBERS:
        parts = enumerate(value)
    elif isinstance(value, (types.SimpleNamespace, argparse.Namespace)) or (dataclasses.is_dataclass(value) and hasattr(value, "__dict__")):
        parts = list(vars(value).items()) if not isinstance(value, type) else ()
    if depth < _MAX_DEPTH:
        for key, part in parts:
            if isinstance(key, (str, int)):
                yield from _leaves(f"{path}.{key}", part, depth + 1)


def values_by_name(module: nn.Module, left_out: frozenset[str]) -> Dict[str, torch.Tensor]:
    return {name: tensor for name, tensor, _ in attribute_values(module, left_out)}
