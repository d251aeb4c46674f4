# SPDX-License-Identifier: Apache-2.0
"""Tensors that an archive's code holds as constants: weights that torch.jit.freeze put there, values that a trace met. No state
dict has them, and code computes with them whatever is loaded. They are made attributes, so that they are digested, converted
and moved as weights are."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Set, Tuple

import torch

from ..state.loading import same_bits
from ..state.places import Place


class ConstantPlace(Place):
    """An attribute of each module whose code names the constant; the first one is read. `module` is the whole archive."""

    def parts(self) -> Iterator[Any]:
        return (part for part in script_parts(self.module) if part._c.hasattr(self.attribute))

    def held(self) -> torch.Tensor:
        return next(self.parts())._c.getattr(self.attribute)

    def put(self, tensor: torch.Tensor) -> None:
        for part in self.parts():
            part._c.setattr(self.attribute, tensor)


def script_parts(module: Any) -> List[Any]:
    """The archive's modules, it itself first. Their C++ halves, `_c`, have no types."""
    return [part for part in module.modules() if isinstance(part, torch.jit.ScriptModule)]


def constant_nodes(block: Any) -> Iterator[Any]:
    """The tensors among the constants of a graph, those of its inner blocks too."""
    for node in block.nodes():
        for inner in node.blocks():
            yield from constant_nodes(inner)
        if node.kind() == "prim::Constant" and node.hasAttribute("value") and node.kindOf("value") == "t":
            yield node


def _read_from_attribute(graph: Any, node: Any, name: str) -> None:
    own = next(iter(graph.inputs()))
    read = graph.create("prim::GetAttr", [own], 1)
    read.s_("name", name)
    read.insertBefore(node)
    read.output().setType(node.output().type())
    node.output().replaceAllUsesWith(read.output())
    node.destroy()


def graphs(part: Any) -> Iterator[Any]:
    """Those of a module's own methods."""
    for method in part._c._method_names():
        yield part._c._get_method(method).graph


def make_attributes(module: Any, constants: Dict[str, torch.Tensor]) -> Dict[str, ConstantPlace]:
    """The places of those constants (by the names that the checkpoint has for them) that the code of the archive names. The code is
    changed: it reads them from attributes. Functions outside of a module have none, and are put into the code that calls them."""
    parts = script_parts(module)
    found = _rewrite(parts, constants)
    if {name for _, name in found} != set(constants):
        for part in parts:
            for graph in graphs(part):
                torch._C._jit_pass_inline(graph)
        found |= _rewrite(parts, constants)
    for part in parts:
        for kind, name in sorted(found):
            if kind == _type_of(part):
                part._c._register_attribute(name, torch._C.TensorType.get(), constants[name])
    named = {name for _, name in found}
    return {name: ConstantPlace(module, "_buffers", name) for name in constants if name in named}


def _type_of(part: Any) -> str:
    return str(part._c._type().qualified_name())


def _rewrite(parts: List[Any], constants: Dict[str, torch.Tensor]) -> Set[Tuple[str, str]]:
    """The constants that code was made to read from attributes, with the type of the module that holds the code."""
    found: Set[Tuple[str, str]] = set()
    for part in parts:
        for graph in graphs(part):
            for node in list(constant_nodes(graph)):
                value = node.t("value")
                name = next((name for name, tensor in constants.items() if same_bits(tensor, value)), None)
                if name is not None:
                    _read_from_attribute(graph, node, name)
                    found.add((_type_of(part), name))
    return found
