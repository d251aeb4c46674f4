# SPDX-License-Identifier: Apache-2.0
"""fleet.py --goldseal FILE [--sizes 1000,10000,100000] [--small]: how long `goldseal merge` takes, and how much memory.

The reports are simulated from a real one (tests/fleet/sample_report.json), with a real one's size: half of the nodes as
`--report-dir` writes them, half as `--report json=` does (indented, twice the size). Every hundredth node fails, every
thousandth is odd, every two hundredth has a rare fact. A row a size: files, bytes, seconds, files a second, peak memory.
`--small` merges a few hundred and holds the verdict against what was simulated, for a test.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fleet"))
from fleet_reports import Node  # noqa: E402


def simulate(directory, count):
    """Text by text: the few members that differ from node to node are replaced in a report that was written once."""
    kinds = {}
    for kind, options in (("good", {}), ("odd", {"bits": "other"}), ("rare", {"facts": {"cpu.microcode": "0x77"}})):
        kinds[kind] = Node("NODENAME", **options)
    kinds["fails"] = Node("NODENAME").finding("env.torch.version", "fail")
    texts = {(kind, indent): json.dumps(node.report, indent=2 if indent else None, sort_keys=True, separators=None if indent else (",", ":"))
             for kind, node in kinds.items() for indent in (False, True)}
    size, expected = 0, {"fails": 0, "odd": 0}
    for i in range(count):
        kind = "odd" if i % 1000 == 7 else "fails" if i % 100 == 5 else "rare" if i % 200 == 3 else "good"
        if kind in expected:
            expected[kind] += 1
        text = texts[kind, i % 2 == 1].replace("NODENAME", f"gpu{i:05}").replace('"seconds": 0.0', f'"seconds": 0.{i % 10}')
        folder = Path(directory) / f"gpu{i:05}"
        folder.mkdir()
        (folder / "20261130T000000Z.json").write_text(text)
        size += len(text)
    return size, expected


def merge(goldseal, directory, count, *options):
    begin = time.perf_counter()
    child = os.spawnv(os.P_NOWAIT, goldseal, [goldseal, "merge", str(directory), "--no-config", "--expect", f"gpu[00000-{count - 1:05}]", *options])
    _, status, usage = os.wait4(child, 0)
    return time.perf_counter() - begin, os.waitstatus_to_exitcode(status), usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--goldseal", required=True)
    arguments.add_argument("--sizes", default="1000,10000,100000")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--small", action="store_true")
    options = arguments.parse_args()
    print(f"{'reports':>8} {'MiB':>7} {'seconds':>8} {'cpu s':>7} {'reports/s':>10} {'peak MiB':>9} {'html s':>7}")
    for size in [400] if options.small else map(int, options.sizes.split(",")):
        with tempfile.TemporaryDirectory() as directory:
            written, expected = simulate(directory, size)
            rounds = [merge(options.goldseal, directory, size, "--quiet") for _ in range(1 if options.small else options.rounds)]
            page = Path(directory) / "page.html"
            html = merge(options.goldseal, directory, size, "--quiet", "--report", f"html={page}")[0]
            seconds, code, memory, cpu = min(rounds)
            print(f"{size:>8} {written / 2**20:>7.0f} {seconds:>8.2f} {cpu:>7.2f} {size / seconds:>10.0f} {memory:>9.0f} {html:>7.2f}", flush=True)
            if code != 1:
                sys.exit(f"expected exit code 1, found {code}")
            if options.small:
                result = Path(directory) / "fleet.out"
                merge(options.goldseal, directory, size, "--quiet", "--report", f"json={result}")
                counts = json.loads(result.read_text())["counts"]
                found = {name: counts[name] for name in expected}
                if found != expected or counts["nodes"] != size:
                    sys.exit(f"expected {expected} of {size} nodes, found {found} of {counts['nodes']}")


if __name__ == "__main__":
    main()
