# SPDX-License-Identifier: Apache-2.0
"""Tensors that a constructor leaves outside of its module, in a global, a class or a function's cache (functools.lru_cache): on
the meta device they have no values, and whatever is built later would take them for tables. They are found and taken out."""

from __future__ import annotations

import contextlib
import functools
import gc
import sys
import types
import weakref
from typing import Any, Callable, Dict, Iterator, List, Optional, Set, Tuple

import torch
from torch import nn

from ..state.outside_state import attribute_tensors
from .meta_device import meta_device

try:
    from torch.overrides import TorchFunctionMode
except ImportError:
    TorchFunctionMode = object  # type: ignore[assignment,misc]

_MOST_STEPS = 4  # from a tensor to the container that is changed
_NOT_LOOKED_AT = frozenset(getattr(sys, "stdlib_module_names", ())) | {"torch", "numpy", "sympy", "goldseal"}


class _Made(TorchFunctionMode):
    """Holds what functions of PyTorch return, weakly."""

    def __init__(self) -> None:
        super().__init__()
        self.made: List[Any] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        answer = func(*args, **(kwargs or {}))
        for tensor in answer if isinstance(answer, (tuple, list)) else (answer,):
            if isinstance(tensor, torch.Tensor):
                self.made.append(weakref.ref(tensor))
        return answer


class Strays:
    """What was made while `watched`, and is held by something other than the module."""

    def __init__(self) -> None:
        self._mode = _Made()
        self._before: Dict[int, Dict[str, Any]] = {}  # of modules and classes, by their identity

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        self._before = {id(names): dict(vars(names)) for names in _namespaces()}
        with self._mode:
            yield

    def take_out(self, module: Any = None) -> bool:
        """Out of whatever holds them; names of modules and classes stand for what they stood for before. False where there are
        none."""
        own = _tensors_of(module) if isinstance(module, nn.Module) else set()
        if self._alive(own):
            gc.collect()  # what only a cycle holds is no stray
        left = self._alive(own)
        found = bool(left)
        while left:
            count, held = len(left), left[-1]
            del left
            self._free(held, set(), _MOST_STEPS)
            del held  # it would be held by this frame alone
            left = self._alive(own)
            if len(left) >= count:
                break
        return found

    def _alive(self, own: Set[int]) -> List[torch.Tensor]:
        alive = (reference() for reference in self._mode.made)
        return [tensor for tensor in alive if tensor is not None and tensor.is_meta and id(tensor) not in own]

    # No comprehension here may name `held`: its cell would be one of the holders.
    def _free(self, held: Any, passed: Set[int], steps: int) -> None:
        holders = gc.get_referrers(held)
        passed.add(id(holders))
        for holder in holders:
            if id(holder) in passed or isinstance(holder, (types.FrameType, nn.Module)):
                continue
            passed.add(id(holder))
            if isinstance(holder, functools._lru_cache_wrapper):
                holder.cache_clear()
            elif isinstance(holder, list):
                _remove(holder, held)
            elif isinstance(holder, types.CellType):
                holder.cell_contents = None
            elif isinstance(holder, dict):
                owner = _owner_of(holder)
                for name in _names_of(holder, held):
                    if owner is None:
                        del holder[name]
                    else:
                        self._put_back(owner, name)
            elif _names_of(getattr(holder, "__dict__", {}), held):
                for name in _names_of(vars(holder), held):
                    self._put_back(holder, name)
            elif steps > 0:
                self._free(holder, passed, steps - 1)

    def _put_back(self, owner: Any, name: str) -> None:
        before = self._before.get(id(owner))
        if before is not None and name not in before:
            delattr(owner, name)
        elif before is not None:
            setattr(owner, name, before[name])
        elif name in _set_by_constructor(type(owner)):
            setattr(owner, name, None)
        else:
            delattr(owner, name)


def built_on_meta(build: Callable[[], Any]) -> Optional[Tuple[Any, bool]]:
    """What `build()` returns on the meta device, and whether it left tensors elsewhere; these are taken out in any case. Raises what
    it raises, without the frames that would hold them. None where PyTorch (before 2.0) cannot do that."""
    if not hasattr(torch.device, "__enter__"):
        return None
    strays = Strays()
    try:
        with meta_device(), strays.watched():
            built = build()
    except BaseException as error:
        error.__traceback__ = None
        strays.take_out()
        raise
    return built, strays.take_out(built)


def _names_of(names: Any, held: Any) -> List[Any]:
    return [name for name, value in list(names.items()) if value is held]


def _remove(entries: List[Any], held: Any) -> None:
    entries[:] = [entry for entry in entries if entry is not held]


def _owner_of(names: Dict[Any, Any]) -> Any:
    """What has these as its attributes; None for a dict of its own."""
    for holder in gc.get_referrers(names):
        if isinstance(holder, types.FrameType):
            continue
        if isinstance(holder, type):
            if all(vars(holder).get(name) is value for name, value in names.items()):
                return holder
        elif getattr(holder, "__dict__", None) is names:
            return holder
    return None


def _set_by_constructor(kind: type) -> Set[str]:
    code = getattr(getattr(kind, "__init__", None), "__code__", None)
    return set(code.co_names) if code is not None else set(vars(kind))


def _namespaces() -> Iterator[Any]:
    """Modules and the classes in them, but of PyTorch and of Python."""
    for name, module in list(sys.modules.items()):
        if not isinstance(module, types.ModuleType) or name.partition(".")[0] in _NOT_LOOKED_AT or not hasattr(module, "__file__"):
            continue
        yield module
        yield from (value for value in list(vars(module).values()) if isinstance(value, type) and value.__module__ == name)


def _tensors_of(module: nn.Module) -> Set[int]:
    found: Set[int] = set()
    for part in module.modules():
        for table in (part._parameters, part._buffers, vars(part)):
            found |= {id(tensor) for tensor in table.values() if isinstance(tensor, torch.Tensor)}
        found |= {id(tensor) for value in vars(part).values() if isinstance(value, (list, tuple)) for tensor in value if isinstance(tensor, torch.Tensor)}
    return found | {id(tensor) for _, tensor in attribute_tensors(module)}
