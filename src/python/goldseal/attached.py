# SPDX-License-Identifier: Apache-2.0
"""A live model as a worker: the command asks, this process answers, and the model is left as it was."""

from __future__ import annotations

import os
import socket
import weakref
from typing import NamedTuple, Optional, Sequence

import torch
from torch import nn

from . import command
from .errors import GoldsealError, warn
from .live_network import LiveNetwork
from .preserved import preserved
from .report import Report
from .worker.networks.network import Network
from .worker.networks.python_builder import modules_named
from .worker.programs.program import KeepsStandIns, Limits
from .worker.programs.read_program import Program
from .worker.protocol.channel import Channel
from .worker.protocol.refusal import Refusal
from .worker.session import Message, Session
from .worker.state.state_guard import kept
from .worker.user_code import files_read


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


def _autocast_is_on() -> bool:
    try:
        return any(torch.is_autocast_enabled(device) for device in ("cpu", "cuda"))
    except TypeError:  # PyTorch before 2.4 asks by two functions
        return torch.is_autocast_enabled() or torch.is_autocast_cpu_enabled()


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
        warn("autocast is on where goldseal was called: the model is judged as it answers outside of it")
    torch_directory = os.path.dirname(os.path.abspath(torch.__file__))
    runtime = f"attached={theirs.fileno()}:{torch_directory}"
    try:
        with preserved(network.module), kept(network.module, network.outputs, tell=warn, restored=network.remembered):
            return command.run([*arguments, "--runtime", runtime], directory, timeout, [theirs.fileno()], answer)
    finally:
        ours.close()
        theirs.close()
