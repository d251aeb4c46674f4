# SPDX-License-Identifier: Apache-2.0
"""Operators that a library registers beside PyTorch's own, taken apart into PyTorch's own where a program is written down: no
plain LibTorch has them.

An operator is taken apart by what is known of it here, or by tracing its own implementation in Python. One that decides by
values, or computes in C++ or numpy, cannot be traced and stays; the program is not written then, and the operator is named.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, Optional

import torch


def without_foreign(exported: Any, operators: Iterable[Any]) -> Any:
    """The program with these overloads taken apart; as it was where one cannot be."""
    table: Dict[Any, Callable[..., Any]] = {}
    for operator in operators:
        implementation = _KNOWN.get(operator._schema.name) or _implementation_of(operator)
        if implementation is None:
            return exported
        table[operator] = implementation
    try:
        return exported.run_decompositions(table)
    except Exception:
        return exported  # it still names the operator, and is refused by that


def _implementation_of(operator: Any) -> Optional[Callable[..., Any]]:
    """That of an operator which was defined in Python (torch.library.custom_op) or of others; none of one that writes."""
    if operator._schema.is_mutable:
        return None
    if operator.has_kernel_for_dispatch_key(torch._C.DispatchKey.CompositeImplicitAutograd):
        return operator.decompose
    try:
        from torch._library.custom_ops import OPDEFS
    except ImportError:  # none of PyTorch's public interface: a version may lack it
        return None
    definition = OPDEFS.get(operator._schema.name)
    implementations = getattr(definition, "_backend_fns", {})
    return implementations.get("cpu") or implementations.get(None) or getattr(definition, "_init_fn", None)


def _grouped_mm(input: torch.Tensor, weight: torch.Tensor, offs: torch.Tensor) -> torch.Tensor:
    """Each row times the matrix of its group; `offs` are the groups' ends among the rows. Rows beyond the last give zeros.
    Its own implementation asks for the ends, which a program cannot."""
    group = (torch.arange(input.size(0), device=input.device).unsqueeze(1) >= offs.unsqueeze(0)).sum(1)
    if input.size(0) <= weight.size(0):
        chosen = weight[group.clamp(max=weight.size(0) - 1)]
        rows = torch.bmm(input.unsqueeze(1), chosen).squeeze(1)
        return torch.where((group < weight.size(0)).unsqueeze(1), rows, torch.zeros_like(rows))
    rows = torch.zeros_like(input[:, :1] * weight[0, :1])
    for index in range(weight.size(0)):
        rows = torch.where((group == index).unsqueeze(1), torch.mm(input, weight[index]), rows)
    return rows


_KNOWN: Dict[str, Callable[..., Any]] = {"transformers::grouped_mm_fallback": _grouped_mm}
