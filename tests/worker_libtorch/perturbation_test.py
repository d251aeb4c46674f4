# SPDX-License-Identifier: Apache-2.0
"""The perturbation of PROTOCOL.md, bit for bit against numpy."""
import unittest

import client
import numpy as np

MASK = (1 << 64) - 1


def fnv1a64(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return value


def mix(z):
    """SplitMix64's finaliser of an array of uint64."""
    z = z ^ (z >> np.uint64(30))
    z = z * np.uint64(0xBF58476D1CE4E5B9)
    z = z ^ (z >> np.uint64(27))
    z = z * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def xi(name, seed, shape):
    key = mix(np.array([fnv1a64(name) ^ seed], np.uint64))
    index = np.arange(1, int(np.prod(shape)) + 1, dtype=np.uint64)
    bits = mix(key + index * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(11)
    return (2.0 * (bits.astype(np.float64) * 2.0**-53) - 1.0).reshape(shape)


def factors(name, seed, relative, shape):
    return 1.0 + relative * xi(name, seed, shape)


def tile(name, seed, relative, shape, dtype):
    """The factors of the table: a hash for every 32,768 elements."""
    table = (1.0 + relative * xi("tile", 0, (65521,))).astype(dtype)
    count = int(np.prod(shape))
    key = mix(np.array([fnv1a64(name) ^ seed], np.uint64))
    runs = np.arange(1, -(-count // 32768) + 1, dtype=np.uint64)
    starts = mix(key + runs * np.uint64(0x9E3779B97F4A7C15)) % np.uint64(32754)
    index = np.arange(count)
    return table[starts.astype("i8")[index // 32768] + index % 32768].reshape(shape)


class PerturbationTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        import modules
        import torch

        random = np.random.default_rng(5)
        cls.tensors = {
            "float32s": random.standard_normal((7, 3, 5)).astype("f4"),
            "float16s": random.standard_normal((11,)).astype("f2"),
            "float64s": random.standard_normal((2, 9)),
            "whole": np.arange(6, dtype="i8"),
            "flags": np.array([True, False]),
            "scalar": np.array(1.5, "f4"),
            "nothing": np.zeros((0, 4), "f4"),
            "zeros": np.zeros(9, "f4"),
            "some_zeros": np.array([0.0, -0.0, 2.0, 0.0, -3.5], "f2"),
            # More elements than one thread takes at a time.
            "large": random.standard_normal((5, 100_003)).astype("f4"),
        }
        cls.process = client.worker()
        meta = {name: torch.from_numpy(array).to("meta") for name, array in cls.tensors.items()}
        modules.holder_archive(cls.process.path("holder.pt"), meta)
        cls.process.ask("build", builder="torchscript", source="holder.pt")
        cls.process.load(cls.tensors)

    @classmethod
    def tearDownClass(cls):
        cls.process.close()

    def run_with(self, inputs, **members):
        outputs, _ = self.process.run(inputs, compute="float64", **members)
        names = list(self.tensors) + ["x"]
        return {names[int(index)]: array for index, array in outputs.items()}

    def check(self, seed, relative):
        x = np.random.default_rng(6).standard_normal((2, 3)).astype("f4")
        found = self.run_with({"x": x}, perturb={"seed": seed, "relative": relative})
        for name, array in self.tensors.items():
            expected = array
            if array.dtype.kind == "f":
                expected = array.astype("f8") * factors(name, seed, relative, array.shape)
            self.assertEqual(found[name].dtype, expected.dtype, name)
            self.assertEqual(found[name].tobytes(), expected.tobytes(), name)
        expected = x.astype("f8") * factors("input/x", seed, relative, x.shape)
        self.assertEqual(found["x"].tobytes(), expected.tobytes())

    def test_factors_are_those_of_the_formula_for_one_float32_rounding(self):
        self.check(seed=1, relative=2.0**-24)

    def test_factors_are_those_of_the_formula_for_a_tiny_step(self):
        self.check(seed=0, relative=2.0**-44)

    def test_factors_are_those_of_the_formula_for_the_largest_seed_and_a_step_that_rounds(self):
        self.check(seed=MASK, relative=0.1)

    def test_bfloat16_is_widened_exactly_and_then_multiplied(self):
        import modules
        import torch

        # The upper half of a float32 is a bfloat16.
        wide = (np.random.default_rng(7).standard_normal(50).astype("f4").view("u4") & 0xFFFF0000).view("f4")
        with client.worker() as process:
            modules.holder_archive(process.path("holder.pt"), {"brain": torch.empty(50, dtype=torch.bfloat16, device="meta")})
            process.ask("build", builder="torchscript", source="holder.pt")
            stored = (wide.view("u4") >> 16).astype("u2")
            stored.tofile(process.path("weights.bin"))
            entry = {"state_entry": "brain", "file": 0, "begin": 0, "bytes": stored.nbytes, "dtype": "bfloat16", "shape": [50],
                     "strides": [1], "offset": 0}
            process.write_json("tensors.json", {"files": ["weights.bin"], "tensors": [entry]})
            process.ask("load", tensors="tensors.json")
            outputs, _ = process.run({"x": np.ones(1, "f4")}, compute="float64", perturb={"seed": 9, "relative": 0.25})
        self.assertEqual(outputs["0"].tobytes(), (wide.astype("f8") * factors("brain", 9, 0.25, (50,))).tobytes())

    def test_one_thread_gives_the_same_as_all(self):
        x = {"x": np.ones(1, "f4")}
        perturb = {"seed": 3, "relative": 0.01}
        one = self.run_with(x, perturb=perturb, settings={"threads": 1})
        two = self.run_with(x, perturb=perturb, settings={"threads": 2})
        self.assertEqual(one["large"].tobytes(), two["large"].tobytes())

    def test_float64_alone_converts_exactly(self):
        found = self.run_with({"x": np.ones(1, "f4")})
        for name, array in self.tensors.items():
            expected = array.astype("f8") if array.dtype.kind == "f" else array
            self.assertEqual(found[name].dtype, expected.dtype, name)
            self.assertEqual(found[name].tobytes(), expected.tobytes(), name)

    def test_the_loaded_tensors_are_left_as_they_are(self):
        before = self.process.ask("digest")["tensors"]
        self.run_with({"x": np.ones(1, "f4")}, perturb={"seed": 1, "relative": 0.5})
        self.assertEqual(self.process.ask("digest")["tensors"], before)

    def test_an_integer_input_stays_one(self):
        found = self.run_with({"x": np.array([3, 4], "i8")}, perturb={"seed": 1, "relative": 0.5})
        self.assertEqual(found["x"].dtype, np.dtype("i8"))
        self.assertEqual(found["x"].tolist(), [3, 4])

    def test_a_native_run_is_perturbed_and_rounded_once_to_its_own_type(self):
        x = np.linspace(1, 2, 64).astype("f4")
        found, _ = self.process.run({"x": x}, compute="native", perturb={"seed": 1, "relative": 0.5})
        moved = found[str(len(self.tensors))]  # the input, given back last
        self.assertEqual(moved.dtype, np.dtype("f4"))
        self.assertEqual(moved.tobytes(), (x.astype("f8") * factors("input/x", 1, 0.5, (64,))).astype("f4").tobytes())

    def test_zeros_are_moved_where_that_is_asked_for_and_nothing_else_is_moved_otherwise(self):
        x = {"x": np.array([0.0, 5.0], "f4")}
        plain = self.run_with(x, perturb={"seed": 2, "relative": 0.5})
        moved = self.run_with(x, perturb={"seed": 2, "relative": 0.5, "zero": 3.0})
        for name, array in [*self.tensors.items(), ("x", x["x"])]:
            if array.dtype.kind != "f":
                continue
            state_entry = "input/x" if name == "x" else name
            zeros = array == 0
            self.assertEqual(moved[name][~zeros].tobytes(), plain[name][~zeros].tobytes(), name)
            self.assertTrue((plain[name][zeros] == 0).all(), name)
            self.assertEqual(moved[name][zeros].tobytes(), (3.0 * xi(state_entry, 2, array.shape))[zeros].tobytes(), name)
        self.assertTrue((moved["zeros"] != 0).all())
        for bad in ("much", True, [1]):
            with self.assertRaises(client.Refused):
                self.run_with(x, perturb={"seed": 2, "relative": 0.5, "zero": bad})

    def test_the_factors_of_a_tile_are_cut_from_one_table(self):
        x = np.random.default_rng(6).standard_normal((2, 3)).astype("f4")
        for compute, dtype in (("float32", "f4"), ("float64", "f8")):
            found, _ = self.process.run({"x": x}, compute=compute, perturb={"seed": 3, "relative": 2.0**-16, "tile": True})
            names = list(self.tensors) + ["x"]
            found = {names[int(index)]: array for index, array in found.items()}
            for name, array in [*self.tensors.items(), ("x", x)]:
                expected = array
                if array.dtype.kind == "f":
                    state_entry = "input/x" if name == "x" else name
                    expected = array.astype(dtype) * tile(state_entry, 3, 2.0**-16, array.shape, dtype)
                self.assertEqual(found[name].dtype, expected.dtype, name)
                self.assertEqual(found[name].tobytes(), expected.tobytes(), name)

    def test_a_native_run_moved_by_a_tile_is_rounded_to_its_own_type(self):
        x = np.linspace(1, 2, 64).astype("f4")
        found, _ = self.process.run({"x": x}, compute="native", perturb={"seed": 1, "relative": 0.5, "tile": True})
        moved = found[str(list(self.tensors).index("float16s"))]
        array = self.tensors["float16s"]
        self.assertEqual(moved.tobytes(), (array.astype("f4") * tile("float16s", 1, 0.5, array.shape, "f4")).astype("f2").tobytes())

    def test_a_tile_moves_no_zeros(self):
        with self.assertRaises(client.Refused) as refused:
            self.run_with({"x": np.ones(1, "f4")}, perturb={"seed": 1, "relative": 0.5, "zero": 1.0, "tile": True})
        self.assertEqual(refused.exception.kind, "usage")

    def test_only_the_tensors_that_are_named_are_moved(self):
        found = self.run_with({"x": np.ones(1, "f4")}, perturb={"seed": 1, "relative": 0.5, "only": ["large"]})
        self.assertNotEqual(found["large"].tobytes(), self.tensors["large"].astype("f8").tobytes())
        for name, array in self.tensors.items():
            if name != "large" and array.dtype.kind == "f":
                self.assertEqual(found[name].tobytes(), array.astype("f8").tobytes(), name)


if __name__ == "__main__":
    client.main()
