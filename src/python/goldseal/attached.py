# SPDX-License-Identifier: Apache-2.0
"""A live model as a worker: the command asks, this process answers, and the model is left as it was."""

from __future__ import annotations

import contextlib
import copy
import functools
import os
import random
import socket
import sys
import warnings
import weakref
from typing import Any, Callable, Iterator, NamedTuple, Optional, Sequence

import torch
from torch import nn

from . import command
from .compiled import Compiled, eager
from .errors import GoldsealError, GoldsealWarning
from .report import Report
from .worker.user_code import files_read
from .worker.protocol.channel import Channel
from .worker.programs.description import described
from .worker.state.state_guard import kept
from .worker.numerics.layer_watch import LayerRecorder
from .worker.state.loading import as_torch_loads, like, load_into, same_bits, state_to_load
from .worker.protocol.memory import has_memory
from .worker.state.modes import told_training, told_training_after_eval
from .worker.networks.network import Network, on_copies
from .worker.state.state_entries import StateEntry, refresh_flat_weights
from .worker.numerics.perturbation import Transform
from .worker.numerics.randomness import RandomWatch
from .worker.programs.program import KeepsStandIns, Limits
from .worker.programs.read_program import Program
from .worker.networks.python_builder import modules_named
from .worker.protocol.refusal import Refusal
from .worker.session import Message, Session
from .worker.networks.wrappers import unwrapped

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
            return super().run(inputs, on_copies(self, transform), recorder, draws)

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


class _Known(NamedTuple):
    """What came of writing a module's program down, when the module was as described."""

    described: Optional[str]  # None: it counts whatever the module is
    program: Optional[Program]
    archive: bytes
    error: dict[str, str]  # of the refusal, where there is no program; the refusal itself would keep the module alive

    def written_to(self, path: str) -> Program:
        if self.program is None:
            raise Refusal(**self.error)
        program = self.program._replace(path=path + os.path.splitext(self.program.path)[1], kept=True)
        with open(program.path, "wb") as file:
            file.write(self.archive)
        return program


# A program does not change from one epoch to the next, and PyTorch takes seconds to write it down.
_programs: weakref.WeakKeyDictionary[nn.Module, dict[str, _Known]] = weakref.WeakKeyDictionary()


class AttachedSession(Session):
    """Whatever the command asks to build is the live network."""

    def __init__(self, channel: Channel, network: LiveNetwork) -> None:
        super().__init__(channel)
        self._live = network
        for form in ("torchscript", "darknet", "export", "plugin", "aoti"):
            self.builders[form] = lambda source, options: network
        self.builders["python"] = lambda source, options: _made_of(network, source, options)

    def environment(self, request: Message) -> Message:
        reply = super().environment(request)
        if self._live.compiled is not None:
            reply["facts"].update(self._live.compiled.facts())
        return reply

    def run(self, request: Message) -> Message:
        compiled = self._live.compiled
        self._live.serves = compiled is not None and compiled.judged and _is_plain(request, self._live.home)
        try:
            return super().run(request)
        finally:
            self._live.serves = False

    def _write_program(
        self, network: Network, form: str, inputs: dict[str, torch.Tensor], path: str, limits: Limits, anew: bool
    ) -> Program:
        if not isinstance(network, LiveNetwork):
            return super()._write_program(network, form, inputs, path, limits, anew)
        known = _programs.setdefault(network.module, {})
        now = network.described(inputs)
        found = known.get(form)
        if found is not None and not anew and (found.described is None or found.described == now):
            return found.written_to(path)
        known.pop(form, None)
        try:
            program = super()._write_program(network, form, inputs, path, limits, anew)
        except Refusal as refusal:
            lasting = isinstance(refusal, KeepsStandIns)
            if now is not None or lasting:
                error = {"kind": refusal.kind, "message": refusal.message, "where": refusal.where, "remedy": refusal.remedy}
                known[form] = _Known(None if lasting else now, None, b"", error)
            raise
        if now is not None:
            with open(program.path, "rb") as file:
                known[form] = _Known(now, program, file.read(), {})
        return program


def _is_plain(request: Message, home: torch.device) -> bool:
    """A native run of the weights and inputs as they are, where the model lies."""
    if request.get("compute") != "native" or any(request.get(word) is not None for word in ("perturb", "draws", "layers")):
        return False
    settings = request.get("settings") or {}
    device = settings.get("device")
    return settings.get("compiled") is not False and (device is None or torch.device(device) == home)


def _made_of(network: LiveNetwork, source: str, options: dict[str, str]) -> LiveNetwork:
    """With the module of the factory that builds it elsewhere among its own."""
    network.modules = modules_named(source, options)
    network.files_read = files_read.known(source)
    return network


@contextlib.contextmanager
def preserved(module: nn.Module) -> Iterator[None]:
    """Evaluation mode, no gradient, no autocast inside; afterwards each submodule's mode and the random generators of
    Python, numpy and PyTorch (CPU, CUDA, XPU, MPS) are as they were. Generators that a model holds are state_guard's."""
    modes = [(part, part.training) for part in module.modules()]
    states = _random_states()
    threads = torch.get_num_threads()
    try:
        for part, _ in modes:
            part.training = False
        with contextlib.ExitStack() as stack:
            for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
                stack.enter_context(torch.autocast(device, enabled=False))
            stack.enter_context(torch.no_grad())
            yield
    finally:
        for part, training in modes:
            part.training = training
        for restore in states:
            restore()
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)


@contextlib.contextmanager
def keeping_random_numbers() -> Iterator[None]:
    """Every random generator is afterwards as it was."""
    states = _random_states()
    try:
        yield
    finally:
        for restore in states:
            restore()


def _random_states() -> list[Callable[[], None]]:
    """What puts each generator back."""
    python, cpu = random.getstate(), torch.get_rng_state()
    restore: list[Callable[[], None]] = [lambda: random.setstate(python), lambda: torch.set_rng_state(cpu)]
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        gpus = torch.cuda.get_rng_state_all()
        restore.append(lambda: torch.cuda.set_rng_state_all(gpus))
    for name in ("xpu", "mps"):
        device = getattr(torch, name, None)
        if device is not None and device.is_available():
            state = device.get_rng_state()
            restore.append(functools.partial(device.set_rng_state, state))
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        state = numpy.random.get_state()
        restore.append(lambda: numpy.random.set_state(state))
    return restore


def unwrap(model: Any) -> nn.Module:
    """Without DataParallel, DistributedDataParallel, torch.compile. Raises GoldsealError for other values than modules."""
    if not isinstance(model, nn.Module):
        raise GoldsealError(f"model: expected a torch.nn.Module, found {type(model).__qualname__}")
    module = unwrapped(model)
    for name, part in module.named_modules():
        if isinstance(part, torch.jit.ScriptModule) and not hasattr(part, "training"):
            raise GoldsealError(
                f"model: {name or 'it'} is frozen: its weights are constants of its code, and no checkpoint's tensors may stand for "
                "them; give the module as it is before torch.jit.freeze, or save it (torch.jit.save) and seal that file: goldseal "
                "capture CHECKPOINT --model torchscript:FILE"
            )
    return module


def _autocast_is_on() -> bool:
    try:
        return any(torch.is_autocast_enabled(device) for device in ("cpu", "cuda"))
    except TypeError:  # PyTorch before 2.4 asks by two functions
        return torch.is_autocast_enabled() or torch.is_autocast_cpu_enabled()


def _tell(sentence: str) -> None:
    warnings.warn(f"goldseal: {sentence}", GoldsealWarning, stacklevel=2)


def run_attached(
    arguments: Sequence[str], network: LiveNetwork, directory: Optional[str] = None, timeout: Optional[float] = None
) -> Report:
    """Runs the command with `network` as its worker."""
    ours, theirs = socket.socketpair()
    channel = Channel(ours)

    def answer() -> None:
        theirs.close()
        try:
            AttachedSession(channel, network).serve()
        except Refusal as refusal:
            raise GoldsealError(refusal.message) from None

    if _autocast_is_on():
        _tell("autocast is on where goldseal was called: the model is judged as it answers outside of it")
    torch_directory = os.path.dirname(os.path.abspath(torch.__file__))
    runtime = f"attached={theirs.fileno()}:{torch_directory}"
    try:
        with preserved(network.module), kept(network.module, network.outputs, tell=_tell, restored=network.remembered):
            return command.run([*arguments, "--runtime", runtime], directory, timeout, [theirs.fileno()], answer)
    finally:
        ours.close()
        theirs.close()
