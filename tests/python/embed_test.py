# SPDX-License-Identifier: Apache-2.0
"""The program of a network's code in the seal: what is embedded, that a machine without the code verifies with it, and that
training goes on as it was. The command is the one that GOLDSEAL_COMMAND names."""
import json
import os
import re
import shutil
import subprocess
import sys
import unittest
import unittest.mock
import warnings

try:
    import torch
    from torch import nn
except ImportError:
    print("skipped: this Python has no torch")
    sys.exit(125)

import goldseal
import networks
from goldseal.live_network import LiveNetwork
from goldseal.worker.programs import surroundings
from goldseal.worker.programs.program import Limits, write_program
from goldseal.worker.protocol.refusal import Refusal
from in_directory import InDirectory

EXPORTS = tuple(int(part) for part in torch.__version__.split(".")[:2]) >= (2, 8)
IMAGE = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
VECTOR = torch.rand(2, 3, generator=torch.Generator().manual_seed(2))


def has_libtorch():
    listed = subprocess.run([os.environ["GOLDSEAL_COMMAND"], "runtime"], capture_output=True, text=True, check=False).stdout
    return re.search(r"^libtorch .*\n(?:  .*\n)*?  worker +(?! |none)", listed, re.MULTILINE) is not None


class EmbedTest(InDirectory):
    def sealed(self, model, inputs, **arguments):
        """The report's finding on the architecture is what the warnings tell; none: it is embedded."""
        torch.save(model.state_dict(), "net.pth")
        arguments.setdefault("embed", "auto")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            path = goldseal.seal(model, "net.pth", inputs=inputs, on_error="raise", **arguments)
        self.assertEqual(str(path), "net.seal")
        return [str(entry.message) for entry in caught if entry.category is goldseal.GoldsealWarning]

    def embedded(self):
        with open("net.seal/manifest.toml", encoding="utf-8") as file:
            text = file.read()
        table = re.search(r'^\[model\.embedded\]\nbuilder = "(\w+)"$', text, re.MULTILINE)
        files = [name for name in os.listdir("net.seal") if name.startswith("architecture")]
        self.assertEqual(len(files), 1 if table else 0)
        return (table.group(1), os.path.join("net.seal", files[0])) if table else None

    def verified_without_the_code(self):
        """By LibTorch, in a directory that holds the seal and the checkpoint alone; what was built there."""
        if not has_libtorch():
            self.skipTest("no LibTorch worker is installed")
        os.makedirs("target", exist_ok=True)
        shutil.rmtree("target/net.seal", ignore_errors=True)
        shutil.copytree("net.seal", "target/net.seal")
        shutil.copy("net.pth", "target/net.pth")
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run([os.environ["GOLDSEAL_COMMAND"], "verify", "net.seal", "--format", "json"], cwd="target",
                              env=environment, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        report = json.loads(done.stdout)
        shadow = [finding["status"] for finding in report["findings"] if finding["id"] == "golden.float64"]
        self.assertEqual(shadow, ["pass"])
        return json.dumps(report["facts"])

    def test_a_residual_network_is_verified_without_its_code(self):
        torch.manual_seed(7)
        model = networks.Residual(width=32)
        model(IMAGE)  # statistics of its own
        self.assertEqual(self.sealed(model, IMAGE, factory="networks:Residual?width=32"), [])
        builder, file = self.embedded()
        self.assertEqual(builder, "export" if EXPORTS else "torchscript")
        self.assertLess(os.path.getsize(file), os.path.getsize("net.pth") / 2)
        facts = self.verified_without_the_code()
        self.assertIn(os.path.basename(file), facts)
        self.assertIn("networks:Residual of this machine was not run", facts)
        self.assertTrue(goldseal.verify("net.seal", trust_code=True), "the code itself is verified by this Python")

    def test_code_that_branches_on_data_is_embedded_as_torchscript(self):
        model = networks.Branching()
        self.assertEqual(self.sealed(model, VECTOR), [])
        self.assertEqual(self.embedded()[0], "torchscript")
        self.verified_without_the_code()

    def test_b41_where_scripting_fails_another_form_is_tried_and_the_seal_is_made(self):
        with unittest.mock.patch("torch.jit.script", side_effect=AttributeError("__annotations__")):
            self.sealed(networks.Branching(), VECTOR)
        self.assertTrue(os.path.exists("net.seal/manifest.toml"))

    def test_values_that_no_state_dict_holds_travel_with_the_program(self):
        for model, inputs in ((networks.Rotary(), torch.rand(4)), (networks.Recurrent(), torch.rand(2, 5, 3)),
                              (networks.Shared(), VECTOR)):
            with self.subTest(type(model).__name__):
                self.assertEqual(self.sealed(model, inputs), [])
                self.assertIsNotNone(self.embedded())
                self.verified_without_the_code()

    def test_code_that_cannot_be_written_down_is_sealed_without_and_a_warning_says_why(self):
        warned = self.sealed(networks.Force(), VECTOR)
        self.assertEqual(len(warned), 1)
        for part in ("does not embed", "torch.export: ", "TorchScript: ", "a trace: "):
            self.assertIn(part, warned[0])
        self.assertIsNone(self.embedded())
        self.assertTrue(goldseal.verify("net.seal", trust_code=True))
        self.assertEqual(self.sealed(networks.Force(), VECTOR, embed=False), [])
        shutil.rmtree("net.seal")
        with self.assertRaises(goldseal.GoldsealError):
            self.sealed(networks.Force(), VECTOR, embed=True)
        self.assertFalse(os.path.exists("net.seal"))
        with self.assertRaises(ValueError):
            self.sealed(networks.Force(), VECTOR, embed="perhaps")

    @unittest.skipUnless(EXPORTS, "torch.export of PyTorch 2.8 or newer is needed")
    def test_a_norm_of_weights_in_training_mode_is_embedded(self):
        self.assertEqual(self.sealed(networks.Standardized(), IMAGE), [])
        self.verified_without_the_code()

    @unittest.skipUnless(EXPORTS, "torch.export of PyTorch 2.8 or newer is needed")
    def test_hooks_that_see_positional_arguments_travel_with_the_exported_program(self):
        model = networks.Residual(width=4)
        model.register_forward_pre_hook(lambda _, given: (given[0] * 0.5,))
        self.assertEqual(self.sealed(model, IMAGE, factory="networks:Residual?width=4"), [])
        self.assertEqual(self.embedded()[0], "export")

    def test_an_operator_that_no_plain_libtorch_has_is_named(self):
        library = networks.register_foreign()
        warned = self.sealed(networks.Foreign(), VECTOR)
        self.assertEqual(len(warned), 1, warned)
        self.assertIn("goldseal_tests::twice, which no plain LibTorch has", warned[0])
        self.assertIsNone(self.embedded())
        del library

    def test_tied_weights_of_which_the_file_holds_one_name_travel_with_the_program(self):
        tokens = torch.arange(10).reshape(2, 5)
        for model, inputs, left_out in (
            (networks.TiedHead(), tokens, ["head.weight"]),
            (networks.TiedHead(), tokens, []),
            (networks.TiedHead(late=True), tokens, ["words.weight"]),
            (networks.TiedThrice(), VECTOR, ["second.weight", "third.weight", "third.bias", "again.weight", "again.bias"]),
            (networks.TiedThrice(), VECTOR, ["third.weight"]),
        ):
            with self.subTest(type(model).__name__, left_out=left_out):
                names = [name for name in model.state_dict() if name not in left_out]
                torch.save({name: model.state_dict()[name] for name in names}, "net.pth")
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    goldseal.seal(model, "net.pth", inputs=inputs, on_error="raise")
                self.assertEqual([str(one.message) for one in caught if one.category is goldseal.GoldsealWarning], [])
                self.assertEqual(self.embedded()[0], "export" if EXPORTS else "torchscript")
                self.verified_without_the_code()

    def test_b02_tied_names_that_differ_in_the_file_fail_by_the_program_too(self):
        model = networks.TiedHead()
        self.sealed(model, torch.arange(10).reshape(2, 5))
        torn = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        torn["head.weight"][0] += 1
        torch.save(torn, "net.pth")
        if not has_libtorch():
            self.skipTest("no LibTorch worker is installed")
        done = subprocess.run([os.environ["GOLDSEAL_COMMAND"], "verify", "net.seal", "--format", "json"], capture_output=True,
                              text=True, check=False)
        self.assertNotEqual(done.returncode, 0)
        failed = {finding["id"] for finding in json.loads(done.stdout)["findings"] if finding["status"] == "fail"}
        self.assertIn("tensors.file", failed)

    def test_an_operator_of_python_s_is_taken_apart_where_it_can_be(self):
        if not EXPORTS:
            self.skipTest("torch.export of PyTorch 2.8 or newer is needed")
        operators = networks.register_python_operators()
        self.assertEqual(self.sealed(networks.Calling("plain"), VECTOR, factory="networks:Calling?kind=plain"), [])
        self.assertEqual(self.embedded()[0], "export")
        self.verified_without_the_code()
        for kind in ("branching", "numpy"):
            with self.subTest(kind):
                warned = self.sealed(networks.Calling(kind), VECTOR, factory=f"networks:Calling?kind={kind}")
                self.assertEqual(len(warned), 1, warned)
                self.assertIn(f"goldseal_python::{kind}, which no plain LibTorch has", warned[0])
                self.assertIsNone(self.embedded())
        del operators

    def test_a_network_whose_float64_run_is_not_finite_is_sealed_by_native_runs_and_the_operator_is_named(self):
        torch.manual_seed(3)
        model = networks.Unbounded()
        torch.save(model.state_dict(), "net.pth")
        torch.save(VECTOR, "x.pt")
        done = subprocess.run(
            [os.environ["GOLDSEAL_COMMAND"], "capture", "net.pth", "--model", "python:networks:Unbounded", "--input", "x=x.pt",
             "--runtime", f"python={sys.executable}", "--format", "json", "-o", "net.seal"],
            capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        told = [found["message"] for found in json.loads(done.stdout)["findings"] if found["id"] == "golden.capture"]
        self.assertIn("is NaN or infinite in float64 where the native run gives numbers, from ", told[0])
        self.assertRegex(told[0], r"from [^,]*\(log\) on")
        report = goldseal.verify("net.seal", model)
        self.assertTrue(report, report)
        findings = {found["id"]: found for found in report.raw["findings"]}
        self.assertEqual(findings["golden.float64"]["status"], "skipped")
        self.assertIn("reduced sensitivity", findings["golden.native"]["message"])
        with unittest.mock.patch.object(torch, "tanh", torch.sigmoid):
            self.assertFalse(goldseal.verify("net.seal", model))

    @unittest.skipUnless(EXPORTS, "torch.export of PyTorch 2.8 or newer is needed")
    def test_a_libtorch_that_lacks_an_operator_leaves_the_verdict_open_and_the_one_that_has_it_is_named(self):
        listed = subprocess.run([os.environ["GOLDSEAL_COMMAND"], "runtime"], capture_output=True, text=True, check=False).stdout
        older = re.search(r"^libtorch (?:1\.|2\.[0-4]\.)\S* +(\S+)\n(?:  .*\n)*?  worker +(?! |none)", listed, re.MULTILINE)
        if older is None:
            self.skipTest("no LibTorch before 2.5 has a worker")
        self.assertEqual(self.sealed(networks.Newer(), VECTOR), [])
        done = subprocess.run([os.environ["GOLDSEAL_COMMAND"], "verify", "net.seal", "--runtime", f"libtorch={older.group(1)}",
                               "--format", "json"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
        told = next(found for found in json.loads(done.stdout)["findings"] if found["id"] == "worker.run")
        self.assertEqual(told["status"], "unknown")
        self.assertIn("has no operator aten._safe_softmax.default", told["message"])
        self.assertIn(f"LibTorch {torch.__version__.split('+')[0]}", told["remedy"])

    def test_a_trace_that_froze_an_answer_is_not_embedded(self):
        warned = self.sealed(networks.Frozen(), VECTOR)
        self.assertEqual(len(warned), 1, warned)
        self.assertIsNone(self.embedded())

    def test_a_trace_that_froze_what_the_weights_were_is_written_down_again(self):
        model = networks.Leaning()
        for bias in (1.0, 0.5, -1.0, 1.0):
            with torch.no_grad():
                model.linear.bias.fill_(bias)
            self.assertEqual(self.sealed(model, VECTOR), [], bias)
            self.verified_without_the_code()

    @unittest.skipUnless(EXPORTS, "torch.export of PyTorch 2.8 or newer is needed")
    def test_half_precision_code_that_converts_is_embedded_and_computes_in_float64_like_the_code(self):
        self.assertEqual(self.sealed(networks.HalfNorm(), VECTOR), [])
        self.assertEqual(self.embedded()[0], "export")
        self.verified_without_the_code()

    def test_outputs_that_are_picked_are_what_the_program_answers(self):
        model = networks.Odd()
        self.assertEqual(self.sealed(model, torch.rand(3), outputs=lambda answer: answer["good"] * model.weight), [])
        self.assertIsNotNone(self.embedded())
        self.verified_without_the_code()

    def test_the_model_is_left_as_it_was(self):
        model = networks.Remembering()
        model.train()
        before = {name: (id(value), value) for name, value in vars(model).items() if name != "training"}
        parameters = [(name, id(parameter), parameter.requires_grad) for name, parameter in model.named_parameters()]
        state = torch.get_rng_state()
        self.sealed(model, VECTOR)
        self.assertIsNotNone(self.embedded())
        self.assertTrue(model.training and torch.is_grad_enabled())
        self.assertTrue(torch.equal(torch.get_rng_state(), state))
        self.assertEqual([(n, id(p), p.requires_grad) for n, p in model.named_parameters()], parameters)
        self.assertEqual(model.count.item(), 0)
        self.assertNotIn("forward", vars(model))
        for name, (identity, _) in before.items():
            self.assertEqual(id(vars(model)[name]), identity, name)
        self.assertIsNotNone(model(VECTOR).sum().backward() or model.linear.weight.grad)

    def test_wrappers_are_looked_through(self):
        wrapped = [nn.DataParallel(networks.Residual())] + ([torch.compile(networks.Residual())] if EXPORTS else [])
        for model in wrapped:
            self.assertEqual(self.sealed(model, IMAGE, factory=networks.Residual), [])
            self.assertIsNotNone(self.embedded())

    @unittest.skipUnless(EXPORTS, "torch.export of PyTorch 2.8 or newer is needed")
    def test_a_program_is_written_down_once_until_the_code_is_another(self):
        calls = []
        export = torch.export.export

        def counted(*arguments, **keywords):
            calls.append(1)
            return export(*arguments, **keywords)

        torch.export.export = counted
        try:
            model = networks.Scaled()
            for factor, expected in ((1.0, 1), (1.0, 1), (2.0, 2)):
                model.factor = factor
                with torch.no_grad():
                    model.linear.weight += 0.1
                self.assertEqual(self.sealed(model, VECTOR, factory=f"networks:Scaled?factor={factor}"), [])
                self.assertEqual((self.embedded()[0], len(calls)), ("export", expected))
            self.verified_without_the_code()
        finally:
            torch.export.export = export

    def test_time_and_size_are_limited(self):
        network = LiveNetwork(networks.Residual().eval())
        for form in ("export", "trace") if EXPORTS else ("trace",):
            for limits, message in ((Limits(0, 1 << 20), "longer than 0 s"), (Limits(600, 100), "more than 100")):
                with self.subTest(form=form, limits=limits):
                    with self.assertRaises(Refusal) as raised, torch.no_grad():
                        write_program(network, form, {"image": IMAGE}, os.path.abspath("program"), limits)
                    self.assertIn(message, str(raised.exception))
                    self.assertTrue(torch.is_grad_enabled())
                    self.assertNotIn("forward", vars(network.module))

    def test_a_busy_machine_costs_no_program(self):
        """Time that others have the processor for is not the network's, up to three times the limit."""
        x = torch.rand(2)
        for own, wall, raises in ((0.5, 2.5, False), (0.5, 3.5, True), (1.5, 1.5, True)):
            clock = unittest.mock.Mock(thread_time=lambda: 0.0, monotonic=lambda: 0.0)
            with self.subTest(own=own, wall=wall), unittest.mock.patch.object(surroundings, "time", clock), surroundings.Deadline(1):
                clock.thread_time, clock.monotonic = (lambda own=own: own), (lambda wall=wall: wall)
                if raises:
                    self.assertRaises(Refusal, torch.sin, x)
                else:
                    torch.sin(x)


if __name__ == "__main__":
    unittest.main()
