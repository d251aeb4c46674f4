# SPDX-License-Identifier: Apache-2.0
"""One vocabulary in Python and in the command (newcomer row 20). Kinds: flags with a value, flags without, flags that a
sentence only mentions, placeholders, commands that are to be typed, and words that no keyword of Python has."""
import json
import subprocess
import sys
import tempfile
import unittest
import warnings
from pathlib import Path

try:
    import torch
except ImportError:
    sys.exit(125)
import inspect
import re

import goldseal
from goldseal.command import find_command
from goldseal.report import Report
from goldseal.words import _RULES, in_python


class Words(unittest.TestCase):
    def test_row_20_flags_become_the_keywords_of_the_package(self):
        for said, wanted in (
            ("choose one: --entry ema", 'choose one: entry="ema"'),
            ("choose one: --entry ema, --entry model", 'choose one: entry="ema", entry="model"'),
            ("--input image=inputs.safetensors: expected one of the network's inputs (x)",
             'inputs={"image": …}: expected one of the network\'s inputs (x)'),
            ("give --input NAME=FILE for each input", "give inputs={NAME: TENSOR} for each input"),
            ("give --input x=random:1x3x8x8 and more", 'give inputs={"x": "random:1x3x8x8"} and more'),
            ("--runtime python --trust-code runs it", "trust_code=True runs it"),
            ("judge it with --depth quick", "judge it with quick=True"),
            ("give more time with --timeout SECONDS, or look", "give more time with timeout=SECONDS, or look"),
            ("--allow-missing head.* admits it", 'allow_missing=["head.*"] admits it'),
            ("admit it: --allow-unexpected 'n_averaged'; or", 'admit it: allow_unexpected=["n_averaged"]; or'),
            ("--allow-unexpected 'a.*' --allow-unexpected 'b' …", 'allow_unexpected=["a.*", "b"] …'),
            ("say `--allow-missing '*num_batches_tracked'`", 'say `allow_missing=["*num_batches_tracked"]`'),
            ("--checkpoint moved.pth has the sealed digest", 'checkpoint="moved.pth" has the sealed digest'),
            ("name it with --checkpoint FILE", "name it with checkpoint=FILE"),
            ("--allow-random seals the outputs that are stable", "allow_random=True seals the outputs that are stable"),
            ("--runtime libtorch=/opt/torch runs it", 'runtime="libtorch=/opt/torch" runs it'),
        ):
            with self.subTest(said):
                self.assertEqual(in_python(said), wanted)

    def test_what_is_to_be_typed_or_has_no_keyword_stays(self):
        for said in (
            "build one: `goldseal runtime build --torch /opt/torch`",
            "next: goldseal verify net.seal --runtime python=/venv/bin/python",
            "start the container with --gpus all",
            "python -m pip install --force-reinstall torch",
            "expected a --model for code of your own",
            "an entry of the file, and its input",
        ):
            with self.subTest(said):
                self.assertEqual(in_python(said), said)

    def test_every_keyword_that_is_named_exists(self):
        known = {name for function in (goldseal.save, goldseal.seal, goldseal.verify, goldseal.load)
                 for name in inspect.signature(function).parameters}
        for pattern, replacement in _RULES:
            name = re.match(r"--([a-z-]+)|--\(\?:output", pattern.pattern)
            text = replacement if isinstance(replacement, str) else None
            if text:
                self.assertIn(text.partition("=")[0], known, pattern.pattern)
            self.assertTrue(name, pattern.pattern)

    def test_the_report_speaks_as_the_command_does(self):
        model = torch.nn.Linear(3, 2)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "net.pth")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                goldseal.save(model.state_dict(), path, model=model, inputs={"input": torch.rand(2, 3)}, on_error="raise", embed=False)
                torch.save(torch.nn.Linear(3, 2).state_dict(), path)
            command = [find_command(), "check", str(Path(folder, "net.seal"))]
            done = subprocess.run([*command, "--format", "json"], capture_output=True, text=True, check=False)
            text = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        report = Report.from_json(done.stdout, done.returncode)
        self.assertNotEqual(report.exit_code, 0)
        self.assertEqual(str(report).splitlines()[0], re.sub(r"  \d+\.\d+ s$", "", text.splitlines()[0]))
        labels = {"fail": "error", "warn": "warning"}
        found = [finding for finding in json.loads(done.stdout)["findings"] if finding["status"] in labels]
        self.assertTrue(found)
        for finding in found:
            self.assertIn(f"{labels[finding['status']]}[{finding['id']}]:", str(report))
            self.assertIn(f"{labels[finding['status']]}[{finding['id']}]:", text)

    def test_row_20_warnings_of_a_training_script_name_keywords(self):
        model = torch.nn.Linear(3, 2)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "two.pth")
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                goldseal.save({"model": model.state_dict(), "ema": torch.nn.Linear(3, 2).state_dict()}, path,
                              model=model, inputs={"image": torch.rand(2, 3)})
                goldseal.save(model.state_dict(), Path(folder, "one.pth"), model=model, inputs={"image": torch.rand(2, 3)})
            texts = [str(one.message) for one in told if issubclass(one.category, goldseal.GoldsealWarning)]
            self.assertTrue(texts)
            for text in texts:
                self.assertNotRegex(text, r"--(entry|input|allow|trust|embed)", text)
            self.assertTrue(any('entry="' in text for text in texts), texts)
            self.assertTrue(any('inputs={"image"' in text for text in texts), texts)


if __name__ == "__main__":
    unittest.main()
