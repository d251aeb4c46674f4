# SPDX-License-Identifier: Apache-2.0
"""Modules whose tensors a checkpoint cannot replace name by name; each is refused with what to do."""

from __future__ import annotations

from typing import Container, List, Optional

import torch
from torch import nn

from ..protocol.refusal import Refusal
from .places import WrappingPlace, inner_tensors, wrapped_class
from .state_entries import StateEntry


def refuse_lazy(module: nn.Module, state_entries: List[StateEntry]) -> None:
    for state_entry in state_entries:
        if nn.parameter.is_lazy(state_entry.place.held()):
            raise Refusal(
                "unsupported",
                f"{state_entry.name} has no shape yet: it belongs to a lazy module, which takes its shape from the first input",
                type(module).__qualname__,
                "call the network once where it is built (net(torch.zeros(…)) in the factory), or give the layer its sizes",
            )


def refuse_renamed(module: nn.Module, state_entries: List[StateEntry], extra: Container[str]) -> None:
    """`extra` names what the state dict holds beside tensors."""
    names = {state_entry.name for state_entry in state_entries}
    for name, value in module.state_dict().items():
        if isinstance(value, torch.Tensor) and name not in names and name not in extra:
            kind = _quantized_class(module, name)
            if kind is not None:
                raise Refusal(
                    "unsupported",
                    f"{name.rpartition('.')[0] or 'the network'} is a {kind}: its weights are packed for int8 kernels, and no float tensor "
                    "may stand for them",
                    type(module).__qualname__,
                    "seal and judge the network before it is quantized, or as a program: torch.jit.script, torch.jit.trace",
                )
            raise Refusal(
                "unsupported",
                f"the state dict names a tensor {name} that no parameter and no buffer has",
                type(module).__qualname__,
                "a module whose state_dict() renames its tensors cannot be filled by name",
            )


def refuse_wrapped(module: nn.Module, state_entries: List[StateEntry]) -> None:
    for state_entry in state_entries:
        tensor = state_entry.place.held()
        kind = wrapped_class(tensor)
        if kind is None or isinstance(state_entry.place, WrappingPlace):
            continue
        inner = inner_tensors(tensor)
        made = f", made of {', '.join(inner)}" if inner else ""
        raise Refusal(
            "unsupported",
            f"{state_entry.name} is a {kind}{made}: no plain tensor may stand for it",
            type(module).__qualname__,
            "seal the network before it is quantized or sharded, or as a program: torch.export or torch.jit",
        )


def _quantized_class(module: nn.Module, name: str) -> Optional[str]:
    """`torch.ao.nn.quantized.dynamic.Linear`, where the tensor of that name belongs to a module that PyTorch quantized."""
    path = name.split(".")[:-1]
    parts = dict(module.named_modules())
    for end in range(len(path), -1, -1):  # its packed parameters are a module inside
        part = parts.get(".".join(path[:end]))
        kind = type(part)
        if part is not None and ".quantized" in kind.__module__:
            return f"{kind.__module__.partition('.modules')[0]}.{kind.__qualname__}"
    return None
