# SPDX-License-Identifier: Apache-2.0
"""Networks that a Python callable builds: how they are found, filled, run and refused."""
import hashlib
import os
import unittest

import client
import numpy as np

try:
    import networks
    import torch
except ImportError:
    client.main()

IMAGE = np.random.default_rng(1).random((2, 3, 8, 8), dtype="f4")


def state_of(module, seed=1):
    """A state dict of random values as numpy arrays."""
    torch.manual_seed(seed)
    return {
        name: (torch.rand_like(tensor) + 0.1 if tensor.is_floating_point() else tensor).numpy()
        for name, tensor in module.state_dict().items()
    }


class ModulesTest(unittest.TestCase):
    def setUp(self):
        self.process = client.worker()

    def tearDown(self):
        self.process.close()

    def build(self, name, **options):
        return self.process.ask("build", builder="python", source=name, options=options)

    def refused(self, name, **options):
        with self.assertRaises(client.Refused) as refused:
            self.build(name, **options)
        return refused.exception

    def reference(self, module, state):
        module.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in state.items()})
        return module.eval()

    def test_what_it_computes_is_what_pytorch_computes_bit_for_bit(self):
        self.build("networks:Net")
        state = state_of(networks.Net())
        self.process.load(state)
        outputs, _ = self.process.run({"image": IMAGE})
        with torch.no_grad():
            expected = self.reference(networks.Net(), state)(torch.from_numpy(IMAGE))
        self.assertEqual(list(outputs), ["maps", "logits"])
        for name, array in outputs.items():
            self.assertEqual(array.tobytes(), expected[name].numpy().tobytes(), name)

    def test_a_float64_run_is_pytorchs_own_and_leaves_the_native_one_as_it_was(self):
        for name, module, inputs in (
            ("networks:Net", networks.Net(), {"image": IMAGE}),
            ("networks:Recurrent", networks.Recurrent(), {"x": IMAGE[0, :, :, :3]}),
            ("networks:Shared", networks.Shared(), {"x": IMAGE[0, 0, :, :3]}),
        ):
            self.build(name)
            state = state_of(module)
            state = {key: state.get("first.weight", array) for key, array in state.items()}
            self.process.load(state)
            before, _ = self.process.run(inputs)
            double, _ = self.process.run(inputs, compute="float64")
            again, _ = self.process.run(inputs)
            with torch.no_grad():
                value = self.reference(module, state).double()(*(torch.from_numpy(x).double() for x in inputs.values()))
            expected = value["logits"] if isinstance(value, dict) else value[0] if isinstance(value, tuple) else value
            found = double.get("logits", double.get("0", double.get("output")))
            self.assertEqual(found.tobytes(), expected.numpy().tobytes(), name)
            for output in before:
                self.assertEqual(before[output].tobytes(), again[output].tobytes(), name)

    def test_slots_are_those_of_the_state_dict_in_its_order(self):
        for name in ("Net", "Recurrent", "Shared", "Rotary"):
            state_entries = self.build("networks:" + name)["state_entries"]
            state = getattr(networks, name)().state_dict()
            self.assertEqual([state_entry["name"] for state_entry in state_entries if state_entry["name"] in state], list(state), name)
            for state_entry in state_entries:
                if state_entry["persistent"]:
                    self.assertEqual(state_entry["shape"], list(state[state_entry["name"]].shape))
                    self.assertEqual("torch." + state_entry["dtype"], str(state[state_entry["name"]].dtype))

    def test_of_tied_tensors_one_suffices_and_all_given_are_digested(self):
        state_entries = self.build("networks:Shared")["state_entries"]
        self.assertEqual([state_entry["name"] for state_entry in state_entries if state_entry["persistent"]], ["first.weight"])
        self.assertEqual([state_entry.get("alias_of") for state_entry in state_entries], [None, "first.weight", "first.weight"])
        weight = np.random.default_rng(2).random((3, 3), dtype="f4")
        x = {"x": np.ones((1, 3), "f4")}
        answers = []
        for names in (["first.weight"], ["first.weight", "second.weight", "tied.weight"]):
            self.process.load({name: weight for name in names})
            self.assertEqual([entry["name"] for entry in self.process.ask("digest")["tensors"]], names)
            answers.append(self.process.run(x)[0]["output"].tobytes())
        self.assertEqual(answers[0], answers[1])
        with self.assertRaises(client.Refused) as refused:
            self.process.load({"tied.weight": weight})
        self.assertIn("first.weight", refused.exception.message)

    def test_an_operation_in_place_changes_neither_the_network_nor_the_file(self):
        self.build("networks:Counter")
        self.process.load({"count": np.zeros(1, "f4")})
        self.process.run({"x": np.zeros(1, "f4")})
        digest = self.process.ask("digest")["tensors"][0]["sha256"]
        self.assertEqual(digest, hashlib.sha256(np.zeros(1, "f4").tobytes()).hexdigest())
        with open(self.process.path("weights.bin"), "rb") as file:
            self.assertEqual(file.read(), bytes(4))

    def test_values_that_no_state_dict_holds_are_there(self):
        self.build("networks:Rotary")
        self.process.load({"scale": np.full(4, 2, "f4")})
        outputs, _ = self.process.run({"x": np.ones(4, "f4")})
        self.assertEqual(outputs["output"].tolist(), [2, 3, 4, 5])

    def test_a_module_that_looks_at_values_when_built_is_built_all_the_same(self):
        self.build("networks:Stubborn")
        self.process.load({"linear.weight": np.eye(3, dtype="f4"), "linear.bias": np.zeros(3, "f4")})
        outputs, _ = self.process.run({"x": np.ones((1, 3), "f4")})
        self.assertEqual(outputs["output"].tolist(), [[0.5, 0.5, 0.5]])

    @unittest.skipUnless(hasattr(torch.device, "__enter__"), "before PyTorch 2.0 no network is built without memory")
    def test_a_network_is_built_without_memory_for_its_weights(self):
        before = self.memory()
        self.build("networks:Wide")
        self.assertLess(self.memory() - before, 256 << 20)

    def memory(self):
        """The most that the worker ever held, in bytes."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as lines:
            return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:"))

    def test_code_that_keeps_the_device_that_it_was_built_on_computes_where_its_inputs_are(self):
        state = {"linear.weight": np.eye(3, dtype="f4"), "linear.bias": np.zeros(3, "f4")}
        for name, options in (("Scripted", {}), *(("KeepsDevice", {"kind": kind}) for kind in ("closure", "list", "text", "moves"))):
            with self.subTest(name, **options):
                self.build("networks:" + name, **options)
                self.process.load(state)
                digests = self.process.ask("digest")["tensors"]
                outputs, _ = self.process.run({"x": np.ones((1, 3), "f4")})
                self.assertEqual(outputs["output"].tolist(), [[2, 2, 2]])
                self.assertEqual(self.process.ask("digest")["tensors"], digests)
                double, _ = self.process.run({"x": np.ones((1, 3), "f4")}, compute="float64")
                self.assertEqual(double["output"].tolist(), [[2, 2, 2]])

    def test_options_are_the_callables_arguments(self):
        reply = self.build("networks:Net", width="4", eps="0.001")
        self.assertEqual(reply["state_entries"][0]["shape"], [4, 3, 3, 3])
        self.assertEqual(reply["configuration"]["norm.eps"], "0.001")
        self.assertEqual(reply["configuration"]["conv.padding"], "(1, 1)")
        self.assertIn("unexpected keyword", self.refused("networks:Net", depth="3").message)

    def test_what_a_module_of_the_users_own_reads_is_a_hyperparameter(self):
        reply = self.build("networks:TunedNetwork", variance_epsilon="1e-05")
        own = {name: value for name, value in reply["configuration"].items() if name.startswith("norm.")}
        self.assertEqual(own, {"norm.variance_epsilon": "1e-05", "norm.kind": "Kind.plain", "norm.power": "2", "norm.whole": "True"})

    def test_a_wrapper_is_looked_through(self):
        self.assertEqual(self.build("networks:wrapped")["state_entries"][0]["name"], "conv.weight")

    def test_arguments_are_bound_by_name_and_nested_outputs_named_by_their_places(self):
        inputs = self.build("networks:Arguments")["inputs"]
        self.assertEqual([(entry["name"], entry["required"]) for entry in inputs], [("left", True), ("right", False), ("scale", False)])
        self.process.load({"weight": np.ones(2, "f4")})
        two = np.array([2, 4], "f4")
        outputs, _ = self.process.run({"left": two, "right": two / 2, "scale": np.array(3, "f4"), "other": two})
        self.assertEqual({name: array.tolist() for name, array in outputs.items()},
                         {"0": [3, 6], "1.0.boxes": [4, 7], "1.0.count": 7, "2.more": [2, 4]})
        with self.assertRaises(client.Refused) as refused:
            self.process.run({"right": two})
        self.assertIn("`left` is missing", refused.exception.message)

    def test_layers_that_cannot_be_followed_are_left_out_and_the_answers_are_there(self):
        self.build("networks:Force")
        state = state_of(networks.Force())
        self.process.load(state)
        x = {"x": IMAGE[0, 0, :, :3]}
        plain, _ = self.process.run(x)
        answers, reply = self.process.run(x, layers="layers.safetensors")
        self.assertNotIn("layers", reply)
        self.assertEqual(answers["output"].tobytes(), plain["output"].tobytes())
        self.assertTrue(answers["output"].any())

    def test_a_layer_of_a_module_in_two_places_has_its_first_name(self):
        self.build("networks:Shared")
        self.process.load({"first.weight": np.eye(3, dtype="f4")})
        _, reply = self.process.run({"x": IMAGE[0, 0, :, :3]}, compute="float64", layers="layers.safetensors")
        self.assertEqual([(layer["module"], layer["op"]) for layer in reply["layers"]],
                         [("first", "aten::linear"), ("first", "aten::linear"), ("tied", "aten::linear")])

    def test_gradients_reach_through_recurrent_layers_and_change_no_buffer(self):
        self.build("networks:Recurrent")
        self.process.load(state_of(networks.Recurrent()))
        client.write_safetensors(self.process.path("inputs.safetensors"), {"x": IMAGE[0, :, :, :3]})
        for tensor in self.process.ask("gradients", inputs="inputs.safetensors", compute="float64")["tensors"]:
            self.assertEqual(tensor["reached"], tensor["elements"], tensor["name"])
        self.build("networks:Counter")
        self.process.load({"count": np.zeros(1, "f4")})
        before = self.process.ask("digest")["tensors"]
        client.write_safetensors(self.process.path("inputs.safetensors"), {"x": np.zeros(1, "f4")})
        self.assertEqual(self.process.ask("gradients", inputs="inputs.safetensors", compute="native")["tensors"], [])
        self.assertEqual(self.process.ask("digest")["tensors"], before)

    def test_what_a_star_takes_is_named_by_its_place(self):
        self.build("networks:Places")
        self.process.load({})
        outputs, _ = self.process.run({"1": np.ones(1, "f4"), "0": np.full(1, 3, "f4")})
        self.assertEqual(outputs["output"].tolist(), [2])
        with self.assertRaises(client.Refused) as refused:
            self.process.run({"x": np.ones(1, "f4")})
        self.assertIn("no input `x`", refused.exception.message)

    def test_an_output_that_is_no_tensor_is_refused_by_name(self):
        self.build("networks:Odd")
        self.process.load({"weight": np.ones(1, "f4")})
        with self.assertRaises(client.Refused) as refused:
            self.process.run({"x": np.ones(1, "f4")})
        self.assertEqual(refused.exception.kind, "unsupported")
        self.assertIn("`odd` is a object", refused.exception.message)

    def test_a_state_dict_that_renames_is_refused(self):
        self.assertIn("renamed.linear.weight", self.refused("networks:Renaming").message)

    def test_what_cannot_be_built_is_said(self):
        for source, kind, part in (
            ("absent_module:Net", "unsupported", "no module absent_module"),
            ("networks:Absent", "unsupported", "has no Absent"),
            ("networks:number", "unsupported", "cannot be called"),
            ("networks:dictionary", "unsupported", "expected a torch.nn.Module from networks:dictionary, found builtins.dict"),
            ("networks:raises", "runtime", "ValueError: no such width"),
            ("networks:leaves", "runtime", "SystemExit: 3"),
            ("networks", "usage", "package.module:callable"),
        ):
            refusal = self.refused(source)
            self.assertEqual(refusal.kind, kind, source)
            self.assertIn(part, refusal.message)
        self.assertTrue(self.build("networks:Net")["ok"], "the worker goes on")

    def test_the_traceback_is_on_standard_error(self):
        self.refused("networks:raises")
        self.process.ask("bye")
        _, text = self.process.wait()
        self.assertIn('raise ValueError("no such width")', text)
        self.process = client.worker()

    def test_a_module_that_lacks_a_dependency_names_it(self):
        with open(self.process.path("needy.py"), "w", encoding="utf-8") as file:
            file.write("import absent_dependency.part\n")
        with client.worker(environment={"PYTHONPATH": self.process.directory}) as process:
            with self.assertRaises(client.Refused) as refused:
                process.ask("build", builder="python", source="needy:Net")
        self.assertIn("absent_dependency", refused.exception.message)
        self.assertIn("pip install absent_dependency", refused.exception.remedy)
        self.assertTrue(refused.exception.where.endswith("needy.py:1"), refused.exception.where)

    def test_modules_of_the_worker_do_not_shadow_the_users(self):
        with open(self.process.path("network.py"), "w", encoding="utf-8") as file:
            file.write("from networks import Net\n")
        path = os.pathsep.join([self.process.directory, os.environ["PYTHONPATH"]])
        with client.worker(environment={"PYTHONPATH": path}) as process:
            self.assertTrue(process.ask("build", builder="python", source="network:Net")["ok"])


class WithoutTorchTest(unittest.TestCase):
    def test_an_interpreter_without_torch_says_so_in_its_greeting(self):
        with client.Worker([client.WORKER[0], "-I", "-S", *client.WORKER[1:]], greet=False) as process:
            with self.assertRaises(client.Refused) as refused:
                process.hello()
        self.assertEqual(refused.exception.kind, "unsupported")
        self.assertIn("cannot import torch", refused.exception.message)


if __name__ == "__main__":
    client.main()
