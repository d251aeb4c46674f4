# SPDX-License-Identifier: Apache-2.0
"""The worker's reading and writing of safetensors: exact for what is sound, and a refusal for what is not."""
import json
import unittest

import client
import numpy as np


def file_of(header, data, length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


X = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


class TensorFileTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        import torch

        class Identity(torch.nn.Module):
            def forward(self, x):
                return x

        cls.process = client.worker()
        torch.jit.script(Identity()).save(cls.process.path("identity.pt"))
        cls.process.ask("build", builder="torchscript", source="identity.pt")

    @classmethod
    def tearDownClass(cls):
        cls.process.close()

    def give(self, content):
        with open(self.process.path("inputs.safetensors"), "wb") as file:
            file.write(content)
        return self.process.ask("run", inputs="inputs.safetensors", outputs="outputs.safetensors", compute="native")

    def refused(self, content, *parts, kind="malformed"):
        with self.assertRaises(client.Refused) as refused:
            self.give(content)
        self.assertEqual(refused.exception.kind, kind, refused.exception.message)
        self.assertTrue(refused.exception.where.endswith("inputs.safetensors"), refused.exception.where)
        for part in parts:
            self.assertIn(part, refused.exception.message)

    def test_every_type_goes_through_bit_for_bit(self):
        random = np.random.default_rng(1)
        for code, numpy_type in client.NUMPY_TYPES.items():
            bits = random.integers(0, 256, 6 * np.dtype(numpy_type).itemsize, dtype="u1")
            if code == "BOOL":
                bits &= 1
            array = bits.view(numpy_type).reshape(2, 3)
            found, reply = self.process.run({"x": array})
            self.assertEqual(found["output"].tobytes(), array.tobytes(), code)
            self.assertEqual(reply["outputs"], [{"name": "output", "dtype": client.TORCH_NAMES[code], "shape": [2, 3]}])

    def test_bfloat16_goes_through_bit_for_bit(self):
        data = np.random.default_rng(2).integers(0, 256, 12, dtype="u1").tobytes()
        header = {"x": {"dtype": "BF16", "shape": [6], "data_offsets": [0, 12]}}
        reply = self.give(file_of(header, data))
        self.assertEqual(reply["outputs"][0]["dtype"], "bfloat16")
        with open(self.process.path("outputs.safetensors"), "rb") as file:
            self.assertTrue(file.read().endswith(data))

    def test_forms_at_the_edge_go_through(self):
        for array in (np.array(2.5, "f4"), np.zeros((0, 3), "f4"), np.zeros((1, 0), "i8"), np.ones([1] * 12, "u1")):
            found, _ = self.process.run({"x": array})
            self.assertEqual(found["output"].shape, array.shape)
            self.assertEqual(found["output"].tobytes(), array.tobytes())

    def test_metadata_and_trailing_spaces_are_passed_over(self):
        header = json.dumps({"__metadata__": {"by": "a test"}, "x": X}).encode() + b"   "
        self.give(file_of(header, bytes(8)))

    def test_the_library_reads_what_the_worker_writes(self):
        try:
            import safetensors.numpy
        except ImportError:
            self.skipTest("this Python has no safetensors")
        array = np.random.default_rng(3).random((3, 5))
        self.process.run({"x": array})
        found = safetensors.numpy.load_file(self.process.path("outputs.safetensors"))
        self.assertEqual(found["output"].tobytes(), array.tobytes())

    def test_files_cut_short(self):
        whole = file_of({"x": X}, bytes(8))
        for length in range(len(whole)):
            self.refused(whole[:length])

    def test_a_header_longer_than_the_file(self):
        self.refused(file_of({"x": X}, bytes(8), length=(1 << 64) - 1), "header")
        self.refused(file_of({"x": X}, bytes(8), length=100_000_001), "header")

    def test_a_header_that_is_no_object(self):
        for header in (b"", b"[]", b"null", b"{", b' {"x":1}', b'{"x":1} x', b"\xff{}"):
            self.refused(file_of(header, bytes(8)))

    def test_a_name_that_stands_twice(self):
        entry = json.dumps(X)
        self.refused(file_of(f'{{"x":{entry},"x":{entry}}}'.encode(), bytes(8)), "twice")
        self.refused(file_of(f'{{"x":{entry},"\\u0078":{entry}}}'.encode(), bytes(8)), "twice")

    def test_a_hole_between_tensors(self):
        self.refused(file_of({"x": X, "y": {**X, "data_offsets": [9, 17]}}, bytes(17)), "`y`")

    def test_tensors_that_overlap(self):
        self.refused(file_of({"x": X, "y": {**X, "data_offsets": [4, 12]}}, bytes(12)), "`y`")

    def test_bytes_after_the_last_tensor(self):
        self.refused(file_of({"x": X}, bytes(9)), "where the file ends")

    def test_a_length_that_is_not_the_shapes(self):
        self.refused(file_of({"x": {**X, "shape": [3]}}, bytes(8)), "`x`")

    def test_offsets_that_run_backwards_or_wrap(self):
        for offsets in ([8, 0], [0, (1 << 64) - 1], [0], [0, 8, 16], [0, -8], "08", [0, 8.0]):
            self.refused(file_of({"x": {**X, "data_offsets": offsets}}, bytes(8)))

    def test_a_shape_whose_product_wraps(self):
        self.refused(file_of({"x": {**X, "shape": [1 << 62, 1 << 62]}}, bytes(8)))
        self.refused(file_of({"x": {**X, "shape": [1 << 63, 2], "data_offsets": [0, 0]}}, b""))

    def test_entries_of_another_kind(self):
        for entry in (7, None, [], "F32", {}, {**X, "dtype": 4}, {**X, "shape": "2"}, {**X, "shape": [-2]}):
            self.refused(file_of({"x": entry}, bytes(8)))

    def test_a_type_that_is_unknown(self):
        self.refused(file_of({"x": {**X, "dtype": "F4"}}, bytes(8)), "F4", kind="unsupported")

    def test_an_output_that_cannot_be_written(self):
        self.give(file_of({"x": X}, bytes(8)))
        with self.assertRaises(client.Refused) as refused:
            self.process.ask("run", inputs="inputs.safetensors", outputs="absent/outputs.safetensors", compute="native")
        self.assertIn("absent/outputs.safetensors", refused.exception.where)


if __name__ == "__main__":
    client.main()
