# SPDX-License-Identifier: Apache-2.0
"""A small language model with rotary positions and a cache, in the form of transformers' models, and ways to decode with it, sound
and faulty, for decoding_test.py."""

from types import SimpleNamespace

import torch
from torch import nn
from torch.nn import functional as F

WIDTH, HEADS, VOCABULARY = 32, 4, 61


def rotated(x, places, base):
    half = x.shape[-1] // 2
    angles = places[:, None, :, None] * base ** (-torch.arange(half, dtype=x.dtype) / half)
    one, other = x[..., :half], x[..., half:]
    return torch.cat([one * angles.cos() - other * angles.sin(), one * angles.sin() + other * angles.cos()], -1)


class Layer(nn.Module):
    def __init__(self, base):
        super().__init__()
        self.base = base
        self.first, self.second = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)

    def forward(self, x, places, past):
        rows, length, _ = x.shape
        q, k, v = self.qkv(self.first(x)).view(rows, length, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        q, k = rotated(q, places, self.base), rotated(k, places, self.base)
        if past is not None:
            k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        seen = torch.ones(length, k.shape[2], dtype=torch.bool).tril(k.shape[2] - length)
        scores = (q @ k.transpose(-1, -2)) / (WIDTH // HEADS) ** 0.5
        mixed = scores.masked_fill(~seen, float("-inf")).softmax(-1) @ v
        x = x + self.out(mixed.transpose(1, 2).reshape(rows, length, WIDTH))
        return x + self.down(F.silu(self.up(self.second(x)))), (k, v)


class Decoder(nn.Module):
    def __init__(self, base=10000.0, layers=2):
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.layers = nn.ModuleList([Layer(base) for _ in range(layers)])
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, VOCABULARY, bias=False)

    def forward(self, input_ids, position_ids=None, past_key_values=None, use_cache=False):
        begin = 0 if past_key_values is None else past_key_values[0][0].shape[2]
        places = torch.arange(begin, begin + input_ids.shape[1])[None] if position_ids is None else position_ids
        x, kept = self.tokens(input_ids), []
        for number, layer in enumerate(self.layers):
            x, pair = layer(x, places.to(x.dtype), None if past_key_values is None else past_key_values[number])
            kept.append(pair)
        return SimpleNamespace(logits=self.head(self.norm(x)), past_key_values=kept if use_cache else None)


def build(base=10000.0, flat=0):
    torch.manual_seed(3)
    net = Decoder(float(base))
    if flat:  # all tokens are nearly alike
        with torch.no_grad():
            net.head.weight.copy_(net.head.weight[:1] + net.head.weight * 1e-7)
    return net


def _decoded(model, inputs, tokens, position=lambda place: place, past=lambda kept, before: kept):
    ids = inputs["input_ids"]
    answer = model(ids, use_cache=True)
    logits, kept, before = [answer.logits[:, -1]], answer.past_key_values, answer.past_key_values
    for step in range(1, tokens.shape[1]):
        place = torch.full_like(tokens[:, :1], position(ids.shape[1] + step - 1))
        answer = model(tokens[:, step - 1 : step], position_ids=place, past_key_values=kept, use_cache=True)
        kept, before = past(answer.past_key_values, before), answer.past_key_values
        logits.append(answer.logits[:, -1])
    return logits


def sound(model, inputs, tokens):
    return _decoded(model, inputs, tokens)


class OwnDecoding:
    """A method's name is a module's, and leads to one without its object."""

    def decode(self, model, inputs, tokens):
        return _decoded(model, inputs, tokens)


def uncached(model, inputs, tokens):
    """Without a cache: the same answers up to rounding."""
    steps = []
    for step in range(tokens.shape[1]):
        steps.append(model(torch.cat([inputs["input_ids"], tokens[:, :step]], 1)).logits[:, -1])
    return torch.stack(steps, 1)


def position_behind(model, inputs, tokens):
    return _decoded(model, inputs, tokens, position=lambda place: place + 1)


def position_stuck(model, inputs, tokens):
    first = inputs["input_ids"].shape[1]
    return _decoded(model, inputs, tokens, position=lambda place: first)


def stale(model, inputs, tokens):
    """The cache of the prompt is used in every step."""
    return _decoded(model, inputs, tokens, past=lambda kept, before: before)


def short(model, inputs, tokens):
    """The oldest place falls out of the cache at each step."""
    return _decoded(model, inputs, tokens, past=lambda kept, _: [(k[:, :, 1:], v[:, :, 1:]) for k, v in kept])


def long(model, inputs, tokens):
    """A place of zeros stands in the cache."""
    return _decoded(model, inputs, tokens, past=lambda kept, _: [(F.pad(k, (0, 0, 0, 1)), F.pad(v, (0, 0, 0, 1))) for k, v in kept])


def own_tokens(model, inputs, tokens):
    """Feeds the token before instead of the sealed one."""
    return _decoded(model, inputs, torch.cat([tokens[:, :1], tokens[:, :-1]], 1))


def ill_formed(model, inputs, tokens):
    return _decoded(model, inputs, tokens)[:1]
