# SPDX-License-Identifier: Apache-2.0
"""A seal made by the Trainer's callback, by seal_pretrained and by Lightning is not passed over one edited line of configuration
or code. Each is skipped where its library is not installed."""
import importlib
import importlib.util
import json
import logging
import os
import shutil
import sys
import time
import unittest
import warnings

try:
    import torch
except ImportError:
    print("skipped: this Python has no torch")
    sys.exit(125)

import goldseal
from in_directory import InDirectory
from serving_test import command, finding, has_libtorch, replace, report, trust, write

warnings.filterwarnings("ignore", module="lightning|pytorch_lightning|transformers")


def has(name):
    return importlib.util.find_spec(name) is not None


if not any(has(name) for name in ("lightning", "transformers")):
    print("skipped: this Python has neither lightning nor transformers")
    sys.exit(125)

PYTHON = f"python={sys.executable}"
PLAIN = """from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Linear(8, 4), nn.LayerNorm(4, eps=1e-5)
    def forward(self, x, labels=None):
        logits = self.norm(self.stem(x))
        return {"loss": logits.square().sum(), "logits": logits}
"""


@unittest.skipUnless(has("transformers"), "transformers is not installed")
class HuggingFaceTest(InDirectory):
    words = {"input_ids": torch.arange(8)[None], "attention_mask": torch.ones(1, 8, dtype=torch.int64)}

    @staticmethod
    def bert():
        import transformers

        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        torch.manual_seed(0)
        return transformers.BertForSequenceClassification(transformers.BertConfig(
            vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
            max_position_embeddings=16))

    def sealed(self, directory="bert"):
        from goldseal.huggingface import seal_pretrained

        model = self.bert().eval()
        model.save_pretrained(directory)
        write(f"{directory}/tokenizer_config.json", json.dumps({"do_lower_case": True}))
        warnings.simplefilter("ignore", goldseal.GoldsealWarning)
        self.assertIsNotNone(seal_pretrained(model, directory, self.words, on_error="raise"))
        return os.path.join(directory, "model.seal")

    def edits(self, seal, directory):
        """Every edit of one line is found by `check` and by plain `verify`."""
        config = os.path.join(directory, "config.json")
        self.assertEqual(report("check", seal)[0], 0)
        for before, after, named in (("1e-12", "1e-05", "layer_norm_eps"), ('"gelu"', '"relu"', "hidden_act")):
            replace(config, before, after)
            runs = [("check", seal), ("verify", seal, "--runtime", PYTHON, *trust())]
            runs += [("verify", seal)] if has_libtorch() else []
            for arguments in runs:
                code, raw = report(*arguments)
                self.assertEqual(code, 1, arguments)
                self.assertIn(named, finding(raw, "file.description")["message"])
            replace(config, after, before)

    def test_a_directory_that_seal_pretrained_sealed(self):
        """Row 1, bug 3."""
        seal = self.sealed()
        self.edits(seal, "bert")
        replace("bert/tokenizer_config.json", "true", "false")
        self.assertEqual(report("check", seal)[0], 1)

    @unittest.skipUnless(has("accelerate"), "accelerate, which the Trainer needs, is not installed")
    def test_a_checkpoint_that_the_trainers_callback_sealed(self):
        import transformers

        from goldseal.huggingface import SealCallback

        sample = {"input_ids": torch.arange(8), "labels": torch.tensor(1)}
        arguments = transformers.TrainingArguments(
            output_dir="out", max_steps=1, save_steps=1, report_to=[], use_cpu=True, disable_tqdm=True)
        warnings.simplefilter("ignore", goldseal.GoldsealWarning)
        transformers.Trainer(self.bert(), arguments, train_dataset=[sample] * 4,
                             callbacks=[SealCallback(inputs=self.words, on_error="raise")]).train()
        self.edits("out/checkpoint-1/model.seal", "out/checkpoint-1")

    def test_a_plain_module_that_the_trainer_trained(self):
        import transformers

        from goldseal.huggingface import SealCallback, seal_pretrained

        with open("plain.py", "w", encoding="utf-8") as file:
            file.write(PLAIN)
        sys.path.insert(0, os.getcwd())
        try:
            model = importlib.import_module("plain").Net()
        finally:
            sys.path.remove(os.getcwd())
        arguments = transformers.TrainingArguments(
            output_dir="plain-out", max_steps=1, save_steps=1, report_to=[], use_cpu=True, disable_tqdm=True)
        sample = {"x": torch.rand(8), "labels": torch.tensor(1)}
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", goldseal.GoldsealWarning)
            transformers.Trainer(model, arguments, train_dataset=[sample] * 4,
                                 callbacks=[SealCallback(inputs={"x": torch.rand(2, 8)}, on_error="raise")]).train()
        self.assertEqual([str(one.message) for one in told if issubclass(one.category, goldseal.GoldsealWarning)], [])
        seal = "plain-out/checkpoint-1/model.seal"
        code, raw = report("verify", seal, "--runtime", PYTHON, *trust())
        self.assertEqual(code, 0, [one for one in raw["findings"] if one["status"] == "fail"])
        replace("plain.py", "eps=1e-5", "eps=1e-2")
        code, raw = report("verify", seal, "--runtime", PYTHON, *trust())
        self.assertEqual((code, finding(raw, "model.configuration")["status"]), (1, "fail"))
        # An adapter's checkpoint has no weights of its base model.
        os.makedirs("adapter")
        for name in ("adapter_config.json", "adapter_model.safetensors"):
            with open("adapter/" + name, "w", encoding="utf-8") as file:
                file.write("{}")
        with self.assertRaisesRegex(goldseal.GoldsealError, "without its base model"):
            seal_pretrained(model, "adapter", on_error="raise")

    def test_the_directory_is_the_seals_own(self):
        """Row 2, bug 1: the working directory holds the original under the same name."""
        self.sealed()
        shutil.copytree("bert", "v/bert")
        replace("v/bert/config.json", "1e-12", "1e-05")
        code, raw = report("verify", "v/bert/model.seal", "--runtime", PYTHON, *trust())
        self.assertEqual(code, 1)
        self.assertEqual(finding(raw, "model.configuration")["status"], "fail")
        # From anywhere else the network is built from the seal's own directory, and no hub is asked.
        code, raw = report("verify", os.path.abspath("bert/model.seal"), "--runtime", PYTHON, *trust(), cwd="/")
        self.assertEqual(code, 0, [one for one in raw["findings"] if one["status"] == "fail"])

    def test_a_directory_that_is_gone_is_named_and_the_hub_is_not_asked(self):
        seal = self.sealed()
        os.makedirs("target")
        shutil.move(seal, "target/model.seal")
        shutil.move("bert/model.safetensors", "target/model.safetensors")
        shutil.rmtree("bert")
        began = time.monotonic()
        code, raw = report("verify", "target/model.seal", "--checkpoint", "target/model.safetensors", "--runtime", PYTHON, *trust())
        self.assertLess(time.monotonic() - began, 30)  # the hub's time-outs took 48 s
        self.assertEqual(code, 1)
        self.assertIn("no such file or directory", finding(raw, "file.description")["actual"])
        from goldseal.huggingface import network

        with self.assertRaises(goldseal.GoldsealError) as raised:
            network("gone")
        self.assertIn("config.json", str(raised.exception))

    def test_a_worker_is_offline(self):
        write("online.py", "import os\nfrom torch import nn\n\n\ndef make():\n"
                           "    assert os.environ['HF_HUB_OFFLINE'] == os.environ['TRANSFORMERS_OFFLINE'] == '1'\n"
                           "    assert os.environ['HF_DATASETS_OFFLINE'] == '1'\n    return nn.Linear(3, 2)\n")
        torch.save(torch.nn.Linear(3, 2).state_dict(), "line.pth")
        done = command("capture", "line.pth", "--model", "python:online:make", "--input", "random:2x3", "--runtime", PYTHON)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


@unittest.skipUnless(has("lightning"), "lightning is not installed")
class LightningTest(InDirectory):
    CODE = """import lightning
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.stem = nn.Linear(3, width)
        self.norm = nn.LayerNorm(width, eps=1e-5)
        self.head = nn.Linear(width, 1)

    def forward(self, x):
        return self.head(self.norm(self.stem(x)))


class LitNet(lightning.LightningModule):
    def __init__(self, width=4):
        super().__init__()
        self.net = Net(width)
        self.example_input_array = torch.linspace(0, 1, 6).reshape(2, 3)

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, _):
        x, y = batch
        return nn.functional.mse_loss(self(x), y)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)
"""

    def setUp(self):
        super().setUp()
        write("lit.py", self.CODE)
        sys.modules.pop("lit", None)
        sys.path.insert(0, os.getcwd())

    def tearDown(self):
        sys.path.remove(os.getcwd())
        sys.modules.pop("lit", None)
        super().tearDown()

    def fit(self, factory, **arguments):
        import lightning
        import lit

        from goldseal.lightning import SealIO

        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        torch.manual_seed(0)
        model = lit.LitNet(width=4)
        data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.rand(8, 3), torch.rand(8, 1)), batch_size=4)
        trainer = lightning.Trainer(
            max_epochs=1, accelerator="cpu", devices=1, logger=False, enable_progress_bar=False, enable_model_summary=False,
            enable_checkpointing=False, plugins=[SealIO(model, factory=factory, **arguments)])
        trainer.fit(model, data)
        trainer.save_checkpoint("run.ckpt")

    def test_the_documented_factory_gives_a_seal_that_both_runtimes_accept(self):
        """Row 10, bug 9."""
        self.fit("lit:LitNet?width=4", on_error="raise")
        code, raw = report("verify", "run.seal", "--runtime", PYTHON, *trust())
        self.assertEqual(code, 0, [one for one in raw["findings"] if one["status"] == "fail"])
        if has_libtorch():
            self.assertEqual(report("verify", "run.seal", "--runtime", "libtorch")[0], 0)

    def test_one_edited_line_is_not_passed_over(self):
        self.fit("lit:LitNet?width=4", on_error="raise")
        replace("lit.py", "eps=1e-5", "eps=1e-3")
        runs = [("check", "run.seal"), ("verify", "run.seal", "--runtime", PYTHON, *trust())]
        runs += [("verify", "run.seal", "--runtime", "libtorch")] if has_libtorch() else []
        for arguments in runs:
            self.assertEqual(report(*arguments)[0], 1, arguments)

    def test_the_factory_of_the_inner_network_is_told_at_the_first_checkpoint(self):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self.fit("lit:Net?width=4")
        told = "\n".join(str(one.message) for one in caught if one.category is goldseal.GoldsealWarning)
        self.assertIn("the inner network: `net.` is missing", told)

    def test_no_old_seal_stays_beside_a_checkpoint_that_could_not_be_sealed(self):
        self.fit("lit:LitNet?width=4", on_error="raise")
        self.assertTrue(os.path.isdir("run.seal"))
        self.fit("lit:LitNet?width=4", inputs=torch.rand(1, 9), on_error="ignore")
        self.assertFalse(os.path.exists("run.seal"))


if __name__ == "__main__":
    unittest.main()
