# SPDX-License-Identifier: Apache-2.0
"""The places of a module that take tensors, in the order of a state dict, and which of them are one tensor."""

from __future__ import annotations

import re
from typing import Any, Iterator, NamedTuple

import torch
from torch import nn

from ..protocol.dtypes import name_of
from ..protocol.refusal import Refusal
from .places import Place, place_of

_MAX_DEPTH = 256


class StateEntry(NamedTuple):
    """A place of the network that takes a tensor."""

    name: str
    place: Place
    persistent: bool
    alias_of: str = ""  # the state entry that holds the value, where this one is tied to it

    @property
    def is_parameter(self) -> bool:
        return self.place.table == "_parameters"

    def describe(self) -> dict[str, Any]:
        tensor = self.place.get()
        described = {
            "name": self.name,
            "dtype": name_of(tensor.dtype),
            "shape": list(tensor.shape),
            "kind": "parameter" if self.is_parameter else "buffer",
            "persistent": self.persistent,
        }
        return {**described, "alias_of": self.alias_of} if self.alias_of else described


def _tables(module: nn.Module) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "_parameters", module._parameters
    yield "_buffers", module._buffers
    yield "__dict__", vars(module)


def find_state_entries(module: nn.Module, prefix: str = "", depth: int = 0) -> Iterator[StateEntry]:
    """In the order of a state dict: of each module its parameters, its buffers, then its submodules. A submodule that
    stands in two places is met twice, as in a state dict."""
    if depth > _MAX_DEPTH:
        raise Refusal("unsupported", "the modules are nested too deeply")
    for table, tensors in _tables(module):
        for attribute, tensor in tensors.items():
            if isinstance(tensor, torch.Tensor):
                persistent = table != "__dict__" and attribute not in module._non_persistent_buffers_set
                yield StateEntry(prefix + attribute, place_of(module, table, attribute, tensor), persistent)
    for name, child in module._modules.items():
        if child is not None:
            yield from find_state_entries(child, f"{prefix}{name}.", depth + 1)


def names_left_out(module: nn.Module) -> tuple[str, ...]:
    """The ends of the names that transformers leaves out of a file, since they are tied to others."""
    ends: list[str] = []
    for prefix, part in module.named_modules():
        for name in getattr(part, "_tied_weights_keys", None) or ():
            ends.append((f"{prefix}." if prefix else "") + str(name))
    return tuple(ends)


def tied_to(state_entries: list[StateEntry], left_out: tuple[str, ...]) -> dict[str, str]:
    """Each state entry whose parameter stands in another state entry too, with the state entry that is to hold it: the first, or the first that
    is not left out of files."""
    groups: dict[int, list[str]] = {}
    for state_entry in state_entries:
        if state_entry.persistent:
            groups.setdefault(id(state_entry.place.get()), []).append(state_entry.name)
    tied: dict[str, str] = {}
    for names in groups.values():
        kept = next(
            (name for name in names if not any(re.search(f"(^|\\.){end}$", name) for end in left_out)), names[0]
        )
        tied.update({name: kept for name in names if name != kept})
    return tied


def refresh_flat_weights(module: nn.Module) -> None:
    """Recurrent layers keep a list of their weights beside the parameters."""
    for part in module.modules():
        names = getattr(part, "_flat_weights_names", None)
        if names is None:
            continue
        weights = [getattr(part, name, None) for name in names]
        if isinstance(part, torch.jit.ScriptModule):
            part._c.setattr("_flat_weights", weights)  # type: ignore[operator,union-attr,unused-ignore]
        else:
            part._flat_weights = weights  # type: ignore[assignment]
