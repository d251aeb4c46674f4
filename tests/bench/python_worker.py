# SPDX-License-Identifier: Apache-2.0
"""`goldseal verify` through the Python worker beside a hand-written script that does the same checks (by_hand.py).

    python_worker.py GOLDSEAL [ROUNDS]         the least of ROUNDS (5) times of each, in turn
"""
import os
import subprocess
import sys
import tempfile
import time

import torch
from training_network import Net

HERE = os.path.dirname(os.path.abspath(__file__))


def seconds(command):
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main(goldseal, rounds):
    os.environ["PYTHONPATH"] = HERE
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        torch.manual_seed(0)
        torch.save(Net().state_dict(), "net.pth")
        image = torch.rand(1, 3, 224, 224)
        torch.save(image, "image.pt")
        python = ["--runtime", "python=" + sys.executable]
        subprocess.run([goldseal, "capture", "net.pth", "--model", "python:training_network:Net", "--input", "image=image.pt", "-q", *python],
                       check=True)
        by_hand = [sys.executable, os.path.join(HERE, "by_hand.py")]
        subprocess.run([*by_hand, "write"], check=True)
        times = {"by hand": [], "goldseal verify": []}
        for _ in range(rounds):
            times["by hand"].append(seconds([*by_hand, "check"]))
            times["goldseal verify"].append(seconds([goldseal, "verify", "net.seal", "-q", *python]))
    for name, taken in times.items():
        print(f"{name:<16} {min(taken):6.2f} s  (of {', '.join(f'{value:.2f}' for value in taken)})")
    print(f"ratio            {min(times['goldseal verify']) / min(times['by hand']):6.2f}")


main(os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 5)
