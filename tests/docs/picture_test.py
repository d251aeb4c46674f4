# SPDX-License-Identifier: Apache-2.0
"""The README's picture is what the tool prints: `picture_test.py ROOT GOLDSEAL PYTHON` makes it again and holds its words
against docs/failed-report.svg. Numbers are those of the machine that drew it. Exit code 125: no torch."""
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT, GOLDSEAL, PYTHON = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
if subprocess.run([PYTHON, "-c", "import torch"], capture_output=True, check=False).returncode:
    sys.exit(125)

sys.path.insert(0, str(ROOT / "scripts"))
from report_picture import picture, runs  # noqa: E402


def words(svg):
    told = re.search(r"<desc>(.*?)</desc>", svg, re.DOTALL).group(1)
    return re.sub(r"\d[\d.e+-]*", "#", told).split()


# Colours, hostile text, blanks: what is drawn is what was printed, and stays a picture.
assert list(runs("\x1b[31m\x1b[1mFAIL\x1b[0m  x")) == [("FAIL", {"fill": "#ff8078", "font-weight": "700"}), ("  x", {})]
assert list(runs("plain")) == [("plain", {})] and list(runs("")) == []
hostile = picture("x", "<script>&\"' a  b: c  1.25 s\n")
assert "<script>" not in hostile and "&lt;script&gt;" in hostile and "1.25 s" not in hostile, hostile

committed = (ROOT / "docs/failed-report.svg").read_text(encoding="utf-8")
made = subprocess.run(["bash", str(ROOT / "scripts/readme_picture.sh")], env={**os.environ, "GOLDSEAL": GOLDSEAL, "PYTHON": PYTHON},
                      stdout=subprocess.PIPE, check=True, encoding="utf-8").stdout
assert words(made) == words(committed), f"draw it again with scripts/readme_picture.sh:\n{' '.join(words(made))}\n{' '.join(words(committed))}"
assert "model.configuration" in committed and "eps of norm" in committed
print("the picture is what the tool prints")
