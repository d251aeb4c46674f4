# SPDX-License-Identifier: Apache-2.0
"""Which weights of a network a run computes with through stand-ins (stand_in.py), and what is done where one cannot be."""

from __future__ import annotations

from typing import Callable, Optional, TypeVar

import torch

from .networks.network import Network
from .numerics.perturbation import Conversion, Transform
from .numerics.stand_in import RunAgain, Unstreamable
from .protocol.dtypes import FLOATING, size_of
from .protocol.refusal import Refusal, refusal_of
from .state.places import WrappingPlace

Answer = TypeVar("Answer")

# Converted weights of a smaller network are copied: a recurrent layer would convert its own at each step.
FEW_BYTES = 256 << 20
# Small tensors are copied: buffers that code writes to, norms' weights, biases.
FEW_ELEMENTS = 1 << 16


def _converted_bytes(network: Network, dtype: Optional[torch.dtype]) -> int:
    total = 0
    for entry in network.state_entries:
        tensor = entry.place.get()
        if tensor.dtype in FLOATING:
            total += tensor.numel() * size_of(tensor.dtype if dtype is None else dtype)
    return total


def _names_to_stream(network: Network, conversion: Conversion) -> "frozenset[str]":
    moves = conversion.perturbation is not None
    if not network.streams or not (moves or conversion.dtype) or _converted_bytes(network, conversion.dtype) < FEW_BYTES:
        return frozenset()
    names = set()
    for entry in network.state_entries:
        tensor = entry.place.get()
        plain = type(tensor) in (torch.Tensor, torch.nn.Parameter) and not isinstance(entry.place, WrappingPlace)
        if entry.is_parameter and plain and tensor.layout is torch.strided and tensor.numel() > FEW_ELEMENTS and tensor.dtype in FLOATING:
            names.add(entry.name)
    return frozenset(names - network.copied)


def available_bytes() -> Optional[int]:
    """What this process may still take, as far as the system says: the machine's memory, or its control group's."""
    free = None
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            free = next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)
        with open("/sys/fs/cgroup/memory.max", encoding="ascii") as limit, open("/sys/fs/cgroup/memory.current", encoding="ascii") as now:
            left = int(limit.read()) - int(now.read())
            free = left if free is None else min(free, left)
    except (OSError, ValueError):  # another system, another control group, or no limit
        pass
    return free


def _require_memory(network: Network, conversion: Conversion, error: Exception) -> None:
    needed, free = _converted_bytes(network, conversion.dtype), available_bytes()
    if free is None or needed <= free:
        return
    raise Refusal(
        "unsupported",
        f"its weights cannot be converted one at a time ({refusal_of(error).message}); copies of all of them need "
        f"{needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free",
        remedy="seal it on a machine with more memory, or with --depth quick",
    ) from None


def attempted(network: Network, transform: Optional[Transform], run: Callable[[], Answer]) -> Answer:
    """`run()`, which computes with `transform`: with stand-ins, with copies of those that cannot be stood in for, with copies of
    all weights."""
    while True:
        try:
            return _streamed(network, transform, run)
        except RunAgain:
            continue


def _streamed(network: Network, transform: Optional[Transform], run: Callable[[], Answer]) -> Answer:
    if not isinstance(transform, Conversion):
        return run()
    while True:
        transform.streamed = _names_to_stream(network, transform)
        if not transform.streamed:
            return run()
        try:
            return run()
        except RunAgain:
            raise
        except Unstreamable as error:
            network.copied.add(error.name)
        except Exception as error:  # also what a network raises for its own reasons: the copies will raise it again
            _require_memory(network, transform, error)
            network.streams = False
