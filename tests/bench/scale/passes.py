# SPDX-License-Identifier: Apache-2.0
"""What each pass of a capture takes in the Python worker: CPU seconds of one thread, and anonymous memory above the loaded
network. The sum is that of the runs that a capture of one case makes (golden_runs.cpp).

    passes.py [NAME…]        llm-10m llm-31m llm-100m llm-311m llm-1b resnet50 vit-b16"""

import pathlib
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "src" / "python"))
try:
    import networks
    import torch
except ImportError as missing:
    print(f"skipped: {missing}", file=sys.stderr)
    sys.exit(125)

from goldseal.worker.numerics.gradients import Leaves, reached_elements
from goldseal.worker.numerics.layer_watch import LayerRecorder
from goldseal.worker.networks.network import Network
from goldseal.worker.numerics.perturbation import Conversion, Perturbation
from goldseal.worker.streaming import attempted
from processes import anonymous
from scale import ROWS

PROBES = 3  # what most networks take
SKETCH = 1 << 16


class Watched:
    """CPU seconds of this thread, and the peak of anonymous MiB above what there was before."""

    def __enter__(self):
        self._before, self._peak, self._stop = anonymous("self"), 0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        self._began = time.thread_time()
        return self

    def _watch(self):
        while not self._stop.wait(0.004):
            self._peak = max(self._peak, anonymous("self"))

    def __exit__(self, *_):
        self.seconds = time.thread_time() - self._began
        self._stop.set()
        self._thread.join()
        self.mib = max(0, self._peak - self._before)


def main(name):
    build, _, given = ROWS[name]()
    torch.manual_seed(1)
    module = networks.settled(build())
    network, parameters = Network(module), sum(tensor.numel() for tensor in module.parameters())
    narrow = next(module.parameters()).dtype is not torch.float32
    inputs = {"tokens": torch.randint(0, 1000, (1, 16))} if "tokens" in given else {"image": torch.randn(1, 3, 224, 224)}
    total, peak = 0.0, 0.0

    def one(label, times, function):
        nonlocal total, peak
        with Watched() as watched:
            function()
        total, peak = total + times * watched.seconds, max(peak, watched.mib)
        print(f"  {label:<34}{watched.seconds:7.2f} s  x{times}  +{watched.mib:5.0f} MiB", flush=True)

    def forward(conversion):
        def run():
            with torch.no_grad():
                moved = {key: conversion("input/" + key, value) if conversion else value for key, value in inputs.items()}
                attempted(network, conversion, lambda: network.run(moved, conversion, LayerRecorder(SKETCH)))

        return run

    def gradients():
        def counted():
            leaves = Leaves({entry.name for entry in network.state_entries if entry.is_parameter}, None)
            return reached_elements(lambda: network.run(inputs, leaves), leaves)

        with torch.enable_grad():
            return counted()

    print(f"{name}: {parameters / 1e6:.0f} million parameters")
    forward(None)()
    one("native", 4, forward(None))
    one("float64", 1, forward(Conversion(torch.float64, None, None)))
    if narrow:
        one("float32", 1, forward(Conversion(torch.float32, None, None)))
    one("float32, moved", PROBES, forward(Conversion(torch.float32, Perturbation(1, 2.0**-16, tile=True), None)))
    one("gradients", 1, gradients)
    print(f"  {'all':<34}{total:7.2f} s      +{peak:5.0f} MiB, {peak * 2**20 / parameters:.2f} B a parameter", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    names = sys.argv[1:] or ["llm-311m", "resnet50", "vit-b16"]
    if len(names) == 1:
        main(names[0])
    for each in names if len(names) > 1 else []:  # a process each: what one network left free would hide what another takes
        subprocess.run([sys.executable, __file__, each], check=True)
