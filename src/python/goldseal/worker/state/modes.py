# SPDX-License-Identifier: Apache-2.0
"""Parts that stay in training mode where the whole was put into evaluation mode: a train() or eval() of the network's own may
keep a BatchNorm or a Dropout there, and the answers depend on the batch or on chance."""

from __future__ import annotations

import copy
from typing import Any, Dict, List

import torch
from torch import nn

from ..user_code.reachable_state import TRAINING
from .attribute_values import read_by_forward
from .outside_state import attribute_tensors


def kept_in_training(module: nn.Module) -> List[nn.Module]:
    """Those whose answers follow the mode, inside of modules with a train() or eval() of their own: model.eval() would put all
    others into evaluation mode. Of a network that was put into evaluation mode."""
    inside = {id(part) for whole in module.modules() if _has_own_mode(whole) for part in whole.modules()}
    return [part for part in module.modules() if part.training and id(part) in inside and _follows_mode(part)]


def told_training(module: nn.Module) -> List[str]:
    """`bn (BatchNorm2d)` of each of them, once."""
    kept = {id(part) for part in kept_in_training(module)}
    return [f"{name or 'the network'} ({type(part).__qualname__})" for name, part in module.named_modules() if id(part) in kept]


def told_training_after_eval(module: nn.Module) -> List[str]:
    """The same of a model that eval() was not called of: asked of a copy without values, since a train() of its own may do more than
    set modes (merge weights, say). Nothing where no such copy can be made."""
    parts = list(module.modules())
    if not any(_has_own_mode(part) for part in parts) or any(isinstance(part, torch.jit.ScriptModule) for part in parts):
        return []
    before = [(part, part.training) for part in parts]
    try:
        skeleton = copy.deepcopy(module, _without_values(module, parts))
        with torch.no_grad():
            skeleton.eval()
        return told_training(skeleton)
    except Exception:
        return []
    finally:
        for part, training in before:  # a function that was put in the place of train() may reach the model itself
            part.training = training


def _without_values(module: nn.Module, parts: List[nn.Module]) -> Dict[int, Any]:
    """What copy.deepcopy is to take for the tensors, by their identities, and for what Lightning hangs on a module."""
    memo: Dict[int, Any] = {}
    tensors = [tensor for _, tensor in attribute_tensors(module)]
    for part in parts:
        for table in (part._parameters, part._buffers, vars(part)):
            tensors += [tensor for tensor in table.values() if isinstance(tensor, torch.Tensor)]
        memo.update({id(vars(part)[name]): None for name in TRAINING if name in vars(part)})
    for tensor in tensors:
        if id(tensor) not in memo:
            held = torch.empty_like(tensor.detach(), device="meta")
            memo[id(tensor)] = nn.Parameter(held, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else held
    return memo


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
