# SPDX-License-Identifier: Apache-2.0
"""A machine with PyTorch for Python and no LibTorch worker: what a seal encloses is run by the Python worker, the report says so,
and no compiler is asked for. The command is a copy of the one that GOLDSEAL_COMMAND names, without the workers of a build.

Kinds: what is enclosed (a program of torch.export, TorchScript, a Darknet cfg, nothing); who asks (nobody named a runtime, Python by name, code
that is trusted, an environment that names a LibTorch); what is wrong (weights, a setting, an operator that is not for strangers,
code without consent, no PyTorch at all)."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import unittest
import warnings

try:
    import torch
    from torch import nn
except ImportError:
    print("skipped: this Python has no torch")
    sys.exit(125)

import goldseal
import networks
from in_directory import InDirectory

COMMAND = os.environ["GOLDSEAL_COMMAND"]
SOURCES = pathlib.Path(__file__).resolve().parents[2] / "src"
EXPORTS = tuple(int(part) for part in torch.__version__.split(".")[:2]) >= (2, 8)
IMAGE = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
VECTOR = torch.rand(2, 3, generator=torch.Generator().manual_seed(2))


CFG = """[net]
width=16
height=16
channels=3

[convolutional]
batch_normalize=1
filters=4
size=3
stride=1
pad=1
activation=leaky

[convolutional]
filters=14
size=1
stride=1
pad=1
activation=linear

[yolo]
mask=0,1
anchors=1,2, 3,4
classes=2
"""


class Counting(nn.Module):
    """Writes to a buffer in each pass, keeps a table outside the state dict, and casts in the middle."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 4)
        self.register_buffer("calls", torch.zeros(1))
        self.register_buffer("table", torch.linspace(0, 1, 4), persistent=False)

    def forward(self, x):
        self.calls.add_(1)
        return torch.softmax(self.linear(x).float() + self.table, -1) * self.calls


class WithoutLibTorch(InDirectory):
    def setUp(self):
        super().setUp()
        install = pathlib.Path("installed")
        (install / "bin").mkdir(parents=True)
        (install / "share").mkdir()
        (install / "share/goldseal").symlink_to(SOURCES)
        self.command = os.path.abspath(shutil.copy(COMMAND, install / "bin/goldseal"))
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": os.path.abspath("home"), "GOLDSEAL_PYTHON": sys.executable,
                            "OMP_WAIT_POLICY": "passive"}
        os.mkdir("target")

    def run_command(self, *arguments, **environment):
        return subprocess.run([self.command, *arguments], cwd="target", env={**self.environment, **environment},
                              capture_output=True, text=True, check=False)

    def report(self, *arguments, **environment):
        done = self.run_command(*arguments, "--format", "json", **environment)
        self.assertTrue(done.stdout, done.stderr)
        report = json.loads(done.stdout)
        report["statuses"] = {finding["id"]: finding["status"] for finding in report["findings"]}
        report["messages"] = {finding["id"]: finding["message"] for finding in report["findings"]}
        report["told"] = dict(report["facts"]) if isinstance(report["facts"], dict) else {fact["name"]: fact["value"] for fact in report["facts"]}
        return done.returncode, report

    def sealed(self, model, inputs, **options):
        """A seal and its checkpoint in `target`, where none of the code is."""
        torch.save(model.state_dict(), "net.pth")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            goldseal.seal(model, "net.pth", inputs=inputs, on_error="raise", **options)
        for name in ("net.seal", "net.pth"):
            shutil.move(name, f"target/{name}")

    def test_an_enclosed_program_is_run_by_python_and_the_report_says_so(self):
        forms = [("export" if EXPORTS else "torchscript", networks.Residual(width=32), IMAGE), ("torchscript", networks.Branching(), VECTOR)]
        if EXPORTS:
            forms.append(("export", Counting(), VECTOR))
        for form, model, inputs in forms:
            with self.subTest(type(model).__name__):
                for name in os.listdir("target"):
                    path = f"target/{name}"
                    shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
                torch.manual_seed(7)
                model(inputs)
                self.sealed(model.eval(), inputs, embed="auto")
                for named in ((), ("--runtime", "python")):
                    code, report = self.report("verify", "net.seal", *named)
                    self.assertEqual((code, report["statuses"]["golden.float64"], report["statuses"]["golden.native"]), (0, "pass", "pass"),
                                     report["messages"])
                    self.assertRegex(report["told"]["network"], f"^{form}, embedded in the seal: .*, run by the Python worker$")
                    self.assertIn("python", report["told"]["runtime"])
                    self.assertIn("was not run", report["told"]["code"])
                    self.assertEqual(report["judged"]["parts"]["program"], "yes")
                    self.assertIn(report["judged"]["parts"]["code"], ("no", "not at hand"))

    @unittest.skipUnless(EXPORTS, "this PyTorch exports no programs")
    def test_what_is_wrong_is_found_and_named_as_libtorch_would(self):
        torch.manual_seed(7)
        model = networks.Residual(width=32)
        model(IMAGE)
        self.sealed(model.eval(), IMAGE, embed="auto")
        state = torch.load("target/net.pth")
        state[next(name for name in state if state[name].dim() == 4)].mul_(1.01)
        torch.save(state, "target/other.pth")
        code, report = self.report("verify", "net.seal", "--checkpoint", "other.pth")
        self.assertEqual((code, report["statuses"]["tensors.file"], report["statuses"]["golden.float64"]), (1, "fail", "fail"), report["messages"])

    @unittest.skipUnless(EXPORTS, "this PyTorch exports no programs")
    def test_trusted_code_and_the_program_are_both_run_by_python(self):
        shutil.copy(networks.__file__, "target/networks.py")
        torch.manual_seed(7)
        self.sealed(networks.Residual(width=32).eval(), IMAGE, embed="auto", factory="networks:Residual?width=32")
        code, report = self.report("verify", "net.seal", "--trust-code")
        self.assertEqual(code, 0, report["messages"])
        self.assertEqual({part: report["judged"]["parts"][part] for part in ("program", "code")}, {"program": "yes", "code": "yes"})
        code, report = self.report("verify", "net.seal", "--trust-code", "--runtime", "python")
        self.assertEqual((code, report["judged"]["parts"]["code"]), (0, "yes"))
        self.assertIn("was run, and the program that the seal embeds was not", report["told"]["code"])

    @unittest.skipUnless(EXPORTS, "this PyTorch exports no programs")
    def test_a_program_is_sealed_and_verified_without_code_of_its_own(self):
        torch.manual_seed(7)
        model = Counting().eval()
        torch.export.save(torch.export.export(model, (VECTOR,)), "target/net.pt2")
        done = self.run_command("capture", "net.pt2", "--input", "random:2x3", "-o", "net.seal")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        code, report = self.report("verify", "net.seal")
        self.assertEqual((code, report["statuses"]["golden.float64"]), (0, "pass"), report["messages"])

    def test_a_darknet_cfg_is_run_by_python_and_another_eps_is_named(self):
        torch.manual_seed(7)
        norm = nn.BatchNorm2d(4)
        state = {f"module_list.0.batch_norm_0.{name}": tensor for name, tensor in norm.state_dict().items()}
        state.update({"module_list.0.conv_0.weight": torch.randn(4, 3, 3, 3), "module_list.1.conv_1.weight": torch.randn(14, 4, 1, 1),
                      "module_list.1.conv_1.bias": torch.randn(14)})
        state["module_list.0.batch_norm_0.running_var"].fill_(1e-3)
        torch.save(state, "target/net.pth")
        pathlib.Path("target/net.cfg").write_text(CFG, encoding="utf-8")
        pathlib.Path("target/eps.cfg").write_text(CFG.replace("[net]\n", "[net]\nbatch_normalize_eps=0.001\n"), encoding="utf-8")
        done = self.run_command("capture", "net.pth", "--model", "darknet:net.cfg", "--input", "random:1x3x16x16", "--embed", "-o", "net.seal")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        code, report = self.report("verify", "net.seal")
        self.assertEqual((code, report["statuses"]["golden.float64"]), (0, "pass"), report["messages"])
        self.assertEqual(report["told"]["network"], "darknet, embedded in the seal: architecture.cfg, run by the Python worker")
        code, report = self.report("verify", "net.seal", "--model", "darknet:eps.cfg")
        self.assertEqual((code, report["statuses"]["model.configuration"]), (1, "fail"))
        self.assertIn("eps", report["messages"]["model.configuration"])

    def test_code_that_the_seal_names_still_needs_consent(self):
        shutil.copy(networks.__file__, "target/networks.py")
        self.sealed(networks.Branching().eval(), VECTOR, embed=False, factory="networks:Branching")
        done = self.run_command("verify", "net.seal")
        self.assertNotIn("PASS", done.stdout.splitlines()[0])
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("--trust-code", done.stdout + done.stderr)

    def test_no_compiler_is_asked_for(self):
        """Neither where Python does, nor where nothing is there that runs a model."""
        self.sealed(networks.Branching().eval(), VECTOR, embed="auto")
        torch_directory = str(pathlib.Path(torch.__file__).parent)
        code, report = self.report("verify", "net.seal", GOLDSEAL_TORCH_DIR=torch_directory)
        self.assertEqual(code, 0, report["messages"])
        os.mkdir("none")
        done = self.run_command("verify", "net.seal", GOLDSEAL_PYTHON="", PATH=os.path.abspath("none"), HOME=os.path.abspath("none"))
        if "PASS" in done.stdout:
            self.skipTest("another PyTorch of this machine was found")
        told = done.stdout + done.stderr
        self.assertIn("pip install torch", told)
        for word in ("runtime build", "g++", "cmake", "compiler"):
            self.assertNotIn(word, told)


if __name__ == "__main__":
    unittest.main()
