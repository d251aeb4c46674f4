# SPDX-License-Identifier: Apache-2.0
"""What a network's code is surrounded by while it is written down: copies of its buffers, silence, a deadline."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
import warnings
from typing import Any, Dict, Iterator, Optional, Tuple

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from ..networks.network import Network
from ..protocol.refusal import Refusal

_PRINTING = ("torch.export._trace", "torch.fx.graph_module")  # modules that print what they think of the code


@contextlib.contextmanager
def buffers_copied(network: Network) -> Iterator[None]:
    """Inside, buffers are copies, which a forward pass may write to."""
    held = [(state_entry.place, state_entry.place.get(), state_entry.place.held()) for state_entry in network.state_entries if not state_entry.is_parameter]
    copies: Dict[int, torch.Tensor] = {}
    try:
        for place, tensor, _ in held:
            place.set(copies.setdefault(id(tensor), tensor.clone()))
        yield
    finally:
        for place, _, own in held:
            place.put(own)


@contextlib.contextmanager
def global_hooks_kept() -> Iterator[None]:
    """Where it fails, torch.export of PyTorch 2.11 leaves a hook behind that every module would call from then on."""
    tables = [table for name, table in vars(nn.modules.module).items() if name.startswith("_global_")]
    held = [(table, dict(table)) for table in tables if isinstance(table, dict)]
    try:
        yield
    finally:
        for table, hooks in held:
            for key in [key for key in table if key not in hooks]:
                del table[key]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Inside, PyTorch does not say what it thinks of code that it cannot write down; the refusal says it. Only its own
    loggers are silenced, and what its modules print: the script's standard error is left alone."""
    loggers = [logger for logger in list(logging.root.manager.loggerDict.values()) if isinstance(logger, logging.Logger)]
    levels = [(logger, logger.level) for logger in loggers if logger.name.split(".")[0] == "torch"]
    printing = [vars(sys.modules[name]) for name in _PRINTING if name in sys.modules]
    printing = [names for names in printing if "print" not in names]
    try:
        for logger, _ in levels:
            logger.setLevel(logging.CRITICAL + 1)
        for names in printing:
            names["print"] = lambda *values, **options: None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for names in printing:
            names.pop("print", None)
        for logger, level in levels:
            logger.setLevel(level)


class Deadline(TorchFunctionMode):
    """Ends what calls operators after `seconds` of this thread's own time, or after three times that on a busy machine, whose
    load is no property of the network. Once, and never in what sets a mode, so that whatever is entered is left."""

    def __init__(self, seconds: int) -> None:
        super().__init__()
        self._seconds = seconds
        self._ends: Optional[Tuple[float, float]] = (time.thread_time() + seconds, time.monotonic() + 3 * seconds)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if self._ends is not None and self._is_over(*self._ends) and any(isinstance(a, torch.Tensor) for a in args):
            self._ends = None
            raise Refusal("unsupported", f"it took longer than {self._seconds} s")
        return func(*args, **(kwargs or {}))

    @staticmethod
    def _is_over(own: float, wall: float) -> bool:
        return time.thread_time() > own or time.monotonic() > wall
