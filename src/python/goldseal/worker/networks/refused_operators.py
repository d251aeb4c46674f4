# SPDX-License-Identifier: Apache-2.0
"""Operators that do more than compute: not run for a network that nobody vouches for.

networks/refused_operators.hpp of the LibTorch worker says the same; tests/worker_libtorch/operators_test.py holds them
together and sweeps over what PyTorch registers.
"""

from __future__ import annotations

from typing import Any, Iterator

from ..protocol.refusal import Refusal

REFUSED_OPERATORS = {
    "aten::from_file": "opens a file",
    "aten::save": "writes a file",
    "debugprims::": "opens files",
    "prim::fork": "starts a thread",
    "prim::rpc_async": "calls other processes",
    "prim::rpc_remote": "calls other processes",
    "prim::rpc_sync": "calls other processes",
    "c10d::": "talks to other processes",
    "_c10d_functional::": "talks to other processes",
    "_c10d_functional_autograd::": "talks to other processes",
    "_dtensor::": "talks to other processes",
    "symm_mem::": "talks to other processes",
}
PLAIN_CLASSES = ("quantized", "sparse", "rnn", "xnnpack", "mkldnn", "cuda")
CLASS_PREFIX = "__torch__.torch.classes."
REMEDY = "let it with --trust-code (or --model, which says the same), if you trust where the program comes from"


def what_operator_does(name: str) -> str:
    """Beside computing; empty for nothing. `name` is qualified: aten::save."""
    return REFUSED_OPERATORS.get(name) or REFUSED_OPERATORS.get(name.split("::")[0] + "::", "")


def is_refused_class(name: str) -> bool:
    """Whether it is a class that a library registers, and may do more than hold numbers."""
    return name.startswith(CLASS_PREFIX) and name[len(CLASS_PREFIX) :].split(".")[0] not in PLAIN_CLASSES


def refuse_operators(unit: Any, path: str) -> None:
    """Looks at every function of a TorchScript archive that was read into this compilation unit. Reading a function's body
    may read further functions."""
    seen = 0
    while len(functions := _functions(unit)) > seen:
        for function in functions[seen:]:
            _refuse_in(function.graph, path)
        seen = len(functions)


def _functions(unit: Any) -> Any:
    return unit.get_functions()


def _refuse_in(block: Any, path: str) -> None:
    for node in _nodes(block):
        does = what_operator_does(node.kind())
        if does:
            raise Refusal("unsupported", f"the program calls the operator {node.kind()}, which {does}", path, REMEDY)
        for value in (*node.inputs(), *node.outputs()):
            name = str(value.type().annotation_str)
            if is_refused_class(name):
                raise Refusal("unsupported", f"the program uses an object of {name}, which does more than compute", path, REMEDY)


def _nodes(block: Any) -> Iterator[Any]:
    for node in block.nodes():
        yield node
        for inner in node.blocks():
            yield from _nodes(inner)
        for attribute in node.attributeNames():
            if node.kindOf(attribute) == "g":
                yield from _nodes(node.g(attribute))
