# SPDX-License-Identifier: Apache-2.0
"""Packs an installed tree of the command as a wheel, so that what was built once (across processors, or by an ordinary
build) is not built again by pip. The metadata and the Python package are those that `pip install .` gives: its own back
end makes a wheel without the command, and this script adds the command.

    pack_wheel.py SOURCE STAGE PLATFORM OUT     STAGE: what `cmake --install --component command` laid down; PLATFORM: the
                                                wheel's tag, manylinux_2_28_x86_64; needs scikit-build-core and wheel
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def run(*command, **keywords):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **keywords)
    if done.returncode != 0:
        raise SystemExit(f"pack_wheel: {' '.join(map(str, command))}\n{done.stdout}")


def the_only(paths):
    found = list(paths)
    if len(found) != 1:
        raise SystemExit(f"pack_wheel: expected one, found {found}")
    return found[0]


def package_alone(source, work):
    """The wheel of the Python package, unpacked."""
    # The back end writes into the tree that it builds: it gets a copy of what it reads.
    copy = work / "source"
    (copy / "src").mkdir(parents=True)
    for name in ("pyproject.toml", "README.md", "LICENSE", "CMakeLists.txt"):
        shutil.copy(source / name, copy / name)
    shutil.copytree(source / "src" / "python", copy / "src" / "python", ignore=shutil.ignore_patterns("__pycache__"))
    run(sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--disable-pip-version-check",
        "--config-settings=wheel.cmake=false", "-w", work, copy)  # fmt: skip
    wheel = the_only(work.glob("*.whl"))
    run(sys.executable, "-m", "wheel", "unpack", "--dest", work / "unpacked", wheel)
    return the_only((work / "unpacked").iterdir())


def add_command(stage, tree):
    """The command goes to the environment's bin, what lies beside it to its share, as any installation has it."""
    data = tree / f"{tree.name}.data"
    (data / "scripts").mkdir(parents=True)
    shutil.copy2(stage / "bin" / "goldseal", data / "scripts" / "goldseal")
    shutil.copytree(stage / "share", data / "data" / "share")
    for path in tree.rglob("*"):
        runs = path.is_dir() or path.parent.name == "scripts"
        path.chmod(0o755 if runs else 0o644)


def set_tag(tree, platform):
    about = tree / f"{tree.name}.dist-info" / "WHEEL"
    text = re.sub(r"(?m)^Root-Is-Purelib: .*$", "Root-Is-Purelib: false", about.read_text())
    text = re.sub(r"(?m)^Tag: .*\n?", "", text).rstrip("\n")
    about.write_text(f"{text}\nTag: py3-none-{platform}\n\n")


def main(source, stage, platform, out):
    os.environ.setdefault("SOURCE_DATE_EPOCH", "315532800")  # the earliest time that a zip holds
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        tree = package_alone(Path(source), work)
        add_command(Path(stage), tree)
        set_tag(tree, platform)
        Path(out).mkdir(parents=True, exist_ok=True)
        run(sys.executable, "-m", "wheel", "pack", "--dest-dir", out, tree)


if __name__ == "__main__":
    main(*sys.argv[1:])
