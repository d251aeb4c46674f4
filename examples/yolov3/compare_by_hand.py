# SPDX-License-Identifier: Apache-2.0
"""What people write today to see whether a checkpoint still gives the same answers: load, strip `module.`, run, compare.

It answers yes or no for one input, with a tolerance that somebody guessed; goldseal is measured against it (tests/bench).
"""

import argparse
import sys

import numpy
import torch
from PIL import Image

from darknet import Darknet


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cfg", default="yolov3.cfg")
    parser.add_argument("--checkpoint", default="yolov3.pth")
    parser.add_argument("--image", default="scene.png")
    parser.add_argument("--expected", default="expected.pt", help="written by make_checkpoint.py --expected")
    arguments = parser.parse_args()

    model = Darknet(arguments.cfg)
    state = torch.load(arguments.checkpoint, map_location="cpu")
    model.load_state_dict({key.removeprefix("module."): value for key, value in state.items()})
    model.eval()

    pixels = numpy.asarray(Image.open(arguments.image).convert("RGB"))
    image = torch.from_numpy(numpy.ascontiguousarray(pixels.transpose(2, 0, 1)[None], numpy.float32) / 255)
    with torch.no_grad():
        heads = model(image)
    expected = torch.load(arguments.expected, map_location="cpu")

    same = all(torch.allclose(head, wanted, rtol=1e-3, atol=1e-3) for head, wanted in zip(heads, expected, strict=True))
    worst = max((head - wanted).abs().max().item() for head, wanted in zip(heads, expected, strict=True))
    print(f"{'same' if same else 'DIFFERENT'}: largest difference {worst:.2e}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
