# SPDX-License-Identifier: Apache-2.0
"""How golden cases become a batch, as `goldseal.seal(…, batch=…)` takes it, and further golden cases as the command takes them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Mapping, NamedTuple, Optional, Union

if TYPE_CHECKING:
    from .worker.networks.network import Network


class Batch(NamedTuple):
    """`size` cases in a batch. `pad`: what an input of a shorter case is filled up with, by its name ({"input_ids": 0}), on the
    `side` "right" or "left". `mask`: an input that a batch is given and a case alone is not, 1 where a case has values. `dims`: the
    dimension of an input along which cases stand, where that is not 0; None where a batch has one of it for all."""

    size: int
    pad: Mapping[str, float] = {}
    side: str = "right"
    mask: Optional[str] = None
    dims: Mapping[str, Optional[int]] = {}


def batch_arguments(batch: Union[None, int, Batch]) -> list[str]:
    """`--batch` and what belongs to it; nothing where no batch is asked for."""
    if batch is None:
        return []
    if isinstance(batch, bool) or not isinstance(batch, (int, Batch)):
        raise ValueError(f"batch: expected a number of cases or goldseal.Batch(…), found {batch!r}")
    how = batch if isinstance(batch, Batch) else Batch(batch)
    arguments = ["--batch", str(how.size)]
    arguments += ["--pad-side", how.side] if how.side != "right" else []
    arguments += ["--pad-mask", how.mask] if how.mask else []
    for name, value in how.pad.items():
        arguments += ["--pad", f"{name}={value:.17g}"]
    for name, dimension in how.dims.items():
        arguments += ["--batch-dim", f"{name}={'none' if dimension is None else dimension}"]
    return arguments


def case_arguments(cases: Optional[Mapping[str, Any]], network: Network, directory: str) -> list[str]:
    """`--cases`: a directory with one for each case, in it a file for each of its inputs."""
    if not cases:
        return []
    from .inputs import tensors_by_name
    from .worker.protocol.tensor_file import write_tensors

    names = [entry["name"] for entry in network.inputs()]
    place = os.path.join(directory, "cases")
    for case, inputs in cases.items():
        if not case or case.startswith(".") or os.sep in case:
            raise ValueError(f"cases: expected names of letters, digits, _, - and ., found {case!r}")
        folder = os.path.join(place, case)
        os.makedirs(folder)
        for name, value in tensors_by_name(inputs, names).items():
            write_tensors(os.path.join(folder, f"{name}.safetensors"), {name: value})
    return ["--cases", place]
