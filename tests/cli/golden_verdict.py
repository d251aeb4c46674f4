# SPDX-License-Identifier: Apache-2.0
"""What the golden checks say through the real command and a real worker: `golden_verdict.py GOLDSEAL TORCH_DIR`."""

import hashlib

from golden_support import Classifier, Model, first_row, nn, prove, torch
from reports import expect


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

    def verdict(change, expected=1):
        changed = {name: value.clone() for name, value in state.items()}
        change(changed)
        torch.save(changed, folder / "changed.pth")
        code, findings = model.verify("--checkpoint", folder / "changed.pth")
        expect(code == expected, "a changed weight fails, and is damage where nothing else can have done it", code)
        return first_row(findings["tensors.file"], "what happened")

    def flip(changed):
        changed["head.weight"].view(torch.int32)[2, 5] ^= 1 << 22

    expect(verdict(flip, 4).startswith("bit 22 of element [2, 5] flipped"), "a flipped bit is named with its element")
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
    expect(code == 0 and len(findings["golden.float64"]["tables"]) == 1, "a network that agrees is not followed layer by layer")

    other = model.script(Stack(eps=1e-3), "eps.pt")
    code, findings = model.verify("--model", other, "--save-results", folder / "eps-results")
    message = findings["golden.float64"]["message"]
    expect(code == 1 and "the first layer that differs is norm2 (batch_norm)" in message, "another epsilon is found in its layer", message)
    again = model.verify("--results", folder / "eps-results")[1]["golden.float64"]
    expect(again["message"] == message, "and again from saved results", again["message"])
    message = model.verify("--model", model.script(Stack(skip=True), "skip.pt"))[1]["golden.float64"]["message"]
    expect("the network lacks second (conv2d)" in message, "a missing layer is named", message)

    manifest = model.seal / "manifest.toml"
    text = manifest.read_text()
    lines = [line for line in text.splitlines() if not line.startswith("layers = ")]
    expect(len(lines) == len(text.splitlines()) - 1, "the seal counts its layers")
    blank = "\n".join('digest = ""' if line.startswith("digest = ") else line for line in lines) + "\n"
    digest = hashlib.sha256(blank.encode()).hexdigest()
    manifest.write_text(blank.replace('digest = ""', f'digest = "{digest}"', 1))
    code, findings = model.verify("--model", other)
    expect(code == 1 and "the seal has no sketches of the layers" in findings["golden.float64"]["message"],
           "a seal of before there were sketches is read, and says that it has none", findings["golden.float64"])


class Island(nn.Module):
    """Adds a part that it always computes in float32 to what it computes in its own type: it makes a tensor of a number that
    it has computed outside of tensors."""

    def __init__(self):
        super().__init__()
        self.wide, self.head = nn.Linear(8, 8), nn.Linear(8, 4)

    def norm(self, x):
        narrow = torch.full([1], 0.5 * float(x.mean()))
        return torch.rsqrt(narrow.pow(2) + 1e-5)

    def forward(self, x):
        x = self.wide(x)
        return self.head(x + 1e-3 * self.norm(x))


def notices_a_part_in_float32_beside_a_wide_path(command, folder):
    model = Model(command, folder / "island", Island(), "random:6x8,seed=1,normal")
    noises = [line for line in (model.seal / "manifest.toml").read_text().splitlines() if "linearity = " in line]
    expect(noises and all("linearity = 0.0," in line and "pure = false" in line for line in noises), "its float64 run is not believed to be exact", noises)
    code, findings = Model.capture(command, folder / "said", Island(), "random:6x8,seed=1,normal")
    message = findings["golden.capture"]["message"]
    places = [f"rounds to less than float64 from forward ({name}) on" for name in ("full", "pow")]  # where the number comes back
    expect(code == 0 and any(place in message for place in places), "and the capture says where it rounds", message)
    model = Model(command, folder / "wide", Stack(), "random:2x3x12x12,seed=3,normal")
    expect("pure = true" in (model.seal / "manifest.toml").read_text(), "a network that is float64 throughout is")


class Half(nn.Module):
    """Computes in bfloat16 and answers in float32, as language models do."""

    def __init__(self, eps: float = 1e-5):
        super().__init__()
        self.norm, self.head = nn.LayerNorm(64, eps=eps), nn.Linear(64, 8)

    def forward(self, x):
        return self.head(self.norm(x.to(self.head.weight.dtype))).float()


def judges_half_weights_behind_float32_answers(command, folder):
    model = Model(command, folder / "half", Half().bfloat16(), "random:6x64,seed=1,normal")
    noises = [line for line in (model.seal / "manifest.toml").read_text().splitlines() if "linearity = " in line]
    expect(noises and all("bits = 8 " in line for line in noises), "its native answers are judged as bfloat16 ones", noises)
    code, findings = model.verify()
    expect(code == 0 and findings["golden.float64"]["status"] == findings["golden.native"]["status"] == "pass", "it conforms where it was sealed", findings)
    code, findings = model.verify("--model", model.script(Half(eps=0.1).bfloat16(), "eps.pt"))
    expect(code == 1 and findings["golden.float64"]["status"] == "fail", "and another epsilon is seen", findings["golden.float64"])


class Swapping(Classifier):
    """The same weights behind a conversion that the sealed network did not have: it expects BGR."""

    def forward(self, image):
        scores = self.head(torch.relu(self.conv(image.flip(1))).mean([2, 3])) + self.offset
        return {"scores": scores, "best": scores.argmax(1), "likely": scores > 0}


def names_swapped_channels(command, folder):
    model = Model(command, folder / "channels", Classifier(), "random:4x3x12x12,seed=3,normal")
    code, findings = model.verify("--model", model.script(Swapping(), "swapping.pt"))
    shadow = findings["golden.float64"]
    expect(code == 1 and shadow["status"] == "fail" and findings["tensors.loaded"]["status"] == "pass", "a network that swaps the channels fails with the sealed weights", findings)
    expect("with the channels of its input reversed the difference disappears: the network, or what wraps it here, takes BGR for RGB" in shadow["message"], "and the swap is named", shadow["message"])
    expect("order of the channels" in shadow["remedy"], "with what to do", shadow["remedy"])
    for name, other in (("offset", Classifier(offset=1e-3)), ("both", Swapping(offset=1e-3))):
        shadow = model.verify("--model", model.script(other, f"{name}.pt"))[1]["golden.float64"]
        expect(shadow["status"] == "fail" and "BGR" not in shadow["message"], f"no swap is named where it does not explain all ({name})", shadow)
    shadow = model.verify("--depth", "quick", "--model", model.script(Swapping(), "quick.pt"))[1]["golden.native"]
    expect("takes BGR for RGB" in shadow["message"], "without a float64 run the native one tells", shadow["message"])


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


class Zeroed(nn.Module):
    """Biases of zero that only a pick or nothing at all depends on, as a network has that was never trained."""

    def __init__(self):
        super().__init__()
        self.head, self.chooser, self.spare = nn.Linear(8, 4), nn.Linear(8, 4), nn.Linear(8, 4)
        for layer in (self.head, self.chooser, self.spare):
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        scores = self.head(x)
        return scores.gather(1, self.chooser(x).argmax(1, keepdim=True))


def tells_zeros_that_matter_from_blind_ones(command, folder):
    code, findings = Model.capture(command, folder / "zeroed", Zeroed(), "random:6x8,seed=1,normal")
    blind = findings["golden.coverage"]
    expect(code == 0 and blind["status"] == "warn", "a network with zeros is sealed", blind)
    reached = {row[0]: int(row[2]) for row in blind["tables"][0]["rows"]}
    expect(reached == {"spare.weight": 0, "spare.bias": 0}, "a bias of zeros that decides a pick is not blind, one that nothing uses is", reached)


def names_what_no_case_exercises(command, folder):
    code, findings = Model.capture(command, folder / "spare", Spare(), "random:6,seed=1,below=3")
    blind = findings["golden.coverage"]
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
    expect(wrong[0] == again[0] == 1 and again[1]["golden.float64"]["status"] == "fail", "and fail as the run did")


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
    expect(findings["golden.float64"]["status"] == "skipped", "and not in float64")
    expect(model.verify("--set", "onednn=off")[0] == 0, "another backend agrees")
    code, findings = model.verify("--model", model.script(Narrow(slope=0.101), "slope.pt"))
    native = findings["golden.native"]
    expect(code == 1 and native["status"] == "fail", "another slope is still seen", native)
    expect("the first layer that differs is forward (leaky_relu)" in native["message"], "and found in its layer", native["message"])
    expect("no single setting removes the difference" in native["message"], "after other settings were tried", native["message"])


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


def refuses_goldens_that_prove_nothing(command, folder):
    code, findings = Model.capture(command, folder / "deaf", Deaf(), "x=random:4x8,seed=1", "ignored=random:3,seed=2")
    expect(code == 1 and "no output depends on the input ignored" in findings["golden.capture"]["message"],
           "an input that no output depends on is refused")
    code, findings = Model.capture(command, folder / "constant", Constant(), "random:4x8,seed=1")
    expect(code == 1 and "does not respond" in findings["golden.capture"]["message"], "so is a constant output")
    expect(not (folder / "constant" / "weights.seal").exists(), "and no seal is left behind")


if __name__ == "__main__":
    prove(
        judges_integers_and_bools,
        explains_a_weight,
        names_the_first_layer,
        notices_a_part_in_float32_beside_a_wide_path,
        judges_half_weights_behind_float32_answers,
        names_swapped_channels,
        names_what_no_case_exercises,
        tells_zeros_that_matter_from_blind_ones,
        judges_without_float64,
        judges_quantized_layers,
        judges_again,
        refuses_goldens_that_prove_nothing,
    )
