# SPDX-License-Identifier: Apache-2.0
"""Directories as libraries save them (issue 24, item 6; newcomer row 22). Kinds: each library's directory; sharded and half
precision; parts; what is no library's directory, what lacks weights, what is broken JSON, an adapter; a library that is not
installed; then the command. Exit code 125: transformers is not installed."""
import json
import os
import subprocess
import sys
import tempfile
import unittest
import warnings
from pathlib import Path

try:
    import torch
    import transformers
except ImportError:
    print("skipped: this Python has no transformers")
    sys.exit(125)

import goldseal
from goldseal.directory import recognise

os.environ.update({"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"})
warnings.simplefilter("ignore")


def bert(place, **options):
    config = transformers.BertConfig(vocab_size=99, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
                                     max_position_embeddings=32)
    transformers.BertModel(config).save_pretrained(place, **options)


def importable(library):
    try:
        __import__(library)
        return True
    except Exception:  # a torchvision of another PyTorch raises anything
        return False


class Directories(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        torch.manual_seed(0)

    def place(self, name, **files):
        place = self.folder / name
        place.mkdir(parents=True)
        for file, content in files.items():
            (place / file.replace("__", ".")).write_text(content if isinstance(content, str) else json.dumps(content))
        return place

    def passes(self, seal):
        report = goldseal.verify(seal, trust_code=True)
        self.assertTrue(report, str(report))

    def test_transformers_by_itself_and_judged_elsewhere(self):
        bert(self.folder / "bert")
        (seal,) = goldseal.seal_directory(self.folder / "bert", embed=False)
        self.assertEqual(seal, self.folder / "bert/model.seal")
        self.passes(seal)
        # Another eps in the configuration is another network.
        config = self.folder / "bert/config.json"
        config.write_text(config.read_text().replace('"layer_norm_eps": 1e-12', '"layer_norm_eps": 0.001'))
        self.assertEqual(goldseal.verify(seal, trust_code=True).exit_code, 1)

    def test_code_of_the_directorys_own_is_named_and_never_asked_for(self):
        place = self.place("own", config__json={"model_type": "mine", "architectures": ["Mine"],
                                                "auto_map": {"AutoConfig": "configuration_mine.MineConfig", "AutoModel": "modeling_mine.Mine"}},
                           configuration_mine__py="raise SystemExit('it was run')", modeling_mine__py="", model__safetensors="")
        with self.assertRaisesRegex(goldseal.GoldsealError, r"(?s)auto_map: modeling_mine\.Mine.*seal_pretrained"):
            goldseal.seal_directory(place)
        # Where transformers has the architecture, its own is sealed, and that is said.
        known = self.folder / "known"
        bert(known)
        config = json.loads((known / "config.json").read_text())
        (known / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "modeling_mine.Mine"}}))
        (known / "modeling_mine.py").write_text("raise SystemExit('it was run')")
        with self.assertWarnsRegex(goldseal.GoldsealWarning, r"modeling_mine\.Mine.*own BertModel.*another network serves"):
            seal, = goldseal.seal_directory(known)
        self.passes(seal)

    @unittest.skipUnless(int(transformers.__version__.partition(".")[0]) >= 5, "transformers renames from 5 on")
    def test_names_that_the_library_changes_when_it_loads_are_told_as_its_doing(self):
        config = transformers.ViTConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=16, patch_size=8)
        transformers.ViTForImageClassification(config).save_pretrained(self.folder / "vit")
        with self.assertRaisesRegex(goldseal.GoldsealError, r"transformers renames these weights.*goldseal\.save"):
            goldseal.seal_directory(self.folder / "vit")

    def test_shards_in_bfloat16(self):
        config = transformers.LlamaConfig(vocab_size=99, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
        transformers.LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(self.folder / "llama", max_shard_size="6KB")
        self.assertTrue((self.folder / "llama/model.safetensors.index.json").is_file())
        (seal,) = goldseal.seal_directory(self.folder / "llama", embed=False)
        self.assertEqual(seal.name, "model.safetensors.index.seal")
        self.passes(seal)

    def test_sentence_transformers_seals_the_encoder_and_names_what_it_leaves(self):
        bert(self.folder / "st")
        modules = [{"idx": 0, "path": "", "type": "sentence_transformers.models.Transformer"},
                   {"idx": 1, "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]
        (self.folder / "st/modules.json").write_text(json.dumps(modules))
        self.place("st/1_Pooling", config__json={"pooling_mode_mean_tokens": True})
        (seal,) = goldseal.seal_directory(self.folder / "st", embed=False)
        self.passes(seal)
        self.place("st/2_Dense", model__safetensors="")
        (self.folder / "st/modules.json").write_text(json.dumps([*modules, {"idx": 2, "path": "2_Dense"}]))
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            recognise(self.folder / "st")
        self.assertTrue(any("2_Dense has weights of its own" in str(one.message) for one in told), told)

    @unittest.skipUnless(importable("diffusers"), "diffusers is not installed")
    def test_a_pipeline_of_diffusers_seals_each_part(self):
        import diffusers

        diffusers.AutoencoderKL(block_out_channels=(8,), norm_num_groups=4, sample_size=16, latent_channels=2,
                                layers_per_block=1).save_pretrained(self.folder / "pipe/vae")
        bert(self.folder / "pipe/text_encoder")
        diffusers.DDPMScheduler().save_pretrained(self.folder / "pipe/scheduler")
        index = {"_class_name": "Pipeline", "vae": ["diffusers", "AutoencoderKL"], "text_encoder": ["transformers", "BertModel"],
                 "scheduler": ["diffusers", "DDPMScheduler"]}
        (self.folder / "pipe/model_index.json").write_text(json.dumps(index))
        seals = goldseal.seal_directory(self.folder / "pipe", embed=False)
        self.assertEqual([seal.relative_to(self.folder / "pipe").as_posix() for seal in seals],
                         ["text_encoder/model.seal", "vae/diffusion_pytorch_model.seal"])
        self.passes(seals[1])

    @unittest.skipUnless(importable("timm"), "timm is not installed")
    def test_timm(self):
        import timm
        from safetensors.torch import save_file

        place = self.place("timm", config__json={"architecture": "resnet10t", "num_classes": 5, "pretrained_cfg": {"input_size": [3, 32, 32]}})
        save_file(timm.create_model("resnet10t", num_classes=5).state_dict(), place / "model.safetensors")
        (seal,) = goldseal.seal_directory(place, embed=False)
        self.passes(seal)

    def test_what_is_recognised_needs_no_library(self):
        for config, library in (({"model_type": "bert"}, "transformers"), ({"architectures": ["X"]}, "transformers"),
                                ({"architecture": "resnet18", "model_type": "x"}, "timm"), ({"_class_name": "VAE"}, "diffusers")):
            with self.subTest(library):
                place = self.place(f"{library}{len(config)}{len(str(config))}", config__json=config, model__safetensors="")
                (part,) = recognise(place)
                self.assertEqual((part.library, part.weights), (library, "model.safetensors"))

    def test_row_22_what_is_not_recognised_is_named_with_what_was_looked_for(self):
        (self.folder / "file.pth").write_text("")
        for place, words in (
            (self.folder / "nowhere", ("nothing there",)),
            (self.folder / "file.pth", ("found a file", "goldseal capture")),
            (self.place("empty"), ("model_index.json (diffusers)", "timm", "found nothing")),
            (self.place("other", readme__md="x", weights__bin=""), ("looked for", "found readme.md, weights.bin")),
            (self.place("config", config__json={"hidden": 3}, model__safetensors=""), ("looked for", "config.json has hidden")),
            (self.place("broken", config__json="{", model__safetensors=""), ("config.json: expected JSON",)),
            (self.place("list", config__json=[1], model__safetensors=""), ("expected an object of settings, found a list",)),
            (self.place("weightless", config__json={"model_type": "bert"}), ("expected weights as one of model.safetensors",)),
            (self.place("adapter", adapter_config__json={}, adapter_model__safetensors=""), ("adapter (peft) without its base model", "merge_and_unload()")),
            (self.place("pipe2", model_index__json={"_class_name": "P", "vae": ["diffusers", "X"]}), ("names no part with weights",)),
            (self.place("st2", modules__json={"a": 1}), ("modules.json: expected a list of modules",)),
            (self.place("st3", modules__json=[]), ("expected a module, found none",)),
        ):
            with self.subTest(place.name):
                with self.assertRaises(goldseal.GoldsealError) as raised:
                    recognise(place)
                for word in words:
                    self.assertIn(word, str(raised.exception))

    def test_a_library_that_is_not_installed_is_named_with_its_installation(self):
        place = self.place("timm3", config__json={"architecture": "resnet10t"}, model__safetensors="")
        done = subprocess.run([sys.executable, "-c", "import sys, goldseal; sys.modules['timm'] = None; goldseal.seal_directory(sys.argv[1])", place],
                              capture_output=True, text=True, check=False)
        self.assertIn("-m pip install timm", done.stderr)

    def test_the_command_seals_a_directory(self):
        bert(self.folder / "bert")
        command = os.environ["GOLDSEAL_COMMAND"]
        done = subprocess.run([command, "seal", str(self.folder / "bert"), "--runtime", f"python={sys.executable}", "--no-embed", "--format", "json"],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["seals"], [str(self.folder / "bert/model.seal")])
        self.passes(self.folder / "bert/model.seal")
        for arguments, words in (
            (["seal", str(self.folder / "nowhere")], "expected a model's directory, found nothing there"),
            (["seal", str(self.folder / "bert/config.json")], "found a file"),
            (["seal", str(self.place("none")), "--runtime", f"python={sys.executable}"], "looked for model_index.json"),
            (["seal", str(self.folder / "bert"), "--runtime", "libtorch"], "expected python or python=INTERPRETER, found libtorch"),
            (["seal"], "DIR"),
        ):
            with self.subTest(arguments):
                done = subprocess.run([command, *arguments], capture_output=True, text=True, check=False)
                self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
                self.assertIn(words, done.stderr)


if __name__ == "__main__":
    unittest.main()
