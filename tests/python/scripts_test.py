# SPDX-License-Identifier: Apache-2.0
"""Training scripts as people write them: a network in a notebook, in the script itself, behind a lambda or a configuration object.
Each gets its seal, and the warning says what of it cannot be judged elsewhere, and how it can."""
import os
import subprocess
import sys
import unittest

try:
    import torch  # noqa: F401
except ImportError:
    print("skipped: this Python has no torch")
    sys.exit(125)

from in_directory import InDirectory

COMMAND = os.environ["GOLDSEAL_COMMAND"]
NETS = """import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width=4, config=None):
        super().__init__()
        self.line = nn.Linear(3, width if config is None else config.width)

    def forward(self, x):
        return self.line(x).tanh()


class Configured(Net):
    def __init__(self, config):
        super().__init__(config=config)
"""
SAVE = 'goldseal.save(model.state_dict(), "net.pth", model=model, inputs={"x": torch.rand(2, 3)}, embed=False%s)\n'


def ran(words, text=None):
    return subprocess.run(words, input=text, capture_output=True, text=True, check=False)


class ScriptsTest(InDirectory):
    def setUp(self):
        super().setUp()
        self.write("nets.py", NETS)

    @staticmethod
    def write(path, text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def sealed(self, *lines, how="script", options="", net="nets"):
        """What was warned of; the model is judged as it lives, and the seal is there."""
        text = "import goldseal, torch\n" + (f"from {net} import *\n" if net else NETS) + "".join(f"{line}\n" for line in lines) + SAVE % options
        text += 'print("LIVE", bool(goldseal.verify("net.seal", model)))\n'
        self.write("train.py", text)
        words = {"script": ["train.py"], "argument": ["-c", text], "input": ["-"], "exec": ["-c", 'exec(open("train.py").read())']}[how]
        done = ran([sys.executable, *words], text if how == "input" else None)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("LIVE True", done.stdout, done.stderr)
        return done.stderr

    def by_code(self):
        done = ran([COMMAND, "verify", "net.seal", "--trust-code", "--runtime", f"python={sys.executable}"])
        return done.returncode, " ".join(done.stdout.split())

    def test_a_network_of_an_interactive_session_is_sealed_and_the_warning_says_what_verifies_it(self):
        for how in ("argument", "input", "exec"):
            with self.subTest(how):
                told = self.sealed("model = Net()", how=how, net=None)
                for words in ("net.seal: factory:", "interactive session", "goldseal.verify(seal, model)", 'factory="package.module:callable'):
                    self.assertIn(words, told)
                code, said = self.by_code()
                self.assertNotEqual(code, 0)
                self.assertIn("interactive session", said)
                self.assertIn("--model python:package.module:callable", said)

    def test_a_factory_without_a_name_costs_no_seal(self):
        self.assertIn("<lambda> has no name", self.sealed("model = Net()", options=", factory=lambda: Net()"))
        self.assertEqual(self.by_code()[0], 0)  # of the class, which is named in its place
        told = self.sealed("import functools", "model = Net(6)", options=", factory=functools.partial(Net, 6)")
        self.assertIn("functools.partial(Net, width=8)", told)
        self.assertIn("keys do not match", self.by_code()[1])

    def test_a_configuration_object_is_named_with_what_a_seal_can_hold(self):
        self.write("config.py", "class Config:\n    width = 6\n\n    def __repr__(self):\n        return \"{'width': 6}\"\n")
        begin = ("from config import Config", "model = Configured(Config())")
        told = self.sealed(*begin, options=', factory=(Configured, {"config": Config()})')
        self.assertIn("is a Config, which a seal cannot hold", told)
        told = self.sealed(*begin)
        self.assertIn("Configured takes config, and no factory= gives it", told)
        self.assertIn('factory="package.module:callable', told)

    def test_where_a_failure_is_to_raise_it_raises(self):
        self.write("train.py", "import goldseal, torch\nfrom nets import *\nmodel = Net()\n" + SAVE % ", factory=lambda: Net(), on_error='raise'")
        done = ran([sys.executable, "train.py"])
        self.assertIn("GoldsealError: factory: <lambda> has no name", done.stderr)
        self.assertEqual((os.path.exists("net.pth"), os.path.exists("net.seal")), (True, False))

    def test_a_script_that_trains_when_it_is_imported_is_told_and_never_saves_again(self):
        told = self.sealed("class Own(Net):", "    pass", "model = Own()")
        self.assertIn('train.py trains when it is imported', told)
        self.assertIn('if __name__ == "__main__":', told)
        before = os.stat("net.pth")
        done = ran([COMMAND, "verify", "net.seal", "--trust-code", "--no-sandbox", "--runtime", f"python={sys.executable}"])
        said = " ".join(done.stdout.split())
        self.assertNotEqual(done.returncode, 0)
        self.assertIn('put what trains and saves under `if __name__ == "__main__":`', said)
        after = os.stat("net.pth")
        self.assertEqual((before.st_ino, before.st_mtime_ns), (after.st_ino, after.st_mtime_ns))

    def test_a_script_that_guards_its_training_is_not_told(self):
        self.write("train.py", "import goldseal, torch\nfrom nets import *\n\n\nclass Own(Net):\n    pass\n\n\ndef main():\n    model = Own()\n    "
                   + SAVE % "" + '\n\nif __name__ == "__main__":\n    main()\n')
        self.assertNotIn("Warning", ran([sys.executable, "train.py"]).stderr)
        self.assertEqual(self.by_code()[0], 0)

    def test_a_warning_shows_the_users_line(self):
        told = self.sealed("model = Net(6)")
        self.assertIn("train.py:4: GoldsealWarning", told)
        self.assertIn('goldseal.save(model.state_dict(), "net.pth"', told)


if __name__ == "__main__":
    unittest.main()
