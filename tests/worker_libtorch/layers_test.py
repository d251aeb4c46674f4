# SPDX-License-Identifier: Apache-2.0
"""Sketches of a run's layers: which layers, under which names, and what a sketch holds."""
import unittest

import client
import numpy as np

try:
    import modules
    import torch
except ImportError:
    client.main()


def signs(count):
    """sigma of PROTOCOL.md, computed with Python's integers: bit k of byte (j mod 8) of the hash of j // 8."""
    def mix(z):
        z ^= z >> 30
        z = z * 0xBF58476D1CE4E5B9 % 2**64
        z ^= z >> 27
        z = z * 0x94D049BB133111EB % 2**64
        return z ^ (z >> 31)

    result = np.empty((count, 8))
    for j in range(count):
        byte = mix((j // 8 + 1) * 0x9E3779B97F4A7C15 % 2**64) >> (8 * (j % 8)) & 0xFF
        result[j] = [1.0 if byte >> k & 1 else -1.0 for k in range(8)]
    return result


def sketch(values):
    values = np.asarray(values, np.float64).reshape(-1)
    finite = np.where(np.isfinite(values), values, 0.0)
    projections = signs(len(values)).T @ finite / np.sqrt(len(values))
    return [*projections, np.sqrt(np.mean(finite**2)), np.sum(~np.isfinite(values))]


LAYERS = [("blocks.0.conv", "aten::conv2d"), ("blocks.0.norm", "aten::batch_norm"), ("blocks.0", "aten::relu_"), ("", "aten::add"),
          ("blocks.1.conv", "aten::conv2d"), ("blocks.1.norm", "aten::batch_norm"), ("blocks.1", "aten::relu_"), ("", "aten::add"),
          ("soft", "aten::tanh"), ("head", "aten::linear")]


class LayersTest(unittest.TestCase):
    def setUp(self):
        self.process = client.worker()
        torch.manual_seed(1)
        self.model = modules.Layered().eval()
        client.build(self.process, self.model)
        self.process.load(modules.state_of(self.model))
        self.image = torch.rand(2, 3, 5, 5)

    def tearDown(self):
        self.process.close()

    def run_layers(self, **members):
        outputs, reply = self.process.run({"x": self.image.numpy()}, layers="layers.safetensors", **members)
        return outputs, reply["layers"], client.read_safetensors(self.process.path("layers.safetensors"))["sketch"]

    def test_modules_and_operators_are_named_in_the_order_of_computation(self):
        _, layers, table = self.run_layers()
        self.assertEqual([(layer["module"], layer["op"]) for layer in layers], LAYERS)
        self.assertEqual(layers[0]["shape"], [2, 3, 5, 5])
        self.assertEqual(table.shape, (len(LAYERS), 10))
        self.assertEqual({layer["dtype"] for layer in layers}, {"float32"})
        self.assertEqual({layer["dtype"] for layer in self.run_layers(compute="float64")[1]}, {"float64"})

    def test_integers_and_booleans_are_no_layers_whatever_the_run_computes_in(self):
        model = modules.Sorted().eval()
        client.build(self.process, model)
        self.process.load(modules.state_of(model))
        for compute in ("native", "float64"):
            outputs, layers, _ = self.run_layers(compute=compute)
            self.assertEqual([(layer["module"], layer["op"]) for layer in layers], [("head", "aten::linear")], compute)
            self.assertEqual(outputs["best"].dtype.kind, "i")

    def test_a_sketch_is_what_the_protocol_says(self):
        outputs, _, table = self.run_layers(compute="float64")
        np.testing.assert_allclose(table[-1], sketch(outputs["output"]), rtol=1e-13, atol=1e-13)
        double = self.model.double()
        with torch.no_grad():
            first = double.blocks[0].conv(self.image.double())
        np.testing.assert_allclose(table[0], sketch(first.numpy()), rtol=1e-11, atol=1e-12)

    def test_an_operation_in_place_leaves_the_layer_before_it_as_it_was(self):
        _, _, table = self.run_layers(compute="float64")
        double = self.model.double()
        with torch.no_grad():
            normed = double.blocks[0].norm(double.blocks[0].conv(self.image.double()))
        np.testing.assert_allclose(table[1], sketch(normed.numpy()), rtol=1e-10, atol=1e-11)
        np.testing.assert_allclose(table[2], sketch(normed.relu().numpy()), rtol=1e-10, atol=1e-11)

    def test_sketches_change_no_answer_and_are_the_same_again(self):
        plain, _ = self.process.run({"x": self.image.numpy()})
        watched, _, first = self.run_layers()
        _, _, second = self.run_layers()
        self.assertEqual(plain["output"].tobytes(), watched["output"].tobytes())
        self.assertEqual(first.tobytes(), second.tobytes())

    def of_row(self, layers, **how):
        return self.run_layers(compute="float64", part={"rows": 2, "row": 1, "layers": layers, **how})[1:]

    def test_of_a_batch_the_part_of_one_row_is_sketched(self):
        whole, self.image = self.image, self.image[1:]
        _, alone, expected = self.run_layers(compute="float64")
        self.image = whole
        layers, table = self.of_row(alone)
        self.assertEqual([layer["shape"] for layer in layers], [layer["shape"] for layer in alone])
        np.testing.assert_allclose(table, expected, rtol=1e-9, atol=1e-10)
        with torch.no_grad():
            first = self.model.double().blocks[0].conv(whole.double())
        conv = {"module": "blocks.0.conv", "op": "aten::conv2d"}
        for how, shape, part in (
            ({}, [1, 3, 4, 5], first[1:, :, :4]),
            ({"left": True}, [1, 3, 4, 5], first[1:, :, 1:]),
            ({"interleaved": True}, [1, 3, 5, 5], first[1:]),
        ):
            layers, table = self.of_row([{**conv, "shape": shape}], **how)
            self.assertEqual(layers[0]["shape"], shape)
            np.testing.assert_allclose(table[0], sketch(part.numpy()), rtol=1e-11, atol=1e-12)
            self.assertEqual(layers[1]["shape"], [2, 3, 5, 5])
        with self.assertRaises(client.Refused):
            self.of_row([], row=2)

    def test_a_sketch_with_a_limit_takes_every_so_manyth_element(self):
        # channels_last: row-major order is not that of the memory.
        for settings in ({}, {"channels_last": True}):
            _, _, whole = self.run_layers(compute="float64", settings=settings)
            _, _, table = self.run_layers(compute="float64", settings=settings, layer_elements=16)
            double = self.model.double()
            with torch.no_grad():
                first = double.blocks[0].conv(self.image.double())
            stride = -(-first.numel() // 16) | 1
            expected = sketch(first.contiguous().numpy().reshape(-1)[::stride])
            np.testing.assert_allclose(table[0], expected, rtol=1e-11, atol=1e-12)
            self.assertEqual(table[-1].tobytes(), whole[-1].tobytes())  # it has fewer elements than the limit

    def test_of_a_sketch_with_a_limit_all_elements_are_looked_at_for_nan(self):
        self.image[0, 0, 0, 0] = float("nan")
        _, _, whole = self.run_layers()
        _, _, table = self.run_layers(layer_elements=4)
        self.assertEqual(table[:, -1].tolist(), whole[:, -1].tolist())
        self.assertTrue(np.isfinite(table).all())

    def test_elements_that_are_not_finite_are_counted(self):
        self.image[0, 0, 0, 0] = float("nan")
        _, _, table = self.run_layers()
        self.assertGreater(table[0][-1], 0)
        self.assertTrue(np.isfinite(table).all())


if __name__ == "__main__":
    client.main()
