# SPDX-License-Identifier: Apache-2.0
"""Parts that stay in training mode where the whole was put into evaluation mode: a train() or eval() of the network's own may
keep a BatchNorm or a Dropout there, and the answers depend on the batch or on chance."""

from __future__ import annotations

from typing import List

from torch import nn

from .attribute_values import read_by_forward


def kept_in_training(module: nn.Module) -> List[nn.Module]:
    """Those whose answers follow the mode, inside of modules with a train() or eval() of their own: model.eval() would put all
    others into evaluation mode. Of a network that was put into evaluation mode."""
    inside = {id(part) for whole in module.modules() if _has_own_mode(whole) for part in whole.modules()}
    return [part for part in module.modules() if part.training and id(part) in inside and _follows_mode(part)]


def told_training(module: nn.Module) -> List[str]:
    """`bn (BatchNorm2d)` of each of them, once."""
    kept = {id(part) for part in kept_in_training(module)}
    return [f"{name or 'the network'} ({type(part).__qualname__})" for name, part in module.named_modules() if id(part) in kept]


def _has_own_mode(module: nn.Module) -> bool:
    kind = type(module)
    return "train" in vars(module) or "eval" in vars(module) or kind.train is not nn.Module.train or kind.eval is not nn.Module.eval


def _follows_mode(part: nn.Module) -> bool:
    if isinstance(part, nn.modules.batchnorm._NormBase):
        return bool(part.track_running_stats)
    if isinstance(part, nn.modules.dropout._DropoutNd):
        return part.p > 0
    if isinstance(part, (nn.MultiheadAttention, nn.RNNBase)):
        return part.dropout > 0
    if isinstance(part, nn.RReLU):
        return True
    own = type(part).__module__.partition(".")[0] != "torch"
    return own and "training" in read_by_forward(type(part)).attributes
