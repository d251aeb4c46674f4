# SPDX-License-Identifier: Apache-2.0
"""Arithmetic on sizes: what an exported program computes with numbers instead of tensors (torch/_export/serde/serialize.py,
_SYM_OPS). Sizes are whole numbers of 64 bits, as in networks/export_symbols.cpp of the LibTorch worker."""

from __future__ import annotations

import math
import operator
from typing import Any, Callable, Dict, Optional

import torch

from ..protocol.refusal import Refusal

_MOST = 1 << 63


def _power(base: Any, exponent: Any) -> Any:
    if isinstance(base, int) and isinstance(exponent, int) and exponent > 63 and abs(base) > 1:
        raise OverflowError
    return base**exponent


def _truncated(value: Any) -> int:
    return int(value)


_ARITHMETIC: Dict[str, Callable[..., Any]] = {
    "_operator.add": operator.add,
    "_operator.sub": operator.sub,
    "_operator.mul": operator.mul,
    "_operator.truediv": operator.truediv,
    "_operator.floordiv": operator.floordiv,
    "_operator.mod": operator.mod,
    "_operator.pow": _power,
    "_operator.neg": operator.neg,
    "_operator.pos": operator.pos,
    "_operator.eq": operator.eq,
    "_operator.ne": operator.ne,
    "_operator.lt": operator.lt,
    "_operator.le": operator.le,
    "_operator.gt": operator.gt,
    "_operator.ge": operator.ge,
    "_operator.and_": lambda a, b: bool(a) and bool(b),
    "_operator.or_": lambda a, b: bool(a) or bool(b),
    "math.trunc": _truncated,
    "math.ceil": math.ceil,
    "math.floor": math.floor,
    "torch.sym_int": _truncated,
    "torch.sym_float": float,
    "torch.sym_not": lambda a: not a,
    "torch.sym_ite": lambda condition, a, b: a if condition else b,
    "torch.sym_max": max,
    "torch.sym_min": min,
    "torch._sym_sqrt": math.sqrt,
    "torch.sym_sqrt": math.sqrt,
}

# Sizes are asked for directly: the operators for it differ between PyTorch's versions.
_QUERIES: Dict[str, Callable[..., Any]] = {
    "torch.ops.aten.sym_size.int": lambda tensor, dimension: tensor.size(dimension),
    "torch.ops.aten.sym_stride.int": lambda tensor, dimension: tensor.stride(dimension),
    "torch.ops.aten.sym_numel.default": lambda tensor: tensor.numel(),
    "torch.ops.aten.sym_storage_offset.default": lambda tensor: tensor.storage_offset(),
}


def find_symbolic(target: str) -> Optional[Callable[..., Any]]:
    """None for an operator on tensors."""
    if target in _QUERIES:
        return _queried(_QUERIES[target])
    return _checked(_ARITHMETIC[target]) if target in _ARITHMETIC else None


def _queried(query: Callable[..., Any]) -> Callable[..., Any]:
    def ask(*arguments: Any) -> Any:
        if not arguments or not isinstance(arguments[0], torch.Tensor):
            raise Refusal("malformed", "the program asks what is no tensor for its size")
        return query(*arguments)

    return ask


def _checked(compute: Callable[..., Any]) -> Callable[..., Any]:
    """Numbers alone, and a whole result within 64 bits."""

    def checked(*arguments: Any) -> Any:
        if not all(isinstance(argument, (bool, int, float)) for argument in arguments):
            raise Refusal("malformed", "the program computes with what is no number")
        try:
            result = compute(*arguments)
        except OverflowError:
            result = _MOST
        except ZeroDivisionError:
            raise Refusal("runtime", "the program divides a size by zero") from None
        except TypeError:
            raise Refusal("malformed", "an operator on sizes lacks an argument") from None
        if isinstance(result, int) and not -_MOST <= result < _MOST:
            raise Refusal("runtime", "the program computes a size that does not fit into 64 bits")
        return result

    return checked
