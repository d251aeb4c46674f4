# SPDX-License-Identifier: Apache-2.0
"""Faults as they happen between two machines, each put into a network of its own: a list of (kind, words by which a report tells
the cause, a context in which the network has the fault). Which parts and values are taken goes by the seed."""

import contextlib
import random

import torch
from torch import nn

from bench import changed

EPSILONS = ("eps", "variance_epsilon", "layer_norm_eps", "rms_norm_eps", "norm_eps", "layer_norm_epsilon")
ACTIVATIONS = (
    "GELU",
    "GELUActivation",
    "ReLU",
    "SiLU",
    "SiLUActivation",
    "NewGELUActivation",
    "GELUTanh",
    "Tanh",
    "FastGELUActivation",
    "QuickGELUActivation",
)


def of_parts(module, seed=0):
    """What is changed in the live network: its parts' values and functions."""
    chosen = random.Random(seed)
    parts = [(name, part) for name, part in module.named_modules() if name]
    leaves = [(name, part) for name, part in parts if not list(part.children())]
    weighted = [(name, part) for name, part in leaves if list(part.parameters(recurse=False))]
    yield from _settings(chosen, parts)
    yield from _epsilons(chosen, leaves)
    yield from _buffers(chosen, parts)
    yield from _activations(chosen, leaves)
    yield from _swapped(chosen, parts)
    if weighted:
        yield from _scaled(chosen, weighted)
        yield from _values(chosen, weighted)
    dropped = [(name, part) for name, part in leaves if isinstance(part, nn.Dropout) and part.p > 0]
    if dropped:
        name, part = chosen.choice(dropped)
        yield "dropout alive", (name,), changed(part, "training", True)


def _scaled(chosen, weighted):
    for factor in (1.001, 1.01):
        name, part = chosen.choice(weighted)
        yield f"scaled by {factor}", (name,), edited(part, factor)


@contextlib.contextmanager
def edited(part, factor):
    """Its class is another of its name, as when its source was edited."""
    kind = type(part)

    def forward(self, *given, **named):
        answer = kind.forward(self, *given, **named)
        return (answer[0] * factor, *answer[1:]) if isinstance(answer, tuple) else answer * factor

    names = {"forward": forward, "__module__": kind.__module__, "__qualname__": kind.__qualname__}
    part.__class__ = type(kind.__name__, (kind,), names)
    try:
        yield
    finally:
        part.__class__ = kind


def _epsilons(chosen, leaves):
    found = [(name, part, key) for name, part in leaves for key in EPSILONS if isinstance(getattr(part, key, None), float)]
    if found:
        name, part, key = chosen.choice(found)
        yield "eps times ten", (name, key), changed(part, key, getattr(part, key) * 10)


def _activations(chosen, leaves):
    found = [(name, part) for name, part in leaves if type(part).__name__ in ACTIVATIONS]
    if found:
        name, part = chosen.choice(found)
        yield (
            "another activation",
            (name, type(part).__name__),
            replaced(part, nn.ReLU() if type(part).__name__ != "ReLU" else nn.Hardswish()),
        )


@contextlib.contextmanager
def replaced(part, other):
    """Its class and its state become another's."""
    kind, state = part.__class__, dict(part.__dict__)
    part.__class__ = type(other)
    part.__dict__.clear()
    part.__dict__.update({**other.__dict__, "training": state["training"]})
    try:
        yield
    finally:
        part.__class__ = kind
        part.__dict__.clear()
        part.__dict__.update(state)


def _swapped(chosen, parts):
    lists = [
        (name, part)
        for name, part in parts
        if isinstance(part, nn.ModuleList) and len(part) > 1 and type(part[0]) is type(part[1]) and list(part[0].parameters())
    ]
    if lists:
        name, part = chosen.choice(lists)
        yield "two layers swapped", (name,), swapped(part)


@contextlib.contextmanager
def swapped(layers):
    layers[0], layers[1] = layers[1], layers[0]
    try:
        yield
    finally:
        layers[0], layers[1] = layers[1], layers[0]


def _values(chosen, weighted):
    name, part = chosen.choice(weighted)
    key, weight = chosen.choice([(key, weight) for key, weight in part.named_parameters(recurse=False)])
    yield "one weight zeroed", (f"{name}.{key}",), written(weight, lambda flat: flat[:1].zero_())
    name, part = chosen.choice(weighted)
    key, weight = chosen.choice([(key, weight) for key, weight in part.named_parameters(recurse=False)])
    if weight.dtype == torch.float32:
        yield ("one bit flipped", (f"{name}.{key}",), written(weight, lambda flat: flat.view(torch.int32)[-1:].bitwise_xor_(1 << 8)))
    biased = [(name, part) for name, part in weighted if isinstance(getattr(part, "bias", None), nn.Parameter)]
    if biased:
        name, part = chosen.choice(biased)
        yield "a bias lost", (f"{name}.bias",), changed(part, "bias", None)


@contextlib.contextmanager
def written(weight, change):
    before = weight.detach().clone()
    with torch.no_grad():
        change(weight.data.view(-1))
    try:
        yield
    finally:
        with torch.no_grad():
            weight.data.copy_(before)


def _buffers(chosen, parts):
    held = [
        (f"{name}.{key}", buffer)
        for name, part in parts
        for key, buffer in part.named_buffers(recurse=False)
        if buffer.is_floating_point() and key in part._non_persistent_buffers_set and buffer.numel()
    ]
    if held:
        name, buffer = chosen.choice(held)
        yield "a buffer recomputed", (name,), written(buffer, lambda flat: flat.mul_(1.01))


def _settings(chosen, parts):
    """Numbers and switches that a part holds beside its weights, two of those that move an answer."""
    held = [
        (name, part, key, value)
        for name, part in parts
        for key, value in sorted(vars(part).items())
        if not key.startswith("_")
        and key not in ("training", "call_super_init", "dump_patches")
        and key not in EPSILONS
        and isinstance(value, (bool, int, float))
    ]
    chosen.shuffle(held)
    for name, part, key, value in held[:12]:
        yield f"setting {type(value).__name__}", (f"{key} of {name}", f"{name}.{key}"), changed(part, key, other_value(value))


def other_value(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value // 2 if value > 1 and value % 2 == 0 else value + 1
    return value * 1.5 + (0.1 if value == 0 else 0)


TEXTS = {
    "gelu": "relu",
    "relu": "gelu",
    "silu": "gelu",
    "swish": "gelu",
    "gelu_new": "relu",
    "quick_gelu": "gelu",
    "gelu_pytorch_tanh": "relu",
    "tanh": "relu",
    "layer": "group",
    "bilinear": "nearest",
}


def of_configuration(config, seed=0, prefix=""):
    """Keys of the configuration and other values of them, in an order that goes by the seed."""
    found = []
    for key, value in config.to_dict().items():
        if (
            key.startswith("_")
            or key in ("model_type", "transformers_version", "vocab_size", "dtype", "torch_dtype")
            or "token_id" in key
            or key.startswith(("output_", "return_", "use_cache"))
            or "token_index" in key
        ):
            continue
        part = getattr(config, key, None)
        if hasattr(part, "to_dict"):
            found += of_configuration(part, seed, f"{prefix}{key}__")
        elif isinstance(value, (bool, int, float)):
            found.append((prefix + key, other_value(value)))
        elif isinstance(value, str) and value in TEXTS:
            found.append((prefix + key, TEXTS[value]))
        elif isinstance(value, dict) and "rope_theta" in value:
            found.append((prefix + key, {**value, "rope_theta": value["rope_theta"] * 2}))
    if not prefix:
        random.Random(seed).shuffle(found)
    return found
