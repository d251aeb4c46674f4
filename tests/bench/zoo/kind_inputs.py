# SPDX-License-Identifier: Apache-2.0
"""Inputs of public networks, the same in every process."""

import torch


def tokens(rows=2, length=7, low=3, high=100, seed=3):
    return torch.randint(low, high, (rows, length), generator=torch.Generator().manual_seed(seed))


def numbers(*shape, seed=5):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def waves(*shape, seed=5):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def padded(rows=2, length=7, missing=2):
    """A mask of which the last row lacks some at its end."""
    mask = torch.ones(rows, length, dtype=torch.long)
    mask[-1, length - missing :] = 0
    return mask


def text():
    return {"input_ids": tokens(), "attention_mask": padded()}


def text_to_text():
    return {**text(), "decoder_input_ids": tokens(length=5, seed=4)}


def picture(size=32, rows=1, channels=3):
    return {"pixel_values": numbers(rows, channels, size, size)}


def picture_and_text(size=32):
    return {"input_ids": tokens(), "attention_mask": padded(), **picture(size, rows=2)}


def sound(length=1600):
    return {"input_values": waves(2, length)}


def spectrum(frames=64, bins=16, key="input_features"):
    return {key: waves(2, frames, bins)}


def series(length=16, channels=2):
    return {"past_values": waves(2, length, channels)}


def video(frames=4, size=32):
    return {"pixel_values": numbers(1, frames, 3, size, size)}
