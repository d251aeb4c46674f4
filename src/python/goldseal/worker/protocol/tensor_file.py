# SPDX-License-Identifier: Apache-2.0
"""safetensors, the form in which inputs and outputs travel.

8 bytes with the header's length (little-endian), the header, a JSON object from names to
{"dtype", "shape", "data_offsets": [begin, end]}, and the data that the offsets count in.
"""

from __future__ import annotations

import json
import os
from typing import Any

import torch

from . import fields
from .dtypes import FROM_FILE, file_code, host_bytes, size_of
from .mapped_file import map_file
from .refusal import Refusal

MAX_HEADER = 100_000_000


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise Refusal("malformed", "a name stands twice")
    return result


def _parse_header(content: bytes) -> dict[str, Any]:
    try:
        header = json.loads(content, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        header = None
    if content[:1] != b"{" or not isinstance(header, dict):
        raise Refusal("malformed", "the header is not a JSON object")
    return header


def _element_count(shape: list[int]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


def _parse_entry(name: str, value: Any) -> tuple[int, int, str, torch.dtype, list[int]]:
    offsets = fields.sizes(value, "data_offsets")
    if len(offsets) != 2:
        raise Refusal("malformed", "`data_offsets` are two numbers")
    code = fields.text(value, "dtype")
    if code not in FROM_FILE:
        raise Refusal("unsupported", f"dtype `{code}` is not known")
    return offsets[0], offsets[1], name, FROM_FILE[code], fields.sizes(value, "shape")


def _parse(content: memoryview) -> dict[str, torch.Tensor]:
    if len(content) < 8:
        raise Refusal("malformed", "is shorter than a safetensors file can be")
    length = int.from_bytes(content[:8], "little")
    if length > MAX_HEADER or length > len(content) - 8:
        raise Refusal("malformed", "the header is longer than the file or than 100,000,000 bytes")
    header = _parse_header(bytes(content[8 : 8 + length]))
    data = content[8 + length :]
    entries = [_parse_entry(name, value) for name, value in header.items() if name != "__metadata__"]
    tensors = {}
    at = 0
    for begin, end, name, dtype, shape in sorted(entries, key=lambda entry: entry[:2]):
        if begin != at or end - begin != _element_count(shape) * size_of(dtype) or end > len(data):
            raise Refusal(
                "malformed",
                f"`{name}` does not begin where the tensor before it ends, or is not as long as its shape and the file say",
            )
        at = end
        tensor = torch.empty(shape, dtype=dtype)
        if end > begin:
            tensor.view(-1).copy_(torch.frombuffer(bytearray(data[begin:end]), dtype=dtype))
        tensors[name] = tensor
    if at != len(data):
        raise Refusal("malformed", "the tensors do not end where the file ends")
    return {name: tensors[name] for _, _, name, _, _ in entries}


def read_tensors(path: str) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file, in its header's order."""
    try:
        return _parse(memoryview(map_file(path)))
    except Refusal as refusal:
        kind = "malformed" if refusal.kind == "usage" else refusal.kind
        raise Refusal(kind, refusal.message, path) from None


def write_tensors(path: str, tensors: dict[str, torch.Tensor]) -> None:
    """Writes them in their order; raises Refusal where the file cannot be written."""
    if "__metadata__" in tensors:
        raise Refusal(
            "usage",
            "a tensor cannot be called '__metadata__': safetensors keeps that name for itself",
            remedy="give the network's output another name",
        )
    buffers = [host_bytes(tensor) for tensor in tensors.values()]
    header, at = {}, 0
    for (name, tensor), (buffer, _) in zip(tensors.items(), buffers):
        end = at + len(buffer)
        header[name] = {"dtype": file_code(tensor.dtype), "shape": list(tensor.shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for buffer, _ in buffers:
                file.write(buffer)
    except OSError as error:
        raise Refusal("runtime", f"cannot be written: {error.strerror}", path) from None
