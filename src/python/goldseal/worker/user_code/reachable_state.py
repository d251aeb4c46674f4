# SPDX-License-Identifier: Apache-2.0
"""What a module's code can reach: its attributes, its hooks, and what the functions that it calls name."""

from __future__ import annotations

import collections
import enum
import functools
import os
import pathlib
import re
import sys
import sysconfig
import types
from typing import Any, Iterator, List, Optional, Tuple

import torch
from torch import nn

from .sources import GOLDSEAL

Parts = List[Tuple[str, Any]]  # each with the label that it has in its whole

MISSING = object()  # what a name stands for that stands for nothing

_CONSTANTS = (
    type(None), type(...), type(NotImplemented), bool, int, float, complex, str, bytes, range, slice, enum.Enum, re.Pattern,
    pathlib.PurePath, torch.dtype, torch.device, torch.layout, torch.memory_format, types.BuiltinFunctionType, types.CodeType,
    types.GetSetDescriptorType, types.MemberDescriptorType, types.ModuleType,
)  # fmt: skip
_NO_STATE = frozenset(
    "__dict__ __weakref__ __doc__ __module__ __qualname__ __annotations__ __abstractmethods__ _abc_impl __slots__ "
    "__static_attributes__ __firstlineno__ __annotate_func__ __annotations_cache__".split()
)
# What Lightning hangs the whole training on; a forward pass computes with none of it.
TRAINING = frozenset(("_trainer", "_fabric"))


def _installed_places() -> tuple[str, ...]:
    places = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    places.add(os.path.dirname(os.path.dirname(os.path.abspath(torch.__file__))))
    places.add(GOLDSEAL)
    return tuple(os.path.join(os.path.realpath(place), "") for place in places if place)


_INSTALLED = _installed_places()


@functools.lru_cache(maxsize=4096)
def _is_installed_file(file: str) -> bool:
    # A line of a .pth file, or PYTHONPATH, may lead to the packages of another environment.
    place = os.path.realpath(file)
    return place.startswith(_INSTALLED) or not {"site-packages", "dist-packages"}.isdisjoint(place.split(os.sep))


def is_installed(module: Optional[str]) -> bool:
    """Whether a module by that name is a package's or Python's own, whose code and globals a training script leaves alone."""
    found = sys.modules.get(module or "")
    if found is None or module == "__main__":
        return False
    file = getattr(found, "__file__", None)
    return file is None or _is_installed_file(file)


def is_constant(value: Any) -> bool:
    return isinstance(value, _CONSTANTS)


def mentioned(code: types.CodeType) -> set[str]:
    """The names of globals and attributes in the code and in the functions inside."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= mentioned(constant)
    return names


def named_globals(function: types.FunctionType) -> dict[str, Any]:
    """The globals that the function's code can name, MISSING for those that are not defined yet."""
    return {name: function.__globals__.get(name, MISSING) for name in sorted(mentioned(function.__code__))}


def _of_function(function: types.FunctionType) -> Parts:
    if is_installed(function.__module__):
        return _of_closure(function)
    parts = _of_closure(function)
    names = named_globals(function)
    for name, value in names.items():
        if value is MISSING:
            continue
        parts.append((name, value))
        if isinstance(value, types.ModuleType) and not is_installed(value.__name__):
            parts += [(f"{name}.{inner}", vars(value)[inner]) for inner in names if inner in vars(value)]
    return parts


def _of_closure(function: types.FunctionType) -> Parts:
    parts: Parts = [("defaults", function.__defaults__), ("keywords", function.__kwdefaults__)]
    parts += [("cell", cell) for cell in function.__closure__ or ()]
    return parts


def _of_class(kind: type) -> Parts:
    kinds = [base for base in kind.__mro__ if not is_installed(base.__module__)]
    return [
        (f"{base.__qualname__}.{name}", value)
        for base in kinds
        for name, value in vars(base).items()
        if name not in _NO_STATE
    ]


def _of_instance(value: Any) -> Optional[Parts]:
    kind = type(value)
    if any(getattr(base, "__slots__", ()) for base in kind.__mro__) or not hasattr(value, "__dict__"):
        return None
    attributes = vars(value).items()
    return [("class", kind), *((name, held) for name, held in attributes if name not in TRAINING)]


def _of_container(value: Any) -> Parts:
    if isinstance(value, dict):
        return [part for key, held in value.items() for part in (("key", key), ("value", held))]
    return [("", held) for held in value]


def cell_contents(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING


def parts_of(value: Any) -> Optional[Parts]:
    """What `value` is made of; None where that cannot be seen. Tensors and constants have no parts."""
    if value is MISSING or isinstance(value, torch.Tensor) or is_constant(value):
        return []
    if isinstance(value, types.FunctionType):
        return _of_function(value)
    if isinstance(value, types.MethodType):
        return [("self", value.__self__), ("function", value.__func__)]
    if isinstance(value, functools.partial):
        return [("function", value.func), ("arguments", value.args), ("keywords", value.keywords)]
    if isinstance(value, (staticmethod, classmethod)):
        return [("function", value.__func__)]
    if isinstance(value, property):
        return [("get", value.fget), ("set", value.fset)]
    if isinstance(value, types.CellType):
        return [("contents", cell_contents(value))]
    if isinstance(value, type):
        return _of_class(value)
    if isinstance(value, (list, tuple, dict, set, frozenset, collections.deque)):
        own = _of_instance(value) if hasattr(value, "__dict__") else []
        return _of_container(value) + (own or [])
    return _of_instance(value)


def global_hooks() -> Iterator[dict[Any, Any]]:
    """Those that every module calls."""
    for name in ("_global_forward_hooks", "_global_forward_pre_hooks"):
        yield getattr(nn.modules.module, name, {})
