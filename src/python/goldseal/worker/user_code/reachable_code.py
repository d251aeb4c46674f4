# SPDX-License-Identifier: Apache-2.0
"""The files of the functions and modules that a network calls and that its classes' own files do not import: an activation
that was handed in, a forward hook, a method that another module replaced, a module that was loaded by its path."""

from __future__ import annotations

import sys
import types
from typing import Any, Iterator, List, NamedTuple, Set

from torch import nn

from .reachable_state import is_constant, is_installed, parts_of
from .sources import Source

_MOST_OBJECTS = 20000
_FORWARD_HOOKS = ("_forward_hooks", "_forward_pre_hooks")
_OF_EVERY_MODULE = frozenset(vars(nn.Module()))


class Reached(NamedTuple):
    modules: Set[str]  # that `import` knows
    pieces: List[Source]  # files of code that it may not know


def reached_by(network: nn.Module) -> Reached:
    """Nothing is called. What cannot be looked into is left out."""
    reached = Reached(set(), [])
    seen: Set[int] = set()
    waiting = list(_beginnings(network))
    while waiting and len(seen) < _MOST_OBJECTS:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, types.FunctionType):
            _add_function(value, reached)
        elif isinstance(value, types.ModuleType):
            _add_module(value, reached)
            continue
        try:
            parts = parts_of(value) or []
        except Exception:  # attributes of the user's own classes may raise anything
            continue
        waiting.extend(part for _, part in parts if _leads_on(part))
    return reached


def _beginnings(network: nn.Module) -> Iterator[Any]:
    for part in network.modules():
        yield type(part)
        for name, value in vars(part).items():
            if name in _FORWARD_HOOKS:
                yield from value.values()
            elif name not in _OF_EVERY_MODULE and _leads_on(value):
                yield value


def _leads_on(value: Any) -> bool:
    """Functions, and what may hold some. A network's parts are beginnings of their own."""
    if isinstance(value, types.ModuleType):
        return not is_installed(value.__name__)
    return not isinstance(value, nn.Module) and not is_constant(value)


def _add_function(function: types.FunctionType, reached: Reached) -> None:
    name = function.__module__
    if not isinstance(name, str) or is_installed(name):
        return
    reached.modules.add(name)
    file = function.__code__.co_filename
    if getattr(sys.modules.get(name), "__file__", None) != file:
        reached.pieces.append(Source(name, file))


def _add_module(module: types.ModuleType, reached: Reached) -> None:
    name, file = module.__name__, getattr(module, "__file__", None)
    if sys.modules.get(name) is not module:
        if isinstance(file, str):
            reached.pieces.append(Source(name, file))
        return
    reached.modules.add(name)
    if "__getattr__" in vars(module):  # it imports its parts when they are asked for
        reached.modules.update(inner for inner in list(sys.modules) if inner.startswith(name + "."))
