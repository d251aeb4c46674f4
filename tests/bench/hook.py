# SPDX-License-Identifier: Apache-2.0
"""The cost of goldseal.save beside torch.save and a training step. GOLDSEAL_COMMAND and PYTHONPATH name what is measured.

    hook.py [ROUNDS]         the least of ROUNDS (3) times of each
"""
import os
import sys
import tempfile
import time

import goldseal
import torch
from training_network import Net


def least(rounds, function):
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def main(rounds):
    torch.manual_seed(0)
    model = Net()
    batch = torch.rand(8, 3, 224, 224)
    golden = batch[:1]

    def step():
        model.zero_grad()
        model(batch).square().mean().backward()

    def forward():
        with torch.no_grad():
            model(golden)

    def save(**options):
        goldseal.save(model.state_dict(), "net.pth", model=model, inputs=golden, factory="training_network:Net", on_error="raise",
                      seal_options=options)

    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        rows = {
            "a training step (8 images)": least(rounds, step),
            "a forward pass (1 image)": least(rounds, forward),
            "torch.save": least(rounds, lambda: torch.save(model.state_dict(), "net.pth")),
            "the first goldseal.save": least(1, lambda: save()),
            "goldseal.save": least(rounds, lambda: save()),
            "goldseal.save, embed=False": least(rounds, lambda: save(embed=False)),
        }
    parameters = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    print(f"{parameters:.1f} million parameters, torch {torch.__version__}, {torch.get_num_threads()} threads")
    for name, taken in rows.items():
        print(f"{name:<28} {taken:6.2f} s")


main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
