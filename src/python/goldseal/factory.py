# SPDX-License-Identifier: Apache-2.0
"""How a seal says that its network is built: the `--model` of a Python factory."""

from __future__ import annotations

import ast
import functools
import inspect
import os
import sys
import warnings
from typing import Any, Callable, Optional, Tuple, Union

from .errors import GoldsealError, GoldsealWarning

# "package.module:callable?key=value", a callable, a functools.partial of one, or (callable, keyword arguments)
Factory = Union[str, Callable[..., Any], Tuple[Callable[..., Any], "dict[str, Any]"]]

_PATH_WORDS = ("dir", "path", "file", "folder", "root", "config")
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
            raise GoldsealError("factory: a partial with positional arguments has no names for them; give keywords")
        options = {**factory.keywords, **options}
        factory = factory.func
    function = _class_of(model) if factory is None else factory
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


def _class_of(model: Any) -> type:
    kind = type(model)
    needed = needed_arguments(kind)
    if needed:
        warnings.warn(
            f"{kind.__qualname__} takes {', '.join(needed)}, and no factory= says them: verify will need --model",
            GoldsealWarning,
            stacklevel=4,
        )
    return kind


def _name_of(function: Callable[..., Any]) -> str:
    module = getattr(function, "__module__", None)
    name = getattr(function, "__qualname__", None)
    if not module or not name or "<" in name:
        raise GoldsealError(
            f"factory: {function!r} has no name that another process can import; give a module's function"
        )
    return f"{_script_name() if module == '__main__' else module}:{name}"


def _script_name() -> str:
    """`train` for a script that was started as `python train.py`."""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return spec.name.removesuffix(".__main__") if hasattr(str, "removesuffix") else spec.name
    path = getattr(main, "__file__", None)
    if not path:
        raise GoldsealError("factory: it is defined in an interactive session; give a module's function")
    return os.path.splitext(os.path.basename(path))[0]


def _query(options: dict[str, Any]) -> str:
    return "?" + "&".join(f"{key}={_text(key, value)}" for key, value in options.items()) if options else ""


def _text(key: str, value: Any) -> str:
    """What the worker reads back as the same value."""
    text = value if isinstance(value, str) and not _is_literal(value) else repr(value)
    if "&" in text or (not isinstance(value, str) and not _is_literal(text)):
        raise GoldsealError(
            f"factory: the argument {key}={value!r} must be a plain number, string, bool, None, list or tuple"
        )
    return text


def _is_literal(text: str) -> bool:
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return False
    return True
