# SPDX-License-Identifier: Apache-2.0
"""`--model export:FILE.pt2`, and the program that a seal encloses: its operators are called one after the other through
PyTorch's dispatcher, as the LibTorch worker does (networks/export_network.cpp). Nothing of the file is imported or evaluated,
so a program of a stranger is data here too.
"""

from __future__ import annotations

import re
from types import FrameType
from typing import Any, Dict, List, Optional, Set

import torch
from torch import nn

from ..numerics.layer_watch import LayerRecorder
from ..numerics.perturbation import Transform
from ..numerics.randomness import RandomWatch
from ..numerics.stand_in import RunAgain, StandIn, Unstreamable
from ..protocol.dtypes import name_of
from ..protocol.memory import memory_of_elements
from ..protocol.refusal import Refusal, refusal_of
from .export_operands import Constant, Device, Operand, Value, setting_of, values_in
from .export_program import ExportProgram, Input, Node, read_export_program
from .export_symbols import find_symbolic
from .network import Network
from .refused_operators import REMEDY, what_operator_does
from .training_mode import trains

_MOST_SETTINGS = 20_000
_OPERATOR = re.compile(r"torch\.ops\.(\w+)\.(\w+)\.(\w+)")


def build_export(source: str, options: Dict[str, str], restricted: bool = False) -> "ExportNetwork":
    """`source` is the program itself (`models/NAME.json`), which goldseal has taken out of its archive."""
    for name in options:
        raise Refusal("usage", f"a program of torch.export has no option `{name}`")
    program = read_export_program(source)
    if restricted:
        for node in program.nodes:
            _refuse_operator(node.target)
    return ExportNetwork(program, [_Call(node) for node in program.nodes])


def _refuse_operator(target: str) -> None:
    found = _OPERATOR.fullmatch(target)
    name = f"{found.group(1)}::{found.group(2)}" if found else target
    does = what_operator_does(name)
    if does:
        raise Refusal("unsupported", f"the program calls the operator {name}, which {does}", "", REMEDY)


def _find_operator(target: str) -> Any:
    """`torch.ops.aten.conv2d.default` is the operator aten::conv2d, without an overload's name."""
    found = _OPERATOR.fullmatch(target)
    if found is None:
        raise Refusal("unsupported", f"the program calls {target}, which is not known here")
    operator: Any = torch.ops
    for name, kind in zip(found.groups(), ("_OpNamespace", "OpOverloadPacket", "OpOverload")):
        # What torch.ops has besides, such as functions that load libraries, is none of these.
        operator = getattr(operator, name, None)
        if not isinstance(operator, getattr(torch._ops, kind)):
            raise Refusal(
                "unsupported",
                f"PyTorch {torch.__version__} has no operator {target[10:]}",
                remedy="the program needs a newer PyTorch, or a library that registers the operator: use the version that exported it, or export again here",
            )
    return operator


class _Call:
    """One call of the program, ready to be made."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.released: List[int] = []  # values that nothing needs after this call
        self.written: List[str] = []  # the arguments that the operator writes to
        self.symbolic = find_symbolic(node.target)
        self.positional = [operand for _, operand in node.arguments]
        self.keywords: Dict[str, Operand] = {}
        self.all = dict(node.arguments)  # with the operator's defaults
        self.operator: Any = None
        if self.symbolic is None:
            self.operator = _find_operator(node.target)
            self._bind_to_schema(self.operator._schema.arguments)

    def _bind_to_schema(self, arguments: Any) -> None:
        given = dict(self.node.arguments)
        self.all = {argument.name: given[argument.name] if argument.name in given else self._default_of(argument) for argument in arguments}
        unknown = [name for name in given if name not in self.all]
        if unknown:
            raise Refusal(
                "unsupported",
                f"{self.node.target} takes `{unknown[0]}` in the program, but not in PyTorch {torch.__version__}",
            )
        by_place = [argument.name for argument in arguments if not argument.kwarg_only]
        count = max((place + 1 for place, name in enumerate(by_place) if name in given), default=0)
        self.positional = [self.all[name] for name in by_place[:count]]
        self.keywords = {argument.name: given[argument.name] for argument in arguments if argument.kwarg_only and argument.name in given}
        self.written = [argument.name for argument in arguments if argument.alias_info is not None and argument.alias_info.is_write]
        self._refuse_training()

    def _default_of(self, argument: Any) -> Operand:
        if argument.has_default_value():
            return Constant(argument.default_value)
        if argument.type.kind() == "OptionalType":
            return Constant(None)
        raise Refusal(
            "unsupported",
            f"{self.node.target} needs `{argument.name}` in PyTorch {torch.__version__}, which the program does not give",
        )

    def _refuse_training(self) -> None:
        if trains({name: operand.value for name, operand in self.all.items() if isinstance(operand, Constant)}):
            raise Refusal(
                "unsupported",
                f"{self.node.target} was exported in training mode",
                remedy="call model.eval() before torch.export.export",
            )

    def settings(self) -> Dict[str, str]:
        if self.operator is None:
            return {}
        texts = {f"{self.node.name}.{name}": setting_of(operand) for name, operand in self.all.items()}
        return {name: text for name, text in texts.items() if text}

    def used(self) -> List[int]:
        found = [index for operand in self.all.values() for index in values_in(operand)]
        for result in self.node.results:
            if result.value is not None:
                found.extend(range(result.value, result.value + (1 if result.tensors is None else result.tensors)))
        return found


def _plan_releases(program: ExportProgram, calls: List[_Call]) -> None:
    last: Dict[int, _Call] = {}
    for call in calls:
        for index in call.used():
            last[index] = call
    kept = {output.value for output in program.outputs}
    for index, call in last.items():
        if index not in kept:
            call.released.append(index)


class _Place:
    """Of an operator: the module whose code called it when the program was exported."""

    def __init__(self) -> None:
        self.module = ""

    def place_of(self, arguments: List[torch.Tensor], frame: Optional[FrameType]) -> str:
        return self.module


def _memory_of(tensor: torch.Tensor) -> Any:
    return None if isinstance(tensor, StandIn) else memory_of_elements(tensor)


class ExportNetwork(Network):
    def __init__(self, program: ExportProgram, calls: List[_Call]) -> None:
        self._program, self._calls = program, calls
        self._writes = any(call.written for call in calls)
        self._copied: Set[str] = set()  # state entries that the program writes to
        self._loaded: Dict[Any, Set[str]] = {}  # by their memory
        _plan_releases(program, calls)
        super().__init__(self._holder())
        self.places = self._place = _Place()

    def _holder(self) -> nn.Module:
        """The program's places for tensors as those of one flat module, under names with dots."""
        holder = nn.Module()
        for entry in self._program.entries:
            tensor = torch.empty(entry.shape, dtype=entry.dtype, device="meta")
            if entry.is_parameter:
                holder._parameters[entry.name] = nn.Parameter(tensor, requires_grad=False)
            else:
                holder._buffers[entry.name] = tensor
                if not entry.persistent:
                    holder._non_persistent_buffers_set.add(entry.name)
        return holder

    def sources(self) -> List[Dict[str, str]]:
        return []

    def configuration(self) -> Dict[str, str]:
        """The numbers of every call: what a state dict does not hold."""
        found: Dict[str, str] = {}
        for call in self._calls:
            if len(found) < _MOST_SETTINGS:
                found.update(call.settings())
        return found

    def inputs(self) -> List[Dict[str, Any]]:
        described = []
        for given in self._program.inputs:
            entry: Dict[str, Any] = {"name": given.name, "shape": given.shape}
            if given.dtype is not None:
                entry["dtype"] = name_of(given.dtype)
            described.append(entry)
        return described

    def run(
        self,
        inputs: Dict[str, torch.Tensor],
        transform: Optional[Transform],
        recorder: Optional[LayerRecorder] = None,
        draws: Optional[RandomWatch] = None,
    ) -> Dict[str, torch.Tensor]:
        """Raises RunAgain before an operator writes into a loaded tensor, which is what was digested: the next run computes with a
        copy of that one, and finds its inputs as they were given."""
        self._loaded = {}
        if self._writes:
            inputs = {name: tensor.clone() for name, tensor in inputs.items()}
            for entry in self.state_entries:
                self._loaded.setdefault(_memory_of(entry.place.get()), set()).add(entry.name)
            self._loaded.pop(None, None)
        return super().run(inputs, self._on_copies(transform) if self._copied else transform, recorder, draws)

    def _on_copies(self, transform: Optional[Transform]) -> Transform:
        def isolated(name: str, tensor: torch.Tensor) -> torch.Tensor:
            computed = transform(name, tensor) if transform else tensor
            return computed.clone() if name in self._copied and _memory_of(computed) in self._loaded else computed

        return isolated

    def call(self, inputs: Dict[str, torch.Tensor]) -> Any:
        frame: List[Any] = [None] * self._program.values
        tensors = {entry.name: entry.place.get() for entry in self.state_entries}
        for entry in self._program.entries:
            frame[entry.value] = tensors[entry.name]
        device = self._take_inputs(inputs, frame)
        for call in self._calls:
            self._place.module = call.node.module
            try:
                self._make(call, frame, device)
            except (Refusal, Unstreamable):
                raise
            except Exception as error:
                found = refusal_of(error)
                place = call.node.module or call.node.name
                raise Refusal(found.kind, f"{call.node.target} ({place}): {found.message}", "", found.remedy) from None
        answers = {output.name: output.constant if output.value is None else frame[output.value] for output in self._program.outputs}
        if any(not isinstance(answer, (torch.Tensor, bool, int, float)) for answer in answers.values()):
            raise Refusal("unsupported", "the program returns neither tensors nor numbers")
        return answers

    def _take_inputs(self, inputs: Dict[str, torch.Tensor], frame: List[Any]) -> torch.device:
        left, device = dict(inputs), torch.device("cpu")
        for given in self._program.inputs:
            if given.name not in left:
                raise Refusal("usage", f"input `{given.name}` is missing")
            tensor = left.pop(given.name)
            _require_fit(given, tensor)
            device = tensor.device
            frame[given.value] = tensor.item() if given.is_number else tensor
        if left:
            raise Refusal("usage", f"the program has no input `{next(iter(left))}`")
        return device

    def _make(self, call: _Call, frame: List[Any], device: torch.device) -> None:
        positional = [_resolved(operand, frame, device) for operand in call.positional]
        if call.symbolic is not None:
            answers = [call.symbolic(*positional)]
        else:
            keywords = {name: _resolved(operand, frame, device) for name, operand in call.keywords.items()}
            for name in call.written:
                self._guard(_resolved(call.all[name], frame, device))
            answer = call.operator(*positional, **keywords)
            answers = list(answer) if len(call.operator._schema.returns) > 1 else [answer]
        if len(answers) < len(call.node.results):
            raise Refusal("malformed", f"the program expects more results of {call.node.target} than it has")
        for result, answer in zip(call.node.results, answers):
            if result.value is not None and result.tensors is None:
                frame[result.value] = answer
            elif result.value is not None:
                if not isinstance(answer, (list, tuple)) or len(answer) != result.tensors:
                    raise Refusal("malformed", f"{call.node.target} gives another number of tensors than the program expects")
                frame[result.value : result.value + result.tensors] = answer
        for index in call.released:
            frame[index] = None

    def _guard(self, argument: Any) -> None:
        memory = _memory_of(argument) if isinstance(argument, torch.Tensor) else None
        if memory in self._loaded:
            self._copied |= self._loaded[memory]
            raise RunAgain(", ".join(sorted(self._loaded[memory])), "the program")


def _resolved(operand: Operand, frame: List[Any], device: torch.device) -> Any:
    if isinstance(operand, Value):
        return frame[operand.place]
    if isinstance(operand, Constant):
        return operand.value
    return device if isinstance(operand, Device) else [_resolved(item, frame, device) for item in operand]


def _require_fit(given: Input, tensor: torch.Tensor) -> None:
    """A program holds for the sizes that it was exported for."""
    fits = len(given.shape) == tensor.dim() and all(size in (None, found) for size, found in zip(given.shape, tensor.shape))
    if not fits:
        expected = ", ".join("any" if size is None else str(size) for size in given.shape)
        raise Refusal("usage", f"input `{given.name}` was exported with shape [{expected}]; given {list(tensor.shape)}")
