# SPDX-License-Identifier: Apache-2.0
"""What tests of the golden checks share: the command, and small networks with their seals.

Exits with 125 where this interpreter lacks torch, numpy or safetensors: the test that imports it counts as skipped."""

import pathlib
import sys
import tempfile

from reports import findings, run

try:
    import numpy  # noqa: F401
    import safetensors  # noqa: F401
    import torch
    from torch import nn
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(125)


class Classifier(nn.Module):
    """Scores of a picture, and what a caller would make of them: the best class and which classes are likely."""

    def __init__(self, offset: float = 0.0):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3)
        self.head = nn.Linear(16, 10)
        self.offset = offset

    def forward(self, image):
        scores = self.head(torch.relu(self.conv(image)).mean([2, 3])) + self.offset
        return {"scores": scores, "best": scores.argmax(1), "likely": scores > 0}


class Model:
    """A scripted network, its weights and its seal in a folder of their own."""

    def __init__(self, command, folder, network, inputs):
        self.command, self.folder, self.network = command, folder, network
        folder.mkdir()
        self.checkpoint, self.seal = folder / "weights.pth", folder / "weights.seal"
        torch.save(network.state_dict(), self.checkpoint)
        self.architecture = self.script(network, "network.pt")
        command("capture", self.checkpoint, "--model", self.architecture, "--input", inputs, "-o", self.seal)

    @staticmethod
    def capture(command, folder, network, *inputs):
        """The exit code and the findings of a capture that may refuse."""
        folder.mkdir()
        torch.save(network.state_dict(), folder / "weights.pth")
        torch.jit.script(network.eval()).save(str(folder / "network.pt"))
        options = [option for value in inputs for option in ("--input", value)]
        return command("capture", folder / "weights.pth", "--model", f"torchscript:{folder / 'network.pt'}", *options)

    def script(self, network, name):
        path = self.folder / name
        torch.jit.script(network.eval()).save(str(path))
        return f"torchscript:{path}"

    def verify(self, *options):
        return self.command("verify", self.seal, *options)


class Command:
    def __init__(self, program, torch_directory):
        self.program, self.runtime = program, f"libtorch={torch_directory}"

    def __call__(self, *arguments):
        """The exit code, and the findings by id."""
        runtime = [] if "--results" in arguments else ["--runtime", self.runtime]
        code, report, said = run(self.program, *arguments, *runtime)
        if report is None:
            sys.exit(f"{arguments[0]} gave no report, exit code {code}: {said}")
        self.evidence = report["evidence"]  # of the last run
        self.stages = {stage["name"] for stage in report["stages"]}
        return code, findings(report)


def first_row(finding, column):
    table = finding["tables"][0]
    return table["rows"][0][table["columns"].index(column)]


def prove(*behaviours):
    """Runs each with the command of `SCRIPT GOLDSEAL TORCH_DIR` and one folder for all."""
    command = Command(*sys.argv[1:3])
    with tempfile.TemporaryDirectory() as name:
        torch.manual_seed(0)
        for behaviour in behaviours:
            behaviour(command, pathlib.Path(name))
