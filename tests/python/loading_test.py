# SPDX-License-Identifier: Apache-2.0
"""A network is judged as PyTorch loads it, with all that it answers from. Rows of public reports by their ids (B01 …).

Kinds. Ties: two and three names, buffers, overlapping memory, lists and attributes that look into a parameter. Load hooks: private
and public ones before and after, methods of the module's own, weight_norm in both directions, hooks that change values. Extra
state: tensor, dict, number, bytes, stream, None, empty; in a file and in a distributed checkpoint. Outside a state dict: buffers,
attributes, lists, complex tables, objects. Randomness: dropout, noise, sampling, numpy, Python, seeds inside forward.
Classes of tensors: a marked parameter, one made of others.
"""
import copy
import importlib.machinery
import os
import sys
import unittest
import warnings

try:
    import numpy as np
    import torch
except ImportError:
    print("skipped: this Python has no torch, or no numpy")
    sys.exit(125)

import goldseal
import loading_networks as networks
from goldseal import command
from goldseal.worker.networks.binding import flatten
from goldseal.worker.protocol.refusal import Refusal
from in_directory import InDirectory

X4, X8 = torch.rand(3, 4, generator=torch.Generator().manual_seed(1)), torch.rand(3, 8, generator=torch.Generator().manual_seed(1))
NEW_WEIGHT_NORM = hasattr(torch.nn.utils.parametrizations, "weight_norm")


def filled(module, seed=1):
    """Other values in every tensor of the state dict; tied ones stay one."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if isinstance(tensor, torch.Tensor) and tensor.is_floating_point() and not name.endswith("_extra_state"):
                tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.1)
    return module.eval()


class LoadingTest(InDirectory):
    def setUp(self):
        super().setUp()
        os.environ["PYTHONPATH"] = os.pathsep.join([os.path.dirname(os.path.abspath(__file__)), *sys.path[:3]])

    def command(self, verb, *arguments):
        return command.run([verb, *arguments, "--runtime", "python=" + sys.executable])

    def capture(self, spec, x=X4, *arguments, checkpoint="net.pth"):
        """The report of a capture of `checkpoint` into net.seal."""
        np.save("x.npy", x.numpy())
        return self.command("capture", checkpoint, "--model", f"python:loading_networks:{spec}", "--input", "x=x.npy", "-o", "net.seal",
                            "--force", *arguments)

    def sealed(self, spec, module, x=X4, *arguments):
        torch.save(module.state_dict(), "net.pth")
        report = self.capture(spec, x, *arguments)
        self.assertTrue(report, report)
        return report

    def verify(self, spec, *arguments):
        return self.command("verify", "net.seal", "--model", f"python:loading_networks:{spec}", *arguments)

    def told(self, report, id, *parts, status="fail"):
        """The finding `id` has this status and says each of the parts."""
        found = [finding for finding in report.findings if finding.id == id]
        self.assertTrue(found, f"no {id}\n{report}")
        self.assertEqual(found[0].status, status, report)
        text = f"{found[0].message} {found[0].fix} {found[0].raw.get('tables', '')}"
        for part in parts:
            self.assertIn(part, text, report)
        return found[0]

    # --- B02: names of one tensor ------------------------------------------------------------------------------------------

    def test_b02_names_of_one_tensor_that_differ_in_the_file_fail_with_all_names(self):
        for names in (2, 3):
            self.sealed(f"Tied?tied=0&names={names}", filled(networks.Tied(0, names)))
            self.assertTrue(self.verify(f"Tied?tied=0&names={names}"))
            report = self.verify(f"Tied?names={names}")
            listed = [f"head{i}.weight" for i in range(1, names)]
            self.told(report, "keys.tied", "are one tensor in the network and differ in the file", "embed.weight", *listed)
            self.assertEqual(report.exit_code, 1, report)
            self.told(self.capture(f"Tied?names={names}"), "keys.tied", "differ in the file", "embed.weight", *listed)

    def test_b02_a_tied_buffer_is_a_tie_too(self):
        self.sealed("TiedBuffer?tied=0", filled(networks.TiedBuffer(0)))
        self.told(self.verify("TiedBuffer"), "keys.tied", "mean and shift are one tensor in the network")

    def test_b02_memory_that_overlaps_is_judged_as_the_copies_leave_it(self):
        self.sealed("Views?shared=0", filled(networks.Views(0)), torch.rand(3))
        self.told(self.verify("Views"), "model.loading", "of which the file holds different values", "keys.tied")
        self.sealed("Views", filled(networks.Views()), torch.rand(3))
        self.assertTrue(self.verify("Views"))

    def test_b02_attributes_and_lists_that_look_into_a_parameter_see_what_is_loaded(self):
        module = filled(networks.Peeking())
        self.sealed("Peeking", module)
        self.assertTrue(self.verify("Peeking"))
        self.assertTrue(goldseal.verify("net.seal", module))

    def test_b02_equal_values_and_one_name_alone_stay_fine(self):
        module = filled(networks.Tied(1, 3))
        self.sealed("Tied?names=3", module)
        self.assertTrue(self.verify("Tied?names=3"))
        torch.save({"embed.weight": module.embed.weight.detach()}, "once.pth")
        self.assertTrue(self.capture("Tied?names=3", checkpoint="once.pth"))

    def test_b02_load_leaves_the_model_untouched_and_save_does_not_seal(self):
        self.sealed("Tied?tied=0", filled(networks.Tied(0)))
        model = filled(networks.Tied(1), 9)
        before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        with self.assertRaisesRegex(goldseal.GoldsealError, "are one tensor in the network and differ in the file"):
            goldseal.load("net.seal", model)
        for name, tensor in model.state_dict().items():
            self.assertTrue(torch.equal(tensor, before[name]), name)
        with self.assertRaisesRegex(goldseal.GoldsealError, "differ in the file"):
            goldseal.seal(model, "net.pth", inputs=X4, on_error="raise", seal="other.seal")

    # --- B03: load hooks ---------------------------------------------------------------------------------------------------

    def test_b03_names_that_a_load_hook_renames_are_judged_as_torch_loads_them(self):
        for public in (0, 1):
            module = filled(networks.Renames(public))
            state = module.state_dict()
            torch.save({name.replace("norm.weight", "norm.gamma").replace("norm.bias", "norm.beta"): t for name, t in state.items()}, "net.pth")
            report = self.capture(f"Renames?public={public}")
            self.assertTrue(report, report)
            self.told(report, "keys.network", "_rename_gamma" if not public else "hook",
                      "renames norm.beta to norm.bias …", status="pass")  # the first by name stands for all
            self.assertTrue(self.verify(f"Renames?public={public}"))
            fresh = filled(networks.Renames(public), 5)
            self.assertTrue(goldseal.load("net.seal", fresh))
            self.assertTrue(torch.equal(fresh(X4), module(X4)))
            self.assertFalse(self.verify("OldNames") and False)

    def test_b03_the_reverse_direction_names_the_module_that_renames(self):
        torch.save(filled(networks.Renames()).state_dict(), "net.pth")
        self.told(self.capture("OldNames"), "keys.network", "norm.gamma")

    @unittest.skipUnless(NEW_WEIGHT_NORM, "this PyTorch has no parametrized weight_norm")
    def test_b03_old_weight_norm_is_judged_in_the_new_module(self):
        old = filled(networks.WeightNorm(0))
        x = torch.rand(1, 2, 5)
        torch.save(old.state_dict(), "net.pth")
        report = self.capture("WeightNorm", x)
        self.assertTrue(report, report)
        self.told(report, "keys.network", "weight_g", status="pass")
        model = networks.WeightNorm()
        self.assertTrue(goldseal.load("net.seal", model))
        self.assertTrue(torch.equal(model(x), old(x)))

    @unittest.skipUnless(NEW_WEIGHT_NORM, "this PyTorch has no parametrized weight_norm")
    def test_b03_new_weight_norm_in_an_old_module_is_named(self):
        torch.save(filled(networks.WeightNorm()).state_dict(), "net.pth")
        self.told(self.capture("WeightNorm?new=0", torch.rand(1, 2, 5)), "keys.network", "weight_norm")

    def live(self, module, x):
        """A live network is sealed and verified: no case is refused because it cannot be copied."""
        torch.save(module.state_dict(), "net.pth")
        goldseal.seal(module, "net.pth", inputs={"x": x}, on_error="raise")
        report = goldseal.verify("net.seal", module)
        self.assertTrue(report, report)

    @unittest.skipUnless(NEW_WEIGHT_NORM, "this PyTorch has no parametrized weight_norm")
    def test_b03_a_live_network_with_parametrized_weights_is_sealed(self):
        self.live(filled(networks.WeightNorm()), torch.rand(1, 2, 5))

    def test_b03_a_live_network_whose_modules_refuse_to_be_pickled_or_forget_is_sealed(self):
        for forgets in (0, 1):
            self.live(filled(networks.HoldsNoPickle(forgets)), X4)

    def test_b03_a_hook_that_changes_values_is_refused_by_name(self):
        torch.save(filled(networks.Halves(0)).state_dict(), "net.pth")
        self.told(self.capture("Halves"), "model.loading", "linear.weight", "_halve")
        self.sealed("Halves?halves=0", filled(networks.Halves(0)))
        self.told(self.verify("Halves"), "model.loading", "linear.weight", "_halve")
        with self.assertRaises(goldseal.GoldsealError):
            goldseal.load("net.seal", networks.Halves())

    @unittest.skipUnless(hasattr(torch.nn.Module, "register_load_state_dict_post_hook"), "this PyTorch has no hook afterwards")
    def test_b03_what_a_hook_changes_afterwards_is_seen(self):
        torch.save(filled(networks.AfterHook()).state_dict(), "net.pth")
        self.told(self.capture("AfterHook"), "model.loading", "linear.weight")

    def test_b03_a_lazy_module_is_named_and_one_that_was_called_is_sealed(self):
        torch.save(filled(networks.Lazy(1)).state_dict(), "net.pth")
        with self.assertRaisesRegex(goldseal.GoldsealError, "(?s)linear.weight has no shape yet.*lazy module.*call the network once"):
            self.capture("Lazy")
        self.assertTrue(self.capture("Lazy?called=1"))

    def test_b03_a_method_of_the_modules_own_loads(self):
        self.sealed("Overrides", filled(networks.Overrides()))
        self.assertTrue(self.verify("Overrides"))
        self.told(self.verify("Overrides?plain=0"), "model.loading", "linear.weight", "Overrides")

    # --- B04: extra state --------------------------------------------------------------------------------------------------

    def test_b04_extra_state_of_every_form_is_handed_over_sealed_and_compared(self):
        for form in ("tensor", "bytes_tensor", "dict", "number", "bytes", "stream"):
            with self.subTest(form):
                module = filled(networks.Scaled(3.0, form))
                self.sealed(f"Scaled?form={form}", module)
                self.assertTrue(self.verify(f"Scaled?form={form}"))
                live = filled(networks.Scaled(1.0, form), 4)
                self.assertTrue(goldseal.load("net.seal", live))
                self.assertEqual(live.scale, 3.0)
                self.assertTrue(torch.equal(live(X4), module(X4)))
                module.scale = 4.0
                torch.save(module.state_dict(), "changed.pth")
                report = self.verify(f"Scaled?form={form}", "--checkpoint", "changed.pth")
                self.told(report, "tensors.extra_state", "_extra_state")
                self.assertFalse(goldseal.verify("net.seal", module))

    def test_b04_an_empty_extra_state_is_data(self):
        for value in ("none", "empty", "stream"):
            self.sealed(f"Unset?value={value}", filled(networks.Unset(value)))
            self.assertTrue(self.verify(f"Unset?value={value}"))

    def test_b04_an_extra_state_on_one_side_alone_is_named(self):
        state = filled(networks.Scaled(3.0)).state_dict()
        torch.save({name: tensor for name, tensor in state.items() if not name.endswith("_extra_state")}, "net.pth")
        self.told(self.capture("Scaled"), "keys.network", "_extra_state")
        torch.save({**filled(networks.Plain()).state_dict(), "_extra_state": {"scale": 1.0}}, "net.pth")
        self.told(self.capture("Plain"), "keys.network", "_extra_state")

    def test_b04_save_seals_the_extra_state_of_a_live_model(self):
        module = filled(networks.Scaled(3.0, "dict"))
        goldseal.save(module.state_dict(), "live.pth", model=module, inputs=X4, factory="loading_networks:Scaled?form=dict", on_error="raise")
        self.assertTrue(goldseal.verify("live.seal"))
        with open("live.seal/manifest.toml", encoding="utf-8") as manifest:
            self.assertIn("_extra_state", manifest.read())

    def test_b52_a_distributed_checkpoint_brings_it_too(self):
        try:
            import torch.distributed.checkpoint as dcp
            save = dcp.save
        except (ImportError, AttributeError):
            self.skipTest("this PyTorch writes no distributed checkpoints")
        for form in ("dict", "tensor", "stream"):
            module = filled(networks.Scaled(3.0, form))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                save(module.state_dict(), checkpoint_id=f"dcp-{form}", no_dist=True) if "no_dist" in save.__code__.co_varnames else save(module.state_dict(), checkpoint_id=f"dcp-{form}")
            report = self.capture(f"Scaled?form={form}", checkpoint=f"dcp-{form}")
            self.assertTrue(report, report)
            self.assertTrue(self.verify(f"Scaled?form={form}"))
            live = networks.Scaled(1.0, form)
            self.assertTrue(goldseal.load("net.seal", live))
            self.assertEqual(live.scale, 3.0, form)

    # --- B01: what no state dict holds -------------------------------------------------------------------------------------

    def test_b01_garbage_that_no_state_dict_holds_is_named_by_its_path(self):
        for kind, name in (("buffer", "inv_freq"), ("attribute", "inv_freq"), ("list", "tables.0"), ("complex", "freqs_cis"),
                           ("object", "helper.table")):
            with self.subTest(kind):
                module = filled(networks.Rotary(kind=kind))
                self.sealed(f"Rotary?kind={kind}", module, X8)
                self.assertTrue(self.verify(f"Rotary?kind={kind}"))
                for fault in ("garbage", "beyond"):
                    report = self.verify(f"Rotary?kind={kind}&fault={fault}")
                    self.told(report, "model.state", name, "no state dict holds it", "to_empty")
                    live = networks.Rotary(fault, kind).eval()
                    live.load_state_dict(module.state_dict())
                    self.told(goldseal.verify("net.seal", live), "model.state", name)
                    with self.assertRaisesRegex(goldseal.GoldsealError, "no state dict holds it"):
                        goldseal.load("net.seal", networks.Rotary(fault, kind))

    def test_b01_a_difference_in_the_last_bits_is_no_failure_where_the_answers_agree(self):
        self.sealed("Prefix", filled(networks.Prefix()))
        self.told(self.verify("Prefix"), "model.state", status="pass")
        self.sealed("Rotary", filled(networks.Rotary()), X8)
        found = self.told(self.verify("Rotary?fault=rounding"), "model.state", "inv_freq", status="warn")
        self.assertIn("last", found.message)

    def test_b01_a_place_that_no_golden_input_reaches_is_compared(self):
        self.sealed("Prefix", filled(networks.Prefix()))
        report = self.verify("Prefix?fault=x")
        self.told(report, "model.state", "table")
        self.told(report, "golden.float64", status="pass")

    def test_b01_capture_refuses_what_is_other_values_in_each_process(self):
        torch.save(filled(networks.Rotary()).state_dict(), "net.pth")
        for fault in ("process", "empty"):
            report = self.capture(f"Rotary?fault={fault}", X8)
            self.told(report, "model.state", "inv_freq", "no state dict holds it")

    def test_b43_what_the_constructor_draws_is_refused(self):
        torch.save(filled(networks.Drawn()).state_dict(), "net.pth")
        for kind, name in (("buffer", "drawn"), ("attribute", "drawn"), ("list", "tables.0"), ("order", "order"), ("number", "drawn")):
            with self.subTest(kind):
                self.told(self.capture(f"Drawn?kind={kind}"), "model.state", name, "in each process", "register_buffer")
        self.sealed("Drawn?kind=kept", filled(networks.Drawn("kept")))

    def test_b43_what_a_live_models_constructor_drew_is_told_also_after_the_same_seed(self):
        for kind, name in (("buffer", "drawn"), ("attribute", "drawn"), ("list", "tables.0"), ("number", "drawn")):
            with self.subTest(kind):
                torch.manual_seed(5)
                model = networks.Drawn(kind).eval()
                torch.save(model.state_dict(), "net.pth")
                torch.manual_seed(5)
                factory = f"loading_networks:Drawn?kind={kind}"
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    self.assertIsNotNone(goldseal.seal(model, "net.pth", inputs=X4, factory=factory, embed=False))
                self.assertTrue(any(f"builds a network with another {name}" in str(warning.message) for warning in caught), list(map(str, caught)))
                with self.assertRaisesRegex(goldseal.GoldsealError, f"another {name}"):
                    goldseal.seal(model, "net.pth", inputs=X4, factory=factory, embed=False, on_error="raise")
        model = networks.Drawn("kept").eval()
        torch.save(model.state_dict(), "net.pth")
        self.assertIsNotNone(goldseal.seal(model, "net.pth", inputs=X4, factory="loading_networks:Drawn?kind=kept", embed=False, on_error="raise"))

    # --- B54: caches that a constructor fills ----------------------------------------------------------------------------------

    def test_b54_a_cache_that_a_constructor_fills_holds_no_meta_tensor_afterwards(self):
        from goldseal.worker.networks.python_builder import build_python

        for kind in ("lru", "global", "class", "late", "object", "dict", "shared"):
            with self.subTest(kind):
                network = build_python("loading_networks:CachesInConstructor", {"kind": kind})
                self.assertFalse(network.module.rows().is_meta)
                self.assertFalse(network.module.linear.weight.is_meta)  # where a table has values, so has all
        from goldseal.factory_trial import _built_on_meta

        networks.rows_of.cache_clear()
        self.assertIsNotNone(_built_on_meta(networks.CachesInConstructor, {})) if hasattr(torch.device, "__enter__") else None
        self.assertFalse(networks.rows_of(4).is_meta)
        self.sealed("CachesInConstructor", filled(networks.CachesInConstructor()))
        self.assertTrue(self.verify("CachesInConstructor"))

    # --- B53: what a first forward pass makes ------------------------------------------------------------------------------

    GROWN = {"grown": "table", "buffer": "table", "entry": "tables.cos", "object": "rope.table"}
    FIRST_CALL = {"none": "table", "reset": "table", "convit": "table", "dict": "tables.3", "list": "tables.0", **GROWN}

    def used(self, module, kind, *inputs, scale=1.0):
        """Another one with the same weights, that has met `inputs`."""
        used = networks.FirstCall(kind, scale).eval()
        used.load_state_dict(module.state_dict())
        with torch.no_grad():
            for x in inputs:
                used(x)
        return used

    def seal_first_call(self, module, kind):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            goldseal.save(module.state_dict(), "net.pth", model=module, inputs=X4, factory=f"loading_networks:FirstCall?kind={kind}",
                          embed=False, depth="quick", on_error="raise")

    def test_b53_what_a_first_forward_pass_makes_is_judged_alike_before_and_after(self):
        longer = torch.rand(5, 4)
        for kind, name in self.FIRST_CALL.items():
            with self.subTest(kind):
                new = filled(networks.FirstCall(kind))
                used = self.used(new, kind, longer)
                self.seal_first_call(used, kind)
                report = goldseal.verify("net.seal", new, quick=True)
                if kind in self.GROWN:  # what a new one makes is the beginning of that: said, and not accused
                    self.told(report, "model.state", f"{name} has another size", status="warn")
                    self.seal_first_call(new, kind)
                    report = goldseal.verify("net.seal", used, quick=True)
                self.told(report, "model.state", status="pass")
                self.assertTrue(report, report)
                with torch.no_grad():
                    used(X4)
                    held = used.rope if kind == "object" else used.tables if name.startswith("tables") else used
                    table = held[{"tables.3": 3, "tables.0": 0, "tables.cos": "cos"}[name]] if held is used.tables else held.table
                    table.mul_(1.5)
                report = goldseal.verify("net.seal", used, quick=True)
                self.told(report, "model.state", f"{name} has other values", "no state dict holds it")
                self.assertEqual(report.exit_code, 1, report)
                with self.assertRaisesRegex(goldseal.GoldsealError, f"another {name}"):
                    self.seal_first_call(used, kind)

    def test_b53_another_process_makes_the_same_table_and_with_another_setting_another_one(self):
        for kind in ("convit", "grown"):
            self.seal_first_call(self.used(filled(networks.FirstCall(kind)), kind, X4), kind)
            report = self.verify(f"FirstCall?kind={kind}", "--depth", "quick")
            self.told(report, "model.state", "all 2 tensors", status="pass")
            self.assertTrue(report, report)
        report = self.verify("FirstCall?kind=grown&scale=1.1", "--depth", "quick")
        self.told(report, "model.state", "scale", "table")
        self.assertEqual(report.exit_code, 1, report)

    # --- B55: modes of one's own --------------------------------------------------------------------------------------------------

    def test_b55_a_part_that_stays_in_training_mode_after_eval_is_refused_by_name(self):
        module = filled(networks.KeepsTraining())
        torch.save(module.state_dict(), "net.pth")
        for what, name in (("norm", "part (BatchNorm1d)"), ("dropout", "part (Dropout)")):
            with self.assertRaisesRegex(goldseal.GoldsealError, "(?s)though eval") as caught:
                raise goldseal.GoldsealError(str(self.capture(f"KeepsTraining?what={what}")))
            self.assertIn(name, str(caught.exception))
        with self.assertRaisesRegex(goldseal.GoldsealError, "(?s)part .BatchNorm1d.*though eval"):
            goldseal.seal(module, "net.pth", inputs=X4, factory="loading_networks:KeepsTraining", embed=False, on_error="raise")
        self.assertTrue(module.part.training)
        plain = filled(networks.KeepsTraining(own=0))
        self.assertIsNotNone(goldseal.seal(plain, "net.pth", inputs=X4, factory="loading_networks:KeepsTraining?own=0", embed=False, on_error="raise"))
        report = goldseal.verify("net.seal", module)
        self.assertFalse(report)
        self.assertIn("part (BatchNorm1d)", str(report))
        # Of a model that is still in training mode it is asked what eval() would leave.
        report = goldseal.verify("net.seal", module.train())
        self.assertFalse(report)
        self.assertIn("part (BatchNorm1d)", str(report))
        self.assertTrue(module.training and module.part.training and module.linear.training)

    def test_b55_asking_what_eval_leaves_changes_nothing_of_a_model_that_merges_its_weights(self):
        module = filled(networks.MergesInEval()).train()
        before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
        torch.save(module.state_dict(), "net.pth")
        self.assertIsNotNone(goldseal.seal(module, "net.pth", inputs=X4, factory="loading_networks:MergesInEval", embed=False, on_error="raise"))
        self.assertTrue(module.training and not module.merged)
        self.assertTrue(all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items()))

    # --- B56: causes that only the code or the notes tell ---------------------------------------------------------------------------

    def test_b56_a_load_hook_that_resizes_is_named(self):
        torch.save(networks.Resizes(6).state_dict(), "net.pth")
        self.told(self.capture("Resizes"), "keys.network", "pos_embed is [6, 4], [3, 4] wanted", "_resize", "save its state_dict()")

    def test_b48_a_tensor_that_the_file_names_and_nobody_can_read_is_not_called_missing_alone(self):
        torch.save({"weight": torch.eye(4).to_sparse(), "other": torch.ones(1)}, "net.pth")
        self.told(self.capture("Plain"), "keys.network", "names weight, as a tensor that cannot be read: sparse", "to_dense()")

    # --- Building on the meta device ---------------------------------------------------------------------------------------

    def test_a_module_that_a_factory_imports_keeps_the_tensors_of_its_own(self):
        from goldseal.worker.networks.python_builder import build_python

        with open("late_tables.py", "w", encoding="utf-8") as module:
            module.write("import torch\nTABLE = torch.arange(4.)\nclass Net(torch.nn.Linear):\n"
                         "    def __init__(self):\n        super().__init__(4, 4)\n"
                         "    def forward(self, x):\n        return super().forward(x) * TABLE\n")
        with open("late_factory.py", "w", encoding="utf-8") as module:
            module.write("def build():\n    from late_tables import Net\n    return Net()\n")
        self.addCleanup(sys.path.__setitem__, slice(None), list(sys.path))
        loaders = [dict(vars(loader)) for loader in (importlib.machinery.SourceFileLoader, importlib.machinery.ExtensionFileLoader)]
        network = build_python("late_factory:build", {})
        self.assertEqual(loaders, [dict(vars(loader)) for loader in (importlib.machinery.SourceFileLoader, importlib.machinery.ExtensionFileLoader)])
        self.assertEqual(sys.modules["late_tables"].TABLE.tolist(), [0, 1, 2, 3])
        self.assertEqual(network.module.weight.is_meta, hasattr(torch.device, "__enter__"))
        self.assertFalse(torch.zeros(1).is_meta)

    # --- B44: weights that are constants of an archive's code --------------------------------------------------------------

    def archive(self, form, module):
        made = torch.jit.script(module) if "script" in form else torch.jit.trace(module, X4)
        torch.jit.save(torch.jit.freeze(made) if "frozen" in form else made, "net.pt")

    def test_b44_an_archive_is_sealed_with_the_constants_of_its_code(self):
        module, other = filled(networks.Constants()), filled(networks.Constants(), 2)
        for form in ("frozen script", "frozen trace", "trace"):
            with self.subTest(form):
                self.archive(form, module)
                np.save("x.npy", X4.numpy())
                report = self.command("capture", "net.pt", "--input", "x=x.npy", "-o", "net.seal", "--force")
                self.assertTrue(report, report)
                self.told(report, "keys.network", status="pass")
                with open("net.seal/manifest.toml", encoding="utf-8") as manifest:
                    self.assertIn("constants.0", manifest.read())
                report = self.command("verify", "net.seal")
                self.assertTrue(report, report)
                self.told(report, "golden.float64", status="pass")
                self.archive(form, other)
                report = self.command("verify", "net.seal")
                self.assertEqual(report.exit_code, 1, report)
                os.rename("net.pt", "moved.pt")
                self.archive(form, module)
                self.assertTrue(self.command("verify", "net.seal", "--checkpoint", "net.pt"))
                self.assertFalse(self.command("verify", "net.seal", "--checkpoint", "moved.pt"))
                # The code of a trace holds the same constants whatever its weights are; that of a frozen archive holds the weights.
                odd = self.command("capture", "net.pt", "--model", "torchscript:moved.pt", "--input", "x=x.npy", "-o", "odd.seal")
                self.assertEqual(bool(odd), form == "trace", odd)

    def test_b08_a_state_dict_is_no_checkpoint_of_a_frozen_archive(self):
        module = filled(networks.Constants())
        self.archive("frozen script", module)
        torch.save(module.state_dict(), "net.pth")
        np.save("x.npy", X4.numpy())
        report = self.command("capture", "net.pth", "--model", "torchscript:net.pt", "--input", "x=x.npy", "-o", "net.seal")
        self.told(report, "keys.network", "torch.jit.freeze made them constants of its code")

    def test_f18_complex_weights_and_tables_are_loaded_and_judged(self):
        module = filled(networks.Spectral())
        self.sealed("Spectral", module)
        self.assertTrue(self.verify("Spectral"))
        self.assertTrue(goldseal.verify("net.seal", module))
        module.turns.mul_(1j)
        report = goldseal.verify("net.seal", module)
        self.told(report, "tensors.loaded", "other weights")
        self.assertEqual(report.exit_code, 1)

    def test_f18_weights_of_every_type_that_a_checkpoint_has_are_loaded_and_judged(self):
        names = "uint16 uint64 float8_e4m3fn float8_e8m0fnu".split()
        for dtype in [name for name in names if hasattr(torch, name)]:
            with self.subTest(dtype):
                module = networks.Typed(dtype)
                torch.save(module.state_dict(), "net.pth")
                goldseal.seal(module, "net.pth", inputs=X4, factory=f"loading_networks:Typed?dtype={dtype}", embed=False, on_error="raise")
                self.assertTrue(goldseal.verify("net.seal", module))
                module.scale = torch.tensor([2.0, 4.0]).to(getattr(torch, dtype))
                self.told(goldseal.verify("net.seal", module), "tensors.loaded", "other weights")

    def test_an_output_that_cannot_be_compared_is_named_with_what_to_return(self):
        plain = torch.ones(2, 2)
        for output, found, returned in (
            (plain * 1j, "complex64", "view_as_real"),
            (plain.to_sparse(), "sparse_coo", "to_dense"),
            (torch.quantize_per_tensor(plain, 1.0, 0, torch.quint8), "quantized", "dequantize"),
            *([(torch.nested.nested_tensor([plain, plain[:1]]), "nested", "to_padded_tensor")] if hasattr(torch, "nested") else []),
            *([(plain.to(torch.float8_e5m2), "float8_e5m2", "float()")] if hasattr(torch, "float8_e5m2") else []),
        ):
            with self.subTest(found), self.assertRaises(Refusal) as raised:
                flatten({"logits": plain, "mask": output})
            self.assertIn("output `mask`", raised.exception.message)
            self.assertIn(found, raised.exception.message)
            self.assertIn(returned, raised.exception.remedy)

    def test_f02_parts_that_are_wrapped_on_one_side_are_the_same_network(self):
        plain = filled(networks.AutocastInside(0))
        wrapped = filled(networks.AutocastInside(0))
        wrapped.linear = torch.nn.DataParallel(wrapped.linear)
        torch.save(wrapped.state_dict(), "net.pth")
        with warnings.catch_warnings():
            warnings.simplefilter("error", goldseal.GoldsealWarning)
            goldseal.seal(wrapped, "net.pth", inputs=X4, factory="loading_networks:AutocastInside?on=0", embed=False, on_error="raise")
        for model in (wrapped, plain):
            self.assertTrue(goldseal.verify("net.seal", model), goldseal.verify("net.seal", model))
        self.assertTrue(self.verify("AutocastInside?on=0"))
        self.assertIsInstance(wrapped.linear, torch.nn.DataParallel)
        own = filled(networks.Wraps())
        torch.save(own.state_dict(), "own.pth")
        goldseal.seal(own, "own.pth", inputs=X4, factory="loading_networks:Wraps", embed=False, on_error="raise")
        self.assertTrue(goldseal.verify("own.seal", own))

    @unittest.skipUnless(hasattr(torch.device, "__enter__"), "this PyTorch does not build on the meta device")
    def test_f06_load_gives_a_model_on_the_meta_device_tensors_of_its_own(self):
        module = filled(networks.Plain())
        self.sealed("Plain", module)
        with torch.device("meta"):
            empty = networks.Plain()
        with self.assertRaises(goldseal.GoldsealError):
            goldseal.load("net.seal", empty, checkpoint="absent.pth")
        self.assertTrue(all(tensor.is_meta for tensor in empty.parameters()))
        goldseal.load("net.seal", empty)
        self.assertTrue(all(isinstance(tensor, torch.nn.Parameter) and tensor.requires_grad for tensor in empty.parameters()))
        os.remove("net.pth")  # nothing stays mapped from it
        with torch.no_grad():
            self.assertTrue(torch.equal(empty(X4), module(X4)))

    def test_b11_a_quantized_model_is_named_as_that(self):
        module = filled(networks.AutocastInside(0))
        self.sealed("AutocastInside?on=0", module)
        quantized = torch.ao.quantization.quantize_dynamic(module, {torch.nn.Linear})
        for judge in (goldseal.verify, goldseal.load):
            with self.assertRaisesRegex(goldseal.GoldsealError, r"quantized\.dynamic\.Linear: its weights are packed"):
                judge("net.seal", quantized)

    def test_f06_a_program_holds_what_the_checkpoint_lacks(self):
        module = filled(networks.Constants())
        state = {name: value for name, value in module.state_dict().items() if name != "norm.num_batches_tracked" and name != "order"}
        torch.save(state, "net.pth")
        admitted = ("--allow-missing", "*num_batches_tracked", "--allow-missing", "order")
        report = self.capture("Constants", X4, *admitted, "--embed")
        self.assertTrue(report, report)
        self.told(report, "seal.architecture", "holds the 2 tensors that the checkpoint lacks", status="pass")
        report = self.verify("Constants")
        self.assertTrue(report, report)

    def test_b01_what_no_answer_depends_on_may_differ(self):
        self.sealed("Scratch", filled(networks.Scratch()))
        self.assertTrue(self.verify("Scratch"))

    # --- B20: randomness ---------------------------------------------------------------------------------------------------

    def test_b01_numbers_and_arrays_that_forward_reads_are_sealed(self):
        self.sealed("Numbers", filled(networks.Numbers()))
        changed = {"scale": 0.25, "shift": 2, "table": 1.0, "setting": 1.0, "option": 1.0, "far": 1.0, "flag": False, "slope": 0.1,
                   "factor": 2.0, "power": 2.0}
        report = self.verify("Numbers?" + "&".join(f"{name}={value}" for name, value in changed.items()))
        finding = self.told(report, "model.state", "other values", "scale", "shift", "table", "settings.deep.0.setting", "options.option", "far", "flag",
                            "act.negative_slope", "loading_networks:FACTOR", "loading_networks:SHIFT", "power")
        self.assertNotIn("calls", str(finding.raw))
        report = self.verify("Numbers?far=1.0")  # where no golden input goes
        self.told(report, "model.state", "far has other values")
        self.told(report, "golden.float64", status="pass")
        report = self.verify("Numbers?noted=1.0")
        self.assertTrue(report, report)

    def test_b01_a_factory_that_sets_another_number_is_told_where_it_can_be_mended(self):
        model = filled(networks.Numbers(scale=0.25))
        torch.save(model.state_dict(), "net.pth")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            goldseal.seal(model, "net.pth", inputs=X4, factory="loading_networks:Numbers", embed=False)
        self.assertTrue(any("another scale (0.5; the model has 0.25)" in str(one.message) for one in caught), [str(one.message) for one in caught])
        self.told(self.verify("Numbers"), "model.state", "scale has other values")
        from goldseal.preserved import keeping_random_numbers
        from goldseal.factory_trial import objection_to

        rotary = networks.Rotary()
        self.assertIsNone(objection_to("python:loading_networks:Rotary", rotary, keeping_random_numbers))
        rotary.inv_freq *= 2
        self.assertIn("another inv_freq", objection_to("python:loading_networks:Rotary", rotary, keeping_random_numbers))
        self.assertTrue(self.verify("Numbers?scale=0.25"))

    def test_b20_what_draws_in_evaluation_mode_is_refused_by_name(self):
        torch.save(filled(networks.Random()).state_dict(), "net.pth")
        for how, *parts in (("dropout", "drop", "dropout"), ("randn", "randn_like"), ("bernoulli", "bernoulli"), ("seeded", "randn"),
                            ("generator", "randn"), ("numpy", "numpy"), ("default_rng", "random"), ("python", "Python")):
            with self.subTest(how):
                report = self.capture(f"Random?how={how}", X8)
                self.told(report, "golden.random", *parts)
                self.assertFalse(os.path.exists("net.seal"), how)

    def test_b20_sampling_is_refused(self):
        torch.save(filled(networks.Sampling()).state_dict(), "net.pth")
        self.told(self.capture("Sampling", X8), "golden.random", "multinomial")

    def test_b20_numbers_that_are_drawn_and_not_used_are_fine(self):
        self.sealed("Random?how=unused", filled(networks.Random("unused")), X8)
        self.assertTrue(self.verify("Random?how=unused"))

    def test_b20_a_table_that_the_first_pass_draws_is_refused_with_what_draws(self):
        from goldseal.worker.forward_pass import Pass
        from goldseal.worker.networks.network import Network
        from goldseal.worker.numerics.randomness import RandomWatch

        def drawn(network, seed):
            watch = RandomWatch()
            with torch.no_grad():
                return Pass(network, {"x": X4}, None, None, seed, watch).made()[0]["output"]

        for where in ("attribute", "buffer", "list", "class", "cached"):
            for by in ("torch", "python") if where != "cached" else ("torch",):
                with self.subTest(where=where, by=by):
                    network = Network(filled(networks.DrawsFirst(where, by)))
                    one, other, again = drawn(network, 1), drawn(network, 2), drawn(network, 1)
                    self.assertTrue(torch.equal(one, again) and not torch.equal(one, other))
        module = filled(networks.DrawsFirst())
        torch.save(module.state_dict(), "net.pth")
        self.told(self.capture("DrawsFirst?by=python"), "golden.random", "Python's generator")
        with self.assertRaisesRegex(goldseal.GoldsealError, "(?s)draws at random .aten::rand"):
            goldseal.seal(module, "net.pth", inputs=X4, factory="loading_networks:DrawsFirst", embed=False, on_error="raise")
        self.assertIsNone(module.table)

    def test_b20_autocast_within_forward_is_sealed_and_no_answer_that_follows_nothing(self):
        module = filled(networks.AutocastInside())
        self.sealed("AutocastInside", module)
        self.assertTrue(goldseal.verify("net.seal", module))
        # Autocast around the call is no part of the model, and said.
        with torch.autocast("cpu", dtype=torch.bfloat16), self.assertWarnsRegex(goldseal.GoldsealWarning, "autocast is on"):
            self.assertTrue(goldseal.verify("net.seal", module))

    def test_b20_an_output_that_is_cast_to_a_narrower_type_is_judged_in_float64(self):
        for kind in ("bfloat16", "float16"):
            with self.subTest(kind):
                module = filled(networks.CastsOutput(kind))
                spec = f"CastsOutput?kind={kind}"
                torch.save(module.state_dict(), "net.pth")
                goldseal.seal(module, "net.pth", inputs=X4, factory=f"loading_networks:{spec}", embed=False, on_error="raise")
                self.assertTrue(goldseal.verify("net.seal", module))
                module.linear.register_forward_hook(lambda part, given, answer: answer * 1.00001)  # less than bfloat16 shows
                self.assertFalse(goldseal.verify("net.seal", module))

    def test_b20_a_live_model_that_draws_is_not_sealed(self):
        module = filled(networks.Random("dropout"))
        with self.assertRaisesRegex(goldseal.GoldsealError, "random"):
            goldseal.save(module.state_dict(), "net.pth", model=module, inputs=X8, on_error="raise")

    def test_b20_allow_random_seals_what_is_stable_and_notices_that_the_noise_is_gone(self):
        for how in ("dropout", "numpy", "seeded"):
            with self.subTest(how):
                module = filled(networks.Random(how, 1))
                report = self.sealed(f"Random?how={how}&also_stable=1", module, X8, "--allow-random")
                self.told(report, "golden.random", "answer", "nothing", status="warn")
                self.assertTrue(self.verify(f"Random?how={how}&also_stable=1"))
                self.told(self.verify("Random?how=none&also_stable=1"), "golden.random", "answer")
                self.assertTrue(goldseal.seal(module, "net.pth", inputs=X8, factory=f"loading_networks:Random?how={how}&also_stable=1",
                                              allow_random=True, embed=False, on_error="raise"))

    def test_b20_a_model_in_training_mode_is_judged_as_it_serves_and_told(self):
        module = filled(networks.Plain())
        self.sealed("Plain", module)
        report = goldseal.verify("net.seal", module.train())
        self.assertTrue(report, report)
        self.told(report, "model.mode", "training mode", "model.eval()", status="warn")
        self.assertTrue(module.training)
        self.told(goldseal.verify("net.seal", module.eval()), "model.mode", status="pass")

    # --- Live models with hooks, and TorchScript's own ----------------------------------------------------------------------

    def test_hooks_of_a_live_model_are_given_its_arguments_as_they_serve(self):
        module = filled(networks.Plain())
        self.sealed("Plain", module)

        def before(_, given):
            return (given[0] * 1.0,)

        def after(_, given, answer):
            return answer + 0 * given[0].sum()

        for name, register in (
            ("before", lambda live: live.register_forward_pre_hook(before)),
            ("after", lambda live: live.register_forward_hook(after)),
            ("of all", lambda live: torch.nn.modules.module.register_module_forward_pre_hook(before)),
        ):
            with self.subTest(name):
                live = copy.deepcopy(module)
                handle = register(live)
                try:
                    self.assertTrue(goldseal.verify("net.seal", live))
                finally:
                    handle.remove()
        changed = copy.deepcopy(module)
        changed.register_forward_pre_hook(lambda _, given: (given[0] * 0.9,))
        self.told(goldseal.verify("net.seal", changed), "golden.float64")

    def test_a_live_module_of_torchscript_is_judged_and_a_frozen_one_named(self):
        module = filled(networks.Plain())
        self.sealed("Plain", module)
        traced = torch.jit.trace(module, X4)
        self.assertTrue(goldseal.verify("net.seal", traced))
        with self.assertRaisesRegex(goldseal.GoldsealError, "frozen.*torch.jit.freeze"):
            goldseal.verify("net.seal", torch.jit.freeze(traced))
        with self.assertWarnsRegex(goldseal.GoldsealWarning, "frozen"):
            goldseal.save(module.state_dict(), "kept.pth", model=torch.jit.freeze(traced), inputs=X4)
        self.assertTrue(os.path.exists("kept.pth"))

    # --- B11: tensors of another class -------------------------------------------------------------------------------------

    def test_b11_a_parameter_made_of_others_is_refused_with_its_class(self):
        torch.save(filled(networks.Plain()).state_dict(), "net.pth")
        np.save("x.npy", X4.numpy())
        try:
            report = self.capture("Quantized")
            self.assertFalse(report)
            said = str(report)
        except goldseal.GoldsealError as error:
            said = str(error)
        self.assertIn("Packed", said)
        self.assertIn("weight", said)
        with self.assertRaisesRegex(goldseal.GoldsealError, "Packed"):
            goldseal.seal(networks.Quantized(), "net.pth", inputs=X4, on_error="raise")

    def test_b11_a_marked_parameter_keeps_its_class(self):
        module = filled(networks.Labelled())
        self.sealed("Labelled", module)
        self.assertTrue(self.verify("Labelled"))
        self.assertTrue(goldseal.verify("net.seal", module))
        self.assertTrue(goldseal.load("net.seal", module))
        self.assertIs(type(module.weight), networks.Marked)

    def wrapped_checkpoint(self, seed=1):
        state = filled(networks.Wrapped(), seed).state_dict()
        torch.save({name: getattr(tensor, "wrapped_tensor", tensor).clone() for name, tensor in state.items()}, "net.pth")

    def test_b11_a_parameter_that_wraps_one_tensor_is_loaded_by_its_own_copy(self):
        self.wrapped_checkpoint()
        for how in ("copies", "replaces"):
            report = self.capture(f"Wrapped?how={how}")
            self.assertTrue(report, report)
            report = self.verify(f"Wrapped?how={how}")
            self.assertTrue(report, report)
            self.told(report, "golden.float64", status="pass")
            report = self.verify(f"Wrapped?how={how}&scale=1.01")
            self.assertEqual(report.exit_code, 1, report)

    def test_b11_a_live_model_with_wrapped_parameters_is_filled_or_left(self):
        self.wrapped_checkpoint()
        np.save("x.npy", X4.numpy())
        self.assertTrue(self.capture("Wrapped"))
        for how in ("copies", "replaces"):
            model = networks.Wrapped(how).eval()
            own = model.weight
            self.assertFalse(goldseal.verify("net.seal", model))
            self.assertTrue(torch.equal(model.weight.wrapped_tensor, torch.ones(4, 4)))
            self.assertTrue(goldseal.load("net.seal", model))
            self.assertIs(model.weight, own)
            self.assertTrue(torch.equal(model.weight.wrapped_tensor, torch.load("net.pth")["weight"]))
            self.assertTrue(goldseal.verify("net.seal", model))
        model = networks.Wrapped(scale=2.0).eval()
        with self.assertRaises(goldseal.GoldsealError):
            goldseal.load("net.seal", model)
        self.assertTrue(torch.equal(model.weight.wrapped_tensor, torch.ones(4, 4)))

    def test_b11_what_a_wrapper_rounds_or_refuses_is_named(self):
        self.wrapped_checkpoint()
        for how, said in (("rounds", "other values"), ("refuses", "no copy_")):
            with self.assertRaisesRegex(goldseal.GoldsealError, f"(?s){said}") as caught:
                report = self.capture(f"Wrapped?how={how}")
                raise goldseal.GoldsealError(str(report))
            self.assertIn("weight" if how == "rounds" else "load_state_dict", str(caught.exception))

    # --- B09: a file whose tensors are mapped ------------------------------------------------------------------------------

    @unittest.skipUnless("mmap" in torch.load.__code__.co_varnames, "this PyTorch maps no files")
    def test_b09_saving_onto_the_file_that_the_tensors_are_mapped_from_is_safe(self):
        state = {"weight": torch.rand(1024, 1024)}
        torch.save(state, "big.pth")
        mapped = torch.load("big.pth", mmap=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            goldseal.save(mapped, "big.pth")
        self.assertTrue(torch.equal(mapped["weight"], state["weight"]))
        self.assertTrue(torch.equal(torch.load("big.pth")["weight"], state["weight"]))

    def test_b09_a_link_stays_a_link_and_a_failed_save_leaves_the_file(self):
        torch.save({"w": torch.ones(2)}, "real.pth")
        os.symlink("real.pth", "link.pth")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            goldseal.save({"w": torch.zeros(2)}, "link.pth")
        self.assertTrue(os.path.islink("link.pth"))
        self.assertEqual(torch.load("real.pth")["w"].tolist(), [0, 0])
        with self.assertRaises(Exception):
            goldseal.save({"w": lambda: None}, "real.pth")
        self.assertEqual(torch.load("real.pth")["w"].tolist(), [0, 0])
        self.assertEqual(sorted(os.listdir(".")), ["link.pth", "real.pth"])

    def test_arguments_of_seal_do_not_end_a_training(self):
        module = filled(networks.Plain())
        self.assertTrue(goldseal.save(module.state_dict(), "net.pth", model=module, inputs=X4, embed=False, anonymous=True, on_error="raise"))


if __name__ == "__main__":
    unittest.main()
