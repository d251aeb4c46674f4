# SPDX-License-Identifier: Apache-2.0
"""What PyTorch puts around a network or a part of one (DataParallel, DistributedDataParallel, torch.compile, FSDP, activation
checkpointing), and the segments that this puts into the names of a state dict."""

from __future__ import annotations

from typing import Optional

from torch import nn

_PARALLEL = (nn.DataParallel, nn.parallel.DistributedDataParallel)
_PARALLEL_INNER = "module"
_COMPILED_INNER = "_orig_mod"
_SHARDED_INNER = ("_fsdp_wrapped_module", "_checkpoint_wrapped_module")

# The attributes under which a wrapper that computes what its inner module does keeps that module.
PLAIN_INNER = frozenset((_PARALLEL_INNER, _COMPILED_INNER))
# The same of all wrappers, those too that keep a part of the weights.
ANY_INNER = PLAIN_INNER.union(_SHARDED_INNER)


def is_parallel(module: nn.Module) -> bool:
    return isinstance(module, _PARALLEL)


def unwrapped(module: nn.Module, sharded: bool = False) -> nn.Module:
    """Without DataParallel, DistributedDataParallel and torch.compile around it; with `sharded` without FSDP and activation
    checkpointing too."""
    while True:
        inner = _inner(module, sharded)
        if inner is None:
            return module
        module = inner


def without_wrappers(name: str) -> str:
    """`module.features._orig_mod.0.weight` as `features.0.weight`."""
    return ".".join(segment for segment in name.split(".") if segment not in ANY_INNER)


def _inner(module: nn.Module, sharded: bool) -> Optional[nn.Module]:
    names = (*(_SHARDED_INNER if sharded else ()), _COMPILED_INNER, *((_PARALLEL_INNER,) if is_parallel(module) else ()))
    inner = (getattr(module, name, None) for name in names)
    return next((found for found in inner if isinstance(found, nn.Module)), None)
