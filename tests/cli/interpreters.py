# SPDX-License-Identifier: Apache-2.0
"""`--runtime python` is the user's own interpreter, and what is judged is the one that runs (newcomer rows 6 and 7, bug 2):
`interpreters.py GOLDSEAL`. Exit code 125: this interpreter has no torch."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

try:
    import torch
except ImportError:
    print("skipped: this Python has no torch")
    sys.exit(125)

GOLDSEAL = sys.argv[1]
PACKAGES = pathlib.Path(torch.__file__).parents[1]


def run(*arguments, **environment):
    kept = {name: value for name, value in os.environ.items()
            if name not in ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "GOLDSEAL_PYTHON")}
    return subprocess.run([GOLDSEAL, *arguments], env={**kept, **environment}, capture_output=True, text=True, check=False)


def environment_of(folder, name, way):
    """A virtual environment without packages of its own, that finds torch by one of the ways that there are."""
    place = folder / name
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    packages = next((place / "lib").glob("python3.*")) / "site-packages"
    if way == "pth":
        (packages / "other.pth").write_text(f"{PACKAGES}\n")
    if way == "pth-import":
        (packages / "other.pth").write_text(f"import sys; sys.path.append({str(PACKAGES)!r})\n")
    return place


def chosen(report):
    return next(fact["value"] for fact in report["facts"] if fact["name"] == "runtime")


def verified(seal, *arguments, **environment):
    done = run("verify", str(seal), "--format", "json", *arguments, **environment)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def prove(folder):
    (folder / "tiny.py").write_text("from torch import nn\n\n\ndef make():\n    return nn.Linear(3, 2)\n")
    torch.manual_seed(0)
    torch.save(torch.nn.Linear(3, 2).state_dict(), folder / "tiny.pth")
    os.chdir(folder)
    pth, importing, bare = (environment_of(folder, name, way) for name, way in
                            (("by_pth", "pth"), ("by_import", "pth-import"), ("bare", "")))
    python = str(pth / "bin/python")
    done = run("capture", "tiny.pth", "--model", "python:tiny:make", "--input", "random:2x3,seed=1", "--runtime", f"python={python}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"next: goldseal verify tiny.seal --runtime python={python}" in done.stdout, done.stdout

    trust = ["--trust-code"] if "--trust-code" in run("verify", "--help").stdout else []
    path = os.environ["PATH"]
    # Each way to be the user's own.
    for name, environment in {
        "VIRTUAL_ENV": {"VIRTUAL_ENV": str(pth)},
        "VIRTUAL_ENV whose packages come by a line of code": {"VIRTUAL_ENV": str(importing)},
        "CONDA_PREFIX": {"CONDA_PREFIX": str(pth)},
        "the PATH": {"PATH": f"{pth / 'bin'}:{path}"},
        "PYTHONPATH": {"VIRTUAL_ENV": str(bare), "PYTHONPATH": str(PACKAGES)},
        "GOLDSEAL_PYTHON": {"GOLDSEAL_PYTHON": python, "VIRTUAL_ENV": str(importing)},
    }.items():
        report = verified("tiny.seal", "--runtime", "python", *trust, **environment)
        wanted = environment.get("GOLDSEAL_PYTHON") or environment.get("VIRTUAL_ENV") or str(pth)
        assert wanted in chosen(report), (name, chosen(report))
        statuses = {finding["id"]: finding["status"] for finding in report["findings"]}
        assert report["verdict"] == "PASS", (name, report["findings"])
        assert statuses["env.python.version"] == "pass", name
        # What is judged is what ran.
        rows = {row["name"]: row["found"] for row in report["evidence"]["environment"]}
        assert rows["python.prefix"] in (wanted, str(pathlib.Path(wanted).parents[1] if wanted.endswith("python") else wanted)), (name, rows["python.prefix"])
        assert rows["python.package.torch"].startswith(torch.__version__.partition("+")[0]), name
        assert not any(finding["message"].endswith("is not installed here") and finding["id"] == "env.python.numpy"
                       for finding in report["findings"]), name

    # VIRTUAL_ENV comes before the PATH; what has no torch is passed by.
    report = verified("tiny.seal", "--runtime", "python", *trust, VIRTUAL_ENV=str(pth), PATH=f"{importing / 'bin'}:{path}")
    assert str(pth) in chosen(report)
    report = verified("tiny.seal", "--runtime", "python", *trust, VIRTUAL_ENV=str(bare), PATH=f"{pth / 'bin'}:{path}")
    assert str(pth) in chosen(report)
    listed = json.loads(run("runtime", "--format", "json", VIRTUAL_ENV=str(importing)).stdout)["runtimes"]
    assert any(one["kind"] == "python" and str(importing) in one["worker"] for one in listed), listed

    # An interpreter that never answers is passed by.
    slow = folder / "slow"
    (slow / "bin").mkdir(parents=True)
    (slow / "bin/python").write_text("#!/bin/sh\nexit 3\n")
    (slow / "bin/python").chmod(0o755)
    report = verified("tiny.seal", "--runtime", "python", *trust, VIRTUAL_ENV=str(slow), PATH=f"{pth / 'bin'}:{path}")
    assert str(pth) in chosen(report)

    # A path alone is answered with what was meant.
    done = run("verify", "tiny.seal", "--runtime", python, *trust)
    assert done.returncode == 2 and f"did you mean python={python}?" in done.stderr, (done.returncode, done.stdout, done.stderr)

    # The probe describes the interpreter that it was told of.
    told = json.loads(run("probe", "--runtime", f"python={importing / 'bin/python'}", "--format", "json").stdout)["facts"]
    assert told["python.prefix"]["value"] == str(importing), told["python.prefix"]
    assert told["python.version"]["value"] == ".".join(map(str, sys.version_info[:3]))
    assert "python.package.torch" in told
    # Where LibTorch runs the model no Python is told of.
    done = run("probe", "--runtime", "libtorch", "--format", "json", VIRTUAL_ENV=str(pth))
    if done.returncode == 0:
        assert not [name for name in json.loads(done.stdout)["facts"] if name.startswith("python.")], done.stdout
    # A seal is no inventory of the machine.
    manifest = (folder / "tiny.seal/manifest.toml").read_text()
    assert '"package.torch" = ' in manifest
    assert '"package.pytest" = ' not in manifest


with tempfile.TemporaryDirectory() as name:
    prove(pathlib.Path(os.path.realpath(name)))
