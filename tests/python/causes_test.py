# SPDX-License-Identifier: Apache-2.0
"""A network that answers otherwise fails by its true cause: what forward() chooses by and no state dict holds. Kinds: texts, functions,
lambdas, partials, types, enums, None, lists, dicts and objects of them, of the class and of globals; what a factory enclosed;
settings of PyTorch's own layers; the environment, the default type; what each process has otherwise."""
import functools
import hashlib
import os
import re
import subprocess
import sys
import unittest

try:
    import numpy as np
    import torch
    import torch.nn.functional as F
    from torch import nn
except ImportError:
    print("skipped: this Python has no torch, or no numpy")
    sys.exit(125)

import causes_networks as networks
import causes_settings as settings
import goldseal
from goldseal import command
from goldseal.worker.state.choices import choices_of, of_process_in
from goldseal.worker.state.hyperparameters import configuration_of
from in_directory import InDirectory

X = torch.rand(6, 4, generator=torch.Generator().manual_seed(1)) - 0.4


class CausesTest(InDirectory):
    def setUp(self):
        super().setUp()
        torch.manual_seed(0)  # of weights that every choice shows with: where all ReLUs are dead, none does
        os.environ["PYTHONPATH"] = os.pathsep.join([os.path.dirname(os.path.abspath(__file__)), *sys.path[:3]])

    def sealed(self, module, **options):
        module.eval()
        torch.save(module.state_dict(), "net.pth")
        goldseal.seal(module, "net.pth", inputs=X, embed=False, on_error="raise", seal="net.seal", **options)
        return module.state_dict()

    def told(self, module, state, name, was, found, status="fail"):
        """`model.configuration` names the choice, as it was and as it is; and the same network passes."""
        module.load_state_dict(state)
        report = goldseal.verify("net.seal", module.eval())
        finding = next(one for one in report.findings if one.id == "model.configuration")
        self.assertEqual(finding.status, status, report)
        rows = [row for table in finding.raw.get("tables", []) for row in table["rows"]]
        self.assertIn([name, was, found], [row[:3] for row in rows], report)
        self.assertTrue(finding.fix, report)
        if status == "fail":
            self.assertEqual(report.exit_code, 1, report)

    def test_b57_choices_of_the_users_own_modules_are_named(self):
        state = self.sealed(networks.Chooses())
        same = networks.Chooses()
        same.load_state_dict(state)
        self.assertTrue(goldseal.verify("net.seal", same.eval()))
        rows = (
            ({"word": "tanh"}, "word", '"relu"', '"tanh"'),
            ({"act": F.gelu}, "act", "function torch.nn.functional.relu", "function torch.nn.functional.gelu"),
            ({"act": lambda x: F.relu(x) * 3}, "act", "function torch.nn.functional.relu", "function CausesTest.test_b57_choices_of_the_users_own_modules_are_named.<locals>.<lambda>(F, relu, 3)"),
            ({"act": functools.partial(F.hardtanh, max_val=0.1)}, "act", "function torch.nn.functional.relu", "partial of function torch.nn.functional.hardtanh"),
            ({"maker": nn.GELU}, "maker", "class torch.nn.ReLU", "class torch.nn.GELU"),
            ({"extra": torch.tanh}, "extra", "None", "function torch.tanh"),
            ({"extra": 3}, "extra", "None", "a number"),
            ({"names": ["tanh"]}, "names.0", '"relu"', '"tanh"'),
            ({"way": networks.Way.DOWN}, "way", "Way.UP", "Way.DOWN"),
            ({"type": torch.bfloat16}, "type", "torch.float32", "torch.bfloat16"),
            ({"table": {"act": "tanh"}}, "table.act", '"relu"', '"tanh"'),
            ({"slots": networks.Slots("tanh")}, "slots.word", '"relu"', '"tanh"'),
            ({"pair": networks.Pair("tanh", 1)}, "pair.first", '"relu"', '"tanh"'),
            ({"set": {"b", "a"}}, "set", '{"relu"}', '{"a", "b"}'),
            ({"whole": 2 + 0j}, "whole", "(1+0j)", "(2+0j)"),
            ({"kind": "tanh"}, "kind", '"relu"', '"tanh"'),
            ({"static": torch.tanh}, "static", "function torch.nn.functional.relu", "function torch.tanh"),
        )
        for how, name, was, found in rows:
            with self.subTest(name=name, found=found):
                self.told(networks.Chooses(**how), state, name, was, found)
        other = networks.Chooses()
        other.config.hidden = "tanh"
        self.told(other, state, "config.hidden", '"relu"', '"tanh"')
        other = networks.Chooses()
        other.linear.forward = functools.partial(F.linear, weight=torch.ones(4, 4))
        self.told(other, state, "replaced_methods", "none", "linear.forward")
        other = networks.Chooses()
        other.linear.register_forward_hook(networks.doubled)
        self.told(other, state, "forward_hooks", "none", "linear: function doubled")

    def test_b57_another_choice_with_the_same_answers_warns(self):
        state = self.sealed(networks.Chooses())
        self.told(networks.Chooses(act=torch.relu), state, "act", "function torch.nn.functional.relu", "function torch.relu", "warn")

    def test_b57_constants_of_modules_and_what_factories_enclose_are_named(self):
        state = self.sealed(networks.ReadsModule())
        before = networks.MODE, settings.ACT, settings.SCALE
        try:
            for place, name, value, key in (
                (networks, "MODE", "tanh", "causes_networks:MODE"),
                (settings, "ACT", "tanh", "causes_settings:ACT"),
                (settings, "SCALE", 2.0, "causes_settings:SCALE"),
            ):
                was = getattr(place, name)
                setattr(place, name, value)
                words = [str(one) if isinstance(one, float) else f'"{one}"' for one in (was, value)]
                self.told(networks.ReadsModule(), state, key, *words)
                setattr(place, name, was)
        finally:
            networks.MODE, settings.ACT, settings.SCALE = before
        for way, key in (("wraps", "forward.factor"), ("act", "act.factor"), ("closure", "forward.factor"), ("instance", "<lambda>.factor")):
            with self.subTest(way=way):
                state = self.sealed(networks.made(2.0, way), factory=functools.partial(networks.made, factor=2.0, way=way))
                self.told(networks.made(3.0, way), state, key, "2.0", "3.0")

    def test_b57_settings_of_pytorchs_own_layers_are_named(self):
        state = self.sealed(networks.Layers())
        rows = (
            ({"lambd": 0.1}, "shrink.lambd", "0.5", "0.1"),
            ({"k": 3.0}, "norm.k", "1.0", "3.0"),
            ({"divisor_override": 2}, "pool.divisor_override", "3", "2"),
            ({"add_zero_attn": True}, "attention.add_zero_attn", "False", "True"),
            ({"nonlinearity": "relu"}, "cell.nonlinearity", "tanh", "relu"),
            ({"act": nn.SiLU}, "act.class", "ReLU", "SiLU"),
            ({"activation": F.gelu}, "block.activation", "function torch.nn.functional.relu", "function torch.nn.functional.gelu"),
        )
        for how, name, was, found in rows:
            with self.subTest(name=name):
                self.told(networks.Layers(**how), state, name, was, found)

    def test_b57_every_setting_of_a_layer_without_weights_is_told(self):
        rows = (
            (nn.AvgPool2d, (2,), {"ceil_mode": True, "count_include_pad": False, "divisor_override": 3, "padding": 1, "stride": 1}),
            (nn.CosineSimilarity, (), {"dim": 0, "eps": 1e-3}),
            (nn.Embedding, (5, 4), {"max_norm": 1.0, "norm_type": 1.0, "padding_idx": 2}),
            (nn.EmbeddingBag, (5, 4), {"mode": "sum", "max_norm": 1.0, "include_last_offset": True, "padding_idx": 1}),
            (nn.Fold, ((4, 4), 2), {"dilation": 2, "padding": 1, "stride": 2}),
            (nn.GELU, (), {"approximate": "tanh"}),
            (nn.Hardshrink, (), {"lambd": 0.1}),
            (nn.LocalResponseNorm, (2,), {"alpha": 1e-2, "beta": 0.5, "k": 2.0}),
            (nn.LPPool2d, (2, 2), {"stride": 1, "ceil_mode": True}),
            (nn.MaxPool2d, (2,), {"ceil_mode": True, "dilation": 2, "padding": 1, "return_indices": True, "stride": 1}),
            (nn.MultiheadAttention, (4, 2), {"add_zero_attn": True, "batch_first": True}),
            (nn.PairwiseDistance, (), {"p": 1.0, "eps": 1e-3, "keepdim": True}),
            (nn.RNNCell, (4, 4), {"nonlinearity": "relu"}),
            (nn.Softplus, (), {"beta": 2, "threshold": 10}),
            (nn.TransformerEncoderLayer, (4, 2), {"activation": "gelu", "norm_first": True, "layer_norm_eps": 1e-3, "batch_first": True}),
            (nn.Upsample, (), {"scale_factor": 2, "size": 4, "mode": "bilinear", "align_corners": True, "recompute_scale_factor": True}),
            (nn.Conv2d, (2, 2, 3), {"padding_mode": "reflect", "padding": 1, "stride": 2, "dilation": 2}),
        )
        for kind, arguments, settings_of in rows:
            for name, value in settings_of.items():
                one, other = nn.Sequential(kind(*arguments)), nn.Sequential(kind(*arguments, **{name: value}))
                told = [(configuration_of(net), choices_of(net)) for net in (one, other)]
                self.assertNotEqual(*told, f"{kind.__name__}({name}={value})")

    def test_b57_the_environment_and_the_default_type_are_named(self):
        os.environ["CAUSES_TOKEN"] = "tok"
        os.environ["CAUSES_TEXT"] = "a text with a secret in it"
        try:
            state = self.sealed(networks.ReadsEnvironment())
            with open("net.seal/manifest.toml", encoding="utf-8") as file:
                text = file.read()
            self.assertNotIn('"tok"', text)
            self.assertNotIn("with a secret", text)
            os.environ["CAUSES_ACT"] = "tanh"
            self.told(networks.ReadsEnvironment(), state, "os.environ.CAUSES_ACT", "(not set)", "tanh")
            del os.environ["CAUSES_ACT"]
            os.environ["CAUSES_NAMED"] = "tanh"
            self.told(networks.ReadsEnvironment(), state, "os.environ.CAUSES_NAMED", "(not set)", "tanh")
            del os.environ["CAUSES_NAMED"]
            os.environ["CAUSES_TWICE"] = "1"
            self.told(networks.ReadsEnvironment(), state, "os.environ.CAUSES_TWICE", "(not set)", "1")
            del os.environ["CAUSES_TWICE"], os.environ["CAUSES_TOKEN"]
            self.told(networks.ReadsEnvironment(), state, "os.environ.CAUSES_TOKEN", "(set)", "(not set)")
        finally:
            for name in ("CAUSES_ACT", "CAUSES_NAMED", "CAUSES_TWICE", "CAUSES_TOKEN", "CAUSES_TEXT"):
                os.environ.pop(name, None)
        state = self.sealed(networks.ReadsDefaultType())
        module = networks.ReadsDefaultType()
        torch.set_default_dtype(torch.float64)
        try:
            self.told(module, state, "torch.default_dtype", "float32", "float64")
        finally:
            torch.set_default_dtype(torch.float32)

    def test_b57_every_process_tells_the_choices_in_one_order(self):
        code = "import causes_networks as n; from goldseal.worker.state.choices import choices_of as c; print(sorted(c(n.Enclosing()).items()))"
        told = {subprocess.check_output([sys.executable, "-B", "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}) for seed in ("1", "2", "3")}
        self.assertEqual(len(told), 1, told)
        self.assertIn("scaling.factor.2", told.pop().decode())

    def test_b57_a_seal_made_before_holds_no_choices_and_passes(self):
        state = self.sealed(networks.Layers())
        told_since = {"lambd", "k", "divisor_override", "add_zero_attn", "nonlinearity"}
        kept, drop = [], False
        with open("net.seal/manifest.toml", encoding="utf-8") as file:
            for line in file:
                drop = line.strip() == "[model.choices]" if line.startswith("[") else drop
                if not drop and line.split(" =")[0].strip('"').rpartition(".")[2] not in told_since:
                    kept.append(line)
        text = re.sub(r'(?m)^digest = "[0-9a-f]*"$', 'digest = ""', "".join(kept))
        digest = hashlib.sha256(text.encode()).hexdigest()
        with open("net.seal/manifest.toml", "w", encoding="utf-8") as file:
            file.write(text.replace('digest = ""', f'digest = "{digest}"'))
        module = networks.Layers()
        module.load_state_dict(state)
        report = goldseal.verify("net.seal", module.eval())
        finding = next(one for one in report.findings if one.id == "model.configuration")
        self.assertEqual(finding.status, "pass", report)
        self.assertEqual((report.exit_code, "[model.choices]" in text), (0, False), report)

    def capture(self, by):
        os.environ.pop("PYTHONHASHSEED", None)
        torch.save(networks.OfProcess().state_dict(), "net.pth")
        np.save("x.npy", X.numpy())
        return command.run(["capture", "net.pth", "--model", f"python:causes_networks:OfProcess?by={by}", "--input", "x=x.npy", "-o", "net.seal",
                            "--force", "--runtime", "python=" + sys.executable])

    def test_b58_answers_that_follow_the_process_are_not_sealed(self):
        for by, told in (("hash", "hash()"), ("pid", "getpid()"), ("day", "time()")):
            with self.subTest(by=by):
                report = self.capture(by)
                finding = next(one for one in report.findings if one.id == "model.configuration")
                self.assertEqual((finding.status, report.exit_code), ("fail", 1), report)
                self.assertIn("differ from process to process", finding.message)
                self.assertIn(told, finding.message)
        report = self.capture("timed")  # names the clock, and answers alike
        self.assertTrue(report, report)

    def test_b58_a_live_model_whose_answers_follow_the_process_is_told(self):
        os.environ.pop("PYTHONHASHSEED", None)
        factory = functools.partial(networks.OfProcess, by="pid")
        with self.assertRaisesRegex(goldseal.GoldsealError, r"in another process .* answers otherwise .* getpid\(\)"):
            self.sealed(factory(), factory=factory)
        self.assertEqual(self.seals(), [])
        factory = functools.partial(networks.OfProcess, by="timed")
        self.sealed(factory(), factory=factory)

    def test_b58_what_follows_the_process_is_seen_in_the_code_alone(self):
        self.assertEqual(of_process_in(networks.Chooses()), [])
        self.assertIn("a set", of_process_in(networks.OfProcess()))
        self.assertIn("os.environ.PYTHONHASHSEED", choices_of(networks.OfProcess()))


if __name__ == "__main__":
    unittest.main()
