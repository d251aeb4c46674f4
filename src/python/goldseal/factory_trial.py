# SPDX-License-Identifier: Apache-2.0
"""Whether a factory builds the network that is being sealed: tried where a wrong one can still be mended."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import os
import sys
from typing import TYPE_CHECKING, AbstractSet, Any, Callable, Dict, FrozenSet, List, Optional, Tuple

import torch
from torch import nn

from .worker.networks.meta_strays import built_on_meta
from .worker.networks.network import Network
from .worker.networks.python_builder import literal
from .worker.networks.wrappers import unwrapped, without_wrappers
from .worker.numerics.randomness import seed_all
from .worker.protocol.dtypes import host_bytes, name_of
from .worker.state.attribute_values import values_by_name
from .worker.state.loading import same_bits
from .worker.state.outside_state import attribute_tensors, remade, tensors_outside
from .worker.state.settled_state import leading
from .worker.state.state_entries import find_state_entries
from .worker.user_code.files_read import forget, recorded

if TYPE_CHECKING:
    from .live_network import LiveNetwork

# A larger network is not built a second time in a training process that cannot build on the meta device.
_MOST_BYTES = 1 << 30
_MOST_BUFFER = 64 << 20  # of one that is compared

Shapes = Dict[str, Tuple[str, Tuple[int, ...]]]

_tried: Dict[Tuple[Any, ...], Optional[str]] = {}


class _Wrong(Exception):
    """The factory does not build the network; the text says why, and what to give instead."""


def objection_to(spec: str, module: nn.Module, keeping: Callable[[], Any]) -> Optional[str]:
    """Why `spec` (`python:package.module:callable?key=value`) does not build `module` on another machine; None where it
    does, or where that is not known. Asked again only where the spec or the network has changed. `keeping()` is a context
    in which the factory may draw random numbers without changing those of the training."""
    wanted = _shapes(module)
    key = (spec, tuple(sorted(wanted.items())), _marks(module))
    if key not in _tried:
        _tried.clear()
        try:
            _tried[key] = _objection(spec, module, wanted, keeping)
        except _Wrong as wrong:
            _tried[key] = str(wrong)
    return _tried[key]


def _objection(spec: str, module: nn.Module, wanted: Shapes, keeping: Callable[[], Any]) -> Optional[str]:
    source = spec[len("python:") :].partition("?")[0]
    forget(source)
    with recorded(source):  # what importing it reads, where it cannot be built
        source, function, arguments = _read(spec)
    with keeping(), recorded(source):
        seed_all(_entropy())
        built = _build(function, arguments, source, module)
    if built is None:
        return None
    if not isinstance(built, nn.Module):
        raise _Wrong(f"{source} returns {type(built).__qualname__}; it must return the torch.nn.Module")
    _refuse_lazy(source, unwrapped(built))
    objection = _difference(source, _shapes(unwrapped(built)), wanted)
    if objection is None and _buffers(module) and any(tensor.is_meta for tensor in _buffers(unwrapped(built)).values()):
        built = _anew(function, arguments, module, keeping)
    if objection is not None or built is None:
        return objection
    return _other_values(source, _beside_state(unwrapped(built)), _beside_state(module), module)


def objection_to_read(spec: str, module: nn.Module, names: AbstractSet[str], keeping: Callable[[], Any]) -> Optional[str]:
    """Why another build is no such network, judged by the tensors of these names, which are attributes or lie in them and
    forward() was seen to read."""
    names = names - remade(module)
    own = {name: tensor for name, tensor in _attributes(module).items() if name in names and _is_small(tensor)}
    if not own:
        return None
    try:
        source, function, arguments = _read(spec)
    except _Wrong as wrong:
        return str(wrong)
    built = _anew(function, arguments, module, keeping)
    return _other_values(source, _attributes(unwrapped(built)), own, module) if isinstance(built, nn.Module) else None


def objection_to_made(spec: str, network: LiveNetwork, keeping: Callable[[], Any]) -> Optional[str]:
    """The same of what a forward pass makes and a later one reads: of another build it is asked after a pass over golden inputs,
    as a verification does. Of a table that had grown before, the part counts that such a pass makes."""
    made = remade(network.module) | network.settled.made
    names = made & network.reads - network.writes
    own = {name: tensor for name, tensor in network.settled.tensors().items() if name in names and _is_small(tensor)}
    if not own or network.first_given is None or network.home.type != "cpu":
        return None
    source, function, arguments = _read(spec)
    built = _anew(function, arguments, network.module, keeping)
    if not isinstance(built, nn.Module):
        return None
    other = Network(unwrapped(built).eval())
    with keeping(), torch.no_grad():
        other.module.load_state_dict(network.module.state_dict(), strict=False)
        other.run({name: tensor.clone() for name, tensor in network.first_given.items()}, None)
    others = {name: tensor for name, tensor, _ in tensors_outside(other)}
    own = {name: _begun(tensor, others[name]) for name, tensor in own.items() if name in others}
    return _other_values(source, others, own, network.module)


def _begun(tensor: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    part = leading(tensor, other.shape)
    return tensor if part is None else part


def _read(spec: str) -> Tuple[str, Callable[..., Any], Dict[str, Any]]:
    source, _, query = spec[len("python:") :].partition("?")
    options = dict(part.split("=", 1) for part in query.split("&") if "=" in part)
    return source, _find(source), {name: literal(text) for name, text in options.items()}


def _entropy() -> int:
    """A seed that the training cannot have built from: from that one all would look alike that is drawn."""
    return int.from_bytes(os.urandom(4), "little")


def _anew(function: Callable[..., Any], arguments: Dict[str, Any], module: nn.Module, keeping: Callable[[], Any]) -> Any:
    with keeping():
        seed_all(_entropy())
        return _built_with_values(function, arguments, module)


def _attributes(module: nn.Module) -> Dict[str, torch.Tensor]:
    own = {entry.name: entry.place.get() for entry in find_state_entries(module) if entry.place.table == "__dict__"}
    return {**own, **dict(attribute_tensors(module))}


def _other_values(source: str, others: Dict[str, torch.Tensor], own: Dict[str, torch.Tensor], module: nn.Module) -> Optional[str]:
    """What no state dict brings and the factory sets otherwise: numbers that forward() reads, tensors outside the state dict."""
    carried = _with_extra_state(module)
    for name, value in own.items():
        other = others.get(name)
        if other is None or other.is_meta or _alike(value, other):
            continue
        # set_extra_state() may bring it; a verification judges it as it is after loading.
        if name.rpartition(".")[0] in carried:
            continue
        told = f" ({other.item()}; the model has {value.item()})" if value.numel() == other.numel() == 1 else ""
        return (
            f"{source} builds a network with another {name}{told}, and no state "
            "dict holds it. Give the arguments that the model was built with (factory=), or set it in the constructor"
        )
    return None


def _with_extra_state(module: nn.Module) -> FrozenSet[str]:
    """The names of the parts that hand on state of their own."""
    own = nn.Module.get_extra_state
    return frozenset(name for name, part in module.named_modules() if type(part).get_extra_state is not own)


def _beside_state(module: nn.Module) -> Dict[str, torch.Tensor]:
    return {**values_by_name(module, frozenset()), **_buffers(module)}


def _buffers(module: nn.Module) -> Dict[str, torch.Tensor]:
    """Those that no state dict holds and no forward pass makes."""
    made = remade(module)
    return {
        entry.name: entry.place.get()
        for entry in find_state_entries(module)
        if not entry.persistent and entry.place.table == "_buffers" and _is_small(entry.place.get()) and entry.name not in made
    }


def _is_small(tensor: torch.Tensor) -> bool:
    return tensor.layout is torch.strided and not tensor.is_quantized and tensor.numel() * tensor.element_size() <= _MOST_BUFFER


def _alike(one: torch.Tensor, other: torch.Tensor) -> bool:
    """In every bit, or as another device's sin and pow would have it."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if same_bits(one, other):
        return True
    one, other = one.detach().cpu(), other.detach().cpu()
    return one.is_floating_point() and one.numel() > 1 and torch.allclose(one.double(), other.double(), rtol=1e-3, equal_nan=True)


def _marks(module: nn.Module) -> Tuple[Tuple[str, str], ...]:
    """Of what no state dict holds."""
    values = {name: value for name, value in _beside_state(module).items() if not value.is_meta}
    return tuple((name, hashlib.sha256(host_bytes(value)[0]).hexdigest()) for name, value in values.items())


def _refuse_lazy(source: str, built: nn.Module) -> None:
    lazy = next((entry.name for entry in find_state_entries(built) if nn.parameter.is_lazy(entry.place.held())), None)
    if lazy is not None:
        raise _Wrong(
            f"{source} builds lazy layers ({lazy}), which have no shape before their first input: call the network once where it is "
            "built (net(torch.zeros(…)) in the factory), or give the layers their sizes"
        )


def _shapes(module: nn.Module) -> Shapes:
    return {
        entry.name: (name_of(entry.place.get().dtype), tuple(entry.place.get().shape))
        for entry in find_state_entries(module)
        if entry.persistent
    }


def _find(source: str) -> Callable[..., Any]:
    module_name, colon, attribute = source.partition(":")
    if not colon or not attribute:
        left, dot, right = source.rpartition(".")
        hint = f"; did you mean {left}:{right}?" if dot else ""
        raise _Wrong(f"expected package.module:callable, found {source}{hint}")
    found: Any = _module(module_name, source)
    for part in attribute.split("."):
        if not hasattr(found, part):
            near = difflib.get_close_matches(part, [name for name in dir(found) if not name.startswith("_")], 1)
            hint = f"; did you mean {module_name}:{near[0]}?" if near else ""
            raise _Wrong(f"the module {module_name} has no {attribute}{hint}")
        found = getattr(found, part)
    if not callable(found):
        raise _Wrong(f"{source} is a {type(found).__name__}; it must be callable")
    return found


def _module(name: str, source: str) -> Any:
    """The running script under its own name is not imported again: that would train once more."""
    main = sys.modules.get("__main__")
    path = getattr(main, "__file__", None)
    spec = getattr(main, "__spec__", None)
    own = {os.path.splitext(os.path.basename(path))[0]} if path else set()
    own |= {spec.name} if spec is not None else set()
    if name == "__main__":
        raise _Wrong(f"{source}: another process has no __main__ with it; give a module's function")
    if name in own and name not in sys.modules:
        return main
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        if name == missing or name.startswith(missing + "."):
            near = difflib.get_close_matches(name, [one for one in sys.modules if not one.startswith("_")], 1)
            hint = f"; did you mean {near[0]}:{source.partition(':')[2]}?" if near else ""
            raise _Wrong(f"there is no module {missing}{hint}") from None
        raise _Wrong(f"importing {name} needs the module {missing}, which is not installed") from None
    except Exception as error:
        raise _Wrong(f"importing {name} raised {type(error).__name__}: {error}") from None


def _build(function: Callable[..., Any], arguments: Dict[str, Any], source: str, module: nn.Module) -> Any:
    """On the meta device where the factory allows it; else as it is, where that is small. None: not tried."""
    built = _built_on_meta(function, arguments)
    if built is not None:
        return built
    if not _may_be_built(module):
        return None
    try:
        return function(**arguments)
    except Exception as error:
        raise _Wrong(f"{source} raised {type(error).__name__}: {error}{_keyword_hint(function, error)}") from None


def _may_be_built(module: nn.Module) -> bool:
    return sum(tensor.numel() * tensor.element_size() for tensor in module.parameters()) <= _MOST_BYTES


def _built_with_values(function: Callable[..., Any], arguments: Dict[str, Any], module: nn.Module) -> Any:
    try:
        return function(**arguments) if _may_be_built(module) else None
    except Exception:
        return None  # its shapes were judged


def _built_on_meta(function: Callable[..., Any], arguments: Dict[str, Any]) -> Any:
    """Names and shapes need no memory. None where PyTorch or the code cannot do that. What is left in caches is taken out: the model
    that is trained would find it there."""
    try:
        found = built_on_meta(lambda: function(**arguments))
    except Exception:
        return None
    return found[0] if found is not None else None


def _keyword_hint(function: Callable[..., Any], error: Exception) -> str:
    """`got an unexpected keyword argument 'wdth'`: the one that was meant."""
    import inspect

    text = str(error)
    if not isinstance(error, TypeError) or "unexpected keyword argument" not in text:
        return ""
    given = text.rpartition("argument ")[2].split("'")[1] if "'" in text else ""
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return ""
    near = difflib.get_close_matches(given, names, 1)
    return f"; did you mean {near[0]}?" if near else ""


def _difference(source: str, built: Shapes, wanted: Shapes) -> Optional[str]:
    if built == wanted or _unwrapped_names(built) == _unwrapped_names(wanted):
        return None
    inner = _prefix(built, wanted)
    if inner:
        return (
            f"{source} builds the inner network: `{inner}` is missing from its names ({next(iter(built))} in place of "
            f"{inner}{next(iter(built))}). Name what builds the module that you seal, or seal model.{inner.rstrip('.')}"
        )
    outer = _prefix(wanted, built)
    if outer:
        return f"{source} builds a network around the one that you seal: its names begin with `{outer}`. Seal that one, or name the inner one"
    parts: List[str] = []
    for name in wanted:
        if name in built and built[name] != wanted[name]:
            parts.append(f"{name} is {_shown(built[name])} in what it builds and {_shown(wanted[name])} in the model")
            break
    missing = [name for name in wanted if name not in built]
    more = [name for name in built if name not in wanted]
    if missing:
        parts.append(f"it lacks {missing[0]}{_and_more(missing)}")
    if more:
        parts.append(f"it has {more[0]}{_and_more(more)}, which the model has not")
    return f"{source} builds another network than the one that you seal: {'; '.join(parts)}. Give the arguments that it was built with (factory=)"


def _unwrapped_names(shapes: Shapes) -> List[Tuple[str, Tuple[str, Tuple[int, ...]]]]:
    """Parts may be wrapped on one side (`features.module.0.weight`); keys match without those segments."""
    return sorted((without_wrappers(name), value) for name, value in shapes.items())


def _prefix(inner: Shapes, outer: Shapes) -> str:
    """What stands before every name of the inner network in the outer one's."""
    if not inner or len(inner) != len(outer):
        return ""
    name = next(iter(inner))
    for candidate in outer:
        if candidate.endswith("." + name):
            prefix = candidate[: -len(name)]
            if {prefix + one: value for one, value in inner.items()} == outer:
                return prefix
    return ""


def _shown(entry: Tuple[str, Tuple[int, ...]]) -> str:
    return f"{entry[0]} {list(entry[1])}"


def _and_more(names: List[str]) -> str:
    return f", and {len(names) - 1} more" if len(names) > 1 else ""
