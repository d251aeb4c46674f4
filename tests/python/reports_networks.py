# SPDX-License-Identifier: Apache-2.0
"""Networks of public reports that reports_test.py tries."""
import datetime
import os
import time

import torch
from torch import nn


class Rows(nn.Module):
    """Rows that stand for words."""

    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(20, 64), nn.Linear(64, 20)

    def forward(self, x):
        return self.head(self.embed((x * 19).long()).cumsum(1))


class Config:
    """No dataclass, and not every version has every setting."""


class Asks(nn.Module):
    """Takes a default for what need not be there, in the ways that code does."""

    def __init__(self, how="self", value=None):
        super().__init__()
        self.fc, self.config, self.how, self.settings = nn.Linear(4, 4), Config(), how, {}
        if value is None:
            return
        if how == "config":
            self.config.scale = value
        elif how == "settings":
            self.settings["scale"] = value
        else:
            self.scale = value

    def forward(self, x):
        y = self.fc(x)
        if self.how == "self":
            return y * getattr(self, "scale", 1.0)
        if self.how == "hasattr":
            return y * self.scale if hasattr(self, "scale") else y
        if self.how == "config":
            return y * getattr(self.config, "scale", 1.0)
        if self.how == "settings":
            return y * self.settings.get("scale", 1.0)
        try:
            return y * self.scale
        except AttributeError:
            return y


class Keeps(nn.Module):
    """Asks for what its own forward pass makes: no setting."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        if not hasattr(self, "table"):
            self.table = torch.ones(4) * 0.5
        return self.fc(x) * self.table


class Theta(nn.Module):
    """A number of an object that is no dataclass."""

    def __init__(self, theta=10000.0):
        super().__init__()
        self.fc, self.config = nn.Linear(4, 4), Config()
        self.config.theta = theta

    def forward(self, x):
        return self.fc(x) * (1 / self.config.theta ** torch.linspace(0, 1, 4))


class Clock(nn.Module):
    """Answers by the clock: the day, the hour, what was started."""

    def __init__(self, how="day"):
        super().__init__()
        self.fc, self.how = nn.Linear(4, 4), how

    def forward(self, x):
        value = {
            "day": lambda: datetime.date.today().toordinal() % 1000,
            "now": lambda: datetime.datetime.now().month,
            "strftime": lambda: int(time.strftime("%d")),
            "monotonic": lambda: time.monotonic() // 1000000 + 1,
            "epoch": lambda: datetime.datetime.fromtimestamp(86400 * 5).day,
        }[self.how]()
        return self.fc(x) * float(value)


def once(how="raises"):
    """A factory that fails in the process that capture starts beside the first (PROTOCOL.md)."""
    if "GOLDSEAL_BUILD_SEED" in os.environ:
        if how == "exits":
            os._exit(3)
        raise RuntimeError("factory.lock is held by another process")
    return Asks("self", 3.0)


class Normed(nn.Module):
    """weight_norm under its names of today and of old."""

    def __init__(self, new=1):
        super().__init__()
        self.fc = (nn.utils.parametrizations.weight_norm if new else nn.utils.weight_norm)(nn.Linear(4, 4))

    def forward(self, x):
        return self.fc(x)


class Trained(nn.Module):
    """What is otherwise in training mode."""

    def __init__(self, statistics=True, drops=False):
        super().__init__()
        self.conv, self.drop = nn.Conv1d(2, 3, 3), nn.Dropout(0.5) if drops else nn.Identity()
        self.norm = nn.BatchNorm1d(3, track_running_stats=statistics)

    def forward(self, x):
        return self.drop(self.norm(self.conv(x)))
