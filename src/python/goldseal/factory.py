# SPDX-License-Identifier: Apache-2.0
"""How a seal says that its network is built: the `--model` of a Python factory."""

from __future__ import annotations

import ast
import functools
import inspect
import numbers
import os
import sys
from typing import Any, Callable, Optional, Tuple, Union

from .errors import GoldsealError

# "package.module:callable?key=value", a callable, a functools.partial of one, or (callable, keyword arguments)
Factory = Union[str, Callable[..., Any], Tuple[Callable[..., Any], "dict[str, Any]"]]

_PATH_WORDS = ("dir", "path", "file", "folder", "root", "config")
_WITHOUT_CODE = (
    "`goldseal verify` then runs the sealed program, goldseal.verify(seal, model) a live model; to have the code judged elsewhere, give a "
    'module\'s function that takes plain values: factory="package.module:callable?key=value"'
)
_FORMS = ("python:", "torchscript:", "darknet:", "export:", "plugin:", "aoti:")


def model_spec(factory: Optional[Factory], model: Any) -> str:
    """The `--model` that builds the network again on another machine. Without a factory the model's class is taken."""
    if isinstance(factory, str):
        return factory if factory.startswith(_FORMS) else "python:" + factory
    options: dict[str, Any] = {}
    if isinstance(factory, tuple):
        factory, options = factory
    if isinstance(factory, functools.partial):
        if factory.args:
            raise GoldsealError("factory: a partial with positional arguments has no names for them; give keywords: functools.partial(Net, width=8)")
        options = {**factory.keywords, **options}
        factory = factory.func
    function = type(model) if factory is None else factory
    return f"python:{_name_of(function)}{_query(options)}"


def absolute_paths(spec: str) -> str:
    """The same with the paths among a Python factory's arguments made absolute: the command works in another directory, and
    the seal records them relative to itself. What names nothing that is here is left as it is."""
    source, mark, query = spec.partition("?")
    if not spec.startswith("python:") or not mark:
        return spec
    return source + mark + "&".join(_absolute(part) for part in query.split("&"))


def _absolute(option: str) -> str:
    name, equals, value = option.partition("=")
    telling = "/" in value or os.path.splitext(value)[1] or any(word in name for word in _PATH_WORDS)
    if not equals or not value or not telling or os.path.isabs(value) or not os.path.exists(value):
        return option
    return f"{name}={os.path.abspath(value)}"


def needed_arguments(kind: type) -> list[str]:
    """The arguments without which the class cannot be called."""
    return [
        parameter.name
        for parameter in inspect.signature(kind).parameters.values()
        if parameter.default is inspect.Parameter.empty
        and parameter.kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    ]


def importable(factory: Optional[Factory], model: Any) -> Tuple[Optional[Factory], Optional[str]]:
    """The factory as it was given; one that no other process can import costs no seal: the model's class then stands in its place,
    and the second value says why."""
    try:
        model_spec(factory, model)
        return factory, None
    except GoldsealError as error:
        kind = type(model)
        told = f"the seal names {kind.__module__}:{kind.__qualname__} in its place" if factory is not None else "the seal names it all the same"
        return f"{kind.__module__}:{kind.__qualname__}", f"{error}; {told}. {_WITHOUT_CODE}"


def objection_to_arguments(model: Any) -> Optional[str]:
    """Why the model's class alone builds no such network."""
    needed = needed_arguments(type(model))
    if not needed:
        return None
    told = "it" if len(needed) == 1 else "them"
    return f"factory: {type(model).__qualname__} takes {', '.join(needed)}, and no factory= gives {told}. {_WITHOUT_CODE}"


def _name_of(function: Callable[..., Any]) -> str:
    module = getattr(function, "__module__", None)
    name = getattr(function, "__qualname__", None)
    if not module or not name or "<" in name:
        raise GoldsealError(
            f"factory: {getattr(function, '__qualname__', None) or repr(function)} has no name that another process can import"
        )
    return f"{_script_name() if module == '__main__' else module}:{name}"


def _script_name() -> str:
    """`train` for a script that was started as `python train.py`."""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return spec.name.removesuffix(".__main__") if hasattr(str, "removesuffix") else spec.name
    path = getattr(main, "__file__", None)
    if not path or path.startswith("<"):
        raise GoldsealError("factory: it is defined in an interactive session (a notebook, python -c), from which no other process can import it")
    return os.path.splitext(os.path.basename(path))[0]


def _query(options: dict[str, Any]) -> str:
    return "?" + "&".join(f"{key}={_text(key, value)}" for key, value in options.items()) if options else ""


def _text(key: str, value: Any) -> str:
    """What the worker reads back as the same value."""
    text = value if isinstance(value, str) and not _is_literal(value) else repr(value)
    if "&" in text or (not isinstance(value, str) and not _reads_back(text, value)):
        raise GoldsealError(
            f"factory: the argument {key}={value!r} is a {type(value).__name__}, which a seal cannot hold: expected a plain number, string, "
            "bool, None, list, tuple or dict"
        )
    return text


def _reads_back(text: str, value: Any) -> bool:
    """A configuration object may look like a dict and be none."""
    return _is_literal(text) and isinstance(value, (numbers.Number, type(ast.literal_eval(text))))


def _is_literal(text: str) -> bool:
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return False
    return True
