# SPDX-License-Identifier: Apache-2.0
"""Networks that the tests build by name: `python:networks:Net`."""
import dataclasses
import math

import enum

import torch
from torch import nn


class Net(nn.Module):
    """A little of everything: convolution, BatchNorm, dropout, a linear layer."""

    def __init__(self, width=8, eps=1e-5):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width, eps=eps)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(width, 5)

    def forward(self, image):
        maps = torch.relu(self.norm(self.conv(image)))
        return {"maps": maps, "logits": self.head(self.drop(maps.mean((2, 3))))}


class Rotary(nn.Module):
    """Holds values that no state dict has: a table, a list of tensors, a tensor that is registered as nothing."""

    def __init__(self):
        super().__init__()
        self.register_buffer("table", torch.arange(4, dtype=torch.float32), persistent=False)
        self.plain = torch.full((4,), 0.5)
        self.offsets = [torch.ones(4)]
        self.scale = nn.Parameter(torch.ones(4))

    def forward(self, x):
        return x * self.scale * self.plain + self.table + self.offsets[0]


class Stubborn(nn.Module):
    """Cannot be built on the meta device: it looks at values."""

    def __init__(self):
        super().__init__()
        self.rates = torch.linspace(0, 1, 3).tolist()
        self.linear = nn.Linear(3, 3)

    def forward(self, x):
        return self.linear(x) * self.rates[1]


class Wide(nn.Module):
    """A gigabyte of weights."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1 << 14, 1 << 14, bias=False)

    def forward(self, x):
        return self.linear(x)


class KeepsDevice(nn.Module):
    """Makes tensors where its weights lay when it was built: what keeps the device is an attribute, a list or a closure."""

    def __init__(self, kind="closure"):
        super().__init__()
        self.linear = nn.Linear(3, 3)
        device = self.linear.weight.device
        if kind == "closure":
            self.ones = lambda: torch.ones(3, device=device)
        elif kind == "list":
            self.places = [device]
        elif kind == "text":
            self.place = str(device)
        self.kind = kind

    def forward(self, x):
        if self.kind == "closure":
            return self.linear(x) + self.ones()
        if self.kind == "moves":
            return self.linear(x) + torch.ones(3, device=self.linear.weight.device)
        return self.linear(x.to(self.places[0] if self.kind == "list" else self.place)) + 1


class Scripted(nn.Module):
    """One part is a trace, into which the device of its input was written."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.traced = torch.jit.trace(_add_ones, torch.ones(1, 3))

    def forward(self, x):
        return self.traced(self.linear(x))


def _add_ones(x):
    return x + torch.ones(3, device=x.device)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 4, num_layers=2, batch_first=True)

    def forward(self, x):
        return self.lstm(x)


class Shared(nn.Module):
    """One module in two places, and one parameter in two modules."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 3, bias=False)
        self.second = self.first
        self.tied = nn.Linear(3, 3, bias=False)
        self.tied.weight = self.first.weight

    def forward(self, x):
        return self.tied(self.second(self.first(x)))


@dataclasses.dataclass
class Answer:
    boxes: torch.Tensor
    count: int
    nothing: None = None


class Arguments(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))

    def forward(self, left, right=None, *, scale=1.0, flag: bool = False, **more):
        value = (left - (0 if right is None else right)) * self.weight * scale
        return (value, [Answer(value + 1, 7)], {"more": sum(more.values())} if more else None)


class Places(nn.Module):
    def forward(self, *parts):
        return parts[0] - parts[1]


class Counter(nn.Module):
    """Counts its runs in a buffer, in place."""

    def __init__(self):
        super().__init__()
        self.register_buffer("count", torch.zeros(1))

    def forward(self, x):
        self.count += 1
        return x + self.count


class Force(nn.Module):
    """Differentiates inside its forward pass."""

    def __init__(self):
        super().__init__()
        self.energy = nn.Linear(3, 1)

    def forward(self, x):
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            return torch.autograd.grad(torch.tanh(self.energy(x)).sum(), x)[0]


class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return {"good": x, "odd": object()}


class Renaming(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2)

    def state_dict(self, *args, **kwargs):
        return {"renamed." + name: value for name, value in super().state_dict(*args, **kwargs).items()}


class Residual(nn.Module):
    """Two residual blocks with BatchNorm, the second of them narrower in space."""

    class Block(nn.Module):
        def __init__(self, channels, out, stride):
            super().__init__()
            self.first = nn.Conv2d(channels, out, 3, stride=stride, padding=1, bias=False)
            self.norm1 = nn.BatchNorm2d(out)
            self.second = nn.Conv2d(out, out, 3, padding=1, bias=False)
            self.norm2 = nn.BatchNorm2d(out)
            self.short = nn.Identity() if stride == 1 else nn.Conv2d(channels, out, 1, stride=stride)

        def forward(self, x):
            y = self.norm2(self.second(torch.relu(self.norm1(self.first(x)))))
            return torch.relu(y + self.short(x))

    def __init__(self, width=8):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.blocks = nn.Sequential(self.Block(width, width, 1), self.Block(width, 2 * width, 2))
        self.head = nn.Linear(2 * width, 10)

    def forward(self, image):
        return self.head(self.blocks(torch.relu(self.norm(self.stem(image)))).mean([2, 3]))


class Branching(nn.Module):
    """Which branch is taken depends on the data."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 4)

    def forward(self, x):
        y = self.linear(x)
        if bool(y.abs().sum() > 1e-6):
            return torch.tanh(y) * 2
        return y


class Frozen(nn.Module):
    """A trace takes what leaves PyTorch for a constant; torch.export follows no array of numpy's (it does follow tolist())."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 4)

    def forward(self, x):
        y = self.linear(x)
        return torch.from_numpy(y.detach().cpu().numpy().copy()) + 0 * y


class Leaning(nn.Module):
    """Which branch is taken depends on the weights, in code that TorchScript does not know."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 4)

    def forward(self, x):
        y = self.linear(x)
        leans = float(self.linear.bias.detach().sum()) > 0
        return {True: torch.tanh, False: torch.sigmoid}[leans](y)


class HalfNorm(nn.Module):
    """Computes in bfloat16, its norm in float32, and answers in float32, as language models do."""

    def __init__(self):
        super().__init__()
        self.scale, self.linear, self.head = nn.Parameter(torch.ones(16)), nn.Linear(3, 16), nn.Linear(16, 4)
        self.bfloat16()

    def forward(self, x):
        x = self.linear(x.to(self.linear.weight.dtype))
        wide = x.to(torch.float32)
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-6)
        return self.head(self.scale * wide.to(x.dtype)).float()


class Remembering(nn.Module):
    """Keeps what it has seen, and counts in place."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 4)
        self.register_buffer("count", torch.zeros(1))
        self.seen = None

    def forward(self, x):
        if not torch.jit.is_scripting() and not self.training:
            self.seen = None
        self.count += 1
        return self.linear(x) * torch.clamp(self.count, max=1)


class Scaled(nn.Module):
    """A number that no state dict holds."""

    def __init__(self, factor=1.0):
        super().__init__()
        self.factor = factor
        self.linear = nn.Linear(3, 4)

    def forward(self, x):
        return self.linear(x) * self.factor


def wrapped():
    return nn.DataParallel(Net())


def raises():
    print("said before it failed")
    raise ValueError("no such width")


def leaves():
    raise SystemExit(3)


def dictionary():
    return {"conv.weight": torch.zeros(1)}


number = math.pi


class Standardized(nn.Module):
    """Standardizes its weights by a norm in training mode, as networks without normalisation of their activations do."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(4, 3, 3, 3))

    def forward(self, image):
        flat = self.weight.reshape(1, 4, -1)
        weight = nn.functional.batch_norm(flat, None, None, training=True, momentum=0.0, eps=1e-6).reshape_as(self.weight)
        return nn.functional.conv2d(image, weight)


class Foreign(nn.Module):
    """Calls an operator that a library of Python's registers."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x):
        return torch.ops.goldseal_tests.twice(self.linear(x))


def register_foreign():
    library = torch.library.Library("goldseal_tests", "DEF")
    library.define("twice(Tensor x) -> Tensor")
    for key in ("CPU", "Meta"):
        library.impl("twice", lambda x: 2 * x, key)
    return library


class Kind(enum.Enum):
    plain = 1
    shifted = 2


class Tuned(nn.Module):
    """A norm of the user's own; what it counts is no hyperparameter, and what it does not read neither."""

    def __init__(self, variance_epsilon=1e-6, kind=Kind.plain, power=2, whole=True):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))
        self.variance_epsilon, self.kind, self.power, self.whole = variance_epsilon, kind, power, whole
        self.calls, self.unread = 0, 1.0

    def forward(self, x):
        self.calls += 1
        spread = x.pow(self.power).mean(-1, keepdim=self.whole)
        shift = 1.0 if self.kind is Kind.shifted else 0.0
        return self.weight * x * torch.rsqrt(spread + self.variance_epsilon) + shift


class TunedNetwork(nn.Module):
    def __init__(self, **settings):
        super().__init__()
        self.norm = Tuned(**settings)

    def forward(self, x):
        return self.norm(x)


class TiedHead(nn.Module):
    """A head whose weight is the embedding's. `late`: files keep the head's name, and leave out the embedding's."""

    def __init__(self, late=False):
        super().__init__()
        self.words = nn.Embedding(20, 8)
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 20, bias=False)
        self.head.weight = self.words.weight
        if late:
            self._tied_weights_keys = ["words.weight"]

    def forward(self, tokens):
        return self.head(self.norm(self.words(tokens)))


class TiedThrice(nn.Module):
    """One tensor under three names, a module in two places, and a pair of biases."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.third = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3)
        self.second.weight = self.third.weight = self.first.weight
        self.third.bias = self.second.bias
        self.again = self.first

    def forward(self, x):
        return self.again(self.third(torch.tanh(self.second(torch.tanh(self.first(x))))))


def register_python_operators():
    """Operators that are defined in Python: of others alone, of others by what they find, and by numpy."""

    @torch.library.custom_op("goldseal_python::plain", mutates_args=())
    def plain(x: torch.Tensor) -> torch.Tensor:
        return torch.where(x > 0, x, 0.1 * x)

    @torch.library.custom_op("goldseal_python::branching", mutates_args=())
    def branching(x: torch.Tensor) -> torch.Tensor:
        return 2 * x if float(x.sum()) > 0 else 3 * x

    @torch.library.custom_op("goldseal_python::numpy", mutates_args=())
    def numpy(x: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(x.detach().numpy() * 2)

    for operator in (plain, branching, numpy):
        operator.register_fake(torch.empty_like)
    return plain, branching, numpy


class Calling(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.linear, self.kind = nn.Linear(3, 3), kind

    def forward(self, x):
        return getattr(torch.ops.goldseal_python, self.kind)(self.linear(x))


class Unbounded(nn.Module):
    """The way that it takes for float64 gives no numbers."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, x):
        hidden = self.first(x)
        if hidden.dtype is torch.float64:
            hidden = torch.log(-1 - hidden.abs())
        return self.second(torch.tanh(hidden))


class Newer(nn.Module):
    """Calls an operator that LibTorch has from 2.5 on."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x):
        return torch.ops.aten._safe_softmax.default(self.linear(x), -1)
