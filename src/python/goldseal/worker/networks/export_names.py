# SPDX-License-Identifier: Apache-2.0
"""How the arguments and results of an exported program are called, from the trees that torch.export describes them by.

networks/export_pytree.cpp of the LibTorch worker gives the same names; tests/worker_libtorch/export_test.py holds them together.
"""

from __future__ import annotations

import json
from typing import Any, List

from ..protocol.refusal import Refusal

_MAX_DEPTH = 256


def output_names(spec: str) -> List[str]:
    """`output` for a lone tensor, else its place: `0.scores`."""
    names: List[str] = []
    _visit(_parsed(spec), "", 0, names)
    return [name or "output" for name in names]


def input_names(spec: str, arguments: List[str]) -> List[str]:
    """`arguments` are those of forward(), in their order; nothing where there are others in the tree."""
    groups = _parsed(spec)["children_spec"]  # ((positional …), {keyword: …})
    values = [value for group in groups for value in group["children_spec"]]
    names: List[str] = []
    if len(values) == len(arguments):
        for value, argument in zip(values, arguments):
            _visit(value, argument, 1, names)
    return names


def _parsed(spec: str) -> Any:
    """torch.utils._pytree.treespec_dumps: [version, {"type", "context", "children_spec"}]; a leaf's type is null."""
    try:
        document = json.loads(spec)
    except ValueError:
        document = None
    if not isinstance(document, list) or len(document) != 2 or document[0] != 1 or not isinstance(document[1], dict):
        raise Refusal(
            "unsupported",
            "the program describes its arguments in a way that is not known",
            remedy="export the model again with a PyTorch from 2.8 to 2.13",
        )
    return document[1]


def _visit(node: Any, name: str, depth: int, names: List[str]) -> None:
    if depth > _MAX_DEPTH:
        raise Refusal("unsupported", "the program's arguments are nested too deeply")
    if node["type"] is None:
        names.append(name)
        return
    children = node["children_spec"]
    keys = _keys_of(node)
    if len(keys) != len(children):
        keys = [str(place) for place in range(len(children))]
    for key, child in zip(keys, children):
        _visit(child, f"{name}.{key}" if name else key, depth + 1, names)


def _keys_of(node: Any) -> List[str]:
    """A dict's context lists its keys; a defaultdict's is the factory and then the keys."""
    context = node["context"]
    try:
        keys = json.loads(context) if isinstance(context, str) else None
    except ValueError:
        keys = None
    if isinstance(keys, list) and len(keys) == 2 and isinstance(keys[1], list):
        keys = keys[1]
    if not isinstance(keys, list):
        return []
    return [key if isinstance(key, str) else json.dumps(key, separators=(",", ":")) for key in keys]
