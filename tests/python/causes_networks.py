# SPDX-License-Identifier: Apache-2.0
"""Networks whose forward() chooses by what neither a state dict nor a number holds."""
import collections
import datetime
import enum
import functools
import os
import time
import types
import uuid

import torch
import torch.nn.functional as F
from torch import nn

import causes_settings as settings

MODE = "relu"
TABLE = {"first": "relu"}
CLIP = 1.0


class Way(enum.Enum):
    UP = "up"
    DOWN = "down"


def scaled(factor):
    def act(x):
        return x * factor

    return act


def twice(function):
    """Around a method, without functools.wraps."""

    def wrapper(self, x):
        return function(self, x) * 2

    return wrapper


def times(factor):
    def around(function):
        @functools.wraps(function)
        def wrapper(self, x):
            return function(self, x) * factor

        return wrapper

    return around


class Slots:
    __slots__ = ("word",)

    def __init__(self, word):
        self.word = word


def doubled(module, inputs, output):
    return output * 2


def variable(name):
    return os.environ.get(name, "relu")


Pair = collections.namedtuple("Pair", "first second")


def bent(x, mode):
    return {"relu": F.relu, "gelu": F.gelu, "tanh": torch.tanh}[mode](x)


class Chooses(nn.Module):
    """`how` is what it is built with; it has a part, so that it is no leaf."""

    kind = "relu"
    static = staticmethod(F.relu)

    def __init__(self, **how):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.word, self.act, self.maker, self.extra, self.names = "relu", F.relu, nn.ReLU, None, ["relu"]
        self.way, self.type, self.table, self.config = Way.UP, torch.float32, {"act": "relu"}, types.SimpleNamespace(hidden="relu")
        self.slots, self.pair, self.set, self.whole = Slots("relu"), Pair("relu", 1), {"relu"}, 1 + 0j
        for name, value in how.items():
            setattr(self, name, value)

    def forward(self, x):
        x = bent(self.act(self.linear(x)), self.word)
        x = self.maker()(x) * (1.5 if self.way is Way.UP else 0.5)
        x = x if self.extra is None else self.extra(x) if callable(self.extra) else x + 1
        x = bent(bent(x, self.table["act"]), self.config.hidden).to(self.type).float()
        x = bent(bent(x, self.slots.word), self.pair.first) * (1 if "relu" in self.set else 2)
        x = x if self.whole == 1 else (x * self.whole).real
        for name in self.names:
            x = bent(x, name)
        return self.static(bent(x, self.kind))


class ReadsModule(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        return bent(bent(bent(self.linear(x), MODE), TABLE["first"]), settings.ACT) * settings.SCALE


class ReadsEnvironment(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        x = self.linear(x)
        x = bent(bent(x, os.environ.get("CAUSES_ACT", "relu")), variable("CAUSES_NAMED"))
        if "CAUSES_TWICE" in os.environ:
            x = x * 2
        return x + len(os.getenv("CAUSES_TOKEN") or "") + len(os.getenv("CAUSES_TEXT") or "")


class ReadsDefaultType(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        return self.linear(x) + (torch.ones(1).element_size() if torch.get_default_dtype() == torch.float64 else 0)


def made(factor=2.0, way="wraps"):
    """A class whose forward() a factory made."""

    class Made(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 4)
            self.act = scaled(factor) if way == "act" else scaled(1.0)

        def forward(self, x):
            return self.act(self.linear(x)) * (factor if way == "closure" else 1.0)

    if way == "wraps":
        Made.forward = times(factor)(Made.forward)
    module = Made()
    if way == "instance":
        inner = module.forward
        module.forward = types.MethodType(lambda self, x: inner(x) * factor, module)
    return module


def scaling_by(factor):
    def scaling(self, x):
        return x * factor

    return scaling


class Enclosing(nn.Module):
    """Functions by one name, each with a value of its own."""

    one, two, three = scaling_by(1.0), scaling_by(2.0), scaling_by(3.0)
    four = times(4.0)(scaling_by(5.0))

    def forward(self, x):
        return self.four(self.three(self.two(self.one(x))))


class Layers(nn.Module):
    """Layers of PyTorch's own, one way or the other."""

    def __init__(self, **how):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.shrink = nn.Softshrink(how.get("lambd", 0.5))
        self.act = how.get("act", nn.ReLU)()
        self.norm = nn.LocalResponseNorm(2, k=how.get("k", 1.0))
        self.pool = nn.AvgPool2d(2, divisor_override=how.get("divisor_override", 3))
        self.attention = nn.MultiheadAttention(4, 2, add_zero_attn=how.get("add_zero_attn", False))
        self.block = nn.TransformerEncoderLayer(4, 2, 8, activation=how.get("activation", F.relu))
        self.cell = nn.RNNCell(4, 4, nonlinearity=how.get("nonlinearity", "tanh"))

    def forward(self, x):
        x = self.act(self.linear(x)) + self.shrink(x) + self.cell(x)
        x = x + self.norm(x[None, :, :, None])[0, :, :, 0]
        x = x + self.pool(x[None, None]).mean() + self.attention(x[:, None], x[:, None], x[:, None])[0][:, 0]
        return self.block(x[:, None])[:, 0]


class OfProcess(nn.Module):
    """Its answers follow what each process has otherwise."""

    def __init__(self, by="hash"):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.by = by

    def forward(self, x):
        x = self.linear(x)
        if self.by == "hash":
            return x * (1 + hash("one text") % 1000)
        if self.by == "set":
            return x * (1 + ["a", "b", "c", "d", "e", "f", "g", "h"].index(next(iter(set("abcdefgh")))))
        if self.by == "pid":
            return x * os.getpid()
        if self.by == "uuid":
            return x * (uuid.getnode() % 3 + 1)
        if self.by == "day":
            return x * (1 + int(time.time()) // 86400 % 7)
        if self.by == "timed":  # looks at the clock, and answers alike
            time.perf_counter(), datetime.datetime.now()
        return x * len({name for name in ("a", "b")})
