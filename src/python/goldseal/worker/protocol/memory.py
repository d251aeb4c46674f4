# SPDX-License-Identifier: Apache-2.0
"""The memory of a tensor: whether its elements are there to be read, and which tensors share it."""

from __future__ import annotations

from typing import Any

import torch


def storage_of(tensor: torch.Tensor) -> Any:
    """Under the name that this PyTorch has for it, which is another one before 2.0."""
    return tensor.untyped_storage() if hasattr(tensor, "untyped_storage") else tensor.storage()


def memory_of(tensor: torch.Tensor) -> Any:
    """What tensors that share a storage have in common, as long as they live. None for a tensor without a storage."""
    try:
        return storage_of(tensor)._cdata
    except (RuntimeError, NotImplementedError, ValueError):  # a sparse tensor, or one without a shape yet
        return None


def memory_of_elements(tensor: torch.Tensor) -> Any:
    """As memory_of(), but None for an empty tensor: it shares no element with another, whatever its storage is."""
    try:
        return memory_of(tensor) if tensor.numel() else None
    except (RuntimeError, NotImplementedError, ValueError):
        return None


def has_memory(tensor: torch.Tensor) -> bool:
    # PyTorch 1.13 makes of a meta tensor that an archive puts on the CPU one without memory.
    return not tensor.is_meta and (tensor.numel() == 0 or tensor.data_ptr() != 0)


def is_whole(tensor: torch.Tensor) -> bool:
    """Of a strided tensor, whether all its memory is there: FSDP gives back that of a sharded parameter, and of what it
    gathered, between passes."""
    if tensor.numel() == 0:
        return True
    last = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride()))
    needed = (tensor.storage_offset() + last + 1) * tensor.element_size()
    return has_memory(tensor) and bool(storage_of(tensor).nbytes() >= needed)
