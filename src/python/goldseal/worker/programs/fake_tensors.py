# SPDX-License-Identifier: Apache-2.0
"""The tensors without values that torch.export calls a module's code with: who holds them when it is done."""

from __future__ import annotations

import collections
import contextlib
import gc
import threading
import types
from typing import Any, Dict, Iterator, List, Optional

import torch
from torch import fx, nn

_MOST_LEVELS = 8
_CONTAINERS = (list, tuple, dict, set, frozenset, collections.deque, types.CellType)
# Whose objects are part of how PyTorch writes a program down.
_WRITERS = ("torch", "sympy", "weakref", "_weakref", "mpmath")


def _alive() -> List[torch.Tensor]:
    from torch._subclasses.fake_tensor import FakeTensor
    from torch._subclasses.functional_tensor import FunctionalTensor

    kinds = (FakeTensor, FunctionalTensor)
    return [found for found in gc.get_objects() if issubclass(type(found), kinds)]


# What each thread that writes a program down has made, by the thread; PyTorch's class notes it while there is any.
_writing: Dict[int, List[Any]] = {}
_lock = threading.Lock()


@contextlib.contextmanager
def own_modes() -> Iterator[List[Any]]:
    """The modes that this thread makes meanwhile, whose tensors have no values. Other threads (torch.compile)
    make theirs."""
    made: List[Any] = []
    with _lock:
        if not _writing:
            _note_modes()
        _writing[threading.get_ident()] = made
    try:
        yield made
    finally:
        with _lock:
            del _writing[threading.get_ident()]
            if not _writing:
                _leave_modes()


def _note_modes() -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode

    initialize = FakeTensorMode.__init__

    def noting(self: Any, *arguments: Any, **keywords: Any) -> None:
        initialize(self, *arguments, **keywords)
        _writing.get(threading.get_ident(), []).append(self)

    noting.initialize = initialize  # type: ignore[attr-defined]
    FakeTensorMode.__init__ = noting  # type: ignore[method-assign]


def _leave_modes() -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode

    FakeTensorMode.__init__ = FakeTensorMode.__init__.initialize  # type: ignore[attr-defined,method-assign]


def _mode_of(tensor: Any) -> Any:
    """Of a fake tensor, also inside what functionalization wraps around it."""
    for _ in range(_MOST_LEVELS):
        mode = getattr(tensor, "fake_mode", None)
        if mode is not None:
            return mode
        inner = getattr(tensor, "elem", None)
        if inner is None:
            return None
        try:
            tensor = torch._from_functional_tensor(inner) if torch._is_functional_tensor(inner) else inner
        except RuntimeError:
            return None
    return None


def withdrawn(modes: List[Any]) -> Optional[str]:
    """Takes those of these modes that are alive out of everything but PyTorch's own objects. Where they were; None if
    there were none. Those of other threads, and of before, are of other modes and are left alone."""
    gc.collect()
    left = [tensor for tensor in _alive() if _is_among(_mode_of(tensor), modes)]
    ours: List[Any] = [left, modes]
    if _holder_of(left, ours) is None:
        return None
    places: List[str] = []
    for tensor in left:
        place = _holder_of([tensor], [*ours, places])
        if place is not None:
            places.append(place)
            _drop(tensor, ours)
    return places[0] if places else None


def _holder_of(tensors: List[Any], ours: List[Any]) -> Optional[str]:
    """Level by level up through what holds them, until it is somebody's and not PyTorch's."""
    level = tensors
    seen = {id(value) for value in ours}
    for _ in range(_MOST_LEVELS):
        seen.update(id(value) for value in level)
        holders = gc.get_referrers(*level)
        seen.update((id(level), id(holders)))
        above: List[Any] = []
        for holder in holders:
            if id(holder) in seen or isinstance(holder, types.FrameType):
                continue
            owner = _owner(holder)
            if owner is None:
                above.append(holder)
            elif owner.split(".")[0] not in _WRITERS:
                return owner
        if not above:
            return None
        level = above
    return None


def _owner(holder: Any) -> Optional[str]:
    """Whose it is; None for what is anybody's."""
    if isinstance(holder, dict) and "__name__" in holder and "__spec__" in holder:
        return str(holder["__name__"])
    if isinstance(holder, _CONTAINERS):
        return None
    if isinstance(holder, types.ModuleType):
        return holder.__name__
    if isinstance(holder, (type, types.FunctionType)):
        return f"{holder.__module__}.{holder.__qualname__}"
    if isinstance(holder, nn.Module) and not isinstance(holder, fx.GraphModule):
        return f"a {type(holder).__qualname__}"
    kind = type(holder)
    return None if kind.__module__ in ("builtins", "functools") else f"{kind.__module__}.{kind.__qualname__}"


def _drop(value: Any, ours: List[Any], depth: int = 0) -> None:
    # No variable of this function may be one of a closure: its cell would be among the holders, and be emptied.
    holders = gc.get_referrers(value)
    ours = [*ours, holders]
    for holder in holders:
        if _is_among(holder, ours):
            continue
        if isinstance(holder, (list, collections.deque)):
            _remove_from(holder, value)
        elif isinstance(holder, dict):
            _remove_values(holder, value)
        elif isinstance(holder, set):
            holder.discard(value)
        elif isinstance(holder, types.CellType):
            holder.cell_contents = None
        elif isinstance(holder, (tuple, frozenset)) and depth < _MOST_LEVELS:
            _drop(holder, ours, depth + 1)
        elif type(getattr(holder, "__dict__", None)) is dict and not isinstance(holder, torch.Tensor):
            _remove_values(vars(holder), value)


def _is_among(value: Any, others: List[Any]) -> bool:
    for other in others:
        if other is value:
            return True
    return False


def _remove_values(holder: Dict[Any, Any], value: Any) -> None:
    for key, held in list(holder.items()):
        if held is value:
            del holder[key]


def _remove_from(holder: Any, value: Any) -> None:
    for place in range(len(holder) - 1, -1, -1):
        if holder[place] is value:
            del holder[place]
