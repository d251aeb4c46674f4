# SPDX-License-Identifier: Apache-2.0
"""Every code block of docs/training.md: files are written and commands run, in the order of the page; the rest must be Python.

    docs_test.py PAGE         GOLDSEAL_COMMAND names the command
"""
import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile

try:
    import torch  # noqa: F401
except ImportError:
    print("skipped: this Python has no torch")
    sys.exit(125)


def blocks(page):
    with open(page, encoding="utf-8") as file:
        return re.findall(r"^```(\w+)\n(.*?)^```$", file.read(), re.MULTILINE | re.DOTALL)


def main(page):
    with tempfile.TemporaryDirectory() as directory:
        programs = os.path.join(directory, "bin")
        os.mkdir(programs)
        os.symlink(os.environ["GOLDSEAL_COMMAND"], os.path.join(programs, "goldseal"))
        environment = {**os.environ, "PATH": programs + os.pathsep + os.environ["PATH"], "GOLDSEAL_PYTHON": sys.executable,
                       "PYTHONWARNINGS": "error:goldseal"}
        # A link to a virtual environment's interpreter would not find that environment.
        with open(os.path.join(programs, "python"), "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        os.chmod(os.path.join(programs, "python"), 0o755)
        ran = 0
        for language, text in blocks(page):
            named = re.match(r"# (\w+\.py)\n", text)
            if language == "python" and named:
                with open(os.path.join(directory, named.group(1)), "w", encoding="utf-8") as file:
                    file.write(text)
            elif language == "python":
                ast.parse(text)
            elif language == "sh":
                subprocess.run([shutil.which("bash"), "-euo", "pipefail", "-c", text], cwd=directory, env=environment, check=True)
                ran += 1
        assert ran >= 3, f"{page} has {ran} blocks of commands"


main(sys.argv[1])
