# SPDX-License-Identifier: Apache-2.0
"""The program of a network's code as a file, from which a machine without that code builds the network.

A file of torch.export or TorchScript, in which each weight has room for one element: the checkpoint brings the values.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import logging
import os
import sys
import time
import warnings
import zipfile
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Union

import torch
from torch import fx, nn
from torch.overrides import TorchFunctionMode

from . import fake_tensors
from .binding import bind, flatten
from .foreign_operators import without_foreign
from .state_guard import kept
from .network import Network, on_copies
from .state_entries import find_state_entries, refresh_flat_weights
from .perturbation import Transform
from .refusal import Refusal, refusal_of
from .script_builder import ScriptNetwork

_OLDEST_EXPORT = (2, 8)  # its archive is the first whose programs LibTorch workers of every version read
_PRINTING = ("torch.export._trace", "torch.fx.graph_module")  # modules that print what they think of the code


class Program(NamedTuple):
    """A file that was written, and what it takes to build the network from it."""

    builder: str  # `export` or `torchscript`
    options: Dict[str, str]
    path: str
    inputs: List[str]  # in the order in which an exported program takes them
    kept: bool = False  # from before: the weights may have been others when it was written


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
        before = fake_tensors.alive()
        with fake_tensors.own_modes() as modes:
            program = _written(network, form, inputs, path, limits.seconds)
        place = fake_tensors.withdrawn(before, modes)
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
        with _global_hooks_kept(), kept(network.module, network.picked), _buffers_copied(network), _quiet():
            with _Deadline(seconds):
                return _WRITERS[form](network, inputs, path)
    except Exception as error:
        refusal = error if isinstance(error, Refusal) else _unsupported(error)
        return Refusal(refusal.kind, refusal.message, refusal.where, refusal.remedy)


def read_program(program: Program, network: Network) -> Network:
    """The file read back, holding the tensors that `network` holds. Raises Refusal where it does not fit them."""
    tensors = {state_entry.name: state_entry.place.get() for state_entry in network.state_entries}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if program.builder == "export":
                return ExportedNetwork(program, tensors, network.home)
            return ScriptedNetwork(program, tensors, network.home)
    except Refusal:
        raise
    except Exception as error:
        raise _unsupported(error) from None


def _unsupported(error: Exception) -> Refusal:
    """Errors raised here are not the network's fault: its code itself has run."""
    found = refusal_of(error)
    return Refusal("unsupported", found.message, found.where)


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

    positional, keywords = bind(network.module.forward, inputs)
    with _flat_answers(network):
        exported = export.export(network.module, tuple(positional), keywords, strict=False)
    names = exported.module_call_graph[0].signature.forward_arg_names
    if names is None or set(names) != set(inputs):
        raise Refusal("unsupported", f"torch.export calls the inputs {names}, and the network {sorted(inputs)}")
    foreign = {node.target for node in _nodes(exported.graph_module) if _is_foreign(node)}
    if foreign:
        exported = without_foreign(exported, foreign)
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
    trains = given.get("training", given.get("train")) is True
    if trains and given.get("running_mean", "") is not None and given.get("p", 1) != 0:
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
    positional, keywords = bind(network.module.forward, inputs)
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


@contextlib.contextmanager
def _buffers_copied(network: Network) -> Iterator[None]:
    """Inside, buffers are copies, which a forward pass may write to."""
    held = [(state_entry.place, state_entry.place.get(), state_entry.place.held()) for state_entry in network.state_entries if not state_entry.is_parameter]
    copies: Dict[int, torch.Tensor] = {}
    try:
        for place, tensor, _ in held:
            place.set(copies.setdefault(id(tensor), tensor.clone()))
        yield
    finally:
        for place, _, own in held:
            place.put(own)


@contextlib.contextmanager
def _global_hooks_kept() -> Iterator[None]:
    """Where it fails, torch.export of PyTorch 2.11 leaves a hook behind that every module would call from then on."""
    tables = [table for name, table in vars(nn.modules.module).items() if name.startswith("_global_")]
    held = [(table, dict(table)) for table in tables if isinstance(table, dict)]
    try:
        yield
    finally:
        for table, hooks in held:
            for key in [key for key in table if key not in hooks]:
                del table[key]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Inside, PyTorch does not say what it thinks of code that it cannot write down; the refusal says it. Only its own
    loggers are silenced, and what its modules print: the script's standard error is left alone."""
    loggers = [logger for logger in list(logging.root.manager.loggerDict.values()) if isinstance(logger, logging.Logger)]
    levels = [(logger, logger.level) for logger in loggers if logger.name.split(".")[0] == "torch"]
    printing = [vars(sys.modules[name]) for name in _PRINTING if name in sys.modules]
    printing = [names for names in printing if "print" not in names]
    try:
        for logger, _ in levels:
            logger.setLevel(logging.CRITICAL + 1)
        for names in printing:
            names["print"] = lambda *values, **options: None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for names in printing:
            names.pop("print", None)
        for logger, level in levels:
            logger.setLevel(level)


class _Deadline(TorchFunctionMode):
    """Ends what calls operators after `seconds`. Once, and never in what sets a mode, so that whatever is entered is left."""

    def __init__(self, seconds: int) -> None:
        super().__init__()
        self._seconds = seconds
        self._end: Optional[float] = time.monotonic() + seconds

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if self._end is not None and time.monotonic() > self._end and any(isinstance(a, torch.Tensor) for a in args):
            self._end = None
            raise Refusal("unsupported", f"it took longer than {self._seconds} s")
        return func(*args, **(kwargs or {}))


class _Program(Network):
    """A network that was read back. Its errors are not the fault of the network that it was written from."""

    _home: Optional[torch.device]

    @property
    def home(self) -> Optional[torch.device]:
        return self._home

    def run(
        self, inputs: dict[str, torch.Tensor], transform: Optional[Transform], recorder: Any = None, draws: Any = None
    ) -> dict[str, torch.Tensor]:
        try:
            return super().run(inputs, on_copies(self, transform))
        except Refusal:
            raise
        except Exception as error:
            raise _unsupported(error) from None


class ExportedNetwork(_Program):
    """A program of torch.export, operator by operator, as LibTorch workers run it."""

    def __init__(
        self, program: Program, tensors: Mapping[str, torch.Tensor], home: Optional[torch.device] = None
    ) -> None:
        from torch import export

        self._home = home
        self._inputs = program.inputs
        self._exported = export.load(program.path)
        super().__init__(self._holder(tensors))

    def _holder(self, tensors: Mapping[str, torch.Tensor]) -> nn.Module:
        """The program's places for tensors as those of one flat module."""
        holder = nn.Module()
        for spec in self._specs("PARAMETER", "BUFFER", "CONSTANT_TENSOR"):
            name, kind = str(spec.target), spec.kind.name
            kept = self._exported.constants.get(name)
            tensor = kept if kept is not None else tensors.get(name)
            if tensor is None:
                raise Refusal("unsupported", f"the program has a tensor `{name}`, which the network lacks")
            if kind == "PARAMETER":
                holder._parameters[name] = tensor  # type: ignore[assignment]
            else:
                holder._buffers[name] = tensor
                if kept is not None:
                    holder._non_persistent_buffers_set.add(name)
        return holder

    def _specs(self, *kinds: str) -> list[Any]:
        return [spec for spec in self._exported.graph_signature.input_specs if spec.kind.name in kinds]

    def inputs(self) -> list[dict[str, Any]]:
        return [{"name": name} for name in self._inputs]

    def call(self, inputs: dict[str, torch.Tensor]) -> Any:
        if set(inputs) != set(self._inputs):
            raise Refusal("usage", f"the program takes {', '.join(self._inputs)}; given {', '.join(inputs)}")
        held = {state_entry.name: state_entry.place.get() for state_entry in self.state_entries}
        left = iter(self._inputs)
        specs = self._exported.graph_signature.input_specs
        values = [inputs[next(left)] if spec.kind.name == "USER_INPUT" else held[str(spec.target)] for spec in specs]
        results = _Interpreter(self._exported.graph_module, None if self._entering else self._widened_half(held)).run(*values)
        kinds = [spec.kind.name for spec in self._exported.graph_signature.output_specs]
        leaves = [result for result, kind in zip(results, kinds) if kind == "USER_OUTPUT"]
        return torch.utils._pytree.tree_unflatten(leaves, self._exported.call_spec.out_spec)


    def _widened_half(self, held: Dict[str, torch.Tensor]) -> Optional[torch.dtype]:
        """The half type of the program's weights, where this run computes with them in float64."""
        for name, tensor in self._exported.state_dict.items():
            if tensor.dtype in (torch.float16, torch.bfloat16) and held[name].dtype is torch.float64:
                return tensor.dtype
        return None


class _Interpreter(fx.Interpreter):
    """Leaves out the assertions that the export inserted: they hold for the types that it was made with. Half-precision code
    converts to the type of its weights, which is float64 in a float64 run; in the program it has become a constant."""

    def __init__(self, program: fx.GraphModule, widened: Optional[torch.dtype]) -> None:
        super().__init__(program)
        self._widened = widened

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        if str(target).startswith(("aten._assert", "aten.sym_constrain_range")):
            return None
        if self._widened is not None:
            args, kwargs = torch.utils._pytree.tree_map(self._wide, (args, kwargs))
        return super().call_function(target, args, kwargs)

    def _wide(self, argument: Any) -> Any:
        return torch.float64 if argument is self._widened else argument


class ScriptedNetwork(_Program, ScriptNetwork):
    """A TorchScript archive that was written here."""

    def __init__(
        self, program: Program, tensors: Mapping[str, torch.Tensor], home: Optional[torch.device] = None
    ) -> None:
        self._home = home
        names = frozenset(program.options.get("non_persistent", "").split(",")) - {""}
        ScriptNetwork.__init__(self, torch.jit.load(program.path, map_location=home or "cpu").eval(), names)
        wanted = [state_entry.name for state_entry in self.state_entries if state_entry.persistent]
        lacking = [name for name in wanted if name not in tensors]
        if lacking:
            raise Refusal("unsupported", f"the archive has a tensor `{lacking[0]}`, which the network lacks")
        self.load({name: tensors[name] for name in wanted})

    def call(self, inputs: dict[str, torch.Tensor]) -> Any:
        with torch.jit.optimized_execution(False):  # type: ignore[attr-defined]
            return super().call(inputs)
