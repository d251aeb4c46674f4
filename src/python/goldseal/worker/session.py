# SPDX-License-Identifier: Apache-2.0
"""Answers the requests of PROTOCOL.md, one method each."""

from __future__ import annotations

import concurrent.futures
import os
import time
from typing import Any, Callable, Dict, Optional

import torch

from .facts import device_names, environment_facts, loaded_version
from .forward_pass import Pass
from .networks.darknet_builder import build_darknet
from .networks.export_builder import build_export
from .networks.network import Network
from .networks.python_builder import build_python
from .networks.script_builder import build_torchscript
from .numerics.gradients import Leaves, reached_elements
from .numerics.layer_part import read_part
from .numerics.layer_watch import LayerRecorder
from .numerics.perturbation import Transform
from .numerics.randomness import generator_states, moved, seed_all
from .pass_request import read_draws, read_layers, read_transform
from .programs.program import Limits, write_program
from .programs.read_program import Program, read_program
from .protocol import fields
from .protocol.channel import Channel
from .protocol.dtypes import name_of
from .protocol.mapped_tensors import map_tensors, read_load_table
from .protocol.refusal import Refusal, refusal_of
from .protocol.tensor_file import read_tensors, write_tensors
from .settings import RunSettings, in_force, read_settings, read_threads
from .state.settled_state import sha256_of
from .streaming import attempted

PROTOCOL = 3
MAX_NONCE = 256

Message = Dict[str, Any]
Builder = Callable[[str, "dict[str, str]"], Network]


def _describe(name: str, tensor: torch.Tensor) -> dict[str, Any]:
    return {"name": name, "dtype": name_of(tensor.dtype), "shape": list(tensor.shape)}


def _read_kept(request: Message) -> frozenset[str]:
    keep = fields.optional(request, "keep")
    if keep is None:
        return frozenset()
    if not isinstance(keep, list) or not all(isinstance(name, str) for name in keep):
        raise Refusal("usage", "`keep` is a list of names")
    return frozenset(keep)


class Session:
    """One run's conversation."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._directory = ""
        self._greeted = False
        self._finished = False
        self._restricted = False
        self._seed: Optional[int] = None  # of the values that a network is built with; None: they are of no use
        self._constants: dict[str, torch.Tensor] = {}  # that the architecture brings
        self._network: Optional[Network] = None
        self._built: Optional[Network] = None  # what was built, where its program has taken its place
        self._loaded_from: "Optional[tuple[str, frozenset[str]]]" = None  # the table, and what kept the value that it was built with
        self.builders: dict[str, Builder] = {
            "python": self._build_python,
            "torchscript": self._build_archive,
            "export": self._build_program,
            "darknet": self._build_cfg,
        }
        self._operations: dict[str, Callable[[Message], Message]] = {
            "hello": self.hello,
            "environment": self.environment,
            "build": self.build,
            "load": self.load,
            "digest": self.digest,
            "outside": self.outside,
            "run": self.run,
            "gradients": self.gradients,
            "program": self.program,
            "bye": self.bye,
        }

    def serve(self) -> None:
        """Until `bye` or the end of the socket. Raises Refusal for a line that cannot be answered."""
        last_id = 0
        while not self._finished:
            request = self._channel.receive()
            if request is None:
                return
            number = fields.natural(request, "id")
            if number <= last_id:
                raise Refusal("usage", "`id` does not rise")
            last_id = number
            if not self._channel.send({**self._answer(request), "id": number}):
                return

    def _answer(self, request: Message) -> Message:
        try:
            return {**self._dispatch(request), "ok": True}
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # also a model's sys.exit() is answered
            return {"ok": False, "error": refusal_of(error).as_error()}

    def _dispatch(self, request: Message) -> Message:
        name = fields.text(request, "op")
        if not self._greeted and name != "hello":
            raise Refusal("usage", "the first request is hello")
        if name not in self._operations:
            raise Refusal("usage", f"op `{name}` is not known")
        return self._operations[name](request)

    def hello(self, request: Message) -> Message:
        if self._greeted:
            raise Refusal("usage", "hello comes once")
        nonce = fields.text(request, "nonce")
        if not 1 <= len(nonce) <= MAX_NONCE:
            raise Refusal("usage", "`nonce` has 1 to 256 characters")
        self._channel.nonce = nonce
        if fields.natural(request, "protocol") != PROTOCOL:
            raise Refusal("unsupported", f"this worker speaks protocol {PROTOCOL}")
        self._directory = fields.text(request, "run_directory")
        threads = read_threads(request)
        if threads is not None:
            torch.set_num_threads(threads)
        self._greeted = True
        version = loaded_version()
        return {
            "protocol": PROTOCOL,
            "runtime": "python",
            "version": version,
            "built_for": version,
            "devices": device_names(),
            "builders": sorted(self.builders),
            "restricts": True,
        }

    def environment(self, request: Message) -> Message:
        return {"facts": environment_facts()}

    def build(self, request: Message) -> Message:
        name = fields.text(request, "builder")
        if name not in self.builders:
            raise Refusal("unsupported", f"this worker cannot build `{name}`")
        source = fields.text(request, "source")
        options = fields.strings(request, "options")
        self._restricted = fields.optional_bool(request, "restricted") or False
        if self._restricted and name == "python":
            raise Refusal("unsupported", "Python code is not run for a stranger")
        self._seed = fields.optional_natural(request, "seed")
        self._network = self._built = None
        constants = fields.optional_text(request, "constants")
        self._constants = {} if constants is None else map_tensors(self._resolved(constants), self._directory)
        network = self._network = self._built = self.builders[name](source, options)
        network.require_evaluation_mode()
        network.fill_constants(self._constants)
        names = fields.optional(request, "names")
        renames, steps = network.renames(names if isinstance(names, list) else [])
        return {
            "state_entries": [entry.describe() for entry in network.state_entries],
            "extra_state": list(network.extra),
            "inputs": network.inputs(),
            "configuration": network.configuration(),
            "choices": network.choices(),
            "of_process": network.of_process(),
            "renames": renames,
            "load_steps": [step.described() for step in (steps if renames else network.steps)],
            "sources": network.sources(),
            "training": network.training,
        }

    def load(self, request: Message) -> Message:
        start = time.perf_counter()
        path = self._resolved(fields.text(request, "tensors"))
        network = self.network
        network.kept = _read_kept(request)
        table = read_load_table(path, self._directory)
        network.load(*table)
        self._loaded_from = (path, network.kept)
        return {"loaded": len(table.tensors), "changed": network.changed, "seconds": time.perf_counter() - start}

    def digest(self, request: Message) -> Message:
        self.network.require_filled()
        tensors = {entry.name: entry.place.get() for entry in self.network.digested()}
        # hashlib lets other threads run while it hashes.
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            digests = list(pool.map(sha256_of, tensors.values()))
        entries = [
            {**_describe(name, tensor), "sha256": digest} for (name, tensor), digest in zip(tensors.items(), digests)
        ]
        return {"tensors": entries, "extra_state": self.network.extra_digests(), **self.outside(request)}

    def outside(self, request: Message) -> Message:
        settled = fields.optional_bool(request, "settled") or False
        if settled and not self.network.settled.is_known:
            return {"outside": None}
        shapes = fields.optional(request, "shapes") or {}
        with torch.no_grad():
            return {"outside": self.network.described_outside(settled, shapes)}

    def run(self, request: Message) -> Message:
        network = self.network
        network.require_filled()
        settings, transform, inputs = self._read_pass(request)
        path = self._resolved(fields.text(request, "outputs"))
        layers_path, layer_elements = read_layers(request)
        part = read_part(request)
        seed, draws = read_draws(request)
        with in_force(settings), torch.no_grad():
            given = inputs
            inputs = self._prepared(given, transform, settings)
            if seed is not None:
                seed_all(seed)
            before = generator_states() if draws is not None else {}
            start = time.perf_counter()
            try:
                native = self._prepared(given, None, settings) if settings.plain else None
                forward = Pass(network, inputs, transform, layer_elements, seed, draws, native, part)
                outputs, recorder = self._first_made(forward) if network.with_values else forward.made()
                network = self.network
            finally:
                if draws is not None:
                    draws.restore()
            seconds = time.perf_counter() - start
        write_tensors(path, outputs)
        reply: Message = {"outputs": [_describe(name, tensor) for name, tensor in outputs.items()], "seconds": seconds}
        files = network.files_of_runs()
        if files:
            reply["files"] = files
        if draws is not None:
            reads, writes = network.reads | network.carried, network.writes | network.carried | network.settled.unsettled
            reply.update(random=draws.told(), generators=moved(before), reads=sorted(reads), writes=sorted(writes))
        if recorder is not None and layers_path is not None:
            write_tensors(self._resolved(layers_path), {"sketch": recorder.table()})
            reply["layers"] = [
                {"module": layer.module, "op": layer.op, "dtype": name_of(layer.dtype), "shape": list(layer.shape)}
                for layer in recorder.layers
            ]
            if recorder.narrowest is not None:
                reply["narrowest"] = name_of(recorder.narrowest)
        return reply

    def _first_made(self, forward: Pass) -> "tuple[dict[str, torch.Tensor], Optional[LayerRecorder]]":
        """Of a network that was built on the meta device, whose code may have kept that device: what cannot run so is built with
        memory, loaded once more and run again."""
        build, forward.network.with_values = forward.network.with_values, None
        try:
            return forward.made()
        except Exception:
            if build is None or self._loaded_from is None:
                raise
            path, kept = self._loaded_from
            network = build()
            network.kept = kept
            network.load(*read_load_table(path, self._directory))
        self._network = self._built = network
        return forward._replace(network=network).made()

    def _read_pass(self, request: Message) -> tuple[RunSettings, Optional[Transform], dict[str, torch.Tensor]]:
        """What `run` and `gradients` say of a forward pass alike."""
        stated = fields.optional(request, "settings")
        settings = read_settings({} if stated is None else stated)
        settings.plain = fields.text(request, "compute") == "float64"
        transform = read_transform(request, settings)
        return settings, transform, read_tensors(self._resolved(fields.text(request, "inputs")))

    def gradients(self, request: Message) -> Message:
        network = self.network
        network.require_filled()
        if network.wrapped:
            raise Refusal("unsupported", "gradients do not pass a tensor that wraps another", next(iter(network.wrapped.values())))
        settings, transform, inputs = self._read_pass(request)
        parameters = {entry.name for entry in network.state_entries if entry.is_parameter}
        with in_force(settings), torch.enable_grad():
            inputs = self._prepared(inputs, transform, settings)

            def counted() -> "dict[str, tuple[int, int]]":
                leaves = Leaves(parameters, transform)
                return reached_elements(lambda: network.run(inputs, leaves), leaves)

            counts = attempted(network, transform, counted)
        return {"tensors": [{"name": name, "elements": total, "reached": reached} for name, (total, reached) in counts.items()]}

    def program(self, request: Message) -> Message:
        if self._built is None:
            raise Refusal("usage", "no network has been built")
        built = self._network = self._built
        built.require_filled()
        form, path = fields.text(request, "form"), self._resolved(fields.text(request, "file"))
        inputs = read_tensors(self._resolved(fields.text(request, "inputs")))
        limits = Limits(fields.natural(request, "seconds"), fields.natural(request, "bytes"))
        with torch.no_grad():
            inputs = self._prepared(inputs, None, RunSettings())
            program = self._write_program(built, form, inputs, path, limits, fields.optional_bool(request, "anew") or False)
            self._network = read_program(program, built)
        return {
            "builder": program.builder,
            "options": program.options,
            "file": program.path,
            "state_entries": [entry.describe() for entry in self._network.state_entries],
            "kept": program.kept,
        }

    def _write_program(
        self, network: Network, form: str, inputs: dict[str, torch.Tensor], path: str, limits: Limits, anew: bool
    ) -> Program:
        return write_program(network, form, inputs, path, limits)

    def bye(self, request: Message) -> Message:
        self._finished = True
        return {}

    @property
    def network(self) -> Network:
        if self._network is None:
            raise Refusal("usage", "no network has been built")
        return self._network

    def _prepared(
        self, inputs: dict[str, torch.Tensor], transform: Optional[Transform], settings: RunSettings
    ) -> dict[str, torch.Tensor]:
        """Converted first and laid out last, so that every layout computes with the same values."""
        prepared = {}
        for name, tensor in inputs.items():
            if transform:
                tensor = transform("input/" + name, tensor)
            if settings.device is None and self.network.home is not None:
                tensor = tensor.to(self.network.home)
            if settings.channels_last and tensor.dim() == 4:
                tensor = tensor.contiguous(memory_format=torch.channels_last)
            prepared[name] = tensor
        return prepared

    def _build_python(self, source: str, options: dict[str, str]) -> Network:
        return build_python(source, options, self._seed)

    def _build_archive(self, source: str, options: dict[str, str]) -> Network:
        return build_torchscript(self._resolved(source), options, self._restricted, self._constants)

    def _build_program(self, source: str, options: dict[str, str]) -> Network:
        return build_export(self._resolved(source), options, self._restricted)

    def _build_cfg(self, source: str, options: dict[str, str]) -> Network:
        return build_darknet(self._resolved(source), options)

    def _resolved(self, name: str) -> str:
        return os.path.join(self._directory, name)
