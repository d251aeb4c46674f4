# SPDX-License-Identifier: Apache-2.0
"""Darknet networks: their state entries and outputs against PyTorch modules, and what a cfg is refused for."""
import os
import unittest

import client
import numpy as np

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples", "yolov3")

# Every kind of section, every activation, and every option that changes what a layer computes.
SMALL = """
[net]
width=32
height=24
channels=3
momentum=0.9
policy=steps
; a comment of the other kind

[convolutional]
batch_normalize=1
filters=8
size=3
stride=2
pad=1
activation=leaky

[convolutional]
batch_normalize=1
batch_normalize_eps=0.01
filters=8
size=3
padding=1
groups=4
activation=mish

[shortcut]
from=-2
activation=relu

[maxpool]
size=2
stride=1

[convolutional]
filters=12
size=1
activation=swish

[maxpool]
size=5
stride=1

[route]
layers=-1
groups=3
group_id=2

[convolutional]
batch_normalize=1
filters=6
size=1
activation=logistic

[maxpool]
size=2
stride=2

[upsample]
stride=2

[route]
layers=-1, 5

[convolutional]
filters=14
size=1
stride=1
pad=1
activation=linear

[yolo]
mask=0,2
anchors=10,13, 16,30, 33,23
classes=2
num=3
jitter=.3

[route]
layers=2

[convolutional]
filters=7
size=2
pad=1
activation=relu

[yolo]
mask=1
anchors=10,13, 16,30.5, 33,23
classes=2
"""
SMALL_EPS = SMALL.replace("channels=3\n", "channels=3\nbatch_normalize_eps=0.001\n")


def reference(text, seed=11):
    import modules
    from darknet_reference import Reference

    import torch

    torch.manual_seed(seed)
    return modules.randomized(Reference(text.replace("; a comment of the other kind", "")), seed)


def example(name):
    with open(os.path.join(EXAMPLES, name), encoding="utf-8") as file:
        return file.read()


def same_torch(process):
    import torch

    return process.greeting["version"] == torch.__version__.split("+")[0]


class OutputTest(unittest.TestCase):
    def compare(self, text, seed, **members):
        import modules
        import torch

        model = reference(text, seed)
        x = torch.rand(2, 3, 24, 32)
        with client.worker() as process:
            with open(process.path("net.cfg"), "w", encoding="utf-8") as file:
                file.write(text)
            built = process.ask("build", builder="darknet", source="net.cfg")
            self.assertEqual([entry["name"] for entry in built["state_entries"]], list(model.state_dict()))
            process.load(modules.state_of(model))
            found, reply = process.run({"image": x.numpy()}, **members)
            exact = same_torch(process)
        if members.get("compute") == "float64":
            model, x = model.double(), x.double()
        with torch.no_grad():
            expected = model(x)
        self.assertEqual([output["name"] for output in reply["outputs"]], list(expected))
        for name, tensor in expected.items():
            wanted = tensor.numpy()
            self.assertEqual(found[name].dtype, wanted.dtype)
            if exact:
                self.assertEqual(found[name].tobytes(), wanted.tobytes(), name)
            np.testing.assert_allclose(found[name], wanted, rtol=1e-5, atol=1e-6 * np.abs(wanted).max())
        return built

    def test_every_section_computes_what_pytorch_does(self):
        built = self.compare(SMALL, 11)
        self.assertEqual(built["inputs"], [{"name": "image", "dtype": "float32", "shape": [None, 3, 24, 32]}])

    def test_every_section_computes_what_pytorch_does_in_float64(self):
        self.compare(SMALL, 12, compute="float64")

    def test_eps_of_the_net_holds_for_every_layer_but_those_that_state_their_own(self):
        configuration = self.compare(SMALL_EPS, 13)["configuration"]
        self.assertEqual(configuration["module_list.0.batch_norm_0.eps"], "0.001")
        self.assertEqual(configuration["module_list.1.batch_norm_1.eps"], "0.01")

    def test_configuration_names_what_the_state_dict_does_not_hold(self):
        configuration = self.compare(SMALL, 11)["configuration"]
        expected = {"module_list.0.batch_norm_0.eps": "1e-05", "module_list.0.conv_0.stride": "2",
                    "module_list.0.conv_0.padding": "1", "module_list.0.leaky_0.slope": "0.1",
                    "module_list.1.conv_1.groups": "4", "module_list.1.activation": "mish",
                    "module_list.2.shortcut_2.from": "0", "module_list.2.activation": "relu",
                    "module_list.3.maxpool_3.padding": "0,1,0,1", "module_list.6.route_6.layers": "5",
                    "module_list.6.route_6.group_id": "2", "module_list.9.upsample_9.stride": "2",
                    "module_list.12.yolo_12.anchors": "10,13 33,23", "module_list.12.yolo_12.mask": "0,2",
                    "module_list.12.yolo_12.classes": "2", "module_list.15.yolo_15.anchors": "16,30.5", "net.width": "32"}
        self.assertEqual({key: configuration.get(key) for key in expected}, expected)


class KnownNetworksTest(unittest.TestCase):
    def check(self, name, parameters, entries, heads):
        text = example(name)
        with client.worker() as process:
            built = process.ask("build", builder="darknet", source=os.path.abspath(os.path.join(EXAMPLES, name)))
        model = reference(text)
        state_entries = {entry["name"]: entry["shape"] for entry in built["state_entries"]}
        self.assertEqual(state_entries, {key: list(tensor.shape) for key, tensor in model.state_dict().items()})
        self.assertEqual(len(built["state_entries"]), entries)
        counted = sum(int(np.prod(entry["shape"])) for entry in built["state_entries"] if entry["kind"] == "parameter")
        self.assertEqual(counted, parameters)
        masks = [key.split(".")[1] for key in built["configuration"] if key.endswith(".mask")]
        self.assertEqual(sorted(masks, key=int), heads)

    def test_yolov3_has_its_438_entries(self):
        self.check("yolov3.cfg", 61_949_149, 438, ["82", "94", "106"])

    def test_yolov3_tiny_has_its_70_entries(self):
        self.check("yolov3-tiny.cfg", 8_852_366, 70, ["16", "23"])

    def test_yolov3_spp_has_its_444_entries(self):
        self.check("yolov3-spp.cfg", 62_998_749, 444, ["89", "101", "113"])

    def test_yolov3_computes_what_pytorch_does(self):
        import modules
        import torch

        model = reference(example("yolov3.cfg"))
        x = torch.rand(1, 3, 96, 64)
        with client.worker() as process:
            process.ask("build", builder="darknet", source=os.path.abspath(os.path.join(EXAMPLES, "yolov3.cfg")))
            process.load(modules.state_of(model))
            found, _ = process.run({"image": x.numpy()})
            exact = same_torch(process)
        with torch.no_grad():
            expected = model(x)
        for name, tensor in expected.items():
            wanted = tensor.numpy()
            if exact:
                self.assertEqual(found[name].tobytes(), wanted.tobytes(), name)
            np.testing.assert_allclose(found[name], wanted, rtol=0, atol=1e-4 * wanted.std())


class RefusedCfgTest(unittest.TestCase):
    """A cfg that is wrong in one place is refused with the place, what was expected and what was found."""

    @classmethod
    def setUpClass(cls):
        cls.process = client.worker()

    @classmethod
    def tearDownClass(cls):
        cls.process.close()

    def refusal(self, text, mode="w"):
        with open(self.process.path("net.cfg"), mode, **({} if "b" in mode else {"encoding": "utf-8"})) as file:
            file.write(text)
        with self.assertRaises(client.Refused) as refused:
            self.process.ask("build", builder="darknet", source="net.cfg")
        return refused.exception

    def check(self, change, kind, *parts, row=0):
        """`change` is (old, new): SMALL with new instead of old where it first stands. The refusal names the line where new
        begins, or the one `row` lines below."""
        before, after = SMALL.split(change[0], 1)
        refusal = self.refusal(before + change[1] + after)
        line = before.count("\n") + 1 + row
        self.assertEqual(refusal.kind, kind, refusal.message)
        self.assertTrue(refusal.where.endswith(f"net.cfg:{line}"), refusal.where)
        for part in parts:
            self.assertIn(part, refusal.message)

    def test_a_head_whose_convolution_has_the_wrong_filters(self):
        self.check(("filters=14", "filters=255"), "malformed", "2*(5+2)=14", "found 255")

    def test_classes_that_do_not_fit_the_convolution(self):
        self.check(("filters=14\nsize=1\nstride=1\npad=1\nactivation=linear\n\n[yolo]\nmask=0,2\nanchors=10,13, 16,30, 33,23\nclasses=2",
                    "filters=14\n[yolo]\nmask=0,2\nanchors=10,13, 16,30, 33,23\nclasses=80"), "malformed", "2*(5+80)=170", "found 14")

    def test_an_unknown_section(self):
        self.check(("[upsample]", "[reorg3d]"), "unsupported", "reorg3d")

    def test_an_unknown_option_of_a_layer(self):
        self.check(("groups=4", "dilation=2"), "unsupported", "dilation")

    def test_an_unknown_activation(self):
        self.check(("activation=mish", "activation=gelu"), "unsupported", "gelu", "mish")

    def test_a_number_that_is_none(self):
        self.check(("filters=8", "filters=eight"), "malformed", "filters", "eight")

    def test_a_number_with_something_after_it(self):
        self.check(("filters=8", "filters=8x"), "malformed", "8x")

    def test_a_number_out_of_bounds(self):
        self.check(("stride=2", "stride=0"), "malformed", "stride", "from 1")

    def test_a_number_that_64_bits_do_not_hold(self):
        self.check(("filters=8", "filters=99999999999999999999"), "malformed", "filters")

    def test_an_eps_that_is_not_finite(self):
        self.check(("batch_normalize_eps=0.01", "batch_normalize_eps=nan"), "malformed", "nan")

    def test_an_option_that_stands_twice(self):
        self.check(("size=3\nstride=2", "size=3\nsize=5"), "malformed", "twice", "line 13", row=1)

    def test_a_shortcut_over_maps_of_other_sizes(self):
        self.check(("[shortcut]\nfrom=-2", "[convolutional]\nfilters=4\n\n[shortcut]\nfrom=0"), "malformed", "4x12x16",
                   "8x12x16", row=4)

    def test_a_shortcut_from_a_later_layer(self):
        self.check(("from=-2", "from=2"), "malformed", "layer 2")

    def test_a_shortcut_from_before_the_first_layer(self):
        self.check(("from=-2", "from=-3"), "malformed", "layer -3")

    def test_a_route_over_maps_of_other_sizes(self):
        self.check(("stride=2\n\n[upsample]\nstride=2", "stride=2\n\n[upsample]\nstride=3"), "malformed", "6x18x24",
                   "12x12x16", row=6)

    def test_a_route_to_a_head(self):
        self.check(("layers=2", "layers=12"), "unsupported", "[yolo]")

    def test_a_layer_that_reads_a_head(self):
        self.check(("[route]\nlayers=2\n", ""), "unsupported", "[yolo]", row=1)

    def test_a_route_without_layers(self):
        self.check(("layers=-1\n", ""), "malformed", "layers", row=-1)

    def test_a_route_group_beyond_the_last(self):
        self.check(("group_id=2", "group_id=3"), "malformed", "group_id=3")

    def test_groups_that_do_not_divide_the_channels(self):
        self.check(("groups=4", "groups=3"), "malformed", "groups=3")

    def test_a_window_larger_than_the_map(self):
        self.check(("size=3\nstride=2\npad=1", "size=99\nstride=2\npad=0"), "malformed", "99")

    def test_a_mask_beyond_the_anchors(self):
        self.check(("mask=0,2", "mask=0,3"), "malformed", "anchor 3 of 3")

    def test_anchors_of_an_odd_number(self):
        self.check(("33,23\nclasses", "33\nclasses"), "malformed", "5 numbers")

    def test_a_section_name_without_its_end(self):
        self.check(("[upsample]", "[upsample"), "malformed", "[upsample")

    def test_a_line_that_is_neither_option_nor_section(self):
        self.check(("momentum=0.9", "momentum 0.9"), "malformed", "momentum 0.9")

    def test_a_cfg_that_does_not_begin_with_net(self):
        self.check(("[net]", "[convolutional]"), "malformed", "[net]", "[convolutional]")

    def test_an_option_before_the_first_section(self):
        self.check(("\n[net]", "a=b\n[net]"), "malformed", "a=b")

    def test_an_empty_file(self):
        self.assertEqual(self.refusal("").kind, "malformed")

    def test_a_network_without_a_head(self):
        self.assertIn("no [yolo]", self.refusal("[net]\nchannels=3\n[maxpool]\nsize=2\nstride=2\n").message)

    def test_a_head_without_a_layer_before_it(self):
        self.assertEqual(self.refusal("[net]\nchannels=3\n[yolo]\nmask=0\nanchors=1,1\nclasses=2\n").kind, "malformed")

    def test_bytes_that_are_no_text(self):
        self.assertEqual(self.refusal(bytes(range(256)) * 10, "wb").kind, "malformed")

    def test_a_file_beyond_the_bound(self):
        self.assertIn("at most", self.refusal("[net]\n" + "#" * (1 << 20)).message)

    def test_sections_beyond_the_bound(self):
        self.assertIn("sections", self.refusal("[net]\n" + "[maxpool]\n" * 5000).message)

    def test_a_list_beyond_the_bound(self):
        self.check(("layers=-1\n", "layers=" + "0," * 5000 + "0\n"), "malformed", "layers")

    def test_a_network_grown_beyond_all_bounds(self):
        grow = "[upsample]\nstride=64\n" * 12
        self.assertIn("grows beyond", self.refusal("[net]\nchannels=3\n" + grow).message)

    def test_a_file_that_is_not_there(self):
        with self.assertRaises(client.Refused) as refused:
            self.process.ask("build", builder="darknet", source="absent.cfg")
        self.assertIn("absent.cfg", refused.exception.where)

    def test_a_directory(self):
        with self.assertRaises(client.Refused) as refused:
            self.process.ask("build", builder="darknet", source=self.process.directory)
        self.assertEqual(refused.exception.kind, "malformed")

    def test_an_option_of_the_request(self):
        with self.assertRaises(client.Refused) as refused:
            self.process.ask("build", builder="darknet", source="net.cfg", options={"scale": "2"})
        self.assertIn("scale", refused.exception.message)


class InputTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        import modules

        cls.process = client.worker()
        with open(cls.process.path("net.cfg"), "w", encoding="utf-8") as file:
            file.write(SMALL)
        cls.process.ask("build", builder="darknet", source="net.cfg")
        cls.process.load(modules.state_of(reference(SMALL)))

    @classmethod
    def tearDownClass(cls):
        cls.process.close()

    def test_another_size_than_the_cfgs_runs(self):
        outputs, _ = self.process.run({"image": np.zeros((1, 3, 48, 64), "f4")})
        self.assertEqual(outputs["yolo_12"].shape, (1, 14, 24, 32))

    def test_channels_last_gives_the_same_shapes_and_nearly_the_same_values(self):
        # F52
        x = {"image": np.random.default_rng(1).random((1, 3, 24, 32), dtype="f4")}
        usual, _ = self.process.run(x)
        other, _ = self.process.run(x, settings={"channels_last": True})
        for name, array in usual.items():
            np.testing.assert_allclose(other[name], array, rtol=1e-3, atol=1e-5)

    def test_inputs_that_the_network_has_not_are_refused(self):
        image = np.zeros((1, 3, 24, 32), "f4")
        for inputs in ({"input": image}, {"image": image, "mask": image}, {}, {"image": image[0]}, {"image": image[:, :2]},
                       {"image": image.astype("i4")}):
            with self.assertRaises(client.Refused) as refused:
                self.process.run(inputs)
            self.assertEqual(refused.exception.kind, "usage")

    def test_an_input_that_the_maps_do_not_fit_is_refused_and_the_worker_goes_on(self):
        with self.assertRaises(client.Refused) as refused:
            self.process.run({"image": np.zeros((1, 3, 26, 32), "f4")})
        self.assertEqual(refused.exception.kind, "runtime")
        self.assertNotIn("\n", refused.exception.message)
        self.process.run({"image": np.zeros((1, 3, 24, 32), "f4")})


if __name__ == "__main__":
    client.main()
