# SPDX-License-Identifier: Apache-2.0
"""Parts of a live model under a wrapper (`model.features = nn.DataParallel(model.features)`, `torch.compile(model.head)`) carry its
name in all of theirs, and the network that is built elsewhere has none: while a model is judged they stand in their wrappers' places."""

from __future__ import annotations

import contextlib
import types
from typing import Iterator, List, Tuple

from torch import nn

from .worker.networks.wrappers import PLAIN_INNER, unwrapped
from .worker.user_code.reachable_state import is_installed, mentioned


class WrappedParts:
    """The wrappers of a model's parts, each with its place. There are none for a model whose own code asks for what is inside
    (`self.features.module`)."""

    def __init__(self, module: nn.Module) -> None:
        self._places: List[Tuple[nn.Module, str, nn.Module]] = []
        if any(_asks_for_inner(kind) for kind in {type(part) for part in module.modules()}):
            return
        for part in module.modules():
            for name, child in part._modules.items():
                if child is not None and unwrapped(child) is not child:
                    self._places.append((part, name, child))

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Inside, what is in the wrappers stands in their places."""
        for part, name, child in self._places:
            part._modules[name] = unwrapped(child)
        try:
            yield
        finally:
            self._put_back()

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Within aside(): the model as it serves."""
        self._put_back()
        try:
            yield
        finally:
            for part, name, child in self._places:
                part._modules[name] = unwrapped(child)

    def _put_back(self) -> None:
        for part, name, child in self._places:
            part._modules[name] = child


def _asks_for_inner(kind: type) -> bool:
    for base in kind.__mro__:
        if base is nn.Module or is_installed(base.__module__):
            continue
        codes = [value.__code__ for value in vars(base).values() if isinstance(value, types.FunctionType)]
        if any(not PLAIN_INNER.isdisjoint(mentioned(code)) for code in codes):
            return True
    return False
