# SPDX-License-Identifier: Apache-2.0
"""What a network holds and no state dict does: buffers that are not persistent, tensors that are plain attributes or lie in
the lists, dicts and objects of attributes, and the numbers and arrays that forward() reads."""

from __future__ import annotations

import dis
import functools
import types
from typing import Any, Dict, FrozenSet, Iterator, List, Set, Tuple

import torch
from torch import nn

from ..numerics.layer_sketch import Sketcher
from ..protocol.dtypes import FLOATING, name_of
from ..protocol.memory import has_memory, is_whole, memory_of_elements
from .attribute_values import attribute_values, read_by_forward

_MODULES_OWN = frozenset(vars(nn.Module())) | {"_flat_weights", "_trainer", "_fabric"}
_MAX_DEPTH = 3
_MAX_TENSORS = 4096
_MAX_VISITED = 50_000


def _parts(value: Any) -> List[Tuple[str, Any]]:
    if isinstance(value, dict):
        return [(str(key), held) for key, held in value.items() if isinstance(key, (str, int))]
    if isinstance(value, (list, tuple)):
        return [(str(index), held) for index, held in enumerate(value)]
    kinds = (nn.Module, type, types.ModuleType, types.FunctionType, types.MethodType, torch.Tensor)
    if isinstance(value, kinds) or not hasattr(value, "__dict__"):
        return []
    return list(vars(value).items())


def attribute_tensors(module: nn.Module) -> Iterator[Tuple[str, torch.Tensor]]:
    """Those below the module's attributes, not the attributes that are tensors themselves, by their dotted paths."""
    seen: set[int] = set()
    count = 0
    for prefix, part in module.named_modules():
        waiting = [
            (f"{prefix}.{name}" if prefix else name, value, 0)
            for name, value in vars(part).items()
            if name not in _MODULES_OWN and not isinstance(value, torch.Tensor)
        ]
        while waiting:
            path, value, depth = waiting.pop(0)
            if isinstance(value, torch.Tensor):
                count += 1
                yield path, value
                continue
            if depth > _MAX_DEPTH or isinstance(value, nn.Module) or id(value) in seen:
                continue
            if count >= _MAX_TENSORS or len(seen) >= _MAX_VISITED:
                return
            seen.add(id(value))
            waiting.extend((f"{path}.{label}", held, depth + 1) for label, held in _parts(value))


def _readable(tensor: torch.Tensor) -> bool:
    plain = tensor.layout is torch.strided and not tensor.is_quantized
    return plain and has_memory(tensor) and is_whole(tensor)


def _values_of(tensor: torch.Tensor) -> torch.Tensor:
    """Complex numbers as pairs."""
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


def described(name: str, tensor: torch.Tensor, kind: str, sha256: str) -> Dict[str, Any]:
    """As PROTOCOL.md (digest) lists it; a sketch tells how far two tables are apart whose bits differ."""
    entry: Dict[str, Any] = {
        "name": name,
        "kind": kind,
        "dtype": name_of(tensor.dtype),
        "shape": list(tensor.shape),
        "sha256": sha256,
    }
    values = _values_of(tensor.detach())
    if values.dtype in FLOATING and values.numel() > 0:
        entry["sketch"] = Sketcher().sketch(values)
    return entry


def outside_state(network: Any) -> List[Tuple[str, torch.Tensor, str]]:
    """Name, tensor, and `buffer`, `attribute`, `held` (below an attribute), `number` or `array`. What shares memory with a
    state that was loaded is that state."""
    return [*tensors_outside(network), *attribute_values(network.module, network.hyperparameters)]


def tensors_outside(network: Any) -> List[Tuple[str, torch.Tensor, str]]:
    """Those of outside_state() that are tensors."""
    loaded = {memory_of_elements(entry.place.get()) for entry in network.digested()}
    found: List[Tuple[str, torch.Tensor, str]] = []
    for entry in network.state_entries:
        tensor = entry.place.get()
        if not (entry.persistent or entry.alias_of or entry.name in network.loaded):
            found.append((entry.name, tensor, "buffer" if entry.place.table == "_buffers" else "attribute"))
    found.extend(_made_later(network))
    found = [one for one in found if _readable(one[1]) and memory_of_elements(one[1]) not in loaded]
    known = {id(tensor) for _, tensor, _ in found}
    for name, tensor in attribute_tensors(network.module):
        if id(tensor) not in known and _readable(tensor) and memory_of_elements(tensor) not in loaded:
            found.append((name, tensor, "held"))
    return found


def _made_later(network: Any) -> Iterator[Tuple[str, torch.Tensor, str]]:
    """Attributes and buffers that a forward pass has set since the network was built."""
    names = {entry.name for entry in network.state_entries}
    for prefix, part in network.module.named_modules():
        if isinstance(part, torch.jit.ScriptModule):
            continue
        for table, kind in ((part._buffers, "buffer"), (vars(part), "attribute")):
            for name, tensor in table.items():
                path = f"{prefix}.{name}" if prefix else name
                if isinstance(tensor, torch.Tensor) and path not in names:
                    yield path, tensor, kind


def remade(module: nn.Module) -> Set[str]:
    """The paths of what code that runs in a forward pass may set: attributes and buffers of the modules, what lies in their lists
    and dicts, and attributes of the objects that they hold."""
    found: Set[str] = set()
    for prefix, part in module.named_modules():
        if isinstance(part, torch.jit.ScriptModule):
            continue
        before = f"{prefix}." if prefix else ""
        read = read_by_forward(type(part))
        for name, value in {**part._buffers, **vars(part)}.items():
            if name in _MODULES_OWN:
                continue
            if isinstance(value, (dict, list, tuple)):
                if name in read.assigned or name in read.filled:
                    found |= {f"{before}{name}.{label}" for label, _ in _parts(value)}
            elif name in read.assigned or name in read.registered:
                found.add(before + name)
            elif _parts(value):
                kind: Any = type(value)
                found |= {f"{before}{name}.{inner}" for inner in _set_by_methods(kind) if inner in vars(value)}
    return found


@functools.lru_cache(maxsize=1024)
def _set_by_methods(kind: type) -> FrozenSet[str]:
    """Of an object that is no module: what its methods assign beside the constructor."""
    codes = [method.__code__ for base in kind.__mro__ for name, method in vars(base).items() if name != "__init__" and isinstance(method, types.FunctionType)]
    return frozenset(str(step.argval) for code in codes for step in dis.get_instructions(code) if step.opname == "STORE_ATTR")
