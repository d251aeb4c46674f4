# SPDX-License-Identifier: Apache-2.0
"""A module of the caller's as a network: it computes with its own weights, or with a checkpoint's until those are taken over."""

from __future__ import annotations

import contextlib
import copy
from typing import Any, Callable, Optional

import torch
from torch import nn

from .compiled import Compiled, eager
from .errors import GoldsealError
from .worker.networks.network import Network
from .worker.networks.wrappers import unwrapped
from .worker.numerics.layer_watch import LayerRecorder
from .worker.numerics.perturbation import Transform
from .worker.numerics.randomness import RandomWatch
from .worker.programs.description import described
from .worker.protocol.memory import has_memory
from .worker.protocol.refusal import Refusal
from .worker.state.loading import as_torch_loads, like, load_into, same_bits, state_to_load
from .worker.state.modes import told_training, told_training_after_eval
from .worker.state.state_entries import StateEntry, refresh_flat_weights

Outputs = Callable[[Any], Any]


class LiveNetwork(Network):
    """The caller's module with its own weights. `load` holds the checkpoint's tensors against the module's state entries; the
    digests then tell whether the values are the same. With `replace` it computes with the checkpoint's tensors instead. Where a
    compiled form is to be judged, plain native runs are its; all others are the module's own."""

    def __init__(
        self, module: nn.Module, outputs: Optional[Outputs] = None, replace: bool = False, compiled: Optional[Compiled] = None
    ) -> None:
        self.compiled = compiled
        self.serves = False  # whether the run that is made is the compiled form's
        self.as_served: Callable[[], Any] = contextlib.nullcontext  # in which the compiled form has its parts (wrapped_parts.py)
        self.first_given: Optional[dict[str, torch.Tensor]] = None  # the inputs of the first native run
        self._outputs = outputs
        self._replace = replace
        self._own: list[tuple[StateEntry, torch.Tensor, torch.Tensor]] = []
        self._training = any(part.training for part in module.modules())
        self._keeps_training = told_training_after_eval(module) if module.training else told_training(module)
        self._before: list[tuple[StateEntry, torch.Tensor, torch.Tensor]] = []  # with the object held, and a copy
        self._extra_before: list[tuple[nn.Module, Any]] = []
        self._state: Optional[dict[str, Any]] = None  # what a model that loads itself was given
        super().__init__(module)
        devices = (entry.place.get().device for entry in self.state_entries)
        self._home = next((device for device in devices if device.type != "meta"), torch.device("cpu"))

    @property
    def training(self) -> bool:
        """As it was given; a model that is loaded is left in evaluation mode."""
        return self._training and not self._replace

    @property
    def keeps_training(self) -> list[str]:
        return self._keeps_training

    @property
    def home(self) -> torch.device:
        return self._home

    def load(
        self,
        tensors: dict[str, torch.Tensor],
        file_names: Optional[dict[str, str]] = None,
        extra: Optional[dict[str, Any]] = None,
    ) -> None:
        self.check_fit(tensors, extra or {})
        self.loaded = frozenset(tensors)
        if not self._replace:
            self._foresee(tensors, file_names or {}, extra or {})
            return
        if self.loads_itself:
            self._remember()
            given = {(file_names or {}).get(name, name): tensor for name, tensor in tensors.items()}
            self._state = state_to_load(self.module, given, self.tied, extra or {})
            self._load_itself(tensors, file_names or {}, extra or {})
            return
        for state_entry in self.state_entries:
            name = state_entry.name if state_entry.name in tensors else self.tied.get(state_entry.name)
            if name in tensors:
                own = state_entry.place.get()
                loaded = like(own, tensors[name].to(self._home if own.is_meta else own.device))
                self._own.append((state_entry, own, loaded))
                state_entry.place.set(loaded)

    def _foresee(self, tensors: dict[str, torch.Tensor], file_names: dict[str, str], extra: dict[str, Any]) -> None:
        """What PyTorch would make of the checkpoint where code of the model's own takes part in loading, a module at a time:
        the model is left as it is."""
        if not self.steps:
            return
        given = {file_names.get(name, name): tensor for name, tensor in tensors.items()}
        state = state_to_load(self.module, given, self.tied, extra)
        for name, value in as_torch_loads(self.module, state):
            if name in tensors and not same_bits(value, tensors[name]):
                self.changed.append(name)

    def _remember(self) -> None:
        """What the model holds before it loads itself: its loading writes into its own tensors."""
        for state_entry in self.state_entries:
            value = state_entry.place.get()
            if has_memory(value):
                self._before.append((state_entry, state_entry.place.held(), value.detach().clone()))
        for part in self.extra.values():
            self._extra_before.append((part, copy.deepcopy(part.get_extra_state())))

    def remembered(self) -> set[int]:
        """The tensors, by identity, that `give_back` restores or loads."""
        return {id(own) for _, own, _ in self._before}

    def give_back(self, adopt: bool) -> None:
        """The caller's own tensors in their places again; with `adopt` they take the loaded values."""
        replaced, self._own = self._own, []
        for state_entry, own, _ in reversed(replaced):
            state_entry.place.set(own)
        if adopt:
            made: dict[int, torch.Tensor] = {}  # in the places of tensors without memory; of tied ones one for all
            with torch.no_grad():
                for state_entry, own, value in replaced:
                    if own.is_meta:
                        state_entry.place.put(made.setdefault(id(own), _made_like(own, value)))
                    else:
                        own.copy_(value)
            refresh_flat_weights(self.module)
        if self._state is not None:
            # Attributes that the loading set were put back since.
            if adopt:
                load_into(self.module, self._state)
                refresh_flat_weights(self.module)
            else:
                self._restore()
        self._state, self._before, self._extra_before = None, [], []

    def _restore(self) -> None:
        with torch.no_grad():
            for state_entry, own, value in self._before:
                state_entry.place.put(own)
                own.copy_(value)
        for part, value in self._extra_before:
            part.set_extra_state(value)
        refresh_flat_weights(self.module)

    def run(
        self,
        inputs: dict[str, torch.Tensor],
        transform: Optional[Transform],
        recorder: Optional[LayerRecorder] = None,
        draws: Optional[RandomWatch] = None,
    ) -> dict[str, torch.Tensor]:
        if self.first_given is None and transform is None:
            self.first_given = {name: tensor.detach().clone() for name, tensor in inputs.items()}
        if self.serves and recorder is None and draws is None:
            return super().run(inputs, None)
        with eager(self.compiled):
            return super().run(inputs, transform, recorder, draws)

    def call(self, inputs: dict[str, torch.Tensor]) -> Any:
        if not self.serves or self.compiled is None:
            return super().call(inputs)
        positional, keywords = self.arguments(inputs)
        with self.as_served():
            return self.picked(self.compiled.run(positional, keywords))

    def described(self, inputs: dict[str, torch.Tensor]) -> Optional[str]:
        """All that the network's program depends on; None where not all of it can be seen."""
        return described(self, inputs, self._outputs, str(self._home))

    @property
    def outputs(self) -> Optional[Outputs]:
        return self._outputs

    @property
    def picks(self) -> bool:
        return self._outputs is not None

    def picked(self, answer: Any) -> Any:
        return self._outputs(answer) if self._outputs else answer


def _made_like(own: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """A copy of the value, which may be mapped from the checkpoint, as what the place held."""
    copied = value.detach().clone()
    return nn.Parameter(copied, requires_grad=own.requires_grad) if isinstance(own, nn.Parameter) else copied


def live_network(
    module: nn.Module, outputs: Optional[Outputs] = None, replace: bool = False, compiled: Optional[Compiled] = None
) -> LiveNetwork:
    """Raises GoldsealError for a module that no checkpoint's tensors can be held against by their names."""
    try:
        return LiveNetwork(module, outputs, replace, compiled)
    except Refusal as refusal:
        raise GoldsealError(f"model: {refusal.message}" + (f"; {refusal.remedy}" if refusal.remedy else "")) from refusal


def _told(value: Any) -> str:
    """What stands in the place of a module, with the way to one where there is one."""
    if isinstance(value, type):
        return f"the class {value.__qualname__}: give a network of it, {value.__qualname__}(...)"
    if isinstance(value, dict):
        return f"a dict ({type(value).__qualname__}): give the network that its weights are loaded into"
    return type(value).__qualname__


def unwrap(model: Any) -> nn.Module:
    """Without DataParallel, DistributedDataParallel, torch.compile. Raises GoldsealError for other values than modules."""
    if not isinstance(model, nn.Module):
        raise GoldsealError(f"model: expected a torch.nn.Module, found {_told(model)}")
    module = unwrapped(model)
    for name, part in module.named_modules():
        if isinstance(part, torch.jit.ScriptModule) and not hasattr(part, "training"):
            raise GoldsealError(
                f"model: {name or 'it'} is frozen: its weights are constants of its code, and no checkpoint's tensors may stand for "
                "them; give the module as it is before torch.jit.freeze, or save it (torch.jit.save) and seal that file: goldseal "
                "capture CHECKPOINT --model torchscript:FILE"
            )
    return module
