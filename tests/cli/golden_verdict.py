# SPDX-License-Identifier: Apache-2.0
"""What the golden checks say through the real command and a real worker: `golden_verdict.py GOLDSEAL TORCH_DIR`.

Exit code 125: this interpreter lacks torch, numpy or safetensors, and the test counts as skipped."""

import base64
import hashlib
import io
import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy
    import torch
    from safetensors.torch import load_file
    from torch import nn
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(125)


class Classifier(nn.Module):
    """Scores of a picture, and what a caller would make of them: the best class and which classes are likely."""

    def __init__(self, offset: float = 0.0):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3)
        self.head = nn.Linear(16, 10)
        self.offset = offset

    def forward(self, image):
        scores = self.head(torch.relu(self.conv(image)).mean([2, 3])) + self.offset
        return {"scores": scores, "best": scores.argmax(1), "likely": scores > 0}


class Picker(nn.Module):
    """Gives nothing but integers; `shift` makes it give others."""

    def __init__(self, shift: int = 0):
        super().__init__()
        self.head = nn.Linear(8, 5)
        self.shift = shift

    def forward(self, x):
        return (self.head(x).argmax(1) + self.shift) % 5


class Deaf(nn.Module):
    """Takes an input that it never looks at."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(8, 5)

    def forward(self, x, ignored):
        return self.head(x)


class Constant(nn.Module):
    """Answers the same whatever it is asked, and whatever its weights are."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        return self.head(x).ceil().clamp(7, 7)


class Model:
    """A scripted network, its weights and its seal in a folder of their own."""

    def __init__(self, command, folder, network, inputs):
        self.command, self.folder, self.network = command, folder, network
        folder.mkdir()
        self.checkpoint, self.seal = folder / "weights.pth", folder / "weights.seal"
        torch.save(network.state_dict(), self.checkpoint)
        self.architecture = self.script(network, "network.pt")
        command("capture", self.checkpoint, "--model", self.architecture, "--input", inputs, "-o", self.seal)

    @staticmethod
    def capture(command, folder, network, *inputs):
        """The exit code and the findings of a capture that may refuse."""
        folder.mkdir()
        torch.save(network.state_dict(), folder / "weights.pth")
        torch.jit.script(network.eval()).save(str(folder / "network.pt"))
        options = [option for value in inputs for option in ("--input", value)]
        return command("capture", folder / "weights.pth", "--model", f"torchscript:{folder / 'network.pt'}", *options)

    def script(self, network, name):
        path = self.folder / name
        torch.jit.script(network.eval()).save(str(path))
        return f"torchscript:{path}"

    def verify(self, *options):
        return self.command("verify", self.seal, *options)


class Command:
    def __init__(self, program, torch_directory):
        self.program, self.runtime = program, f"libtorch={torch_directory}"

    def __call__(self, *arguments):
        """The exit code, and the findings by id."""
        runtime = [] if "--results" in arguments else ["--runtime", self.runtime]
        done = subprocess.run([self.program, *arguments, *runtime, "--format", "json"], capture_output=True, text=True, check=False)
        if not done.stdout:
            sys.exit(f"{arguments[0]} gave no report, exit code {done.returncode}: {done.stderr}")
        report = json.loads(done.stdout)
        self.evidence = report["evidence"]  # of the last run
        return done.returncode, {finding["id"]: finding for finding in report["findings"]}


def expect(condition, what, detail=""):
    if not condition:
        sys.exit(f"not so: {what} {detail}")
    print(f"ok: {what}")


def first_row(finding, column):
    table = finding["tables"][0]
    return table["rows"][0][table["columns"].index(column)]


def judges_integers_and_bools(command, folder):
    model = Model(command, folder / "classifier", Classifier(), "random:4x3x12x12,seed=3,normal")
    code, findings = model.verify()
    expect(code == 0, "a classifier conforms on the machine that sealed it", findings)
    expect(findings["golden.discrete"]["status"] == "pass" and len(findings["golden.discrete"]["tables"][0]["rows"]) == 4,
           "its classes and masks are judged, in the native and in the float64 run")

    model = Model(command, folder / "picker", Picker(), "random:16x8,seed=3,normal")
    code, findings = model.verify()
    expect(code == 0 and findings["golden.native"]["status"] == "skipped", "a model that gives nothing but integers conforms")
    code, findings = model.verify("--model", model.script(Picker(shift=1), "shifted.pt"))
    expect(findings["golden.discrete"]["status"] == "fail", "and fails where it picks otherwise")


def explains_a_weight(command, folder):
    model = Model(command, folder / "weights", Classifier(), "random:4x3x12x12,seed=3,normal")
    state = model.network.state_dict()

    def verdict(change):
        changed = {name: value.clone() for name, value in state.items()}
        change(changed)
        torch.save(changed, folder / "changed.pth")
        code, findings = model.verify("--checkpoint", folder / "changed.pth")
        expect(code == 4, "a changed weight breaks the seal's integrity")
        return first_row(findings["tensors.loaded"], "what happened")

    def flip(changed):
        changed["head.weight"].view(torch.int32)[2, 5] ^= 1 << 22

    expect(verdict(flip).startswith("bit 22 of element [2, 5] flipped"), "a flipped bit is named with its element")
    expect(verdict(lambda s: s.update({"head.weight": s["head.weight"].half().float()})) == "rounded to float16",
           "a weight that went through float16 is recognised")
    expect(verdict(lambda s: s["head.bias"].zero_()) == "all zero: it was never loaded", "a weight that was never loaded is too")


class Stack(nn.Module):
    """Two blocks and a head; the second block's epsilon, and whether it is there at all, can be others."""

    def __init__(self, eps: float = 1e-5, skip: bool = False):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3)
        self.norm1, self.norm2 = nn.BatchNorm2d(8), nn.BatchNorm2d(8, eps=eps)
        self.head = nn.Linear(8, 4)
        self.skip = skip

    def forward(self, image):
        x = torch.relu(self.norm1(self.first(image)))
        if not self.skip:
            x = torch.relu(self.norm2(self.second(x)))
        return self.head(x.mean([2, 3]))


def names_the_first_layer(command, folder):
    model = Model(command, folder / "layers", Stack(), "random:2x3x12x12,seed=3,normal")
    code, findings = model.verify()
    expect(code == 0 and len(findings["golden.shadow"]["tables"]) == 1, "a network that agrees is not followed layer by layer")

    other = model.script(Stack(eps=1e-3), "eps.pt")
    code, findings = model.verify("--model", other, "--save-results", folder / "eps-results")
    message = findings["golden.shadow"]["message"]
    expect(code == 1 and "the first layer that differs is norm2 (batch_norm)" in message, "another epsilon is found in its layer", message)
    again = model.verify("--results", folder / "eps-results")[1]["golden.shadow"]
    expect(again["message"] == message, "and again from saved results", again["message"])
    message = model.verify("--model", model.script(Stack(skip=True), "skip.pt"))[1]["golden.shadow"]["message"]
    expect("the network lacks second (conv2d)" in message, "a missing layer is named", message)

    manifest = model.seal / "manifest.toml"
    text = manifest.read_text()
    lines = [line for line in text.splitlines() if not line.startswith("layers = ")]
    expect(len(lines) == len(text.splitlines()) - 1, "the seal counts its layers")
    blank = "\n".join('digest = ""' if line.startswith("digest = ") else line for line in lines) + "\n"
    digest = hashlib.sha256(blank.encode()).hexdigest()
    manifest.write_text(blank.replace('digest = ""', f'digest = "{digest}"', 1))
    code, findings = model.verify("--model", other)
    expect(code == 1 and "the seal has no sketches of the layers" in findings["golden.shadow"]["message"],
           "a seal of before there were sketches is read, and says that it has none", findings["golden.shadow"])


class Spare(nn.Module):
    """Has a layer that it never calls, one whose result it throws away, and a table of which one row is looked up."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(50, 8)
        self.head, self.spare, self.ignored, self.chooser = nn.Linear(8, 4), nn.Linear(8, 4), nn.Linear(8, 4), nn.Linear(8, 4)

    def forward(self, index):
        x = self.table(index)
        best = self.chooser(x).argmax(1, keepdim=True)
        scores = self.head(x)
        return scores, scores.gather(1, best) + 0 * self.ignored(x).sum()


def names_what_no_case_exercises(command, folder):
    code, findings = Model.capture(command, folder / "spare", Spare(), "random:6,seed=1,below=3")
    blind = findings["golden.blind"]
    expect(code == 0 and blind["status"] == "warn", "tensors that no case exercises are warned of", blind)
    reached = {row[0]: int(row[2]) for row in blind["tables"][0]["rows"]}
    looked_up = reached.pop("table.weight")
    expect(0 < looked_up <= 24, "how much of a table is reached is counted", looked_up)
    expect(reached == {"spare.weight": 0, "spare.bias": 0, "ignored.weight": 0, "ignored.bias": 0},
           "those that are not called or not used are named; one that picks an index is not blind", reached)


def judges_again(command, folder):
    model = Model(command, folder / "again", Classifier(), "random:4x3x12x12,seed=3,normal")
    results = folder / "results"
    first = model.verify("--save-results", results)
    again = model.verify("--results", results)
    expect(first[0] == again[0] == 0, "saved results are judged as the run itself was")
    for name, finding in first[1].items():
        if name.startswith("golden."):
            expect(finding["measurements"] == again[1][name]["measurements"], f"{name} measures the same in both")
    wrong = model.verify("--model", model.script(Classifier(offset=1e-4), "wrong.pt"), "--save-results", results)
    again = model.verify("--results", results)
    expect(wrong[0] == again[0] == 1 and again[1]["golden.shadow"]["status"] == "fail", "and fail as the run did")


def names_a_drifted_input(command, folder):
    model = Model(command, folder / "input", Classifier(), "random:1x3x12x12,seed=3")
    sealed = load_file(model.seal / "golden.safetensors")["default/input/image"]

    def drift(tensor):
        numpy.save(folder / "made.npy", tensor.contiguous().numpy())
        return model.verify("--input", f"image={folder / 'made.npy'}")

    expect(drift(sealed)[0] == 0, "the sealed input has no drift")
    code, findings = drift(sealed[:, [2, 1, 0]])
    expect(code == 1 and "BGR" in findings["golden.input"]["message"], "BGR for RGB is named")
    expect(findings["golden.shadow"]["status"] == "pass", "and the model itself is judged on the sealed input")
    expect(drift(sealed * 255)[1]["golden.input"]["remedy"] == "divide by 255", "so is a missing division, with its cure")


class Narrow(nn.Module):
    """Computes in float32 or not at all, as a network with operators of its own does."""

    def __init__(self, slope: float = 0.1):
        super().__init__()
        self.first, self.last = nn.Linear(16, 64), nn.Linear(64, 8)
        self.slope = slope

    def forward(self, x):
        if x.dtype != torch.float32:
            raise ValueError("float32 only")
        return self.last(nn.functional.leaky_relu(self.first(x), self.slope))


def judges_without_float64(command, folder):
    model = Model(command, folder / "narrow", Narrow(), "random:8x16,seed=3,normal")
    code, findings = model.verify()
    expect(code == 0 and "reduced sensitivity" in findings["golden.native"]["message"], "a network without a float64 path is judged natively, and says so", findings["golden.native"])
    expect(findings["golden.shadow"]["status"] == "skipped", "and not in float64")
    expect(model.verify("--set", "onednn=off")[0] == 0, "another backend agrees")
    code, findings = model.verify("--model", model.script(Narrow(slope=0.101), "slope.pt"))
    expect(code == 1 and findings["golden.native"]["status"] == "fail", "another slope is still seen", findings["golden.native"])


def judges_quantized_layers(command, folder):
    quantization = getattr(torch.ao, "quantization", None)
    if quantization is None:
        print("skipped: this PyTorch quantizes no layers")
        return
    folder = folder / "quantized"
    folder.mkdir()

    def archive(name, change=0.0, slope=0.0):
        torch.manual_seed(3)
        first, last = nn.Linear(16, 64), nn.Linear(64, 8)
        first.weight.data[3, 4] += change
        network = nn.Sequential(first, nn.LeakyReLU(slope), last).eval()
        torch.jit.script(quantization.quantize_dynamic(network, {nn.Linear}, dtype=torch.qint8)).save(str(folder / name))
        return folder / name

    checkpoint, seal = archive("network.pt"), folder / "network.seal"
    code, findings = command("capture", checkpoint, "--input", "random:32x16,seed=3,normal")
    expect(code == 0 and findings["golden.capture"]["status"] == "warn", "an archive of quantized layers is sealed, with a warning that there is no float64 run", findings)
    for settings in ([], ["--set", "onednn=off"], ["--threads", "1"]):
        expect(command("verify", seal, *settings)[0] == 0, f"and conforms {settings}")
    code, findings = command("verify", seal, "--checkpoint", archive("weight.pt", change=0.05))
    expect(code == 4 and "packed weights" in findings["file.checkpoint"]["message"], "another file is told of, since packed weights have no digests of their own", findings["file.checkpoint"])
    expect(findings["golden.native"]["status"] == "fail", "another weight is seen in the answers of the archive that was named", findings["golden.native"])
    findings = command("verify", seal, "--checkpoint", archive("slope.pt", slope=0.05))[1]
    expect(findings["golden.native"]["status"] == "fail", "and so is another slope", findings["golden.native"])


def seals_several_cases(command, folder):
    cases = folder / "cases"
    (cases / "third").mkdir(parents=True)
    generator = torch.Generator().manual_seed(1)
    images = [torch.rand(1, 3, 12, 12, generator=generator) for _ in range(3)]
    numpy.save(cases / "first.npy", images[0].numpy())
    numpy.savez(cases / "second.npz", image=images[1].numpy())
    torch.save({"image": images[2]}, cases / "third" / "image.pt")
    folder = folder / "several"
    folder.mkdir()
    network = Classifier().eval()
    torch.save(network.state_dict(), folder / "weights.pth")
    torch.jit.script(network).save(str(folder / "network.pt"))
    code, findings = command("capture", folder / "weights.pth", "--model", f"torchscript:{folder / 'network.pt'}", "--cases", cases)
    expect(code == 0, "a directory of cases is sealed", findings)
    sealed = load_file(folder / "weights.seal" / "golden.safetensors")
    for name, image in zip(("first", "second", "third"), images):
        expect(torch.equal(sealed[f"{name}/input/image"], image), f"the case {name} has its own input")
    code, findings = command("verify", folder / "weights.seal")
    rows = [row[0] for row in findings["golden.native"]["tables"][0]["rows"]]
    expect(code == 0 and rows == ["first/scores", "second/scores", "third/scores"], "and each case is judged", rows)


def shows_what_was_sealed_and_made(evidence):
    from PIL import Image

    pictures = {entry["title"]: Image.open(io.BytesIO(base64.b64decode(entry["base64"]))) for entry in evidence["pictures"]}
    file, given, made = (next(pictures[title] for title in pictures if words in title)
                         for words in ("the sealed picture", "what the network was given", "made here from"))
    expect(file.size == (90, 60) and given.size == made.size == (32, 24), "a report holds the sealed picture, its decoded form and the one made here")
    difference = numpy.abs(numpy.asarray(given, float) - numpy.asarray(made, float)).mean()
    expect(difference < 8, "and the last two look alike", difference)
    for output in evidence["outputs"]:
        counted = sum(entry["count"] for entry in output["distribution"])
        expect(counted == 10 and output["worst"] <= output["worst_limit"], f"the spread of the errors of the {output['run']} run counts each element once", output)


def tells_steps_of_a_preprocessing(command, folder):
    from PIL import Image

    folder = folder / "picture"
    folder.mkdir()
    grid = torch.arange(90).float()
    channels = [(grid[None, :60, None] * 0 + 40 + 60 * torch.sin((c + 1) * grid[:60, None] / 9) * torch.cos(grid[None, :] / (7 + c)) + 70 * ((grid[None, :] // 11) % 2)) for c in range(3)]
    pixels = torch.cat([channel.reshape(60, 90, 1) for channel in channels], 2).clamp(0, 255).byte().numpy()
    Image.fromarray(pixels).save(folder / "scene.png")
    network = Classifier().eval()
    torch.save(network.state_dict(), folder / "weights.pth")
    torch.jit.script(network).save(str(folder / "network.pt"))
    code, findings = command("capture", folder / "weights.pth", "--model", f"torchscript:{folder / 'network.pt'}", "--input", f"image={folder / 'scene.png'}",
                             "--preprocess", "size=32x24,resize=bilinear-antialias,mean=0.485/0.456/0.406,std=0.229/0.224/0.225")
    expect(code == 0, "a picture is sealed with its preprocessing", findings)
    expect(command("verify", folder / "weights.seal", "--input", f"image={folder / 'scene.png'}")[0] == 0, "the same picture gives the sealed input")
    mean, deviation = (numpy.array(values, numpy.float32) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))

    def made(resample, reverse=False):
        picture = numpy.asarray(Image.open(folder / "scene.png").resize((32, 24), resample), numpy.float32)
        picture = picture[..., ::-1] if reverse else picture
        numpy.save(folder / "made.npy", numpy.ascontiguousarray(((picture / 255 - mean) / deviation).transpose(2, 0, 1)[None]))
        code, findings = command("verify", folder / "weights.seal", "--input", f"image={folder / 'made.npy'}")
        return code, findings["golden.input"]["message"]

    code, message = made(Image.BILINEAR)
    expect(code == 0, "PIL's own pipeline agrees within a grey level", message)
    shows_what_was_sealed_and_made(command.evidence)
    code, message = made(Image.NEAREST)
    expect(code == 1 and "it is resized by nearest-exact, not by bilinear-antialias as declared" in message, "another resize is named", message)
    code, message = made(Image.BILINEAR, reverse=True)
    expect(code == 1 and "its channels are BGR, not RGB as declared" in message, "so are swapped channels", message)


def refuses_goldens_that_prove_nothing(command, folder):
    code, findings = Model.capture(command, folder / "deaf", Deaf(), "x=random:4x8,seed=1", "ignored=random:3,seed=2")
    expect(code == 1 and "no output depends on the input ignored" in findings["golden.capture"]["message"],
           "an input that no output depends on is refused")
    code, findings = Model.capture(command, folder / "constant", Constant(), "random:4x8,seed=1")
    expect(code == 1 and "does not respond" in findings["golden.capture"]["message"], "so is a constant output")
    expect(not (folder / "constant" / "weights.seal").exists(), "and no seal is left behind")


def main():
    command = Command(*sys.argv[1:3])
    with tempfile.TemporaryDirectory() as name:
        torch.manual_seed(0)
        for test in (judges_integers_and_bools, explains_a_weight, names_the_first_layer, names_what_no_case_exercises, judges_without_float64, judges_quantized_layers, seals_several_cases, tells_steps_of_a_preprocessing, judges_again, names_a_drifted_input, refuses_goldens_that_prove_nothing):
            test(command, pathlib.Path(name))


if __name__ == "__main__":
    main()
