# SPDX-License-Identifier: Apache-2.0
"""Public reports, made small and run from the file to the report: rows in another order (B59), transfers (B60), what the code asks
for and need not be there (B61), the clock (B58), a factory that runs once (B65),
an archive of training mode (B66), weight_norm of a live model (B03)."""
import os
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
import reports_networks as networks
from goldseal import command
from in_directory import InDirectory

X = torch.rand(3, 4, generator=torch.Generator().manual_seed(1))


def filled(module, seed=1):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in module.state_dict().values():
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.1)
    return module.eval()


class ReportsTest(InDirectory):
    def setUp(self):
        super().setUp()
        os.environ["PYTHONPATH"] = os.pathsep.join([os.path.dirname(os.path.abspath(__file__)), *sys.path[:3]])

    def command(self, verb, *arguments):
        return command.run([verb, *arguments, "--runtime", "python=" + sys.executable])

    def capture(self, spec, module, *arguments):
        np.save("x.npy", X.numpy())
        torch.save(module.state_dict(), "net.pth")
        return self.command("capture", "net.pth", "--model", f"python:reports_networks:{spec}", "--input", "x=x.npy", "-o", "net.seal", "--force", *arguments)

    def sealed(self, spec, module):
        report = self.capture(spec, module)
        self.assertTrue(report, report)
        return report

    def verify(self, spec, *arguments):
        return self.command("verify", "net.seal", "--model", f"python:reports_networks:{spec}", *arguments)

    def told(self, report, id, *parts, status="fail"):
        found = [finding for finding in report.findings if finding.id == id and finding.status == status]
        self.assertTrue(found, f"no {id} that is {status}\n{report}")
        text = f"{found[0].message} {found[0].fix} {found[0].raw}"
        for part in parts:
            self.assertIn(part, text, report)

    def test_b59_words_in_another_order_are_named(self):
        module = filled(networks.Rows())
        self.sealed("Rows", module)
        order = torch.randperm(20, generator=torch.Generator().manual_seed(3))
        torch.save({name: tensor[order] for name, tensor in module.state_dict().items()}, "other.pth")
        report = self.verify("Rows", "--checkpoint", "other.pth")
        self.told(report, "tensors.file", "3 of 3 tensors hold the sealed rows in another order", "the same rows in another order", "vocabulary")
        self.assertEqual(report.exit_code, 1, report)

    def test_b69_a_file_of_another_kind_is_not_called_damaged(self):
        module = filled(networks.Rows())
        self.sealed("Rows", module)
        adam = torch.optim.Adam(module.parameters())
        for parameter in module.parameters():
            parameter.grad = torch.ones_like(parameter)
        adam.step()
        whole = module.state_dict()
        others = {"the file holds no weights": adam.state_dict(), "a whole model was pickled": module, "several state dicts": [whole, {name: tensor + 1 for name, tensor in whole.items()}],
                  "no tensors under names": {"epoch": 3}, "pairs of names and tensors": list(whole.items())}
        for told, content in others.items():
            with self.subTest(told):
                torch.save(content, "other.pth")
                report = self.verify("Rows", "--checkpoint", "other.pth")
                self.assertEqual(report.exit_code, 1, report)
                self.told(report, "file.checkpoint", "the file is not the sealed checkpoint", told)
        with open("net.pth", "rb") as file:
            data = file.read()
        for name, part in (("cut.pth", data[: len(data) // 2]), ("zeros.pth", bytes(len(data))), ("empty.pth", b"")):
            with open(name, "wb") as file:
                file.write(part)
            self.assertEqual(self.verify("Rows", "--checkpoint", name).exit_code, 4, name)

    def test_b60_a_checkpoint_that_was_transferred_as_text_is_named(self):
        self.sealed("Rows", filled(networks.Rows()))
        with open("net.pth", "rb") as file:
            data = file.read()
        with open("other.pth", "wb") as file:
            file.write(data.replace(b"\n", b"\r\n"))
        report = self.verify("Rows", "--checkpoint", "other.pth")
        self.assertEqual(report.exit_code, 4, report)
        self.told(report, "file.checkpoint", "transferred as text", "binary")

    def test_b61_what_the_code_asks_for_is_sealed_where_it_is_lacking(self):
        with_it, without = "&value=3.0", ""
        for how, sealed in (("self", without), ("self", with_it), ("hasattr", without), ("config", without), ("settings", with_it), ("try", without)):
            with self.subTest(how=how, sealed=sealed):
                self.sealed(f"Asks?how={how}{sealed}", filled(networks.Asks(how, 3.0 if sealed else None)))
                report = self.verify(f"Asks?how={how}{without if sealed else with_it}")
                self.told(report, "model.configuration", "scale", "(not there)")
                self.assertEqual(report.exit_code, 1, report)
        self.assertTrue(self.verify("Asks?how=try"))

    def test_b61_what_forward_makes_itself_and_asks_for_is_no_setting(self):
        module = filled(networks.Keeps())
        self.sealed("Keeps", module)
        self.assertTrue(self.verify("Keeps"))
        module(X)
        self.assertTrue(goldseal.verify("net.seal", module))

    def test_b61_a_number_of_any_object_is_named(self):
        self.sealed("Theta", filled(networks.Theta()))
        self.told(self.verify("Theta?theta=500000.0"), "model.configuration", "theta", "10000.0", "500000.0")

    def test_b58_answers_by_the_day_the_hour_and_what_was_started_are_refused(self):
        for how, named in (("day", "today()"), ("now", "now()"), ("strftime", "strftime()"), ("monotonic", "monotonic()")):
            with self.subTest(how):
                self.told(self.capture(f"Clock?how={how}", filled(networks.Clock(how))), "model.configuration", "from process to process", named)
        self.sealed("Clock?how=epoch", filled(networks.Clock("epoch")))

    def test_b65_a_factory_that_runs_once_is_sealed_with_a_warning(self):
        for how in ("raises", "exits"):
            with self.subTest(how):
                report = self.capture(f"once?how={how}", filled(networks.Asks("self", 3.0)))
                self.assertTrue(report, report)
                self.told(report, "model.state", "another process", "was not judged", status="warn")
                self.assertTrue(self.verify(f"once?how={how}"))

    def test_b66_an_archive_that_was_traced_in_training_mode_is_noted(self):
        np.save("x.npy", torch.rand(2, 2, 5).numpy())
        for training, statistics, drops, said in ((True, True, False, "batch_norm takes"), (True, False, True, "drops at random"), (False, True, True, ""), (False, False, False, "")):
            module = networks.Trained(statistics, drops).train(training)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                torch.jit.trace(module, torch.rand(2, 2, 5), check_trace=False).save("net.pt")
            notes = subprocess.run([os.environ["GOLDSEAL_COMMAND"], "inspect", "net.pt"], stdout=subprocess.PIPE, universal_newlines=True, check=True).stdout
            self.assertEqual("traced in training mode" in " ".join(notes.split()), training, notes)
            self.assertIn(said, " ".join(notes.split()))

    @unittest.skipUnless(hasattr(torch.nn.utils.parametrizations, "weight_norm"), "this PyTorch has no parametrized weight_norm")
    def test_b03_weight_norm_of_a_live_model_is_named_in_both_directions(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for new in (0, 1):
                self.sealed(f"Normed?new={new}", filled(networks.Normed(new)))
                self.told(goldseal.verify("net.seal", filled(networks.Normed(1 - new))), "keys.network", "weight_norm under its")
                self.told(self.verify(f"Normed?new={1 - new}"), "keys.network", "weight_norm under its")


if __name__ == "__main__":
    unittest.main()
