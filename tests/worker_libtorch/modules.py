# SPDX-License-Identifier: Apache-2.0
"""TorchScript archives that the tests load."""
import torch
from torch import nn


class Holder(nn.Module):
    """Holds the given tensors as buffers and gives each back, and the input."""

    def __init__(self, tensors):
        super().__init__()
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)


def holder_archive(path, tensors):
    """An archive whose outputs `0`, `1` … are its buffers in the order given, and whose last output is the input `x`."""
    module = torch.jit.script(Holder(tensors))
    results = ", ".join(f"self.{name}" for name in tensors)
    module.define(f"def forward(self, x):\n  return ({results}, x)\n")
    module.save(path)


class Block(nn.Module):
    """A residual block with BatchNorm, a non-persistent buffer and a tensor that is registered as nothing."""

    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.register_buffer("shift", torch.tensor([0.5]), persistent=False)
        self.plain = torch.tensor([0.25])

    def forward(self, x):
        return torch.relu(self.norm(self.conv(x))) * self.plain + self.shift


class Classifier(nn.Module):
    """Two blocks, dropout and a linear layer; in training mode it answers otherwise."""

    def __init__(self):
        super().__init__()
        self.first = Block(3)
        self.second = Block(3)
        self.dropout = nn.Dropout(0.5)
        self.linear = nn.Linear(3, 5)

    def forward(self, image):
        maps = self.second(self.first(image))
        return maps, self.linear(self.dropout(maps.mean((2, 3))))


class Plain(nn.Module):
    """Has nothing but parameters and persistent buffers, so that an archive of it may lie on the meta device."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, image):
        return self.norm(self.conv(image))


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x):
        return torch.relu_(self.norm(self.conv(x)))


def softened(x):
    return torch.tanh(x)


class Softened(nn.Module):
    def forward(self, x):
        return softened(x)


class Layered(nn.Module):
    """Operators of submodules, of a submodule's own code and of a function that it calls, and of the network's own, an
    operation in place, views and a conversion."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Residual(), Residual()])
        self.soft = Softened()
        self.head = nn.Linear(3 * 5 * 5, 4)

    def forward(self, x):
        for block in self.blocks:
            x = x + block(x)
        x = self.soft(x)[:, :, :5, :5]
        return self.head(x.transpose(2, 3).reshape(x.shape[0], -1).to(x.dtype))


class Sorted(nn.Module):
    """Answers by integers and booleans too, which are no layers."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(5, 4)

    def forward(self, x):
        scores = self.head(x)
        return {"scores": scores, "best": scores.argmax(-1), "positive": scores > 0}


class Partly(nn.Module):
    """Uses one row of its table, its head, and not its spare."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(10, 4)
        self.head = nn.Linear(4, 3)
        self.spare = nn.Linear(4, 3)

    def forward(self, index):
        return self.head(self.table(index)), index + 1


def randomized(module, seed):
    """The module in evaluation mode, with statistics that are not BatchNorm's initial ones."""
    torch.manual_seed(seed)
    for name, tensor in module.state_dict().items():
        if name.endswith("running_mean"):
            tensor.copy_(torch.randn_like(tensor))
        elif name.endswith("running_var"):
            tensor.copy_(torch.rand_like(tensor) + 0.5)
    return module.eval()


def state_of(module):
    return {name: tensor.numpy() for name, tensor in module.state_dict().items()}
