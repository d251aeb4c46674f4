# SPDX-License-Identifier: Apache-2.0
"""What a function's code reads from the process around it: variables of the environment, the default type of new tensors, and
what every process has otherwise (the order of a set, the clock)."""

from __future__ import annotations

import dis
import re
import types
from typing import Any, Dict, FrozenSet, Iterable, Iterator, List, Set

# What makes tensors of the default type where no other is named.
_OF_DEFAULT_TYPE = frozenset(
    "get_default_dtype tensor as_tensor scalar_tensor zeros ones full empty eye linspace logspace arange rand randn normal "
    "hann_window hamming_window blackman_window bartlett_window kaiser_window".split()
)
_BUILTINS = {"hash": "hash()", "id": "id()", "set": "a set", "frozenset": "a set"}
_CALLS = frozenset(
    "getpid getppid get_ident uuid1 uuid4 urandom token_bytes token_hex randbits gethostname getnode time time_ns perf_counter perf_counter_ns "
    "monotonic monotonic_ns process_time process_time_ns thread_time thread_time_ns now utcnow today localtime gmtime ctime asctime strftime".split()
)
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{2,63}")
_NO_STEPS = frozenset("CACHE PRECALL PUSH_NULL RESUME EXTENDED_ARG NOP".split())


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _steps(code: types.CodeType) -> List[dis.Instruction]:
    return [step for step in dis.get_instructions(code) if step.opname not in _NO_STEPS]


def _is_attribute(step: dis.Instruction) -> bool:
    return step.opname in ("LOAD_ATTR", "LOAD_METHOD")


def _is_global(step: dis.Instruction) -> bool:
    return step.opname in ("LOAD_GLOBAL", "LOAD_NAME")


def variables_of(functions: Iterable[types.FunctionType]) -> Set[str]:
    """The variables of the environment that they name: os.environ["X"], .get("X"), "X" in os.environ, os.getenv(X). Where one reads
    a variable that it is given by name, the texts of all that look like such names."""
    found: Set[str] = set()
    texts: Set[str] = set()
    given = False
    for function in functions:
        for code in _codes(function.__code__):
            texts |= _names_in(code.co_consts)
            steps = _steps(code)
            for index, step in enumerate(steps):
                if step.argval not in ("environ", "getenv") or not (_is_attribute(step) or _is_global(step)):
                    continue
                asked_in = index + 1 < len(steps) and steps[index + 1].opname == "CONTAINS_OP"
                near = steps[max(0, index - 2) : index] if asked_in else steps[index + 1 : index + 4]
                named = _text_among(near, function.__globals__, asked_in)
                found |= named
                given = given or not named
    return found | texts if given else found


def _names_in(constants: Iterable[Any]) -> Set[str]:
    found: Set[str] = set()
    for constant in constants:
        if isinstance(constant, str) and _VARIABLE.fullmatch(constant):
            found.add(constant)
        elif isinstance(constant, (tuple, frozenset)):
            found |= _names_in(constant)
    return found


def _text_among(steps: List[dis.Instruction], names: Dict[str, Any], all_of_them: bool) -> Set[str]:
    for step in steps:
        value = step.argval if step.opname == "LOAD_CONST" else names.get(str(step.argval)) if _is_global(step) else None
        if isinstance(value, str):
            return {value}
        if not (_is_attribute(step) or all_of_them):
            break
    return set()


def uses_default_type(function: types.FunctionType) -> bool:
    return any(not _OF_DEFAULT_TYPE.isdisjoint(code.co_names) for code in _codes(function.__code__))


def of_process(function: types.FunctionType) -> FrozenSet[str]:
    found: Set[str] = set()
    for code in _codes(function.__code__):
        for step in _steps(code):
            name = str(step.argval)
            if step.opname in ("BUILD_SET", "SET_ADD"):
                found.add("a set")
            elif _is_global(step) and name in _BUILTINS and name not in function.__globals__:
                found.add(_BUILTINS[name])
            elif name in _CALLS and (_is_attribute(step) or (_is_global(step) and callable(function.__globals__.get(name)))):
                found.add(f"{name}()")
    return frozenset(found)
