# SPDX-License-Identifier: Apache-2.0
"""Numbers and numpy arrays that forward() of the user's own modules reads, from attributes of the module or of its class and
from globals beside it: no state dict holds them, and no operator shows that they are read, so that the code is asked which it names."""

from __future__ import annotations

import argparse
import dataclasses
import dis
import functools
import inspect
import itertools
import sys
import types
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple

import torch
from torch import nn

from ..user_code.reachable_state import cell_contents
from ..user_code.sources import is_own

_MODULES_OWN = frozenset(vars(nn.Module()))
_MOST_NUMBERS = 4096  # in a list
_MOST_BYTES = 64 << 20
_MOST_VALUES = 4096
_MAX_DEPTH = 4
_MOST_FUNCTIONS = 1024


class Read(NamedTuple):
    """What forward() and the functions that it calls name."""

    attributes: frozenset[str]
    assigned: frozenset[str]  # attributes and globals
    globals: Tuple[Tuple[str, str], ...]  # module and name
    registered: frozenset[str] = frozenset()  # the texts beside a call of register_buffer() or setattr()
    filled: frozenset[str] = frozenset()  # the attributes beside code that puts entries into a dict or a list
    functions: Tuple[types.FunctionType, ...] = ()  # the user's own among them, with what is wrapped around them
    asked: frozenset[str] = frozenset()  # what may be there or not: getattr() with a default, hasattr(), get(), except AttributeError


_known: Dict[type, Read] = {}


def read_by_forward(kind: type) -> Read:
    if kind not in _known:
        _known[kind] = _read_by_forward(kind, inspect.getattr_static(kind, "forward", None))
    return _known[kind]


def reads_of(part: nn.Module) -> Read:
    """The same of one module, which may have a forward() of its own in the place of its class's."""
    own = vars(part).get("forward")
    own = getattr(own, "__func__", own)
    return _read_by_forward(type(part), own) if isinstance(own, types.FunctionType) else read_by_forward(type(part))


def _read_by_forward(kind: type, forward: Any) -> Read:
    attributes: Set[str] = set()
    assigned: Set[str] = set()
    registered: Set[str] = set()
    filled: Set[str] = set()
    asked: Set[str] = set()
    named: Set[Tuple[str, str]] = set()
    waiting: List[Any] = [forward]
    seen: Set[types.CodeType] = set()
    called: List[types.FunctionType] = []
    while waiting:
        begin = waiting.pop()
        function = _function_of(begin)
        called.extend(wrapper for wrapper in _wrappers_of(begin) if is_own(wrapper.__code__.co_filename))
        if function is None or function.__code__ in seen or len(seen) >= _MOST_FUNCTIONS:
            continue
        seen.add(function.__code__)
        own, names = set(), set()  # type: Set[str], Set[str]
        _collect(function.__code__, own, names, assigned)
        asked_here = _asked_for(function.__code__)
        asked |= asked_here
        own |= asked_here | _texts_of_getattr(function.__code__)
        registered |= _registered_by(function.__code__)
        filled |= own if _fills_containers(function.__code__) else set()
        attributes |= own
        waiting.extend(inspect.getattr_static(kind, name, None) for name in sorted(own))  # the same order in every process
        if is_users_module(function.__module__):
            called.append(function)
            waiting.extend(inner for inner in map(cell_contents, function.__closure__ or ()) if isinstance(inner, types.FunctionType))
            named |= {(function.__module__, name) for name in names}
            waiting.extend(found for found in map(function.__globals__.get, sorted(names)) if isinstance(found, types.FunctionType) and is_users_module(found.__module__))
    return Read(frozenset(attributes), frozenset(assigned), tuple(sorted(named)), frozenset(registered), frozenset(filled), tuple(called), frozenset(asked))


def _registered_by(code: types.CodeType) -> Set[str]:
    if {"register_buffer", "setattr"}.isdisjoint(code.co_names):
        return set()
    return {text for text in code.co_consts if isinstance(text, str) and text.isidentifier()}


def _texts_of_getattr(code: types.CodeType) -> Set[str]:
    """The texts beside a call of getattr()."""
    found = set() if "getattr" not in code.co_names else {text for text in code.co_consts if isinstance(text, str) and text.isidentifier()}
    return found.union(*(_texts_of_getattr(inner) for inner in code.co_consts if isinstance(inner, types.CodeType)))


_ASKING = frozenset(("getattr", "hasattr", "get"))
_NEAR = 8  # steps from the name of the call to the text that it is given


def _asked_for(code: types.CodeType) -> Set[str]:
    """The text that getattr(), hasattr() and the get() of a dict are given; where AttributeError is caught, what is read there."""
    found: Set[str] = set()
    steps = list(dis.get_instructions(code)) if not _ASKING.isdisjoint(code.co_names) or "AttributeError" in code.co_names else []
    for index, step in enumerate(steps):
        if step.argval in _ASKING and step.opname.startswith("LOAD_"):
            texts = [near.argval for near in steps[index + 1 : index + 1 + _NEAR] if near.opname == "LOAD_CONST" and isinstance(near.argval, str)]
            found.update(text for text in texts[:1] if text.isidentifier())
    if "AttributeError" in code.co_names:
        found.update(str(step.argval) for step in steps if step.opname == "LOAD_ATTR")
    return found.union(*(_asked_for(inner) for inner in code.co_consts if isinstance(inner, types.CodeType)))


def _fills_containers(code: types.CodeType) -> bool:
    methods = {"append", "extend", "insert", "setdefault", "update"}
    return not methods.isdisjoint(code.co_names) or any(step.opname == "STORE_SUBSCR" for step in dis.get_instructions(code))


def _wrappers_of(value: Any) -> List[types.FunctionType]:
    """What decorators put around a function."""
    found: List[types.FunctionType] = []
    while isinstance(value, types.FunctionType) and "__wrapped__" in vars(value):
        found.append(value)
        value = vars(value)["__wrapped__"]
    return found


def _function_of(value: Any) -> Optional[types.FunctionType]:
    if isinstance(value, (property, functools.cached_property)):
        value = value.fget if isinstance(value, property) else value.func
    elif isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    while isinstance(value, types.FunctionType) and "__wrapped__" in vars(value):
        value = vars(value)["__wrapped__"]
    return value if isinstance(value, types.FunctionType) else None


def _collect(code: types.CodeType, attributes: Set[str], names: Set[str], assigned: Set[str]) -> None:
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            attributes.add(str(step.argval))
        elif step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            names.add(str(step.argval))
        elif step.opname in ("STORE_ATTR", "DELETE_ATTR", "STORE_GLOBAL"):
            assigned.add(str(step.argval))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            _collect(constant, attributes, names, assigned)


def is_users_module(name: str) -> bool:
    if name == "__main__":
        return True
    file = getattr(sys.modules.get(name), "__file__", None)
    return isinstance(file, str) and _is_own(file)


# Every part of a network is asked about in every pass, and each answer takes a system call for each folder of the path.
_is_own = functools.lru_cache(maxsize=4096)(is_own)


def as_tensor(value: Any) -> Optional[torch.Tensor]:
    """A number, an array, or a list of lists of numbers with one length each; None for anything else."""
    if isinstance(value, bool):
        return torch.tensor(value)
    if isinstance(value, int):
        return torch.tensor(int(value)) if -(2**63) <= value < 2**63 else None
    if isinstance(value, float):
        return torch.tensor(float(value), dtype=torch.float64)
    if isinstance(value, (list, tuple)):
        return _of_list(value)
    numpy = sys.modules.get("numpy")
    if numpy is None or not isinstance(value, (numpy.ndarray, numpy.generic)):
        return None
    array = numpy.ascontiguousarray(value).reshape(numpy.shape(value))
    if array.dtype.kind not in "biufc" or array.nbytes > _MOST_BYTES:
        return None
    try:
        return torch.from_numpy(array.copy())
    except (TypeError, ValueError):  # a type that PyTorch lacks, another byte order
        return None


def _of_list(value: Any) -> Optional[torch.Tensor]:
    waiting: List[Any] = [value]
    numbers: List[Any] = []
    while waiting:
        part = waiting.pop()
        if isinstance(part, (list, tuple)):
            waiting.extend(part)
        elif isinstance(part, (bool, int, float)):
            numbers.append(part)
        else:
            return None
        if len(numbers) + len(waiting) > _MOST_NUMBERS:
            return None
    if not numbers:
        return None
    try:
        return torch.tensor(value, dtype=torch.float64 if any(isinstance(one, float) for one in numbers) else None)
    except (TypeError, ValueError, RuntimeError, OverflowError):  # lists of several lengths, numbers beyond 64 bits
        return None


def attribute_values(module: nn.Module, left_out: frozenset[str]) -> Iterator[Tuple[str, torch.Tensor, str]]:
    """Name, value, and `number` or `array`. What forward() assigns itself is no part of what was built; names in `left_out`
    are told elsewhere. Of attributes of classes the path of the first part is told, of globals `module:name`."""
    found = itertools.chain(_of_parts(module, left_out), _of_globals(module))
    for path, tensor in itertools.islice(found, _MOST_VALUES):
        yield path, tensor, "array" if tensor.dim() else "number"


def _of_parts(module: nn.Module, left_out: frozenset[str]) -> Iterator[Tuple[str, torch.Tensor]]:
    for prefix, part in module.named_modules():
        kind = type(part)
        if not is_users_module(kind.__module__):
            continue
        read = read_by_forward(kind)
        for name in sorted(read.attributes - read.assigned - _MODULES_OWN):
            value = vars(part)[name] if name in vars(part) else inspect.getattr_static(kind, name, None)
            if not (name in left_out and _is_plain(value)):
                yield from _leaves(f"{prefix}.{name}" if prefix else name, value, 0)


def _of_globals(module: nn.Module) -> Iterator[Tuple[str, torch.Tensor]]:
    kinds = {type(part) for part in module.modules() if is_users_module(type(part).__module__)}
    reads = [read_by_forward(kind) for kind in kinds]
    assigned = frozenset().union(*(read.assigned for read in reads))  # type: frozenset[str]
    for place, name in sorted({named for read in reads for named in read.globals}):
        if name in assigned:
            continue
        value = getattr(sys.modules.get(place), "__dict__", {}).get(name)
        if isinstance(value, torch.Tensor):
            if value.layout is torch.strided and not value.is_quantized and not value.is_meta and value.numel() * value.element_size() <= _MOST_BYTES:
                yield f"{place}:{name}", value.detach()
            continue
        yield from _leaves(f"{place}:{name}", value, 0)


def _is_plain(value: Any) -> bool:
    return isinstance(value, (bool, int, float, list, tuple))


def is_settings(value: Any) -> bool:
    """An object that is made of its values, whose numbers are told here by their paths."""
    return isinstance(value, (types.SimpleNamespace, argparse.Namespace)) or (dataclasses.is_dataclass(value) and hasattr(value, "__dict__"))


def _leaves(path: str, value: Any, depth: int) -> Iterator[Tuple[str, torch.Tensor]]:
    """The value, or what settings are made of: dicts, lists, dataclasses, namespaces. Other objects have a life of their own."""
    tensor = as_tensor(value)
    if tensor is not None:
        yield path, tensor
        return
    parts: Iterable[Tuple[Any, Any]] = ()
    if isinstance(value, dict):
        parts = list(dict.items(value))
    elif isinstance(value, (list, tuple)) and len(value) <= _MOST_NUMBERS:
        parts = enumerate(value)
    elif isinstance(value, functools.partial):
        parts = [*enumerate(value.args), *value.keywords.items()]
    elif is_settings(value):
        parts = list(vars(value).items()) if not isinstance(value, type) else ()
    if depth < _MAX_DEPTH:
        for key, part in parts:
            if isinstance(key, (str, int)):
                yield from _leaves(f"{path}.{key}", part, depth + 1)


def values_by_name(module: nn.Module, left_out: frozenset[str]) -> Dict[str, torch.Tensor]:
    return {name: tensor for name, tensor, _ in attribute_values(module, left_out)}
