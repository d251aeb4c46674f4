# SPDX-License-Identifier: Apache-2.0
"""A Darknet detector in miniature, which tests and pages take for a network: its cfg, and the state dict of the module that
PyTorch trains for it. `detector.py DIRECTORY` writes the one of the command-line tests.

A layer is (filters, size, stride, normalized). The last one feeds a yolo head of one class."""

import pathlib
import sys

import torch
from torch import nn

ANCHORS = "10,13, 16,30, 33,23"


def cfg(side, layers, anchors=ANCHORS):
    """The cfg for pictures of `side` by `side` pixels."""
    text = f"[net]\nwidth={side}\nheight={side}\nchannels=3\n"
    for filters, size, stride, normalized in layers:
        shape = f"size={size}\nstride={stride}\npad=1\n"
        text += "\n[convolutional]\n"
        text += f"batch_normalize=1\nfilters={filters}\n{shape}activation=leaky\n" if normalized else (
            f"{shape}filters={filters}\nactivation=linear\n")
    return f"{text}\n[yolo]\nmask = 0,1,2\nanchors = {anchors}\nclasses=1\n"


class Detector(nn.Module):
    """The module, with the names that YOLOv3's PyTorch ports have."""

    def __init__(self, layers):
        super().__init__()
        self.module_list = nn.ModuleList()
        channels = 3
        for index, (filters, size, stride, normalized) in enumerate(layers):
            block = nn.Sequential()
            block.add_module(f"conv_{index}",
                             nn.Conv2d(channels, filters, size, stride, size // 2, bias=not normalized))
            if normalized:
                block.add_module(f"batch_norm_{index}", nn.BatchNorm2d(filters))
            self.module_list.append(block)
            channels = filters


def with_flipped_bit(state, name):
    """The state dict with one bit of a tensor's first element flipped."""
    flipped = dict(state)
    flipped[name] = state[name].clone()
    flipped[name].view(torch.int32).view(-1)[0] ^= 1
    return flipped


def write_for_command_line(directory):
    """tiny.cfg, tiny.pth as DataParallel saves it, and flipped.pth."""
    layers = [(8, 3, 1, True), (8, 3, 2, True), (18, 1, 1, False)]
    torch.manual_seed(1)
    state = nn.DataParallel(Detector(layers)).state_dict()
    for name, tensor in state.items():
        if name.endswith("running_var"):
            tensor.uniform_(0.05, 2)
    (directory / "tiny.cfg").write_text(cfg(32, layers), encoding="utf-8")
    torch.save(state, directory / "tiny.pth")
    torch.save(with_flipped_bit(state, "module.module_list.1.conv_1.weight"), directory / "flipped.pth")


if __name__ == "__main__":
    write_for_command_line(pathlib.Path(sys.argv[1]))
