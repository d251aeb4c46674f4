# SPDX-License-Identifier: Apache-2.0
"""What this machine can run, and the command that mends what is missing: `doctor.py GOLDSEAL [DRIVERS]`. Kinds: what is
there and starts; what is there and is broken; what is missing and wanted; what is missing and not wanted; faults of the
machine that are no part's own. DRIVERS is a directory of driver libraries that pretend. Exit code 125: no torch here."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

try:
    import torch
except ImportError:
    print("skipped: this Python has no torch")
    sys.exit(125)

GOLDSEAL = sys.argv[1]
DRIVERS = sys.argv[2] if len(sys.argv) > 2 else ""
SOURCES = pathlib.Path(__file__).resolve().parents[2] / "src"
HEALTHS = ("ready", "limited", "broken", "missing", "absent")


def install(place):
    """The command and its Python worker, without the LibTorch workers that a build has beside it."""
    (place / "bin").mkdir(parents=True)
    (place / "share").mkdir()
    (place / "share/goldseal").symlink_to(SOURCES)
    return shutil.copy(GOLDSEAL, place / "bin/goldseal")


def doctor(*arguments, command="", path="", **environment):
    done = subprocess.run([command or INSTALLED, "doctor", *arguments], env={"PATH": path, **environment}, capture_output=True, text=True, check=False)
    return done


def examined(code, **options):
    done = doctor("--format", "json", **options)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    document = json.loads(done.stdout)
    assert document["schema"] == "goldseal.doctor/1"
    for part in document["parts"]:
        assert part["health"] in HEALTHS and part["found"], part
        assert not part["fix"] or part["health"] != "ready", part
    assert (code == 0) == document["runs_models"]
    return document


def part(document, name):
    return next(part for part in document["parts"] if part["name"] == name)


def script(place, text):
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f"#!/bin/sh\n{text}\n")
    place.chmod(0o755)
    return place


def environment_with_torch(folder, name, source):
    """A virtual environment whose torch is `source`; nothing where that is empty."""
    place = folder / name
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    if source:
        package = next((place / "lib").glob("python3.*")) / "site-packages/torch"
        package.mkdir()
        (package / "__init__.py").write_text(source)
    return place


def prove_pythons(folder, home):
    # There, and it starts.
    document = examined(0, GOLDSEAL_PYTHON=sys.executable, VIRTUAL_ENV=str(pathlib.Path(sys.executable).parents[1]), HOME=home)
    python = part(document, "python")
    assert python["health"] == "ready" and torch.__version__.partition("+")[0] in python["found"], python
    assert "cpu" in python["meaning"], python
    # There, and broken: PyTorch's own words are shown, and the reinstallation of that very interpreter.
    broken = environment_with_torch(folder, "broken", "raise ImportError('libcudart.so.12: cannot open shared object file')\n")
    document = examined(1, VIRTUAL_ENV=str(broken), HOME=home)
    python = part(document, "python")
    assert python["health"] == "broken", python
    assert "libcudart.so.12" in python["found"] + python["meaning"], python
    assert python["fix"] == f"{broken}/bin/python -m pip install --force-reinstall torch", python
    assert document["next"] == python["fix"]
    # A LibTorch beside it that has a worker runs models all the same.
    document = json.loads(doctor("--format", "json", command=GOLDSEAL, VIRTUAL_ENV=str(broken), HOME=home).stdout)
    assert part(document, "python")["health"] == "broken", document
    ready = any(part["name"] == "libtorch" and part["health"] == "ready" for part in document["parts"])
    assert document["runs_models"] == ready, document
    # No interpreter has torch.
    bare = environment_with_torch(folder, "bare", "")
    document = examined(1, VIRTUAL_ENV=str(bare), HOME=home)
    assert part(document, "python")["health"] == "missing", document
    assert document["next"] == f"{bare}/bin/python -m pip install torch", document["next"]
    # No interpreter at all.
    document = examined(1, path="/nowhere", HOME=home)
    assert part(document, "python")["health"] == "missing", document
    assert "python3" in part(document, "python")["fix"], document
    # The command was copied alone.
    (folder / "alone").mkdir()
    shutil.copy(GOLDSEAL, folder / "alone/goldseal")
    document = examined(1, command=str(folder / "alone/goldseal"), path=os.environ["PATH"], HOME=home)
    assert "copied alone" in part(document, "python")["found"], document
    return bare


def prove_compilers(folder, home, bare):
    """A compiler is wanted only where a LibTorch waits for a worker."""
    installation = pathlib.Path(torch.__file__).parent
    wanted = {"VIRTUAL_ENV": str(bare), "HOME": home, "GOLDSEAL_TORCH_DIR": str(installation), "GOLDSEAL_WORKERS": "/nowhere"}
    alone = str(folder / "alone/goldseal")
    document = examined(1, command=alone, path="/nowhere", **wanted)
    waits = part(document, "libtorch")
    assert waits["health"] == "missing" and f"goldseal runtime build --torch {installation}" in waits["fix"], waits
    compiler = part(document, "compiler")
    assert compiler["health"] == "missing" and compiler["found"] == "no C++ compiler on the PATH", compiler
    assert waits["fix"].startswith(compiler["fix"] + " && "), waits
    # Where Python runs models, nothing waits for a worker.
    document = examined(0, VIRTUAL_ENV=str(pathlib.Path(sys.executable).parents[1]), HOME=home, GOLDSEAL_TORCH_DIR=str(installation),
                        GOLDSEAL_WORKERS="/nowhere")
    idle = part(document, "libtorch")
    assert idle["health"] == "absent" and not idle["fix"] and "runtime build" in idle["meaning"], idle
    assert part(document, "compiler")["health"] == "absent" and "runtime build" not in document["next"], document
    # One that is too old; one without the JSON header; one without cmake.
    for name, text, told in (
        ("old", "echo \"unrecognized command line option '-std=c++20'\" >&2; exit 1", "does not compile C++20"),
        ("without_json", "echo 'error: #error goldseal-json' >&2; exit 1", "does not find nlohmann/json.hpp"),
        ("without_cmake", "cat >/dev/null; exit 0", "no cmake on the PATH"),
        ("silent", "exit 3", "does not compile C++20"),
    ):
        compiler = script(folder / name / "c++", text)
        (folder / name / "cat").symlink_to("/bin/cat")
        document = examined(1, command=alone, path=str(compiler.parent), **wanted)
        assert told in part(document, "compiler")["found"], (name, part(document, "compiler"))
        assert part(document, "compiler")["health"] == "missing", name
    # Nothing waits for one.
    nothing = {"VIRTUAL_ENV": str(bare), "HOME": home}
    document = examined(1, command=alone, path="/nowhere", **nothing)
    if part(document, "libtorch")["health"] == "absent":
        assert part(document, "compiler")["health"] == "absent" and not part(document, "compiler")["fix"], document


def prove_machine(home, bare):
    # No home: workers have no place; nothing else is said to be broken.
    document = examined(1, VIRTUAL_ENV=str(bare))
    assert part(document, "cache")["health"] == "missing" and "XDG_CACHE_HOME" in part(document, "cache")["fix"]
    # No temporary directory: that is told as what it is, and no PyTorch is accused.
    document = examined(1, VIRTUAL_ENV=str(pathlib.Path(sys.executable).parents[1]), HOME=home, TMPDIR="/nowhere")
    assert part(document, "temporary files")["health"] == "broken", document
    assert part(document, "temporary files")["fix"].startswith("export TMPDIR="), document
    assert not any("install" in part["fix"] for part in document["parts"] if part["name"] == "python"), document
    for name in ("sandbox", "memory", "temporary files", "cache", "gpu", "compiler", "libtorch"):
        assert part(examined(1, VIRTUAL_ENV=str(bare), HOME=home), name), name


def prove_gpus(home):
    if not DRIVERS or not os.path.isdir(DRIVERS):
        return
    here = {"VIRTUAL_ENV": str(pathlib.Path(sys.executable).parents[1]), "HOME": home, "LD_LIBRARY_PATH": DRIVERS}
    if torch.cuda.is_available():
        return
    gpu = part(examined(0, **here, GOLDSEAL_FAKE_GPU="h100"), "gpu")
    assert gpu["health"] == "limited" and "NVIDIA H100 80GB HBM3" in gpu["found"], gpu
    assert "CUDA build of PyTorch" in gpu["fix"], gpu
    # A driver that gives no device is no GPU that could be used.
    gpu = part(examined(0, **here, GOLDSEAL_FAKE_GPU="no_device"), "gpu")
    assert gpu["health"] in ("absent", "broken"), gpu


def prove_words(home):
    here = {"VIRTUAL_ENV": str(pathlib.Path(sys.executable).parents[1]), "HOME": home}
    done = doctor(**here)
    assert done.returncode == 0 and "This machine can seal and verify models." in done.stdout, done.stdout
    assert done.stdout.startswith("goldseal "), done.stdout
    assert doctor("--quiet", **here).stdout == ""
    done = doctor("--format", "junit", **here)
    assert done.returncode == 2 and "expected one of text, json" in done.stderr, done.stderr
    assert "Exit codes: 0 a PyTorch here runs models; 1 none does" in doctor("--help", **here).stdout
    done = subprocess.run([GOLDSEAL, "doctr"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "did you mean `goldseal doctor`?" in done.stderr, done.stderr


with tempfile.TemporaryDirectory() as name:
    FOLDER = pathlib.Path(name)
    (FOLDER / "home").mkdir()
    HOME = str(FOLDER / "home")
    INSTALLED = install(FOLDER / "installed")
    BARE = prove_pythons(FOLDER, HOME)
    prove_compilers(FOLDER, HOME, BARE)
    prove_machine(HOME, BARE)
    prove_gpus(HOME)
    prove_words(HOME)
print("proved")
