# SPDX-License-Identifier: Apache-2.0
"""Every call of the write path of every verb that writes fails once, in each of several ways. Afterwards the old output or
the new one is there, whole; nothing else lies about; and the exit code is that of a fault of the machine, never one of the
model or of its files.

    write_faults.py GOLDSEAL INJECTOR.so [--only VERB]

The kinds of faults: EIO, ENOSPC, EMFILE, EINTR (which only delays), SHORT (a write of half its bytes) and KILL (SIGKILL,
after which a further run must work). File systems without renameat2's flags (NFS), and without hard links too (FAT), are
tried by themselves."""

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import shutil
import signal
import sys
import tempfile
from dataclasses import dataclass, field

import bench
import tiny_worker

KINDS = ("EIO", "ENOSPC", "EMFILE", "EINTR", "SHORT", "KILL")
KINDS_ELSEWHERE = ("EIO", "EINTR", "SHORT", "KILL")  # on poorer file systems: one call's errors are alike there
HARMLESS = ("EINTR", "SHORT")  # what a run has to bear
# No verdict, or an open one: what a gate reads as "run it again", never as the model's fault.
CODES_OF_FAULTS = (2, 3)

@dataclass
class Verb:
    """A command that writes `output`, where something was before or not."""

    name: str
    arguments: list
    output: str
    worker: bool = False
    before: list = field(default_factory=list)  # the arguments of the run that writes the old output
    plain: str = ""  # how the file system is poorer


def verbs():
    capture = ["capture", "net.safetensors", "--model", "python:nothing:nothing", "--input", "x={input}", "-o", "net.seal"]
    old, new = [a.replace("{input}", "old.npy") for a in capture], [a.replace("{input}", "new.npy") for a in capture]
    verify = ["verify", "ready.seal"]
    found = [
        Verb("capture", new, "net.seal", worker=True),
        Verb("capture --force", new + ["--force"], "net.seal", worker=True, before=old),
        Verb("verify --save-results", verify + ["--save-results", "results"], "results", worker=True,
             before=verify + ["--depth", "quick", "--save-results", "results"]),
        Verb("verify --report", verify + ["--report", "json=out.json", "--force"], "out.json", worker=True, before=["TEXT"]),
        Verb("check --report", ["check", "ready.seal", "--report", "json=out.json", "--force"], "out.json", before=["TEXT"]),
        Verb("report --report", ["report", "ready.json", "--report", "html=out.html", "--force"], "out.html", before=["TEXT"]),
        Verb("probe -o", ["probe", "-o", "machine.toml", "--force"], "machine.toml", before=["TEXT"]),
        Verb("sign --pae", ["sign", "ready.seal", "--pae", "out.bin", "--force"], "out.bin", before=["TEXT"]),
        Verb("attest --pae", ["attest", "ready.json", "--pae", "out.bin", "--force"], "out.bin", before=["TEXT"]),
        Verb("bom -o", ["bom", "ready.seal", "-o", "out.cdx", "--force"], "out.cdx", before=["TEXT"]),
        Verb("merge --report", ["merge", "ready.json", "--report", "html=out.html", "--force"], "out.html", before=["TEXT"]),
        Verb("convert to safetensors", ["convert", "net.safetensors", "-o", "out.safetensors"], "out.safetensors"),
        Verb("convert to pth --force", ["convert", "net.safetensors", "-o", "out.pth", "--force"], "out.pth", before=["TEXT"]),
    ]
    for plain in ("link", "nolink"):
        found += [
            Verb(f"capture --force, no exchange, {plain}", new + ["--force"], "net.seal", worker=True, before=old, plain=plain),
            Verb(f"capture, no exchange, {plain}", new, "net.seal", worker=True, plain=plain),
            Verb(f"convert, no exchange, {plain}", ["convert", "net.safetensors", "-o", "out.pth"], "out.pth", plain=plain),
        ]
    return found


class FaultBench(bench.Bench):
    """With the injector, and with what the verbs need."""

    def __init__(self, goldseal, injector, root):
        super().__init__(goldseal, root)
        self.injector = injector
        self.log = self.home.parent / "calls"
        bench.write_npy(self.work / "old.npy", [0.1 * (i + 1) for i in range(tiny_worker.SIZE)])
        bench.write_npy(self.work / "new.npy", [0.2 * (i + 1) for i in range(tiny_worker.SIZE)])
        self.seal("ready.seal")
        self.must(["check", "ready.seal", "--report", "json=ready.json"])
        self.kept = sorted(os.listdir(self.work))

    def run_with(self, arguments, worker, **faults):
        """`faults`: at, kind, log, plain."""
        environment = self.environment(LD_PRELOAD=self.injector, FAULT_PROGRAM=self.goldseal, FAULT_UNDER=str(self.home),
                                       **{f"FAULT_{key.upper()}": str(value) for key, value in faults.items() if value})
        return self.run(arguments, environment, worker)

    def content(self, name):
        """What is under a name, in a form that can be compared; None for nothing."""
        path = self.work / name
        if path.is_dir():
            return {str(file.relative_to(path)): normal(file) for file in sorted(path.rglob("*"))}
        return normal(path) if os.path.lexists(path) else None

    def litter(self, output):
        beside = [name for name in os.listdir(self.work) if name not in self.kept and name != output]
        return beside + [f"tmp/{name}" for name in os.listdir(self.temporary)]

    def clean(self, output):
        for name in self.litter(output) + [output]:
            path = self.home / name if name.startswith("tmp/") else self.work / name
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)


def normal(path):
    """The bytes of a file, with what differs from run to run taken out of a report, or of a saved machine."""
    data = path.read_bytes() if path.is_file() else b"directory"
    if path.suffix == ".json" and b"goldseal.report" in data:
        try:
            report = json.loads(data)
        except ValueError:
            return data
        return sorted(finding["id"] for finding in report["findings"])
    if path.suffix == ".toml":  # load, free memory and times change; a manifest vouches for itself
        line = re.search(rb'^digest = "(\w*)"$', data, re.MULTILINE)
        plain = data[: line.start(1)] + data[line.end(1) :] if line else b""
        whole = data.endswith(b"\n") and (line is None or hashlib.sha256(plain).hexdigest().encode() == line.group(1))
        return [whole, sorted(set(re.findall(rb"^\[+[\w.]+|^golden_sha256 = .*", data, re.MULTILINE)))]
    if path.suffix == ".html":
        return [data[:64], data[-20:]]
    return data


class Campaign:
    def __init__(self, bench):
        self.bench = bench
        self.tried = 0
        self.wrong = []

    def begin(self, verb):
        self.bench.clean(verb.output)
        if verb.before == ["TEXT"]:
            (self.bench.work / verb.output).write_text("old")
        elif verb.before:
            self.bench.must(verb.before)

    def try_verb(self, verb):
        bench = self.bench  # of this campaign
        bench.log.unlink(missing_ok=True)
        self.begin(verb)
        old = bench.content(verb.output)
        code, said = bench.run_with(verb.arguments, verb.worker, log=bench.log, plain=verb.plain)
        new = bench.content(verb.output)
        if code != 0 or new is None or new == old or bench.litter(verb.output):
            self.wrong.append(f"{verb.name}: without a fault: exit code {code}, litter {bench.litter(verb.output)}\n{said}")
            return
        calls = [line.split(" ", 2) for line in bench.log.read_text().splitlines()]
        for number, call, path in calls:
            for kind in KINDS if not verb.plain else KINDS_ELSEWHERE:
                if kind == "SHORT" and call != "write":
                    continue
                self.try_case(verb, int(number), f"{kind} at {call} {os.path.relpath(path, bench.home)} (call {number})", kind, old, new)

    def try_case(self, verb, number, title, kind, old, new):
        bench = self.bench  # of this campaign
        self.tried += 1
        self.begin(verb)
        code, said = bench.run_with(verb.arguments, verb.worker, at=number, kind=kind, plain=verb.plain)
        faults = list(self.faults_of(verb, kind, code, said, old, new))
        if kind == "KILL" and not faults:
            again = verb.arguments[0] in ("capture", "convert") and "--force" not in verb.arguments and bench.content(verb.output) is not None
            code, said = bench.run_with(verb.arguments + (["--force"] if again else []), verb.worker, plain=verb.plain)
            if code != 0 or bench.content(verb.output) != new:
                faults = [f"a later run: exit code {code}"]
        if faults:
            self.wrong.append(f"{verb.name}: {title}: {'; '.join(faults)}\n    {said.strip()[-600:]}")

    def faults_of(self, verb, kind, code, said, old, new):
        now = self.bench.content(verb.output)
        whole = now in (old, new)
        if not whole and not (kind == "KILL" and self.may_be_aside(verb, now)):
            yield "neither the old output nor the new one is there"
        if kind == "KILL":
            if code not in (-signal.SIGKILL, 0):
                yield f"exit code {code}"
            return
        litter = self.bench.litter(verb.output)
        if litter:
            yield f"litter: {litter}"
        if kind in HARMLESS and code != 0:
            yield f"exit code {code} for what only delays"
        if code not in (0, *CODES_OF_FAULTS):
            yield f"exit code {code}"
        if code == 0 and now != new:
            yield "exit code 0 without the new output"
        if code != 0 and "error: " not in said:
            yield "a failure without a word"
        if code != 0 and now == new != old and "in place" not in said:
            yield "the message does not say that the new output is there"

    @staticmethod
    def may_be_aside(verb, now):
        """Without an exchange of names a directory cannot be replaced in one step: for a moment there is neither, and the old
        one lies beside it. A name that is claimed for a file is empty for a moment."""
        return bool(verb.plain) and (now is None or now == b"")


def campaign(goldseal, injector, chosen):
    with tempfile.TemporaryDirectory() as root:
        run = Campaign(FaultBench(goldseal, injector, root))
        for verb in chosen:
            run.try_verb(verb)
        return run.tried, run.wrong


def wrong_clocks(goldseal, injector):
    """A clock that nobody set, before 1970 and beyond what a date can write, is no reason to end."""
    with tempfile.TemporaryDirectory() as root:
        b = FaultBench(goldseal, injector, root)
        wrong = []
        for seconds in (-1, -(2**62), 253_402_300_800, 2**63 - 1):
            for verb, arguments, worker in (("check", ["check", "ready.seal", "--report", "json=out.json", "--force"], None),
                                            ("probe", ["probe", "-o", "machine.toml", "--force"], None)):
                code, said = b.run_with(arguments, worker, clock=seconds)
                if code not in (0, 1):
                    wrong.append(f"{verb} with the clock at {seconds} s: exit code {code}: {said[-200:]}")
        return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("goldseal")
    parser.add_argument("injector")
    parser.add_argument("--only", default="", help="verbs whose name holds this text")
    arguments = parser.parse_args()
    chosen = [verb for verb in verbs() if arguments.only in verb.name]
    with concurrent.futures.ProcessPoolExecutor(max(2, min(4, os.cpu_count() or 2))) as pool:
        results = list(pool.map(campaign, [arguments.goldseal] * len(chosen), [arguments.injector] * len(chosen), [[verb] for verb in chosen]))
    for verb, (tried, wrong) in zip(chosen, results):
        print(f"{verb.name}: {tried} tried, {tried - len(wrong)} right")
    wrong = [line for _, lines in results for line in lines] + wrong_clocks(arguments.goldseal, arguments.injector)
    tried = sum(count for count, _ in results)
    for line in wrong[:200]:
        print(f"WRONG {line}", file=sys.stderr)
    print(f"write faults: {tried} tried, {tried - len(wrong)} right")
    sys.exit(1 if wrong or not tried else 0)


if __name__ == "__main__":
    main()
