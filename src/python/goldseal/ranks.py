# SPDX-License-Identifier: Apache-2.0
"""Which process of a distributed run this one is, and whether a model is sharded over several."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    from torch import nn


def rank() -> int:
    import torch

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank()
    return int(os.environ.get("RANK") or 0)


def is_sharded(model: Any) -> bool:
    from torch import nn

    from . import sharded

    return isinstance(model, nn.Module) and sharded.is_sharded(model)


def module_of_rank_zero(model: Any) -> Optional[nn.Module]:
    """What the golden inputs run in; None on the other ranks. Of a sharded model every rank calls it."""
    from .live_network import unwrap
    from .sharded import whole_copy

    if is_sharded(model):
        return whole_copy(model)
    return unwrap(model) if rank() == 0 else None
