# SPDX-License-Identifier: Apache-2.0
"""The cause that is told is the true one, with real PyTorch through the Python worker: `true_causes.py GOLDSEAL`.

The rows of docs/failures.md: B03 (names), B12, B13, B14, B15, B18, B19, B22, B23, B42, F06, F15. Tried besides: the same
segment put in, taken out and changed; a checkpoint of a later and of an earlier moment; one tensor of many trained on;
transposed square and other matrices; loading in part with fixed values, random ones, and ones that no answer depends on."""

import os
import pathlib
import subprocess
import sys
import tempfile
import time

from reports import expect, findings, run

try:
    import numpy
    import torch
    from torch import nn
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(125)

NETWORKS = '''
import torch
from torch import nn


class Inner(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.bn = nn.BatchNorm2d(4)
        self.square = nn.Linear(4, 4)

    def forward(self, image):
        return self.square(torch.relu(self.bn(self.conv(image))).mean([2, 3]))


class Outer(nn.Module):
    """Inner, one level deeper."""

    def __init__(self, name="language_model"):
        super().__init__()
        self.model = nn.Module()
        setattr(self.model, name, Inner())
        self.name = name

    def forward(self, image):
        return getattr(self.model, self.name)(image)


class Direct(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = Inner()

    def forward(self, image):
        return self.model(image)


class Normed(nn.Module):
    def __init__(self, old=False):
        super().__init__()
        norm = nn.utils.weight_norm if old else nn.utils.parametrizations.weight_norm
        self.conv = norm(nn.Conv2d(3, 4, 3))

    def forward(self, image):
        return self.conv(image)


class Scaled(nn.Module):
    """Inner with a part that a checkpoint may lack: fixed, drawn at random, or of no use."""

    def __init__(self, part="fixed", value=2.0):
        super().__init__()
        self.inner = Inner()
        self.part = part
        self.extra = nn.Parameter(torch.randn(4) if part == "random" else torch.full((4,), float(value)))

    def forward(self, image):
        answer = self.inner(image)
        return answer if self.part == "unused" else answer * self.extra


class Tiny(nn.Module):
    """Answers from a weight that is a denormal."""

    def __init__(self, flush=False):
        super().__init__()
        if flush:
            torch.set_flush_denormal(True)
        self.w = nn.Parameter(torch.zeros(3))

    def forward(self, x):
        return x * self.w * 1e20 * 1e20
'''


class Place:
    """A folder with the networks' module, and the command run in it."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        (folder / "nets.py").write_text(NETWORKS, encoding="utf-8")
        os.chdir(folder)
        sys.path.insert(0, str(folder))

    def __call__(self, *arguments):
        """The exit code, the findings by id, and what was said where there is no report."""
        code, report, said = run(self.program, *arguments)
        return code, findings(report) if report and "findings" in report else {}, said

    def run(self, verb, *arguments):
        trusted = ("--trust-code",) if verb == "verify" else ()
        return self(verb, *arguments, *trusted, "--runtime", f"python={sys.executable}")

    def capture(self, checkpoint, network, *options, image="random:1x3x9x9,seed=3", seal=None):
        return self.run("capture", checkpoint, "--model", f"python:nets:{network}", "--input", f"image={image}", "--force",
                        "-o", seal or pathlib.Path(checkpoint).with_suffix(".seal"), *options)

    def save(self, state, name):
        torch.save(state, name)
        return name


def trained(network, steps=2):
    torch.manual_seed(5)
    network.train()
    for parameter in network.parameters():
        with torch.no_grad():
            parameter.copy_(torch.randn(parameter.shape))
    for _ in range(steps):
        network(torch.randn(2, 3, 9, 9))
    return network.eval()


def says(found, *words):
    text = f"{found.get('message', '')} | {found.get('remedy', '')}"
    return all(word in text for word in words), text


def told(found, what, *words):
    good, text = says(found, *words)
    expect(good, what, text)


def b14_renamed_modules(place, nets):
    state = trained(nets.Outer()).state_dict()
    place.save(state, "outer.pth")
    code, found, _ = place.capture("outer.pth", "Outer")
    expect(code == 0, "B14: the network is sealed", found)
    inner = {name.replace("model.language_model.", "model."): tensor for name, tensor in state.items()}
    other = {name.replace("language_model", "text_model"): tensor for name, tensor in state.items()}
    for what, names, word in (("taken out", inner, "`language_model`"), ("changed", other, "`text_model`")):
        place.save(names, "renamed.pth")
        code, found, _ = place.run("verify", "outer.seal", "--checkpoint", "renamed.pth")
        expect(code == 1, f"B14: a segment that was {what} is no damage", code)
        told(found["keys.sealed"], f"B14: a segment that was {what} is named and proven", "the same tensors under new names", word, "prove")
        expect("copy the checkpoint" not in str(found), "B14: and nobody is sent to copy the file", found)
    code, found, _ = place.capture("renamed.pth", "Direct")
    told(found["keys.network"], "B14: without a seal the shapes speak", "differ", "--rename model.text_model=model")
    code, _, said = place("convert", "renamed.pth", "-o", "back.pth", "--force", "--rename", "text_model=language_model")
    code, found, _ = place.run("verify", "outer.seal", "--checkpoint", "back.pth")
    expect(code == 0, "B14: and the renamed file is the sealed one", said or found)


def b15_transposed(place, nets):
    state = trained(nets.Inner()).state_dict()
    place.save(state, "inner.pth")
    expect(place.capture("inner.pth", "Inner")[0] == 0, "B15: the network is sealed")
    state["square.weight"] = state["square.weight"].t().contiguous()
    place.save(state, "transposed.pth")
    code, found, _ = place.run("verify", "inner.seal", "--checkpoint", "transposed.pth")
    expect(code == 1, "B15: transposed values are no damage", code)
    told(found["tensors.file"], "B15: they are named", "square.weight", "transposed")
    expect("tables" not in found["tensors.loaded"] or not found["tensors.loaded"]["tables"], "and told once", found["tensors.loaded"])
    text = subprocess.run([place.program, "diff", "inner.pth", "transposed.pth"], capture_output=True, text=True, check=False).stdout
    expect("square.weight: B has the values of A, transposed" in text, "B15: diff says so too", text)
    state["square.weight"] = state["square.weight"].t().contiguous().flip(0)
    place.save(state, "rows.pth")
    text = subprocess.run([place.program, "diff", "inner.pth", "rows.pth"], capture_output=True, text=True, check=False).stdout
    expect("square.weight: B has the values of A, its rows in another order" in text, "B59: diff says so too", text)


def b23_another_epoch(place, nets):
    network = trained(nets.Inner())
    place.save(network.state_dict(), "epoch.pth")
    expect(place.capture("epoch.pth", "Inner")[0] == 0, "B23: the network is sealed")
    time.sleep(1.1)
    later = trained(nets.Inner(), steps=5)
    with torch.no_grad():
        for parameter in later.parameters():
            parameter.add_(0.01 * torch.randn(parameter.shape))
    place.save(later.state_dict(), "epoch.pth")
    code, found, _ = place.run("verify", "epoch.seal")
    expect(code == 1, "B23: the checkpoint of another epoch is no damage", code)
    told(found["tensors.file"], "B23: it is what it is", "another checkpoint of the same network", "after it was sealed", "seal it again",
         "3 steps on")
    expect("flipped" not in str(found["tensors.file"]), "B23: no bit of a counter flipped", found["tensors.file"])
    flipped = network.state_dict()
    flipped["conv.weight"].view(torch.int32).view(-1)[5] ^= 1 << 3
    place.save(flipped, "flipped.pth")
    code, found, _ = place.run("verify", "epoch.seal", "--checkpoint", "flipped.pth")
    expect(code == 4, "a flipped bit is damage", (code, found["tensors.file"]))
    partly = trained(nets.Inner()).state_dict()
    partly["square.bias"] = torch.randn(4)
    place.save(partly, "partly.pth")
    code, found, _ = place.run("verify", "epoch.seal", "--checkpoint", "partly.pth")
    expect(code == 1, "one tensor that was trained on is no damage", code)
    told(found["tensors.file"], "and is named", "1 of ", "square.bias")


def key_patterns(place, nets):
    def cause(state, network, what, *words):
        place.save(state, "odd.pth")
        code, found, said = place.capture("odd.pth", network)
        expect(code == 1, f"{what}: refused", (code, said))
        told(found.get("keys.network", {}), what, *words)

    plain = trained(nets.Inner()).state_dict()
    cause(nets.Normed().state_dict(), "Normed?old=True", "B03: names of today for the old weight_norm", "weight_norm", "--rename parametrizations.weight.original0=weight_g")
    packed = {name: tensor for name, tensor in plain.items() if name != "square.weight"}
    packed.update({"square.weight": torch.zeros(8, 1, dtype=torch.uint8), "square.weight.absmax": torch.zeros(1),
                   "square.weight.quant_map": torch.zeros(16), "square.weight.quant_state.bitsandbytes__nf4": torch.zeros(9, dtype=torch.uint8)})
    cause(packed, "Inner", "B12: a 4-bit pack", "4-bit weights packed by bitsandbytes")
    adapter = {f"base_model.model.square.lora_{part}.weight": torch.zeros(2, 4) for part in "AB"}
    cause(adapter, "Inner", "B13: an adapter alone", "a PEFT adapter alone: 1 lora_A/lora_B pair", "merge_and_unload")
    empty = {name: tensor if "tracked" in name else torch.empty(0) for name, tensor in plain.items()}
    cause(empty, "Inner", "B18: placeholders", "ZeRO-3", "zero_to_fp32.py")


def b42_what_training_alone_needs(place, nets):
    state = trained(nets.Inner()).state_dict()
    state = {f"model.{name}": tensor for name, tensor in state.items()}
    state.update({"criterion.pos_weight": torch.ones(4), "val_metrics.min": torch.zeros(1)})
    place.save(state, "lightning.pth")
    code, found, _ = place.capture("lightning.pth", "Inner")
    expect(code == 1, "B42: it does not fit as it is", code)
    code, found, _ = place.capture("lightning.pth", "Inner", "--allow-unexpected", "criterion.*", "--allow-unexpected", "*_metrics.*")
    expect(code == 0, "B42: what is admitted goes nowhere, under a prefix too", found)
    told(found["keys.partial"], "B42: and is counted", "2 of the checkpoint went nowhere")
    code, found, _ = place.run("verify", "lightning.seal")
    expect(code == 0, "B42: the seal keeps what it admits", found.get("keys.sealed"))
    code, _, said = place.capture("lightning.pth", "Inner", "--allow-unexpected", "criterion.*", "--allow-unexpected", "*_metrics.*",
                                  "--allow-unexpected", "nothing.*")
    expect(code == 2 and "nothing.*" in str(said), "B42: a pattern that admits nothing is an error", (code, said))
    code, _, said = place("convert", "lightning.pth", "-o", "clean.pth", "--drop", "criterion.*", "--drop", "*_metrics.*", "--strip-prefix", "model")
    expect(code == 0 and set(torch.load("clean.pth")) == set(nets.Inner().state_dict()), "B42: convert drops them", said)
    code, _, said = place("convert", "lightning.pth", "-o", "none.pth", "--drop", "other.*")
    expect(code == 2 and not os.path.exists("none.pth"), "a drop that drops nothing is an error", (code, said))
    del state["criterion.pos_weight"], state["val_metrics.min"]
    state = {name.replace("model.", ""): tensor for name, tensor in state.items()}
    state["criterion.pos_weight"] = torch.ones(4)
    place.save(state, "criterion.pth")
    _, found, _ = place.capture("criterion.pth", "Inner")
    told(found["keys.network"], "B42: the group is named with the option", "belong to training alone", "--allow-unexpected 'criterion.*'")


def f15_counters_of_before(place, nets):
    state = {name: tensor for name, tensor in trained(nets.Inner()).state_dict().items() if "tracked" not in name}
    place.save(state, "old.pth")
    _, found, _ = place.capture("old.pth", "Inner")
    told(found["keys.network"], "F15: the option is one that exists", "--allow-missing '*num_batches_tracked'")
    code, found, _ = place.capture("old.pth", "Inner", "--allow-missing", "*num_batches_tracked")
    expect(code == 0 and found["keys.partial"]["status"] == "pass", "F15: a checkpoint of PyTorch before 0.4.1 is sealed", found)
    code, found, _ = place.run("verify", "old.seal")
    expect(code == 0, "F15: and verified", found)


def f06_in_part_on_purpose(place, nets):
    state = {f"inner.{name}": tensor for name, tensor in trained(nets.Inner()).state_dict().items()}
    place.save(state, "part.pth")
    admit = ("--allow-missing", "extra")
    expect(place.capture("part.pth", "Scaled")[0] == 1, "F06: what is missing is refused")
    code, found, _ = place.capture("part.pth", "Scaled", *admit)
    expect(code == 0 and found["keys.partial"]["status"] == "warn", "F06: a fixed value is sealed with its digest", found)
    told(found["keys.partial"], "F06: it is counted, and the answers depend on it", "1 were not", "the answers depend on 1")
    expect(place.run("verify", "part.seal")[0] == 0, "F06: the same value passes")
    code, found, _ = place.run("verify", "part.seal", "--model", "python:nets:Scaled?value=3.0")
    expect(code == 1, "F06: another one fails", code)
    told(found["keys.partial"], "F06: and is named", "extra", "another value than the sealed one")
    code, found, _ = place.capture("part.pth", "Scaled?part=random", *admit, seal="random.seal")
    expect(code == 1 and not os.path.exists("random.seal"), "F06: a random one is refused", found)
    told(found["keys.partial"], "F06: because no other machine could give these answers", "each build draws other values")
    code, found, _ = place.capture("part.pth", "Scaled?part=unused", *admit, seal="unused.seal")
    expect(code == 0, "F06: what no answer depends on is admitted", found)
    told(found["keys.partial"], "F06: and said", "no golden answer depends on them")
    whole = trained(nets.Scaled()).state_dict()
    place.save(whole, "whole.pth")
    expect(place.capture("whole.pth", "Scaled")[0] == 0, "the whole is sealed")
    place.save({name: tensor for name, tensor in whole.items() if name != "extra"}, "lacking.pth")
    code, found, _ = place.run("verify", "whole.seal", "--checkpoint", "lacking.pth", *admit)
    expect(code == 1, "F06: to admit what the answers depend on passes nothing", found)


def b22_denormals(place, nets):
    place.save({"w": torch.full((3,), 1e-39)}, "tiny.pth")
    numpy.save("x.npy", numpy.ones(3, numpy.float32))
    options = ("--model", "python:nets:Tiny", "--input", "x=x.npy", "-o", "tiny.seal", "--force")
    code, found, said = place.run("capture", "tiny.pth", *options)
    expect(code == 0, "B22: the network is sealed", found or said)
    code, found, _ = place.run("verify", "tiny.seal", "--model", "python:nets:Tiny?flush=True")
    expect(code == 1, "B22: a process that flushes denormals answers otherwise", code)
    told(found["env.numerics.denormals"], "B22: it is a fact that is judged", "FTZ/DAZ")
    expect("FTZ/DAZ" in str(found["golden.float64"]) + str(found["golden.native"]), "B22: and the cause of the difference",
           (found["golden.float64"], found["golden.native"]))
    code, found, _ = place.run("capture", "tiny.pth", "--model", "python:nets:Tiny?flush=True", "--input", "x=x.npy", "-o", "flushed.seal")
    expect(found.get("env.numerics.denormals", {}).get("status") == "warn", "B22: a capture says so", found)


def b19_orientation(place, nets):
    try:
        from PIL import Image
    except ImportError:
        print("skipped: B19, this Python has no Pillow")
        return
    place.save(trained(nets.Inner()).state_dict(), "seen.pth")
    pixels = numpy.random.default_rng(2).integers(0, 255, (20, 32, 3), dtype=numpy.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save("turned.png", exif=exif)
    code, report, _ = run(place.program, "capture", "seen.pth", "--model", "python:nets:Inner", "--input", "image=turned.png", "--preprocess",
                          "scale=255", "-o", "seen.seal", "--runtime", f"python={sys.executable}")
    expect(code == 0 and "EXIF orientation (6" in str(report), "B19: a capture notes the orientation", report)
    numpy.save("made.npy", numpy.ascontiguousarray(numpy.rot90(pixels, -1)).transpose(2, 0, 1)[None].astype(numpy.float32) / 255)
    _, found, _ = place.run("verify", "seen.seal", "--input", "image=made.npy")
    told(found["golden.input"], "B19: the turn is named", "EXIF orientation (6: turned by 90° clockwise)", "exif_transpose")


def main():
    with tempfile.TemporaryDirectory() as folder:
        place = Place(sys.argv[1], pathlib.Path(folder))
        import nets

        for proof in (b14_renamed_modules, b15_transposed, b23_another_epoch, key_patterns, b42_what_training_alone_needs,
                      f15_counters_of_before, f06_in_part_on_purpose, b22_denormals, b19_orientation):
            proof(place, nets)
        os.chdir("/")


main()
