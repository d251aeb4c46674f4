# SPDX-License-Identifier: Apache-2.0
"""The types that a native run makes, which a float64 run (float64_run.py) gives to what the code makes by itself."""

from __future__ import annotations

from typing import Any, List, NamedTuple, Optional

import torch

try:
    from torch.utils._python_dispatch import TorchDispatchMode
except ImportError:  # it is none of PyTorch's public interface: a version may lack it
    TorchDispatchMode = object  # type: ignore[assignment,misc]

# They make tensors of numbers: of a tensor they take the shape or the type alone.
FACTORIES = frozenset(
    "empty_like full_like ones_like rand_like randint_like randn_like zeros_like new_empty new_empty_strided new_full new_ones "
    "new_zeros arange full linspace logspace ones zeros eye scalar_tensor empty empty_strided rand randn randint randperm "
    "hann_window hamming_window blackman_window bartlett_window kaiser_window fft_fftfreq fft_rfftfreq".split()
)
# Of factories, those that reckon: where they round goes by the processor.
_RECKONED = frozenset(
    "arange linspace logspace hann_window hamming_window blackman_window bartlett_window kaiser_window fft_fftfreq fft_rfftfreq".split()
)
# They convert a tensor to the type of another one, or to one that is named.
CONVERSIONS = frozenset("to _to_copy type_as".split())


class Asked(NamedTuple):
    name: str
    dtype: Optional[torch.dtype]


class NativeTypes:
    """The types that a native run makes, operator by operator: those of conversions and of tensors made of numbers."""

    def __init__(self, asked: "list[Asked]") -> None:
        self._asked = asked
        self._next = 0

    def of(self, name: str) -> Optional[torch.dtype]:
        """None where the two runs are no longer at the same operator."""
        if self._next >= len(self._asked) or self._asked[self._next].name != name:
            self._next = len(self._asked)
            return None
        self._next += 1
        return self._asked[self._next - 1].dtype


def short_name(func: Any) -> str:
    return func._schema.name.split("::")[-1]


def reckons(func: Any) -> bool:
    """A factory whose numbers a processor may round otherwise; one that writes to `out` has no dtype to be asked for."""
    return short_name(func) in _RECKONED and any(argument.name == "dtype" for argument in func._schema.arguments)


def tells_type(name: str, args: Any, kwargs: Any) -> bool:
    return name in CONVERSIONS or name in FACTORIES or named_dtype(args, kwargs) is not None


def named_dtype(args: Any, kwargs: Any) -> Optional[torch.dtype]:
    return next((value for value in (*args, *kwargs.values()) if isinstance(value, torch.dtype)), None)


class TypesMode(TorchDispatchMode):
    """Of a native run."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: List[Asked] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        answer = func(*args, **(kwargs or {}))
        if tells_type(short_name(func), args, kwargs or {}):
            self.asked.append(Asked(short_name(func), answer.dtype if isinstance(answer, torch.Tensor) else None))
        return answer
