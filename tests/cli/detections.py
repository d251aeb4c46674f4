# SPDX-License-Identifier: Apache-2.0
"""Objects found by a network that throws candidates away, judged through the real command: `detections.py GOLDSEAL TORCH_DIR
OTHER_TORCH_DIR`, the third of another PyTorch, or empty.

Exit code 125: this interpreter lacks torch, numpy or safetensors, and the test counts as skipped."""

import pathlib
import sys
import tempfile

from golden_support import Command, Model, nn, torch
from reports import expect

INPUT = "random:1x3x64x64,seed=5,normal"


class Detector(nn.Module):
    """Boxes on a grid, those above a threshold, the best first, and of overlapping ones only the best."""

    def __init__(self, threshold: float = 0.6, overlap: float = 0.3, shift: int = 0, ascending: bool = False):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 16, 4, 4), nn.ReLU(), nn.Conv2d(16, 16, 2, 2), nn.ReLU())
        self.head = nn.Conv2d(16, 8, 1)
        self.threshold, self.overlap, self.shift, self.ascending = threshold, overlap, shift, ascending

    def forward(self, image):
        raw = self.head(self.body(image))[0].flatten(1).t()
        cells = torch.arange(raw.shape[0], device=raw.device)
        centre = torch.stack([cells % 8, cells // 8], 1).to(raw.dtype) * 8 + 8 * torch.sigmoid(raw[:, :2])
        half = 6 * torch.exp(0.2 * raw[:, 2:4])
        boxes = torch.cat([centre - half, centre + half], 1)
        best, labels = (6 * raw[:, 4:]).softmax(1).max(1)
        keep = (best > self.threshold).nonzero()[:, 0]
        boxes, best, labels = boxes[keep], best[keep], labels[keep]
        order = best.argsort(descending=not self.ascending)
        boxes, best, labels = boxes[order], best[order], labels[order]
        kept = torch.zeros([0], dtype=torch.long)
        for i in range(boxes.shape[0]):
            low = torch.maximum(boxes[i, :2], boxes[kept, :2])
            high = torch.minimum(boxes[i, 2:], boxes[kept, 2:])
            shared = (high - low).clamp(min=0).prod(1)
            areas = (boxes[kept, 2:] - boxes[kept, :2]).prod(1) + (boxes[i, 2:] - boxes[i, :2]).prod()
            if not bool((shared / (areas - shared) > self.overlap).any()):
                kept = torch.cat([kept, torch.tensor([i])])
        return {"boxes": boxes[kept], "scores": best[kept], "labels": (labels[kept] + self.shift) % 4}


class Table(nn.Module):
    """The same objects as one table, as a network gives them whose outputs have names that tell nothing."""

    def __init__(self, detector: Detector):
        super().__init__()
        self.detector = detector

    def forward(self, image):
        found = self.detector(image)
        return torch.cat([found["boxes"], found["scores"][:, None], found["labels"][:, None].to(image.dtype)], 1)


class Rounding(nn.Module):
    """The same objects, whose scores have a part that is computed in float32 whatever the rest is computed in."""

    def __init__(self, detector: Detector):
        super().__init__()
        self.detector = detector

    def forward(self, image):
        found = self.detector(image)
        scores = found["scores"]
        return {"boxes": found["boxes"], "scores": scores + 1e-3 * torch.sqrt(torch.full([1], 0.5 * float(scores.max()))), "labels": found["labels"]}


def network(**settings):
    torch.manual_seed(11)
    return Detector(**settings).eval()


def image(command, folder):
    """The tensor that goldseal makes of INPUT."""
    from safetensors.torch import load_file

    model = Model(command, folder / "probe", network(), INPUT)
    return load_file(model.seal / "golden.safetensors")["default/input/image"], model


def judges_objects(command, other, folder, model):
    code, findings = model.verify()
    found = findings["golden.detections"]
    expect(code == 0 and found["status"] == "pass" and "objects is found again" in found["message"], "objects are found again", found)
    for setting in ("onednn=off", "channels_last=on"):
        code, findings = model.verify("--set", setting)
        expect(code == 0, f"and with {setting}", findings)
    if other:
        code, findings = other("verify", model.seal, "--policy", "portable")
        expect(findings["golden.detections"]["status"] == "pass" and findings["golden.native"]["status"] == "pass", "and by another PyTorch", findings)

    code, findings = model.verify("--model", model.script(network(threshold=0.67), "threshold.pt"), "--save-results", folder / "results")
    found = findings["golden.detections"]
    expect(code == 1 and found["status"] == "fail" and "missing" in found["message"], "a higher threshold loses objects", found)
    expect(findings["golden.float64"]["status"] == "pass" and findings["golden.structure"]["status"] == "pass", "and those that are left agree", findings)
    expect(found["tables"][0]["rows"][0][3].startswith("boxes ("), "which are named with box, score and class", found)
    again = model.verify("--results", folder / "results")[1]["golden.detections"]
    expect(again["message"] == found["message"], "and again from saved results", again)
    found = model.verify("--model", model.script(network(threshold=0.3), "lower.pt"))[1]["golden.detections"]
    expect(found["status"] == "fail" and "found, not sealed" in str(found["tables"]), "a lower threshold finds others", found)
    found = model.verify("--model", model.script(network(shift=1), "shift.pt"))[1]["golden.detections"]
    expect(found["status"] == "fail", "another class is another object", found)
    found = model.verify("--model", model.script(network(ascending=True, overlap=1.0), "ascending.pt"))[1]["golden.detections"]
    expect(found["status"] == "fail", "another order is told of", found)


def leaves_a_tie_to_rounding(command, folder, picture):
    with torch.no_grad():
        scores = network()(picture)["scores"]
    # The threshold is the float32 score of the last object itself, so that rounding decides whether it is found.
    tipping = float(scores[-1])
    model = Model(command, folder / "tipping", network(threshold=tipping), INPUT)
    manifest = (model.seal / "manifest.toml").read_text()
    line = next(line for line in manifest.splitlines() if 'outputs = ["boxes", "scores", "labels"]' in line)
    expect("unsettled = []" not in line or "others = 0" not in line, "what rounding decides is sealed as such", line)
    for nudge in (-1e-7, 1e-7):
        code, findings = model.verify("--model", model.script(network(threshold=tipping + nudge), f"nudge{nudge}.pt"))
        expect(code == 0, f"and either answer passes ({nudge})", findings)
    code, findings = model.verify("--model", model.script(network(threshold=float(scores[2])), "three.pt"))
    expect(code == 1 and findings["golden.detections"]["status"] == "fail", "while a lost object that rounding does not decide fails", findings)


def takes_a_declared_table(command, folder, picture):
    place = folder / "table"
    place.mkdir()
    table = Table(network()).eval()
    torch.save(table.state_dict(), place / "weights.pth")
    torch.jit.script(table).save(str(place / "network.pt"))
    options = ["capture", place / "weights.pth", "--model", f"torchscript:{place / 'network.pt'}", "--input", INPUT]
    code, findings = command(*options, "--detections", "output")
    expect(code == 0, "a table of objects is sealed as such when it is said", findings)
    torch.jit.script(Table(network(threshold=0.9)).eval()).save(str(place / "other.pt"))
    found = command("verify", place / "weights.seal", "--model", f"torchscript:{place / 'other.pt'}")[1]["golden.detections"]
    expect(found["status"] == "fail" and "missing" in found["message"], "and judged row by row", found)


def notices_a_part_in_float32(command, folder):
    model = Model(command, folder / "rounding", Rounding(network()), INPUT)
    noises = [line for line in (model.seal / "manifest.toml").read_text().splitlines() if "linearity = " in line]
    expect(len(noises) == 2 and all("linearity = 0.0," in line for line in noises), "objects with a part in float32 are not believed to be exact in float64", noises)
    code, findings = model.verify()
    expect(code == 0 and findings["golden.detections"]["status"] == "pass", "and are found again", findings)


def main(program, torch_directory, other_directory):
    with tempfile.TemporaryDirectory() as directory:
        folder = pathlib.Path(directory)
        command = Command(program, torch_directory)
        picture, model = image(command, folder)
        judges_objects(command, Command(program, other_directory) if other_directory else None, folder, model)
        leaves_a_tie_to_rounding(command, folder, picture)
        takes_a_declared_table(command, folder, picture)
        notices_a_part_in_float32(command, folder)


if __name__ == "__main__":
    main(*sys.argv[1:4])
