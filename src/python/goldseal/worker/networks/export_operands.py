# SPDX-License-Identifier: Apache-2.0
"""The arguments of an exported program's calls: constants, values that the program has computed by then, lists of such."""

from __future__ import annotations

import math
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Union

import torch

from ..protocol.refusal import Refusal
from .decimals import shortest

# torch.export's own numbers (torch/_export/serde/schema.py): ScalarType, MemoryFormat, Layout.
SCALAR_TYPES = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    9: torch.complex32,
    10: torch.complex64,
    11: torch.complex128,
    12: torch.bool,
    13: torch.bfloat16,
}
_MEMORY_FORMATS = {
    1: torch.contiguous_format,
    2: torch.channels_last,
    3: torch.channels_last_3d,
    4: torch.preserve_format,
}
_STRIDED = 7

# LibTorch's numbers for the same: settings are told by these. Its types are counted from 0, with quantized ones before bfloat16.
_NUMBERS: Dict[Any, int] = {
    **{dtype: number - 1 for number, dtype in SCALAR_TYPES.items()},
    torch.bfloat16: 15,
    torch.contiguous_format: 0,
    torch.preserve_format: 1,
    torch.channels_last: 2,
    torch.channels_last_3d: 3,
    torch.strided: 0,
}


class Value(NamedTuple):
    """What the program has computed, by its index."""

    place: int


class Device(NamedTuple):
    """The device of the run: a program runs where its inputs are, whatever device it names."""


class Constant(NamedTuple):
    value: Any


Operand = Union[Value, Device, Constant, List[Any]]
Names = Dict[str, int]


def value_named(names: Names, name: str) -> int:
    if name not in names:
        raise Refusal("malformed", f"the program uses `{name}`, which it lacks")
    return names[name]


def only_member(union: Any) -> Any:
    """The kind and the content of {"as_tensor": {…}}."""
    if not isinstance(union, dict) or len(union) != 1:
        raise Refusal("malformed", "the program holds a union that does not name one kind")
    return next(iter(union.items()))


def read_operand(argument: Any, names: Names) -> Operand:
    """An argument as torch.export writes it ({"as_ints": [1, 1]}). Raises Refusal for a kind that is not known."""
    kind, body = only_member(argument)
    if kind in ("as_device", "as_none"):
        return Device() if kind == "as_device" else Constant(None)
    if kind in _READ:
        return _READ[kind](body, names)
    if kind in _LISTS:
        return [_READ[_LISTS[kind]](item, names) for item in body]
    if kind == "as_custom_obj":
        raise Refusal("unsupported", f"the program uses an object of class {body['class_fqn']}")
    raise Refusal("unsupported", f"the program gives an operator an argument `{kind}`, which is not interpreted here")


def _constant(kind: type) -> Any:
    def read(body: Any, names: Names) -> Operand:
        if type(body) is not kind:
            raise Refusal("malformed", f"the program has {str(body)[:40]!r} where a {kind.__name__} belongs")
        return Constant(body)

    return read


def _real(body: Any, names: Names) -> Operand:
    """JSON has no infinities: they are written as texts."""
    if isinstance(body, (int, float)) and not isinstance(body, bool):
        return Constant(float(body))
    signs = {"Infinity": math.inf, "inf": math.inf, "-Infinity": -math.inf, "-inf": -math.inf}
    return Constant(signs.get(body, math.nan))


def _tensor(body: Any, names: Names) -> Operand:
    return Value(value_named(names, body["name"]))


def _optional_tensor(body: Any, names: Names) -> Operand:
    return Constant(None) if "as_none" in body else _tensor(body["as_tensor"], names)


def _symbol(body: Any, names: Names) -> Operand:
    """A size or number that the program computes, or one that is fixed: {"as_name": "s0"}, {"as_int": 3}."""
    if "as_name" in body:
        return Value(value_named(names, body["as_name"]))
    for kind in ("as_int", "as_bool", "as_float"):
        if kind in body:
            return _READ[kind](body[kind], names)
    raise Refusal("malformed", "the program has a number that is none")


def _of_table(table: Dict[int, Any], what: str) -> Any:
    def read(body: Any, names: Names) -> Operand:
        if body not in table:
            raise Refusal("unsupported", f"{what} {body} is not known here")
        return Constant(table[body])

    return read


def _layout(body: Any, names: Names) -> Operand:
    if body != _STRIDED:
        raise Refusal("unsupported", "the program uses sparse tensors")
    return Constant(torch.strided)


_READ: Dict[str, Any] = {
    "as_tensor": _tensor,
    "as_optional_tensor": _optional_tensor,
    "as_int": _constant(int),
    "as_bool": _constant(bool),
    "as_string": _constant(str),
    "as_float": _real,
    "as_sym_int": _symbol,
    "as_sym_bool": _symbol,
    "as_sym_float": _symbol,
    "as_scalar_type": _of_table(SCALAR_TYPES, "element type"),
    "as_memory_format": _of_table(_MEMORY_FORMATS, "memory format"),
    "as_layout": _layout,
}
_LISTS = {
    "as_tensors": "as_tensor",
    "as_optional_tensors": "as_optional_tensor",
    "as_ints": "as_int",
    "as_bools": "as_bool",
    "as_strings": "as_string",
    "as_floats": "as_float",
    "as_sym_ints": "as_sym_int",
    "as_sym_bools": "as_sym_bool",
    "as_sym_floats": "as_sym_float",
}


def values_in(operand: Operand) -> Iterator[int]:
    if isinstance(operand, Value):
        yield operand.place
    elif isinstance(operand, list):
        for item in operand:
            yield from values_in(item)


def setting_of(operand: Operand) -> str:
    """The numbers of an argument as a text, as the LibTorch worker writes it; empty where it is no number."""
    if isinstance(operand, list):
        text = ""
        for item in operand:
            text += (", " if text else "") + setting_of(item)
        return text
    if not isinstance(operand, Constant) or isinstance(operand.value, bool):
        return ""
    if isinstance(operand.value, float):
        return shortest(operand.value)
    if isinstance(operand.value, int):
        return str(operand.value)
    number: Optional[int] = _NUMBERS.get(operand.value) if type(operand.value) in (torch.dtype, torch.memory_format, torch.layout) else None
    return "" if number is None else str(number)
