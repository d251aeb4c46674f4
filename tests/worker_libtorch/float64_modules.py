# SPDX-License-Identifier: Apache-2.0
"""Networks whose code names types: what each is to compute in a float64 run stands beside it, in numpy. None has weights but
`weight`, so that the reference is short."""
from typing import Dict

import numpy as np
import torch
from torch import nn

WIDTH = 4


class Casts(nn.Module):
    """Rounds its input in the middle."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(0.1, 1.3, WIDTH))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


class RmsNorm(Casts):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kind = x.dtype
        y = x.to(torch.float32)
        y = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + 1e-6)
        return self.weight * y.to(kind)

    @staticmethod
    def reference(x, w):
        return w * x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6)


class HalfAndBack(Casts):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x * self.weight).half().to(torch.bfloat16).float()

    @staticmethod
    def reference(x, w):
        return x * w


class NamedTypes(Casts):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        p = torch.softmax(x * self.weight, -1, dtype=torch.float32)
        return torch.sum(p * x, -1, dtype=torch.float32) + torch.cumsum(p, 0, dtype=torch.float32)[:, 0]

    @staticmethod
    def reference(x, w):
        p = softmax(x * w)
        return (p * x).sum(-1) + p.cumsum(0)[:, 0]


class TypeOfAnother(Casts):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        one = torch.ones(1, dtype=torch.float32)
        return (x * self.weight).type_as(one) + x.to(one)

    @staticmethod
    def reference(x, w):
        return x * w + x


class Rotary(Casts):
    """A table of positions, from whole numbers, meets what is float64 in a product of matrices."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        positions = torch.arange(x.shape[0])[:, None].float()
        angles = torch.matmul(positions, self.weight[None, :])
        return x * angles.cos() + x * angles.sin()

    @staticmethod
    def reference(x, w):
        angles = np.arange(len(x))[:, None] * w[None]
        return x * np.cos(angles) + x * np.sin(angles)


class OwnTable(Casts):
    """What the code computes in float32 of numbers keeps its values."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        table = torch.arange(x.shape[1], dtype=torch.float32) / 3.0 + 0.1
        return x * self.weight + table

    @staticmethod
    def reference(x, w):
        table = np.arange(x.shape[1]).astype("f4") / np.float32(3) + np.float32(0.1)
        assert table.dtype == np.float32
        return x * w + table


class TableOfTheInputsType(Casts):
    """In a native run, the type of the input is float32."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        table = torch.arange(x.shape[1], dtype=x.dtype) / 3.0
        half = torch.full([1], 0.1).to(x.dtype)
        return x * self.weight + table + half

    @staticmethod
    def reference(x, w):
        return x * w + np.arange(x.shape[1]).astype("f4") / np.float32(3) + np.float32(0.1)


class Filled(Casts):
    """A tensor of the code's own takes values of the network, in place, through views and by indices."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = torch.zeros(x.shape)
        found[:, 0] = x[:, 0] * self.weight[0]
        found.index_add_(1, torch.tensor([1, 2]), x[:, 1:3])
        found[found == 0] = x[0, 3]
        view = found[1]
        view += self.weight
        return found

    @staticmethod
    def reference(x, w):
        found = np.zeros(x.shape)
        found[:, 0] = x[:, 0] * w[0]
        found[:, 1:3] += x[:, 1:3]
        found[found == 0] = x[0, 3]
        found[1] += w
        return found


class FilledOfIts(Casts):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = x.new_zeros([2, x.shape[1]], dtype=torch.float32)
        found[0] = x[0] * self.weight
        found[1].copy_(x[1])
        return found.scatter_add(0, torch.zeros([1, x.shape[1]], dtype=torch.int64), (x[:1] * 0.1).float())

    @staticmethod
    def reference(x, w):
        return np.stack([x[0] * w + x[0] * 0.1, x[1]])


class Mask(Casts):
    """The least number of a type that only this run has."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        least = -3.4028234663852886e38
        if x.dtype == torch.float64:
            least = -1.7976931348623157e308
        mask = torch.full([x.shape[1], x.shape[1]], least, dtype=x.dtype).triu(1)
        shut = (1.0 - torch.ones([1], dtype=torch.int64).to(x.dtype)) * least
        scores = x.t() @ x + mask + shut
        return torch.softmax(scores, -1) @ x.t() * self.weight[0]

    @staticmethod
    def reference(x, w):
        scores = x.T @ x + np.triu(np.full((x.shape[1],) * 2, -1e30), 1)
        return softmax(scores) @ x.T * w[0]


class Mixed(Casts):
    """Operators that take tensors of one type alone."""

    def forward(self, x: torch.Tensor) -> Dict[str, torch.Tensor]:
        own = torch.arange(16).float().view(4, 4) / 16
        batch = own[None]
        y = x * self.weight
        return {
            "addmm": torch.addmm(own[0], y, own),
            "bmm": torch.bmm(y[None], batch),
            "linear": torch.nn.functional.linear(y, own, own[0]),
            "cat": torch.cat([y, own], 0),
            "where": torch.where(y > 0.2, y, torch.zeros(1)),
            "lerp": torch.lerp(y, own[: y.shape[0]], 0.5),
            "norm": torch.nn.functional.layer_norm(y, [4], own[1], own[0]),
            "conv": torch.nn.functional.conv1d(y[None], own[: y.shape[0]][None, :, :2]),
            "masked": y.masked_scatter(y > 0.2, own + 1),
            "small": own * y[0, 0],
        }

    @staticmethod
    def reference(x, w):
        own = np.arange(16.0).reshape(4, 4) / 16
        y = x * w
        centred = y - y.mean(-1, keepdims=True)
        norm = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
        masked = y.copy()
        masked[y > 0.2] = (own + 1).ravel()[: (y > 0.2).sum()]
        return {
            "addmm": own[0] + y @ own, "bmm": (y @ own)[None], "linear": y @ own.T + own[0], "cat": np.concatenate([y, own]),
            "where": np.where(y > 0.2, y, 0), "lerp": (y + own[: len(y)]) / 2, "norm": norm * own[1] + own[0],
            "conv": np.stack([sum((y[c, k : k + 2] * own[c, :2]).sum() for c in range(len(y))) for k in range(3)])[None, None],
            "masked": masked, "small": own * y[0, 0],
        }


class Attention(Casts):
    """A mask in float32 beside float64."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mask = torch.zeros([x.shape[0], x.shape[0]]).masked_fill(torch.ones([x.shape[0], x.shape[0]]).triu(1) > 0, -1e30)
        q = (x * self.weight)[None, None]
        return torch.nn.functional.scaled_dot_product_attention(q, q, x[None, None], attn_mask=mask)[0, 0]

    @staticmethod
    def reference(x, w):
        q = x * w
        return softmax(q @ q.T / 2 + np.triu(np.full((len(x),) * 2, -1e30), 1)) @ x


class LeastTwice(Casts):
    """Two masks of the least number of a type that only this run has: their sum is no infinity."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        least = -3.4028234663852886e38
        if x.dtype == torch.float64:
            least = -1.7976931348623157e308
        shut = x * 0.0 + 1.0
        scores = x * self.weight + shut * least + shut * (least * 1e-10)
        return torch.softmax(scores, -1)

    @staticmethod
    def reference(x, w):
        return np.full(x.shape, 0.25)


class Leaked(Casts):
    """A number that leaves the tensors comes back in tables of the code's own."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        most = float((x * self.weight).max())
        return x * torch.full([1], most) + x.new_full([1], most, dtype=torch.float32) + torch.full_like(x, -most)

    @staticmethod
    def reference(x, w):
        return x * (x * w).max()


class Reckoned(Casts):
    """Tables that a processor may round otherwise in the last bit: the same ones on every machine."""

    def forward(self, x: torch.Tensor) -> Dict[str, torch.Tensor]:
        y = x * self.weight
        f4 = torch.float32
        return {
            "linspace": y * torch.linspace(0.1, 2.0, 25, dtype=f4)[:, None, None],
            "logspace": y * torch.logspace(-1.0, 0.7, 25, dtype=f4)[:, None, None],
            "arange": y * torch.arange(0.1, 2.0, 0.07, dtype=f4)[:, None, None],
            "hann": y * torch.hann_window(64, dtype=f4)[:, None, None],
            "hamming": y * torch.hamming_window(63, dtype=f4)[:, None, None],
            "blackman": y * torch.blackman_window(63, dtype=f4)[:, None, None],
            "bartlett": y * torch.bartlett_window(63, dtype=f4)[:, None, None],
            "frequencies": y * torch.fft.rfftfreq(63, 0.3, dtype=f4)[:, None, None],
        }

    @staticmethod
    def reference(x, w):
        turn = lambda size, of: 2 * np.pi * np.arange(size) / of
        tables = {
            "linspace": np.linspace(0.1, 2.0, 25), "logspace": np.logspace(-1.0, 0.7, 25), "arange": 0.1 + 0.07 * np.arange(28),
            "hann": 0.5 - 0.5 * np.cos(turn(64, 64)), "hamming": 0.54 - 0.46 * np.cos(turn(63, 63)),
            "blackman": 0.42 - 0.5 * np.cos(turn(63, 63)) + 0.08 * np.cos(2 * turn(63, 63)),
            "bartlett": 1 - np.abs(np.arange(63) / 31.5 - 1), "frequencies": np.fft.rfftfreq(63, 0.3),
        }
        return {name: x * w * table.astype("f4").astype("f8")[:, None, None] for name, table in tables.items()}


CODE_ALONE = (Leaked,)  # a trace freezes such a number, and torch.export takes none
KINDS = [RmsNorm, HalfAndBack, NamedTypes, TypeOfAnother, Rotary, OwnTable, TableOfTheInputsType, Filled, FilledOfIts, Mask,
         Mixed, LeastTwice, Attention, Leaked, Reckoned]
