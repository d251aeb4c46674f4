# SPDX-License-Identifier: Apache-2.0
"""A model through torch.export and through TorchScript: `exported_program.py GOLDSEAL RUNTIME [OTHER_RUNTIME…]`, as --runtime takes
them: both workers interpret a program, and each verifies what the other sealed.

Exit code 125: this interpreter cannot export, and the test counts as skipped."""

import pathlib
import subprocess
import sys
import tempfile

from reports import expect, findings, run

try:
    import torch
    from torch import nn
    from torch.export import export, save
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(125)

if tuple(int(part) for part in torch.__version__.split(".")[:2]) < (2, 8):
    print("skipped: this torch writes another archive")
    sys.exit(125)


class Classifier(nn.Module):
    """A convolution, a BatchNorm whose eps matters, a buffer that no state dict holds."""

    def __init__(self, eps: float = 1e-5):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8, eps=eps)
        self.head = nn.Linear(8, 4)
        self.register_buffer("scale", torch.tensor([2.0]), persistent=False)

    def forward(self, image):
        maps = torch.relu(self.norm(self.conv(image)))
        return {"scores": self.head(maps.mean([2, 3]) * self.scale)}


class Tied(nn.Module):
    """Two layers of one weight, and one like them with a weight of its own."""

    def __init__(self):
        super().__init__()
        self.embed, self.head, self.own = (nn.Linear(4, 4, bias=False) for _ in range(3))
        self.head.weight = self.embed.weight

    def forward(self, x):
        return self.own(self.head(self.embed(x)))


def main(goldseal, runtime, *others):
    torch.manual_seed(7)
    network = Classifier().eval()
    nn.init.uniform_(network.norm.running_var, 1e-3, 1e-2)
    image = torch.randn(2, 3, 8, 8)
    inputs = ("--input", "random:2x3x8x8,seed=3,normal")
    here = ("--runtime", runtime)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        program, weights, script = folder / "network.pt2", folder / "weights.pth", folder / "network.pt"
        save(export(network, (image,)), program)
        torch.save(network.state_dict(), weights)
        torch.jit.script(network).save(str(script))

        seal = folder / "network.seal"
        code, report, said = run(goldseal, "capture", program, *inputs, *here, "-o", seal)
        expect(code == 0, "an exported program is sealed as it is, without --model", said)
        code, report, said = run(goldseal, "verify", seal, *here)
        expect(code == 0 and findings(report)["golden.float64"]["status"] == "pass", "and conforms, in float64 too", said)
        for other in others:
            code, report, said = run(goldseal, "verify", seal, "--runtime", other)
            expect(code == 0 and findings(report)["golden.float64"]["status"] == "pass", f"and conforms under {other}", said)
            for check in ("model.configuration", "model.state"):
                expect(findings(report)[check]["status"] == "pass", f"with what {check} compares", findings(report)[check])

        other = Classifier(eps=1e-3).eval()
        other.load_state_dict(network.state_dict())
        save(export(other, (image,)), folder / "eps.pt2")
        code, report, said = run(goldseal, "verify", seal, "--model", f"export:{folder / 'eps.pt2'}", *here)
        expect(code == 1 and "eps of batch_norm" in findings(report)["model.configuration"]["message"],
               "another eps is named, with the node that has it", said)
        expect("the first layer that differs is" in findings(report)["golden.float64"]["message"],
               "and so is the layer that computes with it", said)

        code, report, said = run(goldseal, "verify", seal, "--model", f"torchscript:{script}?non_persistent=scale", *here)
        golden = {check: finding["status"] for check, finding in findings(report).items() if check.startswith("golden.")}
        expect(golden["golden.float64"] == golden["golden.native"] == "pass",
               "the same model through TorchScript gives the same answers", said)

        code, report, said = run(goldseal, "capture", weights, "--model", f"export:{program}", *inputs, *here, "-o",
                           folder / "weights.seal")
        expect(code == 0, "a state dict goes into the program as its weights", said)

        tied = Tied().eval()
        save(export(tied, (torch.zeros(2, 4),)), folder / "tied.pt2")
        state = tied.state_dict()
        torch.save({name: state[name] for name in ("embed.weight", "own.weight")}, folder / "once.pth")
        done = subprocess.run([goldseal, "capture", folder / "once.pth", "--model", f"export:{folder / 'tied.pt2'}", "--input",
                               "random:2x4", *here], capture_output=True, text=True, check=False)
        told = " ".join((done.stdout + done.stderr).split())
        expect(done.returncode == 1 and "head.weight is tied to embed.weight and was saved once" in told,
               "of tied weights of a program, the one that was not saved is explained", told)


if __name__ == "__main__":
    main(*sys.argv[1:])
