# SPDX-License-Identifier: Apache-2.0
"""Writes a small network as a checkpoint, and as a package of AOTInductor that needs no Python to run:

    python examples/aoti/classifier.py
    goldseal capture classifier.pth --model 'aoti:classifier.pt2?non_persistent=scale' --input image=random:2x3x8x8,seed=3,normal
    goldseal verify classifier.seal

Needs PyTorch 2.8 or newer and g++, and takes some ten seconds."""

import pathlib
import sys

import torch
from torch import nn


class Classifier(nn.Module):
    """A convolution, a BatchNorm, a bias of few numbers, a buffer that no state dict holds."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(16)
        self.head = nn.Linear(16, 4)
        self.register_buffer("scale", torch.tensor([2.0]), persistent=False)

    def forward(self, image):
        maps = torch.relu(self.norm(self.conv(image)))
        return {"scores": self.head(maps.mean([2, 3]) * self.scale)}


def compile_package(network, image, path, **configs):
    program = torch.export.export(network, (image,))
    torch._inductor.aoti_compile_and_package(program, package_path=str(path), inductor_configs=configs)


def main(folder="."):
    folder = pathlib.Path(folder)
    torch.manual_seed(7)
    network = Classifier().eval()
    nn.init.uniform_(network.norm.running_var, 0.5, 2)
    torch.save(network.state_dict(), folder / "classifier.pth")
    # By default Inductor writes tensors of at most eight numbers into the code, where no checkpoint reaches them.
    compile_package(network, torch.randn(2, 3, 8, 8), folder / "classifier.pt2", always_keep_tensor_constants=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
