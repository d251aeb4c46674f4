# SPDX-License-Identifier: Apache-2.0
"""The network of the Python benchmarks: residual blocks, 23 million parameters."""
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x):
        return torch.relu(x + self.second(torch.relu(self.first(x))))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 512, 8, stride=8)
        self.blocks = nn.Sequential(*(Block(512) for _ in range(5)))
        self.head = nn.Linear(512, 100)

    def forward(self, image):
        return self.head(self.blocks(self.stem(image)).mean((2, 3)))
