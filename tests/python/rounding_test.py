# SPDX-License-Identifier: Apache-2.0
"""Networks of float32 that round by themselves in their middle or at their end are sealed, sound reruns pass, and faults fail.

The kinds: conversions to bfloat16 and float16 and back (by name, by another tensor's type, under autocast, written into a narrow
tensor, in a script, of a submodule), simulated quantization, steps with a straight-through gradient."""
import pathlib
import sys
import tempfile
import unittest
import warnings

try:
    import torch
    from torch import nn
    from torch.nn import functional as F
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(125)

import goldseal

WIDTH = 32


def written_narrow(x):
    narrow = torch.empty(x.shape, dtype=torch.bfloat16)
    narrow.copy_(x)
    return narrow.float()


def stepped(x):
    return x + ((x * 64).round() / 64 - x).detach()


def quantized(x):
    return torch.fake_quantize_per_tensor_affine(x, 0.05, 0, -128, 127)


CASTS = {
    "bfloat16": lambda x: x.bfloat16().float(),
    "float16": lambda x: x.half().float(),
    "type": lambda x: x.to(torch.bfloat16).to(x.dtype),
    "type_as": lambda x: x.type_as(torch.zeros(1, dtype=torch.bfloat16)).float(),
    "both": lambda x: x.half().float().bfloat16().float(),
    "written": written_narrow,
}


class Between(nn.Module):
    """`middle` and `end` are functions of a tensor."""

    def __init__(self, middle=None, end=None):
        super().__init__()
        self.first, self.last, self.middle, self.end = nn.Linear(16, WIDTH), nn.Linear(WIDTH, 8), middle, end

    def forward(self, x):
        x = F.gelu(self.first(x))
        y = self.last(self.middle(x) if self.middle else x)
        return self.end(y) if self.end else y


class Casts(nn.Module):
    def forward(self, x):
        return x.to(torch.bfloat16).to(torch.float32)


class Scripted(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.cast, self.last = nn.Linear(16, WIDTH), Casts(), nn.Linear(WIDTH, 8)

    def forward(self, x):
        return self.last(self.cast(F.gelu(self.first(x))))


class Narrowed(Between):
    """A backbone in bfloat16 below a head in float32."""

    def __init__(self):
        super().__init__()
        self.first.bfloat16()

    def forward(self, x):
        return self.last(self.first(x.bfloat16()).float())


class Automatic(Between):
    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return super().forward(x).float()


def made(build):
    torch.manual_seed(3)
    return build().eval()


class Rounding(unittest.TestCase):
    def setUp(self):
        self._directory = tempfile.TemporaryDirectory()
        self.addCleanup(self._directory.cleanup)
        self.place = pathlib.Path(self._directory.name)

    def sealed(self, build):
        model = made(build)
        torch.save(model.state_dict(), str(self.place / "n.pth"))
        torch.manual_seed(4)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            goldseal.seal(model, self.place / "n.pth", inputs={"x": torch.randn(4, 16)}, on_error="raise", embed=False)
        return model

    def judged(self, model):
        return goldseal.verify(self.place / "n.seal", model).exit_code

    def held(self, build):
        """Sealed and passed; another code or another weight fails."""
        model = self.sealed(build)
        self.assertEqual(self.judged(model), 0)
        if not isinstance(model, torch.jit.ScriptModule):
            handle = model.last.register_forward_hook(lambda module, given, answer: answer * 1.01)
            self.assertEqual(self.judged(model), 1, "a layer's answers times 1.01")
            handle.remove()
        with torch.no_grad():
            model.first.weight.mul_(1.01)
        self.assertEqual(self.judged(model), 1, "a weight times 1.01")

    def test_conversions_in_the_middle(self):
        for name, cast in CASTS.items():
            with self.subTest(name):
                self.held(lambda cast=cast: Between(cast))

    def test_conversions_at_the_end(self):
        for name in ("bfloat16", "float16"):
            with self.subTest(name):
                self.held(lambda name=name: Between(end=CASTS[name]))

    def test_parts_that_compute_narrowly(self):
        for build in (Narrowed, Automatic):
            with self.subTest(build.__name__):
                self.held(build)

    def test_a_script_that_converts(self):
        self.held(lambda: torch.jit.script(Scripted()))

    def test_steps(self):
        for name, step in (("round", stepped), ("quantized", quantized)):
            with self.subTest(name):
                self.held(lambda step=step: Between(step))

    def test_a_simulated_quantization_is_no_exact_float64(self):
        """Versions of PyTorch compute it in float32 or in float64 inside."""
        self.sealed(lambda: Between(quantized))
        self.assertIn("pure = false", (self.place / "n.seal" / "manifest.toml").read_text())


if __name__ == "__main__":
    unittest.main()
