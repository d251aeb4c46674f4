# SPDX-License-Identifier: Apache-2.0
"""Times how goldseal opens, digests and converts checkpoints, beside what people use today, and prints a table.

Every pair of commands runs alternately, so that both meet the same machine; a row gives the fastest of the rounds. The files are
in the page cache. Memory is what opening adds to a process that links goldseal's library, pages of the mapped file not counted.

  python speed.py --goldseal build/release/goldseal --digest build/release/tests/bench/bench_digest [--check]
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time

import torch

MILLION = 10**6
BIG_TENSORS, BIG_BYTES = 1000, 1000 * MILLION
LOAD = "import sys, torch; print(len(torch.load(sys.argv[1], mmap=True)))"


def make(path, tensors, size):
    """A checkpoint of `tensors` tensors, of `size` bytes in all, whose names have the depth that networks' have."""
    values = torch.randn(size // tensors // 4)
    state = {f"module.blocks.{i // 10}.layer_{i % 10}.weight": values + i for i in range(tensors)}
    torch.save(state, path)
    return path


def run(command):
    """Wall seconds."""
    begin = time.perf_counter()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - begin
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} gave exit code {done.returncode}")
    return seconds


def fastest(commands, rounds, clean=lambda: None):
    """The fastest wall time of each command over alternating rounds, after one round that warms the caches."""
    times = [[] for _ in commands]
    for _ in range(rounds + 1):
        for command, taken in zip(commands, times):
            clean()
            taken.append(run(command))
    return [min(taken[1:]) for taken in times]


def lines(command):
    return list(map(float, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()))


def digest_seconds(program, path, processors, rounds):
    return min(lines(["taskset", "-c", processors, program, path, str(rounds)])[1:])


class Table:
    def __init__(self):
        self.failed = False

    def row(self, name, value, limit="", holds=True):
        self.failed |= not holds
        print(f"| {name} | {value} | {limit}{'' if holds else ' **over**'} |", flush=True)


def opening(table, goldseal, program, path, rounds):
    ours, theirs = fastest([[goldseal, "inspect", path], [sys.executable, "-c", LOAD, path]], rounds)
    table.row("open and list 1,000 tensors of 1 GB", f"{ours * 1e3:.1f} ms", "")
    table.row("the same, torch.load(mmap=True) in a fresh Python", f"{theirs * 1e3:.0f} ms", "")
    table.row("  ratio", f"1/{theirs / ours:.0f}", "1/100", theirs / ours >= 100)
    growth = lines([program, path, "0"])[0] / MILLION
    table.row("memory that opening takes", f"{growth:.1f} MB", "10 MB", growth < 10)


def digests(table, program, path, rounds):
    size = BIG_BYTES / 1e9
    first = sorted(os.sched_getaffinity(0))[0]
    one = size / digest_seconds(program, path, str(first), rounds)
    table.row("digest all tensors and check all records, one processor", f"{one:.2f} GB/s", "1.8 GB/s", one >= 1.8)
    if len(os.sched_getaffinity(0)) > 1:
        pair = ",".join(map(str, sorted(os.sched_getaffinity(0))[:2]))
        two = size / digest_seconds(program, path, pair, rounds)
        table.row("the same, two processors", f"{two:.2f} GB/s ({two / one:.2f} times)", "")
    for command in (["openssl", "dgst", "-sha256", path], ["sha256sum", path]):
        if shutil.which(command[0]):
            seconds = fastest([["taskset", "-c", str(first), *command]], rounds)[0]
            table.row(" ".join(command[:-1]), f"{size / seconds:.2f} GB/s", "")


def conversion(table, goldseal, path, directory, rounds):
    out, copy = os.path.join(directory, "out.safetensors"), os.path.join(directory, "copy.pth")

    def clean():
        for name in (out, copy):
            if os.path.exists(name):
                os.remove(name)

    ours, theirs = fastest([[goldseal, "convert", path, "-o", out], ["sh", "-c", f"cp '{path}' '{copy}' && sync '{copy}'"]], rounds, clean)
    clean()
    table.row("convert 1 GB to safetensors, written to disk", f"{ours:.2f} s", "")
    table.row("the same, cp and sync of the file", f"{theirs:.2f} s ({ours / theirs:.2f} times)", "")


def curve(table, goldseal, program, directory, rounds):
    for tensors in (1000, 10_000, 100_000):
        path = make(os.path.join(directory, "many.pth"), tensors, tensors * 400)
        seconds = fastest([[goldseal, "inspect", path]], rounds)[0]
        table.row(f"open and list {tensors:,} tensors", f"{seconds * 1e3:.0f} ms ({seconds / tensors * 1e6:.2f} us each)", "1 s", seconds < 1)
        os.remove(path)
    first = str(sorted(os.sched_getaffinity(0))[0])
    for size in (64, 256, 1024):
        path = make(os.path.join(directory, "bytes.pth"), 100, size * MILLION)
        seconds = digest_seconds(program, path, first, rounds)
        table.row(f"digest {size} MB, one processor", f"{seconds * 1e3:.0f} ms ({seconds / size * 1e3:.3f} ms each MB)", "")
        os.remove(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--goldseal", required=True)
    parser.add_argument("--digest", required=True, help="bench_digest of the same build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--check", action="store_true", help="fail where a limit is broken")
    arguments = parser.parse_args()

    table = Table()
    print("| what | measured | limit |\n|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="goldseal-bench-") as directory:
        path = make(os.path.join(directory, "big.pth"), BIG_TENSORS, BIG_BYTES)
        opening(table, arguments.goldseal, arguments.digest, path, arguments.rounds)
        digests(table, arguments.digest, path, arguments.rounds)
        conversion(table, arguments.goldseal, path, directory, min(arguments.rounds, 3))
        os.remove(path)
        curve(table, arguments.goldseal, arguments.digest, directory, arguments.rounds)
    return 1 if table.failed and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
