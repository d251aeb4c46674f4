# SPDX-License-Identifier: Apache-2.0
"""The settings of a run hold for that run alone, and a run repeated gives the same bits."""
import unittest

import client
import numpy as np

SWITCHES = ("numerics.threads", "numerics.onednn", "numerics.tf32_matmul", "numerics.tf32_cudnn",
            "numerics.deterministic_algorithms", "numerics.cudnn_benchmark", "numerics.cudnn_deterministic",
            "numerics.matmul_precision")


class SettingsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        import modules
        import torch

        class Probe(torch.nn.Module):
            """Gives the input back, its sum, and how it lies in memory."""

            def forward(self, x):
                return x, x.sum(), torch.tensor(x.stride())

        cls.process = client.worker(threads=2)
        torch.jit.script(modules.Plain()).save(cls.process.path("plain.pt"))
        torch.jit.script(Probe()).save(cls.process.path("probe.pt"))
        cls.state = modules.state_of(modules.randomized(modules.Plain(), 1))
        cls.image = {"image": np.random.default_rng(1).random((2, 3, 16, 16), dtype="f4")}

    @classmethod
    def tearDownClass(cls):
        cls.process.close()

    def setUp(self):
        self.process.ask("build", builder="torchscript", source="plain.pt")
        self.process.load(self.state)

    def switches(self):
        facts = self.process.ask("environment")["facts"]
        return {name: facts[name]["value"] for name in SWITCHES}

    def output(self, **members):
        return self.process.run(self.image, **members)[0]["output"]

    def test_every_setting_is_restored_after_the_run(self):
        before = self.switches()
        plain = self.output()
        for settings in ({"threads": 1}, {"onednn": False}, {"tf32": True}, {"tf32": False}, {"deterministic": True},
                         {"channels_last": True}, {"device": "cpu"},
                         {"threads": 1, "onednn": False, "tf32": True, "deterministic": True, "channels_last": True}):
            np.testing.assert_allclose(self.output(settings=settings), plain, rtol=1e-4, atol=1e-5)
            self.assertEqual(self.switches(), before, settings)
            self.assertEqual(self.output().tobytes(), plain.tobytes(), settings)

    def test_settings_are_restored_after_a_run_that_fails(self):
        before = self.switches()
        with self.assertRaises(client.Refused):
            self.process.run({"image": np.zeros((1, 5, 8, 8), "f4")}, settings={"threads": 1, "deterministic": True, "onednn": False})
        self.assertEqual(self.switches(), before)

    def test_threads_hold_in_the_run(self):
        """A sum of many floats is split among the threads, so that its last bits tell how many there were."""
        x = {"x": np.random.default_rng(3).standard_normal(3_000_001, dtype="f4")}
        sums = {}
        for threads in (1, 2):
            self.process.ask("build", builder="torchscript", source="probe.pt")
            sums[threads] = self.process.run(x, settings={"threads": threads})[0]["1"].item()
            with client.worker(threads=threads) as process:
                process.ask("build", builder="torchscript", source=self.process.path("probe.pt"))
                self.assertEqual(process.run(x)[0]["1"].item(), sums[threads])
        self.assertNotEqual(sums[1], sums[2])

    def test_channels_last_is_how_the_input_lies(self):
        self.process.ask("build", builder="torchscript", source="probe.pt")
        x = np.random.default_rng(2).random((1, 2, 3, 4), dtype="f4")
        for compute in ("native", "float64"):
            outputs, _ = self.process.run({"x": x}, compute=compute, settings={"channels_last": True})
            self.assertEqual(outputs["2"].tolist(), [24, 1, 8, 2])
            self.assertEqual(outputs["0"].tolist(), x.tolist(), "the output is written in row-major order")
        outputs, _ = self.process.run({"x": x}, settings={"channels_last": False})
        self.assertEqual(outputs["2"].tolist(), [24, 12, 4, 1])
        outputs, _ = self.process.run({"x": x[0]}, settings={"channels_last": True})
        self.assertEqual(outputs["2"].tolist(), [12, 4, 1])

    def test_a_run_repeated_gives_the_same_bits(self):
        self.assertEqual(len({self.output().tobytes() for _ in range(5)}), 1)

    def test_settings_that_make_no_sense_are_refused(self):
        for settings in ({"threads": 0}, {"threads": "2"}, {"onednn": 1}, {"tf32": "yes"}, {"channels_last": []},
                         {"deterministic": 0}, {"device": "gpu"}, {"device": 0}, [], 3):
            with self.assertRaises(client.Refused) as refused:
                self.output(settings=settings)
            self.assertEqual(refused.exception.kind, "usage", settings)

    def test_a_device_that_is_not_there_is_unsupported(self):
        with self.assertRaises(client.Refused) as refused:
            self.output(settings={"device": "cuda:99"})
        self.assertEqual(refused.exception.kind, "unsupported")

    def test_another_way_to_compute_is_refused(self):
        for members in ({"compute": "float16"}, {"compute": None}, {"compute": "float64", "perturb": {"seed": 1}},
                        {"compute": "float64", "perturb": {"seed": -1, "relative": 1e-8}},
                        {"compute": "float64", "perturb": {"seed": 1, "relative": "1e-8"}},
                        {"compute": "float64", "perturb": 3}):
            with self.assertRaises(client.Refused) as refused:
                self.output(**members)
            self.assertEqual(refused.exception.kind, "usage", members)


if __name__ == "__main__":
    client.main()
