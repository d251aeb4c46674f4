# SPDX-License-Identifier: Apache-2.0
"""A Darknet network as a PyTorch module, written apart from the worker: one nn.Sequential a section, as the PyTorch-YOLOv3
repositories have it."""
import torch
from torch import nn

ACTIVATIONS = {"leaky": lambda: nn.LeakyReLU(0.1), "relu": nn.ReLU, "mish": nn.Mish, "swish": nn.SiLU, "logistic": nn.Sigmoid,
               "linear": nn.Identity}


def sections_of(text):
    sections = []
    for line in text.splitlines():
        line = line.split("#")[0].strip()
        if line.startswith("["):
            sections.append((line[1:-1], {}))
        elif line:
            key, value = line.split("=")
            sections[-1][1][key.strip()] = value.strip()
    return sections


def numbers(text):
    return [int(part) for part in text.split(",")]


class Reference(nn.Module):
    def __init__(self, text):
        super().__init__()
        (_, net), *self.sections = sections_of(text)
        self.module_list = nn.ModuleList()
        channels = []
        for index, (kind, options) in enumerate(self.sections):
            before = channels[-1] if channels else int(net["channels"])
            modules = nn.Sequential()
            after = before
            if kind == "convolutional":
                after = self.add_convolution(modules, index, options, before, net)
            elif kind == "route":
                groups = int(options.get("groups", 1))
                after = sum(channels[source] // groups for source in numbers(options["layers"]))
            elif kind == "upsample":
                modules.add_module("up", nn.Upsample(scale_factor=int(options["stride"]), mode="nearest"))
            elif kind == "maxpool":
                size, stride = int(options["size"]), int(options["stride"])
                if size == 2 and stride == 1:
                    modules.add_module("pad", nn.ZeroPad2d((0, 1, 0, 1)))
                modules.add_module("pool", nn.MaxPool2d(size, stride, padding=(size - 1) // 2))
            channels.append(after)
            self.module_list.append(modules)

    @staticmethod
    def add_convolution(modules, index, options, before, net):
        filters, size = int(options["filters"]), int(options["size"])
        padding = size // 2 if int(options.get("pad", 0)) else int(options.get("padding", 0))
        normalized = int(options.get("batch_normalize", 0)) == 1
        modules.add_module(f"conv_{index}", nn.Conv2d(before, filters, size, int(options.get("stride", 1)), padding,
                                                      groups=int(options.get("groups", 1)), bias=not normalized))
        if normalized:
            eps = float(options.get("batch_normalize_eps", net.get("batch_normalize_eps", 1e-5)))
            modules.add_module(f"batch_norm_{index}", nn.BatchNorm2d(filters, eps=eps))
        modules.add_module("act", ACTIVATIONS[options.get("activation", "linear")]())
        return filters

    def forward(self, x):
        """Gives the raw heads by name."""
        outputs, heads = [], {}
        for index, ((kind, options), module) in enumerate(zip(self.sections, self.module_list)):
            if kind == "route":
                groups, part = int(options.get("groups", 1)), int(options.get("group_id", 0))
                x = torch.cat([outputs[source].chunk(groups, 1)[part] for source in numbers(options["layers"])], 1)
            elif kind == "shortcut":
                x = ACTIVATIONS[options.get("activation", "linear")]()(outputs[-1] + outputs[int(options["from"])])
            elif kind == "yolo":
                heads[f"yolo_{index}"] = x
            else:
                x = module(x)
            outputs.append(x)
        return heads
