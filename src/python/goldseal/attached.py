# SPDX-License-Identifier: Apache-2.0
"""A live model as a worker: the command asks, this process answers, and the model is left as it was."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import sys
from typing import Any, Callable, Iterator, Optional, Sequence

import torch
from torch import nn

from . import command
from .errors import GoldsealError
from .report import Report
from .worker.channel import Channel
from .worker.layer_watch import LayerRecorder
from .worker.network import Network, Slot
from .worker.perturbation import Transform
from .worker.python_builder import unwrapped
from .worker.refusal import Refusal
from .worker.session import Session

Outputs = Callable[[Any], Any]


class LiveNetwork(Network):
    """The caller's module with its own weights. `load` holds the checkpoint's tensors against the module's slots; the
    digests then tell whether the values are the same. With `replace` it computes with the checkpoint's tensors instead."""

    def __init__(self, module: nn.Module, outputs: Optional[Outputs] = None, replace: bool = False) -> None:
        self._outputs = outputs
        self._replace = replace
        self._own: list[tuple[Slot, torch.Tensor]] = []
        super().__init__(module)
        self._home = next((slot.place.get().device for slot in self.slots), torch.device("cpu"))

    @property
    def home(self) -> torch.device:
        return self._home

    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        self.check_fit(tensors)
        self.loaded = frozenset(tensors)
        if not self._replace:
            return
        for slot in self.slots:
            name = slot.name if slot.name in tensors else self.tied.get(slot.name)
            if name is not None:
                own = slot.place.get()
                self._own.append((slot, own))
                slot.place.set(tensors[name].to(own.device))

    def give_back(self, adopt: bool) -> None:
        """The caller's own tensors in their places again; with `adopt` they take the loaded values."""
        loaded = [(own, slot.place.get()) for slot, own in self._own]
        for slot, own in reversed(self._own):
            slot.place.set(own)
        self._own = []
        if adopt:
            with torch.no_grad():
                for own, value in loaded:
                    own.copy_(value)

    def run(
        self,
        inputs: dict[str, torch.Tensor],
        transform: Optional[Transform],
        recorder: Optional[LayerRecorder] = None,
    ) -> dict[str, torch.Tensor]:
        return super().run(inputs, self._on_copies(transform), recorder)

    def call(self, inputs: dict[str, torch.Tensor]) -> Any:
        answer = super().call(inputs)
        return self._outputs(answer) if self._outputs else answer

    def _on_copies(self, transform: Optional[Transform]) -> Transform:
        """An operation in place on a buffer must not reach the caller's."""
        parameters = {slot.name for slot in self.slots if slot.is_parameter}

        def isolated(name: str, tensor: torch.Tensor) -> torch.Tensor:
            computed = transform(name, tensor) if transform else tensor
            return computed.clone() if computed is tensor and name not in parameters else computed

        return isolated


class AttachedSession(Session):
    """Whatever the command asks to build is the live network."""

    def __init__(self, channel: Channel, network: LiveNetwork) -> None:
        super().__init__(channel)
        live = network
        for form in ("python", "torchscript", "darknet", "export", "plugin", "aoti"):
            self.builders[form] = lambda source, options: live


@contextlib.contextmanager
def preserved(module: nn.Module) -> Iterator[None]:
    """Evaluation mode, no gradient, no autocast inside; afterwards each submodule's mode and every random generator are as
    they were."""
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


def _random_states() -> list[Callable[[], None]]:
    """What puts each generator back."""
    python, cpu = random.getstate(), torch.get_rng_state()
    restore: list[Callable[[], None]] = [lambda: random.setstate(python), lambda: torch.set_rng_state(cpu)]
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        gpus = torch.cuda.get_rng_state_all()
        restore.append(lambda: torch.cuda.set_rng_state_all(gpus))
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        state = numpy.random.get_state()
        restore.append(lambda: numpy.random.set_state(state))
    return restore


def unwrap(model: Any) -> nn.Module:
    """Without DataParallel, DistributedDataParallel, torch.compile. Raises GoldsealError for what is no module."""
    if not isinstance(model, nn.Module):
        raise GoldsealError(f"model: expected a torch.nn.Module, found {type(model).__qualname__}")
    return unwrapped(model)


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

    torch_directory = os.path.dirname(os.path.abspath(torch.__file__))
    runtime = f"attached={theirs.fileno()}:{torch_directory}"
    try:
        with preserved(network.module):
            return command.run([*arguments, "--runtime", runtime], directory, timeout, [theirs.fileno()], answer)
    finally:
        ours.close()
        theirs.close()
