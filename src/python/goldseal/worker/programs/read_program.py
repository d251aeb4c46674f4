# SPDX-License-Identifier: Apache-2.0
"""A network that is built from a program of its code: a file of torch.export or TorchScript that program.py wrote."""

from __future__ import annotations

import warnings
from typing import Any, Dict, List, Mapping, NamedTuple, Optional

import torch
from torch import fx, nn

from ..networks.network import Network
from ..networks.script_builder import ScriptNetwork
from ..numerics.perturbation import Transform
from ..protocol.refusal import Refusal, refusal_of


class Program(NamedTuple):
    """A file that was written, and what it takes to build the network from it."""

    builder: str  # `export` or `torchscript`
    options: Dict[str, str]
    path: str
    inputs: List[str]  # in the order in which an exported program takes them
    kept: bool = False  # from before: the weights may have been others when it was written


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
        raise unsupported(error) from None


def unsupported(error: Exception) -> Refusal:
    """Errors raised here are not the network's fault: its code itself has run."""
    found = refusal_of(error)
    return Refusal("unsupported", found.message, found.where)


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
            return super().run(inputs, transform)
        except Refusal:
            raise
        except Exception as error:
            raise unsupported(error) from None


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
