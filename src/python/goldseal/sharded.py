# SPDX-License-Identifier: Apache-2.0
"""Models whose weights lie in parts on several ranks (FullyShardedDataParallel, fully_shard), made whole on rank zero.

The golden inputs run on rank zero, in a plain copy of the network that holds the gathered weights: that is the network that
serves elsewhere, its tensors can be perturbed element by element under their names, and no collective can hang while the
command works. The ranks meet once, to gather; sharding itself changes no number.
"""

from __future__ import annotations

import types
from typing import Any, Callable, Optional

import torch
from torch import nn

from .errors import GoldsealError
from .report import Report
from .worker.networks.wrappers import unwrapped
from .worker.state.state_entries import refresh_flat_weights

_SHARDED = ("FullyShardedDataParallel", "FSDPModule")


def is_sharded(model: nn.Module) -> bool:
    """Whether a rank holds parts of the weights alone."""
    parts = any(kind.__name__ in _SHARDED for part in model.modules() for kind in type(part).__mro__)
    return parts or any(_is_distributed(tensor) for tensor in model.parameters())


def whole_tensors(value: Any) -> Any:
    """On rank zero `value` with each distributed tensor in its dicts, lists and tuples gathered, on the CPU; on the others
    None stands in their places. Every rank calls it, with the same keys in the same order."""
    if type(value).__name__ == "ShardedTensor":
        raise GoldsealError("save: the state dict holds shards; take it as a full one (FULL_STATE_DICT)")
    if isinstance(value, torch.Tensor):
        if not _is_distributed(value):
            return value
        whole = value.full_tensor()  # type: ignore[attr-defined]
        return whole.cpu() if torch.distributed.get_rank() == 0 else None
    if isinstance(value, dict):
        gathered = {key: whole_tensors(entry) for key, entry in value.items()}
        result = type(value)(gathered) if type(value) in (dict, _ordered()) else gathered
        if hasattr(value, "_metadata") and hasattr(result, "__dict__"):
            result._metadata = value._metadata  # type: ignore[attr-defined,unused-ignore]
        return result
    if type(value) in (list, tuple):
        return type(value)(whole_tensors(entry) for entry in value)
    return value


def whole_copy(model: nn.Module) -> Optional[nn.Module]:
    """On rank zero a plain module with the gathered weights, None on the others. Every rank calls it. It lies where rank
    zero's part does if there is room for it, else on the CPU. Raises GoldsealError where the weights cannot be gathered."""
    state = _gathered_state(model)
    return copy_holding(model, state) if torch.distributed.get_rank() == 0 else None


def copy_holding(model: nn.Module, state: dict[str, torch.Tensor]) -> nn.Module:
    """A plain module like `model` with the weights of `state`, a whole state dict. One rank calls it. It lies where
    whole_copy's does. Raises GoldsealError where the state dict lacks a parameter."""
    copy = _Copier(state).copied(model, "")
    device = next((tensor.device for tensor in model.parameters()), torch.device("cpu"))
    copy.to(device if _has_room(device, state) else torch.device("cpu"))
    for part in copy.modules():
        refresh_flat_weights(part)
    return copy


def on_rank_zero(model: nn.Module, judge: Callable[[nn.Module], Report]) -> Report:
    """What `judge` says of the whole copy, on every rank. Every rank calls it."""
    state = _gathered_state(model)
    answer: list[Any] = [None]
    if torch.distributed.get_rank() == 0:
        try:
            answer = [judge(copy_holding(model, state))]
        except Exception as error:
            answer = [error]
    torch.distributed.broadcast_object_list(answer, src=0)
    if isinstance(answer[0], Exception):
        raise answer[0]
    return answer[0]


def _is_distributed(tensor: Any) -> bool:
    return hasattr(tensor, "full_tensor") and hasattr(tensor, "placements")


def _ordered() -> type:
    import collections

    return collections.OrderedDict


def _gathered_state(model: nn.Module) -> dict[str, torch.Tensor]:
    try:
        from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
    except ImportError:
        raise GoldsealError(
            f"model: PyTorch {torch.__version__} cannot gather a sharded model by itself; from 2.3 on it can. Gather the "
            "checkpoint, and seal it with goldseal capture"
        ) from None
    # On the CPU there is nothing to take the weights to, and FSDP 2.13 loses them on the way.
    elsewhere = any(tensor.device.type != "cpu" for tensor in model.parameters())
    options = StateDictOptions(full_state_dict=True, cpu_offload=elsewhere)
    with torch.no_grad():
        state: dict[str, Any] = get_model_state_dict(model, options=options)
    return {name: tensor for name, tensor in state.items() if isinstance(tensor, torch.Tensor)}


def _has_room(device: torch.device, state: dict[str, torch.Tensor]) -> bool:
    """For the weights and their float64 copies, with as much again for activations."""
    if device.type != "cuda":
        return device.type == "cpu"
    free, _ = torch.cuda.mem_get_info(device)
    elements = sum(tensor.numel() for tensor in state.values())
    return free > 2 * elements * (4 + 8)


class _Copier:
    """Copies a tree of modules without what shards it; the weights are those of `state`, the rest is shared with the
    original, buffers aside."""

    def __init__(self, state: dict[str, torch.Tensor]) -> None:
        self._state = state
        self._modules: dict[int, nn.Module] = {}
        self._parameters: dict[int, nn.Parameter] = {}

    def copied(self, module: nn.Module, prefix: str) -> nn.Module:
        module = unwrapped(module, sharded=True)
        if id(module) in self._modules:
            return self._modules[id(module)]
        kind = _own_class(type(module))
        copy = self._modules[id(module)] = kind.__new__(kind)
        copy.__dict__.update({name: _rebound(value, module, copy) for name, value in vars(module).items()})
        copy.__dict__.update(
            _parameters=self._parameters_of(module, prefix),
            _buffers={
                name: None if tensor is None else self._state.get(prefix + name, tensor).detach().clone()
                for name, tensor in module._buffers.items()
            },
            _forward_hooks=_users_hooks(module._forward_hooks),
            _forward_pre_hooks=_users_hooks(module._forward_pre_hooks),
            _state_dict_hooks=_users_hooks(module._state_dict_hooks),
            _state_dict_pre_hooks=_users_hooks(getattr(module, "_state_dict_pre_hooks", {})),
            _load_state_dict_pre_hooks={},
            _compiled_call_impl=None,
        )
        for name in copy._parameters:
            # Between two passes FSDP keeps parts of its flat tensor as plain attributes.
            copy.__dict__.pop(name, None)
        copy.__dict__["_modules"] = {
            name: None if child is None else self.copied(child, f"{prefix}{name}.")
            for name, child in module._modules.items()
        }
        return copy

    def _parameters_of(self, module: nn.Module, prefix: str) -> dict[str, Optional[nn.Parameter]]:
        """Those that the module has, and those that FSDP took out of it to keep them in one flat tensor."""
        names = [name for name in module._parameters if not name.startswith("_flat_param")]
        own = [key[len(prefix) :] for key in self._state if key.startswith(prefix) and "." not in key[len(prefix) :]]
        names += [name for name in own if name not in module._parameters and name not in module._buffers]
        found: dict[str, Optional[nn.Parameter]] = {}
        for name in names:
            original = module._parameters.get(name)
            if original is None and prefix + name not in self._state:
                found[name] = None
            else:
                found[name] = self._parameter(original, prefix + name)
        return found

    def _parameter(self, original: Optional[nn.Parameter], name: str) -> nn.Parameter:
        """The same one again for the same original, so that tied weights stay tied."""
        known = self._parameters.get(id(original)) if original is not None else None
        if known is not None:
            return known
        if name not in self._state:
            raise GoldsealError(f"model: the gathered state dict lacks the parameter {name}")
        parameter = nn.Parameter(self._state[name].detach(), requires_grad=False)
        if original is not None:
            self._parameters[id(original)] = parameter
        return parameter


def _rebound(value: Any, module: nn.Module, copy: nn.Module) -> Any:
    """A method of the module that is kept as an attribute, as Lightning keeps `forward`, as one of the copy."""
    if isinstance(value, types.MethodType) and value.__self__ is module:
        return types.MethodType(value.__func__, copy)
    return value


def _own_class(kind: type[nn.Module]) -> type[nn.Module]:
    """The class that fully_shard put its own in front of."""
    names = [base.__name__ for base in kind.__mro__]
    return kind.__mro__[names.index("FSDPModule") + 1] if "FSDPModule" in names else kind


def _users_hooks(hooks: Any) -> Any:
    """Without those that shard."""
    kept = type(hooks)()
    for key, hook in hooks.items():
        owner = getattr(hook, "__self__", hook)
        names = (getattr(owner, "__module__", None), type(owner).__module__, getattr(hook, "__module__", None))
        if not any(str(name).startswith("torch.distributed") for name in names):
            kept[key] = hook
    return kept
