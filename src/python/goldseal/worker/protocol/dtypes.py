# SPDX-License-Identifier: Apache-2.0
"""Element types under the names of the protocol and of safetensors."""

from __future__ import annotations

import ctypes
from typing import Any

import torch

from .refusal import Refusal

FROM_FILE = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_TO_FILE = {dtype: name for name, dtype in FROM_FILE.items()}
# Of a checkpoint's tensors alone: inputs and outputs have the types above.
_OF_WEIGHTS = [
    getattr(torch, name)
    for name in (
        "complex32 complex64 complex128 uint16 uint32 uint64 "
        "float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu"
    ).split()
    if hasattr(torch, name)
]
_FROM_NAME = {str(dtype)[len("torch.") :]: dtype for dtype in [*_TO_FILE, *_OF_WEIGHTS]}
FLOATING = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


def name_of(dtype: torch.dtype) -> str:
    return str(dtype)[len("torch.") :]


def dtype_of(name: str) -> torch.dtype:
    if name not in _FROM_NAME:
        raise Refusal("unsupported", f"dtype `{name}` is not known")
    return _FROM_NAME[name]


def storable(dtype: torch.dtype) -> bool:
    """Whether an input or an output may have this type."""
    return dtype in _TO_FILE


def file_code(dtype: torch.dtype) -> str:
    if dtype not in _TO_FILE:
        raise Refusal("unsupported", f"a tensor of type {name_of(dtype)} cannot be stored in safetensors")
    return _TO_FILE[dtype]


def size_of(dtype: torch.dtype) -> int:
    return torch.empty((), dtype=dtype).element_size()


def host_bytes(tensor: torch.Tensor) -> tuple[Any, torch.Tensor]:
    """The elements in row-major order as a buffer without a copy of its own, and the tensor that keeps it alive."""
    if tensor.layout is not torch.strided or tensor.is_quantized:
        raise Refusal("unsupported", f"a {tensor.layout} tensor has no plain bytes")
    held = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
    count = held.numel() * held.element_size()
    if count == 0:
        return b"", held
    return (ctypes.c_char * count).from_address(held.data_ptr()), held
