# SPDX-License-Identifier: Apache-2.0
"""Operators that have no form in float64, computed by others that have one."""

from __future__ import annotations

from typing import Any

import torch

from .wide_types import WIDE, wide

# A program may name the fused forms of attention; a float64 run takes the plain one.
FUSED_ATTENTION = frozenset(
    ("_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_fused_attention_overrideable")
)


def plain_attention(func: Any, args: Any, kwargs: Any) -> Any:
    """The arguments of the fused form are query, key, value, dropout_p, is_causal, and by name attn_mask and scale; what only
    a backward pass needs is not made."""
    names = [argument.name for argument in func._schema.arguments]
    given = {**dict(zip(names, args)), **kwargs}
    mask = given.get("attn_mask", given.get("attn_bias"))
    query, key, value = (wide(given[name]) for name in ("query", "key", "value"))
    if isinstance(mask, torch.Tensor) and mask.dtype in WIDE:
        mask = wide(mask)
    answer, weights = torch.ops.aten._scaled_dot_product_attention_math(
        query, key, value, mask, 0.0, given.get("is_causal", False), None, scale=given.get("scale")
    )
    return (answer, weights.logsumexp(-1), *(None for _ in func._schema.returns[2:]))


def plain_grouped(func: Any, args: Any, kwargs: Any) -> torch.Tensor:
    """Products of groups of rows (the tokens of an expert) with a matrix each, which has no form in float64."""
    names = [argument.name for argument in func._schema.arguments]
    given = {**dict(zip(names, args)), **kwargs}
    left, right = wide(given[names[0]]), wide(given[names[1]])
    if left.dim() == 3 and right.dim() == 3:
        answer = torch.bmm(left, right)
    else:
        stops = [int(end) for end in given["offs"].tolist()]
        groups = list(zip([0, *stops], stops))
        if left.dim() == 2 and right.dim() == 3:
            answer = left.new_zeros((left.shape[0], right.shape[2]))
            for group, (begin, end) in enumerate(groups):
                answer[begin:end] = left[begin:end] @ right[group]
        elif left.dim() == 3:
            answer = left.new_zeros((left.shape[1], right.shape[1]))
            for group, (begin, end) in enumerate(groups):
                answer[:, begin:end] = left[group] @ right[:, begin:end]
        else:
            answer = torch.stack([left[:, begin:end] @ right[begin:end] for begin, end in groups])
    bias = given.get("bias")
    return answer if bias is None else answer + wide(bias)
