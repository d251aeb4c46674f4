# SPDX-License-Identifier: Apache-2.0
"""Plain values of a state dict that are no tensors (extra state), as PROTOCOL.md (values) writes and digests them."""

from __future__ import annotations

import base64
import binascii
import collections
import hashlib
import io
import struct
from typing import Any, Callable, Dict, List

import torch

from .dtypes import dtype_of, host_bytes, name_of
from .refusal import Refusal

_MAX_DEPTH = 64


def digest_of(value: Any) -> str:
    """SHA-256 of the value's canonical form. Raises Refusal for what is no plain value."""
    sha256 = hashlib.sha256()
    sha256.update(_encoded(value, 0))
    return sha256.hexdigest()


def kind_of(value: Any) -> str:
    return "tensor" if isinstance(value, torch.Tensor) else type(value).__name__


def _sized(tag: bytes, content: bytes) -> bytes:
    return tag + str(len(content)).encode() + b":" + content


def _many(tag: bytes, parts: List[bytes]) -> bytes:
    return tag + str(len(parts)).encode() + b":" + b"".join(parts)


def _float(value: float) -> bytes:
    return struct.pack(">d", value).hex().encode()


def _encoded(value: Any, depth: int) -> bytes:
    if depth > _MAX_DEPTH:
        raise Refusal("unsupported", "an extra state is nested too deeply")
    for kind, encode in _ENCODERS.items():
        if isinstance(value, kind):
            return encode(value, depth + 1)
    raise Refusal(
        "unsupported",
        f"an extra state holds a {type(value).__module__}.{type(value).__qualname__}; known are numbers, texts, bytes, "
        "tensors, and tuples, lists, sets and dicts of them",
        remedy="return plain values from get_extra_state()",
    )


def _tensor(tensor: torch.Tensor, _depth: int) -> bytes:
    buffer, _held = host_bytes(tensor.detach())
    shape = ",".join(map(str, tensor.shape))
    return f"T{name_of(tensor.dtype)}[{shape}]".encode() + hashlib.sha256(buffer).digest()


def _dict(value: Dict[Any, Any], depth: int) -> bytes:
    pairs = sorted((_encoded(key, depth), _encoded(entry, depth)) for key, entry in value.items())
    return _many(b"d", [key + entry for key, entry in pairs])


# The first that fits: a bool is an int too.
_ENCODERS: Dict[Any, Callable[[Any, int], bytes]] = {
    type(None): lambda value, depth: b"n",
    bool: lambda value, depth: b"b1" if value else b"b0",
    int: lambda value, depth: f"i{int(value)};".encode(),
    float: lambda value, depth: b"f" + _float(value) + b";",
    complex: lambda value, depth: b"c" + _float(value.real) + _float(value.imag) + b";",
    str: lambda value, depth: _sized(b"s", value.encode("utf-8", "surrogatepass")),
    bytes: lambda value, depth: _sized(b"y", value),
    bytearray: lambda value, depth: _sized(b"a", bytes(value)),
    io.BytesIO: lambda value, depth: _sized(b"B", value.getvalue()),
    torch.Tensor: _tensor,
    torch.dtype: lambda value, depth: f"p{name_of(value)};".encode(),
    torch.device: lambda value, depth: f"v{value};".encode(),
    tuple: lambda value, depth: _many(b"t", [_encoded(entry, depth) for entry in value]),
    list: lambda value, depth: _many(b"l", [_encoded(entry, depth) for entry in value]),
    collections.abc.Mapping: _dict,
    (set, frozenset): lambda value, depth: _many(b"e", sorted(_encoded(entry, depth) for entry in value)),
}


def read_value(written: Any, tensors: List[torch.Tensor]) -> Any:
    """What a table of PROTOCOL.md (load) says."""
    try:
        return _read(written, tensors, 0)
    except (ValueError, TypeError, IndexError, KeyError, binascii.Error, struct.error):
        raise Refusal("usage", "an extra state is not written as the protocol says") from None


def _read(written: Any, tensors: List[torch.Tensor], depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise ValueError
    kind, content = written

    def many() -> List[Any]:
        return [_read(entry, tensors, depth + 1) for entry in content]

    def pairs() -> List[Any]:
        return [(_read(key, tensors, depth + 1), _read(entry, tensors, depth + 1)) for key, entry in content]

    def real(digits: str) -> float:
        return float(struct.unpack(">d", bytes.fromhex(digits))[0])

    readers: Dict[str, Callable[[], Any]] = {
        "none": lambda: None,
        "bool": lambda: bool(content),
        "int": lambda: int(content),
        "float": lambda: real(content),
        "complex": lambda: complex(real(content[:16]), real(content[16:])),
        "str": lambda: str(content),
        "bytes": lambda: base64.b64decode(content, validate=True),
        "bytearray": lambda: bytearray(base64.b64decode(content, validate=True)),
        "BytesIO": lambda: io.BytesIO(base64.b64decode(content, validate=True)),
        "tensor": lambda: tensors[content],
        "dtype": lambda: dtype_of(content),
        "device": lambda: torch.device(content),
        "tuple": lambda: tuple(many()),
        "list": many,
        "dict": lambda: dict(pairs()),
        "OrderedDict": lambda: collections.OrderedDict(pairs()),
        "set": lambda: set(many()),
    }
    return readers[kind]()
