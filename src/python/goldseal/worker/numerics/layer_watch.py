# SPDX-License-Identifier: Apache-2.0
"""Watches the operators that a network's code calls, those that one operator calls within itself left out, under the names
that the LibTorch worker gives (operator_watch.cpp)."""

from __future__ import annotations

import contextlib
import sys
from types import FrameType
from typing import Any, Iterator, NamedTuple, Optional, Tuple

import torch
from torch import nn

from ..protocol.dtypes import FLOATING
from ..protocol.memory import memory_of
from .layer_part import LayerPart
from .layer_sketch import WIDTH, Sketcher
from .randomness import RandomWatch
from .stand_in import StandIn

try:
    from torch.utils._python_dispatch import TorchDispatchMode
except ImportError:  # it is none of PyTorch's public interface: a version may lack it
    TorchDispatchMode = None  # type: ignore[assignment,misc]

# A network that calls more operators than this (one unrolled over many steps) is sketched up to here.
MAX_LAYERS = 4096

# They compute nothing; whether they copy depends on the type and the layout of what they are given.
_CONVERSIONS = frozenset(
    "aten::" + name
    for name in "to _to_copy contiguous clone reshape flatten detach copy_ type_as alias empty empty_like".split()
)


# Of those, the ones that can give a narrower type: there a network rounds by itself.
_NARROWING = frozenset("aten::" + name for name in "to _to_copy type_as copy_".split())
_NARROW = (torch.float16, torch.bfloat16)


class Layer(NamedTuple):
    module: str  # dotted path; empty for the network itself
    op: str  # `aten::conv2d`
    dtype: torch.dtype
    shape: Tuple[int, ...]
    sketch: "list[float]"


class LayerRecorder:
    """Keeps the sketches of a run's layers in the order of their computation, and no tensor. A sketch takes at most `elements`
    of a layer's, 0 for all. Of a batch, `part` tells which row's it takes."""

    def __init__(self, elements: int = 0, part: Optional[LayerPart] = None) -> None:
        self.layers: list[Layer] = []
        self._part = part
        self.mode: Any = None  # of a float64 run (float64_run.py)
        self.narrowest: Optional[torch.dtype] = None  # that a conversion gave
        self._sketcher = Sketcher(elements)

    def note_conversion(self, op: str, answer: Any) -> None:
        """A conversion is no layer, yet what it gives is rounded to its type, in a network of float32 too."""
        if op in _NARROWING and isinstance(answer, torch.Tensor) and answer.dtype in _NARROW and answer.dtype != self.narrowest:
            self.narrowest = answer.dtype if self.narrowest is None else torch.bfloat16

    def add(self, module: str, op: str, result: torch.Tensor) -> None:
        """Does nothing for a tensor that is of no plain floating type, an empty one, or beyond MAX_LAYERS."""
        if len(self.layers) >= MAX_LAYERS or result.numel() == 0:
            return
        if result.layout is torch.strided and result.dtype in FLOATING:
            with self._paused():
                if self.mode is not None and self.mode.exact:
                    result = result.double()  # computed in float64, whatever type holds it
                if self._part is not None:
                    result = self._part.cut(module, op, result)
                self.layers.append(Layer(module, op, result.dtype, tuple(result.shape), self._sketcher.sketch(result)))

    @contextlib.contextmanager
    def _paused(self) -> Iterator[None]:
        if self.mode is None:
            yield
            return
        self.mode.paused = True
        try:
            yield
        finally:
            self.mode.paused = False

    def table(self) -> torch.Tensor:
        """float64 [layers, 10]."""
        rows = [layer.sketch for layer in self.layers]
        return torch.tensor(rows, dtype=torch.float64).view(len(rows), WIDTH)


class NotWatchable(Exception):
    """This PyTorch has no means to watch operators."""


def _results(value: Any) -> Iterator[torch.Tensor]:
    """An operator's results; a list of tensors is one result, and no tensor."""
    for entry in value if isinstance(value, tuple) else (value,):
        if isinstance(entry, torch.Tensor):
            yield entry


class _Names:
    """Where an operator belongs: the module of a tensor that it takes, else the module whose code calls it."""

    def __init__(self, root: nn.Module, tensors: dict[str, torch.Tensor]) -> None:
        # The first name of what stands in two places.
        self._tensors = {id(tensor): name for name, tensor in reversed(list(tensors.items()))}
        self._modules = {id(module): name for name, module in root.named_modules()}

    def place_of(self, arguments: list[torch.Tensor], frame: Optional[FrameType]) -> str:
        for argument in arguments:
            name = self._tensors.get(id(argument))
            if name is not None:
                return name.rpartition(".")[0]
        return self._module_of(frame)

    def _module_of(self, frame: Optional[FrameType]) -> str:
        """Of the innermost function whose first argument is a module of the network."""
        while frame is not None:
            code = frame.f_code
            if code.co_argcount > 0:
                name = self._modules.get(id(frame.f_locals.get(code.co_varnames[0])))
                if name is not None:
                    return name
            frame = frame.f_back
        return ""


def below_autograd(stack: contextlib.ExitStack) -> None:
    """Without autograd an operator reaches the mode as it was called, before it is taken apart into others."""
    guard = torch._C._AutoDispatchBelowAutograd()
    if hasattr(guard, "__enter__"):
        stack.enter_context(guard)
    else:
        # In PyTorch 1.13 it holds for as long as the object lives.
        held = [guard]
        del guard
        stack.callback(held.clear)


class Reads:
    """Notes which of some tensors, or views of them, are given to an operator."""

    def __init__(self, tensors: dict[str, torch.Tensor], found: set[str]) -> None:
        self._by_memory: dict[Any, list[str]] = {}
        for name, tensor in tensors.items():
            self._by_memory.setdefault(memory_of(tensor), []).append(name)
        self._found = found

    def note(self, memory: set[Any]) -> None:
        for place in memory & self._by_memory.keys():
            self._found.update(self._by_memory.pop(place))


def _given_tensors(args: Any, kwargs: Any) -> Iterator[torch.Tensor]:
    for entry in (*args, *(kwargs or {}).values()):
        if isinstance(entry, torch.Tensor):
            yield entry
        elif isinstance(entry, (list, tuple)):
            yield from (part for part in entry if isinstance(part, torch.Tensor))


def _make_mode(names: Any, recorder: Optional[LayerRecorder], draws: Optional[RandomWatch], reads: Reads) -> Any:
    class Watch(TorchDispatchMode):
        @classmethod
        def _should_skip_dynamo(cls) -> bool:
            """Nothing is compiled while it watches. Where PyTorch is to keep its compiler away, it imports it first: a second, and
            70 MiB."""
            return False

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            given = [entry for entry in (*args, *(kwargs or {}).values()) if isinstance(entry, torch.Tensor)]
            memory = {memory_of(tensor) for tensor in given}
            reads.note({memory_of(tensor) for tensor in _given_tensors(args, kwargs)})
            if draws is not None:
                frame = sys._getframe(1)
                draws.before(func, args, kwargs or {}, lambda: names.place_of(given, frame))
            answer = func(*args, **(kwargs or {}))
            op = func._schema.name
            if recorder is None:
                return answer
            if op in _CONVERSIONS:
                recorder.note_conversion(op, answer)
                return answer
            for result in _results(answer):
                # What lies in the memory of an argument is a view of it.
                if isinstance(result, StandIn):  # a view of a weight
                    break
                if op.endswith("_") or memory_of(result) not in memory:
                    recorder.add(names.place_of(given, sys._getframe(1)), op, result)
                    break
            return answer

    return Watch()


@contextlib.contextmanager
def watching(
    root: nn.Module,
    tensors: dict[str, torch.Tensor],
    recorder: Optional[LayerRecorder],
    draws: Optional[RandomWatch] = None,
    others: Optional[dict[str, torch.Tensor]] = None,
    read: Optional[set[str]] = None,
    places: Any = None,
) -> Iterator[None]:
    """`recorder` gets each floating result that is computed inside: neither views of an argument nor conversions and copies,
    which depend on layout and type. `tensors` are those that the network computes with, by the names of their state entries.
    `places`, where it is given, says by `place_of` where an operator belongs. Raises NotWatchable where this PyTorch cannot."""
    if TorchDispatchMode is None or not hasattr(torch._C, "_AutoDispatchBelowAutograd"):
        raise NotWatchable
    with contextlib.ExitStack() as stack:
        below_autograd(stack)
        reads = Reads(others or {}, set() if read is None else read)
        stack.enter_context(_make_mode(places or _Names(root, tensors), recorder, draws, reads))
        yield
