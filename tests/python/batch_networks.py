# SPDX-License-Identifier: Apache-2.0
"""Sound networks of several kinds, and those whose answer of a case is another in a batch."""

import torch
from torch import nn
from torch.nn import functional as F

WIDTH = 16


class Conv(nn.Module):
    """Convolution, BatchNorm with running statistics, pooling."""

    def __init__(self, norm="batch"):
        super().__init__()
        norms = {
            "batch": nn.BatchNorm2d(8),
            "group": nn.GroupNorm(2, 8),
            "instance": nn.InstanceNorm2d(8, affine=True),
            "over_batch": nn.BatchNorm2d(8, track_running_stats=False),
        }
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), norms[norm], nn.GELU(), nn.Conv2d(8, 8, 3, stride=2), nn.SiLU())
        self.head = nn.Linear(8, 5)

    def forward(self, image):
        return self.head(self.body(image).mean((2, 3)))


class Depthwise(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 6, 1), nn.Conv2d(6, 6, 3, groups=6), nn.Hardswish(), nn.AdaptiveAvgPool2d(2))
        self.head = nn.Linear(24, 4)
        self.anchors = nn.Parameter(torch.rand(3, 2))  # given back as they are, whatever is asked

    def forward(self, image):
        return {"logits": self.head(self.body(image).flatten(1)), "anchors": self.anchors.exp()}


class Detector(nn.Module):
    """Raw heads of two strides, as tuples."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.heads = nn.ModuleList([nn.Conv2d(8, 12, 1), nn.Conv2d(8, 12, 3, stride=2, padding=1)])

    def forward(self, image):
        features = F.leaky_relu(self.stem(image), 0.1)
        return tuple(head(features).flatten(2).transpose(1, 2).sigmoid() for head in self.heads)


class Recurrent(nn.Module):
    """LSTM or GRU, with the last state along dimension 1."""

    def __init__(self, cell="lstm"):
        super().__init__()
        made = {"lstm": nn.LSTM, "gru": nn.GRU}[cell]
        self.rnn = made(6, WIDTH, num_layers=2, batch_first=True, bidirectional=cell == "gru")

    def forward(self, frames):
        return self.rnn(frames)


class TimeFirst(nn.Module):
    """[time, rows, features], folded in turn."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(6, WIDTH), nn.Linear(WIDTH, 3)

    def forward(self, frames):
        time, rows, _ = frames.shape
        folded = F.relu(self.first(frames.reshape(time * rows, -1)))
        return self.second(folded).view(time, rows, -1)


class Mixer(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.channels = nn.Linear(9, 9), nn.Linear(WIDTH, WIDTH)
        self.norm, self.patch = nn.LayerNorm(WIDTH), nn.Conv2d(3, WIDTH, 4, stride=4)

    def forward(self, image):
        x = self.patch(image).flatten(2)
        x = (x + self.tokens(x)).transpose(1, 2)
        return self.channels(self.norm(x)).mean(1)


class Similarity(nn.Module):
    """Of all with all: row and column are a case's."""

    def __init__(self):
        super().__init__()
        self.picture, self.text = nn.Linear(12, WIDTH), nn.Linear(7, WIDTH)

    def forward(self, image, text):
        pictures, texts = F.normalize(self.picture(image), dim=-1), F.normalize(self.text(text), dim=-1)
        return pictures @ texts.t() * 10


class Squeeze(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.gate, self.head = nn.Conv2d(3, 8, 3), nn.Linear(8, 8), nn.Linear(8, 2)

    def forward(self, image):
        x = F.relu(self.conv(image))
        x = x * torch.sigmoid(self.gate(x.mean((2, 3))))[:, :, None, None]
        return self.head(F.adaptive_max_pool2d(x, 1).flatten(1))


class Encoder(nn.Module):
    """A transformer over tokens, with a mask over what was filled up; `fault` breaks one thing."""

    def __init__(self, fault="", layers=2, heads=4, causal=False):
        super().__init__()
        self.tokens, self.places = nn.Embedding(50, WIDTH), nn.Embedding(64, WIDTH)
        self.blocks = nn.ModuleList([Block(heads, fault) for _ in range(layers)])
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 50)
        self.fault, self.causal = fault, causal

    def forward(self, input_ids, attention_mask=None):
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        places = (mask.cumsum(1) - 1).clamp(min=0)
        if self.fault == "positions":
            places = torch.arange(input_ids.shape[1]).expand_as(input_ids)
        if self.fault == "mask_ignored":
            mask = torch.ones_like(mask)
        allowed = mask[:, None, None, :].bool()
        if self.causal:
            allowed = allowed & torch.ones(2 * input_ids.shape[1:], dtype=torch.bool).tril()
        x = self.tokens(input_ids) + self.places(places)
        for block in self.blocks:
            x = block(x, allowed)
        x = self.norm(x)
        if self.fault == "pooled_padding":
            return self.head(x.mean(1))
        if self.causal:
            return self.head(x)
        return self.head((x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True))


class Block(nn.Module):
    def __init__(self, heads, fault):
        super().__init__()
        self.heads, self.fault = heads, fault
        self.first, self.second = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)

    def forward(self, x, allowed):
        rows, length, width = x.shape
        q, k, v = self.qkv(self.first(x)).view(rows, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        scores = (q @ k.transpose(-1, -2)) / (width // self.heads) ** 0.5
        least = -1.0 if self.fault == "weak_mask" else torch.finfo(scores.dtype).min
        mixed = scores.masked_fill(~allowed, least).softmax(-1) @ v
        if self.fault == "mixed_reshape":
            mixed = mixed.permute(2, 0, 1, 3).reshape(rows, length, width)
        else:
            mixed = mixed.transpose(1, 2).reshape(rows, length, width)
        x = x + self.out(mixed)
        return x + self.down(F.gelu(self.up(self.second(x))))


class Faulty(nn.Module):
    """A small network over vectors, with one fault of batches."""

    def __init__(self, fault):
        super().__init__()
        self.fault = fault
        self.first, self.second = nn.Linear(6, WIDTH), nn.Linear(WIDTH, 4)
        self.register_buffer("table", torch.randn(2, WIDTH))

    def forward(self, features):
        x = torch.tanh(self.first(features))
        rows = x.shape[0]
        if self.fault == "mean":
            x = x - x.mean(0, keepdim=True) * 0.5
        elif self.fault == "maximum":
            x = x / x.abs().max()
        elif self.fault == "softmax":
            x = x * x.softmax(0)
        elif self.fault == "last_row" and rows > 1:
            x = torch.cat([x[:-1], x[-1:] * 1.01])
        elif self.fault == "third_row" and rows > 2:
            x = x * torch.where(torch.arange(rows) == 2, 1.001, 1.0)[:, None]
        elif self.fault == "short_table":
            x = x + self.table[torch.arange(rows).clamp(max=1)]
        elif self.fault == "swapped" and rows > 2:
            x = x[torch.arange(rows).roll(rows // 2)]
        elif self.fault == "carried":
            kept, parts = torch.zeros(WIDTH), []
            for row in x:
                kept = 0.1 * kept + row
                parts.append(kept)
            x = torch.stack(parts)
        elif self.fault == "first_for_all":
            x = x[:1].expand(rows, -1)
        elif self.fault == "dropped":
            x = x * (torch.arange(rows) < 3)[:, None]
        elif self.fault == "half" and rows > 1:
            x = x.half().to(x.dtype)
        elif self.fault == "loss":
            return {"answer": self.second(x), "loss": self.second(x).square().mean()}
        elif self.fault == "one_answer":
            return self.second(x.mean(0, keepdim=True))
        elif self.fault == "squeezed":
            return self.second(x).squeeze()
        elif self.fault == "fixed":
            return self.second(x.view(1, WIDTH))
        return self.second(x)


class Frozen(nn.Module):
    """A trace of it holds the batch size, and it cannot be scripted."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(6, 4)

    def forward(self, features):
        rows = [int(size) for size in features.shape][0]
        return torch.tanh(self.first(features)).view(*[rows, 2, 2]).flatten(1)


def build(kind="Conv", **options):
    torch.manual_seed(0)
    return globals()[kind](**options)
