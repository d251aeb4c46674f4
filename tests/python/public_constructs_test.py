# SPDX-License-Identifier: Apache-2.0
"""What public networks are made of, in networks of ten lines: each is sealed with a program and judged.

Kinds. Inputs that are read in part or as a sum: every fourth of a mask, the number of its ones, the longest length.
A mask of a large number over all that a row attends to: no machine is blamed, the mask is named.
Settings that a network reckons in float32: a rate for each layer.
Answers that rounding does not move, beside others that it moves: places of the greatest, counts, grids.
Programs that no worker reads (vmap as a function of Python's, sparse tensors) are written down in another form.
"""
import os
import pathlib
import re
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
from in_directory import InDirectory


class Masked(nn.Module):
    """Sees every fourth of the mask, how many ones it has, or where its longest row ends."""

    def __init__(self, how="strided"):
        super().__init__()
        self.how, self.linear = how, nn.Linear(4, 3)

    def forward(self, x, mask):
        if self.how == "strided":
            x = x * mask[:, ::4].to(x.dtype)[:, :, None]
        elif self.how == "counted":
            x = x / mask.sum()
        else:
            x = x * (torch.arange(x.shape[1], device=x.device) < mask.max())[:, None]
        return self.linear(x)


class Places(nn.Module):
    """Scores, and where the greatest stand, as numbers."""

    def __init__(self, scale=1.0):
        super().__init__()
        self.linear, self.scale = nn.Linear(4, 9), scale

    def forward(self, x):
        score = self.linear(x)
        grid = torch.arange(9, device=x.device).to(x.dtype) * self.scale / 8
        return {"score": score, "place": grid[score.argmax(-1)], "count": (score > 0).to(x.dtype).sum(-1), "grid": grid}


class DropPath(nn.Module):
    """Leaves out whole paths in training, at a rate that its network reckons for each layer."""

    def __init__(self, rate):
        super().__init__()
        self.drop_prob = rate

    def forward(self, x):
        return x * (torch.rand(x.shape[0], 1) > self.drop_prob) if self.training else x


class Attends(nn.Module):
    """Masks with a large number, as networks that came from TensorFlow do."""

    def __init__(self):
        super().__init__()
        self.query, self.key = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x, mask):
        score = self.query(x) @ self.key(x).transpose(1, 2) + (1.0 - mask[:, :, None].to(x.dtype)) * -1e9
        return score.softmax(-1) @ x


class Vmapped(nn.Module):
    """Each example has a weight of its own, which vmap gives to a layer."""

    def __init__(self):
        super().__init__()
        self.make = nn.Linear(4, 12)

    def forward(self, x):
        return torch.vmap(nn.functional.linear)(x, self.make(x).view(-1, 3, 4))


class Sparse(nn.Module):
    """A sparse matrix that forward() makes."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x, edges, weight):
        return torch.sparse.mm(torch.sparse_coo_tensor(edges, weight, (x.shape[0], x.shape[0])).coalesce(), self.linear(x))


class Complex(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 4, dtype=torch.complex64))

    def forward(self, x):
        return torch.view_as_real(x.to(self.weight.dtype) @ self.weight.mT)


EXPORTS = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2]) >= (2, 8)


class PublicConstructs(InDirectory):
    def sealed(self, module, inputs):
        module.eval()
        torch.save(module.state_dict(), "net.pth")
        return goldseal.seal(module, "net.pth", inputs=inputs, on_error="raise")

    def test_an_input_of_which_a_part_or_a_sum_is_read_is_no_input_that_nothing_depends_on(self):
        x = torch.rand(2, 3, 4, generator=torch.Generator().manual_seed(1))
        mask = torch.ones(2, 12, dtype=torch.long)
        mask[1, 6:] = 0
        for how, given in (("strided", mask), ("counted", mask.bool()), ("longest", torch.tensor([1, 2]))):
            with self.subTest(how):
                seal = self.sealed(Masked(how), {"x": x, "mask": given})
                other = Masked(how).eval()
                other.load_state_dict(torch.load("net.pth"))
                report = goldseal.verify(seal, other)
                self.assertTrue(report, report)

    def test_answers_that_rounding_does_not_move_are_sealed_beside_others_and_compared(self):
        x = torch.rand(5, 4, generator=torch.Generator().manual_seed(1)) - 0.5
        module = Places()
        seal = self.sealed(module, {"x": x})
        self.assertTrue(goldseal.verify(seal, module))
        module.scale = 1.000001
        report = goldseal.verify(seal, module)
        self.assertIn("golden.float64", [finding.id for finding in report.findings if finding.status == "fail"], report)

    @unittest.skipUnless(EXPORTS, "this PyTorch writes no such program")
    def test_a_program_is_one_that_a_worker_reads(self):
        x = torch.rand(5, 4, generator=torch.Generator().manual_seed(1))
        graph = {"x": x, "edges": torch.tensor([[0, 1, 2, 3, 4], [1, 2, 3, 4, 0]]), "weight": torch.rand(5) + 0.1}
        for module, inputs, builder in ((Vmapped(), {"x": x}, "export"), (Sparse(), graph, "torchscript"), (Complex(), {"x": x}, "export")):
            with self.subTest(type(module).__name__):
                seal = self.sealed(module, inputs)
                manifest = (pathlib.Path("net.seal") / "manifest.toml").read_text()
                self.assertEqual(re.findall(r'\[model.embedded\]\nbuilder = "(\w+)"', manifest), [builder])
                self.assertTrue(goldseal.verify(seal, module))
                done = self.verified()
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def verified(self):
        """The program, in a Python worker."""
        command = [os.environ["GOLDSEAL_COMMAND"], "verify", "net.seal", "--runtime", "python"]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def test_a_row_that_a_large_number_masks_throughout_is_named_where_a_seal_is_refused(self):
        x = torch.rand(2, 3, 4, generator=torch.Generator().manual_seed(1)) * 4
        mask = torch.ones(2, 3)
        self.sealed(Attends(), {"x": x, "mask": mask})
        mask[1, 2] = 0
        with self.assertRaisesRegex(goldseal.GoldsealError, r"(?s)at most 64 is believed.*a row that is masked throughout"):
            self.sealed(Attends(), {"x": x, "mask": mask})

    def test_a_rate_that_another_processor_rounds_otherwise_is_no_difference_of_configuration(self):
        warnings.simplefilter("ignore", goldseal.GoldsealWarning)  # no factory says the rate

        def network(rate):
            return nn.Sequential(nn.Linear(4, 3), DropPath(rate)).eval()

        rate = torch.linspace(0, 0.3, 18)[12].item()
        x = torch.rand(2, 4, generator=torch.Generator().manual_seed(1))
        beside = torch.nextafter(torch.tensor(rate), torch.tensor(1.0)).item()
        for sealed, found, same in ((rate, beside, True), (0.2, 0.2 + 1e-8, False), (rate, rate * 1.0001, False)):
            with self.subTest(sealed=sealed, found=found):
                module, other = network(sealed), network(found)
                seal = self.sealed(module, {"input": x})
                other.load_state_dict(module.state_dict())
                failed = [finding.id for finding in goldseal.verify(seal, other).findings if finding.status == "fail"]
                self.assertEqual(not failed, same, failed)


if __name__ == "__main__":
    unittest.main()
