# SPDX-License-Identifier: Apache-2.0
"""Networks that write to what they hold while they run: test data of carried_test.py."""
import torch
from torch import nn


class Written(nn.Module):
    """A hidden state in a buffer, written in place or put there anew; an average that moves with what is seen."""

    def __init__(self, how="in place", persistent=True):
        super().__init__()
        self.how, self.cell = how, nn.GRUCell(4, 4)
        self.register_buffer("state", torch.zeros(2, 4), persistent=persistent)

    def forward(self, x):
        if self.how == "in place":
            self.state.copy_(self.cell(x, self.state))
        elif self.how == "anew":
            self.state = self.cell(x, self.state)
        else:
            self.state = 0.9 * self.state + 0.1 * x
            return self.cell(x, self.state)
        return self.state.clone()


class Scripted(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(4, 4)
        self.register_buffer("state", torch.zeros(2, 4))

    def forward(self, x):
        self.state.copy_(self.cell(x, self.state))
        return self.state.clone()


class Attribute(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.hidden = nn.GRUCell(4, 4), None

    def forward(self, x):
        self.hidden = self.cell(x, self.hidden)
        return self.hidden


class Listed(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.seen = nn.GRUCell(4, 4), []

    def forward(self, x):
        self.seen.append(self.cell(x, self.seen[-1] if self.seen else None))
        return self.seen[-1]


class Counted(nn.Module):
    def __init__(self, counts=True):
        super().__init__()
        self.linear, self.steps, self.counts = nn.Linear(4, 4), 0, counts

    def forward(self, x):
        self.steps += 1
        return self.linear(x) * (1 + 0.1 * self.steps if self.counts else 1.0)


class WrittenParameter(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.mean = nn.Linear(4, 4), nn.Parameter(torch.zeros(4))

    def forward(self, x):
        with torch.no_grad():
            self.mean.mul_(0.9).add_(x.mean(0) * 0.1)
        return self.linear(x - self.mean)


class Remembered(nn.Module):
    """A table that is made once, and an activation that is kept for whoever looks: no later call computes with another one."""

    def __init__(self):
        super().__init__()
        self.linear, self.table, self.last = nn.Linear(4, 4), None, None

    def forward(self, x):
        if self.table is None:
            self.table = torch.arange(4.0).cos()
        self.last = self.linear(x) * self.table
        return self.last + 1.0
