# SPDX-License-Identifier: Apache-2.0
"""Golden cases, and what is said of inputs and pictures, through the real command and worker: `golden_inputs.py GOLDSEAL TORCH_DIR`."""

import base64
import io
import sys

from golden_support import Classifier, Model, numpy, prove, torch
from reports import expect
from safetensors.torch import load_file

try:
    from PIL import Image
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(125)


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


def names_a_drifted_input(command, folder):
    model = Model(command, folder / "input", Classifier(), "random:1x3x12x12,seed=3")
    sealed = load_file(model.seal / "golden.safetensors")["default/input/image"]

    def drift(tensor):
        numpy.save(folder / "made.npy", tensor.contiguous().numpy())
        return model.verify("--input", f"image={folder / 'made.npy'}")

    expect(drift(sealed)[0] == 0, "the sealed input has no drift")
    code, findings = drift(sealed[:, [2, 1, 0]])
    expect(code == 1 and "BGR" in findings["golden.input"]["message"], "BGR for RGB is named")
    expect(findings["golden.float64"]["status"] == "pass", "and the model itself is judged on the sealed input")
    expect(drift(sealed * 255)[1]["golden.input"]["remedy"] == "divide by 255", "so is a missing division, with its cure")


def shows_what_was_sealed_and_made(evidence):
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


if __name__ == "__main__":
    prove(
        seals_several_cases,
        names_a_drifted_input,
        tells_steps_of_a_preprocessing,
    )
