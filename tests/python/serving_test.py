# SPDX-License-Identifier: Apache-2.0
"""What will serve is judged, not only a program of it: the files around the weights, the code, the first line of a report.
The rows are those of newcomer's friction log. The command is the one that GOLDSEAL_COMMAND names."""
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import unittest
import warnings
from unittest import mock

try:
    import torch
    from torch import nn
except ImportError:
    print("skipped: this Python has no torch")
    sys.exit(125)

import goldseal
from in_directory import InDirectory

COMMAND = os.environ["GOLDSEAL_COMMAND"]
IMAGE = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
SCOPE = "for the sealed program; your code was not run"

LAYERS = """import torch
from torch import nn

EPS = 1e-5


def block(width):
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width, eps=EPS), nn.ReLU())
"""
NETWORK = """# the network
import json
import os

from torch import nn

from parts import layers


class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.stem = layers.block(width)
        self.head = nn.Linear(width, 3)

    def forward(self, image):
        return self.head(self.stem(image).mean((2, 3)))


def from_directory(directory):
    with open(os.path.join(directory, "config.json")) as file:
        config = json.load(file)
    net = Net(config["width"])
    net.stem[1].eps = config["norm"]["eps"]
    return net
"""
TRAIN = """import sys
import torch
import goldseal
from net import Net

torch.manual_seed(0)
model = Net(width=4).eval()
goldseal.save(model.state_dict(), "net.pth", model=model, inputs={"image": torch.rand(2, 3, 8, 8)},
              factory="net:Net?width=4", on_error="raise")
"""
CONFIG = {"model_type": "tiny", "width": 4, "norm": {"eps": 1e-5, "kind": "batch"}, "transformers_version": "5.0"}
# Every kind of file that a model's directory describes its network and its inputs with.
OTHERS = {
    "generation_config.json": '{"temperature": 0.5}',
    "tokenizer.json": '{"model": {"type": "BPE", "vocab": {"a": 0}}}',
    "tokenizer_config.json": '{"do_lower_case": true}',
    "special_tokens_map.json": '{"pad_token": "<pad>"}',
    "added_tokens.json": '{"<new>": 50}',
    "vocab.json": '{"a": 0}',
    "vocab.txt": "a\nb\n",
    "merges.txt": "a b\n",
    "spiece.model": "pieces",
    "preprocessor_config.json": '{"image_mean": [0.5]}',
    "processor_config.json": '{"size": 220}',
    "chat_template.jinja": "{{ messages }}",
    "modeling_tiny.py": "EPS = 1e-5\n",
}


def command(*arguments, cwd=None, env=None):
    return subprocess.run([COMMAND, *arguments], cwd=cwd, env=env, capture_output=True, text=True, check=False)


def report(*arguments, cwd=None, env=None):
    done = command(*arguments, "--format", "json", cwd=cwd, env=env)
    try:
        return done.returncode, json.loads(done.stdout)
    except json.JSONDecodeError:
        raise AssertionError(f"no report, exit code {done.returncode}: {done.stdout}{done.stderr}") from None


def finding(raw, identifier):
    return next(one for one in raw["findings"] if one["id"] == identifier)


def replace(path, before, after):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    assert before in text, (path, before)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(before, after))


@contextlib.contextmanager
def edited(path, before, after):
    """The file with other text in it; as it was afterwards, also where a test inside is skipped."""
    replace(path, before, after)
    try:
        yield
    finally:
        replace(path, after, before)


def write(path, text):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def has_libtorch():
    listed = json.loads(command("runtime", "--format", "json").stdout)["runtimes"]
    return any(one["kind"] == "libtorch" and one["installation"] and one["worker"] for one in listed)


class Serving(InDirectory):
    def setUp(self):
        super().setUp()
        write("net.py", NETWORK)
        write("parts/__init__.py", "")
        write("parts/layers.py", LAYERS)
        self.forget()
        sys.path.insert(0, os.getcwd())

    def tearDown(self):
        sys.path.remove(os.getcwd())
        self.forget()
        super().tearDown()

    @staticmethod
    def forget():
        """What was imported from the test's directory, which goes with its files."""
        here = os.path.join(os.getcwd(), "")
        for name, module in list(sys.modules.items()):
            if (getattr(module, "__file__", None) or "").startswith(here) or name == "parts" or name.startswith("parts."):
                del sys.modules[name]

    def trained(self):
        """A seal as a script writes it."""
        write("train.py", TRAIN)
        environment = {**os.environ, "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
        done = subprocess.run([sys.executable, "train.py"], env=environment, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return "net.seal"

    def directory(self):
        """A model's directory with a seal inside, whose network is built from its config.json."""
        import net

        write("model/config.json", json.dumps(CONFIG))
        for name, text in OTHERS.items():
            write("model/" + name, text)
        torch.manual_seed(0)
        model = net.from_directory("model").eval()
        torch.save(model.state_dict(), "model/pytorch_model.bin")
        goldseal.seal(model, "model/pytorch_model.bin", inputs=IMAGE, factory="net:from_directory?directory=model",
                      seal="model/model.seal", on_error="raise")
        return "model/model.seal"

    def verify(self, seal, *arguments, **options):
        """By the sealed program where a LibTorch worker is there; the code is not run."""
        if not has_libtorch():
            self.skipTest("no LibTorch worker is installed")
        return report("verify", seal, "--runtime", "libtorch", *arguments, **options)


class CodeTest(Serving):
    """newcomer rows 1 and 3: one line of the code is edited afterwards."""

    EDITS = {
        "a constant of a module that the network's module imports": ("parts/layers.py", "EPS = 1e-5", "EPS = 1e-3"),
        "the network's own module": ("net.py", ".mean((2, 3))", ".amax((2, 3))"),
    }

    def test_a_seal_made_in_a_script_is_not_passed_over_edited_code(self):
        seal = self.trained()
        for what, (path, before, after) in self.EDITS.items():
            with self.subTest(what), edited(path, before, after):
                for arguments in (["check", seal], ["verify", seal]):
                    code, raw = report(*arguments, env={**os.environ, "GOLDSEAL_PYTHON": sys.executable})
                    self.assertNotEqual(raw["verdict"], "PASS", arguments)
                    self.assertEqual(code, 1)
                code, raw = self.verify(seal)
                self.assertEqual((code, finding(raw, "file.code")["status"]), (1, "fail"))
                self.assertIn(path, finding(raw, "file.code")["message"])
                self.assertIn("was not run", finding(raw, "file.code")["message"])
                self.assertFalse(goldseal.verify(seal, trust_code=True))  # runs the code
        self.assertEqual(report("check", seal)[0], 0)

    def test_what_is_handed_in_read_linked_or_put_before_it_is_judged_as_its_own(self):
        """Kinds that no import in the network's own module shows; which files are sealed is described_code_test.py's."""
        write("acts.py", "import torch\n\n\ndef act(x):\n    return torch.tanh(x)\n")
        write("hp.json", '{"eps": 1e-5}')
        write("v1/layers.py", LAYERS.replace("EPS = 1e-5", "import json\nEPS = json.load(open('hp.json'))['eps']"))
        write("v2/layers.py", LAYERS.replace("1e-5", "1e-3"))
        os.remove("parts/layers.py")
        os.symlink("../v1/layers.py", "parts/layers.py")
        replace("net.py", "def __init__(self, width=4):", "def __init__(self, width=4, act=None):\n        self_act = act")
        replace("net.py", "self.head = nn.Linear(width, 3)", "self.head = nn.Linear(width, 3)\n        self.act = self_act")
        replace("net.py", "return self.head(self.stem(image)", "return self.head(self.act(self.stem(image))")
        script = TRAIN.replace("from net import Net", "import acts\nfrom net import Net").replace("Net(width=4).eval()", "Net(4, acts.act).eval()")
        write("train.py", script.replace('factory="net:Net?width=4", ', ""))
        done = subprocess.run([sys.executable, "-W", "ignore", "train.py"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

        def judged(identifier):
            code, raw = report("check", "net.seal")
            return code, finding(raw, identifier)

        self.assertEqual([judged(one)[1]["status"] for one in ("file.code", "file.description")], ["pass", "pass"])
        replace("acts.py", "tanh", "sigmoid")
        code, found = judged("file.code")
        self.assertEqual((code, found["status"]), (1, "fail"))
        self.assertIn("acts.py", found["message"])
        replace("acts.py", "sigmoid", "tanh")
        replace("hp.json", "1e-5", "1e-3")
        code, found = judged("file.description")
        self.assertEqual((code, found["status"]), (1, "fail"))
        self.assertIn("eps", found["message"])
        replace("hp.json", "1e-3", "1e-5")
        os.remove("parts/layers.py")
        os.symlink("../v2/layers.py", "parts/layers.py")
        self.assertEqual(judged("file.code")[1]["status"], "fail")
        os.remove("parts/layers.py")
        os.symlink("../v1/layers.py", "parts/layers.py")
        self.assertEqual(judged("file.code")[1]["status"], "pass")
        write("acts/__init__.py", "import torch\n\n\ndef act(x):\n    return torch.relu(x)\n")
        code, found = judged("file.code")
        self.assertEqual((code, found["status"]), (1, "fail"))

    def test_a_changed_comment_is_told_and_passes(self):
        seal = self.trained()
        replace("net.py", "# the network", "# The network")
        for verb in ("check", "verify"):
            code, raw = report(verb, seal, env={**os.environ, "GOLDSEAL_PYTHON": sys.executable})
            self.assertEqual((code, finding(raw, "file.code")["status"]), (0, "pass"))
            self.assertIn("net.py changed in comments", finding(raw, "file.code")["message"])

    def test_a_changed_line_that_no_answer_depends_on_is_a_changed_file_and_never_other_answers(self):
        seal = self.trained()
        replace("net.py", "# the network", "UNUSED = 1")
        code, raw = self.verify(seal)
        self.assertEqual(code, 1)
        told = finding(raw, "file.code")
        self.assertEqual(told["status"], "fail")
        self.assertIn("changed after it was sealed, and the code was not run", told["message"])
        self.assertEqual([one["id"] for one in raw["findings"] if one["status"] == "fail"], ["file.code"])

    def test_a_policy_lets_a_changed_source_warn_and_the_first_line_still_says_what_was_run(self):
        seal = self.trained()
        replace("net.py", "# the network", "UNUSED = 1")
        write("lenient.toml", '[policy]\nname = "lenient"\nextends = "deploy"\n[checks]\n"file.code" = { severity = "warn" }\n')
        code, raw = self.verify(seal, "--policy", "lenient.toml")
        self.assertEqual((code, finding(raw, "file.code")["status"]), (0, "warn"))
        self.assertEqual(raw["judged"]["scope"], SCOPE)

    def test_code_that_was_run_is_judged_by_its_answers(self):
        seal = self.trained()
        replace("net.py", "# the network", "UNUSED = 1")
        told = goldseal.verify(seal, trust_code=True)
        self.assertTrue(told, told)
        self.assertEqual([one.status for one in told.findings if one.id == "file.code"], ["warn"])
        self.assertEqual([one.status for one in told.findings if one.id == "model.code"], ["pass"])
        self.assertEqual(told.raw["judged"]["parts"]["code"], "yes")

    def test_a_file_that_the_code_takes_up_since_is_named(self):
        write("slow.py", "def rare(x):\n    return x\n")
        write("plug/a.py", "")
        write("loader.py", "import glob\nimport importlib\nimport os\n\nSCALE = {}\nfor place in sorted(glob.glob('plug/*.py')):\n"
                           "    found = importlib.import_module('plug.' + os.path.basename(place)[:-3])\n"
                           "    SCALE.update(getattr(found, 'SCALE', {}))\n")
        replace("net.py", "from parts import layers\n", "from parts import layers\nimport loader\n\ntry:\n    from fast import rare\n"
                                                       "except ImportError:\n    from slow import rare\n")
        replace("net.py", "return self.head(self.stem(image).mean((2, 3)))",
                "if image.shape[0] > 64:\n            image = loader.SCALE['rare'](image)\n        return self.head(rare(self.stem(image)).mean((2, 3)))")
        seal = self.trained()
        ran = ("--runtime", "python", "--trust-code")
        told = finding(report("verify", seal, *ran)[1], "file.code")
        self.assertEqual(told["status"], "pass", told)
        for path, text in (("fast.py", "from slow import rare\n"), ("plug/b.py", "def scale(x):\n    return x\n\nSCALE = {'rare': scale}\n")):
            with self.subTest(path):
                write(path, text)
                told = finding(report("verify", seal, *ran)[1], "file.code")
                self.assertEqual((told["status"], os.path.basename(path) in told["message"]), ("warn", True), told)
                os.remove(path)

    def test_installed_packages_and_pythons_own_are_no_part_of_the_code(self):
        seal = self.trained()
        with open(os.path.join(seal, "manifest.toml"), encoding="utf-8") as file:
            text = file.read()
        sources = [block for block in text.split("[[model.file]]") if 'role = "source"' in block]
        paths = sorted(block.split('path = "')[1].split('"')[0] for block in sources)
        self.assertEqual(paths, ["../net.py", "../parts/__init__.py", "../parts/layers.py"])

    def test_a_live_models_classes_are_sealed_where_a_script_defines_them(self):
        write("own.py", "import torch\nimport goldseal\nfrom torch import nn\n\n\nclass Own(nn.Module):\n    def __init__(self):\n"
                        "        super().__init__()\n        self.line = nn.Linear(3, 2)\n\n    def forward(self, x):\n"
                        "        return self.line(x) * 2\n\n\nif __name__ == '__main__':\n    model = Own()\n"
                        "    goldseal.save(model.state_dict(), 'own.pth', model=model, inputs=torch.rand(2, 3), on_error='raise')\n")
        done = subprocess.run([sys.executable, "own.py"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(report("check", "own.seal")[0], 0)
        replace("own.py", "* 2", "* 3")
        code, raw = report("check", "own.seal")
        self.assertEqual((code, finding(raw, "file.code")["status"]), (1, "fail"))

    def test_code_that_is_not_at_hand_is_unknown_and_said(self):
        seal = self.trained()
        os.mkdir("target")
        shutil.copytree(seal, "target/net.seal")
        shutil.copy("net.pth", "target")
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        code, raw = self.verify("net.seal", cwd="target", env=environment)
        self.assertEqual(code, 0)
        self.assertEqual(raw["judged"]["scope"], SCOPE)
        self.assertEqual(raw["judged"]["parts"]["code"], "not at hand")
        self.assertEqual(finding(raw, "model.code")["status"], "unknown")
        self.assertEqual(finding(raw, "file.code")["status"], "unknown")
        write("target/needs.toml",
              '[policy]\nname = "needs"\nextends = "deploy"\n[checks]\n"model.code" = { severity = "required" }\n')
        code, raw = self.verify("net.seal", "--policy", "needs.toml", cwd="target", env=environment)
        self.assertEqual((code, raw["verdict"]), (3, "INCONCLUSIVE"))

    def test_code_that_lies_elsewhere_on_the_target_is_found_as_import_finds_it(self):
        seal = self.trained()
        os.mkdir("target")
        shutil.copytree(seal, "target/models/net.seal")
        shutil.copy("net.pth", "target/models")
        shutil.copy("net.py", "target")
        shutil.copytree("parts", "target/parts")
        self.assertEqual(report("check", "models/net.seal", cwd="target")[0], 0)
        replace("target/parts/layers.py", "EPS = 1e-5", "EPS = 1e-3")
        self.assertEqual(report("check", "models/net.seal", cwd="target")[0], 1)


class DirectoryTest(Serving):
    """newcomer rows 1 and 2: the files of a model's directory, and which directory it is."""

    def test_every_file_that_describes_the_network_or_its_inputs_is_judged(self):
        seal = self.directory()
        self.assertEqual(report("check", seal)[0], 0)
        for name in ["config.json", *OTHERS]:
            with self.subTest(name):
                with open("model/" + name, "rb") as file:
                    before = file.read()
                with open("model/" + name, "wb") as file:
                    file.write(before.replace(b"1e-05", b"1e-4") if name == "config.json" else before.replace(b"a", b"b") + b" ")
                if name.endswith(".py"):
                    replace("model/" + name, "1e-5", "1e-3")
                if name in ("tokenizer.json", "added_tokens.json", "generation_config.json", "processor_config.json"):
                    replace("model/" + name, "0", "7")
                for arguments in (("check", seal), ("verify", seal)):
                    code, raw = report(*arguments)
                    self.assertEqual(code, 1, (name, arguments, raw["verdict"]))
                    told = finding(raw, "file.code" if name.endswith(".py") else "file.description")
                    self.assertEqual(told["status"], "fail")
                    self.assertIn(name, told["message"])
                with open("model/" + name, "wb") as file:
                    file.write(before)
        self.assertEqual(report("check", seal)[0], 0)

    def test_the_setting_that_differs_is_named(self):
        seal = self.directory()
        replace("model/config.json", "1e-05", "0.001")
        _, raw = report("check", seal)
        told = finding(raw, "file.description")
        self.assertIn("norm.eps", told["message"])
        self.assertEqual((told["expected"], told["actual"]), ("norm.eps = 1e-05", "norm.eps = 0.001"))

    def test_a_number_that_became_a_text_differs(self):
        seal = self.directory()
        replace("model/config.json", '"width": 4', '"width": "4"')
        self.assertEqual(report("check", seal)[0], 1)

    def test_layout_order_and_the_writers_version_warn_alone(self):
        seal = self.directory()
        write("model/config.json", json.dumps({**dict(reversed(list(CONFIG.items()))), "transformers_version": "6.0"}, indent=2))
        code, raw = report("check", seal)
        self.assertEqual((code, finding(raw, "file.description")["status"]), (0, "warn"))

    def test_other_line_ends_leave_code_and_json_as_they_are_and_are_named_of_another_text(self):
        for name in ("config.json", "vocab.txt", "net.py"):
            with self.subTest(name=name):
                seal = self.directory()
                place = name if name.endswith(".py") else "model/" + name
                with open(place, "rb") as file:
                    before = file.read()
                with open(place, "wb") as file:
                    file.write(before.replace(b"\n", b"\r\n") if b"\n" in before else before)
                code, raw = report("check", seal)
                if name == "vocab.txt":  # a tokenizer may keep the carriage returns
                    told = finding(raw, "file.description")
                    self.assertEqual((code, told["status"]), (1, "fail"))
                    self.assertEqual((told["expected"], told["actual"]), ("line ends = LF (Unix)", "line ends = CR LF (Windows)"))
                    self.assertIn(".gitattributes", told["remedy"])
                else:
                    self.assertEqual(code, 0, raw)

    def test_a_file_that_was_added_is_told(self):
        seal = self.directory()
        write("model/adapter_config.json", "{}")
        _, raw = report("check", seal)
        self.assertEqual(finding(raw, "file.description")["status"], "warn")
        self.assertIn("adapter_config.json", finding(raw, "file.description")["message"])

    def test_a_missing_file_is_unknown_for_the_program_and_fails_the_code(self):
        seal = self.directory()
        os.remove("model/config.json")
        code, raw = self.verify(seal)
        self.assertEqual((code, finding(raw, "file.description")["status"]), (0, "unknown"))
        code, raw = report("verify", seal, "--model", "python:net:from_directory?directory=model",
                           "--runtime", f"python={sys.executable}")
        self.assertEqual((code, finding(raw, "file.description")["status"]), (1, "fail"))

    def test_the_directory_is_the_seals_own_wherever_the_command_stands(self):
        """Row 2, bug 1: the parent directory holds the original, the seal lies in an edited copy."""
        self.directory()
        shutil.copytree("model", "elsewhere/model")
        replace("elsewhere/model/config.json", "1e-05", "0.1")
        python = f"python={sys.executable}"
        for place, seal in ((".", "elsewhere/model/model.seal"), ("elsewhere", "model/model.seal"), ("/", os.path.abspath("elsewhere/model/model.seal"))):
            with self.subTest(place):
                environment = {**os.environ, "PYTHONPATH": os.getcwd() + ":" + os.environ.get("PYTHONPATH", "")}
                code, raw = report("verify", seal, "--runtime", python, *trust(), cwd=place, env=environment)
                self.assertEqual(code, 1)
                self.assertEqual(finding(raw, "model.configuration")["status"], "fail")
        code, raw = report("verify", "model/model.seal", "--runtime", python, *trust())
        self.assertEqual(code, 0, [one for one in raw["findings"] if one["status"] == "fail"])

    def test_a_directory_that_is_not_there_is_named_before_anything_is_imported(self):
        seal = self.directory()
        os.mkdir("target")
        shutil.move(seal, "target/net.seal")
        shutil.copy("model/pytorch_model.bin", "target/weights.bin")
        shutil.rmtree("model")
        write("net.py", "raise SystemExit('imported')\n")
        code, raw = report("verify", "target/net.seal", "--checkpoint", "target/weights.bin", "--runtime", f"python={sys.executable}", *trust())
        self.assertEqual(code, 1)
        told = finding(raw, "file.description")
        self.assertEqual(told["status"], "fail")
        self.assertIn("no such file or directory", told["actual"])
        self.assertNotIn("imported", json.dumps(raw))

    def test_another_checkpoints_directory_is_the_one_that_is_judged(self):
        seal = self.directory()
        shutil.copytree("model", "deployed")
        replace("deployed/tokenizer_config.json", "true", "false")
        self.assertEqual(report("check", seal, "--checkpoint", "deployed/pytorch_model.bin")[0], 1)
        self.assertEqual(report("check", seal)[0], 0)

    def test_a_word_that_names_no_path_stays_a_word(self):
        write("modes.py", "from torch import nn\n\n\ndef make(mode):\n    assert mode == 'parts', mode\n    return nn.Linear(3, 2)\n")
        import modes

        model = modes.make("parts")
        torch.save(model.state_dict(), "modes.pth")
        goldseal.seal(model, "modes.pth", inputs=torch.rand(2, 3), factory="modes:make?mode=parts", on_error="raise")
        self.assertTrue(goldseal.verify("modes.seal", trust_code=True))


def trust():
    """The flag that lets a seal's code run, where this goldseal has it."""
    return ["--trust-code"] if "--trust-code" in command("verify", "--help").stdout else []


class FirstLineTest(Serving):
    """newcomer row 1: someone who reads the first line alone is not misled about what was run."""

    def test_every_format_says_what_was_run(self):
        seal = self.trained()
        if not has_libtorch():
            self.skipTest("no LibTorch worker is installed")
        for name in ("text", "oneline", "json", "junit", "sarif", "github", "markdown", "html", "nagios", "prometheus"):
            with self.subTest(name):
                done = command("verify", seal, "--runtime", "libtorch", "--format", name)
                self.assertEqual(done.returncode, 1 if name == "nagios" and "WARNING" in done.stdout else 0, done.stdout + done.stderr)
                self.assertIn(SCOPE, done.stdout)
                if name in ("text", "oneline"):
                    self.assertIn("PASS " + SCOPE, done.stdout.splitlines()[0])
                if name == "nagios":
                    self.assertIn(SCOPE, done.stdout.splitlines()[0])
                if name == "oneline":
                    self.assertLessEqual(len(done.stdout.rstrip("\n")), 80)

    def test_a_saved_report_says_it_again(self):
        seal = self.trained()
        if not has_libtorch():
            self.skipTest("no LibTorch worker is installed")
        command("verify", seal, "--runtime", "libtorch", "--report", "json=run.json")
        self.assertIn("PASS " + SCOPE, command("report", "run.json").stdout.splitlines()[0])

    def test_what_was_covered_is_one_sentence(self):
        seal = self.trained()
        done = self.verify(seal)[1]["judged"]
        self.assertEqual(done["parts"], {"weights": "yes", "numerics": "yes", "program": "yes", "code": "no", "configuration": "none"})
        told = goldseal.verify(seal, trust_code=True)
        self.assertEqual(told.raw["judged"]["scope"], "")
        self.assertEqual(told.raw["judged"]["parts"]["code"], "yes")

    def test_a_check_says_that_nothing_was_run(self):
        seal = self.trained()
        self.assertIn("the model was not run", command("check", seal).stdout.splitlines()[0])

    def test_code_was_run_is_never_said_where_it_was_not(self):
        """Bug 10."""
        seal = self.trained()
        os.rename("net.py", "gone.py")
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = command("verify", seal, "--runtime", f"python={sys.executable}", *trust(), "--verbose", env=environment)
        self.assertNotEqual(done.returncode, 0)
        self.assertNotIn("was run;", done.stdout)
        self.assertNotIn("was run here", done.stdout)


class FactoryTest(Serving):
    """newcomer row 10: a factory is tried where it can be mended."""

    WRONG = {
        "nomodule:Net": "there is no module nomodule",
        "net:Nett": "did you mean net:Net?",
        "net:Net?wdth=4": "did you mean width?",
        "net:Net?width=6": "stem.0.weight is float32 [6, 3, 3, 3]",
        "net.Net": "did you mean net:Net?",
        "net:EPS": "has no EPS",
        "net:json": "must be callable",
        "net:Net?width=none": "raised",
        "parts.layers:block?width=4": "the inner network: `stem.` is missing",
    }

    def sealed(self, factory, **arguments):
        import net

        torch.manual_seed(0)
        model = net.Net()
        torch.save(model.state_dict(), "net.pth")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            goldseal.seal(model, "net.pth", inputs=IMAGE, factory=factory, **arguments)
        return "\n".join(str(one.message) for one in caught if one.category is goldseal.GoldsealWarning)

    def test_a_wrong_factory_is_told_when_the_model_is_sealed(self):
        write("wrong.py", "import net\n\n\ndef text():\n    return 'net'\n\n\ndef wrapped():\n    from torch import nn\n"
                          "    return nn.Sequential(net.Net())\n")
        wrong = {**self.WRONG, "wrong:text": "must return the torch.nn.Module", "wrong:wrapped": "names begin with `0.`"}
        wrong.pop("parts.layers:block?width=4")
        for factory, expected in wrong.items():
            with self.subTest(factory):
                told = self.sealed(factory)
                self.assertIn(expected, told)
                with self.assertRaises(goldseal.GoldsealError):
                    self.sealed(factory, on_error="raise")

    def test_lazy_layers_are_told_when_the_model_is_sealed(self):
        write("lazy.py", "import torch\nfrom torch import nn\n\n\ndef net():\n    return nn.Sequential(nn.LazyConv2d(4, 3), nn.Flatten(), nn.LazyLinear(2))\n\n\n"
                         "def called():\n    made = net()\n    made(torch.zeros(1, 3, 8, 8))\n    return made\n")
        import lazy

        torch.manual_seed(0)
        model = lazy.called().eval()
        torch.save(model.state_dict(), "net.pth")
        for factory, expected in (("lazy:net", "lazy:net builds lazy layers (0.weight)"), ("lazy:called", "")):
            with self.subTest(factory), warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                goldseal.seal(model, "net.pth", inputs=IMAGE, factory=factory)
                told = "\n".join(str(one.message) for one in caught if one.category is goldseal.GoldsealWarning)
                self.assertIn(expected, told)
                self.assertTrue(expected or not told, told)

    def test_a_right_factory_is_not_told_of_and_tried_once(self):
        import net

        calls = []
        plain = net.Net.__init__

        def counted(self, *arguments, **options):
            calls.append(1)
            plain(self, *arguments, **options)

        net.Net.__init__ = counted
        model = net.Net()
        torch.save(model.state_dict(), "net.pth")
        del calls[:]
        for _ in range(3):
            warnings.simplefilter("error", goldseal.GoldsealWarning)
            goldseal.seal(model, "net.pth", inputs=IMAGE, factory="net:Net?width=4", on_error="raise")
        self.assertEqual(len(calls), 1)

    @unittest.skipUnless(hasattr(torch.device, "__enter__"), "PyTorch before 2.0 builds nothing on the meta device")
    def test_a_network_that_is_too_large_to_build_twice_is_tried_on_the_meta_device(self):
        from goldseal import factory_trial

        built = factory_trial._built_on_meta(torch.nn.Linear, {"in_features": 2, "out_features": 3})
        self.assertTrue(all(parameter.is_meta for parameter in built.parameters()))
        with mock.patch.object(factory_trial, "_MOST_BYTES", 1):
            self.assertIn("stem.0.weight is float32 [6, 3, 3, 3]", self.sealed("net:Net?width=6"))

    def test_trying_it_draws_no_random_number_of_the_trainings(self):
        torch.manual_seed(5)
        wanted = torch.rand(1)
        torch.manual_seed(5)
        import net

        model = net.Net()
        torch.save(model.state_dict(), "net.pth")
        torch.manual_seed(5)
        goldseal.seal(model, "net.pth", inputs=IMAGE, factory="net:Net?width=4", on_error="raise")
        self.assertEqual(torch.rand(1), wanted)

    def test_a_factory_of_the_inner_network_is_a_key_mismatch(self):
        """Rows 10 and 11a, bug 9: no damage, exit code 1."""
        write("outer.py", "from torch import nn\nfrom net import Net\n\n\nclass Outer(nn.Module):\n    def __init__(self):\n"
                          "        super().__init__()\n        self.net = Net()\n\n    def forward(self, image):\n        return self.net(image)\n")
        import outer

        model = outer.Outer()
        torch.save(model.state_dict(), "outer.pth")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            goldseal.seal(model, "outer.pth", inputs=IMAGE, factory="net:Net")
        self.assertIn("`net.` is missing", str(caught[0].message))
        code, raw = report("verify", "outer.seal", "--runtime", f"python={sys.executable}", *trust())
        self.assertEqual(code, 1)
        told = finding(raw, "keys.network")
        self.assertEqual(told["status"], "fail")
        self.assertIn("`net.`", told["message"])
        self.assertNotEqual(finding(raw, "tensors.loaded")["status"], "fail")


class EarlierSealTest(Serving):
    """newcomer row 8, bug 7: no old seal stays beside a new checkpoint as if it were its own."""

    def save(self, model, **arguments):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", goldseal.GoldsealWarning)
            return goldseal.save(model.state_dict(), "net.pth", model=model, **{"inputs": IMAGE, "factory": "net:Net", **arguments})

    def test_a_seal_is_moved_aside_where_a_later_one_fails(self):
        import net

        torch.manual_seed(0)
        self.assertIsNotNone(self.save(net.Net()))
        first = pathlib.Path("net.seal/manifest.toml").read_text(encoding="utf-8")
        self.assertIsNone(self.save(net.Net(), inputs=torch.rand(1, 1)))
        self.assertFalse(os.path.exists("net.seal"))
        self.assertEqual(pathlib.Path("net.seal.before/manifest.toml").read_text(encoding="utf-8"), first)
        self.assertIsNotNone(self.save(net.Net()))
        self.assertTrue(goldseal.verify("net.seal", trust_code=True))

    def test_no_old_seal_stays_where_the_new_one_goes_elsewhere(self):
        import net

        model = net.Net()
        goldseal.save(model.state_dict(), "net.pth", model=model, inputs=IMAGE, factory="net:Net", on_error="raise")
        model = net.Net()
        goldseal.save(model.state_dict(), "net.pth", model=model, inputs=IMAGE, factory="net:Net", seal="elsewhere.seal", on_error="raise")
        self.assertFalse(os.path.exists("net.seal"))
        self.assertTrue(os.path.exists("net.seal.before"))
        self.assertTrue(os.path.exists("elsewhere.seal/manifest.toml"))

    def test_without_inputs_no_old_seal_stays_either(self):
        import net

        self.assertIsNotNone(self.save(net.Net()))
        self.assertIsNone(self.save(net.Net(), inputs=None))
        self.assertFalse(os.path.exists("net.seal"))

    def test_nothing_is_left_aside_where_the_new_seal_was_made(self):
        import net

        self.save(net.Net())
        self.save(net.Net())
        self.assertEqual(sorted(name for name in os.listdir(".") if name.startswith("net.seal")), ["net.seal"])

    def test_a_seal_keeps_its_place_where_the_checkpoint_was_not_written(self):
        import net

        self.assertIsNotNone(self.save(net.Net()))
        os.chmod("net.pth", 0o644)
        with self.assertRaises(Exception):
            goldseal.save(net.Net().state_dict(), "net.pth", model=net.Net(), inputs=IMAGE, pickle_protocol="none")

    def test_seal_itself_moves_the_old_one_aside_where_the_checkpoint_is_newer(self):
        import net

        self.save(net.Net())
        torch.save(net.Net().state_dict(), "net.pth")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", goldseal.GoldsealWarning)
            self.assertIsNone(goldseal.seal(net.Net(), "net.pth", inputs=torch.rand(1, 1)))
        self.assertFalse(os.path.exists("net.seal"))
        self.assertTrue(os.path.exists("net.seal.before"))


class LiveTest(Serving):
    """newcomer rows 11 and 12, bugs 12 and 13."""

    def sealed(self):
        import net

        torch.manual_seed(0)
        model = net.Net()
        goldseal.save(model.state_dict(), "net.pth", model=model, inputs=IMAGE, factory="net:Net", on_error="raise")
        return model

    def test_a_live_model_with_other_weights_is_named_as_that(self):
        self.sealed()
        import net

        told = goldseal.verify("net.seal", net.Net().eval())
        loaded = [one for one in told.findings if one.id == "tensors.loaded"][0]
        self.assertEqual(loaded.status, "fail")
        self.assertEqual(told.exit_code, 1)  # nothing is damaged
        self.assertIn("FAIL", str(told).splitlines()[0])
        self.assertIn("holds other weights", loaded.message)
        self.assertIn("load the checkpoint", loaded.fix)
        self.assertNotIn("changed while it was loaded", str(told))

    def test_sealing_a_model_beside_anothers_checkpoint_says_so(self):
        """Row 11c."""
        import net

        torch.save(net.Net().state_dict(), "net.pth")
        with self.assertRaises(goldseal.GoldsealError) as raised:
            goldseal.seal(net.Net(), "net.pth", inputs=IMAGE, on_error="raise")
        self.assertIn("trained on after", str(raised.exception))
        self.assertNotIn("DAMAGED", str(raised.exception))

    def test_a_model_in_training_mode_is_told(self):
        model = self.sealed()
        told = goldseal.verify("net.seal", model.train())
        mode = [one for one in told.findings if one.id == "model.mode"][0]
        self.assertEqual(mode.status, "warn")
        self.assertIn("training mode", mode.message)
        self.assertIn("PASS in evaluation mode; the model is in training mode", str(told).splitlines()[0])
        self.assertTrue(model.training)
        told = goldseal.verify("net.seal", model.eval())
        self.assertEqual([one.status for one in told.findings if one.id == "model.mode"], ["pass"])
        model.stem.train()  # one part is enough
        told = goldseal.verify("net.seal", model)
        self.assertEqual([one.status for one in told.findings if one.id == "model.mode"], ["warn"])

    def test_load_leaves_the_model_as_it_was_judged(self):
        self.sealed()
        import net

        model = net.Net().train()
        told = goldseal.load("net.seal", model)
        self.assertTrue(told)
        self.assertFalse(any(part.training for part in model.modules()))
        self.assertEqual([one.status for one in told.findings if one.id == "model.mode"], ["pass"])


if __name__ == "__main__":
    unittest.main()
