# SPDX-License-Identifier: Apache-2.0
"""A network that computes for a while with other tensors than its own: what a transform makes of each takes its place."""

from __future__ import annotations

import contextlib
from typing import Iterator, Optional, Sequence

import torch
from torch import nn

from ..numerics.perturbation import Transform
from ..state.loading import like
from ..state.places import Place
from ..state.state_entries import StateEntry, refresh_flat_weights


@contextlib.contextmanager
def computing_with(
    module: nn.Module, state_entries: Sequence[StateEntry], transform: Optional[Transform], keeps: bool
) -> Iterator[None]:
    """Buffers that no transform makes anew are copied: an operation in place must not reach those that others hold, and each pass
    begins with what was loaded. With `keeps`, what the pass puts in the place of a tensor that no state dict holds stays there."""
    computed = _on_copies(state_entries, transform)
    # With the objects that were held, and what the pass is given in their stead where it may put another there.
    replaced: dict[tuple[int, str], tuple[Place, torch.Tensor, Optional[torch.Tensor]]] = {}
    try:
        for state_entry in state_entries:
            key = (id(state_entry.place.module), state_entry.place.attribute)
            # A module that stands in two places is one: its first name counts.
            if key not in replaced:
                before = state_entry.place.get()
                own = state_entry.place.held()
                replaced[key] = (state_entry.place, own, None)
                state_entry.place.set(like(before, computed(state_entry.name, before.detach().as_subclass(torch.Tensor))))
                if keeps and not state_entry.persistent:
                    replaced[key] = (state_entry.place, own, state_entry.place.held())
        refresh_flat_weights(module)
        yield
    finally:
        for place, tensor, given in replaced.values():
            if given is None or place.is_held(given):
                place.put(tensor)
        refresh_flat_weights(module)


def _on_copies(state_entries: Sequence[StateEntry], transform: Optional[Transform]) -> Transform:
    """`transform`, and copies of all but parameters."""
    parameters = {state_entry.name for state_entry in state_entries if state_entry.is_parameter}

    def computed(name: str, tensor: torch.Tensor) -> torch.Tensor:
        made = transform(name, tensor) if transform else tensor
        return made.clone() if made is tensor and name not in parameters else made

    return computed
