# SPDX-License-Identifier: Apache-2.0
"""Faults of state: what can happen to the weights between two machines. Each gives a state dict and the tensors that differ."""

import random

import torch

BITS = (0, 1, 3, 6, 9, 12, 15, 17, 19, 21, 22, 23, 24, 26, 28, 30, 31)


def flip(tensor, index, bit):
    width = 8 * tensor.element_size()
    words = tensor.view(-1).view({16: torch.int16, 32: torch.int32}[width])
    words[index] ^= (1 << bit) - (1 << width if bit == width - 1 else 0)


def weights_of(state):
    return [name for name, value in state.items() if value.is_floating_point() and value.dim() >= 2]


def copy(state):
    return {name: value.clone() for name, value in state.items()}


def rounded(state, dtype):
    changed = {name: value.to(dtype).to(value.dtype) if value.is_floating_point() else value for name, value in state.items()}
    return changed, [name for name in state if not torch.equal(state[name], changed[name])]


def twins(state):
    """Two weights of one shape, or none."""
    by_shape = {}
    for name in weights_of(state):
        by_shape.setdefault(tuple(state[name].shape), []).append(name)
    return next((names[:2] for names in by_shape.values() if len(names) > 1), None)


FLIPS = (0, 4, 8, 12, 16, 20, 24, 28, 30, 31)


def activation_flips(seed):
    """Yields (name, keywords of the network): a bit of an activation that turns in the first run alone."""
    chance = random.Random(seed)
    for bit in FLIPS:
        yield f"activation bit {bit}", {"flip": bit, "place": chance.randrange(1 << 20)}


def preprocessing_faults(image):
    """Yields (name, the input that a faulty preprocessing made, the kind that must be named) of a picture in [0, 1], [1, 3, H, W]."""
    levels = (image * 255).round()
    shift = torch.zeros_like(image)
    shift[..., 1:] = image[..., :-1]
    mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    noise = torch.randint(-2, 3, image.shape, generator=torch.Generator().manual_seed(1))
    yield "BGR", image.flip(1).contiguous(), "order"
    yield "not divided by 255", image * 255, "scale"
    yield "divided by 256", image * 255 / 256, "scale"
    yield "normalised", (image - mean) / deviation, "normalise"
    yield "mirrored", image.flip(3).contiguous(), "mirror"
    yield "shifted", shift, "shift"
    yield "another decoder", (levels + noise).clamp(0, 255) / 255, "decoder"


def state_faults(state, seed):
    """Yields (name, faulty state dict, names of the tensors that differ)."""
    chance = random.Random(seed)
    width = 8 * state[weights_of(state)[0]].element_size()
    for bit in BITS if width == 32 else range(width):
        changed = copy(state)
        name = chance.choice(weights_of(state))
        flip(changed[name], chance.randrange(changed[name].numel()), bit)
        yield f"bit {bit}", changed, [name]
    for dtype in (torch.float16, torch.bfloat16):
        changed, differing = rounded(state, dtype)
        if differing:  # not of a network that is of that type itself
            yield f"{str(dtype).removeprefix('torch.')} weights", changed, differing
    for fault in ("zero channel", "wrong channel", "NaN"):
        changed = copy(state)
        name = chance.choice(weights_of(state))
        tensor = changed[name]
        if fault == "zero channel":
            tensor[chance.randrange(len(tensor))] = 0
        elif fault == "wrong channel":
            tensor[0] = tensor[1]
        else:
            tensor.view(-1)[chance.randrange(tensor.numel())] = float("nan")
        yield fault, changed, [name]
    pair = twins(state)
    if pair:
        changed = copy(state)
        changed[pair[0]], changed[pair[1]] = state[pair[1]].clone(), state[pair[0]].clone()
        yield "key swap", changed, pair
