# SPDX-License-Identifier: Apache-2.0
"""What a forward pass leaves for the next one: a count, a hidden state, a list that grows. A network that answers by it answers
otherwise when it is asked again, with the same weights and inputs."""

from __future__ import annotations

import numbers
from typing import Any, Dict, Set

import torch
from torch import nn

from .attribute_values import is_users_module, read_by_forward
from .loading import same_bits


def assigned_values(module: nn.Module) -> Dict[str, Any]:
    """By their dotted paths, the attributes that forward() of the user's own classes both reads and assigns."""
    found: Dict[str, Any] = {}
    for prefix, part in module.named_modules():
        if is_users_module(type(part).__module__):
            read = read_by_forward(type(part))
            for name in read.attributes & read.assigned:
                value = part._buffers.get(name, vars(part).get(name))
                found[f"{prefix}.{name}" if prefix else name] = len(value) if isinstance(value, list) else value
    return found


def left_otherwise(before: Dict[str, Any], after: Dict[str, Any]) -> Set[str]:
    """Those of two tables of assigned_values() that are not the same. A value that no comparison takes is the same; what a pass
    made where there was nothing may be a table that is made once."""
    return {name for name, value in after.items() if before.get(name) is not None and not _same(before[name], value)}


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return one is other or same_bits(one, other)
    if isinstance(one, numbers.Number) and isinstance(other, numbers.Number):
        return bool(one == other)
    return not isinstance(other, (torch.Tensor, numbers.Number)) or one is other
