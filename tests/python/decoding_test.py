# SPDX-License-Identifier: Apache-2.0
"""Seals of greedy decoding with a cache (steps=): the sealed path of tokens is fed, and the logits of each step are compared. Faults of
positions, of what is cached, of the cache's length, of rotary tables and of the tokens that are fed show; lawful differences do not:
another machine's kernels, decoding without a cache, tokens that are nearly alike. The command is the one that GOLDSEAL_COMMAND names."""

import functools
import importlib.util
import os
import subprocess
import sys
import unittest
import warnings

try:
    import torch
except ImportError:
    print("skipped: this Python has no torch")
    sys.exit(125)

import decoding_networks
import goldseal
from goldseal import generation
from in_directory import InDirectory

COMMAND = os.environ["GOLDSEAL_COMMAND"]
IDS = torch.randint(0, decoding_networks.VOCABULARY, (1, 6), generator=torch.Generator().manual_seed(2))
FAULTS = ["position_behind", "position_stuck", "stale", "short", "long", "own_tokens"]


class DecodingTest(InDirectory):
    def seal(self, generate=None, steps=5, name="net", ids=IDS, **options):
        net = decoding_networks.build(**options).eval()
        torch.save(net.state_dict(), f"{name}.pt")
        factory = "decoding_networks:build" + ("?" + "&".join(f"{key}={value}" for key, value in options.items()) if options else "")
        inputs = {"input_ids": ids}
        place = goldseal.seal(net, f"{name}.pt", inputs=inputs, factory=factory, steps=steps, generate=generate, on_error="raise")
        self.assertNotIn("forward", vars(net))
        return net, place

    def test_sound_decoding_agrees_and_faults_are_named(self):
        net, place = self.seal()
        self.assertTrue(goldseal.verify(place, net))
        for generate in (decoding_networks.sound, decoding_networks.uncached):
            with self.subTest(generate=generate.__name__):
                report = goldseal.verify(place, net, generate=generate)
                self.assertTrue(report, report)
        for fault in FAULTS:
            with self.subTest(fault=fault):
                report = goldseal.verify(place, net, generate=getattr(decoding_networks, fault))
                failed = [finding.id for finding in report.findings if finding.status == "fail"]
                self.assertIn("golden.float64", failed, report)
        other = decoding_networks.build(base=500000.0).eval()
        report = goldseal.verify(place, other)
        self.assertFalse(report)
        self.assertIn("base", str(report))

    def test_a_path_of_near_ties_is_no_false_alarm(self):
        self.seal(flat=1, steps=4)
        code = (
            "import decoding_networks, goldseal, sys, torch\n"
            "net = decoding_networks.build(flat=1).eval()\n"
            "net.load_state_dict(torch.load('net.pt'))\n"
            "report = goldseal.verify('net.seal', net)\n"
            "print(report)\n"
            "sys.exit(0 if report else 1)\n"
        )
        for capability in ("default", "avx2"):
            with self.subTest(capability=capability):
                environment = {**os.environ, "ATEN_CPU_CAPABILITY": capability}
                done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_callable_is_the_users_and_the_seal_names_it(self):
        _, place = self.seal(generate=decoding_networks.sound, steps=3, ids=IDS.repeat(2, 1).roll(1, 0))
        report = goldseal.verify(place, trust_code=True)
        self.assertTrue(report, report)
        with open(os.path.join(place, "manifest.toml"), encoding="utf-8") as file:
            text = file.read()
        self.assertIn('generate = "decoding_networks:sound"', text)

    def test_a_callable_without_a_name_costs_no_seal_and_no_other_decoding_stands_for_it(self):
        net = decoding_networks.build().eval()
        torch.save(net.state_dict(), "net.pt")

        class Decoder:
            def __call__(self, model, inputs, tokens):
                return decoding_networks.sound(model, inputs, tokens)

            def decode(self, model, inputs, tokens):
                return self(model, inputs, tokens)

        def local(model, inputs, tokens):
            return decoding_networks.sound(model, inputs, tokens)

        ways = (lambda *given: decoding_networks.sound(*given), local, functools.partial(decoding_networks.sound), Decoder(),
                Decoder().decode, decoding_networks.OwnDecoding().decode)  # fmt: skip
        for generate in ways:
            with self.subTest(generate=generate), warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                place = goldseal.save(net.state_dict(), "net.pt", model=net, inputs={"input_ids": IDS}, factory="decoding_networks:build",
                                      steps=3, generate=generate)  # fmt: skip
                self.assertIsNotNone(place, told)
                self.assertIn("generate: ", " ".join(str(each.message) for each in told))
                self.assertTrue(goldseal.verify(place, net, generate=generate))
                report = goldseal.verify(place, net)
                self.assertFalse(report)
                self.assertIn("has no name that another process can import", str(report))
                report = goldseal.verify(place, trust_code=True)
                self.assertFalse(report)
                self.assertIn("has no name that another process can import", str(report))

    def test_the_path_is_the_one_that_each_step_anew_gives_and_costs_a_call_a_step(self):
        steps, calls = 6, []
        for flat in (0, 1):
            net = decoding_networks.build(flat=flat).eval()
            net.register_forward_hook(lambda *_: calls.append(1))
            inputs = {"input_ids": (IDS + 7 * torch.arange(3)[:, None]) % decoding_networks.VOCABULARY}
            paths = {}
            # Those of the user's are called with 1, 2, … columns.
            ways = {"own": None, "anew": lambda *given: generation.cached_steps(*given), "sound": decoding_networks.sound}
            for name, generate in ways.items():
                calls.clear()
                with generation.generating(net, generate) as run:
                    paths[name] = run.path(inputs, steps)
                self.assertEqual(len(calls), steps if name == "own" else steps * (steps + 1) // 2, name)
            with self.subTest(flat=flat):
                self.assertTrue(torch.equal(paths["own"], paths["anew"]), paths)
                self.assertTrue(torch.equal(paths["own"], paths["sound"]), paths)

    def test_what_is_no_decoding_is_refused(self):
        for steps, generate, word in ((0, None, "steps"), (None, decoding_networks.sound, "steps"), (3, 7, "generate"), (3, decoding_networks.ill_formed, "logits")):
            with self.subTest(word=word), self.assertRaises((ValueError, goldseal.GoldsealError)) as caught, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.seal(generate=generate, steps=steps)
            self.assertIn(word, str(caught.exception))

    @unittest.skipUnless(importlib.util.find_spec("transformers"), "transformers is not installed")
    def test_a_model_of_transformers_decodes_by_itself(self):
        import transformers

        config = transformers.LlamaConfig(
            vocab_size=97, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2
        )
        torch.manual_seed(0)
        net = transformers.LlamaForCausalLM(config).eval()
        torch.save(net.state_dict(), "llama.pt")
        mask = torch.tensor([[1, 1, 1, 1, 1], [0, 0, 1, 1, 1]])
        inputs = {"input_ids": torch.randint(0, 97, (2, 5)), "attention_mask": mask, "position_ids": (mask.cumsum(1) - 1).clamp(min=0)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            place = goldseal.seal(net, "llama.pt", inputs=inputs, steps=4, on_error="raise")
        self.assertTrue(goldseal.verify(place, net))
        config.rope_theta = 500000.0
        if hasattr(config, "rope_parameters"):
            config.rope_parameters = {**config.rope_parameters, "rope_theta": 500000.0}
        other = transformers.LlamaForCausalLM(config).eval()
        other.load_state_dict(net.state_dict())
        self.assertFalse(goldseal.verify(place, other))


if __name__ == "__main__":
    unittest.main()
