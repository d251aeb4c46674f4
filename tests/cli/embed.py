# SPDX-License-Identifier: Apache-2.0
"""`capture --embed`: what the seal holds is enough for a target: `embed.py GOLDSEAL TORCH_DIR [OTHER_TORCH_DIR]`.

Exit code 125: this interpreter has no torch, and the test counts as skipped."""

import json
import os
import pathlib
import shutil
import sys
import tempfile
import tomllib
import zipfile

from reports import expect, findings, run

try:
    import torch
    from torch import nn
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(125)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import detector

LAYERS = [(8, 3, 1, True), (18, 1, 1, False)]
CFG = detector.cfg(16, LAYERS)
INPUT = ("--input", "image=random:1x3x16x16,seed=7")


class Classifier(nn.Module):
    """Weights that would show in a file's size, and a buffer that no state dict holds."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(64)
        self.wide = nn.Linear(64, 512)
        self.register_buffer("scale", torch.tensor([2.0]), persistent=False)

    def forward(self, image):
        maps = torch.relu(self.norm(self.conv(image)))
        return self.wide(maps.mean([2, 3]) * self.scale)


def darknet_state():
    return detector.Detector(LAYERS).state_dict()


def facts(report):
    return json.dumps(report.get("facts"))


def architectures(folder):
    """The form, the file it names, the options behind it, and the state dict that goes into it."""
    network = Classifier().eval()
    script = folder / "network.pt"
    torch.jit.script(network).save(str(script))
    yield "darknet", folder / "network.cfg", "", darknet_state()
    yield "torchscript", script, "?non_persistent=scale", network.state_dict()
    if tuple(int(part) for part in torch.__version__.split(".")[:2]) >= (2, 8):
        torch.export.save(torch.export.export(network, (torch.ones(1, 3, 16, 16),)), folder / "network.pt2")
        yield "export", folder / "network.pt2", "", network.state_dict()


def prove(goldseal, folder, form, file, options, state, here, others):
    home = folder / form
    home.mkdir()
    shutil.copy(file, home / file.name)
    torch.save(state, home / "weights.pth")
    model = f"{form}:{home / file.name}{options}"
    code, report, error = run(goldseal, "capture", home / "weights.pth", "--model", model, *INPUT, *here, "--embed")
    expect(code == 0 and findings(report)["seal.architecture"]["status"] == "pass", f"{form}: an architecture is embedded", report, error)
    seal = home / "weights.seal"
    embedded = seal / f"architecture{file.suffix}"
    record = [r for r in tomllib.loads((seal / "manifest.toml").read_text())["model"]["file"] if r["role"] == "embedded"]
    expect(len(record) == 1 and record[0]["path"] == embedded.name and record[0]["bytes"] == embedded.stat().st_size,
           f"{form}: the manifest names it", record)
    weights = state["wide.weight"].numel() * 4 if "wide.weight" in state else 1 << 30
    expect(embedded.stat().st_size < weights / 4, f"{form}: it holds no weights", embedded.stat().st_size)

    target = folder / f"{form}-target"
    target.mkdir()
    shutil.copytree(seal, target / "weights.seal")
    shutil.copy(home / "weights.pth", target / "elsewhere.pth")
    call = ("verify", "weights.seal", "--checkpoint", "elsewhere.pth")
    interpreter = ("--runtime", f"python={sys.executable}")
    for runtime in (here, *others, interpreter):
        code, report, error = run(goldseal, *call, *runtime, folder=target)
        expect(code == 0 and embedded.name in facts(report) and findings(report)["golden.float64"]["status"] == "pass",
               f"{form}: a target needs the seal and the checkpoint alone ({runtime[1]})", report, error)

    code, report, error = run(goldseal, *call, "--model", model, *here, folder=target)
    expect(code == 0 and embedded.name not in facts(report) and findings(report)["file.architecture"]["status"] == "pass",
           f"{form}: a --model that is given wins", report, error)

    copy = target / "weights.seal" / embedded.name
    damaged = bytearray(copy.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    copy.write_bytes(damaged)
    code, report, error = run(goldseal, *call, *here, folder=target)
    expect(code == 4 and "changed" in findings(report)["seal.architecture"]["message"] and findings(report)["worker.run"]["status"] == "skipped",
           f"{form}: one that was changed is damage, and nothing is built from it", report, error)
    copy.unlink()
    code, report, error = run(goldseal, "check", "weights.seal", "--checkpoint", "elsewhere.pth", folder=target)
    expect(code == 4 and "missing" in findings(report)["seal.architecture"]["message"], f"{form}: one that is missing too", report, error)


class Constants(nn.Module):
    """Its weights go by names that those of an archive's constants have, or begin like them; the trace holds a table as a constant."""

    table = torch.linspace(0.5, 2, 256)

    def __init__(self, names):
        super().__init__()
        self.constants = nn.Linear(64, 256) if names == "begin" else nn.ParameterList([nn.Parameter(torch.randn(256, 64))])

    def forward(self, image):
        weight = self.constants[0] if isinstance(self.constants, nn.ParameterList) else self.constants.weight
        return nn.functional.linear(image, weight) * self.table


def prove_constants(goldseal, folder):
    for names in ("begin", "equal"):
        network = Constants(names).eval()
        torch.jit.trace(network, torch.ones(2, 64)).save(str(folder / "constants.pt"))
        torch.save(network.state_dict(), folder / "constants.pth")
        code, report, error = run(goldseal, "capture", "constants.pth", "--model", "torchscript:constants.pt", "--input", "random:2x64,seed=7", "--runtime",
                                  f"python={sys.executable}", "--embed", "--force", folder=folder)
        expect(code == 0 and findings(report)["seal.architecture"]["status"] == "pass", f"weights under `constants` are weights ({names})", report, error)
        with zipfile.ZipFile(folder / "constants.seal" / "architecture.pt") as archive:
            held = {name.split("/", 1)[1]: any(archive.read(name)) for name in archive.namelist()}
        expect(not held["data/0"] and held["constants/0"], f"they are left out, and the code's constants stay ({names})", held)


def prove_code(goldseal, folder, here, others):
    interpreter = ("--runtime", f"python={sys.executable}")
    torch.save(nn.Linear(768, 4).state_dict(), folder / "linear.pth")
    (folder / "written.py").write_text("from torch.nn import Linear\n")
    call = ("capture", "linear.pth", "--input", "random:1x768,seed=7", *interpreter, "--force", "-o", "code.seal")
    code, report, error = run(goldseal, *call, "--model", "python:written:Linear?in_features=768&out_features=4", "--embed", folder=folder)
    expect(code == 0 and findings(report)["seal.architecture"]["status"] == "pass", "the program of the user's code is embedded", report, error)
    file = next((folder / "code.seal").glob("architecture.*"))
    expect(file.stat().st_size < 768 * 16, "without its weights", file.stat().st_size)
    target = folder / "without-code"
    target.mkdir()
    shutil.copytree(folder / "code.seal", target / "code.seal")
    shutil.copy(folder / "linear.pth", target / "linear.pth")
    for runtime in ((), here, *others):
        code, report, error = run(goldseal, "verify", "code.seal", *runtime, folder=target)
        expect(code == 0 and file.name in facts(report) and findings(report)["golden.float64"]["status"] == "pass",
               f"a target needs none of the code ({runtime})", report, error)
    code, report, error = run(goldseal, "verify", "code.seal", "--trust-code", *interpreter, folder=folder)
    expect(code == 0 and file.name not in facts(report), "Python runs the code itself", report, error)
    code, report, error = run(goldseal, "verify", "code.seal", "--trust-code", *interpreter, folder=target)
    expect(code != 0 and "written" in json.dumps(report), "and says where there is none", report, error)

    torch.save({**torch.load(folder / "linear.pth"), "criterion.weight": torch.ones(4)}, folder / "more.pth")
    more = ("capture", "more.pth", "--input", "random:1x768,seed=7", *interpreter, "--force", "-o", "more.seal", "--allow-unexpected", "criterion.*")
    code, report, error = run(goldseal, *more, "--model", "python:written:Linear?in_features=768&out_features=4", "--embed", folder=folder)
    expect(code == 0 and findings(report)["seal.architecture"]["status"] == "pass", "what a checkpoint has besides stops no program", report, error)
    code, report, error = run(goldseal, "verify", "more.seal", *here, folder=folder)
    expect(code == 0 and findings(report)["keys.partial"]["status"] == "pass", "and the program takes the checkpoint", report, error)

    before = dict(os.environ)
    os.environ.update(PATH=f"{os.path.dirname(sys.executable)}:{before['PATH']}", VIRTUAL_ENV=sys.prefix)
    code, report, error = run(goldseal, "verify", "code.seal", "--trust-code", folder=folder)
    parts = report["judged"]["parts"]
    expect(code == 0 and (parts["program"], parts["code"], report["judged"]["scope"]) == ("yes", "yes", ""),
           "where both can run, the program and the trusted code are judged", report, error)
    expect(file.name in facts(report) and "for the code" in facts(report), "and the report says so", facts(report))
    (folder / "written.py").write_text("import torch\n\nclass Linear(torch.nn.Linear):\n    def forward(self, input):\n"
                                       "        return super().forward(input) * 1.001\n")
    code, report, error = run(goldseal, "verify", "code.seal", "--trust-code", folder=folder)
    expect(code == 1 and findings(report)["golden.float64"]["message"].startswith("the code: "),
           "code that answers otherwise fails beside a program that does not", report, error)
    os.environ.clear()
    os.environ.update(before)

    (folder / "unwritten.py").write_text("import torch\n\nclass Linear(torch.nn.Linear):\n    def forward(self, x):\n"
                                         "        y = super().forward(x)\n        return torch.from_numpy(y.detach().numpy().copy()) + 0 * y\n")
    shutil.rmtree(folder / "code.seal")
    model = ("--model", "python:unwritten:Linear?in_features=768&out_features=4")
    code, report, error = run(goldseal, *call, *model, "--embed", folder=folder)
    expect(code == 2 and "TorchScript: " in error and "a trace: " in error and report is None,
           "code that cannot be written down is refused, with the reasons", report, error)
    expect(not (folder / "code.seal").exists(), "and nothing is written")
    code, report, error = run(goldseal, *call, *model, "--embed-if-possible", folder=folder)
    expect(code == 0 and findings(report)["seal.architecture"]["status"] == "warn", "or sealed without, with a warning", report, error)
    expect(not list((folder / "code.seal").glob("architecture.*")), "and no architecture in the seal")
    code, report, error = run(goldseal, *call, "--model", "plugin:libnone.so", "--embed", folder=folder)
    expect(code == 2 and "torch.jit.script" in error, "other code is refused, with what to do", report, error)


def main(goldseal, torch_directory, *other_directories):
    torch.manual_seed(7)
    here = ("--runtime", f"libtorch={torch_directory}")
    others = [("--runtime", f"libtorch={directory}") for directory in other_directories]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "network.cfg").write_text(CFG)
        for form, file, options, state in architectures(folder):
            prove(goldseal, folder, form, file, options, state, here, others)

        if hasattr(torch, "get_default_device"):
            with torch.device("meta"):
                empty = nn.Linear(768, 4)
            torch.jit.script(empty).save(str(folder / "meta.pt"))
            torch.save(nn.Linear(768, 4).state_dict(), folder / "linear.pth")
            code, report, error = run(goldseal, "capture", folder / "linear.pth", "--model", f"torchscript:{folder / 'meta.pt'}",
                                      "--input", "random:1x768,seed=7", *here, "--embed")
            expect(code == 0, "an archive of the meta device is embedded as it is", report, error)

        whole = torch.jit.script(Classifier().eval())
        whole.save(str(folder / "whole.pt"))
        code, report, error = run(goldseal, "capture", folder / "whole.pt", *INPUT, *here, "--embed", "-o", folder / "whole.seal")
        expect(code == 0, "a checkpoint that is its own architecture is embedded too", report, error)
        (folder / "moved").mkdir()
        (folder / "whole.pt").rename(folder / "moved" / "whole.pt")
        code, report, error = run(goldseal, "verify", folder / "whole.seal", "--checkpoint", folder / "moved" / "whole.pt", *here)
        expect(code == 0, "and verified where it lies elsewhere", report, error)

        prove_constants(goldseal, folder)
        prove_code(goldseal, folder, here, others)


if __name__ == "__main__":
    main(*sys.argv[1:])
