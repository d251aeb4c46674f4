# SPDX-License-Identifier: Apache-2.0
"""Digests of loaded tensors, against hashlib over numpy's bytes."""
import hashlib
import unittest

import client
import numpy as np


def sha256(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


class DigestTest(unittest.TestCase):
    def setUp(self):
        self.process = client.worker()

    def tearDown(self):
        self.process.close()

    def build(self, tensors):
        import modules
        import torch

        meta = {name: torch.from_numpy(np.array(array)).to("meta") for name, array in tensors.items()}
        modules.holder_archive(self.process.path("holder.pt"), meta)
        self.process.ask("build", builder="torchscript", source="holder.pt")

    def digests(self):
        return {entry["name"]: entry["sha256"] for entry in self.process.ask("digest")["tensors"]}

    def test_every_type_and_form_is_digested_as_its_bytes(self):
        random = np.random.default_rng(1)
        tensors = {name: random.integers(0, 2, (3, 5)).astype(code) for name, code in client.NUMPY_TYPES.items()}
        tensors = {f"t{name}": array for name, array in tensors.items()}
        tensors.update(scalar=np.array(3.0, "f4"), nothing=np.zeros((2, 0), "f8"), nan=np.array([np.nan, -0.0], "f4"))
        self.build(tensors)
        self.process.load(tensors)
        self.assertEqual(self.digests(), {name: sha256(array) for name, array in tensors.items()})

    def test_sizes_around_the_block_length_are_digested_right(self):
        tensors = {f"t{size}": np.arange(size, dtype="u1") for size in range(1, 200)}
        self.build(tensors)
        self.process.load(tensors)
        self.assertEqual(self.digests(), {name: sha256(array) for name, array in tensors.items()})

    def test_many_large_tensors_on_several_threads_keep_their_own_digests(self):
        random = np.random.default_rng(2)
        tensors = {f"t{i}": random.random(50_000 + 7919 * i, dtype="f4") for i in range(20)}
        self.build(tensors)
        self.process.load(tensors)
        self.assertEqual(self.digests(), {name: sha256(array) for name, array in tensors.items()})

    def test_views_are_digested_in_row_major_order(self):
        base = np.arange(60, dtype="f4")
        views = {
            "transposed": (base[:12].reshape(3, 4).T, [1, 4], 0),
            "offset": (base[7:19].reshape(3, 4), [4, 1], 7),
            "stepped": (base[1:57:8], [8], 1),
            "repeated": (np.broadcast_to(base[5], (4, 2)), [0, 0], 5),
        }
        self.build({name: view for name, (view, _, _) in views.items()})
        base.tofile(self.process.path("weights.bin"))
        entries = [{"state_entry": name, "file": 0, "begin": 0, "bytes": base.nbytes, "dtype": "float32", "shape": list(view.shape),
                    "strides": strides, "offset": offset} for name, (view, strides, offset) in views.items()]
        self.process.write_json("tensors.json", {"files": ["weights.bin"], "tensors": entries})
        self.assertEqual(self.process.ask("load", tensors="tensors.json")["loaded"], len(views))
        self.assertEqual(self.digests(), {name: sha256(view) for name, (view, _, _) in views.items()})

    def test_a_storage_at_an_odd_byte_is_digested_as_its_bytes(self):
        array = np.random.default_rng(3).random(1000, dtype="f4")
        self.build({"odd": array})
        with open(self.process.path("weights.bin"), "wb") as file:
            file.write(b"\1\2\3" + array.tobytes())
        self.process.write_json("tensors.json", {"files": ["weights.bin"], "tensors": [client.assignment("odd", array, 3)]})
        self.process.ask("load", tensors="tensors.json")
        self.assertEqual(self.digests(), {"odd": sha256(array)})

    def test_a_bit_that_is_flipped_in_the_file_changes_that_digest_alone(self):
        tensors = {"a": np.ones(100, "f4"), "b": np.ones(100, "f4")}
        self.build(tensors)
        tensors["b"].view("u4")[17] ^= 1
        self.process.load(tensors)
        found = self.digests()
        self.assertEqual(found["a"], sha256(np.ones(100, "f4")))
        self.assertEqual(found["b"], sha256(tensors["b"]))
        self.assertNotEqual(found["a"], found["b"])

    def test_b67_an_operation_in_place_changes_neither_the_network_nor_the_file(self):
        """Each run begins with what was loaded."""
        import torch

        class Counter(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.register_buffer("count", torch.zeros(3))

            def forward(self, x):
                self.count += 1
                return x + self.count

        torch.jit.script(Counter()).save(self.process.path("counter.pt"))
        self.process.ask("build", builder="torchscript", source="counter.pt")
        zeros = np.zeros(3, "f4")
        self.process.load({"count": zeros})
        self.assertEqual(self.digests(), {"count": sha256(zeros)})
        for _ in range(2):
            answer, _ = self.process.run({"x": zeros})
            self.assertEqual([tensor.tolist() for tensor in answer.values()], [[1, 1, 1]])
            self.assertEqual(self.digests(), {"count": sha256(zeros)})
        with open(self.process.path("weights.bin"), "rb") as file:
            self.assertEqual(file.read(), zeros.tobytes())


if __name__ == "__main__":
    client.main()
