# SPDX-License-Identifier: Apache-2.0
"""Golden inputs as the command takes them: `--input NAME=FILE`."""

from __future__ import annotations

import os
from typing import Any, Mapping

import torch

from .errors import GoldsealError
from .worker.networks.network import Network
from .worker.protocol.tensor_file import write_tensors

FILE = "inputs.safetensors"


def input_arguments(inputs: Any, network: Network, directory: str) -> list[str]:
    """`inputs`: a tensor, a tuple of them in forward()'s order, or a mapping of its arguments' names to tensors; in place
    of a tensor, anything that torch.as_tensor takes, or a text that `--input` takes (`random:1x3x32x32,seed=7`). Tensors
    are written to a file in `directory`."""
    named = _named(inputs, [entry["name"] for entry in network.inputs()])
    tensors = {name: _tensor(name, value) for name, value in named.items() if not isinstance(value, str)}
    if tensors:
        write_tensors(os.path.join(directory, FILE), tensors)
    arguments = []
    for name, value in named.items():
        arguments += ["--input", f"{name}={value if isinstance(value, str) else FILE}"]
    return arguments


def tensors_by_name(inputs: Any, names: "list[str]") -> "dict[str, torch.Tensor]":
    """The same as tensors by these names, in their order."""
    return {name: _tensor(name, value) for name, value in _named(inputs, names).items()}


def _tensor(name: str, value: Any) -> torch.Tensor:
    try:
        return torch.as_tensor(value).detach().cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise GoldsealError(f"inputs: {name} must be a tensor: {error}") from None


def _named(inputs: Any, names: "list[str]") -> dict[str, Any]:
    if isinstance(inputs, Mapping):
        named = dict(inputs)
    else:
        values = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
        names = names + [str(place) for place in range(len(names), len(values))]
        named = dict(zip(names, values))
    if not named:
        raise GoldsealError("inputs: expected at least one tensor; a seal without golden inputs proves nothing")
    return named
