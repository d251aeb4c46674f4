# SPDX-License-Identifier: Apache-2.0
"""Which weights the answers depend on."""

from __future__ import annotations

from typing import Any, Callable, Optional

import torch

from ..protocol.dtypes import FLOATING
from .perturbation import Perturbation, Transform, perturbed

# From 0.5 to 1.5, so that no two outputs cancel by their signs alone.
_WEIGHTS = Perturbation(1, 0.5)


class Leaves:
    """A transform under which a network computes with parameters that ask for gradients. Buffers have none in some operators
    (the running mean of a normalisation), so only parameters are asked."""

    def __init__(self, parameters: set[str], transform: Optional[Transform]) -> None:
        self._parameters = parameters
        self._transform = transform
        self.tensors: dict[str, torch.Tensor] = {}

    def __call__(self, name: str, tensor: torch.Tensor) -> torch.Tensor:
        computed = self._transform(name, tensor) if self._transform else tensor
        if name not in self._parameters:
            # An operation in place must not reach what was loaded.
            return computed.clone() if computed is tensor else computed
        if computed.dtype not in FLOATING:
            return computed
        leaf = self.tensors[name] = computed.detach().requires_grad_(True)
        return leaf


class _Counter:
    """Counts the elements of each leaf's gradient as soon as it is whole, and drops it: all of them take as much memory as the
    weights."""

    def __init__(self, leaves: dict[str, torch.Tensor]) -> None:
        self.reached = dict.fromkeys(leaves, 0)
        self._held: list[Any] = []
        for name, leaf in leaves.items():
            if hasattr(leaf, "register_post_accumulate_grad_hook"):
                leaf.register_post_accumulate_grad_hook(lambda leaf, name=name: self._count(name, leaf))
                continue
            # Before PyTorch 2.1 a hook of the node that gathers the gradient does the same. The node lives as long as it is held.
            function = leaf.expand_as(leaf).grad_fn
            assert function is not None
            node: Any = function.next_functions[0][0]
            node.register_hook(lambda *_, name=name, leaf=leaf: self._count(name, leaf))
            self._held.append(node)

    def _count(self, name: str, leaf: torch.Tensor) -> None:
        self.reached[name] = _count_not_zero(leaf.grad)
        leaf.grad = None


def reached_elements(run: Callable[[], dict[str, torch.Tensor]], leaves: Leaves) -> dict[str, tuple[int, int]]:
    """Of each leaf, its elements, and how many of them have a gradient that is not zero, for a random combination of all outputs
    that carry gradients. `run` makes the forward pass; one backward pass."""
    outputs = run()
    counter = _Counter(leaves.tensors)
    combined: Optional[torch.Tensor] = None
    for name, output in outputs.items():
        if not output.requires_grad or output.is_complex():
            continue
        weights = perturbed(torch.ones(output.shape, dtype=torch.float64), "output/" + name, _WEIGHTS)
        part = (output.to(torch.float64) * weights.to(output.device)).sum()
        combined = part if combined is None else combined + part.to(combined.device)
    if combined is not None:
        combined.backward()
    return {name: (leaf.numel(), counter.reached[name]) for name, leaf in leaves.tensors.items()}


def _count_not_zero(gradient: Optional[torch.Tensor]) -> int:
    if gradient is None:
        return 0
    # Of an embedding with sparse=True it is a sparse tensor.
    return int(torch.count_nonzero(gradient if gradient.layout is torch.strided else gradient.to_dense()))
