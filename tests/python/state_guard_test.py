# SPDX-License-Identifier: Apache-2.0
"""Training is left as it was, or it is said (review A15, A16). Kinds of what a forward pass may change: a tensor or array that
a module keeps (in place, through .data, through numpy), one beyond what is copied, parameters, buffers, random generators
that the model holds; and what another thread holds meanwhile."""

import random
import sys
import threading
import unittest

try:
    import numpy as np
    import torch
    from torch import nn
except ImportError:
    print("skipped: this Python has no torch or no numpy")
    sys.exit(125)

from goldseal.worker.programs import fake_tensors

from goldseal.worker.state import state_guard
from goldseal.worker.state.state_guard import kept

OURS, THEIRS = [], []
HAS_FAKE_TENSORS = tuple(int(part) for part in torch.__version__.split(".")[:2]) >= (2, 1)


class Guarded(unittest.TestCase):
    def setUp(self):
        self.model = nn.Linear(3, 3)
        self.told = []

    def guard(self):
        return kept(self.model, tell=self.told.append)

    def test_a_write_that_leaves_no_version_behind_is_put_back(self):
        for dtype in (torch.float32, torch.bfloat16, torch.complex64, torch.bool, torch.int64):
            self.model.cache = torch.zeros(4, dtype=dtype)
            with self.guard():
                self.model.cache.data[1] = 1
            self.assertEqual(int((self.model.cache != 0).sum()), 0, dtype)
        self.model.cache = torch.full((3,), float("nan"))
        with self.guard():
            self.model.cache.numpy()[:] = 7
        self.assertTrue(self.model.cache.isnan().all())
        self.assertEqual(self.told, [])

    def test_generators_that_a_model_holds_go_on_where_they_were(self):
        self.model.generators = {"torch": torch.Generator(), "numpy": np.random.default_rng(1), "old": np.random.RandomState(2)}
        self.model.python = random.Random(3)
        draws = [lambda: torch.rand(1, generator=self.model.generators["torch"]).item(),
                 lambda: self.model.generators["numpy"].random(), lambda: self.model.generators["old"].rand(),
                 lambda: self.model.python.random()]
        with self.guard():
            inside = [draw() for draw in draws]
        self.assertEqual([draw() for draw in draws], inside)
        self.assertEqual(self.told, [])

    def test_what_is_too_large_to_be_kept_is_told_where_it_was_written(self):
        self.model.large = torch.zeros(state_guard._MOST_COPIED_BYTES // 4 + 4)
        self.model.array = np.zeros(state_guard._MOST_COPIED_BYTES // 8 + 8)
        with self.guard():
            self.model(torch.zeros(1, 3))
        self.assertEqual(self.told, [], "what was left alone is not told of")
        with self.guard():
            self.model.large.data[-1] = 1
            self.model.array[-1] = 1
        self.assertEqual(len(self.told), 2)
        self.assertIn("too large to be kept", self.told[0])

    def test_parameters_and_buffers_that_were_written_are_told(self):
        self.model.register_buffer("table", torch.ones(2))
        with self.guard():
            with torch.no_grad():
                self.model.weight.mul_(2)
            self.model.bias.data.add_(1)
            self.model.table.numpy()[:] = 3
        self.assertEqual([told.split(" was written")[0] for told in self.told],
                         ["the parameter weight", "the parameter bias", "the buffer table"])

    def test_a_parameter_whose_memory_was_given_back_is_not_judged(self):
        with self.guard():
            storage = self.model.weight.untyped_storage() if hasattr(self.model.weight, "untyped_storage") else self.model.weight.storage()
            storage.resize_(0)
        self.assertEqual(self.told, [])

    def test_more_objects_than_are_looked_at_are_told(self):
        most, state_guard._MOST_VISITED = state_guard._MOST_VISITED, 50
        try:
            self.model.many = [[i] for i in range(100)]
            with self.guard():
                pass
        finally:
            state_guard._MOST_VISITED = most
        self.assertEqual(len(self.told), 1)
        self.assertIn("more than", self.told[0])


@unittest.skipUnless(HAS_FAKE_TENSORS, "this PyTorch has no torch.export")
class Threads(unittest.TestCase):
    def test_fake_tensors_of_another_thread_are_left_where_they_are(self):
        from torch._subclasses.fake_tensor import FakeTensorMode


        def compile_meanwhile():
            THEIRS.append(FakeTensorMode().from_tensor(torch.rand(2)))

        initialize = FakeTensorMode.__init__
        with fake_tensors.own_modes() as modes:
            OURS.append(FakeTensorMode().from_tensor(torch.rand(2)))
            other = threading.Thread(target=compile_meanwhile)
            other.start()
            other.join()
        self.assertIs(FakeTensorMode.__init__, initialize)
        self.assertEqual(len(modes), 1)
        self.assertIsNotNone(fake_tensors.withdrawn(modes), "what this thread left behind is found")
        self.assertEqual((len(THEIRS), len(OURS)), (1, 0))


if __name__ == "__main__":
    unittest.main()
