# SPDX-License-Identifier: Apache-2.0
"""What a request says of a forward pass (PROTOCOL.md, run): what it computes with and what is watched."""

from __future__ import annotations

import math
from typing import Any, Dict, Optional, Tuple

import torch

from .numerics.perturbation import Perturbation, Transform, make_transform
from .numerics.randomness import RandomWatch
from .protocol import fields
from .protocol.refusal import Refusal
from .settings import RunSettings

_COMPUTE = {"native": None, "float32": torch.float32, "float64": torch.float64}

Message = Dict[str, Any]


def _finite(stated: Message, name: str) -> float:
    number = fields.required(stated, name)
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not math.isfinite(number):
        raise Refusal("usage", f"`{name}` is a finite number")
    return float(number)


def _read_perturbation(request: Message) -> Optional[Perturbation]:
    stated = fields.optional(request, "perturb")
    if stated is None:
        return None
    zero = 0.0 if fields.optional(stated, "zero") is None else _finite(stated, "zero")
    only = fields.optional(stated, "only")
    if only is not None and not (isinstance(only, list) and all(isinstance(name, str) for name in only)):
        raise Refusal("usage", "`only` is a list of names")
    names = None if only is None else frozenset(only)
    tile = fields.optional_bool(stated, "tile") or False
    if tile and zero:
        raise Refusal("usage", "`tile` moves no zeros: `zero` is not for it")
    return Perturbation(fields.natural(stated, "seed"), _finite(stated, "relative"), names, zero, tile)


def read_transform(request: Message, settings: RunSettings) -> Optional[Transform]:
    compute = fields.text(request, "compute")
    if compute not in _COMPUTE:
        raise Refusal("usage", f"`compute` is native, float32 or float64; found `{compute}`")
    return make_transform(_COMPUTE[compute], _read_perturbation(request), settings.device)


def read_layers(request: Message) -> Tuple[Optional[str], Optional[int]]:
    """The file of the sketches, and how many elements each takes at most."""
    path = fields.optional_text(request, "layers")
    elements = fields.optional_natural(request, "layer_elements")
    return path, None if path is None else elements or 0


def read_draws(request: Message) -> Tuple[Optional[int], Optional[RandomWatch]]:
    """The seed of every generator, and what watches the operators that draw."""
    stated = fields.optional(request, "draws")
    if stated is None:
        return None, None
    seed = fields.natural(stated, "seed")
    return seed, RandomWatch(seed if fields.optional_bool(stated, "anew") else None)
