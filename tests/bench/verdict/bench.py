# SPDX-License-Identifier: Apache-2.0
"""False alarms and misses of goldseal's verdict, through its real commands and workers, beside other comparators.

Seals each network once, verifies it in every legitimate environment, then with every fault. A fault is missed where
`goldseal verify` exits with 0; an alarm is false where it does not. `answers only` judges by the golden outputs alone,
as if neither the files' digests nor the architecture's were known."""

import argparse
import collections
import json
import logging
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

try:
    import numpy
    import torch
    from safetensors.torch import load_file
except ImportError as missing:
    print(f"skipped: {missing}", file=sys.stderr)
    sys.exit(125)

import comparators
from architectures import ARCHITECTURES, build, settle
from environments import ENVIRONMENTS
from faults import activation_flips, preprocessing_faults, state_faults

OURS = "goldseal verify"
ANSWERS = "goldseal, answers only"
ANSWER_FINDINGS = ("golden.float64", "golden.native", "golden.repeat", "golden.structure", "golden.discrete", "golden.detections")


class Commands:
    """The goldseal command with its two runtimes."""

    def __init__(self, arguments):
        self.program = arguments.goldseal
        self.runtimes = [f"libtorch={directory}" for directory in arguments.torch]
        self.policy = arguments.policy

    def capture(self, checkpoint, model, inputs, seal):
        subprocess.run(
            [self.program, "capture", checkpoint, "--model", model, "--input", inputs, "--runtime", self.runtimes[0], "-o", seal, "--force", "--quiet"],
            check=True, stdout=subprocess.DEVNULL,
        )

    def verify(self, seal, checkpoint, model, results, environment, made=None):
        command = [self.program, "verify", seal, "--checkpoint", checkpoint, "--model", model, "--policy", self.policy]
        command += ["--runtime", self.runtimes[environment.runtime], "--save-results", results, "--format", "json"]
        shutil.rmtree(results, ignore_errors=True)  # a run that fails must not be judged by the outputs of another
        for setting in environment.settings:
            command += ["--set", setting]
        if made is not None:
            command += ["--input", made]
        if environment.threads:
            command += ["--threads", str(environment.threads)]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | dict(environment.variables), check=False)
        try:
            return done.returncode, json.loads(done.stdout)
        except json.JSONDecodeError:
            sys.exit(f"{' '.join(map(str, command))} gave no report (exit code {done.returncode}):\n{done.stderr}")


class Tally:
    def __init__(self):
        self.false_alarms = collections.Counter()
        self.misses = collections.Counter()
        self.legitimate = self.faults = self.named = self.followed = self.layers = self.without_effect = 0
        self.judged = collections.Counter()
        self.details = []

    def add_layers(self, named, case):
        self.followed += 1
        self.layers += named
        if not named:
            self.details.append(f"first layer not named: {case}")

    def add(self, case, faulty, passes):
        self.legitimate += not faulty
        self.faults += faulty
        for method, passed in passes.items():
            self.judged[method, faulty] += 1
            if faulty and passed:
                self.misses[method] += 1
            if not faulty and not passed:
                self.false_alarms[method] += 1
            if method in (OURS, ANSWERS) and passed == faulty:
                self.details.append(f"{'missed' if faulty else 'false alarm'} by {method}: {case}")


def failing(report):
    return {finding["id"]: finding for finding in report["findings"] if finding["status"] in ("fail", "unknown")}


def passes(code, report, results, golden):
    """What each method says of one verification: True for agreement."""
    found = failing(report)
    verdicts = {OURS: code == 0, ANSWERS: not any(name in found for name in (*ANSWER_FINDINGS, "worker.run"))}
    saved = results / "outputs.safetensors"
    if not saved.exists():
        return verdicts | dict.fromkeys(comparators.COMPARATORS, False)
    outputs = load_file(saved)
    native = {name.removeprefix("default/native/"): value for name, value in outputs.items() if name.startswith("default/native/")}
    sealed = {name.removeprefix("default/output/"): value for name, value in golden.items() if name.startswith("default/output/")}
    wide = {name: golden[f"default/reference/{name}"] for name in sealed if f"default/reference/{name}" in golden}
    for name in comparators.COMPARATORS:
        verdicts[name] = comparators.agree(name, native, sealed, wide)
    return verdicts


def state_cause_named(report, differing):
    """The tensors that differ are named, as far as the table goes, and no other is."""
    # Where the file differs, tensors.loaded only points at what tensors.file says.
    finding = failing(report).get("tensors.file") or failing(report).get("tensors.loaded")
    if finding is None:
        return False
    named = {row[0] for table in finding["tables"] for row in table["rows"]}
    return bool(named) and named <= set(differing) and len(named) == min(len(differing), 12)


def configuration_cause_named(report):
    """Weights whole, and the architecture, a hyperparameter or the code is what differs."""
    found = failing(report)
    if any(name.startswith("tensors.") for name in found):
        return False
    if "golden.float64" not in found and "the selecting step" in found.get("golden.detections", {}).get("remedy", ""):
        return True  # what the network computes agrees, what it selects does not
    if "golden.float64" not in found and "the error is that of " in found.get("golden.native", {}).get("message", ""):
        return True  # a conversion in the middle is to float64 in a float64 run: the narrower type is what differs, and it is told
    return "model.configuration" in found or "file.architecture" in found or "configuration" in found.get("golden.float64", {}).get("message", "")


def flip_cause_named(report):
    """The machine is suspected: it does not agree with itself, or in float64 it does and natively not."""
    found = failing(report)
    return "golden.float64" not in found and ("golden.repeat" in found or "golden.native" in found)


def input_cause_named(report, kind):
    finding = failing(report).get("golden.input")
    return finding is not None and finding["tables"][0]["rows"][0][1] == kind


def layer_named(report):
    """The first layer that differs is named where the answers differ with the sealed weights."""
    return any("the first layer that differs is" in finding["message"] or "the layers part" in finding["message"] for finding in failing(report).values())


class Bench:
    def __init__(self, commands, folder):
        self.commands, self.folder, self.tally = commands, folder, Tally()

    def run(self, architecture, seed, environments, keep):
        folder = self.folder / f"{architecture.name}-{seed}"
        folder.mkdir()
        network, self.model = build(architecture, folder, "network")
        self.state = settle(network, architecture.shape, seed).state_dict()
        self.checkpoint = self.save(folder / "weights.pth", self.state)
        self.seal = folder / "weights.seal"
        size = "x".join(map(str, architecture.shape))
        kind = "" if architecture.input == "image" else ",normal"
        if architecture.dtype != torch.float32:
            kind += "," + str(architecture.dtype).removeprefix("torch.")
        self.commands.capture(self.checkpoint, self.model, f"random:{size},seed={seed}{kind}", self.seal)
        self.golden = load_file(self.seal / "golden.safetensors")
        self.results = folder / "results"
        for environment in environments:
            if environment.runtime and architecture.dtype != torch.float32:
                continue  # LibTorch 1.13 multiplies no half matrices on the CPU
            self.judge(f"{architecture.name} {seed} {environment.name}", self.checkpoint, self.model, environment, None)
        for name, state, differing in state_faults(self.state, seed):
            if keep(name):
                faulty = self.save(folder / "faulty.pth", state)
                self.judge(f"{architecture.name} {seed} {name}", faulty, self.model, ENVIRONMENTS[0], lambda report, d=differing: state_cause_named(report, d))
        for name, changes in architecture.faults.items():
            if keep(name):
                _, model = build(architecture, folder, "faulty", **changes)
                self.judge(f"{architecture.name} {seed} {name}", self.checkpoint, model, ENVIRONMENTS[0], configuration_cause_named)
        if architecture.flips:
            for name, changes in activation_flips(seed):
                if keep(name):
                    _, model = build(architecture, folder, "faulty", **changes)
                    self.judge(f"{architecture.name} {seed} {name}", self.checkpoint, model, ENVIRONMENTS[0], flip_cause_named, by_answers=True)
        if architecture.is_picture:
            image = self.golden[f"default/input/{architecture.input}"]
            for name, made, kind in preprocessing_faults(image):
                if keep(name):
                    numpy.save(folder / "made.npy", made.contiguous().numpy())
                    self.judge(f"{architecture.name} {seed} {name}", self.checkpoint, self.model, ENVIRONMENTS[0],
                               lambda report, k=kind: input_cause_named(report, k), made=folder / "made.npy")
            numpy.save(folder / "made.npy", ((image * 255) * (1 / 255)).numpy())  # the same in another order of arithmetic
            self.judge(f"{architecture.name} {seed} preprocessed in another order", self.checkpoint, self.model, ENVIRONMENTS[0], None, made=folder / "made.npy")

    @staticmethod
    def save(path, state):
        torch.save(state, path)
        return path

    def judge(self, case, checkpoint, model, environment, cause_named, made=None, by_answers=False):
        """`by_answers`: the fault is simulated by another archive, which must not count as what was noticed."""
        began = time.monotonic()
        code, report = self.commands.verify(self.seal, checkpoint, model, self.results, environment, made)
        faulty = cause_named is not None
        verdicts = passes(code, report, self.results, self.golden)
        if by_answers:
            if verdicts["bitwise"]:  # no answer changed: there is nothing to notice
                self.tally.without_effect += 1
                return
            verdicts[OURS] = verdicts[ANSWERS]
        if made is not None:  # the model was run on the sealed input: the answers alone judge nothing
            verdicts = {OURS: verdicts[OURS]}
        self.tally.add(case, faulty, verdicts)
        if faulty and cause_named is configuration_cause_named and failing(report).keys() & {"golden.float64", "golden.native"}:
            self.tally.add_layers(layer_named(report), case)
        if faulty:
            named = cause_named(report)
            self.tally.named += named
            if not named:
                self.tally.details.append(f"cause not named: {case}: {', '.join(sorted(failing(report))) or 'nothing failed'}")
        logging.info("%s: exit code %d, %.1f s", case, code, time.monotonic() - began)


def print_table(tally):
    print("| method | false alarms | misses |\n|---|---|---|")
    for method in (OURS, ANSWERS, *comparators.COMPARATORS):
        alarms, misses = tally.false_alarms[method], tally.misses[method]
        legitimate, faults = max(1, tally.judged[method, False]), max(1, tally.judged[method, True])
        print(f"| {method} | {alarms} of {legitimate} ({alarms / legitimate:.1%}) | {misses} of {faults} ({misses / faults:.1%}) |")
    print(f"\nThe cause was named in {tally.named} of {tally.faults} faults ({tally.named / max(1, tally.faults):.1%}).")
    print(f"The first layer that differs was named in {tally.layers} of {tally.followed} faults of configuration.")
    print(f"{tally.without_effect} flipped bits of activations changed no bit of any answer and are not counted.")
    for line in tally.details:
        print(f"- {line}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--goldseal", default="goldseal", help="the command")
    parser.add_argument("--torch", nargs="+", required=True, metavar="DIR", help="LibTorch installations: the first captures, the second is the other environment")
    parser.add_argument("--policy", default="deploy")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3])
    parser.add_argument("--architectures", nargs="+", default=[architecture.name for architecture in ARCHITECTURES])
    parser.add_argument("--small", action="store_true", help="the fixed subset that the tests run")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("torch").setLevel(logging.CRITICAL)

    environments = [e for e in ENVIRONMENTS if e.runtime < len(arguments.torch)]
    keep = lambda name: True  # noqa: E731
    if arguments.small:
        arguments.seeds, arguments.architectures = [0], ["mlp", "resnet"]
        environments = [e for e in environments if e.name in ("same", "1 thread", "ATen default", "LibTorch 1.13")]
        keep = lambda name: name in ("bit 0", "bit 22", "bit 30", "NaN", "float16 weights", "eps 1e-6", "slope")  # noqa: E731
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Commands(arguments), pathlib.Path(folder))
        for seed in arguments.seeds:
            for architecture in ARCHITECTURES:
                if architecture.name in arguments.architectures:
                    bench.run(architecture, seed, environments, keep)
            logging.info("after seed %d: %d of %d legitimate runs failed, %d of %d faults missed, %d causes named", seed,
                         bench.tally.false_alarms[OURS], bench.tally.legitimate, bench.tally.misses[OURS], bench.tally.faults, bench.tally.named)
        print_table(bench.tally)
    alarms, misses = bench.tally.false_alarms[OURS], bench.tally.misses[OURS]
    return 0 if alarms == 0 and misses <= 0.005 * bench.tally.faults and bench.tally.named >= 0.95 * bench.tally.faults else 1


if __name__ == "__main__":
    sys.exit(main())
