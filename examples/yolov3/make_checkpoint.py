# SPDX-License-Identifier: Apache-2.0
"""Makes what a training run leaves behind: YOLOv3's state dict saved under DataParallel, and a picture to try it on.

No trained weights are downloaded. They are drawn at random and then calibrated on the picture, layer by layer, as training
would: every layer's output keeps the order of 1 to 100, so that the network computes with numbers like a trained one's.
"""

import argparse

import numpy
import torch
from PIL import Image, ImageDraw
from torch import nn

from darknet import Darknet

YOLOV3_PARAMETERS = 61_949_149
YOLOV3_ENTRIES = 438


def draw_scene(size, seed):
    """A street at noon: sky, sun, houses, a road, a car and two people, with a little camera noise."""
    rows = numpy.linspace(0.0, 1.0, size)[:, None, None]
    sky = numpy.array([96.0, 156.0, 226.0]) * (1 - rows) + numpy.array([214.0, 226.0, 236.0]) * rows
    image = Image.fromarray(numpy.broadcast_to(sky, (size, size, 3)).astype(numpy.uint8))
    draw = ImageDraw.Draw(image)

    def box(shape, left, top, right, bottom, colour):
        getattr(draw, shape)([round(v * size) for v in (left, top, right, bottom)], fill=colour)

    box("ellipse", 0.78, 0.06, 0.90, 0.18, (255, 236, 150))
    box("rectangle", 0.0, 0.62, 1.0, 1.0, (86, 88, 92))
    box("rectangle", 0.0, 0.62, 1.0, 0.68, (150, 148, 140))
    for left, top, colour in ((0.03, 0.30, (176, 92, 72)), (0.30, 0.22, (206, 188, 150)), (0.62, 0.34, (120, 136, 118))):
        box("rectangle", left, top, left + 0.24, 0.62, colour)
        for row in range(3):
            for column in range(3):
                x, y = left + 0.03 + 0.07 * column, top + 0.04 + 0.08 * row
                box("rectangle", x, y, x + 0.04, y + 0.05, (58, 70, 92))
    for column in range(6):
        box("rectangle", 0.02 + 0.18 * column, 0.80, 0.11 + 0.18 * column, 0.82, (235, 235, 228))
    box("rectangle", 0.50, 0.66, 0.86, 0.77, (188, 32, 40))
    box("rectangle", 0.57, 0.60, 0.78, 0.67, (160, 26, 34))
    box("rectangle", 0.59, 0.61, 0.67, 0.66, (186, 214, 228))
    for centre in (0.58, 0.78):
        box("ellipse", centre - 0.035, 0.735, centre + 0.035, 0.805, (24, 24, 26))
    for left, colour in ((0.16, (36, 72, 160)), (0.30, (230, 170, 40))):
        box("ellipse", left + 0.01, 0.52, left + 0.05, 0.57, (222, 178, 148))
        box("rectangle", left, 0.57, left + 0.06, 0.70, colour)
        box("rectangle", left + 0.01, 0.70, left + 0.05, 0.80, (44, 44, 52))
    noise = numpy.random.default_rng(seed).normal(0.0, 4.0, (size, size, 3))
    return Image.fromarray(numpy.clip(numpy.asarray(image) + noise, 0, 255).astype(numpy.uint8))


def to_tensor(image):
    """1 x 3 x height x width, RGB, 0 to 1."""
    pixels = torch.from_numpy(numpy.asarray(image.convert("RGB")).copy())
    return (pixels.permute(2, 0, 1).unsqueeze(0).float() / 255).contiguous()


def draw_weights(model, seed):
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            # He et al. 2015, for leaky units of slope 0.1: the variance 2 / (1.01 * fan_in) keeps that of the signal.
            nn.init.kaiming_normal_(module.weight, a=0.1, generator=generator)
            if module.bias is not None:  # a head
                module.weight.mul_(3.0)
                module.bias.normal_(0.0, 1.0, generator=generator)
        elif isinstance(module, nn.BatchNorm2d):
            module.weight.uniform_(0.6, 1.4, generator=generator)
            module.bias.normal_(0.0, 0.2, generator=generator)


def calibrate(model, image):
    """Takes BatchNorm's statistics from the picture and its mirror images, as one step of training does."""
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    model.train()
    model(torch.cat([image, image.flip(3), image.flip(2)]))
    model.eval()


def largest_activation(model, image):
    """The heads that the network gives, and the largest magnitude that any of its layers puts out."""
    largest = [0.0]
    hooks = [
        module.register_forward_hook(lambda _m, _i, output: largest.append(output.abs().max().item()))
        for module in model.modules()
        if isinstance(module, (nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU))
    ]
    heads = model(image)
    for hook in hooks:
        hook.remove()
    return heads, max(largest)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cfg", default="yolov3.cfg", help="the Darknet cfg (%(default)s)")
    parser.add_argument("--checkpoint", default="yolov3.pth", help="the state dict to write (%(default)s)")
    parser.add_argument("--image", default="scene.png", help="the picture to write (%(default)s)")
    parser.add_argument("--expected", help="also write the heads' values here, for compare_by_hand.py")
    parser.add_argument("--seed", type=int, default=1, help="of weights and picture noise (%(default)s)")
    arguments = parser.parse_args()

    draw_scene(416, arguments.seed).save(arguments.image)
    image = to_tensor(Image.open(arguments.image))
    model = Darknet(arguments.cfg)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    with torch.no_grad():
        draw_weights(model, arguments.seed)
        calibrate(model, image)
        heads, largest = largest_activation(model, image)
    scale = max(head.square().mean().sqrt().item() for head in heads)
    state = nn.DataParallel(model).state_dict()
    torch.save(state, arguments.checkpoint)
    if arguments.expected:
        torch.save(heads, arguments.expected)

    assert parameters == YOLOV3_PARAMETERS, f"{arguments.cfg} has {parameters:,} parameters, YOLOv3 has {YOLOV3_PARAMETERS:,}"
    assert len(state) == YOLOV3_ENTRIES, f"the state dict has {len(state)} entries, YOLOv3's has {YOLOV3_ENTRIES}"
    assert 1 < scale < largest < 100, f"activations left their range: heads {scale:.3g}, largest {largest:.3g}"
    print(f"{arguments.image}: {image.shape[3]} x {image.shape[2]} RGB")
    print(f"{arguments.checkpoint}: {parameters:,} parameters in {len(state)} entries, first {next(iter(state))}")
    print(f"PyTorch {torch.__version__}: heads {[tuple(head.shape) for head in heads]}, rms {scale:.2f}, "
          f"largest activation {largest:.1f}")


if __name__ == "__main__":
    main()
