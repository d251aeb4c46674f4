# SPDX-License-Identifier: Apache-2.0
"""Which files of the user's own are sealed as a network's code: however the code was found, handed in or read."""
import functools
import importlib
import os
import sys
import unittest
import warnings
import zipfile

try:
    import torch
    from torch import nn
except ImportError:
    print("skipped: this Python has no torch")
    sys.exit(125)

from goldseal.factory_trial import objection_to
from goldseal.worker.user_code import files_read
from goldseal.worker.networks.network import Network
from goldseal.worker.networks.python_builder import build_python
from goldseal.worker.user_code.sources import is_own
from in_directory import InDirectory

PARTS = """from torch import nn
EPS = 1e-5
def block(width=4):
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width, eps=EPS))
"""
NET = """from torch import nn
import parts
class Net(nn.Module):
    def __init__(self, act=None):
        super().__init__()
        self.stem = parts.block()
        self.act = act
    def forward(self, image):
        image = self.stem(image)
        return image if self.act is None else self.act(image)
"""


def write(path, text):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


class DescribedCodeTest(InDirectory):
    def setUp(self):
        super().setUp()
        self.known = set(sys.modules)
        sys.path.insert(0, os.getcwd())
        importlib.invalidate_caches()

    def tearDown(self):
        sys.path.remove(os.getcwd())
        for name in set(sys.modules) - self.known:
            file = getattr(sys.modules[name], "__file__", None) or ""
            if os.path.realpath(file).startswith(os.path.realpath(os.getcwd())):
                del sys.modules[name]
        importlib.invalidate_caches()
        super().tearDown()

    def described(self, model):
        """The sealed files of a live model, as paths from here."""
        return self.relative(Network(model).sources())

    def relative(self, sources):
        return {os.path.relpath(source["path"], os.getcwd()) for source in sources}

    def files(self, **texts):
        for name, text in texts.items():
            write(name.replace("__", "/") + ".py", text)
        importlib.invalidate_caches()

    def model(self, *arguments):
        return importlib.import_module("net").Net(*arguments)

    # --- code that no file of the network's classes imports ---------------------------------------------------------

    def test_a_function_that_was_handed_in(self):
        self.files(net=NET, parts=PARTS, acts="import torch\nimport gain\ndef act(x):\n    return torch.tanh(x) * gain.GAIN\n", gain="GAIN = 2\n")
        acts = importlib.import_module("acts")
        for handed in (acts.act, functools.partial(acts.act), [acts.act], {"after": (acts.act,)}, lambda x: acts.act(x)):
            with self.subTest(type(handed).__name__):
                self.assertLessEqual({"net.py", "parts.py", "acts.py", "gain.py"}, self.described(self.model(handed)))

    def test_code_that_lies_in_no_file_is_none_of_its_files(self):
        # What dataclasses and namedtuples are made from, and what a notebook or `python -c` runs.
        self.files(
            net=NET.replace("class Net", "from collections import namedtuple\nimport dataclasses\n"
            "@dataclasses.dataclass\nclass Told:\n    logits: object\n"
            "Pair = namedtuple('Pair', 'logits hidden')\nclass Net")
            .replace("        image = self", "        Pair(Told(image), image)\n        image = self"),
            parts=PARTS,
        )
        cell = {"__name__": "net"}
        exec(compile("def act(x):\n    return x * 2\n", "<ipython-input-1-abc>", "exec"), cell)
        self.assertEqual(self.described(self.model(cell["act"])), {"net.py", "parts.py"})

    def test_a_forward_hook_and_none_of_the_trainings(self):
        self.files(net=NET, parts=PARTS, hooks="def double(module, arguments, output):\n    return output * 2\n",
                   watch="def watch(gradient):\n    print(gradient)\n")
        model = self.model()
        model.stem.register_forward_hook(importlib.import_module("hooks").double)
        next(model.parameters()).register_hook(importlib.import_module("watch").watch)
        self.assertIn("hooks.py", self.described(model))
        self.assertNotIn("watch.py", self.described(model))

    def test_a_method_that_another_module_replaced(self):
        patch = "import types\ndef forward(self, image):\n    return self.stem(image) * 2\n"
        self.files(net=NET, parts=PARTS, patch=patch)
        replaced = importlib.import_module("patch").forward
        model = self.model()
        model.forward = replaced.__get__(model)
        self.assertIn("patch.py", self.described(model))
        model = self.model()
        type(model).forward = replaced
        self.assertIn("patch.py", self.described(model))

    def test_a_module_by_a_name_that_is_computed(self):
        self.files(net=NET.replace("import parts", "import importlib\nNAME = 'par' + 'ts'\nparts = importlib.import_module(NAME)"), parts=PARTS)
        self.assertIn("parts.py", self.described(self.model()))

    def test_a_module_by_its_path(self):
        loading = (
            "import importlib.util\nimport os\nspec = importlib.util.spec_from_file_location('odd', os.path.join(os.path.dirname(__file__), 'plug', 'p.py'))\n"
            "parts = importlib.util.module_from_spec(spec)\nspec.loader.exec_module(parts)\n"
        )
        self.files(net=NET.replace("import parts", loading), plug__p=PARTS.replace("EPS = 1e-5", "from settings import EPS"), settings="EPS = 1e-5\n")
        self.assertLessEqual({"plug/p.py", "settings.py"}, self.described(self.model()))

    def test_a_package_that_imports_its_parts_when_they_are_asked_for(self):
        lazy = "import importlib\ndef __getattr__(name):\n    return getattr(importlib.import_module('.inner', __name__), name)\n"
        self.files(net=NET.replace("import parts", "import lib as parts"), lib____init__="", lib__inner=PARTS)
        write("lib/__init__.py", lazy)
        self.assertLessEqual({"lib/__init__.py", "lib/inner.py"}, self.described(self.model()))

    def test_packages_of_every_form(self):
        self.files(net=NET.replace("import parts", "from space.deep import parts"), space__deep__parts=PARTS.replace("EPS =", "from ..more import LATER\nEPS ="),
                   space__more="LATER = 1\n")
        self.assertLessEqual({"space/deep/parts.py", "space/more.py"}, self.described(self.model()))

    def test_code_in_an_archive(self):
        with zipfile.ZipFile("code.zip", "w") as archive:
            archive.writestr("net.py", NET)
            archive.writestr("parts.py", PARTS)
        sys.path.insert(0, os.path.abspath("code.zip"))
        try:
            self.assertEqual(self.described(self.model()), {"code.zip"})
        finally:
            sys.path.pop(0)

    # --- links and environments -------------------------------------------------------------------------------------

    def test_a_file_keeps_the_name_that_it_was_imported_by(self):
        self.files(net=NET.replace("import parts", "import parts\nimport lib.layers"), v1__parts=PARTS, v1__layers="")
        os.symlink("v1/parts.py", "parts.py")
        os.symlink("v1", "lib")
        importlib.invalidate_caches()
        self.assertLessEqual({"parts.py", "lib/layers.py"}, self.described(self.model()))

    def test_a_projects_directory_may_have_a_packages_name(self):
        self.files(net=NET)
        write("vendor/site-packages/parts.py", PARTS)
        sys.path.insert(0, os.path.abspath("vendor/site-packages"))
        try:
            self.assertIn("vendor/site-packages/parts.py", self.described(self.model()))
        finally:
            sys.path.pop(0)

    def test_what_is_installed_is_no_users_code(self):
        for place in ("env/lib/python3.11/site-packages/x.py", "usr/lib/python3/dist-packages/x.py", "Lib/site-packages/x.py", "lib/pypy3.9/site-packages/x.py"):
            self.assertFalse(is_own(os.path.abspath(place)), place)
        write("store/x.py", "")
        os.makedirs("env/lib/python3.11/site-packages")
        os.symlink(os.path.abspath("store/x.py"), "env/lib/python3.11/site-packages/x.py")
        self.assertFalse(is_own("env/lib/python3.11/site-packages/x.py"))

    # --- files that it reads ----------------------------------------------------------------------------------------

    def test_a_file_that_the_source_reads(self):
        warnings.simplefilter("ignore", ResourceWarning)
        for reading in ('json.load(open("hp.json"))', 'json.loads(pathlib.Path("hp.json").read_text())',
                        'json.loads((pathlib.Path(__file__).parent / "conf" / "hp.json").read_text())',
                        'json.load(open(os.path.join(os.path.dirname(__file__), "conf", "hp.json"), encoding="utf-8"))'):
            with self.subTest(reading):
                write("hp.json", '{"eps": 1e-5}')
                write("conf/hp.json", '{"eps": 1e-5}')
                self.files(net=NET, parts=PARTS.replace("EPS = 1e-5", f"import json, os, pathlib\nEPS = {reading}['eps']"))
                found = self.described(self.model())
                self.assertIn("conf/hp.json" if "conf" in reading else "hp.json", found)
                for name in ("net", "parts"):
                    sys.modules.pop(name, None)

    def test_a_file_that_the_source_hands_to_a_library_in_rust_or_c(self):
        for name in ("tokenizer.json", "conf/words.model", "lid.ftz", "graph.bin", "net.safetensors"):
            write(name, "x")
        self.files(net=NET, parts=PARTS + "import os\nHERE = os.path.dirname(os.path.abspath(__file__))\n"
                   "def calls():\n    Tokenizer.from_file('tokenizer.json')\n    fasttext.load_model(os.path.join(HERE, 'lid.ftz'))\n"
                   "    SentencePieceProcessor(model_file=os.path.join(HERE, 'conf', 'words.model'))\n"
                   "    safe_open('net.safetensors', 'pt')\n    load_file('net.safetensors')\n")
        # Weights are digested as tensors.
        self.assertEqual(self.described(self.model()), {"net.py", "parts.py", "tokenizer.json", "conf/words.model", "lid.ftz"})

    def test_a_library_a_database_and_a_program_that_it_names(self):
        for name in ("kernels.so", "anchors.db", "bin/scale.sh", "one.cpp", "two.cpp", "unnamed.so"):
            write(name, "x")
        self.files(net=NET, parts=PARTS + "import ctypes, os, sqlite3, subprocess\nHERE = os.path.dirname(os.path.abspath(__file__))\n"
                   "def calls():\n    ctypes.CDLL(os.path.join(HERE, 'kernels.so'))\n    sqlite3.connect('anchors.db')\n"
                   "    subprocess.check_output(['sh', 'bin/scale.sh', '-q'])\n    load(name='ext', sources=['one.cpp', 'two.cpp'])\n")
        expected = {"net.py", "parts.py", "kernels.so", "anchors.db", "bin/scale.sh", "one.cpp", "two.cpp"}
        self.assertEqual(self.described(self.model()), expected)

    def test_a_file_that_building_it_reads_by_a_name_that_is_computed(self):
        write("conf/tiny.yaml", "width: 4\n")
        torch.save({"stem.0.weight": torch.zeros(1)}, "weights.pth")
        write(".cache/seen.txt", "hidden")
        text = NET.replace("self.act = act", "self.act = act\n        size = 'tiny'\n        for name in (f'conf/{size}.yaml', 'weights' + '.pth', '.cache/' + 'seen.txt'):\n            with open(name, 'rb') as file:\n                file.read()")
        self.files(net=text, parts=PARTS)
        built = build_python("net:Net", {})
        self.assertEqual(self.relative(built.sources()), {"net.py", "parts.py", "conf/tiny.yaml"})
        model = self.model()
        self.assertIsNone(objection_to("python:net:Net", model, lambda: torch.no_grad()))
        live = Network(model)
        live.files_read = files_read.known("net:Net")
        self.assertEqual(self.relative(live.sources()), {"net.py", "parts.py", "conf/tiny.yaml"})

    def test_files_of_an_earlier_try_are_none_of_a_later_ones(self):
        text = NET.replace("self, act=None", "self, act=None, place='a'").replace(
            "self.act = act", "self.act = act\n        with open(place + '/widths.txt') as file:\n            file.read()")
        self.files(net=text, parts=PARTS)
        write("a/widths.txt", "4")
        write("b/widths.txt", "4")
        model = self.model()
        for place in ("a", "b", "a"):
            self.assertIsNone(objection_to(f"python:net:Net?place={place}", model, lambda: torch.no_grad()))
            self.assertEqual([os.path.relpath(path, os.getcwd()) for path in files_read.known("net:Net")], [f"{place}/widths.txt"])
        os.remove("a/widths.txt")
        self.assertEqual(files_read.known("net:Net"), [])

    def test_what_it_writes_is_no_description(self):
        write("log.txt", "old")
        self.files(net=NET, parts=PARTS + "def note():\n    with open('log.txt', 'w') as file:\n        file.write('x')\n    open('log.txt', mode='a').close()\n")
        self.assertEqual(self.described(self.model()), {"net.py", "parts.py"})

    def test_open_is_what_it_was(self):
        import builtins
        import io

        before = builtins.open, io.open
        with self.assertRaises(ValueError):
            with files_read.recorded("net:Net"):
                raise ValueError
        self.assertEqual((builtins.open, io.open), before)


if __name__ == "__main__":
    unittest.main()
