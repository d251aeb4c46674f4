# SPDX-License-Identifier: Apache-2.0
"""A model through a package of AOTInductor: `compiled_package.py GOLDSEAL TORCH_DIR [OTHER_TORCH_DIR]`.

Exit code 125: this interpreter cannot compile one, and the test counts as skipped."""

import json
import pathlib
import platform
import shutil
import sys
import tempfile
import zipfile

from reports import expect, findings, run

try:
    import torch
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(125)

if tuple(int(part) for part in torch.__version__.split(".")[:2]) < (2, 8):
    print("skipped: this torch has another runner of packages")
    sys.exit(125)
if not shutil.which("g++"):
    print("skipped: there is no compiler")
    sys.exit(125)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples" / "aoti"))
import classifier  # noqa: E402: it needs torch


def compiled(make, *arguments):
    """Skips where the compiler is none for this torch; anything else is the example's own defect."""
    try:
        make(*arguments)
    except Exception as error:
        if not any(word in f"{type(error).__name__} {error}" for word in ("CppCompileError", "InvalidCxxCompiler")):
            raise
        print(f"skipped: no package could be compiled: {error}")
        sys.exit(125)


def rewrite(package, path, library=None, **metadata):
    """The package with another library, and other metadata."""
    writer = torch._C.PyTorchFileWriter(str(path))
    with zipfile.ZipFile(package) as archive:
        for name in archive.namelist():
            record, content = name.split("/", 1)[1], archive.read(name)
            if record.endswith("_metadata.json"):
                content = json.dumps(json.loads(content) | metadata).encode()
            if record.endswith(".so") and library is not None:
                content = library
            if record not in ("byteorder", "version", ".data/version", ".data/serialization_id"):
                writer.write_record(record, content, len(content))
    writer.write_end_of_file()
    return path


def main(goldseal, torch_directory, *other_directories):
    image = torch.randn(2, 3, 8, 8)
    inputs = ("--input", "image=random:2x3x8x8,seed=3,normal")
    here = ("--runtime", f"libtorch={torch_directory}")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        weights, script, seal = folder / "weights.pth", folder / "network.pt", folder / "network.seal"
        compiled(classifier.main, folder)
        package, inlined = folder / "classifier.pt2", folder / "inlined.pt2"
        model = f"aoti:{package}?non_persistent=scale"
        network = classifier.Classifier().eval()
        network.load_state_dict(torch.load(folder / "classifier.pth"))
        torch.save({f"module.{key}": value for key, value in network.state_dict().items()}, weights)
        torch.jit.script(network).save(str(script))
        other = classifier.Classifier().eval()
        other.load_state_dict(network.state_dict())
        other.head.bias.data += 1
        compiled(classifier.compile_package, other, image, inlined)

        code, report, said = run(goldseal, "capture", weights, "--model", f"aoti:{package}", *inputs, *here, "-o", seal)
        expect(code == 1 and "scale" in said and "missing" in said, "a buffer that the checkpoint lacks is not silently the package's own", said)
        code, report, said = run(goldseal, "capture", weights, "--model", f"aoti:{package}?non_persistent=scael", *inputs, *here, "-o", seal)
        expect(code != 0 and "which the package lacks" in said, "nor is a misspelt one", said)

        # Its constants are the checkpoint's tensors, which it computes with.
        code, report, said = run(goldseal, "capture", weights, "--model", model, *inputs, *here, "-o", seal)
        expect(code == 0 and findings(report)["keys.network"]["status"] == "pass", "a package is sealed with a checkpoint", said)
        expect("num_batches_tracked" in said and "counts training steps" in said, "what it has no place for is told of", said)
        expect("cannot run in float64" in said and "reduced sensitivity" in said, "and that it has no float64 path", said)
        code, report, said = run(goldseal, "verify", seal, "--trust-code", *here)
        found = findings(report)
        expect(code == 0 and found["golden.native"]["status"] == "pass" and found["tensors.loaded"]["status"] == "pass",
               "it conforms", said)
        expect("reduced sensitivity" in found["golden.float64"]["message"], "at a sensitivity that is stated", said)
        saved = folder / "results"
        code, report, said = run(goldseal, "verify", seal, "--trust-code", *here, "--save-results", saved)
        code, report, said = run(goldseal, "verify", seal, "--results", saved)
        expect(code == 0, "and so do its saved results", said)

        # B07
        tampered = {key: value.clone() for key, value in network.state_dict().items()}
        tampered["head.weight"].view(-1)[5] *= 1.0001
        torch.save(tampered, folder / "tampered.pth")
        code, report, said = run(goldseal, "verify", seal, "--trust-code", "--checkpoint", folder / "tampered.pth", *here)
        expect(code == 1 and "head.weight" in findings(report)["tensors.file"]["message"]
               and findings(report)["tensors.loaded"]["status"] == "fail", "B07: another weight is named, as it is in the package", said)
        wrong = {key: value for key, value in network.state_dict().items()}
        wrong["head.weight"] = torch.zeros(4, 20)
        torch.save(wrong, folder / "wrong.pth")
        code, report, said = run(goldseal, "capture", folder / "wrong.pth", "--model", model, *inputs, *here,
                                 "-o", folder / "wrong.seal")
        expect(code == 1 and "[4, 20]" in said and "[4, 16]" in said, "a weight of another shape is refused, by goldseal", said)
        del wrong["head.weight"]
        torch.save(wrong, folder / "wrong.pth")
        code, report, said = run(goldseal, "capture", folder / "wrong.pth", "--model", model, *inputs, *here,
                                 "-o", folder / "wrong.seal")
        expect(code == 1 and "missing from the checkpoint" in said, "a weight that is missing too", said)

        # The same model through another runtime, and what a package that took other numbers into its code does.
        code, report, said = run(goldseal, "capture", weights, "--model", f"torchscript:{script}?non_persistent=scale", *inputs,
                                 *here, "-o", folder / "script.seal")
        expect(code == 0, "the same model is sealed through TorchScript", said)
        code, report, said = run(goldseal, "verify", folder / "script.seal", "--model", model, *here)
        found = findings(report)
        expect(code == 0 and found["golden.native"]["status"] == "pass", "the package gives the same answers", said)
        expect("not in float64" in found["golden.float64"]["message"], "and says which check it cannot take", said)
        code, report, said = run(goldseal, "capture", weights, "--model", f"aoti:{inlined}", *inputs, *here, "-o",
                                 folder / "inlined.seal")
        found = findings(report)["keys.network"]
        expect(code == 0 and found["status"] == "warn" and "head.bias" in found["message"],
               "a bias that was written into the code is named", said)
        code, report, said = run(goldseal, "verify", folder / "script.seal", "--model", f"aoti:{inlined}", *here)
        expect(code == 1 and findings(report)["golden.native"]["status"] == "fail",
               "and another one than the checkpoint's is found by the answers", said)

        # What a package was compiled for is judged before its library is opened: this one cannot be.
        no_library = b"no library at all"
        foreign = "AVX2" if platform.machine() == "aarch64" else "ASIMD"
        for metadata, words in (({"AOTI_DEVICE_KEY": "cuda"}, "another device: expected cuda"),
                                ({"AOTI_PLATFORM": "win32"}, "another platform: expected win32"),
                                ({"AOTI_MACHINE": "riscv64"}, "another machine: expected riscv64"),
                                ({"AOTI_CPU_ISA": foreign}, f"another processor: expected {foreign}")):
            other = rewrite(package, folder / "other.pt2", no_library, **metadata)
            code, report, said = run(goldseal, "verify", seal, "--model", f"aoti:{other}?non_persistent=scale", *here)
            finding = findings(report)["worker.run"]
            expect(code == 1 and words in finding["message"] and "compile the package again" in finding["remedy"],
                   f"a package for {words} is refused", said)
        other = rewrite(package, folder / "other.pt2", no_library, AOTI_CPU_ISA="INVALID_VEC_ISA")
        code, report, said = run(goldseal, "verify", seal, "--model", f"aoti:{other}?non_persistent=scale", *here)
        expect(code == 1 and "other.pt2" not in findings(report)["worker.run"]["message"] and "file too short" in said,
               "one that needs less than this processor has is opened", said)
        other = rewrite(package, folder / "other.pt2", AOTI_CPU_ISA="")
        code, report, said = run(goldseal, "verify", seal, "--model", f"aoti:{other}?non_persistent=scale", *here)
        expect(code == 0, "and runs", said)

        torch.export.save(torch.export.export(network, (image,)), folder / "program.pt2")
        code, report, said = run(goldseal, "verify", seal, "--model", f"aoti:{folder / 'program.pt2'}", *here)
        expect(code == 1 and "export:FILE.pt2" in said, "a program of torch.export is told to be none", said)
        for directory in other_directories:
            code, report, said = run(goldseal, "verify", seal, "--trust-code", "--runtime", f"libtorch={directory}")
            expect(code == 1 and "expected LibTorch 2.8 or newer" in said, "a LibTorch that has no runner says so", said)


if __name__ == "__main__":
    main(*sys.argv[1:])
