# SPDX-License-Identifier: Apache-2.0
"""Reports of machines that are not there: a node's report as `goldseal verify --report-dir` leaves it, with what a test
changes about it. The form is that of a real report (sample_report.json, of this project's own run); the machine in it
is replaced by one with GPUs where a test asks for them."""

import copy
import datetime
import hashlib
import json
from pathlib import Path

SAMPLE = Path(__file__).with_name("sample_report.json")
NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


def moment(seconds_ago=0):
    return (NOW - datetime.timedelta(seconds=seconds_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


class Node:
    """One report. `bits` names what a device answered: equal names are equal bits."""

    base = None

    def __init__(self, name, ago=60, gpus=0, bits="same", facts=(), seal="tiny.seal", again=None, float64="same", ratio=0.5):
        if Node.base is None:
            Node.base = json.loads(SAMPLE.read_text())
        self.name = name
        report = self.report = copy.deepcopy(Node.base)
        report["identity"] = {"node": name, "seal_sha256": digest(seal), "policy_sha256": digest("deploy"), "boot": digest(name)[:16]}
        report["started"] = moment(ago)
        report["subject"] = f"/models/{seal}"
        report["target"] = name
        for row in report["evidence"]["environment"]:
            row["sealed"] = ""  # the seal is another machine's
        self.set_fact("host.name", name)
        for fact, value in dict(facts).items():
            self.set_fact(fact, value)
        report["evidence"]["outputs"] = []
        report["evidence"]["runs"] = []
        for index in range(max(gpus, 1)):
            device = f"cuda:{index}" if gpus else "cpu"
            uuid = f"GPU-{digest(name + str(index))[:8]}-0000" if gpus else ""
            if gpus:
                self.set_fact(f"gpu.{index}.uuid", uuid)
                self.set_fact(f"gpu.{index}.name", "NVIDIA H200", keep=True)
                self.set_fact("driver.version", "580.65.06", keep=True)
            own = bits if isinstance(bits, str) else bits[index]
            self.add_run(device, uuid, "native", own)
            self.add_run(device, uuid, "native again", again or own)
            self.add_run(device, uuid, "float64", float64)
            golden = "default" if gpus < 2 else f"default on {device}"
            report["evidence"]["outputs"].append({"golden": golden, "output": "y", "run": "native", "ratio": ratio, "limit": 16.0,
                                                  "remark": "", "distribution": [], "worst": 1, "worst_limit": 1024})

    def set_fact(self, name, value, keep=False):
        rows = self.report["evidence"]["environment"]
        for row in rows:
            if row["name"] == name:
                if not keep:
                    row["found"] = value
                return
        rows.append({"name": name, "found": value, "sealed": "", "status": "skipped"})
        rows.sort(key=lambda row: row["name"])

    def add_run(self, device, uuid, run, bits, golden="default"):
        self.report["evidence"]["runs"].append(
            {"device": device, "gpu": uuid, "golden": golden, "inputs": digest("inputs " + golden), "run": run,
             "outputs": [{"name": "y", "sealed": digest("sealed " + golden) if run == "native" else "", "sha256": digest(f"{golden} {run.split()[0]} {bits}")}]})

    def sealed_here(self, bits="same"):
        """The machine that sealed is of this kind, and answered `bits`."""
        for row in self.report["evidence"]["environment"]:
            row["sealed"] = row["found"]
        for run in self.report["evidence"]["runs"]:
            if run["run"] == "native":
                run["outputs"][0]["sealed"] = digest(f"{run['golden']} native {bits}")
        return self

    def finding(self, check, status, severity="fail", message="it differs"):
        for found in self.report["findings"]:
            if found["id"] == check:
                found.update(status=status, severity=severity, message=message, remedy="mend it")
        self.settle()
        return self

    def settle(self):
        findings = self.report["findings"]
        failed = [f for f in findings if f["status"] == "fail"]
        if any(f["severity"] == "integrity" for f in failed):
            verdict = "DAMAGED"
        elif failed:
            verdict = "FAIL"
        elif any(f["status"] == "unknown" and f["severity"] in ("required", "integrity") for f in findings):
            verdict = "INCONCLUSIVE"
        else:
            verdict = "PASS"
        self.report["verdict"] = verdict
        self.report["exit_code"] = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3, "DAMAGED": 4}[verdict]

    def text(self, digest=True):
        """As --report-dir leaves it, or as an earlier goldseal did."""
        if not digest:
            return json.dumps(self.report)
        empty = json.dumps({**self.report, "report_sha256": "0" * 64})
        return empty.replace("0" * 64, hashlib.sha256(empty.encode()).hexdigest(), 1)

    def write(self, directory, name=None):
        stamp = self.report["started"].replace("-", "").replace(":", "")
        path = Path(directory) / self.name / (name or f"{stamp}.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.text())
        return path
