# SPDX-License-Identifier: Apache-2.0
"""Building on the meta device, for the code that is called and not for what it imports: the tensors that a module makes as it is
first imported, inside a factory too, are its own and have values."""

from __future__ import annotations

import contextlib
import functools
import importlib.machinery
from typing import Any, Iterator, List, Tuple

import torch

_LOADERS: Tuple[Any, ...] = (importlib.machinery.SourceFileLoader, importlib.machinery.SourcelessFileLoader, importlib.machinery.ExtensionFileLoader)


@contextlib.contextmanager
def meta_device() -> Iterator[None]:
    """As `torch.device("meta")`, from PyTorch 2.0 on."""
    with torch.device("meta"), _importing_with_memory():  # in this order: PyTorch imports what it needs for the first
        yield


@contextlib.contextmanager
def _importing_with_memory() -> Iterator[None]:
    """What every loader of these classes runs for a module is run on the CPU."""
    own: List[Any] = [vars(loader).get("exec_module") for loader in _LOADERS]  # None: it is inherited
    for loader in _LOADERS:
        loader.exec_module = _on_cpu(loader.exec_module)
    try:
        yield
    finally:
        for loader, method in zip(_LOADERS, own):
            if method is None:
                del loader.exec_module
            else:
                loader.exec_module = method


def _on_cpu(method: Any) -> Any:
    @functools.wraps(method)
    def run(self: Any, module: Any) -> None:
        with torch.device("cpu"):
            method(self, module)

    return run
