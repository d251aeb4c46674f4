# SPDX-License-Identifier: Apache-2.0
"""What forward() of the user's own modules chooses by, and neither a state dict nor a number says: texts, functions, types, None,
what a factory enclosed in a function, constants of modules, variables of the environment, the default type."""

from __future__ import annotations

import functools
import inspect
import itertools
import os
import sys
import types
from typing import Any, Dict, FrozenSet, Iterable, Iterator, List, NamedTuple, Tuple

import torch
from torch import nn

from ..user_code.reachable_state import MISSING, cell_contents
from .attribute_values import is_settings, is_users_module, reads_of
from .choice_words import FUNCTIONS, constant_word, variable_word
from .hyperparameters import HYPERPARAMETERS, is_plain
from .surrounding_reads import of_process, uses_default_type, variables_of

_MODULES_OWN = frozenset(vars(nn.Module())) | {"_flat_weights", "_trainer", "_fabric", "training"}
_MOST = 2048
_MOST_ENTRIES = 64  # of a list or dict
_MAX_DEPTH = 3
_NO_SETTINGS = ("logging", "threading", "_thread", "io", "_io", "weakref")
_IDLE_IN_EVALUATION = (nn.Identity, nn.modules.dropout._DropoutNd)

_OF_TRANSFORMERS = frozenset(("activation", "enable_nested_tensor"))  # of PyTorch's own: a function, and what pads the rows anew

Told = Iterator[Tuple[str, str]]

NOT_THERE = "(not there)"


class Names(NamedTuple):
    """What forward() reads of objects by name, and what it asks for that need not be there."""

    read: FrozenSet[str] = frozenset()
    asked: FrozenSet[str] = frozenset()


class _NotThere:
    """In the place of what is asked for and lacking: the default that answers for it is in the code, and says nothing."""


_not_there = _NotThere()


def choices_of(module: nn.Module) -> Dict[str, str]:
    """By dotted paths; of globals `module:name`, of the surroundings `os.environ.NAME` and `torch.default_dtype`."""
    functions = _functions_of(module)
    told = itertools.chain(_of_surroundings(functions), _of_replaced(module), _of_parts(module), _of_globals(module))
    found: Dict[str, str] = {}
    met: Dict[str, int] = {}
    for path, word in itertools.islice(told, _MOST):
        met[path] = met.get(path, 0) + 1  # a decorator and what it decorates enclose values under one name
        found[path if met[path] == 1 else f"{path}.{met[path]}"] = word
    return found


def of_process_in(module: nn.Module) -> List[str]:
    """What forward() names that every process has otherwise."""
    return sorted({name for function in _functions_of(module) for name in of_process(function)})


def _functions_of(module: nn.Module) -> List[types.FunctionType]:
    """All of the user's own that a forward pass may call, as far as its code and its attributes name them."""
    found: Dict[types.CodeType, types.FunctionType] = {}
    for part in module.modules():
        if not _is_own(part):
            continue
        read = reads_of(part)
        held = [vars(part).get(name) for name in read.attributes]
        for function in [*read.functions, *(inner for value in held for inner in _inner_functions(value, 0))]:
            found.setdefault(function.__code__, function)
    return list(found.values())


def _inner_functions(value: Any, depth: int) -> Iterator[types.FunctionType]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, functools.partial):
        yield from _inner_functions(value.func, depth + 1)
    elif isinstance(value, types.MethodType):
        yield from _inner_functions(value.__func__, depth + 1)
    elif isinstance(value, types.FunctionType) and is_users_module(value.__module__):
        yield value
        for _, held in _enclosed(value):
            yield from _inner_functions(held, depth + 1)


def _is_own(part: nn.Module) -> bool:
    return is_users_module(type(part).__module__) and not isinstance(part, torch.jit.ScriptModule)


def _of_surroundings(functions: Iterable[types.FunctionType]) -> Told:
    names = variables_of(functions)
    if any({"hash()", "a set"} & of_process(function) for function in functions):
        names.add("PYTHONHASHSEED")
    for name in sorted(names):
        yield f"os.environ.{name}", variable_word(name, os.environ.get(name))
    if any(map(uses_default_type, functions)):
        yield "torch.default_dtype", str(torch.get_default_dtype()).replace("torch.", "")


def _of_parts(module: nn.Module) -> Told:
    for prefix, part in module.named_modules():
        before = f"{prefix}." if prefix else ""
        if isinstance(part, torch.jit.ScriptModule):
            continue
        if _is_own(part):
            yield from _of_own(before, part)
        elif type(part).__module__.startswith("torch.nn."):
            for name in _OF_TRANSFORMERS & set(vars(part)):
                yield from _told(before + name, vars(part)[name], Names(), True)
        if prefix and _is_stateless_layer(part):
            kind: Any = nn.Identity if isinstance(part, _IDLE_IN_EVALUATION) else type(part)
            yield f"{before}class", kind.__name__


def _of_replaced(module: nn.Module) -> Told:
    """Methods that an attribute of the module hides, and the user's own forward hooks: each may change what it answers."""
    methods, hooks = [], []
    for prefix, part in module.named_modules():
        before = f"{prefix}." if prefix else ""
        for name, value in vars(part).items():
            if name not in _MODULES_OWN and isinstance(value, (*FUNCTIONS, functools.partial)) and callable(getattr(type(part), name, None)):
                methods.append(f"{before}{name}")
        for hook in [*part._forward_hooks.values(), *part._forward_pre_hooks.values()]:
            if is_users_module(str(getattr(hook, "__module__", ""))):
                hooks.append(f"{prefix or 'itself'}: {constant_word('', hook, True) or type(hook).__name__}")
    yield "replaced_methods", ", ".join(sorted(methods)[:_MOST_ENTRIES]) or "none"
    yield "forward_hooks", ", ".join(sorted(hooks)[:_MOST_ENTRIES]) or "none"


def _is_stateless_layer(part: nn.Module) -> bool:
    """One of PyTorch's own, of which no name and no shape in a state dict tells the class."""
    return type(part).__module__.startswith("torch.nn.") and not (part._modules or part._parameters or part._buffers)


def _of_own(before: str, part: nn.Module) -> Told:
    read = reads_of(part)
    names = Names(read.attributes - read.assigned, read.asked - read.assigned)
    for name in sorted(read.attributes - read.assigned - _MODULES_OWN):
        if name in part._modules:
            yield before + name, "None" if part._modules[name] is None else "a module"
        elif name in vars(part):
            value = vars(part)[name]
            if name in read.asked or not (name in HYPERPARAMETERS and is_plain(value)):
                yield from _told(before + name, value, names, False)
        elif name in part._parameters or name in part._buffers:
            if name in read.asked:
                yield before + name, constant_word(name, part._parameters.get(name, part._buffers.get(name)), False) or ""
        else:
            value = inspect.getattr_static(type(part), name, _not_there if name in read.asked else _nothing)
            value = value.__func__ if isinstance(value, staticmethod) else value
            if not _is_code(name, value):
                yield from _told(before + name, value, names, False)
    for function in read.functions:
        for name, value in _enclosed(function):
            yield from _told(f"{before}{function.__name__}.{name}", value, names, True, 1)


_nothing = property()  # a class lacks the name


def _is_code(name: str, value: Any) -> bool:
    """What is known by its own name is the code itself, which its file's digest tells."""
    if isinstance(value, (property, classmethod, functools.cached_property)) or inspect.isdatadescriptor(value):
        return True
    return isinstance(value, (*FUNCTIONS, type)) and getattr(value, "__name__", "") == name


def _of_globals(module: nn.Module) -> Told:
    reads = [reads_of(part) for part in module.modules() if _is_own(part)]
    assigned: FrozenSet[str] = frozenset().union(*(read.assigned for read in reads))
    attributes: FrozenSet[str] = frozenset().union(*(read.attributes for read in reads))
    asked: FrozenSet[str] = frozenset().union(*(read.asked for read in reads))
    names = Names(attributes - assigned, asked - assigned)
    for place, name in sorted({named for read in reads for named in read.globals}):
        value = getattr(sys.modules.get(place), "__dict__", {}).get(name, _nothing)
        if name in assigned or _is_code(name, value):
            continue
        if isinstance(value, types.ModuleType):
            yield from _of_module(value, names)
        else:
            yield from _told(f"{_import_name(place)}:{name}", value, names, False)


def _import_name(place: str) -> str:
    """Of a script that is run itself the name that others import it by."""
    script = getattr(sys.modules.get(place), "__file__", None) if place == "__main__" else None
    return os.path.splitext(os.path.basename(script))[0] if isinstance(script, str) else place


def _of_module(module: types.ModuleType, names: Names) -> Told:
    """Of a module of settings, `settings.MODE`; its numbers too, which nothing else tells."""
    if not is_users_module(module.__name__):
        return
    for name in sorted(names.read & set(vars(module))):
        value = vars(module)[name]
        if not name.startswith("__") and not _is_code(name, value) and not isinstance(value, types.ModuleType):
            yield from _told(f"{module.__name__}:{name}", value, names, True)


def _enclosed(function: types.FunctionType) -> List[Tuple[str, Any]]:
    """What a function was made with: the names that it took from the one around it."""
    held = zip(function.__code__.co_freevars, map(cell_contents, function.__closure__ or ()))
    return [(name, value) for name, value in held if value is not MISSING and name not in ("__class__", "self")]


def _given(function: types.FunctionType) -> List[Tuple[str, Any]]:
    code, defaults = function.__code__, function.__defaults__ or ()
    names = code.co_varnames[code.co_argcount - len(defaults) : code.co_argcount]
    return [*zip(names, defaults), *(function.__kwdefaults__ or {}).items()]


def _told(path: str, value: Any, names: Names, numbers: bool, depth: int = 0) -> Told:
    """The value and what it is made of; of objects what forward() reads by name."""
    if value is _not_there:
        yield path, NOT_THERE
        return
    word = constant_word(path, value, numbers)
    if word is not None:
        yield path, word
        if isinstance(value, types.MethodType):
            value = value.__func__
        if isinstance(value, types.FunctionType) and is_users_module(value.__module__):
            yield from _inside(path, [*_enclosed(value), *_given(value)], names, True, depth)
    elif isinstance(value, functools.partial):
        yield path, f"partial of {constant_word('', value.func, True) or type(value.func).__name__}"
        given = [*((str(index), held) for index, held in enumerate(value.args)), *value.keywords.items()]
        yield from _inside(path, given, names, numbers, depth)
    elif isinstance(value, (set, frozenset)):
        words = sorted(str(constant_word(path, held, True)) for held in value)
        yield path, "{" + ", ".join(words) + "}" if len(words) <= 8 else constant_word(path, "\n".join(words), numbers) or ""
    elif isinstance(value, (list, tuple, dict)):
        pairs = _pairs(value)
        if len(pairs) <= _MOST_ENTRIES:
            lacking = sorted(names.asked - set(value)) if isinstance(value, dict) and numbers is False else []
            named = [(str(key), held) for key, held in pairs if isinstance(key, (str, int))]
            yield from _inside(path, [*named, *((key, _not_there) for key in lacking)], names, numbers, depth)
        elif all(isinstance(held, str) for _, held in pairs):
            yield path, constant_word(path, "\n".join(held for _, held in pairs), numbers) or ""
    elif value is not _nothing and type(value).__module__.partition(".")[0] not in _NO_SETTINGS:
        yield path, f"a {type(value).__qualname__}"
        yield from _inside(path, _read_of(value, names), names, numbers or not is_settings(value), depth)


def _pairs(value: Any) -> List[Tuple[Any, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    names = getattr(type(value), "_fields", None)
    return list(zip(names, value)) if isinstance(names, tuple) and len(names) == len(value) else list(enumerate(value))


def _read_of(value: Any, names: Names) -> List[Tuple[str, Any]]:
    """What forward() reads of an object by name: its own, and constants of its class where that is the user's."""
    own = getattr(value, "__dict__", {})
    found = {name: own[name] for name in names.read & set(own)}
    if is_users_module(type(value).__module__):
        for name in names.read - set(found):
            held = inspect.getattr_static(type(value), name, _nothing)
            if isinstance(held, types.MemberDescriptorType):
                found[name] = getattr(value, name, None)  # of __slots__
            elif not _is_code(name, held):
                found[name] = held
    if hasattr(value, "__dict__"):
        found.update((name, _not_there) for name in names.asked - set(found) if inspect.getattr_static(value, name, _nothing) is _nothing)
    return sorted(found.items())


def _inside(path: str, parts: Iterable[Tuple[str, Any]], names: Names, numbers: bool, depth: int) -> Told:
    if depth >= _MAX_DEPTH:
        return
    for name, value in parts:
        yield from _told(f"{path}.{name}", value, names, numbers, depth + 1)
