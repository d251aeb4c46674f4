# SPDX-License-Identifier: Apache-2.0
"""A value that a network's code chooses, in a word that is the same in every process and PyTorch: texts, functions, types,
None. Of what may be private (long texts, paths, passwords) a digest or nothing."""

from __future__ import annotations

import dis
import enum
import hashlib
import re
import sys
import types
from typing import Any, Iterator, Optional

import torch
from torch import nn

_WORD = re.compile(r"[\w .,:;+*()=<>|-]{0,40}")
_SHORT_WORD = re.compile(r"[\w.+-]{1,16}")
_PRIVATE = re.compile(r"passw|secret|credential|api_?key|access_?key|auth_?token", re.IGNORECASE)
_PRIVATE_VARIABLE = re.compile(r"(^|_)(KEYS?|TOKENS?|PASS\w*|PWD|SECRETS?|AUTH\w*|CRED\w*|COOKIE|DSN)(_|$)", re.IGNORECASE)
_HEX = 12  # digits of a digest: enough to tell values apart, and too few to be one's fingerprint

FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, torch.jit.ScriptFunction)


def _digest(text: bytes) -> str:
    return "sha256 " + hashlib.sha256(text).hexdigest()[:_HEX]


def variable_word(name: str, value: Optional[str]) -> str:
    """Of a variable of the environment, whose value may be a secret."""
    if value is None:
        return "(not set)"
    if _PRIVATE_VARIABLE.search(name):
        return "(set)"
    return value if _SHORT_WORD.fullmatch(value) else f"(set, {_digest(value.encode(errors='surrogateescape'))})"


def _text_word(path: str, text: str) -> str:
    if _PRIVATE.search(path):
        return "a text"
    return f'"{text}"' if _WORD.fullmatch(text) else f"a text of {len(text)} characters, {_digest(text.encode(errors='surrogatepass'))}"


def constant_word(path: str, value: Any, numbers: bool) -> Optional[str]:
    """None for what is made of others. Without `numbers`, of those only that they are numbers: others compare them."""
    if value is None or value is Ellipsis:
        return str(value)
    if isinstance(value, enum.Enum):
        return f"{type(value).__qualname__}.{value.name}"
    if isinstance(value, complex):
        return str(value)
    if isinstance(value, (bool, int, float)):
        return str(value) if numbers else "a number"
    if isinstance(value, str):
        return _text_word(path, value)
    if isinstance(value, bytes):
        return f"{len(value)} bytes, {_digest(value)}"
    if isinstance(value, (torch.dtype, torch.layout, torch.memory_format, range, slice)):
        return str(value)
    if isinstance(value, torch.Tensor):
        return "a tensor"
    if isinstance(value, nn.Module):
        return f"a {type(value).__name__}" if type(value).__module__.startswith("torch.nn.") else "a module"
    if isinstance(value, type):
        return f"class {_named(value)}"
    if isinstance(value, FUNCTIONS) or type(value).__module__ == "torch._ops":
        return f"function {function_word(value)}"
    numpy = sys.modules.get("numpy")
    return "a number" if numpy is not None and isinstance(value, (numpy.ndarray, numpy.generic)) else None


def _named(value: Any) -> str:
    """With its package where that is an installed one: a user's own module may be run as a script on one side."""
    name = str(getattr(value, "__qualname__", getattr(value, "__name__", value)))
    package = str(getattr(value, "__module__", None) or "")
    own = getattr(value, "__name__", "")
    for place, prefix in ((nn.functional, "torch.nn.functional"), (nn, "torch.nn"), (torch, "torch")):
        if own and getattr(place, own, None) is value:
            return f"{prefix}.{own}"
    return f"{package}.{name}" if package.partition(".")[0] in ("torch", "math", "operator", "numpy") else name


def function_word(function: Any) -> str:
    if isinstance(function, types.MethodType):
        return function_word(function.__func__)
    if isinstance(function, torch.jit.ScriptFunction):
        return str(function.name)
    if isinstance(function, types.FunctionType) and function.__name__ == "<lambda>":
        return f"{function.__qualname__}({', '.join(dict.fromkeys(_of_code(function.__code__)))})"
    return _named(function)


def _of_code(code: types.CodeType) -> Iterator[str]:
    """The names and constants of a lambda, which has no name of its own to be known by."""
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_ATTR", "LOAD_METHOD") or (
            step.opname in ("LOAD_CONST", "LOAD_SMALL_INT") and isinstance(step.argval, (int, float, str)) and step.argval != "<lambda>"
        ):
            yield str(step.argval)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _of_code(constant)
