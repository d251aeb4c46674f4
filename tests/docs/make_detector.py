# SPDX-License-Identifier: Apache-2.0
"""Writes detector.cfg and detector.pth: two convolutions and a yolo head, saved under DataParallel, for pages that need a quick model."""

import torch
from torch import nn

CFG = """\
[net]
width=16
height=16
channels=3

[convolutional]
batch_normalize=1
filters=4
size=3
stride=2
pad=1
activation=leaky

[convolutional]
size=1
stride=1
pad=1
filters=18
activation=linear

[yolo]
mask = 0,1,2
anchors = 4,6, 8,12, 16,24
classes=1
"""


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        first, second = nn.Sequential(), nn.Sequential()
        first.add_module("conv_0", nn.Conv2d(3, 4, 3, 2, 1, bias=False))
        first.add_module("batch_norm_0", nn.BatchNorm2d(4))
        second.add_module("conv_1", nn.Conv2d(4, 18, 1))
        self.module_list = nn.ModuleList([first, second])


torch.manual_seed(1)
torch.save(nn.DataParallel(Detector()).state_dict(), "detector.pth")
with open("detector.cfg", "w", encoding="utf-8") as file:
    file.write(CFG)
