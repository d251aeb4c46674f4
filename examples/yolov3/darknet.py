# SPDX-License-Identifier: Apache-2.0
"""A network from a Darknet cfg, in plain PyTorch, with the parameter names of the PyTorch-YOLOv3 repositories."""

import torch
from torch import nn


def read_cfg(path):
    """The sections of a cfg in order, each a dict of strings with its name under "type"."""
    sections = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            line = line.partition("#")[0].strip()
            if line.startswith("["):
                sections.append({"type": line.strip("[]")})
            elif line:
                key, _, value = line.partition("=")
                sections[-1][key.strip()] = value.strip()
    return sections


class Darknet(nn.Module):
    """Gives the raw maps of the yolo heads, largest stride first: for YOLOv3 at 416x416 and 80 classes N x 255 x 13 x 13, 26 x 26, 52 x 52."""

    def __init__(self, cfg):
        super().__init__()
        net, *self.layers = read_cfg(cfg)
        self.eps = float(net.get("batch_normalize_eps", 1e-5))
        self.module_list = nn.ModuleList()
        channels = [int(net["channels"])]  # of the input, then of each layer's output
        for index, layer in enumerate(self.layers):
            module = nn.Sequential()
            channels.append(self._add(module, index, layer, channels))
            self.module_list.append(module)

    def _add(self, module, index, layer, channels):
        """Fills the layer's module and returns how many channels it gives."""
        kind = layer["type"]
        if kind == "convolutional":
            return self._add_convolution(module, index, layer, channels[-1])
        if kind == "maxpool":
            size, stride = int(layer["size"]), int(layer["stride"])
            if (size, stride) == (2, 1):
                module.add_module(f"pad_{index}", nn.ZeroPad2d((0, 1, 0, 1)))
            module.add_module(f"maxpool_{index}", nn.MaxPool2d(size, stride, (size - 1) // 2))
        elif kind == "upsample":
            module.add_module(f"upsample_{index}", nn.Upsample(scale_factor=int(layer["stride"]), mode="nearest"))
        elif kind == "route":
            return sum(channels[1:][source] for source in self._sources(layer["layers"]))
        elif kind == "shortcut":
            self._sources(layer["from"])
        elif kind != "yolo":
            raise ValueError(f"layer {index}: [{kind}] is not known")
        return channels[-1]

    def _add_convolution(self, module, index, layer, in_channels):
        normalized = layer.get("batch_normalize") == "1"
        filters, size = int(layer["filters"]), int(layer["size"])
        padding = size // 2 if layer.get("pad") == "1" else 0
        module.add_module(
            f"conv_{index}",
            nn.Conv2d(in_channels, filters, size, int(layer.get("stride", 1)), padding, bias=not normalized),
        )
        if normalized:
            module.add_module(f"batch_norm_{index}", nn.BatchNorm2d(filters, eps=self.eps))
        if layer.get("activation") == "leaky":
            module.add_module(f"leaky_{index}", nn.LeakyReLU(0.1))
        return filters

    @staticmethod
    def _sources(text):
        return [int(number) for number in text.split(",")]

    def forward(self, image):
        outputs, heads = [], []
        for layer, module in zip(self.layers, self.module_list):
            if layer["type"] == "route":
                image = torch.cat([outputs[source] for source in self._sources(layer["layers"])], dim=1)
            elif layer["type"] == "shortcut":
                image = outputs[-1] + outputs[int(layer["from"])]
            elif layer["type"] == "yolo":
                heads.append(image)
            else:
                image = module(image)
            outputs.append(image)
        return heads
