# SPDX-License-Identifier: Apache-2.0
"""The types that a float64 run widens, and the tensors among an operator's arguments."""

from __future__ import annotations

from typing import Any, Callable, Iterator

import torch

WIDE = {
    torch.float32: torch.float64,
    torch.float16: torch.float64,
    torch.bfloat16: torch.float64,
    torch.complex64: torch.complex128,
    torch.complex32: torch.complex128,
}
WIDEST = (torch.float64, torch.complex128)


def wide(tensor: torch.Tensor) -> torch.Tensor:
    """In float64 (or complex128), where it is of a narrower floating type."""
    return tensor.to(WIDE[tensor.dtype]) if tensor.dtype in WIDE else tensor


def mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
        return type(value)(mapped(entry, change) for entry in value) if type(value) in (list, tuple) else value
    return change(value)


def tensors_of(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for entry in value:
            yield from tensors_of(entry)
    elif isinstance(value, dict):
        for entry in value.values():
            yield from tensors_of(entry)
