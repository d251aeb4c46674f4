# SPDX-License-Identifier: Apache-2.0
"""A torch.nn.Module as the protocol sees it: state entries that take tensors, and a forward pass over named tensors."""

from __future__ import annotations

import contextlib
from typing import Any, Callable, Optional, Sequence

import torch
from torch import nn

from ..numerics.float64_run import AVAILABLE, Entering, Float64Runs
from ..numerics.layer_watch import LayerRecorder, NotWatchable, watching
from ..numerics.perturbation import Transform, computes_natively
from ..numerics.randomness import RandomWatch
from ..protocol.dtypes import name_of
from ..protocol.memory import has_memory
from ..protocol.refusal import Refusal
from ..protocol.values import digest_of, kind_of
from ..state.attribute_values import attribute_values, values_by_name
from ..state.carried_state import assigned_values, left_otherwise
from ..state.choices import choices_of, of_process_in
from ..state.fillable import refuse_lazy, refuse_renamed, refuse_wrapped
from ..state.hyperparameters import HYPERPARAMETERS, configuration_of
from ..state.loading import (
    LoadStep,
    extra_states,
    like,
    load_into,
    load_steps,
    renamed_by_hooks,
    same_bits,
    shares_memory,
    state_to_load,
)
from ..state.modes import told_training
from ..state.outside_state import described, outside_state, remade, tensors_outside
from ..state.places import WrappingPlace, wrapped_class
from ..state.settled_state import SettledState, sha256_of
from ..state.state_entries import StateEntry, find_state_entries, names_left_out, refresh_flat_weights, tied_to
from ..user_code.files_read import described_sources, files_of_runs
from ..user_code.opened import Paths, opened
from ..user_code.reachable_code import reached_by
from ..user_code.sources import modules_of_classes
from .binding import bind, declared_inputs, flatten, hooks_see_places
from .replaced_tensors import computing_with


class Network:
    """A module whose persistent state entries are filled by `load`."""

    hyperparameters = HYPERPARAMETERS
    _remedy_for_lost = "no state dict holds this one, and it was built on the meta device: give it its value when built"

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.tied: dict[str, str] = {}
        self.loaded: frozenset[str] = frozenset()
        self.modules: frozenset[str] = frozenset()  # beside those of its classes, which its code lies in
        self.imported: frozenset[str] = frozenset()  # by what built it, for whatever reason
        self.files_read: list[str] = []  # by what built it
        self.opened: Paths = {}  # by its forward passes
        self.kept: frozenset[str] = frozenset()  # what keeps the value that it was built with, though it is persistent
        self.reads: set[str] = set()  # what no state dict holds and a forward pass has read
        self.writes: set[str] = set()  # and those that it has written to
        self.carried: set[str] = set()  # what the last pass that was watched found, and left otherwise for the next one
        self.drew: Optional[bool] = None  # whether a run that was watched took random numbers; None: there was none
        self.changed: list[str] = []  # what the module's own loading made other values of
        self.streams = True  # whether runs in another type may compute through stand-ins (streaming.py)
        self.copied: set[str] = set()  # the parameters that cannot be stood in for
        self.with_values: Optional[Callable[[], Network]] = None  # of one on the meta device: builds it with memory
        self.float64_runs = Float64Runs()
        self.places: Any = None  # says where an operator belongs (layer_watch.py), where neither weights nor frames tell
        self.settled = SettledState()
        self._entering: Optional[Entering] = None
        self.state_entries = self._find_state_entries()
        self.extra = extra_states(module)
        self.steps: list[LoadStep] = load_steps(module)
        refuse_lazy(module, self.state_entries)
        self._refuse_renamed()
        refuse_wrapped(module, self.state_entries)
        self.wrapped = {entry.name: str(wrapped_class(entry.place.held())) for entry in self.state_entries if isinstance(entry.place, WrappingPlace)}
        self.loads_itself = bool(self.steps) or bool(self.wrapped) or shares_memory(module, self.state_entries)

    def _find_state_entries(self) -> list[StateEntry]:
        state_entries = list(find_state_entries(self.module))
        copies = self.tied = tied_to(state_entries, names_left_out(self.module))
        # A file may hold one of tied tensors alone; what it holds of the others is loaded and digested too.
        return [
            state_entry._replace(persistent=False, alias_of=copies[state_entry.name]) if state_entry.name in copies else state_entry
            for state_entry in state_entries
        ]

    def digested(self) -> list[StateEntry]:
        """The state entries of the state dict that were loaded under their own names."""
        return [state_entry for state_entry in self.state_entries if state_entry.persistent or state_entry.name in self.loaded]

    def _refuse_renamed(self) -> None:
        refuse_renamed(self.module, self.state_entries, self.extra)

    def renames(self, names: list[str]) -> tuple[dict[str, str], list[LoadStep]]:
        """What load_state_dict would call the tensors of a checkpoint by these names."""
        return renamed_by_hooks(self.module, names) if self.steps else ({}, [])

    @property
    def home(self) -> Optional[torch.device]:
        """Where inputs go in a run that names no device; None: they stay on the CPU."""
        return None

    def sources(self) -> list[dict[str, Any]]:
        """The files of the user's own tree that its code lies in; those that were imported meanwhile, and that nothing of it was
        seen to lead to, are marked."""
        reached = reached_by(self.module)
        modules = self.modules | modules_of_classes(self.module) | reached.modules
        told = described_sources(modules, reached.pieces, self.files_read, self._tensor_names())
        if not self.imported:
            return told
        led_to = {source["path"] for source in told}
        every = described_sources(modules | self.imported, reached.pieces, self.files_read, self._tensor_names())
        return [source if source["path"] in led_to else {**source, "imported": True} for source in every]

    def files_of_runs(self) -> list[str]:
        """Files of the user's own tree that forward passes were seen to read."""
        return files_of_runs(self.opened, modules_of_classes(self.module), self._tensor_names()) if self.opened else []

    def _tensor_names(self) -> list[str]:
        return [entry.name for entry in self.state_entries if entry.persistent]

    @property
    def training(self) -> bool:
        """Whether what serves is in training mode; what a worker builds never is."""
        return False

    def require_evaluation_mode(self) -> None:
        kept = self.keeps_training
        if not kept:
            return
        more = f" and {len(kept) - 5} more" if len(kept) > 5 else ""
        raise Refusal(
            "unsupported",
            f"{', '.join(kept[:5])}{more}: in training mode though eval() was called, which a train() or eval() of the network's "
            "own leaves so; the answers depend on the batch or on chance",
            type(self.module).__qualname__,
            "have train(False) reach every part (super().train(mode)); of a BatchNorm that is to answer by the batch, say so: "
            "track_running_stats=False",
        )

    @property
    def keeps_training(self) -> list[str]:
        """The parts that stay in training mode after eval()."""
        return told_training(self.module)

    def inputs(self) -> list[dict[str, Any]]:
        return declared_inputs(self.module.forward)

    def configuration(self) -> dict[str, str]:
        """The hyperparameters by their dotted paths; numbers as the shortest decimal that reads back exactly."""
        return configuration_of(self.module)

    def choices(self) -> dict[str, str]:
        """What forward() reads beside numbers, in words; {} where it cannot be looked into."""
        try:
            return choices_of(self.module)
        except Exception:  # attributes of the user's own classes may raise anything
            return {}

    def of_process(self) -> list[str]:
        """What forward() names that every process has otherwise."""
        return of_process_in(self.module)

    def load(
        self,
        tensors: dict[str, torch.Tensor],
        file_names: Optional[dict[str, str]] = None,
        extra: Optional[dict[str, Any]] = None,
    ) -> None:
        """Puts the tensors in without a copy, where PyTorch does no more than that; else as the module loads itself.
        Refuses and changes nothing where they do not fit. `file_names` are those of the checkpoint, by the state_entries'."""
        self.check_fit(tensors, extra or {})
        self.loaded, self.changed = frozenset(tensors), []
        if self.loads_itself:
            self._load_itself(tensors, file_names or {}, extra or {})
            return
        held: dict[tuple[Any, int], torch.Tensor] = {}
        placed: list[tuple[StateEntry, tuple[Any, int]]] = []
        for state_entry in self.state_entries:
            name = state_entry.name if state_entry.name in tensors else self.tied.get(state_entry.name)
            if name in tensors:
                # Of one tensor under several names PyTorch loads one after the other: the last one stays, in all places.
                own = state_entry.place.get()
                key = (type(own), id(own))
                if key not in held or state_entry.name in tensors:
                    held[key] = self._as_held(state_entry, tensors[name])
                placed.append((state_entry, key))
        for state_entry, key in placed:
            state_entry.place.set(held[key])
        refresh_flat_weights(self.module)

    def _load_itself(
        self, tensors: dict[str, torch.Tensor], file_names: dict[str, str], extra: dict[str, Any]
    ) -> None:
        given = {file_names.get(name, name): tensor for name, tensor in tensors.items()}
        state = state_to_load(self.module, given, self.tied, extra)
        own = self.module.state_dict()
        state.update({name: own[name] for name in self.kept if name in own and name not in state})
        load_into(self.module, state)
        refresh_flat_weights(self.module)
        self.changed = [
            state_entry.name
            for state_entry in self.state_entries
            if state_entry.name in tensors and not same_bits(state_entry.place.get(), tensors[state_entry.name])
        ]
        # Its class rounds or packs what it is given: what the file holds is not what the network computes with.
        for name in self.changed:
            if name in self.wrapped:
                raise Refusal(
                    "unsupported",
                    f"{name} is a {self.wrapped[name]}, whose copy_ makes other values of what is loaded",
                    type(self.module).__qualname__,
                    "seal the network before it is quantized, or as a program: torch.export or torch.jit",
                )

    def extra_digests(self) -> list[dict[str, str]]:
        """Of what the modules hold as extra state now."""
        found = []
        for name, part in self.extra.items():
            value = part.get_extra_state()
            found.append({"name": name, "kind": kind_of(value), "sha256": digest_of(value)})
        return found

    def outside(self) -> list[tuple[str, torch.Tensor, str]]:
        """The tensors that no state dict holds: name, tensor, kind."""
        return outside_state(self)

    def described_outside(self, settled: bool = False, shapes: Optional[dict[str, Sequence[int]]] = None) -> list[dict[str, Any]]:
        """The same, as PROTOCOL.md (outside) lists it; with `settled` as the first native run left it. Of a table that grows the
        leading part of the shape in `shapes`."""
        if settled:
            told = self.settled.described(self.reads, remade(self.module), shapes or {})
            values = attribute_values(self.module, self.hyperparameters)
            return told + [{**described(*value, sha256_of(value[1])), "read": value[0] in self.reads} for value in values]
        return [described(name, tensor, kind, sha256_of(tensor)) for name, tensor, kind in self.outside()]

    @staticmethod
    def _as_held(state_entry: StateEntry, tensor: torch.Tensor) -> torch.Tensor:
        if not state_entry.is_parameter:
            return tensor
        own = state_entry.place.get()
        return like(own, tensor) if type(own) is not nn.Parameter else nn.Parameter(tensor, requires_grad=False)

    def check_fit(self, tensors: dict[str, torch.Tensor], extra: Optional[dict[str, Any]] = None) -> None:
        if tensors and not self.state_entries:
            raise Refusal(
                "unsupported",
                "the network takes no tensors: it has no weights, or they were frozen into constants of its code",
                remedy="export the module without torch.jit.freeze, or give no checkpoint beside the archive",
            )
        by_name = self._fitting(tensors)
        missing = [
            entry.name
            for entry in self.state_entries
            if entry.persistent and entry.name not in tensors and entry.name not in self.kept
        ]
        unknown = sorted(self.kept - set(by_name))
        if unknown:
            raise Refusal("usage", f"`keep` names {unknown[0]}, which is not a state entry")
        if missing:
            count = "1 state entry: " if len(missing) == 1 else f"{len(missing)} state entries, first "
            raise Refusal("usage", f"no tensor is given for {count}{missing[0]}")

        lacking = [name for name in self.extra if extra is not None and name not in extra]
        if lacking:
            raise Refusal("usage", f"no value is given for the extra state {lacking[0]}")

    def _fitting(self, tensors: dict[str, torch.Tensor]) -> dict[str, StateEntry]:
        """The state entries by their names, which take these tensors."""
        by_name = {state_entry.name: state_entry for state_entry in self.state_entries}
        for name, tensor in tensors.items():
            if name not in by_name:
                raise Refusal("usage", f"the network has no state entry {name}")
            wanted = by_name[name].place.get()
            if (tensor.dtype, tensor.shape) != (wanted.dtype, wanted.shape):
                raise Refusal(
                    "usage",
                    f"state entry {name} takes {name_of(wanted.dtype)} {list(wanted.shape)}; "
                    f"given {name_of(tensor.dtype)} {list(tensor.shape)}",
                )
        return by_name

    def fill_constants(self, tensors: dict[str, torch.Tensor]) -> None:
        """Puts in what the architecture itself brings, of state entries that no state dict holds."""
        by_name = self._fitting(tensors)
        for name, tensor in tensors.items():
            if by_name[name].persistent:
                raise Refusal("usage", f"state entry {name} is not a constant: a state dict holds it")
            by_name[name].place.set(self._as_held(by_name[name], tensor))

    def require_filled(self) -> None:
        for state_entry in self.state_entries:
            if not has_memory(state_entry.place.get()):
                remedy = "load every state entry before a run" if state_entry.persistent else self._remedy_for_lost
                raise Refusal("usage", f"state entry {state_entry.name} holds no tensor", remedy=remedy)

    def run(
        self,
        inputs: dict[str, torch.Tensor],
        transform: Optional[Transform],
        recorder: Optional[LayerRecorder] = None,
        draws: Optional[RandomWatch] = None,
    ) -> dict[str, torch.Tensor]:
        """One forward pass. The state entries are never written: a transform's tensors take their places for its time. A recorder
        gets the layers; raises NotWatchable where they cannot be followed."""
        native = self._entering is None and computes_natively(transform)
        before = tensors_outside(self) if native else []
        with computing_with(self.module, self.state_entries, transform, keeps=native), self._mode():
            watched = recorder is not None or draws is not None
            answer = self._call_watched(inputs, recorder, draws) if watched else self.call(inputs)
        if native:
            # Of these the tensors that were read are gone; a later run tells whether it is given those that it finds.
            self.reads -= self.settled.note(before, tensors_outside(self))
        return flatten(answer)

    def run_float64(
        self,
        given: dict[str, torch.Tensor],
        prepared: Callable[[], dict[str, torch.Tensor]],
        transform: Transform,
        recorder: Callable[[], Optional[LayerRecorder]] = lambda: None,
        below: bool = True,
        draws: Optional[RandomWatch] = None,
    ) -> tuple[dict[str, torch.Tensor], Optional[LayerRecorder]]:
        """A forward pass by the rules of float64_run.py, and its layers. `given` are the inputs as a native run takes them,
        `prepared` converts them. Raises what the network raises; NotWatchable where this PyTorch has no means."""
        if not AVAILABLE:
            raise NotWatchable

        def forward(entering: Entering) -> Any:
            follow = recorder()
            if follow is not None:
                follow.mode = entering.mode
            return self._run_in(entering, prepared(), transform, follow, draws), follow

        shapes = tuple(sorted((name, tuple(tensor.shape)) for name, tensor in given.items()))
        native = lambda entering: self._run_in(entering, dict(given), None, None)
        answer: tuple[dict[str, torch.Tensor], Optional[LayerRecorder]] = self.float64_runs.run(shapes, below, forward, native)
        return answer

    def _run_in(
        self,
        entering: Entering,
        inputs: dict[str, torch.Tensor],
        transform: Optional[Transform],
        recorder: Optional[LayerRecorder],
        draws: Optional[RandomWatch] = None,
    ) -> dict[str, torch.Tensor]:
        self._entering = entering
        try:
            return self.run(inputs, transform, recorder, draws)
        finally:
            self._entering = None

    def _mode(self) -> Any:
        return contextlib.nullcontext() if self._entering is None else self._entering.entered()

    def _call_watched(
        self, inputs: dict[str, torch.Tensor], recorder: Optional[LayerRecorder], draws: Optional[RandomWatch]
    ) -> Any:
        tensors = {state_entry.name: state_entry.place.get() for state_entry in self.state_entries}
        values = values_by_name(self.module, self.hyperparameters)
        outside = {name: tensor for name, tensor, _ in self.outside() if name not in values}
        parameters = {state_entry.name: tensors[state_entry.name] for state_entry in self.state_entries if state_entry.is_parameter}
        written = {**parameters, **outside}
        versions = {name: tensor._version for name, tensor in written.items() if not tensor.is_inference()}
        assigned = assigned_values(self.module)
        with watching(self.module, tensors, recorder, draws, outside, self.reads, self.places):
            answer = self.call(inputs)
        changed = {name for name, version in versions.items() if written[name]._version != version}
        self.writes |= changed
        # A first pass may make a table anew for the size of its inputs. A parameter that a pass writes to is what the next one
        # computes with.
        left = left_otherwise(assigned, assigned_values(self.module)) if self.settled.is_known else set()
        self.carried = left | (changed & set(parameters))
        after = values_by_name(self.module, self.hyperparameters)
        self.reads.update(values)
        self.writes.update(name for name in values if name not in after or not same_bits(values[name], after[name]))
        return answer

    def arguments(self, inputs: dict[str, torch.Tensor]) -> tuple[list[Any], dict[str, Any]]:
        """Positional and keyword arguments, as the module's forward() and its hooks take them."""
        return bind(self.module.forward, inputs, hooks_see_places(self.module))

    def call(self, inputs: dict[str, torch.Tensor]) -> Any:
        positional, keywords = self.arguments(inputs)
        with opened() as paths:
            answer = self.picked(self.module(*positional, **keywords))
        self.opened.update(paths)
        return answer

    @property
    def picks(self) -> bool:
        """Whether the outputs are picked from what forward() returns."""
        return False

    def picked(self, answer: Any) -> Any:
        return answer
