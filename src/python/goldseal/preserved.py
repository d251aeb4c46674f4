# SPDX-License-Identifier: Apache-2.0
"""The modes of a caller's module and every random generator, afterwards as they were."""

from __future__ import annotations

import contextlib
import functools
import random
import sys
from typing import Callable, Iterator

import torch
from torch import nn


@contextlib.contextmanager
def preserved(module: nn.Module) -> Iterator[None]:
    """Evaluation mode, no gradient, no autocast inside; afterwards each submodule's mode and the random generators of
    Python, numpy and PyTorch (CPU, CUDA, XPU, MPS) are as they were. Generators that a model holds are state_guard's."""
    modes = [(part, part.training) for part in module.modules()]
    states = _random_states()
    threads = torch.get_num_threads()
    try:
        for part, _ in modes:
            part.training = False
        with contextlib.ExitStack() as stack:
            for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
                stack.enter_context(torch.autocast(device, enabled=False))
            stack.enter_context(torch.no_grad())
            yield
    finally:
        for part, training in modes:
            part.training = training
        for restore in states:
            restore()
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)


@contextlib.contextmanager
def keeping_random_numbers() -> Iterator[None]:
    """Every random generator is afterwards as it was."""
    states = _random_states()
    try:
        yield
    finally:
        for restore in states:
            restore()


def _random_states() -> list[Callable[[], None]]:
    """What puts each generator back."""
    python, cpu = random.getstate(), torch.get_rng_state()
    restore: list[Callable[[], None]] = [lambda: random.setstate(python), lambda: torch.set_rng_state(cpu)]
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        gpus = torch.cuda.get_rng_state_all()
        restore.append(lambda: torch.cuda.set_rng_state_all(gpus))
    for name in ("xpu", "mps"):
        device = getattr(torch, name, None)
        if device is not None and device.is_available():
            state = device.get_rng_state()
            restore.append(functools.partial(device.set_rng_state, state))
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        state = numpy.random.get_state()
        restore.append(lambda: numpy.random.set_state(state))
    return restore
