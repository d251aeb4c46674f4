# SPDX-License-Identifier: Apache-2.0
"""Leaves what a module's code can reach as it was, whatever its forward passes put there."""

from __future__ import annotations

import collections
import contextlib
import functools
import random
import sys
import types
import zlib
from functools import partial
from typing import Any, Callable, Dict, Iterator, List, Optional, Set, Tuple

import torch
from torch import nn

from ..protocol.memory import is_whole
from ..user_code.reachable_state import MISSING, cell_contents, global_hooks, is_installed, named_globals, parts_of

_MOST_VISITED = 200_000
_DEPTH = 3
# Of tensors and arrays that are no parameters and no buffers: a cache or a data set can be as large as the memory.
_MOST_COPIED_BYTES = 64 * 2**20

Tell = Callable[[str], None]


@contextlib.contextmanager
def kept(
    module: nn.Module, *others: Any, tell: Optional[Tell] = None, restored: Callable[[], Set[int]] = set
) -> Iterator[None]:
    """Afterwards every module has the attributes that it had, and the lists, dicts, sets and variables that its code, its
    hooks and `others` can reach hold what they held, tensors and arrays among them their elements (64 MiB of those are
    kept), random generators their state. What lies outside the module is put back only where tensors were put there: other
    threads may have changed it otherwise.

    With `tell`, what was changed and could not be put back is told, a sentence each: parameters and buffers, which are not
    copied, tensors and arrays beyond 64 MiB, and that there was more than could be looked at. Of the parameters and buffers
    in `restored`, by identity, the caller has copies and puts them back: they are not told of."""
    snapshot = _Snapshot(module, others, tell is not None, restored)
    try:
        yield
    finally:
        snapshot.restore()
        if tell is not None:
            for sentence in snapshot.lost():
                tell(sentence)


@contextlib.contextmanager
def kept_where(module: nn.Module, wanted: Callable[[], bool]) -> Iterator[None]:
    """As kept(), where `wanted()` says so afterwards, but for random generators, which are the caller's."""
    snapshot = _Snapshot(module, (), False, set, generators=False)
    yield
    if wanted():
        snapshot.restore()


class _Snapshot:
    def __init__(
        self, module: nn.Module, others: Tuple[Any, ...], watches: bool, restored: Callable[[], Set[int]], generators: bool = True
    ) -> None:
        self._restored = restored
        self._generators = generators
        self._changes: List[Callable[[], None]] = []
        self._watches = watches
        self._watched: List[Tuple[str, Callable[[], Optional[int]], Optional[int]]] = []  # of what is not copied
        self._seen: Dict[int, Any] = {}
        self._copied_bytes = 0
        parts = list(module.modules())
        self._slots = {id(tensor) for part in parts for tensor in (*part._parameters.values(), *part._buffers.values())}
        for part in parts:
            self._keep_attributes(part)
        if watches:
            self._watch_slots(module)
        waiting = collections.deque((part, True) for part in parts)
        waiting.extend((other, False) for other in (*others, *global_hooks()))
        while waiting and len(self._seen) < _MOST_VISITED:
            value, own = waiting.popleft()
            if id(value) in self._seen:
                continue
            self._seen[id(value)] = value
            inside = own and isinstance(value, (nn.Module, list, tuple, dict, set, collections.deque))
            self._keep(value, inside)
            waiting.extend((held, inside) for _, held in parts_of(value) or () if _can_change(held))
        self._whole = not waiting

    def restore(self) -> None:
        for change in reversed(self._changes):
            change()

    def lost(self) -> List[str]:
        """What is not as it was."""
        # What cannot be read any more (FSDP gives memory back) is not judged.
        after = [(what, before, sum_of()) for what, sum_of, before in self._watched]
        found = [f"{what} was written, and is not as it was before" for what, before, now in after if now not in (None, before)]
        if not self._whole:
            found.append(f"the model's code reaches more than {_MOST_VISITED} objects: what it put into the others stays there")
        return found

    def _watch(self, what: str, sum_of: Callable[[], Optional[int]]) -> None:
        before = sum_of() if self._watches else None
        if before is not None:
            self._watched.append((what, sum_of, before))

    def _watch_slots(self, module: nn.Module) -> None:
        """The runs compute with copies of buffers, and with the parameters themselves."""
        named: List[Tuple[str, str, torch.Tensor]] = [("the parameter", name, value) for name, value in module.named_parameters()]
        named += [("the buffer", name, value) for name, value in module.named_buffers()]
        for kind, name, tensor in named:
            if _is_plain_tensor(tensor):
                self._watch(f"{kind} {name}", partial(self._sum_of_slot, tensor))

    def _sum_of_slot(self, tensor: torch.Tensor) -> Optional[int]:
        return None if id(tensor) in self._restored() else sum_of_tensor(tensor)

    def _keep_attributes(self, part: nn.Module) -> None:
        for table in (part._parameters, part._buffers, part._modules, vars(part)):
            if isinstance(table, dict):  # a ScriptModule shows what is C++
                self._keep_container(table, True)

    def _keep(self, value: Any, own: bool) -> None:
        if isinstance(value, torch.Tensor):
            self._keep_tensor(value)
        elif _is_array(value):
            self._keep_array(value)
        elif _generator_state(value) is not None:
            if self._generators:
                self._keep_generator(value)
        elif isinstance(value, functools._lru_cache_wrapper):
            self._keep_cache(value)
        elif isinstance(value, (list, dict, set, collections.deque)):
            self._keep_container(value, own)
        elif isinstance(value, types.CellType):
            self._keep_variables(lambda: {"": cell_contents(value)}, lambda _, old: _fill(value, old))
        elif isinstance(value, types.FunctionType) and not is_installed(value.__module__):
            self._keep_variables(lambda: named_globals(value), lambda name, old: _assign(value.__globals__, name, old))
        elif isinstance(value, type) and not is_installed(value.__module__):
            self._keep_variables(lambda: dict(vars(value)), lambda name, old: _set(value, name, old))
        elif hasattr(value, "__dict__") and not isinstance(value, (type, types.ModuleType, types.FunctionType)):
            self._keep_container(vars(value), own)

    def _keep_container(self, value: Any, own: bool) -> None:
        before = _ordered_copy(value) if isinstance(value, (collections.OrderedDict, collections.deque)) else _plain_copy(value)

        def change() -> None:
            new = _entries_beside(value, before)
            if new is not None and (own or any(_holds_tensor(entry) for entry in new)):
                _refill(value, before)

        self._changes.append(change)

    def _keep_tensor(self, tensor: torch.Tensor) -> None:
        if id(tensor) in self._slots or not _is_plain_tensor(tensor):
            return
        size = tensor.numel() * tensor.element_size()
        if not self._takes(size):
            self._watch(f"a tensor {list(tensor.shape)} of {size} bytes, too large to be kept,", lambda: sum_of_tensor(tensor))
            return
        version, before = tensor._version, tensor.detach().clone()

        def change() -> None:
            # Writing through .data or numpy leaves the version as it is.
            if is_whole(tensor) and (tensor._version != version or not _same_bits(tensor, before)):
                with torch.no_grad():
                    tensor.copy_(before)

        self._changes.append(change)

    def _keep_array(self, array: Any) -> None:
        if array.dtype.hasobject or not array.flags.writeable:
            return
        if not self._takes(array.nbytes):
            self._watch(f"an array {list(array.shape)} of {array.nbytes} bytes, too large to be kept,", lambda: _sum_of_array(array))
            return
        before = array.copy()

        def change() -> None:
            if array.tobytes() != before.tobytes():
                array[...] = before

        self._changes.append(change)

    def _keep_generator(self, generator: Any) -> None:
        before = _generator_state(generator)
        self._changes.append(lambda: _set_generator(generator, before))

    def _keep_cache(self, cached: Any) -> None:
        """A cache gives no entry back: one that was empty is emptied."""
        if cached.cache_info().currsize == 0 and not is_installed(getattr(cached, "__module__", None)):
            self._changes.append(cached.cache_clear)

    def _takes(self, size: int) -> bool:
        if self._copied_bytes + size > _MOST_COPIED_BYTES:
            return False
        self._copied_bytes += size
        return True

    def _keep_variables(self, read: Callable[[], Dict[str, Any]], write: Callable[[str, Any], None]) -> None:
        before = read()

        def change() -> None:
            after = read()
            for name in {**before, **after}:
                old, new = before.get(name, MISSING), after.get(name, MISSING)
                if new is not old and _holds_tensor(new):
                    write(name, old)

        self._changes.append(change)


def _ordered_copy(value: Any) -> Any:
    """Of the base's own type: a subclass's copy() calls its constructor, which may take other arguments, and its lookups may
    load what is not there yet (transformers' lazy tables)."""
    if isinstance(value, collections.deque):
        return collections.deque(collections.deque.__iter__(value), value.maxlen)
    keys = collections.OrderedDict.__iter__(value)
    return collections.OrderedDict((key, dict.__getitem__(value, key)) for key in keys)


def _is_plain_tensor(tensor: torch.Tensor) -> bool:
    plain = type(tensor) in (torch.Tensor, nn.Parameter) and tensor.layout is torch.strided and not tensor.is_inference()
    return plain and not tensor.is_quantized and is_whole(tensor)


def _bits(tensor: torch.Tensor) -> torch.Tensor:
    """The elements as bytes. Two tensors of NaN are the same by these."""
    flat = tensor.detach().contiguous().view(-1)
    return (torch.view_as_real(flat).view(-1) if flat.is_complex() else flat).view(torch.uint8)


def _same_bits(tensor: torch.Tensor, before: torch.Tensor) -> bool:
    return bool(torch.equal(_bits(tensor), _bits(before)))


def sum_of_tensor(tensor: torch.Tensor) -> Optional[int]:
    """A sum over all bits, at the speed of memory; None where they cannot be read, or on a device that does not add so."""
    if not is_whole(tensor):
        return None
    try:
        with torch.no_grad():
            data = _bits(tensor)
            words = data[: data.numel() // 8 * 8]
            aligned = words.numel() > 0 and words.data_ptr() % 8 == 0
            total = int(words.view(torch.int64).sum()) if aligned else int(words.sum())
            return total + int(data[words.numel() :].sum())
    except (RuntimeError, NotImplementedError, TypeError):
        return None


def _sum_of_array(array: Any) -> int:
    return zlib.crc32(array.tobytes() if not array.flags.c_contiguous else memoryview(array).cast("B"))


def _generator_state(value: Any) -> Any:
    """Of a generator of PyTorch, numpy or Python; None for anything else."""
    if isinstance(value, torch.Generator):
        return value.get_state()
    if isinstance(value, random.Random):
        return value.getstate()
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return None
    if isinstance(value, numpy.random.Generator):
        return value.bit_generator.state
    return value.get_state() if isinstance(value, numpy.random.RandomState) else None


def _set_generator(generator: Any, state: Any) -> None:
    if isinstance(generator, random.Random):
        generator.setstate(state)
    elif hasattr(generator, "bit_generator"):
        generator.bit_generator.state = state
    else:
        generator.set_state(state)


def _can_change(value: Any) -> bool:
    return not isinstance(value, (str, int, float, bytes, type(None), torch.dtype, torch.device))


def _is_array(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray)


def _plain_copy(value: Any) -> Any:
    return dict(value) if isinstance(value, dict) else list(value) if isinstance(value, list) else set(value)


def _entries(value: Any) -> List[Any]:
    return list(value.values()) if isinstance(value, dict) else list(value)


def _entries_beside(value: Any, before: Any) -> Any:
    """What it holds that it did not; None where it is as it was."""
    now, then = _entries(value), _entries(before)
    if len(now) == len(then) and all(a is b for a, b in zip(now, then)):
        if not isinstance(value, dict) or list(value) == list(before):
            return None
    known = {id(entry) for entry in then}
    return [entry for entry in now if id(entry) not in known]


def _holds_tensor(value: Any, depth: int = 0) -> bool:
    if isinstance(value, torch.Tensor):
        return True
    if depth >= _DEPTH or isinstance(value, (type, types.ModuleType, types.FunctionType)):
        return False
    if isinstance(value, (list, tuple, dict, set, collections.deque)):
        return any(_holds_tensor(entry, depth + 1) for entry in _entries(value))
    return any(_holds_tensor(entry, depth + 1) for entry in list(getattr(value, "__dict__", {}).values()))


def _refill(value: Any, before: Any) -> None:
    if isinstance(value, list):
        list.__setitem__(value, slice(None), before)
    elif isinstance(value, collections.deque):
        value.clear()
        value.extend(before)
    elif isinstance(value, collections.OrderedDict):
        collections.OrderedDict.clear(value)
        collections.OrderedDict.update(value, before)
    elif isinstance(value, dict):
        dict.clear(value)
        dict.update(value, before)
    else:
        set.clear(value)
        set.update(value, before)


def _fill(cell: types.CellType, old: Any) -> None:
    if old is MISSING:
        del cell.cell_contents
    else:
        cell.cell_contents = old


def _assign(names: Dict[str, Any], name: str, old: Any) -> None:
    if old is MISSING:
        names.pop(name, None)
    else:
        names[name] = old


def _set(kind: type, name: str, old: Any) -> None:
    if old is MISSING:
        delattr(kind, name)
    else:
        setattr(kind, name, old)
