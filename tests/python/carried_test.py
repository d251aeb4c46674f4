# SPDX-License-Identifier: Apache-2.0
"""What a network leaves in itself for the next call (B67).

Kinds. Buffers, of the state dict or not, written in place or put there anew: each run begins with what was loaded, in a training
process and in a worker, so that two runs agree. What no state dict holds (an attribute, a list, a count) and parameters that
forward() writes to: refused at capture by their names; neither the machine nor a random generator is blamed. A table that is
made once, an activation that is kept, a count that no answer follows: sealed.
"""
import sys
import unittest
import warnings

try:
    import torch
except ImportError:
    print("skipped: this Python has no torch")
    sys.exit(125)

import carried_networks as networks
import goldseal
from goldseal import command
from in_directory import InDirectory

X = torch.rand(2, 4, generator=torch.Generator().manual_seed(1))
PYTHON = ("--runtime", "python=" + sys.executable)


class CarriedTest(InDirectory):
    def sealed(self, kind, **options):
        torch.manual_seed(0)
        module = kind(**options).eval()
        goldseal.save(module.state_dict(), "net.pth", model=module, inputs={"x": X}, factory=(kind, options), on_error="raise")
        return module

    def refusal(self, kind, **options):
        with warnings.catch_warnings(record=True):
            warnings.simplefilter("always")
            with self.assertRaises(goldseal.GoldsealError) as caught:
                self.sealed(kind, **options)
        return " ".join(str(caught.exception).split())

    def passes(self, *arguments):
        report = command.run(["verify", "net.seal", *PYTHON, *arguments])
        self.assertTrue(report, report)

    def test_b67_a_buffer_is_as_it_was_loaded_in_each_run(self):
        for how in ("in place", "anew", "average"):
            with self.subTest(how):
                module = self.sealed(networks.Written, how=how)
                self.assertTrue(goldseal.verify("net.seal", module))
                self.passes("--model", f"python:carried_networks:Written?how={how}")

    def test_b67_so_is_one_that_no_state_dict_holds(self):
        self.sealed(networks.Written, persistent=False)
        self.passes("--model", "python:carried_networks:Written?persistent=False")

    def test_b67_a_capture_by_the_command_and_an_archive(self):
        torch.manual_seed(0)
        module = networks.Scripted().eval()
        torch.save(module.state_dict(), "net.pth")
        torch.jit.script(module).save("net.ts")
        for model in ("python:carried_networks:Scripted", "torchscript:net.ts"):
            with self.subTest(model):
                given = ("--model", model, "--input", "x=random:2x4,seed=1", "-o", "net.seal", "--force")
                report = command.run(["capture", "net.pth", *given, *PYTHON])
                self.assertTrue(report, report)
                self.passes("--model", model)

    def test_b67_what_is_carried_outside_of_the_state_dict_is_named(self):
        carried = {"hidden": networks.Attribute, "seen.": networks.Listed, "steps": networks.Counted, "mean": networks.WrittenParameter}
        for name, kind in carried.items():
            with self.subTest(name):
                told = self.refusal(kind)
                self.assertIn(f"forward() carries {name}", told)
                self.assertIn("answer, state = model(x, state)", told)
                self.assertNotIn("random generator", told)
                self.assertNotIn("suspect", told)

    def test_b67_a_buffer_of_no_state_dict_that_is_put_there_anew_is_named(self):
        self.assertIn("forward() carries state", self.refusal(networks.Written, how="anew", persistent=False))

    def test_b67_what_no_answer_follows_is_sealed(self):
        for kind, options in ((networks.Remembered, {}), (networks.Counted, {"counts": False})):
            with self.subTest(kind.__name__):
                self.assertTrue(goldseal.verify("net.seal", self.sealed(kind, **options)))


if __name__ == "__main__":
    unittest.main()
