# SPDX-License-Identifier: Apache-2.0
"""Programs of torch.export, called operator by operator: against eager PyTorch, and what is refused."""
import json
import os
import sys
import unittest
import zipfile

import client
import numpy as np

try:
    import modules
    import torch
    from torch.export import Dim, export, save
except ImportError:
    print("skipped: this Python has no torch.export")
    sys.exit(125)

if tuple(int(part) for part in torch.__version__.split(".")[:2]) < (2, 8):
    print("skipped: this torch writes another archive")
    sys.exit(125)

FLOAT = 7  # torch.export's number of float32


class Everything(torch.nn.Module):
    """Nested arguments and results, sizes that are computed with, a buffer that counts the calls, constants."""

    def __init__(self):
        super().__init__()
        self.block = modules.Block(4)
        self.first = torch.nn.Conv2d(3, 4, 3, padding=1)
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, image, options):
        self.calls.add_(1)
        maps = self.block(self.first(image))
        batch = image.shape[0]
        rows = maps.reshape(batch * 2, -1)
        halves = torch.split(rows, rows.shape[1] // 2, dim=1)
        with torch.no_grad():
            shifted = maps + options["shift"]
        return {"maps": shifted, "halves": (halves[0], halves[1] * 2)}, self.calls + options["scales"][0], batch


class Attention(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(20, 16)
        self.encoder = torch.nn.TransformerEncoderLayer(16, 4, 32, dropout=0.1, batch_first=True)
        self.head = torch.nn.Linear(16, 20, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, tokens):
        return self.head(self.encoder(self.embed(tokens)))


class Attending(torch.nn.Module):
    """Attention in the ways in which it is called. Of `bools`, one query sees no key."""

    op = "aten::scaled_dot_product_attention"

    def __init__(self, kind="plain"):
        super().__init__()
        self.kind = kind
        self.weight = torch.nn.Parameter(torch.rand(8))

    def extra_repr(self):
        return self.kind

    def forward(self, query, key, value, mask):
        attend = torch.nn.functional.scaled_dot_product_attention
        query = query * self.weight
        if self.kind == "bools":
            seen = (mask > 0).index_fill(0, torch.tensor([2]), False)
            return attend(query, key, value, attn_mask=seen)
        if self.kind == "floats":
            return attend(query, key, value, attn_mask=mask)
        if self.kind == "causal":
            return attend(query, key, value, is_causal=True)
        if self.kind == "scale":
            return attend(query, key, value, scale=0.3)
        if self.kind == "heads":
            return attend(query, key[:, :2], value[:, :2], enable_gqa=True)
        return attend(query, key, value)


class Normed(torch.nn.Module):
    op = "aten::rms_norm"

    def __init__(self, weight=True, dimensions=1):
        super().__init__()
        self.shape = (8,) if dimensions == 1 else (5, 8)
        self.scale = torch.nn.Parameter(torch.rand(self.shape))
        self.weighted, self.eps = weight, 1e-5

    def extra_repr(self):
        return f"{self.shape}, {self.weighted}"

    def forward(self, query, key, value, mask):
        weight = self.scale if self.weighted else None
        return torch.nn.functional.rms_norm(query * self.scale, self.shape, weight, self.eps) + 0 * key.sum() + 0 * value.sum() + 0 * mask.sum()


class Rewriter(torch.nn.Module):
    """Writes into its input and into a view of a parameter's copy."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.arange(6.0))

    def forward(self, x):
        x.mul_(2)
        table = self.weight.detach()
        table[0:3].add_(1)
        return x + table


class Chooser(torch.nn.Module):
    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda y: y + 1, lambda y: y - 1, (x,))


class Way(torch.nn.Module):
    def __init__(self, way):
        super().__init__()
        self.way, self.weight = way, torch.nn.Parameter(torch.rand(4))

    def forward(self, x):
        return self.way(x * self.weight)


def without_gradients(x):
    with torch.no_grad():
        y = x + 1
    return y * x


def in_autocast(x):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = x @ x.transpose(1, 2)
    return y.float()


class Archive:
    """An exported program, taken apart as goldseal does it: the program and the constants as files of the run."""

    def __init__(self, worker, module, arguments, dynamic_shapes=None):
        self.worker, self.module = worker, module
        path = worker.path("program.pt2")
        save(export(module, arguments, dynamic_shapes=dynamic_shapes), path)
        with zipfile.ZipFile(path) as archive:
            self.files = {name.split("/", 1)[1]: archive.read(name) for name in archive.namelist()}
        self.program = json.loads(self.files["models/model.json"])

    def build(self, **members):
        self.worker.write_json("program.json", self.program)
        self.place("constants.json", "data/constants", "model_constants_config.json")
        return self.worker.ask("build", builder="export", source="program.json", constants="constants.json", options={}, **members)

    def load(self):
        self.place("weights.json", "data/weights", "model_weights_config.json")
        return self.worker.ask("load", tensors="weights.json")

    def place(self, table, folder, config):
        entries, names = [], []
        for name, entry in json.loads(self.files[f"{folder}/{config}"])["config"].items():
            data = self.files[f"{folder}/{entry['path_name']}"]
            if entry["path_name"] not in names:
                names.append(entry["path_name"])
                with open(self.worker.path(entry["path_name"]), "wb") as file:
                    file.write(data)
            meta = entry["tensor_meta"]
            entries.append({"state_entry": name, "file": names.index(entry["path_name"]), "begin": 0, "bytes": len(data),
                            "dtype": "float32" if meta["dtype"] == FLOAT else "int64",
                            "shape": [size["as_int"] for size in meta["sizes"]],
                            "strides": [stride["as_int"] for stride in meta["strides"]], "offset": 0})
        self.worker.write_json(table, {"files": names, "tensors": entries})


def same_version(worker):
    return worker.greeting["version"] == torch.__version__.split("+")[0]


class ExportTest(unittest.TestCase):
    def agree(self, worker, found, expected):
        expected = expected.detach().numpy()
        self.assertEqual(found.shape, expected.shape)
        if same_version(worker):
            self.assertEqual(found.tobytes(), np.ascontiguousarray(expected).tobytes())
        else:
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)

    def everything(self, worker):
        torch.manual_seed(1)
        module = Everything().eval()
        options = {"shift": torch.tensor([0.25]), "scales": [torch.tensor([3.0])]}
        archive = Archive(worker, module, (torch.randn(2, 3, 8, 8), options),
                          {"image": {0: Dim("batch", min=1, max=64)}, "options": {"shift": None, "scales": [None]}})
        return module, options, archive

    def test_names_and_values_of_nested_arguments_and_results(self):
        with client.worker() as worker:
            module, options, archive = self.everything(worker)
            built = archive.build()
            self.assertEqual([entry["name"] for entry in built["inputs"]], ["image", "options.shift", "options.scales.0"])
            self.assertEqual(built["inputs"][0]["shape"], [None, 3, 8, 8])
            persistent = {state_entry["name"] for state_entry in built["state_entries"] if state_entry["persistent"]}
            self.assertEqual(persistent, set(module.state_dict()))
            self.assertEqual(float(built["configuration"]["batch_norm.eps"]), 1e-5)
            archive.load()
            image = torch.randn(5, 3, 8, 8)
            inputs = {"image": image.numpy(), "options.shift": options["shift"].numpy(),
                      "options.scales.0": options["scales"][0].numpy()}
            calls = module.calls.clone()
            table, count, batch = module(image, options)
            module.calls.copy_(calls)
            for _ in range(2):  # the counter begins every run as it was loaded
                found, _ = worker.run(inputs)
                self.assertEqual(list(found), ["0.maps", "0.halves.0", "0.halves.1", "1", "2"])
                self.agree(worker, found["0.maps"], table["maps"])
                self.agree(worker, found["0.halves.0"], table["halves"][0])
                self.agree(worker, found["0.halves.1"], table["halves"][1])
                self.agree(worker, found["1"], count)
                self.assertEqual(int(found["2"]), batch)

    def test_loaded_tensors_are_never_written(self):
        with client.worker() as worker:
            archive = Archive(worker, Rewriter().eval(), (torch.ones(6),))
            archive.build()
            archive.load()
            before = worker.ask("digest")["tensors"]
            for compute in ("native", "float64", "native"):
                found, _ = worker.run({"x": np.ones(6, "f4")}, compute)
                np.testing.assert_array_equal(found["output"], [3, 4, 5, 5, 6, 7])
            self.assertEqual(worker.ask("digest")["tensors"], before)

    def test_a_transformer_with_tied_weights(self):
        with client.worker() as worker:
            torch.manual_seed(2)
            module = Attention().eval()
            tokens = torch.randint(0, 20, (2, 7))
            archive = Archive(worker, module, (tokens,))
            archive.build()
            archive.load()
            found, _ = worker.run({"tokens": tokens.numpy()})
            # Attention is computed by another kernel where gradients are on.
            np.testing.assert_allclose(found["output"], module(tokens).detach().numpy(), rtol=1e-4, atol=1e-5)
            wide, _ = worker.run({"tokens": tokens.numpy()}, "float64")
            self.assertEqual(wide["output"].dtype, np.float64)
            np.testing.assert_allclose(found["output"], wide["output"], atol=1e-4)

    def test_operators_that_an_older_libtorch_lacks_are_computed_from_others(self):
        torch.manual_seed(4)
        numbers = [torch.randn(2, 4, 5, 8), torch.randn(2, 4, 6, 8), torch.randn(2, 4, 6, 8), torch.randn(5, 6)]
        with client.worker() as worker:
            for module in (Attending(), Attending("bools"), Attending("floats"), Attending("causal"), Attending("scale"),
                           Attending("heads"), Normed(), Normed(weight=False), Normed(dimensions=2)):
                with self.subTest(repr(module)):
                    archive = Archive(worker, module.eval(), tuple(numbers))
                    archive.build()
                    archive.load()
                    inputs = {name: tensor.numpy() for name, tensor in zip(("query", "key", "value", "mask"), numbers)}
                    with torch.no_grad():
                        wanted, wide = module(*numbers), module.double()(*(tensor.double() for tensor in numbers))
                    module.float()
                    found, reply = worker.run(inputs, layers="layers.safetensors")
                    np.testing.assert_allclose(found["output"], wanted.numpy(), rtol=1e-4, atol=1e-5)
                    self.assertIn(module.op, [layer["op"] for layer in reply["layers"]])
                    found, reply = worker.run(inputs, compute="float64", layers="layers.safetensors")
                    np.testing.assert_allclose(found["output"], wide.numpy(), rtol=1e-12, atol=1e-13)
                    self.assertEqual({layer["dtype"] for layer in reply["layers"]}, {"float64"})

    def test_inputs_that_the_program_was_not_exported_for_are_refused(self):
        with client.worker() as worker:
            archive = Archive(worker, modules.Plain().eval(), (torch.randn(1, 3, 8, 8),))
            archive.build()
            archive.load()
            for inputs, text in (({"image": np.zeros((1, 3, 9, 9), "f4")}, "exported with shape [1, 3, 8, 8]; given [1, 3, 9, 9]"),
                                 ({}, "is missing"),
                                 ({"image": np.zeros((1, 3, 8, 8), "f4"), "other": np.zeros(1, "f4")}, "no input `other`")):
                name = archive.program["graph_module"]["module_call_graph"][0]["signature"]["forward_arg_names"][0]
                inputs = {name if key == "image" else key: value for key, value in inputs.items()}
                with self.assertRaises(client.Refused) as raised:
                    worker.run(inputs)
                self.assertEqual(raised.exception.kind, "usage")
                self.assertIn(text, raised.exception.message)

    def refused(self, module, arguments, change=lambda program: None, **members):
        with client.worker() as worker:
            archive = Archive(worker, module, arguments)
            change(archive.program)
            with self.assertRaises(client.Refused) as raised:
                archive.build(**members)
            return raised.exception

    def test_what_python_writes_down_is_what_this_worker_takes(self):
        sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "src", "python"))
        from goldseal.worker.programs import program as writer
        from goldseal.worker.protocol.refusal import Refusal

        functional, x = torch.nn.functional, torch.rand(2, 3, 4)
        for travels, way in (
            (True, lambda x: x + 1),
            (True, lambda x: functional.dropout(x, 0.0, True)),
            (False, lambda x: functional.dropout(x, 0.5, True)),
            (True, lambda x: functional.dropout(x, 0.5, False)),
            (True, lambda x: functional.batch_norm(x, None, None, training=True)),
            (False, lambda x: functional.batch_norm(x, x.new_zeros(3), x.new_ones(3), training=True)),
            (True, lambda x: functional.batch_norm(x, x.new_zeros(3), x.new_ones(3), training=False)),
            (True, lambda x: functional.instance_norm(x)),
            (True, without_gradients),
            (False, in_autocast),
            (False, lambda x: torch.cond(x.sum() > 0, lambda y: y + 1, lambda y: y - 1, (x,))),
        ):
            with self.subTest(way=way.__code__.co_firstlineno), client.worker() as worker:
                module = Way(way)
                try:
                    for node in writer._nodes(export(module, (x,)).graph_module):
                        writer._refuse_what_does_not_travel(node)
                    written = True
                except Refusal:
                    written = False
                archive = Archive(worker, module, (x,))
                try:
                    archive.build()
                    taken = True
                except client.Refused as refused:
                    self.assertEqual(refused.kind, "unsupported")
                    taken = False
                self.assertEqual((written, taken), (travels, travels))

    def test_an_operator_on_graphs_is_refused_by_name(self):
        refused = self.refused(Chooser(), (torch.ones(3),))
        self.assertEqual(refused.kind, "unsupported")
        self.assertIn("torch.ops.higher_order.cond", refused.message)

    def test_a_program_in_training_mode_is_refused(self):
        refused = self.refused(modules.Classifier().train(), (torch.randn(2, 3, 8, 8),))
        self.assertIn("training mode", refused.message)
        self.assertIn("eval()", refused.remedy)

    def test_an_unknown_operator_is_named(self):
        def rename(program):
            program["graph_module"]["graph"]["nodes"][0]["target"] = "torch.ops.mine.gemm.default"

        refused = self.refused(modules.Plain().eval(), (torch.randn(1, 3, 8, 8),), rename)
        self.assertEqual(refused.kind, "unsupported")
        self.assertIn("mine.gemm.default", refused.message)

    def test_an_operator_that_does_more_than_compute_is_refused_for_a_stranger(self):
        for target in ("torch.ops.aten.from_file.default", "torch.ops.aten.save.default", "torch.ops.c10d.send.default",
                       "torch.ops.debugprims.load_tensor.default"):
            def call(program, target=target):
                program["graph_module"]["graph"]["nodes"][0]["target"] = target

            refused = self.refused(modules.Plain().eval(), (torch.randn(1, 3, 8, 8),), call, restricted=True)
            self.assertEqual(refused.kind, "unsupported")
            self.assertIn("::".join(target.split(".")[2:4]) + ", which ", refused.message)
            self.assertIn("--trust-code", refused.remedy)

    def test_what_is_no_operator_is_never_reached(self):
        """A target is a name in a table of operators, not a path into the program that interprets it."""
        for target in ("torch.ops.load_library.a.b", "torch.ops.import_module.__call__.default", "torch.ops.aten.__class__.mro",
                       "torch.ops.__class__.__init__.default", "torch.ops.aten.conv2d", "os.system", "torch.load", "builtins.eval.x",
                       "torch.ops.higher_order.cond", "torch.ops.aten.conv2d.default.__call__", "torch.ops.loaded_libraries.add.x"):
            def call(program, target=target):
                program["graph_module"]["graph"]["nodes"][0]["target"] = target

            with self.subTest(target):
                self.assertEqual(self.refused(modules.Plain().eval(), (torch.randn(1, 3, 8, 8),), call).kind, "unsupported")

    def test_settings_and_layers_are_told_under_the_names_of_the_program(self):
        """What one worker seals another compares: texts of numbers, defaults that a program leaves out, the calling modules."""
        with client.worker() as worker:
            archive = Archive(worker, modules.Plain().eval(), (torch.randn(1, 3, 8, 8),))
            told = archive.build()["configuration"]
            archive.load()
            name = archive.program["graph_module"]["module_call_graph"][0]["signature"]["forward_arg_names"][0]
            _, reply = worker.run({name: np.ones((1, 3, 8, 8), "f4")}, layers="layers.safetensors")
            self.assertEqual({key: told[key] for key in ("conv2d.groups", "batch_norm.eps", "batch_norm.momentum")},
                             {"conv2d.groups": "1", "batch_norm.eps": "1e-05", "batch_norm.momentum": "0.1"})
            self.assertEqual([(layer["module"], layer["op"]) for layer in reply["layers"][:2]],
                             [("conv", "aten::conv2d"), ("norm", "aten::batch_norm")])

    def test_a_damaged_program_is_malformed(self):
        def lose(program):
            program["graph_module"]["graph"]["nodes"][0]["outputs"] = []

        def other_schema(program):
            program["schema_version"]["major"] = 99

        module, arguments = modules.Plain().eval(), (torch.randn(1, 3, 8, 8),)
        self.assertEqual(self.refused(module, arguments, lose).kind, "malformed")
        self.assertEqual(self.refused(module, arguments, lambda program: program.pop("graph_module")).kind, "malformed")
        self.assertIn("version 99", self.refused(module, arguments, other_schema).message)

    def test_constants_go_only_where_no_state_dict_reaches(self):
        with client.worker() as worker:
            archive = Archive(worker, modules.Plain().eval(), (torch.randn(1, 3, 8, 8),))
            archive.files["data/constants/model_constants_config.json"] = archive.files["data/weights/model_weights_config.json"]
            archive.files.update({name.replace("weights", "constants"): data for name, data in archive.files.items()
                                  if name.startswith("data/weights/weight_")})
            with self.assertRaises(client.Refused) as raised:
                archive.build()
            self.assertIn("is not a constant", raised.exception.message)


if __name__ == "__main__":
    client.main()
