# SPDX-License-Identifier: Apache-2.0
"""Checkpoints whose values were lost before they were sealed (B68): a download that stopped, NaN, infinity of float16. The seal would
vouch for them."""
import os
import sys
import unittest

try:
    import numpy as np
    import torch
except ImportError:
    print("skipped: this Python has no torch, or no numpy")
    sys.exit(125)

from goldseal import command
from in_directory import InDirectory

NET = """
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = torch.nn.Linear(64, 96), torch.nn.Linear(96, 90)

    def forward(self, x):
        return self.last(torch.relu(self.first(x)))
"""


def weights():
    generator = torch.Generator().manual_seed(1)
    draw = lambda *shape: torch.rand(shape, generator=generator) / 8 + 0.01  # noqa: E731
    return {"first.weight": draw(96, 64), "first.bias": draw(96), "last.weight": draw(90, 96), "last.bias": draw(90)}


def safetensors(tensors):
    import json

    header, data = {}, b""
    for name, tensor in tensors.items():
        part = tensor.numpy().tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data


class LostValuesTest(InDirectory):
    def capture(self, checkpoint):
        with open("net.py", "w") as file:
            file.write(NET)
        os.environ["PYTHONPATH"] = os.pathsep.join([os.getcwd(), *sys.path[:3]])
        np.save("x.npy", np.linspace(0.1, 1, 64, dtype=np.float32)[None])
        return command.run(["capture", checkpoint, "--model", "python:net:Net", "--input", "x=x.npy", "-o", "net.seal", "--force",
                            "--runtime", "python=" + sys.executable])

    def warned(self, report):
        return [finding for finding in report.findings if finding.id == "tensors.values" and finding.status == "warn"]

    def written(self, data):
        with open("net.safetensors", "wb") as file:
            file.write(data)
        return "net.safetensors"

    def test_b68_zeros_at_the_end_of_a_file_are_told_of_and_named(self):
        whole = safetensors(weights())
        cut = len(whole) - 90 * 96 * 3
        found = self.warned(self.capture(self.written(whole[:cut] + bytes(len(whole) - cut))))
        self.assertTrue(found)
        self.assertIn("its last, are zeros: last.weight and 1 more tensor", found[0].message)
        self.assertIn("SHA-256", found[0].fix)

    def test_b68_a_block_that_is_missing_in_a_file_is_told_of(self):
        whole = safetensors(weights())
        found = self.warned(self.capture(self.written(whole[:40960] + bytes(4096) + whole[45056:])))
        self.assertTrue(found)
        self.assertIn("bytes 40,960 to 45,055 are zeros: last.weight", found[0].message)

    def test_b68_weights_that_are_not_finite_are_named_where_no_answer_is(self):
        for value, told in ((float("nan"), "64 NaN and 0 infinite"), (float("inf"), "0 NaN and 64 infinite")):
            tensors = weights()
            tensors["first.weight"][3] = value
            torch.save(tensors, "net.pth")
            report = self.capture("net.pth")
            self.assertEqual(report.exit_code, 1, report)
            self.assertIn(told, self.warned(report)[0].message)

    def test_a_network_that_holds_zeros_is_sealed_without_a_word(self):
        tensors = weights()
        tensors["first.weight"][10:60] = 0  # pruned
        tensors["last.weight"][70:] = 0  # rows that fill up a vocabulary
        tensors["last.bias"][:] = 0
        report = self.capture(self.written(safetensors(tensors)))
        self.assertTrue(report, report)
        self.assertEqual(self.warned(report), [])


if __name__ == "__main__":
    unittest.main()
