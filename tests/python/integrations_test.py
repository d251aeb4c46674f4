# SPDX-License-Identifier: Apache-2.0
"""The hooks for Lightning, transformers and pytest with the real libraries, on small models. Each is skipped where its library
is not installed."""
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

import goldseal
from in_directory import InDirectory

warnings.filterwarnings("ignore", module="lightning|pytorch_lightning|transformers")


def has(name):
    return importlib.util.find_spec(name) is not None


if not any(has(name) for name in ("lightning", "transformers", "pytest")):
    print("skipped: this Python has neither lightning, transformers nor pytest")
    sys.exit(125)


@unittest.skipUnless(has("lightning"), "lightning is not installed")
class LightningTest(InDirectory):
    def fit(self, **arguments):
        import logging

        import lightning
        import lightning_network
        from lightning.pytorch.callbacks import ModelCheckpoint

        from goldseal.lightning import SealIO

        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        torch.manual_seed(0)
        model = lightning_network.Regressor(width=4)
        data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.rand(8, 3), torch.rand(8, 1)), batch_size=4)
        trainer = lightning.Trainer(
            max_epochs=4, accelerator="cpu", devices=1, logger=False, enable_progress_bar=False, enable_model_summary=False,
            plugins=[SealIO(model, factory="lightning_network:Regressor?width=4", on_error="raise", **arguments)],
            callbacks=[ModelCheckpoint(dirpath="checkpoints", filename="{epoch}", monitor="loss", mode="max", save_top_k=2)])
        trainer.fit(model, data)
        return model

    def test_every_checkpoint_is_sealed_and_a_seal_goes_with_its_checkpoint(self):
        self.fit()
        kept = sorted(os.path.join(".", "checkpoints", name) for name in os.listdir("checkpoints") if name.endswith(".ckpt"))
        self.assertEqual(len(kept), 2)
        self.assertEqual(self.seals(), [path.replace(".ckpt", ".seal") for path in kept])
        for seal in self.seals():
            report = goldseal.verify(seal, trust_code=True)
            self.assertTrue(report, report)

    def test_given_inputs_take_the_place_of_the_modules_own(self):
        self.fit(inputs=torch.rand(5, 3))
        self.assertTrue(goldseal.verify(self.seals()[0], quick=True, trust_code=True))

    def test_row_19_what_is_wrong_is_told_before_the_first_epoch(self):
        import lightning_network

        from goldseal.lightning import SealIO

        model = lightning_network.Regressor(width=4)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            SealIO(model)
            SealIO(torch.nn.Linear(3, 1), inputs=torch.rand(2, 3))
            self.assertEqual([one for one in told if issubclass(one.category, goldseal.GoldsealWarning)], [])
            SealIO(torch.nn.Linear(3, 1))
            SealIO(model, input=torch.rand(2, 3))
        texts = [str(one.message) for one in told if issubclass(one.category, goldseal.GoldsealWarning)]
        self.assertEqual(len(texts), 2, texts)
        self.assertIn("expected golden inputs, found none", texts[0])
        self.assertIn("input= is not an argument of goldseal.seal, and was left out", texts[1])
        for arguments in ({"on_error": "raise"}, {"inputs": 1, "emebd": True, "on_error": "raise"}):
            with self.assertRaises(goldseal.GoldsealError):
                SealIO(torch.nn.Linear(3, 1), **arguments)
        with self.assertRaises(ValueError):
            SealIO(model, on_error="shout")


@unittest.skipUnless(has("transformers"), "transformers is not installed")
class HuggingFaceTest(InDirectory):
    words = {"input_ids": torch.arange(8)[None], "attention_mask": torch.ones(1, 8, dtype=torch.int64)}

    @staticmethod
    def gpt():
        import transformers

        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        torch.manual_seed(0)
        return transformers.GPT2LMHeadModel(transformers.GPT2Config(
            vocab_size=50, n_positions=16, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0))

    @unittest.skipUnless(has("accelerate"), "accelerate, which the Trainer needs, is not installed")
    def test_every_checkpoint_of_a_trainer_is_sealed_inside_its_directory(self):
        import transformers

        from goldseal.huggingface import SealCallback

        sample = {"input_ids": torch.arange(8), "labels": torch.arange(8)}
        arguments = transformers.TrainingArguments(
            output_dir="out", max_steps=3, save_steps=1, save_total_limit=2, report_to=[], use_cpu=True, disable_tqdm=True)
        transformers.Trainer(self.gpt(), arguments, train_dataset=[sample] * 4,
                             callbacks=[SealCallback(inputs=self.words, on_error="raise")]).train()
        self.assertEqual(self.seals(), ["./out/checkpoint-2/model.seal", "./out/checkpoint-3/model.seal"])
        for seal in self.seals():
            report = goldseal.verify(seal, trust_code=True)
            self.assertTrue(report, report)

    def test_tied_weights_of_which_a_file_holds_one_are_sealed_and_verified(self):
        from goldseal.huggingface import seal_pretrained

        model = self.gpt()
        model.save_pretrained("gpt")
        self.assertEqual(str(seal_pretrained(model, "gpt", self.words, on_error="raise")), "gpt/model.seal")
        self.assertTrue(goldseal.verify("gpt/model.seal", trust_code=True))
        other = self.gpt()
        with torch.no_grad():
            other.transformer.wte.weight += 1
        self.assertTrue(goldseal.load("gpt/model.seal", other, outputs=lambda answer: {"logits": answer.logits}))
        self.assertIs(other.lm_head.weight, other.transformer.wte.weight)
        self.assertTrue(torch.equal(other.lm_head.weight, model.lm_head.weight))

    def test_a_directory_without_weights_is_named(self):
        from goldseal.huggingface import seal_pretrained

        with self.assertRaises(goldseal.GoldsealError) as raised:
            seal_pretrained(self.gpt(), ".", self.words, on_error="raise")
        self.assertIn("model.safetensors", str(raised.exception))


@unittest.skipUnless(has("pytest"), "pytest is not installed")
class PytestTest(InDirectory):
    def test_the_fixture_passes_a_sound_seal_and_fails_with_the_report(self):
        import networks

        model = networks.Net()
        goldseal.save(model.state_dict(), "net.pth", model=model, inputs=torch.rand(1, 3, 8, 8), on_error="raise")
        with open("test_model.py", "w", encoding="utf-8") as file:
            file.write("def test_sound(goldseal_verify):\n    assert goldseal_verify('net.seal', trust_code=True).verdict == 'PASS'\n\n\n"
                       "def test_other(goldseal_verify):\n    goldseal_verify('net.seal', factory='networks:Net?eps=0.1')\n")
        plugin = [] if has_entry_point() else ["-p", "goldseal.pytest_plugin"]
        finished = subprocess.run([sys.executable, "-m", "pytest", "-q", *plugin, "test_model.py"], capture_output=True, text=True,
                                  check=False)
        self.assertIn("1 failed, 1 passed", finished.stdout, finished.stdout + finished.stderr)
        self.assertIn("golden.float64", finished.stdout)


def has_entry_point():
    from importlib.metadata import entry_points

    points = entry_points()
    chosen = points.select(group="pytest11") if hasattr(points, "select") else points.get("pytest11", [])
    return any(point.name == "goldseal" for point in chosen)


if __name__ == "__main__":
    unittest.main()
