# SPDX-License-Identifier: Apache-2.0
"""Why a factory builds no such network elsewhere: told in the training process, where it can be mended."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Callable, Optional

from .factory import Factory, model_spec, needed_arguments

if TYPE_CHECKING:
    from torch import nn

    from .live_network import LiveNetwork


def objection_to_factory(factory: Optional[Factory], module: nn.Module) -> Optional[str]:
    """Why another machine cannot build the network as the seal will say; it is told here, where it can be mended."""
    from .factory_trial import objection_to
    from .preserved import keeping_random_numbers

    if factory is None and needed_arguments(type(module)):
        return None  # model_spec warns of that
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec = model_spec(factory, module)
    return _told(spec, lambda: objection_to(spec, module, keeping_random_numbers))


def objection_to_reads(spec: str, network: LiveNetwork) -> Optional[str]:
    """Of what the golden runs read beside the state dict: whether another build has the same."""
    from .factory_trial import objection_to_made, objection_to_read
    from .preserved import keeping_random_numbers

    def judge() -> Optional[str]:
        objection = objection_to_read(spec, network.module, network.reads - network.writes, keeping_random_numbers)
        return objection or objection_to_made(spec, network, keeping_random_numbers)

    return _told(spec, judge)


def _told(spec: str, judge: Callable[[], Optional[str]]) -> Optional[str]:
    """What `judge` has against a factory of Python code; what cannot be tried here costs no seal."""
    if not spec.startswith("python:"):
        return None
    try:
        objection = judge()
    except Exception:
        return None
    return None if objection is None else f"factory: {objection}"
