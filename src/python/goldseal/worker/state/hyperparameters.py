# SPDX-License-Identifier: Apache-2.0
"""What a network is configured with and no state dict holds: eps, strides, paddings, and numbers of the user's own layers."""

from __future__ import annotations

import enum
from typing import Any, Iterator

import torch
from torch import nn

from .attribute_values import read_by_forward

# Hyperparameters that a state dict does not hold and answers depend on, under the names that torch.nn gives them. Only
# names that every PyTorch from 1.13 on has: a name that one version lacks would look like a difference.
HYPERPARAMETERS = frozenset(
    "affine align_corners alpha anchors approximate batch_first beta bidirectional ceil_mode count_include_pad dilation "
    "dim embedding_dim end_dim eps groups head_dim hidden_size input_size kernel_size lower max_norm max_val min_val mode "
    "negative_slope norm_first norm_type normalized_shape num_groups num_heads num_layers output_padding output_size "
    "padding padding_idx padding_mode proj_size return_indices scale_factor size start_dim stride threshold "
    "track_running_stats upper upscale_factor value".split()
)


# Of PyTorch's own layers alone, told since seals hold choices: in a user's layer the same words may be anything.
_OF_TORCH = frozenset(
    "add_zero_attn cutoffs div_value divisor_override downscale_factor include_last_offset k keepdim lambd nonlinearity norm "
    "output_ratio recompute_scale_factor unflattened_size".split()
)
_CONTAINERS = (nn.Module, nn.Sequential, nn.ModuleList, nn.ModuleDict)


def configuration_of(module: nn.Module) -> dict[str, str]:
    """The hyperparameters by their dotted paths; numbers as the shortest decimal that reads back exactly."""
    found = {}
    for prefix, part in module.named_modules():
        told = HYPERPARAMETERS | _OF_TORCH if _is_torchs_layer(type(part)) else HYPERPARAMETERS
        for name, value in vars(part).items():
            if name in told and is_plain(value):
                found[f"{prefix}.{name}" if prefix else name] = str(value)
        for name, text in _own_hyperparameters(part):
            found.setdefault(f"{prefix}.{name}" if prefix else name, text)
    return found


def _is_torchs_layer(kind: type) -> bool:
    """One of them, or a class of the user's that is made from one."""
    return any(base.__module__.startswith("torch.nn.") and base not in _CONTAINERS for base in kind.__mro__)


def _own_hyperparameters(part: nn.Module) -> Iterator[tuple[str, str]]:
    """Of a module that PyTorch does not define and that holds no others: the numbers, switches and choices that its forward()
    reads and does not assign (`variance_epsilon` of a norm). What no code reads differs between versions of a library."""
    kind = type(part)
    if part._modules or isinstance(part, torch.jit.ScriptModule) or kind.__module__.partition(".")[0] == "torch":
        return
    read = read_by_forward(kind)
    for name in sorted(read.attributes - read.assigned - HYPERPARAMETERS - {"training"}):
        value = vars(part).get(name)
        if isinstance(value, enum.Enum):
            yield name, f"{type(value).__qualname__}.{value.name}"
        elif isinstance(value, (bool, int, float)):
            yield name, str(value)


def is_plain(value: Any) -> bool:
    """A number or a text, or a tuple or list of them."""
    if isinstance(value, (tuple, list)):
        return all(is_plain(entry) for entry in value)
    return isinstance(value, (bool, int, float, str))
