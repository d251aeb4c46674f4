# SPDX-License-Identifier: Apache-2.0
"""What sealing and verifying networks of the sizes that people ship takes: CPU seconds (user and system, of the command and its
workers) and anonymous memory (sampled, of all of them). Mapped weights are not anonymous: they can be reclaimed.

    scale.py --goldseal build/release/goldseal [--rows NAME…] [--save] [--quick]

`--save` measures `goldseal.save` in a training process beside `torch.save`, with the program enclosed."""

import argparse
import os
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from processes import Peak, anonymous, measured  # noqa: E402

try:
    import networks
    import torch
    from safetensors.torch import save_file
except ImportError as missing:
    print(f"skipped: {missing}", file=sys.stderr)
    sys.exit(125)

HERE = pathlib.Path(__file__).resolve().parent
TOKENS = "random:1x16,seed=1,below=1000"
IMAGE = "random:1x3x224x224,seed=1,normal"
# width, layers, words: 10 million to 1 billion parameters and more
DECODERS = {"llm-10m": (256, 6, 8000), "llm-31m": (512, 6, 12000), "llm-100m": (768, 9, 17000), "llm-311m": (1024, 20, 29000),
            "llm-1b": (2048, 17, 32000), "llm-3b": (3072, 24, 32000)}


def decoder(name):
    width, layers, words = DECODERS[name]
    return (lambda: networks.Decoder(width, layers, words), f"python:networks:Decoder?width={width}&layers={layers}&words={words}",
            "tokens=" + TOKENS)


ROWS = {name: (lambda name=name: decoder(name)) for name in DECODERS}
ROWS["resnet50"] = lambda: (networks.ResNet50, "python:networks:ResNet50", "image=" + IMAGE)
ROWS["vit-b16"] = lambda: (networks.ViT, "python:networks:ViT", "image=" + IMAGE)


def row(name, taken, mib, parameters):
    print(f"{name:<34}{taken:9.2f} CPU s{mib:9.0f} MiB{mib * 2**20 / parameters:8.2f} B/parameter", flush=True)


def commands(goldseal, name, quick):
    build, model, given = ROWS[name]()
    network = networks.settled(build())
    parameters = sum(tensor.numel() for tensor in network.parameters())
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, "net.safetensors")
    del network
    runtime = ["--runtime", "python=" + sys.executable, "--quiet", "--threads", "1"]
    capture = [goldseal, "capture", "net.safetensors", "--model", model, "--input", given, "-o", "net.seal", "--force", *runtime]
    idle = measured([goldseal, "runtime"])[0]
    print(f"{name}: {parameters / 1e6:.0f} million parameters; an idle command takes {idle:.2f} s")
    if quick:
        row("capture --depth quick", *measured([*capture, "--depth", "quick"]), parameters)
    row("capture", *measured(capture), parameters)
    verify = [goldseal, "verify", "net.seal", "--trust-code", *runtime]
    row("verify --depth quick", *measured([*verify, "--depth", "quick"]), parameters)
    row("verify", *measured(verify), parameters)


def save(name):
    """In this process, as a training script calls it."""
    import goldseal

    build, _, _ = ROWS[name]()
    network = networks.settled(build())
    state, parameters = network.state_dict(), sum(tensor.numel() for tensor in network.parameters())
    given = torch.arange(16).unsqueeze(0) if name in DECODERS else torch.randn(1, 3, 224, 224)
    factory = ROWS[name]()[1].removeprefix("python:")

    def cpu():
        times = os.times()
        return times.user + times.system + times.children_user + times.children_system

    def timed(label, function):
        before, began, base = cpu(), time.monotonic(), anonymous(os.getpid())
        with Peak(os.getpid()) as peak:
            function()
        row(label, cpu() - before, peak.mib - base, parameters)
        return time.monotonic() - began

    timed("torch.save", lambda: torch.save(state, "net.pth"))
    torch_save = timed("torch.save, again", lambda: torch.save(state, "net.pth"))
    # goldseal.save never writes over the earlier file, whose pages the kernel hands to torch.save at no cost.
    beside = timed("torch.save, to a new file", lambda: torch.save(state, "new.pth"))
    for label, options in (("the first goldseal.save", {}), ("goldseal.save", {}), ("goldseal.save, embed=False", {"embed": False}),
                           ("goldseal.save, depth=quick", {"depth": "quick"})):
        taken = timed(label, lambda: goldseal.save(state, "net.pth", model=network, inputs=given, factory=factory, on_error="raise",
                                                   seal_options=options))
        print(f"{'':<34}{taken / torch_save:9.1f} x torch.save (wall), {taken / beside:.1f} x to a new file")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--goldseal", default="goldseal")
    parser.add_argument("--rows", nargs="+", default=["llm-311m", "resnet50", "vit-b16"], choices=list(ROWS))
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    goldseal = os.path.abspath(arguments.goldseal)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    os.environ.setdefault("GOLDSEAL_COMMAND", goldseal)
    for name in arguments.rows:
        with tempfile.TemporaryDirectory() as directory:
            os.chdir(directory)
            save(name) if arguments.save else commands(goldseal, name, arguments.quick)
            os.chdir(HERE)


if __name__ == "__main__":
    main()
