# SPDX-License-Identifier: Apache-2.0
"""Times goldseal's comparison of outputs beside torch.testing.assert_close, on 100 million elements.

Both get the processors of the machine and their fastest of several rounds. goldseal reads 13 bytes an element (the output, its
float64 golden, its noise), assert_close 8, several times over."""

import argparse
import statistics
import subprocess
import sys
import time

import torch


def fastest_assert_close(elements, rounds):
    golden = torch.randn(elements)
    found = golden * (1 + 1e-7)
    times = []
    for _ in range(rounds + 1):
        begin = time.perf_counter()
        torch.testing.assert_close(found, golden)
        times.append(time.perf_counter() - begin)
    return min(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, help="bench_comparison of a release build")
    parser.add_argument("--elements", type=int, default=100_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--check", action="store_true", help="fail where goldseal is not 10 times as fast")
    arguments = parser.parse_args()

    ratios = []
    for _ in range(3):
        output = subprocess.run([arguments.program, str(arguments.elements), str(arguments.rounds)], check=True, capture_output=True, text=True).stdout
        ours = min(map(float, output.split()))
        theirs = fastest_assert_close(arguments.elements, arguments.rounds)
        ratios.append(theirs / ours)
        print(f"goldseal {ours:.3f} s ({13e-9 * arguments.elements / ours:.1f} GB/s), assert_close {theirs:.3f} s: {ratios[-1]:.1f} times as fast")
    return 1 if arguments.check and statistics.median(ratios) < 10 else 0


if __name__ == "__main__":
    sys.exit(main())
