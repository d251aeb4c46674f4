# SPDX-License-Identifier: Apache-2.0
"""TorchScript archives with a state dict beside them: full, on the meta device, frozen, damaged, of another version."""
import shutil
import unittest
from typing import Dict, List, Optional

import client
import numpy as np

try:
    import modules
    import torch
except ImportError:
    torch = None
    client.main()


class Outputs(torch.nn.Module):
    def forward(self, x, flag: bool = True, other: Optional[torch.Tensor] = None):
        extra: List[torch.Tensor] = [x + 1, x + 2]
        table: Dict[str, torch.Tensor] = {"boxes": x * 2, "scores": x * 3}
        return extra, table, (x.sum().item(), 7, flag), other


class Two(torch.nn.Module):
    def forward(self, left, right):
        return left - right


class Printer(torch.nn.Module):
    def forward(self, x):
        print('{"id":1,"ok":true}')
        print(x)
        return x


class Raiser(torch.nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            raise ValueError("a message of the model's own")
        return x.view(7, 7)


class Lister(torch.nn.Module):
    def forward(self, xs: List[torch.Tensor]):
        return xs[0]


class Islands(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor([1.0 / 3]))

    def forward(self, x):
        return (x * self.scale).float()


class Recurrent(torch.nn.Module):
    """Its layer keeps a list of its weights beside the parameters, and computes with that."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.LSTM(4, 5, num_layers=2, bidirectional=True, batch_first=True)
        self.head = torch.nn.Linear(10, 3)

    def forward(self, x):
        return self.head(self.layer(x)[0][:, -1])


class Hidden(torch.nn.Module):
    """Keeps a weight where no list of tensors is."""

    table: Dict[str, torch.Tensor]

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(3))
        self.table = {"weight": self.weight}

    def forward(self, x):
        return x * self.table["weight"]


class Tied(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Linear(4, 4, bias=False)
        self.head = torch.nn.Linear(4, 4, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, x):
        return self.head(self.embed(x))


NON_PERSISTENT = {"non_persistent": "first.shift,second.shift"}


class ArchiveTest(unittest.TestCase):
    def setUp(self):
        self.process = client.worker()

    def tearDown(self):
        self.process.close()

    def save(self, module, name="archive.pt"):
        torch.jit.script(module).save(self.process.path(name))

    def build(self, name="archive.pt", options=None):
        return self.process.ask("build", builder="torchscript", source=name, options=options or {})

    def refused(self, call, kind):
        with self.assertRaises(client.Refused) as refused:
            call()
        self.assertEqual(refused.exception.kind, kind, refused.exception.message)
        self.assertNotIn("\n", refused.exception.message)
        self.assertNotIn("frame #", refused.exception.message)
        return refused.exception

    def exact(self):
        return self.process.greeting["version"] == torch.__version__.split("+")[0].replace("a0", "")

    def compare(self, found, expected):
        if self.exact():
            self.assertEqual(found.tobytes(), expected.numpy().tobytes())
        np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5, atol=1e-6)

    def test_a_full_archive_computes_with_the_loaded_tensors_and_not_its_own(self):
        self.save(modules.randomized(modules.Classifier(), 1))
        built = self.build(options=NON_PERSISTENT)
        other = modules.randomized(modules.Classifier(), 2)
        persistent = [state_entry["name"] for state_entry in built["state_entries"] if state_entry["persistent"]]
        self.assertEqual(sorted(persistent), sorted(other.state_dict()))
        self.assertEqual(built["inputs"], [{"name": "image"}])
        self.process.load(modules.state_of(other))
        image = torch.rand(2, 3, 8, 8)
        found, reply = self.process.run({"image": image.numpy()})
        with torch.no_grad():
            expected = other(image)
        self.assertEqual([output["name"] for output in reply["outputs"]], ["0", "1"])
        self.compare(found["0"], expected[0])
        self.compare(found["1"], expected[1])

    def test_an_archive_that_was_saved_in_training_mode_is_run_in_evaluation_mode(self):
        model = modules.randomized(modules.Classifier(), 3)
        self.save(model.train())
        self.build(options=NON_PERSISTENT)
        self.process.load(modules.state_of(model))
        image = torch.rand(2, 3, 8, 8)
        first, _ = self.process.run({"image": image.numpy()})
        second, _ = self.process.run({"image": image.numpy()})
        self.assertEqual(first["1"].tobytes(), second["1"].tobytes())
        with torch.no_grad():
            self.compare(first["1"], model.eval()(image)[1])

    def test_a_float64_run_is_pytorchs_own_and_leaves_the_native_one_as_it_was(self):
        model = modules.randomized(modules.Classifier(), 4)
        self.save(model)
        self.build(options=NON_PERSISTENT)
        self.process.load(modules.state_of(model))
        image = torch.rand(2, 3, 8, 8)
        before, _ = self.process.run({"image": image.numpy()})
        found, _ = self.process.run({"image": image.numpy()}, compute="float64")
        after, _ = self.process.run({"image": image.numpy()})
        self.assertEqual(before["1"].tobytes(), after["1"].tobytes())
        self.assertEqual(found["1"].dtype, np.dtype("f8"))
        double = model.double()
        for block in (double.first, double.second):
            block.plain = block.plain.double()
        with torch.no_grad():
            expected = double(image.double())
        np.testing.assert_allclose(found["1"], expected[1].numpy(), rtol=1e-13)

    def check_recurrent(self):
        self.build()
        model = modules.randomized(Recurrent(), 8)
        self.process.load(modules.state_of(model))
        x = torch.rand(2, 6, 4)
        native, _ = self.process.run({"x": x.numpy()})
        double, _ = self.process.run({"x": x.numpy()}, compute="float64")
        again, _ = self.process.run({"x": x.numpy()})
        with torch.no_grad():
            self.compare(native["output"], model(x))
            np.testing.assert_allclose(double["output"], model.double()(x.double()).numpy(), rtol=1e-12)
        self.assertEqual(native["output"].tobytes(), again["output"].tobytes())

    def test_a_recurrent_layer_computes_with_the_loaded_tensors_and_not_its_own_list(self):
        self.save(modules.randomized(Recurrent(), 7))
        self.check_recurrent()

    @unittest.skipUnless(hasattr(torch.device, "__enter__"), "this torch builds no module on the meta device")
    def test_a_recurrent_layer_on_the_meta_device_does_so_too(self):
        with torch.device("meta"):
            self.save(Recurrent())
        self.check_recurrent()

    def test_a_weight_that_an_attribute_hides_is_refused(self):
        self.save(Hidden())
        refused = self.refused(self.build, "unsupported")
        self.assertIn("`table` holds the weight `weight`", refused.message)

    @unittest.skipUnless(hasattr(torch.device, "__enter__"), "this torch builds no module on the meta device")
    def test_an_archive_on_the_meta_device_holds_no_weights_and_computes_the_same(self):
        with torch.device("meta"):
            self.save(modules.Plain())
        self.build()
        model = modules.randomized(modules.Plain(), 5)
        self.process.load(modules.state_of(model))
        image = torch.rand(1, 3, 8, 8)
        found, _ = self.process.run({"image": image.numpy()})
        with torch.no_grad():
            self.compare(found["output"], model(image))

    @unittest.skipUnless(hasattr(torch.device, "__enter__"), "this torch builds no module on the meta device")
    def test_a_buffer_that_is_left_on_the_meta_device_is_refused(self):
        with torch.device("meta"):
            self.save(modules.Classifier())
        self.build(options=NON_PERSISTENT)
        self.process.load(modules.state_of(modules.Classifier()))
        refusal = self.refused(lambda: self.process.run({"image": np.zeros((1, 3, 8, 8), "f4")}), "usage")
        self.assertIn("first.shift", refusal.message)
        self.assertIn("meta", refusal.remedy)

    def test_buffers_that_no_state_dict_holds_must_be_named(self):
        model = modules.Classifier()
        self.save(model)
        self.build()
        self.assertIn("first.shift", self.refused(lambda: self.process.load(modules.state_of(model)), "usage").message)

    def test_an_option_that_names_no_buffer_is_refused(self):
        self.save(modules.Plain())
        self.assertIn("absent", self.refused(lambda: self.build(options={"non_persistent": "absent"}), "usage").message)
        self.assertIn("scale", self.refused(lambda: self.build(options={"scale": "2"}), "usage").message)

    def test_a_tensor_that_is_registered_as_nothing_needs_no_value_and_takes_one(self):
        model = modules.randomized(modules.Classifier(), 6)
        self.save(model)
        self.build(options=NON_PERSISTENT)
        image = np.random.default_rng(1).random((1, 3, 8, 8), dtype="f4")
        state = modules.state_of(model)
        self.process.load(state)
        before, _ = self.process.run({"image": image})
        if self.process.greeting["runtime"] == "python":
            return  # Python cannot list an archive's plain attributes: they keep their values
        self.process.load({**state, "second.plain": np.array([0.0], "f4")})
        after, _ = self.process.run({"image": image})
        self.assertNotEqual(before["0"].tobytes(), after["0"].tobytes())
        self.assertTrue((after["0"] == 0.5).all())

    def test_tied_tensors_stay_tied(self):
        model = Tied()
        self.save(model)
        state_entries = self.build()["state_entries"]
        self.assertEqual([state_entry.get("alias_of") for state_entry in state_entries], [None, "embed.weight"])
        weight = model.embed.weight.detach().numpy()
        weight.tofile(self.process.path("weights.bin"))
        entries = [dict(client.assignment(name, weight, 0)) for name in ("embed.weight", "head.weight")]
        self.process.write_json("tensors.json", {"files": ["weights.bin"], "tensors": entries})
        self.process.ask("load", tensors="tensors.json")
        x = torch.rand(2, 4)
        found, _ = self.process.run({"x": x.numpy()})
        with torch.no_grad():
            self.compare(found["output"], model(x))

    def test_an_archive_on_the_meta_device_tells_tied_tensors(self):
        model = Tied()
        model.embed.weight = model.head.weight = torch.nn.Parameter(torch.empty(4, 4, device="meta"))
        self.save(model)
        self.assertEqual([state_entry.get("alias_of") for state_entry in self.build()["state_entries"]], [None, "embed.weight"])

    def test_tensors_on_the_meta_device_that_are_alike_are_not_tied(self):
        model = Tied()
        model.embed.weight = torch.nn.Parameter(torch.empty(4, 4, device="meta"))
        model.head.weight = torch.nn.Parameter(torch.empty(4, 4, device="meta"))
        self.save(model)
        self.assertEqual([state_entry.get("alias_of") for state_entry in self.build()["state_entries"]], [None, None])

    def test_a_frozen_archive_runs_and_refuses_a_state_dict_and_float64(self):
        model = modules.randomized(modules.Plain(), 7)
        torch.jit.freeze(torch.jit.script(model)).save(self.process.path("frozen.pt"))
        self.assertEqual(self.build("frozen.pt")["state_entries"], [])
        image = torch.rand(1, 3, 8, 8)
        found, _ = self.process.run({"image": image.numpy()})
        with torch.no_grad():
            np.testing.assert_allclose(found["output"], model(image).numpy(), rtol=1e-4, atol=1e-5)
        refusal = self.refused(lambda: self.process.load(modules.state_of(model)), "unsupported")
        self.assertIn("frozen", refusal.message)
        self.assertIn("freeze", refusal.remedy)
        self.refused(lambda: self.process.run({"image": image.numpy()}, compute="float64"), "unsupported")

    def test_a_network_without_weights_runs_in_float64(self):
        self.save(Two())
        self.build()
        self.assertEqual(self.process.ask("digest")["tensors"], [])
        inputs = {"left": np.array([1.0], "f4"), "right": np.array([1 / 3], "f4")}
        found, _ = self.process.run(inputs, compute="float64")
        self.assertEqual(found["output"].tolist(), [1.0 - np.float64(np.float32(1 / 3))])

    def test_a_float64_run_stays_float64_where_the_model_converts(self):
        self.save(Islands())
        self.build()
        self.process.load({"scale": np.array([1 / 3], "f4")})
        found, _ = self.process.run({"x": np.array([1.0], "f4")}, compute="float64")
        self.assertEqual(found["output"].dtype, np.dtype("f8"))
        self.assertEqual(found["output"].tolist(), [np.float64(np.float32(1 / 3))])

    def test_nested_outputs_are_named_by_their_places(self):
        self.save(Outputs())
        self.build()
        x = np.array([1.0, 2.0], "f4")
        found, reply = self.process.run({"x": x})
        names = [output["name"] for output in reply["outputs"]]
        self.assertEqual(names, ["0.0", "0.1", "1.boxes", "1.scores", "2.0", "2.1", "2.2"])
        self.assertEqual(found["1.scores"].tolist(), [3.0, 6.0])
        self.assertEqual((found["2.0"].item(), found["2.1"].item(), found["2.2"].item()), (3.0, 7, True))
        found, reply = self.process.run({"x": x, "other": x})
        self.assertEqual(found["3"].tolist(), [1.0, 2.0])

    def test_inputs_are_bound_by_name_and_not_by_place(self):
        self.save(Two())
        self.assertEqual(self.build()["inputs"], [{"name": "left"}, {"name": "right"}])
        found, _ = self.process.run({"right": np.array([1.0], "f4"), "left": np.array([5.0], "f4")})
        self.assertEqual(found["output"].tolist(), [4.0])

    def test_inputs_that_do_not_fit_are_refused(self):
        self.save(Two())
        self.build()
        one = np.array([1.0], "f4")
        self.assertIn("right", self.refused(lambda: self.process.run({"left": one}), "usage").message)
        extra = {"left": one, "right": one, "middle": one}
        self.assertIn("middle", self.refused(lambda: self.process.run(extra), "usage").message)
        self.save(Lister(), "lister.pt")
        self.build("lister.pt")
        self.assertIn("xs", self.refused(lambda: self.process.run({"xs": one}), "unsupported").message)

    def test_what_a_model_prints_disturbs_nothing(self):
        self.save(Printer())
        self.build()
        found, _ = self.process.run({"x": np.array([1.0], "f4")})
        self.assertEqual(found["output"].tolist(), [1.0])

    def test_an_error_of_the_model_is_told_in_one_line_and_the_worker_goes_on(self):
        self.save(Raiser())
        self.build()
        raised = self.refused(lambda: self.process.run({"x": np.ones(49, "f4")}), "runtime")
        self.assertIn("a message of the model's own", raised.message)
        raised = self.refused(lambda: self.process.run({"x": np.zeros(48, "f4")}), "runtime")
        self.assertIn("48", raised.message)
        found, _ = self.process.run({"x": np.zeros(49, "f4")})
        self.assertEqual(found["output"].shape, (7, 7))

    def test_an_operator_that_this_libtorch_lacks_is_said_to_need_a_newer_one(self):
        self.save(Two())
        self.rewrite_code("archive.pt", "torch.sub(left, right)", "torch.subx(left, right)")
        refusal = self.refused(self.build, "unsupported")
        self.assertIn("subx", refusal.message)
        self.assertRegex(refusal.remedy, "newer (LibTorch|PyTorch)")

    def rewrite_code(self, name, old, new):
        """Replaces text in an archive's code, and packs it again as it was."""
        import zipfile

        source = self.process.path(name)
        target = self.process.path("rewritten")
        replaced = 0
        with zipfile.ZipFile(source) as before, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as after:
            for entry in before.namelist():
                data = before.read(entry)
                if entry.endswith(".py"):
                    replaced += data.count(old.encode())
                    data = data.replace(old.encode(), new.encode())
                after.writestr(entry, data)
        self.assertEqual(replaced, 1)
        shutil.move(target, source)

    def test_files_that_are_no_archive_are_malformed(self):
        self.save(Two())
        with open(self.process.path("archive.pt"), "rb") as file:
            whole = file.read()
        for damaged in (b"", b"garbage", whole[: len(whole) // 2], b"PK\3\4" + bytes(200)):
            with open(self.process.path("damaged.pt"), "wb") as file:
                file.write(damaged)
            refusal = self.refused(lambda: self.build("damaged.pt"), "malformed")
            self.assertTrue(refusal.where.endswith("damaged.pt"))

    def test_a_file_that_is_not_there_is_malformed(self):
        self.assertTrue(self.refused(lambda: self.build("absent.pt"), "malformed").where.endswith("absent.pt"))

    def test_a_state_dict_is_no_archive(self):
        torch.save({"a": torch.ones(2)}, self.process.path("state.pt"))
        self.refused(lambda: self.build("state.pt"), "malformed")


if __name__ == "__main__":
    client.main()
