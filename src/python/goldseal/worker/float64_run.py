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

from .layer_watch import below_autograd
from .memory import storage_of
from .stand_in import Unstreamable

try:
    from torch.utils._python_dispatch import TorchDispatchMode
except ImportError:  # it is none of PyTorch's public interface: a version may lack it
    TorchDispatchMode = object  # type: ignore[assignment,misc]

AVAILABLE = TorchDispatchMode is not object and hasattr(torch._C, "_AutoDispatchBelowAutograd")

_WIDE = {
    torch.float32: torch.float64,
    torch.float16: torch.float64,
    torch.bfloat16: torch.float64,
    torch.complex64: torch.complex128,
    torch.complex32: torch.complex128,
}
_WIDEST = (torch.float64, torch.complex128)
_MOST_RUNS = 8  # a run finds the tensors of rule 3 up to the first that another one hides

# They make tensors of numbers: of a tensor they take the shape or the type alone.
_FACTORIES = frozenset(
    "empty_like full_like ones_like rand_like randint_like randn_like zeros_like new_empty new_empty_strided new_full new_ones "
    "new_zeros arange full linspace logspace ones zeros eye scalar_tensor empty empty_strided rand randn randint randperm".split()
)
# They convert a tensor to the type of another one, or to one that is named.
_CONVERSIONS = frozenset("to _to_copy type_as".split())
# They look at bits or at the type itself, draw, or copy: in float64 they would be something else, or are exact as they are.
_AS_THEY_ARE = _CONVERSIONS | frozenset(
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
# A program may name the fused forms of attention; a float64 run takes the plain one.
_FUSED_ATTENTION = frozenset(
    ("_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_fused_attention_overrideable")
)


def wide(tensor: torch.Tensor) -> torch.Tensor:
    """In float64 (or complex128), where it is of a narrower floating type."""
    return tensor.to(_WIDE[tensor.dtype]) if tensor.dtype in _WIDE else tensor


class _Asked(NamedTuple):
    name: str
    dtype: Optional[torch.dtype]


class NativeTypes:
    """The types that a native run makes, operator by operator: those of conversions and of tensors made of numbers."""

    def __init__(self, asked: "list[_Asked]") -> None:
        self._asked = asked
        self._next = 0

    def of(self, name: str) -> Optional[torch.dtype]:
        """None where the two runs are no longer at the same operator."""
        if self._next >= len(self._asked) or self._asked[self._next].name != name:
            self._next = len(self._asked)
            return None
        self._next += 1
        return self._asked[self._next - 1].dtype


def _short(func: Any) -> str:
    return func._schema.name.split("::")[-1]


def _tells_type(name: str, args: Any, kwargs: Any) -> bool:
    return name in _CONVERSIONS or name in _FACTORIES or _named_dtype(args, kwargs) is not None


def _named_dtype(args: Any, kwargs: Any) -> Optional[torch.dtype]:
    return next((value for value in (*args, *kwargs.values()) if isinstance(value, torch.dtype)), None)


class TypesMode(TorchDispatchMode):
    """Of a native run."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: List[_Asked] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        answer = func(*args, **(kwargs or {}))
        if _tells_type(_short(func), args, kwargs or {}):
            self.asked.append(_Asked(_short(func), answer.dtype if isinstance(answer, torch.Tensor) else None))
        return answer


def _mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
        return type(value)(_mapped(entry, change) for entry in value) if type(value) in (list, tuple) else value
    return change(value)


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for entry in value:
            yield from _tensors(entry)
    elif isinstance(value, dict):
        for entry in value.values():
            yield from _tensors(entry)


def _memory(tensor: torch.Tensor) -> Any:
    try:
        return storage_of(tensor)._cdata
    except (RuntimeError, NotImplementedError):  # sparse tensors have no storage
        return None


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
        name = _short(func)
        number = self._number
        if name not in _NUMBERS:  # TorchScript asks constants for their numbers when it compiles, in the first run alone
            self._number += 1
        args, kwargs, native = self._natively_typed(name, args, kwargs)
        given = [tensor for tensor in _tensors((args, kwargs)) if tensor.dtype in _WIDE or tensor.dtype in _WIDEST]
        self.exact = True
        if any(tensor.dtype in _WIDEST for tensor in given):
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
        if not _tells_type(name, args, kwargs):
            return args, kwargs, None
        native = self._native.of(name) if self._native is not None else None
        named = _named_dtype(args, kwargs)
        if named in _WIDEST or (named is None and name in _CONVERSIONS):
            self.asks = True
        if named in _WIDEST and native in _WIDE:
            exchange = lambda value: native if isinstance(value, torch.dtype) else value
            return _mapped(args, exchange), {key: exchange(value) for key, value in kwargs.items()}, native
        return args, kwargs, native

    def _among_float64(self, func: Any, name: str, args: Any, kwargs: Any, native: Optional[torch.dtype]) -> Any:
        args, kwargs = _in_range(args, kwargs, torch.float32)
        if name in _FACTORIES:
            answer = self._made(func, name, args, kwargs)
            return _mapped(answer, lambda value: wide(value) if isinstance(value, torch.Tensor) else value)
        if name in ("to", "type_as") and isinstance(args[0], torch.Tensor) and args[0].dtype in _WIDE:
            # To the type of a tensor that is float64 in this run alone.
            return args[0].to(native) if native in _WIDE else args[0] if native is None else func(*args, **kwargs)
        if name in _FUSED_ATTENTION:
            return _plain_attention(func, args, kwargs)
        if name == "_grouped_mm":
            return _plain_grouped(func, args, kwargs)
        written = _written(func, args, kwargs)
        narrow = [tensor for tensor in written if tensor.dtype in _WIDE]
        if narrow:
            self.exact = False
            self.written.update(self._origins[_memory(tensor)] for tensor in narrow if _memory(tensor) in self._origins)
            return _on_wide_copies(func, args, kwargs, narrow)
        keep = {id(tensor) for tensor in written}
        change = lambda value: _widened_argument(value, keep)
        if kwargs.get("half_to_float") is True:
            kwargs = {**kwargs, "half_to_float": False}
        if name in ("_softmax", "_log_softmax") and len(args) == 3:
            args = (*args[:2], False)
        if name == "view" and _named_dtype(args, kwargs) is not None:
            return func(*args, **kwargs)  # looks at the bits
        return func(*_mapped(args, change), **{key: _mapped(value, change) for key, value in kwargs.items()})

    def _of_its_own(self, func: Any, name: str, args: Any, kwargs: Any) -> Any:
        """Computed in float64 and rounded once to the type that it has. Of a tensor that no operator of this run made it is not
        known whether it holds what the run computed, rounded."""
        schema = func._schema
        self.exact = not self._leaked and all(
            _memory(tensor) in self._origins for tensor in _tensors((args, kwargs)) if tensor.dtype in _WIDE
        )
        if name in _FACTORIES or name in _AS_THEY_ARE:
            return self._made(func, name, args, kwargs)
        if any(argument.alias_info is not None for argument in schema.returns) and not name.endswith("_"):
            return func(*args, **kwargs)
        if _named_dtype(args, kwargs) is not None and _named_dtype(args, kwargs) not in _WIDE:
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
            answer = func(*_mapped(args, change), **{key: _mapped(value, change) for key, value in kwargs.items()})
        except (RuntimeError, NotImplementedError, TypeError):
            self.exact = False
            return func(*args, **kwargs)
        named = _named_dtype(args, kwargs)
        return _mapped(answer, lambda value: _rounded(value, named or least))

    def _made(self, func: Any, name: str, args: Any, kwargs: Any) -> Any:
        """Of numbers that float64 values have become, in float64. Whether other numbers come of them nobody can tell."""
        fine = [value for value in (*args, *kwargs.values()) if type(value) is float and _is_fine(value)] if self._leaked else []
        if name in _FACTORIES and not self._numbers.isdisjoint(fine) and (_named_dtype(args, kwargs) or torch.float32) in _WIDE:
            return func(*args, **{**kwargs, "dtype": torch.float64})
        self.exact = self.exact and not (name in _FACTORIES and fine)
        return _clamped(func, args, kwargs)

    def _of_numbers(self, func: Any, name: str, args: Any, kwargs: Any) -> Any:
        answer = self._made(func, name, args, kwargs)
        if name.rstrip("_") not in _ROUNDING_INTEGERS or name.endswith("_") or not isinstance(answer, torch.Tensor) or answer.dtype not in _WIDE:
            return answer
        change = lambda value: value.to(torch.float64) if isinstance(value, torch.Tensor) else value
        return _rounded(func(*_mapped(args, change), **kwargs), answer.dtype)

    def _told(self, answer: Any, args: Any, number: int, name: str) -> Any:
        if number in self._widened:
            answer = _mapped(answer, lambda value: wide(value) if isinstance(value, torch.Tensor) else value)
        # torch.tensor makes its tensor before an operator is called with it.
        before = set() if name in ("lift", "lift_fresh") else {_memory(tensor) for tensor in _tensors(args)}
        for tensor in _tensors(answer):
            memory = _memory(tensor)
            if memory not in before:
                self._origins[memory] = number
        return answer


def _is_fine(number: float) -> bool:
    """float32 does not hold it."""
    return number == number and ctypes.c_float(number).value != number


def _widened_argument(value: Any, keep: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value if id(value) in keep else wide(value)
    return _WIDE.get(value, value) if isinstance(value, torch.dtype) else value


def _rounded(value: Any, dtype: torch.dtype) -> Any:
    if not isinstance(value, torch.Tensor) or value.dtype not in _WIDEST:
        return value
    if value.dtype is torch.complex128:
        return value.to(torch.complex64)
    return value.to(torch.float32 if dtype.is_complex else dtype)


def _promoted(args: Any, kwargs: Any) -> torch.dtype:
    """The type of what is computed of narrow tensors; those without dimensions count where there are no others."""
    tensors = [tensor for tensor in _tensors((args, kwargs)) if tensor.dtype in _WIDE]
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

    return _mapped(args, change), {key: _mapped(value, change) for key, value in kwargs.items()}


def _clamped(func: Any, args: Any, kwargs: Any) -> Any:
    named = _named_dtype(args, kwargs)
    if named is None and next(_tensors((args, kwargs)), None) is None:
        named = torch.get_default_dtype()
    if named in _WIDE:
        args, kwargs = _in_range(args, kwargs, named)
    return func(*args, **kwargs)


def _written(func: Any, args: Any, kwargs: Any) -> "list[torch.Tensor]":
    found: List[torch.Tensor] = []
    for place, argument in enumerate(func._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            value = args[place] if place < len(args) else kwargs.get(argument.name)
            found += [tensor for tensor in _tensors(value) if tensor.dtype in _WIDE or tensor.dtype in _WIDEST]
    return found


def _on_wide_copies(func: Any, args: Any, kwargs: Any, written: "list[torch.Tensor]") -> Any:
    """What is written to is computed beside it, in float64, and rounded into it."""
    copies = {id(tensor): wide(tensor) for tensor in written}

    def change(value: Any) -> Any:
        if isinstance(value, torch.Tensor) and id(value) in copies:
            return copies[id(value)]
        return _widened_argument(value, frozenset())

    answer = func(*_mapped(args, change), **{key: _mapped(value, change) for key, value in kwargs.items()})
    for tensor in written:
        tensor.copy_(copies[id(tensor)])
    own = {id(copies[id(tensor)]): tensor for tensor in written}
    return _mapped(answer, lambda value: own.get(id(value), value))


def _plain_attention(func: Any, args: Any, kwargs: Any) -> Any:
    """The arguments of the fused form are query, key, value, dropout_p, is_causal, and by name attn_mask and scale; what only
    a backward pass needs is not made."""
    names = [argument.name for argument in func._schema.arguments]
    given = {**dict(zip(names, args)), **kwargs}
    mask = given.get("attn_mask", given.get("attn_bias"))
    query, key, value = (wide(given[name]) for name in ("query", "key", "value"))
    if isinstance(mask, torch.Tensor) and mask.dtype in _WIDE:
        mask = wide(mask)
    answer, weights = torch.ops.aten._scaled_dot_product_attention_math(
        query, key, value, mask, 0.0, given.get("is_causal", False), None, scale=given.get("scale")
    )
    return (answer, weights.logsumexp(-1), *(None for _ in func._schema.returns[2:]))


def _plain_grouped(func: Any, args: Any, kwargs: Any) -> torch.Tensor:
    """Products of groups of rows (the tokens of an expert) with a matrix each, which has no form in float64."""
    names = [argument.name for argument in func._schema.arguments]
    given = {**dict(zip(names, args)), **kwargs}
    left, right = wide(given[names[0]]), wide(given[names[1]])
    if left.dim() == 3 and right.dim() == 3:
        answer = torch.bmm(left, right)
    else:
        stops = [int(end) for end in given["offs"].tolist()]
        groups = list(zip([0, *stops], stops))
        if left.dim() == 2 and right.dim() == 3:
            answer = left.new_zeros((left.shape[0], right.shape[2]))
            for group, (begin, end) in enumerate(groups):
                answer[begin:end] = left[begin:end] @ right[group]
        elif left.dim() == 3:
            answer = left.new_zeros((left.shape[1], right.shape[1]))
            for group, (begin, end) in enumerate(groups):
                answer[:, begin:end] = left[group] @ right[:, begin:end]
        else:
            answer = torch.stack([left[:, begin:end] @ right[begin:end] for begin, end in groups])
    bias = given.get("bias")
    return answer if bias is None else answer + wide(bias)


class Float64Runs:
    """What is known of the float64 runs of one network, by the shapes of its inputs."""

    def __init__(self) -> None:
        self._widened: Dict[Any, Set[int]] = {}
        self._types: Dict[Any, List[_Asked]] = {}

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


def _asked_natively(below: bool, native: Callable[[Any], Any]) -> "list[_Asked]":
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
