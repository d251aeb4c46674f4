# SPDX-License-Identifier: Apache-2.0
"""Forms of public repositories, written by hand: points, characters, translation, graphs, detection, sound, forms of weights."""

import math

import torch
from hand_forms_of_numbers import Capsules, Complex, Filter, Flow, Hyper, Radiance, Spectral, Spiking, Splines, Stacked
from kind_inputs import numbers, tokens, waves
from torch import nn
from torch.nn import functional


class Aligned(nn.Module):
    """PointNet with its transforms of input and features."""

    def __init__(self):
        super().__init__()
        self.turn = nn.Sequential(nn.Conv1d(3, 16, 1), nn.BatchNorm1d(16), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(16, 9))
        self.net = nn.Sequential(nn.Conv1d(3, 16, 1), nn.BatchNorm1d(16), nn.ReLU(), nn.Conv1d(16, 32, 1), nn.BatchNorm1d(32))
        self.answer = nn.Sequential(nn.Linear(32, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 4))

    def forward(self, points):
        turn = self.turn(points).view(-1, 3, 3) + torch.eye(3, dtype=points.dtype).view(1, 3, 3).repeat(points.shape[0], 1, 1)
        points = torch.bmm(points.transpose(2, 1), turn).transpose(2, 1)
        return functional.log_softmax(self.answer(torch.max(self.net(points), 2)[0]), dim=1)


class Reading(nn.Module):
    """CRNN: columns of a picture read by an LSTM of two directions."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(True), nn.MaxPool2d(2, 2), nn.Conv2d(8, 16, 3, padding=1), nn.LeakyReLU(0.2, True), nn.MaxPool2d((2, 2), (2, 1), (0, 1)), nn.Conv2d(16, 16, (4, 2)))
        self.lstm, self.answer = nn.LSTM(16, 8, bidirectional=True, num_layers=2), nn.Linear(16, 11)

    def forward(self, x):
        steps = self.net(x).squeeze(2).permute(2, 0, 1)
        return functional.log_softmax(self.answer(self.lstm(steps)[0]), -1)


class Translator(nn.Module):
    """LSTM to LSTM with Bahdanau's attention; the decoder chooses its next word."""

    def __init__(self, words=30, size=12):
        super().__init__()
        self.words = nn.Embedding(words, size)
        self.read, self.write = nn.LSTM(size, size, batch_first=True), nn.LSTMCell(2 * size, size)
        self.query, self.key, self.weigh, self.answer = nn.Linear(size, size), nn.Linear(size, size), nn.Linear(size, 1), nn.Linear(size, words)

    def forward(self, source):
        steps, (h, c) = self.read(self.words(source))
        h, c, told = h[0], c[0], []
        word = torch.zeros(source.shape[0], dtype=torch.long, device=source.device)
        for _ in range(5):
            weight = self.weigh(torch.tanh(self.query(h)[:, None] + self.key(steps))).softmax(1)
            h, c = self.write(torch.cat([self.words(word), (weight * steps).sum(1)], -1), (h, c))
            logits = self.answer(h)
            word = logits.argmax(-1)
            told.append(logits)
        return torch.stack(told, 1)


class Better(nn.Module):
    """SRGAN's generator: residual blocks with PReLU, shuffled pixels."""

    def __init__(self):
        super().__init__()
        self.enter = nn.Sequential(nn.Conv2d(3, 8, 9, padding=4), nn.PReLU())
        self.body = nn.ModuleList([nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.PReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8)) for _ in range(2)])
        self.up = nn.Sequential(nn.Conv2d(8, 32, 3, padding=1), nn.PixelShuffle(2), nn.PReLU(), nn.Conv2d(8, 3, 9, padding=4))

    def forward(self, x):
        first = x = self.enter(x)
        for block in self.body:
            x = x + block(x)
        return (torch.tanh(self.up(x + first)) + 1) / 2


class SparseGraph(nn.Module):
    """Graph convolution by a sparse matrix of COO that forward() makes."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, x, edges, weight):
        adjacency = torch.sparse_coo_tensor(edges, weight, (x.shape[0], x.shape[0])).coalesce()
        x = functional.relu(torch.sparse.mm(adjacency, self.one(x)))
        return torch.sparse.mm(adjacency, self.two(x))


class Ragged(nn.Module):
    """Rows of other lengths as a nested tensor."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(5, 8), nn.Linear(8, 5)

    def forward(self, first, second):
        rows = torch.nested.nested_tensor([first, second], layout=torch.jagged)
        return (self.two(functional.gelu(self.one(rows))) + rows).to_padded_tensor(0.0)


class Slopes(nn.Module):
    """Forces of an energy: gradients, a Jacobian and a Hessian product within forward()."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 16), nn.Softplus(), nn.Linear(16, 1))

    def energy(self, x):
        return self.net(x).sum()

    def forward(self, x):
        return self.energy(x), -torch.func.grad(self.energy)(x), torch.vmap(torch.func.jacrev(self.net))(x)


class Forces(nn.Module):
    """The same by torch.autograd.grad under enable_grad, as potentials of atoms are written."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(1, 16), nn.SiLU(), nn.Linear(16, 1))

    def forward(self, positions):
        with torch.enable_grad():
            positions = positions.detach().requires_grad_(True)
            gaps = (positions[:, None] - positions[None]).pow(2).sum(-1).add(1e-6).sqrt()
            energy = self.net(gaps[..., None]).sum()
            (slope,) = torch.autograd.grad(energy, positions)
        return energy.detach(), -slope


class Small(nn.Module):
    """nanoGPT: one projection for queries, keys and values, tied words, a mask in a buffer."""

    class Block(nn.Module):
        def __init__(self, size, heads, length):
            super().__init__()
            self.heads = heads
            self.ln_1, self.ln_2 = nn.LayerNorm(size, bias=False), nn.LayerNorm(size, bias=False)
            self.c_attn, self.c_proj = nn.Linear(size, 3 * size), nn.Linear(size, size)
            self.mlp = nn.Sequential(nn.Linear(size, 4 * size), nn.GELU(), nn.Linear(4 * size, size), nn.Dropout(0.1))
            self.register_buffer("bias", torch.tril(torch.ones(length, length)).view(1, 1, length, length))

        def forward(self, x):
            b, t, c = x.size()
            q, k, v = (part.view(b, t, self.heads, c // self.heads).transpose(1, 2) for part in self.c_attn(self.ln_1(x)).split(c, dim=2))
            att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
            att = functional.softmax(att.masked_fill(self.bias[:, :, :t, :t] == 0, float("-inf")), dim=-1)
            x = x + self.c_proj((att @ v).transpose(1, 2).contiguous().view(b, t, c))
            return x + self.mlp(self.ln_2(x))

    def __init__(self, words=50, size=16, length=16):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(words, size), nn.Embedding(length, size)
        self.h, self.ln_f = nn.ModuleList([self.Block(size, 4, length) for _ in range(2)]), nn.LayerNorm(size)
        self.lm_head = nn.Linear(size, words, bias=False)
        self.wte.weight = self.lm_head.weight

    def forward(self, idx):
        x = self.wte(idx) + self.wpe(torch.arange(idx.size(1), dtype=torch.long, device=idx.device))
        for block in self.h:
            x = block(x)
        return self.lm_head(self.ln_f(x)[:, [-1], :])


class Detecting(nn.Module):
    """YOLOv8's head: boxes of a distribution over bins, anchors and strides made when first called."""

    def __init__(self, classes=3, bins=4):
        super().__init__()
        self.bins, self.shape, self.stride = bins, None, torch.tensor([4.0, 8.0])
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8, eps=1e-3), nn.SiLU(True), nn.Conv2d(8, 8, 3, 2, 1))
        self.down = nn.Conv2d(8, 8, 3, 2, 1)
        self.cv2, self.cv3 = (nn.ModuleList([nn.Conv2d(8, 4 * bins, 1) for _ in range(2)]), nn.ModuleList([nn.Conv2d(8, classes, 1) for _ in range(2)]))
        self.dfl = nn.Conv2d(bins, 1, 1, bias=False).requires_grad_(False)
        self.dfl.weight.data[:] = torch.arange(bins, dtype=torch.float).view(1, bins, 1, 1)

    def forward(self, x):
        first = self.stem(x)
        maps = [first, self.down(first)]
        if self.shape != x.shape:
            points, strides = [], []
            for m, stride in zip(maps, self.stride):
                sy, sx = torch.meshgrid(torch.arange(m.shape[2], dtype=m.dtype) + 0.5, torch.arange(m.shape[3], dtype=m.dtype) + 0.5, indexing="ij")
                points.append(torch.stack((sx, sy), -1).view(-1, 2))
                strides.append(torch.full((m.shape[2] * m.shape[3], 1), float(stride), dtype=m.dtype))
            self.anchors, self.strides, self.shape = torch.cat(points).T, torch.cat(strides).T, x.shape
        boxes = torch.cat([c(m).flatten(2) for c, m in zip(self.cv2, maps)], 2)
        scores = torch.cat([c(m).flatten(2) for c, m in zip(self.cv3, maps)], 2)
        b, _, a = boxes.shape
        gaps = self.dfl(boxes.view(b, 4, self.bins, a).transpose(2, 1).softmax(1)).view(b, 4, a)
        lt, rb = gaps.chunk(2, 1)
        x1y1, x2y2 = self.anchors[None] - lt, self.anchors[None] + rb
        return torch.cat([torch.cat([(x1y1 + x2y2) / 2, x2y2 - x1y1], 1) * self.strides, scores.sigmoid()], 1)


class Quantised(nn.Module):
    """A codebook with the nearest code and a straight-through gradient; the running counts are buffers."""

    def __init__(self):
        super().__init__()
        self.enter, self.leave = nn.Linear(6, 4), nn.Linear(4, 6)
        self.register_buffer("codes", torch.randn(8, 4))

    def forward(self, x):
        z = self.enter(x)
        index = torch.cdist(z, self.codes.expand(z.shape[0], -1, -1)).argmin(-1)
        q = functional.embedding(index, self.codes)
        return self.leave(z + (q - z).detach()), index


class Warped(nn.Module):
    """A spatial transformer: affine_grid, grid_sample; unfold and fold beside it."""

    def __init__(self):
        super().__init__()
        self.turn = nn.Sequential(nn.Conv2d(2, 4, 5, stride=3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 6))
        self.mix = nn.Linear(18, 18)

    def forward(self, x):
        theta = self.turn(x).view(-1, 2, 3) * 0.1 + torch.tensor([[1.0, 0, 0], [0, 1, 0]])
        x = functional.grid_sample(x, functional.affine_grid(theta, x.shape, align_corners=False), align_corners=False, padding_mode="border")
        parts = self.mix(functional.unfold(x, 3, padding=1).transpose(1, 2)).transpose(1, 2)
        return functional.fold(parts, x.shape[-2:], 3, padding=1)


class Ordered(nn.Module):
    """Discrete and sorted things: topk routing by bincount, sort, searchsorted, histogram, cummax, a loop until convergence."""

    def __init__(self):
        super().__init__()
        self.route, self.experts = nn.Linear(6, 4), nn.ModuleList([nn.Linear(6, 6) for _ in range(4)])
        self.register_buffer("edges", torch.linspace(-2, 2, 9))
        self.bins = nn.Embedding(10, 6)

    def forward(self, x):
        weight, chosen = self.route(x).softmax(-1).topk(2, -1)
        told = torch.zeros_like(x)
        for number, expert in enumerate(self.experts):
            rows, places = (chosen == number).nonzero(as_tuple=True)
            told = told.index_add(0, rows, expert(x[rows]) * weight[rows, places, None])
        told = told + self.bins(torch.searchsorted(self.edges, x[:, 0].contiguous()))
        return told, torch.cummax(told, 0).values, torch.bincount(chosen.flatten(), minlength=4), told.sort(0).values


class Balanced(nn.Module):
    """A deep equilibrium and Sinkhorn's balance: loops until the change is small."""

    def __init__(self, size=5):
        super().__init__()
        self.w, self.u = nn.Linear(size, size, bias=False), nn.Linear(size, size)
        with torch.no_grad():
            self.w.weight.mul_(0.5)

    def forward(self, x):
        z = torch.zeros_like(x)
        for _ in range(50):
            new = torch.tanh(self.w(z) + self.u(x))
            if (new - z).abs().max() < 1e-4:
                break
            z = new
        log = (z @ z.mT) / 0.1
        for _ in range(20):
            log = log - log.logsumexp(1, keepdim=True)
            log = log - log.logsumexp(0, keepdim=True)
        return z, log.exp()


class Listening(nn.Module):
    """A spectrogram of torch.stft, mel filters in a buffer that is not persistent, the way back by istft."""

    def __init__(self):
        super().__init__()
        self.register_buffer("window", torch.hann_window(64), persistent=False)
        self.register_buffer("filters", torch.rand(33, 8, generator=torch.Generator().manual_seed(1)), persistent=False)
        self.gru, self.mask = nn.GRU(8, 16, batch_first=True), nn.Linear(16, 33)

    def forward(self, x):
        spec = torch.stft(x, 64, 16, window=self.window, return_complex=True)
        mel = torch.log(torch.clamp(spec.abs().pow(2).mT @ self.filters, min=1e-5))
        mask = self.mask(self.gru(mel)[0]).sigmoid().mT
        return torch.istft(spec * mask, 64, 16, window=self.window, length=x.shape[-1])


class Forms(nn.Module):
    """Weights in forms: spectral norm, weight norm, orthogonal, tied transposes, a linear map of Householder vectors."""

    def __init__(self):
        super().__init__()
        p = nn.utils.parametrizations
        self.a = p.spectral_norm(nn.Linear(6, 6))
        self.b = p.weight_norm(nn.Conv1d(6, 6, 3, padding=1))
        self.c = p.orthogonal(nn.Linear(6, 6))

    def forward(self, x):
        y = functional.elu(self.a(x))
        y = self.b(y.mT).mT
        return functional.linear(self.c(y), self.a.weight.T)


class Conditioned(nn.Module):
    """Wavelets and filters made in forward(): conv with weights that are computed, blur, FiLM, instance norm."""

    def __init__(self):
        super().__init__()
        self.style, self.weight = nn.Linear(4, 3), nn.Parameter(torch.randn(5, 3, 3, 3))
        self.norm = nn.InstanceNorm2d(5, affine=True)
        self.register_buffer("blur", torch.tensor([1.0, 3.0, 3.0, 1.0])[None] * torch.tensor([1.0, 3.0, 3.0, 1.0])[:, None] / 64)

    def forward(self, x, style):
        b, c, h, w = x.shape
        weight = self.weight[None] * (self.style(style) + 1)[:, None, :, None, None]
        weight = weight * (weight.pow(2).sum((2, 3, 4), keepdim=True) + 1e-8).rsqrt()
        y = functional.conv2d(x.reshape(1, b * c, h, w), weight.view(-1, c, 3, 3), padding=1, groups=b).view(b, 5, h, w)
        y = functional.conv2d(functional.pad(y, (2, 1, 2, 1), mode="reflect"), self.blur.expand(5, 1, 4, 4), groups=5)
        return functional.leaky_relu(self.norm(y), 0.2) * math.sqrt(2)


def _edges():
    edges = torch.tensor([[0, 1, 2, 3, 4, 0, 2], [1, 2, 3, 4, 0, 0, 4]])
    return {"x": waves(5, 6), "edges": edges, "weight": numbers(7)}


FORMS = {
    "fourier_operator": (Spectral, lambda: {"x": waves(2, 3, 16, 16)}),
    "complex": (Complex, lambda: {"x": waves(5, 6, 2)}),
    "normalizing_flow": (Flow, lambda: {"x": waves(5, 6)}),
    "spiking": (Spiking, lambda: {"x": waves(3, 8, 6)}),
    "hypernetwork": (Hyper, lambda: {"context": waves(5, 3), "x": waves(5, 5)}),
    "vmapped_ensemble": (Stacked, lambda: {"x": waves(5, 4)}),
    "capsules": (Capsules, lambda: {"x": numbers(2, 1, 16, 16)}),
    "splines": (lambda: nn.Sequential(Splines(4, 5), Splines(5, 2)), lambda: {"input": numbers(6, 4) * 1.6 - 0.8}),
    "kalman": (Filter, lambda: {"seen": waves(3, 6, 2)}),
    "radiance": (Radiance, lambda: {"origin": waves(4, 3), "direction": waves(4, 3, seed=6)}),
    "point_net": (Aligned, lambda: {"points": waves(2, 3, 20)}),
    "crnn": (Reading, lambda: {"x": waves(2, 1, 16, 40)}),
    "translator": (Translator, lambda: {"source": tokens(3, 6, 1, 30)}),
    "super_resolution": (Better, lambda: {"x": numbers(1, 3, 12, 12)}),
    "sparse_graph": (SparseGraph, _edges),
    "ragged": (Ragged, lambda: {"first": waves(3, 5), "second": waves(5, 5, seed=6)}),
    "slopes": (Slopes, lambda: {"x": waves(4, 3)}),
    "forces": (Forces, lambda: {"positions": waves(5, 3)}),
    "nano_gpt": (Small, lambda: {"idx": tokens(2, 9, 0, 50)}),
    "yolo8_head": (Detecting, lambda: {"x": numbers(1, 3, 32, 32)}),
    "codebook": (Quantised, lambda: {"x": waves(2, 7, 6)}),
    "warped": (Warped, lambda: {"x": waves(2, 2, 16, 16)}),
    "ordered": (Ordered, lambda: {"x": waves(7, 6)}),
    "balanced": (Balanced, lambda: {"x": waves(4, 5)}),
    "listening": (Listening, lambda: {"x": waves(2, 400)}),
    "forms_of_weights": (Forms, lambda: {"x": waves(2, 7, 6)}),
    "modulated": (Conditioned, lambda: {"x": waves(2, 3, 8, 8), "style": waves(2, 4)}),
}
