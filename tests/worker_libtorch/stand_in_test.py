# SPDX-License-Identifier: Apache-2.0
"""Weights too large for copies: a float64 run converts one at a time, and the answers are those of copies."""
import threading
import unittest

import client
import numpy as np

try:
    import modules
    import torch
    from torch import nn
except ImportError:
    client.main()


class Large(nn.Module):
    """34 million parameters: embedded, multiplied in blocks, transposed, cut, convolved, tied, and written to."""

    def __init__(self, writes):
        super().__init__()
        self.writes = writes
        self.embed = nn.Embedding(9000, 1024)
        self.wide = nn.Linear(1024, 9000)
        self.cut = nn.Parameter(torch.randn(3 * 1024, 1024) / 32)
        self.back = nn.Parameter(torch.randn(9000, 1024) / 95)
        self.conv = nn.Conv1d(1024, 1024, 3, padding=1)

    def forward(self, tokens):
        x = self.embed(tokens)
        q, k, v = self.cut.chunk(3)
        x = x @ q.t() + (x @ k) * torch.tanh(x.matmul(v.t()))
        if self.writes:
            self.cut[0].mul_(0.5)
            x = x + self.cut[0]
        x = torch.relu(self.wide(x)) @ self.back
        return self.conv(x.transpose(1, 2)) + self.cut.view(3, 1024, 1024)[1, :, :1]


def anonymous(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("RssAnon:"))


class StandInTest(unittest.TestCase):
    def compare(self, writes):
        torch.manual_seed(1)
        model = Large(writes).eval().requires_grad_(False)
        tokens = torch.tensor([[1, 8999, 5, 1]])
        with client.worker() as process:
            client.build(process, model)
            process.load(modules.state_of(model))
            before, stop = anonymous(process.pid), threading.Event()
            peak = [before]

            def watch():
                while not stop.wait(0.005):
                    peak[0] = max(peak[0], anonymous(process.pid))

            watcher = threading.Thread(target=watch)
            watcher.start()
            try:
                found, _ = process.run({"tokens": tokens.numpy()}, compute="float64")
            finally:
                stop.set()
                watcher.join()
            again, _ = process.run({"tokens": tokens.numpy()}, compute="float64")
            moved, _ = process.run({"tokens": tokens.numpy()}, compute="float32", perturb={"seed": 1, "relative": 2.0**-16, "tile": True})
        expected = model.double()(tokens).numpy()
        np.testing.assert_allclose(found["output"], expected, rtol=1e-11, atol=1e-12)
        self.assertEqual(found["output"].tobytes(), again["output"].tobytes())  # what was loaded is as it was
        distance = np.sqrt(np.mean((moved["output"] - expected) ** 2) / np.mean(expected**2))
        self.assertTrue(2.0**-24 < distance < 2.0**-10, distance)
        return peak[0] - before, sum(parameter.numel() for parameter in model.parameters())

    def test_the_answers_are_those_of_copies_in_a_fraction_of_their_memory(self):
        peak, parameters = self.compare(writes=False)
        self.assertLess(peak, 5 * parameters)

    def test_what_is_written_to_is_copied(self):
        self.compare(writes=True)


if __name__ == "__main__":
    client.main()
