# SPDX-License-Identifier: Apache-2.0
"""Puts the networks of kinds.py through the seal and the verification at their sharpest; a line of JSON for each.

    python tests/bench/zoo/sharp.py --goldseal build/release/goldseal [--workers DIR] [--seed N] [--faults N] [NAME…]

Lawful: the sealed program in the LibTorch worker, as an older processor and with two threads; the live network built anew in
another process, so; and the live network after it has run. Faults: those of sharp_faults.py, in the live network and in its
configuration. A fault that moves no answer by 1e-6 of its size is not counted, unless it is one of a weight. Each network is run
in a process forked from one that has loaded the libraries.
"""

import argparse
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[2] / "src" / "python")]
OLDER = {"ATEN_CPU_CAPABILITY": "default", "DNNL_MAX_CPU_ISA": "SSE41", "OMP_NUM_THREADS": "2"}


# A torchvision of another build than the PyTorch beside it is told of rightly, in every report; it is no matter of the network's.
OF_THE_MACHINE = "env.torch.vision"


def verdict(report, code):
    """The exit code that the report would have without what is found of this machine's torchvision."""
    failed = [entry for entry in report["findings"] if entry["status"] in ("fail", "unknown")]
    return 0 if failed and all(entry["id"] == OF_THE_MACHINE for entry in failed) else code


def told(report):
    return [
        f"{entry['id']}: {entry.get('message', '')} {entry.get('subject', '')}"[:700]
        for entry in report["findings"]
        if entry["status"] in ("fail", "unknown") and entry["id"] != OF_THE_MACHINE
    ]


def moved(answers, now):
    """How far the answers moved, as a part of their greatest; infinity where they have other names, shapes or types."""
    import torch

    if {key: (value.shape, value.dtype) for key, value in answers.items()} != {
        key: (value.shape, value.dtype) for key, value in now.items()
    }:
        return float("inf")
    far = 0.0
    for key, value in answers.items():
        if value.is_floating_point() and value.numel():
            finite = torch.isfinite(value)
            size = value[finite].double().abs().max() if finite.any() else 1.0
            difference = (now[key].double() - value.double())[finite].abs()
            far = max(far, float(difference.max() / (size + 1e-300)) if difference.numel() else 0.0)
        elif not torch.equal(value, now[key]):
            far = float("inf")
    return far


def judged(seal, network):
    import goldseal

    try:
        report = goldseal.verify(seal, network)
    except goldseal.GoldsealError as error:
        return 9, [f"raised: {error}"[:300]], str(error)
    raw = dict(report.raw)
    warned = [entry for entry in raw["findings"] if entry["id"] == "model.mode" and entry["status"] == "warn"]
    return (verdict(raw, report.exit_code) or (8 if warned else 0)), told(raw), json.dumps(raw)


def put_through(name, command, workers, seed, count):
    import goldseal
    import kinds
    import sharp_faults
    import torch
    from goldseal.worker.networks.binding import flatten

    row = {"name": name, "seed": seed, "alarms": [], "lawful": 0, "faults": 0, "misses": [], "causes": [], "unnamed": []}
    warnings.simplefilter("ignore")
    torch.manual_seed(11)
    try:
        network, inputs = kinds.network(name)
        with torch.no_grad():
            answers = flatten(network(**inputs))
    except Exception as error:
        return {**row, "state": "not built", "why": f"{type(error).__name__}: {error}"[:300]}
    torch.save(network.state_dict(), "net.pth")
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            goldseal.seal(network, "net.pth", inputs=inputs, on_error="raise")
        except goldseal.GoldsealError as error:
            return {**row, "state": "refused", "why": str(error)[:1500]}
    said = [str(entry.message)[:900] for entry in caught if entry.category is goldseal.GoldsealWarning]
    manifest = pathlib.Path("net.seal/manifest.toml").read_text()
    row.update(
        state="sealed",
        said=said,
        seconds=round(time.perf_counter() - start, 1),
        pure="pure = false" not in manifest,
        enclosed="[model.embedded]" in manifest,
        floor="reference" if "native_reference = true" in manifest else "",
    )

    def lawful(run, code, found):
        row["lawful"] += 1
        if code not in (0,):
            row["alarms"].append({"run": run, "code": code, "found": found})

    if row["enclosed"]:
        for run, environment in (("LibTorch, older", OLDER),):
            done = subprocess.run(
                [command, "verify", "net.seal", "--format", "json", "--runtime", "libtorch"],
                env={**os.environ, **environment, "GOLDSEAL_WORKERS": workers},
                capture_output=True,
                text=True,
                check=False,
            )
            if done.stdout.startswith("{"):
                raw = json.loads(done.stdout)
                lawful(run, verdict(raw, done.returncode), told(raw))
            else:
                lawful(run, done.returncode, done.stderr[-300:])
    with torch.no_grad():
        network(**inputs)
    lawful("live, after runs", *judged("net.seal", network)[:2])

    def fault(kind, words, subject, state):
        try:
            with torch.no_grad():
                far = moved(answers, flatten(subject(**inputs)))
        except Exception:
            return False
        if far < 1e-6 and kind not in ("one weight zeroed", "one bit flipped"):
            return False
        code, found, text = judged("net.seal", subject)
        row["faults"] += 1
        if code == 0:
            row["misses"].append(f"{kind}: {words} {state} (moves {far:.1e})")
        row["causes"].append([kind, str(words), state, f"{far:.1e}", code, found])
        if code != 0 and not any(word.split(" of ")[0] in text if kind == "configuration" else word in text for word in words):
            row["unnamed"].append([kind, str(words), found])
        return True

    chosen = random.Random(f"{seed} {name}")
    candidates = [("live", *entry) for entry in sharp_faults.of_parts(network, chosen.random())]
    if name in kinds.TRANSFORMERS:
        candidates += [
            ("configured", "configuration", (key.split("__")[-1],), (key, value))
            for key, value in sharp_faults.of_configuration(network.config, chosen.random())
        ]
    chosen.shuffle(candidates)
    candidates.sort(key=lambda entry: entry[1] in ("one weight zeroed", "one bit flipped", "two layers swapped"))
    kinds_seen = {}
    for way, kind, words, change in candidates:
        if row["faults"] >= count:
            break
        if kinds_seen.get(kind, 0) >= (3 if kind == "configuration" else 1):
            continue
        if way == "live":
            with change:
                counted = fault(kind, words, network, "")
        else:
            try:
                other, _ = kinds.network(name, **{change[0]: change[1]})
                other.load_state_dict(network.state_dict())
            except Exception:
                continue
            counted = fault(kind, words, other, f"= {change[1]}")
        kinds_seen[kind] = kinds_seen.get(kind, 0) + counted
    return row


def anew(name):
    """The live network built again and judged; for a process of its own, whose environment is an older processor's."""
    import kinds
    import torch

    os.environ.update(OLDER)
    torch.set_num_threads(2)
    network, _ = kinds.network(name)
    network.load_state_dict(torch.load("net.pth"))
    code, found, _ = judged("net.seal", network)
    return {"code": code, "found": found, "capability": torch.backends.cpu.get_cpu_capability()}


def forked(task, limit):
    """What the task gives in a process forked from this one; None where that does not end in time."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        signal.alarm(limit)
        sys.stdout = sys.stderr
        try:
            given = task()
        except BaseException as error:
            given = {"state": "crashed", "why": f"{type(error).__name__}: {error}; " + traceback.format_exc()[-600:]}
        with os.fdopen(writing, "w") as out:
            out.write(json.dumps(given))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as given:
        text = given.read()
    os.waitpid(child, 0)
    return json.loads(text) if text else None


def one(name, arguments, limit):
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        row = forked(lambda: put_through(name, *arguments), limit) or {"state": "timed out"}
        if row["state"] == "sealed":
            row["lawful"] += 1
            live = forked(lambda: anew(name), limit)
            if not live or live.get("code") != 0:
                row["alarms"].append({"run": "live, anew, older", **(live or {})})
        os.chdir("/")
    return {"name": name, **row}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--goldseal", required=True)
    parser.add_argument("--workers", default="")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, default=300)
    parser.add_argument("--faults", type=int, default=5)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    command = os.path.abspath(arguments.goldseal)
    os.environ["GOLDSEAL_COMMAND"] = command
    import kinds
    import goldseal  # noqa: F401

    workers = arguments.workers or os.environ.get("GOLDSEAL_WORKERS", "")
    warnings.simplefilter("ignore")
    for name in arguments.names or kinds.names():
        row = one(name, (command, workers, arguments.seed, arguments.faults), arguments.limit)
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    sys.exit(main())
