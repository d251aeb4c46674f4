# SPDX-License-Identifier: Apache-2.0
"""Seals public networks, verifies each as other machines compute, and with faults of its code; prints what was found.

    python tests/bench/zoo/bench.py --goldseal build/release/goldseal [--ten | NAME…]

Each network has a process of its own. Lawful: the program through LibTorch as `ATEN_CPU_CAPABILITY=default` computes, and the live
model there and with two threads. Faults, one at a time in the live model: a part scaled by 1.0001, an epsilon ten times as large,
another activation, dropout alive, a part left out. A fault that changes no answer beyond what rounding changes is not counted.
"""
import argparse
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import warnings

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[2] / "src" / "python")]
LIMIT = 900


def faults(module):
    """Name, and a context in which the module has it."""
    from torch import nn

    leaves = [(name, part) for name, part in module.named_modules() if not list(part.children())]
    weighted = [(name, part) for name, part in leaves if list(part.parameters(recurse=False))]
    if weighted:
        for place in sorted({0, len(weighted) // 2}):
            name, part = weighted[place]
            yield f"{name} scaled by 1.0001", lambda part=part: answering(part, lambda x: x * 1.0001)
    for key in ("eps", "variance_epsilon", "layer_norm_eps"):
        found = next(((name, part) for name, part in leaves if isinstance(getattr(part, key, None), float)), None)
        if found:
            yield f"{key} of {found[0]} times ten", lambda found=found, key=key: changed(found[1], key, getattr(found[1], key) * 10)
    kinds = {"GELU": nn.Tanh(), "GELUActivation": nn.Tanh(), "ReLU": nn.Hardswish(), "SiLU": nn.ReLU(), "SiLUActivation": nn.ReLU(),
             "NewGELUActivation": nn.ReLU()}
    found = next(((name, part) for name, part in leaves if type(part).__name__ in kinds), None)
    if found:
        yield f"{found[0]} another activation", lambda: answering(found[1], None, kinds[type(found[1]).__name__])
    found = next(((name, part) for name, part in leaves if isinstance(part, nn.Dropout) and part.p > 0), None)
    if found:
        yield f"{found[0]} dropout alive", lambda: changed(found[1], "training", True)


@contextlib.contextmanager
def answering(part, change, other=None):
    def hook(module, given, answer):
        if other is not None:
            return other(given[0])
        return change(answer) if not isinstance(answer, tuple) else (change(answer[0]), *answer[1:])

    handle = part.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@contextlib.contextmanager
def changed(part, key, value):
    before = getattr(part, key)
    setattr(part, key, value)
    try:
        yield
    finally:
        setattr(part, key, before)


def run_one(name, goldseal_command, short=False):
    """The row of one network. `short`: one layer, LibTorch alone, two faults."""
    import torch

    import goldseal
    import networks
    from goldseal.worker.networks.binding import flatten

    row = {"name": name, "false_alarms": [], "lawful": 0, "misses": [], "faults": 0, "unnamed": []}
    warnings.simplefilter("ignore")
    try:
        model, inputs = networks.build(name, layers=1) if short else networks.build(name)
        with torch.no_grad():
            answers = flatten(model(**inputs))
    except Exception as error:
        return {**row, "state": "not built", "why": f"{type(error).__name__}: {error}"[:300]}
    start = time.perf_counter()
    torch.save(model.state_dict(), "net.pth")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            goldseal.seal(model, "net.pth", inputs=inputs, on_error="raise")
    except goldseal.GoldsealError as error:
        return {**row, "state": "refused", "why": str(error)[:600]}
    row["seconds"] = round(time.perf_counter() - start, 1)
    said = [str(entry.message) for entry in caught if entry.category is goldseal.GoldsealWarning]
    manifest = pathlib.Path("net.seal/manifest.toml").read_text()
    row.update(state="sealed", said=[text[:900] for text in said], pure="pure = false" not in manifest, enclosed="[model.embedded]" in manifest)
    command = [goldseal_command, "verify", "net.seal", "--format", "json"]
    lawful = []
    if row["enclosed"]:
        for capability in ("default",):
            environment = {**os.environ, "ATEN_CPU_CAPABILITY": capability}
            done = subprocess.run([*command, "--runtime", "libtorch"], env=environment, capture_output=True, text=True, check=False)
            lawful.append((f"LibTorch {capability}", done.returncode, done.stdout))
    environment = {**os.environ, "ATEN_CPU_CAPABILITY": "default", "OMP_NUM_THREADS": "2"}
    live = f"import sys; sys.path[:0] = {sys.path[:2]!r}; import warnings; warnings.simplefilter('ignore'); import goldseal, networks; " \
           f"import torch; model, _ = networks.build({name!r}); model.load_state_dict(torch.load('net.pth')); r = goldseal.verify('net.seal', model); print(r.raw and __import__('json').dumps(dict(r.raw))); sys.exit(r.exit_code)"
    if not short:
        done = subprocess.run([sys.executable, "-c", live], env=environment, capture_output=True, text=True, check=False)
        lawful.append(("live default", done.returncode, done.stdout or done.stderr[-600:]))
    row["lawful"] = len(lawful)
    row["false_alarms"] = [{"run": run, "code": code, "found": failed_of(text)} for run, code, text in lawful if code != 0]
    for fault, context in list(faults(model))[: 2 if short else None]:
        with context():
            with torch.no_grad():
                now = flatten(model(**inputs))
            moved = max((float((now[k].double() - answers[k].double()).abs().max() / (answers[k].double().abs().max() + 1e-300))
                         for k in answers if answers[k].is_floating_point()), default=0.0)
            if moved < 1e-6:
                continue
            report = goldseal.verify("net.seal", model)
        row["faults"] += 1
        # A live model in training mode is judged in evaluation mode, and told of.
        told = {found["id"] for found in report.raw["findings"] if found["status"] in ("fail", "unknown", "warn")}
        if report.exit_code == 0 and "model.mode" not in told:
            row["misses"].append(f"{fault} (moves {moved:.1e})")
        elif report.exit_code and fault.split()[0 if "of" not in fault.split() else 2] not in json.dumps(dict(report.raw)):
            row["unnamed"].append(fault)
    return row


def failed_of(text):
    try:
        return [f"{entry['id']}: {entry.get('message', '')}"[:300] for entry in json.loads(text)["findings"] if entry["status"] in ("fail", "unknown")]
    except (ValueError, KeyError):
        return [text[-300:]]


def apart(name, command):
    with tempfile.TemporaryDirectory() as directory:
        try:
            done = subprocess.run([sys.executable, "-B", __file__, "--goldseal", command, "--one", name], cwd=directory, capture_output=True,
                                  text=True, timeout=LIMIT, env={**os.environ, "GOLDSEAL_COMMAND": command}, check=False)
        except subprocess.TimeoutExpired:
            return {"name": name, "state": "timed out"}
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return json.loads(lines[-1]) if lines else {"name": name, "state": "crashed", "why": done.stderr[-600:]}


def in_turn(names, command):
    """Short runs in this process, which imports the libraries once."""
    for name in names:
        with tempfile.TemporaryDirectory() as directory:
            before = os.getcwd()
            os.chdir(directory)
            try:
                yield run_one(name, command, short=True)
            finally:
                os.chdir(before)


def told(rows):
    built = [row for row in rows if row["state"] != "not built"]
    sealed = [row for row in built if row["state"] == "sealed"]
    lawful, faulty = sum(row["lawful"] for row in sealed), sum(row["faults"] for row in sealed)
    alarms, misses = sum(len(row["false_alarms"]) for row in sealed), sum(len(row["misses"]) for row in sealed)
    print(f"| networks | built | sealed | float64 throughout | enclosed | false alarms | misses | seconds a seal |\n|{'---|' * 8}")
    seconds = sum(row["seconds"] for row in sealed) / max(1, len(sealed))
    print(f"| {len(rows)} | {len(built)} | {len(sealed)} | {sum(row['pure'] for row in sealed)} | {sum(row['enclosed'] for row in sealed)} "
          f"| {alarms} of {lawful} | {misses} of {faulty} | {seconds:.1f} |")
    return not alarms and not misses and len(sealed) == len(built)


def all_travel(rows):
    return all(row["state"] == "sealed" and row["enclosed"] for row in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--goldseal", required=True)
    parser.add_argument("--ten", action="store_true", help="the ten that are tests")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    command = os.path.abspath(arguments.goldseal)
    import networks

    if arguments.one:
        print(json.dumps(run_one(arguments.one, command)))
        return 0
    wanted = arguments.names or ([name for name in networks.TEN if name in networks.names()] if arguments.ten else networks.names())
    if not wanted:
        print("skipped: this Python has neither torchvision, timm nor transformers")
        return 125
    rows = []
    os.environ["GOLDSEAL_COMMAND"] = command
    for row in in_turn(wanted, command) if arguments.ten else (apart(name, command) for name in wanted):
        rows.append(row)
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    sound = told(rows)
    return 0 if sound and (not arguments.ten or all_travel(rows)) else 1


if __name__ == "__main__":
    sys.exit(main())
