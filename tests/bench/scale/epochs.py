# SPDX-License-Identifier: Apache-2.0
"""What it costs to seal every epoch of a small training (docs/training.md): CPU seconds of this process and of the command, of each
epoch and of each save.

    epochs.py [--images N] [--epochs N]        GOLDSEAL_COMMAND names the command"""

import argparse
import os
import pathlib
import resource
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[2] / "src" / "python")]
try:
    import networks
    import torch
except ImportError as missing:
    print(f"skipped: {missing}", file=sys.stderr)
    sys.exit(125)

import goldseal  # noqa: E402


def cpu():
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def timed(function):
    before = cpu()
    function()
    return cpu() - before


def epoch(model, optimizer, images, labels):
    model.train()
    for batch, wanted in zip(images.split(32), labels.split(32)):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(batch), wanted).backward()
        optimizer.step()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2048)
    parser.add_argument("--epochs", type=int, default=3)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = networks.SmallResNet()
    optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
    images, labels = torch.randn(arguments.images, 3, 32, 32), torch.randint(0, 10, (arguments.images,))
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    print(f"{sum(tensor.numel() for tensor in model.parameters()) / 1e6:.1f} million parameters, {arguments.images} images")

    def save(**options):
        goldseal.save(model.state_dict(), "net.pth", model=model, inputs=images[:1], factory="networks:SmallResNet",
                      on_error="raise", **options)

    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        for number in range(arguments.epochs):
            trained = timed(lambda: epoch(model, optimizer, images, labels))
            quick = timed(lambda: save(depth="quick"))
            print(f"epoch {number + 1}: {trained:6.2f} CPU s, sealed quick {quick:5.2f} CPU s ({100 * quick / trained:.0f} %)", flush=True)
        print(f"torch.save {timed(lambda: torch.save(model.state_dict(), 'plain.pth')):.2f}, sealed in full {timed(save):.2f}, "
              f"quick without the program {timed(lambda: save(depth='quick', embed=False)):.2f} CPU s")
        os.chdir(HERE)


if __name__ == "__main__":
    main()
