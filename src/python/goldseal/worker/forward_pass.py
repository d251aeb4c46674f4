# SPDX-License-Identifier: Apache-2.0
"""One forward pass as a request asks for it: with what is to be watched, and without where the network's code cannot be watched."""

from __future__ import annotations

import contextlib
from typing import Any, Dict, NamedTuple, Optional

import torch

from .networks.network import Network
from .numerics.layer_part import LayerPart
from .numerics.layer_watch import LayerRecorder
from .numerics.perturbation import Transform
from .numerics.randomness import RandomWatch, generator_states, moved, seed_all
from .numerics.stand_in import Unstreamable, materialised
from .state.state_guard import kept_where
from .streaming import attempted


class Pass(NamedTuple):
    """A forward pass over one network."""

    network: Network
    inputs: Dict[str, torch.Tensor]
    transform: Optional[Transform]
    layer_elements: Optional[int]  # that a sketch takes at most, 0 for all; None: the layers are not asked for
    seed: Optional[int]
    draws: Optional[RandomWatch]
    given: Optional[Dict[str, torch.Tensor]] = None  # of a float64 run, the inputs as a native run takes them
    part: Any = None  # of a batch, whose layers are asked for (read_part)

    def made(self) -> "tuple[dict[str, torch.Tensor], Optional[LayerRecorder]]":
        """The outputs on the CPU, and the recorder; None in place of it where the layers cannot be followed: code that asks for
        gradients inside, for instance, cannot run without autograd."""
        with self._drawing():
            return attempted(self.network, self.transform, self._made)

    def _drawing(self) -> Any:
        """What a first pass draws and keeps (a table, in an attribute, a list or a cache) the next one is to draw anew."""
        watch, network = self.draws, self.network
        if watch is None or network.drew is False:
            return contextlib.nullcontext()
        before = generator_states()

        def drew() -> bool:
            network.drew = bool(network.drew or watch.found or moved(before))
            return network.drew

        return kept_where(network.module, drew)

    def _made(self) -> "tuple[dict[str, torch.Tensor], Optional[LayerRecorder]]":
        if self.given is not None and self.transform is not None:
            found = self._made_in_float64(self.given, self.transform)
            if found is not None:
                return found
        recorder = self._recorder()
        if recorder is not None or self.draws is not None:
            try:
                return self._run(recorder, self.draws), recorder
            except Unstreamable:
                raise
            except Exception:
                pass  # a fault of the network's own is raised by the plain run too
        return self._run(None, None), None

    def _made_in_float64(
        self, given: Dict[str, torch.Tensor], transform: Transform
    ) -> "Optional[tuple[dict[str, torch.Tensor], Optional[LayerRecorder]]]":
        """By the rules of float64_run.py: with what is watched, without, and with autograd for code that asks for gradients inside.
        None where the code cannot run so."""
        attempts = [(self._recorder, True, self.draws), (lambda: None, True, None), (lambda: None, False, None)]
        for follow, below, draws in attempts:
            try:
                answers, recorder = self.network.run_float64(given, self._begun, transform, follow, below, draws)
                return {name: materialised(tensor).cpu() for name, tensor in answers.items()}, recorder
            except Unstreamable:
                raise
            except Exception:
                continue  # a fault of the network's own is raised by the plain run too
        return None

    def _begun(self) -> "dict[str, torch.Tensor]":
        if self.seed is not None:
            seed_all(self.seed)
        if self.draws is not None:
            self.draws.begin()
        return {name: tensor.clone() for name, tensor in self.inputs.items()}

    def _recorder(self) -> Optional[LayerRecorder]:
        part = None if self.part is None else LayerPart(*self.part)
        return None if self.layer_elements is None else LayerRecorder(self.layer_elements, part)

    def _run(self, recorder: Optional[LayerRecorder], draws: Optional[RandomWatch]) -> "dict[str, torch.Tensor]":
        if self.seed is not None:
            seed_all(self.seed)
        if draws is not None:
            draws.begin()
        outputs = self.network.run(self.inputs, self.transform, recorder, draws)
        return {name: materialised(tensor).cpu() for name, tensor in outputs.items()}
