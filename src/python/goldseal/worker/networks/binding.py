# SPDX-License-Identifier: Apache-2.0
"""Named tensors to the arguments of a forward pass, and what it returns to named tensors."""

from __future__ import annotations

import collections.abc
import dataclasses
import inspect
from typing import Any, Callable, Iterator

import torch

from ..protocol.dtypes import name_of, storable
from ..protocol.refusal import Refusal

_KINDS_BY_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_NOT_TENSORS = (bool, int, float, str, "bool", "int", "float", "str")
_MAX_DEPTH = 64


def _parameters(forward: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(forward).parameters.values())
    except ValueError:  # a traced module's, which has a schema, the module itself first
        schema = getattr(forward, "schema", None)
        if schema is None:
            raise
        names = [argument.name for argument in schema.arguments[1:]]
        return [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]


def declared_inputs(forward: Callable[..., Any]) -> list[dict[str, Any]]:
    """The arguments that can be given as tensors, as PROTOCOL.md's `inputs`."""
    inputs = []
    for parameter in _parameters(forward):
        named = parameter.kind in _KINDS_BY_PLACE or parameter.kind is inspect.Parameter.KEYWORD_ONLY
        if named and parameter.annotation not in _NOT_TENSORS:
            inputs.append({"name": parameter.name, "required": parameter.default is inspect.Parameter.empty})
    return inputs


def hooks_see_places(module: torch.nn.Module) -> bool:
    """Whether a hook of the module, or of all modules, is given its positional arguments alone."""
    of_all = torch.nn.modules.module
    tables: tuple[tuple[Any, Any], ...] = (
        (module._forward_pre_hooks, getattr(module, "_forward_pre_hooks_with_kwargs", {})),
        (module._forward_hooks, getattr(module, "_forward_hooks_with_kwargs", {})),
        (of_all._global_forward_pre_hooks, {}),
        (of_all._global_forward_hooks, {}),
    )
    return any(name not in with_keywords for hooks, with_keywords in tables for name in hooks)


def bind(
    forward: Callable[..., Any], inputs: dict[str, torch.Tensor], by_place: bool = False
) -> tuple[list[Any], dict[str, Any]]:
    """Positional and keyword arguments. What `*args` takes is named by its place: `0`, `1` … With `by_place` the leading arguments
    are positional as far as all of them are given."""
    left = dict(inputs)
    positional: list[Any] = []
    keywords: dict[str, Any] = {}
    place = 0  # of those that have no name by which they could be given
    for parameter in _parameters(forward):
        by_place = by_place and parameter.kind in _KINDS_BY_PLACE and parameter.name in left
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            while str(place) in left:
                positional.append(left.pop(str(place)))
                place += 1
        elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
            keywords.update(left)
            left.clear()
        elif parameter.name in left:
            value = left.pop(parameter.name)
            if by_place or parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
                positional.append(value)
                place += int(parameter.kind is inspect.Parameter.POSITIONAL_ONLY)
            else:
                keywords[parameter.name] = value
        elif parameter.default is inspect.Parameter.empty:
            raise Refusal("usage", f"input `{parameter.name}` is missing")
    if left:
        raise Refusal("usage", f"the network has no input `{next(iter(left))}`")
    return positional, keywords


def flatten(value: Any) -> dict[str, torch.Tensor]:
    """Every tensor and number by its place in tuples, lists, dicts and dataclasses, joined by dots (`0`, `1.scores`); a
    lone one is `output`, None is left out."""
    outputs: dict[str, torch.Tensor] = {}
    for name, tensor in _leaves(value, "", 0):
        if name in outputs:
            raise Refusal("unsupported", f"two outputs are called `{name}`")
        outputs[name] = tensor
    return outputs


def _leaves(value: Any, name: str, depth: int) -> Iterator[tuple[str, torch.Tensor]]:
    if depth > _MAX_DEPTH:
        raise Refusal("unsupported", "the outputs are nested too deeply")
    if value is None:
        return
    if isinstance(value, torch.Tensor):
        _require_plain(value, name or "output")
        yield name or "output", value
    elif isinstance(value, (bool, int, float)):
        dtype = torch.bool if isinstance(value, bool) else torch.int64 if isinstance(value, int) else torch.float64
        yield name or "output", torch.tensor(value, dtype=dtype)
    else:
        for part, entry in _parts(value, name):
            yield from _leaves(entry, f"{name}.{part}" if name else part, depth + 1)


def _require_plain(output: torch.Tensor, name: str) -> None:
    found, remedy = "", ""
    if getattr(output, "is_nested", False):
        found, remedy = "a nested tensor", "torch.nested.to_padded_tensor(output, 0.0)"
    elif output.is_quantized:
        found, remedy = "a quantized tensor", "output.dequantize()"
    elif output.layout is not torch.strided:
        found, remedy = f"a {output.layout} tensor", "output.to_dense()"
    elif output.is_complex():
        found, remedy = f"of type {name_of(output.dtype)}", "torch.view_as_real(output)"
    elif not storable(output.dtype):
        found = f"of type {name_of(output.dtype)}"
        remedy = "output.float()" if output.dtype.is_floating_point else "output.long()"
    if found:
        raise Refusal(
            "unsupported",
            f"output `{name}` is {found}; outputs are compared as plain tensors of real numbers, whole numbers and bools",
            remedy=f"build the network by a callable whose module returns {remedy}",
        )


def _parts(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, collections.abc.Mapping):
        for key, entry in value.items():
            if not isinstance(key, (str, int)):
                raise Refusal("unsupported", "an output's dict has keys that are neither strings nor whole numbers")
            yield str(key), entry
    elif isinstance(value, (tuple, list)):
        for index, entry in enumerate(value):
            yield str(index), entry
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield field.name, getattr(value, field.name)
    else:
        raise Refusal(
            "unsupported",
            f"output `{name or 'output'}` is a {type(value).__name__}; known are tensors, numbers, and tuples, lists "
            "and dicts of them",
            remedy="build the network by a callable whose module returns the tensors that are to be compared; goldseal.save picks "
            "them from a live model's answer: outputs=lambda answer: answer[0]",
        )
