# SPDX-License-Identifier: Apache-2.0
"""`--model torchscript:FILE.pt`: an archive, run by this interpreter's PyTorch where there is no LibTorch worker."""

from __future__ import annotations

from typing import Any, Dict, Iterator, Optional, Tuple

import torch

from ..numerics.layer_watch import LayerRecorder, NotWatchable
from ..numerics.perturbation import Transform
from ..numerics.randomness import RandomWatch
from ..numerics.wide_types import tensors_of
from ..protocol.mapped_file import map_file
from ..protocol.memory import has_memory
from ..protocol.refusal import Refusal, refusal_of
from ..state.state_entries import StateEntry, find_state_entries
from .network import Network
from .refused_operators import refuse_operators
from .script_constants import constant_nodes, graphs, make_attributes, script_parts

_NEWER = ("Unknown builtin op", "Unknown type name", "object has no attribute or method", "maximum supported version")
_ONEDNN = "required keyword attribute 'value' is undefined"  # torch.jit.optimize_for_inference left no values
_DAMAGED = ("PytorchStreamReader", "failed finding", "not a ZIP archive", "constants.pkl")


def _read(path: str, restricted: bool) -> Any:
    """torch.jit.load, and what it read, function by function."""
    if not restricted:
        return torch.jit.load(path, map_location="cpu")
    unit = torch._C.CompilationUnit()
    arguments: Tuple[Any, ...] = (unit, path, torch.device("cpu"), {})
    try:
        module = torch._C.import_ir_module(*arguments, False)  # type: ignore[call-arg]  # from PyTorch 2.0 on: whether to restore traced shapes
    except TypeError:
        module = torch._C.import_ir_module(*arguments)
    refuse_operators(unit, path)
    return torch.jit._recursive.wrap_cpp_module(module)


def _load(path: str, restricted: bool) -> Any:
    map_file(path)  # says what is no file before PyTorch does
    try:
        return _read(path, restricted)
    except Refusal:
        raise
    except Exception as error:
        refusal = refusal_of(error)
        text = str(error)
        if _ONEDNN in text:
            raise Refusal(
                "unsupported",
                "the archive was saved after torch.jit.optimize_for_inference: its weights became oneDNN constants, "
                f"which PyTorch saves without their values and cannot load ({_ONEDNN})",
                path,
                "export the module before optimize_for_inference",
            ) from None
        if any(part in text for part in _NEWER):
            remedy = f"the archive needs a newer PyTorch than {torch.__version__}: use the version that wrote it"
            raise Refusal("unsupported", refusal.message, path, remedy) from None
        if any(part in text for part in _DAMAGED):
            remedy = "name a TorchScript archive; if it is one, it is damaged"
            raise Refusal("malformed", refusal.message, path, remedy) from None
        raise Refusal(refusal.kind, refusal.message, path) from None


def _has_floating_constants(graph: Any) -> bool:
    """torch.jit.freeze turns weights into constants of the code."""
    return any(node.t("value").is_floating_point() for node in constant_nodes(graph))


class ScriptNetwork(Network):
    """Its weights are dropped when it is built: what runs are the tensors that `load` puts in."""

    _remedy_for_lost = (
        "no state dict holds this one, and the archive was saved on the meta device: export the module with its weights"
    )

    module: Any  # its C++ half, `_c`, has no types

    def __init__(self, module: Any, non_persistent: frozenset[str], constants: Optional[Dict[str, torch.Tensor]] = None) -> None:
        self._non_persistent = non_persistent
        self._constants = make_attributes(module, constants or {})
        super().__init__(module)
        if self._constants:
            self.loads_itself = False  # a constant may be a view of another: each is put in its place, and none is copied into
        self._refuse_hidden()
        unknown = sorted(non_persistent - {state_entry.name for state_entry in self.state_entries})
        if unknown:
            raise Refusal("usage", f"option non_persistent names `{unknown[0]}`, which the archive lacks")
        for state_entry in self.state_entries:
            tensor = state_entry.place.get()
            if state_entry.persistent or not has_memory(tensor):
                state_entry.place.set(torch.empty(tensor.shape, dtype=tensor.dtype, device="meta"))

    def _find_state_entries(self) -> list[StateEntry]:
        state_entries = [StateEntry(state_entry.name, state_entry.place, state_entry.name not in self._non_persistent) for state_entry in find_state_entries(self.module)]
        # As attributes of their modules they were met too, under these modules' names.
        state_entries = [entry for entry in state_entries if entry.place.attribute not in self._constants]
        state_entries += [StateEntry(name, place, True) for name, place in self._constants.items()]
        first: dict[Any, str] = {}
        for i, state_entry in enumerate(state_entries):
            tensor = state_entry.place.get()
            if state_entry.persistent and tensor.numel() > 0:
                # On the meta device, tied weights are one object.
                memory = tensor.data_ptr() if has_memory(tensor) else tensor._cdata
                view = (memory, tensor.dtype, tuple(tensor.shape), tensor.stride())
                state_entries[i] = state_entry._replace(alias_of=first.get(view, ""))
                first.setdefault(view, state_entry.name)
        return state_entries

    def _refuse_hidden(self) -> None:
        """An attribute that holds a weight once more would compute with the archive's, whatever is loaded. The lists of
        recurrent layers are filled anew (refresh_flat_weights)."""
        held = {}
        for state_entry in self.state_entries:
            tensor = state_entry.place.get()
            if has_memory(tensor) and tensor.numel() > 0:
                held[tensor.data_ptr()] = state_entry.name
        for name, value in self._attributes_in_use():
            for tensor in tensors_of(value):
                if has_memory(tensor) and tensor.data_ptr() in held:
                    raise Refusal(
                        "unsupported",
                        f"the attribute `{name}` holds the weight `{held[tensor.data_ptr()]}`, where it cannot be replaced",
                        remedy="look it up in forward(), or run the archive with a LibTorch worker",
                    )

    def _attributes_in_use(self) -> Iterator[tuple[str, Any]]:
        """The containers among the attributes that some method reads."""
        parts = script_parts(self.module)
        reads = (node for part in parts for graph in graphs(part) for node in graph.findAllNodes("prim::GetAttr"))
        names = {node.s("name") for node in reads}
        for part in parts:
            for name in sorted(names - {"_flat_weights"}):
                value = part._c.getattr(name) if part._c.hasattr(name) else None
                if isinstance(value, (list, tuple, dict)):
                    yield name, value

    def fill_constants(self, tensors: Dict[str, torch.Tensor]) -> None:
        """They were found in the code when it was built."""

    def _refuse_renamed(self) -> None:
        """An archive's state dict is what its state entries are."""

    @staticmethod
    def _as_held(state_entry: StateEntry, tensor: torch.Tensor) -> torch.Tensor:
        return tensor

    def configuration(self) -> dict[str, str]:
        return {}

    def _arguments(self) -> list[Any]:
        return self.module._c._get_method("forward").schema.arguments[1:]

    def inputs(self) -> list[dict[str, Any]]:
        return [{"name": argument.name} for argument in self._arguments() if str(argument.type) == "Tensor"]

    def run(
        self,
        inputs: dict[str, torch.Tensor],
        transform: Optional[Transform],
        recorder: Optional[LayerRecorder] = None,
        draws: Optional[RandomWatch] = None,
    ) -> dict[str, torch.Tensor]:
        graph = self.module._c._get_method("forward").graph
        if transform and not self.state_entries and _has_floating_constants(graph):
            raise Refusal(
                "unsupported",
                "a frozen archive computes with the weights as they were frozen; it cannot be converted",
                remedy="export the module without torch.jit.freeze",
            )
        return super().run(inputs, transform, recorder, draws)

    def _call_watched(
        self, inputs: dict[str, torch.Tensor], recorder: Optional[LayerRecorder], draws: Optional[RandomWatch]
    ) -> Any:
        """An archive's operators are called by its interpreter, which does not tell Python the module that it is in."""
        if recorder is not None:
            raise NotWatchable
        return super()._call_watched(inputs, recorder, draws)

    def call(self, inputs: dict[str, torch.Tensor]) -> Any:
        left = dict(inputs)
        keywords = {}
        for argument in self._arguments():
            takes_tensor = str(argument.type) in ("Tensor", "Optional[Tensor]")
            if argument.name in left:
                if not takes_tensor:
                    raise Refusal("unsupported", f"input `{argument.name}` is a {argument.type}, not a tensor")
                keywords[argument.name] = left.pop(argument.name)
            elif not argument.has_default_value():
                if takes_tensor:
                    raise Refusal("usage", f"input `{argument.name}` is missing")
                raise Refusal(
                    "unsupported",
                    f"forward() takes `{argument.name}`, a {argument.type} without a default; only tensors can be given",
                )
        if left:
            raise Refusal("usage", f"the network has no input `{next(iter(left))}`")
        return self.module(**keywords)


def build_torchscript(
    source: str, options: dict[str, str], restricted: bool = False, constants: Optional[Dict[str, torch.Tensor]] = None
) -> Network:
    """`constants`: tensors that its code may hold, which become state entries where it does."""
    for name in options:
        if name != "non_persistent":
            raise Refusal("usage", f"a TorchScript archive has no option `{name}`")
    # Run the operators one by one as they are written: the same in the first run and in later ones.
    torch._C._jit_set_profiling_mode(False)
    torch._C._jit_set_profiling_executor(True)
    torch._C._set_graph_executor_optimize(False)
    names = options.get("non_persistent", "").split(",")
    return ScriptNetwork(_load(source, restricted).eval(), frozenset(name for name in names if name), constants)
