# SPDX-License-Identifier: Apache-2.0
"""Networks written by hand as public ones are: diffusion's UNet, graphs, point clouds, recurrent networks."""

import torch
from torch import nn
from torch.nn import functional


def _numbers(*shape, seed=5):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


class Messages(nn.Module):
    """Messages along edges, gathered by index_add, scatter_reduce and the mean of a node's edges."""

    def __init__(self, size=8):
        super().__init__()
        self.message = nn.ModuleList([nn.Linear(2 * size, size) for _ in range(2)])
        self.update = nn.ModuleList([nn.GRUCell(size, size) for _ in range(2)])
        self.norm, self.answer = nn.LayerNorm(size), nn.Linear(2 * size, 3)

    def forward(self, x, edges):
        source, target = edges
        for message, update in zip(self.message, self.update):
            sent = functional.silu(message(torch.cat([x[source], x[target]], -1)))
            degree = torch.zeros(x.shape[0], dtype=x.dtype, device=x.device).index_add(0, target, torch.ones_like(target, dtype=x.dtype))
            gathered = torch.zeros_like(x).index_add(0, target, sent) / degree.clamp(min=1)[:, None]
            x = self.norm(update(gathered, x))
        greatest = torch.zeros_like(x).scatter_reduce(0, target[:, None].expand(-1, x.shape[1]), x[source], "amax", include_self=False)
        return self.answer(torch.cat([x, greatest], -1))


class Attending(nn.Module):
    """Attention over a node's edges: the softmax of segments, as graph libraries write it."""

    def __init__(self, size=8, heads=2):
        super().__init__()
        self.value, self.weigh = nn.Linear(size, size), nn.Parameter(_numbers(1, heads, size // heads) - 0.5)
        self.answer = nn.Linear(size, 3)

    def forward(self, x, edges):
        source, target = edges
        value = self.value(x).view(x.shape[0], *self.weigh.shape[1:])
        score = functional.leaky_relu((value[source] * self.weigh).sum(-1) + (value[target] * self.weigh).sum(-1), 0.2)
        shape = (x.shape[0], score.shape[1])
        greatest = torch.full(shape, -float("inf"), dtype=x.dtype).scatter_reduce(0, target[:, None].expand_as(score), score, "amax")
        weight = (score - greatest[target]).exp()
        weight = weight / torch.zeros(shape, dtype=x.dtype).index_add(0, target, weight)[target]
        return self.answer(torch.zeros_like(value).index_add(0, target, value[source] * weight[..., None]).flatten(1))


class Points(nn.Module):
    """Farthest points, their neighbours by distance, and the greatest over them."""

    def __init__(self):
        super().__init__()
        self.local = nn.Sequential(nn.Conv2d(6, 16, 1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 16, 1))
        self.answer = nn.Linear(16, 3)

    def forward(self, points):
        rows = torch.arange(points.shape[0], device=points.device)
        chosen = [torch.zeros(points.shape[0], dtype=torch.long, device=points.device)]
        nearest = torch.full(points.shape[:2], 1e10, dtype=points.dtype, device=points.device)
        for _ in range(3):
            nearest = torch.minimum(nearest, (points - points[rows, chosen[-1]][:, None]).pow(2).sum(-1))
            chosen.append(nearest.argmax(1))
        centres = points[rows[:, None], torch.stack(chosen, 1)]
        near = torch.cdist(centres, points).topk(5, largest=False).indices
        around = points[rows[:, None, None], near]
        local = torch.cat([around - centres[:, :, None], around], -1).permute(0, 3, 1, 2)
        return self.answer(self.local(local).amax(-1).mean(-1))


class Recurrent(nn.Module):
    """Packed sequences through two directions, attention over the steps."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(50, 12, padding_idx=0)
        self.lstm = nn.LSTM(12, 8, num_layers=2, bidirectional=True, batch_first=True)
        self.gru = nn.GRU(16, 8, batch_first=True)
        self.weigh, self.answer = nn.Linear(8, 1), nn.Linear(8, 3)

    def forward(self, tokens, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(self.embedding(tokens), lengths, batch_first=True, enforce_sorted=False)
        steps, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=tokens.shape[1])
        steps, _ = self.gru(steps)
        hidden = torch.arange(tokens.shape[1], device=tokens.device)[None] >= lengths[:, None].to(tokens.device)
        weight = self.weigh(steps)[..., 0].masked_fill(hidden, -float("inf")).softmax(-1)
        return self.answer((steps * weight[..., None]).sum(1))


class Weekly(nn.Module):
    """A recurrent decoder that feeds its own answers back."""

    def __init__(self):
        super().__init__()
        self.read, self.cell, self.answer = nn.GRU(2, 8, batch_first=True), nn.LSTMCell(1, 8), nn.Linear(8, 1)

    def forward(self, series):
        state = self.read(series)[1][0]
        cell, value, told = torch.zeros_like(state), series[:, -1, :1], []
        for _ in range(4):
            state, cell = self.cell(value, (state, cell))
            value = self.answer(state)
            told.append(value)
        return torch.cat(told, 1)


class SelectiveScan(nn.Module):
    """The plain form of a selective state space, a step at a time, with a convolution that sees the past alone."""

    def __init__(self, size=8, states=4):
        super().__init__()
        self.enter, self.leave = nn.Linear(size, 2 * size, bias=False), nn.Linear(size, size, bias=False)
        self.conv = nn.Conv1d(size, size, 3, groups=size, padding=2)
        self.select, self.step = nn.Linear(size, 2 * states + 1, bias=False), nn.Linear(1, size)
        self.decay = nn.Parameter(torch.log(torch.arange(1, states + 1).float()).repeat(size, 1))
        self.skip = nn.Parameter(torch.ones(size))

    def forward(self, x):
        u, gate = self.enter(x).chunk(2, -1)
        u = functional.silu(self.conv(u.transpose(1, 2))[..., : x.shape[1]].transpose(1, 2))
        d, b, c = self.select(u).split([1, self.decay.shape[1], self.decay.shape[1]], -1)
        d = functional.softplus(self.step(d))
        held, told = torch.zeros(*u.shape[::2], self.decay.shape[1], dtype=x.dtype, device=x.device), []
        for t in range(x.shape[1]):
            held = torch.exp(-d[:, t, :, None] * self.decay.exp()) * held + d[:, t, :, None] * b[:, t, None] * u[:, t, :, None]
            told.append((held * c[:, t, None]).sum(-1) + self.skip * u[:, t])
        return self.leave(torch.stack(told, 1) * functional.silu(gate))


class Block(nn.Module):
    def __init__(self, given, size, time):
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(4, given), nn.Conv2d(given, size, 3, padding=1)
        self.time = nn.Linear(time, size)
        self.norm2, self.conv2 = nn.GroupNorm(4, size), nn.Conv2d(size, size, 3, padding=1)
        self.beside = nn.Conv2d(given, size, 1) if given != size else nn.Identity()

    def forward(self, x, time):
        y = self.conv1(functional.silu(self.norm1(x))) + self.time(functional.silu(time))[..., None, None]
        return self.conv2(functional.silu(self.norm2(y))) + self.beside(x)


class Diffusion(nn.Module):
    """A UNet with sinusoids of the step and attention to a text."""

    def __init__(self, size=8, text=12):
        super().__init__()
        self.size, self.shift = size, 0.0
        self.time = nn.Sequential(nn.Linear(size, 16), nn.SiLU(), nn.Linear(16, 16))
        self.enter = nn.Conv2d(4, size, 3, padding=1)
        self.down, self.small = (nn.ModuleList([Block(size, size, 16), Block(size, 16, 16)]), nn.Conv2d(size, size, 3, stride=2, padding=1))
        self.norm, self.query, self.key, self.value = (nn.GroupNorm(4, 16), nn.Linear(16, 16), nn.Linear(text, 16), nn.Linear(text, 16))
        self.up = nn.ModuleList([Block(32, 16, 16), Block(16 + size, size, 16)])
        self.end, self.leave = nn.GroupNorm(4, size), nn.Conv2d(size, 4, 3, padding=1)

    def forward(self, sample, timestep, encoder_hidden_states):
        half = self.size // 2
        rate = torch.exp(-torch.arange(half, device=sample.device) * (9.2 / (half - self.shift)))
        angle = timestep[:, None].to(sample.dtype) * rate[None].to(sample.dtype)
        time = self.time(torch.cat([angle.sin(), angle.cos()], -1))
        x = self.enter(sample)
        first = self.down[0](x, time)
        second = self.down[1](self.small(first), time)
        rows = self.norm(second).flatten(2).transpose(1, 2)
        seen = functional.scaled_dot_product_attention(
            *(
                part.unflatten(-1, (2, 8)).transpose(1, 2)
                for part in (self.query(rows), self.key(encoder_hidden_states), self.value(encoder_hidden_states))
            )
        )
        middle = second + seen.transpose(1, 2).flatten(2).transpose(1, 2).unflatten(-1, second.shape[2:])
        x = self.up[0](torch.cat([middle, second], 1), time)
        x = functional.interpolate(x, scale_factor=2.0, mode="nearest")
        return self.leave(functional.silu(self.end(self.up[1](torch.cat([x, first], 1), time))))


def _graph():
    return {"x": _numbers(6, 8) - 0.5, "edges": torch.tensor([[0, 1, 2, 3, 4, 5, 0, 2, 3], [1, 2, 3, 4, 5, 0, 3, 5, 0]])}


HAND = {
    "messages": (Messages, _graph),
    "attending_graph": (Attending, _graph),
    "points": (Points, lambda: {"points": _numbers(2, 20, 3)}),
    "recurrent_packed": (
        Recurrent,
        lambda: {"tokens": torch.randint(1, 50, (3, 6), generator=torch.Generator().manual_seed(1)), "lengths": torch.tensor([4, 6, 2])},
    ),
    "recurrent_fed_back": (Weekly, lambda: {"series": _numbers(2, 7, 2)}),
    "selective_scan": (SelectiveScan, lambda: {"x": _numbers(2, 6, 8) - 0.5}),
    "diffusion_unet": (
        Diffusion,
        lambda: {"sample": _numbers(2, 4, 8, 8), "timestep": torch.tensor([3, 500]), "encoder_hidden_states": _numbers(2, 5, 12)},
    ),
}
