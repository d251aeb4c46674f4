# SPDX-License-Identifier: Apache-2.0
"""Reads a program of torch.export: what PyTorch 2.8 and newer write as `models/NAME.json` into a .pt2 archive.

It is data: nothing in it is evaluated or imported, as torch.export.load would do with the texts and pickles of an archive.
networks/export_program.cpp of the LibTorch worker reads the same.
"""

from __future__ import annotations

import json
from typing import Any, List, NamedTuple, Optional, Tuple

import torch

from ..protocol.mapped_file import read_text
from ..protocol.refusal import Refusal
from .export_names import input_names, output_names
from .export_operands import SCALAR_TYPES, Names, Operand, only_member, read_operand, value_named

_MAX_BYTES = 256 << 20
_MAX_NODES = 1_000_000
_SCHEMA_MAJOR = 8
# A graph in a graph: `with torch.no_grad()` and the like, which change nothing where gradients are off anyway.
_NO_GRAD = "torch.ops.higher_order.wrap_with_set_grad_enabled"
# What torch.export inserts to guard its assumptions. They give nothing, and some compare the types of the export with those of
# a float64 run. Whether inputs fit is checked before a run.
_ASSERTIONS = ("torch.ops.aten._assert", "torch.ops.aten.sym_constrain_range")
_NAME_MEMBERS = {"parameter": "parameter_name", "buffer": "buffer_name", "tensor_constant": "tensor_constant_name"}


class Result(NamedTuple):
    """Where a result of an operator goes: one value, or `tensors` of a list to values that follow each other."""

    value: Optional[int]  # None for a result that is None
    tensors: Optional[int] = None


class Node(NamedTuple):
    """One call of an operator; the graphs of nested calls are already in line."""

    name: str  # `conv2d_3`
    target: str  # `torch.ops.aten.conv2d.default`, `_operator.mul`
    module: str  # the dotted path of the module that called it; empty for the outermost
    arguments: List[Tuple[str, Operand]]  # by the operator's own names
    results: List[Result]  # in the operator's order


class Entry(NamedTuple):
    """A place for a tensor."""

    name: str
    dtype: torch.dtype
    shape: List[int]
    is_parameter: bool
    persistent: bool
    value: int


class Input(NamedTuple):
    """What the caller gives. A number among forward()'s arguments is a tensor without dimensions here."""

    name: str
    dtype: Optional[torch.dtype]
    shape: List[Optional[int]]
    value: int
    is_number: bool


class Output(NamedTuple):
    name: str
    value: Optional[int]
    constant: Any = None  # a number that forward() returns whatever it is given


class ExportProgram(NamedTuple):
    entries: List[Entry]  # parameters, buffers, constants, in the order of the program
    inputs: List[Input]
    outputs: List[Output]
    nodes: List[Node]
    values: int


def read_export_program(path: str) -> ExportProgram:
    """Raises Refusal: `malformed` for another file, `unsupported` for a program that uses what is not known here (operators on
    graphs, objects as inputs), with its name."""
    try:
        document = json.loads(read_text(path, _MAX_BYTES))
        major = document["schema_version"]["major"]
        if major != _SCHEMA_MAJOR:
            raise Refusal(
                "unsupported",
                f"the program is written in version {major} of torch.export's schema, known is {_SCHEMA_MAJOR}",
                path,
                "export the model again with a PyTorch from 2.8 to 2.13",
            )
        return _Reader(document).read()
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        what = f"is not a program of torch.export: {type(error).__name__}: {str(error)[:200]}"
        raise Refusal("malformed", what, path, "save it with torch.export.save") from None
    except Refusal as refusal:
        raise Refusal(refusal.kind, refusal.message, refusal.where or path, refusal.remedy) from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{str(value)[:40]!r} is no text")
    return value


def _module_of(node: Any) -> str:
    """The path of the innermost module, of "key,path,type;key,path,type"."""
    stack = node["metadata"].get("nn_module_stack")
    parts = stack.rpartition(";")[2].split(",", 2) if isinstance(stack, str) else []
    if len(parts) < 3 or parts[1] == "_empty_nn_module_stack_from_metadata_hook":
        return ""
    return str(parts[1])


class _Reader:
    def __init__(self, document: Any) -> None:
        self._module = document["graph_module"]
        self._graph = self._module["graph"]
        self._program = ExportProgram([], [], [], [], 0)
        self._values = 0

    def read(self) -> ExportProgram:
        call = self._module["module_call_graph"][0]["signature"]
        names: Names = {}
        self._read_inputs(self._module["signature"]["input_specs"], call, names)
        self._read_nodes(self._graph, names)
        self._read_outputs(self._module["signature"]["output_specs"], call, names)
        return self._program._replace(values=self._values)

    def _define(self, names: Names, name: Any) -> int:
        self._bind(names, name, self._values)
        self._values += 1
        return self._values - 1

    @staticmethod
    def _bind(names: Names, name: Any, value: int) -> None:
        if _text(name) in names:
            raise Refusal("malformed", f"the program defines `{name}` twice")
        names[name] = value

    def _read_inputs(self, specs: Any, call: Any, names: Names) -> None:
        arguments = [_text(name) for name in call["forward_arg_names"] or []]
        nested = iter(input_names(_text(call["in_spec"]), arguments))
        for spec in specs:
            kind, body = only_member(spec)
            if kind == "user_input":
                self._read_user_input(body["arg"], next(nested, ""), names)
            else:
                self._read_entry(kind, body, names)

    def _read_user_input(self, argument: Any, name: str, names: Names) -> None:
        kind, body = only_member(argument)
        is_number = kind in ("as_sym_int", "as_sym_float", "as_sym_bool")
        if kind in ("as_custom_obj", "as_graph"):
            raise Refusal("unsupported", f"input `{name}` of the program is an object, not a tensor")
        if kind != "as_tensor" and not is_number:
            return  # a constant, fixed when the program was exported
        placeholder = _text(body["as_name" if is_number else "name"])
        dtype, shape = None, []
        if not is_number:
            meta = self._graph["tensor_values"][placeholder]
            dtype, shape = SCALAR_TYPES.get(meta["dtype"]), [size.get("as_int") for size in meta["sizes"]]
        self._program.inputs.append(Input(name or placeholder, dtype, shape, self._define(names, placeholder), is_number))

    def _read_entry(self, kind: str, body: Any, names: Names) -> None:
        if kind not in _NAME_MEMBERS:
            raise Refusal("unsupported", f"the program takes a `{kind}`, which is not known here")
        placeholder, name = _text(body["arg"]["name"]), _text(body[_NAME_MEMBERS[kind]])
        meta = self._graph["tensor_values"][placeholder]
        if meta["dtype"] not in SCALAR_TYPES:
            raise Refusal("unsupported", f"the type of `{name}` is not known here")
        persistent = kind == "parameter" or (kind == "buffer" and body["persistent"] is True)
        shape = [int(size["as_int"]) for size in meta["sizes"]]
        value = self._define(names, placeholder)
        self._program.entries.append(Entry(name, SCALAR_TYPES[meta["dtype"]], shape, kind == "parameter", persistent, value))

    def _read_nodes(self, graph: Any, names: Names) -> None:
        for node in graph["nodes"]:
            target = _text(node["target"])
            if target == _NO_GRAD:
                self._read_nested(node, names)
            elif not target.startswith(_ASSERTIONS):
                self._read_node(node, target, names)

    def _read_nested(self, node: Any, names: Names) -> None:
        """The nested graph's inputs are the call's remaining arguments, its outputs the call's results."""
        arguments = node["inputs"]
        nested = arguments[1]["arg"]["as_graph"]["graph"]
        inner: Names = {}
        for place, given in enumerate(nested["inputs"]):
            inner[_name_in(given)] = value_named(names, _name_in(arguments[place + 2]["arg"]))
        self._read_nodes(nested, inner)
        results = [name for output in node["outputs"] for name in _names_in(output)]
        for place, name in enumerate(results):
            self._bind(names, name, value_named(inner, _name_in(nested["outputs"][place])))

    def _read_node(self, node: Any, target: str, names: Names) -> None:
        if target.startswith("torch.ops.higher_order."):
            raise Refusal(
                "unsupported",
                f"the program uses {target}, an operator on graphs that is not interpreted here",
                remedy="export a model without it (torch.cond, while_loop, autocast and the like), or use TorchScript",
            )
        if len(self._program.nodes) >= _MAX_NODES:
            raise Refusal("unsupported", "the program is too long")
        arguments = [(_text(given["name"]), read_operand(given["arg"], names)) for given in node["inputs"]]
        results = [self._result(output, names) for output in node["outputs"]]
        self._program.nodes.append(Node(node.get("name") or target, target, _module_of(node), arguments, results))

    def _result(self, output: Any, names: Names) -> Result:
        kind, body = only_member(output)
        if kind == "as_none":
            return Result(None)
        if kind != "as_tensors":
            return Result(self._define(names, _name_in(output)))
        first = self._values
        for tensor in body:
            self._define(names, tensor["name"])
        return Result(first, len(body))

    def _read_outputs(self, specs: Any, call: Any, names: Names) -> None:
        nested = iter(output_names(_text(call["out_spec"])))
        for spec in specs:
            kind, body = only_member(spec)
            if kind != "user_output":
                continue  # a buffer's new value, which ends with the run
            name = next(nested, None)
            if name is None:
                raise Refusal("malformed", "the program has more outputs than it describes")
            self._read_output(name, body["arg"], names)

    def _read_output(self, name: str, argument: Any, names: Names) -> None:
        kind, body = only_member(argument)
        if kind == "as_none":
            return
        if kind in ("as_int", "as_float", "as_bool"):
            constant: Any = read_operand(argument, names)
            self._program.outputs.append(Output(name, None, constant.value))
        elif kind == "as_tensor" or (isinstance(body, dict) and "as_name" in body):
            self._program.outputs.append(Output(name, value_named(names, _name_in(argument))))
        else:
            raise Refusal("unsupported", f"output `{name}` of the program is neither tensor nor number")


def _name_in(argument: Any) -> str:
    kind, body = only_member(argument)
    return _text(body["name"] if kind == "as_tensor" else body["as_name"])


def _names_in(output: Any) -> List[str]:
    kind, body = only_member(output)
    return [_text(tensor["name"]) for tensor in body] if kind == "as_tensors" else [_name_in(output)]
