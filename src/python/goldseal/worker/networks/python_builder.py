# SPDX-License-Identifier: Apache-2.0
"""`--model python:package.module:callable?key=value`: the network that a callable of the user's returns."""

from __future__ import annotations

import ast
import contextlib
import importlib
import os
import sys
import traceback
from typing import Any, Callable, Optional

import torch
from torch import fx, nn

from ..protocol.refusal import Refusal, place_of, refusal_of
from ..state.loading import load_steps, shares_memory
from ..state.outside_state import attribute_tensors
from ..state.state_entries import find_state_entries
from ..user_code.files_read import recorded
from ..user_code.moved_clock import move_clock
from .meta_strays import built_on_meta
from .network import Network
from .wrappers import unwrapped


def build_python(source: str, options: dict[str, str], seed: Optional[int] = None) -> Network:
    """Built on the meta device, without memory for its weights, where PyTorch (2.0 on) and the module allow it: a network of
    7 billion parameters would take 28 GB and minutes to be given random numbers that loading replaces. With a seed the
    network has values of its own, drawn from that seed where they are drawn."""
    move_clock()
    _find_users_code()
    before = set(sys.modules)
    begin = _seed_of_process() if seed is None else seed
    with recorded(source) as files:
        function = _find(source)
        arguments = {name: literal(text) for name, text in options.items()}
        torch.manual_seed(begin)
        module = _build_on_meta(function, arguments) if seed is None else None
        on_meta = module is not None
        if module is None:
            module = _call(function, arguments, source, begin)

    def network_of(module: Any) -> Network:
        network = Network(unwrapped(require_module(module, source)).eval())
        network.modules, network.imported = modules_named(source, options), frozenset(sys.modules) - before
        network.files_read = files
        return network

    network = network_of(module)
    if on_meta:
        network.with_values = lambda: network_of(_call(function, arguments, source, begin))
    return network


def modules_named(source: str, options: dict[str, str]) -> "frozenset[str]":
    """Those of the factory and of the callables that it is given by name (goldseal.generation)."""
    callables = [source, *(options.get(name, "") for name in ("of", "generate") if source.startswith("goldseal."))]
    return frozenset(each.partition(":")[0] for each in callables if ":" in each)


def _seed_of_process() -> int:
    """What a constructor draws is the same in each build, but where a process is to show what is drawn (PROTOCOL.md)."""
    text = os.environ.get("GOLDSEAL_BUILD_SEED", "")
    return int(text) if text.isdigit() else 0


def _find_users_code() -> None:
    """Modules are looked for as `python -m` does, from the current directory on."""
    current = os.getcwd()
    if current not in sys.path:
        sys.path.insert(0, current)


def require_module(value: Any, source: str) -> nn.Module:
    if isinstance(value, nn.Module):
        return value
    raise Refusal(
        "unsupported",
        f"expected a torch.nn.Module from {source}, found {type(value).__module__}.{type(value).__qualname__}",
        source,
        "name a callable that returns the module, such as its class",
    )


def literal(text: str) -> Any:
    """`8`, `0.5`, `True`, `None`, `(1, 2)` as Python reads them; anything else is a string."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _find(source: str) -> Callable[..., Any]:
    module_name, _, attribute = source.partition(":")
    if not module_name or not attribute:
        raise Refusal("usage", f"expected python:package.module:callable, found python:{source}")
    if module_name == "__main__":
        raise Refusal(
            "unsupported",
            f"{attribute} was defined in an interactive session (a notebook, python -c), from which no other process can import it",
            f"python:{source}",
            "name what builds it: --model python:package.module:callable; or judge the live model in Python: goldseal.verify(SEAL, model)",
        )
    module = _import(module_name)
    found: Any = module
    for part in attribute.split("."):
        found = getattr(found, part, None)
    if found is None:
        raise Refusal(
            "unsupported",
            f"the module {module_name} has no {attribute}",
            str(getattr(module, "__file__", module_name)),
            "name a function or class of that module",
        )
    if not callable(found):
        raise Refusal("unsupported", f"{source} is a {type(found).__name__}, which cannot be called", source)
    return found


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        if name == missing or name.startswith(missing + "."):
            raise Refusal(
                "unsupported",
                f"there is no module {missing} for {sys.executable}",
                f"python:{name}",
                f"run goldseal where {missing.partition('.')[0]} lies, or put its directory on PYTHONPATH",
            ) from None
        raise Refusal(
            "unsupported",
            f"importing {name} needs the module {missing}, which {sys.executable} does not have",
            place_of(error),
            f"install it: {sys.executable} -m pip install {missing.partition('.')[0]}",
        ) from None
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise _raised(error, f"importing {name}") from None


def _raised(error: BaseException, doing: str) -> Refusal:
    """The traceback goes to standard error, whose end goldseal shows beside the finding."""
    traceback.print_exception(type(error), error, error.__traceback__)
    sys.stderr.flush()
    refusal = refusal_of(error)
    return Refusal(refusal.kind, f"{doing} raised {refusal.message}", refusal.where)


def _call(function: Callable[..., Any], arguments: dict[str, Any], source: str, seed: int) -> Any:
    # Values that a constructor draws and no state dict holds are the same in each build.
    torch.manual_seed(seed)
    try:
        return function(**arguments)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise _raised(error, source) from None


def _build_on_meta(function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """None where the module needs values to be built, or holds values that no state dict has: rotary tables, masks."""
    with open(os.devnull, "w", encoding="utf-8") as silence, contextlib.redirect_stderr(silence):
        try:
            found = built_on_meta(lambda: function(**arguments))
            if found is None or found[1]:
                return None
            module = found[0]
            if not isinstance(module, nn.Module):
                return module
            lacking = (state_entry for state_entry in find_state_entries(module) if not state_entry.persistent and state_entry.place.get().is_meta)
            hidden = (part for part in unwrapped(module).modules() if _keeps_meta(part))
            return None if next(lacking, None) or next(hidden, None) or needs_memory(module) else module
        except KeyboardInterrupt:
            raise
        except BaseException:
            return None


def needs_memory(module: nn.Module) -> bool:
    """Whether PyTorch must load it itself: code of the module's own takes part, or its tensors share memory."""
    entries = list(find_state_entries(module))
    special = any(type(entry.place.held()) not in (torch.Tensor, nn.Parameter) for entry in entries)
    hidden = any(tensor.is_meta for _, tensor in attribute_tensors(module))
    return special or hidden or bool(load_steps(module)) or shares_memory(module, entries)


# What a module holds in these, its state entries tell; a recurrent layer's list is made anew when it is loaded.
_TENSORS_OF_MODULES = ("_parameters", "_buffers", "_modules", "_flat_weights")


def _keeps_meta(part: nn.Module) -> bool:
    """Whether the meta device is left in it where loading does not reach: compiled code may name it anywhere."""
    if isinstance(part, (torch.jit.ScriptModule, fx.GraphModule)):
        return True
    return any(_hides_meta(value) for name, value in vars(part).items() if name not in _TENSORS_OF_MODULES)


def _hides_meta(value: Any, depth: int = 0) -> bool:
    """The device by its name, or a meta tensor in an attribute's lists, tuples and dicts."""
    if isinstance(value, torch.Tensor):
        return value.is_meta and depth > 0
    if isinstance(value, torch.device):
        return value.type == "meta"
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, (list, tuple)) or depth > 2:
        return isinstance(value, str) and value == "meta"
    return any(_hides_meta(entry, depth + 1) for entry in value)
