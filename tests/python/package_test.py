# SPDX-License-Identifier: Apache-2.0
"""The Python package: what save, seal, verify and load promise, with the command that GOLDSEAL_COMMAND names."""
import copy
import functools
import os
import random
import subprocess
import sys
import unittest
import warnings

try:
    import numpy as np
    import torch
except ImportError:
    print("skipped: this Python has no torch, or no numpy")
    sys.exit(125)

import goldseal
import networks
from in_directory import InDirectory


def trained(**arguments):
    """A network in training mode with gradients and statistics of its own."""
    torch.manual_seed(7)
    model = networks.Net(**arguments)
    model(torch.rand(4, 3, 8, 8))["logits"].sum().backward()
    return model


IMAGE = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def bits(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


class PackageTest(InDirectory):
    def sealed(self, model=None, **arguments):
        model = trained() if model is None else model
        torch.save(model.state_dict(), "net.pth")
        return goldseal.seal(model, "net.pth", inputs={"image": IMAGE}, on_error="raise", **arguments)

    # --- saving: newcomer row 3, "documented arguments that lose the checkpoint" ---------------------------------------------

    def test_every_argument_that_the_page_names_is_one_of_save(self):
        model, ema = trained(), trained()
        with torch.no_grad():
            for weight in ema.parameters():
                weight.mul_(0.5)
        both = {"state_dict": model.state_dict(), "ema": ema.state_dict()}
        path = goldseal.save(both, "both.pth", model=ema, inputs=IMAGE, factory=networks.Net, entry="ema", embed=False, anonymous=True,
                             outputs=lambda answer: answer, seal="other.seal", timeout=300, on_error="raise",
                             pickle_protocol=3, _use_new_zipfile_serialization=True)
        self.assertEqual(str(path), "other.seal")
        with open("other.seal/manifest.toml", encoding="utf-8") as file:
            text = file.read()
        self.assertIn('entry = "ema"', text)
        self.assertNotIn("[environment.host]\nname", text)
        self.assertEqual(sorted(torch.load("both.pth")), ["ema", "state_dict"])
        self.assertTrue(goldseal.verify("other.seal", ema))

    def test_what_is_admitted_is_sealed_counted_and_loaded(self):
        """F06, F15: loading in part, on purpose."""
        model = trained()
        state = {name: tensor for name, tensor in model.state_dict().items() if not name.endswith("num_batches_tracked")}
        state["criterion.weight"] = torch.ones(3)
        admitted = {"allow_missing": ["*.num_batches_tracked"], "allow_unexpected": "criterion.*"}
        if len(state) == len(model.state_dict()) + 1:
            self.skipTest("the network has no counters")
        self.assertIsNone(goldseal.save(state, "part.pth", model=model, inputs=IMAGE, factory=networks.Net, embed=False, on_error="ignore"))
        path = goldseal.save(state, "part.pth", model=model, inputs=IMAGE, factory=networks.Net, embed=False, on_error="raise", **admitted)
        self.assertEqual(str(path), "part.seal")
        report = goldseal.verify("part.seal", model)
        self.assertTrue(report, report)
        partial = next(finding for finding in report.findings if finding.id == "keys.partial")
        self.assertIn("went nowhere (criterion.weight)", partial.message)
        other = networks.Net()
        self.assertTrue(goldseal.load("part.seal", other))
        self.assertTrue(torch.equal(other.state_dict()["conv.weight"], state["conv.weight"]))
        with self.assertRaises(goldseal.GoldsealError):
            goldseal.save(state, "part.pth", model=model, inputs=IMAGE, on_error="raise", allow_missing="nothing.*",
                          allow_unexpected="criterion.*")

    def test_an_unknown_keyword_costs_no_checkpoint(self):
        model = trained()
        for keyword, hint in (("input", "inputs="), ("entyr", "entry="), ("pickle_protocoll", "pickle_protocol="), ("zzz", "")):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                path = goldseal.save(model.state_dict(), "odd.pth", model=model, inputs=IMAGE, factory=networks.Net, embed=False,
                                     **{keyword: "x"})
            told = [str(warning.message) for warning in caught if issubclass(warning.category, goldseal.GoldsealWarning)]
            self.assertTrue(any(f"{keyword}=" in text and hint in text for text in told), told)
            self.assertEqual(list(torch.load("odd.pth")), list(model.state_dict()))
            self.assertEqual(str(path), "odd.seal")
            os.remove("odd.pth")
            with self.assertRaises(goldseal.GoldsealError):
                goldseal.save(model.state_dict(), "odd.pth", model=model, inputs=IMAGE, on_error="raise", **{keyword: "x"})
            self.assertTrue(os.path.exists("odd.pth"))

    def test_a_wrong_value_of_an_argument_costs_neither_checkpoint_nor_training(self):
        model = trained()
        for wrong in ({"embed": "perhaps"}, {"on_error": "explode"}, {"timeout": "soon"}, {"seal_options": {"enclose": True}},
                      {"outputs": 3}, {"seal": 3}):
            with self.subTest(wrong), warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                goldseal.save(model.state_dict(), "odd.pth", model=model, inputs=IMAGE, **wrong)
                self.assertTrue(any(issubclass(warning.category, goldseal.GoldsealWarning) for warning in caught), wrong)
            self.assertEqual(list(torch.load("odd.pth")), list(model.state_dict()))
            os.remove("odd.pth")

    # --- sealing -------------------------------------------------------------------------------------------------------------

    def test_save_saves_as_torch_does_and_seals(self):
        model = trained()
        path = goldseal.save(model.state_dict(), "net.pth", model=model, inputs=IMAGE, on_error="raise")
        self.assertEqual(str(path), "net.seal")
        loaded = torch.load("net.pth")
        self.assertEqual(list(loaded), list(model.state_dict()))
        report = goldseal.verify("net.seal", trust_code=True)
        self.assertTrue(report, report)
        self.assertIn(("golden.float64", "pass"), [(finding.id, finding.status) for finding in report.findings])

    def test_A1_a_seal_never_takes_the_place_of_the_checkpoint_or_of_what_is_no_seal(self):
        model = trained()
        for name in ("x.seal", "./y.seal"):
            with self.assertWarnsRegex(goldseal.GoldsealWarning, "take the checkpoint's place"):
                self.assertIsNone(goldseal.save(model.state_dict(), name, model=model, inputs=IMAGE))
            self.assertEqual(list(torch.load(name)), list(model.state_dict()))
        torch.save(model.state_dict(), "net.pth")
        os.makedirs("runs/deep")
        for path in ("runs/metrics.json", "runs/deep/manifest.toml"):
            with open(path, "w", encoding="utf-8") as file:
                file.write("mine")
        with open("file", "w", encoding="utf-8") as file:
            file.write("mine")
        for seal in ("runs/", "runs", "runs/deep", ".", "..", "file", "net.pth", os.getcwd()):
            with self.assertRaises(goldseal.GoldsealError, msg=seal):
                goldseal.seal(model, "net.pth", inputs=IMAGE, seal=seal, on_error="raise")
        self.assertEqual(sorted(os.listdir("runs")), ["deep", "metrics.json"])
        self.assertEqual(list(torch.load("net.pth")), list(model.state_dict()))
        for path in ("runs/metrics.json", "runs/deep/manifest.toml", "file"):
            with open(path, encoding="utf-8") as file:
                self.assertEqual(file.read(), "mine")
        # Epoch by epoch the seal is replaced.
        for _ in range(2):
            self.assertEqual(str(goldseal.seal(model, "net.pth", inputs=IMAGE, seal="runs/net.seal", on_error="raise")), "runs/net.seal")
        self.assertEqual([name for name in os.listdir("runs") if name.endswith(".partial")], [])

    def test_A21_what_takes_too_long_is_an_error_of_goldseal(self):
        self.sealed()
        with open("slow", "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\nsleep 60\n")
        os.chmod("slow", 0o755)
        real = os.environ["GOLDSEAL_COMMAND"]
        os.environ["GOLDSEAL_COMMAND"] = os.path.abspath("slow")
        try:
            with self.assertRaisesRegex(goldseal.GoldsealError, "did not end within"):
                goldseal.verify("net.seal", timeout=-29)  # the command gets half a minute more than its own limit
        finally:
            os.environ["GOLDSEAL_COMMAND"] = real

    def test_faults_16_an_output_named_metadata_is_refused_by_name(self):
        model = networks.Net()
        torch.save(model.state_dict(), "net.pth")
        rename = lambda answer: {"__metadata__": answer["logits"]}
        with self.assertRaisesRegex(goldseal.GoldsealError, "__metadata__"):
            goldseal.seal(model, "net.pth", inputs=IMAGE, outputs=rename, on_error="raise")

    def test_the_seal_is_the_one_that_the_command_writes(self):
        self.sealed(factory=networks.Net, embed=False)
        command = [os.environ["GOLDSEAL_COMMAND"], "capture", "net.pth", "--model", "python:networks:Net", "--runtime",
                   "python=" + sys.executable, "--input", "image=image.npy", "-o", "command.seal"]
        np.save("image.npy", IMAGE.numpy())
        subprocess.run(command, check=True, capture_output=True)

        def lines(seal):
            with open(os.path.join(seal, "manifest.toml"), encoding="utf-8") as file:
                # Not what names the moment, the text of the input, or what this test's process has loaded besides.
                other = ("created", "digest", "available_bytes", "image", "library")
                return [line for line in file if not any(part in line for part in other)]

        self.assertEqual([line for line in lines("net.seal") if line not in lines("command.seal")], [])
        with open("net.seal/golden.safetensors", "rb") as one, open("command.seal/golden.safetensors", "rb") as other:
            self.assertEqual(one.read(), other.read())

    def test_the_model_and_every_generator_are_left_as_they_were(self):
        # F55: a model in training mode is judged in evaluation mode, and goes on training.
        model = trained()
        model.drop.eval()
        torch.save(model.state_dict(), "net.pth")
        random.seed(3)
        np.random.seed(4)
        torch.manual_seed(5)
        parameters = {name: parameter for name, parameter in model.named_parameters()}
        gradients = {name: parameter.grad.clone() for name, parameter in parameters.items() if parameter.grad is not None}
        before = bits(model), [part.training for part in model.modules()]
        threads = torch.get_num_threads()
        drawn = random.Random(3).random(), np.random.RandomState(4).rand(), torch.rand(1, generator=torch.Generator().manual_seed(5))

        self.assertIsNotNone(goldseal.seal(model, "net.pth", inputs=IMAGE, on_error="raise"))

        self.assertEqual([part.training for part in model.modules()], before[1])
        self.assertTrue(torch.is_grad_enabled())
        self.assertEqual(torch.get_num_threads(), threads)
        for name, tensor in model.state_dict().items():
            self.assertTrue(torch.equal(tensor, before[0][name]), name)
        for name, parameter in model.named_parameters():
            self.assertIs(parameter, parameters[name])
            self.assertTrue(parameter.requires_grad)
            if name in gradients:
                self.assertTrue(torch.equal(parameter.grad, gradients[name]))
        self.assertEqual(random.random(), drawn[0])
        self.assertEqual(np.random.rand(), drawn[1])
        self.assertEqual(torch.rand(1), drawn[2])

    def test_a_buffer_that_a_forward_pass_changes_is_left_as_it_was(self):
        class Counting(networks.Counter):
            def forward(self, x):
                return super().forward(x) * 0 + x * 2

        model = Counting()
        torch.save(model.state_dict(), "net.pth")
        goldseal.seal(model, "net.pth", inputs=torch.rand(3), factory="networks:Counter", on_error="raise")
        self.assertEqual(model.count.item(), 0)

    def test_training_goes_on_with_the_same_bits(self):
        def train(with_seal):
            model = trained()
            optimizer = torch.optim.SGD(model.parameters(), 0.1)
            for step in range(3):
                optimizer.zero_grad()
                model(torch.rand(2, 3, 8, 8))["logits"].square().sum().backward()
                optimizer.step()
                if with_seal:
                    goldseal.save(model.state_dict(), f"{step}.pth", model=model, inputs=IMAGE, on_error="raise")
            return bits(model)

        plain, sealing = train(False), train(True)
        for name, tensor in plain.items():
            self.assertTrue(torch.equal(tensor, sealing[name]), name)

    def test_wrappers_are_looked_through(self):
        model = trained()
        self.sealed(torch.nn.DataParallel(model))
        self.assertTrue(goldseal.verify("net.seal", trust_code=True))
        if hasattr(torch, "compile"):
            self.sealed(torch.compile(model))
            self.assertTrue(goldseal.verify("net.seal", trust_code=True))

    @unittest.skipUnless(torch.distributed.is_available(), "this PyTorch has no torch.distributed")
    def test_distributed_data_parallel_is_looked_through_and_other_ranks_seal_nothing(self):
        torch.distributed.init_process_group("gloo", init_method="file://" + os.path.abspath("store"), rank=0, world_size=1)
        try:
            self.sealed(torch.nn.parallel.DistributedDataParallel(trained()))
        finally:
            torch.distributed.destroy_process_group()
        self.assertTrue(goldseal.verify("net.seal", trust_code=True))
        os.environ["RANK"] = "1"
        try:
            self.assertIsNone(self.sealed(seal="other.seal"))
        finally:
            del os.environ["RANK"]
        self.assertFalse(os.path.exists("other.seal"))

    def test_a_checkpoint_that_holds_more_than_the_model_is_sealed(self):
        model = trained()
        optimizer = torch.optim.Adam(model.parameters())
        optimizer.step()
        goldseal.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}, "whole.pt", model=model,
                      inputs=IMAGE, on_error="raise")
        self.assertTrue(goldseal.verify("whole.seal", trust_code=True))

    def test_factories_of_each_form_build_the_network_again(self):
        model = trained(width=4)
        for factory in ("networks:Net?width=4", "python:networks:Net?width=4", functools.partial(networks.Net, width=4),
                        (networks.Net, {"width": 4})):
            self.sealed(model, factory=factory)
            self.assertTrue(goldseal.verify("net.seal", quick=True, trust_code=True), factory)

    def test_outputs_that_are_no_tensors_are_picked_from(self):
        model = networks.Odd()
        torch.save(model.state_dict(), "odd.pth")
        with self.assertRaises(goldseal.GoldsealError) as raised:
            goldseal.seal(model, "odd.pth", inputs=torch.rand(3), on_error="raise")
        self.assertIn("`odd` is a object", str(raised.exception))
        goldseal.seal(model, "odd.pth", inputs=torch.rand(3), outputs=lambda out: out["good"] * model.weight, on_error="raise")

    # --- failures ------------------------------------------------------------------------------------------------------------

    def failure(self, **arguments):
        """A failure to seal as each on_error deals with it; its text."""
        model = arguments.pop("model", None) or trained()
        path = arguments.pop("path", "net.pth")
        arguments.setdefault("inputs", IMAGE)
        torch.save(trained().state_dict(), "net.pth")
        with self.assertRaises(goldseal.GoldsealError) as raised:
            goldseal.seal(model, path, on_error="raise", **arguments)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self.assertIsNone(goldseal.seal(model, path, **arguments))
            self.assertEqual([entry.category for entry in caught], [goldseal.GoldsealWarning])
            self.assertIsNone(goldseal.seal(model, path, on_error="ignore", **arguments))
            self.assertEqual(len(caught), 1)
        return str(raised.exception)

    def test_a_failure_to_seal_is_a_warning_that_names_it(self):
        self.assertIn("absent.pth", self.failure(path="absent.pth"))
        self.assertIn("expected a torch.nn.Module, found a dict (dict): give the network", self.failure(model={"a": 1}))
        self.assertIn("found the class Linear: give a network of it", self.failure(model=torch.nn.Linear))
        self.assertIn("found 'picture'", self.failure(inputs={"picture": IMAGE}))
        self.assertIn("at least one tensor", self.failure(inputs={}))

    def test_weights_that_changed_since_they_were_saved_are_not_sealed(self):
        other = trained()
        with torch.no_grad():
            other.conv.weight[0, 0, 0, 0] += 1
        self.assertIn("conv.weight", self.failure(model=other))
        self.assertFalse(os.path.exists("net.seal"))

    def test_a_model_that_raises_is_told_and_left_as_it_was(self):
        model = trained()

        def fail(*_):
            raise ValueError("a message of its own")

        handle = model.head.register_forward_hook(fail)
        self.assertIn("a message of its own", self.failure(model=model))
        handle.remove()
        self.assertTrue(model.training and model.conv.weight.requires_grad)

    def test_another_on_error_is_an_error(self):
        with self.assertRaises(ValueError):
            goldseal.seal(trained(), "net.pth", inputs=IMAGE, on_error="explode")

    # --- verifying and loading -----------------------------------------------------------------------------------------------

    def test_a_report_is_true_only_where_everything_holds(self):
        self.sealed()
        good = goldseal.verify("net.seal", trust_code=True)
        self.assertTrue(good)
        self.assertEqual(good.verdict, "PASS")
        bad = goldseal.verify("net.seal", factory="networks:Net?eps=0.001")
        self.assertFalse(bad)
        self.assertEqual(bad.verdict, "FAIL")
        self.assertEqual(bad.findings[0].status, "fail")
        self.assertIn("golden.float64", [finding.id for finding in bad.failures])
        self.assertIn("error[golden.float64]", str(bad))
        page = bad._repr_html_()
        self.assertIn("golden.float64", page)
        self.assertEqual(page.count("<tr>"), page.count("</tr>"))

    def test_a_live_model_is_judged_with_the_weights_that_it_has(self):
        model = trained()
        self.sealed(model)
        self.assertTrue(goldseal.verify("net.seal", model))
        with torch.no_grad():
            model.head.bias[0] += 1e-6
        report = goldseal.verify("net.seal", model)
        self.assertFalse(report)
        self.assertIn("tensors.loaded", [finding.id for finding in report.failures])

    def test_load_fills_the_model_after_the_check(self):
        model = trained()
        self.sealed(model)
        other = networks.Net()
        parameters = dict(other.named_parameters())
        self.assertTrue(goldseal.load("net.seal", other))
        for name, tensor in other.state_dict().items():
            self.assertTrue(torch.equal(tensor, model.state_dict()[name]), name)
        for name, parameter in other.named_parameters():
            self.assertIs(parameter, parameters[name])
        self.assertFalse(other.training)  # it serves as it was judged

    def test_load_leaves_the_model_untouched_where_a_check_fails(self):
        self.sealed()
        for other in (networks.Net(eps=1e-3), networks.Net(width=9)):
            before = copy.deepcopy(other.state_dict())
            with self.assertRaises(goldseal.GoldsealError) as raised:
                goldseal.load("net.seal", other)
            self.assertFalse(raised.exception.report)
            for name, tensor in other.state_dict().items():
                self.assertTrue(torch.equal(tensor, before[name]), name)

    def test_what_is_no_seal_is_an_error_and_no_report(self):
        with self.assertRaises(goldseal.GoldsealError) as raised:
            goldseal.verify("absent.seal", trust_code=True)
        self.assertIn("absent.seal", str(raised.exception))


if __name__ == "__main__":
    unittest.main()
