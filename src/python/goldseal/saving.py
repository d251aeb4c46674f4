# SPDX-License-Identifier: Apache-2.0
"""torch.save, so that a file that cannot be written leaves the one before it whole, and of a sharded model once."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import TYPE_CHECKING, Any, Optional

from .command_words import PathLike
from .ranks import is_sharded, rank

if TYPE_CHECKING:
    from torch import nn


def write_checkpoint(obj: Any, path: PathLike, model: Optional[nn.Module], torch_save: dict[str, Any]) -> None:
    import torch

    if model is not None and is_sharded(model):
        from .sharded import whole_tensors

        whole = whole_tensors(obj)
        # What fails on rank zero fails on every rank: none of them may wait for it in the next collective.
        failure: list[Any] = [None]
        if rank() == 0:
            try:
                save_beside(whole, path, torch_save)
            except Exception as error:
                failure = [error]
        torch.distributed.broadcast_object_list(failure, src=0)
        if failure[0] is not None:
            raise failure[0]
    else:
        save_beside(obj, path, torch_save)


def save_beside(obj: Any, path: PathLike, torch_save: dict[str, Any]) -> None:
    """`torch.save` into a file beside, which then takes the name: tensors of `obj` may be mapped from the very file, and one
    that cannot be saved leaves it as it was. The file has its own name meanwhile, which PyTorch writes into it."""
    import torch

    target = os.path.realpath(os.fspath(path)) if isinstance(path, (str, os.PathLike)) else None
    if target is None or not isinstance(target, str) or (os.path.exists(target) and not os.path.isfile(target)):
        torch.save(obj, path, **torch_save)  # a stream, a device
        return
    with tempfile.TemporaryDirectory(prefix=".goldseal-", dir=os.path.dirname(target)) as beside:
        written = os.path.join(beside, os.path.basename(target))
        torch.save(obj, written, **torch_save)
        if os.path.exists(target):
            shutil.copymode(target, written)
        with open(written, "rb") as file:
            os.fsync(file.fileno())
        os.replace(written, target)


def written_at(path: PathLike) -> Optional[tuple[int, int]]:
    try:
        told = os.stat(path)
    except OSError:
        return None
    return told.st_mtime_ns, told.st_size
