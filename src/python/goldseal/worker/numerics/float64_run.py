# SPDX-License-Identifier: Apache-2.0
"""What a float64 run computes, whatever types the network's code asks for.

A float64 run is the yardstick of a seal only if it is float64 throughout. Code that casts in the middle (a norm, a softmax or
a router in float32), and programs in which the types of their export have become constants, would round there. Inside
`Float64Mode` three rules hold for every operator:

1. What meets a float64 tensor is float64: narrower tensors beside it are converted, which is exact, and a conversion of a
   float64 tensor to float32, bfloat16 or float16 is to float64.
2. What the code makes by itself out of numbers (tables, masks, constants) has the types that it has in a native run
   (`NativeTypes`), and keeps its values until it meets a float64 tensor. It is computed in float64 and rounded once, so that
   every machine has the same table.
   A number that a float64 value has become and that a table is made of stays as precise as it was.
3. A tensor of the code's own that float64 values are written into begins as float64, with the values that it was made with.

float64_run.cpp of the LibTorch worker says the same; tests/worker_libtorch/float64_test.py holds them together.
"""

from __future__ import annotations

import contextlib
import ctypes
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

import torch

from ..protocol.memory import memory_of
from .layer_watch import below_autograd
from .native_types import CONVERSIONS, FACTORIES, Asked, NativeTypes, TypesMode, named_dtype, reckons, short_name, tells_type
from .plain_operators import FUSED_ATTENTION, plain_attention, plain_grouped
from .stand_in import Unstreamable
from .wide_types import WIDE, WIDEST, mapped, tensors_of, wide

try:
    from torch.utils._python_dispatch import TorchDispatchMode
except ImportError:  # it is none of PyTorch's public interface: a version may lack it
    TorchDispatchMode = object  # type: ignore[assignment,misc]

AVAILABLE = TorchDispatchMode is not object and hasattr(torch._C, "_AutoDispatchBelowAutograd")

_MOST_RUNS = 8  # a run finds the tensors of rule 3 up to the first that another one hides

# They look at bits or at the type itself, draw, or copy: in float64 they would be something else, or are exact as they are.
_AS_THEY_ARE = CONVERSIONS | frozenset(
    "view view_as _unsafe_view view_as_real view_as_complex _reshape_alias clone contiguous copy_ copy detach alias lift_fresh lift "
    "nextafter frexp set_ resize_ resize_as_ bernoulli bernoulli_ multinomial normal normal_ uniform uniform_ random_ exponential_ "
    "dropout native_dropout poisson rrelu_with_noise item _local_scalar_dense is_nonzero equal allclose "
    "quantize_per_tensor quantize_per_channel fake_quantize_per_tensor_affine fake_quantize_per_channel_affine "
    "_pin_memory record_stream data size stride is_floating_point is_complex sym_size sym_stride numel".split()
)
# Of whole numbers they give rounded ones.
_ROUNDING_INTEGERS = frozenset(
    "div true_divide sqrt rsqrt exp exp2 expm1 log log2 log10 log1p sin cos tan tanh sigmoid atan atan2 reciprocal pow".split()
)
_NUMBERS = frozenset(("item", "_local_scalar_dense"))


class Float64Mode(TorchDispatchMode):
    """`widened` are the operators, by their numbers, whose results begin as float64 (rule 3). Afterwards `written` has those
    that should have, and `asks` says whether the code asked for the type of what is float64 in this run alone."""

    def __init__(self, widened: "set[int]", native: Optional[NativeTypes]) -> None:
        super().__init__()
        self._widened = widened
        self._native = native
        self._number = 0
        self._origins: Dict[Any, int] = {}
        self.written: Set[int] = set()
        self.asks = False
        self.paused = False  # for those that look at the run: what they compute is not the network's
        self._leaked = False  # a float64 value has become a number of Python's, which a tensor of the code's own may hold
        self._numbers: Set[float] = set()  # those that did, and no narrower type holds
        self.exact = True  # the last operator computed in float64, whatever the type of its result

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if self.paused:
            return func(*args, **(kwargs or {}))
        kwargs = kwargs or {}
        name = short_name(func)
        number = self._number
        if name not in _NUMBERS:  # TorchScript asks constants for their numbers when it compiles, in the first run alone
            self._number += 1
        args, kwargs, native = self._natively_typed(name, args, kwargs)
        given = [tensor for tensor in tensors_of((args, kwargs)) if tensor.dtype in WIDE or tensor.dtype in WIDEST]
        self.exact = True
        if any(tensor.dtype in WIDEST for tensor in given):
            self._leaked = self._leaked or name in _NUMBERS
            answer = self._among_float64(func, name, args, kwargs, native)
            if name in _NUMBERS and type(answer) is float and _is_fine(answer):
                self._numbers.update((answer, -answer))
        elif given:
            answer = self._of_its_own(func, name, args, kwargs)
        else:
            answer = self._of_numbers(func, name, args, kwargs)
        return self._told(answer, args, number, name)

    def _natively_typed(self, name: str, args: Any, kwargs: Any) -> Tuple[Any, Any, Optional[torch.dtype]]:
        """The arguments with the type that a native run names in the place of float64."""
        if not tells_type(name, args, kwargs):
            return args, kwargs, None
        native = self._native.of(name) if self._native is not None else None
        named = named_dtype(args, kwargs)
        if named in WIDEST or (named is None and name in CONVERSIONS):
            self.asks = True
        if named in WIDEST and native in WIDE:
            exchange = lambda value: native if isinstance(value, torch.dtype) else value
            return mapped(args, exchange), {key: exchange(value) for key, value in kwargs.items()}, native
        return args, kwargs, native

    def _among_float64(self, func: Any, name: str, args: Any, kwargs: Any, native: Optional[torch.dtype]) -> Any:
        args, kwargs = _in_range(args, kwargs, torch.float32)
        if name in FACTORIES:
            # Between numbers that are float64 values a table is one.
            answer = _in_float64(func, args, kwargs) if reckons(func) else self._made(func, name, args, kwargs)
            return mapped(answer, lambda value: wide(value) if isinstance(value, torch.Tensor) else value)
        if name in ("to", "type_as") and isinstance(args[0], torch.Tensor) and args[0].dtype in WIDE:
            # To the type of a tensor that is float64 in this run alone.
            return args[0].to(native) if native in WIDE else args[0] if native is None else func(*args, **kwargs)
        if name in FUSED_ATTENTION:
            return plain_attention(func, args, kwargs)
        if name == "_grouped_mm":
            return plain_grouped(func, args, kwargs)
        written = _written(func, args, kwargs)
        narrow = [tensor for tensor in written if tensor.dtype in WIDE]
        if narrow:
            self.exact = False
            self.written.update(self._origins[memory_of(tensor)] for tensor in narrow if memory_of(tensor) in self._origins)
            return _on_wide_copies(func, args, kwargs, narrow)
        keep = {id(tensor) for tensor in written}
        change = lambda value: _widened_argument(value, keep)
        if kwargs.get("half_to_float") is True:
            kwargs = {**kwargs, "half_to_float": False}
        if name in ("_softmax", "_log_softmax") and len(args) == 3:
            args = (*args[:2], False)
        if name == "view" and named_dtype(args, kwargs) is not None:
            return func(*args, **kwargs)  # looks at the bits
        return func(*mapped(args, change), **{key: mapped(value, change) for key, value in kwargs.items()})

    def _of_its_own(self, func: Any, name: str, args: Any, kwargs: Any) -> Any:
        """Computed in float64 and rounded once to the type that it has. Of a tensor that no operator of this run made it is not
        known whether it holds what the run computed, rounded."""
        schema = func._schema
        self.exact = not self._leaked and all(
            memory_of(tensor) in self._origins for tensor in tensors_of((args, kwargs)) if tensor.dtype in WIDE
        )
        if name in FACTORIES or name in _AS_THEY_ARE:
            return self._made(func, name, args, kwargs)
        if any(argument.alias_info is not None for argument in schema.returns) and not name.endswith("_"):
            return func(*args, **kwargs)
        if named_dtype(args, kwargs) is not None and named_dtype(args, kwargs) not in WIDE:
            return func(*args, **kwargs)
        written = _written(func, args, kwargs)
        least = _promoted(args, kwargs)
        args, kwargs = _in_range(args, kwargs, least)
        try:
            if written and not name.endswith("_"):
                raise NotImplementedError("out=")
            if written:
                return _on_wide_copies(func, args, kwargs, written)
            change = lambda value: _widened_argument(value, frozenset())
            answer = func(*mapped(args, change), **{key: mapped(value, change) for key, value in kwargs.items()})
        except (RuntimeError, NotImplementedError, TypeError):
            self.exact = False
            return func(*args, **kwargs)
        named = named_dtype(args, kwargs)
        return mapped(answer, lambda value: _rounded(value, named or least))

    def _made(self, func: Any, name: str, args: Any, kwargs: Any) -> Any:
        """Of numbers that float64 values have become, in float64. Whether other numbers come of them nobody can tell."""
        fine = [value for value in (*args, *kwargs.values()) if type(value) is float and _is_fine(value)] if self._leaked else []
        if name in FACTORIES and not self._numbers.isdisjoint(fine) and (named_dtype(args, kwargs) or torch.float32) in WIDE:
            return func(*args, **{**kwargs, "dtype": torch.float64})
        self.exact = self.exact and not (name in FACTORIES and fine)
        answer = _clamped(func, args, kwargs)
        if not reckons(func) or not isinstance(answer, torch.Tensor) or answer.dtype not in WIDE:
            return answer
        return _rounded(_in_float64(func, args, kwargs), answer.dtype)

    def _of_numbers(self, func: Any, name: str, args: Any, kwargs: Any) -> Any:
        answer = self._made(func, name, args, kwargs)
        if name.rstrip("_") not in _ROUNDING_INTEGERS or name.endswith("_") or not isinstance(answer, torch.Tensor) or answer.dtype not in WIDE:
            return answer
        change = lambda value: value.to(torch.float64) if isinstance(value, torch.Tensor) else value
        return _rounded(func(*mapped(args, change), **kwargs), answer.dtype)

    def _told(self, answer: Any, args: Any, number: int, name: str) -> Any:
        if number in self._widened:
            answer = mapped(answer, lambda value: wide(value) if isinstance(value, torch.Tensor) else value)
        # torch.tensor makes its tensor before an operator is called with it.
        before = set() if name in ("lift", "lift_fresh") else {memory_of(tensor) for tensor in tensors_of(args)}
        for tensor in tensors_of(answer):
            memory = memory_of(tensor)
            if memory not in before:
                self._origins[memory] = number
        return answer


def _in_float64(func: Any, args: Any, kwargs: Any) -> Any:
    change = lambda value: _widened_argument(value, frozenset())
    return func(*mapped(args, change), **{**{key: mapped(value, change) for key, value in kwargs.items()}, "dtype": torch.float64})


def _is_fine(number: float) -> bool:
    """float32 does not hold it."""
    return number == number and ctypes.c_float(number).value != number


def _widened_argument(value: Any, keep: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value if id(value) in keep else wide(value)
    return WIDE.get(value, value) if isinstance(value, torch.dtype) else value


def _rounded(value: Any, dtype: torch.dtype) -> Any:
    if not isinstance(value, torch.Tensor) or value.dtype not in WIDEST:
        return value
    if value.dtype is torch.complex128:
        return value.to(torch.complex64)
    return value.to(torch.float32 if dtype.is_complex else dtype)


def _promoted(args: Any, kwargs: Any) -> torch.dtype:
    """The type of what is computed of narrow tensors; those without dimensions count where there are no others."""
    tensors = [tensor for tensor in tensors_of((args, kwargs)) if tensor.dtype in WIDE]
    counted = [tensor for tensor in tensors if tensor.dim() > 0] or tensors
    found = counted[0].dtype
    for tensor in counted[1:]:
        found = torch.promote_types(found, tensor.dtype)
    return found


def _in_range(args: Any, kwargs: Any, dtype: torch.dtype) -> Any:
    """torch.finfo of what is float64 in this run alone gives numbers that the code's own types do not hold."""
    most = torch.finfo(torch.float32 if dtype.is_complex else dtype).max

    def change(value: Any) -> Any:
        if type(value) is float and most < abs(value) < float("inf"):
            return most if value > 0 else -most
        return value

    return mapped(args, change), {key: mapped(value, change) for key, value in kwargs.items()}


def _clamped(func: Any, args: Any, kwargs: Any) -> Any:
    named = named_dtype(args, kwargs)
    if named is None and next(tensors_of((args, kwargs)), None) is None:
        named = torch.get_default_dtype()
    if named in WIDE:
        args, kwargs = _in_range(args, kwargs, named)
    return func(*args, **kwargs)


def _written(func: Any, args: Any, kwargs: Any) -> "list[torch.Tensor]":
    found: List[torch.Tensor] = []
    for place, argument in enumerate(func._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            value = args[place] if place < len(args) else kwargs.get(argument.name)
            found += [tensor for tensor in tensors_of(value) if tensor.dtype in WIDE or tensor.dtype in WIDEST]
    return found


def _on_wide_copies(func: Any, args: Any, kwargs: Any, written: "list[torch.Tensor]") -> Any:
    """What is written to is computed beside it, in float64, and rounded into it."""
    copies = {id(tensor): wide(tensor) for tensor in written}

    def change(value: Any) -> Any:
        if isinstance(value, torch.Tensor) and id(value) in copies:
            return copies[id(value)]
        return _widened_argument(value, frozenset())

    answer = func(*mapped(args, change), **{key: mapped(value, change) for key, value in kwargs.items()})
    for tensor in written:
        tensor.copy_(copies[id(tensor)])
    own = {id(copies[id(tensor)]): tensor for tensor in written}
    return mapped(answer, lambda value: own.get(id(value), value))


class Float64Runs:
    """What is known of the float64 runs of one network, by the shapes of its inputs."""

    def __init__(self) -> None:
        self._widened: Dict[Any, Set[int]] = {}
        self._types: Dict[Any, List[Asked]] = {}

    def run(self, shapes: Any, below: bool, forward: Callable[[Any], Any], native: Callable[[Any], Any]) -> Any:
        """What `forward` answers by the rules; it, and `native`, which runs the network as it serves, get the mode to call the
        network's code in. `below`: without autograd, where operators are met as the code calls them."""
        key = (below, shapes)
        widened = self._widened.setdefault(key, set())
        answer = None
        for _ in range(_MOST_RUNS):
            types = NativeTypes(self._types[key]) if key in self._types else None
            mode = Float64Mode(widened, types)
            answer = forward(Entering(mode, below))
            again = bool(mode.written - widened)
            widened |= mode.written
            if mode.asks and key not in self._types:
                self._types[key] = _asked_natively(below, native)
                widened.clear()  # the numbers are those of other types
                again = True
            if not again:
                break
        return answer


def _asked_natively(below: bool, native: Callable[[Any], Any]) -> "list[Asked]":
    state = torch.get_rng_state()
    mode = TypesMode()
    try:
        native(Entering(mode, below))
    except Unstreamable:
        raise
    except Exception:
        return []  # then the types are those that the float64 run asks for
    finally:
        torch.set_rng_state(state)
    return mode.asked


class Entering(NamedTuple):
    """How the network's code is called."""

    mode: Any
    below: bool

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            if self.below:
                below_autograd(stack)
            stack.enter_context(self.mode)
            yield
