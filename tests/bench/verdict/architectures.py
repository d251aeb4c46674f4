# SPDX-License-Identifier: Apache-2.0
"""Small networks of different kinds, two of them of half precision, with a switch for every fault of configuration that the benchmark injects."""

import dataclasses
import functools
import math
import pathlib
import sys
import typing
from typing import Optional

import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "examples" / "yolov3"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "cli"))
from darknet import Darknet  # noqa: E402
from detections import Detector  # noqa: E402

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]


def linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, low: bool) -> torch.Tensor:
    if low:
        kind = torch.bfloat16
        return F.linear(x.to(kind), weight.to(kind), bias.to(kind)).to(x.dtype)
    return F.linear(x, weight, bias)


def convolve(x: torch.Tensor, weight: torch.Tensor, bias: Optional[torch.Tensor], low: bool) -> torch.Tensor:
    if low:
        kind = torch.bfloat16
        return F.conv2d(x.to(kind), weight.to(kind), None if bias is None else bias.to(kind), padding=1).to(x.dtype)
    return F.conv2d(x, weight, bias, padding=1)


def flip_bit(value: float, bit: int) -> float:
    """`value`, a normal float32 or 0, with one bit of it turned."""
    if bit == 31:
        return -value
    mantissa, exponent = math.frexp(abs(value))  # value = mantissa * 2^exponent, 0.5 <= mantissa < 1
    whole, biased = int(math.ldexp(mantissa, 24)), exponent + 126
    if value == 0:
        whole, biased = 0, 0
    if bit < 23:
        return math.copysign(math.ldexp(float(whole ^ (1 << bit)), max(biased, 1) - 150), value)
    turned = biased ^ (1 << (bit - 23))
    if turned == 255:
        return math.copysign(math.inf, value)
    return math.copysign(math.ldexp(float(whole | (1 << 23)), turned - 150), value)


def flipped(x: torch.Tensor, place: int, bit: int) -> torch.Tensor:
    """One bit of one element, as a fault of the hardware turns it; a float64 run has another fault, which is not simulated."""
    if x.dtype != torch.float32:
        return x
    x = x.contiguous().clone()
    flat = x.view(-1)
    index = place % flat.numel()
    flat[index] = flip_bit(float(flat[index]), bit)
    return x


class Mlp(nn.Module):
    def __init__(self, slope: float = 0.1, skip: bool = False, low: bool = False, flip: int = -1, place: int = 0, narrow: bool = False):
        super().__init__()
        self.flip, self.place, self.calls, self.narrow = flip, place, 0, narrow
        self.first, self.second, self.last = nn.Linear(64, 256), nn.Linear(256, 256), nn.Linear(256, 10)
        self.slope, self.skip, self.low = slope, skip, low

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.narrow and x.dtype == torch.float64:
            raise ValueError("this network has no float64 path")
        x = F.leaky_relu(linear(x, self.first.weight, self.first.bias, self.low), self.slope)
        self.calls += 1
        if self.flip >= 0 and self.calls == 1:
            x = flipped(x, self.place, self.flip)
        if not self.skip:
            x = F.leaky_relu(linear(x, self.second.weight, self.second.bias, self.low), self.slope)
        return linear(x, self.last.weight, self.last.bias, self.low)


class Residual(nn.Module):
    def __init__(self, eps: float = 1e-5, train: bool = False, skip: bool = False, low: bool = False, flip: int = -1, place: int = 0):
        super().__init__()
        self.flip, self.place, self.calls = flip, place, 0
        self.stem = nn.Conv2d(3, 32, 3, padding=1, bias=False)
        self.bn0, self.bn1, self.bn2 = (nn.BatchNorm2d(32) for _ in range(3))
        self.conv1, self.conv2 = (nn.Conv2d(32, 32, 3, padding=1, bias=False) for _ in range(2))
        self.head = nn.Linear(32, 10)
        self.eps, self.train_mode, self.skip, self.low = eps, train, skip, low

    def norm(self, bn: nn.BatchNorm2d, x: torch.Tensor) -> torch.Tensor:
        if self.train_mode:
            return F.batch_norm(x, None, None, bn.weight, bn.bias, True, 0.1, self.eps)
        return F.batch_norm(x, bn.running_mean, bn.running_var, bn.weight, bn.bias, False, 0.1, self.eps)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.norm(self.bn0, convolve(x, self.stem.weight, None, self.low)))
        self.calls += 1
        if self.flip >= 0 and self.calls == 1:
            x = flipped(x, self.place, self.flip)
        y = F.relu(self.norm(self.bn1, convolve(x, self.conv1.weight, None, self.low)))
        y = self.norm(self.bn2, convolve(y, self.conv2.weight, None, self.low))
        x = F.relu(y if self.skip else x + y)
        return self.head(F.max_pool2d(x, 2).mean([2, 3]))


class Transformer(nn.Module):
    def __init__(self, eps: float = 1e-5, gelu: str = "none", skip: bool = False, low: bool = False):
        super().__init__()
        width = 64
        self.qkv = nn.ModuleList([nn.Linear(width, 3 * width) for _ in range(2)])
        self.out = nn.ModuleList([nn.Linear(width, width) for _ in range(2)])
        self.up = nn.ModuleList([nn.Linear(width, 4 * width) for _ in range(2)])
        self.down = nn.ModuleList([nn.Linear(4 * width, width) for _ in range(2)])
        self.norm1 = nn.ModuleList([nn.LayerNorm(width, eps=eps) for _ in range(2)])
        self.norm2 = nn.ModuleList([nn.LayerNorm(width, eps=eps) for _ in range(2)])
        self.head = nn.Linear(width, 10)
        self.gelu, self.skip, self.low = gelu, skip, low

    def attend(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape[0], x.shape[1], x.shape[2] // 3
        q, k, v = x.view(batch, length, 3, 4, width // 4).permute(2, 0, 3, 1, 4).unbind(0)
        if self.low:
            scores = torch.matmul(q.to(torch.bfloat16), k.to(torch.bfloat16).transpose(-2, -1)).to(x.dtype)
        else:
            scores = torch.matmul(q, k.transpose(-2, -1))
        weights = torch.softmax(scores / 4.0, dim=-1)
        return torch.matmul(weights, v).transpose(1, 2).reshape(batch, length, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for qkv, out, up, down, norm1, norm2 in zip(
            self.qkv, self.out, self.up, self.down, self.norm1, self.norm2
        ):
            x = x + out(self.attend(qkv(norm1(x))))
            if not self.skip:
                x = x + down(F.gelu(up(norm2(x)), approximate=self.gelu))
        return self.head(x)


class Islands(nn.Module):
    """Normalises in float32 whatever it is run in, as many published networks do."""

    def __init__(self, eps: float = 1e-5, slope: float = 0.1, skip: bool = False, low: bool = False):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 24, 3, padding=1), nn.Conv2d(24, 24, 3, padding=1)
        self.scale = nn.Parameter(torch.ones(24, 1, 1))
        self.head = nn.Linear(24, 10)
        self.eps, self.slope, self.skip, self.low = eps, slope, skip, low

    def norm(self, x: torch.Tensor) -> torch.Tensor:
        wide = x.float()
        wide = wide * torch.rsqrt(wide.pow(2).mean(1, keepdim=True) + self.eps)
        return wide.to(x.dtype) * self.scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.leaky_relu(self.norm(convolve(x, self.conv1.weight, self.conv1.bias, self.low)), self.slope)
        if not self.skip:
            x = F.leaky_relu(self.norm(convolve(x, self.conv2.weight, self.conv2.bias, self.low)), self.slope)
        return self.head(x.mean([2, 3]))


@dataclasses.dataclass(frozen=True)
class Architecture:
    """`make` builds the network, faulty where keywords say so; `faults` are the keywords of each fault."""

    name: str
    make: typing.Callable
    input: str
    shape: tuple
    faults: dict
    dtype: torch.dtype = torch.float32
    flips: bool = False  # the network can simulate a flipped bit of an activation

    @property
    def is_picture(self):
        return self.input == "image"


ARCHITECTURES = [
    Architecture("mlp", Mlp, "x", (16, 64), {"slope": {"slope": 0.01}, "missing layer": {"skip": True}, "bf16 compute": {"low": True}}, flips=True),
    Architecture(
        "resnet", Residual, "x", (4, 3, 32, 32),
        {"eps 1e-3": {"eps": 1e-3}, "eps 1e-6": {"eps": 1e-6}, "train mode": {"train": True}, "missing layer": {"skip": True},
         "bf16 compute": {"low": True}},
        flips=True,
    ),
    Architecture(
        "transformer", Transformer, "x", (2, 24, 64),
        {"eps 1e-3": {"eps": 1e-3}, "eps 1e-6": {"eps": 1e-6}, "GELU tanh": {"gelu": "tanh"}, "missing layer": {"skip": True},
         "bf16 compute": {"low": True}},
    ),
    Architecture(
        "islands", Islands, "x", (4, 3, 32, 32),
        {"eps 1e-3": {"eps": 1e-3}, "eps 1e-6": {"eps": 1e-6}, "slope": {"slope": 0.01}, "missing layer": {"skip": True}, "bf16 compute": {"low": True}},
    ),
    Architecture("mlp-float32-only", functools.partial(Mlp, narrow=True), "x", (16, 64), {"slope": {"slope": 0.01}, "missing layer": {"skip": True}, "bf16 compute": {"low": True}}),
    Architecture("mlp-float16", Mlp, "x", (16, 64), {"slope": {"slope": 0.01}, "missing layer": {"skip": True}}, torch.float16),
    Architecture("mlp-bfloat16", Mlp, "x", (16, 64), {"slope": {"slope": 0.01}, "missing layer": {"skip": True}}, torch.bfloat16),
    Architecture("detector", Detector, "image", (1, 3, 64, 64), {"threshold": {"threshold": 0.8}, "class shift": {"shift": 1}, "ascending": {"ascending": True, "overlap": 1.0}}),
    Architecture("yolov3-tiny", Darknet, "image", (1, 3, 224, 224), {"eps 1e-3": {"batch_normalize_eps": "1e-3"}, "eps 1e-6": {"batch_normalize_eps": "1e-6"}}),
]


def write_cfg(path, changes):
    """YOLOv3-tiny's cfg at the benchmark's size, with keys of [net] added."""
    text = (REPOSITORY / "examples" / "yolov3" / "yolov3-tiny.cfg").read_text(encoding="utf-8")
    lines = []
    for line in text.splitlines():
        key = line.partition("=")[0].strip()
        lines.append(f"{key}=224" if key in ("width", "height") else line)
        if line.strip() == "[net]":
            lines += [f"{name}={value}" for name, value in changes.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def build(architecture, folder, label, **changes):
    """Writes what `--model` names and returns the network and that text."""
    if architecture.make is Darknet:
        path = folder / f"{label}.cfg"
        write_cfg(path, changes)
        return Darknet(path).eval(), f"darknet:{path}"
    network = architecture.make(**changes).eval().to(architecture.dtype)
    path = folder / f"{label}.pt"
    torch.jit.script(network).save(str(path))
    return network, f"torchscript:{path}"


def settle(network, shape, seed):
    """Random weights whose activations stay of order 1: BatchNorm takes its statistics from a few batches."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            fan_in = module.weight[0].numel()
            module.weight.data.normal_(0, (2 / fan_in) ** 0.5, generator=generator)
            if module.bias is not None:
                module.bias.data.normal_(0, 0.1, generator=generator)
        if isinstance(module, nn.BatchNorm2d):
            module.weight.data.uniform_(0.5, 1.5, generator=generator)
            module.bias.data.normal_(0, 0.1, generator=generator)
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
    return network
