# SPDX-License-Identifier: Apache-2.0
"""Times goldseal against what people use today, on the full YOLOv3, and prints a table of ratios.

Each pair runs alternately, so that both meet the same machine; a row gives medians, of wall time, CPU time (user and system) and
memory with all the processes that a command starts. Memory is anonymous: mapped weights can be reclaimed.
"""

import argparse
import hashlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import time

from processes import measured

def run(command):
    """Wall seconds."""
    begin = time.perf_counter()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    seconds = time.perf_counter() - begin
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} gave exit code {done.returncode}:\n{done.stdout.decode(errors='replace')}")
    return seconds


def measure(ours, theirs, rounds):
    """Medians of both commands' wall times over alternating rounds, after one round that warms the caches."""
    run(theirs), run(ours)
    times = [(run(ours), run(theirs)) for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*times)]


def consumed(ours, theirs, rounds):
    """Medians of CPU seconds and of anonymous MiB at their peak, of both commands; watching memory costs them time alike."""
    each = [(measured(ours), measured(theirs)) for _ in range(rounds)]
    return [[statistics.median(of_command[i] for of_command in column) for column in zip(*each)] for i in range(2)]


def milliseconds(command, rounds):
    """The best of many runs: the machine is shared, and these take a few milliseconds."""
    return min(run(command) for _ in range(rounds)) * 1000


def write_large_seal(seal, tensors):
    """The sealed YOLOv3 with more tensors, and a digest of its manifest that fits."""
    shutil.rmtree(seal, ignore_errors=True)
    shutil.copytree("yolov3.seal", seal)
    path = os.path.join(seal, "manifest.toml")
    with open(path, encoding="utf-8") as file:
        text = re.sub(r'^digest = "\w*"', 'digest = ""', file.read(), count=1, flags=re.MULTILINE)
    more = "".join(f'  {{ name = "more.{i}", dtype = "float32", shape = [1], sha256 = "{i:064x}" }},\n' for i in range(tensors))
    text = re.sub(r"^tensor = \[\n", lambda found: found.group() + more, text, count=1, flags=re.MULTILINE)
    digest = hashlib.sha256(text.encode()).hexdigest()
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace('digest = ""', f'digest = "{digest}"', 1))


def signature_rows(goldseal, rounds):
    """What a signature adds to a check of a seal of 10,000 tensors."""
    write_large_seal("large.seal", 10000)
    key = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "k.pem"]
    subprocess.run(key, check=True)
    subprocess.run(["openssl", "pkey", "-in", "k.pem", "-pubout", "-out", "k.pub"], check=True)
    run([goldseal, "sign", "large.seal", "--key", "k.pem"])
    check = [goldseal, "check", "large.seal", "--target", "target.toml", "--policy", "portable", "--no-config", "--quiet"]
    plain = milliseconds(check, 4 * rounds)
    return [
        ("check of 10,000 tensors: what --signed-by adds", milliseconds([*check, "--signed-by", "k.pub"], 4 * rounds) - plain, 10),
        ("sign of 10,000 tensors, beside check", milliseconds([goldseal, "sign", "large.seal", "--key", "k.pem", "--force"], 4 * rounds) - plain, 10),
    ]


def absolute_rows(goldseal, bench_report, rounds):
    """What has a limit of its own: judging a captured machine, what a report costs, and drawing one of 10,000 findings or tensors."""
    run([goldseal, "probe", "-o", "target.toml"])
    check = [goldseal, "check", "yolov3.seal", "--target", "target.toml", "--policy", "portable", "--no-config"]
    plain = milliseconds([*check, "--quiet"], 4 * rounds)
    rows = [
        ("check --target", plain, 15),
        ("probe", milliseconds([goldseal, "probe", "--no-config"], 4 * rounds), 25),
        ("check: what --report html adds", milliseconds([*check, "--quiet", "--report", "html=page.html"], 4 * rounds) - plain, 5),
        ("check: what --report json adds", milliseconds([*check, "--quiet", "--report", "json=run.json"], 4 * rounds) - plain, 5),
    ]
    rows += signature_rows(goldseal, rounds)
    drawn = subprocess.run([bench_report, "10000"], stdout=subprocess.PIPE, text=True, check=True).stdout
    for line in drawn.splitlines():
        name, taken, _ = line.split()
        form, what = name.split(".")
        if form != "parse":
            rows.append((f"{form} of 10,000 {what}", float(taken), 50))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--goldseal", required=True)
    parser.add_argument("--example", required=True, help="the directory of compare_by_hand.py")
    parser.add_argument("--torch", required=True, help="the LibTorch to verify with")
    parser.add_argument("--bench-report", help="the program bench_report, for the rows of rendering")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--check", action="store_true", help="fail when a ratio is over its limit")
    arguments = parser.parse_args()

    by_hand = [sys.executable, os.path.join(arguments.example, "compare_by_hand.py")]
    verify = [arguments.goldseal, "verify", "yolov3.seal", "--runtime", f"libtorch={arguments.torch}"]
    quick = [*verify, "--depth", "quick"]
    rows = []

    def row(name, ours, theirs, limit, unit="s"):
        rows.append((name, ours, theirs, ours / theirs, limit, unit))

    def timed(name, ours, theirs, limit):
        row(name, *measure(ours, theirs, arguments.rounds), limit)

    def judged(name, ours, wall_limit, cpu_limit, memory_limit):
        timed(name + " / compare_by_hand.py", ours, by_hand, wall_limit)
        cpu, memory = consumed(ours, by_hand, arguments.rounds)
        row("  CPU", *cpu, cpu_limit)
        row("  anonymous memory", *memory, memory_limit, "MiB")

    judged("verify --depth quick", quick, 0.6, 0.3, 0.4)
    judged("verify", verify, 1.5, 0.8, None)
    timed("probe / torch.utils.collect_env", [arguments.goldseal, "probe"], [sys.executable, "-m", "torch.utils.collect_env"],
          1 / 50)
    load = "import torch; print(len(torch.load('yolov3.pth', mmap=True)))"
    timed("inspect / torch.load(mmap=True)", [arguments.goldseal, "inspect", "yolov3.pth"], [sys.executable, "-c", load], 1 / 100)
    timed("--version / python -c pass", [arguments.goldseal, "--version"], [sys.executable, "-c", "pass"], None)

    print(f"\n{'':44}{'goldseal':>14}{'today':>14}{'ratio':>9}{'limit':>9}")
    for name, ours, theirs, ratio, limit, unit in rows:
        limit_text = "" if limit is None else f"{limit:.3g}" + (" over" if ratio > limit else "")
        print(f"{name:44}{ours:10.4g} {unit:3}{theirs:10.4g} {unit:3}{ratio:9.3g}{limit_text:>9}")
    absolute = absolute_rows(arguments.goldseal, arguments.bench_report, arguments.rounds) if arguments.bench_report else []
    if absolute:
        print(f"\n{'':52}{'ms':>8}{'limit':>9}")
    for name, taken, limit in absolute:
        print(f"{name:52}{taken:8.1f}{limit:9}{' over' if taken > limit else ''}")
    exceeded = [name for name, taken, limit in absolute if taken > limit]
    exceeded += [name for name, _, _, ratio, limit, _ in rows if limit is not None and ratio > limit]
    return 1 if exceeded and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
