# SPDX-License-Identifier: Apache-2.0
"""What a float64 run computes where the network's code names types: as Python code, as TorchScript that was scripted and traced,
and as a program of torch.export. Held against references in numpy."""
import unittest

import client
import numpy as np

try:
    import float64_modules
    import torch
except ImportError:
    client.main()

CLOSE = 1e-14  # of the greatest element: some roundings of float64
VERSION = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])


class Float64Test(unittest.TestCase):
    def setUp(self):
        self.process = client.worker()
        numbers = np.random.default_rng(3)
        self.x = numbers.random((4, float64_modules.WIDTH)).astype("f4")

    def tearDown(self):
        self.process.close()

    def kinds(self, written=False):
        """Each kind that this worker's PyTorch has the operators for. `written`: and that can be written down by running it."""
        version = tuple(int(part) for part in self.process.greeting["version"].split("+")[0].split(".")[:2])
        for kind in float64_modules.KINDS:
            if written and kind in float64_modules.CODE_ALONE:
                continue
            if kind is not float64_modules.Attention or min(version, VERSION) >= (2, 0):
                yield kind

    def judge(self, kind, module):
        weight = module.weight.detach().numpy()
        self.process.load({"weight": weight})
        for _ in range(2):  # what the first run finds serves the second
            found, reply = self.process.run({"x": self.x}, compute="float64", layers="layers.safetensors")
            wanted = kind.reference(self.x.astype("f8"), weight.astype("f8"))
            for name, values in (wanted if isinstance(wanted, dict) else {"output": wanted}).items():
                self.assertEqual(found[name].dtype, np.dtype("f8"), name)
                error = np.abs(found[name] - values).max() / np.abs(values).max()
                self.assertLess(error, CLOSE, name)
            if "layers" in reply:
                self.assertEqual({layer["dtype"] for layer in reply["layers"]}, {"float64"})
        native, native_reply = self.process.run({"x": self.x}, layers="native.safetensors")
        if "layers" in reply:  # those of whole numbers and booleans are in neither
            self.assertEqual([layer["op"] for layer in reply["layers"]], [layer["op"] for layer in native_reply["layers"]])
        with torch.no_grad():
            answer = module(torch.tensor(self.x))
        for name, values in (answer if isinstance(answer, dict) else {"output": answer}).items():
            self.assertEqual(native[name].dtype, values.numpy().dtype)
            self.assertLess(np.abs(native[name] - values.numpy()).max(), 1e-4)

    def test_code_as_it_stands(self):
        for kind in self.kinds():
            with self.subTest(kind.__name__):
                module = kind().eval()
                client.build(self.process, module)
                self.judge(kind, module)

    def test_a_trace_in_which_types_are_constants(self):
        for kind in self.kinds(written=True):
            with self.subTest(kind.__name__):
                module = kind().eval()
                traced = torch.jit.trace(module, torch.tensor(self.x), strict=False, check_trace=False)
                traced.save(self.process.path("net.pt"))
                self.process.ask("build", builder="torchscript", source="net.pt", options={})
                self.judge(kind, module)

    @unittest.skipIf(VERSION < (2, 8), "torch.export's archive is another one")
    def test_a_program_of_export_in_which_types_are_constants(self):
        if "export" not in self.process.greeting["builders"]:
            self.skipTest("this worker builds no programs")
        import export_test  # ends where this PyTorch has no torch.export

        for kind in self.kinds(written=True):
            with self.subTest(kind.__name__):
                module = kind().eval()
                export_test.Archive(self.process, module, (torch.tensor(self.x),)).build()
                self.judge(kind, module)


if __name__ == "__main__":
    client.main()
