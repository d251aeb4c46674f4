# SPDX-License-Identifier: Apache-2.0
"""What a LibTorch worker costs: start and greeting beside a program that is linked to the same LibTorch and writes one byte, and the time
between a request and its reply.

    worker.py WORKER TORCH_DIR [ROUNDS]         medians of ROUNDS (21) starts of each, in turn, and of 2,000 requests
"""

import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "worker_libtorch"))
from client import Refused, Worker  # noqa: E402


def empty_program(folder, torch_directory):
    source, program = os.path.join(folder, "empty.cpp"), os.path.join(folder, "empty")
    pathlib.Path(source).write_text('#include <unistd.h>\nint main() { return write(1, "x", 1) == 1 ? 0 : 1; }\n')
    library = os.path.join(torch_directory, "lib")
    subprocess.run(["c++", source, "-o", program, "-Wl,--no-as-needed,--allow-shlib-undefined", f"-L{library}", f"-Wl,-rpath,{library}",
                    "-ltorch_cpu", "-lc10"], check=True)
    return program


def seconds(function):
    begin = time.perf_counter()
    result = function()
    return time.perf_counter() - begin, result


def start_empty(program):
    """Until its first byte: the worker's end is not measured either."""
    process = subprocess.Popen([program], stdout=subprocess.PIPE)
    process.stdout.read(1)
    return process


def request(worker):
    """One that needs no network and is answered with a refusal: what is left is the protocol."""
    try:
        worker.ask("no such request")
    except Refused:
        return


def main(program, torch_directory, rounds):
    libraries = {"LD_LIBRARY_PATH": os.path.join(torch_directory, "lib"), "OMP_WAIT_POLICY": "passive"}
    starts, empties = [], []
    with tempfile.TemporaryDirectory() as folder:
        empty = empty_program(folder, torch_directory)
        for _ in range(rounds):
            taken, process = seconds(lambda: start_empty(empty))
            empties.append(taken)
            process.communicate()
            taken, worker = seconds(lambda: Worker([program], environment=libraries))
            starts.append(taken)
            worker.close()
    ours, theirs = statistics.median(starts), statistics.median(empties)
    print("| what | measured | limit |\n|---|---|---|")
    print(f"| worker: start and greeting | {ours * 1e3:.1f} ms | |")
    print(f"| the same of a program that does nothing | {theirs * 1e3:.1f} ms | |")
    print(f"|   ratio | {ours / theirs:.2f} | 1.2 |")
    with Worker([program], environment=libraries) as worker:
        trips = [seconds(lambda: request(worker))[0] for _ in range(2000)]
    print(f"| request and reply | {statistics.median(trips) * 1e3:.3f} ms | 0.2 ms |")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 21)
