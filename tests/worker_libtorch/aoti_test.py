# SPDX-License-Identifier: Apache-2.0
"""Packages of AOTInductor in the LibTorch worker: their constants, what is refused, and what a run computes with."""
import os
import shutil
import sys
import tempfile
import unittest
import zipfile

import numpy as np

import client
from client import Refused, worker

try:
    import torch
    from torch import nn
except ImportError:
    print("skipped: this Python has no torch")
    sys.exit(125)


class Masked(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 3)

    def forward(self, image, mask):
        maps = torch.relu(self.norm(self.conv(image * mask)))
        return self.head(maps.mean([2, 3])), maps


def library_of(network, inputs, folder, **configs):
    """The package's native library, as goldseal unpacks it."""
    path = os.path.join(folder, "network.pt2")
    with torch.no_grad():
        program = torch.export.export(network, inputs)
        torch._inductor.aoti_compile_and_package(program, package_path=path, inductor_configs=configs)
    with zipfile.ZipFile(path) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".so"))
        library = os.path.join(folder, os.path.basename(name))
        with open(library, "wb") as file:
            file.write(archive.read(name))
    return library


class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="goldseal-test-")
        torch.manual_seed(1)
        cls.network = Masked().eval()
        cls.inputs = {"image": torch.randn(1, 2, 8, 8), "mask": torch.rand(1, 2, 8, 8)}
        cls.weights = {name: value.numpy() for name, value in cls.network.state_dict().items() if "tracked" not in name}
        with torch.no_grad():
            cls.expected = [value.numpy() for value in cls.network(*cls.inputs.values())]
        # With other weights, so that nothing but what is loaded can give the answers.
        cls.library = library_of(Masked().eval(), tuple(cls.inputs.values()), cls.folder, always_keep_tensor_constants=True)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def build(self, process, **options):
        return process.ask("build", builder="aoti", source=self.library,
                           options={"device": "cpu", "inputs": "image,mask", **options})

    def arrays(self):
        return {name: value.numpy() for name, value in self.inputs.items()}

    def test_constants_are_slots_with_the_names_types_and_shapes_of_the_state_dict(self):
        with worker() as process:
            reply = self.build(process)
        self.assertEqual({state_entry["name"]: (state_entry["dtype"], tuple(state_entry["shape"])) for state_entry in reply["state_entries"]},
                         {name: ("float32", value.shape) for name, value in self.weights.items()})
        self.assertEqual([entry["name"] for entry in reply["inputs"]], ["image", "mask"])

    def test_a_package_without_weights_is_refused(self):
        folder = tempfile.mkdtemp(dir=self.folder)
        library = library_of(self.network, tuple(self.inputs.values()), folder, **{"aot_inductor.package_constants_in_so": False})
        with worker() as process, self.assertRaisesRegex(Refused, "compiled without its weights"):
            process.ask("build", builder="aoti", source=library, options={"device": "cpu", "inputs": "image,mask"})

    def test_a_package_computes_with_what_is_loaded(self):
        with worker() as process:
            self.build(process)
            with self.assertRaisesRegex(Refused, "holds no tensor"):
                process.run(self.arrays())
            process.load(self.weights)
            outputs, _ = process.run(self.arrays())
            for name, expected in zip(("0", "1"), self.expected):
                np.testing.assert_allclose(outputs[name], expected, rtol=1e-4, atol=1e-5)
            process.load(dict(self.weights, **{"head.bias": self.weights["head.bias"] + 1}))
            changed, _ = process.run(self.arrays())
            np.testing.assert_allclose(changed["0"], self.expected[0] + 1, rtol=1e-4, atol=1e-5)

    def test_a_tensor_of_another_shape_or_none_is_refused(self):
        with worker() as process:
            self.build(process)
            with self.assertRaisesRegex(Refused, "head.weight takes float32 \\[3, 4\\]; given float32 \\[4, 3\\]"):
                process.load(dict(self.weights, **{"head.weight": self.weights["head.weight"].T}))
            with self.assertRaisesRegex(Refused, "1 state entry: norm.running_mean"):
                process.load({name: value for name, value in self.weights.items() if name != "norm.running_mean"})

    def test_a_perturbed_run_leaves_the_next_one_as_it_was(self):
        with worker() as process:
            self.build(process)
            process.load(self.weights)
            before, _ = process.run(self.arrays())
            moved, _ = process.run(self.arrays(), perturb={"seed": 1, "relative": 1e-2, "only": ["head.weight"]})
            after, _ = process.run(self.arrays())
        self.assertTrue((moved["0"] != before["0"]).any())
        np.testing.assert_array_equal(moved["1"], before["1"])
        for name, value in before.items():
            np.testing.assert_array_equal(after[name], value)

    def test_settings_that_change_layouts_do_not_reach_compiled_code(self):
        with worker() as process:
            self.build(process)
            process.load(self.weights)
            plain, _ = process.run(self.arrays())
            for settings in ({"onednn": False}, {"channels_last": True}):
                outputs, _ = process.run(self.arrays(), settings=settings)
                for name, value in plain.items():
                    np.testing.assert_array_equal(outputs[name], value)

    def test_float64_gradients_and_other_shapes_of_inputs_are_refused(self):
        with worker() as process:
            self.build(process)
            process.load(self.weights)
            with self.assertRaisesRegex(Refused, "unsupported: .*not in float64"):
                process.run(self.arrays(), compute="float64")
            client.write_safetensors(process.path("inputs.safetensors"), self.arrays())
            with self.assertRaisesRegex(Refused, "unsupported: compiled code gives no gradients"):
                process.ask("gradients", inputs="inputs.safetensors", compute="native")
            with self.assertRaisesRegex(Refused, "unmatched dim value"):
                process.run(dict(self.arrays(), image=np.zeros((1, 2, 7, 8), np.float32)))

    def test_inputs_are_named_by_the_option_or_by_their_places(self):
        with worker() as process:
            self.build(process)
            process.load(self.weights)
            with self.assertRaisesRegex(Refused, "no input `picture`; its inputs are image,mask"):
                process.run({"picture": self.arrays()["image"]})
            reply = self.build(process, inputs="")
            self.assertEqual([entry["name"] for entry in reply["inputs"]], ["0", "1"])
            with self.assertRaisesRegex(Refused, "no option `outputs`"):
                self.build(process, outputs="scores")

    def test_what_is_no_library_is_refused(self):
        path = os.path.join(self.folder, "nothing.so")
        with open(path, "wb") as file:
            file.write(b"nothing")
        with worker() as process, self.assertRaisesRegex(Refused, "file too short"):
            process.ask("build", builder="aoti", source=path, options={"device": "cpu"})

    def test_a_package_with_frozen_weights_is_refused(self):
        folder = tempfile.mkdtemp(dir=self.folder)
        library = library_of(nn.Linear(64, 32).eval(), (torch.randn(2, 64),), folder, freezing=True)
        with worker() as process, self.assertRaisesRegex(Refused, "compiled with freezing"):
            process.ask("build", builder="aoti", source=library, options={"device": "cpu"})


class WithoutRunner(unittest.TestCase):
    def test_an_older_libtorch_knows_no_packages(self):
        with worker() as process:
            self.assertNotIn("aoti", process.greeting["builders"])
            with self.assertRaisesRegex(Refused, "unsupported: this worker cannot build `aoti`"):
                process.ask("build", builder="aoti", source="network.so", options={"device": "cpu"})


def load_tests(loader, _, __):
    """The cases that fit the worker."""
    with worker() as process:
        runs_packages = "aoti" in process.greeting["builders"]
    if not runs_packages:
        return loader.loadTestsFromTestCase(WithoutRunner)
    if not shutil.which("g++") or not hasattr(torch, "export"):
        print("skipped: no package can be compiled here")
        sys.exit(125)
    return loader.loadTestsFromTestCase(Packages)


if __name__ == "__main__":
    client.main()
