# SPDX-License-Identifier: Apache-2.0
"""A live model under torch.compile, judged as it runs (compiled=True). Most rows compile without a C++ compiler (backends aot_eager and
eager, and a backend that is wrong on purpose); one is inductor's. Kinds: torch.compile(model), model.compile(), a compiled part, a graph
break, what falls back to eager, a compiler that fails, one that answers otherwise, and what is not said to be judged. The command is the
one that GOLDSEAL_COMMAND names."""

import shutil
import sys
import unittest

try:
    import torch
except ImportError:
    print("skipped: this Python has no torch")
    sys.exit(125)
if not hasattr(torch, "compile") or not hasattr(getattr(torch, "compiler", None), "set_stance"):
    print("skipped: this PyTorch has no torch.compiler.set_stance")
    sys.exit(125)

import batch_networks
import goldseal
from in_directory import InDirectory
from torch import nn

IMAGE = torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(5))


class Breaks(batch_networks.Conv):
    """A graph break between two regions."""

    def forward(self, image):
        answer = self.body(image).mean((2, 3))
        torch._dynamo.graph_break()
        return self.head(answer * 1.0)


class Head(nn.Linear):
    """A part with code of its own: PyTorch compiles no frame of torch.nn alone."""

    def forward(self, x):
        return nn.functional.linear(x, self.weight, self.bias)


def wrong(graph, inputs):
    """A compiler that rounds the weights of every product to 11 bits."""

    def rounded(value):
        return value.half().to(value.dtype) if isinstance(value, torch.Tensor) and value.dim() == 2 else value

    return lambda *values: graph(*(rounded(value) for value in values))


def failing(graph, inputs):
    raise RuntimeError("no such instruction")


class CompiledTest(InDirectory):
    def setUp(self):
        super().setUp()
        torch._dynamo.reset()
        self.net = batch_networks.build("Conv").eval()
        torch.save(self.net.state_dict(), "net.pt")
        self.place = goldseal.seal(
            self.net, "net.pt", inputs=IMAGE, factory="batch_networks:build?kind=Conv", embed=False, on_error="raise"
        )

    def finding(self, report, name):
        return next(finding for finding in report.findings if finding.id == name)

    def judged(self, model, status, *words, name="model.compiled", **options):
        report = goldseal.verify(self.place, model, compiled=True, **options)
        finding = self.finding(report, name)
        self.assertEqual(finding.status, status, report)
        for word in words:
            self.assertIn(word, finding.message + finding.fix)
        return report

    def test_a_compiled_model_is_judged_as_it_runs(self):
        report = self.judged(torch.compile(self.net, backend="aot_eager"), "pass", "1 compiled region", "aot_eager")
        self.assertTrue(report, report)
        self.net.compile(backend="aot_eager")
        self.assertTrue(self.judged(self.net, "pass", "1 compiled region"))

    def test_without_the_word_the_code_is_judged_and_it_is_said(self):
        report = goldseal.verify(self.place, torch.compile(self.net, backend=wrong))
        self.assertTrue(report, report)
        finding = self.finding(report, "model.compiled")
        self.assertEqual(finding.status, "warn")
        self.assertIn("its compiled form was not", finding.message)
        self.assertIn("PASS for the code under torch.compile; its compiled form was not run", str(report).splitlines()[0])
        plain = goldseal.verify(self.place, self.net)
        self.assertEqual(self.finding(plain, "model.compiled").status, "skipped")
        with self.assertRaisesRegex(goldseal.GoldsealError, "expected a model under torch.compile"):
            goldseal.verify(self.place, self.net, compiled=True)
        with self.assertRaisesRegex(goldseal.GoldsealError, "expected the compiled model"):
            goldseal.verify(self.place, compiled=True)

    def test_what_a_compiler_gets_wrong_is_named(self):
        report = self.judged(torch.compile(self.net, backend=wrong), "fail", "run eagerly, not compiled the difference disappears", "torch.compile", name="golden.native")
        self.assertEqual(self.finding(report, "golden.float64").status, "pass")

    def test_a_part_that_is_compiled_is_judged(self):
        self.net.head.compile(backend=wrong)
        self.judged(self.net, "unknown", "nothing was compiled")
        self.net.head.__class__ = Head
        self.net.head.compile(backend=wrong)
        self.assertTrue(goldseal.verify(self.place, self.net))
        self.judged(self.net, "fail", name="golden.native")

    def test_a_graph_break_is_told(self):
        self.net.__class__ = Breaks
        self.judged(torch.compile(self.net, backend="aot_eager"), "pass", "2 compiled regions")

    def test_fallbacks_are_told(self):
        with torch._dynamo.config.patch(suppress_errors=True):
            report = self.judged(torch.compile(self.net, backend=failing), "unknown", "nothing was compiled", "could not be compiled")
        self.assertEqual(report.exit_code, 3)
        torch._dynamo.reset()
        report = goldseal.verify(self.place, torch.compile(self.net, backend=failing), compiled=True)
        self.assertFalse(report)
        self.assertIn("torch.compile failed", str(report))
        self.assertIn("no such instruction", str(report))

    @unittest.skipUnless(shutil.which("g++"), "inductor needs g++")
    def test_what_inductor_changes_is_rounding(self):
        report = self.judged(torch.compile(self.net), "pass", "inductor")
        self.assertTrue(report, report)


if __name__ == "__main__":
    unittest.main()
