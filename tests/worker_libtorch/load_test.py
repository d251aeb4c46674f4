# SPDX-License-Identifier: Apache-2.0
"""What `load` refuses: it checks every extent and every state entry, and nothing is put in by halves."""
import hashlib
import os
import unittest

import client
import numpy as np

INT64_MAX = (1 << 63) - 1
UINT64_MAX = (1 << 64) - 1


class LoadTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        import modules
        import torch

        cls.process = client.worker()
        cls.good = {"a": np.arange(6, dtype="f4").reshape(2, 3), "b": np.arange(4, dtype="i8"), "c": np.zeros((0, 2), "f4")}
        meta = {name: torch.from_numpy(array).to("meta") for name, array in cls.good.items()}
        modules.holder_archive(cls.process.path("holder.pt"), meta)
        cls.process.ask("build", builder="torchscript", source="holder.pt")
        cls.process.load(cls.good)

    @classmethod
    def tearDownClass(cls):
        cls.process.close()

    def entries(self):
        """A correct table of two tensors in a file of 128 bytes."""
        with open(self.process.path("weights.bin"), "wb") as file:
            file.write(self.good["a"].tobytes().ljust(64, b"\0") + self.good["b"].tobytes().ljust(64, b"\0"))
        return {name: client.assignment(name, self.good[name], begin) for name, begin in (("a", 0), ("b", 64), ("c", 128))}

    def load(self, entries, files=("weights.bin",)):
        self.process.write_json("tensors.json", {"files": list(files), "tensors": list(entries)})
        return self.process.ask("load", tensors="tensors.json")

    def refusal(self, change, kind, files=("weights.bin",)):
        entries = self.entries()
        change(entries)
        with self.assertRaises(client.Refused) as refused:
            self.load(entries.values(), files)
        self.assertEqual(refused.exception.kind, kind, refused.exception.message)
        self.assert_nothing_changed()
        return refused.exception

    def assert_nothing_changed(self):
        digests = {entry["name"]: entry["sha256"] for entry in self.process.ask("digest")["tensors"]}
        self.assertEqual(digests, {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in self.good.items()})

    def set(self, name, **members):
        return lambda entries: entries[name].update(members)

    def test_the_correct_table_is_loaded(self):
        self.assertEqual(self.load(self.entries().values())["loaded"], 3)
        self.assert_nothing_changed()

    def test_a_missing_slot(self):
        refusal = self.refusal(lambda entries: entries.pop("b"), "usage")
        self.assertIn("1 state entry: b", refusal.message)

    def test_a_slot_that_the_network_has_not(self):
        self.assertIn("extra", self.refusal(lambda entries: entries.update(d=dict(entries["a"], state_entry="extra")), "usage").message)

    def test_a_slot_given_twice(self):
        self.assertIn("twice", self.refusal(lambda entries: entries.update(d=dict(entries["a"])), "usage").message)

    def test_a_wrong_shape(self):
        refusal = self.refusal(self.set("a", shape=[3, 2], strides=[2, 1]), "usage")
        self.assertIn("[2, 3]", refusal.message)
        self.assertIn("[3, 2]", refusal.message)

    def test_a_shape_that_would_broadcast(self):
        self.refusal(self.set("a", shape=[1, 3]), "usage")

    def test_a_wrong_dtype_of_the_same_size(self):
        refusal = self.refusal(self.set("a", dtype="int32"), "usage")
        self.assertIn("float32", refusal.message)
        self.assertIn("int32", refusal.message)

    def test_types_that_only_weights_have(self):
        """They have PyTorch's names, and their bytes are put in as they are."""
        import modules
        import torch

        values = np.array([1 + 2j, -0.5j, 3.25], "c8")
        with client.worker() as process:
            modules.holder_archive(process.path("complex.pt"), {"w": torch.from_numpy(values).to("meta")})
            built = process.ask("build", builder="torchscript", source="complex.pt")
            self.assertEqual([entry["dtype"] for entry in built["state_entries"]], ["complex64"])
            with open(process.path("weights.bin"), "wb") as file:
                file.write(values.tobytes())
            entry = {"state_entry": "w", "file": 0, "begin": 0, "bytes": values.nbytes, "dtype": "complex64", "shape": [3], "strides": [1],
                     "offset": 0}
            process.write_json("tensors.json", {"files": ["weights.bin"], "tensors": [entry]})
            process.ask("load", tensors="tensors.json")
            self.assertIn(hashlib.sha256(values.tobytes()).hexdigest(), str(process.ask("digest")))

    def test_an_unknown_dtype(self):
        self.assertIn("quint8", self.refusal(self.set("a", dtype="quint8"), "unsupported").message)

    def test_a_storage_that_ends_beyond_the_file(self):
        refusal = self.refusal(self.set("b", begin=128), "malformed")
        self.assertIn("weights.bin", refusal.where)
        self.assertIn("tensor b", refusal.where)

    def test_a_storage_whose_end_wraps_around(self):
        self.refusal(self.set("b", begin=UINT64_MAX - 7), "malformed")
        self.refusal(self.set("b", bytes=UINT64_MAX), "malformed")

    def test_a_tensor_that_reaches_beyond_its_storage(self):
        self.refusal(self.set("a", offset=1), "malformed")
        self.refusal(self.set("a", bytes=20), "malformed")
        self.refusal(self.set("a", strides=[4, 1]), "malformed")

    def test_an_extent_that_wraps_around(self):
        self.refusal(self.set("a", offset=UINT64_MAX), "malformed")
        self.refusal(self.set("a", offset=UINT64_MAX - 2), "malformed")
        self.refusal(self.set("a", strides=[INT64_MAX, 1]), "malformed")
        self.refusal(self.set("a", strides=[INT64_MAX, INT64_MAX]), "malformed")
        self.refusal(self.set("a", strides=[1 << 62, 1]), "malformed")

    def test_an_empty_tensor_beyond_its_storage(self):
        self.refusal(self.set("c", offset=1), "malformed")

    def test_strides_of_another_number_than_sizes(self):
        self.refusal(self.set("a", strides=[1]), "usage")

    def test_more_dimensions_than_there_are(self):
        self.refusal(self.set("a", shape=[1] * 100, strides=[1] * 100), "usage")

    def test_numbers_that_are_none(self):
        for members in ({"begin": -1}, {"begin": 0.5}, {"bytes": "24"}, {"shape": [2, -3]}, {"shape": 6}, {"strides": [UINT64_MAX, 1]},
                        {"file": None}, {"state_entry": 3}, {"dtype": 32}):
            self.refusal(self.set("a", **members), "usage")

    def test_a_file_beyond_the_list(self):
        self.refusal(self.set("a", file=1), "usage")

    def test_a_file_that_is_not_there(self):
        self.refusal(lambda entries: None, "malformed", files=["absent.bin"])

    def test_a_file_that_is_empty(self):
        open(self.process.path("empty.bin"), "wb").close()
        self.refusal(lambda entries: None, "malformed", files=["empty.bin"])

    def test_a_device_instead_of_a_file(self):
        self.refusal(lambda entries: None, "malformed", files=["/dev/zero"])

    def test_a_table_that_is_no_table(self):
        for text in (b"", b"[]", b'{"files":', b'{"files": {}, "tensors": []}', b'{"files": [3], "tensors": []}',
                     b'{"files": [], "tensors": [7]}', b"\xff\xfe"):
            with open(self.process.path("bad.json"), "wb") as file:
                file.write(text)
            with self.assertRaises(client.Refused):
                self.process.ask("load", tensors="bad.json")
        with self.assertRaises(client.Refused) as refused:
            self.process.ask("load", tensors="absent.json")
        self.assertIn("absent.json", refused.exception.where)
        self.assert_nothing_changed()

    def test_the_file_may_go_once_it_is_loaded(self):
        self.load(self.entries().values())
        os.unlink(self.process.path("weights.bin"))
        self.assert_nothing_changed()

    def test_weights_take_no_memory_of_their_own(self):
        """A file of 256 MB is loaded; the process's own (anonymous) memory grows by less than a hundredth of it."""
        import modules
        import torch

        count = 64 << 20
        with client.worker() as process:
            modules.holder_archive(process.path("holder.pt"), {"large": torch.empty(count, device="meta")})
            process.ask("build", builder="torchscript", source="holder.pt")
            with open(process.path("weights.bin"), "wb") as file:
                file.truncate(4 * count)
            entry = {"state_entry": "large", "file": 0, "begin": 0, "bytes": 4 * count, "dtype": "float32", "shape": [count],
                     "strides": [1], "offset": 0}
            process.write_json("tensors.json", {"files": ["weights.bin"], "tensors": [entry]})
            before = self.anonymous_kilobytes(process.pid)
            process.ask("load", tensors="tensors.json")
            process.ask("digest")
            self.assertLess(self.anonymous_kilobytes(process.pid) - before, 2600)

    @staticmethod
    def anonymous_kilobytes(pid):
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("RssAnon:"))


if __name__ == "__main__":
    client.main()
