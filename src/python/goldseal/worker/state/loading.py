# SPDX-License-Identifier: Apache-2.0
"""How PyTorch would load a state dict into a module: whether it does more than put each tensor in its place (hooks, methods
of the module's own, extra state, memory that is shared), and what it does then."""

from __future__ import annotations

import collections
import copy
from typing import Any, Dict, Iterator, List, NamedTuple, Tuple

import torch
from torch import nn

from ..protocol.memory import memory_of_elements
from ..protocol.refusal import Refusal
from .outside_state import attribute_tensors

# Their methods look at a checkpoint's version alone, which the match of the keys has settled.
_TORCHS_OWN = "torch.nn.modules."


class LoadStep(NamedTuple):
    """Code that takes part in a module's loading."""

    module: str  # dotted path; empty for the network itself
    what: str  # `load hook rename_gamma`, `_load_from_state_dict of Head`

    def described(self) -> Dict[str, str]:
        return {"module": self.module, "what": self.what}


def _name_of_hook(hook: Any) -> str:
    hook = getattr(hook, "hook", hook)  # PyTorch's wrapper
    hook = getattr(hook, "func", hook)  # functools.partial
    return getattr(hook, "__qualname__", type(hook).__qualname__)


def load_steps(module: nn.Module) -> List[LoadStep]:
    """The code beside PyTorch's own that takes part when `module.load_state_dict` is called."""
    steps: List[LoadStep] = []
    if type(module).load_state_dict is not nn.Module.load_state_dict and not isinstance(module, torch.jit.ScriptModule):
        steps.append(LoadStep("", f"load_state_dict of {type(module).__qualname__}"))
    for path, part in module.named_modules():
        for hooks in ("_load_state_dict_pre_hooks", "_load_state_dict_post_hooks"):
            for hook in list(getattr(part, hooks, {}).values()):
                steps.append(LoadStep(path, f"load hook {_name_of_hook(hook)}"))
        method = type(part)._load_from_state_dict
        if method is not nn.Module._load_from_state_dict and not _is_torchs_own(type(part)):
            steps.append(LoadStep(path, f"_load_from_state_dict of {type(part).__qualname__}"))
        if has_extra_state(part):
            steps.append(LoadStep(path, f"extra state of {type(part).__qualname__}"))
    return steps


def _is_torchs_own(kind: type) -> bool:
    owner = next((base for base in kind.__mro__ if "_load_from_state_dict" in vars(base)), nn.Module)
    return owner.__module__.startswith(_TORCHS_OWN) or issubclass(owner, torch.jit.ScriptModule)


def has_extra_state(module: nn.Module) -> bool:
    kind = type(module)
    if isinstance(module, torch.jit.ScriptModule):
        return False
    return kind.get_extra_state is not nn.Module.get_extra_state or kind.set_extra_state is not nn.Module.set_extra_state


def extra_states(module: nn.Module) -> Dict[str, nn.Module]:
    """The modules with an extra state, by its name in a state dict."""
    return {
        (f"{path}." if path else "") + "_extra_state": part
        for path, part in module.named_modules(remove_duplicate=False)
        if has_extra_state(part) and type(part).get_extra_state is not nn.Module.get_extra_state
    }


def shares_memory(module: nn.Module, entries: List[Any]) -> bool:
    """Whether tensors that are not one and the same share memory, so that loading one changes another."""
    owners: Dict[Any, set[int]] = {}
    for entry in entries:
        tensor = entry.place.get()
        key = memory_of_elements(tensor)
        if key is not None:
            owners.setdefault(key, set()).add(id(tensor))
    if any(len(tensors) > 1 for tensors in owners.values()):
        return True
    return any(memory_of_elements(tensor) in owners for _, tensor in attribute_tensors(module))


def renamed_by_hooks(module: nn.Module, names: List[str]) -> Tuple[Dict[str, str], List[LoadStep]]:
    """The names that the module's hooks give to tensors of a state dict, and the steps that did. What a hook computes anew
    is no renaming."""
    state: Dict[str, Any] = collections.OrderedDict((name, torch.empty(0, device="meta")) for name in names)
    given = {id(tensor): name for name, tensor in state.items()}
    held = list(state.values())  # so that no other object gets their addresses
    steps: List[LoadStep] = []
    for path, part in module.named_modules(remove_duplicate=False):
        prefix = f"{path}." if path else ""
        for hook in list(getattr(part, "_load_state_dict_pre_hooks", {}).values()):
            before = dict(state)
            try:
                hook(state, prefix, {}, True, [], [], [])
            except Exception:  # it looks at values or shapes: what it does is seen when it loads
                state = collections.OrderedDict(before)
                continue
            if list(before) != list(state):
                steps.append(LoadStep(path, f"load hook {_name_of_hook(hook)}"))
    del held
    renames = {given[id(tensor)]: name for name, tensor in state.items() if given.get(id(tensor), name) != name}
    return renames, steps


def state_to_load(
    module: nn.Module, tensors: Dict[str, torch.Tensor], aliases: Dict[str, str], extra: Dict[str, Any]
) -> Dict[str, Any]:
    """A state dict for the module's own load_state_dict, by the names in the file. Of tied tensors that were saved once the
    others are added."""
    state: Dict[str, Any] = collections.OrderedDict(tensors)
    for name, held_by in aliases.items():
        if name not in state and held_by in state:
            state[name] = state[held_by]
    state.update(extra)
    state._metadata = getattr(module.state_dict(), "_metadata", collections.OrderedDict())  # type: ignore[attr-defined]
    return state


def load_into(module: nn.Module, state: Dict[str, Any]) -> None:
    """As PyTorch does, with strict=True."""
    try:
        with torch.no_grad():
            module.load_state_dict(state, strict=True)
    except Exception as error:
        steps = load_steps(module)
        raise Refusal(
            "unsupported",
            f"load_state_dict(strict=True) raised {type(error).__name__}: {_first_lines(str(error))}",
            type(module).__qualname__,
            f"the loading runs {_told(steps)}: call load_state_dict with this checkpoint where the network is built, and "
            "mend what it says",
        ) from None


def _first_lines(text: str) -> str:
    return " ".join(text.split())[:600]


def _told(steps: List[LoadStep]) -> str:
    if not steps:
        return "PyTorch's own code"
    first = steps[0]
    more = f" and {len(steps) - 1} more" if len(steps) > 1 else ""
    return f"{first.what}{f' in `{first.module}`' if first.module else ''}{more}"


def same_bits(a: torch.Tensor, b: torch.Tensor) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    a, b = a.detach().cpu().contiguous(), b.detach().cpu().contiguous()
    if a.is_quantized or a.layout is not torch.strided:
        return bool(torch.equal(a, b))
    return bool(torch.equal(a.view(-1).view(torch.uint8), b.view(-1).view(torch.uint8)))


def as_torch_loads(module: nn.Module, state: Dict[str, Any]) -> Iterator[Tuple[str, torch.Tensor]]:
    """What load_state_dict would put where code of its own takes part, one module after the other in stand-ins that hold a
    module's own tensors alone: the module is left as it is. What reaches its place untouched is left out."""
    given = dict(state)
    state = collections.OrderedDict(state)
    special = {step.module for step in load_steps(module)}
    for path, part in module.named_modules(remove_duplicate=False):
        prefix = f"{path}." if path else ""
        own = [prefix + name for name in (*part._parameters, *part._buffers)]
        if path not in special and all(state.get(name) is given.get(name) for name in own):
            continue
        local = {key: value for key, value in state.items() if key.startswith(prefix)}
        untouched = set(local)
        stand_in = _stand_in(part)
        with torch.no_grad():
            try:
                stand_in._load_from_state_dict(local, prefix, {}, True, [], [], [])
            except Exception:  # it is seen when the network is loaded
                continue
        for key in untouched:
            del state[key]
        state.update(local)
        for table in ("_parameters", "_buffers"):
            for name, tensor in stand_in.__dict__[table].items():
                if tensor is not None:
                    yield prefix + name, tensor


def _stand_in(part: nn.Module) -> nn.Module:
    # Not by copy.copy: parametrized modules, and those whose __getstate__ refuses or forgets, are no less loaded.
    kind = type(part)
    stand_in = copy.copy(part) if isinstance(part, torch.jit.ScriptModule) else kind.__new__(kind)
    stand_in.__dict__ = dict(vars(part))
    for table in ("_parameters", "_buffers"):
        own = getattr(part, table)
        stand_in.__dict__[table] = type(own)(
            (name, None if tensor is None else _empty_like(tensor)) for name, tensor in own.items()
        )
    return stand_in


def _empty_like(tensor: torch.Tensor) -> torch.Tensor:
    fresh = torch.zeros_like(tensor, device="cpu")
    return nn.Parameter(fresh, requires_grad=False) if isinstance(tensor, nn.Parameter) else fresh


def like(own: torch.Tensor, tensor: torch.Tensor) -> torch.Tensor:
    """The tensor as one of its place's own class, with the attributes that the other carries."""
    kind = type(own)
    if kind is torch.Tensor or kind is nn.Parameter or isinstance(tensor, kind):
        return tensor
    held = tensor.as_subclass(kind)
    held.__dict__.update(vars(own))
    return held
