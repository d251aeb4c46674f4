# SPDX-License-Identifier: Apache-2.0
"""The program of a network's code as a file, from which a machine without that code builds the network.

A file of torch.export or TorchScript, in which each weight has room for one element: the checkpoint brings the values.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import tempfile
import zipfile
from typing import Any, Callable, Dict, Iterator, NamedTuple, Union

import torch
from torch import fx, nn

from ..networks.binding import flatten
from ..networks.export_builder import build_export
from ..networks.network import Network
from ..networks.training_mode import trains
from ..protocol.refusal import Refusal
from ..state.state_entries import find_state_entries, refresh_flat_weights
from ..state.state_guard import kept
from . import fake_tensors
from .foreign_operators import without_foreign
from .read_program import Program, unsupported
from .surroundings import Deadline, buffers_copied, global_hooks_kept, quiet

_OLDEST_EXPORT = (2, 8)  # its archive is the first whose programs LibTorch workers of every version read


class Limits(NamedTuple):
    seconds: int
    bytes: int


class KeepsStandIns(Refusal):
    """The network's code keeps tensors outside the network. Writing it down once more would put them there once more."""


def write_program(network: Network, form: str, inputs: dict[str, torch.Tensor], path: str, limits: Limits) -> Program:
    """`form`: export (torch.export), script or trace (TorchScript). `path` gets the form's ending. The network, which is in
    evaluation mode, is left as it was. Raises Refusal where its code cannot be written down in this form."""
    if form not in _WRITERS:
        raise Refusal("usage", f"`form` is one of {', '.join(_WRITERS)}; found `{form}`")
    if any(isinstance(part, torch.jit.ScriptModule) for part in network.module.modules()):
        raise Refusal("unsupported", "a part of the network is TorchScript itself")
    if network.wrapped:
        raise Refusal("unsupported", f"{next(iter(network.wrapped))} is a {next(iter(network.wrapped.values()))}, which a program cannot name")
    if form == "export" and not _exports():
        raise Refusal("unsupported", f"torch.export of PyTorch 2.8 or newer is needed, this is {torch.__version__}")
    if form == "export":
        with fake_tensors.own_modes() as modes:
            program = _written(network, form, inputs, path, limits.seconds)
        place = fake_tensors.withdrawn(modes)
        modes.clear()
    else:
        program, place = _written(network, form, inputs, path, limits.seconds), None
    if place is not None:
        raise KeepsStandIns("unsupported", f"forward() or a hook keeps tensors outside the network, in {place}")
    if isinstance(program, Refusal):
        raise program
    size = os.path.getsize(program.path)
    if size > limits.bytes:
        raise Refusal("unsupported", f"the program has {size} bytes without its weights, more than {limits.bytes}")
    return program


def _written(
    network: Network, form: str, inputs: dict[str, torch.Tensor], path: str, seconds: int
) -> Union[Program, Refusal]:
    """A refusal is returned: what is raised would keep alive what the code was called with."""
    try:
        with global_hooks_kept(), kept(network.module, network.picked), buffers_copied(network), quiet():
            with Deadline(seconds):
                return _WRITERS[form](network, inputs, path)
    except Exception as error:
        refusal = error if isinstance(error, Refusal) else unsupported(error)
        return Refusal(refusal.kind, refusal.message, refusal.where, refusal.remedy)


def _exports() -> bool:
    """Whether this PyTorch can. Loads what it takes, so that its loggers are there to be silenced."""
    version = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])
    if version < _OLDEST_EXPORT:
        return False
    for name in ("torch._dynamo", "torch.export._trace", "torch.fx.experimental.symbolic_shapes"):
        importlib.import_module(name)
    return True


def _export(network: Network, inputs: dict[str, torch.Tensor], path: str) -> Program:
    from torch import export

    positional, keywords = network.arguments(inputs)
    with _flat_answers(network):
        exported = export.export(network.module, tuple(positional), keywords, strict=False)
    names = exported.module_call_graph[0].signature.forward_arg_names
    if names is None or set(names) != set(inputs):
        raise Refusal("unsupported", f"torch.export calls the inputs {names}, and the network {sorted(inputs)}")
    foreign = {node.target for node in _nodes(exported.graph_module) if _is_foreign(node)}
    if foreign:
        exported = without_foreign(exported, foreign)
    if any(_is_transform(node) for node in _nodes(exported.graph_module)):
        exported = exported.run_decompositions({})  # vmap becomes what it computes
    for node in _nodes(exported.graph_module):
        _refuse_what_does_not_travel(node)
    _hold(exported, network.kept)
    shells = _Shells()
    for name, tensor in exported.state_dict.items():
        shell = shells.of(tensor)
        exported.state_dict[name] = nn.Parameter(shell, False) if isinstance(tensor, nn.Parameter) else shell
    for node in _nodes(exported.graph_module):
        node.meta.pop("stack_trace", None)  # names the files and lines of the code
    export.save(exported, path + ".pt2")
    _refuse_what_no_worker_reads(path + ".pt2")
    # PyTorch keeps the graph; each tensor without values that it still held would be searched for among all objects.
    for node in _nodes(exported.graph_module):
        node.meta.clear()
    return Program("export", {}, path + ".pt2", list(names))


def _hold(exported: Any, names: "frozenset[str]") -> None:
    """What no checkpoint brings (an admitted tensor that it lacks) the program holds, as a buffer that is not persistent."""
    from torch.export.graph_signature import InputKind

    for spec in exported.graph_signature.input_specs:
        if spec.target in names and spec.kind in (InputKind.PARAMETER, InputKind.BUFFER):
            spec.kind, spec.persistent = InputKind.BUFFER, False
            exported.constants[spec.target] = exported.state_dict.pop(spec.target).detach().clone()


# Of operators on graphs, those that a LibTorch worker interprets (networks/export_program.cpp).
_ON_GRAPHS = ("wrap_with_set_grad_enabled",)
# By LibTorch itself; torch.ops.prims is Python's.
_REGISTERED = ("aten", "prim", "quantized", "_quantized", "mkldnn", "mkldnn_prepacked", "prepacked", "sparse")


def _is_foreign(node: fx.Node) -> bool:
    if node.op != "call_function" or not isinstance(node.target, torch._ops.OpOverload):
        return False
    return node.target._schema.name.split("::")[0] not in _REGISTERED


def _is_transform(node: fx.Node) -> bool:
    """A step of torch.func, which is a function of Python's."""
    return node.op == "call_function" and getattr(node.target, "__module__", "").startswith("torch._functorch")


def _refuse_what_no_worker_reads(archive: str) -> None:
    """A target's worker reads the file by these rules: sparse tensors, functions and scalars that it does not know."""
    with zipfile.ZipFile(archive) as whole, tempfile.TemporaryDirectory() as directory:
        models = [name for name in whole.namelist() if "/models/" in name and name.endswith(".json")]
        for name in models:
            place = os.path.join(directory, "program.json")
            with open(place, "wb") as file:
                file.write(whole.read(name))
            build_export(place, {})


def _refuse_what_does_not_travel(node: fx.Node) -> None:
    """A program is written only if a plain LibTorch runs it, by the rules of the LibTorch worker's export_network.cpp."""
    if node.op != "call_function":
        return
    if isinstance(node.target, torch._ops.HigherOrderOperator):
        if node.target.name() not in _ON_GRAPHS:
            raise Refusal("unsupported", f"it uses {node.target.name()}, an operator on graphs that LibTorch workers do not interpret")
        return
    if not isinstance(node.target, torch._ops.OpOverload):
        return
    schema = node.target._schema
    if _is_foreign(node):
        raise Refusal("unsupported", f"it calls the operator {schema.name}, which no plain LibTorch has")
    given = {argument.name: value for argument, value in zip(schema.arguments, node.args)}
    given.update(node.kwargs)
    if trains(given):
        raise Refusal("unsupported", f"it calls {schema.name} in training mode")


def _refuse_foreign_operators(scripted: Any) -> None:
    """The same of TorchScript."""
    for kind in sorted(_kinds(scripted.inlined_graph)):
        if kind.split("::")[0] not in _REGISTERED:
            raise Refusal("unsupported", f"it calls the operator {kind}, which no plain LibTorch has")


def _kinds(block: Any) -> "set[str]":
    found = set()
    for node in block.nodes():
        found.add(node.kind())
        for inner in node.blocks():
            found |= _kinds(inner)
    return found


def _nodes(module: fx.GraphModule) -> Iterator[fx.Node]:
    for part in module.modules():
        if isinstance(part, fx.GraphModule):
            yield from part.graph.nodes


def _script(network: Network, inputs: dict[str, torch.Tensor], path: str) -> Program:
    if network.picks:
        raise Refusal("unsupported", "the outputs are picked by code outside the module")
    return _archive(torch.jit.script(network.module), network, path)


def _trace(network: Network, inputs: dict[str, torch.Tensor], path: str) -> Program:
    positional, keywords = network.arguments(inputs)
    # In a trace every argument has a place; the arguments that are left out between them cannot.
    arguments = (*positional, *keywords.values())
    with _flat_answers(network):
        traced = torch.jit.trace(network.module, arguments, strict=False, check_trace=False)
    return _archive(traced, network, path)


_WRITERS: Dict[str, Callable[[Network, Dict[str, torch.Tensor], str], Program]] = {
    "export": _export,
    "script": _script,
    "trace": _trace,
}


def _archive(scripted: Any, network: Network, path: str) -> Program:
    """The archive's module is another one than the network's, with the same tensors, until these are replaced."""
    _refuse_foreign_operators(scripted)
    weights = {state_entry.name for state_entry in network.state_entries if state_entry.persistent or state_entry.alias_of}
    weights -= network.kept  # no checkpoint brings them
    state_entries = list(find_state_entries(scripted))
    shells = _Shells()
    for state_entry in state_entries:
        if state_entry.name in weights:
            state_entry.place.set(shells.of(state_entry.place.get()))
    refresh_flat_weights(scripted)
    scripted.save(path + ".debug")
    _leave_out_debugging(path + ".debug", path + ".pt")
    others = [
        state_entry.name
        for state_entry in state_entries
        if state_entry.name not in weights and (state_entry.place.table == "_buffers" or state_entry.name in network.kept)
    ]
    return Program("torchscript", {"non_persistent": ",".join(others)} if others else {}, path + ".pt", [])


def _leave_out_debugging(archive: str, path: str) -> None:
    """Copies it without what names the files and lines of the code."""
    with zipfile.ZipFile(archive) as whole, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as rest:
        for entry in whole.infolist():
            if not entry.filename.endswith(".debug_pkl"):
                rest.writestr(entry.filename, whole.read(entry))
    os.remove(archive)


class _Shells:
    """Tensors that look like others and take one element of memory; tied ones stay one."""

    def __init__(self) -> None:
        self._made: Dict[Any, torch.Tensor] = {}

    def of(self, tensor: torch.Tensor) -> torch.Tensor:
        memory = tensor.data_ptr() if tensor.numel() > 0 else id(tensor)
        key = (memory, tensor.dtype, tuple(tensor.shape), tensor.stride())
        if key not in self._made:
            element = torch.zeros((1,) if tensor.dim() else (), dtype=tensor.dtype)
            self._made[key] = element.expand(tensor.shape) if tensor.numel() > 0 else element.new_empty(tensor.shape)
        return self._made[key]


@contextlib.contextmanager
def _flat_answers(network: Network) -> Iterator[None]:
    """Inside, the module answers a plain dict under the names that its outputs have in a seal."""
    module = network.module
    attributes = vars(module)
    own = attributes.get("forward")
    forward = module.forward

    @functools.wraps(forward)
    def flat(*positional: Any, **keywords: Any) -> Dict[str, torch.Tensor]:
        return flatten(network.picked(forward(*positional, **keywords)))

    attributes["forward"] = flat
    try:
        yield
    finally:
        if own is None:
            del attributes["forward"]
        else:
            attributes["forward"] = own
