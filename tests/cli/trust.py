# SPDX-License-Identifier: Apache-2.0
"""A seal is data: what it names runs only where the user says so. `trust.py GOLDSEAL TORCH_DIR`.

Kinds tried: who names the code (a Python callable of a module, of the standard library, a plugin, a package), where a
native file lies (in the seal, behind a link, through `..`, by an absolute path), who says that it may run (no one, the
flag, a variable, goldseal.toml, --model), what a program's operators do (files, threads), when (in forward, while the
archive is loaded), through which worker, and what lies beside (a torch.py in the working directory)."""

import hashlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from reports import expect, findings, run

try:
    import torch
    from torch import nn
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(125)

PYTHON = ("--runtime", f"python={sys.executable}")


def forge(seal, replace):
    """Another manifest, with a digest that fits."""
    path = seal / "manifest.toml"
    text = re.sub(r'^digest = "\w*"', 'digest = ""', path.read_text(), count=1, flags=re.MULTILINE)
    for pattern, by in replace.items():
        assert re.search(pattern, text, re.MULTILINE | re.DOTALL), pattern
        text = re.sub(pattern, lambda _, by=by: by, text, count=1, flags=re.MULTILINE | re.DOTALL)
    digest = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(text.replace('digest = ""', f'digest = "{digest}"', 1))


def first_line(goldseal, *arguments, folder):
    done = subprocess.run([goldseal, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout.splitlines() or [""])[0], done.stderr


class Trap:
    """A file that code leaves behind where it runs."""

    def __init__(self, folder):
        self.path = folder / "it-ran"

    def sprung(self):
        found = self.path.exists()
        self.path.unlink(missing_ok=True)
        return found


def prove_python(goldseal, folder):
    trap = Trap(folder)
    (folder / "mine.py").write_text("import os, torch\n\n\nclass Net(torch.nn.Linear):\n    def __init__(self):\n"
                                    f"        open({str(trap.path)!r}, 'w').close()\n        super().__init__(4, 2)\n")
    torch.save(nn.Linear(4, 2).state_dict(), folder / "net.pth")
    # The trap is outside of what a sandbox lets a model write to.
    here = (*PYTHON, "--no-sandbox")
    capture = ("capture", "net.pth", "--model", "python:mine:Net", "--input", "random:1x4,seed=1", *here, "-o", "net.seal")
    code, report, said = run(goldseal, *capture, folder=folder)
    expect(code == 0 and trap.sprung(), "whoever captures names the code", report, said)

    for arguments in ((), here, ("--no-sandbox",)):
        code, report, said = run(goldseal, "verify", "net.seal", *arguments, folder=folder)
        expect(code == 3 and not trap.sprung(), f"A2: code of a seal is not run by itself ({arguments})", report, said)
        finding = findings(report)["worker.run"]
        expect(finding["status"] == "unknown" and "python:mine:Net" in finding["message"], "and the report names it", finding)
        expect(findings(report)["tensors.file"]["status"] == "pass", "what can be judged is judged", report)
    code, line, said = first_line(goldseal, "verify", "net.seal", folder=folder)
    expect(line.startswith("INCONCLUSIVE") and "was not run" in line, "the first line says that the code was not run", line, said)
    code, report, said = run(goldseal, "check", "net.seal", folder=folder)
    expect(code == 0 and not trap.sprung(), "check runs nothing", report, said)

    for slip, meant in (("nonsense", "libtorch"), ("pyton", "python"), ("libtorch:/usr", "libtorch=")):
        code, _, said = run(goldseal, "verify", "net.seal", "--runtime", slip, folder=folder)
        expect(code == 2 and slip in said and meant in said, f"a slip is named where nothing would run too ({slip})", code, said)

    code, report, said = run(goldseal, "verify", "net.seal", "--trust-code", *here, folder=folder)
    expect(code == 0 and trap.sprung(), "--trust-code runs it", report, said)
    code, report, said = run(goldseal, "verify", "net.seal", "--model", "python:mine:Net", *here, folder=folder)
    expect(code == 0 and trap.sprung(), "--model runs what it names", report, said)
    prove_settings(goldseal, folder, here, trap)
    (folder / "goldseal.toml").write_text("[trust]\ncode = true\n")
    code, report, said = run(goldseal, "verify", "net.seal", *here, "--no-config", folder=folder)
    expect(code == 3 and not trap.sprung(), "but not where that file is left out", report, said)
    for slip in ("[trust]\ncode = 1\n", "[trust]\ncodes = true\n"):
        (folder / "goldseal.toml").write_text(slip)
        code, _, said = run(goldseal, "verify", "net.seal", *here, folder=folder)
        expect(code == 2 and "goldseal.toml:2" in said and not trap.sprung(), "a slip there is named", code, said)
    (folder / "goldseal.toml").unlink()
    os.environ["GOLDSEAL_TRUST_CODE"] = "true"
    code, report, said = run(goldseal, "verify", "net.seal", *here, folder=folder)
    del os.environ["GOLDSEAL_TRUST_CODE"]
    expect(code == 0 and trap.sprung(), "so does the variable", report, said)

    forge(folder / "net.seal", {r'^source = "mine:Net"': 'source = "subprocess:getoutput"',
                                r"^container = ": f'options = {{ cmd = "touch {trap.path}" }}\ncontainer = '})
    code, report, said = run(goldseal, "verify", "net.seal", *here, folder=folder)
    expect(code == 3 and not trap.sprung(), "any callable of any module is code", report, said)
    code, report, said = run(goldseal, "verify", "net.seal", "--trust-code", *here, folder=folder)
    expect(code != 0 and trap.sprung(), "(the trap works)", report, said)


def prove_settings(goldseal, folder, here, trap):
    """What a goldseal.toml may start goes by who put it there. Kinds: the key (a table, a top key, a verb's key, a runtime
    with a path), where the file lies (here, above, in the home directory), who can write it, and how it was named."""
    (folder / "deep").mkdir(exist_ok=True)
    interpreter = folder / "python"
    interpreter.write_text(f"#!/bin/sh\ntouch {trap.path}\nexit 1\n")
    interpreter.chmod(0o755)
    settings = folder / "goldseal.toml"
    for text, line in (("[trust]\ncode = true\n", 2), ("trust-code = true\n", 1), ("[verify]\ntrust-code = true\n", 2),
                       ("runtime = 'python=./python'\n", 1), ("[verify]\nruntime = 'libtorch=./lib/torch'\n", 2)):
        settings.write_text(text)
        words = here if "trust" in text else ("--trust-code", "--no-sandbox")
        for where, seal in ((folder, "net.seal"), (folder / "deep", "../net.seal")):
            code, _, said = run(goldseal, "verify", seal, *words, folder=where)
            expect(code == 2 and f"goldseal.toml:{line}" in said and "--config" in said and not trap.sprung(),
                   f"a file that was found starts nothing ({text!r} seen from {where.name})", code, said)
        code, _, said = run(goldseal, "check", "net.seal", folder=folder)
        expect(code == 0, "and stops no verb that starts nothing", code, said)
    settings.write_text("[trust]\ncode = true\n")
    for words, variables in ((("--config", "goldseal.toml"), {}), ((), {"GOLDSEAL_CONFIG": "goldseal.toml"}), ((), {"HOME": str(folder)})):
        before = {name: os.environ.get(name) for name in variables}
        os.environ.update(variables)
        code, report, said = run(goldseal, "verify", "net.seal", *here, *words, folder=folder)
        expect(code == 0 and trap.sprung(), f"[trust] of a file that the user named runs it ({words}, {variables})", report, said)
        if "HOME" in variables:
            settings.chmod(0o666)
            code, report, said = run(goldseal, "verify", "net.seal", *here, folder=folder)
            expect(code == 2 and not trap.sprung(), "in the home directory too, unless others can write it", report, said)
            settings.chmod(0o644)
        for name, value in before.items():
            os.environ.pop(name)
            os.environ.update({} if value is None else {name: value})
    settings.write_text("runtime = 'python'\n[trust]\ncode = false\n")
    code, report, said = run(goldseal, "verify", "net.seal", "--no-sandbox", folder=folder)
    expect(code == 3 and not trap.sprung(), "what starts nothing may stand in any file", report, said)


def prove_native(goldseal, folder, torch_directory):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(4, 2)

        def forward(self, x):
            return self.head(x)

    network = Net()
    torch.save(network.state_dict(), folder / "net.pth")
    torch.jit.script(network).save(str(folder / "net.pt"))
    here = ("--runtime", f"libtorch={torch_directory}")
    capture = ("capture", "net.pth", "--model", "torchscript:net.pt", "--input", "random:1x4,seed=1", *here, "--force", "-o", "net.seal")
    code, report, said = run(goldseal, *capture, folder=folder)
    expect(code == 0, "a seal", report, said)
    seal = folder / "net.seal"
    library = (seal / "evil.so").resolve()
    library.write_bytes(b"\x7fELF")
    (folder / "elsewhere.so").write_bytes(b"\x7fELF")
    (seal / "link.so").symlink_to(folder / "elsewhere.so")
    (folder / "into-the-seal").symlink_to(seal)
    (folder / "to-it.so").symlink_to(library)
    manifest = (seal / "manifest.toml").read_text()
    for builder in ("plugin", "aoti"):
        for source in ("evil.so", "link.so", "sub/../evil.so", str(library), "../net.seal/evil.so", "../into-the-seal/evil.so",
                       "../to-it.so"):
            (seal / "manifest.toml").write_text(manifest)
            forge(seal, {r'^builder = "torchscript"': f'builder = "{builder}"', r'^source = "[^"]*"': f'source = "{source}"'})
            for words in ((), ("--trust-code",)):
                code, report, said = run(goldseal, "verify", "net.seal", *here, *words, folder=folder)
                expect(code == 4 and "outside the seal" in said, f"A2: no native file of a seal is opened ({builder}:{source} {words})", code, said)
            code, report, said = run(goldseal, "check", "net.seal", folder=folder)
            expect(code == 4, "check says so too", code, said)
        (seal / "manifest.toml").write_text(manifest)
        code, report, said = run(goldseal, "verify", "net.seal", "--model", f"{builder}:{library}", *here, folder=folder)
        expect(code == 2 and "outside the seal" in said, "nor by --model", code, said)
        # With its digest, so that nothing but the user's word is missing.
        described, forged = (hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("net.pt", "elsewhere.so"))
        forge(seal, {r'^builder = "torchscript"': f'builder = "{builder}"', r'^source = "[^"]*"': 'source = "../elsewhere.so"',
                     described: forged})
        code, report, said = run(goldseal, "verify", "net.seal", *here, folder=folder)
        expect(code == 3 and "was not run" in findings(report)["worker.run"]["message"], "one beside the seal waits for the user's word", report, said)
    (seal / "manifest.toml").write_text(manifest)


class Saves(nn.Module):
    def __init__(self, path: str):
        super().__init__()
        self.head = nn.Linear(4, 2)
        self.path = path

    def forward(self, x):
        torch.save(x, self.path)
        return self.head(x)


class Maps(Saves):
    def forward(self, x):
        return self.head(x) + 0 * torch.from_file(self.path, True, 4).nan_to_num().sum()


class Forks(Saves):
    def forward(self, x):
        task = torch.jit.fork(torch.relu, x)
        return self.head(x) + 0 * torch.jit.wait(task).sum()


class WritesAtLoad(nn.Module):
    """What torch.jit.load itself runs; it has to set all that the module holds, so that it holds no layer."""

    def __init__(self, path: str):
        super().__init__()
        self.path = path

    def forward(self, x):
        return x

    @torch.jit.export
    def __getstate__(self):
        return self.path, self.training

    @torch.jit.export
    def __setstate__(self, state: "tuple[str, bool]"):
        torch.save(1, state[0])
        self.path = state[0]
        self.training = state[1]


class SavesAtLoad(nn.Module):
    def __init__(self, path: str):
        super().__init__()
        self.head = nn.Linear(4, 2)
        self.writer = WritesAtLoad(path)

    def forward(self, x):
        return self.head(self.writer(x))


def prove_operators(goldseal, folder, torch_directory):
    trap = Trap(folder)
    runtimes = [("--runtime", f"libtorch={torch_directory}"), PYTHON]
    for kind, operator in ((Saves, "aten::save"), (Maps, "aten::from_file"), (Forks, "prim::fork")):
        network = kind(str(trap.path)).eval()
        torch.save(network.state_dict(), folder / "net.pth")
        torch.jit.script(network).save(str(folder / "net.pt"))
        trap.sprung()
        for runtime in runtimes:
            here = (*runtime, "--no-sandbox")
            capture = ("capture", "net.pth", "--model", "torchscript:net.pt", "--input", "random:1x4,seed=1", *here, "--force", "-o", "net.seal")
            code, report, said = run(goldseal, *capture, folder=folder)
            expect(code == 0, f"a network that calls {operator} is sealed by who names it", report, said)
            trap.sprung()
            code, report, said = run(goldseal, "verify", "net.seal", *here, folder=folder)
            finding = findings(report)["worker.run"]
            expect(code == 3 and operator in finding["message"] and "--trust-code" in finding["remedy"] and not trap.sprung(),
                   f"{operator} of a seal's program is refused ({runtime})", finding, said)
            code, report, said = run(goldseal, "verify", "net.seal", "--trust-code", *here, folder=folder)
            expect(code == 0, f"and run where the user trusts it ({operator}, {runtime})", report, said)
            expect(operator == "prim::fork" or trap.sprung(), "(the trap works)")


def prove_loading(goldseal, folder, torch_directory):
    """The archive is made by hand: a scripted module's __setstate__ may not be written down by every PyTorch."""
    import zipfile

    network = nn.Linear(4, 2).eval()
    torch.save(network.state_dict(), folder / "net.pth")
    trap = Trap(folder)
    torch.jit.script(network).save(str(folder / "net.pt"))
    from_archive = folder / "net.pt"
    made = torch.jit.load(str(from_archive))
    expect(made is not None, "an archive")
    try:
        scripted = torch.jit.script(SavesAtLoad(str(trap.path)).eval())
        scripted.save(str(folder / "loads.pt"))
    except Exception as error:
        print(f"left out: this PyTorch scripts no __setstate__: {error}")
        return
    trap.sprung()
    torch.jit.load(str(folder / "loads.pt"))
    expect(trap.sprung(), "(the trap works)")
    with zipfile.ZipFile(folder / "loads.pt") as archive:
        expect(any("__setstate__" in archive.read(name).decode() for name in archive.namelist() if name.endswith(".py")), "an archive that runs code when it is loaded")
    torch.save({"head.weight": torch.ones(2, 4), "head.bias": torch.zeros(2)}, folder / "net.pth")
    torch.jit.script(nn.Sequential()).save(str(folder / "empty.pt"))
    here = ("--runtime", f"libtorch={torch_directory}", "--no-sandbox")
    code, report, said = run(goldseal, "capture", "net.pth", "--model", "torchscript:loads.pt", "--input", "random:1x4,seed=1", *here, "--force", "-o", "net.seal", folder=folder)
    trap.sprung()
    if code != 0:
        print(f"left out: {said}")
        return
    for runtime in (here, (*PYTHON, "--no-sandbox")):
        code, report, said = run(goldseal, "verify", "net.seal", *runtime, folder=folder)
        expect(code != 0 and not trap.sprung(), "what would run while an archive is loaded is found before", report, said)


def prove_working_directory(goldseal, folder):
    trap = Trap(folder)
    network = nn.Linear(4, 2).eval()
    torch.save(network.state_dict(), folder / "net.pth")
    torch.jit.script(network).save(str(folder / "net.pt"))
    here = (*PYTHON, "--no-sandbox")
    code, report, said = run(goldseal, "capture", "net.pth", "--model", "torchscript:net.pt", "--input", "random:1x4,seed=1", *here, "--force", "-o", "net.seal", folder=folder)
    expect(code == 0, "a seal", report, said)
    for name in ("torch", "numpy", "json", "socket", "hashlib"):
        (folder / f"{name}.py").write_text(f"open({str(trap.path)!r}, 'w').close()\nraise ImportError('a trap')\n")
    code, report, said = run(goldseal, "verify", "net.seal", *here, folder=folder)
    expect(code == 0 and not trap.sprung(), "a file of the working directory takes no module's place", report, said)


def main(goldseal, torch_directory):
    for behaviour in (lambda folder: prove_python(goldseal, folder), lambda folder: prove_native(goldseal, folder, torch_directory),
                      lambda folder: prove_operators(goldseal, folder, torch_directory),
                      lambda folder: prove_loading(goldseal, folder, torch_directory),
                      lambda folder: prove_working_directory(goldseal, folder)):
        with tempfile.TemporaryDirectory() as name:
            torch.manual_seed(0)
            behaviour(pathlib.Path(name).resolve())


main(*sys.argv[1:3])
