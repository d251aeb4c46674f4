# SPDX-License-Identifier: Apache-2.0
"""One line for all that a module's program depends on, as far as its code can reach: equal lines, equal programs."""

from __future__ import annotations

import enum
import hashlib
import types
from typing import Any, Dict, Iterable, Optional

import torch

from ..networks.network import Network
from ..protocol.dtypes import host_bytes
from ..protocol.memory import is_whole
from ..user_code.reachable_state import MISSING, global_hooks, is_constant, is_installed, parts_of

_MOST_VALUES = 50_000
_MOST_BYTES = 256 << 20
_MOST_DEPTH = 200


class _Indescribable(Exception):
    pass


def described(network: Network, inputs: dict[str, torch.Tensor], *others: Any) -> Optional[str]:
    """A digest that holds nothing alive. The values of parameters and of persistent buffers are no part of it, the checkpoint
    brings them; those of all other tensors are. None where something is reached that cannot be described."""
    description = _Description({id(entry.place.get()) for entry in network.state_entries if entry.persistent or entry.alias_of})
    try:
        for name, tensor in inputs.items():
            description.add(name)
            description.add_look(tensor)
        description.add(str(torch.get_default_dtype()))
        for value in (network.module, *others, *global_hooks()):
            description.add_value(value, 0)
    except (_Indescribable, RecursionError):
        return None
    return description.digest()


class _Description:
    def __init__(self, state: Iterable[int]) -> None:
        self._sha256 = hashlib.sha256()
        self._state = frozenset(state)
        self._places: Dict[int, int] = {}
        self._held: list[Any] = []  # so that no two have one address
        self._bytes = 0

    def digest(self) -> str:
        return self._sha256.hexdigest()

    def add(self, text: str) -> None:
        data = text.encode("utf-8", "surrogatepass")
        self._sha256.update(b"%d:" % len(data) + data)

    def add_look(self, tensor: torch.Tensor) -> None:
        strides = tensor.stride() if tensor.layout == torch.strided else ()
        self.add(f"{type(tensor)} {tensor.dtype} {tuple(tensor.shape)} {strides} {tensor.device}")

    def add_value(self, value: Any, depth: int) -> None:
        if isinstance(value, types.CodeType):
            return self._add_code(value)
        if is_constant(value):
            return self.add(_constant(value))
        place = self._places.get(id(value))
        if place is not None:
            return self.add(f"again {place}")
        self._places[id(value)] = len(self._places)
        self._held.append(value)
        if len(self._held) > _MOST_VALUES or depth > _MOST_DEPTH:
            raise _Indescribable
        self.add(f"{type(value).__module__}.{type(value).__qualname__}")
        if isinstance(value, torch.Tensor):
            return self._add_tensor(value)
        if isinstance(value, (type, types.FunctionType)):
            self.add(f"{value.__module__}.{value.__qualname__}")
        if isinstance(value, types.FunctionType):
            self._add_code(value.__code__)
        parts = parts_of(value)
        if parts is None or isinstance(value, (set, frozenset)) and not all(is_constant(held) for held in value):
            raise _Indescribable
        if isinstance(value, (set, frozenset)):
            return self.add(repr(sorted(map(_constant, value))))
        if isinstance(value, type) and is_installed(value.__module__):
            return None
        self.add(str(len(parts)))
        for label, held in parts:
            self.add(label)
            self.add_value(held, depth + 1)
        return None

    def _add_code(self, code: types.CodeType) -> None:
        self.add(f"{code.co_name} {code.co_flags} {code.co_varnames} {code.co_names} {code.co_freevars} {code.co_argcount}")
        self.add(code.co_code.hex())
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                self._add_code(constant)
            else:
                self.add(repr(sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant))

    def _add_tensor(self, tensor: torch.Tensor) -> None:
        self.add_look(tensor)
        if id(tensor) in self._state:
            return
        if type(tensor) not in (torch.Tensor, torch.nn.Parameter) or tensor.layout != torch.strided or not is_whole(tensor):
            raise _Indescribable
        self._bytes += tensor.numel() * tensor.element_size()
        if self._bytes > _MOST_BYTES:
            raise _Indescribable
        try:
            buffer, _held = host_bytes(tensor.detach())
        except Exception:  # what kind of tensor it is PyTorch alone knows
            raise _Indescribable from None
        self._sha256.update(buffer)


def _constant(value: Any) -> str:
    if value is MISSING:
        return "missing"
    if isinstance(value, types.ModuleType):
        return f"module {value.__name__}"
    if isinstance(value, enum.Enum):
        return f"{type(value).__module__}.{value}"
    if isinstance(value, types.BuiltinFunctionType):
        owner = value.__self__
        if owner is None or isinstance(owner, (types.ModuleType, type)):
            return f"{value.__module__}.{value.__qualname__}"
        raise _Indescribable
    if isinstance(value, (types.GetSetDescriptorType, types.MemberDescriptorType)):
        return f"{value.__objclass__.__qualname__}.{value.__name__}"
    return f"{type(value).__name__} {value!r}"
